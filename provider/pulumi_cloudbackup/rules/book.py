"""The rule book: every rule once, by its permanent code.

A rule is a pure function that is called like what it demands. It yields what is broken, or what cannot be judged
before a value is known; it holds where it yields nothing. A code is registered once; a second registration stops the
import.
"""

from __future__ import annotations

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
    """The function that judges."""

    def problem(self, broken: Broken, *subjects: str) -> Problem:
        """Make a finding of this rule a problem."""
        return Problem(
            code=self.code,
            severity=broken.severity or self.severity,
            summary=self.summary,
            detail=broken.detail,
            fix=broken.fix,
            subjects=subjects,
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


def rule(code: str, summary: str, severity: Severity = Severity.ERROR) -> Callable[[Judge], Judge]:
    """Register a function as the rule of a code; raise ValueError where the code is taken."""

    def register(judge: Judge) -> Judge:
        if code in BOOK:
            raise ValueError(f"{code} is registered twice. This is a bug in the provider, please report it.")
        BOOK[code] = Rule(code, severity, summary, judge)
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
