"""How a Pulumi CLI is installed: from the official installer, else built, once, and whole or not at all."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pulumi_build
import pulumi_cli
import pulumi_proof
from bare_machine import TOOLS, Machine, eventually, is_running
from pulumi_cli import Origin
from steps import SetupError

OFFICIAL = """
for name in ("pulumi", "pulumi-language-python"):
    program = pathlib.Path(root) / "bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\\necho v3.272.0\\n")
    program.chmod(0o755)
"""
HANGING = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(__file__).with_name("pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(60)
"""
GET = f"""
import sys
sys.path.insert(0, {str(TOOLS)!r})
import pulumi_cli, steps
from pathlib import Path
def main():
    print(pulumi_cli.get(Path(sys.executable), prove=lambda *_: None).path)
    return 0
sys.exit(steps.guarded(main))
"""
"""A run of its own. The CLIs that the fakes make cannot preview anything, so here nothing has to be proven."""


def accept(_bin_dir: Path, _python: Path, _scratch: Path) -> None:
    """Stand for the proof: the CLIs that the fakes make cannot preview anything."""


def get(machine: Machine) -> pulumi_cli.Found:
    return pulumi_cli.get(Path(sys.executable), machine.environment, accept)


def start(machine: Machine) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", GET], env=machine.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_official_installer_comes_first(machine: Machine) -> None:
    machine.official(OFFICIAL)
    machine.go()
    found = get(machine)
    place = machine.tools / f"cli-v3.272.0-official-{pulumi_cli._machine()}"
    assert found == pulumi_cli.Found(
        place / "bin" / "pulumi", pulumi_cli.Version(3, 272, 0), Origin.OFFICIAL, Origin.OFFICIAL
    )
    assert (machine.left, machine.builds) == ([place.name], [])


def test_second_run_finds_what_the_first_one_installed(machine: Machine) -> None:
    machine.official(OFFICIAL)
    first = get(machine)
    machine.official("raise AssertionError('again')")
    second = get(machine)
    assert (second.path, second.origin, second.made_by) == (first.path, Origin.INSTALLED, Origin.OFFICIAL)


