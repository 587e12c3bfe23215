"""One engine run, analysed: what happens, in which order, what some order breaks, how much of each quota it may use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pulumi_cloudbackup.planning.changing import Item, items_of
from pulumi_cloudbackup.planning.circles import components
from pulumi_cloudbackup.planning.hazards import Hazard, Roots, hazards_of, roots_of
from pulumi_cloudbackup.planning.ordering import Order, order_of
from pulumi_cloudbackup.planning.peaks import Pool, Quotas, Use, pools_of_old, uses_of
from pulumi_cloudbackup.planning.plan import Action, Reason
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

    @cached_property
    def races(self) -> dict[int, list[Item]]:
        """The mirrors that go, by the position of the one that comes to their source (CB402)."""
        found: dict[int, list[Item]] = {}
        for one in self.hazards:
            if one.code == "CB402" and one.goes is not None:
                found.setdefault(one.comes.position, []).append(one.goes)
        return found

    @cached_property
    def circles(self) -> dict[int, int]:
        """Numbers by position: mirrors that race for each other's sources in a circle have one number."""
        return components({comes: [one.position for one in goes] for comes, goes in self.races.items()})

    @cached_property
    def world_after(self) -> World:
        """The world that the run leaves behind, where nothing fails."""
        return _world_after(self)

    @property
    def is_safe(self) -> bool:
        """Whether no order of its steps breaks a rule."""
        return not self.hazards and not any(use.is_too_much for use in self.uses)

    @property
    def moves_on(self) -> bool:
        """Whether anything is done."""
        return any(item.action is not Action.NONE for item in self.items)

    @property
    def rewires(self) -> bool:
        """Whether the state tells other dependencies afterwards, which decide about the order of a later run."""
        return any(_is_rewired(item) for item in self.items)


def analyse(world: World, run: Run, quotas: Quotas, initial: Counter[Pool]) -> Analysis:
    """Analyse a run in a world; ``initial``: what is used of each quota before it."""
    items = items_of(world, run)
    order = order_of(items, world, is_destroy=run.kind == "destroy")
    roots = roots_of(items, world)
    return Analysis(world, run, items, order, roots, hazards_of(order, roots), uses_of(items, order, quotas, initial))


def _world_after(analysis: Analysis) -> World:
    world = analysis.world
    olds = [old for old in world.olds if not old.is_ours]
    for item in analysis.items:
        if not item.is_there:
            continue
        if item.action is Action.NONE and item.old is not None:
            olds.append(_rewired(item, item.old))
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
            left = item.old.resource.model_copy(update={"pending_delete": True})
            olds.append(replace(item.old, resource=left))
    olds = _renamed(olds, analysis.items)
    return replace(world, olds=olds, old_foreign=world.new_foreign, old_by_urn={}, generation=world.generation + 1)


def _is_rewired(item: Item) -> bool:
    old, new = item.old, item.new
    if item.action is not Action.NONE or item.reason is not Reason.UNCHANGED or old is None or new is None:
        return False
    return (old.source_urn, old.depends_on) != (new.source_urn, new.depends_on)


def _rewired(item: Item, old: Old) -> Old:
    """Return an entry that stays as it is, with the URN and the dependencies that it has now."""
    if item.new is None:
        return old
    if _is_rewired(item):
        return replace(old, urn=item.urn, source_urn=item.new.source_urn, depends_on=item.new.depends_on)
    return old if old.urn == item.urn else replace(old, urn=item.urn)


def _renamed(olds: list[Old], items: list[Item]) -> list[Old]:
    """Return entries that refer to what has another URN now by that one."""
    urns = {
        item.old.urn: item.urn
        for item in items
        if item.old is not None and item.new is not None and item.is_there and item.old.urn != item.urn
    }
    if not urns:
        return olds
    return [
        replace(
            old,
            source_urn=urns.get(old.source_urn, old.source_urn) if old.source_urn is not None else None,
            depends_on=tuple(urns.get(urn, urn) for urn in old.depends_on),
        )
        for old in olds
    ]


def usage_after(world: World, analysis: Analysis, before: Counter[Pool]) -> Counter[Pool]:
    """Return what is used of each quota when a run has ended in a world."""
    after = before.copy()
    for old in analysis.world.olds:
        after.subtract(pools_of_old(old))
    for old in world.olds:
        after.update(pools_of_old(old))
    return after
