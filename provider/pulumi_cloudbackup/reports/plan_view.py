"""What a report tells of a plan, in which order and in which words; how it looks is for the templates.

Decides nothing about the plan. Must not escape anything either: that differs from form to form.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.estate.moment import duration
from pulumi_cloudbackup.planning.plan import Action, Op
from pulumi_cloudbackup.reports.plan_document import json_of_value
from pulumi_cloudbackup.reports.problems import by_subject, headline, sentences, tally, waiting
from pulumi_cloudbackup.reports.words import count, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pulumi_cloudbackup.planning.plan import Change, Exposure, FieldChange, Peak, Plan, Stage, Step
    from pulumi_cloudbackup.rules import Problem

DATA_LOSS: Final = frozenset({"CB303", "CB304", "CB305", "CB306", "CB307", "CB308"})
"""Rules about vaults that would be deleted and should not, or cannot be."""
_KINDS: Final = {"Vault": "vault", "MirrorVault": "mirror vault"}
_SYMBOLS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-+",
    Action.DELETE: "-",
    Action.NONE: "",
}
_DEEDS: Final = {
    Op.CREATE: "create",
    Op.UPDATE: "update",
    Op.DELETE: "delete",
    Op.CREATE_REPLACEMENT: "create the new",
    Op.DELETE_REPLACED: "delete the old",
}
_FORGET: Final = "forget"
_COUNTED: Final = (*map(str, (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)), _FORGET)
_ENDING: Final = (Action.DELETE, Action.REPLACE)
_LOSS: Final = "data loss"
_SEVERITIES: Final = ("error", "warning", "waived")
_MOST_STEPS: Final = 12
"""Steps of one list that are told; of a longer one the first and the last."""


@dataclass(frozen=True)
class LossView:
    """A vault that is deleted, or replaced by an empty one."""

    action: str
    name: str
    what: str
    """Its kind, region and account."""
    words: str
    """What is lost."""


@dataclass(frozen=True)
class ProblemView:
    """One problem, and the order that shows it."""

    severity: str
    """``error``, ``warning`` or ``waived``."""
    headline: str
    sentences: list[str]
    witness: list[str]


@dataclass(frozen=True)
class ProblemsView:
    """Problems under one title, by resource."""

    title: str
    losses: list[LossView]
    groups: list[tuple[str, list[ProblemView]]]

    @property
    def is_loss(self) -> bool:
        """Whether this is about the loss of data."""
        return self.title == _LOSS

    @property
    def worst_first(self) -> list[tuple[str, ProblemView]]:
        """Each problem with its resource: errors, then warnings, then what is waived."""
        told = [(subject, problem) for subject, problems in self.groups for problem in problems]
        return sorted(told, key=lambda one: _SEVERITIES.index(one[1].severity))


@dataclass(frozen=True)
class FieldView:
    """One argument that differs."""

    path: str
    before: str
    after: str
    replaces: bool


@dataclass(frozen=True)
class ChangeView:
    """What happens to one resource."""

    symbol: str
    action: str
    name: str
    what: str
    why: str
    fields: list[FieldView]


@dataclass(frozen=True)
class StageView:
    """One engine run."""

    command: str
    steps: list[str]
    holds: list[str]
    """Names of what is created in a later one."""
    bare: list[str]
    """Names of sources without a mirror when it ends."""


@dataclass(frozen=True)
class PlanView:
    """A plan in the order in which it is told."""

    command: str
    """The command, where it is not ``up``."""
    problems: list[ProblemsView]
    changes: list[ChangeView]
    stages: list[StageView]
    """Empty: one plain run will do, or nothing is safe."""
    remarks: list[str]
    """What to know about the stages."""
    exposure: list[tuple[str, str]]
    """Sources, and for how long and why they are bare."""
    quotas: list[str]
    """Quotas that the update uses up."""
    waiting: list[tuple[str, str]]
    """Values that are known only after apply, and the rules that wait for them."""
    notes: tuple[str, ...]
    verification: str
    summary: str

    @property
    def endings(self) -> list[ChangeView]:
        """What is deleted or replaced."""
        return [change for change in self.changes if change.action in _ENDING]

    @property
    def others(self) -> list[ChangeView]:
        """What is neither."""
        return [change for change in self.changes if change.action not in _ENDING]

    @property
    def has_fields(self) -> bool:
        """Whether any argument differs."""
        return any(change.fields for change in self.changes)


def view_of(plan: Plan) -> PlanView:
    """Return what there is to tell of a plan."""
    telling = _Telling(plan)
    return PlanView(
        command="" if plan.command == "up" else plan.command,
        problems=telling.problems(),
        changes=[telling.change(one) for one in plan.changes],
        stages=[telling.stage(one) for one in plan.stages] if _is_staged(plan) else [],
        remarks=list(_remarks(plan)),
        exposure=[(shortened(one.source), _how_long(one)) for one in plan.exposure],
        quotas=[_quota(one, telling.account(one.account)) for one in plan.peaks if one.peak >= one.limit],
        waiting=waiting(plan.not_yet_known),
        notes=plan.notes,
        verification="verified against the live account"
        if plan.verified_live
        else "not verified against the live account",
        summary=summary_of(plan),
    )


def parts_of(
    problems: Sequence[Problem], losses: Sequence[LossView] = (), order: Callable[[Problem], list[str]] = lambda _: []
) -> list[ProblemsView]:
    """Return the loss of data, then the other problems; ``order``: the order that shows a problem."""
    grave = [problem for problem in problems if problem.code in DATA_LOSS]
    others = [problem for problem in problems if problem.code not in DATA_LOSS]
    parts = [ProblemsView(_LOSS, list(losses), _groups(grave, order))] if losses or grave else []
    return parts + ([ProblemsView("problems", [], _groups(others, order))] if others else [])


def orders_of(plan: Plan) -> list[list[str]]:
    """Return the order that shows each problem of a plan, step by step."""
    telling = _Telling(plan)
    return [telling.order(problem) for problem in plan.problems]


def summary_of(plan: Plan) -> str:
    """Return the counts of a plan: changes, then problems, then stages."""
    actions = Counter(_action(change) for change in plan.changes)
    changes = [f"{actions[action]} to {action}" for action in _COUNTED if actions[action]] or ["nothing to change"]
    if plan.unchanged:
        changes.append(f"{len(plan.unchanged)} unchanged")
    stages = count(len(plan.stages), "stage") if _is_staged(plan) else "no safe stages" if _is_stuck(plan) else ""
    return "; ".join(part for part in (", ".join(changes), tally(plan.problems), stages) if part)


def _is_staged(plan: Plan) -> bool:
    """Whether the way is something else than one plain run."""
    return len(plan.stages) > 1 or any(one.targets or one.excludes or one.holds for one in plan.stages)


def _is_stuck(plan: Plan) -> bool:
    """Whether there is something to do and no safe way to do it."""
    return bool(plan.steps) and not plan.stages


def _remarks(plan: Plan) -> Iterator[str]:
    if _is_stuck(plan):
        yield "There is no safe sequence of runs: mend the problems first."
    elif _is_staged(plan):
        yield "Each run is safe in every order; `cloudbackup up` runs them one after the other."
        if not plan.stages_optimal:
            yield "There may be a sequence with fewer runs or less exposure."


class _Telling:
    """A plan with its steps at hand."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._steps = {step.id: step for step in plan.steps}
        self._by_urn: dict[str, list[Step]] = {}
        for step in plan.steps:
            self._by_urn.setdefault(step.urn, []).append(step)
        self._is_one_account = len({one.account for one in (*plan.changes, *plan.unchanged)}) <= 1

    def account(self, account: str) -> str:
        """Return an account to tell, where there are several."""
        return "" if self._is_one_account else f", account {account}"

    def problems(self) -> list[ProblemsView]:
        """Return the loss of data, then the other problems."""
        losses = [self._loss(change) for change in self._plan.changes if self._is_loss(change)]
        return parts_of(self._plan.problems, losses, self.order)

    def order(self, problem: Problem) -> list[str]:
        """Return the order that shows a problem, step by step."""
        return _abridged([f"{number}. {step}" for number, step in enumerate(self._told(problem.witness), 1)])

    def change(self, change: Change) -> ChangeView:
        """Return one change."""
        symbol = "+-" if change.create_first else _SYMBOLS[change.action]
        why = ", ".join(self._why(change))
        return ChangeView(
            symbol,
            _action(change),
            shortened(change.name),
            self._what(change),
            why,
            [_field(one) for one in change.fields],
        )

    def stage(self, stage: Stage) -> StageView:
        """Return one stage."""
        holds = [_name(urn) for urn in stage.holds]
        bare = [shortened(name) for name in stage.bare_sources]
        return StageView(stage.command, _abridged(self._told(stage.steps)), holds, bare)

    def _why(self, change: Change) -> Iterator[str]:
        yield str(change.reason)
        if change.left_by:
            yield _what_stays(change)
        elif change.action is Action.REPLACE:
            yield "created before the old one is deleted" if change.create_first else "deleted first"
        if change.old_urn and _name(change.old_urn) != shortened(change.name):
            yield f'was "{_name(change.old_urn)}"'
        if not change.left_by and not self._steps_of(change):
            yield "no call to the service"

    def _what(self, change: Change) -> str:
        steps = sorted(self._steps_of(change), key=lambda step: not step.op.deletes)
        regions = dict.fromkeys(one for one in (change.left_in, *(step.region_id for step in steps)) if one)
        place = f" in {' -> '.join(regions)}" if regions else ""
        return f"{_kind(change.kind)}{place}{self.account(change.account)}"

    def _steps_of(self, change: Change) -> list[Step]:
        urns = dict.fromkeys((change.old_urn, change.urn))
        return [step for urn in urns if urn for step in self._by_urn.get(urn, ())]

    def _is_loss(self, change: Change) -> bool:
        """Whether a vault is deleted; a mirror's data still exists at its source, or a problem says so."""
        if change.kind != "Vault" or change.action not in (Action.DELETE, Action.REPLACE):
            return False
        return any(step.op.deletes for step in self._steps_of(change))

    def _loss(self, change: Change) -> LossView:
        words = "whatever backup data it holds is destroyed"
        if change.action is Action.REPLACE:
            words += ", the new vault is empty"
        return LossView(str(change.action), shortened(change.name), self._what(change), words)

    def _told(self, ids: Sequence[str]) -> list[str]:
        """Return steps in words; a barrier is nothing that anybody sees."""
        steps = [self._steps.get(step_id) for step_id in ids]
        return [self._in_words(step) for step in steps if step is not None and step.op is not Op.BARRIER]

    def _in_words(self, step: Step) -> str:
        place = f" in {step.region_id}" if step.region_id else ""
        what = f'{_kind(step.kind)} "{shortened(step.name)}"'
        return f"{_DEEDS.get(step.op, step.op)} {what}{place}{self.account(step.account)}"


