"""Prove that a Pulumi CLI works, by a preview of a real program.

Decides whether a CLI that has just been made may be used: its engine, its Python language host and its host for
dynamic providers have to do their parts. Must not depend on anything of the person's own Pulumi set-up.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from steps import SetupError

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_SECONDS = 120.0

PROGRAM = '''\
"""Two dynamic resources, the second from an output of the first."""

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("id", props)


class Thing(Resource):
    value: pulumi.Output[str]

    def __init__(self, name, value):
        super().__init__(Provider(), name, {"value": value})


first = Thing("first", "a")
Thing("second", first.value)
'''


def preview_two_resources(bin_dir: Path, python: Path, scratch: Path) -> None:
    """Preview a real program with a CLI, in an environment of its own; SetupError if it does not do what it should."""
    project, home, state = scratch / "project", scratch / "home", scratch / "state"
    for folder in (project, home, state):
        folder.mkdir()
    (project / "Pulumi.yaml").write_text("name: proof\nruntime: python\n", "utf-8")
    (project / "__main__.py").write_text(PROGRAM, "utf-8")
    environment = {
        "PATH": os.pathsep.join([str(python.parent), str(bin_dir), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "PULUMI_HOME": str(home / ".pulumi"),
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "proof",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
    }
    _run([bin_dir / "pulumi", "stack", "init", "proof"], project, environment)
    preview = _run([bin_dir / "pulumi", "preview", "--stack", "proof", "--json"], project, environment)
    try:
        steps = json.loads(preview)["steps"]
        created = [step["urn"].rpartition("::")[2] for step in steps if step["op"] == "create"]
    except (ValueError, LookupError, TypeError) as error:
        raise SetupError("the new Pulumi CLI does not write a preview that can be read") from error
    if created != ["proof-proof", "first", "second"]:
        raise SetupError(f"the new Pulumi CLI previews {created} instead of a stack, first and second")


def _run(command: list[str | Path], directory: Path, environment: dict[str, str]) -> str:
    """Run the CLI and return what it prints."""
    try:
        answer = subprocess.run(
            [*command, "--non-interactive"],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"the new Pulumi CLI does not run ({type(error).__name__})") from error
    if answer.returncode:
        lines = [line.strip() for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]
        raise SetupError(f"the new Pulumi CLI cannot {command[1]}: {lines[-1] if lines else 'no output'}")
    return answer.stdout
