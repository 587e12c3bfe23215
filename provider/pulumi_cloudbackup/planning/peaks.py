"""The most that an account may use of a quota at any moment of a run: CB404.

A run that stops anywhere has done a *down-set* of its steps: with each step everything that comes before it. With +1
for a create and -1 for a delete, the largest down-set has as many creates as there are, less the largest number of
pairs of a create and a delete that comes before it (each step in one pair at most; minimum cut and maximum matching
are the same number here). Where each chain stands alone, a create has at most its own delete before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pulumi_cloudbackup.rules.beside import NOTHING_BESIDE, Beside
from pulumi_cloudbackup.rules.quota_rules import MIRRORS_PER_REGION, VAULTS_PER_ACCOUNT, limit_of
from pulumi_cloudbackup.rules.whole import MIRROR_LIMITS, VAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.ordering import Move, Order
    from pulumi_cloudbackup.planning.world import Old, World


class Pool(NamedTuple):
    """What one quota counts."""

    account: str
    region_id: str
    """The region whose mirrors are counted; empty: all vaults of the account."""


@dataclass(frozen=True)
class Use:
    """The use of one quota in a run."""

    pool: Pool
    initial: int
    peak: int
    limit: int
    is_lower_bound: bool
    creates: tuple[Move, ...]
    """What is created in it, in order."""
    deletes: tuple[Move, ...]
    """What is deleted in it, in order."""
    final: int
    """How much there is when the run has ended."""
    declared: int
    """How much of that the rules about the end see: what is only forgotten stays, but is not declared any more."""

    @property
    def is_too_much(self) -> bool:
        """Whether the way there exceeds the quota."""
        return bool(self.creates) and self.peak > self.limit


class Quotas:
    """Limits, and what is used before anything is done."""

    def __init__(self, current: Estate, desired: Estate, world: World, beside: Beside = NOTHING_BESIDE) -> None:
        """Count what is there, beside the estates too; what the account says of itself counts where it is more."""
        limits = {**(current.limits or {}), **(desired.limits or {})}
        self._vaults = limit_of(limits, VAULT_LIMITS, VAULTS_PER_ACCOUNT)
        self._mirrors = limit_of(limits, MIRROR_LIMITS, MIRRORS_PER_REGION)
        self.initial: Counter[Pool] = Counter()
        usage = current.usage
        self._complete_of = current.account if usage is not None and usage.complete else None
        for old in world.olds:
            for pool in pools_of_old(old):
                self.initial[pool] += 1
        for account, number in beside.accounts.items():
            self.initial[Pool(account, "")] += number
        for (account, region_id), number in beside.mirrors.items():
            self.initial[Pool(account, region_id)] += number
        if usage is not None:
            whole = Pool(current.account, "")
            self.initial[whole] = max(self.initial[whole], usage.vaults or 0)
            for region_id, count in usage.mirrors_by_region.items():
                pool = Pool(current.account, region_id)
                self.initial[pool] = max(self.initial[pool], count)

    def limit(self, pool: Pool) -> int:
        """Return how much the service takes."""
        return self._mirrors if pool.region_id else self._vaults

    def is_lower_bound(self, pool: Pool) -> bool:
        """Whether there may be more than was counted."""
        return pool.account != self._complete_of


def pools_of_old(old: Old) -> tuple[Pool, ...]:
    """Return the quotas that a resource of the old state counts in."""
    if old.instance is None or old.is_gone:
        return ()
    return _pools(old.account, old.resource.region_id if old.is_mirror else "")


def uses_of(items: Iterable[Item], order: Order, quotas: Quotas, initial: Mapping[Pool, int]) -> list[Use]:
    """Return the use of every quota that a run adds to."""
    creates: dict[Pool, list[Move]] = defaultdict(list)
    deletes: dict[Pool, list[Move]] = defaultdict(list)
    for move in order.moves:
        if move.op.creates and move.item.creates:
            for pool in pools_of_new(move.item):
                creates[pool].append(move)
        elif move.op.deletes and move.old is not None:
            for pool in pools_of_old(move.old):
                deletes[pool].append(move)
    retained = Counter(
        pool for item in items if item.forgets and item.old is not None for pool in pools_of_old(item.old)
    )
    found = []
    for pool in sorted(creates):
        before = initial.get(pool, 0)
        added, removed = creates[pool], deletes.get(pool, [])
        peak = before + len(added) - matching(_earlier(order, added, [one for one in removed if one.phase == 0]))
        final = before + len(added) - len(removed)
        limit, is_lower_bound = quotas.limit(pool), quotas.is_lower_bound(pool)
        moves = tuple(added), tuple(removed)
        found.append(Use(pool, before, peak, limit, is_lower_bound, *moves, final, final - retained[pool]))
    return found


def pools_of_new(item: Item) -> tuple[Pool, ...]:
    """Return the quotas that a declared resource counts in."""
    return _pools(item.account, item.resource.region_id if item.is_mirror else "")


@lru_cache(maxsize=100_000)
def _pools(account: str, region_id: object) -> tuple[Pool, ...]:
    whole = Pool(account, "")
    return (whole, Pool(account, region_id)) if isinstance(region_id, str) and region_id else (whole,)


def _earlier(order: Order, creates: Sequence[Move], deletes: Sequence[Move]) -> list[list[int]]:
    """Return for each create the places of the deletes that surely come before it."""
    if not deletes:
        return []
    wanted = {move.place for move in deletes}
    return [[one.place for one in order.needed_by(move) if one.place in wanted] for move in creates]


def crowd(order: Order, use: Use) -> list[Move]:
    """Return creations of which one beginning of an order has all, and uses as much of a quota as there may be.

    Those that no deletion makes room for, and those that would have to give up theirs for them.
    """
    gone = [move for move in use.deletes if move.phase == 0]
    choices = _earlier(order, use.creates, gone) or [[]] * len(use.creates)
    owners = _pairs(choices)
    found = set(range(len(choices))) - set(owners.values())
    waiting = sorted(found)
    while waiting:
        for choice in choices[waiting.pop()]:
            if owners[choice] not in found:
                found.add(owners[choice])
                waiting.append(owners[choice])
    return [use.creates[position] for position in sorted(found)]


def matching(choices: Iterable[Sequence[int]]) -> int:
    """Return how many can be served at once, each with one of its choices, none of them twice."""
    return len(_pairs(list(choices)))


def _pairs(served: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return who is served with which choice, as many as possible."""
    owners: dict[int, int] = {}
    holds: dict[int, int] = {}

    def serve(start: int) -> bool:
        """Find a way to serve one more, moving others over where that helps."""
        led_by: dict[int, int] = {}
        waiting = [start]
        while waiting:
            one = waiting.pop()
            for choice in served[one]:
                if choice in led_by:
                    continue
                led_by[choice] = one
                if choice in owners:
                    waiting.append(owners[choice])
                    continue
                free: int | None = choice
                while free is not None:
                    owner = owners[free] = led_by[free]
                    holds[owner], free = free, holds.get(owner)
                return True
        return False

    for position in range(len(served)):
        serve(position)
    return owners
