"""Mirror vaults: vaults in another region that continuously receive a copy of all data of one vault (product page)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from pulumi_cloudbackup.estate.resource import DeclaredResource, MaybeBool, MaybeText
from pulumi_cloudbackup.estate.unknown import UNKNOWN, Unknown, is_known
from pulumi_cloudbackup.estate.vault import DEFAULT_ENCRYPT_TYPE, VAULT_NAME_LIMIT

if TYPE_CHECKING:
    from pulumi_cloudbackup.estate.vault import Vault

_NAME_PREFIX: Final = "[COPY]-"


class ExistingSource(BaseModel):
    """A source that the same program or estate does not declare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: MaybeText
    """The id of the vault."""
    region_id: MaybeText
    """The region that it lives in."""
    vault_name: MaybeText | None = None
    """Its name, where it was given."""
    encrypt_type: MaybeText | None = None
    """Its encryption method, where it was given."""


class MirrorVault(DeclaredResource):
    """A mirror of an estate."""

    source: str | ExistingSource
    """The name of a vault of the same estate and account, or an existing vault."""
    encrypt_type: MaybeText | None = None
    """HBR_PRIVATE or KMS; absent: as the source."""
    redundancy_type: MaybeText | None = None
    """LRS or ZRS; absent: what the region does by default."""
    allow_last_copy_loss: MaybeText | None = None
    """The id of this mirror, as consent to lose the last copy of the data."""
    replication_status: str | None = None
    """As the service reports it."""
    replication_progress: int | None = None
    """Percentage of the history that is copied."""
    source_status: str | None = None
    """The status of its source when the mirror was last read; ``GONE``: the service had it no more."""
    status_message: str | None = None
    """In ERROR: UNKNOWN_ERROR or SOURCE_VAULT_ALREADY_HAS_REPLICATION."""
    worm_enabled: MaybeBool | None = None
    """Whether the service reports the mirror as locked (immutable backup), as its source is."""


@dataclass(frozen=True)
class Source:
    """What is known about the source of one mirror, wherever it was learned; ``None``: this caller cannot tell."""

    id: str | Unknown | None = None
    region_id: str | Unknown | None = None
    vault_name: str | Unknown | None = None
    vault_type: str | Unknown | None = None
    encrypt_type: str | Unknown | None = None
    kms_key_id: str | Unknown | None = None
    said_encrypt_type: str | Unknown | None = None
    """What a program says of a source that it does not declare, where ``encrypt_type`` is what was found."""
    status: str | None = None
    """UNKNOWN, INITIALIZING, CREATED or ERROR; ``GONE``: the service has it no more."""
    charge_type: str | Unknown | None = None
    is_trial: bool | Unknown | None = None

    @staticmethod
    def of_vault(vault: Vault) -> Source:
        """Return what a declared vault tells about itself as a source."""
        return Source(
            id=UNKNOWN if vault.id is None else vault.id,
            region_id=vault.region_id,
            vault_name=vault.display_name,
            vault_type=vault.vault_type,
            encrypt_type=vault.encrypt_type,
            kms_key_id=vault.kms_key_id,
            status=None if vault.pending_replacement else vault.status,
            charge_type=vault.charge_type,
            is_trial=vault.is_trial,
        )


def mirror_encrypt_type(mirror: MirrorVault, source: Source) -> str | Unknown | None:
    """Return a mirror's encryption method: its own, or else its source's; ``None``: this caller cannot tell."""
    return source.encrypt_type if mirror.encrypt_type is None else mirror.encrypt_type


def default_mirror_name(source_name: str | Unknown) -> str | Unknown:
    """Return the name that the console would give, cut to 64 characters (product page, "Vault Name")."""
    return f"{_NAME_PREFIX}{source_name}"[:VAULT_NAME_LIMIT] if is_known(source_name) else UNKNOWN


def default_mirror_description(source_name: str | Unknown, source_id: str | Unknown, limit: int) -> str | Unknown:
    """Return the description that the console would give, cut to ``limit`` characters (product page)."""
    if not is_known(source_name) or not is_known(source_id):
        return UNKNOWN
    return f"From {source_name}({source_id})"[:limit]


__all__ = [
    "DEFAULT_ENCRYPT_TYPE",
    "ExistingSource",
    "MirrorVault",
    "Source",
    "default_mirror_description",
    "default_mirror_name",
    "mirror_encrypt_type",
]
