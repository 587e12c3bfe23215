"""Safe engine runs that lead to the same end where one plain run is not safe (design, "Stages").

Everything that must be over before something else begins goes into an earlier run; until then the later one is
*excluded* from the runs. A replacement deletes and creates in one run, so moves that go round in a circle need a *held*
creation: the provider parks it, and a later run makes it. Each run is then analysed like any other.

What is chosen: as few sources without a mirror at the same time as possible (within moves that are linked), then as few
runs as possible; with ``fewest`` the other way round. Linked moves of up to a dozen mirrors are searched exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from pulumi_cloudbackup.planning.analysis import Analysis, analyse, usage_after, world_after
from pulumi_cloudbackup.planning.peaks import pools_of_old
from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.peaks import Pool, Quotas, Use
    from pulumi_cloudbackup.planning.world import World

Strategy: TypeAlias = Literal["exposure", "fewest"]
EXACT: Final = 12
"""How many linked mirrors are searched exactly."""
_MOST_STAGES: Final = 200


class Event(NamedTuple):
    """One half of what happens to a resource."""

    position: int
    creates: bool
    """Whether its new vault is created, or it is changed in place; otherwise its old vault is deleted."""


class Wait(NamedTuple):
    """One event is not before another one's run, or is in a later run."""

    event: Event
    needs: Event
    runs: int
    """0: in the same run or later; 1: in a later run."""


@dataclass(frozen=True)
class Staging:
    """A sequence of runs."""

    stages: tuple[Analysis, ...]
    is_optimal: bool


@dataclass
class _Knot:
    """Everything that waits for one another."""

    items: dict[int, Item]
    waits: list[Wait]
    moves: list[tuple[Event, Event]] = field(default_factory=list)
    """Delete and create at the same source."""

    @property
    def holdable(self) -> list[int]:
        """Positions of replacements whose creation can be parked."""
        return sorted(position for position, item in self.items.items() if item.is_mirror and _is_atomic(item))


Layout: TypeAlias = dict[Event, int]
"""The run of each event, from 1."""


def staged(plain: Analysis, quotas: Quotas, initial: Counter[Pool], strategy: Strategy) -> Staging | None:
    """Return safe runs for a change that is not safe in one; ``None``: there are none."""
    if any(hazard.waits_for is None or hazard.code == "CB304" for hazard in plain.hazards):
        return None
    if any(use.is_too_much and use.final > use.limit for use in plain.uses):
        return None
    tried: list[Layout] = []
    for delay_all in (False, True):
        waits = list(_waits(plain, delay_all=delay_all))
        ways: tuple[Strategy, ...] = (strategy, "fewest", "exposure")
        for way in dict.fromkeys(ways):
            found = _laid_out(plain, waits, way)
            if found is None or found[0] in tried:
                continue
            tried.append(found[0])
            stages = _run_through(plain, found[0], quotas, initial)
            if stages is not None:
                return Staging(tuple(stages), found[1] and len(tried) == 1)
    return None


def _is_atomic(item: Item) -> bool:
    return item.action is Action.REPLACE and item.before is not None


def _waits(plain: Analysis, *, delay_all: bool) -> Iterator[Wait]:
    """Yield what must be in a later run than what."""
    waiting: set[int] = set()
    for hazard in plain.hazards:
        assert hazard.goes is not None  # noqa: S101 - the caller asked
        goes = Event(hazard.goes.position, hazard.code == "CB407")
        comes = Event(hazard.comes.position, hazard.move.op.creates or not hazard.move.op.deletes)
        waiting |= {goes.position, comes.position}
        yield Wait(comes, goes, 1)
    for use in plain.uses:
        if use.is_too_much:
            for wait in _room(plain, use, waiting, delay_all=delay_all):
                waiting |= {wait.event.position}
                yield wait
    yield from _links(plain, waiting)


def _room(plain: Analysis, use: Use, waiting: set[int], *, delay_all: bool) -> Iterator[Wait]:
    """Make creations wait until deletions of others have made room for them; mirrors first, the last declared first."""
    gone = [
        move
        for move in plain.order.moves
        if move.op.deletes and move.old is not None and use.pool in pools_of_old(move.old)
    ]
    own = {move.item.position for move in gone}
    adding = [move.item for move in use.creates if move.item.position not in own and not move.item.create_first]
    late = [item for item in adding if item.position in waiting]
    rest = [item for item in adding if item.position not in waiting]
    rest.sort(key=lambda item: (item.is_mirror, item.position), reverse=True)
    count = len(rest) if delay_all else max(0, use.peak - use.limit - len(late))
    comes = {move.item.position for move in use.creates}
    leaving = [move for move in gone if move.item.position not in comes]
    for item in (*late, *rest[:count]):
        for move in leaving:
            yield Wait(Event(item.position, creates=True), Event(move.item.position, creates=False), 1)


