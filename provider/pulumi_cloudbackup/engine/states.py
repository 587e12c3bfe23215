"""One resource of Pulumi as the engine writes it: in an exported state, in the digest of a preview, in an event.

All three have the same keys; an event leaves out dependencies and most options. Reads shapes and decides nothing. Does
not import Pulumi, so that a command line starts quickly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE

STACK_TYPE: Final = "pulumi:pulumi:Stack"
PROVIDER_PREFIX: Final = "pulumi:providers:"
UNKNOWN_TEXTS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How values are written that are known only after apply (sdk/go/common/resource/plugin/rpc.go)."""
_KIND: Final = "4dabf18193072939515e22adb298388d"
"""The key under which a dictionary says that it stands for something else."""
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a word of the format
_URN: Final = "urn:pulumi:"
_URN_PARTS: Final = 4

Kind: TypeAlias = Literal["Vault", "MirrorVault"]
"""Our two kinds of resource."""
PropertyDependencies: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By the URN of a resource and its input: the URNs of the resources that the value comes from.

Where one of those is replaced, the resource may be too; what it depends on otherwise is only a matter of order.
"""


class ShapeError(ValueError):
    """What should be a resource is none; the message is the rest of a sentence that begins with the place."""


@dataclass(frozen=True)
class ResourceState:
    """One resource; what was not written is empty."""

    urn: str
    type: str
    """Its own type, without those of its parents."""
    id: str
    """Empty: it has none, or none yet."""
    parent: str
    """A URN; empty for the stack."""
    inputs: Mapping[str, Any]
    """As they were written (see ``decoded``)."""
    outputs: Mapping[str, Any]
    """As they were written (see ``decoded``)."""
    dependencies: tuple[str, ...] = ()
    """URNs, sorted, those of single properties included."""
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """URNs, sorted, by input; inputs without any are left out."""
    is_custom: bool = True
    """Whether a provider manages it; components are not custom."""
    protect: bool = False
    pending_delete: bool = False
    """Whether it is there only to be deleted."""
    pending_replacement: bool = False
    """Whether it was deleted, and its replacement is not created yet."""
    is_external: bool = False
    """Whether it is only read, and not managed."""
    is_tainted: bool = False
    """Whether the next update replaces it, whatever its arguments say."""
    retain_on_delete: bool = False
    deleted_with: str = ""
    """A URN."""
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Earlier URNs."""

    @property
    def kind(self) -> Kind | None:
        """Which of our kinds it is; ``None``: it is not ours."""
        return kind_of(self.type)

    @property
    def name(self) -> str:
        """The resource name."""
        return name_of(self.urn)

    @property
    def is_bookkeeping(self) -> bool:
        """Whether it is the stack or a provider: nothing that a plan is about."""
        return self.type == STACK_TYPE or self.type.startswith(PROVIDER_PREFIX)

    @property
    def needs(self) -> tuple[str, ...]:
        """URNs of what has to be there before it: dependencies, and the parent where that is not the stack."""
        if not self.parent or type_of(self.parent) == STACK_TYPE or self.parent in self.dependencies:
            return self.dependencies
        return (*self.dependencies, self.parent)


def kind_of(resource_type: str) -> Kind | None:
    """Return which of our kinds a type is; ``None``: it is not ours."""
    if resource_type == VAULT_TYPE:
        return "Vault"
    return "MirrorVault" if resource_type == MIRROR_TYPE else None


def type_of(urn: str) -> str:
    """Return the type that a URN names, without those of its parents."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """Return the resource name in a URN."""
    return urn.split("::", 3)[3]


def state_of(written: object) -> ResourceState:
    """Read one resource; raise ShapeError."""
    if not isinstance(written, dict):
        raise ShapeError("is not an object")
    urn = _urn(written)
    by_property = _by_property(written)
    dependencies = {*_urns(written.get("dependencies"), "dependencies")}.union(*by_property.values()) - {urn}
    return ResourceState(
        urn=urn,
        type=_text(written, "type") or type_of(urn),
        id=_text(written, "id"),
        parent=_urn(written, "parent") if written.get("parent") else "",
        inputs=_object(written, "inputs"),
        outputs=_object(written, "outputs"),
        dependencies=tuple(sorted(dependencies)),
        property_dependencies=by_property,
        is_custom=written.get("custom") is True,
        protect=written.get("protect") is True,
        pending_delete=written.get("delete") is True,
        pending_replacement=written.get("pendingReplacement") is True,
        is_external=written.get("external") is True,
        is_tainted=written.get("taint") is True,
        retain_on_delete=written.get("retainOnDelete") is True,
        deleted_with=_text(written, "deletedWith"),
        ignore_changes=_texts(written.get("ignoreChanges"), "ignoreChanges"),
        replace_on_changes=_texts(written.get("replaceOnChanges"), "replaceOnChanges"),
        aliases=_urns(written.get("aliases"), "aliases"),
    )


def _by_property(written: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    listed = _object(written, "propertyDependencies")
    return {key: tuple(sorted(urns)) for key in sorted(listed) if (urns := _urns(listed[key], "propertyDependencies"))}


def decoded(value: Any) -> Any:
    """Return a property's value: an encrypted secret, and what is known only after apply, is ``UNKNOWN``."""
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWN_TEXTS else value
    if isinstance(value, dict):
        if _KIND in value:
            return _stood_for(value)
        return {key: decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value


def _stood_for(value: Mapping[str, Any]) -> Any:
    """Return what a dictionary stands for, if it is a secret that was written in clear."""
    clear = value.get("plaintext")
    if value[_KIND] != _SECRET or not isinstance(clear, str):
        return UNKNOWN
    try:
        return decoded(json.loads(clear))
    except ValueError:
        return UNKNOWN


def _urn(written: Mapping[str, Any], key: str = "urn") -> str:
    found = written.get(key)
    if not is_urn(found):
        raise ShapeError(f"has no usable {key}: {str(found)[:100]}")
    return str(found)


def is_urn(value: object) -> bool:
    """Whether a value is a URN of Pulumi."""
    if not isinstance(value, str) or not value.startswith(_URN):
        return False
    parts = value.split("::", 3)
    return len(parts) == _URN_PARTS and all(parts)


def _text(written: Mapping[str, Any], key: str) -> str:
    found = written.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ShapeError(f"has a {key} that is no text")
    return found


def _texts(found: object, key: str) -> tuple[str, ...]:
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ShapeError(f"has {key} that are no list of texts")
    return tuple(found)


def _urns(found: object, key: str) -> tuple[str, ...]:
    urns = _texts(found, key)
    if not all(is_urn(one) for one in urns):
        raise ShapeError(f"has {key} that are no URNs")
    return urns


def _object(written: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = written.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ShapeError(f"has {key} that are no object")
    return found
