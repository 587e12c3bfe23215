"""What creating and deleting have in common for vaults and mirrors.

Every step looks at the live service before it acts, acts through the session (whose watchdog is asked before every
mutating call), and leaves behind what the next run needs to go on: the owner marker.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.cloud import CloudError, Deadline, VaultChanges, wait_until
from pulumi_cloudbackup.estate.owner import marked, readable_owner
from pulumi_cloudbackup.resources.likeness import adoption_of, attempt_doubt
from pulumi_cloudbackup.resources.refusal import Refusal, tell
from pulumi_cloudbackup.rules import judge
from pulumi_cloudbackup.rules.adoption_rules import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pulumi_cloudbackup.cloud import CloudBackup
    from pulumi_cloudbackup.estate import LiveVault
    from pulumi_cloudbackup.resources.session import Session

DEFAULT_TIMEOUT: Final = 600.0
"""Seconds for a create or a delete: twice what the Terraform provider waits (hbr-api.md 3)."""
_ATTEMPTS: Final = 4
"""Creations at most, where each ends in ERROR for a reason that passes by itself."""
_FOUND_AGAIN: Final = "finds it again by its owner and goes on"
_LOST_ANSWER_GRACE: Final = 5.0
_LOST_ANSWER_ATTEMPTS: Final = 4
_PAUSES: Final = (1.0, 2.0, 3.0, 5.0)
_BLOCKED_PATIENCE: Final = 60.0
"""Seconds to wait for somebody else to delete what blocks a delete, such as a mirror without a property edge."""


@dataclass(frozen=True)
class Subject:
    """One resource that is worked on, for messages and calls."""

    kind: str
    """``vault`` or ``mirror vault``."""
    name: str
    """The resource name."""
    region_id: str
    account: str | None
    owner: str
    """The owner as this resource's inputs or state have it; empty: none."""
    timeout: float

    def __str__(self) -> str:
        """Name it as messages do."""
        return f'{self.kind} "{self.name}"'


@dataclass(frozen=True)
class Creation:
    """How one kind of vault is created and recognised."""

    subject: Subject
    start: Callable[[], str]
    """Make the creating call and return the id; raise CloudError."""
    unlike: Callable[[LiveVault], str | None]
    """Say in which immutable fact an existing vault differs from what is wanted; ``None``: in none."""
    looks_for_own: bool = True
    """Whether an earlier, crashed attempt is looked for; not where the user asked for create-first replacement."""
    forgives: Callable[[LiveVault], bool] = lambda _: False
    """Whether a creation that ended in ERROR is worth another try."""


