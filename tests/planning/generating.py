"""Seeded pairs of small estates, biased to the edits that the engine's own order makes dangerous.

Everything can be written as a program with our classes: names are unique, vaults come before what refers to them
once they are sorted, and nothing needs a URN. Every current estate is one that the service could hold: a source has at
most one mirror, in another region, and no quota is exceeded. Most desired estates are sound at their end, some are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from random import Random
from typing import Any, TypeVar

from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.estate.estate import Usage
from pulumi_cloudbackup.estate.resource import DeclaredResource

REGIONS = ("cn-hangzhou", "cn-shanghai", "cn-beijing")
STRANGER = ExistingSource(id="v-ext", region_id="cn-shenzhen", encrypt_type="HBR_PRIVATE")
"""A vault of the account that no estate declares; it can be mirrored."""
DOCUMENTED = {"vaults": 100, "mirrors_per_region": 5}
_ATTEMPTS = 40
Resource = Vault | MirrorVault
One = TypeVar("One")


@dataclass(frozen=True)
class Case:
    """A pair of estates, and how the second came of the first."""

    seed: int
    current: Estate
    desired: Estate
    edits: tuple[str, ...]
    is_sound: bool
    """Whether the desired estate breaks no rule of pairs and quotas once all is done."""


@dataclass
class Draft:
    """An estate while it is made up."""

    rng: Random
    vaults: list[Vault] = field(default_factory=list)
    mirrors: list[MirrorVault] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)

    @property
    def resources(self) -> list[Resource]:
        return [*self.vaults, *self.mirrors]

    @property
    def lasting_vaults(self) -> list[Vault]:
        return [one for one in self.vaults if not one.pending_delete]

    @property
    def lasting_mirrors(self) -> list[MirrorVault]:
        return [one for one in self.mirrors if not one.pending_delete]

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def some(self, items: Sequence[One]) -> One | None:
        return self.rng.choice(items) if items else None

    def vault(self, name: object) -> Vault | None:
        return next((one for one in self.lasting_vaults if one.name == name), None)

    def mirrors_of(self, name: str) -> list[MirrorVault]:
        return [one for one in self.lasting_mirrors if one.source == name]

    def put(self, old: Resource, **changes: Any) -> None:
        """Put a changed resource in the place of the old one."""
        if isinstance(old, Vault):
            place = _place(old, self.vaults)
            self.vaults[place] = self.vaults[place].model_copy(update=changes)
        else:
            place = _place(old, self.mirrors)
            self.mirrors[place] = self.mirrors[place].model_copy(update=changes)

    def drop(self, old: Resource) -> None:
        if isinstance(old, Vault):
            del self.vaults[_place(old, self.vaults)]
        else:
            del self.mirrors[_place(old, self.mirrors)]
        for one in [one for one in self.resources if old.name in one.depends_on]:
            self.put(one, depends_on=tuple(name for name in one.depends_on if name != old.name))

    def free_name(self, stem: str) -> str:
        taken = {one.name for one in self.resources} | {alias for one in self.resources for alias in one.aliases}
        return next(name for name in (f"{stem}{mark}" for mark in "wxyz") if name not in taken)

    def rename(self, old: Resource, *, alias: bool) -> None:
        """Give a resource another name; what refers to it follows."""
        new = self.free_name(old.name)
        self.put(old, name=new, aliases=(old.name,) if alias else ())
        if isinstance(old, Vault):
            for mirror in self.mirrors_of(old.name):
                self.put(mirror, source=new)
        for one in [one for one in self.resources if old.name in one.depends_on]:
            self.put(one, depends_on=tuple(new if name == old.name else name for name in one.depends_on))


def _place(one: Resource, resources: Sequence[Resource]) -> int:
    """Return where a resource is, whatever of it has changed since."""
    return next(place for place, other in enumerate(resources) if (other.name, other.id) == (one.name, one.id))


def case_of(seed: int) -> Case:
    """Return the case of a seed."""
    rng = Random(seed)  # noqa: S311 - a seeded choice of tests
    draft = _current(rng)
    limits, usage = _quotas(draft)
    current = Estate(vaults=tuple(draft.vaults), mirrors=tuple(draft.mirrors), limits=limits, usage=usage)
    may_be_unsound = draft.chance(0.15)
    for _ in range(_ATTEMPTS):
        after = _desired(draft)
        desired = Estate(vaults=tuple(after.vaults), mirrors=tuple(after.mirrors), limits=limits)
        sound = is_sound(current, desired)
        if sound or may_be_unsound:
            return Case(seed, current, desired, tuple(after.edits), sound)
    same = _declared_again(draft)
    desired = Estate(vaults=tuple(same.vaults), mirrors=tuple(same.mirrors), limits=limits)
    return Case(seed, current, desired, ("nothing",), is_sound(current, desired))


def shuffled(estate: Estate, seed: int) -> Estate:
    """Return the same estate, listed in another order."""
    rng = Random(seed)  # noqa: S311 - a seeded choice of tests
    vaults, mirrors = list(estate.vaults), list(estate.mirrors)
    rng.shuffle(vaults)
    rng.shuffle(mirrors)
    return estate.model_copy(update={"vaults": tuple(vaults), "mirrors": tuple(mirrors)})


# The current estate.


def _current(rng: Random) -> Draft:
    draft = Draft(rng)
    accounts = [None, "second"] if draft.chance(0.2) else [None]
    for number in range(rng.choice([0, 1, 2, 2, 3, 3, 3, 4, 4, 5])):
        draft.vaults.append(_old_vault(draft, number, rng.choice(accounts)))
    for number, vault in enumerate(list(draft.vaults)):
        if draft.chance(0.75):
            draft.mirrors.append(_old_mirror(draft, number, vault))
    if draft.chance(0.08):
        draft.mirrors.append(
            MirrorVault(name="mext", source=STRANGER, region_id=rng.choice(REGIONS), id="v-mext", status="CREATED")
        )
    _leave_something_to_delete(draft)
    _interrupt(draft)
    _fall_ill(draft)
    _depend(draft, 0.08)
    return draft


def _old_vault(draft: Draft, number: int, account: str | None) -> Vault:
    rng = draft.rng
    encrypted = draft.chance(0.2)
    vault = Vault(
        name=f"v{number}",
        region_id=rng.choice(REGIONS),
        account=account,
        id=f"v-{number}",
        status="CREATED",
        force_destroy=draft.chance(0.8),
        holds_data=rng.choice([True, False, False, False]),
        worm_enabled=draft.chance(0.06),
        protect=draft.chance(0.03),
        encrypt_type="KMS" if encrypted else "HBR_PRIVATE",
        kms_key_id="alias/a" if encrypted else None,
    )
    return vault.model_copy(update={"options": _vault_options(draft, vault)})


def _vault_options(draft: Draft, vault: Vault) -> Any:
    changes: dict[str, Any] = {}
    if draft.chance(0.3):
        changes["delete_before_replace"] = False
    if draft.chance(0.06):
        changes["retain_on_delete"] = True
    return vault.options.model_copy(update=changes)


def _old_mirror(draft: Draft, number: int, vault: Vault) -> MirrorVault:
    source: str | ExistingSource = vault.name if draft.chance(0.85) else _by_id(vault)
    return MirrorVault(
        name=f"m{number}",
        source=source,
        region_id=draft.rng.choice([one for one in REGIONS if one != vault.region_id]),
        account=vault.account,
        kms_key_id="alias/b" if vault.encrypt_type == "KMS" else None,
        id=f"v-m{number}",
        status="CREATED",
        holds_data=vault.holds_data,
        protect=draft.chance(0.02),
    )


def _by_id(vault: Vault) -> ExistingSource:
    return ExistingSource(id=str(vault.id), region_id=vault.region_id, encrypt_type=vault.encrypt_type)


def _leave_something_to_delete(draft: Draft) -> None:
    """Let an earlier run have replaced something and not deleted the old one."""
    vault = draft.some(draft.vaults)
    if vault is not None and draft.chance(0.08):
        old = vault.model_copy(update={"id": f"{vault.id}-old", "pending_delete": True, "protect": False})
        draft.vaults.append(old)
        for mirror in draft.mirrors_of(vault.name):
            if draft.chance(0.5):
                draft.put(mirror, source=_by_id(old), depends_on=(vault.name,))
    mirror_ = draft.some(draft.lasting_mirrors)
    bare = [one for one in draft.lasting_vaults if not _copies(draft, one)]
    if mirror_ is not None and bare and draft.chance(0.15):
        source = draft.rng.choice(bare)
        if source.account == mirror_.account and source.encrypt_type == _encryption(draft, mirror_):
            regions = [one for one in REGIONS if one != source.region_id]
            draft.mirrors.append(
                mirror_.model_copy(
                    update={
                        "id": f"{mirror_.id}-old",
                        "pending_delete": True,
                        "protect": False,
                        "region_id": draft.rng.choice(regions),
                        "source": source.name if draft.chance(0.5) else _by_id(source),
                    }
                )
            )


def _copies(draft: Draft, vault: Vault) -> list[MirrorVault]:
    """Return the mirrors that occupy a vault."""
    found = []
    for one in draft.mirrors:
        by_name = one.source == vault.name and not vault.pending_delete
        if by_name or (isinstance(one.source, ExistingSource) and one.source.id == vault.id):
            found.append(one)
    return found


def _encryption(draft: Draft, mirror: MirrorVault) -> object:
    if isinstance(mirror.source, ExistingSource):
        return mirror.source.encrypt_type
    vault = draft.vault(mirror.source)
    return vault.encrypt_type if vault is not None else None


def _interrupt(draft: Draft) -> None:
    """Let an earlier run have deleted something and not created it again."""
    mirror = draft.some(draft.lasting_mirrors)
    if mirror is not None and draft.chance(0.1):
        draft.put(mirror, **_interrupted(draft, mirror))
    vault = draft.some(draft.lasting_vaults)
    if vault is not None and draft.chance(0.06) and not _copied_by_id(draft, vault):
        for copy in draft.mirrors_of(vault.name):
            draft.put(copy, **_interrupted(draft, copy))
        draft.put(vault, **_interrupted(draft, vault))


def _interrupted(draft: Draft, one: Resource) -> dict[str, Any]:
    kept = one.id if draft.chance(0.6) else None
    return {"pending_replacement": True, "status": None, "id": kept, "holds_data": None, "protect": False}


def _copied_by_id(draft: Draft, vault: Vault) -> bool:
    """Whether a mirror names it by its id, or one that is to be deleted still copies it."""
    return any(one.pending_delete or isinstance(one.source, ExistingSource) for one in _copies(draft, vault))


def _fall_ill(draft: Draft) -> None:
    vault = draft.some([one for one in draft.lasting_vaults if not one.pending_replacement])
    if vault is not None and draft.chance(0.06):
        draft.put(vault, status=draft.rng.choice(["GONE", "ERROR"]), holds_data=None)


def _depend(draft: Draft, probability: float) -> None:
    """Let resources wait for others, without a circle."""
    accounts = {one.name: one.account for one in draft.resources}
    for one in draft.resources:
        other = draft.some([name for name in accounts if name != one.name and accounts[name] == one.account])
        if other is None or not draft.chance(probability) or other in one.depends_on:
            continue
        before = one.depends_on
        draft.put(one, depends_on=(*before, other))
        if _is_circular(draft):
            changed = next(new for new in draft.resources if new.name == one.name and new.id == one.id)
            draft.put(changed, depends_on=before)


def _is_circular(draft: Draft) -> bool:
    graph: dict[str, set[str]] = {}
    for one in draft.resources:
        needs = graph.setdefault(one.name, set())
        needs.update(one.depends_on)
        if isinstance(one, MirrorVault) and isinstance(one.source, str):
            needs.add(one.source)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


def exists(one: DeclaredResource) -> bool:
    """Whether the account has the vault of an entry."""
    return one.id is not None and not one.pending_replacement and one.status != "GONE"


def _quotas(draft: Draft) -> tuple[dict[str, int] | None, Usage | None]:
    """Return small limits or none, and what the account says that it uses or nothing."""
    there = [one for one in draft.resources if exists(one)]
    vaults = Counter(one.account or "default" for one in there)
    mirrors = Counter((str(one.region_id), one.account or "default") for one in there if isinstance(one, MirrorVault))
    limits = None
    extra = draft.rng.choice([0, 0, 1])
    if draft.chance(0.4):
        limits = {
            "vaults": max(*vaults.values(), 1) + extra + draft.rng.choice([0, 1, 1, 2, 3]) if vaults else 3,
            "mirrors_per_region": max(1, *mirrors.values(), 1) + draft.rng.choice([0, 0, 1]),
        }
    usage = None
    if draft.chance(0.3):
        usage = Usage(
            vaults=vaults["default"] + extra,
            mirrors_by_region={region: count for (region, account), count in mirrors.items() if account == "default"},
            complete=draft.chance(0.7),
        )
    return limits, usage


# The edits.


def _declared_again(old: Draft) -> Draft:
    """Return what a program declares that changes nothing, as far as that can be."""
    draft = Draft(old.rng)
    nothing: dict[str, Any] = {
        "id": None,
        "status": None,
        "holds_data": None,
        "pending_replacement": False,
    }
    draft.vaults = [one.model_copy(update=nothing) for one in old.lasting_vaults]
    gone = {one.id for one in old.vaults if one.pending_delete}
    for one in old.lasting_mirrors:
        again = one.model_copy(update=nothing)
        if isinstance(one.source, ExistingSource) and one.source.id in gone:
            again = again.model_copy(update={"source": str(one.source.id).replace("-old", "").replace("-", "")})
        draft.mirrors.append(again)
    return draft


def _desired(old: Draft) -> Draft:
    draft = _declared_again(old)
    for _ in range(draft.rng.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5])):
        edit = draft.rng.choices(list(_EDITS), weights=list(_EDITS.values()))[0]
        edit(draft, old)
    while _is_circular(draft):
        draft.put(next(one for one in draft.resources if one.depends_on), depends_on=())
    _depend(draft, 0.08)
    return draft


def _edit_vault(change: Callable[[Draft, Vault], dict[str, Any] | None]) -> Callable[[Draft, Draft], None]:
    """Make an edit of one vault's arguments."""

    def edit(draft: Draft, _old: Draft) -> None:
        vault = draft.some(draft.vaults)
        changes = change(draft, vault) if vault is not None else None
        if vault is not None and changes:
            draft.put(vault, **changes)
            draft.edits.append(f"{vault.name}: {changes}")

    return edit


