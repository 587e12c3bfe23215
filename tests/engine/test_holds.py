"""Held creates on the real engine: what `pulumi up` cannot do in one run is done in several, each of them safe.

The service would refuse a second mirror of a source, and would have seen every id that is none: its record tells both.
"""

from __future__ import annotations

from typing import Any

from engine_harness import Project, Run, Service
from pulumi_cloudbackup.estate.owner import owner_of
from pulumi_cloudbackup.resources.holding import HOLD_VARIABLE, joined

TWO = """
a = Vault("a", region_id="cn-hangzhou")
b = Vault("b", region_id="cn-beijing")
m1 = MirrorVault("m1", source={0}, region_id="cn-shanghai", vault_name="{2}")
m2 = MirrorVault("m2", source={1}, region_id="cn-shanghai", vault_name="m2")
index = Vault("index", region_id="cn-hangzhou", description=m1.id, opts=pulumi.ResourceOptions(depends_on=[m1, m2]))
pulumi.export("created", m1.created_time.apply(lambda seconds: seconds + 90 * 60))
"""
PAIR = """
orders = Vault("orders", region_id="cn-hangzhou", vault_type="{kind}")
dr = MirrorVault("{name}", source=orders, region_id="cn-shanghai", vault_name="dr")
index = Vault("index", region_id="cn-hangzhou", description=dr.id, opts=pulumi.ResourceOptions(depends_on=[dr]))
"""


def owner(project: Project, kind: str, name: str) -> str:
    return owner_of(
        organization="organization",
        owner_id="",
        project=project.name,
        stack=project.stack,
        parent_types="",
        resource_type=f"pulumi-python:dynamic/cloudbackup:{kind}",
        name=name,
    )


def hold(project: Project, *mirrors: str, vaults: tuple[str, ...] = ()) -> Project:
    """Have the next runs hold these; none: a plain run."""
    owners = [owner(project, "MirrorVault", name) for name in mirrors]
    owners += [owner(project, "Vault", name) for name in vaults]
    project.env.pop(HOLD_VARIABLE, None)
    if owners:
        project.env[HOLD_VARIABLE] = joined(owners)
    return project


def two(project: Project, first: str, second: str, name: str = "m1") -> Project:
    """Two vaults and their mirrors; a third vault tells the id of the first mirror."""
    return project.program(TWO.format(first, second, name))


def swapped(project: Project) -> Project:
    """Two mirrors that exchange their sources: the change is declared, not made."""
    two(project, "a", "b").up().ok()
    return two(project, "b", "a")


def of_mirrors(run: Run) -> list[str]:
    """The calls but those for what depends on the mirrors."""
    return [call for call in run.calls if call != "UpdateVault index"]


def statuses(project: Project) -> dict[str, Any]:
    state = project.state()
    return {name: state[name]["outputs"]["status"] for name in ("m1", "m2")}


def finished(project: Project, service: Service) -> None:
    """Each mirror copies the other source by now, nothing more is to be done, and no placeholder got anywhere."""
    project.preview("--expect-no-changes").ok()
    sources = {
        mirror: service.vaults()[service.by_name(mirror)["ReplicationSourceVaultId"]]["VaultName"]
        for mirror in ("m1", "m2")
    }
    assert sources == {"m1": "b", "m2": "a"}
    assert service.by_name("index")["Description"].startswith(service.by_name("m1")["VaultId"])
    refused = [call for call in service.calls() if str(call["code"]) != "200"]
    named = [
        call
        for call in service.calls()
        if any(key.endswith("VaultId") and "parked" in str(value) for key, value in call["parameters"].items())
    ]
    assert (refused, named) == ([], [])


def test_a_swap_in_two_runs(project: Project, service: Service) -> None:
    """Both mirrors go, both come; what waits may be changed, refreshed and run again, and costs no call."""
    hold(swapped(project), "m1", "m2")
    held = project.up().ok()
    assert sorted(of_mirrors(held)) == ["DeleteVault m1", "DeleteVault m2"]
    assert '"m1" is parked: its create is held for a later stage' in held.output
    assert statuses(project) == {"m1": "PARKED", "m2": "PARKED"}
    assert project.state()["m1"]["id"].startswith("parked-")
    project.preview("--expect-no-changes").ok()

    two(project, "b", "a", name="m1-renamed")
    renamed = project.up("--refresh").ok()
    assert renamed.calls == []
    outputs = project.state()["m1"]["outputs"]
    assert (outputs["vault_name"], outputs["status"], outputs["vault_id"]) == ("m1-renamed", "PARKED", "")

    hold(two(project, "b", "a"))
    assert "deletes nothing" in project.preview().ok().output
    assert sorted(of_mirrors(project.up("--refresh").ok())) == [
        "CreateReplicationVault m1",
        "CreateReplicationVault m2",
    ]
    finished(project, service)


