"""Safe engine runs that lead to the same end where one plain run is not safe (design, "Stages").

Everything that must be over before something else begins goes into an earlier run; until then the later one is
*excluded* from the runs. A replacement deletes and creates in one run, so moves that go round in a circle need a *held*
creation: the provider parks it, and a later run makes it. Each run is then analysed like any other.

What is chosen: as few sources without a mirror at the same time as possible (within moves that are linked), then as few
runs as possible; with ``fewest`` the other way round (``exposing``). Layouts of what waits are searched, exactly for
linked moves of up to a dozen mirrors; where what they give is not proven to be the best, so are all pairs of runs of
small changes (``pairs``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Final, TypeAlias

from pulumi_cloudbackup.planning.circles import components
from pulumi_cloudbackup.planning.exposing import Ruler
from pulumi_cloudbackup.planning.pairs import best_pair
from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.searching import searched
from pulumi_cloudbackup.planning.sequences import MOST_STAGES, Span, held_only, run_through
from pulumi_cloudbackup.planning.waits import Event, Ties, Wait, is_atomic, is_only_created, waits_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pulumi_cloudbackup.planning.analysis import Analysis
    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.exposing import Strategy
    from pulumi_cloudbackup.planning.peaks import Pool, Quotas

EXACT: Final = 12
"""How many linked mirrors are searched exactly."""
_MOST_WORK: Final = 300_000
"""How many resources are looked at, all runs of a sequence together: beyond that it has fewer runs."""
_FEW_STAGES: Final = 8
"""How many runs are never too many."""


@dataclass(frozen=True)
class Staging:
    """A sequence of runs."""

    stages: tuple[Analysis, ...]
    is_optimal: bool
    """Whether it is proven that none is better."""


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
        return sorted(position for position, item in self.items.items() if item.is_mirror and is_atomic(item))


Layout: TypeAlias = dict[Event, int]
"""The run of each event, from 1."""


def staged(plain: Analysis, quotas: Quotas, initial: Counter[Pool], strategy: Strategy) -> Staging | None:
    """Return safe runs for a change that is not safe in one; ``None``: there are none."""
    if any(hazard.waits_for is None or hazard.code == "CB304" for hazard in plain.hazards):
        return None
    if any(use.is_too_much and use.final > use.limit for use in plain.uses):
        return None
    held, ties, ruler = held_only(plain), Ties(plain), Ruler(plain, strategy)
    stages = _staged_by_waits(plain, ties, held, quotas, initial, strategy)
    if stages is not None and ruler.is_proven(stages, tried_all=False):
        return Staging(tuple(stages), is_optimal=True)
    positions = _taking_part(plain, ties)
    score = ruler.score(stages) if stages is not None else None
    pair = best_pair(plain, positions, ruler, score, held, quotas, initial)
    stages, tried_all = pair.stages or stages, pair.tried_all
    for count in (2, 3):
        if stages is None or (strategy == "fewest" and len(stages) > count):
            found = searched(plain, positions, count, held, quotas, initial)
            stages, tried_all = found or stages, tried_all and found is None
    return Staging(tuple(stages), ruler.is_proven(stages, tried_all=tried_all)) if stages is not None else None


def _staged_by_waits(  # noqa: PLR0913, PLR0917 - what is known of the plain run
    plain: Analysis,
    ties: Ties,
    held: Collection[str],
    quotas: Quotas,
    initial: Counter[Pool],
    strategy: Strategy,
) -> list[Analysis] | None:
    """Return the runs in which everything waits for what must be over before."""
    tried: list[Layout] = []
    for delay_all in (False, True):
        waits = list(waits_of(plain, ties, delay_all=delay_all))
        ways: tuple[Strategy, ...] = (strategy, "fewest", "exposure")
        for way in dict.fromkeys(ways):
            found = _laid_out(plain, waits, way)
            if found is None or found in tried:
                continue
            tried.append(found)
            spans = _spans_of(plain, found, held)
            for one in (_with_their_mirrors(plain, spans, held), spans):
                stages = run_through(plain, one, quotas, initial) if one is not None else None
                if stages is not None:
                    return stages
    return None


def _taking_part(plain: Analysis, ties: Ties) -> set[int]:
    """Return the positions of all that a rule or a quota lets wait, and of what that is tied to."""
    waits = waits_of(plain, ties, delay_all=True)
    positions = {position for wait in waits for position in (wait.event.position, wait.needs.position)}
    return positions | {move.item.position for use in plain.uses if use.is_too_much for move in use.creates}


def _spans_of(plain: Analysis, layout: Layout, held: Collection[str]) -> dict[int, Span]:
    """Return from when to when each resource is in the making."""
    spans: dict[int, Span] = {}
    for item in plain.items:
        delete, create = Event(item.position, creates=False), Event(item.position, creates=True)
        if delete not in layout and create not in layout:
            continue
        first = layout.get(delete, layout.get(create, 1)) if item.before is not None else layout.get(create, 1)
        last = layout.get(create, first)
        if item.action is Action.DELETE:
            first = last = layout.get(delete, 1)
        spans[item.position] = Span(1 if item.urn in held and is_only_created(item) else first, last)
    return spans


def _with_their_mirrors(plain: Analysis, spans: Mapping[int, Span], held: Collection[str]) -> dict[int, Span] | None:
    """Let new vaults wait for those that depend on them, so that none is bare until then; ``None``: none has to."""
    waiting: dict[str, list[int]] = {}
    for item in plain.items:
        for urn in item.new.depends_on if item.new is not None else ():
            waiting.setdefault(urn, []).append(spans.get(item.position, Span(1, 1)).first)
    found = {
        item.position: Span(first, first)
        for item in plain.items
        if is_only_created(item)
        and not item.is_mirror
        and item.urn not in held
        and (first := min(waiting.get(item.urn, (1,)))) > spans.get(item.position, Span(1, 1)).first
    }
    return {**spans, **found} if found else None


def _laid_out(plain: Analysis, waits: list[Wait], strategy: Strategy) -> Layout | None:
    """Return the run of every event that is not simply in the first one."""
    layout: Layout = {}
    most = max(_FEW_STAGES, min(MOST_STAGES, _MOST_WORK // max(1, len(plain.items))))
    for knot in _knots(plain, waits):
        found = _best(knot, strategy, most)
        if found is None:
            return None
        layout |= found
    return layout


def _knots(plain: Analysis, waits: list[Wait]) -> list[_Knot]:
    """Group what waits for one another."""
    group: dict[int, int] = {}

    def root(position: int) -> int:
        above = group.setdefault(position, position)
        while above != position:
            group[position] = group[above]
            position, above = above, group[above]
        return position

    for wait in waits:
        group[root(wait.event.position)] = root(wait.needs.position)
    items = {item.position: item for item in plain.items}
    knots: dict[int, _Knot] = {}
    for position in sorted(group):
        knots.setdefault(root(position), _Knot({}, [])).items[position] = items[position]
    for wait in waits:
        knots[root(wait.event.position)].waits.append(wait)
    for goes, comes in _moves_at_one_source(plain):
        for key in {root(one.position) for one in (goes, comes) if one.position in group}:
            knots[key].moves.append((goes, comes))
    return [knots[key] for key in sorted(knots)]


def _moves_at_one_source(plain: Analysis) -> Iterator[tuple[Event, Event]]:
    """Yield the delete and the create at each source that loses one mirror and gets another."""
    for instance, comers in plain.roots.comers.items():
        for goes in plain.roots.occupants.get(instance, ()):
            for comes in comers:
                if goes.deletes:
                    yield Event(goes.position, creates=False), Event(comes.position, creates=True)


def _best(knot: _Knot, strategy: Strategy, most: int) -> Layout | None:
    """Return the best layout of one knot; ``most``: how many runs are too many."""
    candidates = knot.holdable
    if len(candidates) > EXACT:
        return _greedy(knot, candidates, strategy, most)
    best: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    chosen: Layout | None = None
    for held in (held for size in range(len(candidates) + 1) for held in combinations(candidates, size)):
        layout = _layered(knot, frozenset(held))
        if layout is None:
            continue
        score = (_score(knot, layout, len(held), strategy), held)
        if best is None or score < best:
            best, chosen = score, layout
        if strategy == "exposure" and best[0][0] <= 1 and not held:
            break
    return chosen


def _greedy(knot: _Knot, candidates: Sequence[int], strategy: Strategy, most: int) -> Layout | None:
    """Return a good layout: one creation of each circle is held, and more where that takes too many runs."""
    everything = _layered(knot, frozenset(candidates))
    if strategy == "fewest" and everything is not None:
        return everything
    layout = _layered(knot, _one_of_each_circle(knot, candidates))
    if layout is None:
        return everything
    if max(layout.values(), default=1) <= most:
        return layout
    in_order = sorted(candidates, key=lambda position: layout.get(Event(position, creates=True), 1))
    pieces = 2
    while pieces < len(candidates):
        held = {in_order[piece * len(in_order) // pieces] for piece in range(pieces)}
        found = _layered(knot, frozenset(held))
        if found is not None and max(found.values(), default=1) <= most:
            return found
        pieces *= 2
    return everything


def _one_of_each_circle(knot: _Knot, candidates: Sequence[int]) -> frozenset[int]:
    """Return creations whose holding leaves nothing that waits for itself, as far as there are such."""
    held: set[int] = set()
    while True:
        waits = _waits_of(knot, held)
        circle = _circles(waits)
        wrong = {circle[wait.event] for wait in waits if wait.runs > 0 and circle[wait.event] == circle[wait.needs]}
        chosen: dict[int, int] = {}
        for position in candidates:
            number = circle.get(Event(position, creates=True))
            if number in wrong and position not in held:
                chosen.setdefault(number, position)
        if not chosen:
            return frozenset(held)
        held.update(chosen.values())


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
    waits = _waits_of(knot, held)
    circle = _circles(waits)
    if any(wait.runs > 0 and circle[wait.event] == circle[wait.needs] for wait in waits):
        return None
    after: dict[Event, list[Wait]] = {event: [] for event in circle}
    for wait in waits:
        after[wait.event].append(wait)
    runs: dict[int, int] = {}
    for event in sorted(after, key=circle.__getitem__):  # what is needed has a lower number, or is in the same run
        number = circle[event]
        needed = [runs[circle[wait.needs]] + wait.runs for wait in after[event] if circle[wait.needs] != number]
        runs[number] = max(runs.get(number, 1), *needed, 1)
    return {event: runs[circle[event]] for event in after}


def _waits_of(knot: _Knot, held: Collection[int]) -> list[Wait]:
    """Return what waits for what, where some creations are held: a replacement is atomic otherwise."""
    waits = [*knot.waits]
    for position, item in knot.items.items():
        if is_atomic(item):
            delete, create = Event(position, creates=False), Event(position, creates=True)
            waits.append(Wait(create, delete, 0))
            if position not in held:
                waits.append(Wait(delete, create, 0))
    return waits


def _circles(waits: Sequence[Wait]) -> dict[Event, int]:
    """Give events that wait for one another one number."""
    graph: dict[Event, list[Event]] = {event: [] for wait in waits for event in (wait.event, wait.needs)}
    for wait in waits:
        graph[wait.event].append(wait.needs)
    return components(graph)
