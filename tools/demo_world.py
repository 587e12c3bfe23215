"""The world of the demo: a temporary folder, an emulated service, and the Pulumi CLI working on both.

Decides what is started and that nothing of it is left, however the demo ends. Nothing of the person's own accounts,
projects, settings or home folder takes part. Standard library only, so that a missing set-up can be told in one line.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi_cli
from demo_calls import Record, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

REPOSITORY = Path(__file__).resolve().parent.parent
INITIALIZING_SECONDS = 1
"""How long each new vault is INITIALIZING: long enough to see that the provider waits, short enough for a demo."""
EMULATOR = f"cloudbackup emulator --port 0 --initializing-seconds {INITIALIZING_SECONDS}"
"""How the emulator is started, but for the place of its state."""
START_SECONDS = 30.0
COMMAND_SECONDS = 180.0
"""A command of the CLI that takes longer than this is stuck."""
GRACE_SECONDS = 3.0
"""How long a program may take to end when it is told to."""
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT")
"""What the programs see of the person's own environment, besides PATH."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """The demo cannot go on; the message is for the person who started it."""


class Told(BaseException):
    """Somebody has told the demo to end."""

    def __init__(self, number: int) -> None:
        """Remember the signal."""
        super().__init__(number)
        self.number = number


@dataclass(frozen=True)
class Done:
    """What one command of the CLI did."""

    code: int
    output: str


