"""The tests of teams on the real engine: the same files as offline, and what only a deployment shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pulumi_cli
from engine_harness import environment
from testing import teams

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
DEPLOYING = """
import pulumi
import pytest
from pulumi import automation

from pulumi_cloudbackup import MirrorVault, Vault
from pulumi_cloudbackup.testing import UsageError


def pair(region="cn-hangzhou"):
    orders = Vault("orders", region_id=region)
    MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")
    pulumi.export("id", orders.id)
    pulumi.export("word", pulumi.Output.secret("hush"))


def moved():
    pair("cn-beijing")


def test_a_life(cloudbackup_stack):
    stack = cloudbackup_stack(pair)
    stack.preview().creates("orders", "orders-dr")
    stack.up()
    service = stack.service
    assert stack.outputs == {"id": service.vault("orders")["VaultId"], "word": "hush"}
    service.change("orders", SnapshotCount=3)
    p = stack.change(moved).preview()
    p.problem("CB303", says="3 backup points")
    with pytest.raises(automation.CommandError, match="CB303"):
        stack.up()
    service.lose("orders")
    p = stack.preview()
    p.problem("CB307", "orders-dr")
    assert p.plan.verified_live
    assert not [one for one in service.calls() if one["action"] == "DeleteVault"]


def test_destroyed(cloudbackup_stack):
    stack = cloudbackup_stack("project", stack="dev", config={"count": 1})
    stack.up()
    stack.refresh()
    stack.preview().no_changes()
    stack.destroy()
    assert stack.service.vaults() == []


def test_options(cloudbackup_stack):
    with pytest.raises(UsageError, match="has no option functions"):
        cloudbackup_stack(pair, functions={})


def test_the_emulator(cloudbackup_emulator):
    assert cloudbackup_emulator.vaults() == []
    with pytest.raises(UsageError, match="0 vaults called"):
        cloudbackup_emulator.vault("orders")
    cloudbackup_emulator.fault("CreateVault", "throttle")
    cloudbackup_emulator.advance(60)
    cloudbackup_emulator.reset()
    assert cloudbackup_emulator.calls() == []


def test_functions_are_answered_by_providers_there(cloudbackup_preview):
    cloudbackup_preview(pair, functions={"a:b:c": {}})
"""


def env(tmp_path: Path) -> dict[str, str]:
    found = pulumi_cli.find()
    assert found is not None
    path = os.pathsep.join((str(found.path.parent), os.environ["PATH"]))
    return {**environment(tmp_path / "home", None), "PATH": path}


def test_teams(tmp_path: Path) -> None:
    ran = teams.run(teams.lay_out(tmp_path / "team"), "--cloudbackup-engine=real", env=env(tmp_path))
    assert (ran.code, ran.outcome) == (0, "9 passed"), ran.output


def test_retail_dr(tmp_path: Path) -> None:
    ran = teams.run(ROOT / "stacks/retail-dr/tests", "--cloudbackup-engine=real", env=env(tmp_path))
    assert (ran.code, ran.outcome) == (0, "10 passed"), ran.output


def test_deployments(tmp_path: Path) -> None:
    folder = teams.lay_out(tmp_path / "team", DEPLOYING)
    ran = teams.run(folder, "--cloudbackup-engine=real", "-rs", env=env(tmp_path))
    assert (ran.code, ran.outcome) == (0, "4 passed, 1 skipped"), ran.output
    assert "functions= is for offline previews: on the real engine providers answer (a:b:c)." in ran.output
