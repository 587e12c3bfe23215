"""Pairs of runs, all of them tried: for changes of few resources.

The first run excludes some of the resources that the plain run changes and holds the creations of some mirrors, the
second one is plain. Every such pair is tried whose first run can be safe, where there are not too many: how many only
depends on the estates, never on time.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.run import Run
from pulumi_cloudbackup.planning.sequences import Way
from pulumi_cloudbackup.planning.waits import is_only_created

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterator, Mapping

    from pulumi_cloudbackup.planning.analysis import Analysis
    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.exposing import Ruler, Score
    from pulumi_cloudbackup.planning.peaks import Pool, Quotas

_Choice: TypeAlias = Literal["now", "excluded", "held"]
_MOST_WORK: Final = 15_000
"""How many resources are looked at in all first runs together."""


class Pair(NamedTuple):
    """The best pair of runs."""

    stages: list[Analysis] | None
    """Its runs; ``None``: no pair is as good as was asked for."""
    tried_all: bool
    """Whether there is no other pair that could be better."""


def best_pair(  # noqa: PLR0913, PLR0917 - what is searched, and where it begins
    plain: Analysis,
    positions: Collection[int],
    ruler: Ruler,
    better_than: Score | None,
    held: Collection[str],
    quotas: Quotas,
    initial: Counter[Pool],
) -> Pair:
    """Return the best safe pair of runs that is better than a score, that which puts off least first.

    ``positions``: what a rule or a quota lets wait; where all changes together are too many, it alone is put off.
    ``held``: the URNs of what can be held beside mirrors.
    """
    changed = {item.position for item in plain.items if item.action is not Action.NONE}
    for some in (changed, changed.intersection(positions)):
        choices = _choices(plain, some, ruler, held)
        if prod(map(len, choices.values())) * len(plain.items) > _MOST_WORK:
            continue
        best, chosen = better_than, None
        for run in _first_runs(plain, choices):
            way = Way(plain, quotas, initial)
            if not (way.goes_on(run) and way.goes_on(Run()) and way.is_over()):
                continue
            score = ruler.score(way.stages)
            if best is None or score < best:
                best, chosen = score, way.stages
        return Pair(chosen, tried_all=some is changed)
    return Pair(None, tried_all=False)


def _choices(
    plain: Analysis, positions: Collection[int], ruler: Ruler, held: Collection[str]
) -> dict[str, list[_Choice]]:
    """Return what a first run may do with each resource, by URN.

    A mirror that must come in a later run than the old one goes is put off; what other resources need is not excluded.
    """
    found: dict[str, list[_Choice]] = {}
    needed = {urn for one in plain.world.new_foreign.values() for urn in one.depends_on}
    waiting = {hazard.comes.urn for hazard in plain.hazards if hazard.source in ruler.must and hazard.comes.is_mirror}
    for item in plain.items:
        if item.position not in positions:
            continue
        choices = found.setdefault(item.urn, ["now", "excluded"])
        if _can_be_held(item, held) and "held" not in choices:
            choices.append("held")
        if item.urn in waiting and "now" in choices:
            choices.remove("now")
        if is_only_created(item) and item.urn in needed:
            choices.remove("excluded")
    return found


def _can_be_held(item: Item, held: Collection[str]) -> bool:
    if item.action not in (Action.CREATE, Action.REPLACE):
        return False
    return item.is_mirror or (item.urn in held and is_only_created(item))


def _first_runs(plain: Analysis, choices: Mapping[str, list[_Choice]]) -> Iterator[Run]:
    """Yield the first runs, those that put off little first; what needs a new resource is excluded with it."""
    news = {item.urn for item in plain.items if item.action is Action.CREATE}
    needs = {
        item.urn: news.intersection(item.new.depends_on)
        for item in plain.items
        if item.new is not None and not news.isdisjoint(item.new.depends_on)
    }
    ways = sorted(product(*choices.values()), key=lambda way: len(way) - way.count("now"))
    for way in ways:
        excludes = frozenset(urn for urn, choice in zip(choices, way, strict=True) if choice == "excluded")
        if all(urn in excludes or excludes.isdisjoint(new) for urn, new in needs.items()):
            yield Run(
                excludes=excludes,
                holds=frozenset(urn for urn, choice in zip(choices, way, strict=True) if choice == "held"),
            )
