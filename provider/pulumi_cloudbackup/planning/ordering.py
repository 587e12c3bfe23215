"""The steps of one engine run, and the partial order that the engine guarantees between them.

Read in the engine's source and measured (reference/pulumi-engine.md 0.2, 2):

- A resource is registered when everything that it depends on is done; its steps are one chain. Chains of different
  resources run at the same time.
- A delete-first replacement is one chain: the old vaults of dependents that it takes along, its own, then the new one.
  A dependent whose new source is another one may instead be handled before, in its own chain: its delete has then
  ended only before what waits for both chains.
- Another resource that is replaced delete-first, such as a key, has such a chain too: the vaults whose arguments come
  from it go in it, with what they take along, and are created in chains of their own.
- A create-first replacement creates in its chain and deletes at the end.
- Plain deletes come after the whole program: ranks in reverse order of dependency, each rank a barrier.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pulumi_cloudbackup.estate import is_known
from pulumi_cloudbackup.planning.circles import no_way
from pulumi_cloudbackup.planning.following import Followers
from pulumi_cloudbackup.planning.plan import Action, Op

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from pulumi_cloudbackup.estate.estate import ForeignResource
    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.world import Old, World


@dataclass(slots=True, eq=False)
class Move:
    """One step of a run."""

    op: Op
    item: Item
    place: int
    """Its place in one order that the engine may choose."""
    phase: int = 0
    """0: while the program runs; then one for each rank of deletes."""
    before: list[Move] = field(default_factory=list)
    """Moves of phase 0 that have ended before it begins; of others the phase says it."""

    @property
    def old(self) -> Old | None:
        """The old resource, where the move deletes or updates it."""
        return None if self.op.creates else self.item.old


@dataclass(slots=True)
class Order:
    """All steps of a run."""

    moves: list[Move]
    """In one order that the engine may choose."""
    created: dict[int, Move]
    """The move that creates for an item, by the item's position."""
    deleted: dict[int, Move]
    """The move that deletes the old vault of an item, by the item's position."""
    updated: dict[int, Move]

    def precedes(self, first: Move, second: Move) -> bool:
        """Whether one move has ended before another begins, whatever the engine chooses."""
        if first.phase != second.phase:
            return first.phase < second.phase
        if first.phase > 0 or first is second:
            return False
        seen: set[int] = set()
        waiting = [second]
        while waiting:
            for move in waiting.pop().before:
                if move is first:
                    return True
                if move.place not in seen:
                    seen.add(move.place)
                    waiting.append(move)
        return False

    def needed_by(self, *last: Move) -> list[Move]:
        """Return the moves of phase 0 that have ended before any of some begins, in order."""
        found: dict[int, Move] = {}
        waiting = list(last)
        while waiting:
            for move in waiting.pop().before:
                if move.place not in found:
                    found[move.place] = move
                    waiting.append(move)
        return [found[place] for place in sorted(found)]

    def before(self, move: Move) -> list[Move]:
        """Return everything that has ended before a move begins, in order."""
        if move.phase == 0:
            return self.needed_by(move)
        return [one for one in self.moves if one.phase < move.phase]


def order_of(items: list[Item], world: World, *, is_destroy: bool = False) -> Order:
    """Return the steps of a run and their order."""
    chains = {} if is_destroy else _chains(items)
    taken = {} if is_destroy else {item.position: _going(item) for item in items if item.taken_by}
    ends = _deleted_at_the_end(items, is_destroy=is_destroy)
    moves = _in_one_order(chains, _links(items, chains, {at: moves for at, moves in taken.items() if moves}, world))
    order = Order(moves, {}, {}, {})
    for rank, condemned in enumerate(_ranks(ends, items, world, is_destroy=is_destroy), start=1):
        for item in sorted(condemned, key=lambda one: one.position):
            op = Op.DELETE_REPLACED if item.action is Action.REPLACE or _is_left(item) else Op.DELETE
            moves.append(Move(op, item, len(moves), rank))
    for move in moves:
        table = order.created if move.op.creates else order.deleted if move.op.deletes else order.updated
        table[move.item.position] = move
    return order


def _is_left(item: Item) -> bool:
    return item.old is not None and item.old.resource.pending_delete


