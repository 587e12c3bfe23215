"""The Pulumi CLI, run as a process: a preview, an update, the export of a state.

The CLI is whatever ``pulumi`` is on PATH. It has a session of its own, so that an interrupt reaches it exactly once and
from here: it then cancels in good order, and is waited for. What it is asked, and what its answers mean, is for others.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, cast

from pulumi_cloudbackup.engine.event_stream import Begun, Diagnostic, Event, Observed, observe, read_digest, read_events
from pulumi_cloudbackup.engine.project import PROJECT_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

_INSTALL: Final = "https://www.pulumi.com/docs/iac/download-install/"
_OLDEST: Final = "3.219"
_STREAMING: Final = "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"
"""Would have a preview print events instead of its digest."""
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_QUIET: Final = ("--non-interactive", "--color=never")
_CHUNK: Final = 1 << 16
_PATIENCE: Final = 5.0
"""Seconds that a command which is stopped has to end by itself, before it is stopped harder."""


class Reason(str, Enum):
    """Why the CLI did not do what it was asked."""

    NO_CLI = "no CLI"
    NO_PROJECT = "no project"
    NO_STACK = "no stack"
    NO_PASSPHRASE = "no passphrase"  # noqa: S105 - a word for people
    WRONG_PASSPHRASE = "wrong passphrase"  # noqa: S105 - a word for people
    NOT_LOGGED_IN = "not logged in"
    LOCKED = "locked"
    UNKNOWN_FLAG = "unknown flag"
    INTERRUPTED = "interrupted"
    TIMED_OUT = "timed out"
    FAILED = "failed"

    def __str__(self) -> str:
        """Print the words."""
        return self.value


class CliError(Exception):
    """The CLI could not do what it was asked; the message says why and what to do.

    A preview or an update that has begun and then fails is no such error, but an ``Observed``.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        """Keep the reason, on which callers decide, and the message, which people read."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Asked:
    """What one command is asked beside its own arguments."""

    targets: tuple[str, ...] = ()
    """URNs that alone are touched; empty: all."""
    excludes: tuple[str, ...] = ()
    """URNs that are left as they are; not together with targets."""
    flags: tuple[str, ...] = ()
    """The user's own flags for Pulumi, such as ``--parallel=4``; those that are set here win."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for this command; the program and the providers inherit them."""


NOTHING_MORE: Final = Asked()


