"""The JSON form of a plan: what it looks like, how a plan is written in it, and its schema.

The types are the published form (``schema_version`` 1): they type what is written, the schema is generated from them,
and an approved plan is read through them (``approved_plan``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, with_config
from typing_extensions import NotRequired, TypedDict

from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.estate.unknown import JSON_FORM
from pulumi_cloudbackup.planning.plan import Action, Op, Reason  # noqa: TC001 - the schema is made of them
from pulumi_cloudbackup.reports.problems import problem_as_json
from pulumi_cloudbackup.rules.problem import Severity  # noqa: TC001 - as above

if TYPE_CHECKING:
    from pulumi_cloudbackup.planning.plan import Change, FieldChange, Plan, Stage, Step
    from pulumi_cloudbackup.rules import Problem

SCHEMA_VERSION: Final = 1
SCHEMA_ID: Final = "https://json-schema.org/draft/2020-12/schema"
_FORM: Final = ConfigDict(extra="forbid", use_attribute_docstrings=True)


@with_config(_FORM)
class FieldDocument(TypedDict):
    """One argument that differs."""

    path: str
    """The argument; inside a mapping with its key, such as tags.team."""
    before: Any
    """Its old value; null: it had none."""
    after: Any
    """Its new value; {"$unknown": true}: known only after apply."""
    replaces: bool
    """Whether the difference replaces the resource."""


@with_config(_FORM)
class ChangeDocument(TypedDict):
    """What happens to one resource, and why."""

    name: str
    """The name of the resource; of a renamed one the new name."""
    urn: str
    """Its URN; of a resource that is deleted the old one."""
    kind: str
    """Vault or MirrorVault."""
    account: str
    """The account that it is in; names are unique within an account."""
    action: Action
    reason: Reason
    fields: list[FieldDocument]
    """The arguments that differ."""
    old_urn: NotRequired[str]
    """The URN that it had, where that was another one."""
    create_first: NotRequired[bool]
    """Whether its replacement is created before the old one is deleted; absent: it is not."""
    left_by: NotRequired[Literal["retain_on_delete", "deleted_with"]]
    """The option because of which the state only forgets its old vault; absent: none does."""
    left_in: NotRequired[str]
    """The region in which that vault stays."""


@with_config(_FORM)
class StepDocument(TypedDict):
    """One call to the cloud that changes it, or a barrier."""

    id: str
    """Its name in the plan."""
    op: Op
    name: str
    """The name of the resource; empty for a barrier."""
    urn: str
    kind: str
    """Vault or MirrorVault; empty for a barrier."""
    region_id: str
    """Where the vault is; empty: known only after apply."""
    account: str
    after: list[str]
    """Ids of the steps that the engine guarantees to have ended before, transitively reduced."""


@with_config(_FORM)
class ProblemDocument(TypedDict):
    """Something wrong in what was written or asked for."""

    code: str
    """The permanent code of the rule."""
    severity: Severity
    summary: str
    """Fixed text without names."""
    detail: str
    """What is wrong here and why it matters."""
    fix: str
    """What to do."""
    subjects: list[str]
    """Names of the resources that it is about."""
    argument: str | None
    """The argument that it is about."""
    waived: str | None
    """Why a waiver lets it pass; null: it counts."""
    witness: list[str]
    """Ids of steps in one order that breaks the rule; empty: no order has anything to do with it."""


@with_config(_FORM)
class OpenDocument(TypedDict):
    """A rule that cannot be judged before a value is known."""

    code: str
    subject: str
    """The name of the resource."""
    argument: str
    """The argument whose value is known only after apply."""


@with_config(_FORM)
class StageDocument(TypedDict):
    """One engine run on the way."""

    command: str
    """The command of Pulumi, complete but for the directory and the stack."""
    targets: list[str]
    """URNs that alone are touched; empty: all."""
    excludes: list[str]
    """URNs that are left as they are."""
    holds: list[str]
    """URNs whose creation waits for a later stage."""
    steps: list[str]
    """Ids of the steps that it takes, in one order that the engine may choose."""
    bare_sources: list[str]
    """Names of sources that have no mirror when it ends and get one in a later stage; not of those that had none."""


@with_config(_FORM)
class PeakDocument(TypedDict):
    """The most that an account uses of one quota at any moment of the update."""

    quota: str
    """mirrors_per_region or vaults."""
    region_id: str
    """The region that is counted; empty: the whole account."""
    account: str
    initial: int
    """What is there before."""
    peak: int
    """The most that there may be, in the worst order."""
    limit: int
    lower_bound: bool
    """Whether there may be more that nobody told."""


@with_config(_FORM)
class ExposureDocument(TypedDict):
    """For how long a source has no complete mirror."""

    source: str
    """The name of the source."""
    minutes: int
    """From the deletion of its mirror until the successor holds the history."""
    reason: str
    """What it is made of, in words."""
    lower_bound: bool
    """Whether it may take longer: nobody tells how much there is to copy, or how much later a stage is run."""


@with_config(_FORM)
class PlanDocument(TypedDict):
    """A plan of pulumi-cloudbackup: changes, steps, problems, safe stages, peaks and exposure."""

    schema_version: Literal[1]
    """The version of this form."""
    command: str
    """The command that the plan is for, such as up."""
    inputs_digest: str
    """A digest of what was planned from."""
    verified_live: bool
    """Whether the live account was asked."""
    changes: list[ChangeDocument]
    """Everything that changes: deletions and replacements first, then by account and name."""
    unchanged: int
    """How many resources stay as they are."""
    steps: list[StepDocument]
    """In one order that the engine may choose."""
    problems: list[ProblemDocument]
    """Data loss first, then by code and resource."""
    not_yet_known: list[OpenDocument]
    """Rules that wait for a value."""
    stages: list[StageDocument]
    """Safe engine runs that lead to the same end; none where nothing is safe."""
    stages_optimal: bool
    """Whether it is proven that no sequence is better; otherwise there may be one."""
    peaks: list[PeakDocument]
    """Every quota that the update adds to."""
    exposure: list[ExposureDocument]
    """Every source that is bare for a time."""
    notes: list[str]
    """What a person should know beside."""


def json_of_plan(plan: Plan) -> PlanDocument:
    """Return the JSON document of a plan."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": plan.command,
        "inputs_digest": plan.inputs_digest,
        "verified_live": plan.verified_live,
        "changes": [_change(one) for one in plan.changes],
        "unchanged": len(plan.unchanged),
        "steps": [_step(one) for one in plan.steps],
        "problems": [_problem(one) for one in plan.problems],
        "not_yet_known": [cast("OpenDocument", one._asdict()) for one in plan.not_yet_known],
        "stages": [_stage(one) for one in plan.stages],
        "stages_optimal": plan.stages_optimal,
        "peaks": [cast("PeakDocument", dict(vars(one))) for one in plan.peaks],
        "exposure": [cast("ExposureDocument", dict(vars(one))) for one in plan.exposure],
        "notes": list(plan.notes),
    }


