"""The nouns: vaults, mirror vaults, regions, unknown values, owners and estates.

Pure: standard library and pydantic only; no I/O, no clock, no environment, no Pulumi.
"""

from pulumi_cloudbackup.estate.estate import (
    Document,
    Estate,
    EstateError,
    document_from_json,
    estate_from_content,
    estate_from_json,
    estate_to_json,
)
from pulumi_cloudbackup.estate.live import LiveVault
from pulumi_cloudbackup.estate.mirror import ExistingSource, MirrorVault, Source
from pulumi_cloudbackup.estate.region import Region, nearest_region_ids, regions
from pulumi_cloudbackup.estate.unknown import (
    UNKNOWN,
    Unknown,
    UnknownComparedError,
    comparing_is_refused,
    holds_unknown,
    is_known,
)
from pulumi_cloudbackup.estate.vault import Vault

__all__ = [
    "UNKNOWN",
    "Document",
    "Estate",
    "EstateError",
    "ExistingSource",
    "LiveVault",
    "MirrorVault",
    "Region",
    "Source",
    "Unknown",
    "UnknownComparedError",
    "Vault",
    "comparing_is_refused",
    "document_from_json",
    "estate_from_content",
    "estate_from_json",
    "estate_to_json",
    "holds_unknown",
    "is_known",
    "nearest_region_ids",
    "regions",
]
