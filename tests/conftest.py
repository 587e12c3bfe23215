"""What all tests share: an emulated service, and the order in which several processes run them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from engine_harness import Service
from pulumi_cloudbackup.emulator import Emulator, Settings

# A shell's background job ignores these signals, and the programs under test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Another process has the processor as often as a test has: how long an example took says nothing about it.
settings.register_profile("shared processor", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared processor")

LONGEST = (
    "engine/test_plan_against_engine.py",
    "engine/test_runs_against_engine.py",
    "engine/test_plan_and_up.py",
    "engine/test_offline_against_engine.py",
    "engine/test_main_job.py",
    "engine/test_team_tests.py",
    "engine/test_preflight.py",
    "engine/test_holds.py",
    "engine/test_program_layer.py",
    "cli/test_check_command.py",
)
"""Files of minutes, the longest first. With their like at the end, one process would wait for the other."""


@pytest.hookimpl(trylast=True)  # the engine's tests have their mark by then
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes, let each begin with what takes long: these, then all other files with the real engine."""
    if not hasattr(config, "workerinput"):
        return
    tests = Path(__file__).parent
    places = {tests / name: place for place, name in enumerate(LONGEST)}
    on_the_engine = {item.path for item in items if item.get_closest_marker("engine")}

    def rank(item: pytest.Item) -> tuple[int, bool]:
        return places.get(item.path, len(places)), item.path not in on_the_engine

    items.sort(key=rank)


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