def _chains(items: list[Item]) -> dict[int, list[Move]]:
    """Return the steps of each resource while the program runs, in the order of its chain."""
    chains: dict[int, list[Move]] = {}
    for item in items:
        moves = _replacing(item) if item.action is Action.REPLACE else []
        if item.action is Action.CREATE and not item.is_held:
            moves.append(Move(Op.CREATE, item, -1))
        elif item.action is Action.UPDATE:
            moves.append(Move(Op.UPDATE, item, -1))
        if moves:
            chains[item.position] = moves
    return chains


def _replacing(item: Item) -> list[Move]:
    """Return the steps of a replacement while the program runs."""
    moves = [] if item.create_first or item.taken_by else _going(item)
    if not item.is_held:
        moves.append(Move(Op.CREATE_REPLACEMENT, item, -1))
    return moves


def _going(item: Item) -> list[Move]:
    """Return the steps that delete, before a delete-first replacement, what it takes along and its own old vault."""
    gone = [one for one in reversed(item.takes) if one.deletes]
    if item.deletes and item.taken_with is None:
        gone.append(item)
    return [Move(Op.DELETE if _is_left(one) else Op.DELETE_REPLACED, one, -1) for one in gone]


class _Links(NamedTuple):
    """What ties the chains to one another."""

    first: dict[int, list[Move]]
    """What each chain waits for, by the position of its item."""
    free: frozenset[int]
    """Positions of mirrors whose old vault goes in the chain of its source or in their own: which one, is open."""
    taken: Mapping[int, list[Move]]
    """The parts of other resources' chains, by the position of the item that they take along."""
    first_taken: dict[int, list[Move]]
    """What each of these waits for."""


def _links(
    items: list[Item], chains: Mapping[int, list[Move]], taken: Mapping[int, list[Move]], world: World
) -> _Links:
    """Return what each chain waits for."""
    if not chains and not taken:
        return _Links({}, frozenset(), {}, {})
    by_urn = {item.urn: item for item in items if item.new is not None}
    sure: dict[str, list[Move]] = {}
    for item in items:
        if item.position in taken and len(item.taken_by) == 1:
            sure.setdefault(item.taken_by[0], []).append(taken[item.position][-1])
    ended = _Ended(by_urn, chains, sure, world)
    first = {
        item.position: ended.after_all(item.new.depends_on)
        for item in items
        if item.new is not None and item.position in chains
    }
    followers = Followers(world)
    free = frozenset(item.position for item in items if _is_open(item, followers))
    for move, either in _in_either((*chains.values(), *taken.values()), free):
        for urn in sorted(frozenset.intersection(*(followers.of(urn) for urn in either))):
            if urn in by_urn and by_urn[urn].position in chains:
                first[by_urn[urn].position].append(move)
    return _Links(first, free, taken, _before_taken(items, taken, ended))


def _in_either(parts: Iterable[list[Move]], free: frozenset[int]) -> Iterator[tuple[Move, tuple[str, ...]]]:
    """Yield the deletes that are in one of several chains, with those whose chains these are.

    Whoever waits for all of them waits for the delete.
    """
    for part in parts:
        for move in part:
            item, taker = move.item, move.item.taken_with
            if taker is not None and move.op.deletes and item.position in free:
                yield move, (*taker.takers, item.urn)
            elif move.op.deletes and len(item.taken_by) > 1:
                yield move, item.taken_by


def _before_taken(items: list[Item], taken: Mapping[int, list[Move]], ended: _Ended) -> dict[int, list[Move]]:
    """Return what the parts of other resources' chains wait for: what surely was before, whoever takes them along.

    Of those that one resource takes along, what depended on another goes before it.
    """
    first: dict[int, list[Move]] = {}
    by_old = {item.old.urn: item for item in items if item.position in taken and item.old is not None}
    for item in by_old.values():
        waits = [{id(move): move for move in ended.before_other(urn)} for urn in item.taken_by]
        first[item.position] = [move for key, move in waits[0].items() if all(key in one for one in waits)]
    for item in by_old.values():
        assert item.old is not None  # noqa: S101 - it has an old vault
        for urn in item.old.depends_on:
            below = by_old.get(urn)
            if below is not None and below is not item and below.taken_by == item.taken_by:
                first[below.position].append(taken[item.position][-1])
    return first


