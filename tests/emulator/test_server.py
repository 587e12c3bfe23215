"""The server: starts at once, ends at once, several at a time."""

import socket
import time
from typing import Any

import httpx
import pytest

from pulumi_cloudbackup.emulator import Emulator, Settings


def test_port(emulator: Any) -> None:
    """Port 0 is a free port, and the address says which."""
    assert emulator.port > 0
    assert emulator.url == f"http://127.0.0.1:{emulator.port}"


def test_port_in_use(emulator: Any) -> None:
    """A port that is taken is an OSError."""
    with pytest.raises(OSError, match="in use"):
        Emulator(Settings(), port=emulator.port)


def test_ipv6() -> None:
    """An IPv6 address has brackets."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        emulator = Emulator(Settings(), host="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with emulator:
        assert httpx.get(f"{emulator.url}/_emulator/vaults").json() == []


def test_close_with_open_connections() -> None:
    """Idle and held connections do not keep the emulator."""
    emulator = Emulator(Settings())
    with httpx.Client() as client, socket.create_connection(("127.0.0.1", emulator.port)) as silent:
        client.get(f"{emulator.url}/_emulator/vaults")
        silent.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        begin = time.perf_counter()
        emulator.close()
        assert time.perf_counter() - begin < 3
    emulator.close()


def test_close_with_a_held_call(own_emulator: Any) -> None:
    """A call that a fault holds is let go when the emulator ends."""
    service, control = own_emulator(verify_signatures=False)
    control.fault(action="*", fault="timeout_before")
    with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as held:
        held.sendall(b"GET /?Action=DescribeVaults HTTP/1.1\r\nHost: x\r\n\r\n")
        held.settimeout(5)
        while not control.get("/calls"):
            pass
        control.raw("GET", "/vaults")
    # The fixture closes the emulator; a hold of 60 seconds would be seen in the time of the suite.


def test_two_emulators(service: Any, own_emulator: Any) -> None:
    """Two emulators in one process know nothing of each other."""
    other, _ = own_emulator()
    service.make()
    assert other.list() == []


@pytest.mark.parametrize(
    "settings",
    [
        {"initializing_seconds": -1},
        {"deleting_seconds": float("nan")},
        {"vaults_per_account": 0},
        {"credentials": {"": "x"}},
        {"replication_regions": ("mars-1",)},
    ],
    ids=str,
)
def test_meaningless_settings(settings: dict[str, Any]) -> None:
    """Settings that mean nothing are refused where they are made."""
    with pytest.raises(ValueError, match=r"\."):
        Settings(**settings)
