"""The rule book: every rule once, by its permanent code.

A rule is a pure function that is called like what it demands. It yields what is broken, or what cannot be judged
before a value is known; it holds where it yields nothing. A code is registered once; a second registration stops the
import.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pulumi_cloudbackup.rules.problem import Problem, Severity


@dataclass(frozen=True)
class Broken:
    """A rule is broken here."""

    argument: str
    """The argument that breaks it."""
    detail: str
    """What is wrong and why it matters, with names."""
    fix: str
    """What to do."""
    severity: Severity | None = None
    """Where it differs from the rule's own."""
    subjects: tuple[str, ...] = ()
    """The names of all resources that break it together; empty: the one that was judged."""


@dataclass(frozen=True)
class NotYetKnown:
    """A rule cannot be judged before a value is known."""

    argument: str
    """The argument whose value is known only after apply."""


Finding = Broken | NotYetKnown
Judge = TypeVar("Judge", bound=Callable[..., Iterator[Finding]])


@dataclass(frozen=True)
class Rule:
    """One rule of the book."""

    code: str
    """The permanent code."""
    severity: Severity
    """Its usual severity."""
    summary: str
    """Fixed text without names."""
    judge: Callable[..., Iterator[Finding]]
    """The function that judges; its docstring has three parts: what it checks, why it matters, how to fix it."""
    also: Severity | None = None
    """The other severity that it may have, where it depends on how much is known."""
    caution: bool = False
    """Whether the rule is ours alone: the service would not refuse what it finds."""

    @property
    def severities(self) -> tuple[Severity, ...]:
        """The severities that its problems may have, the worst first."""
        return tuple(one for one in Severity if one in (self.severity, self.also))

    @property
    def can_be_waived(self) -> bool:
        """Whether a waiver may name it: rules of caution and warnings, never what the service itself enforces."""
        return self.caution or Severity.WARNING in self.severities

    def waives(self, severity: Severity) -> bool:
        """Whether a waiver lets a problem of this severity pass."""
        return self.caution or severity is Severity.WARNING

    def problem(self, broken: Broken, *subjects: str) -> Problem:
        """Make a finding of this rule a problem."""
        return Problem(
            code=self.code,
            severity=broken.severity or self.severity,
            summary=self.summary,
            detail=broken.detail,
            fix=broken.fix,
            subjects=broken.subjects or subjects,
            argument=broken.argument,
        )


BOOK: Final[dict[str, Rule]] = {}
"""Every rule by code, in the order of registration."""


@dataclass(frozen=True)
class Verdict:
    """What a set of rules says about one resource or one change of it."""

    problems: tuple[Problem, ...]
    """Broken rules, in the order of the rules."""
    not_yet_known: tuple[tuple[str, str], ...]
    """Code and argument of what could not be judged."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop a preview."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def rule(
    code: str,
    summary: str,
    severity: Severity = Severity.ERROR,
    *,
    also: Severity | None = None,
    caution: bool = False,
) -> Callable[[Judge], Judge]:
    """Register a function as the rule of a code; raise ValueError where the code is taken."""

    def register(judge: Judge) -> Judge:
        if code in BOOK:
            raise ValueError(f"{code} is registered twice. This is a bug in the provider, please report it.")
        BOOK[code] = Rule(code, severity, summary, judge, also, caution)
        return judge

    return register


def judge(codes: tuple[str, ...], subject: str, *facts: Any) -> Verdict:
    """Judge the same facts by several rules; all findings are kept."""
    problems: list[Problem] = []
    open_: list[tuple[str, str]] = []
    for code in codes:
        one = BOOK[code]
        for finding in one.judge(*facts):
            match finding:
                case Broken():
                    problems.append(one.problem(finding, subject))
                case NotYetKnown():
                    open_.append((code, finding.argument))
    return Verdict(tuple(problems), tuple(open_))


def near_codes(written: str) -> tuple[str, ...]:
    """Return the codes that look most like what was written, best first; none if nothing is near."""
    return tuple(difflib.get_close_matches(written.strip().upper(), sorted(BOOK), n=3, cutoff=0.75))
