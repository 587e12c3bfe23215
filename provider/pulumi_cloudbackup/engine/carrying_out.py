"""Carrying a plan out: one engine run after the other, planned anew between them (design, "Stages").

Each run is what ``pulumi up`` does; nothing is kept but Pulumi's own state, so whoever is interrupted starts again and
goes on. What was not shown and agreed to is not deleted: a later plan may delete less than the first, never more.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.cloud import CloudError
from pulumi_cloudbackup.engine.event_stream import Moment, StepEvent
from pulumi_cloudbackup.engine.pulumi_cli import CliError
from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError, plan_stack
from pulumi_cloudbackup.engine.states import kind_of
from pulumi_cloudbackup.planning import Stage
from pulumi_cloudbackup.resources.holding import HOLD_VARIABLE, is_placeholder, joined
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.rules.order_rules import ORDER_CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from pulumi_cloudbackup.engine.event_stream import Event, Observed
    from pulumi_cloudbackup.engine.pulumi_cli import Asked, PulumiCli
    from pulumi_cloudbackup.engine.stack_plan import StackPlan
    from pulumi_cloudbackup.planning import Plan, Step

_PLAIN: Final = Stage("pulumi up", (), (), (), (), ())
_A_BUG: Final = "this is a bug in cloudbackup, please report it"
_GOES_ON: Final = "What is done is in the state of the stack: the same command plans anew and goes on from there."
_NOT_THE_SAME: Final = "somebody changed the stack since the plan was made; nothing was done. Look at a new plan"
_SAYS_NOTHING: Final = "update failed"
"""What Pulumi adds to whatever has failed."""
_MOST_RUNS: Final = 250
_MOST_TOLD: Final = 12
"""Steps of one stage that are told."""
_DEEDS: Final = {"create-replacement": "create the new", "delete-replaced": "delete the old"}
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
    """What is waited for between two runs; raises CliError, CloudError, Refusal where that cannot be."""
    run_flags: tuple[str, ...] = ()
    """The user's flags that only updates take."""
    has_waited: bool = False
    """Whether a person was asked since the plan was made: others may have changed the stack meanwhile."""


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
    return _Way(cli, ways, Counter(agreed)).through(first)


class _Way:
    """One plan on its way: what is done, what remains, and what may still be deleted."""

    def __init__(self, cli: PulumiCli, ways: Ways, agreed: Counter[str]) -> None:
        self._cli, self._ways, self._agreed = cli, ways, agreed
        self._done: list[str] = []
        self._rest: Sequence[Stage] = ()
        self._ended: set[str] = set()
        """Steps of the stage at hand that have ended well."""

    def through(self, planned: StackPlan) -> int:
        """Run one stage after the other, planned anew between them."""
        try:
            if self._ways.has_waited and _ours(self._cli.export_state()) != _ours(planned.state):
                raise self._stopped(_NOT_THE_SAME, goes_on=False)
            while planned.has_work and self._run_the_first(planned):
                planned = self._planned_anew()
        except KeyboardInterrupt:
            raise self._stopped("interrupted") from None
        except (CliError, CloudError, Refusal) as error:
            raise self._stopped(str(error)) from error
        return len(self._done)

    def _run_the_first(self, planned: StackPlan) -> bool:
        """Run the first stage of a plan; return whether there is more to do."""
        stages = self._rest = planned.plan.stages or (_PLAIN,)
        refusal = why_not(planned.plan) or self._beyond(planned.plan)
        if refusal is not None:
            raise self._stopped(refusal, goes_on=False)
        stage, number, count = stages[0], len(self._done) + 1, len(self._done) + len(stages)
        self._ways.tell(f"stage {number} of {count}: {_in_words(stage)}")
        observed = self._run(planned, stage)
        self._agreed -= Counter(one.urn for one in observed.steps if one.op.startswith("delete") and not one.has_failed)
        if observed.failed or observed.cancelled:
            raise self._stopped(_why(observed, number))
        self._done.append(_in_words(stage))
        self._rest, self._ended = stages[1:], set()
        if stage.steps and _ours(self._cli.export_state()) == _ours(planned.state):
            raise self._stopped(f"stage {number} ended well, but the state has not moved: {_A_BUG}", goes_on=False)
        if len(self._done) >= _MOST_RUNS:
            raise self._stopped(f"there is no end of stages: {_A_BUG}", goes_on=False)
        if self._rest:
            self._ways.between(planned, observed)
        return bool(self._rest)

    def _planned_anew(self) -> StackPlan:
        try:
            return plan_stack(self._cli, self._ways.asked, **self._ways.choices)
        except (PreviewFailedError, ValueError) as error:
            raise self._stopped(f"the plan could not be made anew: {error}") from error

    def _run(self, planned: StackPlan, stage: Stage) -> Observed:
        """Make one run; what is held is told to the provider by its owners."""
        owners = [planned.owners[urn] for urn in stage.holds if urn in planned.owners]
        if len(owners) != len(stage.holds):
            raise self._stopped("the owner of a vault that has to wait is not known yet", goes_on=False)
        asked = self._ways.asked
        environment = dict(asked.environment)
        try:  # set for the last one too: its order is judged here, with more in sight than the program has
            environment[HOLD_VARIABLE] = joined(owners)
        except ValueError as error:
            raise self._stopped(str(error), goes_on=False) from error
        flags = (*asked.flags, *self._ways.run_flags)

        held = frozenset(stage.holds)
        left = frozenset(one.old_urn or one.urn for one in planned.plan.changes if one.left_by)

        self._ended = set()

        def tell(event: Event) -> None:
            if isinstance(event, StepEvent) and event.moment is Moment.DONE:
                self._ended.add(f"{event.op} {event.urn.rpartition('::')[2]}")
            line = _progress(event, held, left)
            if line is not None:
                self._ways.tell(f"  {line}")

        return self._cli.up(replace(asked, excludes=stage.excludes, flags=flags, environment=environment), tell)

    def _beyond(self, plan: Plan) -> str | None:
        """Say what a plan deletes that nobody has agreed to."""
        more = destructions(plan.steps) - self._agreed
        if not more:
            return None
        names = ", ".join(sorted(urn.rpartition("::")[2] for urn in more))
        return f"the plan would delete what was not agreed to: {names}. Look at a new plan, and agree to that"

    def _stopped(self, why: str, *, goes_on: bool = True) -> StoppedError:
        """Return why it stopped, what is done and what remains; ``goes_on``: whether the same command helps."""
        lines = [why]
        lines += [f"done: stage {number}: {words}" for number, words in enumerate(self._done, start=1)]
        ended = [self._ended, *[set[str]()] * len(self._rest)]
        lines += [f"remains: {_in_words(stage, done)}" for stage, done in zip(self._rest, ended, strict=False)]
        if goes_on:
            lines.append(_GOES_ON)
        return StoppedError("\n".join(lines))


