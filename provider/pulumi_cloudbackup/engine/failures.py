"""What went wrong in a program, in words that name its own lines and none of ours.

Runs in the program's process. Decides which frames of a traceback are the user's: those outside of installed packages,
the standard library, Pulumi's SDK and this package.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pulumi

import pulumi_cloudbackup
from pulumi_cloudbackup.engine.outcome import Failure
from pulumi_cloudbackup.reports.problems import problem_in

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from pulumi_cloudbackup.engine.registration import Position
    from pulumi_cloudbackup.rules import Problem

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_TRACEBACK: Final = "_cloudbackup_traceback"
_MOST_FRAMES: Final = 12
_SOURCE_WIDTH: Final = 100
_DOING: Final = re.compile(r"While processing (?P<what>(resource|input): '[^\n]*?')(,| type)", re.ASCII)
"""How the SDK begins the text of an exception that it raises from another one."""


def note_traceback(task: asyncio.Task[Any]) -> None:
    """Keep the traceback of a task that has just failed: the first who awaits it takes that away from all others.

    (Python up to 3.11 forgets a future's traceback with the first retrieval, and the SDK awaits an output many times.)
    """
    error = None if task.cancelled() else task.exception()
    if error is not None and getattr(error, _TRACEBACK, None) is None:
        with contextlib.suppress(AttributeError):  # of an exception that takes no attributes
            setattr(error, _TRACEBACK, error.__traceback__)


class Explainer:
    """Explains the exceptions of one program."""

    def __init__(self, program_folder: Path, shown_from: Path) -> None:
        """Remember where the program is, and the folder from which a person sees its files."""
        self._program_folder, self._shown_from = program_folder, shown_from

    def problem_of(self, error: BaseException) -> Problem | None:
        """Return the problem of ours that an exception tells, if it tells one: its text begins with a rule's code."""
        if not isinstance(error, pulumi.RunError) or not str(error).startswith("CB"):
            return None
        return problem_in(str(error), tuple(_resources_of(error.__traceback__))[:1])

    def failure_of(self, error: BaseException) -> Failure:
        """Return an exception in words."""
        error, doing = _origin(error)
        if isinstance(error, SystemExit):
            return self._ended_early(error)
        if isinstance(error, pulumi.ConfigMissingError):
            text = f'missing required configuration "{error.key}"'
            return self._at_user_line(error, text, (f"Give it with --config {error.key}=VALUE.",))
        if isinstance(error, pulumi.RunError):
            return Failure(str(error) or type(error).__name__)
        if isinstance(error, SyntaxError) and error.filename is not None:
            return self._syntax(error)
        advice: tuple[str, ...] = ()
        if isinstance(error, ModuleNotFoundError):
            advice = (f"The program runs with {sys.executable}: install there what it imports.",)
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        return self._at_user_line(error, text, (*self._frames(error), *doing, *advice))

    def blames_the_program(self, error: BaseException) -> bool:
        """Whether an exception came through a line of the user's."""
        error, _doing = _origin(error)
        return bool(self._user_frames(error)) or isinstance(error, SyntaxError)

    def rejected(self, text: str, calls: Sequence[Position]) -> Failure:
        """Return what the engine would not take, with the user's line that leads to it; ``calls``: innermost first."""
        mine = next((position for position in calls if self._is_users(position.file)), None)
        where = f"{self._shown(mine.file)}:{mine.line}: " if mine else ""
        return Failure(f"{where}{text}")

    def _ended_early(self, error: SystemExit) -> Failure:
        told = error.code if isinstance(error.code, str) else f"exit code {error.code}"
        return self._at_user_line(error, f"the program ended itself: {told}", tuple(self._frames(error)))

    def _syntax(self, error: SyntaxError) -> Failure:
        where = f"{self._shown(str(error.filename))}:{error.lineno}"
        source = (error.text or "").strip()
        lines = (f"  {source[:_SOURCE_WIDTH]}",) if source else ()
        return Failure(f"{where}: {type(error).__name__}: {error.msg}", lines)

    def _at_user_line(self, error: BaseException, text: str, lines: tuple[str, ...]) -> Failure:
        frames = self._user_frames(error)
        where = f"{self._shown(frames[-1].filename)}:{frames[-1].lineno}: " if frames else ""
        return Failure(f"{where}{text}", lines)

    def _frames(self, error: BaseException) -> list[str]:
        frames = self._user_frames(error)
        shown = [
            f"  {self._shown(frame.filename)}:{frame.lineno} in {frame.name}: {(frame.line or '')[:_SOURCE_WIDTH]}"
            for frame in frames
        ]
        if len(shown) > _MOST_FRAMES:
            half = _MOST_FRAMES // 2
            shown[half:-half] = [f"  ... {len(shown) - 2 * half} more ..."]
        return shown

    def _user_frames(self, error: BaseException) -> list[traceback.FrameSummary]:
        for found in (error.__traceback__, getattr(error, _TRACEBACK, None)):
            frames = [frame for frame in traceback.extract_tb(found) if self._is_users(frame.filename)]
            if frames:
                return frames
        return []

    def _is_users(self, filename: str) -> bool:
        if filename.startswith("<"):
            return False
        path = self._absolute(filename)
        return not (_INSTALLED & set(path.parts) or any(folder in path.parents for folder in _FOREIGN))

    def _absolute(self, filename: str) -> Path:
        return Path(os.path.normpath(self._program_folder / filename))

    def _shown(self, filename: str) -> str:
        """Return a file as a person would name it from where they are."""
        path = self._absolute(filename)
        for folder in (self._shown_from, self._program_folder):
            if folder in path.parents:
                return str(path.relative_to(folder))
        return str(path)


def _origin(error: BaseException) -> tuple[BaseException, tuple[str, ...]]:
    """Return the exception that the SDK took for its own, and what the SDK was doing, outermost first."""
    doing: list[str] = []
    while error.__cause__ is not None and (found := _DOING.match(str(error))):
        doing.append(f"  while processing {found['what']}")
        error = error.__cause__
    return error, tuple(doing)


def _foreign_folders() -> frozenset[Path]:
    """Return the folders of what is installed: the standard library, packages, Pulumi's SDK and this package."""
    installed = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    ours = (module.__file__ for module in (pulumi, pulumi_cloudbackup))
    folders = [Path(one) for one in installed] + [Path(one).parent for one in ours if one]
    return frozenset({*folders, *(folder.resolve() for folder in folders)})


_FOREIGN: Final = _foreign_folders()


def _resources_of(found: TracebackType | None) -> Iterator[str]:
    """Return the names of our resources whose constructors an exception came through, innermost first."""
    frames: list[dict[str, Any]] = []
    while found is not None:
        frames.append(found.tb_frame.f_locals)
        found = found.tb_next
    for local in reversed(frames):
        resource, name = local.get("self"), local.get("resource_name")
        if isinstance(resource, pulumi.Resource) and isinstance(name, str):
            yield name