class Lifecycle:
    """Creates and deletes vaults of either kind."""

    def __init__(self, session: Session) -> None:
        """Work within one engine run."""
        self._session = session

    def create(self, creation: Creation) -> LiveVault:
        """Return the vault, CREATED: an earlier attempt's, or a new one. A failed vault is removed again."""
        subject = creation.subject
        deadline = Deadline.after(subject.timeout)
        found = self._own_attempt(creation) if creation.looks_for_own else None
        if found is not None:
            tell(
                f"{subject} takes up {found.id}, which an interrupted run of the same resource created (same owner, no "
                "data, younger than a day). Set cloudbackup:ownerId if another backend uses the same names."
            )
        for attempt in range(1, _ATTEMPTS + 1):
            vault_id = found.id if found is not None else self._start(creation)
            way_on = _FOUND_AGAIN if creation.looks_for_own else f'goes on with it if adopt_id="{vault_id}" is added'
            live = self._wait_until_created(subject, vault_id, deadline, way_on)
            if live.status == "CREATED":
                self._session.brought_up.add(live.id)
                return live
            self._remove_failed(subject, live, deadline)
            if attempt == _ATTEMPTS or deadline.has_passed or not creation.forgives(live):
                reason = live.status_message or "the service gives no reason"
                raise Refusal(
                    f"The creation of {subject} ended in ERROR: {reason}.{_meaning(live.status_message)} "
                    f"The failed vault {vault_id} was removed again."
                )
            found = None
            time.sleep(1.0)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def adopt(self, creation: Creation, vault_id: str) -> LiveVault:
        """Return an existing vault that is to be taken over, once it is sure that it may be."""
        subject = creation.subject
        live = self._get(subject, vault_id)
        self._refuse_unfit(creation, vault_id, live)
        if live is None or live.status != "CREATED":
            live = self._wait_until_created(subject, vault_id, Deadline.after(subject.timeout))
            self._refuse_unfit(creation, vault_id, live, live.status)
        if not creation.looks_for_own and live.parts.owner == subject.owner:
            raise Refusal(
                f"Vault {vault_id} is the one that {subject} manages already, so it cannot replace itself. "
                "Remove adopt_id."
            )
        self._session.brought_up.add(live.id)
        return live

    @staticmethod
    def _refuse_unfit(creation: Creation, vault_id: str, live: LiveVault | None, status: str = "CREATED") -> None:
        """Refuse CB112."""
        subject = creation.subject
        adoption = adoption_of(
            name=subject.name,
            vault_id=vault_id,
            region_id=subject.region_id,
            owner=subject.owner,
            live=live,
            unlike=creation.unlike,
            status=status,
        )
        for problem in judge(("CB112",), subject.name, adoption).errors:
            raise Refusal.of(problem)

    def live_for_update(self, subject: Subject, vault_id: str, state_owner: str | None) -> LiveVault:
        """Return the live vault that is to be changed; refuse where it is gone or somebody else's by now."""
        live = self._get(subject, vault_id)
        if live is None:
            raise Refusal(
                f"The {subject} ({vault_id}) is not there any more, so it cannot be changed. "
                "Run `pulumi up --refresh`: it is created again then."
            )
        owner = live.parts.owner
        if owner is not None and owner not in (subject.owner, state_owner):
            raise Refusal(
                f"The {subject} ({live.id}) is not changed: it is managed by {readable_owner(owner)} now. "
                "Forget it here with `pulumi state delete`, or take it out of the other stack and adopt it again."
            )
        return live

    def update(self, subject: Subject, live: LiveVault, wanted: VaultChanges) -> None:
        """Change what differs, in one call."""
        changes = VaultChanges(
            vault_name=_if_changed(wanted.vault_name, live.vault_name),
            description=_if_changed(wanted.description, live.raw_description),
            worm_enabled=True if wanted.worm_enabled and not live.worm_enabled else None,
            resource_group_id=_if_changed(wanted.resource_group_id, live.resource_group_id),
        )
        if not changes.is_empty:
            self._session.before_mutation()
            self._cloud(subject).update_vault(subject.region_id, live.id, changes)
            self._session.changed(subject.account, subject.region_id)

    def retag(self, subject: Subject, live: LiveVault, wanted: dict[str, str], managed: Collection[str]) -> None:
        """Set the tags wanted and remove those managed keys that are wanted no longer; other tags stay."""
        current = own_tags(live)
        new = {key: value for key, value in wanted.items() if current.get(key) != value}
        old = [key for key in current if key in managed and key not in wanted]
        if new:
            self._session.before_mutation()
            self._cloud(subject).tag_vault(subject.region_id, live.id, new)
        if old:
            self._session.before_mutation()
            self._cloud(subject).untag_vault(subject.region_id, live.id, old)
        if new or old:
            self._session.changed(subject.account, subject.region_id)

    def delete(self, subject: Subject, vault_id: str, still_blocked: Callable[[], str | None]) -> None:
        """Delete a vault and wait until it is gone; "not yet" is tried again until the time is up.

        ``still_blocked`` says what still blocks a refused delete, or ``None`` where it should pass by itself; where
        something blocks it, only a minute is waited.
        """
        cloud = self._cloud(subject)
        deadline = Deadline.after(subject.timeout)
        self._settle(subject, vault_id, deadline)
        patient = deadline
        blocker: str | None = None
        for attempt in range(10_000):
            self._session.before_mutation()
            self._session.changed(subject.account, subject.region_id)
            try:
                cloud.delete_vault(subject.region_id, vault_id)
                break
            except CloudError as error:
                if error.is_not_found:
                    break
                if not error.is_not_yet_deletable:
                    raise
                if attempt == 0:
                    patient = deadline.within(_BLOCKED_PATIENCE) if still_blocked() is not None else deadline
                    seconds = max(0.0, patient.at - time.monotonic())
                    tell(f"{subject} cannot be deleted yet ({error.code}); trying again for up to {seconds:.0f} s.")
                if patient.has_passed:
                    blocker = still_blocked()
                    if blocker is None and not deadline.has_passed:
                        patient = deadline
                    else:
                        raise Refusal(_not_deleted(subject, vault_id, error, blocker)) from None
            time.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
        if wait_until(lambda: True if self._get(subject, vault_id) is None else None, deadline) is None:
            raise Refusal(
                f"The service accepted the deletion of {subject} ({vault_id}), but still lists it after "
                f"{deadline.seconds:g} seconds. Run the same command again, or raise its timeout."
            )
        self._session.changed(subject.account, subject.region_id, deleted=vault_id)

    def seen(self, subject: Subject, vault_id: str, state: Mapping[str, Any]) -> LiveVault | None:
        """Return a vault as it is listed now; ``None``: it is surely gone."""
        live = self._session.listing(subject.account, subject.region_id).get(vault_id) or self._get(subject, vault_id)
        if live is None:
            self._require_same_account(subject, vault_id, state)
        return live

    def deletable(self, subject: Subject, vault_id: str, state: Mapping[str, Any]) -> LiveVault | None:
        """Return a vault that is ours to delete; ``None``: it is surely gone already."""
        live = self._get(subject, vault_id)
        if live is None:
            self._require_same_account(subject, vault_id, state)
            return None
        self._refuse_if_brought_up_now(subject, vault_id)
        self._require_owner(subject, live)
        return live

    def _require_same_account(self, subject: Subject, vault_id: str, state: Mapping[str, Any]) -> None:
        """Refuse to take a vault for gone where it is only out of sight: the credentials may be another account's.

        The same access key is the same account; otherwise any vault that is listed tells whose account this is.
        """
        known = state.get("account_id")
        if not known or state.get("credentials_hint") == self._cloud(subject).credentials_hint():
            return
        listed = self._session.listing(subject.account, subject.region_id).values()
        seen = {vault.owner_account_id for vault in listed}
        if known in seen:
            return
        found = (
            f"the credentials are those of account {min(map(str, seen))}"
            if seen
            else "whether the credentials are that account's cannot be told"
        )
        raise Refusal(
            f"The {subject} ({vault_id}) belongs to account {known}, and {found}, so it may only be out of sight. Use "
            "that account's credentials; if the vault is gone for sure, run `pulumi state delete`."
        )

    def _refuse_if_brought_up_now(self, subject: Subject, vault_id: str) -> None:
        """Refuse to delete what this very run has created or taken up: state would point at nothing."""
        if vault_id in self._session.brought_up:
            raise Refusal(
                f"The {subject} ({vault_id}) is not deleted: this run has just taken it up as its own replacement. "
                "Remove adopt_id and delete_before_replace=False, run `pulumi state delete` for the entry that is to "
                "be deleted, and try again."
            )

    def _require_owner(self, subject: Subject, live: LiveVault) -> None:
        """Refuse to delete what the state's own owner is not written on."""
        owner = live.parts.owner
        if owner is not None and owner == subject.owner:
            return
        if owner is None:
            raise Refusal(
                f"The {subject} ({live.id}) is not deleted: its description no longer says who manages it, so it may "
                "have been released or taken over. If it is yours, undo this change, run `pulumi up --refresh` to "
                "write the marker again, then make the change; otherwise run `pulumi state delete` to forget it."
            )
        raise Refusal(
            f"The {subject} ({live.id}) is not deleted: it is managed by {readable_owner(owner)}, and this stack's "
            "state "
            f"says {readable_owner(subject.owner) or 'nobody'}. Run `pulumi up` if the resource was renamed, or "
            "`pulumi state delete` to forget it here."
        )

    def _own_attempt(self, creation: Creation) -> LiveVault | None:
        """Look for a crashed run's attempt; refuse where something of our owner exists that is not surely that."""
        subject = creation.subject
        listed = self._session.first_listing(subject.account, subject.region_id)
        own = [vault for vault in listed.values() if vault.parts.owner == subject.owner]
        found: LiveVault | None = None
        for candidate in own:
            live = self._get(subject, candidate.id)
            if live is None or live.parts.owner != subject.owner:
                continue
            doubt = attempt_doubt(live, creation.unlike, time.time())
            if doubt is None and live.status == "ERROR":
                self._remove_failed(subject, live, Deadline.after(subject.timeout))
            elif doubt is None and found is None:
                found = live
            else:
                attempt = Attempt(
                    subject.name, live.id, subject.region_id, doubt or f"so does {found.id if found else ''}"
                )
                for problem in judge(("CB113",), subject.name, attempt).errors:
                    raise Refusal.of(problem)
        return found

    def _start(self, creation: Creation) -> str:
        """Make the creating call; where its answer was lost, look for what it may have created."""
        subject = creation.subject
        before = {vault.id for vault in self._session.first_listing(subject.account, subject.region_id).values()}
        for attempt in range(1, _LOST_ANSWER_ATTEMPTS + 1):
            self._session.before_mutation()
            self._session.changed(subject.account, subject.region_id)
            try:
                return creation.start()
            except CloudError as error:
                if not error.may_have_happened:
                    raise
                created = wait_until(
                    lambda: self._created_meanwhile(subject, before), Deadline.after(_LOST_ANSWER_GRACE)
                )
                if created is not None:
                    return created
                if attempt == _LOST_ANSWER_ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _created_meanwhile(self, subject: Subject, before: set[str]) -> str | None:
        for vault in self._cloud(subject).list_vaults(subject.region_id):
            if vault.parts.owner == subject.owner and vault.id not in before:
                return vault.id
        return None

    def _wait_until_created(
        self, subject: Subject, vault_id: str, deadline: Deadline, way_on: str = _FOUND_AGAIN
    ) -> LiveVault:
        """Wait until a vault is CREATED or in ERROR; a vault that vanishes meanwhile is an error of its own."""
        seen = False

        def look() -> LiveVault | None:
            nonlocal seen
            live = self._get(subject, vault_id)
            if live is None and seen:
                raise Refusal(f"The {subject} ({vault_id}) vanished while it was created. Run `pulumi up` again.")
            seen = seen or live is not None
            return live if live is not None and live.status in ("CREATED", "ERROR") else None

        live = wait_until(look, deadline)
        if live is None:
            raise Refusal(
                f"The {subject} ({vault_id}) is not ready after {deadline.seconds:g} seconds. Nothing is lost: the "
                f"next `pulumi up` {way_on} (`pulumi destroy` does not know of it). Raise its timeout to wait longer."
            )
        self._session.changed(subject.account, subject.region_id)
        return live

    def _remove_failed(self, subject: Subject, live: LiveVault, deadline: Deadline) -> None:
        """Remove a vault whose creation ended in ERROR, so that nothing is left behind that no state knows."""
        if live.holds_data:
            raise Refusal(
                f"The {subject} ({live.id}) is in ERROR and holds backup data, so it is not removed. Look at it in the "
                f'console; to manage it nevertheless, add adopt_id="{live.id}".'
            )
        self._session.before_mutation()
        self._session.changed(subject.account, subject.region_id)
        try:
            self._cloud(subject).delete_vault(subject.region_id, live.id)
        except CloudError as error:
            if not error.is_not_found:
                raise Refusal(
                    f"The creation of {subject} ended in ERROR ({live.status_message or 'no reason given'}), and its "
                    f"failed vault {live.id} in {subject.region_id} could not be removed: {error} Delete it in the "
                    "console."
                ) from None
        wait_until(lambda: True if self._get(subject, live.id) is None else None, deadline.within(60))
        self._session.changed(subject.account, subject.region_id, deleted=live.id)

    def _settle(self, subject: Subject, vault_id: str, deadline: Deadline) -> None:
        """Wait while a vault is INITIALIZING: the service does not delete it then (hbr-api.md 5.6)."""

        def settled() -> bool | None:
            live = self._get(subject, vault_id)
            return None if live is not None and live.status == "INITIALIZING" else True

        wait_until(settled, deadline)

    def _get(self, subject: Subject, vault_id: str) -> LiveVault | None:
        return self._cloud(subject).get_vault(subject.region_id, vault_id)

    def _cloud(self, subject: Subject) -> CloudBackup:
        return self._session.cloud(subject.account)


def own_tags(live: LiveVault) -> dict[str, str]:
    """Return the tags that a person set: the service adds some of its own under reserved prefixes."""
    return {key: value for key, value in live.tags.items() if not key.startswith(("acs:", "aliyun"))}


def described(text: str | None, owner: str) -> str:
    """Return the description to send: with the marker, where there is an owner."""
    return marked(text, owner) if owner else text or ""


def _if_changed(wanted: str | None, current: str | None) -> str | None:
    return wanted if wanted is not None and wanted != (current or "") else None


def _meaning(status_message: str | None) -> str:
    if status_message == "SOURCE_VAULT_ALREADY_HAS_REPLICATION":
        return " Its source has another mirror vault already, and a source has at most one (CB202)."
    return ""


def _not_deleted(subject: Subject, vault_id: str, error: CloudError, blocker: str | None) -> str:
    why = blocker or "it still refuses, although nothing that blocks it is left"
    return f"The {subject} ({vault_id}) was not deleted: {why}. {error}"
