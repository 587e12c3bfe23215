"""Ready policies about updates: what a plan deletes, loses and leaves without a mirror.

Each has a ``level`` and an ``except_for``, as those about what is declared (``ready``) have.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from pulumi_cloudbackup.estate import Unknown, Vault
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.planning import Action
from pulumi_cloudbackup.planning.losses import may_hold_data
from pulumi_cloudbackup.planning.plan import Reason
from pulumi_cloudbackup.planning.world import urn_of_entry
from pulumi_cloudbackup.policies.arguments import number, of_tags, some_tags, texts
from pulumi_cloudbackup.policies.policy import Level, NotYetKnown, Policy, Violation
from pulumi_cloudbackup.policies.proposal import Proposal
from pulumi_cloudbackup.policies.unmirrored import unmirrored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pulumi_cloudbackup.estate import Estate, MirrorVault
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
        for ending in _endings(proposal):
            change = ending.change
            if change.name in left_out or (change.kind == "MirrorVault" and not including_mirrors):
                continue
            is_meant = proposal.has_tags(ending.vault, tags) if ending.vault is not None else True
            if isinstance(is_meant, Unknown):
                yield NotYetKnown(change.name, "tags")
            elif is_meant:
                yield Violation(
                    change.name,
                    f"The update {ending.in_words}.",
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
        endings = _endings(proposal)
        # Of vaults that share a name, such as one and what an earlier update left of it, a problem may mean either.
        shared = {name for name, count in Counter(one.change.name for one in endings).items() if count > 1}
        for ending in endings:
            name, vault = ending.change.name, ending.vault
            if vault is None or name in left_out or (name in told and name not in shared) or not _is_there(vault):
                continue
            holds_data = may_hold_data(vault)
            if holds_data is not False:
                may = (
                    "holds backup data" if holds_data is True else "may hold backup data: nobody says that it does not"
                )
                yield Violation(
                    name, f"The update {ending.in_words}, which {may}.", "Undo the change, or copy the data first."
                )

    return Policy("data-is-not-lost", "Updates destroy no backup data.", check, level, needs_plan=True)


def exposure_is_at_most(minutes: int, *, except_for: Collection[str] = (), level: Level = "mandatory") -> Policy:
    """Forbid updates that leave a source without a complete mirror vault for longer.

    Where only the least time is known it is not yet known whether it is kept: of a source of unknown size, and where
    the old mirror goes in an earlier stage than the new one comes.

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
                yield NotYetKnown(one.source, "stages" if _is_staged(proposal, one.source) else "bytes_stored")

    summary = f"No source is without a complete mirror vault for more than {minutes} minutes."
    return Policy("exposure-is-at-most", summary, check, level, needs_plan=True)


def _is_staged(proposal: Proposal, source: str) -> bool:
    """Whether a source is bare between two stages, for as long as nobody can tell."""
    return proposal.plan is not None and any(source in stage.bare_sources for stage in proposal.plan.stages)


def _left_bare(proposal: Proposal, left_out: Collection[str]) -> Iterator[Finding]:
    """Tell of sources that stay and lose their mirror for good, which no exposure of a plan measures."""
    losers = _losers(proposal, left_out)
    lost = {id(vault): mirror for vault, mirror in losers}
    for some in unmirrored(proposal, [vault for vault, _ in losers]):
        if not some.open_mirrors:
            source = some.vaults[0]
            yield Violation(
                source.name,
                f'"{source.name}" loses its mirror vault "{lost[id(source)]}" for good.',
                "Keep the mirror vault, or declare another one.",
            )
        elif some.bare:
            yield Violation(
                "",
                f"{some.in_words} {'loses its' if some.bare == 1 else 'lose their'} mirror vault for good: {some.why}.",
                "Keep the mirror vaults, or declare another one for each, with the vault itself as its source.",
            )
        yield from some.waits


def _losers(proposal: Proposal, left_out: Collection[str]) -> list[tuple[Vault, str]]:
    """Return the sources that stay and that no declared mirror is known to copy any more, with the mirror that goes."""
    if proposal.plan is None or proposal.current is None:
        return []
    told = {one.source for one in proposal.plan.exposure}
    after = {
        change.old_urn or change.urn: change
        for change in (*proposal.plan.unchanged, *proposal.plan.changes)
        if change.reason is not Reason.LEFT_TO_DELETE
    }
    declared = {_urn(vault, proposal.desired): vault for vault in proposal.vaults}
    before = Proposal(proposal.current)
    found: dict[str, tuple[Vault, str]] = {}
    for mirror in before.mirrors:
        change = after.get(_urn(mirror, proposal.current))
        old = before.source_of(mirror)
        if change is None or change.action not in _DOINGS or change.left_by or old is None:
            continue
        stays = after.get(_urn(old, proposal.current))
        source = declared.get(stays.urn) if stays is not None else None
        if stays is None or source is None or source.name in {*told, *left_out} or proposal.mirrors_of(source):
            continue
        found[stays.urn] = source, mirror.name
    return list(found.values())


class _Ending(NamedTuple):
    """A vault or mirror that an update deletes or replaces."""

    change: Change
    vault: Vault | None
    """What there is; ``None``: it is a mirror, or nobody says."""

    @property
    def in_words(self) -> str:
        """What happens to which."""
        what = f'{_KINDS[self.change.kind]} "{self.change.name}"'
        if self.change.reason is not Reason.LEFT_TO_DELETE:
            return f"{_DOINGS[self.change.action]} {what}"
        id_ = f" ({self.vault.id})" if self.vault is not None and isinstance(self.vault.id, str) else ""
        return f"deletes what an earlier one left of {what}{id_}"


def _endings(proposal: Proposal) -> list[_Ending]:
    """Return everything that a plan deletes or replaces; what an earlier update left has the URN of its successor."""
    if proposal.plan is None:
        return []
    olds = _olds(proposal)
    found: dict[tuple[str, bool], list[_Ending]] = {}
    for change in proposal.plan.changes:
        if change.action in _DOINGS:
            key = change.old_urn or change.urn, change.reason is Reason.LEFT_TO_DELETE
            found[key] = [_Ending(change, vault) for vault in olds.get(key, (None,))]
    return [ending for some in found.values() for ending in some]


def _olds(proposal: Proposal) -> dict[tuple[str, bool], list[Vault]]:
    """Return the vaults that there are by URN, and by whether they are only still to be deleted: of those, several."""
    found: dict[tuple[str, bool], list[Vault]] = {}
    for vault in proposal.current.vaults if proposal.current is not None else ():
        if proposal.current is not None and vault.managed_by in (None, "this"):
            found.setdefault((_urn(vault, proposal.current), vault.pending_delete), []).append(vault)
    return found


def _urn(resource: Vault | MirrorVault, estate: Estate) -> str:
    return urn_of_entry(resource, resource.account or estate.account)


def _is_there(vault: Vault) -> bool:
    """Whether there is a vault that could be deleted, and that the state does not only forget."""
    is_made = vault.id is not None and not vault.pending_replacement and vault.status != GONE
    return is_made and not vault.options.retain_on_delete
