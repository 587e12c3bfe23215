"""Pairs of estates for the real engine: those of ``planning.generating`` with more arguments, options and neighbours.

A pair is small and its names are short; every pair of one program gets a prefix. Ids are symbolic (``v-0``) until the
first program has run: then the engine's own are put in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any

from planning.generating import case_of
from pulumi_cloudbackup.estate import UNKNOWN, Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.estate.estate import ForeignResource
from pulumi_cloudbackup.estate.owner import owner_of
from pulumi_cloudbackup.estate.resource import Options
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE

PROJECT, STACK = "estates", "test"
NEIGHBOUR_TYPES = {
    "Note": "pulumi-python:dynamic/acme:Note",
    "Key": "pulumi-python:dynamic/acme:Key",
    "Team": "acme:index:Team",
}
TEAM_TYPE = NEIGHBOUR_TYPES["Team"]
Declared = Vault | MirrorVault


@dataclass(frozen=True)
class Neighbour:
    """A resource that is no vault."""

    name: str
    kind: str
    """``Note``, ``Key`` (which another text replaces) or ``Team``."""
    text: str = ""
    delete_first: bool = False
    """Whether its replacement deletes it first."""
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Side:
    """One side of a pair, with symbolic names and ids."""

    vaults: tuple[Vault, ...]
    mirrors: tuple[MirrorVault, ...]
    neighbours: tuple[Neighbour, ...] = ()
    parents: Mapping[str, str] = field(default_factory=dict)
    """The component that a resource is below, by names."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The neighbour that a resource has its key from, by names."""

    @property
    def resources(self) -> tuple[Declared, ...]:
        return (*self.vaults, *self.mirrors)


@dataclass(frozen=True)
class Pair:
    """What is there and what is declared."""

    name: str
    """The prefix of all its names."""
    seed: int
    current: Side
    desired: Side
    edits: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} (seed {self.seed}): {'; '.join(self.edits) or 'nothing'}"

    def full(self, name: str) -> str:
        """Return the name that a resource has in the program."""
        return f"{self.name}-{name}"

    def urn(self, side: Side, one: Declared | Neighbour) -> str:
        """Return the engine's name of a resource."""
        if isinstance(one, Neighbour):
            kind = NEIGHBOUR_TYPES[one.kind]
        else:
            kind = VAULT_TYPE if isinstance(one, Vault) else MIRROR_TYPE
            kind = f"{TEAM_TYPE}${kind}" if one.name in side.parents else kind
        return f"urn:pulumi:{STACK}::{PROJECT}::{kind}::{self.full(one.name)}"

    def owner(self, side: Side, one: Declared) -> str:
        """Return the owner that is written on its vault."""
        kind = VAULT_TYPE if isinstance(one, Vault) else MIRROR_TYPE
        return owner_of(
            organization="organization",
            owner_id="",
            project=PROJECT,
            stack=STACK,
            parent_types=TEAM_TYPE if one.name in side.parents else "",
            resource_type=kind,
            name=self.full(one.name),
        )


def pair_of(seed: int, name: str) -> Pair:
    """Return the pair of a seed."""
    case = case_of(seed)
    rng = Random(f"more {seed}")  # noqa: S311 - a seeded choice of tests
    edits = list(case.edits)
    current, desired = _side(case.current), _side(case.desired)
    for edit, weight in _EDITS.items():
        if rng.random() < weight:
            current, desired = edit(current, desired, rng, edits)
    return Pair(name, seed, current, desired, tuple(edits))


def _side(estate: Estate) -> Side:
    """Leave out what no program says: what the service knows of vaults, and quotas."""
    nothing = {"status": None, "holds_data": None, "protect": False, "aliases": ()}
    return Side(
        tuple(one.model_copy(update={**nothing, "aliases": one.aliases}) for one in estate.vaults),
        tuple(one.model_copy(update={**nothing, "aliases": one.aliases}) for one in estate.mirrors),
    )


# Arguments, options and neighbours that the generator of estates does not have.

Edit = Callable[[Side, Side, Random, list[str]], tuple[Side, Side]]


