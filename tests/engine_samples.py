"""What the real engine writes: the programs that samples are recorded from, and the recording itself.

    make env; python tests/engine_samples.py    # records tests/offline/data anew, with the CLI that is at hand

The tests that read the samples need no CLI; tests/engine/test_reading_pulumi.py asks the real one the same questions.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "offline" / "data"
NEIGHBOURS = """
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

class KeyProvider(ResourceProvider):
    def create(self, props):
        return CreateResult(f"key-{props['label']}", {**props, "value": f"made of {props['label']}"})

    def diff(self, id, olds, news):
        replaces = ["label"] if olds.get("label") != news.get("label") else []
        return DiffResult(changes=bool(replaces) or olds.get("note") != news.get("note"), replaces=replaces)

    def update(self, id, olds, news):
        return UpdateResult({**news, "value": olds["value"]})

class Key(Resource, module="neighbours", name="Key"):
    value: pulumi.Output[str]

    def __init__(self, name, label, note=None, opts=None):
        super().__init__(KeyProvider(), name, {"label": label, "note": note, "value": None}, opts)
"""
"""Another dynamic resource, in a module of its own beside the program."""
FIRST = """
from neighbours import Key

class Site(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("shop:index:Site", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        key = Key(f"{name}-key", name, opts=below)
        orders = Vault("orders", region_id="cn-beijing", description=key.value, tags={"team": "shop"},
                       force_destroy=True, opts=below)
        MirrorVault("orders-dr", source=orders, region_id="cn-hangzhou", opts=below)

key = Key("key", "main", note=pulumi.Output.secret("hush"))
Site("north", opts=pulumi.ResourceOptions(depends_on=[key]))
name, more = "plain", {}
plain = Vault(name, region_id="cn-hangzhou", description=pulumi.Output.secret("quiet"),
              opts=pulumi.ResourceOptions(depends_on=[key], **more))
Key("after", "after", note=plain.id)
Key("aside", "aside")
"""
"""A source and its mirror in a component, a vault that waits for a neighbour, and one that waits for the vault."""
_OPTIONS = """{
    "aliases": [pulumi.Alias(name="plain")], "protect": True, "retain_on_delete": True,
    "ignore_changes": ["tags"], "replace_on_changes": ["worm_enabled"],
}"""
CHANGED = (
    FIRST.replace('"cn-beijing"', '"cn-qingdao"')
    .replace('"key", "main"', '"key", "other"')
    .replace('"plain", {}', f'"renamed", {_OPTIONS}')
    .replace('Key("after", "after", note=plain.id)', "")
)
"""Replaced, renamed by an alias, and removed."""
PROBLEM = 'Vault("orders", region_id="cn-hangzhou", encrypt_type="SECRET")\n'
"""What our own checks reject."""
_ID = re.compile(r"v-000[0-9a-z]{16}")
_KEPT_DEBUG = 2


def main() -> None:
    """Record all samples."""
    from engine_harness import Project, Service  # noqa: PLC0415 - the tests need the programs only
    from pulumi_cloudbackup.emulator import Emulator, Settings  # noqa: PLC0415 - as above

    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Emulator(Settings(initializing_seconds=0.1)) as emulator:
        service = Service(emulator.url)
        project = Project(Path(folder), service)
        (project.folder / "neighbours.py").write_text(NEIGHBOURS)
        recorder = Recorder(project, {})
        project.program(FIRST).run("stack", "ls")
        recorder.record("first.up.jsonl", "up", "--json", "--yes", "--skip-preview")
        recorder.record("first.export.json", "stack", "export")
        project.program(CHANGED)
        log = Path(folder) / "log"
        preview = ("preview", "--json", "--show-sames", "--show-replacement-steps", f"--event-log={log}")
        recorder.record("changed.digest.json", *preview)
        recorder.write("changed.preview.jsonl", log.read_text())
        service.fault(action="CreateVault", fault="http_500", times=100)
        recorder.record("failed.up.jsonl", "up", "--json", "--yes", "--skip-preview")
        project.program(PROBLEM)
        recorder.record("problem.digest.json", *preview)
        recorder.write("problem.preview.jsonl", log.read_text())


class Recorder:
    """Runs the CLI and writes what it says without machine paths and with ids that tell the order of creation."""

    def __init__(self, project: Any, ids: dict[str, str]) -> None:
        self._project, self._ids = project, ids

    def record(self, name: str, *arguments: str) -> None:
        """Run a command and keep what it prints."""
        more = ("--cwd", str(self._project.folder), "--stack", self._project.stack, "--color", "never")
        done = subprocess.run(
            ["pulumi", *arguments, *more, "--non-interactive"],
            env={**self._project.env, "PULUMI_DEBUG_COMMANDS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        self.write(name, done.stdout)

    def write(self, name: str, text: str) -> None:
        """Keep a text."""
        if name.endswith(".json"):
            text = json.dumps(stripped(json.loads(text)), indent=1) + "\n"
        else:
            text = "".join(f"{json.dumps(event, separators=(',', ':'))}\n" for event in _events(text))
        for found in dict.fromkeys(_ID.findall(text)):
            self._ids.setdefault(found, f"v-{len(self._ids) + 1:04}")
        (DATA / name).write_text(_ID.sub(lambda match: self._ids[match.group()], text))


def stripped(value: Any) -> Any:
    """Leave out machine paths."""
    if isinstance(value, dict):
        return {key: stripped(item) for key, item in value.items() if key not in ("sourcePosition", "stackTrace")}
    return [stripped(item) for item in value] if isinstance(value, list) else value


def _events(text: str) -> list[Any]:
    """Leave out most debug messages: there are hundreds."""
    events = [stripped(json.loads(line)) for line in text.splitlines()]
    debug = [event for event in events if event.get("diagnosticEvent", {}).get("severity") == "debug"]
    return [event for event in events if event not in debug[_KEPT_DEBUG:]]


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    sys.path[:0] = [str(root / "tools"), str(root / "tests")]
    os.chdir(root)
    main()
