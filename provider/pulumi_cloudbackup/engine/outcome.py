"""What came of running a program, and the form in which its process hands that over.

The program's process writes it, the process that started it reads it; both run the same version of this package.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pulumi_cloudbackup.reports.problems import ProblemReport, problem_from_json
from pulumi_cloudbackup.rules import Open

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Failure:
    """The program did not run to its end as it should; nothing can be said about its vaults."""

    summary: str
    """What happened and, where it is known, the file and line in the program."""
    lines: tuple[str, ...] = ()
    """Where it happened, frame by frame, and what could be done."""


Outcome: TypeAlias = ProblemReport | Failure


def to_json(outcome: Outcome) -> str:
    """Return the form in which an outcome is handed over."""
    return json.dumps({type(outcome).__name__: dataclasses.asdict(outcome)})


def from_json(text: str) -> Outcome:
    """Return the outcome that was handed over; raise ValueError if it is none."""
    try:
        ((kind, fields),) = json.loads(text).items()
        return _report(fields) if kind == ProblemReport.__name__ else Failure(fields["summary"], tuple(fields["lines"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def _report(fields: Mapping[str, Any]) -> ProblemReport:
    return ProblemReport(
        problems=tuple(problem_from_json(one) for one in fields["problems"]),
        not_yet_known=tuple(Open(*one) for one in fields["not_yet_known"]),
        unverified=tuple(fields["unverified"]),
        verified_live=fields["verified_live"],
        declared=fields["declared"],
        notes=tuple(fields["notes"]),
        resources=fields["resources"],
    )
