"""Reading the real engine: what a preview and an update say, and what the state holds afterwards, is the same estate."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from engine_harness import Project, Service
from engine_samples import CHANGED, FIRST, NEIGHBOURS
from pulumi_cloudbackup.engine.event_stream import Event, Observed, StepEvent
from pulumi_cloudbackup.engine.exported import Exported, read_export
from pulumi_cloudbackup.engine.pulumi_cli import Asked, CliError, PulumiCli, Reason, find_pulumi
from pulumi_cloudbackup.estate import UNKNOWN, Estate
from pulumi_cloudbackup.estate.live import GONE

PAIR = """
orders = Vault("orders", region_id="cn-hangzhou", force_destroy=True)
MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")
"""
TWO = 'a = Vault("a", region_id="cn-hangzhou")\nVault("b", region_id="cn-shanghai", description=a.id)\n'


@pytest.fixture
def cli(project: Project, monkeypatch: pytest.MonkeyPatch) -> PulumiCli:
    """The CLI for a project with a stack, in an environment of its own."""
    for name in [name for name in os.environ if name.startswith(("PULUMI_", "CLOUDBACKUP_", "ALIBABA_"))]:
        monkeypatch.delenv(name)
    (project.folder / "neighbours.py").write_text(NEIGHBOURS)
    project.program("").run("stack", "ls")
    return PulumiCli(find_pulumi(project.env["PATH"]), project.folder, project.stack, project.env)


def exported(cli: PulumiCli) -> Exported:
    return read_export(cli.export_state())


def told(estate: Estate, *without: str) -> dict[str, object]:
    """Return an estate by URN, without some fields."""
    left_out = {*without, "created_time", "replication_progress", "replication_status", "source_status"}
    resources = (*estate.vaults, *estate.mirrors)
    return {str(one.urn): one.model_dump(exclude=left_out, exclude_defaults=True) for one in resources}


def ops(observed: Observed) -> set[str]:
    return {f"{one.op} {one.urn.split('::')[-1]}" for one in observed.steps if one.op != "same"}


def test_preview_update_and_state_agree(cli: PulumiCli, project: Project, service: Service) -> None:
    """First an empty stack, then a change of everything: each time the estate of the preview is what comes of it."""
    project.program(FIRST)
    preview = cli.preview()
    assert (preview.failed, preview.is_preview, preview.knows_dependencies) == (False, True, True)
    assert service.vaults() == {}
    assert {name: one for name, one in preview.counts.items() if one} == {"create": 9}

    came: list[Event] = []
    update = cli.up(on_event=came.append)
    assert not update.failed, update.errors
    assert ops(update) == ops(preview)
    assert sum(isinstance(one, StepEvent) for one in came) > len(update.steps)
    first = exported(cli)
    # What only the update knows; redundancy_type of a mirror is what the service chose.
    assert told(update.desired, "depends_on") == told(first.estate, "depends_on", "redundancy_type")
    later = ("id", "status", "description", "holds_data", "charge_type", "redundancy_type")
    assert told(preview.desired, *later) == told(first.estate, *later)
    assert preview.property_dependencies == first.property_dependencies
    around = {one.urn: one.depends_on for one in first.estate.foreign}
    assert {one.urn: one.depends_on for one in preview.foreign} == around
    assert [one.name for one in first.estate.vaults] == ["plain", "orders"]
    assert first.estate.mirrors[0].source == "orders"
    assert first.estate.vaults[0].description is UNKNOWN  # a secret

    again = cli.preview()
    assert ops(again) == set()
    assert told(again.desired, "redundancy_type") == told(first.estate, "redundancy_type")

    project.program(CHANGED)
    preview = cli.preview()
    assert preview.desired.mirrors[0].source == "orders"
    assert {one.action for one in preview.foreign} == {"none", "replace", "delete"}
    before, _ = service.last(), service.vaults()
    update = cli.up()
    assert not update.failed, update.errors
    assert ops(update) == ops(preview)
    assert [call for call in service.mutations(before) if "Update" not in call and "Tag" not in call] == [
        "DeleteVault [COPY]-orders",
        "DeleteVault orders",
        "CreateVault orders",
        "CreateReplicationVault [COPY]-orders",
    ]
    second = exported(cli)
    assert told(preview.desired, *later, "aliases") == told(second.estate, *later)
    assert {one.name: one.id for one in second.estate.vaults}["renamed"] == first.estate.vaults[0].id


def test_what_a_refresh_finds(cli: PulumiCli, project: Project, service: Service) -> None:
    """A source that is gone is told by its mirror."""
    project.program(PAIR)
    assert not cli.up().failed
    service.lose("orders")
    project.refresh().ok()
    found = exported(cli).estate
    assert found.vaults == ()
    assert found.mirrors[0].source_status == GONE


def test_targets_excludes_flags_and_environment(cli: PulumiCli, project: Project) -> None:
    """What is asked reaches the engine, the program and the providers."""
    project.program(f"import os\npulumi.log.info('told ' + os.environ['TOLD'])\n{TWO}")
    env = {"TOLD": "this"}
    first = cli.up(Asked(targets=(project.urn("Vault", "a"),), environment=env))
    assert not first.failed, first.errors
    assert any(one.message == "told this" for one in first.diagnostics)
    assert [one.name for one in first.desired.vaults] == ["a"]
    assert [one.is_left_out for one in first.steps if one.urn.endswith("::b")] == [True]
    preview = cli.preview(Asked(excludes=(project.urn("Vault", "b"),), environment=env))
    assert ops(preview) == set()
    surprised = cli.preview(Asked(flags=("--expect-no-changes",), environment=env))
    assert surprised.failed
    assert [one.severity for one in surprised.errors] == ["error"]


def test_an_update_that_fails(cli: PulumiCli, project: Project, service: Service) -> None:
    """No exception: what was done before counts."""
    project.program(PAIR)
    service.fault(action="CreateReplicationVault", fault="end_in_error")
    found = cli.up()
    assert found.failed
    assert {one.urn.split("::")[-1]: one.has_failed for one in found.steps} == {"orders": False, "orders-dr": True}
    assert [len(kind) for kind in (found.desired.mirrors, exported(cli).estate.mirrors)] == [1, 0]


def test_a_program_that_is_rejected(cli: PulumiCli, project: Project) -> None:
    """The reason is among the messages."""
    found = cli_preview_of(cli, project, 'Vault("a", region_id="cn-hangzhou", vault_name="")\n')
    assert "CB101" in found.errors[0].message
    found = cli_preview_of(cli, project, "raise ValueError('no')\n")
    assert "ValueError: no" in found.errors[0].message


def cli_preview_of(cli: PulumiCli, project: Project, program: str) -> Observed:
    project.program(program)
    found = cli.preview()
    assert (found.failed, found.desired.vaults) == (True, ())
    return found


def test_why_it_does_not_begin(cli: PulumiCli, project: Project, tmp_path: Path) -> None:
    """Each reason has a word for programs, and a way out for people."""
    env = project.env
    (tmp_path / "empty").mkdir()
    without = {**env, "PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_CONFIG_PASSPHRASE_FILE": ""}
    cases = [
        (PulumiCli(cli.executable, tmp_path / "empty", "dev", env), Reason.NO_PROJECT, "no Pulumi.yaml in"),
        (PulumiCli(cli.executable, cli.folder, "prod", env), Reason.NO_STACK, "pulumi stack init --cwd"),
        (
            PulumiCli(cli.executable, cli.folder, "dev", {**env, "PULUMI_CONFIG_PASSPHRASE": "x"}),
            Reason.WRONG_PASSPHRASE,
            "PULUMI_CONFIG_PASSPHRASE",
        ),
        (PulumiCli(cli.executable, cli.folder, "dev", without), Reason.WRONG_PASSPHRASE, "PULUMI_CONFIG_PASSPHRASE"),
        (
            PulumiCli(
                cli.executable, cli.folder, "dev", {**env, "PULUMI_BACKEND_URL": "", "PULUMI_HOME": str(tmp_path)}
            ),
            Reason.NOT_LOGGED_IN,
            "pulumi login",
        ),
        (
            PulumiCli(cli.executable, cli.folder, "dev", {**env, "PULUMI_BACKEND_URL": f"file://{tmp_path}/none"}),
            Reason.FAILED,
            "no such file",
        ),
        (PulumiCli(tmp_path / "empty", cli.folder, "dev", env), Reason.NO_CLI, "cannot be run: Permission denied"),
    ]
    for broken, reason, words in cases:
        for command in (broken.preview, broken.up):
            with pytest.raises(CliError) as error:
                command()
            assert (error.value.reason, words in str(error.value)) == (reason, True), error.value
    for broken in (cases[0][0], cases[1][0], cases[5][0]):
        with pytest.raises(CliError):
            broken.export_state()
    for flags, words in ((("--flop",), "unknown flag: --flop"), (("--",), "after one -- only")):
        with pytest.raises(CliError, match=words) as error:
            cli.preview(Asked(flags=flags))
        assert error.value.reason is Reason.UNKNOWN_FLAG


def test_no_cli() -> None:
    """It says where to get one."""
    with pytest.raises(CliError, match="https://www.pulumi.com/docs/iac/download-install/") as error:
        find_pulumi("/nowhere")
    assert error.value.reason is Reason.NO_CLI


def test_a_locked_stack(cli: PulumiCli, project: Project, service: Service) -> None:
    """Another update runs: who holds the lock, and how to remove it."""
    project.program(PAIR)
    service.fault(action="CreateVault", fault="slow", seconds=5)
    running = project.start("up", "--yes", "--skip-preview")
    service.wait_for("DescribeVaults", 0)
    with pytest.raises(CliError, match="pulumi cancel --cwd") as error:
        cli.up()
    assert error.value.reason is Reason.LOCKED
    assert "created by" in str(error.value)
    assert running.wait(60) == 0


def test_a_reader_that_gives_up(cli: PulumiCli, project: Project, service: Service) -> None:
    """The update is cancelled and waited for: nothing runs on, nothing is locked, what was created is in the state."""
    project.program(PAIR)
    service.fault(action="CreateVault", fault="slow", seconds=1)

    def give_up(event: Event) -> None:
        if isinstance(event, StepEvent) and event.kind == "Vault":
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        cli.up(on_event=give_up)
    assert [one.name for one in exported(cli).estate.vaults] == ["orders"]
    assert not locks(project)


def locks(project: Project) -> list[Path]:
    """Return the files by which the backend knows that an update is running."""
    return list(project.folder.parent.glob("backend/.pulumi/locks/**/*.json"))


SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from pulumi_cloudbackup.engine.pulumi_cli import PulumiCli, CliError
cli = PulumiCli(Path(sys.argv[1]), Path(sys.argv[2]), "dev")
try:
    found = getattr(cli, sys.argv[3])(**({"on_event": lambda event: print(event, flush=True)} if sys.argv[3] == "up" else {}))
except CliError as error:
    print("ended", error.reason)
else:
    print("ended", found.failed, found.cancelled)
"""


