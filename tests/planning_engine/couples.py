"""Two steps that the plan calls unordered, and the schedule that makes the engine take them in either order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

from planning_engine.comparing import Prediction, call_of
from planning_engine.stacks import Ran
from pulumi_cloudbackup.estate import MirrorVault
from pulumi_cloudbackup.planning import Action, Change, Step


class Couple(NamedTuple):
    """Two steps, the first of which is to take effect first."""

    prediction: Prediction
    first: Step
    second: Step

    def __str__(self) -> str:
        return f"{self.prediction.name}: {self.first.id}, then {self.second.id}"

    @property
    def turned(self) -> Couple:
        return Couple(self.prediction, self.second, self.first)

    @property
    def calls(self) -> tuple[str, str]:
        return call_in(self.prediction, self.first), call_in(self.prediction, self.second)


class Leaving(NamedTuple):
    """A mirror that leaves a source which is replaced delete-first: either of them may be heard of first."""

    mirror: Change
    source: Change


def couples_of(prediction: Prediction) -> list[Couple]:
    """Return all couples whose steps can be told apart."""
    clear = {step.id for step in prediction.steps if prediction.keys[str(step.op), step.urn] == 1}
    return [
        Couple(prediction, first, second)
        for first, second in prediction.unordered
        if first.id in clear and second.id in clear
    ]


def some_couple(prediction: Prediction, rng: Random) -> Couple | None:
    """Return one couple, those at one resource or one source before others."""
    found = couples_of(prediction)
    close = [one for one in found if _leaving(prediction, one.first) or _leaving(prediction, one.second)]
    if close and rng.random() < 0.7:
        found = close
    return rng.choice(found) if found else None


def call_in(prediction: Prediction, step: Step) -> str:
    """Return how the providers note the call of a predicted step."""
    old_urn = next((one.old_urn or one.urn for one in prediction.plan.changes if one.urn == step.urn), step.urn)
    urn = old_urn if not step.op.deletes and not step.op.creates else step.urn
    olds = [
        one
        for one in (*prediction.current.vaults, *prediction.current.mirrors)
        if one.urn == urn and not one.pending_replacement
    ]
    olds.sort(key=lambda one: one.pending_delete is not (str(step.op) == "delete-replaced"))
    return call_of(str(step.op), step.urn, str(olds[0].id) if olds else "")


def schedule_of(couples: Iterable[Couple]) -> dict[str, Any]:
    """Return who waits for what."""
    calls: dict[str, list[str]] = {}
    registrations: dict[str, list[str]] = {}
    for couple in couples:
        first, second = couple.calls
        calls.setdefault(second, []).append(f"effect {first}")
        for name in _registered_later(couple):
            registrations.setdefault(name, []).append(f"start {second}")
    return {"calls": calls, "registrations": registrations}


def _registered_later(couple: Couple) -> Iterator[str]:
    """Name what is registered only when the delete that waits has begun, so that it is in the other one's chain."""
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
    source_urn = _source_urn(prediction, mirror)
    changes = {one.old_urn or one.urn: one for one in prediction.plan.changes if one.action is Action.REPLACE}
    change, source = changes.get(step.urn), changes.get(source_urn or "")
    if change is None or source is None or source.create_first:
        return None
    return Leaving(change, source)


def _source_urn(prediction: Prediction, mirror: MirrorVault) -> str | None:
    return next(
        (
            one.urn
            for one in prediction.current.vaults
            if one.name == mirror.source and not one.pending_delete and one.urn is not None
        ),
        None,
    )


def failures(couples: Iterable[Couple], ran: Ran) -> Iterator[str]:
    """Tell of couples that did not take effect in their order."""
    ended = {one.call: one.ended for one in ran.calls}
    for couple in couples:
        first, second = couple.calls
        if first not in ended or second not in ended:
            yield f"{couple}: {first if first not in ended else second} was never seen"
        elif ended[first] > ended[second] or any(text.startswith(f"{second} waited") for text in ran.gave_up):
            yield f"{couple}: was never in this order"