def _progress(event: Event, held: frozenset[str], left: frozenset[str] = frozenset()) -> str | None:
    """Return what has happened; ``None``: nothing that a person waits for, or nothing at the service.

    ``held``: URNs whose creation waits for a later run. ``left``: URNs whose old vaults are only forgotten.
    """
    if not isinstance(event, StepEvent) or event.moment is Moment.STARTED or event.op not in _DONE:
        return None
    what = f"{_KINDS.get(event.kind or '', '')}{event.urn.rpartition('::')[2]}"
    if event.moment is not Moment.DONE:
        return f"failed: {_DEEDS.get(event.op, event.op)} {what}"
    if event.urn in held and event.op.startswith("create"):
        return f"left for a later stage: {what}"
    if event.op.startswith("delete") and event.before is not None and is_placeholder(event.before.id):
        return None
    if event.op.startswith("delete") and event.urn in left:
        return f"forgot {what}: the vault stays"
    return f"{_DONE[event.op]} {what}"


def _in_words(stage: Stage, ended: Container[str] = ()) -> str:
    """Return what a stage does: its steps are named by what is done and to whom; those that have ended are left out."""
    told = []
    for step in stage.steps:
        op, _, name = step.partition(" ")
        if f"{op} {name.rpartition('/')[2]}" in ended:
            continue
        told.append(f"{_DEEDS.get(op, op)} {name}")
    if len(told) > _MOST_TOLD:
        told = [*told[: _MOST_TOLD - 1], f"and {len(told) - _MOST_TOLD + 1} steps more"]
    return ", ".join(told) or ("what is beside vaults" if stage.steps else "an update without a call for vaults")


def _why(observed: Observed, number: int) -> str:
    if observed.cancelled:
        return f"stage {number} was interrupted"
    told = [one.message.strip() for one in observed.errors if one.message.strip() not in ("", _SAYS_NOTHING)]
    return "\n".join((f"stage {number} failed:", *dict.fromkeys(told)))


def _ours(state: str) -> Any:
    """Return our resources of an exported state without what changes although nothing does."""
    resources = (json.loads(state).get("deployment") or {}).get("resources") or []
    return [
        {key: value for key, value in one.items() if key not in _OF_NO_ACCOUNT}
        for one in resources
        if kind_of(one.get("type", "")) is not None
    ]
