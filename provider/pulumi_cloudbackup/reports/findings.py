"""What a check and a plan tell the tools of CI alike: problems with their subject, place and words. Pure.

Decides nothing about problems, and not how a report looks: that is for ``junit`` and ``sarif``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.reports.plan_view import orders_of, summary_of
from pulumi_cloudbackup.reports.problems import NOTHING_DECLARED, outcome, sentences, subject_of, verification
from pulumi_cloudbackup.reports.words import limited, one_line
from pulumi_cloudbackup.rules.problem import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.planning.plan import Plan
    from pulumi_cloudbackup.reports.problems import ProblemReport
    from pulumi_cloudbackup.rules import Open, Problem

MOST_TEXT: Final = 10_000
"""Characters of what one problem says; the rest of a longer text is left out, and that is said."""
_ORDER: Final = "One order that the engine may choose; its last step breaks the rule:"


@dataclass(frozen=True)
class Place:
    """A line of a file in the repository."""

    file: str
    """Its path from the root of the repository, with forward slashes."""
    line: int = 1


@dataclass(frozen=True)
class Places:
    """Where what is judged stands in the repository."""

    program: Place
    """The program or the estate file: the place of all that has no other."""
    resources: Mapping[str, Place] = field(default_factory=dict)
    """The places of resources, by name."""

    def of(self, name: str) -> Place:
        """Return the place of a resource."""
        return self.resources.get(name, self.program)


@dataclass(frozen=True)
class Finding:
    """One problem, and what is told of it."""

    problem: Problem
    subject: str
    """The resource that it is about, or the program."""
    text: str
    """What is wrong, what to do, the order that shows it, and why it is let pass; several lines."""

    @property
    def severity(self) -> str:
        """Return ``error``, ``warning`` or ``waived``."""
        return "waived" if self.problem.waived is not None else str(self.problem.severity)


@dataclass(frozen=True)
class Findings:
    """Everything that a check or a plan tells CI."""

    command: str
    """``check`` or ``plan``."""
    findings: tuple[Finding, ...]
    """The problems, in the order of the report for a person."""
    not_yet_known: tuple[Open, ...]
    """Rules that wait for a value."""
    resources: Mapping[str, str]
    """The URN of everything that was judged, by name."""
    remarks: tuple[str, ...]
    """What a person should know beside; the last ones say whether the live account was asked, and count."""


def findings_of_check(report: ProblemReport) -> Findings:
    """Return what there is to tell of a check."""
    found = tuple(_finding(problem, []) for problem in report.problems)
    count = outcome(report) if report.declared or report.problems else NOTHING_DECLARED
    remarks = (*report.notes, " ".join(verification(report)), count)
    return Findings("check", found, report.not_yet_known, report.resources, tuple(map(plain, remarks)))


def findings_of_plan(plan: Plan) -> Findings:
    """Return what there is to tell of a plan."""
    found = tuple(_finding(problem, order) for problem, order in zip(plan.problems, orders_of(plan), strict=True))
    resources = {one.name: one.urn for one in (*plan.unchanged, *plan.changes)}
    asked = "verified" if plan.verified_live else "not verified"
    remarks = (*plan.notes, f"{asked} against the live account", summary_of(plan))
    return Findings("plan", found, plan.not_yet_known, resources, tuple(map(plain, remarks)))


def is_error(finding: Finding) -> bool:
    """Whether a finding stops anything."""
    return finding.severity == Severity.ERROR


def plain(text: str) -> str:
    """Return a text that XML and JSON readers take: control characters and half characters as Python writes them."""
    return "\n".join(one_line(line) for line in text.splitlines())


def _finding(problem: Problem, witness: list[str]) -> Finding:
    order = [_ORDER, *(f"  {step}" for step in witness)] if witness else []
    text = "\n".join(one_line(line) for line in (*sentences(problem), *order))
    return Finding(problem, subject_of(problem), limited(text, MOST_TEXT))
