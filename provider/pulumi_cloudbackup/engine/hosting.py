"""Host a Pulumi program in this process, as the CLI's own language host does, with a monitor of ours as the engine.

One process hosts one program: the SDK keeps a program's settings for the whole process, or at least for a context.
"""

from __future__ import annotations

import asyncio
import inspect
import pickle
import runpy
import sys
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pulumi.runtime import Settings, configure, run_in_stack, set_all_config

from pulumi_cloudbackup.engine.failures import note_traceback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.engine.messages import Messages
    from pulumi_cloudbackup.engine.monitor import Monitor


_BATCH_SETITEMS: Final = getattr(getattr(pickle, "_Pickler", None), "_batch_setitems", None)
"""The pickler's own method, as it is before the SDK touches it."""


@dataclass(frozen=True)
class Job:
    """A program and what it is told about itself."""

    project: str
    stack: str
    organization: str
    program: str
    """A file, or ``.`` for ``__main__.py``, in the working directory."""
    root: str
    """The folder of Pulumi.yaml."""
    configuration: Mapping[str, str]
    """Each key with its namespace."""
    secret_keys: tuple[str, ...] = ()
    own_resources: Mapping[str, Mapping[str, Any]] | None = None
    """Outputs of what the last update left behind, by URN; ``None``: nobody can tell."""
    observe_to: str | None = None
    """The file that the program's judgement is written to, for a plan."""
    olds: Sequence[Mapping[str, Any]] | None = None
    """What the stack has, as it was exported; ``None``: nothing is previewed, the program is only judged."""
    preview_to: str | None = None
    """The file that the events and the digest of the preview are written to."""
    stack_outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Known outputs of other stacks by the name in a reference."""
    functions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What functions of providers return, by token."""


def host(job: Job, monitor: Monitor, messages: Messages) -> BaseException | None:
    """Run a preview of a program to its end and return the exception that ended it.

    A program that ends its own module with ``sys.exit()`` or ``sys.exit(0)`` has ended as it should.
    """
    set_all_config(dict(job.configuration), list(job.secret_keys))
    configure(_settings(job, monitor, messages))
    before, sys.argv = sys.argv, [job.program]
    loop = asyncio.new_event_loop()
    loop.set_task_factory(_noting_failures)
    asyncio.set_event_loop(loop)

    def program() -> None:
        try:
            runpy.run_path(job.program, run_name="__main__")
        except SystemExit as ended:
            if ended.code not in (None, 0):
                raise

    try:
        loop.run_until_complete(run_in_stack(program))
    except BaseException as error:  # noqa: BLE001 - whatever ends a program is for the caller to tell
        return error
    finally:
        asyncio.set_event_loop(None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # what a failed program leaves pending is no news
            loop.close()
        sys.argv = before
        _restore_the_pickler()
    return None


def _noting_failures(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
    """Make a task as the loop would, and note where it fails, before anybody else takes its exception."""
    task = asyncio.Task(coroutine, loop=loop, **more)
    task.add_done_callback(note_traceback)
    return task


def _restore_the_pickler() -> None:
    """Undo what the SDK leaves behind: it wraps a method of the pickler once for every dynamic resource.

    A process that runs many programs would reach the limit of recursion after about a thousand resources.
    """
    if _BATCH_SETITEMS is not None:
        pickle._Pickler._batch_setitems = _BATCH_SETITEMS  # type: ignore[attr-defined] # noqa: SLF001 - the SDK's patch


def _settings(job: Job, monitor: Monitor, messages: Messages) -> Settings:
    """Return the SDK's settings, as far as this SDK knows them."""
    wanted: dict[str, Any] = {
        "project": job.project,
        "stack": job.stack,
        "organization": job.organization,
        "root_directory": job.root,
        "monitor": monitor,
        "engine": messages,
        "dry_run": True,
    }
    known = inspect.signature(Settings).parameters
    return Settings(**{name: value for name, value in wanted.items() if name in known})
