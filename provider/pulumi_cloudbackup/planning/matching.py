"""Which old resource a declared one is: by its own URN first, then by its aliases in order; each old one is used once.

Pure. As the engine matches them (reference/pulumi-engine.md 0.5, 0.8), parents' aliases included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Old = TypeVar("Old")


@dataclass(frozen=True)
class Identity:
    """What a declared resource is called, now and earlier."""

    urn: str | None
    """Its URN; ``None``: not known yet, so nobody can tell what it was."""
    aliases: tuple[str, ...] = ()
    """Earlier URNs, in the order in which they are tried."""


def urn_of(*, stack: str, project: str, parent_types: str, resource_type: str, name: str) -> str:
    """Return a URN; ``parent_types`` is the type chain of the parent, empty at the top of the stack."""
    chain = f"{parent_types}${resource_type}" if parent_types else resource_type
    return f"urn:pulumi:{stack}::{project}::{chain}::{name}"


def inherited_aliases(urn: str, parent_urn: str, parent_aliases: Sequence[str]) -> tuple[str, ...]:
    """Return what a child was called while its parent had its earlier names.

    The types of the parent are part of a child's URN. Its name is not, unless the child's name begins with it.
    """
    name, own_type = urn.split("::", 3)[3], urn.split("::", 3)[2].rpartition("$")[2]
    parent_name = parent_urn.split("::", 3)[3]
    found = []
    for alias in parent_aliases:
        head, project, chain, alias_name = alias.split("::", 3)
        child = f"{alias_name}{name[len(parent_name) :]}" if name.startswith(parent_name) else name
        prefix = "" if chain == "pulumi:pulumi:Stack" else f"{chain}$"
        found.append(f"{head}::{project}::{prefix}{own_type}::{child}")
    return tuple(one for one in dict.fromkeys(found) if one != urn)


def matched(identities: Sequence[Identity], old: Mapping[str, Old]) -> list[Old | None]:
    """Return the old resource of each identity, ``None`` where it is new."""
    free = dict(old)
    found: list[Old | None] = [free.pop(one.urn, None) if one.urn else None for one in identities]
    for position, one in enumerate(identities):
        for alias in one.aliases:
            if found[position] is None:
                found[position] = free.pop(alias, None)
    return found


def alias_line(urn: str | None, old_urn: str) -> str:
    """Return the item of ``aliases`` that makes the resource the old one: a name where that is enough."""
    if old_urn.count("::") < 3:  # noqa: PLR2004 - the parts of a URN
        return f'"{old_urn}"'
    old_name = old_urn.split("::", 3)[3]
    if urn is not None and urn.split("::", 3)[:3] == old_urn.split("::", 3)[:3]:
        return f'pulumi.Alias(name="{old_name}")'
    return f'"{old_urn}"'
