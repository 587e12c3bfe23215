"""Set this repository up: its virtual environment, its dependencies, the project itself, and the Pulumi CLI.

Decides what is done again and what is still good from last time. Each part is stamped once it is complete, with a hash
of all that it was made from; a part without its stamp was not finished and is made again. Standard library only.

    python tools/workspace.py setup  # everything
    python tools/workspace.py venv   # everything but the Pulumi CLI
    python tools/workspace.py env    # everything, then print the shell lines that put it on PATH
    python tools/workspace.py lock   # compile the requirements files from pyproject.toml
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi_cli
from steps import SetupError, exclusive, guarded, is_writable, last_line, read, run, say, step

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
VENV = REPOSITORY / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKED = ("requirements-build.txt", "requirements.txt")
"""In the order in which they are installed."""

DEPENDENCIES_STAMP = VENV / ".dependencies.stamp"
PROJECT_STAMP = VENV / ".project.stamp"

FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_DRY_RUN")
"""Variables that would make pip install somewhere else, or Python import from there."""
PLUGIN_FILE = REPOSITORY / "provider" / "pulumi_cloudbackup" / "pulumi-plugin.json"
"""Pulumi looks for it in site-packages, also of an editable install; without it every command tries a download."""

LOCKING = (
    *("--universal", "--python-version", "3.10", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
)
"""Options of `uv pip compile`."""


def dependencies_hash() -> str:
    """Return a hash of what the dependencies were installed from: the locked files, the place and the Python."""
    digest = hashlib.sha256(repr((sys.version, sys.base_prefix, str(VENV))).encode())
    for name in LOCKED:
        digest.update((REPOSITORY / name).read_bytes())
    return digest.hexdigest()


def project_hash() -> str:
    """Return a hash of what the project was installed from: its metadata and the dependencies under it."""
    project = (REPOSITORY / "pyproject.toml").read_bytes() + PLUGIN_FILE.read_bytes()
    return hashlib.sha256(dependencies_hash().encode() + project).hexdigest()


def is_stamped(stamp: Path, expected: str) -> bool:
    """Tell whether a part is complete and made from what is there now."""
    try:
        return stamp.read_text("utf-8") == expected and os.access(PYTHON, os.X_OK)
    except OSError:
        return False


def make_venv() -> None:
    """Bring the virtual environment up to date; does nothing if it is."""
    if is_stamped(DEPENDENCIES_STAMP, dependencies_hash()) and is_stamped(PROJECT_STAMP, project_hash()):
        return
    lock = REPOSITORY / ".make" / "setup.lock"
    with exclusive(lock, "another run is setting this repository up; waiting for it") as held:
        (lock.parent / ".gitignore").write_text("*\n", "utf-8")
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / "log"
            if not is_stamped(DEPENDENCIES_STAMP, dependencies_hash()):
                _install_dependencies(log, held)
                DEPENDENCIES_STAMP.write_text(dependencies_hash(), "utf-8")
            if not is_stamped(PROJECT_STAMP, project_hash()):
                _install_project(log, held)
                PROJECT_STAMP.write_text(project_hash(), "utf-8")


def _install_dependencies(log: Path, held: int) -> None:
    if VENV.is_symlink() or (VENV.exists() and not VENV.is_dir()):
        raise SetupError(".venv is not a folder of this repository; move it away")
    if importlib.util.find_spec("ensurepip") is None:
        name = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise SetupError(f"this Python has no venv module with pip; on Debian and Ubuntu: apt-get install {name}")
    base = Path(getattr(sys, "_base_executable", "") or sys.executable)
    release = ".".join(str(number) for number in sys.version_info[:3])
    with step(f"Creating .venv with Python {release}"):
        if VENV.exists():
            shutil.rmtree(VENV)
        _must([base, "-m", "venv", VENV], log, "the virtual environment could not be made")
    count = len(re.findall(r"^[a-z0-9]", (REPOSITORY / LOCKED[-1]).read_text("utf-8"), re.MULTILINE))
    with step(f"Installing the {count} locked dependencies (about half a minute)"):
        for name in LOCKED:
            _pip(["--require-hashes", "--requirement", REPOSITORY / name], log, held)


def _install_project(log: Path, held: int) -> None:
    with step("Installing pulumi-cloudbackup itself, editable"):
        _pip(["--no-deps", "--editable", REPOSITORY], log, held)
        log.write_text("", "utf-8")
        _must([PYTHON, "-m", "pip", "check"], log, "requirements.txt does not fit pyproject.toml; run: make lock")
        for site_packages in VENV.glob("lib/python3*/site-packages"):
            place = site_packages / PLUGIN_FILE.parent.name
            place.mkdir(exist_ok=True)
            shutil.copy(PLUGIN_FILE, place)


def _pip(arguments: Sequence[str | Path], log: Path, held: int) -> None:
    """Install into the virtual environment, with the person's own index settings and nothing built in isolation."""
    log.write_text("", "utf-8")
    pip: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "--no-input",
        "--disable-pip-version-check",
        "install",
        "--no-build-isolation",
    ]
    code = run([*pip, *arguments], log=log, environment=_environment(), progress=_pip_progress, held=held)
    if code == 0:
        return
    text = read(log)
    error = next((line for line in reversed(text.splitlines()) if line.startswith("ERROR: ")), last_line(log))
    if "DO NOT MATCH THE HASHES" in text:
        raise SetupError("a downloaded package is not the one that requirements.txt expects; nothing of it was used")
    if re.search(r"connection broken by|NewConnectionError|Temporary failure in name resolution", text):
        raise SetupError(f"the Python package index could not be reached; pip says: {error.removeprefix('ERROR: ')}")
    raise SetupError(f"pip could not install the dependencies: {error.removeprefix('ERROR: ')}")


