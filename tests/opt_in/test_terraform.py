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

PROVIDER = "TERRAFORM_PROVIDER_ALICLOUD"
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

    def __init__(self, folder: Path, service: Service, terraform: str, provider: Path) -> None:
        self._folder, self._terraform, self.service = folder, terraform, service
        shutil.copytree(PROGRAM, folder, dirs_exist_ok=True)
        override = folder / "provider"
        override.mkdir()
        (override / "terraform-provider-alicloud").symlink_to(provider)
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
        (self._folder / "terraform.tfvars.json").write_text(json.dumps({"endpoint": endpoint, **variables}))
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
        done = self.start(*arguments)
        output, _ = done.communicate(timeout=300)
        return Run(done.returncode, output, self.service.calls(before), self.service.mutations(before))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and let it run."""
        command, *rest = arguments
        plain = () if command in ("show", "output") else ("-input=false", "-no-color")
        return subprocess.Popen(
            [self._terraform, command, *plain, *rest],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def terraform_with(tmp_path: Path) -> Iterator[Callable[..., Terraform]]:
    """Terraform and an emulator with settings of its own."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("there is no `terraform` on PATH")
    provider = os.environ.get(PROVIDER)
    if not provider:
        pytest.skip(f"opt-in: {PROVIDER} does not name the provider that build_terraform_provider.sh builds")
    if not os.access(provider, os.X_OK):
        pytest.skip(f"opt-in: {PROVIDER} names no program: {provider}")
    opened: list[Emulator] = []

    def start(**settings: Any) -> Terraform:
        opened.append(Emulator(Settings(**{"initializing_seconds": 0.1, **settings})))
        return Terraform(tmp_path, Service(opened[-1].url), terraform, Path(provider).resolve())

    yield start
    for emulator in opened:
        emulator.close()


@pytest.fixture
def terraform(terraform_with: Callable[..., Terraform]) -> Terraform:
    """Terraform and an emulator."""
    return terraform_with()


def regions(calls: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Tell which actions were called, and where."""
    return [(call["action"], call["region_id"]) for call in calls]


def test_a_vault_and_its_mirror_are_made_and_nothing_is_left_to_do(terraform: Terraform) -> None:
    """What was declared exists, as it was sent and as it is read back; the second plan is empty; destroy leaves nothing."""
    assert terraform.plan() == {VAULT: ["create"], MIRROR: ["create"]}
    made = terraform.apply().ok()
    assert "Apply complete! Resources: 2 added, 0 changed, 0 destroyed." in made.output
    assert [call for call in made.calls if (call["status"], call["code"]) != (200, "200")] == []
    orders, mirror = (terraform.service.by_name(name) for name in ("orders", "orders-dr"))
    here, there = (
        {"VaultId": vault["VaultId"], "VaultRegionId": vault["VaultRegionId"]} for vault in (orders, mirror)
    )
    source = {"ReplicationSourceRegionId": "cn-hangzhou", "ReplicationSourceVaultId": orders["VaultId"]}
    tagged = next(call["parameters"] for call in made.calls if call["action"] == "TagResources")
    numbers = (1, 2) if tagged["Tag.1.Key"] == "cost centre" else (2, 1)
    assert [(call["action"], call["region_id"], call["parameters"]) for call in made.calls] == [
        ("DescribeVaultReplicationRegions", None, {}),
        (
            "CreateVault",
            "cn-hangzhou",
            {"Description": "Orders of the shop", "VaultName": "orders", "VaultRegionId": "cn-hangzhou"},
        ),
        ("DescribeVaults", "cn-hangzhou", here),
        (
            "TagResources",
            "cn-hangzhou",
            {
                "ResourceId.1": orders["VaultId"],
                "ResourceType": "vault",
                **{f"Tag.{number}.Key": key for number, key in zip(numbers, sorted(TAGS), strict=True)},
                **{f"Tag.{number}.Value": TAGS[key] for number, key in zip(numbers, sorted(TAGS), strict=True)},
            },
        ),
        ("DescribeVaults", "cn-hangzhou", here),
        (
            "CreateReplicationVault",
            "cn-shanghai",
            {**source, "Description": "Copy of orders", "VaultName": "orders-dr", "VaultRegionId": "cn-shanghai"},
        ),
        ("DescribeVaults", "cn-shanghai", there),
        *[
            ("DescribeVaults", region, {"PageNumber": "1", "PageSize": "50", "RegionId": region})
            for region in [call["region_id"] for call in made.calls[-2:]]
        ],
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
