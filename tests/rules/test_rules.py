from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pulumi_cloudbackup.estate import MirrorVault, Source, Vault
from pulumi_cloudbackup.rules import BOOK, MirrorLoss, Severity, SourceLoss, judge, judge_mirror, judge_vault
from pulumi_cloudbackup.rules.book import rule
from pulumi_cloudbackup.rules.option_rules import judge_mirror_options, judge_source_options

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases.json").read_text())
UNKNOWN = {"$unknown": True}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Input to codes; a warning's code ends in ``W``, one that is not yet known in ``?``."""
    if "vault" in case:
        verdict = judge_vault(Vault.model_validate({"name": "orders", "region_id": "cn-hangzhou", **case["vault"]}))
    else:
        mirror = MirrorVault.model_validate(
            {"name": "orders-dr", "region_id": "cn-shanghai", "source": "orders", **case["mirror"]}
        )
        source = Vault.model_validate({"name": "orders", "region_id": "cn-hangzhou", **case.get("source", {})})
        verdict = judge_mirror(mirror, Source.of_vault(source))
    codes = [f"{p.code}{'W' if p.severity is Severity.WARNING else ''}" for p in verdict.problems]
    codes += [f"{code}?" for code, _ in verdict.not_yet_known]
    assert sorted(codes) == sorted(case["codes"])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in CASES if case["codes"]])
def test_problems_are_told_in_words(case: dict[str, Any]) -> None:
    """Every problem has a summary without names, a detail with a name, and something to do."""
    if "vault" not in case:
        return
    vault = Vault.model_validate({"name": "orders", "region_id": "cn-hangzhou", **case["vault"]})
    for problem in judge_vault(vault).problems:
        assert "orders" not in problem.summary
        assert "orders" in problem.detail
        assert problem.fix.endswith(".")
        assert "\n" not in problem.one_line


def test_a_live_list_makes_an_unknown_region_an_error() -> None:
    """Offline a warning, live an error with the nearest names."""
    vault = Vault(name="orders", region_id="cn-hangzo")
    (offline,) = judge_vault(vault).problems
    (live,) = judge_vault(vault, ("cn-hangzhou", "cn-shanghai")).problems
    assert (offline.code, offline.severity) == ("CB103", Severity.WARNING)
    assert (live.code, live.severity) == ("CB103", Severity.ERROR)
    assert "Did you mean cn-hangzhou" in live.fix


def test_a_code_is_registered_once() -> None:
    """A second rule of a taken code stops the import."""
    with pytest.raises(ValueError, match="CB101 is registered twice"):
        rule("CB101", "again")(lambda: iter(()))


def test_every_rule_has_a_docstring_and_a_fixed_summary() -> None:
    """The book explains itself."""
    for code, one in BOOK.items():
        assert code == one.code
        assert one.judge.__doc__
        assert one.summary[0].isupper()
        assert not one.summary.endswith(".")


@pytest.mark.parametrize(
    ("holds_data", "consent", "codes"),
    [(True, False, ["CB303"]), (True, True, []), (False, False, []), (None, False, ["CB303"]), (None, True, [])],
)
def test_destroying_data_needs_consent_in_state(holds_data: bool | None, consent: bool, codes: list[str]) -> None:
    """ "Cannot tell" is not "holds none"."""
    loss = SourceLoss("orders", "v-1", holds_data, 3, consent)
    assert [problem.code for problem in judge(("CB303",), "orders", loss).problems] == codes


@pytest.mark.parametrize(
    ("status", "consent", "codes"),
    [
        ("CREATED", None, []),
        ("GONE", None, ["CB307"]),
        ("ERROR", None, ["CB307"]),
        (None, None, ["CB307"]),
        ("GONE", "v-2", []),
        ("GONE", "v-1", ["CB307"]),
        (None, "v-2", []),
    ],
)
def test_the_last_copy_is_kept(status: str | None, consent: str | None, codes: list[str]) -> None:
    """Only the mirror's own id consents."""
    loss = MirrorLoss("orders-dr", "v-2", "v-1", "cn-hangzhou", status, consent)
    assert [problem.code for problem in judge(("CB307",), "orders-dr", loss).problems] == codes


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"delete_before_replace": False}, "delete_before_replace"),
        ({"retain_on_delete": True}, "retain_on_delete"),
        ({"deleted_with": object()}, "deleted_with"),
        ({"ignore_changes": ["source_vault_id"]}, "ignore_changes"),
    ],
)
def test_options_that_break_the_order_of_a_mirror(options: dict[str, Any], argument: str) -> None:
    """CB301 names the option."""
    (problem,) = judge_mirror_options("orders-dr", options)
    assert (problem.code, problem.argument) == ("CB301", argument)
    assert judge_mirror_options("orders-dr", {"delete_before_replace": True, "ignore_changes": ["description"]}) == ()


def test_a_source_is_not_replaced_with_another_resource() -> None:
    """CB301: the engine would delete it before its mirror."""
    (problem,) = judge_source_options("orders", {"replace_with": [object()]}, "orders-dr")
    assert (problem.code, problem.argument, problem.subjects) == ("CB301", "replace_with", ("orders",))
    assert judge_source_options("orders", {"retain_on_delete": True, "deleted_with": object()}, "orders-dr") == ()


def test_worm_is_a_one_way_switch() -> None:
    """Off after on is CB109; on after off, and on after on, are fine."""
    off, on = Vault(name="a", region_id="r"), Vault(name="a", region_id="r", worm_enabled=True)
    verdicts = [
        judge(("CB109",), "a", before, after).problems for before, after in ((True, off), (True, on), (False, on))
    ]
    assert [[problem.code for problem in problems] for problems in verdicts] == [["CB109"], [], []]
