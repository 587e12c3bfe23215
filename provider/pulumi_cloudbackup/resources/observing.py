"""Handing a program's judgement to whoever runs the program for a plan.

The command line runs a real preview, and has the program write down what it declares, what its stack has and what the
rules say, instead of stopping at the first error: only so the plan is complete. The file is named by an environment
variable, which the engine hands on to the program and to the provider host.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import estate_from_json, estate_to_json
from pulumi_cloudbackup.reports.problems import problem_as_json, problem_from_json
from pulumi_cloudbackup.resources.settings import JUDGING_SETTINGS
from pulumi_cloudbackup.rules import Open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.resources.judging import Judgement
    from pulumi_cloudbackup.rules import Problem

OBSERVE_VARIABLE: Final = "CLOUDBACKUP_OBSERVE"
"""The file that a program's judgement is written to; set, nothing stops the program."""
SCHEMA_VERSION: Final = 1
_REFUSED: Final = ".refused"
"""What the name of the file with refusals ends with."""


def observed_to() -> str | None:
    """Return the file that judgements go to; ``None``: nobody observes."""
    return os.environ.get(OBSERVE_VARIABLE) or None


def write(path: str, judgement: Judgement, settings: Mapping[str, str]) -> None:
    """Write a judgement down; the last one covers everything that the program declares."""
    assert judgement.sides is not None  # noqa: S101 - the program was observed
    before, after = judgement.sides
    document = {
        "schema_version": SCHEMA_VERSION,
        "current": json.loads(estate_to_json(before)),
        "desired": json.loads(estate_to_json(after)),
        "problems": [problem_as_json(problem) for problem in judgement.problems],
        "not_yet_known": [list(one) for one in judgement.not_yet_known],
        "verified_live": judgement.verified_live,
        "notes": list(judgement.notes),
        "settings": {key: settings[key] for key in JUDGING_SETTINGS if settings.get(key)},
    }
    Path(path).write_text(json.dumps(document), encoding="utf-8")


def note_refusal(path: str, problem: Problem) -> None:
    """Note beside a judgement what a provider would have refused; several may at once."""
    with Path(f"{path}{_REFUSED}").open("a", encoding="utf-8") as file:
        file.write(json.dumps(problem_as_json(problem)) + "\n")


def refusals_in(file: Path) -> list[Problem]:
    """Return why providers would have refused vaults, each problem once."""
    noted = Path(f"{file}{_REFUSED}")
    lines = noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []
    return list(dict.fromkeys(problem_from_json(json.loads(line)) for line in lines))


class Seen:
    """What a program wrote down."""

    def __init__(self, text: str) -> None:
        """Read it; raise ValueError where it is not what this release writes."""
        document: dict[str, Any] = json.loads(text)
        if document.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("The program runs another release of pulumi-cloudbackup than this command.")
        self.current: Estate = estate_from_json(json.dumps(document["current"]))
        self.desired: Estate = estate_from_json(json.dumps(document["desired"]))
        self.problems: tuple[Problem, ...] = tuple(problem_from_json(one) for one in document["problems"])
        self.not_yet_known: tuple[Open, ...] = tuple(Open(*one) for one in document["not_yet_known"])
        self.verified_live: bool = document["verified_live"]
        self.notes: tuple[str, ...] = tuple(document["notes"])
        self.settings: dict[str, str] = document["settings"]
