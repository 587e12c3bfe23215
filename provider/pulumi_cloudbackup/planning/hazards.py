"""What some order of the steps breaks: CB401, CB402, CB403, CB406, CB407, judged over all orders at once.

Two mirrors occupy one physical vault at the same time in some order if and only if the delete of the one is not
guaranteed to have ended before the create of the other. So reachability decides each pair, and nothing is enumerated.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pulumi_cloudbackup.planning.plan import Action, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.ordering import Move, Order
    from pulumi_cloudbackup.planning.world import Old, World


@dataclass(frozen=True)
class Hazard:
    """One thing that some order breaks."""

    code: str
    comes: Item
    """What must wait: the mirror that is created, or the source that is deleted or locked."""
    goes: Item | None
    """What must be over before: the old mirror, or the source that is to be created."""
    move: Move
    """The step that breaks the rule."""
    waits_for: Move | None
    """The step that must have ended before it; ``None``: there is none in this run."""
    source: str
    """The physical vault that it is about."""


class Roots(NamedTuple):
    """Who is at each physical vault, and what becomes of it."""

    occupants: dict[str, list[Item]]
    """Mirrors of the old state by the vault that they copy."""
    comers: dict[str, list[Item]]
    """Mirrors that this run creates, by the vault that they are to copy."""
    owners: dict[str, Item]
    """The item whose vault it is, before or after the run."""
    strangers: dict[str, list[Old]]
    """Mirrors that somebody else manages."""


def roots_of(items: list[Item], world: World) -> Roots:
    """Find out who is at each physical vault."""
    roots = Roots(defaultdict(list), defaultdict(list), {}, defaultdict(list))
    for item in items:
        old = item.old
        if not item.is_mirror:
            for instance in (item.before, item.after, world.fresh(item.urn) if item.is_held else None):
                if instance is not None:
                    roots.owners[instance] = item
            continue
        if old is not None and old.instance is not None and old.source is not None and not old.is_gone:
            roots.occupants[old.source].append(item)
        if item.creates and item.source_after is not None:
            roots.comers[item.source_after].append(item)
    for old in world.olds:
        if old.is_mirror and not old.is_ours and old.source is not None:
            roots.strangers[old.source].append(old)
    return roots


def hazards_of(order: Order, roots: Roots) -> list[Hazard]:
    """Return every hazard of a run, in the order of the steps that break the rules."""
    found = [*_second_mirrors(order, roots), *_rootless(order, roots), *_sources(order, roots)]
    return sorted(found, key=lambda one: (one.code, one.move.place, one.goes.position if one.goes is not None else -1))


def _second_mirrors(order: Order, roots: Roots) -> Iterator[Hazard]:
    """CB401, CB402: a mirror is created while another one still copies its source."""
    for instance, comers in roots.comers.items():
        for goes in roots.occupants.get(instance, ()):
            deletes = order.deleted.get(goes.position)
            for comes in comers:
                creates = order.created[comes.position]
                if comes is goes and not comes.deletes:
                    continue
                stays = deletes is None and goes.action in (Action.NONE, Action.UPDATE)
                if stays and goes.reason is not Reason.NOT_TARGETED:
                    continue  # both stay: that is wrong however it is ordered (CB202)
                if deletes is not None and order.precedes(deletes, creates):
                    continue
                moves_away = deletes is not None and goes.action is Action.REPLACE
                yield Hazard("CB402" if moves_away else "CB401", comes, goes, creates, deletes, instance)


def _rootless(order: Order, roots: Roots) -> Iterator[Hazard]:
    """CB407, CB304: a mirror is created on a vault that is not there at that moment, or that is deleted afterwards."""
    for instance, comers in roots.comers.items():
        owner = roots.owners.get(instance)
        if owner is None:
            continue
        gone = order.deleted.get(owner.position)
        for comes in comers:
            creates = order.created[comes.position]
            if instance != owner.before:
                made = order.created.get(owner.position)
                if owner.adopted is None and (made is None or not order.precedes(made, creates)):
                    yield Hazard("CB407", comes, owner, creates, made, instance)
            elif gone is not None and order.precedes(creates, gone):
                yield Hazard("CB304", owner, comes, gone, None, instance)
            elif gone is not None:
                yield Hazard("CB407", comes, owner, creates, None, instance)


def _sources(order: Order, roots: Roots) -> Iterator[Hazard]:
    """CB304, CB403, CB406: a source is deleted or locked while its mirror may still be there."""
    for instance, goers in roots.occupants.items():
        owner = roots.owners.get(instance)
        if owner is None or owner.before != instance or (owner.old is not None and owner.old.is_gone):
            continue
        deletes, updates = order.deleted.get(owner.position), order.updated.get(owner.position)
        for goes in goers:
            gone = order.deleted.get(goes.position)
            if deletes is not None and gone is None:
                yield Hazard("CB304", owner, goes, deletes, None, instance)
            elif deletes is not None and gone is not None and not order.precedes(gone, deletes):
                yield Hazard("CB403", owner, goes, deletes, gone, instance)
            if updates is not None and gone is not None and locks(owner) and not order.precedes(gone, updates):
                yield Hazard("CB406", owner, goes, updates, gone, instance)


def locks(item: Item) -> bool:
    """Whether a vault is locked in place."""
    return any(one.path == "worm_enabled" and one.after is True for one in item.fields)
