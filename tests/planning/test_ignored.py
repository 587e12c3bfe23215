"""What the user lets the engine ignore stays as it was: for the vault, and for the mirror that is wired to it."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.planning import Action, plan

THERE = {"status": "CREATED", "holds_data": True}


def estate(*ignored: str, mirror: dict[str, Any] | None = None, there: bool = False, **arguments: Any) -> Estate:
    vault = {"name": "orders", "region_id": "cn-hangzhou", **arguments, "options": {"ignore_changes": ignored}}
    copy = {"name": "orders-dr", "source": "orders", "region_id": "cn-shanghai", **(mirror or {})}
    ids = [{"id": "v-1", **THERE}, {"id": "v-2", **THERE}] if there else [{}, {}]
    return Estate.model_validate({"vaults": [vault | ids[0]], "mirrors": [copy | ids[1]]})


@pytest.mark.parametrize(
    ("ignored", "arguments"),
    [
        (("region_id",), {"region_id": "cn-chengdu"}),
        (("*",), {"region_id": "cn-chengdu", "encrypt_type": "KMS", "kms_key_id": "k-1", "vault_name": "other"}),
        (("encrypt_type", "kms_key_id"), {"encrypt_type": "KMS", "kms_key_id": "k-1"}),
        (("vault_name",), {"vault_name": "other"}),
        (("tags.team",), {"tags": {"team": "b"}}),
    ],
)
def test_nothing_changes(ignored: tuple[str, ...], arguments: dict[str, Any]) -> None:
    tags = {"tags": {"team": "a"}} if "tags" in arguments else {}
    made = plan(estate(there=True, **tags), estate(*ignored, **arguments))
    assert made.changes == ()
    assert [problem.code for problem in made.problems if problem.stops] == []


def test_only_what_is_listed_is_ignored() -> None:
    made = plan(estate(there=True), estate("region_id", region_id="cn-chengdu", description="new"))
    (change,) = made.changes
    assert (change.name, change.action, [field.path for field in change.fields]) == (
        "orders",
        Action.UPDATE,
        ["description"],
    )
