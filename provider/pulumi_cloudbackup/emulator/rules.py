"""What the service allows.

One function per rule; each returns silently or raises the refusal. Nothing here writes. Sources: reference sections
5.1-5.6; the rules are the emulator's own reading and share nothing with the rule book of the provider.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_cloudbackup.emulator.fields import ENCRYPT_TYPES, REDUNDANCY_TYPES
from pulumi_cloudbackup.emulator.parameters import Parameters
from pulumi_cloudbackup.emulator.refusals import invalid_parameter, known, missing_parameter, own
from pulumi_cloudbackup.emulator.regions import ZONE_REDUNDANT_REGIONS
from pulumi_cloudbackup.emulator.settings import Settings
from pulumi_cloudbackup.emulator.vaults import Vault, Vaults

NAME_LIMIT = 64
DESCRIPTION_LIMIT = 255
TAG_LIMIT = 20
TAG_LENGTH_LIMIT = 128
YOUNG_SECONDS = 7200.0
"""A vault younger than this cannot be deleted while it is INITIALIZING (section 5.6, 3: both, as the Chinese says)."""


def known_region(name: str, region_id: str, settings: Settings) -> None:
    """Require a region that the service has (section 5.2)."""
    if region_id not in settings.regions:
        raise invalid_parameter(name, f'Cloud Backup has no region "{region_id}".')


def name_length(name: str) -> None:
    """Require a name of 1 to 64 characters, not bytes (A:CreateVault)."""
    if not 1 <= len(name) <= NAME_LIMIT:
        raise invalid_parameter("VaultName", f"It is 1 to {NAME_LIMIT} characters long, not {len(name)}.")


def description_length(description: str) -> None:
    """Require a description of at most 255 characters, not bytes (A:CreateVault)."""
    if len(description) > DESCRIPTION_LIMIT:
        raise invalid_parameter(
            "Description", f"It is at most {DESCRIPTION_LIMIT} characters long, not {len(description)}."
        )


def encryption(parameters: Parameters) -> dict[str, str]:
    """Require a key for KMS; with HBR_PRIVATE, the default, a key means nothing and is dropped (section 5.3)."""
    encrypt_type = parameters.choice("EncryptType", ENCRYPT_TYPES) or "HBR_PRIVATE"
    if encrypt_type == "KMS":
        return {"EncryptType": "KMS", "KmsKeyId": parameters.required("KmsKeyId")}
    return {"EncryptType": "HBR_PRIVATE"}


def redundancy(region_id: str, asked: str | None) -> str:
    """Return ZRS where a region has it unless LRS is asked for, else LRS; refuse ZRS elsewhere (section 5.2)."""
    if region_id in ZONE_REDUNDANT_REGIONS:
        return asked or "ZRS"
    if asked == "ZRS":
        raise own("RedundancyTypeNotSupported", f"Region {region_id} has no zone-redundant storage (ZRS).")
    return "LRS"


def asked_redundancy(parameters: Parameters) -> str | None:
    """Return the redundancy type that is asked for, LRS or ZRS (SDK)."""
    return parameters.choice("RedundancyType", REDUNDANCY_TYPES)


def vault_quota(vaults: Vaults, owner: int, settings: Settings) -> None:
    """Allow an account 100 vaults (A:CreateVault); mirrors count too (not known: the stricter reading)."""
    if vaults.count(owner) >= settings.vaults_per_account:
        raise own("VaultQuotaExceeded", f"The account already has {settings.vaults_per_account} vaults.")


def target_quota(vaults: Vaults, owner: int, region_id: str, settings: Settings) -> None:
    """Allow an account 5 replication target vaults in a region (NEW1); failed ones count until deleted."""
    if vaults.count(owner, targets_in=region_id) >= settings.mirrors_per_region:
        raise own(
            "ReplicationVaultQuotaExceeded",
            f"The account already has {settings.mirrors_per_region} replication target vaults in {region_id}.",
        )


def mirror_regions(source_region_id: str, region_id: str, settings: Settings) -> None:
    """Require another region than the source's, one that takes mirrors (section 5.2)."""
    if source_region_id == region_id:
        raise own("ReplicationInSameRegion", f"The source vault is in {region_id} too; a mirror is in another region.")
    if region_id not in settings.replication_regions:
        raise own("ReplicationRegionNotSupported", f"Region {region_id} does not support replication target vaults.")


