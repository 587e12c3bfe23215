"""Estates as the planner reads them: what is there (old), what is declared (new), each with its URN and physical vault.

"The same source" means the same physical vault, its *instance*: an id, or what stands for a vault that has none yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from pulumi_cloudbackup.estate import ExistingSource, MirrorVault, Unknown, Vault, is_known
from pulumi_cloudbackup.estate.live import GONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.estate.estate import ForeignResource

Resource: TypeAlias = Vault | MirrorVault
Key: TypeAlias = tuple[str, str]
"""Account and name."""

VAULT_TYPE: Final = "pulumi-python:dynamic/cloudbackup:Vault"
MIRROR_TYPE: Final = "pulumi-python:dynamic/cloudbackup:MirrorVault"
_OWN: Final = (None, "this")


class PlanError(ValueError):
    """Two estates, or a run between them, cannot be planned; the message says what is wrong."""


@dataclass(slots=True)
class Old:
    """One resource of the old state."""

    resource: Resource
    urn: str
    account: str
    instance: str | None
    """Its vault; ``None``: it has none (deleted already, or parked)."""
    source: str | None = None
    """Mirrors: the vault that it copies; ``None``: not known."""
    source_urn: str | None = None
    """Mirrors: the resource that it takes the id of its source from."""
    depends_on: tuple[str, ...] = ()
    """URNs of everything that it depends on, its source and its parent included."""
    is_ours: bool = True
    """Whether the stack manages it; others only stand in the way."""
    name: str = field(init=False)
    """Its resource name."""
    is_mirror: bool = field(init=False)
    is_gone: bool = field(init=False)
    """Whether the service surely has its vault no more, though the state has it."""

    def __post_init__(self) -> None:
        """Note what is asked again and again."""
        self.name = self.resource.name
        self.is_mirror = isinstance(self.resource, MirrorVault)
        self.is_gone = self.resource.status == GONE


@dataclass(slots=True)
class New:
    """One declared resource."""

    resource: Resource
    urn: str
    account: str
    source_urn: str | None = None
    """Mirrors: the declared resource that is its source."""
    source_id: str | Unknown | None = None
    """Mirrors: the id of a source that is not declared; ``None`` where it is, or where nobody has it."""
    depends_on: tuple[str, ...] = ()
    """URNs of everything that it depends on, its source and its parent included."""
    name: str = field(init=False)
    """Its resource name."""
    is_mirror: bool = field(init=False)

    def __post_init__(self) -> None:
        """Note what is asked again and again."""
        self.name = self.resource.name
        self.is_mirror = isinstance(self.resource, MirrorVault)


@dataclass(slots=True)
class World:
    """Both sides of a plan."""

    olds: list[Old] = field(default_factory=list)
    news: list[New] = field(default_factory=list)
    old_foreign: Mapping[str, ForeignResource] = field(default_factory=dict)
    new_foreign: Mapping[str, ForeignResource] = field(default_factory=dict)
    old_by_urn: dict[str, list[Resource]] = field(default_factory=dict)
    """Old resources that are not only still to be deleted, by URN; filled when it is first needed."""
    generation: int = 1
    """How many runs lead to this world: what they create is not the same vault."""

    def fresh(self, urn: str) -> str:
        """Return what stands for the vault that a run in this world creates for a resource."""
        return f"{urn}#{self.generation}"


class _Names(NamedTuple):
    """Who is called what in one estate."""

    urns: dict[Key, str]
    resources: dict[Key, Resource]


def urn_of_entry(resource: Resource, account: str) -> str:
    """Return the URN of an entry: its own, or one made from its account and name."""
    if resource.urn is not None:
        return resource.urn
    return made_urn(account, MIRROR_TYPE if isinstance(resource, MirrorVault) else VAULT_TYPE, resource.name)


def made_urn(account: str, resource_type: str, name: str) -> str:
    """Return the URN of an entry that tells none."""
    return f"urn:pulumi:estate::{account}::{resource_type}::{name}"


def read_world(current: Estate, desired: Estate) -> World:
    """Read both estates once; the order of their entries does not count."""
    return World(
        sorted(read_entries(current), key=lambda old: (old.urn, old.resource.pending_delete, str(old.resource.id))),
        sorted(_read_news(desired), key=lambda new: new.urn),
        {one.urn: one for one in current.foreign},
        {one.urn: one for one in desired.foreign},
    )


def read_entries(estate: Estate) -> list[Old]:
    """Read every entry of one estate, whoever manages it, in the order of the estate."""
    entries = _entries(estate)
    names = _names(entries)
    olds: list[Old] = []
    for resource, account, urn in entries:
        olds.append(
            Old(
                resource,
                urn,
                account,
                instance_of(resource, urn),
                depends_on=_dependencies(resource, account, names),
                is_ours=resource.managed_by in _OWN,
            )
        )
        if isinstance(resource, MirrorVault):
            _read_old_source(olds[-1], resource, names)
    return olds


def _read_old_source(old: Old, mirror: MirrorVault, names: _Names) -> None:
    written = mirror.source
    if isinstance(written, str):
        key = (old.account, written)
        found = names.resources.get(key)
        if found is not None:
            old.source_urn = names.urns[key]
            old.source = instance_of(found, old.source_urn)
            old.depends_on = _with(old.depends_on, old.source_urn)
    elif isinstance(written.id, str):
        old.source = written.id


def _read_news(estate: Estate) -> list[New]:
    entries = _entries(estate)
    names = _names(entries)
    news: list[New] = []
    for resource, account, urn in entries:
        if resource.managed_by not in _OWN or resource.pending_delete:
            continue
        new = New(resource, urn, account, depends_on=_dependencies(resource, account, names))
        if isinstance(resource, MirrorVault):
            if isinstance(resource.source, ExistingSource):
                new.source_id = resource.source.id
            elif (new_urn := names.urns.get((account, resource.source))) is not None:
                new.source_urn = new_urn
                new.depends_on = _with(new.depends_on, new_urn)
        news.append(new)
    return news


def instance_of(resource: Resource, urn: str) -> str | None:
    """Return the vault that an entry of the old state has; ``None``: none, it was deleted or its creation is parked."""
    if resource.pending_replacement:
        return None
    if isinstance(resource.id, str) and resource.id:
        return resource.id
    return f"{urn}#old" if resource.pending_delete else urn


class _Entry(NamedTuple):
    """One entry of an estate."""

    resource: Resource
    account: str
    urn: str


def _entries(estate: Estate) -> list[_Entry]:
    found: list[_Entry] = []
    resources: tuple[Resource, ...] = (*estate.vaults, *estate.mirrors)
    for resource in resources:
        account = resource.account or estate.account
        found.append(_Entry(resource, account, urn_of_entry(resource, account)))
    return found


def _names(entries: Iterable[_Entry]) -> _Names:
    """Return who is called what; what is only still to be deleted has given its name away."""
    names = _Names({}, {})
    for resource, account, urn in entries:
        key = (account, resource.name)
        if not resource.pending_delete or key not in names.urns:
            names.urns[key] = urn
            names.resources[key] = resource
    return names


def _dependencies(resource: Resource, account: str, names: _Names) -> tuple[str, ...]:
    options = resource.options
    if not resource.depends_on and options.parent is None and options.deleted_with is None:
        return ()
    written = (*resource.depends_on, *((options.deleted_with,) if options.deleted_with is not None else ()))
    found = [one if one.startswith("urn:") else names.urns.get((account, one), one) for one in written]
    if options.parent is not None:
        found.append(options.parent)
    return tuple(dict.fromkeys(found))


def _with(urns: tuple[str, ...], urn: str) -> tuple[str, ...]:
    return urns if urn in urns else (*urns, urn)


def known(value: str | Unknown | None) -> str | None:
    """Return a text that is there and known."""
    return value if value is not None and is_known(value) else None