def _edit_mirror(change: Callable[[Draft, MirrorVault], dict[str, Any] | None]) -> Callable[[Draft, Draft], None]:
    """Make an edit of one mirror's arguments."""

    def edit(draft: Draft, _old: Draft) -> None:
        mirror = draft.some(draft.mirrors)
        changes = change(draft, mirror) if mirror is not None else None
        if mirror is not None and changes:
            draft.put(mirror, **changes)
            draft.edits.append(f"{mirror.name}: {changes}")

    return edit


def _source_region(draft: Draft, mirror: MirrorVault) -> object:
    if isinstance(mirror.source, ExistingSource):
        return mirror.source.region_id
    vault = draft.vault(mirror.source)
    return vault.region_id if vault is not None else None


def _another_region(draft: Draft, mirror: MirrorVault) -> dict[str, Any] | None:
    taken = (mirror.region_id, _source_region(draft, mirror))
    regions = [one for one in REGIONS if one not in taken]
    return {"region_id": draft.rng.choice(regions)} if regions else None


def _another_key(draft: Draft, mirror: MirrorVault) -> dict[str, Any] | None:
    return {"kms_key_id": "alias/c"} if _encryption(draft, mirror) == "KMS" else None


def _vault_moved(draft: Draft, vault: Vault) -> dict[str, Any] | None:
    taken = {vault.region_id, *(one.region_id for one in draft.mirrors_of(vault.name))}
    regions = [one for one in (*REGIONS, "cn-shenzhen") if one not in taken]
    return {"region_id": draft.rng.choice(regions)}


