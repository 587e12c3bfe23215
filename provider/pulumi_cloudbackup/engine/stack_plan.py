"""The plan of a stack: its exported state, a real preview, and what its program says of itself, put together.

The engine's preview says what is declared, with every value that it can know; the program adds what no event tells
(options, aliases, the live account); the state says what there is. What the engine replaces for reasons of its own
(``--replace``, taint) is replaced in the plan too: the engine is the truth.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.engine.exported import read_export
from pulumi_cloudbackup.engine.nothing_declared import judge_for
from pulumi_cloudbackup.engine.pulumi_cli import NOTHING_MORE
from pulumi_cloudbackup.engine.states import kind_of, name_of, type_of
from pulumi_cloudbackup.estate import MirrorVault, holds_unknown
from pulumi_cloudbackup.estate.arguments import MIRROR_ARGUMENTS, VAULT_ARGUMENTS
from pulumi_cloudbackup.planning import PLANNED_CODES, Action, Run, plan
from pulumi_cloudbackup.planning.comparing import MIRROR_REPLACES, VAULT_REPLACES
from pulumi_cloudbackup.reports.problems import problem_in
from pulumi_cloudbackup.resources.observing import OBSERVE_VARIABLE, Seen, refusals_in
from pulumi_cloudbackup.resources.settings import Judging, judging_from
from pulumi_cloudbackup.rules import settle
from pulumi_cloudbackup.rules.order_rules import ORDER_CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi_cloudbackup.engine.event_stream import Observed
    from pulumi_cloudbackup.engine.exported import Exported
    from pulumi_cloudbackup.engine.pulumi_cli import Asked, PulumiCli
    from pulumi_cloudbackup.estate import Estate, Vault
    from pulumi_cloudbackup.planning import Plan
    from pulumi_cloudbackup.rules import Problem

_LIVE_FACTS: Final = ("status", "holds_data", "snapshot_count", "bytes_stored", "worm_enabled", "created_time")
_REPLACING: Final = frozenset(("replace", "create-replacement", "delete-replaced"))
_UPDATE: Final = "update"
_STAYING: Final = frozenset(("same", _UPDATE))
_LOSSES: Final = frozenset(("CB303", "CB307"))
"""What is refused because it would replace a vault."""
_TOLD: Final = ("create", "update", "replace", "delete")
"""What is told of resources that are not ours."""
_QUIET: Final = frozenset(("same", "read", "refresh"))


class PreviewFailedError(Exception):
    """The preview of a stack failed for a reason that is none of the rules; the message is what Pulumi says."""


@dataclass(frozen=True)
class StackPlan:
    """The plan of a stack, and what it was made from."""

    plan: Plan
    state: str
    """The exported state."""
    exported: Exported
    observed: Observed
    current: Estate
    """What there is: the state, with what the live account says of it."""
    desired: Estate
    """What is declared."""

    @property
    def owners(self) -> Mapping[str, str]:
        """The owner of each declared vault and mirror, by URN."""
        return {one.urn: one.owner for one in _entries(self.desired) if one.urn is not None and one.owner}

    @property
    def has_work(self) -> bool:
        """Whether an update would change anything, other people's resources included."""
        return bool(self.plan.changes) or any(op not in _QUIET for op, count in self.observed.counts.items() if count)


def plan_stack(cli: PulumiCli, asked: Asked = NOTHING_MORE, **choices: Any) -> StackPlan:
    """Preview a stack and plan it; ``choices`` go to the planner.

    Raises CliError where Pulumi cannot be asked, PreviewFailedError where the preview fails, StateError, PlanError, and
    Refusal where a setting of the stack means nothing.
    """
    state = cli.export_state()
    exported = read_export(state)
    with tempfile.TemporaryDirectory(prefix="cloudbackup-", ignore_cleanup_errors=True) as place:
        seen_file = Path(place) / "judgement.json"
        watched = replace(asked, environment={**asked.environment, OBSERVE_VARIABLE: str(seen_file)})
        observed = cli.preview(watched)
        if not seen_file.exists() and (not observed.failed or any(_is_ours(one.urn) for one in observed.errors)):
            judge_for(cli, exported, state, seen_file)
        seen = seen_in(seen_file)
        refused = refusals_in(seen_file)
    return _with_refusals(plan_of(state, exported, observed, seen, **choices), refused)


def _with_refusals(made: StackPlan, refused: Iterable[Problem]) -> StackPlan:
    """Add the problems that providers would have refused vaults for: what only they could know."""
    told = {(one.code, one.subjects[:1]) for one in made.plan.problems}
    problems = {(one.code, one.subjects[:1]): one for one in refused if (one.code, one.subjects[:1]) not in told}
    if not problems:
        return made
    open_ = tuple(one for one in made.plan.not_yet_known if (one.code, (one.subject,)) not in problems)
    whole = replace(made.plan, problems=(*problems.values(), *made.plan.problems), not_yet_known=open_, stages=())
    return replace(made, plan=whole)