class Service:
    """The emulated service, seen through its control surface."""

    def __init__(self, url: str) -> None:
        """Look at the emulator at an address."""
        self.url = url

    def vaults(self) -> dict[str, Vault]:
        """Return all vaults and mirrors by id."""
        return {
            one["VaultId"]: Vault(
                one["VaultId"],
                one["VaultName"],
                one["VaultRegionId"],
                one.get("ReplicationSourceVaultId") or None,
                one["Status"],
            )
            for one in self._ask("GET", "vaults")
        }

    def rename(self, vault: Vault, name: str) -> None:
        """Rename a vault behind everybody's back."""
        self._ask("PATCH", f"vaults/{vault.id}", {"VaultName": name})

    def recording(self) -> Callable[[], Record]:
        """Return a function that returns what the service has seen since now."""
        before = self.vaults()
        last = max((call["seq"] for call in self._ask("GET", "calls")), default=0)
        return lambda: Record.of(self._ask("GET", f"calls?since={last}"), before, self.vaults())

    def _ask(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator/{what}", data=data, method=method)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:  # noqa: S310 - as above
                return json.load(answer)
        except (OSError, ValueError) as error:
            raise DemoError(f"The emulator does not answer as it should ({error}).") from error


@dataclass(frozen=True)
class World:
    """Where the demo happens."""

    folder: Path
    """Everything that is written, the state of Pulumi and of the service included."""
    service: Service
    cli_version: str
    environment: Mapping[str, str] = field(repr=False)
    """What the CLI runs with."""

    def project(self, source: str) -> Path:
        """Return a copy of one of the repository's projects, made at the first time, so that its files can change."""
        target = self.folder / source
        if target.exists():
            return target
        shutil.copytree(REPOSITORY / source, target, ignore=shutil.ignore_patterns("__pycache__", ".venv", "venv"))
        for settings in target.glob("Pulumi.*.yaml"):
            # Of a person who has used the stack, with a passphrase of their own.
            text = re.sub(r"(?m)^encryptionsalt:.*\n?", "", settings.read_text("utf-8"))
            settings.write_text(text, "utf-8")
        return target

    def pulumi(self, folder: Path, *arguments: str, show: Callable[[str], None] = lambda _: None) -> Done:
        """Run the CLI in a project; ``show`` is given each line as it comes."""
        process: subprocess.Popen[str] | None = None
        is_stuck = threading.Event()
        lines: list[str] = []
        try:
            with _undisturbed():
                process = subprocess.Popen(
                    ["pulumi", *arguments, "--non-interactive"],
                    cwd=folder,
                    env=dict(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # a Ctrl-C is for the demo, which then ends the CLI in an orderly way
                )
            with _limited(process, is_stuck):
                for line in process.stdout or ():
                    lines.append(line)
                    show(line.rstrip("\n"))
                process.wait()
        finally:
            if process is not None and process.poll() is None:
                _end_cli(process)
        if is_stuck.is_set():
            raise DemoError(f"`pulumi {arguments[0]}` was not done after {COMMAND_SECONDS:g} seconds.")
        return Done(process.returncode, "".join(lines))


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Build the world, and take it down whatever happens in it."""
    cli = pulumi_cli.find()
    command = Path(sys.executable).parent / "cloudbackup"
    if cli is None or not os.access(command, os.X_OK):
        missing = "The Pulumi CLI" if cli is None else f"{command} (the demo runs with .venv/bin/python)"
        raise DemoError(f"{missing} is not there. Run `make setup` first; `make demo` does that too.")
    folder: Path | None = None
    emulator: subprocess.Popen[bytes] | None = None
    try:
        with _undisturbed():
            folder = Path(tempfile.mkdtemp(prefix="cloudbackup-demo-"))
        for name in ("home", "tmp", "backend"):
            (folder / name).mkdir()
        environment = _environment(folder, cli.bin_dir)
        with (folder / "emulator.log").open("wb") as log, _undisturbed():
            emulator = subprocess.Popen(
                [command, *EMULATOR.split()[1:], "--state", "service.sqlite"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # as for the CLI
            )
        url = _address(emulator, folder / "emulator.log")
        yield World(folder, Service(url), str(cli.version), {**environment, "CLOUDBACKUP_ENDPOINT": url})
    finally:
        for number in _SIGNALS:  # a second Ctrl-C must not interrupt the clean-up, which is short
            signal.signal(number, signal.SIG_IGN)
        if emulator is not None:
            emulator.terminate()
            _wait_or_kill(emulator)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def end_when_told() -> None:
    """Make a request to end an exception (``Told``), so that everything on the way out is cleaned up."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Told(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, stop)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold signals back while something is made that has to be cleaned up: it must be known before the way out."""
    held: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if handlers[number] is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: held.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if held:
        os.kill(os.getpid(), held[0])


@contextlib.contextmanager
def _limited(process: subprocess.Popen[str], is_stuck: threading.Event) -> Iterator[None]:
    """Kill a program, and say so, if it is not done in time."""

    def give_up() -> None:
        is_stuck.set()
        _kill(process)

    limit = threading.Timer(COMMAND_SECONDS, give_up)
    limit.daemon = True  # nothing waits for it, should it not be cancelled
    limit.start()
    try:
        yield
    finally:
        limit.cancel()


def _environment(folder: Path, bin_dir: Path) -> dict[str, str]:
    path = (str(Path(sys.executable).parent), str(bin_dir), os.environ.get("PATH", os.defpath))
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "PATH": os.pathsep.join(path),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PULUMI_HOME": str(folder / "home" / ".pulumi"),
        "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "demo",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
    }


def _address(emulator: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the emulator's first line and return the address in it."""
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        ended = emulator.poll() is not None
        text = log.read_text("utf-8", "replace")
        found = re.match(r"listening on (http://\S+)\n", text)
        if found:
            return found.group(1)
        if ended:
            lines = text.strip().splitlines()
            raise DemoError(f"The emulator does not start: {lines[-1] if lines else 'it says nothing'}")
        time.sleep(0.05)
    raise DemoError(f"The emulator is not ready after {START_SECONDS:g} seconds.")


def _end_cli(process: subprocess.Popen[str]) -> None:
    """End the CLI with all that it has started: told once it cancels in an orderly way, told twice it ends at once."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
            break
    _kill(process)
    process.wait()


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill what is left of a program's session: its language host and providers have process groups of their own."""
    process.kill()
    for pid in _session(process.pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _session(session: int) -> list[int]:
    """Return the processes of a session; elsewhere than on Linux none, where they end by themselves somewhat later."""
    members = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getsid(int(entry.name)) == session:
                members.append(int(entry.name))
    return members


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
