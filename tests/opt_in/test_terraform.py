"""The emulator serves a client that nobody here wrote: the real terraform-provider-alicloud, run by the real Terraform.

Opt-in: `build_terraform_provider.sh` builds the provider and prints the variable that switches these tests on. Orders
of calls are those that the service recorded; whether something is to change is what Terraform planned.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine_harness import Service
from pulumi_cloudbackup.emulator import Emulator, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TERRAFORM = shutil.which("terraform") or ""
PROVIDER = os.environ.get("TERRAFORM_PROVIDER_ALICLOUD", "")
if not PROVIDER:
    pytest.skip(
        "opt-in: TERRAFORM_PROVIDER_ALICLOUD does not name what build_terraform_provider.sh builds",
        allow_module_level=True,
    )
if not os.access(PROVIDER, os.X_OK):
    pytest.skip(f"opt-in: TERRAFORM_PROVIDER_ALICLOUD names no program: {PROVIDER}", allow_module_level=True)
if not TERRAFORM:
    pytest.skip("opt-in: there is no `terraform` on PATH", allow_module_level=True)

PROGRAM = Path(__file__).parent / "terraform"
CHANGES_ARE_PLANNED = 2
VAULT = "alicloud_hbr_vault.orders"
MIRROR = "alicloud_hbr_replication_vault.orders_dr"
TAGS = {"team": "shop", "cost centre": "4711/é *~"}


@dataclass(frozen=True)
class Run:
    """What one command of Terraform did."""

    code: int
    output: str
    calls: list[dict[str, Any]]
    """What the service saw, in order."""
    mutations: list[str]
    """The calls among them that change something, by the names of the vaults."""

    def ok(self) -> Run:
        """Insist on success."""
        assert self.code == 0, self.output
        return self


class Terraform:
    """One configuration, that of the folder `terraform`, with its state and its variables."""

    def __init__(self, folder: Path, service: Service) -> None:
        self.folder, self.service = folder, service
        shutil.copytree(PROGRAM, folder, dirs_exist_ok=True)
        override = folder / "provider"
        override.mkdir()
        (override / "terraform-provider-alicloud").symlink_to(Path(PROVIDER).resolve())
        settings = folder / "terraform.rc"
        # No other way to install a provider: nothing is asked of a registry.
        settings.write_text(
            f'provider_installation {{\n  dev_overrides {{\n    "aliyun/alicloud" = {json.dumps(str(override))}\n  }}\n}}\n'
        )
        kept = {key: os.environ[key] for key in ("LANG", "LC_ALL", "TMPDIR") if key in os.environ}
        self._env = {
            **kept,
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "TF_CLI_CONFIG_FILE": str(settings),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }
        self.declare()

    def declare(self, **variables: Any) -> Terraform:
        """Set the variables; those not named have their defaults."""
        endpoint = self.service.url.removeprefix("http://")
        (self.folder / "terraform.tfvars.json").write_text(json.dumps({"endpoint": endpoint, **variables}))
        return self

    def by_proxy(self) -> Terraform:
        """Send everything to the emulator, whatever host it is for."""
        self._env |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), self.service.url)
        return self

    def apply(self, *arguments: str) -> Run:
        return self.run("apply", "-auto-approve", *arguments)

    def destroy(self, *arguments: str) -> Run:
        return self.run("destroy", "-auto-approve", *arguments)

    def plan(self, *arguments: str) -> dict[str, list[str]]:
        """Return what would be done to which resource, without what stays as it is."""
        planned = self.run("plan", "-out=planned", *arguments).ok()
        assert "Error" not in planned.output
        changes = json.loads(self.run("show", "-json", "planned").ok().output)["resource_changes"]
        return {
            change["address"]: change["change"]["actions"]
            for change in changes
            if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
        }

    def has_changes(self, *arguments: str) -> bool:
        """Tell whether anything would be changed, outputs and what was found by refreshing included."""
        planned = self.run("plan", "-detailed-exitcode", *arguments)
        assert planned.code in (0, CHANGES_ARE_PLANNED), planned.output
        return planned.code == CHANGES_ARE_PLANNED

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the attributes of what Terraform manages."""
        resources = json.loads(self.run("show", "-json").ok().output).get("values", {}).get("root_module", {})
        return {one["address"]: one["values"] for one in resources.get("resources", []) if one["mode"] == "managed"}

    def output(self, name: str) -> Any:
        return json.loads(self.run("output", "-json", name).ok().output)

    def run(self, *arguments: str) -> Run:
        before = self.service.last()
        self.service.vaults()
        code, output = self.end(self.start(*arguments))
        return Run(code, output, self.service.calls(before), self.service.mutations(before))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and let it run."""
        command, *rest = arguments
        plain = () if command in ("show", "output") else ("-input=false", "-no-color")
        return subprocess.Popen(
            [TERRAFORM, command, *plain, *rest],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, command: subprocess.Popen[str]) -> tuple[int, str]:
        """Wait for a command; return its exit status and what it printed."""
        with command:
            try:
                output, _ = command.communicate(timeout=300)
            except subprocess.TimeoutExpired:
                command.kill()
                raise
        return command.returncode, output


@pytest.fixture
def terraform_with(tmp_path: Path) -> Iterator[Callable[..., Terraform]]:
    """Terraform and an emulator with settings of its own."""
    opened: list[Emulator] = []

    def start(**settings: Any) -> Terraform:
        opened.append(Emulator(Settings(**{"initializing_seconds": 0.1, **settings})))
        return Terraform(tmp_path, Service(opened[-1].url))

    yield start
    for emulator in opened:
        emulator.close()


@pytest.fixture
def terraform(terraform_with: Callable[..., Terraform]) -> Terraform:
    """Terraform and an emulator."""
    return terraform_with()


def test_a_vault_and_its_mirror_are_made_and_nothing_is_left_to_do(terraform: Terraform) -> None:
    """What was declared exists, as it was sent and as it is read back; the second plan is empty; destroy leaves nothing."""
    assert terraform.plan() == {VAULT: ["create"], MIRROR: ["create"]}
    made = terraform.apply().ok()
    assert "Apply complete! Resources: 2 added, 0 changed, 0 destroyed." in made.output
    assert [call for call in made.calls if (call["status"], call["code"]) != (200, "200")] == []
    orders, mirror = (terraform.service.by_name(name) for name in ("orders", "orders-dr"))
    here, there = ({"VaultId": vault["VaultId"], "VaultRegionId": vault["VaultRegionId"]} for vault in (orders, mirror))
    source = {"ReplicationSourceRegionId": "cn-hangzhou", "ReplicationSourceVaultId": orders["VaultId"]}
    page = {"PageNumber": "1", "PageSize": "50"}
    sent = [(call["action"], call["region_id"], call["parameters"]) for call in made.calls]
    assert [call for call in sent[:-2] if call[0] != "TagResources"] == [
        ("DescribeVaultReplicationRegions", None, {}),
        (
            "CreateVault",
            "cn-hangzhou",
            {"Description": "Orders of the shop", "VaultName": "orders", "VaultRegionId": "cn-hangzhou"},
        ),
        ("DescribeVaults", "cn-hangzhou", here),
        ("DescribeVaults", "cn-hangzhou", here),
        (
            "CreateReplicationVault",
            "cn-shanghai",
            {**source, "Description": "Copy of orders", "VaultName": "orders-dr", "VaultRegionId": "cn-shanghai"},
        ),
        ("DescribeVaults", "cn-shanghai", there),
    ]
    assert sorted(sent[-2:], key=str) == [
        ("DescribeVaults", region, {**page, "RegionId": region}) for region in ("cn-hangzhou", "cn-shanghai")
    ]
    assert {tag["Key"]: tag["Value"] for tag in orders["Tags"]["Tag"]} == TAGS
    assert {name: mirror[name] for name in source} == source

    assert not terraform.has_changes()
    again = terraform.apply().ok()
    assert "No changes." in again.output
    assert again.mutations == []

    gone = terraform.destroy().ok()
    assert "Destroy complete! Resources: 2 destroyed." in gone.output
    assert gone.mutations == ["DeleteVault orders-dr", "DeleteVault orders"]
    assert terraform.service.vaults() == {}


def test_apply_waits_until_the_vault_is_created(terraform_with: Callable[..., Terraform]) -> None:
    """While the vault is INITIALIZING nothing else is called; when it is CREATED the mirror follows."""
    terraform = terraform_with(initializing_seconds=3600)
    applying = terraform.start("apply", "-auto-approve")
    terraform.service.wait_for("DescribeVaults", 0)
    assert terraform.service.mutations(0) == ["CreateVault orders"]
    assert terraform.service.by_name("orders")["Status"] == "INITIALIZING"
    terraform.service.advance(3600)
    code, output = terraform.end(applying)
    assert code == 0, output
    assert terraform.service.mutations(0) == [
        "CreateVault orders",
        "TagResources orders",
        "CreateReplicationVault orders-dr",
    ]
    assert not terraform.has_changes()


def test_changes_in_place(terraform: Terraform) -> None:
    """Name, description, tags, resource group and WORM change the vaults that there are."""
    terraform.apply().ok()
    ids = {address: values["id"] for address, values in terraform.state().items()}
    terraform.declare(
        vault={
            "name": "orders & co",
            "description": "Bestellungen für München",
            "tags": {"team": "it", "stage": ""},
            "worm_enabled": True,
            "resource_group": "rg-shop",
        },
        mirror={"name": "orders-copy", "description": "Kopie"},
    )
    assert terraform.plan() == {VAULT: ["update"], MIRROR: ["update"]}
    changed = terraform.apply().ok()
    assert "Resources: 0 added, 2 changed, 0 destroyed." in changed.output
    changing = [call for call in changed.calls if not call["action"].startswith("Describe")]
    assert [call["code"] for call in changing] == ["200"] * len(changing)
    assert Counter((call["action"], call["region_id"]) for call in changing) == {
        ("UpdateVault", "cn-hangzhou"): 1,
        ("ChangeResourceGroup", "cn-hangzhou"): 1,
        ("UntagResources", "cn-hangzhou"): 1,
        ("TagResources", "cn-hangzhou"): 1,
        ("UpdateVault", "cn-shanghai"): 1,
    }
    orders, mirror = (terraform.service.by_name(name) for name in ("orders & co", "orders-copy"))
    assert {VAULT: orders["VaultId"], MIRROR: mirror["VaultId"]} == ids
    assert (orders["Description"], mirror["Description"]) == ("Bestellungen für München", "Kopie")
    assert {tag["Key"]: tag["Value"] for tag in orders["Tags"]["Tag"]} == {"team": "it", "stage": ""}
    assert (orders["ResourceGroupId"], orders["WormEnabled"]) == ("rg-shop", True)
    assert not terraform.has_changes()


def test_worm_stays_on(terraform: Terraform) -> None:
    """Switching WORM off is refused, and Terraform shows the service's code and message."""
    terraform.declare(vault={"worm_enabled": True}).apply().ok()
    assert not terraform.has_changes()
    refused = terraform.declare(vault={"worm_enabled": False}).apply()
    assert refused.code == 1
    assert "Immutable backup cannot be disabled after it is enabled." in " ".join(refused.output.split())
    assert refused.mutations == ["UpdateVault orders [Emulator.WormCannotBeDisabled]"]


