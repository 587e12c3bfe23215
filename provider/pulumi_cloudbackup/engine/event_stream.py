"""What the engine says while it previews or updates: its steps, its messages, and the estate that it was given.

Reads the engine's events, one JSON object per line: ``pulumi up --json``, ``--event-log FILE``, or ``pulumi preview
--json`` with PULUMI_ENABLE_STREAMING_JSON_PREVIEW. Events leave out what resources depend on; the *digest*, which
``pulumi preview --json --show-sames --show-replacement-steps`` prints without that variable, has it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from typing_extensions import assert_never

from pulumi_cloudbackup.engine.estates import Entry, around, estate_of, foreign_of, property_dependencies_of
from pulumi_cloudbackup.engine.states import STACK_TYPE, ShapeError, decoded, kind_of, state_of, type_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pulumi_cloudbackup.engine.states import Kind, PropertyDependencies, ResourceState
    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.estate.estate import ForeignResource

Severity: TypeAlias = Literal["error", "warning", "info"]
ForeignAction: TypeAlias = Literal["none", "create", "update", "replace", "delete"]

_BEGINNING: Final = '{"sequence":'
"""How every event begins; anything before it on a line is no event."""
_SEVERITIES: Final[Mapping[str, Severity]] = {
    "error": "error",
    "warning": "warning",
    "info": "info",
    "info#err": "info",
}
_ENFORCEMENT: Final[Mapping[str, Severity]] = {"mandatory": "error", "advisory": "warning", "warning": "warning"}
_COLOUR: Final = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
"""How the engine writes colours, and how a terminal does."""
_SHOWN: Final = 100
_UNDECLARED: Final = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "refresh"})
"""Steps whose new state is nothing that the program declares."""
_KEEPING: Final = frozenset({"same", "update", "read"})
"""Steps after which a resource is still the one that it was."""
_REPLACING: Final = frozenset({"replace", "create-replacement", "import-replacement", "read-replacement"})


class EventError(ValueError):
    """A stream of events cannot be read; the message says where and why."""


class Moment(str, Enum):
    """What a step's event tells."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"

    def __str__(self) -> str:
        """Print the word."""
        return self.value


_MOMENTS: Final = {
    "resourcePreEvent": Moment.STARTED,
    "resOutputsEvent": Moment.DONE,
    "resOpFailedEvent": Moment.FAILED,
}


@dataclass(frozen=True)
class Begun:
    """The engine has begun."""


@dataclass(frozen=True)
class StepEvent:
    """A step has begun, or has ended."""

    moment: Moment
    op: str
    """The engine's word, such as ``create-replacement``; newer engines may know more."""
    urn: str
    before: ResourceState | None
    """The resource as it was."""
    after: ResourceState | None
    """The resource as it shall be, or once it is done, as it is; without dependencies."""
    keys: tuple[str, ...] = ()
    """The arguments that replace it, where the engine knows them."""

    @property
    def kind(self) -> Kind | None:
        """Which of our kinds the resource is; ``None``: it is not ours."""
        return kind_of(type_of(self.urn))


@dataclass(frozen=True)
class Diagnostic:
    """One message of the engine, of the program or of a provider."""

    severity: Severity
    message: str
    """Without colours and without the newline at its end."""
    urn: str = ""
    """The resource that it is about; empty: none."""


@dataclass(frozen=True)
class Summary:
    """The engine is done."""

    counts: Mapping[str, int]
    """Resources by the engine's word for what happened to them."""
    is_preview: bool
    result: str
    """``succeeded``, ``failed`` or ``canceled``; empty: an older engine does not tell."""


Event: TypeAlias = Begun | StepEvent | Diagnostic | Summary


@dataclass(frozen=True)
class Step:
    """One step of the engine, the stack's and the providers' own left out."""

    op: str
    """The engine's word, such as ``create-replacement``; ``replace`` is no call, but marks a replacement."""
    urn: str
    kind: Kind | None
    """``Vault`` or ``MirrorVault``; ``None``: another resource."""
    old_urn: str = ""
    """The URN that it had, where an alias says that it was called otherwise."""
    old_id: str = ""
    """The id of the vault that it works on; empty: there was none."""
    keys: tuple[str, ...] = ()
    """The arguments that replace it, where the engine knows them."""
    finished: int | None = None
    """Its place among the steps that ended, from 0; ``None``: it was not seen to end."""
    has_failed: bool = False
    is_left_out: bool = False
    """Whether a new resource was not created because the command did not target it (its ``op`` is ``same``)."""


