"""A plan that was written as JSON and that somebody has approved, read back.

Decides what makes such a file unusable: another version, a missing part, a step that is nowhere. Whether a new plan is
within it is for the caller.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.estate.unknown import JSON_FORM
from pulumi_cloudbackup.planning.plan import Change, FieldChange, Stage, Step
from pulumi_cloudbackup.reports.plan_document import SCHEMA_VERSION, PlanDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pulumi_cloudbackup.reports.plan_document import ChangeDocument

_TOLD: Final = 10


class PlanFileError(ValueError):
    """A plan file cannot be used; each line of the message names a place and the reason."""


@dataclass(frozen=True)
class ApprovedPlan:
    """What somebody has agreed to."""

    command: str
    """The command that the plan is for."""
    inputs_digest: str
    """A digest of what was planned from."""
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    stages: tuple[Stage, ...]


def plan_from_json(text: str | bytes) -> ApprovedPlan:
    """Read what ``plan_as_json`` wrote; raise PlanFileError with place and reason."""
    document = _document(text)
    plan = ApprovedPlan(
        command=document["command"],
        inputs_digest=document["inputs_digest"],
        changes=tuple(_change(one) for one in document["changes"]),
        steps=tuple(Step(**_tuples(one)) for one in document["steps"]),
        stages=tuple(Stage(**_tuples(one)) for one in document["stages"]),
    )
    _refuse(f"{place}: there is no step {json.dumps(name)}." for place, name in _lost_steps(plan))
    return plan


def _document(text: str | bytes) -> PlanDocument:
    """Return the document of a file, its version and shape checked."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - what only writes plans does not pay for it

    try:
        written = json.loads(text, object_hook=_unknown)
    except RecursionError:
        raise PlanFileError("The file is not a plan: it is nested too deeply.") from None
    except ValueError as error:
        raise PlanFileError(f"The file is not JSON, or only the beginning of it: {error}") from None
    if not isinstance(written, dict) or "schema_version" not in written:
        raise PlanFileError("The file is not a plan: an object with schema_version, changes and steps is expected.")
    version = written["schema_version"]
    if version is True or version != SCHEMA_VERSION:
        raise PlanFileError(f"schema_version is {json.dumps(version)[:20]}: this release reads version 1.")
    try:
        return TypeAdapter(PlanDocument).validate_python(written)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        told = (f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}." for detail in details)
        raise PlanFileError(_some(list(told))) from None


def _unknown(written: dict[str, Any]) -> Any:
    """Return a value that is not known yet for its JSON form."""
    return UNKNOWN if written == JSON_FORM else written


def _change(document: ChangeDocument) -> Change:
    return Change(**{**_tuples(document), "fields": tuple(FieldChange(**one) for one in document["fields"])})


def _tuples(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a document as a value of a plan has them."""
    return {key: tuple(part) if isinstance(part, list) else part for key, part in document.items()}


def _lost_steps(plan: ApprovedPlan) -> Iterator[tuple[str, str]]:
    """Return each place that names a step which the plan does not have."""
    known = {step.id for step in plan.steps}
    for number, step in enumerate(plan.steps):
        yield from ((f"steps.{number}.after", name) for name in step.after if name not in known)
    for number, stage in enumerate(plan.stages):
        yield from ((f"stages.{number}.steps", name) for name in stage.steps if name not in known)


def _refuse(reasons: Iterator[str]) -> None:
    found = list(reasons)
    if found:
        raise PlanFileError(_some(found))


def _some(reasons: list[str]) -> str:
    """Return the first reasons, one on each line, and how many more there are."""
    more = len(reasons) - _TOLD
    return "\n".join([*reasons[:_TOLD], *([f"… and {more} more places."] if more > 0 else [])])