def _is_open(item: Item, followers: Followers) -> bool:
    """Whether the engine may handle a mirror before or after the source that takes its old vault along.

    A renamed one is always taken along: the engine looks for its old name among those that it has handled.
    """
    taker = item.taken_with
    if taker is None or item.new is None or item.old is None or item.new.source_urn == taker.urn:
        return False
    return item.old.urn == item.urn and not all(item.urn in followers.of(urn) for urn in taker.takers)


class _Ended:
    """The last moves that have ended when a resource is done, through everything that has no move of its own."""

    def __init__(
        self,
        by_urn: Mapping[str, Item],
        chains: Mapping[int, list[Move]],
        sure: Mapping[str, list[Move]],
        world: World,
    ) -> None:
        """``sure``: the last deletes that are surely in the chains of other resources, by their URNs."""
        self._sure = sure
        self._by_urn = by_urn
        self._chains = chains
        self._foreign = world.new_foreign
        self._known: dict[str, list[Move]] = {}

    def after_all(self, urns: Iterable[str]) -> list[Move]:
        """Return the last moves of several resources."""
        found: dict[int, Move] = {}
        for urn in urns:
            for move in self._of(urn):
                found[id(move)] = move
        return list(found.values())

    def before_other(self, urn: str) -> list[Move]:
        """Return the last moves before the chain of a resource begins that takes others along."""
        return self.after_all(self._depends_on(self._by_urn.get(urn), urn))

    def _of(self, urn: str) -> list[Move]:
        """Return the last moves of one resource; without recursion, because chains of dependencies may be long."""
        waiting = [urn]
        open_: set[str] = set()
        while waiting:
            current = waiting[-1]
            if current in self._known:
                waiting.pop()
                continue
            item = self._by_urn.get(current)
            if item is not None and item.position in self._chains:
                self._known[current] = [self._chains[item.position][-1]]
                waiting.pop()
                continue
            needed = self._depends_on(item, current)
            missing = [one for one in needed if one not in self._known]
            if not missing:
                found = {id(move): move for one in needed for move in self._known[one]}
                found |= {id(move): move for move in self._sure.get(current, ())}
                self._known[current] = list(found.values())
                open_.discard(current)
                waiting.pop()
                continue
            if current in open_:
                raise no_way({urn: self._depends_on(self._by_urn.get(urn), urn) for urn in open_})
            open_.add(current)
            waiting.extend(missing)
        return self._known[urn]

    def _depends_on(self, item: Item | None, urn: str) -> tuple[str, ...]:
        if item is not None and item.new is not None:
            return item.new.depends_on
        return self._foreign[urn].depends_on if urn in self._foreign else ()


def _in_one_order(chains: Mapping[int, list[Move]], links: _Links) -> list[Move]:
    """Link the moves, and return them in an order that the engine may choose: by declaration where it is free."""
    _link(chains, links)
    moves = [move for chain in (*links.taken.values(), *chains.values()) for move in chain]
    for number, move in enumerate(moves):
        move.place = number
    after: dict[int, list[Move]] = {}
    count = {move.place: len(move.before) for move in moves}
    for move in moves:
        for one in move.before:
            after.setdefault(one.place, []).append(move)
    ready = [(move.item.position, move.place) for move in moves if not move.before]
    heapq.heapify(ready)
    found: list[Move] = []
    while ready:
        _, place = heapq.heappop(ready)
        found.append(moves[place])
        for one in after.get(place, ()):
            count[one.place] -= 1
            if not count[one.place]:
                heapq.heappush(ready, (one.item.position, one.place))
    if len(found) != len(moves):
        open_ = [move for move in moves if count[move.place]]
        needs: dict[str, list[str]] = {}
        for move in open_:
            needs.setdefault(move.item.urn, []).extend(one.item.urn for one in move.before if one.item is not move.item)
        raise no_way(needs)
    for place, move in enumerate(found):
        move.place = place
    return found