def start(cli: PulumiCli, project: Project, command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", dedent(SCRIPT), str(cli.executable), str(cli.folder), command],
        env=project.env,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"it never said {words}")


def rest_of(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=60)
    return said.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt(cli: PulumiCli, project: Project, service: Service, number: signal.Signals) -> None:
    """The first one lets the update end in good order: what was begun is in the state, nothing is locked."""
    project.program(PAIR)
    service.fault(action="CreateVault", fault="slow", seconds=2)
    process = start(cli, project, "up")
    service.wait_for("DescribeVaults", 0)
    read_until(process, "dynamic/cloudbackup:Vault")
    process.send_signal(number)
    assert rest_of(process) == "ended True True"
    assert [one.name for one in exported(cli).estate.vaults] == ["orders"]
    assert not locks(project)


def test_a_second_interrupt(cli: PulumiCli, project: Project, service: Service) -> None:
    """The second one does not wait for the service."""
    project.program(PAIR)
    service.fault(action="CreateVault", fault="slow", seconds=40)
    process = start(cli, project, "up")
    read_until(process, "dynamic/cloudbackup:Vault")
    process.send_signal(signal.SIGINT)
    read_until(process, "received; cancelling")
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert rest_of(process) == "ended True True"
    assert time.monotonic() - before < 20


@pytest.mark.parametrize("program", ["import time\ntime.sleep(600)\n", "while True:\n    pass\n"])
def test_a_preview_that_takes_too_long(cli: PulumiCli, project: Project, program: str) -> None:
    """It is given up, and nothing of it goes on."""
    project.program(program)
    start = time.monotonic()
    with pytest.raises(CliError, match=r"`pulumi preview` had not ended after 3 s, and was stopped\.") as error:
        replace(cli, seconds=3.0).preview()
    assert error.value.reason is Reason.TIMED_OUT
    assert time.monotonic() - start < 30
    end = time.monotonic() + 20
    while found := commands_naming(str(project.folder)):
        assert time.monotonic() < end, found
        time.sleep(0.1)


def commands_naming(text: str) -> list[str]:
    """Return the commands of all processes that name a text."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [command] if text in command else []
    return found


def test_an_interrupted_preview(cli: PulumiCli, project: Project) -> None:
    """There is nothing to report."""
    project.program("import time\nprint('here')\nopen('here', 'w').close()\ntime.sleep(30)\n")
    process = start(cli, project, "preview")
    while not (project.folder / "here").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert rest_of(process) == "ended interrupted"
