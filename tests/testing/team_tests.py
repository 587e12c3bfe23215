"""What a team writes: run by the tests, offline and on the real engine, as a file of its own beside a project."""
# mypy: ignore-errors

import json
import threading
from pathlib import Path

import pulumi
import pytest

from pulumi_cloudbackup import MirrorVault, Vault
from pulumi_cloudbackup.policies import (
    Violation,
    every_vault_is_mirrored,
    exposure_is_at_most,
    kms_is_used,
    mirrors_are_in_another_jurisdiction,
    policy,
)

REGION = "cn-shanghai"
LOCK = threading.Lock()
STATE = Path(__file__).parent / "state.json"


def pair(opts=None):
    orders = Vault("orders", region_id="cn-hangzhou", tags={"env": pulumi.Config().get("env") or "none"})
    MirrorVault("orders-dr", source=orders, region_id=REGION, opts=opts)
    pulumi.export("id", orders.id)
    pulumi.export("region", orders.region_id)
    pulumi.export("hidden", pulumi.Config().get_secret("password"))


def renamed():
    orders = Vault("orders", region_id="cn-hangzhou", tags={"env": "none"})
    MirrorVault("orders-copy", source=orders, region_id=REGION)


def elsewhere():
    orders = Vault("orders", region_id="cn-beijing", tags={"env": "none"})
    MirrorVault("orders-dr", source=orders, region_id=REGION)


def vault_alone():
    Vault("orders", region_id="cn-hangzhou", tags={"env": "none"})


class Site(pulumi.ComponentResource):
    vault: "Vault"  # as `from __future__ import annotations` leaves it
    regions: "list[pulumi.Output[str]]"

    def __init__(self, name):
        super().__init__("shop:index:Site", name)
        below = pulumi.ResourceOptions(parent=self)
        self.vault = Vault(f"{name}-orders", region_id="cn-hangzhou", tags={"env": "none"}, opts=below)
        MirrorVault(f"{name}-orders-dr", source=self.vault, region_id=REGION, opts=below)
        self.regions = [self.vault.region_id]


def component():
    Site("north")


def classes_inside():
    class Settings:
        region = REGION
        try:
            lock = LOCK  # which no other process can have
        except NameError:
            lock = None

    class Place(pulumi.ComponentResource):
        vault_id: pulumi.Output[str]

        def __init__(self, name, opts: pulumi.ResourceOptions | None = None):
            super().__init__("shop:index:Place", name, {}, opts)
            below = pulumi.ResourceOptions(parent=self)
            self.vault_id = Vault(f"{name}-orders", region_id=Settings.region, opts=below).id

    Place("south")


@policy
def names_are_short(proposal):
    """Names are short."""
    for one in proposal.declared:
        if len(one.name) > 8:
            yield Violation(one.name, f'"{one.name}" is long.')


@pytest.fixture(scope="module")
def created(cloudbackup_preview):
    return cloudbackup_preview(pair, config={"env": "prod"}, secrets={"password": "hush"})


def test_what_is_created(created):
    created.no_problems(allow_warnings=True).creates("orders", "orders-dr").nothing_else().stages(1).no_data_loss()
    created.order("create orders", "create orders-dr")
    assert created.vault("orders").tags == {"env": "prod"}
    assert created.mirror("orders-dr").region_id == "cn-shanghai"
    assert created.output("region") == "cn-hangzhou"
    assert [type(created.output(name)).__name__ for name in ("id", "hidden")] == ["Unknown", "Unknown"]
    assert "hush" not in created.text + created.json + created.markdown


def test_policies(created):
    created.complies(every_vault_is_mirrored(), [names_are_short.advisory(), exposure_is_at_most(0)])
    created.breaks(names_are_short, "orders-dr", says="is long").breaks(kms_is_used(), "orders", "orders-dr")
    verdict = created.judged(kms_is_used(), mirrors_are_in_another_jurisdiction(), names_are_short)
    assert [one.code for one in verdict.problems] == [
        "kms-is-used",
        "kms-is-used",
        "mirrors-are-in-another-jurisdiction",
        "names-are-short",
    ]


def test_nothing_changes(cloudbackup_preview):
    cloudbackup_preview(pair, state=STATE).no_changes().no_problems(allow_warnings=True).stages(1)


def test_a_component_of_this_file(cloudbackup_preview):
    cloudbackup_preview(component).creates("north-orders", "north-orders-dr").nothing_else()


def test_classes_inside_of_the_program(cloudbackup_preview):
    assert cloudbackup_preview(classes_inside).creates("south-orders").vault("south-orders").region_id == REGION


def test_a_rename_takes_two_runs(cloudbackup_preview):
    p = cloudbackup_preview(renamed, state=str(STATE))
    p.problem("CB401", "orders-copy", says="aliases=").creates("orders-copy").deletes(
        "orders-dr"
    ).nothing_else().stages(2)
    p.problem("CB405")


def test_a_move(cloudbackup_preview):
    p = cloudbackup_preview(elsewhere, state=json.loads(STATE.read_text()))
    p.replaces("orders", "orders-dr").order("delete orders-dr", "delete orders", "create orders", "create orders-dr")
    with pytest.raises(AssertionError, match="may hold backup data"):
        p.no_data_loss()


def test_a_project(cloudbackup_preview):
    cloudbackup_preview("project", stack="dev", config={"count": 2}).creates("v0", "v1").nothing_else()
    cloudbackup_preview("project", stack="dev").creates("v0", "v1", "v2").nothing_else()


def test_another_stack(cloudbackup_preview):
    def program():
        network = pulumi.StackReference("organization/network/prod")
        Vault("orders", region_id=network.get_output("region"))

    p = cloudbackup_preview(program, stack_outputs={"organization/network/prod": {"region": "cn-beijing"}})
    assert p.vault("orders").region_id == "cn-beijing"
