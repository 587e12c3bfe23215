"""The main job on the real engine: created, changed, refreshed and destroyed in the right order.

Every order asserted here is the one that the service recorded, not what we printed.
"""

from __future__ import annotations

import json
from pathlib import Path

from engine_harness import Project, Service

PAIR = """
orders = Vault("orders", region_id="cn-hangzhou", description="Orders", tags={{"team": "shop"}}{more})
dr = MirrorVault("orders-dr", source=orders, region_id="{region}", vault_name="orders-dr"{dr_more})
pulumi.export("id", orders.id)
pulumi.export("dr_status", dr.status)
"""


def pair(project: Project, *, region: str = "cn-shanghai", more: str = "", dr_more: str = "") -> Project:
    return project.program(PAIR.format(region=region, more=more, dr_more=dr_more))


def test_life_of_a_pair(project: Project, service: Service) -> None:
    """Source then mirror on up, nothing on the second up, in place what can be, mirror then source on destroy."""
    first = pair(project).up().ok()
    assert first.calls == ["CreateVault orders", "TagResources orders", "CreateReplicationVault orders-dr"]
    state = project.state()
    assert state["orders"]["outputs"]["status"] == "CREATED"
    assert state["orders-dr"]["outputs"]["source_vault_id"] == state["orders"]["id"]
    assert state["orders-dr"]["inputs"]["description"] == f"From orders({state['orders']['id']})"

    again = project.up().ok()
    assert again.calls == []
    assert "3 unchanged" in again.output
    project.preview("--expect-no-changes").ok()

    pair(project, more=", force_destroy=True, timeout=120")
    changed = project.preview().ok()
    assert "force_destroy: false => true" in changed.output
    assert "replace" not in changed.output
    assert project.up().ok().calls == []

    pair(project, more=', vault_name="orders-2", worm_enabled=True')
    assert "vault_name" in project.preview().ok().output
    renamed = project.up().ok()
    assert renamed.calls == ["UpdateVault orders-2", "UpdateVault orders-dr"], renamed.output
    assert service.by_name("orders-2")["WormEnabled"] is True

    destroyed = project.destroy().ok()
    assert destroyed.calls == ["DeleteVault orders-dr", "DeleteVault orders-2"]
    assert service.vaults() == {}


def test_mirror_moves_to_another_region_delete_first(project: Project, service: Service) -> None:
    """A source has at most one mirror, so the old one goes before the new one comes."""
    pair(project).up().ok()
    preview = pair(project, region="cn-beijing").preview().ok()
    assert "region_id" in preview.output
    assert "replace" in preview.output
    assert project.up().ok().calls == ["DeleteVault orders-dr", "CreateReplicationVault orders-dr"]
    assert service.by_name("orders-dr")["VaultRegionId"] == "cn-beijing"
    project.destroy().ok()


def test_source_is_replaced_between_its_mirrors_delete_and_create(project: Project, service: Service) -> None:
    """A replaced source takes its mirror along: mirror, source deleted; source, mirror created."""
    pair(project).up().ok()
    pair(project, more=', vault_type="OTS_BACKUP"')
    assert "vault_type" in project.preview().ok().output
    assert project.up().ok().calls == [
        "DeleteVault orders-dr",
        "DeleteVault orders",
        "CreateVault orders",
        "TagResources orders",
        "CreateReplicationVault orders-dr",
    ]
    assert project.up().ok().calls == []


def test_replace_of_a_mirror_on_request(project: Project) -> None:
    """``--replace`` asks no diff, so the class itself forces delete-first."""
    pair(project).up().ok()
    replaced = project.up("--replace", project.urn("MirrorVault", "orders-dr")).ok()
    assert replaced.calls == ["DeleteVault orders-dr", "CreateReplicationVault orders-dr"]


def test_replace_of_a_source_with_data_is_refused_until_consent_is_in_state(project: Project, service: Service) -> None:
    """Without consent nothing is deleted, not even the mirror; with it the order is right."""
    pair(project).up().ok()
    service.patch("orders", SnapshotCount=12, BytesDone=4096)
    source = project.urn("Vault", "orders")

    refused = project.up("--replace", source).failed()
    assert "CB303" in refused.output
    assert "12 backup points" in refused.output
    assert refused.calls == []
    assert "CB303" in project.preview("--replace", source).failed().output

    by_change = pair(project, more=', vault_type="OTS_BACKUP", force_destroy=True')
    assert "CB303" in by_change.preview().failed().output
    assert "CB303" in by_change.up().failed().output

    pair(project, more=", force_destroy=True").up().ok()
    assert project.up("--replace", source).ok().calls == [
        "DeleteVault orders-dr",
        "DeleteVault orders",
        "CreateVault orders",
        "TagResources orders",
        "CreateReplicationVault orders-dr",
    ]


