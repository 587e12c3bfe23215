"""What a program asked to be registered: one resource with its inputs, dependencies and options, as the engine sees it.

Values only. Follows ``RegisterResource`` of the engine (pkg/resource/deploy/source_eval.go, v3.259.0).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from pulumi.runtime.proto import alias_pb2, resource_pb2

from pulumi_cloudbackup.engine.values import from_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi.runtime.proto import source_pb2

STACK_TYPE: Final = "pulumi:pulumi:Stack"
PROVIDER_PREFIX: Final = "pulumi:providers:"
_HOOKS: Final = (
    "before_create",
    "after_create",
    "before_update",
    "after_update",
    "before_delete",
    "after_delete",
    "on_error",
)


@dataclass(frozen=True)
class Alias:
    """An old name of a resource: a whole URN, or the parts that differ from the resource's own."""

    urn: str | None = None
    """The whole URN; the other fields are empty then."""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    """The URN of the old parent; empty: the parent that it has."""
    no_parent: bool = False
    """Whether it had no parent."""


@dataclass(frozen=True)
class Options:
    """The options of a resource after inheritance and transforms; ``None``: not given."""

    aliases: tuple[Alias, ...] = ()
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    deleted_with: str = ""
    """A URN."""
    replace_with: tuple[str, ...] = ()
    """URNs."""
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    replacement_trigger: Any = None
    additional_secret_outputs: tuple[str, ...] = ()
    hide_diffs: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)
    """``create``, ``update``, ``delete``, ``read`` as they were written, such as ``5m``."""
    provider: str = ""
    """URN and id of an explicit provider; empty: the default provider of its package."""
    providers: Mapping[str, str] = field(default_factory=dict)
    """Explicit providers for children, by package."""
    version: str = ""
    plugin_download_url: str = ""
    import_id: str = ""
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of hooks by moment, such as ``before_create``."""


@dataclass(frozen=True)
class Position:
    """A line in the program."""

    file: str
    line: int


@dataclass(frozen=True)
class Registration:
    """One resource that the program registered or read."""

    urn: str
    type: str
    name: str
    parent: str
    """A URN; empty for the stack."""
    custom: bool
    """Whether a provider manages it; components are not custom."""
    remote: bool
    """Whether it is a component that a provider constructs."""
    inputs: Mapping[str, Any]
    """Plain values (see ``values``)."""
    dependencies: tuple[str, ...]
    """URNs, sorted."""
    property_dependencies: Mapping[str, tuple[str, ...]]
    """URNs by input, sorted."""
    options: Options
    position: Position | None = None
    """Where the program declares it."""
    read_id: str | None = None
    """The id of a resource that is read and not managed; ``None``: it is managed."""

    @property
    def is_pending(self) -> bool:
        """Whether a provider has yet to create it, so that its id is not known."""
        return self.custom and self.read_id is None


class _Positioned(Protocol):
    """Requests that say where in the program they come from."""

    @property
    def sourcePosition(self) -> source_pb2.SourcePosition:  # noqa: N802 - the protocol's name
        """The line that the engine records."""

    @property
    def stackTrace(self) -> source_pb2.StackTrace:  # noqa: N802 - the protocol's name
        """The calls that lead there, innermost first."""


def urn_of(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """Return a URN as the engine makes it: below anything but the stack, with the parent's chain of types."""
    chain = parent.split("::")[2] if parent else STACK_TYPE
    full_type = type_ if chain == STACK_TYPE else f"{chain}${type_}"
    return f"urn:pulumi:{stack}::{project}::{full_type}::{name}"


