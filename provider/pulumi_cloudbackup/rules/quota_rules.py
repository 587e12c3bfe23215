"""How many vaults and mirrors an account may have: CB211, CB212.

A count has three parts: what exists, what will surely be added, and what may be added or may be elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MIRRORS_PER_REGION: Final = 5
"""Mirrors per region and account (hbr-api.md 5.1, NEW1)."""
VAULTS_PER_ACCOUNT: Final = 100
"""Vaults per account (hbr-api.md 5.1, A:CreateVault)."""


@dataclass(frozen=True)
class Count:
    """How much of one quota an account would use."""

    account: str
    limit: int
    existing: int
    """What is there and stays."""
    added: tuple[str, ...]
    """The names of what will be there in addition, sorted."""
    uncertain: tuple[str, ...] = ()
    """The names of what may be there in addition: its region or its id is known only after apply."""
    region_id: str = ""
    """The region that is counted; empty: the whole account."""
    mirrors: int = 0
    """How many of all are mirrors."""
    is_lower_bound: bool = True
    """Whether there may be more than was counted."""

    @property
    def total(self) -> int:
        """How many there will be for certain."""
        return self.existing + len(self.added)


def limit_of(limits: Mapping[str, int] | None, names: tuple[str, ...], documented: int) -> int:
    """Return the quota of an account: its own where it has one, or else the documented one."""
    return next((limits[name] for name in names if limits and name in limits), documented)


@rule("CB211", "More than five mirror vaults in a region")
def region_has_room_for_mirrors(count: Count) -> Iterator[Finding]:
    """Check that an account has at most five mirror vaults in one region, those included that exist already.

    Why it matters: the service refuses the sixth. By then the other resources of the update have been created, and
    which of the mirrors is refused is chance. A mirror in status ERROR counts until it is deleted.

    How to fix it: put some mirrors into another region, first delete mirrors that are no longer needed, or ask the
    vendor for a larger quota and write it into the setting ``cloudbackup:limits``.
    """
    if count.added and count.total > count.limit:
        yield Broken(
            "region_id",
            f"There would be {_at_least(count)}{count.total} mirror vaults in {count.region_id}{_of(count)}"
            f"{_already(count)}. The service takes {count.limit} per region and account and refuses the others.",
            f"Put {count.total - count.limit} of them into another region, or first run an update that only removes "
            "mirrors: what a program removes goes after what it adds.",
            subjects=count.added,
        )
    elif count.total + len(count.uncertain) > count.limit:
        yield NotYetKnown("region_id")


@rule("CB212", "More than a hundred vaults in an account")
def account_has_room_for_vaults(count: Count) -> Iterator[Finding]:
    """Check that an account has at most 100 vaults, those included that exist already. Mirror vaults are counted.

    Why it matters: the service refuses to create the next vault, after other resources of the update have been created.
    Whether mirrors count is in no document; this rule counts them, because a preview that is too strict can be
    corrected, and an update that stops half-way is worse. The message says how many of the vaults are mirrors.

    How to fix it: first delete vaults that are no longer needed, use a second account, or ask the vendor for a larger
    quota and write it into the setting ``cloudbackup:limits``.
    """
    if count.added and count.total > count.limit:
        doubt = (
            f" ({count.mirrors} of them are mirror vaults; no document says whether those count)"
            if count.total - count.mirrors <= count.limit
            else ""
        )
        yield Broken(
            "region_id",
            f"There would be {_at_least(count)}{count.total} vaults{_of(count)}{_already(count)}{doubt}. The service "
            f"takes {count.limit} per account and refuses the others.",
            f"Remove {count.total - count.limit} of them, or first run an update that only removes vaults: what a "
            "program removes goes after what it adds.",
            subjects=count.added,
        )
    elif count.total + len(count.uncertain) > count.limit:
        yield NotYetKnown("id")


def _at_least(count: Count) -> str:
    return "at least " if count.is_lower_bound or count.uncertain else ""


def _of(count: Count) -> str:
    return "" if count.account == "default" else f' of account "{count.account}"'


def _already(count: Count) -> str:
    return f", {count.existing} of which exist already" if count.existing else ""
