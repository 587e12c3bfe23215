"""Every command and code block of README, run as a reader would."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine_harness import Project, Service, environment, free_port

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
RUN_ELSEWHERE = {
    "make demo": "tests/engine/test_demo.py runs tools/demo.py; make setup is what ran this test",
    "pip install pulumi-cloudbackup": "tests/packaging builds the wheel and uses it; no release exists yet",
}


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def test_every_block_is_run_somewhere() -> None:
    """A new block needs a place here."""
    assert sorted(kind for kind, _ in BLOCKS) == [*["python"] * 2, *["sh"] * 5, "text"]
    assert [text.strip() for text in blocks("sh") if text.strip() in RUN_ELSEWHERE] == list(RUN_ELSEWHERE)
    assert len(README.splitlines()) <= 150


def test_the_program_is_the_first_example() -> None:
    """Which test_examples runs on the real engine."""
    program, _ = blocks("python")
    assert program == (ROOT / "examples/01-first-mirror/__main__.py").read_text()


def test_the_policy_test(tmp_path: Path) -> None:
    """As it stands, from the root of the repository."""
    _, test = blocks("python")
    (tmp_path / "test_readme_block.py").write_text(test)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(tmp_path / "pytest.ini")]
    done = subprocess.run(
        [*command, str(tmp_path / "test_readme_block.py")],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_by_hand(tmp_path: Path) -> None:
    """The walk through the example: every command succeeds, in a copy of the tree."""
    (script,) = [text for text in blocks("sh") if "pulumi up" in text]
    for name in ("Makefile", "tools", ".venv", "requirements.txt", "requirements-build.txt", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    port = str(free_port())
    env = environment(tmp_path, None)
    done = subprocess.run(
        ["bash", "-euc", script.replace("8071", port)],
        cwd=tmp_path,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for step in ("+ 3 created", "- 3 deleted", f"listening on http://127.0.0.1:{port}"):
        assert step in done.stdout


def test_configuration_commands(project: Project) -> None:
    """The two settings of the credentials."""
    (script,) = [text for text in blocks("sh") if "accessKeySecret" in text]
    for line in script.splitlines():
        command, *arguments = line.removeprefix("pulumi ").split()
        project.run(command, *arguments).ok()
    settings = (project.folder / "Pulumi.dev.yaml").read_text()
    assert "your-secret" not in settings
    assert "LTAI-your-key" in settings


def test_what_a_rejection_looks_like(project: Project) -> None:
    """The text block is what the engine prints."""
    (shown,) = blocks("text")
    shutil.copytree(ROOT / "examples/02-rejected", project.folder, dirs_exist_ok=True)
    rejected = project.run("preview").failed()
    assert re.sub(r"\s+", " ", shown).strip() in re.sub(r"\s+", " ", rejected.output)


def test_check() -> None:
    """The command for a commit hook, in the tree as it is."""
    (script,) = [text for text in blocks("sh") if text.startswith("cloudbackup check")]
    command, *arguments = script.split()
    executable = Path(sys.executable).with_name(command)
    done = subprocess.run([executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "no problems in " in done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "docs/mistakes.md",
        "docs/resources.md",
        "docs/emulator.md",
        "docs/ci.md",
        "docs/plan.md",
        "docs/policies.md",
        "docs/policy-pack.md",
        "docs/testing.md",
        "CHANGELOG.md",
        "LICENSE",
        "examples",
        "stacks/retail-dr",
    ],
)
def test_what_readme_points_to_exists(name: str) -> None:
    """No dead links."""
    assert name in README or name == "LICENSE"
    assert (ROOT / name).exists()


def test_faults_of_the_emulator_document_exist(service: Service) -> None:
    """Every fault that docs/emulator.md names can be ordered."""
    text = (ROOT / "docs/emulator.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| `POST /_emulator/faults`")]
    for fault in re.findall(r"`([a-z_0-9]+)`", row.split("queues a fault:")[1].split("; `after`")[0]):
        if fault != "seconds":
            service.fault(action="CreateVault", fault=fault, times=1, **({"seconds": 1} if fault == "slow" else {}))
    service.reset_faults()
