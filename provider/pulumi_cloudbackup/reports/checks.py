"""What the rules say about a program, as Markdown for a comment on a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_cloudbackup.reports.markdown import COMMENT_LIMIT, cut, escaped
from pulumi_cloudbackup.reports.plan_view import parts_of
from pulumi_cloudbackup.reports.problems import NOTHING_DECLARED, outcome, verification, waiting
from pulumi_cloudbackup.reports.rendering import template

if TYPE_CHECKING:
    from pulumi_cloudbackup.reports.problems import ProblemReport


def check_as_markdown(report: ProblemReport, *, limit: int = COMMENT_LIMIT) -> str:
    """Return a report for a comment of at most ``limit`` characters: the loss of data first, errors before warnings."""
    text = template("check.md.j2", escaped).render(
        summary=outcome(report) if report.declared or report.problems else NOTHING_DECLARED,
        parts=parts_of(report.problems),
        waiting=waiting(report.not_yet_known),
        notes=report.notes,
        verification=" ".join(verification(report)),
    )
    return cut(text, limit)
