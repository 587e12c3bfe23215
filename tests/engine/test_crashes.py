"""Killed at the worst moment: the next run converges, nothing is orphaned, nothing is created twice."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from engine_harness import Project, Service

PAIR = """
orders = Vault("orders", region_id="cn-hangzhou")
MirrorVault("orders-dr", source=orders, region_id="cn-shanghai", vault_name="orders-dr")
"""


def provider_hosts(project: Project) -> list[int]:
    """Return the provider hosts that run in a project's folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            folder = (process / "cwd").readlink()
        except OSError:
            continue
        if b"pulumi.dynamic" in command and folder == project.folder and b"python" in command[0]:
            found.append(int(process.name))
    return found


def kill(cli: subprocess.Popen[str], project: Project) -> None:
    """Kill the CLI as the out-of-memory killer does, and see its provider host follow by itself."""
    assert provider_hosts(project)
    cli.kill()
    cli.wait()
    end = time.monotonic() + 20
    while provider_hosts(project):
        assert time.monotonic() < end, "the provider host outlived its CLI"
        time.sleep(0.1)


def goes_on(project: Project) -> list[str]:
    """Do what the CLI tells its user to do after a crash."""
    project.run("cancel", "--yes")
    return project.up().ok().calls


def test_killed_before_the_call(project: Project, service: Service) -> None:
    """The orphaned host makes no call any more; the next run creates each vault once."""
    project.program(PAIR).config("cloudbackup:preflight", "off")
    service.fault(action="DescribeVaults", fault="slow", seconds=4.0, times=1)
    before = service.last()
    cli = project.start("up", "--yes", "--skip-preview")
    service.wait_for_fault()
    kill(cli, project)
    time.sleep(4.0)
    assert service.mutations(before) == []
    service.reset_faults()
    assert goes_on(project) == ["CreateVault orders", "CreateReplicationVault orders-dr"]


def test_killed_after_the_call(project: Project, service: Service) -> None:
    """The vault exists, no state knows it: the next run finds it by its owner and takes it up."""
    project.program(PAIR).config("cloudbackup:preflight", "off")
    service.fault(action="CreateVault", fault="slow", seconds=2.0, times=1)
    before = service.last()
    cli = project.start("up", "--yes", "--skip-preview")
    service.wait_for_fault()
    kill(cli, project)
    service.wait_for("CreateVault", before)
    assert len(service.vaults()) == 1
    assert goes_on(project) == ["CreateReplicationVault orders-dr"]
    assert len(service.vaults()) == 2
    assert project.destroy().ok().calls == ["DeleteVault orders-dr", "DeleteVault orders"]


def test_killed_between_delete_and_create_of_a_replacement(project: Project, service: Service) -> None:
    """The old mirror is gone, the new one is not there: the next run only creates."""
    project.program(PAIR).up().ok()
    project.program(PAIR.replace("cn-shanghai", "cn-beijing"))
    service.fault(action="CreateReplicationVault", fault="slow", seconds=3.0, times=1)
    before = service.last()
    cli = project.start("up", "--yes", "--skip-preview")
    service.wait_for("DeleteVault", before)
    time.sleep(1.0)
    kill(cli, project)
    time.sleep(3.0)
    service.reset_faults()
    calls = goes_on(project)
    assert calls in ([], ["CreateReplicationVault orders-dr"]), calls
    assert service.by_name("orders-dr")["VaultRegionId"] == "cn-beijing"
    assert len(service.vaults()) == 2


def test_provider_host_killed(project: Project, service: Service) -> None:
    """The engine says so, keeps no pending operation, and the next run takes the vault up."""
    project.program(PAIR).config("cloudbackup:preflight", "off")
    service.fault(action="CreateVault", fault="slow", seconds=1.5, times=1)
    before = service.last()
    cli = project.start("up", "--yes", "--skip-preview")
    service.wait_for_fault()
    for pid in provider_hosts(project):
        os.kill(pid, signal.SIGKILL)
    assert cli.wait(timeout=60) != 0
    service.wait_for("CreateVault", before)
    project.up().ok()
    assert len(service.vaults()) == 2


def test_a_replacement_of_the_source_that_failed_half_way_goes_on(project: Project, service: Service) -> None:
    """Mirror and source are deleted, the new source is refused: the next run creates both, and asks for nothing."""
    project.program(PAIR).up().ok()
    project.program(PAIR.replace('cn-hangzhou")', 'cn-hangzhou", vault_type="OTS_BACKUP")'))
    service.fault(action="CreateVault", fault="success_false", times=1, code="VaultQuotaExceeded", message="no room")
    failed = project.up().failed()
    assert "VaultQuotaExceeded" in failed.output
    assert failed.calls == ["DeleteVault orders-dr", "DeleteVault orders", "CreateVault orders [VaultQuotaExceeded]"]
    project.preview().ok()
    assert project.up().ok().calls == ["CreateVault orders", "CreateReplicationVault orders-dr"]
    assert project.up().ok().calls == []
