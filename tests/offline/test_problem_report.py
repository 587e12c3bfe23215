"""Reports of problems: text for a person, JSON for programs, and the form in which they leave a program's process."""

from __future__ import annotations

import json

import pytest

from pulumi_cloudbackup.engine.outcome import Failure, from_json, to_json
from pulumi_cloudbackup.reports.problems import ProblemReport, as_json, as_text, count_of, grouped
from pulumi_cloudbackup.rules import Open, Problem, Severity

ERROR = Problem("CB201", Severity.ERROR, "Same region", "It is the same.", "Take another.", ("orders-dr",), "region_id")
WARNING = Problem("CB208", Severity.WARNING, "Key of another region", "The key.", "Use its own.", ("orders-dr",))
WAIVED = Problem("CB303", Severity.ERROR, "Data is lost", "It is.", "Do not.", ("orders",), None, "agreed (until May)")
PROGRAM = Problem("CB211", Severity.ERROR, "Too many", "There are 6.", "Have fewer:\n  pulumi destroy  --target x", ())

TEXT = """\
orders-dr:
  error CB201: Same region (region_id)
    It is the same.
    Take another.
  warning CB208: Key of another region
    The key.
    Use its own.

orders:
  waived CB303: Data is lost
    It is.
    Do not.
    Waived: agreed (until May)

the program:
  error CB211: Too many
    There are 6.
    Have fewer:
      pulumi destroy  --target x

known only after apply:
  orders-dr, source_vault_id: CB202, CB210
  orders-dr, tags: CB108

note: a waiver has expired

2 errors, 1 warning, 1 waived in 5 vaults and mirrors
not verified against the live account, which alone decides CB103, CB207
"""
WAITING = (
    Open("CB202", "orders-dr", "source_vault_id"),
    Open("CB108", "orders-dr", "tags"),
    Open("CB210", "orders-dr", "source_vault_id"),
)
FULL = ProblemReport(
    (ERROR, WARNING, WAIVED, PROGRAM), WAITING, ("CB103", "CB207"), declared=5, notes=("a waiver has expired",)
)


def test_text() -> None:
    """By resource, severity first, waived ones marked, lines to copy whole, the count last."""
    assert as_text(FULL) == TEXT


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (ProblemReport((), declared=5), "no problems in 5 vaults and mirrors"),
        (ProblemReport((), declared=1), "no problems in 1 vault or mirror"),
        (ProblemReport((ERROR,), declared=2), "1 error in 2 vaults and mirrors"),
        (ProblemReport((ERROR,)), "1 error"),
        (ProblemReport((WARNING, WARNING), declared=2), "2 warnings in 2 vaults and mirrors"),
        (ProblemReport((WAIVED,), declared=2), "1 waived in 2 vaults and mirrors"),
        (ProblemReport(()), "no vaults or mirror vaults are declared"),
    ],
)
def test_the_count(report: ProblemReport, line: str) -> None:
    """One line says how it went."""
    assert line in as_text(report).splitlines()


def test_verified_live() -> None:
    """Every result says whether the live account was asked."""
    assert as_text(ProblemReport((), verified_live=True, declared=1)).endswith("\nverified against the live account\n")
    assert as_text(ProblemReport((), declared=1)).endswith("\nnot verified against the live account\n")


@pytest.mark.parametrize(
    ("problems", "stops"),
    [((), False), ((WARNING,), False), ((WAIVED,), False), ((WAIVED, ERROR), True)],
)
def test_what_stops(problems: tuple[Problem, ...], stops: bool) -> None:
    """Errors that nobody answers for."""
    assert ProblemReport(problems).stops is stops


def test_json() -> None:
    """The document of schema 1."""
    document = json.loads(as_json(FULL))
    assert list(document) == ["schema_version", "problems", "not_yet_known", "unverified", "verified_live"]
    assert document["problems"][0] == {
        "code": "CB201",
        "severity": "error",
        "summary": "Same region",
        "detail": "It is the same.",
        "fix": "Take another.",
        "subjects": ["orders-dr"],
        "argument": "region_id",
        "waived": None,
    }
    assert [problem["waived"] for problem in document["problems"]] == [None, None, "agreed (until May)", None]
    assert document["not_yet_known"][0] == {"code": "CB202", "subject": "orders-dr", "argument": "source_vault_id"}
    assert (document["unverified"], document["verified_live"]) == (["CB103", "CB207"], False)


@pytest.mark.parametrize("outcome", [FULL, ProblemReport(()), Failure("a", ("b", "c")), Failure("é\ud800")])
def test_an_outcome_leaves_its_process_whole(outcome: ProblemReport | Failure) -> None:
    """There and back."""
    assert from_json(to_json(outcome)) == outcome


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"Failure": {}}', '{"ProblemReport": 5}', '{"x": {"y": 1}}'])
def test_what_is_no_outcome(text: str) -> None:
    """A file that is half written or somebody else's."""
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        from_json(text)


def test_names_that_would_steer_a_terminal() -> None:
    """They are shown as they are written, and JSON stays ASCII."""
    evil = Problem("CB101", Severity.ERROR, "Name", "The name \x1b[2J\x07 of it.", "Mend é.", ("a\nb\x1b]0;x",))
    report = ProblemReport((evil,), declared=1)
    assert as_text(report).splitlines()[0] == r"a\nb\x1b]0;x:"
    assert "\x1b" not in as_text(report)
    assert r"The name \x1b[2J\x07 of it." in as_text(report)
    assert as_json(report).isascii()


def test_one_line_for_each_problem() -> None:
    """The form that a preview shows: each resource once."""
    assert grouped((ERROR, WARNING, PROGRAM)) == [
        "orders-dr:",
        "  CB201: It is the same. Take another.",
        "  CB208: The key. Use its own.",
        "the program:",
        "  CB211: There are 6. Have fewer: pulumi destroy  --target x",
    ]
    assert (count_of((ERROR,)), count_of(())) == ("1 problem", "0 problems")
