"""The tests of teams on the real engine: the same files as offline, and what only a deployment shows."""

from __future__ import annotations

import os
import venv
from pathlib import Path

import pytest

import pulumi_cli
from engine_harness import environment
from testing import teams, test_documents

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


def test_a_state_of_another_project(cloudbackup_stack):
    with pytest.raises(AssertionError, match='The state is that of project "program"'):
        cloudbackup_stack(pair, project="other", state="state.json")


def test_functions_are_answered_by_providers_there(cloudbackup_preview):
    cloudbackup_preview(pair, functions={"a:b:c": {}})
"""


EXPLAINED = """
import pulumi
import pytest

from pulumi_cloudbackup import Vault


def program(organization="organization"):
    network = pulumi.StackReference(f"{organization}/network/prod")
    Vault("orders", region_id=network.get_output("region"))


def elsewhere():
    program("acme")


def asking():
    pulumi.Config().require_secret("password")


def test_another_organization(cloudbackup_preview):
    cloudbackup_preview(elsewhere, stack_outputs={"acme/network/prod": {"region": "cn-beijing"}})


@pytest.mark.parametrize(
    ("which", "says"),
    [
        (program, "stack_outputs={'organization/PROJECT/STACK': {...}}"),
        (elsewhere, "knows 'organization' alone"),
        (asking, "Give it with secrets={'program:password': VALUE}."),
        ("project", "No module named 'pulumi'"),
    ],
)
def test_failures(which, says, cloudbackup_preview):
    with pytest.raises(AssertionError) as raised:
        cloudbackup_preview(which, stack="dev")
    assert says in str(raised.value)
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
    assert (ran.code, ran.outcome) == (0, "5 passed, 1 skipped"), ran.output
    assert "functions= is for offline previews: on the real engine providers answer (a:b:c)." in ran.output


def test_the_documented_deployment(tmp_path: Path) -> None:
    shown = "".join(test_documents.blocks(test_documents.TESTING))
    ran = teams.run(
        teams.lay_out(tmp_path / "team", shown), "--cloudbackup-engine=real", "-k", "disaster", env=env(tmp_path)
    )
    assert (ran.code, ran.outcome) == (0, "1 passed, 2 deselected"), ran.output


def test_what_the_engine_does_not_explain(tmp_path: Path) -> None:
    """A test is told what it can do; also why a program with an environment of its own could not even begin."""
    folder = teams.lay_out(tmp_path / "team", EXPLAINED)
    venv.create(folder / "project" / "bare", with_pip=False, symlinks=True)
    (folder / "project" / "Pulumi.yaml").write_text(
        "name: shop\nruntime: {name: python, options: {virtualenv: bare}}\n"
    )
    ran = teams.run(folder, "--cloudbackup-engine=real", "-rs", env=env(tmp_path))
    assert (ran.code, ran.outcome) == (0, "4 passed, 1 skipped"), ran.output
    assert 'knows "organization" alone, and "acme/network/prod" is of the organization "acme".' in ran.output


def test_the_python_of_the_tests_runs_the_program(tmp_path: Path) -> None:
    """Not the one on PATH, which may have nothing installed."""
    poor = tmp_path / "poor"
    poor.mkdir()
    for name in ("python", "python3"):
        (poor / name).write_text("#!/bin/sh\necho 'not this one' >&2\nexit 3\n")
        (poor / name).chmod(0o755)
    variables = env(tmp_path)
    variables["PATH"] = os.pathsep.join((str(poor), variables["PATH"]))
    ran = teams.run(teams.lay_out(tmp_path / "team"), "--cloudbackup-engine=real", "-k", "a_project", env=variables)
    assert (ran.code, ran.outcome) == (0, "1 passed, 8 deselected"), ran.output