@dataclass(frozen=True)
class Observed:
    """What a preview or an update did."""

    steps: tuple[Step, ...]
    """In the order in which they began; a component that registers no outputs never ends."""
    desired: Estate
    """Our resources as the program declares them, and the other resources around them; in part, where it failed."""
    property_dependencies: PropertyDependencies
    """What single properties depend on; empty without a digest."""
    diagnostics: tuple[Diagnostic, ...]
    """In their order; debug messages, and those that the engine takes back, left out."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Resources by the engine's word for what happened to them; empty where it did not get so far."""
    is_preview: bool = False
    failed: bool = False
    """Whether it failed, was cancelled or did not get to its end."""
    cancelled: bool = False
    """Whether somebody cancelled it."""
    is_complete: bool = False
    """Whether the engine got to its end."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """The outputs of the stack; what is secret or known only after apply is unknown."""
    knows_dependencies: bool = False
    """Whether a digest told what resources depend on; otherwise every other resource that changes is in the estate."""

    @property
    def foreign(self) -> tuple[ForeignResource, ...]:
        """The other resources, each with what happens to it."""
        return self.desired.foreign

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Messages of severity error."""
        return tuple(one for one in self.diagnostics if one.severity == "error")


def read_events(lines: Iterable[str | bytes]) -> Iterator[Event]:
    """Read events as they come; raise EventError where one that is not the last is broken.

    Text of others between the events is passed on as a message; kinds of events that mean nothing here are skipped.
    """
    broken = 0
    for number, line in enumerate(lines, 1):
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        before, found, rest = text.lstrip("\ufeff").partition(_BEGINNING)
        if before.strip():
            yield Diagnostic("info", _plain(before))
        if not found:
            continue
        if broken:
            raise EventError(f"Line {broken} of the events is cut off in the middle of an event, and others follow it.")
        try:
            event = json.loads(found + rest)
        except (ValueError, RecursionError):
            broken = number
            continue
        try:
            yield from _events(event)
        except ShapeError as error:
            raise EventError(f"The event on line {number} is of no known shape: it {error}.") from None


def read_digest(text: str | bytes) -> dict[str, ResourceState]:
    """Return the resources of a preview's digest by URN, as they shall be, or as they were; raise EventError.

    What stands before the digest is no part of it. Empty where there is none: the preview did not get so far.
    """
    written = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    start = 0 if written.startswith("{") else written.find("\n{") + 1
    if not written[start:].startswith("{"):
        return {}
    try:
        digest, _ = json.JSONDecoder().raw_decode(written, start)
        return _states_of(digest)
    except RecursionError:
        raise EventError("The digest of the preview is nested too deeply.") from None
    except ShapeError as error:
        raise EventError(f"A step in the digest of the preview {error}.") from None
    except ValueError as error:
        raise EventError(f"The digest of the preview is not JSON, or not all of it: {error}.") from None


def observe(events: Iterable[Event], digest: Mapping[str, ResourceState] | None = None) -> Observed:
    """Put the events of one preview or update together; raise EventError where there are none."""
    watched = _Watched()
    for event in events:
        watched.take(event)
    if not watched.has_begun:
        raise EventError(
            "There is no event of Pulumi's in this. Write the events of a preview with:\n"
            "  PULUMI_ENABLE_STREAMING_JSON_PREVIEW=1 pulumi preview --json > FILE"
        )
    return watched.observed(digest or {})


