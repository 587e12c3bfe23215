"""The state file: survives a restart and a kill, is recognised, belongs to one process."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine_harness import free_port
from pulumi_cloudbackup.emulator import Emulator, Settings, StateError
from pulumi_cloudbackup.emulator.actions import ACTIONS


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state file that is not there yet."""
    return tmp_path / "state.db"


def test_restart(state: Path, own_emulator: Any, request_to: Callable[..., Any]) -> None:
    """Vaults, tasks, calls, faults, the moved clock and used nonces outlive the emulator."""
    with Emulator(Settings(), state=state) as first:
        query = {"VaultRegionId": "cn-hangzhou", "VaultName": "orders"}
        request = request_to("CreateVault", url=first.url, host="emulator", query=query).sign_v3()
        assert request.send().json()["Code"] == "200"
        httpx.post(f"{first.url}/_emulator/clock", json={"advance_seconds": 100}).raise_for_status()
        httpx.post(f"{first.url}/_emulator/faults", json={"fault": "http_500"}).raise_for_status()
    service, control = own_emulator(state=state)
    assert [vault["VaultName"] for vault in control.get("/vaults")] == ["orders"]
    assert control.get("/clock")["offset_seconds"] == 100
    assert [call["action"] for call in control.get("/calls")] == ["CreateVault"]
    assert len(control.get("/faults")) == 1
    request.url = service.url
    assert request.send().json()["Code"] == "SignatureNonceUsed"


def test_kill(state: Path, request_to: Callable[..., Any]) -> None:
    """What was answered is kept when the process is killed in the next moment, nonces too."""
    requests = []
    for _ in range(2):
        process, url = start(state)
        query = {"VaultRegionId": "cn-hangzhou", "VaultName": "orders"}
        requests.append(request_to("CreateVault", url=url, host="emulator", query=query).sign_v3())
        assert requests[-1].send().json()["Code"] == "200"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with Emulator(Settings(), state=state) as emulator:
        assert len(httpx.get(f"{emulator.url}/_emulator/vaults").json()) == 2
        for request in requests:
            request.url = emulator.url
            assert request.send().json()["Code"] == "SignatureNonceUsed"


def test_no_state_is_kept_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a state file nothing is written anywhere."""
    monkeypatch.chdir(tmp_path)
    with Emulator(Settings()):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"hello", "not a database", id="text"),
        pytest.param(b"SQLite format 3\x00" + b"\xff" * 4096, "cannot be used", id="broken head"),
        pytest.param(b"x" * 10_000, "not a database", id="long text"),
    ],
)
def test_file_that_is_no_state(state: Path, content: bytes, reason: str) -> None:
    """A file that is something else is refused in one sentence and left alone."""
    state.write_bytes(content)
    with pytest.raises(StateError, match=reason):
        Emulator(Settings(), state=state)
    assert state.read_bytes() == content


def test_other_database(state: Path) -> None:
    """Somebody else's database is refused and left alone."""
    connection = sqlite3.connect(state)
    connection.execute("CREATE TABLE precious (id)")
    connection.commit()
    connection.close()
    before = state.read_bytes()
    with pytest.raises(StateError, match="not one of this emulator"):
        Emulator(Settings(), state=state)
    assert state.read_bytes() == before


def test_damaged_state(state: Path, own_emulator: Any) -> None:
    """A state file that was damaged is refused."""
    with Emulator(Settings(), state=state) as emulator:
        assert emulator.port
    content = bytearray(state.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    state.write_bytes(content)
    with pytest.raises(StateError):
        own_emulator(state=state)


def test_empty_file_becomes_a_state(state: Path) -> None:
    """An empty file, as mktemp makes one, is a new state."""
    state.touch()
    with Emulator(Settings(), state=state) as emulator:
        assert httpx.get(f"{emulator.url}/_emulator/vaults").json() == []


@pytest.mark.parametrize("path", ["", "/", "/no/such/directory/state.db"])
def test_unusable_path(path: str) -> None:
    """A path where nothing can be written is refused, and the port is free again."""
    port = free_port()
    with pytest.raises(StateError):
        Emulator(Settings(), state=path, port=port)
    with Emulator(Settings(), port=port):
        pass


def test_state_in_use(state: Path) -> None:
    """One state belongs to one emulator."""
    with Emulator(Settings(), state=state), pytest.raises(StateError, match="another process uses it"):
        Emulator(Settings(), state=state)


def test_a_failed_call_leaves_nothing(own_emulator: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """An exception that nobody foresaw is a bug report for the caller, and undoes what the call had done."""
    service, control = own_emulator()

    def broken(house: Any, call: Any) -> dict[str, Any]:
        original(house, call)
        raise ZeroDivisionError

    original = ACTIONS["CreateVault"]
    monkeypatch.setitem(ACTIONS, "CreateVault", broken)
    with pytest.raises(Exception, match="please report it") as failed:
        service.make()
    assert failed.value.status_code == 500  # type: ignore[attr-defined] # the SDK's exception is untyped
    assert control.get("/vaults") == []
    assert "ZeroDivisionError" in capfd.readouterr().err


def start(state: Path) -> tuple[subprocess.Popen[str], str]:
    """Start an emulator in a process of its own."""
    command = [sys.executable, "-m", "pulumi_cloudbackup.cli", "emulator", "--state", str(state)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    assert process.stdout is not None
    line = process.stdout.readline()
    assert time.monotonic() < deadline
    return process, line.removeprefix("listening on ").strip()
