"""One emulated service for the tests of a module; the engine's tests have one of their own for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine_harness import Service
from pulumi_cloudbackup.emulator import Emulator, Settings


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