class _Watched:
    """What is known so far."""

    def __init__(self) -> None:
        self.has_begun = False
        self._steps: list[Step] = []
        self._running: dict[tuple[str, str, str], list[int]] = {}
        self._ended = 0
        self._declared: dict[str, StepEvent] = {}
        self._seen: dict[str, ResourceState] = {}
        self._ops: dict[str, Counter[str]] = {}
        self._diagnostics: list[Diagnostic] = []
        self._summary: Summary | None = None
        self._outputs: Mapping[str, Any] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Begun():
                self.has_begun = True
            case StepEvent():
                self.has_begun = True
                self._take_step(event)
            case Diagnostic():
                self._diagnostics.append(event)
            case Summary():
                self.has_begun = True
                self._summary = event
            case _:
                assert_never(event)

    def observed(self, digest: Mapping[str, ResourceState]) -> Observed:
        """Return what was observed."""
        summary = self._summary
        result = summary.result if summary else ""
        errors = any(one.severity == "error" for one in self._diagnostics)
        estate, property_dependencies = self._desired(digest)
        return Observed(
            steps=tuple(self._steps),
            desired=estate,
            property_dependencies=property_dependencies,
            diagnostics=tuple(self._diagnostics),
            counts=summary.counts if summary else {},
            is_preview=summary is not None and summary.is_preview,
            failed=summary is None or errors or result not in ("succeeded", ""),
            cancelled=result == "canceled",
            is_complete=summary is not None,
            outputs=self._outputs,
            knows_dependencies=bool(digest),
        )

    def _take_step(self, event: StepEvent) -> None:
        state = event.after or event.before
        if event.after is not None and event.after.type == STACK_TYPE and event.moment is Moment.DONE:
            self._outputs = dict(sorted(decoded(event.after.outputs).items()))
        if state is None or state.is_bookkeeping:
            return
        if event.moment is Moment.STARTED:
            self._start(event)
        else:
            self._end(event)
        self._seen[event.urn] = state
        if event.after is not None and event.op not in _UNDECLARED:
            self._declared[event.urn] = event

    def _start(self, event: StepEvent) -> None:
        old = event.before
        self._ops.setdefault(event.urn, Counter())[event.op] += 1
        self._running.setdefault(_same_step(event), []).append(len(self._steps))
        self._steps.append(
            Step(
                op=event.op,
                urn=event.urn,
                kind=event.kind,
                old_urn=old.urn if old is not None and old.urn != event.urn else "",
                old_id=old.id if old is not None else "",
                keys=event.keys,
                is_left_out=_is_left_out(event),
            )
        )

    def _end(self, event: StepEvent) -> None:
        """Note that a step has ended; a component ends twice, and the first time counts."""
        running = self._running.get(_same_step(event))
        if not running:
            return
        position = running.pop(0)
        failed = event.moment is Moment.FAILED
        self._steps[position] = replace(self._steps[position], finished=self._ended, has_failed=failed)
        self._ended += 1

    def _desired(self, digest: Mapping[str, ResourceState]) -> tuple[Estate, PropertyDependencies]:
        declared = [one for one in self._declared.values() if one.kind is not None and not _is_left_out(one)]
        entries = [_entry(one, digest.get(one.urn)) for one in declared]
        states = [entry.state for entry in entries]
        others = [one for one in (digest or self._seen).values() if one.kind is None and not one.is_bookkeeping]
        if digest:
            # What a resource of ours needed that is deleted now counts too.
            gone = [digest[urn] for urn in self._seen if urn in digest and urn not in self._declared]
            earlier = (step.old_urn for step in self._steps if step.old_urn and step.kind is not None)
            foreign = around([*states, *(one for one in gone if one.kind is not None)], others, earlier)
        else:
            foreign = [one for one in others if self._action(one.urn) != "none"]
        estate = estate_of(entries, foreign_of(foreign, self._happens))
        return estate, property_dependencies_of([*states, *foreign])

    def _happens(self, urn: str) -> dict[str, Any]:
        """Return what an estate tells of another resource."""
        ops = list(self._ops.get(urn, ()))
        is_first = "delete-replaced" in ops and "create-replacement" in ops[ops.index("delete-replaced") :]
        return {"action": self._action(urn), "delete_first": is_first}

    def _action(self, urn: str) -> ForeignAction:
        """Return what happens to another resource."""
        ops = self._ops.get(urn, Counter())
        if _REPLACING & ops.keys():
            return "replace"
        if "create" in ops or "import" in ops:
            return "create"
        if "update" in ops:
            return "update"
        return "delete" if "delete" in ops and urn not in self._declared else "none"


def _entry(event: StepEvent, detail: ResourceState | None) -> Entry:
    """Return a declared resource: its inputs, and what is known of the vault that it keeps, or has got by now."""
    state, old = event.after, event.before
    assert state is not None  # noqa: S101 - the caller has looked
    keeps = event.op in _KEEPING and old is not None
    facts = {**(decoded(old.outputs) if keeps and old is not None else {}), **decoded(state.outputs)}
    aliases = (old.urn,) if old is not None and old.urn != state.urn else ()
    if detail is not None:
        state = replace(
            state,
            dependencies=detail.dependencies,
            property_dependencies=detail.property_dependencies,
            deleted_with=detail.deleted_with,
            ignore_changes=detail.ignore_changes,
            replace_on_changes=detail.replace_on_changes,
        )
        aliases = tuple(dict.fromkeys((*aliases, *detail.aliases)))
    vault_id = state.id or (old.id if keeps and old is not None else "")
    return Entry(replace(state, aliases=aliases), decoded(state.inputs), facts, vault_id)


