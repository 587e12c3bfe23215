"""Plans as text for a person, as Markdown for a pull request, and as JSON.

The same plan gives the same bytes. What there is to tell is decided in ``plan_view``, how it looks in the templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.reports.approved_plan import ApprovedPlan, PlanFileError, plan_from_json
from pulumi_cloudbackup.reports.markdown import COMMENT_LIMIT, cut, escaped
from pulumi_cloudbackup.reports.plan_document import json_of_plan, plan_as_json, plan_schema
from pulumi_cloudbackup.reports.plan_view import summary_of, view_of
from pulumi_cloudbackup.reports.rendering import template
from pulumi_cloudbackup.reports.words import one_line

if TYPE_CHECKING:
    from pulumi_cloudbackup.planning.plan import Plan

__all__ = [
    "ApprovedPlan",
    "PlanFileError",
    "json_of_plan",
    "plan_as_json",
    "plan_as_markdown",
    "plan_as_text",
    "plan_from_json",
    "plan_schema",
    "summary_of",
]

_INKS: Final = {
    "title": "1",
    "error": "31",
    "warning": "33",
    "waived": "2",
    "delete": "31",
    "replace": "31",
    "create": "32",
    "update": "33",
    "forget": "33",
    "none": "0",
    "plain": "0",
}


class _Ink(str):
    """A code that changes the colour: the one thing in a text for a person that is not shown as it is written."""

    __slots__ = ()


def plan_as_text(plan: Plan, *, colour: bool = False) -> str:
    """Return a plan for a person: what is lost, problems, changes, stages, then the counts."""
    inks = {name: _Ink(f"\x1b[{code}m" if colour else "") for name, code in _INKS.items()}
    return template("plan.txt.j2", _as_text).render(plan=view_of(plan), ink=inks)


def plan_as_markdown(plan: Plan, *, limit: int = COMMENT_LIMIT) -> str:
    """Return a plan for a comment of at most ``limit`` characters: what is lost first, details folded."""
    return cut(template("plan.md.j2", escaped).render(plan=view_of(plan)), limit)


def _as_text(value: Any) -> str:
    return value if isinstance(value, _Ink) else one_line(str(value))
