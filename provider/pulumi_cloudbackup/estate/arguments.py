"""The arguments of the resource classes, as a program gives them and as an engine's state keeps them."""

from __future__ import annotations

from typing import Final

_BOTH: Final = (
    "region_id",
    "vault_name",
    "description",
    "encrypt_type",
    "kms_key_id",
    "adopt_id",
    "account",
    "timeout",
    "owner",
)
VAULT_ARGUMENTS: Final = (
    *_BOTH,
    "vault_type",
    "worm_enabled",
    "resource_group_id",
    "tags",
    "force_destroy",
)
MIRROR_ARGUMENTS: Final = (*_BOTH, "redundancy_type", "allow_last_copy_loss")
"""Without those about the source, which are told otherwise."""