def test_another_encryption_replaces_both_mirror_first(terraform: Terraform) -> None:
    """Encryption is fixed at creation: both vaults are made anew, and the mirror goes before its source."""
    terraform.apply().ok()
    before = {address: values["id"] for address, values in terraform.state().items()}
    terraform.declare(
        vault={"encrypt_type": "KMS", "kms_key_id": "alias/hangzhou"},
        mirror={"encrypt_type": "KMS", "kms_key_id": "alias/shanghai"},
    )
    assert terraform.plan() == {VAULT: ["delete", "create"], MIRROR: ["delete", "create"]}
    replaced = terraform.apply().ok()
    assert "Resources: 2 added, 0 changed, 2 destroyed." in replaced.output
    assert replaced.mutations == [
        "DeleteVault orders-dr",
        "DeleteVault orders",
        "CreateVault orders",
        "TagResources orders",
        "CreateReplicationVault orders-dr",
    ]
    after = {address: values["id"] for address, values in terraform.state().items()}
    assert set(after.values()).isdisjoint(before.values())
    keys = {vault["VaultRegionId"]: vault["KmsKeyId"] for vault in terraform.service.vaults().values()}
    assert keys == {"cn-hangzhou": "alias/hangzhou", "cn-shanghai": "alias/shanghai"}
    assert not terraform.has_changes()


