"""What is wrong with the planner's answer to one case: every function yields complaints in words, none if all is well."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property
from itertools import combinations, pairwise
from math import ceil
from random import Random
from typing import Literal, NamedTuple

from planning.aftermath import after_stage, after_steps
from planning.brute_force import ORDER_CODES, Orders, TooMany, Violation, judge
from planning.engine_model import Call, Engine, Targets, refused_by_the_engine
from planning.generating import Case, Resource, case_of, exists, shuffled
from planning.service_model import NOTHING, Operation, Quota, Reading, World, ancestors, everything, limit_of, world_of
from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.planning import Plan, PlanError, Run, plan
from pulumi_cloudbackup.planning.plan import Action, Op, Reason, Stage, Step
from pulumi_cloudbackup.rules import Problem

Strategy = Literal["exposure", "fewest"]
Check = Callable[[Case], Iterator[str]]
STRATEGIES: tuple[Strategy, ...] = ("exposure", "fewest")
MOST_STAGES = 25
MOST_CHOICES = 5
MOST_CHOICES_OF_FEWEST = 12
MOST_STOPS = 4
MOST_PAIRS = 600
MINUTES_BEFORE_COPYING = 90
SIZES = (None, 0, 1, 10**9, 7 * 10**12 + 1)
RATES = (25_000_000, 1_000, 50)
_HAZARDS = (*ORDER_CODES, "CB404")


def planned(case: Case, run: Run | None = None, strategy: Strategy = "exposure") -> Reading:
    """Plan a case, and read the plan."""
    run = run or Run()
    return Reading(case.current, case.desired, plan(case.current, case.desired, run=run, strategy=strategy), run)


# Hazards and peaks.


def told(one: Plan, *codes: str) -> Iterator[tuple[Problem, Violation]]:
    """Yield the problems of some codes, each with what it says."""
    for problem in one.problems:
        if problem.code in codes:
            yield problem, Violation(problem.code, frozenset(problem.subjects))


def hazards(case: Case) -> Iterator[str]:
    """The problems of order are those that some order really has, no more and no fewer."""
    yield from hazards_of(planned(case))


def hazards_of(reading: Reading, start: World | None = None) -> Iterator[str]:
    orders = Orders(reading, start or world_of(reading.current, reading.desired))
    expected = orders.judge().of(*ORDER_CODES)
    said = {one for _, one in told(reading.plan, *ORDER_CODES)}
    yield from (f"not told: {one.code} {sorted(one.subjects)}" for one in sorted(expected - said, key=str))
    yield from (f"told but impossible: {one.code} {sorted(one.subjects)}" for one in sorted(said - expected, key=str))


def peaks(case: Case) -> Iterator[str]:
    """The peaks are the true ones of all orders; CB404 is told for exactly those above their limits."""
    reading = planned(case)
    verdict = judge(reading, world_of(case.current, case.desired))
    expected = {
        (*quota, *verdict.peaks[quota], limit_of(quota, case.current, case.desired), _is_lower_bound(case, quota))
        for quota in verdict.peaks
    }
    said = {
        (one.quota, one.region_id, one.account, one.initial, one.peak, one.limit, one.lower_bound)
        for one in reading.plan.peaks
    }
    yield from (f"true peak {one}" for one in sorted(expected - said))
    yield from (f"peak told {one}" for one in sorted(said - expected))
    limits = {quota: limit_of(quota, case.current, case.desired) for quota in verdict.peaks}
    final = verdict.final.usage()
    on_the_way = [one for one in verdict.peaks if final[one] <= limits[one] < verdict.peaks[one][1]]
    at_the_end = [one for one in verdict.peaks if final[one] > limits[one]]
    codes = Counter(problem.code for problem in reading.plan.problems)
    # What is exceeded at the end is told as such, and may be told as a peak too.
    if not len(on_the_way) <= codes["CB404"] <= len(on_the_way) + len(at_the_end):
        yield f"{len(on_the_way)} quotas are exceeded on the way, CB404 is told {codes['CB404']} times"
    if at_the_end and not codes["CB211"] + codes["CB212"] + codes["CB404"]:
        yield f"{at_the_end} are exceeded at the end, which is not told"


def _is_lower_bound(case: Case, quota: Quota) -> bool:
    usage = case.current.usage
    return usage is None or not usage.complete or quota[2] != case.current.account


def witnesses(case: Case) -> Iterator[str]:
    """Each problem of order has a witness: the beginning of a possible order, whose last step breaks the rule."""
    reading = planned(case)
    orders = Orders(reading, world_of(case.current, case.desired))
    ahead = ancestors(reading.plan)
    places = {step.id: place for place, step in enumerate(orders.steps)}
    for problem, said in told(reading.plan, *_HAZARDS):
        ran = [step_id for step_id in problem.witness if step_id in places]
        unknown = set(problem.witness) - set(ahead)
        early = [one for place, one in enumerate(ran) if not ahead[one] & set(places) <= set(ran[:place])]
        if not ran or unknown or early or len(set(ran)) != len(ran):
            yield f"{said}: no order begins with {problem.witness}: unknown {unknown}, too early {early}"
        elif not _breaks(orders, ran, said):
            yield f"{said}: {problem.witness} does not break it"


def _breaks(orders: Orders, ran: list[str], said: Violation) -> bool:
    worlds = orders.worlds()
    places = {step.id: place for place, step in enumerate(orders.steps)}
    before = sum(1 << places[one] for one in ran[:-1])
    if said.code == "CB404":
        usage = worlds[before | 1 << places[ran[-1]]].usage()
        estates = orders.reading.current, orders.reading.desired
        return any(count > limit_of(quota, *estates) for quota, count in usage.items())
    if said.code == "CB406":
        return said in set(orders.locked_too_early(worlds[before | 1 << places[ran[-1]]]))
    last = orders.steps[places[ran[-1]]]
    return said in set(orders.broken(worlds[before], last))


# What the engine does.


def actions(case: Case) -> Iterator[str]:
    """Every resource is created, replaced, deleted or kept as the engine would."""
    if not case.is_sound:
        return  # what the engine does with a mirror of a vault that it deletes depends on what it hears of first
    reading = planned(case)
    engine = Engine(reading)
    for one in everything(case.desired):
        action = next(
            (
                change.action
                for change in (*reading.plan.changes, *reading.plan.unchanged)
                if (change.kind, change.name) == (type(one).__name__, one.name) and change.reason != "left to delete"
            ),
            None,
        )
        doing = engine.doings[one.name]
        if not _agrees(doing, action, was_there=reading.before(one) is not None):
            yield f"{one.name}: the engine does {doing}, the plan says {action}"
    gone = {(type(one).__name__, one.name) for one in reading.removed()}
    deleted = {(one.kind, one.name) for one in reading.plan.changes if one.action is Action.DELETE}
    if gone != deleted:
        yield f"the engine deletes {sorted(gone)}, the plan says {sorted(deleted)}"


def _agrees(doing: str, action: Action | None, *, was_there: bool) -> bool:
    match doing:
        case "create":
            return action is Action.CREATE or (was_there and action is Action.REPLACE)
        case "none" | "update":
            return action in (Action.NONE, Action.UPDATE)
        case _:
            return action is Action.REPLACE


def order(case: Case) -> Iterator[str]:
    """Two calls are ordered in the plan if the engine guarantees their order, and only then."""
    if not case.is_sound:
        return  # as above
    reading = planned(case)
    engine = Engine(reading)
    calls = {step.id: call for step in reading.steps if (call := _call(reading.operations()[step.id])) is not None}
    expected = {call for call in engine.calls if call.does != "update"}
    said = {call for call in calls.values() if call.does != "update"}
    yield from (f"the engine does {one}, the plan does not" for one in sorted(expected - said))
    yield from (f"the plan does {one}, the engine does not" for one in sorted(said - expected))
    ahead = ancestors(reading.plan)
    stated = {(calls[one], calls[step]) for step in calls for one in ahead[step] if one in calls}
    known = expected & said | {call for call in calls.values() if call in engine.calls}
    guaranteed = {pair for pair in engine.guaranteed() if set(pair) <= known}
    stated = {pair for pair in stated if set(pair) <= known}
    yield from (f"guaranteed but not stated: {one}" for one in sorted(guaranteed - stated))
    yield from (f"stated but not guaranteed: {one}" for one in sorted(stated - guaranteed))


def _call(operation: Operation) -> Call | None:
    match operation.does:
        case "create" | "delete":
            return Call(operation.does, operation.id)
        case "lock":
            return Call("update", operation.id)
        case "nothing":
            return None


# Stages.


class Complaint(NamedTuple):
    """What is wrong with a sequence of stages."""

    about: Literal["safe", "possible", "steps", "bare"]
    why: str


def errors_of(one: Plan) -> set[str]:
    return {problem.code for problem in one.problems if problem.stops}


def run_of(stage: Stage) -> Run:
    """Return the engine run that a stage is."""
    kind: Literal["up", "destroy"] = "destroy" if "pulumi destroy" in stage.command else "up"
    return Run(kind, frozenset(stage.targets), frozenset(stage.excludes), frozenset(), frozenset(stage.holds))


@dataclass
class Journey:
    """The stages of a plan, run one after the other on the model."""

    case: Case
    strategy: Strategy = "exposure"

    def about(self, *topics: str) -> Iterator[str]:
        return (complaint.why for complaint in self.complaints() if complaint.about in topics)

    def complaints(self) -> Iterator[Complaint]:
        first = planned(self.case, strategy=self.strategy)
        found = first.plan.stages
        if self.is_hopeless(first):
            # Somebody has to mend something first; a sequence that runs into it is none.
            yield from self._walk(first, about="possible")
        elif not found:
            yield from self._no_stages(first)
        elif len(found) > MOST_STAGES:
            yield Complaint("safe", f"{len(found)} stages")
        else:
            yield from self._walk(first)

    def is_hopeless(self, first: Reading) -> bool:
        """Whether something stands against the change that no order mends."""
        end = judge(first, world_of(self.case.current, self.case.desired)).final
        return bool(errors_of(first.plan) - set(_HAZARDS)) or not self.case.is_sound or not self._is_sound(end)

    def _is_sound(self, end: World) -> bool:
        usage = end.usage()
        crowded = any(count > self._limit(quota) for quota, count in usage.items())
        return not crowded and all(one.source in end.there for one in end.there.values() if one.source)

    def _limit(self, quota: Quota) -> int:
        return limit_of(quota, self.case.current, self.case.desired)

    def _no_stages(self, first: Reading) -> Iterator[Complaint]:
        """No stages: there is nothing to do, or no two runs are safe."""
        proof = self.two_safe_runs(first) if first.steps else ""
        if proof:
            yield Complaint("safe", f"no stages against {', '.join(sorted(errors_of(first.plan)))}, but {proof}")

    def two_safe_runs(self, first: Reading, most: int = MOST_CHOICES) -> str:
        """Find a first run, holding and excluding something, after which a plain one is safe; empty: there is none.

        ``most``: how many creations may be held, and how many resources excluded, of those that there are.
        """
        world = world_of(self.case.current, self.case.desired)
        creations = [step.urn for step in first.steps if step.op.creates and step.kind == "MirrorVault"]
        urns = dict.fromkeys(step.urn for step in first.steps)
        for holds in _subsets(creations[:most]):
            for excludes in _subsets([urn for urn in urns if urn not in holds][:most]):
                run = Run(excludes=excludes, holds=holds)
                one = plan(self.case.current, self.case.desired, run=run)
                reading = Reading(self.case.current, self.case.desired, one, run)
                after = self._after_safe(reading, world) if reading.steps else None
                if after is not None and self._after_safe(*self._next(reading, after)) is not None:
                    return f"holding {_names(holds)} and excluding {_names(excludes)} is safe, and then a plain run is"
        return ""

    def fewest_bare(self, first: Reading) -> tuple[int, str] | None:
        """Return how many sources the best pair of safe runs leaves bare, in words too; ``None``: there is no such pair.

        All of them are tried: ``TooMany`` where there are too many.
        """
        world = world_of(self.case.current, self.case.desired)
        never = {one for one in world.there if not any(world.mirrors_of(one))}
        creations = {step.urn for step in first.steps if step.op.creates and step.kind == "MirrorVault"}
        urns = list(dict.fromkeys(step.urn for step in first.steps))
        if 2 ** len(set(urns) - creations) * 3 ** len(creations) > MOST_PAIRS:
            raise TooMany
        found = None
        for holds in _subsets(sorted(creations)):
            for excludes in _subsets([urn for urn in urns if urn not in holds]):
                run = Run(excludes=excludes, holds=holds)
                one = plan(self.case.current, self.case.desired, run=run)
                reading = Reading(self.case.current, self.case.desired, one, run)
                after = self._after_safe(reading, world) if reading.steps else None
                end = self._end_of(reading, after) if after is not None else None
                if after is None or end is None:
                    continue
                copied = {one.source for one in end.there.values()}
                bare = [one for one in after.there if one in copied - never and not any(after.mirrors_of(one))]
                if found is None or len(bare) < found[0]:
                    found = len(bare), f"holding {_names(holds)} and excluding {_names(excludes)} leaves {bare} bare"
        return found

    def _end_of(self, reading: Reading, after: World) -> World | None:
        """Return the world after a plain run that follows; ``None``: it is not safe, or leaves something undone."""
        following, world = self._next(reading, after)
        end = self._after_safe(following, world)
        return end if end is not None and not any(self._end(after_stage(following, end), end)) else None

    def after_each_stage(self, first: Reading) -> Iterator[World]:
        """Yield the world after each stage of a plan."""
        current, world = self.case.current, world_of(self.case.current, self.case.desired)
        for number, stage in enumerate(first.plan.stages, 1):
            run = run_of(stage)
            one = plan(current, self.case.desired, run=run)
            reading = Reading(current, self.case.desired, one, run, f"{number}")
            world = judge(reading, world).final
            current = after_stage(reading, world)
            yield world

    def _next(self, reading: Reading, world: World) -> tuple[Reading, World]:
        current = after_stage(reading, world)
        return Reading(current, self.case.desired, plan(current, self.case.desired), label="2"), world

    def _after_safe(self, reading: Reading, world: World) -> World | None:
        """Return the world after a run; ``None``: it is not safe in every order."""
        return None if any(self._dangers(reading, world)) or any(_losses(reading)) else judge(reading, world).final

    @cached_property
    def _urns(self) -> dict[str, str]:
        one = planned(self.case).plan
        return {change.name: change.urn for change in (*one.changes, *one.unchanged) if change.reason != "removed"}

    @cached_property
    def _locked_before(self) -> frozenset[str]:
        """Names of vaults that are locked whatever is done first; what a stage locks, a later one must not need."""
        reading = planned(self.case)
        return frozenset(reading.name_of(str(one.id)) for one in self.case.current.vaults if one.worm_enabled is True)

    def _dangers(self, reading: Reading, world: World) -> Iterator[str]:
        yield from refused_by_the_engine(reading, self._urns)
        verdict = judge(reading, world)
        for violation in sorted(verdict.violations, key=str):
            if violation.code != "CB305" or not violation.subjects & self._locked_before:
                yield f"{violation.code} {sorted(violation.subjects)} in some order"
        for quota, (_, peak) in verdict.peaks.items():
            if peak > self._limit(quota):
                yield f"{quota} has its peak at {peak}"

    def _walk(self, first: Reading, about: Literal["safe", "possible"] = "safe") -> Iterator[Complaint]:
        found, desired = first.plan.stages, self.case.desired
        current, world = self.case.current, world_of(self.case.current, desired)
        ends: list[tuple[Reading, World]] = []
        for number, stage in enumerate(found, 1):
            run = run_of(stage)
            reading = Reading(current, desired, plan(current, desired, run=run), run, f"{number}")
            yield from (Complaint(about, f"stage {number}: {why}") for why in self._dangers(reading, world))
            yield from (Complaint("possible", f"stage {number}: {why}") for why in _losses(reading))
            yield from (Complaint("steps", f"stage {number}: {why}") for why in _listed(stage, reading, first))
            world = judge(reading, world).final
            ends.append((reading, world))
            before, current = current, after_stage(reading, world)
            if before == current:
                yield Complaint(about, f"stage {number} makes no progress")
        if about == "safe":
            yield from (Complaint("safe", why) for why in self._end(current, world))
            yield from (Complaint("bare", why) for why in _bare_sources(found, ends))

    def _end(self, current: Estate, world: World) -> Iterator[str]:
        desired = self.case.desired
        again = plan(current, desired)
        if again.steps or any(change.action is not Action.NONE for change in again.changes):
            yield f"at the end there is something left: {[(one.name, str(one.action)) for one in again.changes]}"
        wanted = Counter(_essence(one) for one in everything(desired))
        there = Counter(_essence(one) for one in everything(current) if one.id is not None)
        if wanted != there:
            yield f"at the end there is {sorted(there - wanted)}, there is not {sorted(wanted - there)}"
        for mirror in current.mirrors:
            instance = world.there.get(str(mirror.id))
            if instance is None or instance.source not in world.there:
                yield f"at the end {mirror.name} copies nothing"


def _subsets(urns: Sequence[str]) -> list[frozenset[str]]:
    """Return the sets of some of them, small ones first."""
    return [frozenset(some) for size in range(len(urns) + 1) for some in combinations(urns, size)]


def _names(urns: Iterable[str]) -> list[str]:
    return sorted(urn.rpartition("::")[2] for urn in urns)


def _essence(one: Resource) -> tuple[str, ...]:
    """Return what must be as it is declared, as texts."""
    locked = str(one.worm_enabled) if isinstance(one, Vault) else ""
    return type(one).__name__, one.name, str(one.region_id), str(one.kms_key_id), str(one.description), locked


def _listed(stage: Stage, reading: Reading, first: Reading) -> Iterator[str]:
    """A stage lists the steps of its run, in a possible order, by the ids that they have in the plan.

    A mirror that a stage creates while the vault that it copies still has its old name is updated afterwards: a plain
    run has no such step.
    """
    known: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for step in first.steps:
        known[_essence_of(step, first)].append(step.id)
    ids: dict[str, str] = {}
    for step in reading.steps:
        same = known[_essence_of(step, reading)]
        ids[step.id] = (
            same.pop(0) if same else step.id if step.op is Op.UPDATE else f"{step.id}, which the plan has not"
        )
    if Counter(stage.steps) != Counter(ids.values()):
        yield f"says the steps {stage.steps}, planned again it has {sorted(ids.values())}"
        return
    ahead = {
        ids[step]: {ids[one] for one in found & ids.keys()}
        for step, found in ancestors(reading.plan).items()
        if step in ids
    }
    late = [one for place, one in enumerate(stage.steps) if ahead[one] - set(stage.steps[:place])]
    if late:
        yield f"its steps are in no possible order: {late} in {stage.steps}"


def _essence_of(step: Step, reading: Reading) -> tuple[str, ...]:
    """Return what tells a step from others, whatever the run calls it."""
    if step.op.deletes:
        return "delete", step.kind, step.name, str(reading.deleted(step).id)
    return "create" if step.op.creates else "update", step.kind, step.name


def _bare_sources(found: tuple[Stage, ...], ends: list[tuple[Reading, World]]) -> Iterator[str]:
    """A stage names the vaults that are without a mirror when it ends, and have one when a later one ends.

    Those that have never had one are left out.
    """
    copied = [{one.source for one in world.there.values()} for _, world in ends]
    start = world_of(ends[0][0].current) if ends else None
    never = {one for one in start.there if not any(start.mirrors_of(one))} if start is not None else set()
    for number, (stage, (reading, world)) in enumerate(zip(found, ends, strict=True)):
        later = set[str]().union(*copied[number + 1 :])
        never -= copied[number]
        bare = {reading.name_of(one) for one in {*world.there} - copied[number] - never if one in later}
        if set(stage.bare_sources) != bare:
            yield f"stage {number + 1} says that {sorted(stage.bare_sources)} are bare, it is {sorted(bare)}"


def _losses(reading: Reading) -> Iterator[str]:
    """What is refused whatever the order: what is protected, locked, without consent in state, or the last copy."""
    operations = reading.operations()
    for step in reading.steps:
        operation = operations[step.id]
        if not step.op.deletes or operation is NOTHING:
            continue
        old = reading.deleted(step)
        if old.protect and not _is_let_go(reading, old):
            yield f"{old.name} is deleted, which is protected"
        if isinstance(old, Vault) and old.holds_data is True and old.force_destroy is not True:
            yield f"{old.name} is deleted without consent"
        if isinstance(old, MirrorVault) and _is_last_copy(reading.current, old):
            yield f"{old.name} is deleted, which may be the last copy"
        if old.holds_data is True and _is_locked(reading, operation):
            yield f"{old.name} is deleted, which is locked and holds data"


def _is_let_go(reading: Reading, old: Resource) -> bool:
    """Whether the update that replaces a protected resource ends its protection too (step_generator.go).

    Of what a source takes along, the engine asks the old state alone.
    """
    after = next((one for one in everything(reading.desired) if reading.before(one) is old), None)
    if after is None or after.protect:
        return False
    replaced = (one for one in reading.plan.changes if one.kind == "Vault" and one.action is Action.REPLACE)
    taking = {one.name for one in replaced if not one.create_first}
    sources = (reading.declared("Vault", name) for name in taking)
    before = (reading.before(one) for one in sources if one is not None)
    return not isinstance(old, MirrorVault) or all(one is None or one.name != old.source for one in before)


def _is_locked(reading: Reading, operation: Operation) -> bool:
    there = world_of(reading.current).there
    one = operation.instance
    return one is not None and any(there[key].is_locked for key in (one.id, one.source) if key in there)


def _is_last_copy(current: Estate, mirror: MirrorVault) -> bool:
    copied = mirror.source.id if isinstance(mirror.source, ExistingSource) else None
    sources = (
        one
        for one in current.vaults
        if (one.id == copied if copied is not None else one.name == mirror.source and not one.pending_delete)
    )
    return any(one.status in ("GONE", "ERROR") for one in sources)


@cache
def _complaints(seed: int, strategy: Strategy) -> tuple[Complaint, ...]:
    return tuple(Journey(case_of(seed), strategy).complaints())


def _about(case: Case, topic: str, strategy: Strategy = "exposure") -> Iterator[str]:
    return (complaint.why for complaint in _complaints(case.seed, strategy) if complaint.about == topic)


def stages(case: Case) -> Iterator[str]:
    """Each stage is safe in every order and makes progress, and the last one ends in the desired estate."""
    yield from _about(case, "safe")


def possible_stages(case: Case) -> Iterator[str]:
    """No stage runs into what makes a change impossible."""
    yield from _about(case, "possible")


def stage_steps(case: Case) -> Iterator[str]:
    """The steps of a stage are those that its run has when it is planned."""
    yield from _about(case, "steps")


def bare_sources(case: Case) -> Iterator[str]:
    """A stage names the sources that it leaves without a mirror."""
    yield from _about(case, "bare")


def fewest(case: Case) -> Iterator[str]:
    """With the fewest stages there are at most two, and they are as safe; more only where trying all finds no two."""
    one = planned(case, strategy="fewest")
    count = len(one.plan.stages)
    if count > 2:
        proof = Journey(case, "fewest").two_safe_runs(one, MOST_CHOICES_OF_FEWEST)
        if proof or len(one.steps) > MOST_CHOICES_OF_FEWEST:
            yield f"{count} stages{', but ' if proof else ''}{proof}"
    if 0 < len(planned(case).plan.stages) < count:
        yield "more stages than with the least exposure"
    yield from _about(case, "safe", "fewest")


def optimal(case: Case) -> Iterator[str]:
    """No pair of safe runs is better than stages that are told to be optimal."""
    pair: tuple[int, str] | None = None
    for strategy in STRATEGIES:
        one = planned(case, strategy=strategy)
        stages = one.plan.stages
        said = _cost(max((len(stage.bare_sources) for stage in stages), default=0), len(stages), strategy)
        if not one.plan.stages_optimal or len(stages) < 2 or said == _cost(0, 2, strategy):
            continue
        pair = pair or Journey(case).fewest_bare(one)
        if pair is not None and _cost(pair[0], 2, strategy) < said:
            yield f"{strategy}: {len(stages)} stages, {[stage.bare_sources for stage in stages]} bare, but {pair[1]}"


def _cost(most: int, stages: int, strategy: Strategy) -> tuple[int, int]:
    """Return how bad a sequence is: the most sources that it leaves bare at a time, and the number of runs."""
    return (most, stages) if strategy == "exposure" else (stages, most)


def interruptions(case: Case) -> Iterator[str]:
    """Wherever a safe run stops, planning again leads on, safely and to the same end."""
    first = planned(case)
    rng = Random(case.seed)  # noqa: S311 - a seeded choice of tests
    if not first.plan.stages or Journey(case).is_hopeless(first) or any(_complaints(case.seed, "exposure")):
        return
    run = run_of(first.plan.stages[0])
    reading = Reading(case.current, case.desired, plan(case.current, case.desired, run=run), run)
    orders = Orders(reading, world_of(case.current, case.desired))
    worlds = orders.worlds()
    for mask in rng.sample(sorted(worlds), min(MOST_STOPS, len(worlds))):
        ran = [step.id for place, step in enumerate(orders.steps) if mask >> place & 1]
        stopped = replace(case, current=after_steps(reading, worlds[mask], ran))
        yield from (f"stopped after {ran}: {why}" for why in Journey(stopped).about("safe"))


def other_runs(case: Case) -> Iterator[str]:
    """The problems of order are the true ones of other commands too, and what the engine refuses is told."""
    if not case.is_sound:
        return  # whose fault it is that two mirrors of one source meet depends on what a run leaves alone
    rng = Random(case.seed)  # noqa: S311 - a seeded choice of tests
    plain = planned(case).plan
    urns = sorted({change.urn for change in (*plain.changes, *plain.unchanged)})
    old_urns = sorted({change.old_urn for change in (*plain.changes, *plain.unchanged)} - {""})

    def some(*more: str) -> frozenset[str]:
        return frozenset(urn for urn in (*urns, *more) if rng.random() < 0.4)

    excluded = some()
    for run in (
        Run("destroy"),
        Run(excludes=excluded),
        Run(targets=some()),
        Run(targets=some(*old_urns)),
        Run(holds=some()),
        Run(replaces=some()),
        Run(excludes=excluded, holds=some() - excluded),
        Run("destroy", targets=some()),
        Run("destroy", excludes=some()),
    ):
        yield from (f"{_command(run)}: {why}" for why in _of_run(case, run, plain))


def _of_run(case: Case, run: Run, plain: Plan) -> Iterator[str]:
    targets = Targets(Reading(case.current, case.desired, plain, run))
    refusals = sorted(targets.refusals()) if run.targets else []
    try:
        reading = planned(case, run)
    except PlanError as error:
        if not refusals:
            yield f"the engine does not refuse it: {error}"
        return
    if refusals:
        yield f"not told: the engine refuses it: {refusals}"
        return
    yield from hazards_of(reading)
    if run.targets and run.kind == "up":
        gone = {reading.deleted(step).name for step in reading.steps if step.op is Op.DELETE}
        yield from (f"{name} stays" for name in sorted(gone & targets.left_alone()))


def _command(run: Run) -> str:
    parts = (("target", run.targets), ("exclude", run.excludes), ("replace", run.replaces), ("hold", run.holds))
    return " ".join((run.kind, *(f"--{name} {urn}" for name, urns in parts for urn in _names(urns))))


# Exposure and determinism.


def exposure(case: Case) -> Iterator[str]:
    """The sources that are told to be bare for a time are those that some order leaves without their mirror.

    What may not be deleted leaves none; what an interrupted run has deleted has left one already.
    """
    reading = planned(case)
    start = world_of(case.current, case.desired)
    verdict = judge(reading, start)
    kept = {one.subjects[0] for one in reading.plan.problems if one.code == "CB307"}
    again = {one.name for one in reading.plan.changes if one.reason is Reason.INTERRUPTED}
    left = {one for one in start.there if one in verdict.final.there and not any(start.mirrors_of(one))}
    bare = {
        one for one in verdict.bare if all(reading.name_of(mirror.id) not in kept for mirror in start.mirrors_of(one))
    }
    bare |= {
        one for one in left if any(reading.name_of(mirror.id) in again for mirror in verdict.final.mirrors_of(one))
    }
    expected = {reading.name_of(one) for one in bare}
    said = {one.source for one in reading.plan.exposure}
    yield from (f"{one} is bare for a time, which is not told" for one in sorted(expected - said))
    yield from (f"{one} is told to be bare for a time, but never is" for one in sorted(said - expected))


def lengths(case: Case) -> Iterator[str]:
    """Each exposure is 90 minutes and the time of copying; more where the size is unknown or the mirror comes later."""
    rng = Random(case.seed)  # noqa: S311 - a seeded choice of tests
    vaults = tuple(one.model_copy(update={"bytes_stored": rng.choice(SIZES)}) for one in case.current.vaults)
    case, rate = replace(case, current=case.current.model_copy(update={"vaults": vaults})), rng.choice(RATES)
    made = plan(case.current, case.desired, copy_rate=rate)
    first = Reading(case.current, case.desired, made)
    there = [one for one in vaults if exists(one) and not one.pending_delete]
    sizes = {first.name_of(str(one.id)): one.bytes_stored for one in there}
    later = {first.name_of(source) for source in _mirrored_later(Journey(case).after_each_stage(first))}
    for exposed in made.exposure:
        size = sizes.get(exposed.source)
        minutes = MINUTES_BEFORE_COPYING + ceil(Fraction(size or 0, rate * 60))
        if exposed.minutes != minutes:
            yield f"{exposed.source} with {size} bytes is bare for {minutes} minutes, not for {exposed.minutes}"
        if made.stages and exposed.lower_bound != (size is None or exposed.source in later):
            yield f"{exposed.source} with {size} bytes: lower_bound {exposed.lower_bound}, mirrored later: {later}"


def _mirrored_later(worlds: Iterable[World]) -> Iterator[str]:
    """Yield the vaults that have no mirror between two runs, and one after the second of them."""
    for before, after in pairwise(worlds):
        yield from (one for one in before.there if not any(before.mirrors_of(one)) and any(after.mirrors_of(one)))


def determinism(case: Case) -> Iterator[str]:
    """The same estates give the same plan; listed in another order they give the same but for the order."""
    one, again = planned(case).plan, planned(case).plan
    if one != again:
        yield "two plans of the same estates differ"
    mixed = plan(shuffled(case.current, case.seed), shuffled(case.desired, case.seed + 1))
    for name, left, right in (
        ("changes", set(one.changes), set(mixed.changes)),
        ("unchanged", set(one.unchanged), set(mixed.unchanged)),
        ("steps", _partial_order(one), _partial_order(mixed)),
        ("problems", _said(one), _said(mixed)),
        ("peaks", set(one.peaks), set(mixed.peaks)),
        ("exposure", set(one.exposure), set(mixed.exposure)),
        ("stages", _runs(one), _runs(mixed)),
    ):
        if left != right:
            yield f"{name} depend on the order of declaration: {left} and {right}"


def _partial_order(one: Plan) -> object:
    ahead = ancestors(one)
    real = {step.id for step in one.steps if step.op is not Op.BARRIER}
    return {
        (step.id, step.op, step.urn, step.region_id, ahead[step.id] & real) for step in one.steps if step.id in real
    }


def _said(one: Plan) -> object:
    return Counter((problem.code, problem.severity, frozenset(problem.subjects)) for problem in one.problems)


def _runs(one: Plan) -> object:
    return [
        (frozenset(stage.targets), frozenset(stage.excludes), frozenset(stage.holds), frozenset(stage.steps))
        for stage in one.stages
    ]


CHECKS: tuple[Check, ...] = (
    hazards,
    peaks,
    witnesses,
    actions,
    order,
    stages,
    possible_stages,
    stage_steps,
    bare_sources,
    fewest,
    optimal,
    interruptions,
    other_runs,
    exposure,
    lengths,
    determinism,
)
