"""Every example and stack on the real engine: up, up again, destroy; and what their READMEs show is what is printed."""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pulumi
import pytest

from demo_calls import Record, Vault
from engine_harness import Project, Service

ROOT = Path(__file__).resolve().parents[2]
RETAIL = ROOT / "stacks" / "retail-dr"


def copied(source: str, parent: Path, service: Service, stack: str = "dev") -> Project:
    """Return a copy of one of the repository's projects, as one of its stacks."""
    settings = (ROOT / source / "Pulumi.yaml").read_text()
    (name,) = re.findall(r"^name: (.+)$", settings, re.MULTILINE)
    project = Project(parent, service, name=name, stack=stack)
    # In an editable install the package looks like a plugin to be downloaded, which is tried for two seconds each time.
    project.env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "1"
    shutil.copytree(ROOT / source, project.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return project


def plain(text: str) -> list[str]:
    """Return lines without what differs from run to run: ids, durations, widths."""
    text = re.sub(r"v-[0-9a-z]{20}", "v-ID", text)
    text = re.sub(r"\([\d.]+m?s\)", "(T)", text)
    return [re.sub(" +", " ", line).rstrip() for line in text.splitlines() if line.strip()]


def shown(readme: Path) -> list[list[str]]:
    """Return what a README shows as output, block by block."""
    return [plain(block) for block in re.findall(r"^```text\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)]


def in_order(block: list[str], output: str) -> bool:
    """Whether the lines of a block were printed, in their order, among others."""
    printed = iter(plain(output))
    return all(line in printed for line in block)


def estate(service: Service) -> dict[str, Vault]:
    return {
        id_: Vault(id_, one["VaultName"], one["VaultRegionId"], one.get("ReplicationSourceVaultId"), one["Status"])
        for id_, one in service.vaults().items()
    }


def tags(vault: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in vault["Tags"]["Tag"]}


def topology_rows(project: Project) -> set[str]:
    """Return what a stack manages as rows of the table in its README."""
    resources = {name: one["inputs"] for name, one in project.state().items() if "region_id" in one.get("inputs", {})}
    mirrors = {one["source_vault_name"]: one["region_id"] for one in resources.values() if "source_vault_id" in one}
    cells = [
        (
            project.stack,
            name,
            one["region_id"],
            mirrors.get(name, "not mirrored"),
            one["vault_type"],
            one["encrypt_type"],
            "yes" if one["worm_enabled"] else "no",
            one["tags"]["team"],
        )
        for name, one in resources.items()
        if "source_vault_id" not in one
    ]
    return {f"| {' | '.join(row)} |" for row in cells}


def test_every_example_has_a_test_and_all_its_files() -> None:
    """A new example is added here, too."""
    projects = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("[es]*/*/Pulumi.yaml")}
    examples = {
        "examples/01-first-mirror",
        "examples/02-rejected",
        "examples/03-pull-request",
        "examples/04-policy-pack",
    }
    assert projects == {*examples, "stacks/retail-dr"}
    for project in projects:
        settings = (ROOT / project / "Pulumi.yaml").read_text()
        assert "description: " in settings
        assert "virtualenv" not in settings
        needed = (ROOT / project / "requirements.txt").read_text().splitlines()
        assert {"pulumi-cloudbackup", "pulumi-cloudbackup[test]"} & set(needed)
        assert (ROOT / project / "README.md").is_file()


def test_first_mirror(tmp_path: Path, service: Service) -> None:
    """Source, then mirror; nothing the second time; mirror, then source."""
    assert len((ROOT / "examples/01-first-mirror/__main__.py").read_text().splitlines()) == 12
    project = copied("examples/01-first-mirror", tmp_path, service)
    created_output, destroyed_output = shown(ROOT / "examples/01-first-mirror/README.md")

    created = project.up().ok()
    assert created.calls == ["CreateVault orders", "CreateReplicationVault [COPY]-orders"]
    assert in_order(created_output, created.output)
    again = project.up().ok()
    assert again.calls == []
    assert "3 unchanged" in again.output
    destroyed = project.destroy().ok()
    assert destroyed.calls == ["DeleteVault [COPY]-orders", "DeleteVault orders"]
    assert in_order(destroyed_output, destroyed.output)


def test_rejected(tmp_path: Path, service: Service) -> None:
    """The preview fails with CB201 in one line, and the service sees no call that changes anything."""
    rejected = copied("examples/02-rejected", tmp_path, service).run("preview").failed()
    (output,) = shown(ROOT / "examples/02-rejected/README.md")
    assert in_order(output, rejected.output)
    assert rejected.calls == []


def test_pull_request(tmp_path: Path, service: Service) -> None:
    """What its workflow judges can be carried out, and torn down (tests/cli/test_ci_reports.py runs the workflow)."""
    project = copied("examples/03-pull-request", tmp_path, service)
    preview = project.run("preview").ok()
    assert preview.calls == []
    assert "+ 3 to create" in preview.output
    assert project.up().ok().calls == ["CreateVault ledger", "CreateReplicationVault [COPY]-ledger"]
    assert project.destroy().ok().calls == ["DeleteVault [COPY]-ledger", "DeleteVault ledger"]


def test_policy_pack(tmp_path: Path, service: Service) -> None:
    """The stack keeps its policies; without the keys of finance its preview fails as the README shows."""
    project = copied("examples/04-policy-pack", tmp_path, service)
    kept = project.run("preview", "--policy-pack", "policy-pack/run").ok()
    assert "[mandatory]" not in kept.output

    program = project.folder / "__main__.py"
    keys = r' +encrypt_type="KMS",\n +kms_key_id=.*,\n|, kms_key_id=[^)]*'
    without_keys = re.sub(keys, "", program.read_text())
    program.write_text(without_keys)
    refused = project.run("preview", "--policy-pack", "policy-pack/run").failed()
    (block,) = shown(ROOT / "examples/04-policy-pack/README.md")
    assert in_order(block, refused.output)
    assert refused.calls == []


def test_retail_dr_in_dev(tmp_path: Path, service: Service) -> None:
    """The whole life of the stack: created in the right order, stable, told in the runbook, torn down with its data."""
    project = copied("stacks/retail-dr", tmp_path, service)
    created = project.up().ok()
    record = Record.of(service.calls(), {}, estate(service))
    assert record.broken_orders() == ()
    assert {vault.status for vault in record.after.values()} == {"CREATED"}
    assert in_order(shown(RETAIL / "README.md")[0], created.output)

    payments, payments_dr, catalog = (service.by_name(name) for name in ("payments", "payments-dr", "catalog"))
    assert (payments["EncryptType"], payments["KmsKeyId"]) == ("KMS", "alias/backup")
    assert (payments_dr["EncryptType"], payments_dr["KmsKeyId"]) == ("KMS", "alias/backup")
    assert catalog["VaultType"] == "OTS_BACKUP"
    assert tags(payments) == {"environment": "dev", "team": "payments", "data-class": "restricted"}

    state = project.state()
    runbook = state["retail-dr-dev"]["outputs"]["runbook"]
    assert runbook["payments"] == {
        "vault_id": payments["VaultId"],
        "region": "cn-hangzhou",
        "mirror_id": payments_dr["VaultId"],
        "mirror_region": "cn-beijing",
        "replication_status": "RUNNING",
        "replication_progress": 0,
        "restore_from": f"{payments_dr['VaultId']} in cn-beijing",
    }
    assert runbook["files"]["restore_from"] == "nothing: it is not mirrored"
    assert topology_rows(project) == {row for row in readme_rows() if row.startswith("| dev ")}

    again = project.up().ok()
    assert again.calls == []
    assert "12 unchanged" in again.output

    service.patch("orders", SnapshotCount=3)
    before, last = estate(service), service.last()
    project.destroy().ok()
    assert service.vaults() == {}
    assert Record.of(service.calls(last), before, {}).broken_orders() == ()


def test_retail_dr_in_prod(tmp_path: Path, service: Service) -> None:
    """Larger, immutable where it matters, within the quotas, and protected."""
    project = copied("stacks/retail-dr", tmp_path, service, "prod")
    preview = project.run("preview").ok()
    assert "+ 22 to create" in preview.output
    assert preview.calls == []

    project.up().ok()
    assert Record.of(service.calls(), {}, estate(service)).broken_orders() == ()
    assert service.by_name("orders")["WormEnabled"] is True
    assert topology_rows(project) == {row for row in readme_rows() if row.startswith("| prod ")}
    state = project.state()
    assert {state[name]["inputs"]["timeout"] for name in ("orders", "orders-dr")} == {1800}
    assert not any(one["inputs"].get("force_destroy") for one in state.values() if "inputs" in one)

    refused = project.destroy().failed()
    assert "because it is protected" in refused.output
    assert refused.calls == []


def test_wrong_configuration_is_told_in_sentences(tmp_path: Path, service: Service) -> None:
    """All at once, naming the keys, without a traceback."""
    project = copied("stacks/retail-dr", tmp_path, service)
    project.config("vaults.payments.encryptType", "AES", "--path").ok()
    project.run("config", "rm", "--path", "vaults.orders.team").ok()
    told = project.run("preview").failed()
    assert in_order(shown(RETAIL / "README.md")[1], told.output)
    assert told.calls == []


def readme_rows() -> set[str]:
    return {line for line in (RETAIL / "README.md").read_text().splitlines() if re.match(r"\| (dev|prod) \|", line)}


@pytest.fixture
def topology(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(RETAIL))
    return importlib.import_module("topology")


ORDERS = {"region": "cn-hangzhou", "team": "checkout", "dataClass": "internal"}
LONG = "x" * 100
VAULT_SETTINGS = "region, mirrorRegion, team, dataClass, vaultType, encryptType, wormEnabled"
DATA_CLASSES = "'public', 'internal', 'confidential' or 'restricted'"


@pytest.mark.parametrize(
    ("written", "sentences"),
    [
        pytest.param({}, ["s:vaults is missing."], id="nothing"),
        pytest.param(
            {"vaults": {}}, ["s:vaults is {} and should have at least 1 item after validation."], id="no vault"
        ),
        pytest.param({"vaults": [1]}, ["s:vaults is [1] and should hold settings of its own."], id="a list"),
        pytest.param(
            {"vaults": {"orders": None}},
            ["s:vaults.orders is empty and should hold settings of its own."],
            id="nothing in it",
        ),
        pytest.param(
            {"vaults": {"orders": {**ORDERS, "mirror": "cn-beijing"}}},
            [f"s:vaults.orders.mirror is not a setting; those of s:vaults.orders are {VAULT_SETTINGS}."],
            id="misspelt",
        ),
        pytest.param(
            {"vaults": {"orders": ORDERS}, "safety": {"protected": True}},
            ["s:safety.protected is not a setting; those of s:safety are protect, forceDestroy, timeoutSeconds."],
            id="misspelt elsewhere",
        ),
        pytest.param(
            {"vaults": {"orders": {**ORDERS, "team": 7, "wormEnabled": "perhaps"}}, "safety": {"timeoutSeconds": 0}},
            [
                "s:safety.timeoutSeconds is 0 and should be greater than 0.",
                "s:vaults.orders.team is 7 and should be a valid string.",
                's:vaults.orders.wormEnabled is "perhaps" and should be a valid boolean.',
            ],
            id="several",
        ),
        pytest.param(
            {"vaults": {"orders": {**ORDERS, "dataClass": LONG}}},
            [f's:vaults.orders.dataClass is "{LONG[:39]}... and should be {DATA_CLASSES}.'],
            id="cut",
        ),
        # The mirror is encrypted as its source is, so that both regions need a key.
        pytest.param(
            {"vaults": {"orders": {**ORDERS, "encryptType": "KMS", "mirrorRegion": "cn-beijing"}}},
            [
                "s:kmsKeys.cn-hangzhou is missing: orders is encrypted with KMS in that region.",
                "s:kmsKeys.cn-beijing is missing: the mirror of orders is encrypted with KMS in that region.",
            ],
            id="no keys",
        ),
    ],
)
def test_what_is_wrong_in_a_configuration(topology: ModuleType, written: dict[str, Any], sentences: list[str]) -> None:
    """One sentence for each key, nothing of pydantic in it."""
    with pytest.raises(pulumi.RunError) as told:
        topology.parse(written, "s")
    assert str(told.value).splitlines() == sentences


def test_defaults_are_those_of_production(topology: ModuleType) -> None:
    """What is not written is safe."""
    parsed = topology.parse({"vaults": {"orders": ORDERS}}, "s")
    assert parsed.safety.model_dump() == {"protect": True, "force_destroy": False, "timeout_seconds": 600}
    assert parsed.kms_key(parsed.vaults["orders"], "cn-hangzhou") is None
