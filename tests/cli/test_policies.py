"""`--policy`: policies of files and modules, applied to programs and plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offline_harness import GOOD, Project
from pulumi_cloudbackup.cli import main

POLICIES = """
from pulumi_cloudbackup.policies import Violation, every_vault_is_mirrored, nothing_is_deleted, policy

@policy
def named(proposal):
    \"\"\"Names are long.\"\"\"
    for one in proposal.declared:
        yield Violation(one.name, f"{one.name} is short.", "Make it longer.")

POLICIES = [every_vault_is_mirrored(), nothing_is_deleted(), named.advisory()]
"""
THERE = {"name": "orders", "region_id": "cn-hangzhou", "id": "v-1", "status": "CREATED", "holds_data": False}


@pytest.fixture
def policies(tmp_path: Path) -> str:
    file = tmp_path / "our_policies.py"
    file.write_text(POLICIES)
    return str(file)


def planned(tmp_path: Path, current: list[Any], desired: list[Any], *more: str) -> int:
    names = []
    for name, vaults in (("a.json", current), ("b.json", desired)):
        (tmp_path / name).write_text(json.dumps({"schema_version": 1, "vaults": vaults}))
        names.append(str(tmp_path / name))
    return main(["plan", "--current", names[0], "--desired", names[1], *more])


def test_a_program(project: Project, policies: str) -> None:
    """What breaks a mandatory one is an error; those about updates are named."""
    told = project.program(GOOD).check("--policy", policies)
    assert told.code == 3
    for words in (
        "error every-vault-is-mirrored: Every vault has a mirror vault",
        "warning named: Names are long",
        "not judged, because they are about updates (cloudbackup plan): nothing-is-deleted",
    ):
        assert words in told.out
    assert project.check_json("--policy", policies).codes == ["every-vault-is-mirrored", "named"]


def test_a_plan_of_files(tmp_path: Path, policies: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Policies see the whole estates, also what stays as it is, and what is deleted."""
    assert planned(tmp_path, [THERE], [], "--policy", policies, "--format", "json") == 3
    told = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in told["problems"]] == ["nothing-is-deleted"]
    assert planned(tmp_path, [THERE], [THERE], "--policy", policies, "--format", "json") == 3
    told = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["severity"]) for one in told["problems"]] == [
        ("every-vault-is-mirrored", "error"),
        ("named", "warning"),
    ]
    assert told["stages"] == []


def test_a_plan_offline(project: Project, policies: str, capsys: pytest.CaptureFixture[str]) -> None:
    program = 'Vault(pulumi.Config().require("name"), region_id="cn-hangzhou")\n'
    folder = str(project.program(program).folder)
    arguments = ["plan", "--offline", folder, "--policy", policies]
    assert main([*arguments, "--config", "name=bills"]) == 3
    assert 'Vault "bills" has no mirror vault' in capsys.readouterr().out
    assert main([*arguments, "--config", "name"]) == 1
    assert "'name' is not KEY=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / 0", "bad.py:1: ZeroDivisionError: division by zero"),
        ("def x(:", "bad.py:1: SyntaxError: "),
        ("import nothing_like_it", "bad.py:1: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("POLICIES = 3", "POLICIES of "),
        ("x = 1", "There are no policies in "),
        ("raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_modules_that_cannot_be_used(text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.py"
    file.write_text(text + "\n")
    assert planned(tmp_path, [], [], "--policy", str(file)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"cloudbackup: plan: --policy {file}: ")
    assert words in err


def test_names_that_lead_nowhere(tmp_path: Path, policies: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(tmp_path, [], [], "--policy", "nowhere.py") == 1
    assert "there is no such file" in capsys.readouterr().err
    assert planned(tmp_path, [], [], "--policy", "no.such.module") == 1
    assert "No module named" in capsys.readouterr().err
    assert planned(tmp_path, [], [], "--policy", policies, "--policy", policies) == 1
    assert "policy every-vault-is-mirrored is in" in capsys.readouterr().err


def test_a_module_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As Python finds it from here."""
    (tmp_path / "team_rules_of_ours.py").write_text(POLICIES)
    monkeypatch.chdir(tmp_path)
    assert planned(tmp_path, [THERE], [THERE], "--policy", "team_rules_of_ours") == 3
    assert "every-vault-is-mirrored" in capsys.readouterr().out
