"""The preview and the plan of a program without the Pulumi CLI: the program itself, and the state as it was exported.

The program runs in a process of its own, as for ``cloudbackup check``, with the exported state in the place of the
stack's own, and with somebody in the place of the engine who decides as it does (``deciding``). What comes of it is
read and planned as a real preview is. The live account is not asked.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.engine.event_stream import observe, read_digest, read_events
from pulumi_cloudbackup.engine.exported import Exported, StateError, read_export
from pulumi_cloudbackup.engine.nothing_declared import judge_offline
from pulumi_cloudbackup.engine.outcome import Failure
from pulumi_cloudbackup.engine.running import run_program
from pulumi_cloudbackup.engine.stack_plan import StackPlan, plan_of, seen_in
from pulumi_cloudbackup.engine.states import decoded
from pulumi_cloudbackup.engine.values import concealed
from pulumi_cloudbackup.estate import Estate, Unknown, holds_unknown

if TYPE_CHECKING:
    from pulumi_cloudbackup.engine.project import Project, Stack

Results = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Surroundings:
    """What a program may ask of others, as somebody gives it."""

    stack_outputs: Results = field(default_factory=dict)
    """Outputs of other stacks by the name in a reference."""
    functions: Results = field(default_factory=dict)
    """What functions of providers return, by token."""


_STACK_REFERENCE: Final = "pulumi:pulumi:StackReference"
NOTHING_GIVEN: Final = Surroundings()
ENCRYPTED: Final = "Where the state holds secrets encrypted, export it with --show-secrets"
"""What may help where a state cannot be read as an estate."""


def preview_offline(
    project: Project,
    stack: Stack,
    state: str | bytes | None,
    *,
    seconds: float,
    surroundings: Surroundings = NOTHING_GIVEN,
    **choices: Any,
) -> StackPlan | Failure:
    """Run a program and plan it; ``state``: what ``pulumi stack export`` wrote, ``None``: there is nothing yet.

    Returns a Failure where the program cannot be judged. Raises StateError, PreviewFailedError, PlanError, Refusal.
    """
    exported, given, text = _read(state)
    refuse_another_stack(exported, project, stack)
    olds = (given.get("deployment") or {}).get("resources") or []
    with tempfile.TemporaryDirectory(prefix="cloudbackup-", ignore_cleanup_errors=True) as place:
        judgement, preview = Path(place) / "judgement.json", Path(place) / "preview.json"
        outcome = run_program(
            project,
            stack,
            seconds=seconds,
            own_resources={one["urn"]: _known(one.get("outputs") or {}) for one in olds if not one.get("delete")},
            observe_to=str(judgement),
            olds=olds,
            preview_to=str(preview),
            stack_outputs={**_referenced(olds), **surroundings.stack_outputs},
            functions=surroundings.functions,
        )
        if isinstance(outcome, Failure):
            return outcome
        told = json.loads(preview.read_text(encoding="utf-8"))
        if not judgement.exists():
            judge_offline(exported, text, stack.configuration.values, judgement)
        seen = seen_in(judgement)
    events = read_events(json.dumps(event) for event in told["events"])
    observed = observe(events, read_digest(json.dumps(told["digest"])))
    made = plan_of(text, exported, observed, seen, **choices)
    return replace(made, plan=replace(made.plan, notes=(*made.plan.notes, *_limits(told))))


def refuse_another_stack(exported: Exported, project: Project, stack: Stack) -> None:
    """Refuse a state that is another stack's than the program is run for; raise StateError."""
    for what, told, chosen in (("project", exported.project, project.name), ("stack", exported.stack, stack.name)):
        if told is not None and told != chosen:
            raise StateError(f'The state is that of {what} "{told}", and the program is run for {what} "{chosen}".')


def _referenced(olds: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the outputs of other stacks as the last update saw them, as far as they can be read."""
    found: dict[str, dict[str, Any]] = {}
    for one in olds:
        outputs = decoded(one.get("outputs") or {}) if one.get("type") == _STACK_REFERENCE else {}
        told = outputs.get("outputs")
        if isinstance(outputs.get("name"), str) and isinstance(told, dict):
            found[outputs["name"]] = {key: value for key, value in told.items() if not holds_unknown(value)}
    return found


def _limits(told: Mapping[str, Any]) -> Iterator[str]:
    """Say what nobody could know offline."""
    keys = ("unanswered", "unknown_stacks", "uncompared", "stood_in")
    functions, stacks, secrets, stood_in = (", ".join(told[key]) for key in keys)
    if functions:
        yield f"Not known offline, and not given: what these functions of providers return: {functions}."
    if stacks:
        yield f"Not known offline, and not given: outputs of {stacks}."
    if secrets:
        yield f"Not compared, because the state holds them encrypted: {secrets}. {ENCRYPTED}."
    if stood_in:
        yield f"Not compared, because secrets of the configuration are stood in for: {stood_in}. Give their values."


def _read(state: str | bytes | None) -> tuple[Exported, dict[str, Any], str]:
    """Read a state: as an estate, as it is, and as a text without its secrets. Raises StateError.

    Secrets that it has in clear are for the providers alone, and in no estate.
    """
    if state is None:
        nothing: dict[str, Any] = {"version": 3, "deployment": None}
        return Exported(Estate(), {}, None, None), nothing, json.dumps(nothing)
    read_export(state)
    given: dict[str, Any] = json.loads(state)
    text = json.dumps(concealed(given))
    return read_export(text), given, text


def _known(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of a resource as a program gets them; what is encrypted is left out."""
    return {key: value for key, value in decoded(outputs).items() if not isinstance(value, Unknown)}