def _vault_key(draft: Draft, vault: Vault) -> dict[str, Any] | None:
    return {"kms_key_id": "alias/d"} if vault.encrypt_type == "KMS" else None


def _other_options(draft: Draft, vault: Vault) -> dict[str, Any] | None:
    field_ = draft.rng.choice(["delete_before_replace", "retain_on_delete"])
    value = (None if vault.options.delete_before_replace is False else False) if field_[0] == "d" else draft.chance(0.5)
    return {"options": vault.options.model_copy(update={field_: value})}


def _rename(draft: Draft, _old: Draft) -> None:
    one = draft.some(draft.resources)
    if one is None or one.aliases:
        return
    alias = draft.chance(0.35)
    draft.rename(one, alias=alias)
    draft.edits.append(f"{one.name} renamed{' with alias' if alias else ''}")


def _remove_vault(draft: Draft, old: Draft) -> None:
    vault = draft.some(draft.vaults)
    if vault is None:
        return
    way = draft.rng.choice(["mirror too", "mirror too", "mirror moves", "mirror keeps the id"])
    before = old.vault(vault.name)
    for mirror in draft.mirrors_of(vault.name):
        other = draft.some([one for one in draft.vaults if one != vault and one.account == vault.account])
        if way == "mirror moves" and other is not None and other.encrypt_type == vault.encrypt_type:
            draft.put(mirror, source=other.name)
        elif way == "mirror keeps the id" and before is not None and before.id is not None:
            draft.put(mirror, source=_by_id(before))
        else:
            draft.drop(mirror)
    draft.drop(vault)
    draft.edits.append(f"{vault.name} removed, {way}")