def test_data_sources(terraform: Terraform) -> None:
    """Each region lists its own vaults; the regions that take mirrors are those of the service."""
    terraform.apply().ok()
    ids = {address: values["id"] for address, values in terraform.state().items()}
    assert terraform.output("vaults") == {
        "orders": {"id": ids[VAULT], "source": "", "mirror": False, "message": ""},
        "orders-dr": {"id": ids[MIRROR], "source": ids[VAULT], "mirror": True, "message": ""},
    }
    assert terraform.output("replication_regions") == list(Settings().replication_regions)


@pytest.mark.parametrize("refused", [False, True], ids=["empty list", "InvalidResourceId.NotFound"])
def test_a_vault_lost_behind_its_back(terraform_with: Callable[..., Terraform], *, refused: bool) -> None:
    """In both ways in which the service says that a vault is not there, the lost one, and it alone, is made again."""
    terraform = terraform_with(unknown_vault_is_refused=refused)
    terraform.apply().ok()
    lost = terraform.service.lose("orders-dr")
    refreshed = terraform.apply("-refresh-only").ok()
    assert refreshed.mutations == []
    assert set(terraform.state()) == {VAULT}
    assert terraform.plan() == {MIRROR: ["create"]}
    assert terraform.apply().ok().mutations == ["CreateReplicationVault orders-dr"]
    assert terraform.service.by_name("orders-dr")["VaultId"] != lost
    assert not terraform.has_changes()


