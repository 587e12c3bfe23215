"""The planner against the real engine: what changes, which steps, and in which orders they can happen.

Two hundred and forty generated pairs of small estates, many in one program. The current sides are made by a real
``up``; what interrupted runs leave behind is written into the state. Then the program declares the desired sides, and
preview and ``up`` are held against the plan of each pair, step by step.

The providers oblige (``planning_engine/obliging.py``): check and diff are our own, but no call is refused, and a call
can be made to wait for another one. So ``up`` runs twice from the same state. In each pair that has unordered steps two
of them are made to happen in one order, then in the other. In the others a step that the plan says comes first is made
to wait for one that comes later: the engine must not begin that one. The engine writes the state once, at the end, which
makes it five times as fast and changes nothing about order; ``test_runs_against_engine`` has a test without that.

More pairs, and more couples of steps of each:

    CLOUDBACKUP_PAIRS=2000 CLOUDBACKUP_ROUNDS=5 pytest tests/engine/test_plan_against_engine.py
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

import pytest

from offline_and_real import differences, offline_preview, real_preview
from planning_engine.comparing import (
    Prediction,
    decided_pairs,
    disorder,
    insist_on_nothing,
    predicted,
    prediction_of,
    silent_in,
)
from planning_engine.comparing import (
    differences as step_differences,
)
from planning_engine.couples import Couple, chosen, never_seen, provocations_of, schedule_of, unordered_in
from planning_engine.pairs import STACK
from planning_engine.service import violations
from planning_engine.stacks import Ran, StackOfPairs, part_of
from pulumi_cloudbackup.engine.exported import read_export
from pulumi_cloudbackup.engine.outcome import Failure
from pulumi_cloudbackup.engine.stack_plan import StackPlan
from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.planning import plan

PAIRS = int(os.environ.get("CLOUDBACKUP_PAIRS", "240"))
ROUNDS = int(os.environ.get("CLOUDBACKUP_ROUNDS", "1"))
IN_ONE_PROGRAM = 80


@dataclass(frozen=True)
class Round:
    """One ``up`` of all pairs, under a schedule."""

    ran: Ran
    couples: tuple[Couple, ...]
    """Unordered steps that were to happen in this order."""
    provoked: tuple[Couple, ...]
    """Ordered steps that must not happen in this order."""


@dataclass(frozen=True)
class Performance:
    """What the engine did with many pairs, and what was predicted."""

    predictions: tuple[Prediction, ...]
    from_state: tuple[Prediction, ...]
    """The same, with what is there read from the exported state."""
    whole: Prediction
    """The plan of all pairs together: deletes of one pair wait for the other pairs, too."""
    preview: Ran
    offline: tuple[StackPlan | Failure, StackPlan | Failure]
    """What the command line makes of the real preview, and of one without the engine."""
    rounds: tuple[Round, ...]


@pytest.fixture(scope="module", params=range(0, PAIRS, IN_ONE_PROGRAM), ids=lambda first: f"from {first}")
def performance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Performance:
    """Everything that is done with one program of pairs."""
    number = min(IN_ONE_PROGRAM, PAIRS - request.param)
    pairs = list(islice(decided_pairs(), request.param, request.param + number))
    stack = StackOfPairs(tmp_path_factory.mktemp("pairs"), pairs)
    predictions = tuple(predicted(pair, stack.ids_of(pair)) for pair in pairs)
    exported = read_export(stack.state).estate
    from_state = tuple(
        prediction_of(pair, part_of(exported, pair), one.desired) for pair, one in zip(pairs, predictions, strict=True)
    )
    current, desired = _together([one.current for one in predictions]), _together([one.desired for one in predictions])
    whole = Prediction("all pairs together", "p", current, desired, plan(current, desired))
    preview = stack.run("preview")
    real = real_preview(stack.folder, STACK, stack.env)
    offline = offline_preview(stack.folder, STACK, stack.env, stack.state)
    rng = Random(request.param)  # noqa: S311 - a seeded choice of tests
    rounds: list[Round] = []
    for _ in range(ROUNDS):
        couples = [one for each in predictions if (one := chosen(unordered_in(each), rng))]
        free = [each for each in predictions if all(one.prediction is not each for one in couples)]
        for directed in (couples, [one.turned for one in couples]):
            provoked = [one for each in free if (one := chosen(provocations_of(each), rng))]
            ran = stack.run("up", "--yes", "--skip-preview", schedule=schedule_of([*directed, *provoked]))
            rounds.append(Round(ran, tuple(directed), tuple(provoked)))
            stack.put_back()
    return Performance(predictions, from_state, whole, preview, (real, offline), tuple(rounds))


def _together(estates: Sequence[Estate]) -> Estate:
    return Estate(
        vaults=tuple(one for estate in estates for one in estate.vaults),
        mirrors=tuple(one for estate in estates for one in estate.mirrors),
        foreign=tuple(one for estate in estates for one in estate.foreign),
    )


def test_changes_and_steps_are_the_engines_own(performance: Performance) -> None:
    """In preview and in every up, also where what is there is read from the exported state."""
    silent = silent_in(performance.rounds[0].ran)
    found: dict[str, list[str]] = {}
    for one in performance.predictions:
        found[one.name] = [f"preview: {line}" for line in step_differences(one, performance.preview, silent)]
        for done in performance.rounds:
            found[one.name] += [f"up: {line}" for line in step_differences(one, done.ran, silent_in(done.ran))]
    insist_on_nothing(found)


def test_offline_is_the_same(performance: Performance) -> None:
    """Every change, step, order, problem, stage and unknown, to the byte."""
    real, offline = performance.offline
    assert isinstance(real, StackPlan), real
    assert isinstance(offline, StackPlan), offline
    assert real.plan.changes
    found = list(differences(real, offline))
    assert not found, "\n".join(found)


def test_every_observed_order_is_a_linear_extension(performance: Performance) -> None:
    """No step begins before those that the plan puts first have ended, not even when it is provoked."""
    silent = silent_in(performance.rounds[0].ran)
    found: dict[str, list[str]] = {}
    for one in (*performance.predictions, performance.whole):
        found[one.name] = [f"preview: {line}" for line in disorder(one, performance.preview, silent)]
        for done in performance.rounds:
            found[one.name] += [f"up: {line}" for line in disorder(one, done.ran, silent_in(done.ran))]
    for done in performance.rounds:
        for couple in done.provoked:
            if couple.is_in(done.ran) and couple.calls[1] not in done.ran.gave_up:
                text = f"up: {couple.second.id} did not wait in vain for {couple.first.id}"
                found[couple.prediction.name].append(text)
    insist_on_nothing(found)


def test_unordered_steps_happen_in_both_orders(performance: Performance) -> None:
    found = {one.name: list[str]() for one in performance.predictions}
    for done in performance.rounds:
        for one in done.couples:
            found[one.prediction.name] += never_seen([one], done.ran)
    insist_on_nothing(found)
    assert len(performance.rounds[0].couples) > len(performance.predictions) / 5


def test_the_plan_of_all_is_that_of_each(performance: Performance) -> None:
    """Pairs that have nothing in common change nothing about each other's steps."""
    keys = Counter(key for one in performance.predictions for key in one.keys.elements())
    assert performance.whole.keys == keys


def test_the_exported_state_gives_the_same_plan(performance: Performance) -> None:
    """What is there, read from the state, is ordered as what was declared to make it."""
    found: dict[str, list[str]] = {}
    for one, other in zip(performance.predictions, performance.from_state, strict=True):
        here, there = ({(a.id, b.id) for a, b in each.ordered} for each in (one, other))
        found[one.name] = [
            *(f"only by the state: {key[0]} {key[1].rpartition('::')[2]}" for key in other.keys - one.keys),
            *(f"not by the state: {key[0]} {key[1].rpartition('::')[2]}" for key in one.keys - other.keys),
            *(f"by the state {a} comes before {b}" for a, b in sorted(there - here)),
            *(f"by the state {a} does not come before {b}" for a, b in sorted(here - there)),
        ]
    insist_on_nothing(found)


def test_where_the_plan_finds_no_hazard_the_service_would_refuse_nothing(performance: Performance) -> None:
    """At no moment of any order a source has two mirrors, or is deleted under its mirror."""
    found: dict[str, list[str]] = {}
    for one in performance.predictions:
        if not any(problem.stops for problem in one.plan.problems):
            found[one.name] = [line for done in performance.rounds for line in violations(one, done.ran)]
    insist_on_nothing(found)
    assert found
