"""What declaring a vault and declaring a mirror have in common, inside the Pulumi program.

Runs in the program's process; decides the owner of a resource and the options that our classes force.
"""

from __future__ import annotations

from functools import cache
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, cast

import pulumi
from pulumi.runtime.config import get_config, is_config_secret
from pulumi.runtime.settings import get_root_resource

from pulumi_cloudbackup.cloud import Connection, SettingsError
from pulumi_cloudbackup.estate.owner import owner_of
from pulumi_cloudbackup.resources.program import program
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.settings import NAMESPACE, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pulumi_cloudbackup.resources.resolving import Declaration


_JUDGED_OPTIONS: Final = (
    "delete_before_replace",
    "retain_on_delete",
    "deleted_with",
    "ignore_changes",
    "replace_on_changes",
    "replace_with",
)
_USABLE: Final = "_cloudbackup_settings_are_usable"
_SECRET: Final = f"{NAMESPACE}:accessKeySecret"


def parent_types(opts: pulumi.ResourceOptions) -> pulumi.Input[str]:
    """Return the type chain of a resource's parent: empty at the top of a stack, an output below a component.

    Only the engine tells it, in the parent's URN; the output carries no dependency, because a resource that depends on
    its own parent would wait for itself.
    """
    if opts.parent is None or opts.parent.pulumi_resource_type == "pulumi:pulumi:Stack":
        return ""
    chain: pulumi.Input[str] | None = getattr(opts.parent, "type_chain", None)
    if chain is not None:
        return chain  # a vault or mirror: its URN would only come with its registration
    found = opts.parent.urn.apply(lambda urn: urn.split("::")[2])
    return pulumi.Output(set(), cast("Awaitable[str]", found.future(with_unknowns=True)), found.is_known())


def type_chain(types_above: pulumi.Input[str], resource_type: str) -> pulumi.Input[str]:
    """Return the type chain of one of our own resources, for its children."""
    if isinstance(types_above, str):
        return f"{types_above}${resource_type}" if types_above else resource_type
    return cast("pulumi.Output[str]", types_above).apply(lambda above: f"{above}${resource_type}")


def owner_input(resource_type: str, name: str, types_above: pulumi.Input[str]) -> pulumi.Input[str]:
    """Return the owner of a resource: plain at the top of a stack, an output below a component."""
    organization, owner_id = pulumi.get_organization(), get_config(f"{NAMESPACE}:ownerId") or ""

    def owner(chain: str) -> str:
        return owner_of(
            organization=organization,
            owner_id=owner_id,
            project=pulumi.get_project(),
            stack=pulumi.get_stack(),
            parent_types=chain,
            resource_type=resource_type,
            name=name,
        )

    if isinstance(types_above, str):
        return owner(types_above)
    return cast("pulumi.Output[str]", types_above).apply(owner)


def admitted(declaration: Declaration, opts: pulumi.ResourceOptions) -> dict[str, Any]:
    """Return the properties to register, one of them held until the whole program is judged.

    What is read by id, and what belongs to no stack (plain unit tests), is not judged.
    """
    properties = {key: value if _can_be_sent(value) else None for key, value in declaration.properties.items()}
    running = program()
    if running is not None and opts.id is None and opts.urn is None:
        properties["owner"] = running.admit(declaration, declaration.properties["owner"])
    return properties


def _can_be_sent(value: object) -> bool:
    """Whether the SDK can serialise a value; what it cannot is judged (CB100) and not sent: that is a traceback."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _can_be_sent(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(_can_be_sent(item) for item in value)
    return value is None or isinstance(value, (str, bool, int, float, pulumi.Output)) or isawaitable(value)


def option_values(opts: pulumi.ResourceOptions) -> dict[str, Any]:
    """Return the options that bear on the order of vaults and mirrors, as the user gave them."""
    return {name: getattr(opts, name, None) for name in _JUDGED_OPTIONS}


def kept_by_engine(names: Iterable[str], opts: pulumi.ResourceOptions) -> frozenset[str]:
    """Return the arguments whose changes the user lets the engine ignore: it keeps the old values."""
    written: object = opts.ignore_changes
    ignored = {str(path) for path in written} if isinstance(written, (list, tuple)) else set()
    return frozenset(name for name in names if name in ignored or "*" in ignored)


def awaited(opts: pulumi.ResourceOptions) -> tuple[object, ...]:
    """Return what a resource was told to wait for; what that is, may be known only later."""
    given_ones: object = opts.depends_on
    if given_ones is None:
        return ()
    return tuple(given_ones) if isinstance(given_ones, (list, tuple)) else (given_ones,)


def refuse_unusable_settings(name: str, opts: pulumi.ResourceOptions) -> None:
    """Stop a program whose settings cannot work, before anything is registered."""
    if opts.import_ is not None:
        raise pulumi.RunError(
            f'"{name}" has the option import_, which Pulumi does not offer for dynamic resources. '
            f'Remove it and give the argument adopt_id="{opts.import_}" instead.'
        )
    root: Any = get_root_resource()
    if root is not None and root.__dict__.get(_USABLE):
        return  # asked once for each program: the SDK reads its configuration slowly
    _refuse_open_secret()
    wrong = _unusable(tuple(str(get_config(f"{NAMESPACE}:{key}") or "") for key in SETTINGS))
    if wrong is not None:
        raise pulumi.RunError(wrong)
    if root is not None:
        root.__dict__[_USABLE] = True


@cache
def _unusable(values: tuple[str, ...]) -> str | None:
    """Say what is wrong with the settings; asked by every resource, so remembered."""
    settings = dict(zip(SETTINGS, values, strict=True))
    try:
        _ = Connection.from_settings(settings, None).address
        Session(settings)
    except (SettingsError, Refusal) as error:
        return str(error)
    return None


def _refuse_open_secret() -> None:
    """Stop a program whose access key secret lies open in its stack configuration."""
    if get_config(_SECRET) is not None and not is_config_secret(_SECRET):
        raise pulumi.RunError(
            f"{_SECRET} is set, but not as a secret: it lies readable in the stack's configuration file.\n"
            "  Take that key out of service, then set the new one encrypted:\n"
            f"    pulumi config set --secret {_SECRET}"
        )


def given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that were given."""
    return {name: value for name, value in arguments.items() if value is not None}


def keep_type_token(cls: type[Any], register: Callable[[], None]) -> None:
    """Register a user's subclass without losing our type token: another token would be another resource."""
    token = cls._resource_type_name
    register()
    cls._resource_type_name = token
