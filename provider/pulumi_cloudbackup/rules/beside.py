"""What is in the accounts beside an estate: counts, where nothing else of it matters to any rule.

Decides nothing. Whoever leaves resources out of an estate answers for it that each is declared, exists, breaks no rule,
and that nothing in the estate refers to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Beside:
    """Vaults and mirrors that are left out of an estate."""

    accounts: Mapping[str, int] = field(default_factory=dict)
    """How many vaults and mirrors by account."""
    mirrors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How many of them are mirrors, by account and region."""
    reports_mirrors: bool = False
    """Whether the service reports the mirror of one of the vaults."""


NOTHING_BESIDE = Beside()
