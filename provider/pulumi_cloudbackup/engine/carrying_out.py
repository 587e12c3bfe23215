"""Carrying a plan out: one engine run after the other, planned anew between them (design, "Stages").

Each run is what ``pulumi up`` does; nothing is kept but Pulumi's own state, so whoever is interrupted starts again and
goes on. What was not shown and agreed to is not deleted: a later plan may delete less than the first, never more.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.engine.event_stream import Moment, StepEvent
from pulumi_cloudbackup.engine.pulumi_cli import CliError
from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError, plan_stack
from pulumi_cloudbackup.planning import Stage
from pulumi_cloudbackup.resources.holding import HOLD_VARIABLE, is_placeholder, joined
from pulumi_cloudbackup.rules.order_rules import ORDER_CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pulumi_cloudbackup.engine.event_stream import Event, Observed
    from pulumi_cloudbackup.engine.pulumi_cli import Asked, PulumiCli
    from pulumi_cloudbackup.engine.stack_plan import StackPlan
    from pulumi_cloudbackup.planning import Plan, Step

_PLAIN: Final = Stage("pulumi up", (), (), (), (), ())
_A_BUG: Final = "this is a bug in cloudbackup, please report it"
_MOST_RUNS: Final = 250
_DONE: Final = {
    "create": "created",
    "create-replacement": "created the new",
    "delete": "deleted",
    "delete-replaced": "deleted the old",
    "update": "updated",
}
_KINDS: Final = {"Vault": "vault ", "MirrorVault": "mirror vault "}
_OF_NO_ACCOUNT: Final = frozenset(("created", "modified", "sourcePosition"))


class StoppedError(Exception):
    """A run failed, or may not be made; the message says why, what is done and what remains."""


@dataclass
class Ways:
    """How a plan is carried out."""

    asked: Asked
    """The user's own flags."""
    tell: Callable[[str], None]
    """Where progress goes, line by line."""
    choices: Mapping[str, Any] = field(default_factory=dict)
    """What the planner is told."""
    between: Callable[[StackPlan, Observed], None] = lambda _planned, _observed: None
    """What is waited for between two runs."""


def destructions(steps: Iterable[Step]) -> Counter[str]:
    """Return what is deleted, by URN: a vault may be deleted no more often than was agreed to."""
    return Counter(step.urn for step in steps if step.op.deletes)


def why_not(plan: Plan) -> str | None:
    """Say why a plan cannot be carried out; ``None``: it can."""
    errors = [problem for problem in plan.problems if problem.stops]
    others = [problem for problem in errors if problem.code not in ORDER_CODES]
    if others:
        codes = ", ".join(sorted({problem.code for problem in others}))
        return f"the plan has errors that have to be mended first ({codes})"
    if errors and not plan.stages:
        return "no sequence of updates is safe; the plan says what to change"
    return None


def carry_out(cli: PulumiCli, first: StackPlan, agreed: Counter[str], ways: Ways) -> int:
    """Run the stages of a plan, and return how many runs there were; raise StoppedError."""
    planned, done = first, list[str]()
    while planned.has_work:
        refusal = why_not(planned.plan) or _beyond(planned.plan, agreed)
        if refusal is not None:
            raise StoppedError(_told(refusal, done, planned.plan.stages))
        stages = planned.plan.stages or (_PLAIN,)
        stage, number, count = stages[0], len(done) + 1, len(done) + len(stages)
        ways.tell(f"stage {number} of {count}: {_in_words(stage)}")
        observed = _run(cli, planned, stage, ways, is_last=len(stages) == 1)
        agreed -= Counter(step.urn for step in observed.steps if step.op.startswith("delete") and not step.has_failed)
        if observed.failed or observed.cancelled:
            raise StoppedError(_told(_why(observed, number), done, stages))
        done.append(_in_words(stage))
        if _resources(cli.export_state()) == _resources(planned.state):
            raise StoppedError(_told(f"stage {number} ended well, but the state has not moved: {_A_BUG}", done, ()))
        if len(stages) == 1:
            break
        ways.between(planned, observed)
        if len(done) > _MOST_RUNS:
            raise StoppedError(_told(f"there is no end of stages: {_A_BUG}", done, ()))
        planned = _planned_anew(cli, ways, done, stages[1:])
    return len(done)


