"""The port to the service: the few verbs that the resources need. Each raises ``CloudError``.

Every call names its region, because the service is regional: the region is in the host name of the real service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.estate import LiveVault


@dataclass(frozen=True)
class NewVault:
    """What CreateVault is asked for (hbr-api.md 2.1)."""

    region_id: str
    vault_name: str
    description: str
    vault_type: str
    encrypt_type: str
    kms_key_id: str | None
    worm_enabled: bool


@dataclass(frozen=True)
class NewMirror:
    """What CreateReplicationVault is asked for (hbr-api.md 2.1)."""

    region_id: str
    vault_name: str
    description: str
    source_region_id: str
    source_vault_id: str
    encrypt_type: str
    kms_key_id: str | None
    redundancy_type: str | None


@dataclass(frozen=True)
class VaultChanges:
    """What UpdateVault is asked for; ``None``: leave it."""

    vault_name: str | None = None
    description: str | None = None
    worm_enabled: bool | None = None
    resource_group_id: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return self == VaultChanges()


class CloudBackup(Protocol):
    """The service, for one account."""

    def list_vaults(self, region_id: str) -> Sequence[LiveVault]:
        """Return all vaults and mirrors of a region; one call per 99 vaults."""
        ...

    def get_vault(self, region_id: str, vault_id: str) -> LiveVault | None:
        """Return one vault, or ``None`` where the region has none of that id."""
        ...

    def create_vault(self, new: NewVault) -> str:
        """Start the creation of a vault and return its id; it is INITIALIZING then."""
        ...

    def create_mirror(self, new: NewMirror) -> str:
        """Start the creation of a mirror and return its id; a second mirror is accepted and ends in ERROR."""
        ...

    def update_vault(self, region_id: str, vault_id: str, changes: VaultChanges) -> None:
        """Change a vault or mirror in place."""
        ...

    def tag_vault(self, region_id: str, vault_id: str, tags: Mapping[str, str]) -> None:
        """Add tags or overwrite their values."""
        ...

    def untag_vault(self, region_id: str, vault_id: str, keys: Sequence[str]) -> None:
        """Remove tags by key."""
        ...

    def delete_vault(self, region_id: str, vault_id: str) -> None:
        """Start the deletion of a vault or mirror; all its data is lost."""
        ...

    def credentials_hint(self) -> str:
        """Return a digest that is equal for equal access keys, which belong to one account; asks nobody."""
        ...

    def list_regions(self) -> Sequence[str]:
        """Return the ids of the regions that the service has."""
        ...

    def list_mirror_regions(self, region_id: str) -> Sequence[str]:
        """Return the ids of the regions that mirror vaults can be created in."""
        ...