def _action(change: Change) -> str:
    """Return the word for what happens: a resource whose vault stays is forgotten."""
    return _FORGET if change.is_forgotten else str(change.action)


def _what_stays(change: Change) -> str:
    """Say that the old vault of a resource stays, where, and why."""
    whose = "the old vault" if change.action is Action.REPLACE else "the vault"
    place = f" in {change.left_in}" if change.left_in else ""
    why = "" if change.left_by == "retain_on_delete" else ": the service deletes nothing along with another vault"
    return f"{whose} stays{place} and nobody manages it ({change.left_by}{why})"


def _groups(problems: Sequence[Problem], order: Callable[[Problem], list[str]]) -> list[tuple[str, list[ProblemView]]]:
    return [(shortened(subject), [_problem(one, order(one)) for one in told]) for subject, told in by_subject(problems)]


def _problem(problem: Problem, order: list[str]) -> ProblemView:
    severity = "waived" if problem.waived is not None else str(problem.severity)
    return ProblemView(severity, headline(problem), sentences(problem), order)


def _abridged(lines: list[str]) -> list[str]:
    """Leave the middle of a long list out."""
    left = len(lines) - _MOST_STEPS
    return lines if left <= 0 else [*lines[: _MOST_STEPS - 1], f"... {count(left, 'more step')} ...", lines[-1]]


def _kind(kind: str) -> str:
    return _KINDS.get(kind, kind)


def _name(urn: str) -> str:
    return shortened(urn.rpartition("::")[2])


def _field(field: FieldChange) -> FieldView:
    if field.is_unseen:
        return FieldView(field.path, "not shown", "not shown", field.replaces)
    return FieldView(field.path, _value(field.before), _value(field.after), field.replaces)


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if value is UNKNOWN:
        return "known only after apply"
    return json.dumps(json_of_value(value), ensure_ascii=False)


def _quota(peak: Peak, account: str) -> str:
    what = {"mirrors_per_region": f"mirror vaults in {peak.region_id}", "vaults": "vaults of the account"}
    more = "; there may be more that nobody told" if peak.lower_bound else ""
    return (
        f"{what.get(peak.quota, peak.quota)}{account}: {peak.initial} before, up to {peak.peak} at a time, "
        f"{peak.limit} allowed{more}"
    )


def _how_long(exposure: Exposure) -> str:
    least = "at least" if exposure.lower_bound else "about"
    return f"{least} {duration(exposure.minutes)}: {exposure.reason}"