def _planned_anew(cli: PulumiCli, ways: Ways, done: list[str], rest: tuple[Stage, ...]) -> StackPlan:
    try:
        return plan_stack(cli, ways.asked, **ways.choices)
    except (CliError, PreviewFailedError, ValueError) as error:
        raise StoppedError(_told(f"the plan could not be made anew: {error}", done, rest)) from error


def _run(cli: PulumiCli, planned: StackPlan, stage: Stage, ways: Ways, *, is_last: bool) -> Observed:
    """Make one run; what is held is told to the provider by its owners."""
    owners = [planned.owners[urn] for urn in stage.holds if urn in planned.owners]
    if len(owners) != len(stage.holds):
        raise StoppedError(_told("the owner of a vault that has to wait is not known yet", [], (stage,)))
    environment = dict(ways.asked.environment)
    if owners or not is_last:
        environment[HOLD_VARIABLE] = joined(owners)
    asked = replace(ways.asked, excludes=stage.excludes, environment=environment)

    def tell(event: Event) -> None:
        line = _progress(event, frozenset(stage.holds))
        if line is not None:
            ways.tell(f"  {line}")

    try:
        return cli.up(asked, tell)
    except CliError as error:
        raise StoppedError(_told(str(error), [], (stage,))) from error


def _progress(event: Event, held: frozenset[str]) -> str | None:
    """Return what has happened; ``None``: nothing that a person waits for, or nothing at the service."""
    if not isinstance(event, StepEvent) or event.moment is Moment.STARTED or event.op not in _DONE:
        return None
    what = f"{_KINDS.get(event.kind or '', '')}{event.urn.rpartition('::')[2]}"
    if event.moment is not Moment.DONE:
        return f"failed: {event.op} {what}"
    if event.urn in held and event.op.startswith("create"):
        return f"left for a later stage: {what}"
    if event.op.startswith("delete") and event.before is not None and is_placeholder(event.before.id):
        return None
    return f"{_DONE[event.op]} {what}"


def _beyond(plan: Plan, agreed: Counter[str]) -> str | None:
    """Say what a plan deletes that nobody has agreed to."""
    more = destructions(plan.steps) - agreed
    if not more:
        return None
    names = ", ".join(sorted(urn.rpartition("::")[2] for urn in more))
    return f"the plan would delete what was not agreed to: {names}. Look at a new plan"


def _in_words(stage: Stage) -> str:
    return ", ".join(stage.steps) if stage.steps else "an update without a call for vaults"


def _why(observed: Observed, number: int) -> str:
    if observed.cancelled:
        return f"stage {number} was interrupted"
    told = [one.message.strip() for one in observed.errors if one.message.strip()]
    return "\n".join((f"stage {number} failed:", *dict.fromkeys(told)))


def _told(why: str, done: list[str], rest: Iterable[Stage]) -> str:
    """Return why it stopped, what is done and what remains."""
    lines = [why]
    lines += [f"done: stage {number}: {words}" for number, words in enumerate(done, start=1)]
    lines += [f"remains: {_in_words(stage)}" for stage in rest]
    lines.append("Nothing is lost: the same command plans from the state and goes on.")
    return "\n".join(lines)


def _resources(state: str) -> Any:
    """Return the resources of an exported state without what changes although nothing does."""
    document = json.loads(state)
    resources = (document.get("deployment") or {}).get("resources") or []
    return [{key: value for key, value in one.items() if key not in _OF_NO_ACCOUNT} for one in resources]
