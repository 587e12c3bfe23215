"""Find the Pulumi CLI, or get it.

Decides which `pulumi` this repository runs, in this order:

1. the one on PATH, if it is 3.219.0 or newer and has the Python language host;
2. one that an earlier run installed, in a place that all clones of this repository share;
3. a new one from the official installer (`pulumi.automation.PulumiCommand.install`);
4. a new one built from Go modules (`pulumi_build`).

What is installed has previewed a real program before it is moved into place by one rename, so there is a whole CLI or
none. A CLI that this module did not install is never changed. Standard library only.

    python tools/pulumi_cli.py                  # find or get it, print its path
    python tools/pulumi_cli.py --print-bin-dir  # never install; exit code 1 if there is none
    python tools/pulumi_cli.py --remove         # remove what earlier runs installed

From Python, with this folder on `sys.path`: `pulumi_cli.find()`.
"""

from __future__ import annotations

import argparse
import contextlib
import enum
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi_build
import pulumi_proof
from steps import Patience, SetupError, StalledError, exclusive, guarded, is_writable, last_line, run, say, step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPOSITORY = Path(__file__).resolve().parent.parent
LANGUAGE_HOST = "pulumi-language-python"
MANIFEST = "manifest.json"
STAGING = "staging-"
CACHES = "go"
"""Where Go's caches go when its own places cannot be written; removed once there is a CLI."""

OFFICIAL_STALL_SECONDS = 20.0
"""The official installer is given up when nothing has arrived for so long."""
OFFICIAL_TOTAL_SECONDS = 900.0
"""The official installer is given up when it is not done after so long."""
PROBE_SECONDS = 30.0
"""How long a `pulumi` on PATH may take to say its version."""


@dataclass(frozen=True, order=True)
class Version:
    """A version of the CLI; build metadata is left out, since it orders nothing."""

    major: int
    minor: int
    patch: int
    is_release: bool = True
    """False for a pre-release, which comes before its release."""
    pre_release: str = ""

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Read what `pulumi version` prints, such as `v3.259.0` or `3.260.0-alpha.1+3f2a`; None if it is none."""
        match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", text.strip())
        if match is None:
            return None
        major, minor, patch, pre_release = match.groups()
        return cls(int(major), int(minor), int(patch), pre_release is None, pre_release or "")

    def __str__(self) -> str:
        """Write it as `3.259.0`, without the leading v."""
        suffix = "" if self.is_release else f"-{self.pre_release}"
        return f"{self.major}.{self.minor}.{self.patch}{suffix}"


MINIMUM = Version(3, 219, 0)
"""The oldest CLI that is used: the same version as the oldest SDK that pyproject.toml allows."""


class Origin(str, enum.Enum):
    """How a CLI came here."""

    PATH = "path"
    """It was on PATH; nobody knows how."""
    INSTALLED = "installed"
    """An earlier run installed it; `Found.made_by` tells how."""
    OFFICIAL = "official"
    """The official installer has just brought it."""
    BUILT = "built"
    """It has just been built from Go modules."""


@dataclass(frozen=True)
class Found:
    """A CLI that can be used."""

    path: Path
    """The `pulumi` executable."""
    version: Version
    origin: Origin
    made_by: Origin
    """`origin`, except that an installed one tells how it was made: official or built."""

    @property
    def bin_dir(self) -> Path:
        """The folder to put on PATH, behind the virtual environment's: a built language host runs PATH's Python."""
        return self.path.parent


@dataclass(frozen=True)
class Search:
    """What a search came to."""

    found: Found | None
    passed_over: tuple[str, ...] = ()
    """One sentence for each CLI that is there but cannot be used."""


class UnusableError(Exception):
    """A CLI that is there cannot be used; says why."""


def tools_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return where CLIs are installed: shared by all clones, or this repository's own if the home cannot be written.

    `CLOUDBACKUP_TOOLS_DIR` names another place.
    """
    env = os.environ if environment is None else environment
    if named := env.get("CLOUDBACKUP_TOOLS_DIR"):
        return Path(named).absolute()
    cache = env.get("XDG_CACHE_HOME", "")
    if not Path(cache).is_absolute():  # the XDG specification says to ignore it then
        home = env.get("HOME", "")
        cache = f"{home}/.cache" if Path(home).is_absolute() else ""
    if cache:
        shared = Path(cache) / "pulumi-cloudbackup" / "tools"
        if is_writable(shared) or _installed(shared):
            return shared
    return REPOSITORY / ".tools"


def find(environment: Mapping[str, str] | None = None) -> Found | None:
    """Find a CLI without installing one: on PATH, then among those that earlier runs installed."""
    return search(os.environ if environment is None else environment).found


