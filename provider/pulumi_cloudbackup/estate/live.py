"""A vault as the service reports it.

Decides nothing but what follows from the facts (does it hold data, is it a mirror). The service's own field names are
translated once, in ``cloud``; here everything is snake_case (reference/hbr-api.md 2.1, DescribeVaults).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate.owner import Description, split_description

if TYPE_CHECKING:
    from collections.abc import Mapping


GONE: Final = "GONE"
"""What stands for the status of a vault that the service has no more."""


@dataclass(frozen=True)
class LiveVault:
    """One vault or mirror vault of the live account."""

    id: str
    """The vault id, ``v-…``; the prefix is not guaranteed."""
    region_id: str
    """The region that the vault lives in."""
    vault_name: str = ""
    """The display name; the service does not ask for unique names."""
    raw_description: str = ""
    """The description with the owner marker, as the service holds it."""
    vault_type: str = "STANDARD"
    """STANDARD or OTS_BACKUP."""
    status: str = "UNKNOWN"
    """UNKNOWN, INITIALIZING, CREATED or ERROR."""
    status_message: str | None = None
    """Mirrors in ERROR: UNKNOWN_ERROR or SOURCE_VAULT_ALREADY_HAS_REPLICATION."""
    encrypt_type: str = "HBR_PRIVATE"
    """NONE, HBR_PRIVATE or KMS."""
    kms_key_id: str | None = None
    """The key, where the encryption is KMS."""
    redundancy_type: str | None = None
    """LRS or ZRS."""
    worm_enabled: bool = False
    """Whether the vault is locked (immutable backup)."""
    charge_type: str | None = None
    """FREE, V1, V2, AEGIS, UNI_BACKUP (database vault) or ARCHIVE (archive vault)."""
    is_trial: bool = False
    """Whether the service reports trial dates."""
    resource_group_id: str | None = None
    """The resource group."""
    owner_account_id: str | None = None
    """The account that owns the vault."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags by key."""
    created_time: int | None = None
    """Creation, in UNIX seconds."""
    is_mirror: bool = False
    """Whether this vault is a mirror (API: ``Replication``)."""
    source_region_id: str | None = None
    """Mirrors: the region of the source."""
    source_vault_id: str | None = None
    """Mirrors: the id of the source."""
    mirror_region_id: str | None = None
    """Sources: the region of the mirror."""
    mirror_vault_id: str | None = None
    """Sources: the id of the mirror."""
    replication_status: str | None = None
    """Mirrors: sample value RUNNING; other values are not documented."""
    replication_progress: int | None = None
    """Mirrors: percentage of the history that is copied."""
    snapshot_count: int = 0
    """Number of backup points."""
    bytes_done: int = 0
    """Bytes backed up."""
    bytes_stored: int = 0
    """Bytes stored, archive tier included."""

    @property
    def holds_data(self) -> bool:
        """Whether deleting the vault would lose backups, as far as the service counts them."""
        return self.snapshot_count > 0 or self.bytes_done > 0 or self.bytes_stored > 0

    @property
    def parts(self) -> Description:
        """The description taken apart into text and owner."""
        return split_description(self.raw_description)
