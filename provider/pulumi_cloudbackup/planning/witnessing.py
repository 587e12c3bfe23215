"""One order of a run that breaks a rule, up to the step that breaks it.

It is the beginning of an order that the engine may choose: before each step comes everything that the engine guarantees
to come before it, and nothing else. Of a plan of more than a hundred steps only those of the resources concerned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.planning.peaks import crowd, pools_of_new, pools_of_old

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pulumi_cloudbackup.planning.hazards import Hazard
    from pulumi_cloudbackup.planning.ordering import Move, Order
    from pulumi_cloudbackup.planning.peaks import Pool, Use

MOST_STEPS: Final = 100
"""How many steps a plan has whose witnesses are complete."""


def witness_of_hazard(order: Order, hazard: Hazard) -> list[Move]:
    """Return the steps up to the one that breaks a rule."""
    last = [hazard.move]
    if hazard.code == "CB407" and hazard.waits_for is None and hazard.goes is not None:
        gone = order.deleted.get(hazard.goes.position)
        last = [hazard.move] if gone is None or hazard.source != hazard.goes.before else [gone, hazard.move]
    items = {item.position for item in (hazard.comes, hazard.goes) if item is not None}
    tables = (order.created, order.deleted, order.updated)
    concerned = [table[position] for position in sorted(items) for table in tables if position in table]
    return _beginning(order, last, concerned)


def witness_of_peak(order: Order, use: Use) -> list[Move]:
    """Return the steps up to the one that exceeds a quota."""
    counted = [move for move in (*use.creates, *use.deletes) if move.phase == 0]
    counted.sort(key=lambda move: move.place)
    last = sorted(crowd(order, use), key=lambda move: move.place)
    used = use.initial
    found: list[Move] = []
    for move in sorted(_beginning(order, last, counted), key=lambda move: move.place):
        found.append(move)
        used += _counts(move, use.pool)
        if used > use.limit:
            break
    return found


def _counts(move: Move, pool: Pool) -> int:
    """Return what a step adds to the use of a quota."""
    if move.op.creates:
        return int(move.item.creates and pool in pools_of_new(move.item))
    return -int(move.op.deletes and move.old is not None and pool in pools_of_old(move.old))


def _beginning(order: Order, last: Iterable[Move], concerned: list[Move]) -> list[Move]:
    """Return some steps in their order, and before each what surely comes before it."""
    found: dict[int, Move] = {}
    for move in last:
        if len(order.moves) <= MOST_STEPS:
            before = order.before(move)
        else:
            before = [one for one in concerned if order.precedes(one, move)]
        for one in (*before, move):
            found.setdefault(one.place, one)
    return list(found.values())
