"""What a program declares, and the plain values behind it as far as they are known before anything is registered.

Knows the private details of Pulumi's SDK that this needs; each is looked for before it is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pulumi

from pulumi_cloudbackup.estate import UNKNOWN, is_known
from pulumi_cloudbackup.planning.matching import inherited_aliases, urn_of
from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE
from pulumi_cloudbackup.resources.stillness import TURNS, still
from pulumi_cloudbackup.resources.wire import from_engine

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_OURS_ALONE: Final = ("vault_name", "description", "tags", "resource_group_id", "source_vault_name", "owner", "timeout")
"""Properties that no live vault can contradict."""
_LOOKS: Final = 10
"""Looks that find nothing under way after which a value that is not there will not come by itself."""


@dataclass(frozen=True)
class Declaration:
    """One vault or mirror that the program declares."""

    kind: str
    """``Vault`` or ``MirrorVault``."""
    name: str
    """The resource name."""
    properties: Mapping[str, Any]
    """Its inputs; outputs among them as they are."""
    resource: object
    """The resource itself, to be told apart from others of its name."""
    option_values: Mapping[str, Any]
    """The options that bear on safety, as the user gave them."""
    parent: pulumi.Resource | None = None
    """The parent, where the user gave one."""
    parent_types: pulumi.Input[str] = ""
    """The type chain of the parent, empty at the top of the stack."""
    aliases: Sequence[object] = ()
    """The aliases that the user gave."""
    source: object | None = None
    """Mirrors: the declared resource, or what stands for a vault that this program does not declare."""
    depends_on: Sequence[object] = ()
    """What the user let it wait for, as far as that is known without waiting."""

    @property
    def follows(self) -> tuple[str, ...]:
        """Properties that follow from another declaration: the id of a source that the program declares."""
        return ("source_vault_id",) if isinstance(self.source, pulumi.Resource) else ()

    @property
    def parent_name(self) -> str | None:
        """The name of the parent, where it is not the stack."""
        return self.parent.pulumi_resource_name if self.parent is not None else None


@dataclass(frozen=True)
class Declared:
    """A declaration whose inputs are resolved as far as they are known before anything is registered."""

    declaration: Declaration
    properties: Mapping[str, Any]
    """Plain values; what is not known yet, and what is secret, is UNKNOWN."""
    urn: str | None = None
    """Its URN; ``None``: its parent's is not known yet."""
    aliases: tuple[str, ...] = ()
    """Its earlier URNs, those that it inherits from its parent included."""
    secret: tuple[str, ...] = ()
    """Properties that are secret, or hold something secret."""
    waits: bool = False
    """Whether its registration waits for something that is not there yet: perhaps for others that are declared."""

    @property
    def is_known(self) -> bool:
        """Whether every value that the live account has a say in is known, or follows from another declaration."""
        free = {*self.declaration.follows, *_OURS_ALONE}
        return all(key in free or is_known(value) for key, value in self.properties.items())


async def resolved(declarations: Sequence[Declaration]) -> list[Declared]:
    """Return plain values: what does not resolve by itself, and what is secret, is unknown here.

    All outputs are waited for together, and only outputs: a program of a thousand resources has few of them.
    """
    tasks: dict[tuple[int, str], asyncio.Future[Any]] = {}
    for position, declaration in enumerate(declarations):
        for key, value in declaration.properties.items():
            if value is not None and not _is_plain(value) and key not in declaration.follows:
                tasks[position, key] = asyncio.ensure_future(_value(value))
        if not isinstance(declaration.parent_types, str) or _has_aliases(declaration):
            tasks[position, ""] = asyncio.ensure_future(_names(declaration))
    waits = {id(one): asyncio.ensure_future(_urn_of(one)) for each in declarations for one in _waited_for(each)}
    await _wait_for_values(tasks.values())
    await _have_turns(waits.values())
    found: list[Declared] = []
    for position, declaration in enumerate(declarations):
        properties = {key: value for key, value in declaration.properties.items() if value is not None}
        properties |= dict.fromkeys(declaration.follows, UNKNOWN)
        secret = []
        for key in properties:
            if (task := tasks.get((position, key))) is not None:
                properties[key], is_secret = _result(task, (UNKNOWN, False))
                if is_secret:
                    secret.append(key)
        properties = {key: value for key, value in properties.items() if value is not None}
        names = tasks.get((position, ""))
        urn, aliases = (
            _result(names, (None, ())) if names is not None else (_urn(declaration, str(declaration.parent_types)), ())
        )
        inputs = (tasks[position, key] for key in declaration.properties if (position, key) in tasks and _is_own(key))
        others = (waits[id(one)] for one in _waited_for(declaration))
        is_open = _waits_unseen(declaration) or not all(task.done() for task in (*inputs, *others))
        found.append(Declared(declaration, properties, urn, aliases, tuple(secret), is_open))
    return found


