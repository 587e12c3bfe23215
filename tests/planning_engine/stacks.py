"""Real stacks of many pairs: rendered, updated, put back; what the engine said, and what the providers did."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine_harness import environment
from planning_engine.pairs import PROJECT, STACK, Pair, label_of
from planning_engine.rendering import first_program, second_program
from pulumi_cloudbackup.estate import Estate

_OBLIGING = Path(__file__).with_name("obliging.py")
_MAIN = """
import json
from pathlib import Path
import obliging
{first}
obliging.declare(json.loads(Path("program.json").read_text()))
"""
_OURS = "pulumi-python:dynamic/cloudbackup:"
_NO_WORK = frozenset(("same", "replace", "read", "remove-pending-replace"))
"""Steps of the engine that never make a call."""


@dataclass(frozen=True)
class StepEvent:
    """One step of the engine on a resource of ours."""

    op: str
    urn: str
    old_id: str
    """The id of what it works on; empty: there was nothing."""
    began: int
    """Its place among all events."""
    ended: int

    @property
    def works(self) -> bool:
        """Whether it may make a call."""
        return self.op not in _NO_WORK

    @property
    def call(self) -> str:
        """How the providers note its call."""
        return call_of(self.op, self.urn, self.old_id)


@dataclass(frozen=True)
class Call:
    """One call that changed something."""

    call: str
    id: str
    source: str
    """The source of a mirror that is created; empty: it is none."""
    began: int
    """Its place in the log."""
    ended: int


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    steps: tuple[StepEvent, ...]
    calls: tuple[Call, ...]
    gave_up: frozenset[str]
    """The calls that waited in vain for another one."""


def call_of(op: str, urn: str, old_id: str) -> str:
    """Return how the providers note the call of a step."""
    if op in ("create", "create-replacement"):
        return f"create {urn.rpartition('::')[2]}"
    return f"{'update' if op == 'update' else 'delete'} {old_id}"


class StackOfPairs:
    """One project with one stack that holds the current sides of many pairs, and a program of the desired ones."""

    def __init__(self, parent: Path, pairs: Sequence[Pair], url: str | None = None) -> None:
        """Put the current sides in place; ``url``: a service that does what it is asked, or refuses."""
        self.pairs = pairs
        self._parent, self.folder = parent, parent / PROJECT
        self.folder.mkdir(parents=True)
        shutil.copy(_OBLIGING, self.folder)
        (self.folder / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
        (self.folder / "__main__.py").write_text(_MAIN.format(first="" if url else "obliging.call_no_service()"))
        self._log = parent / "calls.jsonl"
        self._log.touch()
        self.env = {
            **environment(parent, url),
            "OBLIGING_LOG": str(self._log),
            "CLOUDBACKUP_THREADS": "512",
            "PULUMI_DEBUG_COMMANDS": "1",
        }
        self._pulumi("stack", "init", STACK)
        if url is None:
            # The state is written once, at the end: five times as fast.
            self.env |= {"PULUMI_EXPERIMENTAL": "1", "PULUMI_SKIP_CHECKPOINTS": "1"}
            self._set(preflight="off", enforce="false")
        self._set(limits='{"vaults": 1000, "mirrors_per_region": 1000}')
        self._render(first_program)
        self.run("up", "--yes", "--skip-preview")
        self.ids = self._age()
        self._render(lambda pair: second_program(pair, self.ids_of(pair)))
        self.state = self.export()
        self._calls = self._log.read_bytes()

    def ids_of(self, pair: Pair) -> dict[str, str]:
        """Return the ids of a pair's current side by label."""
        return {label_of(one): self.ids[pair.full(label_of(one))] for one in pair.current.resources}

    def put_back(self) -> None:
        """Make the state and the vaults what they were before the second program."""
        self._import(self.state)
        self._log.write_bytes(self._calls)

    def run(
        self,
        *arguments: str,
        schedule: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a command that has events, with as many steps at a time as there are."""
        with self._log.open("a") as log:
            log.write(json.dumps({"what": "run"}) + "\n")
        before = self._log.stat().st_size
        env = {**self.env, **(variables or {})}
        if schedule is not None:
            file = self._parent / "schedule.json"
            file.write_text(json.dumps(schedule))
            env["OBLIGING_SCHEDULE"] = str(file)
        events = self._parent / "events.jsonl"
        events.unlink(missing_ok=True)
        more = ("--parallel", "256", "--event-log", str(events), "--disable-integrity-checking", "--stack", STACK)
        self._pulumi(*arguments, *more, env=env)
        lines = [json.loads(line) for line in self._log.read_bytes()[before:].splitlines()]
        return Ran(
            tuple(_steps(events.read_text().splitlines())),
            tuple(_calls(lines)),
            frozenset(line["call"] for line in lines if line["what"] == "gave up"),
        )

    def refusal(self, *arguments: str) -> str:
        """Return what a command says that the engine refuses."""
        return self._pulumi(*arguments, "--parallel", "256", "--stack", STACK, is_refused=True)

    def _set(self, **settings: str) -> None:
        words = [word for key, value in settings.items() for word in ("--plaintext", f"cloudbackup:{key}={value}")]
        self._pulumi("config", "set-all", *words, "--stack", STACK)

    def _render(self, program: Callable[[Pair], list[dict[str, Any]]]) -> None:
        declarations = [one for pair in self.pairs for one in program(pair)]
        (self.folder / "program.json").write_text(json.dumps(declarations))

    def _age(self) -> dict[str, str]:
        """Make the state one that earlier runs were interrupted in; return the ids of everything."""
        document = self._document()
        resources = document["deployment"]["resources"]
        ids = {one["urn"].rpartition("::")[2]: one.get("id", "") for one in resources}
        interrupted = {
            pair.urn(pair.current, one)
            for pair in self.pairs
            for one in pair.current.resources
            if one.pending_replacement
        }
        with self._log.open("a") as log:
            for one in resources:
                if one["urn"] in interrupted:
                    one["pendingReplacement"] = True
                    log.write(json.dumps({"what": "effect", "call": f"delete {one['id']}", "id": one["id"]}) + "\n")
        document["deployment"]["resources"] = _with_leftovers(resources)
        self._import(json.dumps(document))
        return ids

    def export(self) -> str:
        """Return the state as the CLI prints it."""
        return self._pulumi("stack", "export", "--stack", STACK)

    def _document(self) -> Any:
        return json.loads(self.export())

    def _import(self, document: str) -> None:
        file = self._parent / "state.json"
        file.write_text(document)
        self._pulumi("stack", "import", "--file", str(file), "--stack", STACK)

    def _pulumi(self, *arguments: str, env: Mapping[str, str] | None = None, is_refused: bool = False) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--cwd", str(self.folder), "--color", "never", "--non-interactive"],
            env=self.env if env is None else env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        told = [line for line in done.stdout.splitlines() if "warning" not in line]
        start = next((place for place, line in enumerate(told) if "error" in line), 0)
        assert (done.returncode != 0) is is_refused, "\n".join(
            (" ".join(arguments[:2]), *told[start : start + 60], done.stderr[-3000:])
        )
        return done.stdout


def _with_leftovers(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make states ``X--old`` what is left of an earlier X: behind all others, unless something still hangs on it."""
    needed = {urn for one in resources for urn in one.get("dependencies", ())}
    behind = [one for one in resources if one["urn"].endswith("--old") and one["urn"] not in needed]
    found = [one for one in resources if one not in behind] + behind
    for one in found:
        if one["urn"].endswith("--old"):
            one["urn"], one["delete"] = one["urn"].removesuffix("--old"), True
        if "dependencies" in one:
            one["dependencies"] = sorted({urn.removesuffix("--old") for urn in one["dependencies"]})
    return found


def part_of(estate: Estate, pair: Pair) -> Estate:
    """Return the resources of one pair."""

    def own(one: Any) -> bool:
        name: str = one.urn.rpartition("::")[2]
        return name.startswith(f"{pair.name}-")

    return estate.model_copy(
        update={
            "vaults": tuple(filter(own, estate.vaults)),
            "mirrors": tuple(filter(own, estate.mirrors)),
            "foreign": tuple(filter(own, estate.foreign)),
        }
    )


def _steps(lines: Sequence[str]) -> list[StepEvent]:
    """Read the engine's events."""
    found: list[tuple[str, str, str, int]] = []
    ends: dict[tuple[str, str, str], int] = {}
    for place, line in enumerate(lines):
        event = json.loads(line)
        assert "resOpFailedEvent" not in event, event
        body = event.get("resourcePreEvent") or event.get("resOutputsEvent")
        if body is None or _OURS not in body["metadata"]["urn"]:
            continue
        metadata = body["metadata"]
        key = (metadata["op"], metadata["urn"], (metadata.get("old") or {}).get("id", ""))
        if "resourcePreEvent" in event:
            found.append((*key, place))
        else:
            ends.setdefault(key, place)
    return [StepEvent(*one, ends.get(one[:3], len(lines))) for one in found]


def _calls(lines: Sequence[Mapping[str, Any]]) -> list[Call]:
    began: dict[str, tuple[int, str]] = {}
    found = []
    for place, line in enumerate(lines):
        if line["what"] == "start":
            began[line["call"]] = place, line["source"]
        elif line["what"] == "effect":
            start, source = began[line["call"]]
            found.append(Call(line["call"], line["id"], source, start, place))
    return found