def _remove_mirror(draft: Draft, _old: Draft) -> None:
    mirror = draft.some(draft.mirrors)
    if mirror is not None:
        draft.drop(mirror)
        draft.edits.append(f"{mirror.name} removed")


def _remove_and_add(draft: Draft, _old: Draft) -> None:
    """Declare another mirror of the same source in the place of one."""
    mirror = draft.some(draft.mirrors)
    if mirror is None:
        return
    changes = (_another_region(draft, mirror) if draft.chance(0.5) else None) or {}
    draft.drop(mirror)
    new = mirror.model_copy(update={"name": draft.free_name(f"{mirror.name}n"), "aliases": (), **changes})
    draft.mirrors.append(new)
    draft.edits.append(f"{mirror.name} removed, {new.name} added")


def _replace_by_another_vault(draft: Draft, _old: Draft) -> None:
    """Declare another vault in the place of one, and let its mirror copy that one."""
    vault = draft.some(draft.vaults)
    if vault is None:
        return
    new = vault.model_copy(update={"name": draft.free_name(f"{vault.name}n"), "aliases": ()})
    for mirror in draft.mirrors_of(vault.name):
        draft.put(mirror, source=new.name)
    draft.drop(vault)
    draft.vaults.append(new)
    draft.edits.append(f"{vault.name} removed, {new.name} added")


