"""From the declarations of a program, the stack's old state and the live account to an estate, and to its problems.

Decides nothing about what is allowed: the rule book does. Pure, so that every caller says the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import MirrorVault, Vault
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.reports.problems import count_of, grouped
from pulumi_cloudbackup.resources.assembling import estate_of
from pulumi_cloudbackup.resources.fates import Evidence, Fate, fates_of
from pulumi_cloudbackup.resources.matching import alias_line
from pulumi_cloudbackup.rules import (
    Deletion,
    MirrorLoss,
    Open,
    Problem,
    Settled,
    SourceLoss,
    judge,
    judge_deletion,
    judge_estate,
    settle,
)
from pulumi_cloudbackup.rules.deletion_rules import MirroredSource
from pulumi_cloudbackup.rules.order_rules import Succession

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.resources.own_state import OldResource
    from pulumi_cloudbackup.resources.resolving import Declaration, Declared


@dataclass(frozen=True)
class Judgement:
    """What the rules say about all declarations of a program."""

    problems: tuple[Problem, ...]
    """Each problem once: by resource in the order of declaration, then by code; waived ones are marked."""
    not_yet_known: tuple[Open, ...] = ()
    """What waits for a value that is known only after apply."""
    unverified: tuple[str, ...] = ()
    """Codes of the rules that only the live account can decide, and that it was not asked about."""
    verified_live: bool = False
    """Whether the live account was asked and answered."""
    open_declarations: tuple[Declaration, ...] = ()
    """Mirrors that wait for the engine to say what becomes of their source."""
    notes: tuple[str, ...] = ()
    """What a person should know beside: settings that mean nothing, waivers that do not count."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What stops the program."""
        return tuple(problem for problem in self.problems if problem.stops)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is only told."""
        return tuple(problem for problem in self.problems if not problem.stops and problem.waived is None)

    @property
    def waived(self) -> tuple[Problem, ...]:
        """What somebody answers for."""
        return tuple(problem for problem in self.problems if problem.waived is not None)


def judge_declarations(declared: Sequence[Declared], evidence: Evidence = Evidence()) -> Judgement:  # noqa: B008 - frozen
    """Judge all declarations together."""
    fates = fates_of(declared, evidence)
    problems: list[Problem] = []
    for fate in fates:
        problems += fate.problems
        problems += _changes(fate, evidence)
    problems += _successions(fates, evidence)
    verdict = judge_estate(estate_of(fates, evidence))
    place = {fate.label: position for position, fate in enumerate(fates)}
    in_order = sorted((*problems, *verdict.problems), key=lambda problem: _order(problem, place))
    settled = settle(dict.fromkeys(in_order), evidence.judging.waivers, evidence.today, strict=evidence.judging.strict)
    accounts = {fate.account for fate in fates}
    verified = accounts <= set(evidence.live) and not any(answer.failures for answer in evidence.live.values())
    return Judgement(
        settled.problems,
        verdict.not_yet_known,
        verdict.unverified,
        verified,
        tuple(fate.declared.declaration for fate in fates if fate.source is not None and fate.source.is_gone),
        (*evidence.notes, *_lost(fates), *_notes(settled, verdict.not_yet_known)),
    )


def report(judgement: Judgement, *, is_first: bool = True) -> str:
    """Tell the errors grouped by resource, each on one line; after the first time, vaults may be registered already."""
    errors = judgement.errors
    what_happened = "Nothing was changed." if is_first else "No further vault was registered."
    head = f"{count_of(errors)} in the vaults declared here. {what_happened}"
    return "\n".join((head, *grouped(errors)))


def _changes(fate: Fate, evidence: Evidence) -> list[Problem]:
    """Judge what becomes of an existing vault: one-way switches, and what its replacement would destroy."""
    old = fate.old
    if old is None or fate.is_gone:
        return []
    if not fate.replaced_because:
        if isinstance(fate.resource, Vault) and old.outputs.get("worm_enabled") is True:
            return list(judge(("CB109",), fate.label, True, fate.resource).problems)  # noqa: FBT003 - a fact
        return []
    if isinstance(fate.resource, Vault) and fate.option_values.get("retain_on_delete"):
        return []  # the engine only forgets it, or, where state does not say so yet, the provider asks for itself
    live = fate.found
    source_is_locked: bool | None = None
    problems: list[Problem] = []
    if isinstance(fate.resource, Vault):
        holds_data = live.holds_data if live is not None else old.outputs.get("holds_data") is True
        loss = SourceLoss(
            fate.label,
            fate.old_id,
            holds_data,
            (live.snapshot_count or None) if live is not None else None,
            consent_in_state=old.outputs.get("force_destroy") is True,
            because=fate.replaced_because,
        )
        problems += judge(("CB303",), fate.label, loss).problems
        problems += _still_mirrored(fate, evidence)
    else:
        source_id, source_region_id = old.text("source_vault_id"), old.text("source_region_id")
        answer = evidence.live.get(fate.account)
        source = answer.find(source_id) if answer is not None else None
        source_is_locked = source.worm_enabled if source is not None else None
        source_is_gone = answer is not None and answer.is_gone(source_id, source_region_id)
        if live is not None and (source is not None or source_is_gone):
            loss_of_mirror = MirrorLoss(
                fate.label,
                fate.old_id,
                source_id,
                source_region_id,
                source.status if source is not None else GONE,
                old.text("allow_last_copy_loss") or None,
                fate.replaced_because,
            )
            problems += judge(("CB307",), fate.label, loss_of_mirror).problems
    deletion = Deletion(
        fate.label,
        fate.old_id,
        status=live.status if live is not None else None,
        created_time=live.created_time if live is not None else None,
        as_of=evidence.now,
        is_locked=live.worm_enabled if live is not None else old.outputs.get("worm_enabled") is True,
        source_is_locked=source_is_locked,
        holds_data=live.holds_data if live is not None else None,
        because=fate.replaced_because,
    )
    return [*problems, *judge_deletion(deletion).problems]


def _still_mirrored(fate: Fate, evidence: Evidence) -> tuple[Problem, ...]:
    """Judge the replacement of a source that somebody else's mirror copies."""
    answer, live = evidence.live.get(fate.account), fate.found
    if evidence.old is None or answer is None or live is None or live.mirror_vault_id is None:
        return ()
    mirror = answer.find(live.mirror_vault_id)
    if mirror is None or live.mirror_vault_id in {old.vault_id for old in evidence.old.values()}:
        return ()
    manager = readable_owner(mirror.parts.owner) if mirror.parts.owner else "nobody known here"
    words = f'mirror vault "{mirror.vault_name}" ({mirror.id} in {mirror.region_id}, managed by {manager})'
    return judge(("CB304",), fate.label, MirroredSource(fate.label, fate.old_id, words, fate.replaced_because)).problems


