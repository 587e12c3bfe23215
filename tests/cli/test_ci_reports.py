"""Reports for CI on the command line: places in the repository, files, exit codes, and the workflow of the example."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml  # type: ignore[import-untyped] # no stubs for one test

from offline_harness import COMMAND, GOOD, Project, Run
from pulumi_cloudbackup.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "03-pull-request"
WORKFLOW = EXAMPLE / ".github" / "workflows" / "disaster-recovery.yml"
FORMATS = ["text", "json", "markdown", "junit", "sarif"]
MIRROR = 'MirrorVault("orders-dr", source=orders, region_id="cn-{}")\n'
BEGINNINGS = {"json": "{", "markdown": "### Check", "junit": "<?xml", "sarif": "{"}


def results(run: Run) -> list[tuple[str, str, int]]:
    """Return rule, file and line of each result of a SARIF log."""
    return [
        (
            one["ruleId"],
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            one["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for one in run.json["runs"][0]["results"]
    ]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("region", "code"), [("shanghai", 0), ("hangzhou", 3)])
def test_a_format_changes_nothing_but_the_report(project: Project, form: str, region: str, code: int) -> None:
    """The exit code is the same; --out holds what would be printed, and one line says so."""
    project.program(GOOD + MIRROR.format(region))
    printed = project.check("--format", form)
    assert (printed.code, printed.err) == (code, "")
    assert printed.out.startswith(BEGINNINGS.get(form, ""))
    written = project.check("--format", form, "--out", "report")
    told = "no problems" if code == 0 else "1 error"
    assert (written.code, written.out, written.err) == (code, "", f"cloudbackup: check: wrote report: {told}\n")
    assert (project.folder / "report").read_text(encoding="utf-8") == printed.out


@pytest.mark.parametrize("form", ["junit", "sarif"])
def test_a_program_that_fails_has_no_report(project: Project, form: str) -> None:
    """Exit code 1, and no file that would look as if all was well."""
    run = project.program("1 / 0").check("--format", form, "--out", "report").failed()
    assert "ZeroDivisionError" in run.err
    assert not (project.folder / "report").exists()


def test_a_file_that_cannot_be_written(project: Project) -> None:
    """One line."""
    run = project.program(GOOD).check("--out", "no/such/folder").failed()
    assert run.err == "cloudbackup: check: no/such/folder cannot be written: No such file or directory\n"


PROGRAM = """
names = ["made", "up"]
Vault(
    "bad",
    region_id="cn-hangzhou", vault_name="")
Vault("-".join(names), region_id="cn-hangzhou", vault_name="")
import local
"""
LOCAL = (
    'from pulumi_cloudbackup import Vault\n# "elsewhere"\nVault("elsewhere", region_id="cn-hangzhou", vault_name="")\n'
)


def test_lines_of_a_program(project: Project) -> None:
    """Where a class is called with the name; line 1 of the program for names that it puts together."""
    project.write("local.py", LOCAL).write(".venv/x.py", LOCAL).write("a/crooked.py", "def").program(PROGRAM)
    assert results(project.check("--format", "sarif")) == [
        ("CB101", "__main__.py", 5),
        ("CB101", "__main__.py", 1),
        ("CB101", "local.py", 3),
    ]
    cases = ET.fromstring(project.check("--format", "junit").out)  # noqa: S314 - it is ours
    assert {(one.attrib["classname"], one.attrib["line"]) for one in cases.iter("testcase")} == {
        *(("bad", "5"), ("elsewhere", "3"), ("made-up", "1"))
    }


def test_files_are_named_from_the_root_of_the_repository(project: Project) -> None:
    """Wherever the command runs; without a repository from there."""
    project.program(PROGRAM).write("local.py", "").write("infra/Pulumi.yaml", "name: shop\nruntime: python\n")
    project.write("infra/src/__main__.py", (project.folder / "__main__.py").read_text().replace("import local", ""))
    project.write("infra/Pulumi.yaml", "name: shop\nruntime: python\nmain: src\n")
    file = "infra/src/__main__.py"
    assert [one[1] for one in results(project.check("infra", "--format", "sarif"))] == [file, file]
    inside = Project(project.folder / "infra" / "src" / "deep")
    (inside.folder / "Pulumi.yaml").unlink()
    (project.folder / ".git").mkdir()
    assert [one[1] for one in results(inside.check("../..", "--format", "sarif"))] == [file, file]


def test_runs_of_several_stacks_are_told_apart(project: Project) -> None:
    """Code scanning keeps the results of each."""
    project.program(GOOD).write("Pulumi.dev.yaml", "config: {}\n").write("Pulumi.prod.yaml", "config: {}\n")
    ids = [
        project.check("--format", "sarif", "--stack", name).json["runs"][0]["automationDetails"]["id"]
        for name in ("dev", "prod")
    ]
    assert ids == ["cloudbackup/check/__main__.py/dev/", "cloudbackup/check/__main__.py/prod/"]


def vault(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "region_id": "cn-hangzhou", **more}


DECLARED = {
    "schema_version": 1,
    "vaults": [vault("orders")],
    "mirrors": [vault("orders-dr", source="orders")],
}


@pytest.mark.parametrize("form", ["junit", "sarif"])
def test_a_plan_of_estate_files(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line in the file of what is to be; the exit codes of a plan."""
    monkeypatch.chdir(tmp_path)
    Path("current.json").write_text('{"schema_version": 1}')
    Path("desired.json").write_text(json.dumps(DECLARED, indent=1))
    arguments = ["plan", "--current", "current.json", "--desired", "desired.json", "--format", form]
    assert main(arguments) == 3
    out, err = capsys.readouterr()
    assert err == ""
    line = Path("desired.json").read_text().splitlines().index('   "name": "orders-dr",') + 1
    if form == "sarif":
        assert results(Run(3, out, err)) == [("CB201", "desired.json", line)]
    else:
        failed = ET.fromstring(out).find(".//failure/..")  # noqa: S314 - it is ours
        assert failed is not None
        assert (failed.attrib["file"], failed.attrib["line"]) == ("desired.json", str(line))
    assert main([*arguments, "--out", "report"]) == 3
    assert Path("report").read_text() == out
    Path("desired.json").write_text('{"schema_version": 1}')
    assert main([*arguments, "--detailed-exitcode"]) == 0


