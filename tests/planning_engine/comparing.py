"""What the planner predicts, held against what the engine said and what the providers did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, count

import pytest

from planning_engine.pairs import Pair, estates_of, label_of, pair_of
from planning_engine.stacks import Ran, StepEvent, call_of
from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.planning import Action, Op, Plan, Run, Step, plan

Key = tuple[str, str]
"""What a step does, and to which URN."""
Silent = frozenset[tuple[str, str, str]]
"""Steps of the engine that make no call: what is only forgotten, gone already, or held."""

_ENDS = frozenset(("delete", "remove-pending-replace", "delete-replaced"))


@dataclass(frozen=True)
class Prediction:
    """The plan of one pair."""

    name: str
    prefix: str
    """How the names of its resources begin."""
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
        """All steps that have ended before one begins, by ids."""
        found: dict[str, set[str]] = {}
        for step in self.plan.steps:
            found[step.id] = {one for direct in step.after for one in (direct, *found[direct])}
        return found

    @cached_property
    def ordered(self) -> list[tuple[Step, Step]]:
        """The pairs of steps that happen in one order only."""
        by_id = {step.id: step for step in self.steps}
        return [(by_id[one], step) for step in self.steps for one in sorted(self.before[step.id]) if one in by_id]

    @cached_property
    def unordered(self) -> list[tuple[Step, Step]]:
        """The pairs of steps that may happen in both orders."""
        return [
            (first, second)
            for first, second in combinations(self.steps, 2)
            if first.id not in self.before[second.id] and second.id not in self.before[first.id]
            if not {first, second} <= self.in_one_chain and not {first, second} & self.in_either_chain
        ]

    @cached_property
    def in_one_chain(self) -> set[Step]:
        """The deletes in the chain of a key: the engine takes them in the order of its state, which no estate tells."""
        olds = (*self.current.vaults, *self.current.mirrors)
        taken = {one.name for one in olds if self._condemned & {*one.arguments_from}}
        taken |= {one.name for one in self.current.mirrors if one.source in taken}
        return self._deletes({one.urn for one in olds if one.name in taken})

    @cached_property
    def in_either_chain(self) -> set[Step]:
        """The deletes in the chain of a key or in their own, for no schedule says which the engine hears of first."""
        return self._deletes(self.keyless)

    @property
    def _condemned(self) -> set[str]:
        return {one.urn for one in self.desired.foreign if one.delete_first}

    @property
    def keyless(self) -> set[str | None]:
        """What had a key that goes, and does without it now."""
        news = {one.urn: one for one in (*self.desired.vaults, *self.desired.mirrors)}
        renamed = {one.old_urn: one.urn for one in self.plan.changes if one.old_urn}
        olds = (one for one in (*self.current.vaults, *self.current.mirrors) if self._condemned & {*one.arguments_from})
        return {
            one.urn
            for one in olds
            if (new := news.get(renamed.get(str(one.urn), str(one.urn)))) is not None and not new.arguments_from
        }

    def _deletes(self, urns: set[str | None]) -> set[Step]:
        return {one for one in self.steps if one.op.deletes and {one.urn, self._old_urn(one.urn)} & urns}

    @cached_property
    def clear(self) -> set[str]:
        """The steps that no other one has op and URN in common with, by ids."""
        return {step.id for step in self.steps if self.keys[str(step.op), step.urn] == 1}

    @cached_property
    def parked(self) -> set[str]:
        """What an earlier run has deleted already, by what it is called then and now.

        Whether a preview shows the deletion of such a mirror is a race in the engine, where the mirror no longer
        depends on its source: it does if the source is registered first. An ``up`` makes no call for it.
        """
        parked = {
            one.urn for one in (*self.current.vaults, *self.current.mirrors) if one.pending_replacement and one.urn
        }
        return parked | {one.urn for one in self.plan.changes if one.old_urn in parked}

    @cached_property
    def undecided(self) -> str | None:
        """Why the engine itself does one thing or another, by whom it hears of first; ``None``: it does not."""
        replaced = {
            change.old_urn or change.urn
            for change in self.plan.changes
            if change.action is Action.REPLACE and not change.create_first
        }
        renamed = {one.old_urn for one in self.plan.changes if one.old_urn}
        if self.keyless & renamed:
            return "what had a key that is deleted first has another name now, and none: it may be deleted twice"
        sources = {one.name: one for one in self.current.vaults if not one.pending_delete}
        new = {urn: one for one in self.desired.mirrors for urn in (one.urn, self._old_urn(one.urn))}
        for old in self.current.mirrors:
            source = sources.get(old.source) if isinstance(old.source, str) else None
            if source is None or source.urn not in replaced or old.urn not in new:
                continue
            if old.pending_delete:
                return f"{old.name} is deleted with its source, and has a successor of the same name"
            after = new[old.urn].source
            if not isinstance(after, str) and after.id == source.id:
                return f"{old.name} names its old source by id now, which is replaced"
        return None

    def _old_urn(self, urn: str | None) -> str | None:
        return next((one.old_urn for one in self.plan.changes if one.urn == urn and one.old_urn), None)

    def call(self, step: Step) -> str:
        """Return how the providers note the call of a step."""
        if step.op.creates:
            return call_of(str(step.op), step.urn, "")
        was = {change.urn: change.old_urn for change in self.plan.changes if change.old_urn}
        urn = step.urn if step.op.deletes else was.get(step.urn, step.urn)
        olds = [
            one
            for one in (*self.current.vaults, *self.current.mirrors)
            if one.urn == urn and not one.pending_replacement
        ]
        olds.sort(key=lambda one: one.pending_delete is not (step.op is Op.DELETE_REPLACED))
        return call_of(str(step.op), step.urn, str(olds[0].id) if olds else "")


def predicted(pair: Pair, ids: Mapping[str, str], run: Run = Run()) -> Prediction:  # noqa: B008 - frozen
    """Return the prediction for a pair, from its own two sides."""
    return prediction_of(pair, *estates_of(pair, ids), run)


def prediction_of(pair: Pair, current: Estate, desired: Estate, run: Run = Run()) -> Prediction:  # noqa: B008 - frozen
    """Return the prediction for a pair, from whatever its sides were read from."""
    return Prediction(str(pair), f"{pair.name}-", current, desired, plan(current, desired, run=run))


def silent_in(ran: Ran) -> Silent:
    """Return the steps that made no call."""
    calls = {one.call for one in ran.calls}
    return frozenset((one.op, one.urn, one.old_id) for one in ran.steps if one.works and one.call not in calls)


def differences(prediction: Prediction, ran: Ran, silent: Silent) -> Iterator[str]:
    """Tell which changes and steps of the engine are not those that were predicted, or not as often."""
    seen = _own(prediction, ran)
    did = Counter((one.op, one.urn) for one in _working(seen, silent))
    by_chance = {(str(Op.DELETE_REPLACED), urn) for urn in prediction.parked}
    for key in sorted((prediction.keys - did).keys() - by_chance):
        yield f"step predicted, not taken: {_told(key)}{_times(prediction.keys[key], did[key])}"
    allowed = prediction.keys
    if not ran.calls:
        # A preview may show the delete of a mirror twice: that of its own chain, and that of its old source's.
        allowed = prediction.keys + Counter(one for one in prediction.keys if one[0] in _ENDS)
    for key in sorted((did - allowed).keys() - by_chance):
        yield f"step taken, not predicted: {_told(key)}{_times(prediction.keys[key], did[key])}"
    made = set(_changes(seen, silent))
    expected = {(change.action.value, change.urn) for change in prediction.plan.changes}
    for key in sorted(expected - made):
        yield f"change predicted, not made: {_told(key)}"
    for key in sorted(made - expected):
        yield f"change made, not predicted: {_told(key)}"


def disorder(prediction: Prediction, ran: Ran, silent: Silent) -> Iterator[str]:
    """Tell of steps that began before another one had ended that comes first, by the engine and by the calls."""
    places: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    for one in _working(_own(prediction, ran), silent):
        places[one.op, one.urn].append((one.began, one.ended))
    calls = {one.call: [(one.began, one.ended)] for one in ran.calls}
    for first, second in prediction.ordered:
        events = places[str(first.op), first.urn], places[str(second.op), second.urn]
        if _is_turned(*events):
            yield f"the engine began {second.id} before {first.id} had ended"
        if {first.id, second.id} <= prediction.clear and _is_turned(
            *(calls.get(prediction.call(step), []) for step in (first, second))
        ):
            yield f"the provider was asked for {second.id} before {first.id} was done"


def _is_turned(first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]) -> bool:
    """Whether one began before another one ended; where several have one name, whether it is so for all of them."""
    return bool(first and second) and min(ended for _, ended in first) > max(began for began, _ in second)


def _own(prediction: Prediction, ran: Ran) -> list[StepEvent]:
    return [one for one in ran.steps if one.urn.rpartition("::")[2].startswith(prediction.prefix)]


def _working(steps: Sequence[StepEvent], silent: Silent) -> list[StepEvent]:
    return [one for one in steps if one.works and (one.op, one.urn, one.old_id) not in silent]


def _changes(steps: Sequence[StepEvent], silent: Silent) -> Iterator[Key]:
    """Yield what happened to each resource as a whole; what makes no call at all is no change of it."""
    replaced = {one.old_id for one in steps if one.op == "create-replacement"}
    at_work = {one.old_id for one in _working(steps, silent)}
    for one in steps:
        if one.op == "create-replacement" and one.old_id in at_work:
            yield Action.REPLACE.value, one.urn
        elif one.op == "create" or (one.op == "update" and one.old_id in at_work):
            yield one.op, one.urn
        elif one.op in _ENDS and not (one.op == "delete-replaced" and one.old_id in replaced):
            yield Action.DELETE.value, one.urn


def _times(predicted: int, taken: int) -> str:
    return f" ({taken} times for {predicted})" if max(predicted, taken) > 1 else ""


def _told(key: Key) -> str:
    return f"{key[0]} {key[1].rpartition('::')[2]}"


def decided_pairs(first_seed: int = 0) -> Iterator[Pair]:
    """Yield pairs with names; those of which the engine itself does one thing or another are left out."""
    number = count()
    for seed in count(first_seed):
        pair = pair_of(seed, "p")
        if predicted(pair, symbolic_ids(pair)).undecided is None:
            yield pair_of(seed, f"p{next(number):03}")


def symbolic_ids(pair: Pair) -> dict[str, str]:
    """Return ids that a pair may have, by label: for plans that are made before there is a stack."""
    return {label_of(one): f"v-{label_of(one)}" for one in pair.current.resources}


def insist_on_nothing(found: Mapping[str, Sequence[str]]) -> None:
    """Fail with what is wrong with which pair."""
    wrong = {name: lines for name, lines in found.items() if lines}
    if wrong:
        text = "".join(f"\n{name}" + "".join(f"\n    {line}" for line in lines) for name, lines in wrong.items())
        pytest.fail(f"{len(wrong)} of {len(found)} pairs:{text}", pytrace=False)