def test_destroy_of_a_source_with_data_is_refused(project: Project, service: Service) -> None:
    """The data stays; the mirror may go, because its data still exists at the source."""
    pair(project).up().ok()
    service.patch("orders", SnapshotCount=1)
    refused = project.destroy().failed()
    assert "CB303" in refused.output
    assert refused.calls == ["DeleteVault orders-dr"]
    assert "orders" in project.state()


def test_drift_is_shown_property_by_property_and_repaired(project: Project, service: Service) -> None:
    """What the console changed is shown by refresh and taken back by up."""
    pair(project).up().ok()
    service.patch("orders", VaultName="renamed-in-console", Tags={"Tag": [{"Key": "team", "Value": "other"}]})
    shown = project.refresh().ok()
    assert 'vault_name : "orders" => "renamed-in-console"' in shown.output
    assert '"shop" => "other"' in shown.output
    back = project.preview().ok()
    assert 'vault_name : "renamed-in-console" => "orders"' in back.output
    assert project.up().ok().calls == ["UpdateVault orders", "TagResources orders"]
    assert service.by_name("orders")["VaultName"] == "orders"
    assert project.refresh("--expect-no-changes").ok()


def test_a_lost_marker_is_drift_and_stops_a_delete(project: Project, service: Service) -> None:
    """A description edited in the console loses the owner; nothing is deleted before it is written again."""
    pair(project).up().ok()
    service.patch("orders-dr", Description="edited")
    refused = project.destroy().failed()
    assert "no longer says who manages it" in refused.output
    assert refused.calls == []
    project.refresh().ok()
    assert project.up().ok().calls == ["UpdateVault orders-dr"]
    assert project.destroy().ok().calls == ["DeleteVault orders-dr", "DeleteVault orders"]


def test_a_vault_that_is_gone_is_created_again(project: Project, service: Service) -> None:
    """Refresh notices, up repairs."""
    pair(project).up().ok()
    service.lose("orders-dr")
    assert "deleted" in project.refresh().ok().output
    assert project.up().ok().calls == ["CreateReplicationVault orders-dr"]


def test_a_lost_source_never_takes_its_mirror_with_it(project: Project, service: Service) -> None:
    """Refresh, up and destroy leave the last copy untouched and say why."""
    pair(project).up().ok()
    mirror_id = service.by_name("orders-dr")["VaultId"]
    lost = service.lose("orders")

    refreshed = project.refresh().ok()
    assert "last copy" in refreshed.output
    assert refreshed.calls == []
    for refused in (project.preview().failed(), project.up().failed(), project.up("--refresh").failed()):
        assert "CB307" in refused.output
        assert f'ExistingVault("{lost}", "cn-hangzhou")' in refused.output
    destroyed = project.destroy().failed()
    assert "CB307" in destroyed.output
    assert mirror_id in service.vaults()

    kept = project.program(
        f"""
        dr = MirrorVault("orders-dr", source=ExistingVault("{lost}", "cn-hangzhou"), region_id="cn-shanghai",
                         vault_name="orders-dr", allow_last_copy_loss="{mirror_id}")
        """
    )
    assert "replace" not in kept.preview().ok().output
    project.up().ok()
    assert mirror_id in service.vaults()
    assert project.destroy().ok().calls[-1] == "DeleteVault orders-dr"


def test_last_copy_is_kept_when_its_source_is_in_error(project: Project, service: Service) -> None:
    """A source that is there but broken has no data to copy again."""
    pair(project).up().ok()
    service.patch("orders", Status="ERROR")
    refused = project.destroy().failed()
    assert "CB307" in refused.output
    assert "status ERROR" in refused.output
    assert refused.calls == []