def _successions(fates: Sequence[Fate], evidence: Evidence) -> list[Problem]:
    """Judge mirrors that come before the old mirror of their source goes: it was renamed without alias, or removed."""
    kept = {fate.old.urn for fate in fates if fate.old is not None}
    perhaps_kept = {fate.declared.declaration.name for fate in fates if fate.may_be_old}
    leaving: dict[str, list[OldResource]] = defaultdict(list)
    for urn, old in (evidence.old or {}).items():
        if old.is_mirror and urn not in kept and old.vault_id and old.name not in perhaps_kept:
            leaving[old.text("source_vault_id")].append(old)
    problems: list[Problem] = []
    for fate in fates:
        source_id = fate.source_id
        if not isinstance(fate.resource, MirrorVault) or not isinstance(source_id, str) or fate.may_be_old:
            continue
        if fate.old is not None and fate.old.text("source_vault_id") == source_id:
            continue  # it has this place already
        for old in leaving.get(source_id, ()):
            if evidence.is_gone(old):
                continue
            succession = Succession(
                fate.label,
                source_id,
                old.name,
                old.vault_id,
                old.text("region_id"),
                old.text("source_vault_id"),
                old.text("owner"),
                alias_line(fate.declared.urn, old.urn) if fate.old is None else "",
                fate.source.label if fate.source is not None else "",
            )
            problems += judge(("CB401",), fate.label, succession).problems
    return problems


def _lost(fates: Sequence[Fate]) -> tuple[str, ...]:
    """Say which vaults of this stack are gone: an update without a refresh takes them for there."""
    return tuple(
        f'{"Mirror vault" if isinstance(fate.resource, MirrorVault) else "Vault"} "{fate.label}" ({fate.old_id}) is '
        "not in the account any more. `pulumi up --refresh` creates it again."
        for fate in fates
        if fate.is_gone
    )


def _notes(settled: Settled, not_yet_known: Sequence[Open]) -> tuple[str, ...]:
    waiting = {one.code for one in not_yet_known}
    expired = (
        f'The waiver of {one.code} for "{one.resource}" expired on {one.expires} and counts no more.'
        for one in settled.expired
    )
    unused = (
        f'The waiver of {one.code} for "{one.resource}" names no problem of this program; remove it.'
        for one in settled.unused
        if one.code not in waiting
    )
    return (*expired, *unused)


def _order(problem: Problem, place: Mapping[str, int]) -> tuple[int, str, str]:
    subject = problem.subjects[0] if problem.subjects else ""
    return place.get(subject, len(place)), problem.code, problem.detail