def test_a_lost_source_takes_its_mirror_along(terraform: Terraform) -> None:
    """A new source has a new id, so the mirror of the lost one is replaced."""
    terraform.apply().ok()
    terraform.service.lose("orders")
    assert terraform.plan() == {VAULT: ["create"], MIRROR: ["delete", "create"]}
    assert terraform.apply().ok().mutations == [
        "DeleteVault orders-dr",
        "CreateVault orders",
        "TagResources orders",
        "CreateReplicationVault orders-dr",
    ]
    assert not terraform.has_changes()


def test_a_second_mirror_fails_after_it_was_accepted(terraform: Terraform) -> None:
    """Sent to another region the client looks for its mirror there, makes a second one, and is told later that it failed."""
    terraform.apply().ok()
    terraform.declare(remote_region="cn-beijing")
    assert terraform.plan() == {MIRROR: ["create"]}
    made = terraform.apply().ok()
    assert made.mutations == ["CreateReplicationVault orders-dr"]
    terraform.apply().ok()
    assert terraform.output("vaults")["orders-dr"]["message"] == "SOURCE_VAULT_ALREADY_HAS_REPLICATION"
    assert terraform.state()[MIRROR]["status"] == "ERROR"
    where = {vault["VaultRegionId"]: vault["Status"] for vault in terraform.service.vaults().values()}
    assert where == {"cn-hangzhou": "CREATED", "cn-shanghai": "CREATED", "cn-beijing": "ERROR"}


def test_what_is_gone_already_is_destroyed_without_an_error(terraform: Terraform) -> None:
    """DeleteVault of a vault that is not there is an error that the client takes for success."""
    terraform.apply().ok()
    mirror, orders = terraform.service.lose("orders-dr"), terraform.service.lose("orders")
    gone = terraform.destroy("-refresh=false").ok()
    deleted = [
        (call["parameters"]["VaultId"], call["status"]) for call in gone.calls if call["action"] == "DeleteVault"
    ]
    assert deleted == [(mirror, 404), (orders, 404)]
    assert terraform.state() == {}


