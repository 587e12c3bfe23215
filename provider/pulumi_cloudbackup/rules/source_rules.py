"""Which vault a mirror may copy, as far as the estate knows it: CB202, CB203, CB210, CB214.

Facts are arguments: ``FoundSource`` is what somebody found out about the source of one mirror, ``Rivals`` all mirrors
of one source. Where a fact cannot be found out, it is ``None`` and no rule speaks; where it is known only after apply,
the answer is "not yet known".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import MirrorVault, Unknown, Vault, is_known
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class FoundSource:
    """What is known about where the source of one mirror is."""

    label: str
    """How the mirror names its source: a name, or an id."""
    by_name: bool = False
    """Whether the mirror names a vault of the same estate; otherwise an id."""
    resource: Vault | MirrorVault | None = None
    """The vault, where it is found in the account of the mirror."""
    account: str | None = None
    """The account that has the source, where it is found only in another one than the mirror's."""
    is_missing: bool | Unknown | None = None
    """Whether nobody has it; ``None``: cannot tell; unknown: its id is known only after apply."""
    is_lost: bool = False
    """Whether it is declared and was there, and the account has it no more."""
    region_id: str | Unknown | None = None
    """The region where a source of this id really is, where that is not the region written; unknown: it may be so."""


@rule("CB203", "Mirror of a mirror vault")
def source_is_no_mirror(mirror: MirrorVault, found: FoundSource) -> Iterator[Finding]:
    """Check that the source of a mirror is a vault, not a mirror vault.

    Why it matters: the service copies what is backed up into a vault. It does not copy a mirror on, so there are no
    chains, and the call is refused.

    How to fix it: set ``source`` to the vault that the other mirror copies. Since a vault has at most one mirror, use a
    second vault, and back up into both, where two copies are needed.
    """
    match found:
        case FoundSource(resource=MirrorVault() as other):
            itself = other.name == mirror.name
            yield Broken(
                "source",
                f'Mirror vault "{mirror.name}" has '
                + ("itself as its source. " if itself else f'the mirror vault "{other.name}" as its source. ')
                + "The service copies vaults only, there is no mirror of a mirror.",
                f'Set source of "{mirror.name}" to a vault'
                + (
                    "." if itself else f'; "{other.name}" copies {_named_source(other)}, which has its one mirror then.'
                ),
            )
        case FoundSource(is_missing=missing) if missing is not None and not is_known(missing):
            yield NotYetKnown("source")
        case _:
            return


@rule("CB210", "Source that does not exist")
def source_exists(mirror: MirrorVault, found: FoundSource) -> Iterator[Finding]:
    """Check that somebody has the source: a vault of the program, or a vault of the account in the region written.

    Why it matters: a mirror is made from a source that is there. Without one the service refuses the call, after other
    resources of the program have been changed. A mirror that exists already is kept when its source is lost: it holds
    the last copy of the data (CB307).

    How to fix it: correct the name, the id or the region of the source.
    """
    if isinstance(mirror.existing_id, str) and not found.by_name:
        return
    if found.is_missing is not None and not is_known(found.is_missing):
        yield NotYetKnown("source")
    elif found.is_missing and found.by_name:
        yield Broken(
            "source",
            f'The source "{found.label}" of mirror vault "{mirror.name}" is no vault of this estate. Without its '
            "source a mirror cannot be created.",
            f'Declare a vault "{found.label}", or set source of "{mirror.name}" to one that is declared.',
        )
    elif found.is_missing and not found.label:
        yield Broken(
            "source",
            f'The id of the source of mirror vault "{mirror.name}" is empty. Without its source a mirror cannot be '
            "created.",
            f'Give the source of "{mirror.name}" the id of a vault, such as v-0001.',
        )
    elif found.is_missing:
        yield Broken(
            "source",
            f'The source {found.label} of mirror vault "{mirror.name}" does not exist in the account. Without its '
            "source a mirror cannot be created.",
            f'Correct the id and the region of the source of "{mirror.name}".',
        )
    elif found.is_lost and mirror.existing_id is None:
        yield Broken(
            "source",
            f'The source {_quoted(found)} of mirror vault "{mirror.name}" is gone: the account has no vault of its id '
            "any more. Without its source a mirror cannot be created.",
            "If it is lost, run `pulumi refresh`: the next update then creates it again, and its mirror with it.",
        )
    elif found.region_id is not None and not is_known(found.region_id):
        yield NotYetKnown("source")
    elif found.region_id is not None:
        yield Broken(
            "source",
            f'The source {found.label} of mirror vault "{mirror.name}" is in {found.region_id}, not in the region that '
            "is written beside its id. The service looks for it where it is told to and does not find it.",
            f'Set the region of the source of "{mirror.name}" to {found.region_id}.',
        )


