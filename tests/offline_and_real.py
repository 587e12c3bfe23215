"""The same program previewed offline and by the real engine: everything in which the two differ, in words."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

from pulumi_cloudbackup.engine.event_stream import Observed
from pulumi_cloudbackup.engine.offline_plan import preview_offline
from pulumi_cloudbackup.engine.outcome import Failure
from pulumi_cloudbackup.engine.project import choose_stack, open_project
from pulumi_cloudbackup.engine.pulumi_cli import PulumiCli, find_pulumi
from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError, StackPlan, plan_stack
from pulumi_cloudbackup.reports.plans import plan_as_json

SECONDS = 120.0


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
    mine, engines = plan_as_json(offline.plan).splitlines(), plan_as_json(real.plan).splitlines()
    yield from (f"plan: {line}" for line in _other(engines, mine))
    if real.observed.failed:  # the engine stops somewhere
        yield from _other_values("failed", real.observed.failed, offline.observed.failed)
    else:
        estate = real.exported.estate
        parked = {one.urn for one in (*estate.vaults, *estate.mirrors) if one.pending_replacement}
        yield from _of_observed(real.observed, offline.observed, frozenset(filter(None, parked)))
    yield from _other_values("current", real.current, offline.current)


def _of_observed(real: Observed, offline: Observed, parked: frozenset[str]) -> Iterator[str]:
    """Tell differences of steps; ``parked``: URNs of what an earlier run has deleted already.

    Whether the engine shows the deletion of such a mirror is a race, where the mirror no longer depends on its source:
    it does if the source is registered first.
    """
    told = [
        Counter(
            (step.op, step.urn, step.old_urn, step.old_id, step.is_left_out)
            for step in one.steps
            if step.op != "delete-replaced" or (step.old_urn or step.urn) not in parked
        )
        for one in (real, offline)
    ]
    yield from (f"steps: the engine alone: {step}" for step in sorted((told[0] - told[1]).elements()))
    yield from (f"steps: offline alone: {step}" for step in sorted((told[1] - told[0]).elements()))
    for name in ("desired", "property_dependencies", "outputs", "failed", "is_preview"):
        yield from _other_values(name, getattr(real, name), getattr(offline, name))
    yield from _other_values("counts", dict(real.counts), dict(offline.counts))
    said = [Counter((d.severity, d.message.partition("\n")[0]) for d in one.diagnostics) for one in (real, offline)]
    yield from _other_values("messages", said[0], said[1])


def _other_values(name: str, real: Any, offline: Any) -> Iterator[str]:
    if real != offline:
        yield f"{name}: the engine says\n    {real}\n  offline\n    {offline}"


def _other(real: list[str], offline: list[str]) -> Iterator[str]:
    for here, there, who in ((real, offline, "the engine alone"), (offline, real, "offline alone")):
        yield from (f"{who}: {line}" for line in (Counter(here) - Counter(there)).elements())
