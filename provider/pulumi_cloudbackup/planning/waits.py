"""What must be in a later engine run than what, so that each run is safe in every order.

Two halves of a resource are told apart: its old vault is deleted, its new one is created. One waits for another one's
run to be over where some order of a single run would break a rule, and is not earlier than it where the engine, or what
the service has, ties the two together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from pulumi_cloudbackup.planning.hazards import locks
from pulumi_cloudbackup.planning.plan import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pulumi_cloudbackup.planning.analysis import Analysis
    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.ordering import Move
    from pulumi_cloudbackup.planning.peaks import Use


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


def is_atomic(item: Item) -> bool:
    """Whether one run deletes its old vault and creates its new one, where nothing is held."""
    return item.action is Action.REPLACE and item.before is not None


def waits_of(plain: Analysis, ties: Ties, *, delay_all: bool) -> Iterator[Wait]:
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
            room = _Room(plain, use, late)
            for wait in (*room.by_deletions(waiting, ties, delay_all=delay_all), *room.by_own_chains()):
                waiting.add(wait.event.position)
                late.add(wait.event.position)
                yield wait
    yield from ties.after(late)


class _Room:
    """How room is made in a quota."""

    def __init__(self, plain: Analysis, use: Use, late: set[int]) -> None:
        """Find out what comes and what goes in it; ``late``: positions of what is not in the first run."""
        self._plain = plain
        self._use = use
        self._excess = use.peak - use.limit
        self._own = {move.item.position: move for move in use.deletes}
        self._comes = {move.item.position for move in use.creates}
        self._leaving = [move for move in use.deletes if move.phase > 0 or move.item.position not in self._comes]
        self._leaving.sort(key=lambda move: (move.item.position in late, move.place))
        items = [move.item for move in use.creates]
        self._first = [one for one in items if one.action is Action.REPLACE and one.create_first]
        passed = {*self._own, *(one.position for one in self._first)}
        self._adding = [one for one in items if one.position not in passed]

    def by_deletions(self, waiting: set[int], ties: Ties, *, delay_all: bool) -> Iterator[Wait]:
        """Let creations wait for deletions of others.

        Those that no deletion waits for come first; then mirrors, the last declared first.
        """
        goes = {Event(move.item.position, creates=False) for move in self._leaving}
        late = [item for item in self._adding if item.position in waiting]
        rest = [item for item in self._adding if item.position not in waiting]
        if len(late) + len(rest) > self._excess > len(late) and not delay_all:
            needed = {item.position for item in rest if goes & ties.late_with(_come([item]))}
            rest.sort(key=lambda item: (item.position in needed, not item.is_mirror, -item.position))
            rest = rest[: self._excess - len(late)]
        late += rest if self._excess > len(late) or delay_all else []
        follow = ties.late_with(_come(late))
        leaving = [event for event in (_gone(move) for move in self._leaving) if event not in follow]
        for item in late:
            for event in leaving if delay_all else leaving[: self._excess]:
                yield Wait(Event(item.position, creates=True), event, 1)
        if delay_all or len(self._adding) < self._excess:
            yield from self._one_after_another(ties)

    def _one_after_another(self, ties: Ties) -> Iterator[Wait]:
        """Let create-first replacements wait for deletions, and for one another where there is not room for all."""
        room = len(self._first) + len(self._adding) - self._excess
        follow = ties.late_with(_come(self._first))
        leaving = [_gone(move) for move in self._leaving if move.item.position not in self._comes]
        leaving = [event for event in leaving if event not in follow] if room <= 0 else []
        for item in self._first:
            for event in leaving:
                yield Wait(Event(item.position, creates=True), event, 1)
        for earlier, later in zip(self._first, self._first[max(1, room + len(leaving)) :], strict=False):
            yield Wait(Event(later.position, creates=True), Event(earlier.position, creates=False), 1)

    def by_own_chains(self) -> Iterator[Wait]:
        """Let the old source of a mirror be replaced later: the engine then deletes the mirror in its own chain."""
        for move in self._use.creates:
            goes, taker = self._own.get(move.item.position), move.item.taken_with
            if goes is not None and taker is not None and not self._plain.order.precedes(goes, move):
                yield Wait(Event(taker.position, creates=False), Event(move.item.position, creates=False), 1)


def _come(items: Iterable[Item]) -> Iterator[Event]:
    return (Event(item.position, creates=True) for item in items)


def _gone(move: Move) -> Event:
    return Event(move.item.position, creates=False)


class Ties:
    """What is in the same run as something else, or in a later one."""

    def __init__(self, plain: Analysis) -> None:
        """Index what is asked for one resource after the other."""
        self._items = {item.position: item for item in plain.items}
        self._kept = Kept(plain)
        self._namesakes: dict[str, list[Item]] = defaultdict(list)
        self._after: dict[int, list[Wait]] = defaultdict(list)
        for item in plain.items:
            if item.action is not Action.NONE:
                self._namesakes[item.urn].append(item)
        for wait in (*_of_resources(plain), *_of_vaults(plain)):
            self._after[wait.needs.position].append(wait)

    def after(self, positions: Iterable[int]) -> Iterator[Wait]:
        """Yield what is late because some resources are, directly or not."""
        found = set(positions)
        waiting = sorted(found)
        while waiting:
            for wait in self._of(waiting.pop()):
                yield wait
                if wait.event.position not in found:
                    found.add(wait.event.position)
                    waiting.append(wait.event.position)

    def late_with(self, events: Iterable[Event]) -> set[Event]:
        """Return all that is late because some events are, even where creations are held."""
        found = set(events)
        waiting = list(found)
        while waiting:
            event = waiting.pop()
            item = self._items[event.position]
            more = [wait.event for wait in self._of(event.position) if wait.needs == event]
            if is_atomic(item) and (not event.creates or not item.is_mirror):
                more.append(Event(event.position, creates=not event.creates))
            for one in more:
                if one not in found:
                    found.add(one)
                    waiting.append(one)
        return found

    def _of(self, position: int) -> Iterator[Wait]:
        """Yield what is not earlier than one resource."""
        yield from self._after.get(position, ())
        item = self._items[position]
        if is_only_created(item):
            return
        # Until it may be changed it is excluded, with all that has its name, and the engine keeps what it depends on.
        for other in (*self._namesakes[item.urn], *self._kept.by(item)):
            if other is not item:
                yield Wait(_first(other), _first(item), 0)


class Kept:
    """What the engine deletes in none of the runs that exclude something which depends on it."""

    def __init__(self, plain: Analysis) -> None:
        """Index the old state."""
        self._needs = {old.urn: old.depends_on for old in plain.world.olds if not old.resource.pending_delete}
        self._leaving: dict[str, list[Item]] = defaultdict(list)
        for item in plain.items:
            if item.before is not None and item.old is not None and item.action in (Action.DELETE, Action.REPLACE):
                self._leaving[item.old.urn].append(item)

    def by(self, item: Item) -> list[Item]:
        """Return what stays where a resource is excluded; it is deleted or replaced in a run that touches that one."""
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
    return Event(item.position, creates=item.action is Action.UPDATE or is_only_created(item))


def is_only_created(item: Item) -> bool:
    """Whether there is nothing of it that is to be deleted."""
    return item.action in (Action.CREATE, Action.REPLACE) and item.before is None


def _of_resources(plain: Analysis) -> Iterator[Wait]:
    """Yield what ties resources to one another: a mirror to its source, a delete-first replacement to its mirror."""
    by_urn = {item.urn: item for item in plain.items if item.new is not None}
    # What is only still to be deleted has the URN of its successor, and is nobody's source.
    olds = {item.old.urn: item for item in plain.items if item.old is not None and not item.old.resource.pending_delete}
    for item in plain.items:
        if item.action is Action.NONE:
            continue
        source = by_urn.get(item.new.source_urn or "") if item.new is not None else None
        if source is not None and source.action in (Action.CREATE, Action.REPLACE):
            yield Wait(Event(item.position, creates=True), Event(source.position, creates=True), 0)
            if is_atomic(item) and source.action is Action.CREATE:
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
        if owner is not None and owner.before == instance:
            later += [Event(owner.position, creates=False)] if owner.deletes else []
            later += [Event(owner.position, creates=True)] if owner.action is Action.UPDATE and locks(owner) else []
        yield from (Wait(event, needs, 0) for needs in gone for event in later if event.position != needs.position)
        if owner is not None and owner.creates and owner.before != instance:
            yield from (Wait(event, Event(owner.position, creates=True), 0) for event in come)
