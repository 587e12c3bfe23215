"""Problems in words, grouped by the resource that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_cloudbackup.rules import Problem


def grouped(problems: Sequence[Problem]) -> list[str]:
    """Return the lines that tell problems: each resource once, in the order given, one line for each problem."""
    lines: list[str] = []
    subject: str | None = None
    for problem in problems:
        if problem.subjects[:1] != ((subject,) if subject else ()) or not lines:
            subject = problem.subjects[0] if problem.subjects else ""
            lines.append(f"{subject or 'the program'}:")
        lines.append(f"  {problem.one_line}")
    return lines


def count_of(problems: Sequence[Problem]) -> str:
    """Return how many problems there are, in words."""
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
