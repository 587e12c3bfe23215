"""Waivers: what can be waived, until when, and what is wrong with a waiver."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cloudbackup.estate import Estate, MirrorVault, Vault
from pulumi_cloudbackup.rules import Problem, Settled, Severity, Waiver, Waivers, judge_estate, parse_waivers, settle

GOOD = {"code": "CB207", "resource": "orders-dr", "reason": "The console offers it.", "expires": "2030-06-30"}


def problems(live_mirror_regions: tuple[str, ...] | None = None) -> tuple[Problem, ...]:
    """A warning (CB207), an error of caution (CB107) and an error of the service (CB201)."""
    return judge_estate(
        Estate(
            vaults=(Vault(name="orders", region_id="cn-heyuan", kms_key_id="alias/a"),),
            mirrors=(MirrorVault(name="orders-dr", source="orders", region_id="cn-heyuan"),),
            live_mirror_regions=live_mirror_regions,
        )
    ).problems


def told(settled: Settled) -> list[str]:
    """Codes with ``W`` for a warning and ``-`` for a waived problem."""
    return [
        f"{problem.code}{'W' if problem.severity is Severity.WARNING else ''}{'-' if problem.waived else ''}"
        for problem in settled.problems
    ]


@pytest.mark.parametrize(
    ("waived", "today", "strict", "expected"),
    [
        pytest.param({}, "2030-01-01", False, ["CB107", "CB201", "CB207W"], id="none"),
        pytest.param({}, "2030-01-01", True, ["CB107", "CB201", "CB207"], id="strict"),
        pytest.param(GOOD, "2030-01-01", False, ["CB107", "CB201", "CB207W-"], id="a warning"),
        pytest.param(GOOD, "2030-01-01", True, ["CB107", "CB201", "CB207W-"], id="a waived warning stays one"),
        pytest.param(GOOD, "2030-06-30", False, ["CB107", "CB201", "CB207W-"], id="on its last day"),
        pytest.param({**GOOD, "expires": "2030-06-30 00:00:00 +0000 UTC"}, "2030-06-30", False, ["CB107", "CB201", "CB207W-"], id="an unquoted day"),
        pytest.param(GOOD, "2030-07-01", False, ["CB107", "CB201", "CB207W"], id="expired"),
        pytest.param(GOOD, "2030-07-01", True, ["CB107", "CB201", "CB207"], id="expired and strict"),
        pytest.param({**GOOD, "resource": "orders"}, "2030-01-01", False, ["CB107", "CB201", "CB207W"], id="another resource"),
        pytest.param({**GOOD, "code": "CB107", "resource": "orders"}, "2030-01-01", False, ["CB107-", "CB201", "CB207W"], id="a rule of caution"),
        # The service itself enforces the rule: the waiver is told and does nothing.
        pytest.param({**GOOD, "code": "CB201"}, "2030-01-01", False, ["CB107", "CB201", "CB207W", "CB111"], id="the service's rule"),
        pytest.param({**GOOD, "code": "CB303"}, "2030-01-01", False, ["CB107", "CB201", "CB207W", "CB111"], id="a loss of data"),
    ],
)  # fmt: skip
def test_settling(waived: dict[str, Any], today: str, strict: bool, expected: list[str]) -> None:
    """Problems, one waiver and a day to what counts."""
    waivers = parse_waivers([waived] if waived else None)
    assert told(settle(problems(), waivers, today, strict=strict)) == expected


def test_what_the_service_denies_is_no_warning_any_more() -> None:
    """CB207 can be waived as a warning; the live list makes it an error, and the waiver is told to be useless."""
    settled = settle(problems(("cn-shanghai",)), parse_waivers([GOOD]), "2030-01-01")
    assert told(settled) == ["CB107", "CB201", "CB207", "CB111"]
    assert "enforced by the service itself" in settled.problems[-1].detail


def test_a_waived_problem_keeps_its_words_and_stops_nothing() -> None:
    """It is shown with the reason of the waiver."""
    (_, _, before) = problems()
    settled = settle((before,), parse_waivers([GOOD]), "2030-01-01", strict=True)
    (after,) = settled.problems
    assert (after.waived, after.detail, after.stops) == ("The console offers it.", before.detail, False)
    assert not settled.stops
    assert settle((before,), Waivers(), "2030-01-01", strict=True).stops


def test_old_and_useless_waivers_are_named() -> None:
    """So that somebody can clean up."""
    written = [GOOD, {**GOOD, "expires": "2020-01-01"}, {**GOOD, "resource": "gone"}]
    settled = settle(problems(), parse_waivers(written), "2030-01-01")
    assert settled.expired == (Waiver(**{**GOOD, "expires": "2020-01-01"}),)
    assert settled.unused == (Waiver(**{**GOOD, "resource": "gone"}),)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        pytest.param("CB207", ["a list of objects"], id="no list"),
        pytest.param(["CB207"], ["it is no object"], id="no object"),
        pytest.param([{}], ["code, resource, reason, expires must be a text"], id="empty"),
        pytest.param([{**GOOD, "reason": " "}], ["reason must be a text"], id="no reason"),
        pytest.param([{**GOOD, "expires": 2030}], ["expires must be a text"], id="a number as a day"),
        pytest.param([{**GOOD, "expires": "2030-02-30"}], ['"2030-02-30" is no day'], id="no such day"),
        pytest.param([{**GOOD, "expires": "soon"}], ['"soon" is no day'], id="no day"),
        pytest.param([{**GOOD, "code": "CB270"}], ['there is no rule "CB270"'], id="no such rule"),
        pytest.param([{**GOOD, "code": "CB202"}], ["CB202 is not a rule of caution"], id="enforced"),
        pytest.param([{**GOOD, "until": "x"}], ["until means nothing"], id="more than is asked for"),
        pytest.param([{**GOOD, "code": "X", "expires": "x"}, GOOD], ['no rule "X"', '"x" is no day'], id="two mistakes"),
        pytest.param([GOOD, None], ["cloudbackup:waivers[1] cannot be used: it is no object"], id="which one"),
    ],
)  # fmt: skip
def test_mistakes(written: Any, says: list[str]) -> None:
    """Each mistake is a problem in words; a waiver with one does not count."""
    parsed = parse_waivers(written)
    assert [problem.code for problem in parsed.problems] == ["CB111"] * len(says)
    for problem, words in zip(parsed.problems, says, strict=True):
        assert words in problem.detail
        assert problem.severity is Severity.ERROR
        assert "\n" not in problem.one_line
    assert all(waiver == Waiver(**GOOD) for waiver in parsed.usable)


@pytest.mark.parametrize("written", [None, [], ()])
def test_no_waivers(written: Any) -> None:
    """Nothing is not a mistake."""
    assert parse_waivers(written) == Waivers()


def test_a_day_is_an_argument() -> None:
    """A caller that passes none has a bug."""
    with pytest.raises(ValueError, match="is no day"):
        settle((), Waivers(), "today")
