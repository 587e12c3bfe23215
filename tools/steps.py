"""Run the steps of a set-up so that a person can follow them.

Decides how a step is announced and timed, how its programs are run and stopped, and how two runs at once take turns.
Must not know what any step is for. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

PROGRESS_SECONDS = 20.0
"""A step that takes longer than this says how far it is, and again each time as long has passed."""

POLL_SECONDS = 0.1
GRACE_SECONDS = 3.0
"""How long a program that is told to stop may take before it is killed."""


class SetupError(Exception):
    """A reason to stop that a person can do something about; shown as it is, without a traceback."""


class StalledError(Exception):
    """A program was ended because it made no progress, or took longer than it may."""


def say(text: str) -> None:
    """Tell the person who waits; on standard error, since standard output belongs to results."""
    print(text, file=sys.stderr, flush=True)


def seconds(duration: float) -> str:
    """Write a duration for a person.

    >>> seconds(3.21), seconds(125.0)
    ('3.2 s', '2 min 05 s')
    """
    if duration < 60:  # noqa: PLR2004  # seconds in a minute
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest:02d} s"


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step, and say how long it took once it is done."""
    say(f"setup: {title} ...")
    started = time.monotonic()
    yield
    say(f"setup: ... done in {seconds(time.monotonic() - started)}")


@dataclass(frozen=True)
class Patience:
    """How long a program that fetches something may go on."""

    total: float
    """Seconds for everything."""
    stall: float
    """Seconds in which nothing arrives."""
    arrived: Callable[[], int]
    """How much has arrived so far."""


def run(  # noqa: PLR0913  # one call that says everything about one program reads better than a builder
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    directory: Path | None = None,
    progress: Callable[[str], str] | None = None,
    patience: Patience | None = None,
    held: int | None = None,
) -> int:
    """Run a program to its end and return its exit code; its output goes to `log`.

    `progress` turns what the log holds so far into a few words for the person who waits. The program is ended, with
    everything that it started, when `patience` runs out (`StalledError`) and when this process is interrupted. A lock
    that is passed as `held` stays taken until the program has ended too, even if this process is killed before that.
    """
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=directory,
                start_new_session=True,  # so that it can be ended with all that it started
                pass_fds=() if held is None else (held,),
            )
        except OSError as error:
            raise SetupError(f"{command[0]} cannot be run: {error.strerror}") from error
        try:
            _wait(process, lambda: progress(read(log)) if progress else "still running", patience)
        finally:
            _end(process)
    return process.returncode


def _wait(process: subprocess.Popen[bytes], progress: Callable[[], str], patience: Patience | None) -> None:
    started = told = moved = time.monotonic()
    arrived = 0
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
        now = time.monotonic()
        if patience:
            if (current := patience.arrived()) != arrived:
                arrived, moved = current, now
            if now - moved > patience.stall:
                raise StalledError(f"nothing arrived for {seconds(patience.stall)}")
            if now - started > patience.total:
                raise StalledError(f"it was not done after {seconds(patience.total)}")
        if now - told >= PROGRESS_SECONDS:
            told = now
            say(f"setup:     {seconds(now - started)}: {progress()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program's whole process group; whatever it left running in the background too."""
    for number, grace in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):  # the group is gone; macOS says EPERM for one that is ending
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    process.wait()


def read(log: Path) -> str:
    """Return what a log holds so far; empty if there is none yet."""
    try:
        return log.read_text("utf-8", "replace")
    except OSError:
        return ""


def last_line(log: Path) -> str:
    """Return the last line of a log that says anything, to show the reason of a failure."""
    lines = [line.strip() for line in read(log).splitlines()]
    return next((line for line in reversed(lines) if line), "no output")


def is_writable(folder: Path) -> bool:
    """Tell whether files could be made in a folder, which need not exist yet; makes nothing."""
    nearest = next((place for place in (folder, *folder.parents) if place.exists()), None)
    return nearest is not None and nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


@contextlib.contextmanager
def exclusive(lock: Path, waiting: str) -> Iterator[int]:
    """Hold the file lock, after waiting for whoever holds it; `waiting` is said once, and only if there is a wait.

    The operating system gives the lock up when its holder ends, however it ends. The file itself stays.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"setup: {waiting}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def _stop(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def guarded(main: Callable[[], int]) -> int:
    """Run a program's main part as its outermost door, and return its exit code.

    A `SetupError`, or what the operating system refuses, becomes its message; an interrupt or a request to end becomes
    an exception, so that every clean-up on the way out is done.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _stop)
    try:
        return main()
    except (SetupError, OSError) as error:
        say(f"setup: {error}")
        return 1
    except KeyboardInterrupt:
        say("setup: stopped; run the same command again to go on")
        return 128 + signal.SIGINT