def _changed(side: Side, one: Declared, **changes: Any) -> Side:
    """Put a changed resource in the place of one."""

    def put(old: Any) -> Any:
        return old.model_copy(update=changes) if old is one else old

    return replace(side, vaults=tuple(map(put, side.vaults)), mirrors=tuple(map(put, side.mirrors)))


def _argument_of_a_vault(current: Side, desired: Side, rng: Random, edits: list[str]) -> tuple[Side, Side]:
    if not desired.vaults:
        return current, desired
    vault = rng.choice(desired.vaults)
    changes: dict[str, Any] = rng.choice(
        [
            {"vault_type": "OTS_BACKUP"},
            {"encrypt_type": "KMS", "kms_key_id": "alias/e"},
            {"vault_name": f"the {vault.name}"},
            {"description": "changed"},
            {"tags": {"team": "shop"}},
            {"resource_group_id": "rg-1"},
            {"timeout": 77.0},
            {"account": "second" if vault.account is None else None},
        ]
    )
    edits.append(f"{vault.name}: {changes}")
    desired = _changed(desired, vault, **changes)
    if "account" in changes:
        for mirror in [one for one in desired.mirrors if one.source == vault.name]:
            desired = _changed(desired, mirror, account=changes["account"])
    return current, desired


def _argument_of_a_mirror(current: Side, desired: Side, rng: Random, edits: list[str]) -> tuple[Side, Side]:
    if not desired.mirrors:
        return current, desired
    mirror = rng.choice(desired.mirrors)
    changes: dict[str, Any] = rng.choice(
        [
            {"vault_name": f"the {mirror.name}"},
            {"description": "changed"},
            {"redundancy_type": "ZRS"},
            {"redundancy_type": "LRS"},
            {"encrypt_type": "KMS", "kms_key_id": "alias/f"},
            {"timeout": 77.0},
            {"allow_last_copy_loss": "v-no"},
        ]
    )
    edits.append(f"{mirror.name}: {changes}")
    return current, _changed(desired, mirror, **changes)


def _engine_decides(current: Side, desired: Side, rng: Random, edits: list[str]) -> tuple[Side, Side]:
    """Ignore a change, or let one that is made in place replace."""
    path, value = rng.choice([("description", "other"), ("vault_name", "other"), ("region_id", "cn-shenzhen")])
    option = rng.choice(["ignore_changes", "replace_on_changes"])
    one = rng.choice(desired.resources) if desired.resources else None
    if one is None or (option == "ignore_changes" and isinstance(one, MirrorVault) and path == "region_id"):
        return current, desired
    edits.append(f"{one.name}: {path}={value}, {option}")
    options = one.options.model_copy(update={option: (path,)})
    return current, _changed(desired, one, **{path: value, "options": options})


def _deleted_with(current: Side, desired: Side, rng: Random, edits: list[str]) -> tuple[Side, Side]:
    """Let the deletion of a vault take another resource along."""
    lasting = [one for one in current.vaults if not one.pending_delete]
    if len(lasting) < 2 or any(one.depends_on for one in current.resources):
        return current, desired
    first, second = rng.sample(lasting, 2)
    current = _changed(current, second, options=second.options.model_copy(update={"deleted_with": first.name}))
    after = next((one for one in desired.vaults if one.name == second.name), None)
    if after is not None and any(one.name == first.name for one in desired.vaults):
        if any(one.depends_on for one in desired.resources):
            return current, desired
        desired = _changed(desired, after, options=after.options.model_copy(update={"deleted_with": first.name}))
    edits.append(f"{second.name} deleted with {first.name}")
    return current, desired


def _below_a_component(current: Side, desired: Side, rng: Random, edits: list[str]) -> tuple[Side, Side]:
    """Put some resources of both sides below a component."""
    names = {one.name for one in current.resources} | {one.name for one in desired.resources}
    aliased = {alias: one.name for one in desired.resources for alias in one.aliases}
    below = {name for name in sorted(names) if rng.random() < 0.6}
    below = {name for name in below if name not in aliased} | {new for old, new in aliased.items() if old in below}
    below |= {old for old, new in aliased.items() if new in below}
    parents = dict.fromkeys(sorted(below), "team")
    team = Neighbour("team", "Team")
    edits.append(f"below a component: {sorted(below)}")
    keeps = rng.random() < 0.8 or any(one.name in parents for one in desired.resources)
    return (
        replace(current, neighbours=(*current.neighbours, team), parents=parents),
        replace(desired, neighbours=(*desired.neighbours, *((team,) if keeps else ())), parents=parents),
    )