def mirrorable_source(source: Vault, now: float) -> None:
    """Require a healthy, paid, general or Tablestore vault that is not itself a mirror (section 5.1)."""
    named = f'The source vault "{source.vault_id}"'
    if source.gone_at is not None:
        raise own("SourceVaultBeingDeleted", f"{named} is being deleted.")
    if source.is_target:
        raise own("SourceVaultIsReplicationVault", f"{named} is a replication target vault: there are no chains.")
    if source.status == "INITIALIZING":
        raise own("SourceVaultNotReady", f"{named} is INITIALIZING; it can be mirrored once it is CREATED.")
    if source.status != "CREATED":
        raise own("SourceVaultAbnormal", f"{named} is in status {source.status}.")
    charge_type = source.fields["ChargeType"]
    trial = source.fields.get("TrialInfo") or {}
    if charge_type == "FREE" or trial.get("TrialExpireTime", 0) > now:
        raise own("SourceVaultOnTrial", f"{named} is a free trial vault.")
    if charge_type == "ARCHIVE" or source.fields["VaultStorageClass"] != "STANDARD":
        raise own("SourceVaultIsArchive", f"{named} is an archive vault.")
    if charge_type == "UNI_BACKUP":
        raise own("SourceVaultIsDatabase", f"{named} is a database backup vault.")


def equal_encryption(source: Vault, encrypt_type: str) -> None:
    """Require the encryption method of the source; not given means HBR_PRIVATE (section 5.3)."""
    if source.fields["EncryptType"] != encrypt_type:
        raise own(
            "EncryptTypeMismatch",
            f"The source vault is encrypted by {source.fields['EncryptType']}, the mirror would be by {encrypt_type}.",
        )


def worm_change(vault: Vault, *, enable: bool) -> None:
    """Refuse to switch WORM off, or on for a trial vault or a running mirror alone (section 5.5)."""
    enabled = bool(vault.fields["WormEnabled"])
    if enabled and not enable:
        raise own("WormCannotBeDisabled", "Immutable backup cannot be disabled after it is enabled.")
    if enable and not enabled:
        if vault.fields["ChargeType"] == "FREE" or vault.fields.get("TrialInfo"):
            raise own("WormNotSupported", "A trial vault does not support immutable backup.")
        if vault.is_target and vault.source_id is not None:
            raise own("WormNotSupported", "A replicating mirror is locked with its source, not on its own.")


def deletable(vaults: Vaults, vault: Vault, now: float) -> None:
    """Require that the mirror went first, no locked data, and no young INITIALIZING (sections 5.5, 5.6)."""
    named = f'The vault "{vault.vault_id}"'
    if vaults.is_mirrored(vault):
        raise known(
            "CannotDeleteReplicationSourceVault", f"{named} has a replication target vault; delete that one first."
        )
    if now < vault.release_at:
        raise known(
            "CannotDeleteReplicationSourceVault",
            f"The replication of {named[0].lower()}{named[1:]} is still being released; try again later.",
        )
    if vault.status == "INITIALIZING" and now - vault.fields["CreatedTime"] < YOUNG_SECONDS:
        raise own("VaultInitializing", f"{named} is INITIALIZING and younger than two hours; it cannot be deleted yet.")
    if vault.fields["WormEnabled"] and vault.holds_data:
        raise own("VaultLocked", f"{named} is immutable (WORM) and holds data; it cannot be deleted.")


def tag_texts(pairs: Iterable[tuple[str, str]]) -> None:
    """Require keys and values of at most 128 characters, no reserved prefix, no address (section 5.4)."""
    seen = set()
    for number, (key, value) in enumerate(pairs, start=1):
        if not key:
            raise invalid_parameter(f"Tag.{number}.Key", "It must not be empty.")
        if key in seen:
            raise invalid_parameter(f"Tag.{number}.Key", f'The key "{key}" is given more than once.')
        seen.add(key)
        for part, text in (("Key", key), ("Value", value)):
            if len(text) > TAG_LENGTH_LIMIT:
                raise invalid_parameter(f"Tag.{number}.{part}", f"It is at most {TAG_LENGTH_LIMIT} characters long.")
            if text.startswith(("aliyun", "acs:")):
                raise invalid_parameter(f"Tag.{number}.{part}", "It must not start with aliyun or acs:.")
            if "http://" in text or "https://" in text:
                raise invalid_parameter(f"Tag.{number}.{part}", "It must not contain http:// or https://.")


def tag_quota(tags: Mapping[str, str]) -> None:
    """Allow a vault 20 tags (section 5.4)."""
    if len(tags) > TAG_LIMIT:
        raise own("TagQuotaExceeded", f"A vault has at most {TAG_LIMIT} tags; it would have {len(tags)}.")


def one_region(named: str | None, vault_region_id: str) -> None:
    """Require that a vault is made in the region that is called (section 2.1; the service's own answer is unknown)."""
    if named is not None and named != vault_region_id:
        raise own(
            "RegionMismatch",
            f"The call was sent to region {named}, but VaultRegionId is {vault_region_id}; send it to that region.",
        )


def not_empty(name: str, values: list[Any]) -> None:
    """Require one item at least."""
    if not values:
        raise missing_parameter(f"{name}.1")
