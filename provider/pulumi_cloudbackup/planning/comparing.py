"""What a change of properties means: nothing, an update in place, or a replacement.

Pure: compares the old outputs with the new inputs, the declared arguments only. An unknown in an argument that
replaces means replace, also in a real update, because the engine asks so for dependents of a replaced resource
(reference/pulumi-engine.md 2.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import Unknown, holds_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

VAULT_REPLACES: Final = ("region_id", "vault_type", "encrypt_type", "kms_key_id")
VAULT_UPDATES: Final = (
    "vault_name",
    "description",
    "tags",
    "worm_enabled",
    "resource_group_id",
    "force_destroy",
    "retained",
    "timeout",
    "owner",
    "account",
)
MIRROR_REPLACES: Final = (
    "region_id",
    "source_vault_id",
    "source_region_id",
    "encrypt_type",
    "kms_key_id",
    "redundancy_type",
)
MIRROR_UPDATES: Final = ("vault_name", "description", "allow_last_copy_loss", "timeout", "owner", "account")
_UNMANAGED_WHEN_ABSENT: Final = ("resource_group_id", "encrypt_type", "redundancy_type")
"""Left as they are where the program does not mention them: the service chose."""


@dataclass(frozen=True)
class Difference:
    """Which arguments differ."""

    replaces: tuple[str, ...]
    """Arguments whose difference replaces the resource."""
    updates: tuple[str, ...]
    """Arguments whose difference is mended in place."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not self.replaces and not self.updates


def known_or(replaces: tuple[str, ...], after: Mapping[str, Any], *always: str) -> tuple[str, ...]:
    """Return the arguments that surely differ, and those named: an unknown value may turn out to be the old one.

    A replacement for unknown values alone is not refused in advance; the delete that it starts with asks for itself.
    """
    return tuple(key for key in replaces if key in always or not isinstance(after.get(key), Unknown))


def vault_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare a vault's old outputs with its new inputs."""
    return _difference(before, after, VAULT_REPLACES, VAULT_UPDATES)


def mirror_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare a mirror's old outputs with its new inputs."""
    return _difference(before, after, MIRROR_REPLACES, MIRROR_UPDATES)


def _difference(
    before: Mapping[str, Any], after: Mapping[str, Any], replaces: tuple[str, ...], updates: tuple[str, ...]
) -> Difference:
    changed = tuple(key for key in updates if _differs(key, before, after))
    if "owner" not in changed and _live_owner_differs(before, after):
        changed = (*changed, "owner")
    return Difference(tuple(key for key in replaces if _differs(key, before, after)), changed)


def _differs(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    old, new = before.get(key), after.get(key)
    if new is None and key in _UNMANAGED_WHEN_ABSENT:
        return False
    if isinstance(old, Unknown) or holds_unknown(new):
        return True
    left, right = (None if value is False or value in ("", {}) else value for value in (old, new))
    return bool(left != right)


def _live_owner_differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    seen: object = before.get("live_owner")
    return seen is not None and seen != after.get("owner")
