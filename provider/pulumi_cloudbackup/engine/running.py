"""Run a Pulumi program without the Pulumi CLI: in a process of its own, with a limit of time.

Starts the project's own Python, waits, and returns the outcome. What the program prints goes to this process's stderr.
Does not import Pulumi.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.engine.outcome import Outcome
    from pulumi_cloudbackup.engine.project import Project, Stack

_STDERR: Final = 2
_START: Final = """
import sys
sys.path[:] = [one for one in sys.path if one]
try:
    from pulumi_cloudbackup.engine.worker import main
except ImportError as error:
    with open(sys.argv[1] + "/unusable", "w") as file:
        file.write(str(error))
else:
    main(sys.argv[1])
"""
"""The working directory leaves the path first: a module of the user's must not stand in for one that is needed here."""


def run_program(
    project: Project,
    stack: Stack,
    *,
    seconds: float,
    **more: Any,
) -> Outcome:
    """Run a project's program for a stack and return what came of it; never raises for what the program does.

    ``more``: what only a preview needs (``hosting.Job``).
    """
    job = {
        "project": project.name,
        "stack": stack.name,
        "organization": stack.organization,
        "program": project.program,
        "root": str(project.folder),
        "shown_from": str(_here(project)),
        "configuration": dict(stack.configuration.values),
        "secret_keys": sorted(stack.configuration.secret_keys),
        **more,
    }
    try:
        with tempfile.TemporaryDirectory(prefix="cloudbackup-", ignore_cleanup_errors=True) as folder:
            place = Path(folder)
            (place / "job.json").write_text(json.dumps(job), encoding="utf-8")
            return _outcome(project, place, _run(project, place, seconds), seconds)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _failure(f"{project.interpreter} cannot be run: {error.strerror}{where}")


def _run(project: Project, place: Path, seconds: float) -> int | None:
    """Return how the process ended; ``None``: it was ended, because its time was over."""
    process = subprocess.Popen(  # noqa: S603 - the project's own Python runs our own start
        [project.interpreter, "-c", _START, str(place)],
        cwd=project.program_folder,
        env=_environment(project, os.environ),
        stdin=subprocess.DEVNULL,
        stdout=_STDERR,
        start_new_session=True,
    )
    try:
        # What is needed to read the outcome is loaded while the program starts.
        importlib.import_module("pulumi_cloudbackup.engine.outcome")
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            # Not reaped yet, so the number is still its own: it leads the group of all that it has started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _outcome(project: Project, place: Path, ended: int | None, seconds: float) -> Outcome:
    from pulumi_cloudbackup.engine.outcome import from_json  # noqa: PLC0415 - heavy, and loaded since

    if ended is None:
        return _failure(
            f"the program still runs after {seconds:g} s and was ended",
            "If it needs more time, give it with --timeout SECONDS.",
        )
    with contextlib.suppress(OSError):
        reason = (place / "unusable").read_text(encoding="utf-8")
        return _failure(
            f"{project.interpreter}, which runs the program, cannot import pulumi_cloudbackup: {reason}",
            f"Install it there: {project.interpreter} -m pip install pulumi-cloudbackup",
        )
    try:
        return from_json((place / "outcome.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        how = f"exit code {ended}" if ended >= 0 else f"signal {signal.Signals(-ended).name}"
        return _failure(f"the program's process ended by itself ({how}) before its vaults could be judged")


def _environment(project: Project, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the program: without a configuration of another run, with its own Python first."""
    environment = {name: value for name, value in inherited.items() if name not in ("PULUMI_CONFIG", "PYTHONHOME")}
    environment["PYTHONUNBUFFERED"] = "1"
    if project.virtual_environment is not None:
        environment["VIRTUAL_ENV"] = str(project.virtual_environment)
        environment["PATH"] = f"{project.interpreter.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return environment


def _failure(summary: str, *lines: str) -> Outcome:
    from pulumi_cloudbackup.engine.outcome import Failure  # noqa: PLC0415 - as above

    return Failure(summary, lines)


def _here(project: Project) -> Path:
    """Return the folder from which a person sees files; of one that was removed, the project's."""
    try:
        return Path.cwd()
    except OSError:
        return project.folder