def search(environment: Mapping[str, str]) -> Search:
    """Find a CLI as `find` does, and tell which one on PATH was passed over and why."""
    tools = tools_folder(environment)
    path = environment.get("PATH", os.defpath)
    where = shutil.which("pulumi", path=path)
    passed_over: tuple[str, ...] = ()
    if where and tools not in Path(where).absolute().parents:  # else this shell has `make env`: it is one of ours
        try:
            return Search(_usable(Path(where).absolute(), path, environment))
        except UnusableError as error:
            passed_over = (str(error),)
    return Search(_installed(tools), passed_over)


def _usable(executable: Path, path: str, environment: Mapping[str, str]) -> Found:
    """Return the CLI on PATH; UnusableError says why it cannot be used."""
    version = _version_of(executable, environment)
    if version < MINIMUM or version.major != MINIMUM.major:
        raise UnusableError(f"{executable} is {version}; {MINIMUM} or a later {MINIMUM.major}.x is needed")
    beside = executable.resolve().parent / LANGUAGE_HOST
    if not os.access(beside, os.X_OK) and shutil.which(LANGUAGE_HOST, path=path) is None:
        raise UnusableError(f"{executable} comes without {LANGUAGE_HOST}, which runs Python programs")
    return Found(executable, version, Origin.PATH, Origin.PATH)


