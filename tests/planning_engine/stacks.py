"""Real stacks of many pairs: rendered, updated, put back, and what the engine said and did."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine_harness import environment
from planning_engine.pairs import PROJECT, STACK, Pair, label_of
from planning_engine.rendering import first_program, second_program

OBLIGING = Path(__file__).with_name("obliging.py")
MAIN = """
import json
from pathlib import Path
import obliging
{more}
obliging.declare(json.loads(Path("program.json").read_text()))
"""
_OURS = "pulumi-python:dynamic/cloudbackup:"


@dataclass(frozen=True)
class StepEvent:
    """One step of the engine on a resource of ours."""

    op: str
    urn: str
    old_id: str
    """The id of what it works on; empty: there was nothing."""
    is_retained: bool
    began: int
    """Its place among all events."""
    ended: int | None


@dataclass(frozen=True)
class Call:
    """One call that changed something, as the obliging providers noted it."""

    call: str
    id: str
    began: int
    """Its place in the log."""
    ended: int


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    steps: tuple[StepEvent, ...]
    calls: tuple[Call, ...]
    gave_up: tuple[str, ...]
    """What waited in vain."""


class StackOfPairs:
    """One project with one stack that holds many pairs."""

    def __init__(self, parent: Path, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs
        self.folder = parent / PROJECT
        self.folder.mkdir(parents=True)
        shutil.copy(OBLIGING, self.folder)
        (self.folder / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
        self._log, self._schedule = parent / "calls.jsonl", parent / "schedule.json"
        self._log.touch()
        self._env = {
            **environment(parent, None),
            **({"PYTHONPATH": __import__("os").environ["PYTHONPATH"]} if "PYTHONPATH" in __import__("os").environ else {}),  # DEV
            "OBLIGING_LOG": str(self._log),
            "PULUMI_DEBUG_COMMANDS": "1",
            "CLOUDBACKUP_THREADS": "400","PULUMI_EXPERIMENTAL": "1", "PULUMI_SKIP_CHECKPOINTS": "1",
        }
        self._render(first_program)
        self._pulumi("stack", "init", STACK)
        self._pulumi("config", "set", "cloudbackup:preflight", "off")
        self.run("up", "--yes", "--skip-preview", "--parallel", "64")
        self.ids = self._age()
        self._render(lambda pair: second_program(pair, self.ids_of(pair)))
        self._start = (json.dumps(self.export()), self._log.read_bytes())

    def ids_of(self, pair: Pair) -> dict[str, str]:
        """Return the ids of a pair's current side by label."""
        return {label_of(one): self.ids[pair.full(label_of(one))] for one in pair.current.resources}

    def put_back(self) -> None:
        """Make the state and the vaults what they were before the second program."""
        state, log = self._start
        self._import(state)
        self._log.write_bytes(log)

    def export(self) -> Any:
        return json.loads(self._pulumi("stack", "export"))

    def run(self, *arguments: str, schedule: Mapping[str, Any] | None = None) -> Ran:
        """Run a command that has events."""
        with self._log.open("a") as log:
            log.write(json.dumps({"what": "run"}) + "\n")
        before = self._log.stat().st_size
        env = self._env
        if schedule is not None:
            self._schedule.write_text(json.dumps(schedule))
            env = {**env, "OBLIGING_SCHEDULE": str(self._schedule)}
        with tempfile.TemporaryDirectory() as folder:
            events = Path(folder) / "events.jsonl"
            self._pulumi(*arguments, "--event-log", str(events), "--disable-integrity-checking", env=env)
            steps = _steps(events.read_text().splitlines())
        lines = [json.loads(line) for line in self._log.read_bytes()[before:].splitlines()]
        gave_up = [f"{line['call']} waited for {line['missing']}" for line in lines if line["what"] == "gave up"]
        return Ran(tuple(steps), tuple(_calls(lines)), tuple(gave_up))

    def _render(self, program: Any) -> None:
        declarations = [one for pair in self.pairs for one in program(pair)]
        (self.folder / "program.json").write_text(json.dumps(declarations))
        (self.folder / "__main__.py").write_text(MAIN.format(more="obliging.refuse_nothing()"))

    def _age(self) -> dict[str, str]:
        """Make the state one that earlier runs were interrupted in; return ids by full label."""
        document = self.export()
        resources = document["deployment"]["resources"]
        ids = {one["urn"].rpartition("::")[2]: one.get("id", "") for one in resources}
        gone: list[str] = []
        interrupted = {
            pair.urn(pair.current, one) for pair in self.pairs for one in pair.current.resources if one.pending_replacement
        }
        for one in resources:
            if one["urn"].endswith("--old"):
                one["urn"] = one["urn"].removesuffix("--old")
                one["delete"] = True
            elif one["urn"] in interrupted:
                one["pendingReplacement"] = True
                gone.append(one["id"])
        self._import(json.dumps(document))
        with self._log.open("a") as log:
            for vault_id in gone:
                log.write(json.dumps({"what": "effect", "call": f"delete {vault_id}", "id": vault_id}) + "\n")
        return ids

    def _import(self, document: str) -> None:
        file = self.folder.parent / "state.json"
        file.write_text(document)
        self._pulumi("stack", "import", "--file", str(file))

    def _pulumi(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--stack", STACK, "--cwd", str(self.folder), "--color", "never", "--non-interactive"]
            if arguments[:2] != ("stack", "init")
            else ["pulumi", *arguments, "--cwd", str(self.folder), "--non-interactive"],
            env=env if env is not None else self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout


def _steps(lines: Sequence[str]) -> list[StepEvent]:
    found: list[dict[str, Any]] = []
    running: dict[tuple[str, str, str], dict[str, Any]] = {}
    for place, line in enumerate(lines):
        event = json.loads(line)
        body = event.get("resourcePreEvent") or event.get("resOutputsEvent") or event.get("resOpFailedEvent")
        if body is None or _OURS not in body["metadata"]["urn"]:
            continue
        metadata = body["metadata"]
        old = metadata.get("old") or {}
        key = (metadata["op"], metadata["urn"], old.get("id", ""))
        assert "resOpFailedEvent" not in event, event
        if "resourcePreEvent" in event:
            running[key] = {
                "op": key[0],
                "urn": key[1],
                "old_id": key[2],
                "is_retained": bool(old.get("retainOnDelete")),
                "began": place,
                "ended": None,
            }
            found.append(running[key])
        elif key in running:
            running.pop(key)["ended"] = place
    return [StepEvent(**one) for one in found]


def _calls(lines: Sequence[Mapping[str, Any]]) -> list[Call]:
    began: dict[str, int] = {}
    found = []
    for place, line in enumerate(lines):
        if line["what"] == "start":
            began[line["call"]] = place
        elif line["what"] == "effect":
            found.append(Call(line["call"], line["id"], began[line["call"]], place))
    return found
