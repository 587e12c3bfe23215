"""What a policy looks at: what is declared, what there is, and the plan that leads from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from pulumi_cloudbackup.estate import UNKNOWN, Estate, ExistingSource, MirrorVault, Unknown, Vault, is_known
from pulumi_cloudbackup.estate.mirror import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.estate.resource import DeclaredResource
    from pulumi_cloudbackup.planning import Plan

_Key: TypeAlias = tuple[str, str]
"""Account and name."""


@dataclass(frozen=True)
class Proposal:
    """What somebody proposes to do to an estate."""

    desired: Estate
    """What is declared."""
    current: Estate | None = None
    """What there is; ``None``: nobody says."""
    plan: Plan | None = None
    """What an update would do; ``None``: only what is declared is judged."""

    @cached_property
    def vaults(self) -> tuple[Vault, ...]:
        """The vaults that are declared."""
        return tuple(vault for vault in self.desired.vaults if _is_declared(vault))

    @cached_property
    def mirrors(self) -> tuple[MirrorVault, ...]:
        """The mirror vaults that are declared."""
        return tuple(mirror for mirror in self.desired.mirrors if _is_declared(mirror))

    @property
    def declared(self) -> tuple[Vault | MirrorVault, ...]:
        """The vaults, then the mirror vaults that are declared."""
        return (*self.vaults, *self.mirrors)

    def mirrors_of(self, vault: Vault) -> tuple[MirrorVault, ...]:
        """Return the declared mirrors of a vault: one at most, unless something is wrong."""
        return tuple(self._mirrors.get(self._key_of(vault), ()))

    def source_of(self, mirror: MirrorVault) -> Vault | None:
        """Return the vault that a mirror copies; ``None``: it is not declared here."""
        return self._sources.get((mirror.account or self.desired.account, mirror.name))

    def is_source_known(self, mirror: MirrorVault) -> bool:
        """Return whether it is known which vault a mirror copies, be it declared here or not."""
        return not isinstance(mirror.source, ExistingSource) or is_known(mirror.source.id)

    def source_region_of(self, mirror: MirrorVault) -> str | Unknown | None:
        """Return the region of a mirror's source; ``None``: nobody says."""
        return self.known_of_source(mirror).region_id

    def known_of_source(self, mirror: MirrorVault) -> Source:
        """Return what is known of a mirror's source: what it declares, or else what the mirror tells of it."""
        source = self.source_of(mirror)
        if source is not None:
            return Source.of_vault(source)
        told = mirror.source
        if isinstance(told, ExistingSource):
            return Source(
                id=told.id, region_id=told.region_id, vault_name=told.vault_name, encrypt_type=told.encrypt_type
            )
        account = mirror.account or self.desired.account
        return next(
            (Source.of_vault(one) for one in self.desired.vaults if self._key_of(one) == (account, told)), Source()
        )

    def has_tags(self, vault: Vault, tags: Mapping[str, str] | None) -> bool | Unknown:
        """Return whether a vault has all of some tags; ``UNKNOWN`` where its own are not known yet."""
        if not tags:
            return True
        own = vault.tags
        if isinstance(own, Unknown):
            return UNKNOWN
        values = {key: (own or {}).get(key) for key in tags}
        if any(is_known(value) and value != tags[key] for key, value in values.items()):
            return False
        return True if all(is_known(value) for value in values.values()) else UNKNOWN

    @cached_property
    def _sources(self) -> dict[_Key, Vault]:
        """The source of each mirror by the mirror's account and name."""
        by_name = {self._key_of(vault): vault for vault in self.vaults}
        by_id = {id_: vault for vault in self.vaults for id_ in (vault.adopt_id, vault.id) if isinstance(id_, str)}
        found: dict[_Key, Vault] = {}
        for mirror in self.mirrors:
            key = self._key_of(mirror)
            if isinstance(mirror.source, ExistingSource):
                source = by_id.get(mirror.source.id) if isinstance(mirror.source.id, str) else None
            else:
                source = by_name.get((key[0], mirror.source))
            if source is not None:
                found[key] = source
        return found

    @cached_property
    def _mirrors(self) -> dict[_Key, list[MirrorVault]]:
        """The mirrors of each source by the source's account and name."""
        found: dict[_Key, list[MirrorVault]] = {}
        for mirror in self.mirrors:
            source = self.source_of(mirror)
            if source is not None:
                found.setdefault(self._key_of(source), []).append(mirror)
        return found

    def _key_of(self, resource: DeclaredResource) -> _Key:
        return resource.account or self.desired.account, resource.name


def _is_declared(resource: DeclaredResource) -> bool:
    return resource.managed_by in (None, "this") and not resource.pending_delete
