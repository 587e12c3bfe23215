"""From the declarations of a program, the stack's old state and the live account to an estate, and to its problems.

Decides nothing about what is allowed: the rule book does. Pure, so that every caller says the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import MirrorVault
from pulumi_cloudbackup.planning import Run, plan
from pulumi_cloudbackup.reports.problems import count_of, grouped
from pulumi_cloudbackup.resources.assembling import estate_of
from pulumi_cloudbackup.resources.fates import Evidence, Fate, fates_of
from pulumi_cloudbackup.resources.holding import HOLD_VARIABLE
from pulumi_cloudbackup.resources.sides import after, before, kept_as_before
from pulumi_cloudbackup.rules import Open, Problem, Settled, judge_estate, settle
from pulumi_cloudbackup.rules.order_rules import ORDER_CODES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.planning import Plan
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
    sides: tuple[Estate, Estate] | None = None
    """What the stack has and what the program declares, where somebody observes."""
    stay_parked: tuple[Declaration, ...] = ()
    """Parked mirrors that this run does not create, because their source is not free yet."""
    after_old_source: Mapping[int, object] = field(default_factory=dict)
    """The resource that was the source of a mirror which moves away from it, by the identity of its declaration."""

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
    """Judge all declarations together, and the whole way from the old state to them."""
    fates = fates_of(declared, evidence)
    problems: list[Problem] = []
    for fate in fates:
        problems += fate.problems
    verdict = judge_estate(estate_of(fates, evidence))
    planned, stay_parked = plan_of(fates, evidence)
    found = [] if planned is None else [one for one in planned.problems if not _is_for_later(one, evidence)]
    may_wait = {fate.label for fate in fates if fate.declared.waits}
    open_orders = [Open(one.code, one.subjects[0], "depends_on") for one in found if _is_open(one, may_wait)]
    problems += [one for one in found if not _is_open(one, may_wait)]
    place = {fate.label: position for position, fate in enumerate(fates)}
    in_order = sorted((*problems, *verdict.problems), key=lambda problem: _order(problem, place))
    settled = settle(dict.fromkeys(in_order), evidence.judging.waivers, evidence.today, strict=evidence.judging.strict)
    accounts = {fate.account for fate in fates} | {one.text("account") or None for one in (evidence.old or {}).values()}
    verified = (
        bool(evidence.live)
        and accounts <= set(evidence.live)
        and not any(answer.failures for answer in evidence.live.values())
    )
    of_the_way = planned.not_yet_known if planned is not None else ()
    not_yet_known = tuple(dict.fromkeys((*verdict.not_yet_known, *of_the_way, *open_orders, *_taken_to_stay(fates))))
    return Judgement(
        settled.problems,
        not_yet_known,
        verdict.unverified,
        verified,
        tuple(fate.declared.declaration for fate in fates if fate.source is not None and fate.source.is_gone),
        (
            *evidence.notes,
            *_lost(fates),
            *_parked(stay_parked),
            *_limits(fates, evidence),
            *_notes(settled, not_yet_known),
        ),
        (before(fates, evidence), after(fates, evidence)) if evidence.is_observed else None,
        tuple(fate.declared.declaration for fate in stay_parked),
        _old_sources(fates),
    )


def plan_of(fates: Sequence[Fate], evidence: Evidence) -> tuple[Plan | None, list[Fate]]:
    """Plan the way from the old state to what is declared, and say which parked mirrors have to stay so.

    ``None``: nobody can tell what the stack has. A parked mirror whose source another mirror of the stack has not left
    yet is created by a later run, so that any number of plain runs finishes what was begun in stages.
    """
    if not evidence.old:
        return None, []
    current, desired = before(fates, evidence), after(fates, evidence)
    held = {
        fate.declared.urn for fate in fates if fate.declared.urn is not None and fate.resource.owner in evidence.held
    }
    planned = plan(current, desired, run=Run(holds=frozenset(held)), now=evidence.now, judges_estate=False)
    blocked = {problem.subjects[0] for problem in planned.problems if problem.code in ("CB401", "CB402")}
    stay = [fate for fate in fates if fate.label in blocked and fate.is_parked and fate.declared.urn not in held]
    if stay:
        held |= {fate.declared.urn for fate in stay if fate.declared.urn is not None}
        planned = plan(current, desired, run=Run(holds=frozenset(held)), now=evidence.now, judges_estate=False)
    return planned, stay


def _old_sources(fates: Sequence[Fate]) -> dict[int, object]:
    """Find the sources that mirrors move away from.

    A mirror that a stage leaves out has to be registered after its old source: the engine would otherwise register that
    in its place, and stop at "Duplicate resource URN" when it comes itself (measured on 3.259.0).
    """
    by_id = {fate.old_id: fate for fate in fates if fate.old_id and not isinstance(fate.resource, MirrorVault)}
    found: dict[int, object] = {}
    for fate in fates:
        source = by_id.get(fate.old.text("source_vault_id")) if fate.old is not None else None
        if source is not None and isinstance(fate.resource, MirrorVault) and source is not fate.source:
            found[id(fate.declared.declaration)] = source.declared.declaration.resource
    return found


def _is_open(problem: Problem, may_wait: Collection[str]) -> bool:
    """Whether a race may be none, because the one that comes may wait for the one that goes."""
    return problem.code == "CB402" and problem.subjects[0] in may_wait


def _taken_to_stay(fates: Sequence[Fate]) -> list[Open]:
    """Say which arguments may turn out to replace a vault: nobody knows yet what that would lose."""
    return [
        Open("CB307" if isinstance(fate.resource, MirrorVault) else "CB303", fate.label, key)
        for fate in fates
        for key in kept_as_before(fate)
    ]


def _limits(fates: Sequence[Fate], evidence: Evidence) -> tuple[str, ...]:
    """Say what this judgement leaves out."""
    said = []
    if evidence.is_stage:
        said.append(f"{HOLD_VARIABLE} is set: this run is a stage, and problems of order (CB4xx) are not judged.")
    kept = {fate.old.urn for fate in fates if fate.old is not None}
    if not evidence.is_whole and set(evidence.old or ()) - kept:
        said.append("the program awaits its own vaults before its end, so what it removes was not judged in advance.")
    return tuple(said)


def _is_for_later(problem: Problem, evidence: Evidence) -> bool:
    """Whether a stage of a longer way need not heed a problem: who made the stages has seen that each is safe."""
    return evidence.is_stage and problem.code in ORDER_CODES


def report(judgement: Judgement, *, is_first: bool = True) -> str:
    """Tell the errors grouped by resource, each on one line; after the first time, vaults may be registered already."""
    errors = judgement.errors
    what_happened = "Nothing was changed." if is_first else "No further vault was registered."
    head = f"{count_of(errors)} in the vaults declared here. {what_happened}"
    return "\n".join((head, *grouped(errors)))


def _parked(fates: Sequence[Fate]) -> tuple[str, ...]:
    """Say which mirrors another run creates."""
    return tuple(
        f'Mirror vault "{fate.label}" is parked and stays so in this update: another mirror vault is at its source '
        "still. The next `pulumi up` creates it."
        for fate in fates
    )


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
