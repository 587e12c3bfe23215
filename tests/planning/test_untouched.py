"""What is set apart of two estate files makes no difference to their plan."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from planning.crowds import crowd_of
from pulumi_cloudbackup.estate import Document, EstateError, document_from_json, estate_from_content
from pulumi_cloudbackup.planning import Plan, PlanError, plan
from pulumi_cloudbackup.planning.apart import set_apart
from pulumi_cloudbackup.planning.untouched import NOTHING_UNTOUCHED
from pulumi_cloudbackup.reports.plans import plan_as_json

COUNT = int(os.environ.get("CLOUDBACKUP_CROWDS", "1200"))
BATCHES = 4
MOST_SHOWN = 5


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_plan_is_that_of_the_whole(batch: int) -> None:
    """To the byte, whatever is unusual in the files."""
    complaints = list(islice(complaints_of(range(batch, COUNT, BATCHES)), MOST_SHOWN))
    assert not complaints, "\n".join(complaints)


def complaints_of(seeds: range) -> Iterator[str]:
    for seed in seeds:
        current, desired = crowd_of(seed)
        whole, narrow = outcome_of(current, desired, apart=False), outcome_of(current, desired, apart=True)
        if whole != narrow:
            yield f"crowd {seed}: {whole[:2000]}\nis not\n{narrow[:2000]}"


def outcome_of(current: Document, desired: Document, *, apart: bool) -> str:
    """Return a plan with everything that it says, or why there is none."""
    left, right, untouched = current.content, desired.content, NOTHING_UNTOUCHED
    if apart:
        left, right, untouched = set_apart(current, desired)
    try:
        estates = estate_from_content(left), estate_from_content(right)
    except EstateError:
        return "no estates"
    try:
        made = plan(*estates, untouched=untouched, source_digest="x")
    except PlanError as error:
        return str(error)
    return plan_as_json(made) + json.dumps(sorted(unchanged(made)), indent=1)


def unchanged(made: Plan) -> list[Any]:
    assert len(list(made.unchanged)) == len(made.unchanged)
    return [(one.urn, one.name, one.kind, one.account, str(one.reason), one.old_urn) for one in made.unchanged]


def test_most_is_set_apart() -> None:
    """What nothing binds to a change, though the files say it in other words."""
    apart = [len(set_apart(*crowd_of(seed)).untouched) for seed in range(200)]
    assert sum(apart) > 600


def test_the_usual_ways_of_saying_it() -> None:
    """A current estate as a tool observes it, a desired one as a person writes it."""
    vault = {"name": "orders", "region_id": "cn-hangzhou", "account": "shop"}
    mirror = {"name": "orders-dr", "source": "orders", "region_id": "cn-shanghai"}
    defaults = {"vault_name": "orders", "vault_type": "STANDARD", "encrypt_type": "HBR_PRIVATE", "description": ""}
    more = {"worm_enabled": False, "resource_group_id": "rg", "tags": {}, "kms_key_id": None, "is_trial": False}
    facts = {"id": "v-1", "status": "CREATED", "created_time": 1, "snapshot_count": 3, "holds_data": True}
    others = {"mirror_id": "v-2", "mirror_region_id": "cn-shanghai", "managed_by": "this", "owner": "shop/dev/orders#1"}
    texts = {"vault_name": "[COPY]-orders", "description": "From orders(v-1)", "encrypt_type": "HBR_PRIVATE"}
    copy = {"id": "v-2", "status": "CREATED", "redundancy_type": "LRS", "replication_progress": 100}
    observed = {
        "schema_version": 1,
        "account": "shop",
        "vaults": [{**vault, **defaults, **more, **facts, **others}],
        "mirrors": [{**mirror, **texts, **copy, "worm_enabled": False, "source_status": "CREATED"}],
    }
    declared = {
        "schema_version": 1,
        "vaults": [{**vault, "protect": True}],
        "mirrors": [{"account": "shop", **mirror}],
    }
    files = document_from_json(json.dumps(observed).encode()), document_from_json(json.dumps(declared).encode())
    apart = set_apart(*files)
    assert len(apart.untouched) == 2
    assert outcome_of(*files, apart=True) == outcome_of(*files, apart=False)
    assert estate_from_content(apart.desired).vaults == ()


@pytest.mark.parametrize("half", [r"\ud83d", r"\udE00", r"\ud83d\ud83d", r"\ude00\ud83d"])
def test_half_a_character(half: str) -> None:
    """No estate has one in a name."""
    text = '{"schema_version": 1, "vaults": [{"name": "%s", "region_id": "cn-hangzhou"}]}'
    wrong, fine = (document_from_json((text % one).encode()) for one in (half, r"\ud83d\ude00"))
    assert outcome_of(wrong, wrong, apart=True) == outcome_of(wrong, wrong, apart=False) == "no estates"
    assert len(set_apart(fine, fine).untouched) == 1


@pytest.mark.parametrize(
    "content",
    [
        {"vaults": 3},
        {"vaults": [3]},
        {"vaults": [{"name": 3}]},
        {"vaults": [{"name": "a", "account": []}]},
        {"mirrors": [{"name": ["a"]}]},
        {"account": 3},
        {"live_regions": 3},
        {"vaults": [{"name": "a", "region_id": "cn-hangzhou", "source": "b"}]},
        {"vaults": [{"name": "a", "region_id": {"b": []}, "status": []}]},
        {"mirrors": [{"name": "a", "region_id": "b", "source": {"id": ["c"]}}]},
        {"what": "is this"},
    ],
)
def test_what_is_no_estate(content: dict[str, Any]) -> None:
    """It is left for the one who can say what is wrong with it."""
    file = document_from_json(json.dumps({"schema_version": 1, **content}).encode())
    assert outcome_of(file, file, apart=True) == outcome_of(file, file, apart=False) == "no estates"
