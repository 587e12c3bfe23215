"""The estate that states of Pulumi make up: names, sources, options, and the other resources around it.

Used for what is there (an exported state) and for what is declared (the events of a preview). Reads no file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from pulumi_cloudbackup.engine.states import STACK_TYPE, kind_of, name_of, type_of
from pulumi_cloudbackup.estate import UNKNOWN, Estate, ExistingSource, MirrorVault, Unknown, Vault, is_known
from pulumi_cloudbackup.estate.arguments import MIRROR_ARGUMENTS, VAULT_ARGUMENTS
from pulumi_cloudbackup.estate.estate import ForeignResource
from pulumi_cloudbackup.estate.resource import Options
from pulumi_cloudbackup.planning.comparing import MIRROR_REPLACES, VAULT_REPLACES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pulumi_cloudbackup.engine.states import ResourceState
    from pulumi_cloudbackup.estate.resource import DeclaredResource

Resource = TypeVar("Resource", bound="DeclaredResource")

_FACTS: Final = ("status", "created_time")
VAULT_FACTS: Final = (*_FACTS, "holds_data", "charge_type")
MIRROR_FACTS: Final = (*_FACTS, "replication_status", "replication_progress", "source_status")
_PARKED: Final = "parked"
"""The output of a resource whose creation waits for a later stage: no vault is behind it."""


@dataclass(frozen=True)
class Entry:
    """One of our resources on its way into an estate."""

    state: ResourceState
    arguments: Mapping[str, Any]
    """Its arguments, decoded."""
    facts: Mapping[str, Any]
    """What the service said of the vault that it has, decoded; empty: it has none."""
    id: str
    """The id of that vault; empty: it has none."""


def estate_of(entries: Sequence[Entry], foreign: Iterable[ForeignResource]) -> Estate:
    """Put entries together as one estate, in the order of their URNs: that of the engine differs from run to run.

    Entries that are not pending delete have different URNs.
    """
    entries = sorted(entries, key=lambda one: (one.state.urn, one.state.pending_delete, one.id))
    labels = _labels([entry.state for entry in entries])
    sources = _Sources(entries, labels)
    return Estate(
        vaults=tuple(_vault(one, labels) for one in entries if one.state.kind == "Vault"),
        mirrors=tuple(_mirror(one, labels, sources) for one in entries if one.state.kind == "MirrorVault"),
        foreign=tuple(sorted(foreign, key=lambda one: one.urn)),
    )


def around(
    ours: Collection[ResourceState], others: Iterable[ResourceState], earlier: Iterable[str] = ()
) -> list[ResourceState]:
    """Return the other resources that ours need, or that need ours, directly or not; in their own order.

    ``earlier``: URNs that ours had, by which a resource that is removed still knows them.
    """
    others = [one for one in others if not one.is_bookkeeping]
    needs: dict[str, set[str]] = {}
    needed_by: dict[str, set[str]] = {}
    for one in (*ours, *others):
        needs.setdefault(one.urn, set()).update(one.needs)
        for urn in one.needs:
            needed_by.setdefault(urn, set()).add(one.urn)
    start = {one.urn for one in ours} | {*earlier}
    found = _reached(start, needs) | _reached(start, needed_by)
    return [one for one in others if one.urn in found]


def foreign_of(
    states: Iterable[ResourceState], happens: Callable[[str], Mapping[str, Any]] = lambda _: {}
) -> list[ForeignResource]:
    """Return other resources as an estate holds them, each URN once; ``happens``: what the estate tells of a URN."""
    needs: dict[str, dict[str, None]] = {}
    for one in states:
        needs.setdefault(one.urn, {}).update(dict.fromkeys(one.needs))
    return [ForeignResource(urn=urn, depends_on=tuple(found), **happens(urn)) for urn, found in needs.items()]


def property_dependencies_of(states: Iterable[ResourceState]) -> dict[str, Mapping[str, tuple[str, ...]]]:
    """Return the dependencies of single properties by URN; what is only still to be deleted does not count."""
    return {
        one.urn: one.property_dependencies for one in states if one.property_dependencies and not one.pending_delete
    }


def _reached(start: Collection[str], edges: Mapping[str, Collection[str]]) -> set[str]:
    found, waiting = set(start), list(start)
    while waiting:
        for urn in edges.get(waiting.pop(), ()):
            if urn not in found:
                found.add(urn)
                waiting.append(urn)
    return found


def _vault(entry: Entry, labels: Mapping[str, str]) -> Vault:
    return _built(Vault, {**_given(entry, VAULT_ARGUMENTS, VAULT_FACTS), **_own(entry, labels)})


def _mirror(entry: Entry, labels: Mapping[str, str], sources: _Sources) -> MirrorVault:
    given = {**_given(entry, MIRROR_ARGUMENTS, MIRROR_FACTS), **_own(entry, labels)}
    return _built(MirrorVault, {**given, "source": sources.source_of(entry)})


def _given(entry: Entry, arguments: Iterable[str], facts: Iterable[str]) -> dict[str, Any]:
    given = {key: entry.arguments[key] for key in arguments if entry.arguments.get(key) is not None}
    if not _is_parked(entry):
        given |= {key: entry.facts[key] for key in facts if entry.facts.get(key) is not None}
    return {"region_id": UNKNOWN, **given}


def _own(entry: Entry, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return what an entry is beside its arguments."""
    state, parked = entry.state, _is_parked(entry)
    return {
        "name": labels[state.urn],
        "urn": state.urn,
        "id": None if parked else entry.id or None,
        "aliases": state.aliases,
        "managed_by": _managed_by(entry),
        "depends_on": state.dependencies,
        "arguments_from": _arguments_from(state),
        "protect": state.protect,
        "pending_delete": state.pending_delete,
        "pending_replacement": state.pending_replacement or parked,
        "options": Options(
            delete_before_replace=False if entry.arguments.get("create_first") is True else None,
            retain_on_delete=state.retain_on_delete,
            deleted_with=state.deleted_with or None,
            ignore_changes=state.ignore_changes,
            replace_on_changes=state.replace_on_changes,
            parent=state.parent if state.parent and type_of(state.parent) != STACK_TYPE else None,
        ),
    }


