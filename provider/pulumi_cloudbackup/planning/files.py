"""What is wrong with an estate that somebody wrote in a file, beyond its form: each with its place.

A program's or a state's estate is not asked: the engine has seen to it that its dependencies are there.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate import EstateError
from pulumi_cloudbackup.planning.alike import SIZES
from pulumi_cloudbackup.planning.circles import circle_of
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE, made_urn, read_entries
from pulumi_cloudbackup.rules.whole import MIRROR_LIMITS, VAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.estate.resource import DeclaredResource
    from pulumi_cloudbackup.planning.world import Old

_LIMITS: Final = (*VAULT_LIMITS, *MIRROR_LIMITS)


def refuse_faults(estate: Estate, *, is_desired: bool) -> None:
    """Raise EstateError, one line for each fault, where a file cannot be planned from.

    ``is_desired``: whether the engine would register what is in it, and refuse aliases that two resources claim.
    """
    entries = read_entries(estate)
    faults = [*_numbers(estate, entries), *_strangers(estate, entries), *_doubles(estate)]
    if is_desired:
        faults += _claimed_twice(entries)
    # What is only still to be deleted shares its URN with its successor.
    there = [one for one in entries if not one.resource.pending_delete]
    circle = circle_of({one.urn: one.depends_on for one in there if one.depends_on})
    if circle:
        faults.append(f"estate: the dependencies go round in a circle: {circle}")
    if faults:
        raise EstateError("\n".join(faults))


def _numbers(estate: Estate, entries: Sequence[Old]) -> Iterator[str]:
    """Tell numbers below zero, and limits of what nobody counts."""
    for name, limit in (estate.limits or {}).items():
        if name not in _LIMITS:
            yield f"limits.{name}: there is no such limit: {VAULT_LIMITS[0]} and {MIRROR_LIMITS[0]} are known"
        elif limit < 0:
            yield f"limits.{name}: {limit} is below zero"
    for one in entries:
        for name in SIZES:
            size = getattr(one.resource, name)
            if size is not None and size < 0:
                yield f"{name} of {one.name!r}: {size} is below zero"


def _doubles(estate: Estate) -> Iterator[str]:
    """Tell URNs that two resources have, beside what is only still to be deleted."""
    ours: tuple[DeclaredResource, ...] = (*estate.vaults, *estate.mirrors)
    urns = Counter(one.urn for one in ours if one.urn is not None and not one.pending_delete)
    urns.update(one.urn for one in estate.foreign)
    yield from (f"the URN {urn!r} is used by more than one resource" for urn, count in urns.items() if count > 1)


def _strangers(estate: Estate, entries: Sequence[Old]) -> Iterator[str]:
    """Tell what a resource depends on and nobody is: a misspelt name would lose the order that makes a plan safe."""
    known = {*(one.urn for one in entries), *(one.urn for one in estate.foreign)}
    named = {(one.account, one.name) for one in entries}
    for one in entries:
        for written in one.resource.depends_on:
            if written not in known and (one.account, written) not in named:
                yield f"depends_on of {one.name!r}: there is no {written!r} in this file"


def _claimed_twice(entries: Sequence[Old]) -> Iterator[str]:
    """Tell aliases that two resources have, or that are declared too: the engine refuses the second one."""
    ours = [one for one in entries if one.is_ours and not one.resource.pending_delete]
    owners = {one.urn: one for one in ours}
    claimed: dict[str, Old] = {}
    for one in ours:
        for alias in dict.fromkeys(_urn_of_alias(one, alias) for alias in one.resource.aliases):
            other = claimed.setdefault(alias, owners.get(alias, one))
            if other is not one and alias != one.urn:
                is_own = other.urn == alias
                yield (
                    f"aliases of {one.name!r}: {alias.rpartition('::')[2]!r} is "
                    + ("declared too" if is_own else f"an alias of {other.name!r} too")
                )


def _urn_of_alias(one: Old, alias: str) -> str:
    """Return the URN that an alias stands for; a name is that of a resource of the same kind and parent."""
    if alias.startswith("urn:"):
        return alias
    if one.resource.urn is not None:
        return f"{one.urn.rpartition('::')[0]}::{alias}"
    return made_urn(one.account, MIRROR_TYPE if one.is_mirror else VAULT_TYPE, alias)