def _rotate(draft: Draft, _old: Draft) -> None:
    """Let two or three mirrors exchange their sources."""
    mirrors = _of_one_account(draft)[: draft.rng.choice([2, 2, 3])]
    sources = [mirror.source for mirror in mirrors]
    for mirror, source in zip(mirrors, [*sources[1:], *sources[:1]], strict=True):
        _move(draft, mirror, source)
    draft.edits.append(f"rotated {[mirror.name for mirror in mirrors]}")


def _of_one_account(draft: Draft) -> list[MirrorVault]:
    """Return mirrors between whose sources one can choose, in any order."""
    account = draft.rng.choice([one.account for one in draft.mirrors] or [None])
    mirrors = [one for one in draft.mirrors if one.account == account]
    draft.rng.shuffle(mirrors)
    return mirrors


def _chain(draft: Draft, _old: Draft) -> None:
    """Let mirrors each take over the source of the next, the last one a free one."""
    mirrors = _of_one_account(draft)[: draft.rng.choice([1, 2, 2, 3])]
    if not mirrors:
        return
    account = mirrors[0].account
    copied = [mirror.source for mirror in draft.mirrors]
    free = draft.some([one.name for one in draft.vaults if one.name not in copied and one.account == account])
    last = free if free is not None else STRANGER if account is None else mirrors[0].source
    sources = [mirror.source for mirror in mirrors]
    for mirror, source in zip(mirrors, [*sources[1:], last], strict=True):
        _move(draft, mirror, source)
    draft.edits.append(f"chain {[mirror.name for mirror in mirrors]}")


