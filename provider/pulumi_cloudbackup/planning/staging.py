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
    from collections.abc import Iterable, Iterator, Sequence

    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.peaks import Pool, Quotas, Use

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
    waiting, late = set[int](), set[int]()
    for hazard in plain.hazards:
        assert hazard.goes is not None  # noqa: S101 - the caller asked
        goes = Event(hazard.goes.position, hazard.code == "CB407")
        comes = Event(hazard.comes.position, hazard.move.op.creates or not hazard.move.op.deletes)
        waiting |= {goes.position, comes.position}
        late.add(comes.position)
        yield Wait(comes, goes, 1)
    for use in plain.uses:
        if use.is_too_much:
            for wait in _room(plain, use, waiting, delay_all=delay_all):
                waiting.add(wait.event.position)
                late.add(wait.event.position)
                yield wait
    yield from _links(plain, late)


def _room(plain: Analysis, use: Use, waiting: set[int], *, delay_all: bool) -> Iterator[Wait]:
    """Make creations wait until deletions of others have made room for them; mirrors first, the last declared first."""
    gone = [
        move
        for move in plain.order.moves
        if move.op.deletes and move.old is not None and use.pool in pools_of_old(move.old)
    ]
    own = {move.item.position: move for move in gone}
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
    for move in use.creates:
        goes, taker = own.get(move.item.position), move.item.taken_with
        if goes is not None and taker is not None and not plain.order.precedes(goes, move):
            # Without the replacement of its old source in the same run, the engine deletes it in its own chain.
            yield Wait(Event(taker.position, creates=False), Event(move.item.position, creates=False), 1)


def _links(plain: Analysis, waiting: set[int]) -> Iterator[Wait]:
    """Yield what must be late because something else is; ``waiting``: positions of what is late."""
    ties = _Ties(plain)
    found = set(waiting)
    open_ = sorted(found)
    while open_:
        for wait in ties.of(open_.pop()):
            yield wait
            if wait.event.position not in found:
                found.add(wait.event.position)
                open_.append(wait.event.position)


class _Ties:
    """What is in the same run as something else, or in a later one."""

    def __init__(self, plain: Analysis) -> None:
        """Index what is asked for one resource after the other."""
        self._items = {item.position: item for item in plain.items}
        self._kept = _Kept(plain)
        self._namesakes: dict[str, list[Item]] = defaultdict(list)
        self._after: dict[int, list[Wait]] = defaultdict(list)
        for item in plain.items:
            if item.action is not Action.NONE:
                self._namesakes[item.urn].append(item)
        for wait in (*_of_resources(plain), *_of_vaults(plain)):
            self._after[wait.needs.position].append(wait)

    def of(self, position: int) -> Iterator[Wait]:
        """Yield what is not earlier than one resource."""
        yield from self._after.get(position, ())
        item = self._items[position]
        if _is_only_created(item):
            return
        # Until it may be changed it is excluded, with all that has its name, and the engine keeps what it depends on.
        for other in (*self._namesakes[item.urn], *self._kept.by(item)):
            if other is not item:
                yield Wait(_first(other), _first(item), 0)


class _Kept:
    """What the engine deletes in none of the runs that exclude something which depends on it."""

    def __init__(self, plain: Analysis) -> None:
        """Index the old state."""
        self._needs = {old.urn: old.depends_on for old in plain.world.olds if not old.resource.pending_delete}
        self._leaving: dict[str, list[Item]] = defaultdict(list)
        for item in plain.items:
            if item.before is not None and item.old is not None and item.action in (Action.DELETE, Action.REPLACE):
                self._leaving[item.old.urn].append(item)

    def by(self, item: Item) -> list[Item]:
        """Return what stays where a resource is excluded: it is deleted, or replaced, in a run that touches that one."""
        found: dict[str, None] = {}
        waiting = list(item.old.depends_on) if item.old is not None else []
        while waiting:
            urn = waiting.pop()
            if urn not in found:
                found[urn] = None
                waiting.extend(self._needs.get(urn, ()))
        kept = [one for urn in found for one in self._leaving.get(urn, ())]
        return [one for one in kept if one.action is Action.DELETE or one.create_first]


def _first(item: Item) -> Event:
    """Return the event before which a resource is left out of the runs."""
    return Event(item.position, creates=item.action is Action.UPDATE or _is_only_created(item))


def _is_only_created(item: Item) -> bool:
    return item.action in (Action.CREATE, Action.REPLACE) and item.before is None


def _of_resources(plain: Analysis) -> Iterator[Wait]:
    """Yield what ties resources to one another: a mirror to its source, a delete-first replacement to its mirror."""
    by_urn = {item.urn: item for item in plain.items if item.new is not None}
    olds = {item.old.urn: item for item in plain.items if item.old is not None}
    for item in plain.items:
        if item.action is Action.NONE:
            continue
        source = by_urn.get(item.new.source_urn or "") if item.new is not None else None
        if source is not None and source.action in (Action.CREATE, Action.REPLACE):
            yield Wait(Event(item.position, creates=True), Event(source.position, creates=True), 0)
            if _is_atomic(item) and source.action is Action.CREATE:
                yield Wait(Event(item.position, creates=False), Event(source.position, creates=True), 0)
        before = olds.get(item.old.source_urn or "") if item.old is not None else None
        if before is not None and before.action in (Action.DELETE, Action.REPLACE) and item.deletes:
            yield Wait(Event(before.position, creates=False), Event(item.position, creates=False), 0)


def _of_vaults(plain: Analysis) -> Iterator[Wait]:
    """Yield what ties what happens to one vault: old mirrors go before new ones come, and before the vault goes."""
    for instance in {**plain.roots.occupants, **plain.roots.comers}:
        goers = [one for one in plain.roots.occupants.get(instance, ()) if one.deletes]
        comers = plain.roots.comers.get(instance, [])
        owner = plain.roots.owners.get(instance)
        gone = [Event(one.position, creates=False) for one in goers]
        come = [Event(one.position, creates=True) for one in comers]
        later = [*come]
        if owner is not None and owner.deletes and owner.before == instance:
            later.append(Event(owner.position, creates=False))
        yield from (Wait(event, needs, 0) for needs in gone for event in later if event.position != needs.position)
        if owner is not None and owner.creates and owner.before != instance:
            yield from (Wait(event, Event(owner.position, creates=True), 0) for event in come)


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
    world, usage = plain.world, initial
    needed = _held_only(plain)
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


def _held_only(plain: Analysis) -> frozenset[str]:
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
    kept = _Kept(plain)
    found: set[str] = set(needed)
    for item in plain.items:
        if _is_only_created(item) and (item.urn in gone or kept.by(item)):
            found.add(item.urn)
            source = item.new.source_urn if item.new is not None else None
            if source in news:
                found.add(source)
    return frozenset(found)


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
