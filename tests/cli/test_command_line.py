"""The command `cloudbackup`: arguments, exit codes, and the emulator as a process."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_hbr20170908.client import Client
from alibabacloud_tea_openapi.models import Config

from pulumi_cloudbackup.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nothing"], id="unknown command"),
        pytest.param(["--nothing"], id="unknown option"),
        pytest.param(["emulator", "--nothing"], id="unknown option of a command"),
        pytest.param(["emulator", "extra"], id="one argument too many"),
        pytest.param(["emulator", "--port"], id="option without its value"),
        pytest.param(["emulator", "--port", "x"], id="no port"),
        pytest.param(["emulator", "--port", "65536"], id="port too large"),
        pytest.param(["emulator", "--port", "-1"], id="negative port"),
        pytest.param(["emulator", "--initializing-seconds", "soon"], id="no number"),
        pytest.param(["emulator", "--initializing-seconds", "-1"], id="negative number"),
        pytest.param(["emulator", "--deleting-seconds", "inf"], id="endless"),
        pytest.param(["emulator", "--access-key-id", "a"], id="id without a secret"),
        pytest.param(["emulator", "--access-key-id", "", "--access-key-secret", ""], id="empty id"),
        pytest.param(["emulator", *["--access-key-id", "a", "--access-key-secret", "b"] * 2], id="id twice"),
        pytest.param(["emulator", "--state", "/no/such/directory/state.db"], id="unwritable state"),
        pytest.param(["emulator", "--state", ""], id="empty state"),
        pytest.param(["emulator", "--state", __file__], id="state that is none"),
        pytest.param(["emulator", "--host", "192.0.2.1"], id="foreign address"),
        pytest.param(["emulator", "--host", "."], id="no address"),
    ],
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is told in one line, with exit code 1."""
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cloudbackup: ")
    assert err.count("\n") == 1


def test_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is taken is told in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["emulator", "--port", str(taken.getsockname()[1])]) == 1
    err = capsys.readouterr().err
    assert "in use" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["emulator", "--help"]])
def test_asking(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Version and help go to stdout and are fine."""
    assert main(arguments) == 0
    assert capsys.readouterr().out.split()[:1] in (["cloudbackup"], ["usage:"])


def test_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the commands are listed."""
    assert main([]) == 1
    err = capsys.readouterr().err
    assert all(name in err for name in COMMANDS)


def test_what_nobody_expected(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake of ours is one line too, which can be reported."""
    monkeypatch.setattr("pulumi_cloudbackup.cli.rules_command.run", lambda _: 1 // 0)
    assert main(["rules"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"cloudbackup: ZeroDivisionError in test_command_line.py:\d+. This is a bug in cloudbackup, please report it.\n",
        err,
    )


def test_commands_are_imported_when_used() -> None:
    """The command line itself is light."""
    script = (
        "import sys, pulumi_cloudbackup; before = set(sys.modules); from pulumi_cloudbackup.cli import main; "
        "main(['--help']); print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert not {"uvicorn", "starlette", "pulumi", "pulumi_cloudbackup.emulator"} & modules
    assert "pulumi_cloudbackup.cli" in modules


class Process:
    """An emulator as a process."""

    def __init__(self, *arguments: str) -> None:
        """Start it and read its first line."""
        command = [sys.executable, "-m", "pulumi_cloudbackup.cli", "emulator", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        self.url = self.first_line.removeprefix("listening on ").strip()

    def end(self, number: int) -> tuple[int, str, str, float]:
        """Send a signal and return exit code, what is left of stdout, stderr, and how long it took."""
        begin = time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err, time.monotonic() - begin


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Emulators to be killed at the end of the test, if they still run."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        if process.process.poll() is None:
            process.process.kill()
        process.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_emulator(started: list[Process], number: int) -> None:
    """It tells its address once it accepts connections, and ends quickly and cleanly on a signal."""
    started.append(emulator := Process("--port", "0", "--access-key-id", "me", "--access-key-secret", "mine"))
    assert emulator.first_line.startswith("listening on http://127.0.0.1:")
    with httpx.Client() as kept_alive:
        kept_alive.get(f"{emulator.url}/_emulator/vaults").raise_for_status()
        config = Config(access_key_id="me", access_key_secret="mine", protocol="http")
        config.endpoint = emulator.url.removeprefix("http://")
        request = models.CreateVaultRequest(vault_region_id="cn-hangzhou", vault_name="a")
        assert Client(config).create_vault(request).body.success is True
        code, out, err, seconds = emulator.end(number)
    assert (code, out, err) == (0, "", "")
    assert seconds < 3


def test_options(started: list[Process], tmp_path: Path) -> None:
    """Times, state and authentication are as ordered."""
    state = tmp_path / "state.db"
    started.append(emulator := Process("--state", str(state), "--initializing-seconds", "0", "--no-auth"))
    query = {"Action": "CreateVault", "VaultRegionId": "cn-hangzhou", "VaultName": "a"}
    httpx.get(emulator.url, params=query).raise_for_status()
    assert httpx.get(f"{emulator.url}/_emulator/vaults").json()[0]["Status"] == "CREATED"
    assert emulator.end(signal.SIGTERM)[0] == 0
    assert state.exists()


OUTPUTS = [
    pytest.param(["--version"], id="version"),
    pytest.param(["--help"], id="help"),
    pytest.param(["rules", "--help"], id="help of a command"),
    pytest.param(["rules"], id="rules"),
    pytest.param(["rules", "--format", "markdown"], id="more than a pipe's buffer"),
    pytest.param(["check", str(ROOT / "examples/01-first-mirror")], id="check"),
    pytest.param(["check", str(ROOT / "examples/02-rejected"), "--format", "json"], id="check as JSON"),
    pytest.param(["emulator"], id="emulator"),
]


def run(arguments: list[str], **options: Any) -> tuple[int, str]:
    """Run the command with a stdout of its own; return exit code and stderr."""
    command = [sys.executable, "-m", "pulumi_cloudbackup.cli", *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=20, check=False, **options)
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", OUTPUTS)
def test_nobody_reads(arguments: list[str]) -> None:
    """The program ends without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = run(arguments, stdout=writer)
    os.close(writer)
    assert ended == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", OUTPUTS)
def test_no_room(arguments: list[str]) -> None:
    """The program says so, in one line."""
    with Path("/dev/full").open("w") as full:
        ended = run(arguments, stdout=full)
    assert ended == (1, "cloudbackup: the output cannot be written: No space left on device\n")


@pytest.mark.parametrize("arguments", OUTPUTS)
def test_no_stdout(arguments: list[str]) -> None:
    """The same where there is none at all."""
    ended = run(arguments, preexec_fn=lambda: os.close(1))
    assert ended == (1, "cloudbackup: the output cannot be written: stdout is closed\n")
