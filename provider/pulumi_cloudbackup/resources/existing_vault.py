"""A source that this program does not declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pulumi


@dataclass(frozen=True)
class ExistingVault:
    """A vault that somebody else manages, as the source of a mirror; nothing is read or changed by naming it."""

    id: pulumi.Input[str]
    """The vault id, such as ``v-0001`` or an output of a stack reference."""
    region_id: pulumi.Input[str]
    """The region that it lives in."""
    vault_name: pulumi.Input[str] | None = None
    """Its name, for the mirror's default name; absent: its id stands in."""
    encrypt_type: pulumi.Input[str] | None = None
    """Its encryption method, to be compared in preview; absent: compared before the mirror is created."""
