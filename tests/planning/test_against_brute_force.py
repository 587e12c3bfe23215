"""The planner against the judge: thousands of generated pairs of estates, every order of their steps tried.

``CLOUDBACKUP_PLANNING_CASES`` sets how many cases each check gets (a costly one gets a part of them).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice

import pytest

from planning import checking
from planning.brute_force import TooMany
from planning.checking import Check
from planning.generating import case_of

COUNT = int(os.environ.get("CLOUDBACKUP_PLANNING_CASES", "1600"))
BATCHES = 4
COSTLY: dict[Check, int] = {checking.interruptions: 8, checking.other_runs: 4, checking.fewest: 2, checking.optimal: 2}
"""By what the number of cases is divided."""
MOST_SHOWN = 12


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("check", checking.CHECKS, ids=lambda check: check.__name__)
def test_planner_against_brute_force(check: Check, batch: int) -> None:
    """No case gives cause for complaint; what each check asks is told by its docstring."""
    count = COUNT // COSTLY.get(check, 1)
    complaints = list(islice(complaints_of(check, range(batch, count, BATCHES)), MOST_SHOWN))
    assert not complaints, "\n".join([check.__doc__ or "", *complaints])


def complaints_of(check: Check, seeds: range) -> Iterator[str]:
    for seed in seeds:
        case = case_of(seed)
        try:
            yield from (f"case {seed} ({', '.join(case.edits)}): {why}" for why in check(case))
        except TooMany:
            continue