def _link(chains: Mapping[int, list[Move]], links: _Links) -> None:
    """Let each move wait for the one before it in its chain, and the first one for what its resource depends on."""
    for position, chain in chains.items():
        previous = list(links.first.get(position, ()))
        for move in chain:
            if move.item.position == position or move.item.position not in links.free:
                move.before = previous
                previous = [move]
    for position, part in links.taken.items():
        previous = links.first_taken[position]
        for move in part:
            move.before = previous
            previous = [move]


def _deleted_at_the_end(items: list[Item], *, is_destroy: bool) -> list[Item]:
    """Return the items whose old vaults are deleted when the program has ended."""
    condemned = {
        item.old.urn
        for item in items
        if item.old is not None and item.action is Action.DELETE and not item.old.resource.pending_delete
    }
    found = []
    for item in items:
        if not item.deletes or item.old is None:
            continue
        deleted_with = item.old.resource.options.deleted_with
        if deleted_with is not None and (deleted_with in condemned or _named(deleted_with, condemned)):
            continue
        if is_destroy or (_goes_by_itself(item)):
            found.append(item)
    return found


def _goes_by_itself(item: Item) -> bool:
    """Whether nothing that is replaced takes an old vault along, and neither does its own replacement."""
    return not item.is_taken and (item.action is Action.DELETE or item.create_first)


def _is_replaced_first(item: Item) -> bool:
    """Whether the engine condemns an old vault whose successor it has created; one that is retained too."""
    return item.action is Action.REPLACE and item.create_first and item.before is not None and not item.keeps_old


def _named(written: str, urns: set[str]) -> bool:
    return any(urn.rpartition("::")[2] == written for urn in urns)


def _ranks(ends: list[Item], items: list[Item], world: World, *, is_destroy: bool) -> list[list[Item]]:
    """Return the ranks of deletes in the order in which they go: what others depend on goes last.

    Two entries of the old state may have one URN: the one that is there, and one that is only still to be deleted.
    """
    if not ends:
        return []
    needs: dict[Hashable, tuple[str, ...]] = {}
    named: dict[str, list[Hashable]] = {}
    for item in items:
        if item.old is not None and (item.action is Action.DELETE or _is_replaced_first(item)):
            needs[item.position] = item.old.depends_on
            named.setdefault(item.old.urn, []).append(item.position)
    for urn, one in world.old_foreign.items():
        if is_destroy or _ends_with_the_run(one, world):
            needs[urn] = one.depends_on
            named.setdefault(urn, []).append(urn)
    depth: dict[Hashable, int] = {}
    below = {
        key: [other for urn in urns for other in named.get(urn, ()) if other != key] for key, urns in needs.items()
    }
    urns = {key: urn for urn, keys in named.items() for key in keys}
    for key in needs:
        _measure(key, below, depth, urns)
    ranked: dict[int, list[Item]] = {}
    for item in ends:
        ranked.setdefault(depth[item.position], []).append(item)
    return [ranked[rank] for rank in sorted(ranked, reverse=True)]


def _ends_with_the_run(old: ForeignResource, world: World) -> bool:
    """Whether another resource is deleted when the program has ended: it is removed, or replaced create-first."""
    new = world.new_foreign.get(old.urn)
    if new is None:
        return old.action == "delete" or bool(world.new_foreign)
    return old.action == "delete" or (new.action == "replace" and not new.delete_first)


def _measure(
    start: Hashable,
    below: Mapping[Hashable, list[Hashable]],
    depth: dict[Hashable, int],
    urns: Mapping[Hashable, str],
) -> None:
    """Find out how many condemned resources lie below one, one upon the other."""
    waiting = [start]
    open_: set[Hashable] = set()
    while waiting:
        key = waiting[-1]
        if key in depth:
            waiting.pop()
            continue
        missing = [one for one in below[key] if one not in depth]
        if not missing:
            depth[key] = 1 + max((depth[one] for one in below[key]), default=-1)
            waiting.pop()
        elif key in open_:
            circle = {urns[one]: [urns[other] for other in below[one]] for one in open_}
            raise no_way(circle, "The dependencies of the old state")
        else:
            open_.add(key)
            waiting.extend(missing)


def region_of(move: Move) -> str:
    """Return the region that a move happens in; empty where it is not known yet."""
    old = move.old
    resource = old.resource if old is not None else move.item.resource
    return resource.region_id if is_known(resource.region_id) else ""