def _between(current: Side, desired: Side, rng: Random, edits: list[str]) -> tuple[Side, Side]:
    """Let a resource wait for something that waits for another one."""

    def with_note(side: Side, chosen: tuple[str, str], text: str) -> Side:
        first = next((one for one in side.vaults if one.name == chosen[0] and not one.pending_delete), None)
        second = next((one for one in side.resources if one.name == chosen[1] and not one.pending_delete), None)
        if any(one.depends_on for one in side.resources):
            return side
        mine = Neighbour("note", "Note", text=text, depends_on=(first.name,) if first is not None else ())
        if second is not None and second is not first and not (first and second.name in needs_of(side, first.name)):
            side = _changed(side, second, depends_on=("note",))
        return replace(side, neighbours=(*side.neighbours, mine))

    names = sorted({one.name for one in (*current.vaults, *desired.vaults)})
    others = sorted({one.name for one in (*current.resources, *desired.resources)})
    if not names or len(others) < 2:
        return current, desired
    before = (rng.choice(names), rng.choice(others))
    after = before if rng.random() < 0.6 else (rng.choice(names), rng.choice(others))
    edits.append(f"a note between {before}, then {after}")
    current = with_note(current, before, "a")
    return current, with_note(desired, after, rng.choice("ab")) if rng.random() < 0.8 else desired


def _with_a_key(current: Side, desired: Side, rng: Random, edits: list[str]) -> tuple[Side, Side]:
    """Let some resources have their key from a neighbour, which may be replaced, in either order."""
    names = [one.name for one in current.resources if not one.pending_delete]
    chosen = sorted(name for name in names if rng.random() < 0.5)
    if not chosen or any(one.options.replace_on_changes for one in desired.resources):
        return current, desired
    text, first = rng.choice("abb"), rng.random() < 0.7
    waits_for = [one.name for one in current.vaults if one.name not in chosen and rng.random() < 0.3]

    def with_key(side: Side, text: str, keyed: list[str]) -> Side:
        there = {one.name for one in side.vaults if not one.pending_delete}
        key = Neighbour("key", "Key", text, first, tuple(name for name in waits_for if name in there))
        side = replace(side, neighbours=(*side.neighbours, key), keys=dict.fromkeys(keyed, "key"))
        if any(one.name in needs_of(side, one.name) for one in (*side.resources, *side.neighbours)):
            return replace(side, neighbours=(*side.neighbours[:-1], replace(key, depends_on=())))
        return side

    stay = [name for name in chosen if any(one.name == name for one in desired.resources) and rng.random() < 0.9]
    edits.append(f"{chosen} with a key {'deleted first' if first else 'created first'}, then {stay} with {text}")
    return with_key(current, "a", chosen), with_key(desired, text, stay)


_EDITS: dict[Edit, float] = {
    _argument_of_a_vault: 0.3,
    _argument_of_a_mirror: 0.3,
    _engine_decides: 0.12,
    _deleted_with: 0.06,
    _below_a_component: 0.1,
    _between: 0.1,
    _with_a_key: 0.2,
}
"""How often each is made."""


# Pairs by hand.