def test_adopt_takes_over_without_creating(project: Project, service: Service, tmp_path: Path) -> None:
    """An existing vault is taken over in place; one that differs, or is managed elsewhere, is refused."""
    other = Project(tmp_path, service, name="other")
    other.program('Vault("theirs", region_id="cn-hangzhou")').up().ok()
    theirs = service.by_name("theirs")["VaultId"]

    project.program(f'Vault("mine", region_id="cn-hangzhou", adopt_id="{theirs}")')
    managed = project.up().failed()
    assert "other/dev/theirs" in managed.output
    assert managed.calls == []

    service.patch("theirs", Description="made in the console")
    project.program(f'Vault("mine", region_id="cn-hangzhou", adopt_id="{theirs}", vault_type="OTS_BACKUP")')
    assert "its vault_type is STANDARD" in project.up().failed().output
    project.program('Vault("mine", region_id="cn-hangzhou", adopt_id="v-nowhere")')
    assert "CB112: Vault v-nowhere cannot be taken over" in project.run("preview").failed().output
    project.config("cloudbackup:preflight", "off")
    assert "CB112: Existing vault that cannot be taken over" in project.up().failed().output
    project.run("config", "rm", "cloudbackup:preflight").ok()

    project.program(f'Vault("mine", region_id="cn-hangzhou", adopt_id="{theirs}")')
    assert project.up().ok().calls == ["UpdateVault mine"]
    assert project.state()["mine"]["id"] == theirs
    project.program('Vault("mine", region_id="cn-hangzhou")')
    assert project.up().ok().calls == []

    assert "managed by shop/dev/mine" in other.destroy().failed().output
    assert theirs in service.vaults()


def test_two_stacks(project: Project, service: Service, tmp_path: Path) -> None:
    """A mirror of another stack's vault: created by id, and its source cannot be deleted before it."""
    project.program(
        """
        orders = Vault("orders", region_id="cn-hangzhou", timeout=5)
        pulumi.export("orders", orders.id)
        """
    ).up().ok()
    mirrors = Project(tmp_path, service, name="mirrors")
    mirrors.program(
        """
        shop = pulumi.StackReference("organization/shop/dev")
        MirrorVault("orders-dr", source=ExistingVault(shop.require_output("orders"), "cn-hangzhou"),
                    region_id="cn-shanghai", vault_name="orders-dr")
        """
    )
    mirrors.preview().ok()
    assert mirrors.up().ok().calls == ["CreateReplicationVault orders-dr"]

    refused = project.destroy().failed()
    assert "CB304" in refused.output
    assert "mirrors/dev/orders-dr" in refused.output
    assert mirrors.destroy().ok().calls == ["DeleteVault orders-dr"]
    assert project.destroy().ok().calls == ["DeleteVault orders"]


def test_rename_with_alias_is_in_place(project: Project) -> None:
    """The owner follows the name; nothing is created or deleted."""
    pair(project).up().ok()
    project.program(
        PAIR.format(region="cn-shanghai", more="", dr_more="")
        .replace('"orders-dr", source', '"orders-mirror", source')
        .replace(
            'vault_name="orders-dr"',
            'vault_name="orders-dr", opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="orders-dr")])',
        )
    )
    assert project.up().ok().calls == ["UpdateVault orders-dr"]
    assert project.destroy().ok().calls == ["DeleteVault orders-dr", "DeleteVault orders"]


def test_state_holds_everything_and_nothing_secret(project: Project) -> None:
    """All inputs are echoed in outputs, the provider is pickled by reference, and no key is in state."""
    pair(project).up().ok()
    state = project.state()
    for name in ("orders", "orders-dr"):
        resource = state[name]
        assert set(resource["inputs"]) <= set(resource["outputs"])
        assert resource["inputs"]["__provider"] == resource["outputs"]["__provider"]
    assert "AccessKeySecret" not in json.dumps(state)


def test_create_first_replacement_of_a_source(project: Project, service: Service) -> None:
    """Where the user asks for it: new source, mirror moved over, old source deleted last."""
    create_first = "opts=pulumi.ResourceOptions(delete_before_replace=False)"
    pair(project, more=f", {create_first}").up().ok()
    pair(project, more=f', vault_type="OTS_BACKUP", {create_first}')
    assert project.up().ok().calls == [
        "CreateVault orders",
        "TagResources orders",
        "DeleteVault orders-dr",
        "CreateReplicationVault orders-dr",
        "DeleteVault orders",
    ]
    replaced = project.up("--replace", project.urn("Vault", "orders")).ok()
    assert replaced.calls[0] == "CreateVault orders"
    assert len(service.vaults()) == 2
    assert project.refresh("--expect-no-changes").ok()