def _same_step(event: StepEvent) -> tuple[str, str, str]:
    return event.op, event.urn, event.before.id if event.before is not None else ""


def _is_left_out(event: StepEvent) -> bool:
    """Whether a new resource is left as it is, so that there is nothing: not even its inputs are told."""
    state, old = event.after, event.before
    if event.op != "same" or state is None or not state.is_custom:
        return False
    return not state.inputs and not state.id and not (old is not None and old.id)


def _states_of(digest: object) -> dict[str, ResourceState]:
    steps = digest.get("steps") if isinstance(digest, dict) else None
    if steps is None:
        return {}
    if not isinstance(steps, list) or not all(isinstance(one, dict) for one in steps):
        raise ShapeError("is no object")
    found: dict[str, ResourceState] = {}
    for step in steps:
        new = step.get("newState") if step.get("op") not in _UNDECLARED else None
        if new is not None:
            state = state_of(new)
            found[state.urn] = state
        elif step.get("oldState") is not None:
            state = state_of(step["oldState"])
            found.setdefault(state.urn, state)
    return found


def _events(event: Any) -> Iterator[Event]:
    """Read one event; raise ShapeError."""
    if not isinstance(event, dict):
        return
    for key, body in event.items():
        if not isinstance(body, dict):
            continue
        if (moment := _MOMENTS.get(key)) is not None:
            yield _step_event(moment, body)
        elif key in _MESSAGES:
            yield from _MESSAGES[key](body)
        elif key == "preludeEvent":
            yield Begun()
        elif key == "summaryEvent":
            yield _summary(body)


def _step_event(moment: Moment, body: Mapping[str, Any]) -> StepEvent:
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        raise ShapeError("tells a step without saying which")
    old, new = metadata.get("old"), metadata.get("new")
    before = None if old is None else state_of(old)
    after = None if new is None else state_of(new)
    state = after or before
    op = metadata.get("op")
    if not isinstance(op, str) or not op:
        raise ShapeError("tells a step without saying what it does")
    if state is None:
        raise ShapeError("tells a step without a resource")
    written = metadata.get("keys")
    keys = tuple(map(str, written)) if isinstance(written, list) else ()
    return StepEvent(moment, op, state.urn, before, after, keys)


def _summary(body: Mapping[str, Any]) -> Summary:
    counts = body.get("resourceChanges")
    told = counts.items() if isinstance(counts, dict) else ()
    return Summary(
        counts={str(op): number for op, number in told if isinstance(number, int)},
        is_preview=body.get("isPreview") is True,
        result=str(body.get("result") or ""),
    )


def _diagnostic(body: Mapping[str, Any]) -> Iterator[Diagnostic]:
    severity = _SEVERITIES.get(str(body.get("severity")))
    message = _plain(body.get("message"))
    if severity is not None and message and not body.get("ephemeral"):
        yield Diagnostic(severity, message, str(body.get("urn") or ""))


def _policy_violation(body: Mapping[str, Any]) -> Iterator[Diagnostic]:
    severity = _ENFORCEMENT.get(str(body.get("enforcementLevel")), "info")
    name = f"{body.get('policyPackName') or 'policy'}: {body.get('policyName') or 'unnamed'}"
    yield Diagnostic(severity, f"{name}: {_plain(body.get('message'))}", str(body.get("resourceUrn") or ""))


def _printed(body: Mapping[str, Any]) -> Iterator[Diagnostic]:
    yield Diagnostic("info", _plain(body.get("message")))


def _internal_error(body: Mapping[str, Any]) -> Iterator[Diagnostic]:
    yield Diagnostic("error", _plain(body.get("error")))


_MESSAGES: Final = {
    "diagnosticEvent": _diagnostic,
    "policyEvent": _policy_violation,
    "stdoutEvent": _printed,
    "errorEvent": _internal_error,
}


def _plain(message: object) -> str:
    return _COLOUR.sub("", str(message or "")).rstrip()
