"""Problems in words and as JSON, grouped by the resource that they are about."""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.reports.words import WIDTH, count, one_line, shortened, wrapped
from pulumi_cloudbackup.rules.book import BOOK
from pulumi_cloudbackup.rules.problem import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.rules import Open

_CODED: Final = re.compile(r"(?P<code>CB\d{3}): (?P<text>.+)", re.DOTALL)
SCHEMA_VERSION: Final = 1
NOTHING_DECLARED: Final = "no vaults or mirror vaults are declared"


@dataclass(frozen=True)
class ProblemReport:
    """What the rules say about the vaults and mirror vaults of a program."""

    problems: tuple[Problem, ...]
    """In the order in which they are told; waived ones among them."""
    not_yet_known: tuple[Open, ...] = ()
    """What waits for a value that is known only after apply."""
    unverified: tuple[str, ...] = ()
    """Codes of the rules that only the live account can decide, and that it was not asked about."""
    verified_live: bool = False
    """Whether the live account was asked."""
    declared: int = 0
    """How many vaults and mirror vaults there are."""
    notes: tuple[str, ...] = ()
    """What a person should know beside, such as a waiver that counts no more."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """The URN of each of them, by name."""

    @property
    def stops(self) -> bool:
        """Whether any problem stops a preview."""
        return any(problem.stops for problem in self.problems)


def problem_in(text: str, subjects: tuple[str, ...]) -> Problem | None:
    """Return the problem that a text tells with its code, as providers and programs do; ``None``: it tells none."""
    match = _CODED.search(text)
    if match is None or match["code"] not in BOOK:
        return None
    # As everywhere: what is wrong and why it matters, and in the last sentence what to do.
    detail, stop, fix = match["text"].strip().rpartition(". ")
    detail, fix = (f"{detail}.", fix) if stop else (fix, "")
    return Problem(match["code"], Severity.ERROR, BOOK[match["code"]].summary, detail, fix, subjects)


def as_text(report: ProblemReport) -> str:
    """Return a report for a person: by resource, then what is not known yet, then the count."""
    if not report.declared and not report.problems:
        return f"{NOTHING_DECLARED}\n"
    lines: list[str] = []
    for subject, problems in by_subject(report.problems):
        lines.append(f"{one_line(subject)}:")
        for problem in problems:
            lines.append(f"  {one_line(headline(problem))}")
            for line in sentences(problem):
                lines += wrapped(line)
        lines.append("")
    if report.not_yet_known:
        lines.append("known only after apply:")
        lines += [one_line(f"  {value}: {codes}") for value, codes in waiting(report.not_yet_known)]
        lines.append("")
    lines += [f"note: {one_line(note)}" for note in report.notes]
    lines += [""] if report.notes else []
    lines += [outcome(report), *verification(report)]
    return "\n".join(lines) + "\n"


def as_json(report: ProblemReport) -> str:
    """Return a report for programs; whatever it quotes is written in ASCII."""
    return json.dumps(json_of(report), indent=1) + "\n"


def json_of(report: ProblemReport) -> dict[str, Any]:
    """Return the JSON document of a report."""
    return {
        "schema_version": SCHEMA_VERSION,
        "problems": [problem_as_json(problem) for problem in report.problems],
        "not_yet_known": [one._asdict() for one in report.not_yet_known],
        "unverified": list(report.unverified),
        "verified_live": report.verified_live,
    }


def grouped(problems: Sequence[Problem]) -> list[str]:
    """Return the lines that tell problems: each resource once, in the order given, one line for each problem."""
    lines: list[str] = []
    for subject, told in by_subject(problems):
        lines.append(f"{subject}:")
        lines += [f"  {problem.one_line}" for problem in told]
    return lines


def count_of(problems: Sequence[Problem]) -> str:
    """Return how many problems there are, in words."""
    return count(len(problems), "problem")


def by_subject(problems: Sequence[Problem]) -> list[tuple[str, list[Problem]]]:
    """Return problems by the resource that they are about; what has none is about the program."""
    groups: list[tuple[str, list[Problem]]] = []
    for problem in problems:
        subject = subject_of(problem)
        if not groups or groups[-1][0] != subject:
            groups.append((subject, []))
        groups[-1][1].append(problem)
    return groups


def subject_of(problem: Problem) -> str:
    """Return the resource that a problem is about, or the program."""
    return problem.subjects[0] if problem.subjects and problem.subjects[0] else "the program"


def headline(problem: Problem) -> str:
    """Return severity, code, fixed text and argument of a problem."""
    severity = "waived" if problem.waived is not None else str(problem.severity)
    argument = f" ({problem.argument})" if problem.argument else ""
    return f"{severity} {problem.code}: {problem.summary}{argument}"


def sentences(problem: Problem) -> list[str]:
    """Return what a problem says, line by line: what is wrong, what to do, why it is let pass."""
    reason = f"Waived: {problem.waived}" if problem.waived is not None else ""
    return [shortened(line) for text in (problem.detail, problem.fix, reason) for line in text.splitlines()]


def waiting(entries: Sequence[Open]) -> list[tuple[str, str]]:
    """Return each value that rules wait for, and their codes."""
    codes: dict[str, list[str]] = {}
    for one in entries:
        codes.setdefault(f"{one.subject}, {one.argument}", []).append(one.code)
    return [(value, ", ".join(dict.fromkeys(rules))) for value, rules in codes.items()]


def tally(problems: Sequence[Problem]) -> str:
    """Return how many errors, warnings and waived problems there are, in words; empty: none."""
    counted = [problem for problem in problems if problem.waived is None]
    errors = sum(problem.severity is Severity.ERROR for problem in counted)
    warnings = len(counted) - errors
    waived = len(problems) - len(counted)
    parts = [count(errors, "error")] if errors else []
    parts += [count(warnings, "warning")] if warnings else []
    parts += [f"{waived} waived"] if waived else []
    return ", ".join(parts)


def outcome(report: ProblemReport) -> str:
    """Return the count of a report: problems by severity, and what was judged."""
    where = f" in {count(report.declared, 'vault or mirror', 'vaults and mirrors')}"
    return (tally(report.problems) or "no problems") + (where if report.declared else "")


def verification(report: ProblemReport) -> list[str]:
    """Return the lines that say whether the live account was asked."""
    if report.verified_live:
        return ["verified against the live account"]
    codes = f", which alone decides {', '.join(report.unverified)}" if report.unverified else ""
    return textwrap.wrap(f"not verified against the live account{codes}", WIDTH, break_on_hyphens=False)


def problem_from_json(document: Mapping[str, Any]) -> Problem:
    """Read a problem back; raise KeyError, TypeError or ValueError where it is none."""
    lists = {name: tuple(document[name]) for name in ("subjects", "witness") if name in document}
    return Problem(**{**document, **lists, "severity": Severity(document["severity"])})


def problem_as_json(problem: Problem) -> dict[str, Any]:
    """Return the JSON form of a problem."""
    return {
        "code": problem.code,
        "severity": str(problem.severity),
        "summary": problem.summary,
        "detail": problem.detail,
        "fix": problem.fix,
        "subjects": list(problem.subjects),
        "argument": problem.argument,
        "waived": problem.waived,
    }