@rule("CB214", "Mirror vault and source in different accounts")
def mirror_is_in_the_account_of_its_source(mirror: MirrorVault, account: str, found: FoundSource) -> Iterator[Finding]:
    """Check that a mirror and its source belong to the same account.

    Why it matters: the call that makes a mirror names its source by region and id only, and finds it in the account
    that calls. A mirror that is to outlive the loss of an account needs another tool.

    How to fix it: give both the same ``account``, or leave ``account`` out on both.
    """
    if found.account is not None:
        yield Broken(
            "account",
            f'Mirror vault "{mirror.name}" is in account "{account}", its source {_quoted(found)} in account '
            f'"{found.account}". The service mirrors only within one account.',
            (
                f'Remove account from "{mirror.name}"'
                if found.account == "default"
                else f'Set account of "{mirror.name}" to "{found.account}"'
            )
            + f', or mirror a vault of "{account}".',
        )


@dataclass(frozen=True)
class Rivals:
    """All mirrors that copy one source."""

    source: str
    """The source in words: its name in quotes, or its id."""
    declared: tuple[MirrorVault, ...]
    """Those that the program declares, in their order."""
    existing: tuple[MirrorVault, ...] = ()
    """Those that exist and that the program does not declare."""
    reported_id: str | None = None
    """The id of a mirror that the service reports for the source and that is none of these."""
    reported_region_id: str | None = None
    """Its region."""
    may_be_more: bool = False
    """Whether another mirror may copy the same source: the id of its source is known only after apply."""

    @property
    def count(self) -> int:
        """How many mirrors there would be."""
        return len(self.declared) + len(self.existing) + (self.reported_id is not None)


@rule("CB202", "Source with more than one mirror vault")
def source_has_one_mirror(rivals: Rivals) -> Iterator[Finding]:
    """Check that a source has at most one mirror, whoever made it: this program, another one, or the console.

    Why it matters: the service accepts the call for a second mirror and reports its failure only later. The vault then
    exists in status ERROR, counts against the quota and holds no data, while the first mirror goes on as before.

    How to fix it: keep one of the mirrors. Where the other one exists already, take it over with ``adopt_id``, delete
    it first, or, where it was renamed, add an alias.
    """
    if rivals.count > 1:
        yield Broken("source", _too_many(rivals), _way_out(rivals), subjects=tuple(m.name for m in rivals.declared))
    elif rivals.may_be_more:
        yield NotYetKnown("source")


def _too_many(rivals: Rivals) -> str:
    declared = sorted(f'"{mirror.name}"{_place(mirror.region_id)}' for mirror in rivals.declared)
    existing = sorted(
        f"{_label(mirror)}{_place(mirror.region_id)}, managed by {_manager(mirror)}" for mirror in rivals.existing
    )
    if rivals.reported_id is not None:
        existing.append(f"{rivals.reported_id}{_place(rivals.reported_region_id)}")
    why = "A source has at most one mirror; any further one ends in status ERROR."
    if not existing:
        return f"Source {rivals.source} would have {rivals.count} mirror vaults: {_listed(declared)}. {why}"
    has = f"Source {rivals.source} already has the mirror vault {_listed(existing)}"
    return f"{has}; the program declares {_listed(declared)}. {why}"


def _way_out(rivals: Rivals) -> str:
    if not rivals.existing and rivals.reported_id is None:
        return "Keep one of them and remove the others, or give each a source of its own."
    ours = rivals.declared[0]
    adopted = [mirror for mirror in rivals.existing if mirror.managed_by == "none" and isinstance(mirror.id, str)]
    if len(rivals.declared) == 1 and adopted and adopted[0].region_id == ours.region_id:
        line = f'add adopt_id="{adopted[0].id}" to "{ours.name}"'
        return f"To take the existing one over, {line}; otherwise delete it first."
    return f"Delete the existing one first, or remove {_listed(_quoted_names(rivals.declared))}."


def _manager(mirror: MirrorVault) -> str:
    if mirror.owner:
        return readable_owner(mirror.owner)
    return "nobody" if mirror.managed_by == "none" else "another program"


def _label(mirror: MirrorVault) -> str:
    if mirror.id is not None and is_known(mirror.id) and mirror.id != mirror.name:
        return f'"{mirror.name}" ({mirror.id})'
    return f'"{mirror.name}"'


def _place(region_id: str | Unknown | None) -> str:
    return f" in {region_id}" if region_id is not None and is_known(region_id) and region_id else ""


def _quoted_names(mirrors: tuple[MirrorVault, ...]) -> list[str]:
    return sorted(f'"{mirror.name}"' for mirror in mirrors)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _named_source(mirror: MirrorVault) -> str:
    source = mirror.source
    if isinstance(source, str):
        return f'"{source}"'
    return source.id if is_known(source.id) else "a vault"


def _quoted(found: FoundSource) -> str:
    return f'"{found.label}"' if found.by_name else found.label
