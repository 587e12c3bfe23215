"""Two steps, and the schedule that makes the engine take them in one order or, if it can, in the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

from planning_engine.comparing import Prediction
from planning_engine.stacks import Ran
from pulumi_cloudbackup.estate import MirrorVault
from pulumi_cloudbackup.planning import Action, Change, Step

PATIENCE = 30.0
"""How long a call waits for one that is said to come first: only what never comes takes so long."""
PROVOCATION = 1.0
"""How long a call waits for one that is said to come later."""


class Couple(NamedTuple):
    """Two steps, the first of which is to take effect first; not so where the plan says otherwise."""

    prediction: Prediction
    first: Step
    second: Step
    patience: float = PATIENCE

    def __str__(self) -> str:
        return f"{self.prediction.name}: {self.first.id}, then {self.second.id}"

    @property
    def turned(self) -> Couple:
        return Couple(self.prediction, self.second, self.first, self.patience)

    @property
    def calls(self) -> tuple[str, str]:
        return self.prediction.call(self.first), self.prediction.call(self.second)

    def is_in(self, ran: Ran) -> bool:
        """Whether both steps were taken."""
        return {*self.calls} <= {one.call for one in ran.calls}


class Leaving(NamedTuple):
    """A mirror that leaves a source which is replaced delete-first: either of them may be heard of first."""

    mirror: Change
    source: Change


def unordered_in(prediction: Prediction) -> list[Couple]:
    """Return all couples that may happen in both orders, of steps that can be told apart."""
    return [
        Couple(prediction, first, second)
        for first, second in prediction.unordered
        if {first.id, second.id} <= prediction.clear
    ]


def provocations_of(prediction: Prediction) -> list[Couple]:
    """Return all couples that happen in one order only, turned: the wrong step is to come first."""
    return [
        Couple(prediction, later, earlier, PROVOCATION)
        for earlier, later in prediction.ordered
        if {earlier.id, later.id} <= prediction.clear
    ]


def chosen(couples: list[Couple], rng: Random) -> Couple | None:
    """Return one couple; those around a mirror that leaves its source come more often than others."""
    close = [one for one in couples if any(_leaving(one.prediction, step) for step in (one.first, one.second))]
    if close and rng.random() < 0.7:
        return rng.choice(close)
    return rng.choice(couples) if couples else None


def schedule_of(couples: Iterable[Couple]) -> dict[str, Any]:
    """Return who waits for what, and how long."""
    calls: dict[str, tuple[list[str], float]] = {}
    registrations: dict[str, tuple[list[str], float]] = {}
    for couple in couples:
        first, second = couple.calls
        calls[second] = ([f"effect {first}"], couple.patience)
        for name in _registered_later(couple):
            registrations[name] = ([f"start {second}"], couple.patience)
    return {"calls": calls, "registrations": registrations}


def never_seen(couples: Iterable[Couple], ran: Ran) -> Iterator[str]:
    """Tell of couples that did not happen in their order."""
    ended = {one.call: one.ended for one in ran.calls}
    for couple in couples:
        first, second = couple.calls
        if first not in ended or second not in ended:
            yield f"{couple}: {first if first not in ended else second} was not seen at all"
        elif second in ran.gave_up or ended[first] > ended[second]:
            yield f"{couple}: never in this order"


def _registered_later(couple: Couple) -> Iterator[str]:
    """Name what is registered only when the call that waits has begun, so that the engine does not hear of it first."""
    leaving = _leaving(couple.prediction, couple.second)
    if leaving is None:
        return
    if _comes_after(couple, leaving.source) or _is_taken_along(couple, leaving.source):
        yield leaving.source.name
    elif _comes_after(couple, leaving.mirror):
        yield leaving.mirror.name


def _comes_after(couple: Couple, change: Change) -> bool:
    """Whether the step that is to come first is one of a change, or comes after one in any case."""
    own = {
        step.id
        for step in couple.prediction.steps
        if step.urn in (change.urn, change.old_urn) and step.id != couple.second.id
    }
    return couple.first.id in own or not own.isdisjoint(couple.prediction.before[couple.first.id])


def _is_taken_along(couple: Couple, source: Change) -> bool:
    """Whether the step that is to come first deletes another mirror of the source."""
    if not couple.first.op.deletes:
        return False
    return any(
        one.urn == couple.first.urn and _source_urn(couple.prediction, one) == (source.old_urn or source.urn)
        for one in couple.prediction.current.mirrors
    )


def _leaving(prediction: Prediction, step: Step) -> Leaving | None:
    """Return who leaves whom, where a step deletes a mirror that leaves a source which is replaced delete-first."""
    if not step.op.deletes:
        return None
    mirror = next((one for one in prediction.current.mirrors if one.urn == step.urn and not one.pending_delete), None)
    if mirror is None:
        return None
    changes = {one.old_urn or one.urn: one for one in prediction.plan.changes if one.action is Action.REPLACE}
    change, source = changes.get(step.urn), changes.get(_source_urn(prediction, mirror) or "")
    if change is None or source is None or source.create_first:
        return None
    return Leaving(change, source)


def _source_urn(prediction: Prediction, mirror: MirrorVault) -> str | None:
    return next(
        (one.urn for one in prediction.current.vaults if one.name == mirror.source and not one.pending_delete), None
    )