def test_a_plan_offline(project: Project) -> None:
    """The line in the program."""
    project.program(GOOD + MIRROR.format("hangzhou"))
    command = [*COMMAND, "plan", "--offline", "--format", "sarif"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert results(Run(done.returncode, done.stdout, done.stderr)) == [("CB201", "__main__.py", 4)]
    assert done.returncode == 3


def steps() -> list[dict[str, Any]]:
    """Return the steps of the one job of the workflow."""
    document = yaml.safe_load(WORKFLOW.read_text())
    (job,) = document["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_the_workflow() -> None:
    """As small as it can be: nothing is granted but what its steps need, and actions are pinned to a major version."""
    document = yaml.safe_load(WORKFLOW.read_text())
    assert document[True] == {"pull_request": None}  # YAML 1.1 reads `on` so
    assert document["permissions"] == {}
    assert document["jobs"]["check"]["permissions"] == {
        "contents": "read",
        "security-events": "write",
        "pull-requests": "write",
    }
    used = [step["uses"] for step in steps() if "uses" in step]
    assert all(re.fullmatch(r"(actions|github)/[\w/-]+@v\d+", one) for one in used)
    assert {one.partition("@")[0] for one in used} >= {"github/codeql-action/upload-sarif", "actions/github-script"}
    assert "secrets." not in WORKFLOW.read_text()
    assert all("!cancelled()" in step["if"] for step in steps() if str(step.get("name")).startswith("Verdict"))


def carried_out(program: str, folder: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Run what the workflow runs, in a copy of the example with another program; return exit codes and reports."""
    copy = folder / "copy"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "__main__.py").write_text(program)
    (copy / "state.json").write_text('{"version": 3, "deployment": {"manifest": {}, "resources": []}}')
    env = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    codes = {}
    for step in steps():
        if "run" in step and not step["run"].startswith("pip "):
            command = ["bash", "-eo", "pipefail", "-c", step["run"]]
            done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
            assert "usage" not in done.stderr
            codes[step["name"]] = done.returncode
    return codes, {file.name: file.read_text() for file in (copy / "reports").iterdir()}


@pytest.mark.parametrize(("region", "code"), [("cn-shanghai", 0), ("cn-hangzhou", 3)])
def test_the_workflow_runs(region: str, code: int, tmp_path: Path) -> None:
    """The reports are there, and the verdict is that of the program."""
    program = (EXAMPLE / "__main__.py").read_text().replace("cn-shanghai", region)
    codes, reports = carried_out(program, tmp_path)
    assert codes == {
        "Write the reports": 0,
        "Plan against the exported state": 0,
        "Tests": int(code != 0),
        "Verdict": code,
        "Verdict of the plan": code,
    }
    assert set(reports) == {"cloudbackup.sarif", "cloudbackup.xml", "comment.md", "tests.xml"}
    assert reports["comment.md"].startswith("### Plan of the backup vaults\n")
    assert len(json.loads(reports["cloudbackup.sarif"])["runs"][0]["results"]) == (code != 0)
    assert ET.fromstring(reports["cloudbackup.xml"]).attrib["failures"] == str(int(code != 0))  # noqa: S314 - it is ours


def test_the_workflow_of_a_program_that_fails(tmp_path: Path) -> None:
    """Nothing hides that: every step fails, and no report of the check is written."""
    codes, reports = carried_out("1 / 0\n", tmp_path)
    assert set(codes.values()) == {1}
    assert set(reports) == {"tests.xml"}
