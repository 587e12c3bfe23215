"""Very many mirrors that exchange their sources in one circle: bounded runs, bounded time, few bare sources at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.planning import plan
from pulumi_cloudbackup.planning.circles import components

LIMITS = {"vaults": 100_000, "mirrors_per_region": 100_000}


def rotation(count: int, by: int, *, there: bool) -> Estate:
    def entry(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, **more, **({"id": f"id-{name}", "status": "CREATED"} if there else {})}

    return Estate.model_validate(
        {
            "limits": LIMITS,
            "vaults": [entry(f"v{n}", region_id="cn-hangzhou") for n in range(count)],
            "mirrors": [entry(f"m{n}", source=f"v{(n + by) % count}", region_id="cn-shanghai") for n in range(count)],
        }
    )


@pytest.mark.parametrize(
    ("count", "most_runs", "most_bare"), [(14, 15, 1), (150, 151, 1), (400, 200, 4), (1500, 100, 40)]
)
def test_a_rotation(count: int, most_runs: int, most_bare: int) -> None:
    made = plan(rotation(count, 0, there=True), rotation(count, 1, there=False))
    assert 1 < len(made.stages) <= most_runs
    assert max(len(stage.bare_sources) for stage in made.stages) <= most_bare
    steps = [step for stage in made.stages for step in stage.steps]
    assert len(steps) == len(set(steps)) == 2 * count


def test_the_fewest_runs() -> None:
    """Two, however many there are, at the price of as many bare sources."""
    made = plan(rotation(500, 0, there=True), rotation(500, 1, there=False), strategy="fewest")
    assert len(made.stages) == 2


NUMBERS = st.integers(0, 7)


@given(st.dictionaries(NUMBERS, st.lists(NUMBERS, max_size=3), max_size=8))
def test_components(graph: dict[int, list[int]]) -> None:
    """Two nodes have one number where each leads to the other; whatever a node leads to has no higher one."""
    reached = {node: {node} for node in {*graph, *(one for many in graph.values() for one in many)}}
    for _ in reached:
        for node, found in reached.items():
            found.update(*(reached[one] for one in graph.get(node, ())))
    numbers = components(graph)
    for a in reached.keys() & numbers.keys():
        for b in reached[a] & numbers.keys():
            assert numbers[b] <= numbers[a]
            assert (numbers[a] == numbers[b]) == (a in reached[b])
    assert numbers.keys() == reached.keys() if graph else not numbers