def plan_of(state: str, exported: Exported, observed: Observed, seen: Seen | None, **choices: Any) -> StackPlan:
    """Plan what a preview has shown; ``seen``: what the program says of itself, where it declares anything of ours.

    Raises PreviewFailedError, PlanError, and Refusal where a setting of the stack means nothing.
    """
    if observed.failed:
        return _why_it_failed(state, exported, observed, seen, choices)
    current, desired = with_live_facts(exported.estate, seen), _desired(exported.estate, observed, seen)
    replaced = {step.urn for step in observed.steps if step.kind is not None and step.op == "create-replacement"}
    made = _planned(current, desired, replaced, {"judges_estate": seen is None, **choices})
    judging = judging_from(seen.settings) if seen is not None else Judging()
    whole = judged(made, seen, judging, exported)
    whole = replace(whole, notes=(*whole.notes, *_beside(observed)))
    return StackPlan(whole, state, exported, observed, current, desired)


def _beside(observed: Observed) -> Iterable[str]:
    """Say what an update changes beside vaults: a plan is about those alone."""
    found = Counter(step.op for step in observed.steps if step.kind is None and step.op in _TOLD)
    if found:
        told = ", ".join(f"{found[op]} to {op}" for op in _TOLD if found[op])
        yield f"Beside vaults, other resources change: {told}. `pulumi preview` shows them."


def _planned(current: Estate, desired: Estate, replaced: set[str], choices: Mapping[str, Any]) -> Plan:
    """Plan, and once more where more is ``replaced`` than the arguments say."""
    now = int(time.time())
    made = plan(current, desired, now=now, **choices)
    known = {change.urn for change in made.changes if change.action is Action.REPLACE}
    if replaced <= known:
        return made
    return plan(current, desired, run=Run(replaces=frozenset(replaced - known)), now=now, **choices)


def _why_it_failed(
    state: str, exported: Exported, observed: Observed, seen: Seen | None, choices: Mapping[str, Any]
) -> StackPlan:
    """Return the plan of a program that its own judgement rejects, which its providers then do too.

    Raises PreviewFailedError where that is not why the preview failed.
    """
    if seen is not None:
        current = with_live_facts(exported.estate, seen)
        refused = _refusals(observed)
        replaced = {urn for urn, problem in refused if problem.code in _LOSSES}
        made = _planned(current, seen.desired, replaced, {"judges_estate": False, **choices})
        rejected = judged(made, seen, judging_from(seen.settings), exported)
        known = {(problem.code, problem.subjects[:1]) for problem in rejected.problems}
        told = (problem for _, problem in refused if (problem.code, problem.subjects) not in known)
        problems = (*rejected.problems, *dict.fromkeys(told))
        if any(problem.stops and problem.code not in ORDER_CODES for problem in problems):
            rejected = replace(rejected, problems=problems, stages=())
            return StackPlan(rejected, state, exported, observed, current, seen.desired)
    raise PreviewFailedError(_said(observed))


def _is_ours(urn: str) -> bool:
    return bool(urn) and kind_of(type_of(urn)) is not None


def _refusals(observed: Observed) -> list[tuple[str, Problem]]:
    """Return the problems that our providers refuse resources for, with the URNs: what only they could know."""
    found: list[tuple[str, Problem]] = []
    for error in observed.errors:
        if _is_ours(error.urn):
            problem = problem_in(error.message, (name_of(error.urn),))
            found += [(error.urn, problem)] if problem is not None else []
    return found


def _said(observed: Observed) -> str:
    """Return why a preview failed, each thing once."""
    told = [one.message.strip() for one in observed.errors if one.message.strip()]
    return "\n".join(dict.fromkeys(told)) or "the preview failed, and Pulumi does not say why"


def seen_in(file: Path) -> Seen | None:
    """Return what was written down; ``None``: nothing of ours is declared, or anywhere."""
    return Seen(file.read_text(encoding="utf-8")) if file.exists() else None


