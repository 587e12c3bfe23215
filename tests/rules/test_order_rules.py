"""What an update breaks on its way (CB308, CB401 to CB407): a table of estates and what is wanted of them, and the texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_cloudbackup.estate import UNKNOWN, estate_from_json
from pulumi_cloudbackup.estate.moment import unix_seconds
from pulumi_cloudbackup.planning import plan
from pulumi_cloudbackup.rules import BOOK, Severity, judge
from pulumi_cloudbackup.rules.deletion_rules import Protected
from pulumi_cloudbackup.rules.order_rules import (
    ORDER_CODES,
    Bareness,
    LockedFirst,
    PeakUse,
    Race,
    Rootless,
    Succession,
    Unordered,
)

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "plans.json").read_text())
TEXTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "order_texts.json").read_text())
FACTS: dict[str, Callable[..., object]] = {
    "CB308": Protected,
    "CB401": Succession,
    "CB402": Race,
    "CB403": Unordered,
    "CB404": PeakUse,
    "CB405": Bareness,
    "CB406": LockedFirst,
    "CB407": Rootless,
}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Two estates to codes; a warning's code ends in ``W``, one that is not yet known in ``?``."""
    current, desired = (estate_from_json(json.dumps(case[side])) for side in ("current", "desired"))
    made = plan(current, desired, now=unix_seconds(current.as_of) if current.as_of is not None else None)
    codes = [f"{one.code}{'W' if one.severity is Severity.WARNING else ''}" for one in made.problems]
    codes += [f"{one.code}?" for one in made.not_yet_known]
    assert sorted(codes) == case["codes"]


def test_the_table_knows_every_rule_that_a_plan_decides() -> None:
    """Each is broken at least once, and many estates break none."""
    broken = {code.rstrip("W") for case in CASES for code in case["codes"]}
    assert {code for code in BOOK if code >= "CB302"} - broken == {"CB306"}  # no estate says what policies write to
    assert sum(case["codes"] == [] for case in CASES) >= 15


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in TEXTS])
def test_texts(case: dict[str, Any]) -> None:
    """Facts to subjects, argument, detail and fix; without a detail the rule holds, or waits for a value."""
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in case["facts"].items()}
    given |= {name: UNKNOWN for name, value in given.items() if value == {"$unknown": True}}
    verdict = judge((case["code"],), "x", FACTS[case["code"]](**given))
    told = [(list(one.subjects), one.argument, one.detail, one.fix) for one in verdict.problems]
    assert told == ([(case["subjects"], case["argument"], case["detail"], case["fix"])] if "detail" in case else [])
    assert [argument for _, argument in verdict.not_yet_known] == [case[key] for key in case if key == "not_yet_known"]


def test_every_rule_has_a_text() -> None:
    """Those that hold are not enough."""
    assert {case["code"] for case in TEXTS if "detail" in case} == FACTS.keys()


def test_what_only_an_order_breaks() -> None:
    """All rules of order are errors but the one that only tells; none of the errors can be waived."""
    by_code = {code: one for code, one in BOOK.items() if code.startswith("CB4")}
    assert by_code.keys() - {"CB405"} == ORDER_CODES
    assert {code for code, one in by_code.items() if one.can_be_waived} == {"CB405"}
