"""The configuration that a program is given: what Pulumi.yaml, a stack's file and the command line say, in that order.

Nothing is decrypted here. An encrypted value is stood in for, stays a secret, and is named, so that a person is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.engine.documents import DocumentError, as_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

STAND_IN: Final = "encrypted"
"""What a program is given for an encrypted value."""
_DECLARATION: Final = frozenset({"type", "default", "value", "description", "items", "secret"})
"""The words of a declaration under ``config:`` in Pulumi.yaml."""


@dataclass(frozen=True)
class Configuration:
    """The configuration of one run of a program."""

    values: Mapping[str, str]
    """Each key with its namespace, and the text that the program is given."""
    secret_keys: frozenset[str]
    """The keys whose values are secrets."""
    stood_in: tuple[str, ...]
    """The keys, sorted, that hold at least one stand-in."""


def configuration_of(
    project: str, declared: object, stack: object, given: Mapping[str, str] | None = None
) -> Configuration:
    """Return the configuration of a stack; raise DocumentError.

    ``declared``: what stands under ``config`` in Pulumi.yaml. ``stack``: what stands there in the stack's file.
    ``given``: single values as text, which win.
    """
    values: dict[str, str] = {}
    secret: set[str] = set()
    stood_in: set[str] = set()
    for written, entry in _mapping(declared, "config in Pulumi.yaml").items():
        key, value = full_key(project, written), entry
        if isinstance(entry, dict) and entry.keys() <= _DECLARATION:
            if entry.get("secret") is True:
                secret.add(key)
            value = entry.get("value", entry.get("default"))
        if value is not None:
            values[key] = as_configuration(value)
    for written, value in _mapping(stack, "config in the stack's file").items():
        key = full_key(project, written)
        shown, has_secret = _stand_in(value)
        values[key] = as_configuration(shown)
        if has_secret:
            secret.add(key)
            stood_in.add(key)
    for written, text in (given or {}).items():
        key = full_key(project, written)
        values[key] = text
        stood_in.discard(key)
    return Configuration(values, frozenset(secret), tuple(sorted(stood_in)))


def full_key(project: str, key: str) -> str:
    """Return a key with its namespace: the project's, where none is written."""
    return key if ":" in key else f"{project}:{key}"


def _mapping(value: object, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DocumentError(f"{where} should hold keys with values")
    return value


def _stand_in(value: Any) -> tuple[Any, bool]:
    """Return a value with every encrypted part stood in for, and whether there was one."""
    if isinstance(value, dict):
        if value.keys() == {"secure"} and isinstance(value["secure"], str):
            return STAND_IN, True
        parts = {key: _stand_in(item) for key, item in value.items()}
        return {key: part for key, (part, _) in parts.items()}, any(has for _, has in parts.values())
    if isinstance(value, list):
        items = [_stand_in(item) for item in value]
        return [item for item, _ in items], any(has for _, has in items)
    return value, False
