"""Show the main job: the real Pulumi engine manages vaults and mirrors of a service that speaks the real protocol.

Decides what is shown and what has to come true. Whether the order of calls was right is decided by the service's own
record (`demo_calls`), never by what Pulumi printed. Works on copies in a temporary folder and leaves nothing behind.

    make demo                     # sets up first what is needed
    .venv/bin/python tools/demo.py
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from demo_calls import DELETE, MIRROR, Record, Vault
from demo_world import EMULATOR, DemoError, Done, Told, World, end_when_told, world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STACK: Final = "dev"
MOVED, MOVED_TO = "orders", "cn-beijing"
"""Whose mirror moves, and where to."""
RENAMED, NEW_NAME = "catalog", "renamed-in-the-console"
"""Which vault somebody renames behind Pulumi's back."""
LOST: Final = "payments-dr"
"""Which mirror somebody deletes behind Pulumi's back."""

PROXIES: Final = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")

RED, GREEN, CYAN, BOLD, TITLE = "31", "32", "36", "1", "1;35"
"""Styles of a terminal."""


@dataclass(frozen=True)
class Check:
    """One thing that has to come true in a step."""

    text: str
    """It, as a statement."""
    failures: tuple[str, ...] = ()
    """What was so instead, in sentences; empty: it came true."""


@dataclass(frozen=True)
class Stage:
    """Where the demo is shown: says what is done, does it, and shows what matters of the outcome."""

    world: World
    has_colour: bool

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line."""
        print(f"\033[{style}m{text}\033[0m" if style and self.has_colour else text, flush=True)

    def enter(self, source: str) -> Path:
        """Enter a copy of one of the repository's projects."""
        self.say(f"   $ cd {source}  # a copy of it", BOLD)
        return self.world.project(source)

    def pulumi(self, folder: Path, *arguments: str, expected: int = 0, outputs_of: str | None = None) -> Done:
        """Show a command, run it, and show its output trimmed; raise DemoError if it does not exit as expected."""
        self.say(f"   $ {shlex.join(['pulumi', *arguments])}", BOLD)
        trim = Trim(outputs_of)

        def show(line: str) -> None:
            if trim.keeps(line):
                # Its colours may go on in the next line, which is perhaps not shown.
                self.say(f"     {line.rstrip()}" + ("\033[0m" if self.has_colour else ""))

        colour = "always" if self.has_colour else "never"
        done = self.world.pulumi(folder, *arguments, "--color", colour, show=show)
        if done.code != expected:
            raise DemoError(
                f"`pulumi {arguments[0]}` exited with {done.code}, not with {expected}. All that it printed:\n\n"
                f"{done.output}"
            )
        return done

    def saw(self, record: Record) -> None:
        """Tell in one line what the service saw."""
        self.say(f"   service saw: {record.sentence()}", CYAN)

    def tell(self, check: Check) -> None:
        """Tell whether something came true, and what was so instead."""
        style = RED if check.failures else GREEN
        self.say(f"   {'WRONG' if check.failures else 'ok':<7}{check.text}", style)
        for failure in check.failures:
            self.say(f"          {failure}", style)


class Trim:
    """What of the CLI's output matters: what was done, what is wrong, and one workload of the stack's outputs."""

    _COLOUR = re.compile(r"\x1b\[[0-9;]*m")
    _SECTION = re.compile(r"(Outputs|Diagnostics|Resources|Duration):")
    _WORKLOAD = re.compile(r"[ ~+-]{8}(\S+) *: \{")
    _DONE = re.compile(
        r"dynamic/cloudbackup:.* ((created|updated|replaced|deleted)( original| replacement)? \(|refresh .*\[diff: )"
    )

    def __init__(self, outputs_of: str | None = None) -> None:
        """Keep the outputs of one workload; ``None``: no outputs."""
        self._outputs_of = outputs_of
        self._section = ""
        self._is_in_workload = False

    def keeps(self, line: str) -> bool:
        """Return whether the next line is worth showing."""
        text = self._COLOUR.sub("", line).rstrip()
        if section := self._SECTION.match(text):
            self._section = section.group(1)
            return self._section != "Duration" and (self._section != "Outputs" or self._outputs_of is not None)
        match self._section:
            case "Outputs":
                if workload := self._WORKLOAD.match(text):
                    self._is_in_workload = workload.group(1) == self._outputs_of
                return self._is_in_workload
            case "Diagnostics" | "Resources":
                return bool(text)
            case "Duration":
                return False
            case _:
                return bool(self._DONE.search(text))