def test_destroy_waits_until_the_source_is_released(terraform_with: Callable[..., Terraform]) -> None:
    """For some time after its mirror is gone the source cannot be deleted; the client tries until it can."""
    terraform = terraform_with(mirror_release_seconds=2)
    terraform.apply().ok()
    assert terraform.destroy().ok().mutations == [
        "DeleteVault orders-dr",
        "DeleteVault orders [CannotDeleteReplicationSourceVault]",
        "DeleteVault orders",
    ]
    assert terraform.service.vaults() == {}


def test_import(terraform: Terraform) -> None:
    """Vaults that nobody here made can be taken over as they are."""
    terraform.apply().ok()
    (terraform.folder / "terraform.tfstate").unlink()
    for address, name in ((VAULT, "orders"), (MIRROR, "orders-dr")):
        imported = terraform.run("import", address, terraform.service.by_name(name)["VaultId"]).ok()
        assert "Import successful!" in imported.output
    assert terraform.plan() == {}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"fault": "throttle", "action": "CreateVault"}, "Throttling.User"),
        ({"fault": "http_503", "action": "CreateReplicationVault"}, "ServiceUnavailableTemporary"),
        ({"fault": "http_500", "action": "DescribeVaults"}, "InternalFailure"),
    ],
    ids=["throttled", "unavailable", "broken"],
)
def test_what_can_be_tried_again_is(terraform: Terraform, fault: dict[str, str], code: str) -> None:
    """The client takes throttling and failures of the service for what they are and calls again."""
    terraform.service.fault(**fault)
    made = terraform.apply().ok()
    assert [call["action"] for call in made.calls if call["code"] == code] == [fault["action"]]
    assert len(terraform.service.vaults()) == 2
    assert not terraform.has_changes()


def test_a_failure_inside_a_success_is_a_failure(terraform: Terraform) -> None:
    """HTTP 200 with Success false is reported, with the service's message."""
    terraform.service.fault(fault="success_false", action="CreateVault", code="Busy", message="Come back tomorrow.")
    refused = terraform.apply()
    assert refused.code == 1
    assert "Come back tomorrow." in refused.output
    assert terraform.service.vaults() == {}


@pytest.mark.parametrize(
    ("variables", "code"),
    [({"secret_key": "wrong"}, "SignatureDoesNotMatch"), ({"access_key": "nobody"}, "InvalidAccessKeyId.NotFound")],
    ids=["secret", "key"],
)
def test_signatures_are_checked(terraform: Terraform, variables: dict[str, str], code: str) -> None:
    """The client's signatures pass because they are right: with a wrong secret they do not."""
    refused = terraform.declare(**variables).apply()
    assert refused.code == 1
    assert code in refused.output
    assert {call["code"] for call in refused.calls} == {code}
    assert terraform.service.vaults() == {}


def test_temporary_credentials(terraform_with: Callable[..., Terraform]) -> None:
    """A security token is sent and signed as the service wants it."""
    terraform = terraform_with(credentials={"STS.key": "secret"}, security_tokens={"STS.key": "to/ken+=="})
    terraform.declare(access_key="STS.key", secret_key="secret", security_token="to/ken+==").apply().ok()
    assert not terraform.has_changes()


def test_real_host_names(terraform: Terraform) -> None:
    """As a proxy the emulator is called by the service's own names, which say the region of every call."""
    terraform.by_proxy().declare(
        endpoint="hbr.cn-hangzhou.aliyuncs.com", remote_endpoint="hbr.cn-shanghai.aliyuncs.com"
    )
    made = terraform.apply().ok()
    assert {(call["action"], call["region_id"], call["status"]) for call in made.calls} == {
        ("DescribeVaultReplicationRegions", "cn-hangzhou", 200),
        ("CreateVault", "cn-hangzhou", 200),
        ("TagResources", "cn-hangzhou", 200),
        ("CreateReplicationVault", "cn-shanghai", 200),
        ("DescribeVaults", "cn-hangzhou", 200),
        ("DescribeVaults", "cn-shanghai", 200),
    }
    assert not terraform.has_changes()
    assert terraform.destroy().ok().mutations == ["DeleteVault orders-dr", "DeleteVault orders"]