def with_live_facts(exported: Estate, seen: Seen | None) -> Estate:
    """Return the state with what the live account says of it, and with what others have."""
    if seen is None:
        everything = {side: tuple(map(_as_remembered, getattr(exported, side))) for side in ("vaults", "mirrors")}
        return exported.model_copy(update=everything)
    known = {one.urn: one for one in _entries(seen.current) if one.urn is not None and not one.pending_delete}

    def told(resource: Any) -> Any:
        facts = known.get(resource.urn)
        if facts is None or resource.pending_delete or facts.id != resource.id:
            return _as_remembered(resource)
        update = {key: value for key in _LIVE_FACTS if (value := getattr(facts, key, None)) is not None}
        return _as_remembered(resource).model_copy(update=update)

    others = [
        [one for one in side if one.managed_by in ("other", "none")]
        for side in (seen.current.vaults, seen.current.mirrors)
    ]
    return exported.model_copy(
        update={
            "vaults": (*map(told, exported.vaults), *others[0]),
            "mirrors": (*map(told, exported.mirrors), *others[1]),
            "listed_regions": seen.current.listed_regions,
            "limits": seen.current.limits,
        }
    )


def _as_remembered(resource: Any) -> Any:
    """Return a resource as the state alone tells it: that it held no data when it was read last says nothing now."""
    return resource.model_copy(update={"holds_data": None}) if resource.holds_data is False else resource


def _desired(exported: Estate, observed: Observed, seen: Seen | None) -> Estate:
    """Return what the preview declares, with what only the program tells."""
    ops: dict[str, set[str]] = {}
    for step in observed.steps:
        ops.setdefault(step.urn, set()).add(step.op)
    olds = {one.urn: one for one in _entries(exported) if not one.pending_delete}
    told = {one.urn: one for one in _entries(seen.desired)} if seen is not None else {}

    def complete(resource: Any) -> Any:
        update: dict[str, Any] = {}
        said = told.get(resource.urn)
        if said is not None:
            update = {
                "aliases": tuple(dict.fromkeys((*resource.aliases, *said.aliases))),
                "options": resource.options.model_copy(
                    update={
                        "delete_before_replace": said.options.delete_before_replace,
                        "ignore_changes": said.options.ignore_changes,
                        "replace_on_changes": said.options.replace_on_changes,
                    }
                ),
                "depends_on": tuple(dict.fromkeys((*resource.depends_on, *said.depends_on))),
                "adopt_id": said.adopt_id,
            }
        aliases = update.get("aliases", resource.aliases)
        old = olds.get(resource.urn) or next((olds[alias] for alias in aliases if alias in olds), None)
        done = ops.get(resource.urn, set())
        if old is not None and done & _STAYING:
            update |= _as_before(resource, old, is_updated=_UPDATE in done)
        return resource.model_copy(update=update) if update else resource

    return observed.desired.model_copy(
        update={
            "vaults": tuple(complete(one) for one in observed.desired.vaults),
            "mirrors": tuple(complete(one) for one in observed.desired.mirrors),
        }
    )


def _as_before(resource: Vault | MirrorVault, old: Any, *, is_updated: bool) -> dict[str, Any]:
    """Return what the engine knows to be as before although it does not tell it: secrets, and whose account it is.

    Of a resource that is updated only what would replace it is surely as before.
    """
    is_mirror = isinstance(resource, MirrorVault)
    keys: tuple[str, ...] = MIRROR_REPLACES if is_mirror else VAULT_REPLACES
    if not is_updated:
        keys = MIRROR_ARGUMENTS if is_mirror else VAULT_ARGUMENTS
    kept = {key: getattr(old, key) for key in keys if holds_unknown(getattr(resource, key, None)) and hasattr(old, key)}
    return {**kept, "account": old.account, "differs_unseen": is_updated}


def _entries(estate: Estate) -> Iterable[Any]:
    yield from estate.vaults
    yield from estate.mirrors


def judged(made: Plan, seen: Seen | None, judging: Judging, exported: Exported) -> Plan:
    """Add what only the program could judge, and what somebody answers for."""
    settled = settle(dict.fromkeys(made.problems), judging.waivers, _today(), strict=judging.strict)
    found: list[Problem] = list(settled.problems)
    notes: list[str] = []
    if seen is not None:
        found += [problem for problem in seen.problems if problem.code not in PLANNED_CODES]
        notes += seen.notes
    is_possible = not any(problem.stops and problem.code not in ORDER_CODES for problem in found)
    notes += [
        f"An update was killed while it was {one.operation} {one.urn.rpartition('::')[2]}: whether that has happened, "
        "nobody knows. The next update finds out."
        for one in exported.interrupted
    ]
    open_ = made.not_yet_known if seen is None else (*made.not_yet_known, *seen.not_yet_known)
    return replace(
        made,
        problems=tuple(dict.fromkeys(found)),
        stages=made.stages if is_possible else (),
        not_yet_known=tuple(dict.fromkeys(open_)),
        notes=tuple(dict.fromkeys(notes)),
        verified_live=seen is not None and seen.verified_live,
    )


def _today() -> str:
    return dt.datetime.now(dt.timezone.utc).date().isoformat()