def _version_of(executable: Path, environment: Mapping[str, str]) -> Version:
    """Ask a CLI for its version; UnusableError if it does not answer."""
    try:
        answer = subprocess.run(
            [executable, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
            env={**environment, "PULUMI_SKIP_UPDATE_CHECK": "1"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnusableError(f"{executable} does not run ({type(error).__name__})") from error
    version = Version.parse(answer.stdout)
    if answer.returncode or version is None:
        raise UnusableError(f"{executable} does not tell its version")
    return version


def _installed(tools: Path) -> Found | None:
    """Return what an earlier run installed: the newest official one, else the one that would be built now."""
    candidates = [found for folder in tools.glob(f"cli-*-{_machine()}*") if (found := _read(folder))]
    current = tools / _built_name()
    usable = [one for one in candidates if one.made_by is Origin.OFFICIAL or one.path == current / "bin" / "pulumi"]
    return max(usable, key=lambda one: (one.made_by is Origin.OFFICIAL, one.version), default=None)


def _read(folder: Path) -> Found | None:
    """Return the CLI in a folder if it is whole: each file of its manifest is there, in its size."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        version = Version.parse(manifest["version"])
        whole = all((folder / "bin" / name).stat().st_size == size for name, size in manifest["files"].items())
        made_by = Origin(manifest["made_by"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    pulumi = folder / "bin" / "pulumi"
    if not whole or version is None or version < MINIMUM or not os.access(pulumi, os.X_OK):
        return None
    return Found(pulumi, version, Origin.INSTALLED, made_by)


def _machine() -> str:
    return f"{platform.system()}-{platform.machine()}".lower()


def _built_name() -> str:
    """Name the folder of the CLI that would be built now: it changes with whatever changes the build."""
    return f"cli-{pulumi_build.version()}-built-{_machine()}-{pulumi_build.recipe_hash()}"


def get(
    python: Path,
    environment: Mapping[str, str] | None = None,
    prove: Callable[[Path, Path, Path], None] = pulumi_proof.preview_two_resources,
) -> Found:
    """Find a CLI, or install one and return it; SetupError says what to do when neither is possible.

    `python` is one that has the Pulumi SDK. `prove(bin_dir, python, scratch)` raises SetupError for a CLI that does
    not work. Runs at the same time take turns, and the later one finds what the earlier one installed.
    """
    env = os.environ if environment is None else environment
    first = search(env)
    if first.found:
        return first.found
    for reason in first.passed_over:
        say(f"setup: not used: {reason}")
    tools = tools_folder(env)
    try:
        tools.mkdir(parents=True, exist_ok=True)
        if REPOSITORY in tools.parents:
            (tools / ".gitignore").write_text("*\n", "utf-8")
        with exclusive(tools / "lock", "another run is getting the Pulumi CLI; waiting for it"):
            for stale in tools.glob(f"{STAGING}*"):  # of a run that was killed: whoever is alive holds the lock
                pulumi_build.remove(stale)
            return _installed(tools) or _install(tools, python, env, prove)
    except OSError as error:
        raise SetupError(f"{tools} cannot be written ({error}); CLOUDBACKUP_TOOLS_DIR names another place") from error


def _install(
    tools: Path, python: Path, environment: Mapping[str, str], prove: Callable[[Path, Path, Path], None]
) -> Found:
    """Make a CLI in a staging folder, one way or the other, and move it into place."""
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=tools))
    failures: list[str] = []
    try:
        for made_by, make in ((Origin.OFFICIAL, _official), (Origin.BUILT, _built)):
            folder, scratch = staging / made_by.value, staging / f"{made_by.value}-scratch"
            scratch.mkdir()
            try:
                make(folder, scratch, python, environment)
                with step("Proving the Pulumi CLI with a preview of two resources"):
                    prove(folder / "bin", python, scratch)
                found = _put_in_place(folder, tools, made_by, environment)
            except (SetupError, StalledError, UnusableError) as error:
                failures.append(f"{made_by.value}: {error}")
                if made_by is Origin.OFFICIAL:  # the last failure is told with what to do about all of them
                    say(f"setup: ... no: {error}")
            else:
                pulumi_build.remove(tools / CACHES)
                return found
        raise SetupError(_nothing(failures))
    finally:
        pulumi_build.remove(staging)


def _nothing(failures: list[str]) -> str:
    tried = "\n".join(f"  {failure}" for failure in failures)
    return (
        f"there is no Pulumi CLI, and none could be made:\n{tried}\n"
        "Install one of these, then run the same command again:\n"
        f"  the Pulumi CLI, {MINIMUM} or newer: https://www.pulumi.com/docs/iac/download-install/\n"
        f"  Go, {pulumi_build.needed_go()} or newer, to build it: https://go.dev/doc/install"
    )


OFFICIAL_INSTALLER = """
import subprocess, sys
from pulumi.automation import PulumiCommand
try:
    PulumiCommand.install(root=sys.argv[1])
except subprocess.CalledProcessError as error:
    sys.exit(error.output.decode(errors="replace"))
"""


def _official(folder: Path, scratch: Path, python: Path, environment: Mapping[str, str]) -> None:
    """Run the official installer into `folder`, for as long as something arrives."""
    log = scratch / "log"
    downloads = scratch / "downloads"
    downloads.mkdir()
    patience = Patience(
        OFFICIAL_TOTAL_SECONDS, OFFICIAL_STALL_SECONDS, lambda: _bytes_in(downloads) + _bytes_in(folder)
    )
    with step("Getting the Pulumi CLI with its official installer"):
        code = run(
            [python, "-c", OFFICIAL_INSTALLER, folder],
            log=log,
            environment={**environment, "TMPDIR": str(downloads), "PULUMI_SKIP_UPDATE_CHECK": "1"},
            patience=patience,
        )
        if code:
            raise SetupError(last_line(log))
        if not os.access(folder / "bin" / LANGUAGE_HOST, os.X_OK):
            raise SetupError(f"it ended without {LANGUAGE_HOST}")


def _built(folder: Path, scratch: Path, _python: Path, environment: Mapping[str, str]) -> None:
    """Build a CLI into `folder`."""
    pulumi_build.build(folder / "bin", scratch, folder.parent.parent / CACHES, environment)


def _bytes_in(folder: Path) -> int:
    """Add up the files in a folder that a program is writing to: any of them may go at any time."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += file.lstat().st_size
    return total


def _put_in_place(folder: Path, tools: Path, made_by: Origin, environment: Mapping[str, str]) -> Found:
    """Give the staged CLI its manifest and its final name, the latter by one rename."""
    version = _version_of(folder / "bin" / "pulumi", environment)
    files = {file.name: file.stat().st_size for file in sorted((folder / "bin").iterdir()) if file.is_file()}
    manifest = {"version": str(version), "made_by": made_by.value, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    name = _built_name() if made_by is Origin.BUILT else f"cli-v{version}-official-{_machine()}"
    place = tools / name
    if place.exists():  # damaged, or it would have been found
        place.rename(folder.parent / "damaged")
    folder.rename(place)
    return Found(place / "bin" / "pulumi", version, made_by, made_by)


def main() -> int:
    """Find or get the CLI, as the command line says."""
    parser = argparse.ArgumentParser(description="Find the Pulumi CLI, or get it.")
    only = parser.add_mutually_exclusive_group()
    only.add_argument(
        "--print-bin-dir", action="store_true", help="print its folder; never install; 1 if there is none"
    )
    only.add_argument("--remove", action="store_true", help="remove every CLI that earlier runs installed")
    parser.add_argument("--python", type=Path, default=REPOSITORY / ".venv" / "bin" / "python", help="has Pulumi's SDK")
    arguments = parser.parse_args()
    if arguments.remove:
        tools = tools_folder()
        with exclusive(tools / "lock", "another run is getting the Pulumi CLI; waiting for it"):
            for folder in [*tools.glob("cli-*"), *tools.glob(f"{STAGING}*"), tools / CACHES]:
                if folder.exists():
                    pulumi_build.remove(folder)
                    say(f"setup: removed {folder}")
        return 0
    if arguments.print_bin_dir:
        found = find()
        if found is None:
            say("setup: there is no Pulumi CLI here yet; run: make setup")
            return 1
        print(found.bin_dir)
        return 0
    if not os.access(arguments.python, os.X_OK):
        raise SetupError(f"{arguments.python} is not there; run: make setup")
    found = get(arguments.python)
    say(f"setup: Pulumi CLI {found.version} ({found.origin.value})")
    print(found.path)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