@dataclass(frozen=True)
class PulumiCli:
    """The CLI for one stack of one project."""

    executable: Path
    folder: Path
    """The folder of Pulumi.yaml."""
    stack: str | None = None
    """As Pulumi takes it, with or without organization; ``None``: the one that is selected."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for all commands, added to those of this process."""
    seconds: float | None = None
    """After how long a command other than an update is given up and stopped; ``None``: never."""

    def preview(self, asked: Asked = NOTHING_MORE) -> Observed:
        """Preview, and return what the engine would do; raise CliError where it does not even begin."""
        with tempfile.TemporaryDirectory(prefix="cloudbackup-", ignore_cleanup_errors=True) as place:
            log = Path(place) / "events"
            flags = ("--json", "--show-sames", "--show-replacement-steps", f"--event-log={log}")
            ended = self._run("preview", asked, flags, {"PULUMI_DEBUG_COMMANDS": "1"})
            lines = log.read_bytes().split(b"\n") if log.exists() else []
        events = list(read_events(lines))
        if ended.interrupted:
            raise CliError(Reason.INTERRUPTED, "interrupted")
        self._refuse_silence("preview", ended, events)
        return _completed(observe(events, read_digest(ended.output)), ended)

    def up(self, asked: Asked = NOTHING_MORE, on_event: Callable[[Event], object] | None = None) -> Observed:
        """Update without asking, and return what the engine did; raise CliError where it did not even begin.

        ``on_event`` is given each event as it comes; if it raises, the update is cancelled and waited for.
        """
        events: list[Event] = []
        command = self._command("up", asked, ("--json", "--yes", "--skip-preview"))
        with _running(command, self._environment(asked, {}), subprocess.PIPE) as child:
            for event in read_events(child.lines):
                events.append(event)
                if on_event is not None:
                    on_event(event)
            ended = child.ended(b"")
        self._refuse_silence("up", ended, events)
        return _completed(observe(events), ended)

    def export_state(self, *, show_secrets: bool = False) -> str:
        """Return what ``pulumi stack export`` prints, secrets encrypted unless they are wanted; raise CliError."""
        return self._answer("stack export", NOTHING_MORE, ("--show-secrets",) if show_secrets else ())

    def configuration(self) -> dict[str, str]:
        """Return the configuration of the stack in clear, by key with namespace; raise CliError."""
        found = json.loads(self._answer("config", NOTHING_MORE, ("--json", "--show-secrets")) or "{}")
        return {key: str(one["value"]) for key, one in found.items() if isinstance(one, dict) and "value" in one}

    def refresh(self, asked: Asked = NOTHING_MORE) -> None:
        """Bring the state up to date with the service, without asking; raise CliError."""
        self._answer("refresh", asked, ("--yes", "--skip-preview"))

    def forget(self, urn: str) -> None:
        """Take one resource out of the state, and leave it as it is otherwise; raise CliError."""
        self._answer("state delete", NOTHING_MORE, ("--yes", urn))

    def _answer(self, verb: str, asked: Asked, flags: Sequence[str]) -> str:
        """Run a command to its end, and return what it prints; raise CliError where it fails."""
        ended = self._run(verb, asked, flags, {})
        if ended.interrupted:
            raise CliError(Reason.INTERRUPTED, "interrupted")
        if ended.code != 0:
            raise self._error(verb, ended.complaint)
        return ended.output.decode("utf-8", "replace")

    def _run(self, verb: str, asked: Asked, flags: Sequence[str], more: Mapping[str, str]) -> _Ended:
        """Run a command to its end; what it prints is read then."""
        command, environment = self._command(verb, asked, flags), self._environment(asked, more)
        with tempfile.TemporaryFile() as output, _running(command, environment, output) as child:
            try:
                child.process.wait(self.seconds)
            except subprocess.TimeoutExpired:
                child.stop()
                raise CliError(
                    Reason.TIMED_OUT, f"`pulumi {verb}` had not ended after {self.seconds:g} s, and was stopped."
                ) from None
            output.seek(0)
            return child.ended(output.read())

    def _command(self, verb: str, asked: Asked, flags: Sequence[str]) -> list[str]:
        if not any((self.folder / name).is_file() for name in PROJECT_FILES):
            raise CliError(
                Reason.NO_PROJECT, f"there is no Pulumi.yaml in {self.folder}; give the directory of a project"
            )
        if "--" in asked.flags:
            raise CliError(Reason.UNKNOWN_FLAG, "-- is no flag of Pulumi; give its flags after one -- only")
        return [
            str(self.executable),
            *verb.split(),
            *asked.flags,
            *(f"--target={urn}" for urn in asked.targets),
            *(f"--exclude={urn}" for urn in asked.excludes),
            *((f"--stack={self.stack}",) if self.stack is not None else ()),
            f"--cwd={self.folder.absolute()}",
            *_QUIET,
            *flags,
        ]

    def _environment(self, asked: Asked, more: Mapping[str, str]) -> dict[str, str]:
        given = {**os.environ, **self.environment, **asked.environment, **more, "PULUMI_SKIP_UPDATE_CHECK": "1"}
        given.pop(_STREAMING, None)
        return given

    def _refuse_silence(self, verb: str, ended: _Ended, events: Sequence[Event]) -> None:
        """Raise CliError where the engine has not begun."""
        if any(isinstance(event, Begun) for event in events):
            return
        if ended.interrupted:
            raise CliError(Reason.INTERRUPTED, "interrupted")
        said = "\n".join(event.message for event in events if isinstance(event, Diagnostic))
        raise self._error(verb, ended.complaint or said)

    def _error(self, verb: str, complaint: str) -> CliError:
        stack = ("--stack", self.stack) if self.stack is not None else ()
        place = shlex.join(("--cwd", str(self.folder), *stack))
        for one in _COMPLAINTS:
            if any(word in complaint for word in one.words):
                return CliError(one.reason, one.advice.format(stack=self.stack, place=place, complaint=complaint))
        return CliError(Reason.FAILED, f"`pulumi {verb}` failed: {complaint or 'it does not say why'}")


def find_pulumi(path: str | None = None) -> Path:
    """Return the CLI on PATH, or on the search path given; raise CliError."""
    found = shutil.which("pulumi", path=path)
    if found is None:
        raise CliError(
            Reason.NO_CLI,
            f"there is no pulumi on PATH. Install the Pulumi CLI, version {_OLDEST} or newer:\n  {_INSTALL}",
        )
    return Path(found).absolute()


class _Complaint(NamedTuple):
    """What the CLI complains of."""

    reason: Reason
    words: tuple[str, ...]
    """Any of these is in it."""
    advice: str
    """What a person reads, with ``stack``, ``place`` and ``complaint`` to be filled in."""


