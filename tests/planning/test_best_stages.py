"""Stages are as good as they can be found to be, and are told to be optimal only where that is proven.

``checking.optimal`` compares with every pair of runs; here are single changes, each once planned worse than it can be.
"""

from __future__ import annotations

from typing import Any

import pytest

from planning.checking import Strategy, planned
from planning.generating import case_of
from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.planning import Plan, plan


def vault(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "region_id": "cn-hangzhou", **more}


def mirror(name: str, source: str) -> dict[str, Any]:
    return {"name": name, "source": source, "region_id": "cn-shanghai"}


def estate(*vaults: dict[str, Any], mirrors: list[dict[str, Any]], there: bool = False) -> Estate:
    def told(one: dict[str, Any]) -> dict[str, Any]:
        return {**one, "id": f"v-{one['name']}", "status": "CREATED", "bytes_stored": 0} if there else one

    return Estate.model_validate({"vaults": [*map(told, vaults)], "mirrors": [*map(told, mirrors)]})


A, B, C = map(vault, "abc")


def cost(one: Plan) -> tuple[int, int]:
    """Return the most sources that are bare at a time, and the number of stages."""
    return max(len(stage.bare_sources) for stage in one.stages), len(one.stages)


def test_a_chain_whose_end_is_locked() -> None:
    """The mirror that moves away from what is locked is deleted early and made anew late: a held creation saves a run."""
    current = estate(A, B, C, mirrors=[mirror("m1", "a"), mirror("m2", "b")], there=True)
    desired = estate({**A, "worm_enabled": True}, B, C, mirrors=[mirror("m1", "b"), mirror("m2", "c")])
    made = plan(current, desired)
    assert cost(made) == (1, 2)
    assert made.stages_optimal


@pytest.mark.parametrize("others", [0, 1000])
def test_a_new_pair_at_the_quota(others: int) -> None:
    """The new vault waits for its mirror, in a large estate too: without it, it would be a bare source for a run."""
    sources, unchanged = [vault(f"x{n}") for n in range(5)], [vault(f"z{n}") for n in range(others)]
    mirrors = [mirror(f"k{n}", f"x{n}") for n in range(5)]
    current = estate(*sources, *unchanged, mirrors=mirrors, there=True).model_copy(update={"limits": {"vaults": 2000}})
    made = plan(current, estate(*sources, vault("n"), *unchanged, mirrors=[*mirrors[1:], mirror("n-dr", "n")]))
    assert cost(made) == (0, 2)
    assert made.stages_optimal


@pytest.mark.parametrize(
    ("seed", "best"),
    [
        *((seed, (1, 2)) for seed in (322, 947, 1133, 1204, 1224, 1292, 1578, 1674, 2209, 2462)),
        *((seed, (0, 2)) for seed in (274, 535, 891, 2002)),
        (1681, (2, 2)),
    ],
)
def test_generated_changes(seed: int, best: tuple[int, int]) -> None:
    assert cost(planned(case_of(seed)).plan) == best


@pytest.mark.parametrize("seed", [359, 655, 1135, 1487, 1934, 2017])
def test_what_three_runs_do_better(seed: int) -> None:
    """Three runs leave fewer sources bare, or are enough: they are not searched, and nothing is claimed."""
    assert not planned(case_of(seed)).plan.stages_optimal


@pytest.mark.parametrize("strategy", ["exposure", "fewest"])
@pytest.mark.parametrize("count", [2, 3, 14, 40])
def test_rotations(count: int, strategy: Strategy) -> None:
    """That one source is bare at a time takes a run for each and one more, however many there are; all at once, two."""
    vaults, limits = [vault(f"v{n}") for n in range(count)], {"limits": {"mirrors_per_region": 100}}
    before = [mirror(f"m{n}", f"v{n}") for n in range(count)]
    after = [mirror(f"m{n}", f"v{(n + 1) % count}") for n in range(count)]
    current = estate(*vaults, mirrors=before, there=True).model_copy(update=limits)
    made = plan(current, estate(*vaults, mirrors=after), strategy=strategy)
    assert cost(made) == ((1, count + 1) if strategy == "exposure" else (count, 2))
    assert made.stages_optimal
    assert all(one.lower_bound and "until a later run creates it" in one.reason for one in made.exposure)


def test_changes_that_are_not_linked_share_their_runs() -> None:
    """Two mirrors that are replaced by others leave their sources bare together: another one's change takes no run."""
    current = estate(A, B, mirrors=[mirror("m1", "a"), mirror("m2", "b")], there=True)
    made = plan(current, estate(A, B, mirrors=[mirror("n1", "a"), mirror("n2", "b")]))
    assert cost(made) == (2, 2)
    assert made.stages_optimal
    assert {
        problem.detail.count("for at least 1 h 30 min") for problem in made.problems if problem.code == "CB405"
    } == {1}
