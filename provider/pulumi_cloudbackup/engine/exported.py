"""The current estate, from what ``pulumi stack export`` prints.

Reads deployments of version 3, and of version 4, which is the same with a list of features. Secrets stay unknown unless
they were exported in clear. Reads no file itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.engine.estates import Entry, around, estate_of, foreign_of, property_dependencies_of
from pulumi_cloudbackup.engine.states import (
    ResourceState,
    ShapeError,
    decoded,
    is_urn,
    kind_of,
    name_of,
    state_of,
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi_cloudbackup.engine.states import PropertyDependencies
    from pulumi_cloudbackup.estate import Estate

_VERSIONS: Final = (3, 4)
_EXPORT: Final = "Write it with:\n  pulumi stack export --show-secrets --stack STACK --file FILE"


class StateError(ValueError):
    """An exported state cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Interrupted:
    """An operation that was running when an update was killed: nobody knows whether it has happened."""

    urn: str
    operation: str
    """``creating``, ``updating``, ``deleting``, ``reading`` or ``importing``."""


@dataclass(frozen=True)
class Exported:
    """What a stack has."""

    estate: Estate
    """Our vaults and mirrors, and the other resources that they need or that need them."""
    property_dependencies: PropertyDependencies
    """What single properties depend on, of all resources of the estate."""
    project: str | None
    """``None``: nothing in the state tells."""
    stack: str | None
    """Without organization; ``None``: nothing in the state tells."""
    tainted: frozenset[str] = frozenset()
    """URNs of ours that the next update replaces, whatever their arguments say."""
    interrupted: tuple[Interrupted, ...] = ()
    """Operations on ours that a killed update left behind."""


def read_export(text: str | bytes) -> Exported:
    """Read an exported state; raise StateError."""
    try:
        deployment = _deployment(_document(text))
        states = [_state(position, one) for position, one in enumerate(_listed(deployment, "resources"))]
        return _exported(states, deployment)
    except RecursionError:
        raise StateError("The state is nested too deeply to be one of Pulumi.") from None


def _document(text: str | bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except UnicodeDecodeError:
        raise StateError(f"The state is not a text in UTF-8. {_EXPORT}") from None
    except ValueError as error:
        if not text.strip():
            raise StateError(f"The state is empty. {_EXPORT}") from None
        raise StateError(f"The state is not JSON, or not all of it: {error}. {_EXPORT}") from None
    if not isinstance(document, dict) or "deployment" not in document:
        raise StateError(f"This is no exported state: {_what_it_is(document)}. {_EXPORT}")
    return document


def _what_it_is(document: object) -> str:
    if not isinstance(document, dict):
        return "an object with version and deployment is expected"
    if "checkpoint" in document:
        return "it is a file of a backend's own"
    if "schema_version" in document:
        return "it is an estate file; those are given with --current"
    if "resources" in document:
        return "it is the inside of a deployment"
    return "it has no deployment"


def _deployment(document: Mapping[str, Any]) -> Mapping[str, Any]:
    version, deployment = document.get("version"), document["deployment"]
    if deployment is None:  # a stack that was never updated
        return {}
    if not isinstance(version, int) or isinstance(version, bool):
        raise StateError(f"The state names no version of its format. {_EXPORT}")
    if version not in _VERSIONS:
        age = "a newer cloudbackup" if version > max(_VERSIONS) else "a newer Pulumi CLI: export it with that"
        raise StateError(f"The state has version {version}; this release reads 3 and 4. It needs {age}.")
    if not isinstance(deployment, dict):
        raise StateError(f"The deployment of the state is not an object. {_EXPORT}")
    return deployment


def _listed(deployment: Mapping[str, Any], key: str) -> list[Any]:
    found = deployment.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise StateError(f"{key} of the state is not a list. {_EXPORT}")
    return found


def _state(position: int, written: object) -> ResourceState:
    try:
        return state_of(written)
    except ShapeError as error:
        raise StateError(f"Resource {position} of the state {error}. {_EXPORT}") from None


def _exported(states: list[ResourceState], deployment: Mapping[str, Any]) -> Exported:
    _refuse_doubles(states)
    ours = [one for one in states if one.kind is not None]
    foreign = around(ours, (one for one in states if one.kind is None))
    _refuse_cycles([*ours, *foreign])
    project, stack = _place(states)
    return Exported(
        estate=estate_of([_entry(one) for one in ours], foreign_of(foreign)),
        property_dependencies=property_dependencies_of([*ours, *foreign]),
        project=project,
        stack=stack,
        tainted=frozenset(one.urn for one in ours if one.is_tainted),
        interrupted=tuple(_interrupted(deployment)),
    )


def _entry(state: ResourceState) -> Entry:
    """Return a resource as its provider compares it: by its outputs, which repeat the inputs."""
    outputs = decoded(state.outputs)
    return Entry(state, outputs or decoded(state.inputs), outputs, state.id)


def _interrupted(deployment: Mapping[str, Any]) -> Iterable[Interrupted]:
    for one in _listed(deployment, "pending_operations"):
        resource = one.get("resource") if isinstance(one, dict) else None
        urn = resource.get("urn") if isinstance(resource, dict) else None
        if is_urn(urn) and kind_of(type_of(str(urn))) is not None:
            yield Interrupted(str(urn), str(one.get("type")))


def _place(states: list[ResourceState]) -> tuple[str | None, str | None]:
    """Return project and stack as the URNs name them."""
    for one in states:
        head, project, _ = one.urn.split("::", 2)
        return project, head.rpartition(":")[2]
    return None, None


def _refuse_doubles(states: Iterable[ResourceState]) -> None:
    """Raise StateError where two resources have one URN, beside those that are only still to be deleted."""
    seen: set[str] = set()
    for one in states:
        if one.pending_delete:
            continue
        if one.urn in seen:
            raise StateError(
                f'The state has "{one.name}" twice ({one.urn}). '
                "Mend it with `pulumi state repair`, then export it again."
            )
        seen.add(one.urn)


def _refuse_cycles(states: Iterable[ResourceState]) -> None:
    """Raise StateError where resources depend on each other in a circle."""
    graph = {one.urn: one.needs for one in states if not one.pending_delete}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(name_of(urn) for urn in error.args[1])
        raise StateError(
            f"Resources of the state depend on each other in a circle: {circle}. "
            "Mend it with `pulumi state repair`, then export it again."
        ) from None
