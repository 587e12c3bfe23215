"""Orders of change that the engine cannot make safe by itself: CB401."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import Unknown, is_known
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Succession:
    """A mirror that is to be created, and one that the program no longer declares and that is deleted at the end."""

    name: str
    """The resource name of the new mirror."""
    source_id: str | Unknown | None
    """The id of its source; ``None``: the source is still to be created, so nothing mirrors it yet."""
    old_name: str
    """The resource name of the old mirror."""
    old_id: str
    old_region_id: str
    old_source_id: str
    owner: str
    """The owner of the old mirror."""
    alias: str
    """What makes the new resource the old one: an item of ``aliases`` as it is written in a program; empty: nothing."""
    source_name: str = ""
    """The resource name of the source, where the program declares it."""


@rule("CB401", "Mirror vault created before the old one of its source is deleted")
def old_mirror_goes_first(succession: Succession) -> Iterator[Finding]:
    """Check that a new mirror is not created while a mirror that the program no longer declares copies its source.

    Why it matters: Pulumi creates what is new before it deletes what is no longer declared. A resource that is renamed
    without an alias is both, so the second mirror comes first; a source has at most one, and the service lets it end in
    ERROR.

    How to fix it: give the new resource an alias of the old one, as the message writes it: it is then changed in place,
    or replaced delete-first. Where the two are really different, remove the old one in an update of its own.
    """
    if succession.source_id is None:
        return
    if not is_known(succession.source_id):
        yield NotYetKnown("source")
    elif succession.source_id == succession.old_source_id:
        source = f'"{succession.source_name}"' if succession.source_name else succession.source_id
        manager = f", managed by {readable_owner(succession.owner)}" if succession.owner else ""
        yield Broken(
            "name",
            f'Mirror vault "{succession.name}" would be created while "{succession.old_name}" ({succession.old_id} in '
            f"{succession.old_region_id}{manager}) still copies {source}: Pulumi creates what is new before it deletes "
            "what the program no longer declares, and a source has at most one mirror vault.",
            _way_out(succession),
        )


def _way_out(succession: Succession) -> str:
    first = f'first run an update that only removes "{succession.old_name}".'
    if not succession.alias:
        return f"F{first[1:]}"
    return (
        f'If "{succession.old_name}" was renamed, add to "{succession.name}": '
        f"opts=pulumi.ResourceOptions(aliases=[{succession.alias}]). Otherwise {first}"
    )
