"""One emulated service for the tests of a module; the engine's tests have one of their own for all of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from engine_harness import Service
from pulumi_cloudbackup.emulator import Emulator, Settings

# A shell's background job ignores these signals, and the programs under test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(Settings(initializing_seconds=0.0)) as emulator:
        yield emulator


@pytest.fixture
def service(emulator: Emulator) -> Service:
    """The service, empty."""
    service = Service(emulator.url)
    service.reset()
    return service