def rejected(stage: Stage) -> list[Check]:
    """Preview a program that the service would never accept."""
    folder = stage.enter("examples/02-rejected")
    stage.say("   $ cat __main__.py", BOLD)
    for line in (folder / "__main__.py").read_text("utf-8").splitlines():
        stage.say(f"     {line}".rstrip())
    record = stage.world.service.recording()
    stage.pulumi(folder, "stack", "init", STACK)
    done = stage.pulumi(folder, "preview", expected=1)
    seen = record()
    stage.saw(seen)
    is_told = re.search(r"CB201: .*Set region_id of", done.output) is not None
    return [
        Check("the preview fails with CB201, its reason and its fix in one line", _unless(is_told, "It does not.")),
        Check("no traceback", _unless("Traceback" not in done.output, "There is one.")),
        Check("nothing was created or changed", _unless(not seen.calls, f"The service saw: {seen.sentence()}.")),
    ]


def created(stage: Stage) -> list[Check]:
    """Create a topology of several regions."""
    folder = stage.enter("stacks/retail-dr")
    record = stage.world.service.recording()
    stage.pulumi(folder, "stack", "init", STACK)
    stage.pulumi(folder, "up", "--yes", "--skip-preview", outputs_of=MOVED)
    seen = record()
    stage.saw(seen)
    return [Check("every mirror was created after its source", seen.broken_orders()), _as_declared(stage, folder, seen)]


def moved(stage: Stage) -> list[Check]:
    """Move a mirror to another region: a source has at most one, so the old one goes first."""
    folder = stage.enter("stacks/retail-dr")
    record = stage.world.service.recording()
    stage.pulumi(folder, "config", "set", "--path", f"vaults.{MOVED}.mirrorRegion", MOVED_TO)
    stage.pulumi(folder, "up", "--yes", "--skip-preview", outputs_of=MOVED)
    seen = record()
    stage.saw(seen)
    made = [(call.action, call.vault.name) for call in seen.calls]
    expected = [(DELETE, f"{MOVED}-dr"), (MIRROR, f"{MOVED}-dr")]
    return [
        Check("the old mirror was deleted before the new one was created", seen.broken_orders()),
        Check("nothing else was changed", _unless(made == expected, f"The service saw: {seen.sentence()}.")),
        _as_declared(stage, folder, seen),
    ]


def repaired(stage: Stage) -> list[Check]:
    """Change things behind Pulumi's back, and let Pulumi find and repair it."""
    folder, service = stage.enter("stacks/retail-dr"), stage.world.service
    vaults = {vault.name: vault for vault in service.vaults().values()}
    if RENAMED not in vaults or LOST not in vaults:
        raise DemoError(f"This step needs {RENAMED} and {LOST} in stacks/retail-dr/Pulumi.{STACK}.yaml.")
    record = service.recording()
    stage.say(f"   # somebody renames vault {RENAMED} to {NEW_NAME} ...", BOLD)
    service.rename(vaults[RENAMED], NEW_NAME)
    stage.say(f"   # ... and deletes mirror {LOST} with the official SDK", BOLD)
    _delete_with_the_sdk(service.url, vaults[LOST])
    drifted = record()
    stage.saw(drifted)
    record = service.recording()
    stage.pulumi(folder, "up", "--yes", "--skip-preview", "--refresh")
    seen = record()
    stage.saw(seen)
    is_drift = bool(_as_declared(stage, folder, drifted).failures)
    return [
        Check("there was drift", _unless(is_drift, "The service had all that the stack declares.")),
        Check("the lost mirror was created again while its source had none", seen.broken_orders()),
        _as_declared(stage, folder, seen),
    ]


def destroyed(stage: Stage) -> list[Check]:
    """Delete everything."""
    folder = stage.enter("stacks/retail-dr")
    record = stage.world.service.recording()
    stage.pulumi(folder, "destroy", "--yes", "--skip-preview")
    seen = record()
    stage.saw(seen)
    left = ", ".join(vault.name for vault in seen.after.values())
    return [
        Check("every mirror was deleted before its source", seen.broken_orders()),
        Check("the service holds nothing any more", _unless(not left, f"It still holds {left}.")),
    ]


STEPS: tuple[tuple[str, Callable[[Stage], list[Check]]], ...] = (
    ("an invalid program is rejected by its preview", rejected),
    ("a disaster-recovery topology is created", created),
    ("a mirror moves to another region", moved),
    ("drift is found and repaired", repaired),
    ("everything is destroyed", destroyed),
)


