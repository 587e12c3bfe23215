"""Held creates: what a stage leaves out although the engine creates it (design, "Stages").

The engine deletes and creates a replaced resource in one go, so two mirrors that exchange their sources would meet on
one source. A stage names the owners that have to wait in an environment variable, which the engine hands on to the
provider host. What is created for them is *parked*: an entry in the state with no vault behind it.

| asked of | owner held | owner held no longer |
| --- | --- | --- |
| create | parks, no call | creates |
| diff of a parked one | nothing, or an update without a call | replacement: any ``pulumi up`` goes on |
| read, update, delete of a parked one | no call | no call |
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import Unknown
from pulumi_cloudbackup.planning.comparing import Difference
from pulumi_cloudbackup.resources.refusal import Refusal, tell
from pulumi_cloudbackup.resources.wire import Properties, resource_name, without_note

if TYPE_CHECKING:
    from collections.abc import Iterable

HOLD_VARIABLE: Final = "CLOUDBACKUP_HOLD"
"""The owners whose creates are held, with commas between them; an owner has neither comma nor blank.

Set, even if empty: this run is a stage. A stage that holds nothing sets it empty, so that its program knows.
"""
HELD_LENGTH_LIMIT: Final = 128 * 1024 - len(HOLD_VARIABLE) - 2
"""Characters that one environment variable takes on Linux (MAX_ARG_STRLEN): some two thousand owners."""
STAYS_PARKED: Final = "stays_parked"
"""The input of a parked mirror that cannot be created in this run, because its source is not free yet."""
_PLACEHOLDER: Final = "parked-"


def joined(owners: Iterable[str]) -> str:
    """Return the value of the variable that holds these owners; raise ValueError where it cannot be written."""
    named = sorted(set(owners))
    for owner in named:
        if not owner or "," in owner or any(character.isspace() for character in owner):
            raise ValueError(f"{owner!r} is no owner: it is empty, or has a comma or a blank.")
    text = ",".join(named)
    if len(text) > HELD_LENGTH_LIMIT:
        raise ValueError(f"{len(named)} owners are too many to hold at once: {HOLD_VARIABLE} would be too long.")
    return text


def is_stage() -> bool:
    """Whether this run is one of several that lead to what is declared."""
    return HOLD_VARIABLE in os.environ


def held_owners() -> frozenset[str]:
    """Return the owners whose creates this run holds."""
    return _owners(os.environ.get(HOLD_VARIABLE, ""))


def is_held(owner: object) -> bool:
    """Whether the creates of an owner are held; a note behind it does not count."""
    plain, _ = without_note(owner)
    return isinstance(plain, str) and plain in held_owners()


def is_parked(state: Properties) -> bool:
    """Whether a resource of the state is parked: no vault is behind it."""
    return state.get("parked") is True


def is_placeholder(vault_id: object) -> bool:
    """Whether an id is that of a parked resource; the service never gets to see one."""
    return isinstance(vault_id, str) and vault_id.startswith(_PLACEHOLDER)


def park(inputs: Properties, empty: Properties) -> tuple[str, dict[str, Any]]:
    """Return the id and the outputs of a resource that is left out; ``empty``: what stands for the other outputs."""
    tell(f'"{resource_name(inputs)}" is parked: its create is held for a later stage ({HOLD_VARIABLE}).')
    return f"{_PLACEHOLDER}{_owner(inputs).rpartition('#')[2]}", parked_outputs(inputs, empty)


def parked_outputs(inputs: Properties, empty: Properties) -> dict[str, Any]:
    """Return the outputs of a parked resource: its inputs, and nothing that can be mistaken for a vault."""
    facts = {"parked": True, "vault_id": "", "status": "PARKED", "live_owner": _owner(inputs)}
    return {**empty, **inputs, **facts}


def parked_difference(before: Properties, after: Properties, empty: Properties) -> Difference:
    """Compare a parked resource with its new inputs: a replacement, unless its owner is still held."""
    if not is_held(after.get("owner")) and after.get(STAYS_PARKED) is not True:
        tell(f'"{resource_name(after)}" is parked, no vault is behind it: `pulumi up` creates it and deletes nothing.')
        return Difference(("parked",), ())
    wanted = parked_outputs(after, empty)
    keys = sorted({*before, *wanted} - {"__provider", STAYS_PARKED})
    return Difference((), tuple(key for key in keys if before.get(key) != wanted.get(key)))


def refuse_parked_source(mirror: Properties) -> None:
    """Refuse a mirror that is not held itself, of a source that is parked, or is to be in this very run.

    In a preview, and in a delete-first replacement of the source, the source's id is not known yet.
    """
    source_id = mirror.get("source_vault_id")
    will_be = isinstance(source_id, Unknown) and is_held(mirror.get("source_owner"))
    if is_held(mirror.get("owner")) or not (is_placeholder(source_id) or will_be):
        return
    raise Refusal(
        f'The source of mirror vault "{resource_name(mirror)}" is parked: its create is held for a later stage, so '
        f"there is no vault to mirror yet. Run a plain `pulumi up` without {HOLD_VARIABLE} in the stack that declares "
        f"the source; or hold this mirror too: add {_owner(mirror)} to {HOLD_VARIABLE}."
    )


def _owner(inputs: Properties) -> str:
    owner, _ = without_note(inputs.get("owner"))
    return str(owner or "")


@cache
def _owners(text: str) -> frozenset[str]:
    return frozenset(owner for one in text.split(",") if (owner := one.strip()))
