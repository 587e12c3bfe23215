"""Ready policies about updates: what a plan deletes, loses and leaves without a mirror.

Each has a ``level`` and an ``except_for``, as those about what is declared (``ready``) have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate import Unknown, Vault
from pulumi_cloudbackup.planning import Action
from pulumi_cloudbackup.planning.world import urn_of_entry
from pulumi_cloudbackup.policies.arguments import number, of_tags, some_tags, texts
from pulumi_cloudbackup.policies.policy import Level, NotYetKnown, Policy, Violation
from pulumi_cloudbackup.policies.proposal import Proposal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pulumi_cloudbackup.planning import Change
    from pulumi_cloudbackup.policies.policy import Finding

_KINDS: Final = {"Vault": "vault", "MirrorVault": "mirror vault"}
_DOINGS: Final = {Action.DELETE: "deletes", Action.REPLACE: "replaces"}
_LOSSES: Final = frozenset(("CB302", "CB303", "CB305", "CB306", "CB307"))


def nothing_is_deleted(
    *,
    tags: Mapping[str, str] | None = None,
    including_mirrors: bool = True,
    except_for: Collection[str] = (),
    level: Level = "mandatory",
) -> Policy:
    """Forbid updates that delete or replace.

    :param tags: Only for vaults that have all of these tags now, and for all mirrors; absent: for all.
    :param including_mirrors: Whether mirror vaults may not be deleted either.
    """
    left_out = texts("except_for", except_for)
    tags = some_tags(tags)

    def check(proposal: Proposal) -> Iterator[Finding]:
        for change in _changes(proposal):
            if change.action not in _DOINGS or change.name in left_out:
                continue
            if change.kind == "MirrorVault" and not including_mirrors:
                continue
            is_meant = _had_tags(proposal, change, tags)
            if isinstance(is_meant, Unknown):
                yield NotYetKnown(change.name, "tags")
            elif is_meant:
                yield Violation(
                    change.name,
                    f'The update {_DOINGS[change.action]} {_KINDS[change.kind]} "{change.name}".',
                    "Undo the change, or take it to whoever may allow it.",
                )

    summary = f"Updates delete and replace no vaults{of_tags(tags)}."
    return Policy("nothing-is-deleted", summary, check, level, needs_plan=True)


def data_is_not_lost(*, except_for: Collection[str] = (), level: Level = "mandatory") -> Policy:
    """Forbid updates that destroy backup data, also where ``force_destroy`` consents; what may hold data counts."""
    left_out = texts("except_for", except_for)

    def check(proposal: Proposal) -> Iterator[Finding]:
        told: set[str] = set()
        for problem in proposal.plan.problems if proposal.plan is not None else ():
            if problem.code in _LOSSES and problem.subjects[:1] and problem.subjects[0] not in left_out:
                told.add(problem.subjects[0])
                yield Violation(problem.subjects[0], problem.detail, problem.fix, problem.argument)
        olds = _olds(proposal)
        for change in _changes(proposal):
            if change.kind != "Vault" or change.action not in _DOINGS or change.name in {*told, *left_out}:
                continue
            old = olds.get(change.old_urn or change.urn)
            if old is None or old.options.retain_on_delete or old.id is None:
                continue
            if old.holds_data is not False:
                may = "holds backup data" if old.holds_data else "may hold backup data: nobody says that it does not"
                yield Violation(
                    change.name,
                    f'The update {_DOINGS[change.action]} vault "{change.name}", which {may}.',
                    "Undo the change, or copy the data first.",
                )

    return Policy("data-is-not-lost", "Updates destroy no backup data.", check, level, needs_plan=True)


def exposure_is_at_most(minutes: int, *, except_for: Collection[str] = (), level: Level = "mandatory") -> Policy:
    """Forbid updates that leave a source without a complete mirror vault for longer.

    :param minutes: How long is allowed: a new mirror begins to copy the history after 90 minutes.
    """
    left_out = texts("except_for", except_for)

    number("minutes", minutes)

    def check(proposal: Proposal) -> Iterator[Finding]:
        yield from _left_bare(proposal, left_out)
        for one in proposal.plan.exposure if proposal.plan is not None else ():
            if one.source in left_out:
                continue
            if one.minutes > minutes:
                least = "at least " if one.lower_bound else ""
                yield Violation(
                    one.source,
                    f'"{one.source}" is without a complete mirror vault for {least}{one.minutes} minutes; '
                    f"{minutes} are allowed.",
                    "Undo what moves or replaces its mirror vault.",
                )
            elif one.lower_bound:
                yield NotYetKnown(one.source, "bytes_stored")

    summary = f"No source is without a complete mirror vault for more than {minutes} minutes."
    return Policy("exposure-is-at-most", summary, check, level, needs_plan=True)


def _left_bare(proposal: Proposal, left_out: Collection[str]) -> Iterator[Finding]:
    """Tell of sources that stay and lose their mirror for good, which no exposure of a plan measures."""
    if proposal.plan is None or proposal.current is None:
        return
    told = {one.source for one in proposal.plan.exposure}
    ends = {change.old_urn or change.urn: change for change in _changes(proposal) if change.action in _DOINGS}
    declared = {vault.urn or vault.name: vault for vault in proposal.vaults}
    after = {change.old_urn or change.urn: change for change in (*proposal.plan.unchanged, *proposal.plan.changes)}
    open_ones = [mirror for mirror in proposal.mirrors if not proposal.is_source_known(mirror)]
    before = Proposal(proposal.current)
    for mirror in before.mirrors:
        change = ends.get(urn_of_entry(mirror, mirror.account or proposal.current.account))
        old = before.source_of(mirror)
        if change is None or change.left_by or old is None:
            continue
        stays = after.get(urn_of_entry(old, old.account or proposal.current.account))
        source = declared.get(stays.urn) or declared.get(stays.name) if stays is not None else None
        if source is None or source.name in {*told, *left_out}:
            continue
        if open_ones:
            yield from (NotYetKnown(one.name, "source") for one in open_ones)
        elif not proposal.mirrors_of(source):
            yield Violation(
                source.name,
                f'"{source.name}" loses its mirror vault "{mirror.name}" for good.',
                "Keep the mirror vault, or declare another one.",
            )


def _changes(proposal: Proposal) -> tuple[Change, ...]:
    return proposal.plan.changes if proposal.plan is not None else ()


def _had_tags(proposal: Proposal, change: Change, tags: Mapping[str, str] | None) -> bool | Unknown:
    """Whether a vault that is deleted or replaced has some tags now; what is not known is not left out."""
    if not tags or change.kind != "Vault" or proposal.current is None:
        return True
    old = _olds(proposal).get(change.old_urn or change.urn)
    return proposal.has_tags(old, tags) if old is not None else True


def _olds(proposal: Proposal) -> dict[str, Vault]:
    """Return the vaults that there are by URN."""
    estate = proposal.current
    if estate is None:
        return {}
    return {urn_of_entry(vault, vault.account or estate.account): vault for vault in estate.vaults}
