"""How the repository sets itself up."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pulumi_cli
import steps
import workspace
from bare_machine import TOOLS, Machine

REPOSITORY = TOOLS.parent


def found(path: Path, origin: pulumi_cli.Origin) -> pulumi_cli.Found:
    return pulumi_cli.Found(path, pulumi_cli.MINIMUM, origin, origin)


def shell(exports: str, expression: str, path: str) -> str:
    """Return what a shell makes of an expression after the exports."""
    command = ["/bin/sh", "-c", f'{exports}\nprintf %s "{expression}"']
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True).stdout


def test_environment_has_the_virtual_environment_first_and_then_the_cli(tmp_path: Path) -> None:
    """Also in a folder whose name a shell would split or expand."""
    pulumi = tmp_path / "it's $HOME" / "pulumi"
    exports = workspace.exports(found(pulumi, pulumi_cli.Origin.INSTALLED))
    assert all(line.startswith("export ") for line in exports.splitlines())
    assert shell(exports, "$PATH", "/before") == f"{REPOSITORY}/.venv/bin:{pulumi.parent}:/before"
    assert shell(exports, "$VIRTUAL_ENV $PULUMI_SKIP_UPDATE_CHECK", "") == f"{REPOSITORY}/.venv 1"


def test_environment_leaves_a_cli_on_path_where_it_is() -> None:
    """Other programs in its folder do not move forward with it."""
    exports = workspace.exports(found(Path("/usr/bin/pulumi"), pulumi_cli.Origin.PATH))
    assert shell(exports, "$PATH", "/before:/usr/bin") == f"{REPOSITORY}/.venv/bin:/before:/usr/bin"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the files that decide what is installed, for which a virtual environment is to be made."""
    for name in (*workspace.LOCKED, "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    venv = tmp_path / ".venv"
    for name, value in {
        "REPOSITORY": tmp_path,
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "DEPENDENCIES_STAMP": venv / ".dependencies.stamp",
        "PROJECT_STAMP": venv / ".project.stamp",
    }.items():
        monkeypatch.setattr(workspace, name, value)
    return tmp_path


@pytest.fixture
def installs(clone: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that records what is installed, instead of doing so."""
    done: list[str] = []

    def dependencies(_log: Path, _held: int) -> None:
        done.append("dependencies")
        shutil.rmtree(clone / ".venv", ignore_errors=True)
        workspace.PYTHON.parent.mkdir(parents=True)
        workspace.PYTHON.write_text("")
        workspace.PYTHON.chmod(0o755)

    monkeypatch.setattr(workspace, "_install_dependencies", dependencies)
    monkeypatch.setattr(workspace, "_install_project", lambda _log, _held: done.append("project"))
    return done


def change(path: Path) -> None:
    path.write_text(path.read_text() + "\n# changed\n")


def test_second_run_does_nothing(installs: list[str]) -> None:
    workspace.make_venv()
    workspace.make_venv()
    assert installs == ["dependencies", "project"]


@pytest.mark.parametrize("name", workspace.LOCKED)
def test_changed_requirements_make_a_new_environment(clone: Path, installs: list[str], name: str) -> None:
    workspace.make_venv()
    change(clone / name)
    workspace.make_venv()
    assert installs == ["dependencies", "project"] * 2


def test_changed_metadata_installs_the_project_again_and_nothing_else(clone: Path, installs: list[str]) -> None:
    workspace.make_venv()
    change(clone / "pyproject.toml")
    workspace.make_venv()
    assert installs == ["dependencies", "project", "project"]


def test_another_python_makes_a_new_environment(installs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.make_venv()
    monkeypatch.setattr(sys, "version", "3.99.0")
    workspace.make_venv()
    assert installs == ["dependencies", "project"] * 2


def test_half_finished_environment_is_made_again(
    clone: Path, installs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_log: Path, _held: int) -> None:
        (clone / ".venv" / "bin").mkdir(parents=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(workspace, "_install_dependencies", interrupted)
        with pytest.raises(KeyboardInterrupt):
            workspace.make_venv()
    workspace.make_venv()
    assert installs == ["dependencies", "project"]


def test_environment_whose_python_is_gone_is_made_again(clone: Path, installs: list[str]) -> None:
    workspace.make_venv()
    (clone / ".venv" / "bin" / "python").unlink()
    workspace.make_venv()
    assert installs == ["dependencies", "project"] * 2


def test_python_without_venv_is_one_message(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian ships Python without the part that makes virtual environments."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(steps.SetupError, match=r"apt-get install python3\.\d+-venv"):
        workspace.make_venv()
    assert not (clone / ".venv").exists()


def test_foreign_link_is_not_removed(clone: Path) -> None:
    (clone / ".venv").symlink_to(clone)
    with pytest.raises(steps.SetupError, match="move it away"):
        workspace.make_venv()
    assert (clone / "pyproject.toml").exists()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/pulumi/\n"
            "ERROR: Could not find a version that satisfies the requirement pulumi (from versions: none)\n"
            "ERROR: No matching distribution found for pulumi==3.272.0",
            "index could not be reached; pip says: No matching distribution found for pulumi==3.272.0",
            id="unreachable",
        ),
        pytest.param(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    pulumi==3.272.0",
            "not the one that requirements.txt expects",
            id="another file than expected",
        ),
        pytest.param(
            "Collecting pulumi\nERROR: No space left on device", "pip could not install .*: No space left", id="other"
        ),
    ],
)
def test_failure_of_pip_is_one_message(clone: Path, machine: Machine, said: str, expected: str) -> None:
    output = clone / "output"
    output.write_text(said)
    machine.script(workspace.PYTHON, f'cat "{output}"; exit 1')
    with steps.exclusive(clone / "lock", "") as held, pytest.raises(steps.SetupError, match=expected) as error:
        workspace._pip([], clone / "log", held)
    assert "\n" not in str(error.value)


def choose(machine: Machine, clone: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (clone / "tools").mkdir()
    shutil.copy(TOOLS / "python.sh", clone / "tools")
    machine.script(machine.path / "dirname", "echo tools")
    env = machine.environment | environment
    command = ["/bin/sh", "tools/python.sh"]
    return subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=False)


def test_first_python_that_is_recent_enough_is_chosen(machine: Machine, clone: Path) -> None:
    machine.script(machine.path / "python3", "exit 1")
    machine.script(machine.path / "python3.12", "exit 0")
    machine.script(machine.path / "python3.10", "exit 0")
    assert choose(machine, clone).stdout == "python3.12\n"


def test_python_that_made_the_environment_is_kept(machine: Machine, clone: Path) -> None:
    machine.script(machine.path / "python3", "exit 0")
    machine.script(clone / ".venv" / "bin" / "python", "exit 0")
    assert choose(machine, clone).stdout == "tools/../.venv/bin/python\n"


def test_named_python_is_used_or_refused(machine: Machine, clone: Path, tmp_path: Path) -> None:
    machine.script(machine.path / "python3", "exit 0")
    machine.script(machine.path / "old", "exit 1")
    answer = choose(machine, clone, PYTHON="old")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("setup: PYTHON=old is not a Python 3.10 or newer")


def test_no_python_is_one_message(machine: Machine, clone: Path) -> None:
    answer = choose(machine, clone)
    assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (1, "", 1)
    assert "no Python 3.10 or newer was found on PATH" in answer.stderr


def test_help_names_every_target_that_a_person_calls() -> None:
    make = shutil.which("make")
    assert make is not None
    answer = subprocess.run([make, "-s"], cwd=REPOSITORY, capture_output=True, text=True, check=True, env=os.environ)
    listed = re.findall(r"^  make (\S+)  +\S", answer.stdout, re.MULTILINE)
    assert {"help", "setup", "demo", "test", "check", "bench", "env", "clean", "lock"} <= set(listed)
