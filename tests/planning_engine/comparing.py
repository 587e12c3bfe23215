"""What the planner predicts for a pair, held against what the engine said and did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from planning_engine.pairs import Labels, Pair
from planning_engine.stacks import Call, Ran, StepEvent
from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.planning import Action, Op, Plan, Run, Step, plan

Key = tuple[str, str]
"""What a step does, and to which URN."""
_CALLS = {Op.CREATE: "create", Op.CREATE_REPLACEMENT: "create", Op.UPDATE: "update"}


@dataclass(frozen=True)
class Prediction:
    """The plan of one pair, or of a whole stack."""

    name: str
    current: Estate
    desired: Estate
    plan: Plan

    @cached_property
    def steps(self) -> list[Step]:
        """The steps that make a call."""
        return [step for step in self.plan.steps if step.op is not Op.BARRIER]

    @cached_property
    def keys(self) -> Counter[Key]:
        return Counter((str(step.op), step.urn) for step in self.steps)

    @cached_property
    def before(self) -> dict[str, set[str]]:
        """All steps that have ended before a step begins, by ids."""
        found: dict[str, set[str]] = {}
        for step in self.plan.steps:
            found[step.id] = {one for direct in step.after for one in (direct, *found[direct])}
        return found

    @cached_property
    def unordered(self) -> list[tuple[Step, Step]]:
        """The pairs of steps that may happen in both orders."""
        return [
            (first, second)
            for first, second in combinations(self.steps, 2)
            if first.id not in self.before[second.id] and second.id not in self.before[first.id]
        ]

    @cached_property
    def ordered(self) -> list[tuple[Step, Step]]:
        by_id = {step.id: step for step in self.steps}
        return [(by_id[one], step) for step in self.steps for one in self.before[step.id] if one in by_id]


def predicted(pair: Pair, ids: Mapping[str, str], run: Run = Run()) -> Prediction:  # noqa: B008 - frozen
    """Return the prediction for a pair."""
    labels = Labels(pair, ids)
    current, desired = labels.estate(pair.current, is_current=True), labels.estate(pair.desired, is_current=False)
    return Prediction(str(pair), current, desired, plan(current, desired, run=run))


class Observation:
    """What the engine said of some resources, and which calls it made."""

    def __init__(self, ran: Ran, prefix: str) -> None:
        self.steps = [one for one in ran.steps if one.urn.rpartition("::")[2].startswith(prefix)]
        self.calls = {one.call: one for one in ran.calls}

    def working(self) -> list[StepEvent]:
        """Return the steps that make a call."""
        return [one for one in self.steps if one.op not in ("same", "replace", "read", "remove-pending-replace")]

    def call_of(self, step: StepEvent) -> Call | None:
        """Return the call of a step; ``None``: it made none."""
        return self.calls.get(call_of(step.op, step.urn, step.old_id))


def call_of(op: str, urn: str, old_id: str) -> str:
    """Return how the providers note the call of a step."""
    if op in ("create", "create-replacement"):
        return f"create {urn.rpartition('::')[2]}"
    return f"{'update' if op == 'update' else 'delete'} {old_id}"


def differences(prediction: Prediction, seen: Observation, silent: frozenset[tuple[str, str]]) -> Iterator[str]:
    """Tell what the engine did otherwise than it was predicted; ``silent``: steps that make no call, by op and id."""
    working = [one for one in seen.working() if (one.op, one.old_id) not in silent]
    did = Counter((one.op, one.urn) for one in working)
    for key in sorted((prediction.keys - did).keys()):
        yield f"predicted, not done: {_told(key)}"
    for key in sorted((did - prediction.keys).keys()):
        yield f"done, not predicted: {_told(key)}"
    actions = set(_actions(seen.steps))
    expected = {(change.urn, change.action) for change in prediction.plan.changes}
    for urn, action in sorted(expected - actions):
        yield f"change predicted, not made: {_told((action.value, urn))}"
    for urn, action in sorted(actions - expected):
        yield f"change made, not predicted: {_told((action.value, urn))}"
    if did == prediction.keys:
        yield from _disorder(prediction, working)


def _actions(steps: Sequence[StepEvent]) -> Iterator[tuple[str, Action]]:
    """Yield what happened to each resource as a whole."""
    replaced = {one.old_id for one in steps if one.op == "create-replacement"}
    for one in steps:
        if one.op == "create":
            yield one.urn, Action.CREATE
        elif one.op == "update":
            yield one.urn, Action.UPDATE
        elif one.op == "create-replacement":
            yield one.urn, Action.REPLACE
        elif one.op in ("delete", "remove-pending-replace") or (
            one.op == "delete-replaced" and one.old_id not in replaced
        ):
            yield one.urn, Action.DELETE


def _disorder(prediction: Prediction, working: Sequence[StepEvent]) -> Iterator[str]:
    """Tell of steps that began before another one ended that was predicted to come first."""
    places: dict[Key, list[StepEvent]] = defaultdict(list)
    for one in working:
        places[one.op, one.urn].append(one)
    for first, second in prediction.ordered:
        earlier, later = places[str(first.op), first.urn], places[str(second.op), second.urn]
        ended = min(one.ended if one.ended is not None else 1 << 60 for one in earlier)
        if ended > max(one.began for one in later):
            yield f"{second.id} began before {first.id} had ended"


def silent_steps(seen: Observation) -> frozenset[tuple[str, str]]:
    """Return the deletes that made no call, by op and id."""
    return frozenset(
        (one.op, one.old_id)
        for one in seen.working()
        if one.op in ("delete", "delete-replaced") and seen.call_of(one) is None
    )


def _told(key: Key) -> str:
    return f"{key[0]} {key[1].rpartition('::')[2]}"
