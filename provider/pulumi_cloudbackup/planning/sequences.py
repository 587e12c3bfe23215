"""From when each resource is touched and created to the engine runs that make it so, each analysed like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pulumi_cloudbackup.planning.analysis import Analysis, analyse, usage_after, world_after
from pulumi_cloudbackup.planning.hazards import locks
from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.run import Run
from pulumi_cloudbackup.planning.waits import Kept, is_only_created

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence

    from pulumi_cloudbackup.planning.peaks import Pool, Quotas
    from pulumi_cloudbackup.planning.world import World

MOST_STAGES: Final = 200


class Span(NamedTuple):
    """From when to when a resource is in the making; runs are numbered from 1."""

    first: int
    """The run before which it is excluded."""
    last: int
    """The run that creates it, or deletes it for good; from the first one up to this one its creation is held."""


def run_through(
    plain: Analysis, spans: Mapping[int, Span], quotas: Quotas, initial: Counter[Pool]
) -> list[Analysis] | None:
    """Analyse one run after the other; ``None``: one of them is not safe, or leads nowhere.

    ``spans``: by position; what is not in it is in the first run.
    """
    count = max((span.last for span in spans.values()), default=1)
    if count > MOST_STAGES:
        return None
    world, usage = plain.world, initial
    stages: list[Analysis] = []
    for number in range(1, count + 1):
        analysis = analyse(world, _run(plain, spans, number), quotas, usage)
        if not analysis.is_safe or not (analysis.moves_on or analysis.rewires):
            return None
        stages.append(analysis)
        world = world_after(analysis)
        usage = usage_after(world, analysis, usage)
    is_over = not analyse(world, Run(), quotas, usage).moves_on
    return stages if is_over and _loses_no_more(stages, plain) else None


def _run(plain: Analysis, spans: Mapping[int, Span], number: int) -> Run:
    """Return the run of a number: what is left out of it, and what is held in it."""
    urns = {item.position: item.urn for item in plain.items}
    return Run(
        excludes=frozenset(urns[position] for position, span in spans.items() if number < span.first),
        holds=frozenset(urns[position] for position, span in spans.items() if span.first <= number < span.last),
    )


def _loses_no_more(stages: Sequence[Analysis], plain: Analysis) -> bool:
    """Whether runs delete only what a plain one would, and no mirror whose source an earlier one of them locks."""
    gone = {item.before for item in plain.items if item.deletes}
    locked: set[str | None] = set()
    for stage in stages:
        for item in stage.items:
            if item.deletes and (item.before not in gone or (item.old is not None and item.old.source in locked)):
                return False
        locked.update(item.before for item in stage.items if item.action is Action.UPDATE and locks(item))
    return True


def held_only(plain: Analysis) -> frozenset[str]:
    """Return what waits for its creation held, not excluded.

    Something else than a mirror depends on it, and would be left out too; or the engine would keep what is to go.
    """
    news = {item.urn: item for item in plain.items if item.action is Action.CREATE}
    needed = [
        urn
        for item in plain.items
        if item.new is not None
        for urn in item.new.depends_on
        if urn in news and urn != item.new.source_urn
    ]
    needed += [urn for one in plain.world.new_foreign.values() for urn in one.depends_on if urn in news]
    gone = {item.urn for item in plain.items if item.action is Action.DELETE}
    kept = Kept(plain)
    found: set[str] = set(needed)
    for item in plain.items:
        if is_only_created(item) and (item.urn in gone or kept.by(item)):
            found.add(item.urn)
    sources = {item.urn: item.new.source_urn for item in plain.items if item.new is not None and item.new.source_urn}
    return frozenset(found | {sources[urn] for urn in found if sources.get(urn) in news})


def bare_after(stages: Iterable[Analysis]) -> list[tuple[str, ...]]:
    """Return for each run the physical vaults that have no mirror when it ends and get one in a later run."""
    worlds = [world_after(one) for one in stages]
    final = _mirrored(worlds[-1]) if worlds else set()
    bare = []
    for world in worlds:
        there = {old.instance for old in world.olds if not old.is_mirror}
        later = {source for source in final - _mirrored(world) if source in there or "#" not in source}
        bare.append(tuple(sorted(later)))
    return bare


def _mirrored(world: World) -> set[str]:
    return {old.source for old in world.olds if old.is_mirror and old.instance is not None and old.source is not None}
