"""From when each resource is touched and created to the engine runs that make it so, each analysed like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pulumi_cloudbackup.planning.analysis import Analysis, analyse, usage_after
from pulumi_cloudbackup.planning.hazards import locks
from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.run import Run
from pulumi_cloudbackup.planning.waits import Kept, is_only_created

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

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
    """Analyse the runs that make it so; ``None``: one of them is not safe, or leads nowhere.

    ``spans``: by position; what is not in it is in the first run.
    """
    count = max((span.last for span in spans.values()), default=1)
    if count > MOST_STAGES:
        return None
    way = Way(plain, quotas, initial)
    if not all(way.goes_on(_run(plain, spans, number)) for number in range(1, count + 1)):
        return None
    return way.stages if way.is_over() else None


class Way:
    """Runs one after the other, each analysed in the world that those before it leave behind."""

    def __init__(self, plain: Analysis, quotas: Quotas, initial: Counter[Pool]) -> None:
        """Begin where the plain run would."""
        self.stages: list[Analysis] = []
        self._plain, self._quotas = plain, quotas
        self._world, self._usage = plain.world, initial

    def goes_on(self, run: Run) -> bool:
        """Whether a run is safe now and leads somewhere; then the way is at its end."""
        analysis = analyse(self._world, run, self._quotas, self._usage)
        if not analysis.is_safe or not (analysis.moves_on or analysis.rewires):
            return False
        self.stages.append(analysis)
        self._world = analysis.world_after
        self._usage = usage_after(self._world, analysis, self._usage)
        return True

    def is_over(self) -> bool:
        """Whether nothing is left to be done, and no more was deleted than a plain run would."""
        left = analyse(self._world, Run(), self._quotas, self._usage)
        return not left.moves_on and _loses_no_more(self.stages, self._plain)


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


def bare_after(stages: Sequence[Analysis]) -> list[tuple[str, ...]]:
    """Return for each run the physical vaults that have no mirror when it ends and get one in a later run.

    Those that had none before are left out: they are no more exposed than they were. A vault that one of the runs
    creates counts: it is declared to be a source (design, "Words"), may be backed up into as soon as it is there, and
    could have been created together with its mirror.
    """
    worlds = [one.world_after for one in stages]
    final = _mirrored(worlds[-1]) if worlds else set()
    first = next(iter(stages), None)
    never = {old.instance for old in first.world.olds} - first.roots.occupants.keys() if first is not None else set()
    bare = []
    for stage, world in zip(stages, worlds, strict=True):
        there = {old.instance for old in world.olds if not old.is_mirror}
        later = {source for source in final - _mirrored(world) if source in there or "#" not in source}
        bare.append(tuple(sorted(later - never)))
        never -= stage.roots.comers.keys()
    return bare


def _mirrored(world: World) -> set[str]:
    return {old.source for old in world.olds if old.is_mirror and old.instance is not None and old.source is not None}
