from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine_harness import Project, Service
from pulumi_cloudbackup.emulator import Emulator, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """One emulator for all engine tests of this process; every test empties it."""
    with Emulator(Settings(initializing_seconds=0.1)) as emulator:
        yield emulator


@pytest.fixture
def project(tmp_path: Path, service: Service) -> Project:
    return Project(tmp_path, service)