def test_components_subclasses_and_get(project: Project, service: Service) -> None:
    """Resources of one name below two components are two owners; a subclass keeps our type; get reads."""
    project.program(
        """
        class Team(pulumi.ComponentResource):
            def __init__(self, kind, name):
                super().__init__(f"acme:index:{kind}", name)
                child = pulumi.ResourceOptions(parent=self)
                vault = OwnVault("orders", region_id="cn-hangzhou", opts=child)
                MirrorVault("dr", source=vault, region_id="cn-shanghai", vault_name="dr", opts=child)

        class OwnVault(Vault):
            pass

        Team("Shop", "shop")
        Team("Bank", "bank")
        """
    ).preview().ok()
    project.up().ok()
    owners = {vault["Description"].split("[pulumi:")[1] for vault in service.vaults().values()}
    assert len(owners) == 4
    exported = project.run("stack", "export", "--stack", project.stack).ok().output
    types = {resource["type"] for resource in json.loads(exported)["deployment"]["resources"]}
    assert "pulumi-python:dynamic/cloudbackup:Vault" in types
    assert project.up().ok().calls == []

    reader = Project(project.folder.parent, service, name="reader")
    some = next(vault["VaultId"] for vault in service.vaults().values() if vault["VaultName"] == "orders")
    reader.program(
        f"""
        found = Vault("found", region_id="cn-hangzhou", opts=pulumi.ResourceOptions(id="{some}"))
        pulumi.export("status", found.status)
        """
    )
    assert "CREATED" in reader.up().ok().output
    assert reader.destroy().ok().calls == []
    assert project.destroy().ok().calls[-1].startswith("DeleteVault orders")


def test_accounts_are_compared_by_what_they_resolve_to(project: Project, service: Service) -> None:
    """Another profile of the same account is no change; one that cannot be resolved destroys nothing."""
    project.program('Vault("orders", region_id="cn-hangzhou")').up().ok()
    profiles = project.folder.parent / ".alibabacloud"
    profiles.mkdir()
    (profiles / "credentials.ini").write_text(
        "[same]\nenabled=true\ntype=access_key\naccess_key_id=test\naccess_key_secret=test\n"
    )
    project.program('Vault("orders", region_id="cn-hangzhou", account="same")')
    assert "replace" not in project.preview().ok().output
    assert project.up().ok().calls == []
    project.program('Vault("orders", region_id="cn-hangzhou", account="missing")')
    assert "replace" not in project.preview().ok().output
    assert "Credentials" in project.up().failed().output
    assert len(service.vaults()) == 1


def test_a_refused_source_replacement_keeps_the_mirror_without_preflight(project: Project, service: Service) -> None:
    """Previews fail open; the mirror's own delete asks for its source all the same."""
    project.config("cloudbackup:preflight", "off")
    pair(project).up().ok()
    service.patch("orders", SnapshotCount=3)
    refused = project.up("--replace", project.urn("Vault", "orders")).failed()
    assert "CB303" in refused.output
    assert refused.calls == []


def test_a_parents_retain_on_delete_does_not_reach_a_mirror(project: Project) -> None:
    """Inherited, it would leave the old mirror behind, and the service refuses a second one."""
    program = """
    class Team(pulumi.ComponentResource):
        def __init__(self):
            super().__init__("acme:index:Team", "team", None, pulumi.ResourceOptions(retain_on_delete=True))
            child = pulumi.ResourceOptions(parent=self)
            MirrorVault("dr", source=orders, region_id="{region}", vault_name="dr", opts=child)
    orders = Vault("orders", region_id="cn-hangzhou")
    Team()
    """
    project.program(program.format(region="cn-shanghai")).up().ok()
    moved = project.program(program.format(region="cn-beijing")).up().ok()
    assert moved.calls == ["DeleteVault dr", "CreateReplicationVault dr"]


def test_every_argument_can_be_read_back_and_names_are_whole(project: Project) -> None:
    """Defaults included; long project and stack names do not cut the resource's own name in messages."""
    long = Project(
        project.folder.parent,
        project.service,
        name="infrastructure-disaster-recovery-platform",
        stack="production-cn-hangzhou",
    )
    long.program(
        """
        orders = Vault("orders", region_id="cn-hangzhou", vault_name=pulumi.Output.from_input(None))
        dr = MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")
        for resource in (orders, dr):
            for name in ("vault_name", "description", "encrypt_type", "kms_key_id", "account", "account_id", "status"):
                pulumi.export(f"{resource._name} {name}", getattr(resource, name))
        pulumi.export("tags", orders.tags)
        """
    )
    created = long.up().ok()
    assert created.calls == ["CreateVault orders", "CreateReplicationVault [COPY]-orders"]
    outputs = json.loads(long.run("stack", "output", "--json").output)
    assert outputs["orders-dr vault_name"] == "[COPY]-orders"
    assert outputs["orders-dr encrypt_type"] == "HBR_PRIVATE"
    assert long.up().ok().calls == []
    refused = long.program(
        'MirrorVault("orders-dr", source=ExistingVault("v-x", "cn-shanghai"), region_id="cn-shanghai")'
    )
    assert 'Mirror vault "orders-dr"' in refused.preview().failed().output
