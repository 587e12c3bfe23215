"""Who is who in an estate: which resources are ours, which entries are one vault, and which vault a mirror copies.

Decides nothing about what is allowed. Every question is answered from an index, so that an estate of any size is read
once.

| entry | counts as |
| --- | --- |
| managed by ``this``, or not said | declared: it is judged |
| managed by ``other`` or ``none`` | existing: it stands in the way, its own mistakes are not ours |
| existing, with the id (also as ``adopt_id``) or the owner of a declared one | that declared one |
| with ``pending_delete`` | leaving: only what stands against its deletion is judged |
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from pulumi_cloudbackup.estate import UNKNOWN, ExistingSource, MirrorVault, Source, Unknown, Vault, is_known
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.rules.beside import NOTHING_BESIDE, Beside
from pulumi_cloudbackup.rules.source_rules import FoundSource

if TYPE_CHECKING:
    from pulumi_cloudbackup.estate import Estate

Resource: TypeAlias = Vault | MirrorVault


@dataclass(slots=True, eq=False)
class Place:
    """One entry of an estate."""

    position: int
    """Its place in the order of the estate: vaults, then mirrors, as they are listed."""
    resource: Resource
    account: str
    """The account that it is in."""
    is_declared: bool
    """Whether it is judged."""


@dataclass
class Neighbours:
    """The index of one estate."""

    estate: Estate
    beside: Beside = NOTHING_BESIDE
    """What was left out of the estate."""
    vaults: list[Place] = field(default_factory=list)
    """Vaults that stay, existing ones that are no declared one included."""
    mirrors: list[Place] = field(default_factory=list)
    """Mirrors that stay."""
    leaving: list[Place] = field(default_factory=list)
    """Declared entries that are to be deleted."""
    by_id: dict[str, Place] = field(default_factory=dict)
    """Entries by the id of the vault that exists; of several, the declared one."""
    by_name: dict[tuple[str, str], Place] = field(default_factory=dict)
    """Entries by account and name."""
    accounts_by_name: dict[str, list[str]] = field(default_factory=dict)
    """The accounts that have a vault or mirror of a name, in the order of the estate."""
    has_sources_without_id: bool = False
    """Whether the id of a declared vault is known only after apply."""
    listed_regions: frozenset[str] | None = frozenset()
    """Regions of the estate's account whose vaults are all known; ``None``: all regions."""

    def source_of(self, mirror: MirrorVault, account: str) -> tuple[FoundSource, Source, Place | None]:
        """Return where the source of a mirror is, what is known of it, and its entry."""
        written = mirror.source
        if isinstance(written, str):
            return self._named(written, account)
        if not isinstance(written.id, str):
            source = _source_as_written(written)
            encrypt_type = UNKNOWN if source.encrypt_type is None else source.encrypt_type
            return FoundSource("", is_missing=UNKNOWN), replace(source, encrypt_type=encrypt_type), None
        place = self.by_id.get(written.id)
        if place is None:
            return self._absent(written, account), _source_as_written(written), None
        if place.account != account:
            return FoundSource(written.id, account=place.account), _source_as_written(written), place
        gone = place.resource.status == GONE and not place.is_declared
        really = _other_region(place.resource.region_id, written.region_id)
        found = FoundSource(
            written.id, resource=place.resource, is_missing=gone, is_lost=_is_lost(place), region_id=really
        )
        return found, replace(source_at(place.resource), said_encrypt_type=written.encrypt_type), place

    def _named(self, name: str, account: str) -> tuple[FoundSource, Source, Place | None]:
        place = self.by_name.get((account, name))
        if place is not None:
            found = FoundSource(name, by_name=True, resource=place.resource, is_lost=_is_lost(place))
            return found, source_at(place.resource), place
        elsewhere = self.accounts_by_name.get(name)
        if elsewhere:
            other = self.by_name[(min(elsewhere), name)]
            return FoundSource(name, by_name=True, account=other.account), source_at(other.resource), other
        return FoundSource(name, by_name=True, is_missing=True), Source(), None

    def _absent(self, written: ExistingSource, account: str) -> FoundSource:
        label = written.id if is_known(written.id) else ""
        if not label:
            return FoundSource("", is_missing=True)
        if not is_known(written.region_id):
            return FoundSource(label)
        if account != self.estate.account:
            listed = written.region_id in self.estate.listed_elsewhere.get(account, ())
        else:
            listed = self.listed_regions is None or written.region_id in self.listed_regions
        return FoundSource(label, is_missing=True if listed else None)