def _links(plain: Analysis, waiting: set[int]) -> Iterator[Wait]:
    """Yield what ties resources to one another: a mirror to its source, a delete-first replacement to its mirror."""
    by_urn = {item.urn: item for item in plain.items if item.new is not None}
    olds = {item.old.urn: item for item in plain.items if item.old is not None}
    linked = _reached(plain, waiting, by_urn, olds)
    for item in plain.items:
        if item.position not in linked or item.action is Action.NONE:
            continue
        source = by_urn.get(item.new.source_urn or "") if item.new is not None else None
        if source is not None and source.action in (Action.CREATE, Action.REPLACE):
            yield Wait(Event(item.position, creates=True), Event(source.position, creates=True), 0)
            if _is_atomic(item) and source.action is Action.CREATE:
                yield Wait(Event(item.position, creates=False), Event(source.position, creates=True), 0)
        before = olds.get(item.old.source_urn or "") if item.old is not None else None
        if before is not None and before.action in (Action.DELETE, Action.REPLACE) and item.deletes:
            yield Wait(Event(before.position, creates=False), Event(item.position, creates=False), 0)


def _reached(plain: Analysis, waiting: set[int], by_urn: Mapping[str, Item], olds: Mapping[str, Item]) -> set[int]:
    """Return everything that is tied to what waits, by sources and mirrors."""
    ties: dict[int, set[int]] = defaultdict(set)
    for item in plain.items:
        urns = (
            item.new.source_urn if item.new is not None else None,
            item.old.source_urn if item.old is not None else None,
        )
        for urn, index in zip(urns, (by_urn, olds), strict=True):
            source = index.get(urn or "")
            if source is not None and source.action is not Action.NONE:
                ties[item.position].add(source.position)
                ties[source.position].add(item.position)
    found = set(waiting)
    open_ = list(waiting)
    while open_:
        for position in ties[open_.pop()] - found:
            found.add(position)
            open_.append(position)
    return found


def _laid_out(plain: Analysis, waits: list[Wait], strategy: Strategy) -> tuple[Layout, bool] | None:
    """Return the run of every event that is not simply in the first one."""
    layout: Layout = {}
    is_optimal = True
    for knot in _knots(plain, waits):
        found = _best(knot, strategy)
        if found is None:
            return None
        its_layout, its_optimal = found
        layout |= its_layout
        is_optimal &= its_optimal
    return layout, is_optimal


def _knots(plain: Analysis, waits: list[Wait]) -> list[_Knot]:
    """Group what waits for one another."""
    group: dict[int, int] = {}

    def root(position: int) -> int:
        while group.setdefault(position, position) != position:
            position = group[position]
        return position

    for wait in waits:
        group[root(wait.event.position)] = root(wait.needs.position)
    items = {item.position: item for item in plain.items}
    knots: dict[int, _Knot] = {}
    for position in sorted(group):
        knots.setdefault(root(position), _Knot({}, [])).items[position] = items[position]
    for wait in waits:
        knots[root(wait.event.position)].waits.append(wait)
    for knot in knots.values():
        knot.moves = list(_moves_at_one_source(plain, knot))
    return [knots[key] for key in sorted(knots)]


def _moves_at_one_source(plain: Analysis, knot: _Knot) -> Iterator[tuple[Event, Event]]:
    """Yield the delete and the create at each source that loses one mirror and gets another."""
    for instance, comers in plain.roots.comers.items():
        for goes in plain.roots.occupants.get(instance, ()):
            for comes in comers:
                if goes.deletes and {goes.position, comes.position} & knot.items.keys():
                    yield Event(goes.position, creates=False), Event(comes.position, creates=True)


def _best(knot: _Knot, strategy: Strategy) -> tuple[Layout, bool] | None:
    """Return the best layout of one knot, and whether nothing is better."""
    candidates = knot.holdable
    exact = len(candidates) <= EXACT
    best: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    chosen: Layout | None = None
    for held in _held_sets(knot, candidates, strategy, exact=exact):
        layout = _layered(knot, frozenset(held))
        if layout is None:
            continue
        score = (_score(knot, layout, len(held), strategy), held)
        if best is None or score < best:
            best, chosen = score, layout
        if not exact or (strategy == "exposure" and best[0][0] <= 1 and not held):
            break
    return (chosen, exact) if chosen is not None else None


