"""Which steps a witness names."""

from __future__ import annotations

import pytest

from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.planning import plan
from pulumi_cloudbackup.planning.witnessing import MOST_STEPS

ORDERS = Vault(name="orders", region_id="cn-hangzhou", id="v-1", status="CREATED", holds_data=False)
COPY = MirrorVault(
    name="copy",
    source=ExistingSource(id="v-1", region_id="cn-hangzhou"),
    region_id="cn-shanghai",
    id="v-2",
    status="CREATED",
)


@pytest.mark.parametrize(("beside", "named"), [(3, 4), (MOST_STEPS, 1)])
def test_a_witness_is_the_beginning_of_an_order(beside: int, named: int) -> None:
    """What is deleted comes after everything else; of a large plan only the resources concerned are named."""
    others = tuple(Vault(name=f"v{number:03}", region_id="cn-hangzhou") for number in range(beside))
    made = plan(Estate(vaults=(ORDERS,), mirrors=(COPY,)), Estate(vaults=others, limits={"vaults": 1_000}))
    (problem,) = made.problems
    assert problem.code == "CB403"
    assert problem.witness[-1] == "delete orders"
    assert len(problem.witness) == named


def test_the_witness_of_a_peak_stops_where_the_quota_is_exceeded() -> None:
    """Later steps do not matter."""
    news = tuple(Vault(name=f"v{number}", region_id="cn-hangzhou") for number in range(3))
    olds = tuple(ORDERS.model_copy(update={"name": f"o{number}", "id": f"v-{number}"}) for number in range(3))
    made = plan(Estate(vaults=olds), Estate(vaults=news, limits={"vaults": 4}))
    assert [(one.code, one.witness) for one in made.problems] == [("CB404", ("create v0", "create v1"))]
