"""Problems in words and as JSON, grouped by the resource that they are about."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.rules.problem import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_cloudbackup.rules import Open, Problem

SCHEMA_VERSION: Final = 1
_WIDTH: Final = 100
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

    @property
    def stops(self) -> bool:
        """Whether any problem stops a preview."""
        return any(problem.stops for problem in self.problems)


def as_text(report: ProblemReport) -> str:
    """Return a report for a person: by resource, then what is not known yet, then the count."""
    if not report.declared and not report.problems:
        return f"{NOTHING_DECLARED}\n"
    lines: list[str] = []
    for subject, problems in _by_subject(report.problems):
        lines.append(f"{_one_line(subject)}:")
        for problem in problems:
            lines += _paragraph(problem)
        lines.append("")
    if report.not_yet_known:
        lines.append("known only after apply:")
        lines += [f"  {_one_line(line)}" for line in _waiting(report.not_yet_known)]
        lines.append("")
    lines += [f"note: {_one_line(note)}" for note in report.notes]
    lines += [""] if report.notes else []
    lines += [_outcome(report), *_verification(report)]
    return "\n".join(lines) + "\n"


def as_json(report: ProblemReport) -> str:
    """Return a report for programs; whatever it quotes is written in ASCII."""
    return json.dumps(json_of(report), indent=1) + "\n"


def json_of(report: ProblemReport) -> dict[str, Any]:
    """Return the JSON document of a report."""
    return {
        "schema_version": SCHEMA_VERSION,
        "problems": [_problem_as_json(problem) for problem in report.problems],
        "not_yet_known": [
            {"code": one.code, "subject": one.subject, "argument": one.argument} for one in report.not_yet_known
        ],
        "unverified": list(report.unverified),
        "verified_live": report.verified_live,
    }


def grouped(problems: Sequence[Problem]) -> list[str]:
    """Return the lines that tell problems: each resource once, in the order given, one line for each problem."""
    lines: list[str] = []
    for subject, told in _by_subject(problems):
        lines.append(f"{subject}:")
        lines += [f"  {problem.one_line}" for problem in told]
    return lines


def count_of(problems: Sequence[Problem]) -> str:
    """Return how many problems there are, in words."""
    return _count(len(problems), "problem")


def _by_subject(problems: Sequence[Problem]) -> list[tuple[str, list[Problem]]]:
    """Return problems by the resource that they are about; what has none is about the program."""
    groups: list[tuple[str, list[Problem]]] = []
    for problem in problems:
        subject = problem.subjects[0] if problem.subjects and problem.subjects[0] else "the program"
        if not groups or groups[-1][0] != subject:
            groups.append((subject, []))
        groups[-1][1].append(problem)
    return groups


def _paragraph(problem: Problem) -> list[str]:
    severity = "waived" if problem.waived is not None else str(problem.severity)
    argument = f" ({problem.argument})" if problem.argument else ""
    lines = [f"  {severity} {problem.code}: {problem.summary}{argument}"]
    reason = f"Waived: {problem.waived}" if problem.waived is not None else ""
    for text in (problem.detail, problem.fix, reason):
        for line in text.splitlines():
            lines += _wrapped(line)
    return lines


def _wrapped(line: str) -> list[str]:
    """Break a line of prose; one that is indented is there to be copied and stays whole."""
    if line.startswith(" "):
        return [f"    {_one_line(line)}"]
    return textwrap.wrap(
        _one_line(line),
        _WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _waiting(entries: Sequence[Open]) -> list[str]:
    """Say for each value which rules wait for it."""
    codes: dict[tuple[str, str], list[str]] = {}
    for one in entries:
        codes.setdefault((one.subject, one.argument), []).append(one.code)
    return [
        f"{subject}, {argument}: {', '.join(dict.fromkeys(waiting))}" for (subject, argument), waiting in codes.items()
    ]


def _outcome(report: ProblemReport) -> str:
    counted = [problem for problem in report.problems if problem.waived is None]
    errors = sum(problem.severity is Severity.ERROR for problem in counted)
    warnings = len(counted) - errors
    waived = len(report.problems) - len(counted)
    parts = [_count(errors, "error")] if errors else []
    parts += [_count(warnings, "warning")] if warnings else []
    parts += [f"{waived} waived"] if waived else []
    where = f" in {_count(report.declared, 'vault or mirror', 'vaults and mirrors')}"
    return (", ".join(parts) or "no problems") + (where if report.declared else "")


def _verification(report: ProblemReport) -> list[str]:
    if report.verified_live:
        return ["verified against the live account"]
    codes = f", which alone decides {', '.join(report.unverified)}" if report.unverified else ""
    return textwrap.wrap(f"not verified against the live account{codes}", _WIDTH, break_on_hyphens=False)


def _problem_as_json(problem: Problem) -> dict[str, Any]:
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


def _one_line(text: str) -> str:
    """Show what a terminal would take for a command, such as an escape, as it is written in Python."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _count(number: int, singular: str, plural: str | None = None) -> str:
    return f"1 {singular}" if number == 1 else f"{number} {plural or singular + 's'}"