def plan_as_json(plan: Plan) -> str:
    """Return a plan for programs, in ASCII: a line ends after every part, so that two plans are compared by lines.

    It is one call of the C encoder, which knows no indentation: a plan may hold a hundred thousand changes.
    """
    return json.dumps(json_of_plan(plan), separators=(",\n", ": "), check_circular=False) + "\n"


def plan_schema() -> str:
    """Return the JSON Schema of the form."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - what only reads or describes plans is not paid for by writing one

    schema = TypeAdapter(PlanDocument).json_schema()
    return json.dumps({"$schema": SCHEMA_ID, **schema}, indent=1) + "\n"


def _change(change: Change) -> ChangeDocument:
    document: ChangeDocument = {
        "name": change.name,
        "urn": change.urn,
        "kind": change.kind,
        "account": change.account,
        "action": change.action,
        "reason": change.reason,
        "fields": [_field(one) for one in change.fields],
    }
    if change.old_urn:
        document["old_urn"] = change.old_urn
    if change.create_first:
        document["create_first"] = True
    if change.left_by:
        document["left_by"], document["left_in"] = change.left_by, change.left_in
    return document


def _field(field: FieldChange) -> FieldDocument:
    return {
        "path": field.path,
        "before": json_of_value(field.before),
        "after": json_of_value(field.after),
        "replaces": field.replaces,
    }


def _step(step: Step) -> StepDocument:
    return {
        "id": step.id,
        "op": step.op,
        "name": step.name,
        "urn": step.urn,
        "kind": step.kind,
        "region_id": step.region_id,
        "account": step.account,
        "after": list(step.after),
    }


def _problem(problem: Problem) -> ProblemDocument:
    return cast("ProblemDocument", {**problem_as_json(problem), "witness": list(problem.witness)})


def _stage(stage: Stage) -> StageDocument:
    return {
        "command": stage.command,
        "targets": list(stage.targets),
        "excludes": list(stage.excludes),
        "holds": list(stage.holds),
        "steps": list(stage.steps),
        "bare_sources": list(stage.bare_sources),
    }


def json_of_value(value: Any) -> Any:
    """Return the JSON form of an argument's value; what is not known yet is ``{"$unknown": true}``."""
    if value is None or isinstance(value, str | int):
        return value
    if value is UNKNOWN:
        return JSON_FORM
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, Mapping):
        return {str(key): json_of_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_of_value(item) for item in value]
    kind = type(value).__name__
    raise TypeError(f"{kind} is no value of an argument. This is a bug in the provider, please report it.")
