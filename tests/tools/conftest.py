from pathlib import Path

import pytest

from bare_machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with nothing on it, whose official installer cannot reach anything."""
    machine = Machine(tmp_path)
    for folder in (machine.path, tmp_path / "home"):
        folder.mkdir()
    machine.official("raise OSError('no such host')")
    return machine
