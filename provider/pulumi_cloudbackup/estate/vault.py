"""Vaults: where backup data is stored, in one region (reference/hbr-api.md 2.1, CreateVault)."""

from __future__ import annotations

from typing import Final

from pulumi_cloudbackup.estate.resource import DeclaredResource, MaybeBool, MaybeText
from pulumi_cloudbackup.estate.unknown import Unknown

VAULT_NAME_LIMIT: Final = 64
"""Characters of a vault name at most."""
DEFAULT_VAULT_TYPE: Final = "STANDARD"
DEFAULT_ENCRYPT_TYPE: Final = "HBR_PRIVATE"


class Vault(DeclaredResource):
    """A vault of an estate."""

    vault_type: MaybeText = DEFAULT_VAULT_TYPE
    """STANDARD or OTS_BACKUP."""
    encrypt_type: MaybeText = DEFAULT_ENCRYPT_TYPE
    """HBR_PRIVATE or KMS."""
    worm_enabled: MaybeBool = False
    """Whether the vault is locked (immutable backup); cannot be switched off."""
    resource_group_id: MaybeText | None = None
    """The resource group; absent: the account's default."""
    tags: dict[str, MaybeText] | Unknown | None = None
    """Tags by key, at most 20."""
    force_destroy: MaybeBool = False
    """Consent that deleting or replacing the vault destroys its backup data."""
    charge_type: MaybeText | None = None
    """As the service reports it: FREE (trial), V1, V2, AEGIS, UNI_BACKUP (database vault), ARCHIVE (archive vault)."""
    is_trial: MaybeBool | None = None
    """Whether the service reports a free trial."""
    mirror_id: MaybeText | None = None
    """The id of the mirror that the service reports for it."""
    mirror_region_id: MaybeText | None = None
    """The region of that mirror."""

    @property
    def display_name(self) -> str | Unknown:
        """The vault name with its default: the resource name, cut to 64 characters."""
        return self.name[:VAULT_NAME_LIMIT] if self.vault_name is None else self.vault_name