_COMPLAINTS: Final = (
    _Complaint(
        Reason.NO_PROJECT,
        ("no Pulumi.yaml project file found",),
        "Pulumi finds no project: {complaint}",
    ),
    _Complaint(
        Reason.NO_STACK,
        ("no stack named",),
        'there is no stack "{stack}" in the backend that Pulumi is logged in to. See `pulumi stack ls`, or create it:\n'
        "  pulumi stack init {place}",
    ),
    _Complaint(
        Reason.NO_STACK,
        ("no stack selected", "pulumi stack select"),
        "no stack is chosen: give one with --stack NAME",
    ),
    _Complaint(
        Reason.NO_PASSPHRASE,
        ("passphrase must be set", "unable to find either `PULUMI_CONFIG_PASSPHRASE`"),
        "the secrets of the stack are encrypted with a passphrase, and none is given. Set PULUMI_CONFIG_PASSPHRASE to "
        "it, or PULUMI_CONFIG_PASSPHRASE_FILE to a file that holds it.",
    ),
    _Complaint(
        Reason.WRONG_PASSPHRASE,
        ("incorrect passphrase",),
        "the passphrase that is given is not the one that the secrets of the stack are encrypted with. "
        "Mend PULUMI_CONFIG_PASSPHRASE or the file that PULUMI_CONFIG_PASSPHRASE_FILE names.",
    ),
    _Complaint(
        Reason.LOCKED,
        ("currently locked by", "Another update is currently in progress"),
        "another update of the stack is running, or was killed. Wait for it; if none is running, remove its lock:\n"
        "  pulumi cancel {place}\n"
        "Pulumi says:\n"
        "  {complaint}",
    ),
    _Complaint(
        Reason.NOT_LOGGED_IN,
        ("PULUMI_ACCESS_TOKEN must be set", "not logged in", "`pulumi login`"),
        "Pulumi is not logged in to a backend: run `pulumi login`, or set PULUMI_ACCESS_TOKEN or PULUMI_BACKEND_URL.",
    ),
    _Complaint(
        Reason.UNKNOWN_FLAG,
        ("unknown flag", "unknown shorthand flag"),
        "Pulumi does not know what it was given ({complaint}). Correct the flags after --; if none of them is meant, "
        f"the CLI is older than {_OLDEST}: install a newer one.",
    ),
)
"""What the CLI complains of; the first that fits."""


@dataclass(frozen=True)
class _Ended:
    """How a command ended."""

    code: int
    output: bytes
    complaint: str
    """What it wrote to its error output, without the word in front."""
    interrupted: bool


class _Child:
    """A running command."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.process = process
        self.interrupts = 0
        self._errors = errors

    @property
    def lines(self) -> IO[bytes]:
        """What it prints, line by line as it comes."""
        return cast("IO[bytes]", self.process.stdout)

    def interrupt(self) -> None:
        """Do what Ctrl-C does: the first time it cancels, the second time it stops at once; the third time ends it."""
        self.interrupts += 1
        self.process.send_signal(signal.SIGINT if self.interrupts <= 2 else signal.SIGKILL)  # noqa: PLR2004 - see above

    def stop(self) -> None:
        """End it, in good order if it lets that be done soon, and otherwise at once."""
        for _ in range(3):
            self.interrupt()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_PATIENCE)
                return

    def ended(self, output: bytes) -> _Ended:
        """Wait until it has ended, and return how."""
        code = self.process.wait()
        self._errors.seek(0)
        complaint = self._errors.read().decode("utf-8", "replace").strip()
        return _Ended(code, output, complaint.removeprefix("error: "), self.interrupts > 0)

    def wait_unread(self) -> None:
        """Wait until it has ended; what it still prints is not wanted."""
        if self.process.stdout is not None:
            while self.process.stdout.read(_CHUNK):
                pass
            self.process.stdout.close()
        self.process.wait()


class _Interrupts:
    """The interrupts of this process, handed on to the command that runs."""

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._came_early = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self._child is None:
            self._came_early = True
        else:
            self._child.interrupt()

    def reach(self, child: _Child) -> None:
        """Hand on to a command from now on, and what came before it had started."""
        self._child = child
        if self._came_early:
            child.interrupt()


@contextlib.contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str], output: int | IO[bytes]) -> Iterator[_Child]:
    """Run a command; it is never left running. Raise CliError where it cannot be started."""
    with tempfile.TemporaryFile() as errors, _handed_on() as interrupts:
        try:
            process = subprocess.Popen(  # noqa: S603 - the CLI that is on PATH, and no shell
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            raise CliError(Reason.NO_CLI, f"{command[0]} cannot be run: {error.strerror}") from None
        child = _Child(process, errors)
        interrupts.reach(child)
        try:
            yield child
        except BaseException:
            child.interrupt()
            raise
        finally:
            child.wait_unread()


@contextlib.contextmanager
def _handed_on() -> Iterator[_Interrupts]:
    """Take the interrupts of this process, where it has any; only its main thread can."""
    interrupts = _Interrupts()
    taken: dict[signal.Signals, object] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in _FORWARDED}
        taken = {number: one for number, one in handlers.items() if one not in (signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, interrupts)
    try:
        yield interrupts
    finally:
        for number, handler in taken.items():
            signal.signal(number, cast("signal.Handlers", handler))


def _completed(observed: Observed, ended: _Ended) -> Observed:
    """Add what only the end of the command tells."""
    failed = observed.failed or ended.code != 0
    diagnostics = observed.diagnostics
    if ended.complaint:
        diagnostics += (Diagnostic("error" if failed and not observed.errors else "info", ended.complaint),)
    cancelled = observed.cancelled or ended.interrupted
    return replace(observed, failed=failed, diagnostics=diagnostics, cancelled=cancelled)
