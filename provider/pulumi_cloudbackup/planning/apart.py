"""What two estate files say alike, set apart before anything is planned.

Of a hundred thousand resources an update changes a few. An entry is set apart where the other file has the same
resource with the same arguments, where every rule is content with it, and where nothing that is left refers to it. What
is left is planned with counts of what was set apart (``Beside``), and the plan is that of the whole. An entry that is
unusual in any way stays with the rest: leaving one too many costs a moment, one too few would plan something else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pydantic import ValidationError

from pulumi_cloudbackup.estate import Estate, MirrorVault, Source, Vault
from pulumi_cloudbackup.planning.alike import (
    MIRRORS,
    VAULTS,
    Comparison,
    Comparisons,
    Entry,
    mirror_means_the_same,
    vault_means_the_same,
)
from pulumi_cloudbackup.planning.untouched import NOTHING_UNTOUCHED, Untouched
from pulumi_cloudbackup.planning.world import Key
from pulumi_cloudbackup.rules.beside import Beside
from pulumi_cloudbackup.rules.single import mirror_settings, vault_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pulumi_cloudbackup.estate import Document

Entries: TypeAlias = dict[Key, Entry]

_OURS: Final = (None, "this")
_WELL: Final = (None, "CREATED")
"""The status of a vault that nothing is to be said of."""
_REFER_TO_NOTHING: Final = (VAULTS.types.keys() | MIRRORS.types.keys()) - {"id", "owner", "mirror_id", "source"}


class Apart(NamedTuple):
    """What two estate files hold, less what is set apart."""

    current: Entry
    desired: Entry
    untouched: Untouched


def set_apart(current: Document, desired: Document) -> Apart:
    """Set apart what two files say alike: nothing where they are unusual as a whole, or look like no estate files.

    What is set apart is as it should be. In what is left there may be anything, but a place in it is another one.
    """
    old, new = current.content, desired.content
    regions = _regions(old, new)
    if regions is None or old.get("foreign") or new.get("foreign"):
        return Apart(old, new, NOTHING_UNTOUCHED)
    try:
        olds, news = _side_of(old), _empty_side_of(new)
        calm = _Calm(olds, news)
        _vaults(calm, new, regions)
        _mirrors(calm, new, regions)
    except _UnusualError:
        return Apart(old, new, NOTHING_UNTOUCHED)
    _Stirring(calm).spread()
    return Apart({**old, **olds.entries()}, {**new, **news.entries()}, _untouched(calm))


class _UnusualError(Exception):
    """Something in a file is not as it should be, or gives a URN, which goes before names."""


class _Side(NamedTuple):
    """What is left of one file, indexed."""

    account: str
    vaults: Entries
    mirrors: Entries
    twice: tuple[list[Entry], list[Entry]]
    """Vaults and mirrors whose name was taken before."""

    def key_of(self, entry: Entry) -> Key:
        """Return account and name of an entry."""
        return entry.get("account") or self.account, entry["name"]

    def add_vault(self, key: Key, entry: Entry) -> None:
        """Leave a vault to be planned."""
        if self.vaults.setdefault(key, entry) is not entry:
            self.twice[0].append(entry)

    def add_mirror(self, key: Key, entry: Entry) -> None:
        """Leave a mirror to be planned."""
        if self.mirrors.setdefault(key, entry) is not entry:
            self.twice[1].append(entry)

    def entries(self) -> Entry:
        """Return what is left as a file has it."""
        return {
            "vaults": [*self.vaults.values(), *self.twice[0]],
            "mirrors": [*self.mirrors.values(), *self.twice[1]],
        }


def _empty_side_of(content: Entry) -> _Side:
    account = content.get("account", "default")
    if type(account) is not str:
        raise _UnusualError
    return _Side(account, {}, {}, ([], []))


def _side_of(content: Entry) -> _Side:
    """Index a file."""
    side = _empty_side_of(content)
    for part, add in (("vaults", side.add_vault), ("mirrors", side.add_mirror)):
        for key, entry in _keyed(content, part, side.account):
            add(key, entry)
    return side


def _keyed(content: Entry, part: str, account: str) -> Iterator[tuple[Key, Entry]]:
    """Yield the entries of one part of a file, with account and name."""
    entries = content.get(part, [])
    if type(entries) is not list:
        raise _UnusualError
    for entry in entries:
        if type(entry) is not dict or "urn" in entry:
            raise _UnusualError
        whose, name = entry.get("account") or account, entry.get("name")
        if type(name) is not str or type(whose) is not str or not name:
            raise _UnusualError
        yield (whose, name), entry


def _regions(current: Entry, desired: Entry) -> Estate | None:
    """Return an estate that has the live regions and nothing else; ``None``: they are not lists of texts."""
    names = ("live_regions", "live_mirror_regions")
    try:
        return Estate.model_validate(
            {name: (current if desired.get(name) is None else desired).get(name) for name in names}
        )
    except ValidationError:
        return None


@dataclass(frozen=True)
class _Calm:
    """What may be set apart: it is alike in both files, and fine by itself."""

    olds: _Side
    """What is left of the current file."""
    news: _Side
    """What is left of the desired file."""
    vaults: dict[Key, tuple[Source, Entry, Entry]] = field(default_factory=dict)
    """With what their mirrors see of them, one value for all that look alike, and their entries in both files."""
    steady: dict[Key, Source] = field(default_factory=dict)
    """Vaults that are left, and differ in nothing that means anything to their mirrors."""
    mirrors: dict[Key, tuple[Key, Entry, Entry]] = field(default_factory=dict)
    """With their sources, and their entries in both files."""
    holders: dict[str, Key] = field(default_factory=dict)
    """Who has an id, or is marked with an owner."""
    reported: dict[Key, str] = field(default_factory=dict)
    """The ids of the mirrors that the service reports for vaults."""
    clashing: list[Key] = field(default_factory=list)
    """Those of which there are two where one may be: of an id, of an owner."""

    def hold(self, key: Key, mark: str | None) -> None:
        """Note who has an id or an owner."""
        if mark is not None:
            holder = self.holders.setdefault(mark, key)
            if holder is not key or not mark:
                self.clashing.extend((holder, key))

    def add_vault(self, key: Key, source: Source, old: Entry, new: Entry) -> None:
        """Set a vault apart."""
        self.vaults[key] = (source, old, new)
        del self.olds.vaults[key]

    def add_mirror(self, key: Key, source: Key, old: Entry, new: Entry) -> None:
        """Set a mirror apart."""
        self.mirrors[key] = (source, old, new)
        del self.olds.mirrors[key]

    def leave(self, key: Key) -> None:
        """Leave to be planned what has a key, of either kind."""
        if key in self.vaults:
            _, old, new = self.vaults.pop(key)
            self.olds.add_vault(key, old)
            self.news.add_vault(key, new)
        if key in self.mirrors:
            _, old, new = self.mirrors.pop(key)
            self.olds.add_mirror(key, old)
            self.news.add_mirror(key, new)


def _vaults(calm: _Calm, desired: Entry, regions: Estate) -> None:
    """Find the vaults that are alike, and let the rules judge them; what many of them share is judged once."""
    olds, news = calm.olds.vaults, calm.news
    comparisons = Comparisons(VAULTS)
    for key, new in _keyed(desired, "vaults", news.account):
        old = olds.get(key)
        how = None if old is None else comparisons.of(old, new)
        if old is None or how is None:
            news.add_vault(key, new)
            continue
        is_alike = how.is_alike(old, new) and (not how.is_rare or _is_plain_vault(calm, key, old, new, how))
        source = None
        if is_alike or how.is_steady(old, new):
            shared = how.shared(old)
            if shared not in how.verdicts:
                how.verdicts[shared] = _source_of(old, new, regions)
            source = how.verdicts[shared]
        if source is not None and is_alike:
            calm.add_vault(key, source, old, new)
        else:
            news.add_vault(key, new)
        if source is not None:
            calm.hold(key, old.get("id"))
            if not is_alike:
                calm.steady[key] = source
                _note(calm, key, old, new)


def _mirrors(calm: _Calm, desired: Entry, regions: Estate) -> None:
    """Find the mirrors that are alike, of sources that are; what many of them share is judged once."""
    olds, news = calm.olds.mirrors, calm.news
    comparisons = Comparisons(MIRRORS)
    for key, new in _keyed(desired, "mirrors", news.account):
        old = olds.get(key)
        how = None if old is None else comparisons.of(old, new)
        if old is None or how is None or not how.is_alike(old, new):
            news.add_mirror(key, new)
            continue
        source = (key[0], new["source"])
        seen = calm.vaults[source][0] if source in calm.vaults else calm.steady.get(source)
        if seen is None or (how.is_rare and not _is_plain_mirror(calm, key, old, new, how)):
            news.add_mirror(key, new)
            continue
        shared = (id(seen), how.shared(old))
        if shared not in how.verdicts:
            how.verdicts[shared] = _is_fine(old, new, seen, regions)
        if how.verdicts[shared]:
            calm.add_mirror(key, source, old, new)
            calm.hold(key, old.get("id"))
        else:
            news.add_mirror(key, new)


def _is_plain_vault(calm: _Calm, key: Key, old: Entry, new: Entry, how: Comparison) -> bool:
    """Look at what few vaults have; return whether they are alike with it."""
    if not all(vault_means_the_same(name, old, new) for name in how.one_sided):
        return False
    _note(calm, key, old, new)
    return True


def _is_plain_mirror(calm: _Calm, key: Key, old: Entry, new: Entry, how: Comparison) -> bool:
    """Look at what few mirrors have; return whether they are alike with it."""
    source = (key[0], new["source"])
    vault = calm.vaults[source][1] if source in calm.vaults else calm.olds.vaults[source]
    if not all(mirror_means_the_same(name, old, new, key[0], vault) for name in how.one_sided):
        return False
    _note(calm, key, old, new)
    return True


def _note(calm: _Calm, key: Key, old: Entry, new: Entry) -> None:
    """Note what few entries have."""
    if old.get("mirror_id"):
        calm.reported[key] = old["mirror_id"]
    if new.get("owner"):
        calm.hold(key, new["owner"])


def _source_of(old: Entry, new: Entry, regions: Estate) -> Source | None:
    """Judge what many vaults share, and return what their mirrors see; ``None``: there is something to say of it."""
    if old.get("status") not in _WELL or old.get("managed_by") not in _OURS:
        return None
    written = {name: new[name] for name in VAULTS.shared if name in new}
    facts = {name: old[name] for name in ("status", "charge_type", "is_trial") if name in old}
    vault = Vault.model_validate({"name": "x", "id": "x", **written, **facts})
    verdict = vault_settings(vault, regions.live_regions)
    return None if verdict.problems or verdict.not_yet_known else Source.of_vault(vault)


def _is_fine(old: Entry, new: Entry, source: Source, regions: Estate) -> bool:
    """Judge what many mirrors of such sources share."""
    if not {old.get("status"), old.get("source_status")}.issubset(_WELL):
        return False
    if old.get("managed_by") not in _OURS or old.get("status_message"):
        return False
    written = {
        name: new[name] for name in ("region_id", "encrypt_type", "kms_key_id", "redundancy_type") if name in new
    }
    mirror = MirrorVault.model_validate({"name": "x", "id": "x", "source": "y", **written})
    verdict = mirror_settings(mirror, source, regions.live_regions, regions.live_mirror_regions)
    return not verdict.problems and not verdict.not_yet_known


def _untouched(calm: _Calm) -> Untouched:
    """Return what is set apart, with its counts."""
    vaults, mirrors = tuple(calm.vaults), tuple(calm.mirrors)
    accounts = Counter(map(itemgetter(0), vaults))
    accounts.update(map(itemgetter(0), mirrors))
    regions = Counter([(key[0], new["region_id"]) for key, (_, _, new) in calm.mirrors.items()])
    return Untouched(vaults, mirrors, Beside(accounts, regions, any(key in calm.vaults for key in calm.reported)))


class _Stirring:
    """Takes out of what is calm whatever something else refers to that is not, until nothing does."""

    def __init__(self, calm: _Calm) -> None:
        """Look at both files."""
        self._calm = calm
        self._mirror_of: dict[Key, Key] = {}
        self._named: dict[str, list[Key]] = {}
        self._stirred: list[Key] = list(calm.clashing)
        """What is not calm, and may stir up more."""

    def spread(self) -> None:
        """Begin with what is not alike, and go on to what that refers to."""
        self._tie()
        self._begin()
        calm = self._calm
        sides = [(side, index) for side in (calm.olds, calm.news) for index in (side.vaults, side.mirrors)]
        seen: set[Key] = set()
        while self._stirred:
            key = self._stirred.pop()
            if key in seen:
                continue
            seen.add(key)
            calm.leave(key)
            if key in self._mirror_of:
                self._stirred.append(self._mirror_of[key])
            for side, index in sides:
                if key in index:
                    self._read(side, index[key], key[0])

    def _tie(self) -> None:
        """Find the mirror of each source; the service reports no other one, and there is no second one."""
        for key, (source, _, _) in self._calm.mirrors.items():
            rival = self._mirror_of.setdefault(source, key)
            if rival is not key:
                self._stirred += (key, rival)
        for key, id_ in self._calm.reported.items():
            mirror = self._mirror_of.get(key)
            if mirror is None or self._calm.mirrors[mirror][1].get("id") != id_:
                self._stirred.append(key)

    def _begin(self) -> None:
        """Take what is not alike in both files, names that one file has twice, and names that are no whole text."""
        calm = self._calm
        left = {*calm.olds.vaults, *calm.news.vaults} - calm.steady.keys()
        left.update(calm.olds.mirrors, calm.news.mirrors)
        left |= (calm.vaults.keys() | calm.steady.keys()) & calm.mirrors.keys()
        for side in (calm.olds, calm.news):
            for entry in (*side.twice[0], *side.twice[1]):
                key = side.key_of(entry)
                left.add(key)
                self._read(side, entry, key[0])
        for names in (calm.vaults.keys(), calm.mirrors.keys()):
            if not _are_whole(name for _, name in names):
                left |= names
        self._stirred += left

    def _read(self, side: _Side, entry: Entry, account: str) -> None:
        """Stir up everything that an entry refers to."""
        for argument in entry.keys() - _REFER_TO_NOTHING:
            value = entry[argument]
            if type(value) is str:
                self._mention(value, account)
            elif value:
                for text in _texts_in(value):
                    self._mention(text, account)
                    self._stirred.append((account, text.rpartition("::")[2]))
        source = entry.get("source")
        if type(source) is str:
            self._stirred.append((account, source))
            is_judged = side is self._calm.news or entry.get("managed_by") not in _OURS
            if is_judged and not self._is_declared((account, source)):
                self._stirred += self._called(source)

    def _mention(self, text: str, account: str) -> None:
        """Stir up who has an id, an owner or a URN."""
        if text in self._calm.holders:
            self._stirred.append(self._calm.holders[text])
        if text.startswith("urn:"):
            parts = text.split("::")
            self._stirred += ((account, parts[-1]), (parts[1] if len(parts) > 1 else account, parts[-1]))

    def _is_declared(self, key: Key) -> bool:
        """Whether a vault or mirror of an account and name is declared, and nothing is special about that."""
        if key in self._calm.vaults or key in self._calm.mirrors:
            return True
        entry = self._calm.news.vaults.get(key) or self._calm.news.mirrors.get(key)
        return entry is not None and "pending_delete" not in entry and "managed_by" not in entry

    def _called(self, name: str) -> list[Key]:
        """Return everything of a name, in any account."""
        if not self._named:
            self._named = defaultdict(list)
            for key in (*self._calm.vaults, *self._calm.steady, *self._calm.mirrors):
                self._named[key[1]].append(key)
        return self._named.get(name, [])


def _are_whole(names: Iterable[str]) -> bool:
    """Whether no name holds half a character (a lone surrogate), which JSON can write and no estate has in a name."""
    try:
        return "".join(names).encode() is not None
    except UnicodeEncodeError:
        return False


def _texts_in(value: Any) -> Iterator[str]:
    """Return all texts in a value, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list):
            waiting.extend(one.values() if isinstance(one, dict) else one)