def _pip_progress(log: str) -> str:
    collected = len(re.findall(r"^Collecting ", log, re.MULTILINE))
    return "installing" if "Installing collected packages" in log else f"{collected} packages collected"


def _must(command: Sequence[str | Path], log: Path, failure: str) -> None:
    if run(command, log=log, environment=_environment()):
        raise SetupError(f"{failure} ({last_line(log)})")


def _environment() -> dict[str, str]:
    """Return the person's environment, less what would make this another installation."""
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    home = env.get("HOME", "")
    if not is_writable(Path(env.get("XDG_CACHE_HOME") or f"{home}/.cache")):
        env["PIP_NO_CACHE_DIR"] = "1"  # pip would find out too late, while it builds
    return env


def exports(found: pulumi_cli.Found) -> str:
    """Return the shell lines that put the virtual environment first on PATH, and the CLI behind it."""
    # A CLI from PATH stays where it is: its folder may hold other programs, which would move forward with it.
    behind = [] if found.origin is pulumi_cli.Origin.PATH else [str(found.bin_dir)]
    path = os.pathsep.join([str(PYTHON.parent), *behind])
    return (
        f'export PATH={shlex.quote(path)}:"$PATH"\n'
        f"export VIRTUAL_ENV={shlex.quote(str(VENV))}\n"
        "export PULUMI_SKIP_UPDATE_CHECK=1"
    )


def lock(options: Sequence[str]) -> None:
    """Compile the requirements files, with hashes for every platform and Python, naming no index."""
    with tempfile.TemporaryDirectory() as scratch:
        log, tool = Path(scratch) / "log", Path(scratch) / "uv"
        with step("Getting uv, which compiles the requirements"):
            _must([sys.executable, "-m", "venv", tool], log, "the virtual environment could not be made")
            _must([tool / "bin" / "python", "-m", "pip", "install", "uv>=0.5,<1"], log, "uv could not be installed")
        command = [str(tool / "bin" / "uv"), "pip", "compile", *LOCKING, *options]
        for target, sources in (
            (LOCKED[0], ["requirements-build.in"]),
            (LOCKED[1], ["--extra", "dev", "pyproject.toml"]),
        ):
            log.write_text("", "utf-8")
            with step(f"Compiling {target}"):
                compile_one = [*command, "--output-file", target, *sources]
                if run(compile_one, log=log, environment=_environment(), directory=REPOSITORY):
                    raise SetupError(f"{target} cannot be compiled:\n{read(log)}")


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Set this repository up.")
    parser.add_argument("command", choices=["setup", "venv", "env", "lock"])
    arguments, rest = parser.parse_known_args()
    if rest and arguments.command != "lock":
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if arguments.command == "lock":
        lock(rest)
        return 0
    make_venv()
    if arguments.command == "venv":
        return 0
    found = pulumi_cli.get(PYTHON, _environment())
    if arguments.command == "env":
        print(exports(found))
        return 0
    say(f"setup: ready: .venv, and Pulumi CLI {found.version} ({found.made_by.value}) in {found.bin_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