def test_a_swap_in_three_runs(project: Project, service: Service) -> None:
    """One mirror at a time: the other source keeps its mirror until its own turn."""
    hold(swapped(project), "m1")
    first = project.up("--exclude", project.urn("MirrorVault", "m2")).ok()
    assert of_mirrors(first) == ["DeleteVault m1"]
    assert statuses(project) == {"m1": "PARKED", "m2": "CREATED"}
    assert of_mirrors(project.up().ok()) == ["DeleteVault m2", "CreateReplicationVault m2"]
    assert of_mirrors(hold(project).up().ok()) == ["CreateReplicationVault m1"]
    finished(project, service)


def test_a_swap_that_is_abandoned_half_way(project: Project, service: Service) -> None:
    """After the first of three runs the new place of the parked mirror is still taken: plain runs finish it, safely.

    The first of them leaves it parked and says so, and the other mirror moves on; the second one creates it.
    """
    hold(swapped(project), "m1")
    project.up("--exclude", project.urn("MirrorVault", "m2")).ok()
    plain = hold(project).up().ok()
    assert 'Mirror vault "m1" is parked and stays so in this update' in plain.output
    assert of_mirrors(plain) == ["DeleteVault m2", "CreateReplicationVault m2"]
    assert of_mirrors(project.up().ok()) == ["CreateReplicationVault m1"]
    finished(project, service)


def test_a_rename_without_alias_while_something_depends_on_the_mirror(project: Project, service: Service) -> None:
    """Targets do nothing here (pulumi-engine.md 0.5); two plain runs do, the first of them holding the new mirror."""
    project.program(PAIR.format(name="old-dr", kind="STANDARD")).up().ok()
    project.program(PAIR.format(name="new-dr", kind="STANDARD"))
    assert "CB401" in project.up().failed().output
    held = hold(project, "new-dr").up().ok()
    assert of_mirrors(held) == ["DeleteVault dr"]
    hold(project).preview().ok()
    assert of_mirrors(project.up().ok()) == ["CreateReplicationVault dr"]
    project.preview("--expect-no-changes").ok()
    assert service.by_name("index")["Description"].startswith(service.by_name("dr")["VaultId"])
    destroyed = project.destroy().ok()
    assert destroyed.calls == ["DeleteVault index", "DeleteVault dr", "DeleteVault orders"]


def test_what_is_parked_is_destroyed_without_a_call(project: Project, service: Service) -> None:
    """A vault that is held takes its mirror along; neither was ever there."""
    project.program(PAIR.format(name="dr", kind="STANDARD"))
    alone = hold(project, vaults=("orders",)).preview().failed()
    assert 'The source of mirror vault "dr" is parked' in alone.output
    assert owner(project, "MirrorVault", "dr") in alone.output

    hold(project, "dr", vaults=("orders", "index"))
    assert project.up().ok().calls == []
    assert project.state()["dr"]["outputs"]["source_vault_id"] == project.state()["orders"]["id"]
    since = service.last()
    assert project.destroy().ok().calls == []
    assert service.calls(since) == []


def test_a_source_is_replaced_while_both_wait(project: Project, service: Service) -> None:
    """Nothing is deleted for a source that waits alone; what waits with its source is created after it."""
    project.program(PAIR.format(name="dr", kind="STANDARD")).up().ok()
    project.program(PAIR.format(name="dr", kind="OTS_BACKUP"))
    alone = hold(project, vaults=("orders",)).up().failed()
    assert 'The source of mirror vault "dr" is parked' in alone.output
    assert alone.calls == []

    both = hold(project, "dr", vaults=("orders",)).up().ok()
    assert of_mirrors(both) == ["DeleteVault dr", "DeleteVault orders"]
    alone = hold(project, vaults=("orders",)).up().failed()
    assert alone.calls == []
    assert of_mirrors(hold(project).up().ok()) == ["CreateVault orders", "CreateReplicationVault dr"]
    project.preview("--expect-no-changes").ok()