def test_build_follows_when_the_official_installer_fails(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.go()
    found = get(machine)
    assert found == pulumi_cli.Found(
        machine.tools / pulumi_cli._built_name() / "bin" / "pulumi",
        pulumi_cli.Version(3, 259, 0),
        Origin.BUILT,
        Origin.BUILT,
    )
    assert sorted(file.name for file in found.bin_dir.iterdir()) == [
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    ]
    assert all(os.access(file, os.X_OK) for file in found.bin_dir.iterdir())
    said = capsys.readouterr().err
    assert "no: OSError: no such host" in said
    assert "from Go modules (about 5 minutes on 2 cores the first time)" in said


def test_cli_that_fails_its_proof_is_not_kept(machine: Machine) -> None:
    """An official one is passed over for a build; when that fails too, nothing is left."""
    machine.official(OFFICIAL)
    machine.go()

    def prove(bin_dir: Path, _python: Path, _scratch: Path) -> None:
        raise SetupError(f"{(bin_dir / 'pulumi').read_text().split()[-1]} does not work")

    with pytest.raises(SetupError) as error:
        pulumi_cli.get(Path(sys.executable), machine.environment, prove)
    assert "  official: v3.272.0 does not work\n  built: v3.259.0 does not work\n" in str(error.value)
    assert machine.left == []


def test_official_installer_is_ended_with_all_it_started_when_nothing_arrives(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi_cli, "OFFICIAL_STALL_SECONDS", 1.0)
    machine.official(HANGING)
    machine.go()
    assert get(machine).origin is Origin.BUILT
    pids = [int(pid) for pid in (machine.root / "modules" / "pulumi" / "pids").read_text().split()]
    assert len(pids) == 2
    assert eventually(lambda: not any(is_running(pid) for pid in pids))


def test_official_installer_may_take_long_while_something_arrives(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi_cli, "OFFICIAL_STALL_SECONDS", 1.0)
    trickle = """
with open(os.environ["TMPDIR"] + "/download", "wb", buffering=0) as download:
    for _ in range(4):
        time.sleep(0.4)
        download.write(b"x")
"""
    machine.official(trickle + OFFICIAL)
    assert get(machine).origin is Origin.OFFICIAL


def test_official_installer_that_fails_is_quoted(machine: Machine) -> None:
    """Not the exception of the Python that called it."""
    machine.official("subprocess.check_output(['/bin/sh', '-c', 'echo error: disk full; exit 1'])")
    with pytest.raises(SetupError, match="  official: error: disk full\n"):
        get(machine)


def test_message_without_go_and_without_download_says_what_to_install(machine: Machine) -> None:
    machine.pulumi("v3.100.0")
    answer = subprocess.run(
        [sys.executable, TOOLS / "pulumi_cli.py", "--python", sys.executable],
        env=machine.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout, machine.left) == (1, "", [])
    assert answer.stderr == (
        f"setup: not used: {machine.path}/pulumi is 3.100.0; 3.219.0 or a later 3.x is needed\n"
        "setup: Getting the Pulumi CLI with its official installer ...\n"
        "setup: ... no: OSError: no such host\n"
        "setup: there is no Pulumi CLI, and none could be made:\n"
        "  official: OSError: no such host\n"
        "  built: there is no `go` on PATH\n"
        "Install one of these, then run the same command again:\n"
        "  the Pulumi CLI, 3.219.0 or newer: https://www.pulumi.com/docs/iac/download-install/\n"
        f"  Go, {pulumi_build.needed_go()} or newer, to build it: https://go.dev/doc/install\n"
    )


@pytest.mark.parametrize(
    ("version", "toolchain", "refused"),
    [
        pytest.param("1.24.9", "local", True, id="too old"),
        pytest.param("1.20.1", "auto", True, id="too old to fetch a newer one"),
        pytest.param("1.24.9", "auto", False, id="able to fetch a newer one"),
        pytest.param("1.25.11", "local", False, id="just new enough"),
        pytest.param("1.30rc1", "local", False, id="a candidate of a newer one"),
    ],
)
def test_go_is_new_enough_or_the_message_says_so(
    machine: Machine, version: str, toolchain: str, *, refused: bool
) -> None:
    machine.go(version=version, toolchain=toolchain)
    if refused:
        with pytest.raises(SetupError, match=rf"is go{version}; go1\.\d+\.\d+ or newer is needed"):
            get(machine)
    else:
        assert get(machine).origin is Origin.BUILT


def test_build_is_not_touched_by_the_go_settings_of_the_person(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.go()
    environment = machine.environment | {"GOFLAGS": "-mod=vendor", "GOOS": "plan9", "GOWORK": "/elsewhere/go.work"}
    pulumi_cli.get(Path(sys.executable), environment, accept)
    assert [(build["GOFLAGS"], build["GOOS"]) for build in map(json.loads, machine.builds)] == [
        ("-buildvcs=false", "linux"),
        ("-buildvcs=false", "linux"),
    ]


def test_two_runs_at_once_build_once(machine: Machine) -> None:
    machine.go(seconds=0.5)
    runs = [start(machine), start(machine)]
    answers = [run.communicate(timeout=30) for run in runs]
    path = machine.tools / pulumi_cli._built_name() / "bin" / "pulumi"
    assert [run.returncode for run in runs] == [0, 0]
    assert [out for out, _ in answers] == [f"{path}\n", f"{path}\n"]
    assert len(machine.builds) == len(pulumi_build.PROGRAMS)
    assert sum("another run is getting the Pulumi CLI; waiting for it" in err for _, err in answers) == 1
    assert machine.left == [path.parent.parent.name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_build_leaves_nothing(machine: Machine, number: signal.Signals) -> None:
    """Neither files nor programs."""
    machine.go(seconds=60)
    run = start(machine)
    assert eventually(lambda: len(machine.builds) == 1)
    run.send_signal(number)
    _, said = run.communicate(timeout=10)
    assert run.returncode == 128 + number
    assert "Traceback" not in said
    assert machine.left == []
    assert eventually(lambda: not is_running(json.loads(machine.builds[0])["pid"]))


def test_what_a_killed_run_left_is_removed_by_the_next(machine: Machine) -> None:
    machine.go(seconds=60)
    run = start(machine)
    assert eventually(lambda: len(machine.builds) == 1)
    run.kill()
    run.communicate(timeout=10)
    os.kill(json.loads(machine.builds[0])["pid"], signal.SIGKILL)  # nobody was left to end it
    assert [name.startswith(pulumi_cli.STAGING) for name in machine.left] == [True]
    assert pulumi_cli.find(machine.environment) is None

    machine.go()
    assert get(machine).origin is Origin.BUILT
    assert machine.left == [pulumi_cli._built_name()]


def test_damaged_cli_is_replaced(machine: Machine) -> None:
    machine.go()
    found = get(machine)
    found.path.write_text("cut")
    assert get(machine).origin is Origin.BUILT
    assert pulumi_cli.find(machine.environment) is not None
    assert machine.left == [pulumi_cli._built_name()]


def test_place_that_cannot_be_written_is_one_message(machine: Machine) -> None:
    machine.tools.write_text("a file")
    with pytest.raises(SetupError, match=r"cannot be written .* CLOUDBACKUP_TOOLS_DIR names another place"):
        get(machine)


def test_remove_takes_what_was_installed_and_nothing_else(machine: Machine) -> None:
    machine.go()
    get(machine)
    (machine.tools / "something-else").write_text("")
    command = [sys.executable, str(TOOLS / "pulumi_cli.py"), "--remove"]
    subprocess.run(command, env=machine.environment, capture_output=True, check=True)
    assert machine.left == ["something-else"]


def preview(*names: str) -> str:
    urns = [f"urn:pulumi:proof::proof::type::{name}" for name in names]
    return json.dumps({"steps": [{"op": "create", "urn": urn} for urn in urns]})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(f"echo '{preview('proof-proof', 'first', 'second')}'", None, id="as it should be"),
        pytest.param(f"echo '{preview('proof-proof', 'second', 'first')}'", "instead of a stack", id="wrong order"),
        pytest.param(f"echo '{preview('proof-proof')}'", "instead of a stack", id="resources missing"),
        pytest.param("echo hello", "not write a preview that can be read", id="no preview"),
        pytest.param(
            "echo 'error: no language host' >&2; exit 255", "cannot .*: error: no language host", id="failing"
        ),
    ],
)
def test_proof_is_the_preview_that_the_program_must_have(machine: Machine, answer: str, reason: str | None) -> None:
    pulumi = machine.script(machine.root / "bin" / "pulumi", answer)
    scratch = machine.root / "scratch"
    scratch.mkdir()
    if reason is None:
        pulumi_proof.preview_two_resources(pulumi.parent, Path(sys.executable), scratch)
    else:
        with pytest.raises(SetupError, match=reason):
            pulumi_proof.preview_two_resources(pulumi.parent, Path(sys.executable), scratch)


@pytest.mark.engine
def test_cli_in_use_passes_the_proof(tmp_path: Path) -> None:
    found = pulumi_cli.find()
    assert found is not None, "run: make setup"
    pulumi_proof.preview_two_resources(found.bin_dir, Path(sys.executable), tmp_path)
