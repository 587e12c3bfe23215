"""Property values between the engine's protocol and plain Python.

A registration is kept in plain values: unknowns are ``UNKNOWN``, secrets and references to resources have a type of
their own, numbers are floats as the protocol has them. Assets and archives stay dictionaries in the protocol's form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2  # type: ignore[import-untyped] # typed only by a package of its own

from pulumi_cloudbackup.estate import UNKNOWN, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_KIND: Final = "4dabf18193072939515e22adb298388d"
"""The key under which a dictionary of the protocol says what it stands for."""
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a word of the protocol
_REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How an unknown of any kind is written by the Python SDK."""
_UNKNOWN_TEXTS: Final = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a truth value
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)
"""How other SDKs write them (sdk/go/common/resource/plugin/rpc.go)."""


@dataclass(frozen=True)
class Secret:
    """A value that is a secret; it may be unknown."""

    value: Any

    def __repr__(self) -> str:
        """Never show it."""
        return "<secret>"


@dataclass(frozen=True)
class Reference:
    """A resource that was passed as a value."""

    urn: str
    id: Any = None
    """Its id, UNKNOWN while it has none; ``None`` for components."""


@dataclass(frozen=True)
class _Output:
    """An output in the protocol's form: used where a transform has to see dependencies."""

    value: Any
    secret: bool = False
    dependencies: tuple[str, ...] = ()


def from_struct(struct: struct_pb2.Struct, found: set[str] | None = None) -> dict[str, Any]:
    """Return properties as plain values; ``found`` collects the URNs on which outputs among them depend."""
    return {key: from_value(value, found) for key, value in struct.fields.items()}


def from_value(value: struct_pb2.Value, found: set[str] | None = None) -> Any:
    """Return one value; see ``from_struct``."""
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWN_TEXTS else value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [from_value(item, found) for item in value.list_value.values]
        case "struct_value":
            return _from_object(from_struct(value.struct_value, found), found)
        case _:
            return None


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return properties in the protocol's form, secrets and unknowns included."""
    return struct_pb2.Struct(fields={key: to_value(value) for key, value in properties.items()})


def to_value(value: Any) -> struct_pb2.Value:
    """Return one value in the protocol's form."""
    fields: dict[str, Any]
    match value:
        case None:
            fields = {"null_value": struct_pb2.NULL_VALUE}
        case bool():
            fields = {"bool_value": value}
        case int() | float():
            fields = {"number_value": value}
        case str():
            fields = {"string_value": value}
        case list() | tuple():
            fields = {"list_value": struct_pb2.ListValue(values=[to_value(item) for item in value])}
        case Mapping():
            fields = {"struct_value": to_struct(value)}
        case _:
            return to_value(_in_protocol(value))
    return struct_pb2.Value(**fields)


def from_written(value: Any) -> Any:
    """Return a value as a state or an event has it; an encrypted secret is a secret that is unknown."""
    match value:
        case str():
            return UNKNOWN if value in _UNKNOWN_TEXTS else value
        case list():
            return [from_written(item) for item in value]
        case Mapping() if value.get(_KIND) == _SECRET:
            try:
                return Secret(from_written(json.loads(value["plaintext"])))
            except (KeyError, TypeError, ValueError):
                return Secret(UNKNOWN)
        case Mapping():
            return _from_object({key: from_written(item) for key, item in value.items()}, None)
        case _:
            return value


def has_encrypted(value: Any) -> bool:
    """Whether there is a secret in it that is encrypted."""
    if isinstance(value, Mapping):
        if value.get(_KIND) == _SECRET:
            return "plaintext" not in value
        return any(has_encrypted(item) for item in value.values())
    return isinstance(value, list) and any(has_encrypted(item) for item in value)


def concealed(value: Any) -> Any:
    """Return what was exported with secrets in clear as it would be without."""
    match value:
        case Mapping() if value.get(_KIND) == _SECRET:
            return {_KIND: _SECRET, "ciphertext": ""}
        case _:
            return inside(concealed, value)


def inside(change: Callable[[Any], Any], value: Any) -> Any:
    """Return an object or a list with every item changed; anything else as it is."""
    match value:
        case Mapping():
            return {key: change(item) for key, item in value.items()}
        case list():
            return [change(item) for item in value]
        case _:
            return value


def to_written(value: Any) -> Any:
    """Return a value as an event has it, where secrets are not shown."""
    match value:
        case Secret():
            return {_KIND: _SECRET, "ciphertext": "[secret]"}
        case Unknown() | Reference() | _Output():
            return to_written(_in_protocol(value))
        case list() | tuple():
            return [to_written(item) for item in value]
        case Mapping():
            return {key: to_written(item) for key, item in value.items()}
        case float() if value.is_integer():
            return int(Decimal(repr(value)))
        case _:
            return value


def with_outputs(
    properties: Mapping[str, Any], dependencies: Mapping[str, Iterable[str]] | None = None
) -> dict[str, Any]:
    """Return properties with secrets and unknowns as outputs, each property with its dependencies.

    In that form a transform in the user's program gets them as outputs (source_eval.go, upgradeOutputValues).
    """
    upgraded = {key: _upgraded(value) for key, value in properties.items()}
    for key, urns in (dependencies or {}).items():
        if key in upgraded and (named := tuple(sorted(urns))):
            value = upgraded[key]
            plain = value if isinstance(value, _Output) else _Output(value)
            upgraded[key] = _Output(plain.value, plain.secret, named)
    return upgraded


def _upgraded(value: Any) -> Any:
    match value:
        case Unknown():
            return _Output(value)
        case Secret():
            return _Output(_upgraded_inside(value.value), secret=True)
        case Mapping():
            return {key: _upgraded(item) for key, item in value.items()}
        case list():
            return [_upgraded(item) for item in value]
        case _:
            return value


def _upgraded_inside(value: Any) -> Any:
    return value if isinstance(value, Unknown) else _upgraded(value)


def _in_protocol(value: Any) -> str | dict[str, Any]:
    """Return what the protocol has no kind of value for in the form that it agreed on."""
    match value:
        case Unknown():
            return UNKNOWN_TEXT
        case Secret():
            return {_KIND: _SECRET, "value": value.value}
        case Reference():
            shown = "" if isinstance(value.id, Unknown) else value.id
            return {_KIND: _REFERENCE, "urn": value.urn, **({} if value.id is None else {"id": shown})}
        case _Output():
            known = {} if isinstance(value.value, Unknown) else {"value": value.value}
            more = {"secret": True} if value.secret else {}
            return {_KIND: _OUTPUT, **known, **more, "dependencies": list(value.dependencies)}
        case _:
            raise TypeError(f"{type(value).__name__} is not a property value")


def _from_object(value: dict[str, Any], found: set[str] | None) -> Any:
    match value.get(_KIND):
        case kind if kind == _SECRET:
            return Secret(value.get("value"))
        case kind if kind == _REFERENCE:
            return Reference(value["urn"], UNKNOWN if value.get("id") == "" else value.get("id"))
        case kind if kind == _OUTPUT:
            if found is not None:
                found.update(value.get("dependencies") or ())
            inner = value.get("value", UNKNOWN)
            return Secret(inner) if value.get("secret") else inner
        case _:
            return value
