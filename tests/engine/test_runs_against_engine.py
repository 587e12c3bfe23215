"""The planner against the real engine: typical races, commands that are no plain ``up``, stages, and the service.

As in ``test_plan_against_engine``, whose docstring says how; the last test runs our own providers on the emulator.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from random import Random
from typing import Literal

import pytest

from engine_harness import Service
from planning_engine.comparing import (
    Prediction,
    decided_pairs,
    differences,
    disorder,
    insist_on_nothing,
    predicted,
    prediction_of,
    silent_in,
    symbolic_ids,
)
from planning_engine.couples import PROVOCATION, Couple, chosen, never_seen, provocations_of, schedule_of, unordered_in
from planning_engine.pairs import Pair, Side, needs_of, targeted_pairs, typical_pairs
from planning_engine.service import violations
from planning_engine.stacks import StackOfPairs, part_of
from pulumi_cloudbackup.emulator import Emulator, Settings
from pulumi_cloudbackup.engine.exported import read_export
from pulumi_cloudbackup.estate import Estate, ExistingSource, Vault
from pulumi_cloudbackup.planning import Action, PlanError, Run, Step
from pulumi_cloudbackup.resources.holding import HOLD_VARIABLE, joined

_RACE = {
    ("create-replacement a", "create-replacement m1"),
    ("create-replacement a", "delete-replaced m1"),
    ("create-replacement m1", "delete-replaced a"),
    ("create-replacement m1", "delete-replaced m1"),
    ("delete-replaced a", "delete-replaced m1"),
}
"""A mirror leaves its source, which is replaced delete-first: either may be heard of first."""
UNORDERED = {
    "swapped": {
        ("create-replacement m1", "create-replacement m2"),
        ("create-replacement m1", "delete-replaced m2"),
        ("create-replacement m2", "delete-replaced m1"),
        ("delete-replaced m1", "delete-replaced m2"),
    },
    "removed": {("delete a", "delete m1")},
    "left": _RACE,
    "left, another waits": _RACE,
    "left, and waited for": set[tuple[str, str]](),
    "deleted with another": set[tuple[str, str]](),
    "new": {("create a", "create b")},
}
"""What is unordered in typical changes."""
ORDERED = {
    "left, another waits": ("delete-replaced m1", "create-replacement m2"),
    "left, and waited for": ("delete-replaced m1", "delete-replaced a"),
    "deleted with another": ("create-replacement a", "create b"),
}
"""What is ordered in them, although it does not look so."""


def test_typical_races_go_both_ways(tmp_path: Path) -> None:
    """One copy of a change for each of its unordered couples; the plan knows them all, and no others."""
    sides = typical_pairs()
    asked = [
        (kind, names) for kind in sides for names in [*sorted(UNORDERED[kind]), *filter(None, [ORDERED.get(kind)])]
    ]
    pairs = [
        Pair(f"{kind.replace(', ', '-').replace(' ', '-')}-{number}", 0, *sides[kind], (kind,))
        for number, (kind, _) in enumerate(asked)
    ]
    stack = StackOfPairs(tmp_path, pairs)
    exported = read_export(stack.state).estate
    found: dict[str, list[str]] = {}
    couples, provoked = [], []
    for pair, (kind, names) in zip(pairs, asked, strict=True):
        prediction = predicted(pair, stack.ids_of(pair))
        from_state = prediction_of(pair, part_of(exported, pair), prediction.desired)
        for what, one in (("plan", prediction), ("plan from the state", from_state)):
            unordered = {_names(pair, couple) for couple in unordered_in(one)}
            wrong = [f"the {what} orders {couple}" for couple in sorted(UNORDERED[kind] - unordered)]
            wrong += [f"the {what} does not order {couple}" for couple in sorted(unordered - UNORDERED[kind])]
            found[f"{kind}: {what}"] = wrong
        first, second = (next(step for step in prediction.steps if _name(pair, step) == name) for name in names)
        if names in UNORDERED[kind]:
            couples.append(Couple(prediction, first, second))
        else:
            provoked.append(Couple(prediction, second, first, PROVOCATION))
    for directed in (couples, [one.turned for one in couples]):
        ran = stack.run("up", "--yes", "--skip-preview", schedule=schedule_of([*directed, *provoked]))
        assert not list(never_seen(directed, ran))
        assert len(list(never_seen(provoked, ran))) == len(provoked)
        stack.put_back()
    insist_on_nothing(found)


def _name(pair: Pair, step: Step) -> str:
    return step.id.replace(f"{pair.name}-", "")


def _names(pair: Pair, couple: Couple) -> tuple[str, str]:
    first, second = sorted(_name(pair, step) for step in (couple.first, couple.second))
    return first, second


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> StackOfPairs:
    """A few pairs for commands that are no plain ``up``."""
    pairs = list(islice(decided_pairs(5000), 16))
    return StackOfPairs(tmp_path_factory.mktemp("some"), pairs)


@pytest.mark.parametrize("kind", ["replace", "exclude", "hold", "destroy", "destroy but"])
def test_other_runs_do_what_is_predicted_for_them(some: StackOfPairs, kind: str) -> None:
    """``--replace``, ``--exclude`` and held creates of resources chosen at random, and ``destroy``."""
    rng = Random(kind)  # noqa: S311 - a seeded choice of tests
    runs = {pair.name: _run(kind, pair, some, rng) for pair in some.pairs}
    predictions = [predicted(pair, some.ids_of(pair), runs[pair.name]) for pair in some.pairs]
    flags = [
        word
        for run in runs.values()
        for flag, urns in (("--replace", run.replaces), ("--exclude", run.excludes))
        for urn in sorted(urns)
        for word in (flag, urn)
    ]
    held = [
        pair.owner(pair.desired, one)
        for pair in some.pairs
        for one in pair.desired.resources
        if pair.urn(pair.desired, one) in runs[pair.name].holds
    ]
    variables = {HOLD_VARIABLE: joined(held)} if held else {}
    is_up = not kind.startswith("destroy")
    preview = some.run(*(("preview",) if is_up else ("destroy", "--preview-only")), *flags, variables=variables)
    provoked = [one for each in predictions if (one := chosen(provocations_of(each), rng))]
    ran = some.run(
        "up" if is_up else "destroy",
        "--yes",
        "--skip-preview",
        *flags,
        variables=variables,
        schedule=schedule_of(provoked),
    )
    some.put_back()
    silent = silent_in(ran)
    found = {
        one.name: [
            *(f"preview: {line}" for line in differences(one, preview, silent)),
            *(f"{kind}: {line}" for line in differences(one, ran, silent)),
            *(f"preview: {line}" for line in disorder(one, preview, silent)),
            *(f"{kind}: {line}" for line in disorder(one, ran, silent)),
        ]
        for one in predictions
    }
    insist_on_nothing(found)


@pytest.fixture(scope="module")
def targeted(tmp_path_factory: pytest.TempPathFactory) -> StackOfPairs:
    """Typical pairs for ``--target``, and some more."""
    typical = (Pair(f"t{number:02}", 0, *sides[:2], (kind,)) for number, (kind, sides) in enumerate(_TARGETED.items()))
    return StackOfPairs(tmp_path_factory.mktemp("targeted"), [*typical, *islice(decided_pairs(6000), 24)])


_TARGETED = targeted_pairs()


@pytest.mark.parametrize("kind", ["up", "destroy"])
def test_targets_do_what_is_predicted_for_them(targeted: StackOfPairs, kind: Literal["up", "destroy"]) -> None:
    """What the plan refuses, the engine refuses too, and wants the same to be added; the rest runs as predicted."""
    rng = Random(f"target {kind}")  # noqa: S311 - a seeded choice of tests
    asked = {pair.name: _targets(kind, pair, rng) for pair in targeted.pairs}
    told = {pair.name: _to_be_added(pair, targeted, asked[pair.name]) for pair in targeted.pairs}
    everything = {pair.name: _all_of(kind, pair) for pair in targeted.pairs}
    predictions = [
        predicted(pair, targeted.ids_of(pair), everything[pair.name] if told[pair.name] else asked[pair.name])
        for pair in targeted.pairs
    ]
    accepted = [(everything if told[name] else asked)[name] for name in asked]
    ran = targeted.run(kind, "--yes", "--skip-preview", *_flags(accepted))
    targeted.put_back()
    silent = silent_in(ran)
    found = {one.name: [*differences(one, ran, silent), *disorder(one, ran, silent)] for one in predictions}
    refused = [(asked if told[name] else everything)[name] for name in asked]
    said = targeted.refusal(*(("preview",) if kind == "up" else ("destroy", "--preview-only")), *_flags(refused))
    wanted = {*re.findall(r"Resource '(\S+)' will be destroyed", said), *re.findall(r"depends on '(\S+)' which", said)}
    for pair in targeted.pairs:
        own = {urn for urn in wanted if f"::{pair.name}-" in urn}
        if own != told[pair.name]:
            found[str(pair)].append(f"the engine wants {_short(own)} too, the plan {_short(told[pair.name])}")
    insist_on_nothing(found)
    if kind == "up":
        kinds = {kind for pair in targeted.pairs if told[pair.name] for kind in pair.edits if kind in _TARGETED}
        assert kinds == {kind for kind in _TARGETED if "refused" in kind}


def _to_be_added(pair: Pair, stack: StackOfPairs, run: Run) -> set[str]:
    """Return the targets that are missing, as the plan tells it; none: it does not refuse the run."""
    try:
        predicted(pair, stack.ids_of(pair), run)
    except PlanError as error:
        return set(re.findall(r"--target '([^']+)'", str(error))) or {str(error)}
    return set()


def _flags(runs: Iterable[Run]) -> list[str]:
    return [word for run in runs for urn in sorted(run.targets) for word in ("--target", urn)]


def _short(urns: set[str]) -> list[str]:
    return sorted(urn.rpartition("::")[2] for urn in urns)


def _targets(kind: Literal["up", "destroy"], pair: Pair, rng: Random) -> Run:
    """Choose targets; all of them where a resource that is left no longer depends on one that is declared.

    The engine fails if it hears of it before that one ("Duplicate resource URN"), and not otherwise.
    """
    known = next((_TARGETED[edit][2] for edit in pair.edits if edit in _TARGETED), None)
    if known is not None and kind == "up":
        return _all_of(kind, pair, known)
    sides = _sides(kind, pair)
    names = sorted({one.name for side in sides for one in (*side.resources, *side.neighbours)})
    some_ = rng.sample(names, min(rng.randint(1, 3), len(names)))
    if kind == "up" and any(_leaves_another(pair, name) for name in names if name not in some_):
        return _all_of(kind, pair)
    return _all_of(kind, pair, some_)


def _all_of(kind: Literal["up", "destroy"], pair: Pair, names: Collection[str] | None = None) -> Run:
    """Target everything of some names, or of all."""
    return Run(
        kind,
        frozenset(
            pair.urn(side, one)
            for side in _sides(kind, pair)
            for one in (*side.resources, *side.neighbours)
            if names is None or one.name in names
        ),
    )


def _sides(kind: Literal["up", "destroy"], pair: Pair) -> tuple[Side, ...]:
    """Return what a command knows: a destroy hears of no program."""
    return (pair.current, pair.desired) if kind == "up" else (pair.current,)


def _leaves_another(pair: Pair, name: str) -> bool:
    """Whether a declared resource no longer depends on something declared on which it depends in the state."""
    there = {old.name for old in (*pair.current.resources, *pair.current.neighbours)}
    now = {alias: one.name for one in pair.desired.resources for alias in one.aliases if alias in there}
    now |= {one.name: one.name for one in (*pair.desired.resources, *pair.desired.neighbours) if one.name in there}
    needed = {now[need] for old in now if now[old] == name for need in needs_of(pair.current, old) if need in now}
    return not needed <= needs_of(pair.desired, name)


def _run(kind: str, pair: Pair, stack: StackOfPairs, rng: Random) -> Run:
    """Choose what a command names of a pair."""
    old = {pair.urn(pair.current, one): one for one in pair.current.resources if not one.pending_delete}
    new = {pair.urn(pair.desired, one): one for one in pair.desired.resources}

    def some_of(urns: set[str], most: int) -> frozenset[str]:
        return frozenset(rng.sample(sorted(urns), min(most, len(urns))))

    if kind == "replace":
        run = Run(replaces=some_of(old.keys() & new.keys(), 2))
    elif kind == "exclude":
        run = Run(excludes=some_of({urn for urn in old.keys() | new.keys() if _can_be_left(pair, urn, old, new)}, 2))
    elif kind == "hold":
        changes = predicted(pair, stack.ids_of(pair)).plan.changes
        held = some_of({one.urn for one in changes if one.action.value in ("create", "replace")}, 2)
        names = {new[urn].name for urn in held}
        run = Run(holds=held | {pair.urn(pair.desired, one) for one in pair.desired.mirrors if one.source in names})
    elif kind == "destroy":
        run = Run(kind="destroy")
    else:
        run = Run(kind="destroy", excludes=some_of(set(old), 1))
    return run if predicted(pair, stack.ids_of(pair), run).undecided is None else Run(kind=run.kind)


def _can_be_left(pair: Pair, urn: str, old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    """Whether ``--exclude`` can name a resource.

    The engine takes what an excluded resource depended on for registered, and fails when that is registered only then
    ("Duplicate resource URN"): so it has to depend on the same still. A new one is needed by nobody.
    """
    name = urn.rpartition("::")[2].removeprefix(f"{pair.name}-")
    declared = {one.name for one in (*pair.desired.resources, *pair.desired.neighbours)}
    if urn not in new:
        return not any(name in one.aliases for one in pair.desired.resources)  # it goes by its new name
    if urn not in old:
        return not any(name in needs_of(pair.desired, one) for one in declared - {name})
    return needs_of(pair.current, name) & declared <= needs_of(pair.desired, name)


def test_stages_lead_to_what_is_declared(tmp_path: Path) -> None:
    """Each stage takes the steps that it tells, breaks no rule of the service, and after the last nothing is left."""
    pairs = list(islice(_staged_pairs(), 16))
    found: dict[str, list[str]] = {str(pair): [] for pair in pairs}
    stack = StackOfPairs(tmp_path, pairs)
    plans = {pair.name: predicted(pair, stack.ids_of(pair)).plan for pair in pairs}
    for number in range(max(len(one.stages) for one in plans.values())):
        stages = {name: one.stages[number] for name, one in plans.items() if number < len(one.stages)}
        runs = {
            name: Run(excludes=frozenset(stage.excludes), holds=frozenset(stage.holds))
            for name, stage in stages.items()
        }
        exported = read_export(stack.export()).estate
        predictions = [
            prediction_of(pair, part_of(exported, pair), _desired(pair, stack), runs.get(pair.name, Run()))
            for pair in pairs
        ]
        held = [
            pair.owner(pair.desired, one)
            for pair in pairs
            for one in pair.desired.resources
            if pair.name in runs and pair.urn(pair.desired, one) in runs[pair.name].holds
        ]
        flags = [word for run in runs.values() for urn in sorted(run.excludes) for word in ("--exclude", urn)]
        ran = stack.run("up", "--yes", "--skip-preview", *flags, variables={HOLD_VARIABLE: joined(held)})
        silent = silent_in(ran)
        for pair, one in zip(pairs, predictions, strict=True):
            stage = f"stage {number + 1}"
            found[str(pair)] += [f"{stage}: {line}" for line in differences(one, ran, silent)]
            found[str(pair)] += [f"{stage}: {line}" for line in disorder(one, ran, silent)]
            found[str(pair)] += [f"{stage}: {line}" for line in violations(one, ran)]
            told_steps = len(stages[pair.name].steps) if pair.name in stages else 0
            if told_steps != len(one.steps):
                found[str(pair)].append(f"{stage}: {told_steps} steps are told, {len(one.steps)} are taken")
    last = stack.run("preview")
    for pair in pairs:
        left = [one for one in last.steps if one.works and f"::{pair.name}-" in one.urn]
        found[str(pair)] += [f"left to do: {one.op} {one.urn.rpartition('::')[2]}" for one in left]
    insist_on_nothing(found)


def _staged_pairs() -> Iterator[Pair]:
    """Yield pairs whose plans have several stages."""
    for pair in decided_pairs():
        if len(predicted(pair, symbolic_ids(pair)).plan.stages) > 1:
            yield pair


def _desired(pair: Pair, stack: StackOfPairs) -> Estate:
    return predicted(pair, stack.ids_of(pair)).desired


def test_what_the_plan_finds_safe_the_service_accepts(tmp_path: Path) -> None:
    """Our own providers, every check on, checkpoints written: no call is refused, and what is declared is there."""
    pairs = list(islice(_safe_pairs(), 24))
    settings = Settings(
        initializing_seconds=0.0,
        credentials={"test": "test", "second": "second"},
        vaults_per_account=1000,
        mirrors_per_region=1000,
    )
    profiles = tmp_path / ".alibabacloud"
    profiles.mkdir()
    (profiles / "credentials.ini").write_text(
        "[second]\nenabled=true\ntype=access_key\naccess_key_id=second\naccess_key_secret=second\n"
    )
    with Emulator(settings) as emulator:
        service = Service(emulator.url)
        stack = StackOfPairs(tmp_path, pairs, emulator.url)
        before = service.last()
        preview = stack.run("preview")
        ran = stack.run("up", "--yes", "--skip-preview")
        again = stack.run("preview")
        refused = [one for one in service.mutations(before) if one.endswith("]")]
        there = len(service.vaults())
    assert not refused, refused
    exported = read_export(stack.state).estate  # it knows what the service has chosen
    predictions = [prediction_of(pair, part_of(exported, pair), _desired(pair, stack)) for pair in pairs]
    forgotten = {one.id for each in predictions for one in _forgotten(each)}
    silent = frozenset(
        (one.op, one.urn, one.old_id)
        for one in ran.steps
        if one.op in ("delete", "delete-replaced") and one.old_id in forgotten
    )
    found = {
        one.name: [
            *(f"preview: {line}" for line in (*differences(one, preview, silent), *disorder(one, preview, silent))),
            *(f"up: {line}" for line in (*differences(one, ran, silent), *disorder(one, ran, silent))),
        ]
        for one in predictions
    }
    insist_on_nothing(found)
    assert not [one for one in again.steps if one.works]
    assert there == len(forgotten) + sum(len(pair.desired.resources) for pair in pairs)


def _safe_pairs() -> Iterator[Pair]:
    """Yield pairs that the service can hold, and whose plans find nothing wrong."""
    for pair in decided_pairs():
        mirrors = (*pair.current.mirrors, *pair.desired.mirrors)
        by_id = [one.source.id for one in mirrors if isinstance(one.source, ExistingSource)]
        interrupted = any(one.pending_delete or one.pending_replacement for one in pair.current.resources)
        if not by_id and not interrupted and pair.edits:
            found = predicted(pair, symbolic_ids(pair))
            # Without its key a vault waits for nothing: the engine may create it while the key's chain deletes it.
            if found.plan.changes and not found.keyless and not any(one.stops for one in found.plan.problems):
                yield pair


def _forgotten(prediction: Prediction) -> Iterator[Vault]:
    """Yield the vaults that the engine only forgets."""
    changed = {
        one.old_urn or one.urn for one in prediction.plan.changes if one.action in (Action.REPLACE, Action.DELETE)
    }
    for one in prediction.current.vaults:
        if one.options.retain_on_delete and one.urn in changed:
            yield one