def _move(draft: Draft, mirror: MirrorVault, source: str | ExistingSource) -> None:
    """Let a mirror copy another source, in its own region where that is possible."""
    changes: dict[str, Any] = {"source": source}
    moved = mirror.model_copy(update=changes)
    if _source_region(draft, moved) == mirror.region_id:
        changes |= _another_region(draft, moved) or {}
    encrypt_type = _encryption(draft, moved)
    changes["kms_key_id"] = (
        ("alias/b" if mirror.kms_key_id is None else mirror.kms_key_id) if encrypt_type == "KMS" else None
    )
    draft.put(mirror, **changes)


def _name_by_id(draft: Draft, old: Draft) -> None:
    """Let a mirror name its source by the id, or by the name again."""
    mirror = draft.some(draft.mirrors)
    if mirror is None:
        return
    if isinstance(mirror.source, str):
        before = old.vault(mirror.source)
        if before is not None and before.id is not None:
            draft.put(mirror, source=_by_id(before))
    else:
        vault = next((one for one in old.lasting_vaults if one.id == mirror.source.id), None)
        if vault is not None and draft.vault(vault.name) is not None:
            draft.put(mirror, source=vault.name)
    draft.edits.append(f"{mirror.name} names its source in another way")


def _add_vault(draft: Draft, _old: Draft) -> None:
    name = draft.free_name("n")
    options = draft.vaults[0].options if draft.vaults else None
    vault = Vault(name=name, region_id=draft.rng.choice(REGIONS))
    draft.vaults.append(vault if options is None else vault.model_copy(update={"options": options}))
    draft.edits.append(f"{name} added")
    if draft.chance(0.7):
        _mirror_it(draft, vault)


def _add_mirror(draft: Draft, old: Draft) -> None:
    free = [one for one in draft.vaults if not draft.mirrors_of(one.name)]
    vault = draft.some(free)
    if vault is None:
        return
    before = old.vault(vault.name)
    if before is not None and before.id is not None and draft.chance(0.25):
        _mirror_it(draft, vault, _by_id(before))
    else:
        _mirror_it(draft, vault)


def _mirror_it(draft: Draft, vault: Vault, source: ExistingSource | None = None) -> None:
    mirror = MirrorVault(
        name=draft.free_name("mn"),
        source=vault.name if source is None else source,
        region_id=draft.rng.choice([one for one in REGIONS if one != vault.region_id]),
        account=vault.account,
        kms_key_id="alias/b" if vault.encrypt_type == "KMS" else None,
    )
    draft.mirrors.append(mirror)
    draft.edits.append(f"{mirror.name} added")


def _lock_and_move(draft: Draft, old: Draft) -> None:
    """Switch WORM on at a vault, and change its mirror too."""
    mirror = draft.some([one for one in draft.mirrors if draft.vault(one.source) is not None])
    if mirror is None:
        return
    vault = draft.vault(mirror.source)
    assert vault is not None
    draft.put(vault, worm_enabled=True)
    draft.edits.append(f"{vault.name} locked")
    way = draft.rng.choice(["move", "remove", "rename"])
    if way == "move":
        draft.put(mirror, **(_another_region(draft, mirror) or {}))
    elif way == "remove":
        draft.drop(mirror)
    else:
        draft.rename(mirror, alias=draft.chance(0.3))
    draft.edits.append(f"{mirror.name}: {way}")


