"""Who can wait for whom so that every quota holds on the way: the smallest fix of CB404, tried before it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from pulumi_cloudbackup.planning.analysis import Analysis, analyse
from pulumi_cloudbackup.planning.peaks import Pool, Quotas, Use, crowd
from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.world import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pulumi_cloudbackup.planning.changing import Item

_MOST_WAITS: Final = 3
"""How many lines a person writes sooner than to run an update more."""


class Pair(NamedTuple):
    """One resource that can be made to depend on another."""

    comes: Item
    goes: Item


def overfull(analysis: Analysis) -> list[Use]:
    """Return the quotas that hold at the end and that some order exceeds on the way."""
    return [use for use in analysis.uses if use.is_too_much and use.declared <= use.limit]


def waits_of(analysis: Analysis, quotas: Quotas, others: Sequence[Pair]) -> dict[Pool, list[Pair]]:
    """Return by quota which creations are to wait for which moves out of it; empty: so not all quotas can be kept.

    ``others``: what else is to be made to wait in the same update.
    """
    found = {use.pool: _pairs(analysis, use) for use in overfull(analysis)}
    if not found or not all(found.values()):
        return {}
    pairs = [*others, *(pair for some in found.values() for pair in some)]
    return found if _is_cured(analysis, quotas, pairs) else {}


def leaves(use: Use) -> list[Item]:
    """Return what is still declared and moves out of what a quota counts, while the program runs."""
    come = {move.item.position for move in use.creates}
    gone = [move.item for move in use.deletes if move.phase == 0 and move.item.action is Action.REPLACE]
    return [item for item in gone if item.position not in come]


def _pairs(analysis: Analysis, use: Use) -> list[Pair]:
    """Return as many waits as a quota is exceeded by; empty: there are too few that could be waited for."""
    order, excess = analysis.order, use.peak - use.limit
    free = leaves(use) if excess <= _MOST_WAITS else []
    comers = sorted(crowd(order, use) if free else (), key=lambda move: move.item.action is not Action.CREATE)
    found: list[Pair] = []
    for comes in comers:
        ends = ((one, order.created.get(one.position)) for one in free)
        goes = next((one for one, end in ends if end is not None and not order.precedes(comes, end)), None)
        if goes is not None and len(found) < excess:
            free.remove(goes)
            found.append(Pair(comes.item, goes))
    return found if len(found) == excess else []


def _is_cured(analysis: Analysis, quotas: Quotas, pairs: Iterable[Pair]) -> bool:
    """Whether all quotas hold where some resources depend on others too, and no order breaks more than before."""
    needs: dict[str, list[str]] = {}
    for pair in pairs:
        needs.setdefault(pair.comes.urn, []).append(pair.goes.urn)
    news = [
        replace(new, depends_on=(*new.depends_on, *needs[new.urn])) if new.urn in needs else new
        for new in analysis.world.news
    ]
    try:
        tried = analyse(replace(analysis.world, news=news), analysis.run, quotas, quotas.initial)
    except PlanError:  # they would wait for each other
        return False
    return not overfull(tried) and _broken(tried) <= _broken(analysis)


def _broken(analysis: Analysis) -> set[tuple[str, str, str]]:
    return {(one.code, one.comes.urn, one.goes.urn if one.goes is not None else "") for one in analysis.hazards}
