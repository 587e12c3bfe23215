"""One engine run, analysed: what happens, in which order, what some order breaks, how much of each quota it may use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pulumi_cloudbackup.planning.changing import Item, items_of
from pulumi_cloudbackup.planning.hazards import Hazard, Roots, hazards_of, roots_of
from pulumi_cloudbackup.planning.ordering import Order, order_of
from pulumi_cloudbackup.planning.peaks import Pool, Quotas, Use, pools_of_old, uses_of
from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.world import Old, World

if TYPE_CHECKING:
    from collections import Counter

    from pulumi_cloudbackup.planning.run import Run


@dataclass(frozen=True)
class Analysis:
    """Everything that is known of one run before it is made."""

    world: World
    run: Run
    items: list[Item]
    order: Order
    roots: Roots
    hazards: list[Hazard]
    uses: list[Use]

    @property
    def is_safe(self) -> bool:
        """Whether no order of its steps breaks a rule."""
        return not self.hazards and not any(use.is_too_much for use in self.uses)

    @property
    def moves_on(self) -> bool:
        """Whether the state is another one afterwards."""
        return any(item.action is not Action.NONE for item in self.items)


def analyse(world: World, run: Run, quotas: Quotas, initial: Counter[Pool]) -> Analysis:
    """Analyse a run in a world; ``initial``: what is used of each quota before it."""
    items = items_of(world, run)
    order = order_of(items, world, is_destroy=run.kind == "destroy")
    roots = roots_of(items, world)
    return Analysis(world, run, items, order, roots, hazards_of(order, roots), uses_of(items, order, quotas, initial))


def world_after(analysis: Analysis) -> World:
    """Return the world that a run leaves behind, where nothing fails."""
    world = analysis.world
    olds = [old for old in world.olds if not old.is_ours]
    for item in analysis.items:
        if not item.is_there:
            continue
        if item.action is Action.NONE and item.old is not None:
            olds.append(item.old)
        elif item.new is not None:
            olds.append(
                Old(
                    item.new.resource,
                    item.new.urn,
                    item.new.account,
                    item.after,
                    item.source_after,
                    item.new.source_urn,
                    item.new.depends_on,
                )
            )
        if item.keeps_old and item.old is not None:
            olds.append(item.old)
    return replace(world, olds=olds, old_foreign=world.new_foreign, old_by_urn={}, generation=world.generation + 1)


def usage_after(world: World, analysis: Analysis, before: Counter[Pool]) -> Counter[Pool]:
    """Return what is used of each quota when a run has ended in a world."""
    after = before.copy()
    for old in analysis.world.olds:
        after.subtract(pools_of_old(old))
    for old in world.olds:
        after.update(pools_of_old(old))
    return after