def options_message(request: resource_pb2.RegisterResourceRequest) -> resource_pb2.TransformResourceOptions:
    """Return the options of a request in the form that transforms see and change."""
    aliases = [alias_pb2.Alias(urn=urn) for urn in request.aliasURNs]
    fields: dict[str, Any] = {
        "import": request.importId,
        "depends_on": request.dependencies,
        "ignore_changes": request.ignoreChanges,
        "replace_on_changes": request.replaceOnChanges,
        "version": request.version,
        "aliases": [*aliases, *request.aliases],
        "provider": request.provider,
        "providers": dict(request.providers),
        "hide_diff": request.hideDiffs,
        "plugin_download_url": request.pluginDownloadURL,
        "deleted_with": request.deletedWith,
        "replace_with": getattr(request, "replace_with", ()),
        "additional_secret_outputs": request.additionalSecretOutputs,
        "hooks": request.hooks,
    }
    for written, name in (("protect", "protect"), ("retainOnDelete", "retain_on_delete")):
        if request.HasField(written):  # type: ignore[arg-type] # one of the two literals above
            fields[name] = getattr(request, written)
    if request.deleteBeforeReplaceDefined or request.deleteBeforeReplace:
        fields["delete_before_replace"] = request.deleteBeforeReplace
    if request.HasField("customTimeouts"):
        fields["custom_timeouts"] = request.customTimeouts
    if _has(request, "replacement_trigger"):
        fields["replacement_trigger"] = request.replacement_trigger
    known = resource_pb2.TransformResourceOptions.DESCRIPTOR.fields_by_name
    return resource_pb2.TransformResourceOptions(**{name: value for name, value in fields.items() if name in known})


def options_of(message: resource_pb2.TransformResourceOptions) -> Options:
    """Return options as values."""
    return Options(
        aliases=tuple(_alias(alias) for alias in message.aliases),
        protect=message.protect if message.HasField("protect") else None,
        retain_on_delete=message.retain_on_delete if _has(message, "retain_on_delete") else None,
        delete_before_replace=message.delete_before_replace if message.HasField("delete_before_replace") else None,
        deleted_with=message.deleted_with,
        replace_with=tuple(getattr(message, "replace_with", ())),
        ignore_changes=tuple(message.ignore_changes),
        replace_on_changes=tuple(message.replace_on_changes),
        replacement_trigger=(from_value(message.replacement_trigger) if _has(message, "replacement_trigger") else None),
        additional_secret_outputs=tuple(message.additional_secret_outputs),
        hide_diffs=tuple(getattr(message, "hide_diff", ())),
        custom_timeouts={
            name: text
            for name in ("create", "update", "delete", "read")
            if (text := getattr(message.custom_timeouts, name, ""))
        },
        provider=message.provider,
        providers=dict(message.providers),
        version=message.version,
        plugin_download_url=message.plugin_download_url,
        import_id=getattr(message, "import", ""),
        hooks={moment: names for moment in _HOOKS if (names := tuple(getattr(message.hooks, moment, ())))},
    )


def position_of(request: _Positioned) -> Position | None:
    """Return the line that the engine records for a request, where it is known: of a class of ours, a line of ours."""
    return _position(request.sourcePosition)


def calls_of(request: _Positioned) -> tuple[Position, ...]:
    """Return the calls that lead to a request, innermost first, as far as they are known."""
    positions = (_position(frame.pc) for frame in request.stackTrace.frames)
    return tuple(position for position in positions if position is not None)


def sorted_urns(urns: Iterable[str]) -> tuple[str, ...]:
    """Return URNs in one order, each once."""
    return tuple(sorted(set(urns)))


def _position(message: source_pb2.SourcePosition) -> Position | None:
    return Position(unquote(urlsplit(message.uri).path), message.line) if message.uri else None


def _alias(message: alias_pb2.Alias) -> Alias:
    if message.WhichOneof("alias") == "urn":
        return Alias(urn=message.urn)
    spec = message.spec
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )


def _has(message: Any, name: str) -> bool:
    """Whether a field is there in this SDK's protocol, can be absent, and is set."""
    known = message.DESCRIPTOR.fields_by_name.get(name)
    return known is not None and known.has_presence and message.HasField(name)