def _waited_for(declaration: Declaration) -> list[pulumi.Resource]:
    """Return the resources, other than ours, whose registration comes before that of a vault."""
    needed = (one for one in declaration.depends_on if isinstance(one, pulumi.CustomResource) and not is_ours(one))
    return [*needed, *((declaration.parent,) if declaration.parent is not None else ())]


def _waits_unseen(declaration: Declaration) -> bool:
    """Whether it waits for what cannot be looked at, such as everything below a component."""
    return any(not isinstance(one, pulumi.CustomResource) for one in declaration.depends_on)


def _is_own(key: str) -> bool:
    """Whether a value is the resource's own, and none that follows from its source or from here."""
    return key != "owner" and not key.startswith("source_")


def is_ours(resource: object) -> bool:
    """Whether a resource is a vault or mirror: what those wait for, the program sees."""
    return isinstance(resource, pulumi.Resource) and resource.pulumi_resource_type in (VAULT_TYPE, MIRROR_TYPE)


async def _urn_of(resource: pulumi.Resource) -> Any:
    return await resource.urn.future()


async def _have_turns(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Let what is there already arrive."""
    for _turn in range(TURNS):
        if all(task.done() for task in tasks):
            return
        await asyncio.sleep(0)


async def _wait_for_values(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Wait until all are there, or until nothing that is under way can bring the others."""
    await _have_turns(tasks)
    if not all(task.done() for task in tasks):
        await still(lambda: all(task.done() for task in tasks), _LOOKS)


def _result(task: asyncio.Future[Any], otherwise: Any) -> Any:
    return task.result() if task.done() and not task.cancelled() and not task.exception() else otherwise


async def _names(declaration: Declaration) -> tuple[str | None, tuple[str, ...]]:
    """Return a resource's URN and its earlier ones."""
    parent_types: Any = await _plain(pulumi.Output.from_input(declaration.parent_types))
    urn = _urn(declaration, parent_types) if isinstance(parent_types, str) else None
    own = []
    for raw, alias in zip(declaration.aliases, _aliases_of(declaration.resource), strict=False):
        plain = _plain_alias(raw, declaration, parent_types)
        own.append(plain if plain is not None else await _plain(pulumi.Output.from_input(alias)))
    aliases = [alias for alias in own if isinstance(alias, str)]
    earlier = [await _plain(pulumi.Output.from_input(alias)) for alias in _aliases_of(declaration.parent)]
    known = [alias for alias in earlier if isinstance(alias, str)]
    if urn is not None and declaration.parent is not None and known:
        parent_urn = await _plain(pulumi.Output.from_input(declaration.parent.urn))
        if isinstance(parent_urn, str):
            for name in (urn, *aliases):
                aliases.extend(inherited_aliases(name, parent_urn, known))
    return urn, tuple(dict.fromkeys(aliases))


def _plain_alias(raw: object, declaration: Declaration, parent_types: object) -> str | None:
    """Return the URN of an alias that changes the name only; ``None``: the SDK has to work it out.

    The SDK asks the parent for its URN, which for a parent of ours comes only with its registration.
    """
    if not isinstance(raw, pulumi.Alias) or not isinstance(raw.name, str) or not isinstance(parent_types, str):
        return None
    others: tuple[object, ...] = (raw.type_, raw.parent, raw.stack, raw.project)
    if any(part is not None and part is not ... for part in others):
        return None
    return _urn(replace(declaration, name=raw.name), parent_types)


def _urn(declaration: Declaration, parent_types: str) -> str:
    return urn_of(
        stack=pulumi.get_stack(),
        project=pulumi.get_project(),
        parent_types=parent_types,
        resource_type=VAULT_TYPE if declaration.kind == "Vault" else MIRROR_TYPE,
        name=declaration.name,
    )


def _has_aliases(declaration: Declaration) -> bool:
    return bool(_aliases_of(declaration.resource) or _aliases_of(declaration.parent))


def _aliases_of(resource: object) -> Sequence[pulumi.Input[str]]:
    """Return the aliases of a resource as URNs (a private detail: the SDK has worked them out)."""
    return getattr(resource, "_aliases", None) or ()


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(item) for item in value.values())
    return isinstance(value, (str, bool, int, float))


async def _value(value: Any) -> tuple[Any, bool]:
    """Return a plain value, of a mapping each item that is known, and whether any of it is secret."""
    if isinstance(value, Mapping):
        items = {key: (item, False) if _is_plain(item) else await _value(item) for key, item in value.items()}
        return {key: item for key, (item, _) in items.items()}, any(is_secret for _, is_secret in items.values())
    output = pulumi.Output.from_input(value)
    return await _plain(output), await output.is_secret()


async def _plain(output: pulumi.Output[Any]) -> Any:
    if await output.is_secret() or not await output.is_known():
        return UNKNOWN
    return from_engine(await output.future(with_unknowns=True))