def _arguments_from(state: ResourceState) -> tuple[str, ...]:
    """Return the resources that are not ours and that arguments come from which only a replacement changes."""
    replacing = {*(VAULT_REPLACES if state.kind == "Vault" else MIRROR_REPLACES), "account", *state.replace_on_changes}
    keys = state.property_dependencies if "*" in replacing else replacing - {*state.ignore_changes}
    urns = (urn for key in keys for urn in state.property_dependencies.get(key, ()))
    return tuple(sorted({urn for urn in urns if kind_of(type_of(urn)) is None}))


def _managed_by(entry: Entry) -> str:
    if not entry.state.is_external:
        return "this"
    return "none" if entry.arguments.get("owner") in (None, "") else "other"


def _is_parked(entry: Entry) -> bool:
    return entry.arguments.get(_PARKED) is True or entry.facts.get(_PARKED) is True


def _built(model: type[Resource], given: dict[str, Any]) -> Resource:
    """Build a resource; a value of no usable kind counts as not known, or where that cannot be, as absent."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        unusable = {str(detail["loc"][0]) for detail in error.errors()}
        kept = {key: value for key, value in given.items() if key not in unusable or is_known(value)}
        return _built(model, {key: UNKNOWN if key in unusable else value for key, value in kept.items()})


def _labels(states: Iterable[ResourceState]) -> dict[str, str]:
    """Name resources as their authors do; where two below different parents share a name, with the parent."""
    parents = {one.urn: one.parent for one in states}
    kinds = {one.urn: one.kind for one in states}
    names = Counter(name_of(urn) for urn in parents)
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for urn in sorted(parents, key=lambda one: (kinds[one] != "Vault", one)):
        label, parent = name_of(urn), parents[urn]
        if names[label] > 1 and parent and type_of(parent) != STACK_TYPE:
            label = f"{name_of(parent)}/{label}"
        while label in taken:
            label += "'"
        taken.add(label)
        labels[urn] = label
    return labels


class _Sources:
    """Which vault of an estate the source of a mirror is."""

    def __init__(self, entries: Iterable[Entry], labels: Mapping[str, str]) -> None:
        self._labels = labels
        self._vaults = [one for one in entries if one.state.kind == "Vault" and not one.state.pending_delete]
        self._by_id = _grouped((one.id, one.state.urn) for one in self._vaults)
        self._by_owner = _grouped((one.arguments.get("owner"), one.state.urn) for one in self._vaults)
        self._urns = {one.state.urn for one in self._vaults}

    def source_of(self, mirror: Entry) -> str | ExistingSource:
        """Return the name of the source where the mirror takes the id from it, or else the id: that orders nothing."""
        arguments = mirror.arguments
        source_id = arguments.get("source_vault_id")
        wired = [one for one in mirror.state.property_dependencies.get("source_vault_id", ()) if one in self._urns]
        if not wired and arguments.get("source_owner") is None:
            found = []
        elif isinstance(source_id, str) and source_id:
            found = self._by_id.get(source_id, [])
            if len(found) > 1:
                found = [one for one in found if one in wired] or found
        else:
            found = wired or self._by_owner.get(arguments.get("source_owner"), [])
        if len(found) == 1:
            return self._labels[found[0]]
        return ExistingSource(
            id=_text_or_unknown(source_id),
            region_id=_text_or_unknown(arguments.get("source_region_id")),
            vault_name=_stated(arguments.get("source_vault_name")),
            encrypt_type=_stated(arguments.get("source_encrypt_type")),
        )


def _grouped(pairs: Iterable[tuple[Any, str]]) -> dict[Any, list[str]]:
    found: dict[Any, list[str]] = {}
    for key, urn in pairs:
        if isinstance(key, str) and key:
            found.setdefault(key, []).append(urn)
    return found


def _text_or_unknown(value: object) -> str | Unknown:
    return value if isinstance(value, str) and value else UNKNOWN


def _stated(value: object) -> str | Unknown | None:
    return None if value is None else _text_or_unknown(value)