def typical_pairs() -> dict[str, tuple[Side, Side]]:
    """Return changes that are easily taken for ordered and are not, or the other way round."""
    a, b = (Vault(name=name, region_id="cn-hangzhou", id=f"v-{name}", force_destroy=True) for name in "ab")
    m1 = MirrorVault(name="m1", source="a", region_id="cn-shanghai", id="v-m1")
    m2 = m1.model_copy(update={"name": "m2", "source": "b", "id": "v-m2"})
    plain = ExistingSource(id="v-a", region_id="cn-hangzhou", encrypt_type="HBR_PRIVATE")
    moved = a.model_copy(update={"region_id": "cn-beijing"})
    with_a = b.model_copy(update={"options": Options(deleted_with="a")})

    def by(mirror: MirrorVault, source: str | ExistingSource) -> MirrorVault:
        return mirror.model_copy(update={"source": source})

    return {
        "swapped": (Side((a, b), (m1, m2)), Side((a, b), (by(m1, "b"), by(m2, "a")))),
        "removed": (Side((a,), (by(m1, plain),)), Side((), ())),
        "left": (Side((a, b), (m1,)), Side((moved, b), (by(m1, "b"),))),
        "left, another waits": (
            Side((a, b), (m1, m2)),
            Side((moved, b), (by(m1, "b"), by(m2, "a").model_copy(update={"depends_on": ("m1",)}))),
        ),
        "left, and waited for": (
            Side((a, b), (m1,)),
            Side((moved, b), (by(m1, "b").model_copy(update={"depends_on": ("a",)}),)),
        ),
        "deleted with another": (Side((a,), ()), Side((moved, with_a), ())),
        "new": (Side((), ()), Side((a, b), ())),
    }


def targeted_pairs() -> dict[str, tuple[Side, Side, tuple[str, ...]]]:
    """Return changes of which ``--target`` names a part: the names of it are told too.

    Those with "refused" in their names the engine refuses, and wants their mirror targeted too.
    """
    a = Vault(name="a", region_id="cn-hangzhou", id="v-a", force_destroy=True)
    m = MirrorVault(name="m", source="a", region_id="cn-shanghai", id="v-m")
    first = a.model_copy(update={"options": Options(delete_before_replace=False)})
    leftover = m.model_copy(update={"id": "v-l", "pending_delete": True})
    note = Neighbour("note", "Note", text="x", depends_on=("a",))

    def changed(vault: Vault, **changes: Any) -> Vault:
        return vault.model_copy(update={"region_id": "cn-beijing", **changes})

    renamed = m.model_copy(update={"name": "mw", "aliases": ("m",)})
    of_renamed = m.model_copy(update={"source": "aw"})
    alias = {"name": "aw", "aliases": ("a",)}
    return {
        "source without alias": (Side((a,), (m,)), Side((a.model_copy(update={"name": "aw"}),), (of_renamed,)), ("a",)),
        "refused, both gone": (Side((a,), (m,)), Side((), ()), ("a",)),
        "refused, create-first": (Side((first,), (m,)), Side((changed(first),), ()), ("a",)),
        "refused, delete-first": (Side((a,), (m,)), Side((changed(a),), ()), ("a",)),
        "refused, by the old name": (Side((a,), (m,)), Side((a.model_copy(update=alias),), ()), ("a",)),
        "refused, left to delete": (Side((a,), (m, leftover)), Side((a,), (m,)), ("a",)),
        "both targeted": (Side((a,), (m,)), Side((), ()), ("a", "m")),
        "mirror taken along": (Side((a,), (m,)), Side((changed(a),), (m,)), ("a",)),
        "renamed mirror taken along": (Side((a,), (m,)), Side((changed(a),), (renamed,)), ("a",)),
        "create-first by its new name": (
            Side((first,), (m,)),
            Side((changed(first, **alias),), (of_renamed,)),
            ("aw",),
        ),
        "delete-first by its new name": (Side((a,), (m,)), Side((changed(a, **alias),), ()), ("aw",)),
        "kept by another": (Side((a,), (), (note,)), Side((), (), (Neighbour("note", "Note", text="x"),)), ("a",)),
    }


def needs_of(side: Side, name: str) -> set[str]:
    """Return everything that a resource waits for, directly or not, by name."""
    found = {one.name: one for one in side.resources if not one.pending_delete}
    others = {one.name: one for one in side.neighbours}
    seen, waiting = set[str](), [name]
    while waiting:
        current = waiting.pop()
        one = found.get(current)
        direct = {*(one or others[current]).depends_on} if one or current in others else set[str]()
        direct |= {side.keys[current]} if current in side.keys else set()
        if one is not None:
            direct |= {needed for needed in (one.options.deleted_with, side.parents.get(current)) if needed}
            if isinstance(one, MirrorVault) and isinstance(one.source, str):
                direct.add(one.source)
        waiting += direct - seen
        seen |= direct
    return seen