def read(estate: Estate, beside: Beside = NOTHING_BESIDE) -> Neighbours:
    """Read an estate once."""
    index = Neighbours(estate, beside)
    resources: tuple[Resource, ...] = (*estate.vaults, *estate.mirrors)
    places = [
        Place(position, resource, resource.account or estate.account, resource.managed_by in (None, "this"))
        for position, resource in enumerate(resources)
    ]
    owners: dict[str, Place] = {}
    for place in places:
        if place.is_declared:
            _enter(index, place, owners)
    # Which of two entries stands for one vault must not depend on the order in which somebody listed them.
    for place in sorted((one for one in places if not one.is_declared), key=_by_account_and_name):
        if not _is_declared_too(index, place, owners):
            _enter(index, place, {})
    index.listed_regions = _listed_regions(estate, places, beside)
    return index


def source_at(resource: Resource) -> Source:
    """Return what an entry tells about itself as a source."""
    if isinstance(resource, Vault):
        return Source.of_vault(resource)
    return Source(
        id=UNKNOWN if resource.id is None else resource.id,
        region_id=resource.region_id,
        vault_name=resource.name if resource.vault_name is None else resource.vault_name,
        encrypt_type=resource.encrypt_type,
        kms_key_id=resource.kms_key_id,
        status=resource.status,
    )


def _enter(index: Neighbours, place: Place, owners: dict[str, Place]) -> None:
    resource = place.resource
    id_ = resource.existing_id
    if id_ is not None and is_known(id_):
        other = index.by_id.setdefault(id_, place)
        if other is not place:
            index.by_id[id_] = min(other, place, key=_by_account_and_name)
    if resource.pending_delete:
        if place.is_declared:
            index.leaving.append(place)
        return
    if place.is_declared and resource.owner:
        owners[resource.owner] = min(owners.get(resource.owner, place), place, key=_by_account_and_name)
    if index.by_name.setdefault((place.account, resource.name), place) is place:
        index.accounts_by_name.setdefault(resource.name, []).append(place.account)
    if isinstance(resource, Vault):
        index.vaults.append(place)
        index.has_sources_without_id |= id_ is not None and not is_known(id_)
    else:
        index.mirrors.append(place)


def _by_account_and_name(place: Place) -> tuple[bool, str, str, str]:
    return place.resource.pending_delete, place.account, place.resource.name, str(place.resource.id)


def _is_declared_too(index: Neighbours, place: Place, owners: dict[str, Place]) -> bool:
    """Whether an existing entry is the vault of a declared one: its own, one to take over, or one of a crashed run."""
    id_ = place.resource.existing_id
    if isinstance(id_, str) and id_ in index.by_id:
        return True
    declared = owners.get(place.resource.owner or "")
    if declared is None or declared.account != place.account or not _may_be_one(declared.resource, place.resource):
        return False
    if isinstance(id_, str):
        index.by_id[id_] = declared
    return True


def _is_lost(place: Place) -> bool:
    """Whether a declared vault was there and is no more; one whose replacement was interrupted is created anew."""
    return place.is_declared and place.resource.status == GONE and not place.resource.pending_replacement


def _may_be_one(declared: Resource, existing: Resource) -> bool:
    """Whether a vault of the same owner can be what is declared: of the same kind, in the same region."""
    return isinstance(existing, type(declared)) and (
        not is_known(declared.region_id) or declared.region_id == existing.region_id
    )


def _other_region(really: str | Unknown, written: str | Unknown | None) -> str | Unknown | None:
    """Return where a vault is, if that is not where somebody wrote."""
    if written is None or (is_known(really) and is_known(written) and really == written):
        return None
    return really if is_known(written) else UNKNOWN


def _listed_regions(estate: Estate, places: list[Place], beside: Beside) -> frozenset[str] | None:
    usage = estate.usage
    if usage is not None and usage.complete:
        here = (place.resource for place in places if place.account == estate.account)
        listed = len({id_ for id_ in (resource.existing_id for resource in here) if id_ is not None and is_known(id_)})
        if usage.vaults is None or usage.vaults <= listed + beside.accounts.get(estate.account, 0):
            return None
    return frozenset(estate.listed_regions)


def _source_as_written(source: ExistingSource) -> Source:
    return Source(
        id=source.id, region_id=source.region_id, vault_name=source.vault_name, encrypt_type=source.encrypt_type
    )