def show(stage: Stage) -> bool:
    """Show all steps, up to the first in which something does not come true, and sum up; return whether all did."""
    rows: list[str] = []
    begun, is_right = time.monotonic(), True
    for number, (title, step) in enumerate(STEPS, 1):
        started = time.monotonic()
        stage.say(f"\n{number}/{len(STEPS)}  {title[0].upper()}{title[1:]}", TITLE)
        checks = step(stage)
        for check in checks:
            stage.tell(check)
        is_right = not any(check.failures for check in checks)
        rows.append(f"   {'ok' if is_right else 'WRONG':<7}{title:<50}{time.monotonic() - started:>5.1f} s")
        if not is_right:
            break
    stage.say("\nSummary, by what the service itself recorded", TITLE)
    for row in rows:
        stage.say(row)
    verdict = "everything came true" if is_right else "stopped at the first step that went wrong"
    stage.say(f"   {verdict:<57}{time.monotonic() - begun:>5.1f} s", BOLD)
    if is_right:
        stage.say("   Now yours: examples/01-first-mirror/README.md")
    return is_right


def main() -> int:
    """Give the demo; the exit code is 0 only if everything came true."""
    end_when_told()
    for name in PROXIES:  # everything here is on this machine; the SDK heeds no NO_PROXY
        os.environ.pop(name, None)
    try:
        with world() as here:
            stage = Stage(here, sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
            stage.say(f"Pulumi CLI {here.cli_version}, a file backend, and an emulated Cloud Backup service at")
            stage.say(f"{here.service.url} (`{EMULATOR}`), all in a temporary folder.")
            return 0 if show(stage) else 1
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
    except BrokenPipeError:
        # Nobody reads stdout any more; it must not be flushed again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"demo: the operating system refuses: {error}", file=sys.stderr)
    except (KeyboardInterrupt, Told) as stop:
        print("demo: stopped; nothing is left behind", file=sys.stderr)
        return 128 + (stop.number if isinstance(stop, Told) else signal.SIGINT)
    return 1


def _unless(came_true: bool, otherwise: str) -> tuple[str, ...]:  # noqa: FBT001 - the very thing that is checked
    return () if came_true else (otherwise,)


def _as_declared(stage: Stage, folder: Path, seen: Record) -> Check:
    """Check that the service has exactly the vaults and mirrors of the stack's configuration, all of them ready."""
    settings: dict[str, Any] = json.loads(stage.world.pulumi(folder, "config", "get", "vaults").output)
    declared: dict[str, tuple[str, str | None]] = {}
    for name, vault in settings.items():
        declared[name] = (vault["region"], None)
        if vault.get("mirrorRegion"):
            declared[f"{name}-dr"] = (vault["mirrorRegion"], name)
    mirrors = sum(1 for _, source in declared.values() if source)
    text = f"the service has the {len(declared) - mirrors} vaults and {mirrors} mirrors that are declared, no others"
    return Check(text, tuple(_differences(declared, seen.after)))


def _differences(declared: dict[str, tuple[str, str | None]], there: Mapping[str, Vault]) -> list[str]:
    """Tell where vaults (name: region and name of the source) differ from those that are there."""
    names = {id_: vault.name for id_, vault in there.items()}
    actual = {vault.name: (vault.region_id, names.get(vault.source_id or "")) for vault in there.values()}
    differences = [f"{name} is not there." for name in declared if name not in actual]
    differences += [f"{name} is there, but not declared." for name in actual if name not in declared]
    for vault in there.values():
        place, source = actual[vault.name]
        if declared.get(vault.name, (place, source)) != (place, source):
            differences.append(f"{vault.name} is in {place}, with source {source}.")
        if vault.status != "CREATED":
            differences.append(f"{vault.name} is in status {vault.status}.")
    if len(actual) < len(there):
        differences.append("Several have the same name.")
    return differences


def _delete_with_the_sdk(url: str, vault: Vault) -> None:
    """Delete a vault as anybody could: with the vendor's SDK, which signs the call."""
    from alibabacloud_hbr20170908.client import Client  # noqa: PLC0415 - half a second, and only in one step
    from alibabacloud_hbr20170908.models import DeleteVaultRequest  # noqa: PLC0415 - as above
    from alibabacloud_tea_openapi.utils_models import Config, GlobalParameters  # noqa: PLC0415 - as above

    scheme, _, address = url.partition("://")
    config = Config(
        access_key_id="test",
        access_key_secret="test",  # noqa: S106 - of the emulator
        protocol=scheme,
        endpoint=address,
        global_parameters=GlobalParameters(queries={"RegionId": vault.region_id}),
    )
    try:
        Client(config).delete_vault(DeleteVaultRequest(vault_id=vault.id))
    except Exception as error:  # noqa: BLE001 - the SDK raises unrelated classes of several packages
        raise DemoError(f"The SDK could not delete {vault.name}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
