"""The same program previewed offline and by the real engine: everything in which the two differ, in words."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import unified_diff
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

from pulumi_cloudbackup.engine.event_stream import Observed, Step
from pulumi_cloudbackup.engine.offline_plan import preview_offline
from pulumi_cloudbackup.engine.outcome import Failure
from pulumi_cloudbackup.engine.project import choose_stack, open_project
from pulumi_cloudbackup.engine.pulumi_cli import PulumiCli, find_pulumi
from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError, StackPlan, plan_stack
from pulumi_cloudbackup.reports.plans import plan_as_json

SECONDS = 120.0
_ENDS = frozenset(("delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"))
"""Steps after which there is nothing."""


def real_preview(folder: Path, stack: str, env: Mapping[str, str]) -> StackPlan | Failure:
    with mock.patch.dict(os.environ, env, clear=True):
        try:
            return plan_stack(PulumiCli(find_pulumi(), folder, stack))
        except PreviewFailedError as error:
            return Failure(str(error))


def offline_preview(
    folder: Path, stack: str, env: Mapping[str, str], state: str, secrets: Mapping[str, str] = MappingProxyType({})
) -> StackPlan | Failure:
    with mock.patch.dict(os.environ, env, clear=True):
        project = open_project(folder)
        try:
            return preview_offline(project, choose_stack(project, stack, secrets), state, seconds=SECONDS)
        except PreviewFailedError as error:
            return Failure(str(error))


def differences(real: StackPlan, offline: StackPlan) -> Iterator[str]:
    """Tell every difference: of the plan to the byte, of the engine's steps, of outputs and messages."""
    engines, mine = plan_as_json(real.plan), plan_as_json(offline.plan)
    if engines != mine:
        lines = unified_diff(engines.splitlines(), mine.splitlines(), "the engine", "offline", lineterm="", n=1)
        yield "plan:\n" + "\n".join(f"    {line}" for line in lines)
    yield from _other_values("failed", real.observed.failed, offline.observed.failed)
    if not real.observed.failed:  # otherwise the engine stops somewhere
        estate = real.exported.estate
        parked = {one.urn for one in (*estate.vaults, *estate.mirrors) if one.pending_replacement}
        yield from _of_observed(real.observed, offline.observed, frozenset(filter(None, parked)))
    yield from _other_values("messages", _said(real.observed), _said(offline.observed))
    yield from _other_values("current", real.current, offline.current)


def tell_the_same(real: Failure, offline: Failure) -> bool:
    """Whether two failures have a reason in common: offline knows the line in the program, and has no traceback."""
    told = "\n".join((offline.summary, *offline.lines))
    return any(line in told for line in real.summary.splitlines() if line.strip())


def _of_observed(real: Observed, offline: Observed, parked: frozenset[str]) -> Iterator[str]:
    """Tell differences of steps; ``parked``: URNs of what an earlier run has deleted already.

    Whether the engine shows the deletion of such a mirror is a race, where the mirror no longer depends on its source:
    it does if the source is registered first. The engine works on several resources at once: their steps have one order
    only where it is the plan's, but those of one resource always have.
    """
    told = [
        [step for step in one.steps if step.op != "delete-replaced" or (step.old_urn or step.urn) not in parked]
        for one in (real, offline)
    ]
    whole = [Counter((one.op, one.urn, one.old_urn, one.old_id, one.is_left_out) for one in steps) for steps in told]
    yield from (f"steps: the engine alone: {step}" for step in sorted((whole[0] - whole[1]).elements()))
    yield from (f"steps: offline alone: {step}" for step in sorted((whole[1] - whole[0]).elements()))
    engines, mine = map(_by_urn, told)
    for urn in sorted(engines.keys() & mine.keys()):
        yield from _other_values(f"order of {urn}", engines[urn], mine[urn])
    for name in ("desired", "property_dependencies", "outputs", "is_preview"):
        yield from _other_values(name, getattr(real, name), getattr(offline, name))
    yield from _other_values("counts", dict(real.counts), dict(offline.counts))


def _by_urn(steps: Iterable[Step]) -> dict[str, list[str]]:
    """Return what happens to each resource, in order; what ends is deleted in any order."""
    found: dict[str, list[str]] = {}
    for step in steps:
        found.setdefault(step.urn, []).append(step.op)
    return {
        urn: [op for ends, run in groupby(ops, _ENDS.__contains__) for op in (sorted(run) if ends else run)]
        for urn, ops in found.items()
    }


def _said(observed: Observed) -> list[tuple[str, str, str]]:
    """Return the messages, each with its first line: what follows is advice, and tracebacks."""
    return sorted((one.severity, one.urn, one.message.partition("\n")[0]) for one in observed.diagnostics)


def _other_values(name: str, real: Any, offline: Any) -> Iterator[str]:
    if real != offline:
        yield f"{name}: the engine says\n    {real}\n  offline\n    {offline}"