# As the planner reads them.


def estates_of(pair: Pair, ids: Mapping[str, str]) -> tuple[Estate, Estate]:
    """Return both sides as estates of the stack; ``ids``: the engine's ids by label of the first program."""
    current, desired = (_estate(_Place(pair, side, ids)) for side in (pair.current, pair.desired))
    return current, desired


@dataclass(frozen=True)
class _Place:
    """Where a side of a pair is put."""

    pair: Pair
    side: Side
    ids: Mapping[str, str]

    @property
    def is_current(self) -> bool:
        return self.side is self.pair.current

    @cached_property
    def urns(self) -> dict[str, str]:
        return {one.name: self.pair.urn(self.side, one) for one in (*self.side.resources, *self.side.neighbours)}


def _estate(place: _Place) -> Estate:
    return Estate(
        vaults=tuple(_placed(place, one) for one in place.side.vaults),
        mirrors=tuple(_placed(place, one) for one in place.side.mirrors),
        foreign=tuple(
            ForeignResource(
                urn=place.urns[one.name],
                depends_on=tuple(place.urns[name] for name in one.depends_on),
                action="none" if place.is_current else _action(place.pair, one),
                delete_first=not place.is_current and one.delete_first and _action(place.pair, one) == "replace",
            )
            for one in place.side.neighbours
        ),
    )


def _action(pair: Pair, one: Neighbour) -> Any:
    old = next((other for other in pair.current.neighbours if other.name == one.name), None)
    changed = "replace" if one.kind == "Key" else "update"
    return "create" if old is None else "none" if old.text == one.text else changed


def _key(place: _Place, name: str) -> Any:
    """Return the key that a resource has from a neighbour, as far as it is known."""
    (key,) = (one for one in place.side.neighbours if one.name == place.side.keys[name])
    is_new = not place.is_current and _action(place.pair, key) in ("create", "replace")
    return UNKNOWN if is_new else f"made of {key.text}"


def _placed(place: _Place, one: Any) -> Any:
    """Return a resource with the names and ids that it has in the stack."""
    pair, parent, deleted_with = place.pair, place.side.parents.get(one.name), one.options.deleted_with
    options: Options = one.options.model_copy(
        update={
            "parent": place.urns[parent] if parent is not None else None,
            "deleted_with": place.urns[deleted_with] if deleted_with is not None else None,
        }
    )
    changes: dict[str, Any] = {
        "name": pair.full(one.name),
        "urn": place.urns[one.name],
        "aliases": tuple(pair.full(alias) for alias in one.aliases),
        "depends_on": tuple(place.urns[name] for name in one.depends_on),
        "options": options,
        "id": place.ids[label_of(one)] if place.is_current else None,
        "owner": pair.owner(place.side, one),
    }
    if one.name in place.side.keys and not one.pending_delete:
        changes |= {"encrypt_type": "KMS", "kms_key_id": _key(place, one.name)}
        changes["depends_on"] = (*changes["depends_on"], place.urns[place.side.keys[one.name]])
        changes["arguments_from"] = (place.urns[place.side.keys[one.name]],)
    if isinstance(one, MirrorVault):
        changes["source"] = (
            pair.full(one.source)
            if isinstance(one.source, str)
            else one.source.model_copy(update={"id": real_id(pair, one.source, place.ids)})
        )
        if place.is_current and one.redundancy_type is None:
            changes["redundancy_type"] = "LRS"  # the service has chosen
    return one.model_copy(update=changes)


def real_id(pair: Pair, source: ExistingSource, ids: Mapping[str, str]) -> str:
    """Return the id that a symbolic one stands for; that of a stranger stands for itself."""
    labels = {one.id: label_of(one) for one in pair.current.vaults}
    return ids[labels[source.id]] if source.id in labels else str(source.id)


def label_of(one: Declared) -> str:
    """Return what a resource of the first program is called there."""
    return f"{one.name}--old" if one.pending_delete else one.name
