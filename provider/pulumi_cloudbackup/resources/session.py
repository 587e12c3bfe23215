"""One engine run, seen from the provider host: configuration, accounts, and what was listed already.

Preview and update are separate processes, and each has one host for all resources of ours, so one listing per region
serves them all.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.cloud import CloudBackup, CloudError, Connection, SdkCloudBackup, SettingsError
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.settings import judging_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pulumi_cloudbackup.estate import LiveVault

PREFLIGHT_MODES: Final = ("auto", "on", "off")
_ANY_REGION: Final = "cn-hangzhou"
"""Where the regions that take mirrors are asked for; whether the answer depends on it, no document says."""


class Session:
    """What the provider methods of one host process share; safe to use from several threads."""

    def __init__(
        self,
        settings: Mapping[str, str],
        before_mutation: Callable[[], None] = lambda: None,
        connect: Callable[[Connection], CloudBackup] = SdkCloudBackup,
    ) -> None:
        """Take the configuration; ``before_mutation`` is called before every mutating call."""
        self._settings = settings
        self._connect = connect
        self.before_mutation = before_mutation
        self._lock = threading.RLock()
        self._clouds: dict[str | None, CloudBackup] = {}
        self._first: dict[tuple[str | None, str], dict[str, LiveVault]] = {}
        self._fresh: dict[tuple[str | None, str], dict[str, LiveVault]] = {}
        self._listing_locks: dict[tuple[str | None, str], threading.Lock] = {}
        self._generation: dict[tuple[str | None, str], int] = {}
        self._regions: dict[tuple[str | None, str], tuple[str, ...] | CloudError] = {}
        self._unanswered: dict[tuple[str | None, str], CloudError] = {}
        self._mirrored: dict[str, str] = {}
        self._deleted: set[str] = set()
        self.brought_up: set[str] = set()
        """Ids that this run created or took up: never to be deleted in the same run."""
        self.judged_live: set[str] = set()
        """Owners of the resources that the program has judged with the live account and its old state in sight."""
        self._news: set[str] = set()
        self.for_their_source: dict[str, bool] = {}
        """Mirrors that are replaced because their source is, and whether that source's data may go (in state)."""
        self.judging = judging_from(settings)
        """How problems are taken in this stack."""
        mode = settings.get("preflight") or "auto"
        if mode not in PREFLIGHT_MODES:
            raise Refusal(f"cloudbackup:preflight is {mode!r}. Set it to one of: {', '.join(PREFLIGHT_MODES)}.")
        self._preflight = mode

    def cloud(self, account: str | None) -> CloudBackup:
        """Return the service as an account sees it; connecting happens with the first call."""
        with self._lock:
            if account not in self._clouds:
                self._clouds[account] = self._connect(self._connection(account))
            return self._clouds[account]

    def asks_in_preview(self, account: str | None) -> bool:
        """Whether the live account may be asked for advice: on, off, or auto (where credentials are explicit)."""
        if self._preflight == "auto":
            return self._connection(account).is_explicit
        return self._preflight == "on"

    def asks_about(self, account: str | None, owner: object) -> bool:
        """Whether the live account may be asked about a replacement: not where the program has judged it with it."""
        return owner not in self.judged_live and self.asks_in_preview(account)

    def is_news(self, text: str) -> bool:
        """Whether something is told for the first time in this run."""
        with self._lock:
            if text in self._news:
                return False
            self._news.add(text)
            return True

    def first_listing(self, account: str | None, region_id: str) -> Mapping[str, LiveVault]:
        """Return the vaults of a region as this run first saw them, by id, less those that it deleted."""
        key = (account, region_id)
        with self._listing_lock(key):
            if key not in self._first:
                self._first[key] = self._list(key)
            return {id_: vault for id_, vault in self._first[key].items() if id_ not in self._deleted}

    def seen_first(self, account: str | None, region_id: str) -> Mapping[str, LiveVault]:
        """Return the same for advice: asked once, also where it gives no answer; raise CloudError."""
        key = (account, region_id)
        with self._lock:
            failed = self._unanswered.get(key)
        if failed is not None:
            raise failed
        try:
            return self.first_listing(account, region_id)
        except CloudError as error:
            with self._lock:
                self._unanswered[key] = error
            raise

    def mirrored_by(self, source_id: str, owner: str) -> str | None:
        """Note that a resource mirrors a source; return the owner of another one of this run that does."""
        with self._lock:
            first = self._mirrored.setdefault(source_id, owner)
        return None if first == owner else first

    def listing(self, account: str | None, region_id: str) -> Mapping[str, LiveVault]:
        """Return the vaults of a region by id, listed again only after this run changed something there."""
        key = (account, region_id)
        with self._listing_lock(key):
            with self._lock:
                fresh, generation = self._fresh.get(key), self._generation.get(key, 0)
            if fresh is not None:
                return fresh
            listed = self._list(key)
            with self._lock:
                if self._generation.get(key, 0) == generation:
                    self._fresh[key] = listed
            return listed

    def changed(self, account: str | None, region_id: str, *, deleted: str | None = None) -> None:
        """Note that this run changes a region, so that nothing listed before is taken for the present."""
        key = (account, region_id)
        with self._lock:
            self._fresh.pop(key, None)
            self._generation[key] = self._generation.get(key, 0) + 1
            if deleted is not None:
                self._deleted.add(deleted)

    def live_regions(self, account: str | None) -> tuple[str, ...]:
        """Return the regions that the service lists, asked once, also where it gives no answer; raise CloudError."""
        return self._asked_once(account, "regions", lambda: self.cloud(account).list_regions())

    def mirror_regions(self, account: str | None) -> tuple[str, ...]:
        """Return the regions that take mirrors, asked once, also where it gives no answer; raise CloudError."""
        return self._asked_once(account, "mirror regions", lambda: self.cloud(account).list_mirror_regions(_ANY_REGION))

    def _asked_once(self, account: str | None, what: str, question: Callable[[], Sequence[str]]) -> tuple[str, ...]:
        key = (account, what)
        with self._listing_lock(key):
            if key not in self._regions:
                try:
                    self._regions[key] = tuple(question())
                except CloudError as error:
                    self._regions[key] = error
            found = self._regions[key]
        if isinstance(found, CloudError):
            raise found
        return found

    def _connection(self, account: str | None) -> Connection:
        try:
            return Connection.from_settings(self._settings, account)
        except SettingsError as error:
            raise Refusal(str(error)) from None

    def _listing_lock(self, key: tuple[str | None, str]) -> threading.Lock:
        with self._lock:
            return self._listing_locks.setdefault(key, threading.Lock())

    def _list(self, key: tuple[str | None, str]) -> dict[str, LiveVault]:
        account, region_id = key
        listed = {vault.id: vault for vault in self.cloud(account).list_vaults(region_id)}
        with self._lock:
            self._first.setdefault(key, listed)
        return listed
