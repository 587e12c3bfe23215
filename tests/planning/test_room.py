"""The fix that CB404 offers can be followed, and cures the plan."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.planning import Plan, plan

A, B, C = "cn-shanghai", "cn-beijing", "cn-chengdu"
STAGES = " Or let `cloudbackup up` run the change in safe stages."


def vault(number: int, **more: Any) -> dict[str, Any]:
    return {"name": f"v{number}", "region_id": "cn-hangzhou", **more}


def mirror(number: int, region_id: str, **more: Any) -> dict[str, Any]:
    return {"name": f"m{number}", "source": f"v{number}", "region_id": region_id, **more}


def there(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "id": f"v-{one['name']}", "status": "CREATED", "holds_data": False}


def estates(before: dict[int, str], after: dict[int, Any]) -> tuple[Estate, Estate]:
    """Return estates with mirrors by number: their regions, or whole entries."""
    numbers = sorted({*before, *after})
    new = [one if isinstance(one, dict) else mirror(number, one) for number, one in after.items()]
    current = Estate.model_validate(
        {
            "vaults": [there(vault(n)) for n in numbers],
            "mirrors": [there(mirror(n, region)) for n, region in before.items()],
        }
    )
    return current, Estate.model_validate({"vaults": [vault(n) for n in numbers], "mirrors": new})


def fixes(made: Plan) -> list[str]:
    return [one.fix for one in made.problems if one.code == "CB404"]


def followed(desired: Estate, made: Plan) -> Estate:
    """Return what is declared with the dependencies that the problems ask for."""
    needs: dict[str, list[str]] = {}
    for problem in made.problems:
        for comes, goes in re.findall(r'[Ll]et "([^"]+)" wait for "([^"]+)"', problem.fix):
            needs.setdefault(comes, []).append(goes)
    mirrors = [
        one.model_copy(update={"depends_on": (*one.depends_on, *needs.get(one.name, ()))}) for one in desired.mirrors
    ]
    return desired.model_copy(update={"mirrors": tuple(mirrors)})


def told(*pairs: str) -> str:
    """Return the fix that lets some wait for others: ``m5 m0``."""
    words = [
        f'let "{comes}" wait for "{goes}": opts=pulumi.ResourceOptions(depends_on=[...]), with "{goes}" in the list'
        for comes, goes in (pair.split() for pair in pairs)
    ]
    return f"L{'; '.join(words)[1:]}."


FULL = dict.fromkeys(range(5), A)
CURED: dict[str, tuple[dict[int, str], dict[int, Any], str]] = {
    "one leaves, one is new": (FULL, {**FULL, 0: B, 5: A}, told("m5 m0")),
    "one leaves, one moves in": ({**FULL, 5: B}, {**FULL, 0: B, 5: A}, told("m5 m0")),
    "two leave, two are new": (FULL, {**FULL, 0: B, 1: B, 5: A, 6: A}, told("m5 m0", "m6 m1")),
    "one leaves that waits for the new one": (
        FULL,
        {**FULL, 0: mirror(0, B, depends_on=["m5"]), 1: B, 5: A},
        told("m5 m1"),
    ),
}


@pytest.mark.parametrize("case", CURED)
def test_what_stays_declared_is_waited_for(case: str) -> None:
    before, after, fix = CURED[case]
    current, desired = estates(before, after)
    made = plan(current, desired)
    assert fixes(made) == [f"{fix}{STAGES}"]
    better = plan(current, followed(desired, made))
    assert not [one for one in better.problems if one.stops]
    assert [stage.command for stage in better.stages] == ["pulumi up"]


OTHERWISE: dict[str, tuple[dict[int, str], dict[int, Any], list[str]]] = {
    "one is removed": (FULL, {**dict.fromkeys(range(1, 5), A), 5: A}, ["First run an update that only removes."]),
    "one leaves, one is removed": (
        FULL,
        {0: B, 2: A, 3: A, 4: A, 5: A, 6: A},
        [f"First run an update that only takes mirror vaults out of {A}."],
    ),
    "the one that leaves waits for the new one": (
        FULL,
        {**FULL, 0: mirror(0, B, depends_on=["m5"]), 5: A},
        [f"First run an update that only takes mirror vaults out of {A}."],
    ),
    "more than anybody writes": (
        FULL,
        {**dict.fromkeys(range(4), B), **dict.fromkeys(range(4, 9), A)},
        [f"First run an update that only takes mirror vaults out of {A}."],
    ),
    "two full regions swap": (
        {**FULL, **dict.fromkeys(range(5, 10), B)},
        {**FULL, **dict.fromkeys(range(5, 10), B), 0: B, 5: A},
        [f"First run an update that only takes mirror vaults out of {one}." for one in (B, A)],
    ),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_otherwise_in_two_updates(case: str) -> None:
    before, after, wanted = OTHERWISE[case]
    made = plan(*estates(before, after))
    assert [fix.removesuffix(STAGES) for fix in fixes(made)] == wanted


@pytest.mark.parametrize("seed", range(60))
def test_followed_advice_cures(seed: int) -> None:
    """Whatever moves, comes and goes: where something is to wait, no quota is exceeded once it does."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    before = {n: here for n in range(10) if (here := chance.choice((A, A, B, B, C, "")))}
    after = {n: one for n in range(12) if (one := before.get(n) if chance.random() < 0.6 else chance.choice((A, B, C)))}
    current, desired = estates(before, after)
    sources = [f"v{n}" for n in range(12)]
    if seed % 2:  # some copy another source too: what races for it may wait as well
        names = [one.source for one in desired.mirrors]
        chance.shuffle(names)
        swapped = [
            one.model_copy(update={"source": name if chance.random() < 0.3 else one.source})
            for one, name in zip(desired.mirrors, names, strict=True)
        ]
        if len({one.source for one in swapped} & {*sources}) == len(swapped):
            desired = desired.model_copy(update={"mirrors": tuple(swapped)})
    made = plan(current, desired)
    if any("wait for" in fix for fix in fixes(made)):
        assert not fixes(plan(current, followed(desired, made)))
