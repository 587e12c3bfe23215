"""The pytest plugin: previews, an emulated service and deployed stacks as fixtures, on the engine that you choose.

Registered by an entry point, so that installing the package is enough. Loads nothing before a fixture is used.
"""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pulumi_cloudbackup.testing import Preview
    from pulumi_cloudbackup.testing.service import EmulatedService
    from pulumi_cloudbackup.testing.stack import DeployedStack

    Previewing: TypeAlias = Callable[..., Preview]
    Deploying: TypeAlias = Callable[..., DeployedStack]

_ENGINES: Final = ("offline", "real")
_OPTION: Final = "--cloudbackup-engine"
_PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses the engine."""
    group = parser.getgroup("cloudbackup", "previews of Cloud Backup vaults")
    group.addoption(
        _OPTION,
        choices=_ENGINES,
        default="offline",
        help="what cloudbackup_preview runs programs with: nothing but Python, or the real Pulumi engine "
        "(default: %(default)s)",
    )


@pytest.fixture(scope="module")
def cloudbackup_preview(request: pytest.FixtureRequest) -> Previewing:
    """Preview a program: ``cloudbackup_preview(program, stack="prod", config={...}, state="exported.json")``.

    ``program``: the directory of a project, or a function; absent: the project that the test file is in. Relative paths
    are those of the test file. Options and result: ``pulumi_cloudbackup.testing.preview``.
    """
    engine = request.config.getoption(_OPTION)
    folder = request.path.parent

    def cloudbackup_preview(program: Any = None, **asked: Any) -> Preview:
        __tracebackhide__ = True
        from pulumi_cloudbackup.testing import CannotBeOfferedError, preview  # noqa: PLC0415 - imports Pulumi

        try:
            return preview(_program(program, folder), engine=engine, **_with_paths(asked, folder))
        except CannotBeOfferedError as error:
            pytest.skip(str(error))

    return cloudbackup_preview


@pytest.fixture
def cloudbackup_emulator() -> Iterator[EmulatedService]:
    """Give an empty, emulated service: ``url``, ``vaults()``, ``change()``, ``lose()``, ``advance()``, ``fault()``."""
    from pulumi_cloudbackup.emulator import Emulator, Settings  # noqa: PLC0415 - heavy
    from pulumi_cloudbackup.testing.service import EmulatedService  # noqa: PLC0415 - as above

    with Emulator(Settings(initializing_seconds=0)) as emulator:
        yield EmulatedService(emulator.url)


@pytest.fixture
def cloudbackup_stack(
    request: pytest.FixtureRequest, tmp_path: Path, cloudbackup_emulator: EmulatedService
) -> Iterator[Deploying]:
    """Make a stack on the real engine and the emulated service: ``cloudbackup_stack(program, stack="dev")``.

    It has ``preview()``, ``up()``, ``refresh()``, ``destroy()``, ``change(program)``, ``outputs`` and ``service``.
    Programs and options are those of ``cloudbackup_preview``.
    """
    folder = request.path.parent
    numbers = itertools.count()
    with ExitStack() as exits:

        def cloudbackup_stack(program: Any = None, **asked: Any) -> DeployedStack:
            __tracebackhide__ = True
            from pulumi_cloudbackup.testing.stack import DeployedStack  # noqa: PLC0415 - imports Pulumi

            place = tmp_path / f"cloudbackup-stack-{next(numbers)}"
            return DeployedStack(
                place, exits, _program(program, folder), cloudbackup_emulator, **_with_paths(asked, folder)
            )

        yield cloudbackup_stack


def _program(program: Any, folder: Path) -> Any:
    """Return a program; a relative path is that of the test file, and none is the project around it."""
    if program is None:
        for one in (folder, *folder.parents):
            if any((one / name).is_file() for name in _PROJECT_FILES):
                return one
        from pulumi_cloudbackup.testing import UsageError  # noqa: PLC0415 - imports Pulumi

        raise UsageError(f"No project is around {folder}: give a directory with a Pulumi.yaml, or a function.")
    return _path(program, folder)


def _with_paths(asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {name: _path(value, folder) if name == "state" else value for name, value in asked.items()}


def _path(value: Any, folder: Path) -> Any:
    if not isinstance(value, (str, Path)) or Path(value).is_absolute():
        return value
    beside = folder / value
    return beside if beside.exists() or not Path(value).exists() else Path(value)
