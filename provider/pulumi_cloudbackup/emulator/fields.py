"""The fields of a vault as DescribeVaults shows them: names, types and the values of a new vault.

Decides what a well-typed field is, so that a test cannot set one that no client could read. Source: A:DescribeVaults
and SDK `models/_describe_vaults_response_body.py`.
"""

from collections.abc import Mapping
from typing import Any

STATUSES = ("UNKNOWN", "INITIALIZING", "CREATED", "ERROR")
VAULT_TYPES = ("STANDARD", "OTS_BACKUP")
ENCRYPT_TYPES = ("HBR_PRIVATE", "KMS")
REDUNDANCY_TYPES = ("LRS", "ZRS")

_TEXTS = (
    "BucketName",
    "ChargeType",
    "CompressionAlgorithm",
    "Description",
    "EncryptType",
    "IndexLevel",
    "KmsKeyId",
    "RedundancyType",
    "ReplicationSourceRegionId",
    "ReplicationSourceVaultId",
    "ReplicationStatus",
    "ReplicationTargetRegionId",
    "ReplicationTargetVaultId",
    "ResourceGroupId",
    "Status",
    "VaultName",
    "VaultRegionId",
    "VaultStatusMessage",
    "VaultStorageClass",
    "VaultType",
)
_INTEGERS = (
    "ArchiveBytesDone",
    "ArchiveStorageSize",
    "BytesDone",
    "ChargedStorageSize",
    "CreatedTime",
    "IndexUpdateTime",
    "LatestReplicationTime",
    "ReplicationSourceOwnerId",
    "ReplicationTargetOwnerId",
    "Retention",
    "SnapshotCount",
    "StorageSize",
    "UpdatedTime",
    "VaultOwnerId",
)
_BOOLEANS = ("Dedup", "IndexAvailable", "Replication", "ReplicationSourceVault", "SearchEnabled", "WormEnabled")
_PLAN_KINDS = (
    "Archive",
    "CommonFileSystem",
    "CommonNas",
    "Cpfs",
    "Csg",
    "EcsFile",
    "EcsHana",
    "Isilon",
    "LocalFile",
    "LocalVm",
    "MySql",
    "Nas",
    "Oracle",
    "Oss",
    "Ots",
    "SqlServer",
)

FIELD_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_BOOLEANS, bool),
    "BackupPlanStatistics": dict.fromkeys(_PLAN_KINDS, int),
    "ReplicationProgress": {"HistoricalReplicationProgress": int, "NewReplicationProgress": int},
    "RsTargetAccountIds": {"RsTargetAccountId": [int]},
    "SourceTypes": {"SourceType": [str]},
    "Tags": {"Tag": [{"Key": str, "Value": str}]},
    "TrialInfo": {
        "KeepAfterTrialExpiration": bool,
        "TrialExpireTime": int,
        "TrialStartTime": int,
        "TrialVaultReleaseTime": int,
    },
}
"""The type of every field; an object gives the types of its fields, a list that of its items."""

_WORDS = {
    "Status": STATUSES,
    "VaultType": VAULT_TYPES,
    "EncryptType": ("NONE", *ENCRYPT_TYPES),
    "RedundancyType": REDUNDANCY_TYPES,
}
_INDISPENSABLE = frozenset(
    {
        "Status",
        "VaultName",
        "VaultType",
        "VaultRegionId",
        "VaultOwnerId",
        "Replication",
        "ResourceGroupId",
        "CreatedTime",
    }
    | {"Tags", "EncryptType", "RedundancyType", "WormEnabled", "ChargeType", "UpdatedTime"}
)
_TYPE_NAMES = {str: "text", int: "an integer", bool: "true or false"}


def why_not(name: str, value: object) -> str | None:
    """Return why a field cannot have this value, None when it can; null takes a field away."""
    if name not in FIELD_TYPES:
        if name == "VaultId":
            return "VaultId is the vault's identity and cannot be changed."
        return f"A vault has no field {name}."
    if value is None:
        return f"{name} cannot be taken away." if name in _INDISPENSABLE else None
    if name in _WORDS and value not in _WORDS[name]:
        return f"{name} must be one of {', '.join(_WORDS[name])}."
    return _mistyped(name, FIELD_TYPES[name], value)


def _mistyped(place: str, expected: Any, value: object) -> str | None:
    """Return where a value has the wrong type."""
    if isinstance(expected, dict):
        return _mistyped_object(place, expected, value)
    if isinstance(expected, list):
        if not isinstance(value, list):
            return f"{place} must be a list."
        return _first(_mistyped(f"{place}[{index}]", expected[0], item) for index, item in enumerate(value))
    if type(value) is not expected:
        return f"{place} must be {_TYPE_NAMES[expected]}."
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return f"{place} must fit into 64 bits."
    return None


def _mistyped_object(place: str, expected: dict[str, Any], value: object) -> str | None:
    """Return where an object has the wrong fields."""
    if not isinstance(value, dict):
        return f"{place} must be an object."
    unknown = sorted(set(value) - set(expected))
    if unknown:
        return f"{place} has no field {unknown[0]}."
    return _first(_mistyped(f"{place}.{name}", expected[name], item) for name, item in value.items())


def _first(reasons: Any) -> str | None:
    """Return the first reason there is."""
    return next((reason for reason in reasons if reason is not None), None)


def fields_of_new_vault(bucket_name: str, resource_group_id: str) -> dict[str, Any]:
    """Return the fields that are equal for all new vaults; those of an empty vault's sizes are assumed."""
    return {
        "ArchiveBytesDone": 0,
        "ArchiveStorageSize": 0,
        "BackupPlanStatistics": dict.fromkeys(_PLAN_KINDS, 0),
        "BucketName": bucket_name,
        "BytesDone": 0,
        "ChargeType": "V1",
        "ChargedStorageSize": 0,
        "CompressionAlgorithm": "ZSTD",
        "Dedup": True,
        "Description": "",
        "IndexAvailable": False,
        "IndexLevel": "OFF",
        "IndexUpdateTime": 0,
        "ResourceGroupId": resource_group_id,
        "Retention": 0,
        "RsTargetAccountIds": {"RsTargetAccountId": []},
        "SearchEnabled": False,
        "SnapshotCount": 0,
        "SourceTypes": {"SourceType": []},
        "StorageSize": 0,
        "Tags": {"Tag": []},
        "VaultStorageClass": "STANDARD",
        "WormEnabled": False,
    }