_EDITS: dict[Callable[[Draft, Draft], None], float] = {
    _rename: 5,
    _remove_vault: 2.5,
    _remove_mirror: 2.5,
    _remove_and_add: 3,
    _replace_by_another_vault: 1,
    _rotate: 4,
    _chain: 4,
    _name_by_id: 1.5,
    _add_vault: 2,
    _add_mirror: 2,
    _lock_and_move: 1.5,
    _edit_mirror(_another_region): 3,
    _edit_mirror(_another_key): 1.5,
    _edit_mirror(lambda _draft, mirror: {"description": f"of {mirror.name}"}): 0.5,
    _edit_mirror(lambda _draft, mirror: {"protect": not mirror.protect}): 0.3,
    _edit_vault(_vault_moved): 5,
    _edit_vault(_vault_key): 1,
    _edit_vault(_other_options): 1,
    _edit_vault(lambda _draft, vault: {"description": f"of {vault.name}"}): 0.5,
    _edit_vault(lambda _draft, _vault: {"worm_enabled": True}): 1,
    _edit_vault(lambda _draft, vault: {"force_destroy": vault.force_destroy is not True}): 0.7,
    _edit_vault(lambda _draft, vault: {"protect": not vault.protect}): 0.3,
}
"""How often each edit is made."""


# What is sound at the end.


def is_sound(current: Estate, desired: Estate) -> bool:
    """Whether the desired estate keeps the rules of pairs and quotas once all is done."""
    return next(_unsoundness(current, desired), None) is None


def _unsoundness(current: Estate, desired: Estate) -> Iterator[str]:
    vaults = {one.name: one for one in desired.vaults}
    copied: Counter[str] = Counter()
    for mirror in desired.mirrors:
        if isinstance(mirror.source, ExistingSource):
            source_region, account, encrypt_type = mirror.source.region_id, mirror.account, mirror.source.encrypt_type
            ended = _declared_as(current, desired, str(mirror.source.id))
            copied[ended or str(mirror.source.id)] += 1
            if ended is None:
                yield "copies a vault that is deleted"
        elif mirror.source in vaults:
            source = vaults[mirror.source]
            source_region, account, encrypt_type = source.region_id, source.account, source.encrypt_type
            copied[mirror.source] += 1
        else:
            yield "copies nothing"
            continue
        if source_region == mirror.region_id or account != mirror.account:
            yield "is in the region or the account of its source"
        if (encrypt_type == "KMS") != (mirror.kms_key_id is not None):
            yield "is encrypted in another way than its source"
    if any(count > 1 for count in copied.values()):
        yield "copies what another one copies"
    yield from _crowds(current, desired)


def _declared_as(current: Estate, desired: Estate, vault_id: str) -> str | None:
    """Return what the vault of an id is called in the end; empty: somebody else's; ``None``: it is gone then."""
    before = next((one for one in current.vaults if one.id == vault_id), None)
    if before is None:
        return "" if vault_id == STRANGER.id else None
    if before.pending_delete or not exists(before):
        return None
    after = next((one for one in desired.vaults if one.name == before.name), None) or next(
        (one for one in desired.vaults if before.name in one.aliases), None
    )
    if after is None or after.region_id != before.region_id or after.kms_key_id != before.kms_key_id:
        return None
    return after.name


def _crowds(current: Estate, desired: Estate) -> Iterator[str]:
    limits = {**DOCUMENTED, **(current.limits or {})}
    listed = Counter(one.account or "default" for one in (*current.vaults, *current.mirrors) if exists(one))
    hidden = (current.usage.vaults or 0) - listed["default"] if current.usage is not None else 0
    everything = Counter(one.account or "default" for one in (*desired.vaults, *desired.mirrors))
    # A vault that is retained stays in the account.
    everything.update(
        one.account or "default" for one in current.vaults if one.options.retain_on_delete and exists(one)
    )
    everything["default"] += max(0, hidden)
    mirrors = Counter((one.region_id, one.account) for one in desired.mirrors)
    if any(count > limits["vaults"] for count in everything.values()):
        yield "too many vaults"
    if any(count > limits["mirrors_per_region"] for count in mirrors.values()):
        yield "too many mirrors in a region"
