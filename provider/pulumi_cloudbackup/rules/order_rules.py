"""Orders of change that the engine cannot make safe by itself: CB401 to CB407 (design, "The plan").

The planner finds what may happen in some order; the rules say what is wrong with it, and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate import Unknown, is_known
from pulumi_cloudbackup.estate.moment import duration
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule
from pulumi_cloudbackup.rules.change_rules import aliased
from pulumi_cloudbackup.rules.problem import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ORDER_CODES: Final = frozenset(("CB401", "CB402", "CB403", "CB404", "CB406", "CB407"))
"""The hazards: what only some order of the steps breaks."""
_BY_STAGES: Final = "let `cloudbackup up` run the change in safe stages"


def _or_by_stages(has_stages: bool) -> str:  # noqa: FBT001 - a fact, not a mode
    """Return the offer of stages, where there are any."""
    return f" Or {_BY_STAGES}." if has_stages else ""


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
        old = f"{succession.old_id} in " if succession.old_id else "in "
        the_old = "the old one" if succession.old_name == succession.name else f'"{succession.old_name}"'
        yield Broken(
            "name",
            f'Mirror vault "{succession.name}" would be created while {the_old} ({old}'
            f"{succession.old_region_id}{manager}) still copies {source}: Pulumi creates what is new before it deletes "
            "what the program no longer declares, and a source has at most one mirror vault.",
            _way_out(succession),
        )


def _way_out(succession: Succession) -> str:
    the_old = "the old one" if succession.old_name == succession.name else f'"{succession.old_name}"'
    first = f"first run an update that only removes {the_old}."
    if not succession.alias:
        return f"F{first[1:]}"
    return f"{aliased(succession.old_name, succession.name, succession.alias)} Otherwise {first}"


@dataclass(frozen=True)
class Race:
    """A mirror that is to be created on a source whose old mirror moves away in the same update."""

    name: str
    """The resource name of the mirror that comes."""
    old_name: str
    """The resource name of the mirror that goes."""
    source: str
    """The source in words."""
    can_wait: bool
    """Whether the one that comes can be made to depend on the one that goes."""
    has_stages: bool = True
    """Whether there are safe stages, as far as anybody has looked."""


@rule("CB402", "Two changes race for the same source")
def moves_do_not_race(race: Race) -> Iterator[Finding]:
    """Check that no mirror comes to a source while the mirror that leaves it in the same update may still be there.

    Why it matters: Pulumi changes different resources at the same time, in an order that differs from run to run and
    from preview to update. Where two mirrors swap their sources, or one moves to a source that another leaves, the
    create may come before the delete; a source has at most one mirror, and the service lets the second end in ERROR.

    How to fix it: let the mirror that comes depend on the one that goes. Where each waits for the other, as in a swap,
    no order in one update is safe: ``cloudbackup up`` runs it in stages; by hand, remove one of the mirrors in an
    update of its own, move the other, and add the first one again.
    """
    if race.can_wait:
        fix = f"{_waiting([(race.name, race.old_name)])}{_or_by_stages(race.has_stages)}"
    elif not race.has_stages:
        fix = f'No order in one update is safe. First run an update that only removes "{race.old_name}".'
    else:
        by_hand = f'first run an update that only removes "{race.old_name}"'
        fix = f"No order in one update is safe: {_BY_STAGES}, or {by_hand}."
    yield Broken(
        "source",
        f'Mirror vault "{race.name}" may be created on {race.source} while "{race.old_name}" still copies it: Pulumi '
        "changes both at the same time, in any order, and a source has at most one mirror vault.",
        fix,
        subjects=(race.name, race.old_name),
    )


@dataclass(frozen=True)
class Unordered:
    """A source and its mirror that are both deleted, in an order that nothing guarantees."""

    name: str
    """The resource name of the source."""
    mirror: str
    """The resource name of the mirror."""
    is_moved: bool = False
    """Whether the mirror moves to another source."""
    has_stages: bool = True
    """Whether there are safe stages, as far as anybody has looked."""


@rule("CB403", "Source may be deleted before its mirror vault")
def mirror_is_deleted_before_its_source(unordered: Unordered) -> Iterator[Finding]:
    """Check that a mirror is deleted before its source in every order, where one update deletes both.

    Why it matters: the service does not delete a vault that a mirror still copies, and the update stops half-way.
    Pulumi knows the order only where the mirror takes the id of its source from the resource itself. With a plain id,
    or where both are replaced and the new mirror has another source, the two deletes race.

    How to fix it: remove or change the mirror in an update of its own, before its source. Declare a mirror with the
    source itself, not with its id.
    """
    why = (
        f'both are replaced, and the new "{unordered.mirror}" does not depend on the new "{unordered.name}"'
        if unordered.is_moved
        else "the state does not say that one depends on the other"
    )
    only = "changes" if unordered.is_moved else "removes"
    yield Broken(
        "source",
        f'Vault "{unordered.name}" may be deleted before its mirror vault "{unordered.mirror}": {why}, so Pulumi may '
        "run the two deletes at the same time. The service does not delete a vault that a mirror vault copies.",
        f'First run an update that only {only} "{unordered.mirror}" and leaves "{unordered.name}" as it is.'
        f"{_or_by_stages(unordered.has_stages)}",
        subjects=(unordered.name, unordered.mirror),
    )


@dataclass(frozen=True)
class PeakUse:
    """The most that an update uses of a quota, in the worst order."""

    account: str
    region_id: str
    """The region that is counted; empty: the whole account."""
    initial: int
    peak: int
    limit: int
    is_lower_bound: bool
    names: tuple[str, ...]
    """The resources that are created in it."""
    waits: tuple[tuple[str, str], ...] = ()
    """Which of them can be made to depend on which that move out of what is counted, so that the quota holds."""
    removes: bool = True
    """Whether something that is counted is no longer declared."""
    moves_out: bool = False
    """Whether something that stays declared moves out of what is counted."""
    has_stages: bool = True
    """Whether there are safe stages, as far as anybody has looked."""


@rule("CB404", "Quota exceeded on the way")
def quota_holds_at_every_moment(use: PeakUse) -> Iterator[Finding]:
    """Check that the quotas hold at every moment of the update, not only at its end.

    Why it matters: Pulumi deletes what a program no longer declares after it has created what is new, and a vault that
    is replaced create-first is there twice for a while. At the quota the service refuses the create, and the update
    stops half-way.

    How to fix it: let what comes depend on what moves away, where both stay declared; or first remove, then add, in two
    updates, or let ``cloudbackup up`` do so; do without ``delete_before_replace=False`` on vaults; or ask the vendor
    for a larger quota and write it into the setting ``cloudbackup:limits``.
    """
    what = f"mirror vaults in {use.region_id}" if use.region_id else "vaults"
    of = "" if use.account == "default" else f' of account "{use.account}"'
    least = "at least " if use.is_lower_bound else ""
    yield Broken(
        "region_id",
        f"During the update the number of {what}{of} may rise from {least}{use.initial} to {least}{use.peak}: "
        f"{_why_too_many(use)}. The service takes {use.limit} and refuses more.",
        f"{_room_first(use)}{_or_by_stages(use.has_stages)}",
        subjects=use.names,
    )


def _why_too_many(use: PeakUse) -> str:
    vaults = "mirror vaults" if use.region_id else "vaults"
    if use.moves_out:
        last = ", and deletes last what is no longer declared" if use.removes else ""
        return f"Pulumi changes {vaults} at the same time, in any order{last}"
    if use.removes:
        return "Pulumi creates what is new before it deletes what the program no longer declares"
    return "with delete_before_replace=False the old vault is deleted only after the new one is created"


def _room_first(use: PeakUse) -> str:
    if use.waits:
        return _waiting(use.waits)
    if use.moves_out:
        taken = f"mirror vaults out of {use.region_id}" if use.region_id else "vaults out of the account"
        return f"First run an update that only takes {taken}."
    if use.removes:
        return "First run an update that only removes."
    return "Remove delete_before_replace=False from what is replaced."


def _waiting(waits: Sequence[tuple[str, str]]) -> str:
    """Return how resources are made to depend on others."""
    told = [
        f'let "{comes}" wait for "{goes}": opts=pulumi.ResourceOptions(depends_on=[...]), with "{goes}" in the list'
        for comes, goes in waits
    ]
    return f"L{'; '.join(told)[1:]}."


@dataclass(frozen=True)
class Bareness:
    """A source whose mirror is deleted and made anew."""

    source: str
    """The resource name of the source, or its id."""
    mirror: str
    """The resource name of the mirror that comes."""
    minutes: int
    """From the deletion until the successor holds the history."""
    is_lower_bound: bool
    """Whether nobody knows how much there is to copy, or how long after the old one goes the new one is created."""


@rule("CB405", "Source is without a mirror vault for a time", Severity.WARNING)
def source_is_never_bare(bareness: Bareness) -> Iterator[Finding]:
    """Check that no source loses its mirror to get another; where one does, tell how long it has no complete copy.

    Why it matters: a source has at most one mirror, so the old one is deleted before the new one is created. The new
    one begins to copy the history 90 minutes after its creation; until that is done, the older backups exist in the
    source alone.

    How to fix it: where the mirror need not be replaced, undo the change. Otherwise make it when nothing else endangers
    the source.
    """
    least, length = "at least" if bareness.is_lower_bound else "about", duration(bareness.minutes)
    yield Broken(
        "source",
        f'"{bareness.source}" has no complete mirror vault for {least} {length}: from the deletion of its old one '
        f'until the new "{bareness.mirror}" holds the history, which the service begins to copy 90 minutes after the '
        "creation.",
        f'Make the change when nothing else endangers "{bareness.source}".',
        subjects=(bareness.mirror, bareness.source),
    )


@dataclass(frozen=True)
class LockedFirst:
    """A source that is locked in the update that deletes or replaces its mirror."""

    name: str
    """The resource name of the source."""
    mirror: str
    """The resource name of the mirror."""
    has_stages: bool = True
    """Whether there are safe stages, as far as anybody has looked."""


@rule("CB406", "Source locked before its mirror vault is deleted")
def mirror_goes_before_the_lock(locked: LockedFirst) -> Iterator[Finding]:
    """Check that immutable backup (WORM) is not switched on at a source in the update that deletes its mirror.

    Why it matters: a source is updated before its mirror is replaced or removed. Locking the source locks the mirror
    too, and the service then refuses to delete the mirror before its data expires.

    How to fix it: first replace or remove the mirror, then lock the source, in two updates.
    """
    yield Broken(
        "worm_enabled",
        f'Vault "{locked.name}" would be locked (immutable backup) before its old mirror vault "{locked.mirror}" is '
        "deleted. The lock holds for the mirror vault too, and the service then refuses to delete it.",
        f'First run the update without worm_enabled=True on "{locked.name}", then one that adds it.'
        f"{_or_by_stages(locked.has_stages)}",
        subjects=(locked.name, locked.mirror),
    )


@dataclass(frozen=True)
class Rootless:
    """A mirror that is created on a vault that is not there at that moment."""

    name: str
    """The resource name of the mirror."""
    source: str
    """The source in words."""
    is_deleted: bool
    """Whether the same update deletes the source; otherwise it is not created yet."""


@rule("CB407", "Mirror vault created on a vault that is not there")
def source_is_there_for_its_mirror(rootless: Rootless) -> Iterator[Finding]:
    """Check that a mirror is created while its source is there: created before, and not deleted in the same update.

    Why it matters: the service refuses the mirror of a vault that does not exist, and does not delete one that a mirror
    copies. It happens where a mirror names by its plain id a source that the same update removes or replaces: Pulumi
    does not know the order then, and the new vault has another id.

    How to fix it: give the mirror the source itself, not its id; and keep a source that is to be mirrored.
    """
    fix = "declare the mirror vault with the source itself (source=...), not with its id"
    if rootless.is_deleted:
        state = "whose present vault the same update deletes"
        fix = f"If {rootless.source} is replaced, {fix}. If it is removed, keep it, or remove the mirror vault too."
    else:
        state = "which may not be created yet at that moment"
        fix = f"D{fix[1:]}."
    yield Broken("source", f'Mirror vault "{rootless.name}" would be created on {rootless.source}, {state}.', fix)