def _held_sets(knot: _Knot, candidates: Sequence[int], strategy: Strategy, *, exact: bool) -> Iterator[tuple[int, ...]]:
    """Yield the sets of held creations that are tried, small ones first."""
    if exact:
        for size in range(len(candidates) + 1):
            yield from combinations(candidates, size)
        return
    if strategy == "fewest":
        yield tuple(candidates)
    yield ()
    for one in candidates:
        if _layered(knot, frozenset((one,))) is not None:
            yield (one,)
    yield tuple(candidates)


def _score(knot: _Knot, layout: Layout, held: int, strategy: Strategy) -> tuple[int, ...]:
    """Return how good a layout is, the less the better."""
    bare: Counter[int] = Counter()
    for goes, comes in knot.moves:
        for boundary in range(layout.get(goes, 1), layout.get(comes, 1)):
            bare[boundary] += 1
    most, stages = max(bare.values(), default=0), max(layout.values(), default=1)
    if strategy == "fewest":
        return (stages, most, sum(bare.values()), held)
    return (most, stages, sum(bare.values()), held)


def _layered(knot: _Knot, held: frozenset[int]) -> Layout | None:
    """Put each event into the earliest run that it can be in; ``None``: something waits for itself."""
    waits = [*knot.waits]
    for position, item in knot.items.items():
        if _is_atomic(item):
            delete, create = Event(position, creates=False), Event(position, creates=True)
            waits.append(Wait(create, delete, 0))
            if position not in held:
                waits.append(Wait(delete, create, 0))
    layout: Layout = {event: 1 for wait in waits for event in (wait.event, wait.needs)}
    for _round in range(len(layout) + 1):
        changed = False
        for event, needs, runs in waits:
            if layout[event] < layout[needs] + runs:
                layout[event] = layout[needs] + runs
                changed = True
        if not changed:
            return layout
    return None


def _run_through(plain: Analysis, layout: Layout, quotas: Quotas, initial: Counter[Pool]) -> list[Analysis] | None:
    """Analyse one run after the other; ``None``: one of them is not safe, or leads nowhere."""
    count = max(layout.values(), default=1)
    if count > _MOST_STAGES:
        return None
    world, usage = _narrowed(plain, layout), initial
    needed = _needed_by_others(plain)
    stages: list[Analysis] = []
    for number in range(1, count + 1):
        analysis = analyse(world, _run(plain, layout, number, needed), quotas, usage)
        if not analysis.is_safe or not analysis.moves_on:
            return None
        stages.append(analysis)
        world = world_after(analysis)
        usage = usage_after(world, analysis, usage)
    rest = analyse(world, Run(), quotas, usage)
    return stages if not rest.moves_on else None


def _narrowed(plain: Analysis, layout: Layout) -> World:
    """Return the world of the run; it stays whole, because what does not change may stand in the way."""
    del layout
    return plain.world


def _needed_by_others(plain: Analysis) -> frozenset[str]:
    """Return the new resources that something else than a mirror depends on: leaving them out would leave that out."""
    news = {item.urn for item in plain.items if item.action is Action.CREATE}
    needed = {
        urn
        for item in plain.items
        if item.new is not None
        for urn in item.new.depends_on
        if urn in news and urn != item.new.source_urn
    }
    return frozenset(
        needed | {urn for one in plain.world.new_foreign.values() for urn in one.depends_on if urn in news}
    )


def _run(plain: Analysis, layout: Layout, number: int, needed: frozenset[str]) -> Run:
    """Return the run of a number: what is left out of it, and what is held in it."""
    excludes: set[str] = set()
    holds: set[str] = set()
    for item in plain.items:
        delete, create = Event(item.position, creates=False), Event(item.position, creates=True)
        if delete not in layout and create not in layout:
            continue
        first = layout.get(delete, layout.get(create, 1)) if item.before is not None else layout.get(create, 1)
        last = layout.get(create, first)
        if item.action is Action.DELETE:
            first = last = layout.get(delete, 1)
        if number < first:
            (holds if item.urn in needed else excludes).add(item.urn)
        elif number < last:
            holds.add(item.urn)
    return Run(excludes=frozenset(excludes), holds=frozenset(holds))


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
