"""From two estates to a plan (design, "The plan")."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pulumi_cloudbackup.estate import MirrorVault, Unknown, Vault
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.planning.analysis import Analysis, analyse
from pulumi_cloudbackup.planning.losses import because_of, facts_of, losses_of
from pulumi_cloudbackup.planning.matching import alias_line
from pulumi_cloudbackup.planning.ordering import region_of
from pulumi_cloudbackup.planning.peaks import Pool, Quotas
from pulumi_cloudbackup.planning.plan import Action, Change, Exposure, Op, Peak, Plan, Reason, Stage, Step
from pulumi_cloudbackup.planning.room import Pair, leaves, overfull, waits_of
from pulumi_cloudbackup.planning.run import Run
from pulumi_cloudbackup.planning.sequences import bare_after
from pulumi_cloudbackup.planning.staging import staged
from pulumi_cloudbackup.planning.targeting import notes_on_targets
from pulumi_cloudbackup.planning.untouched import NOTHING_UNTOUCHED, Unchanged, Untouched
from pulumi_cloudbackup.planning.witnessing import witness_of_hazard, witness_of_peak
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE, read_world
from pulumi_cloudbackup.rules import Open, judge, judge_estate
from pulumi_cloudbackup.rules.deletion_rules import MirroredSource
from pulumi_cloudbackup.rules.order_rules import (
    ORDER_CODES,
    Bareness,
    LockedFirst,
    PeakUse,
    Race,
    Rootless,
    Succession,
    Unordered,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.exposing import Strategy
    from pulumi_cloudbackup.planning.hazards import Hazard
    from pulumi_cloudbackup.planning.ordering import Move
    from pulumi_cloudbackup.planning.world import New, Old
    from pulumi_cloudbackup.rules import Problem

COPY_RATE: Final = 25_000_000.0
"""Bytes per second that a new mirror copies of the history, where nobody says another rate: 200 Mbit/s."""
_MINUTES_BEFORE_COPYING: Final = 90
"""Product page: the history is synchronized 90 minutes after the creation of the mirror."""
_LOSS_CODES: Final = ("CB303", "CB304", "CB305", "CB306", "CB307", "CB308", "CB302")
PLANNED_CODES: Final = frozenset((*_LOSS_CODES, *ORDER_CODES, "CB109", "CB405"))
"""What only the way from the old state shows; all other rules are about the end."""
_RANK: Final = {Action.DELETE: 0, Action.REPLACE: 1, Action.CREATE: 2, Action.UPDATE: 3, Action.NONE: 4}


def plan(  # noqa: PLR0913 - two estates, and what a caller may choose
    current: Estate,
    desired: Estate,
    *,
    run: Run = Run(),  # noqa: B008 - frozen
    strategy: Strategy = "exposure",
    copy_rate: float = COPY_RATE,
    now: int | None = None,
    verified_live: bool = False,
    judges_estate: bool = True,
    untouched: Untouched = NOTHING_UNTOUCHED,
    source_digest: str = "",
) -> Plan:
    """Plan the way from what is there to what is declared.

    ``run``: the engine run that is planned; a plain ``up`` also gets stages where it is not safe. ``copy_rate``: bytes
    per second that a new mirror copies. ``now``: the moment, in UNIX seconds, for rules about age. ``judges_estate``:
    whether the rules about what is declared are asked too. ``untouched``: what was set apart of both estates.
    ``source_digest``: a digest of the files that they were read from; without it they are digested entry by entry.
    Raises PlanError where dependencies go round in a circle, or where Pulumi refuses the run.
    """
    world = read_world(current, desired)
    quotas = Quotas(current, desired, world, untouched.beside)
    analysis = analyse(world, run, quotas, quotas.initial)
    steps = _Steps(analysis)
    losses = losses_of(
        analysis.items, analysis.order, analysis.roots, facts_of(world, analysis.items, _listed(current), now)
    )
    waits = waits_of(analysis, quotas, _races_to_wait(analysis))
    hazards = [*_order_problems(analysis, steps, waits)]
    found: list[Problem] = [*losses.problems, *hazards]
    open_: list[Open] = [*losses.not_yet_known, *_open_sources(analysis)]
    if judges_estate and run.kind == "up":
        verdict = judge_estate(_as_it_will_be(current, desired, analysis), beside=untouched.beside)
        found.extend(verdict.problems)
        open_.extend(verdict.not_yet_known)
    kept = {problem.subjects[0] for problem in losses.problems if problem.code == "CB307" and problem.stops}
    if kept:
        found = [one for one in found if one.code != "CB205" or one.subjects[0] not in kept]
    is_possible = not any(problem.stops and problem.code not in ORDER_CODES for problem in found)
    stages, is_optimal, waiting = _stages(analysis, quotas, strategy, steps) if is_possible else _unstaged(analysis)
    exposure = tuple(sorted(_exposures(analysis, copy_rate, kept, waiting), key=lambda one: one.exposure.source))
    found.extend(problem for one in exposure for problem in one.problems)
    if hazards and is_possible and not stages:
        offering = set(hazards)
        found = [one for one in found if one not in offering]
        found.extend(_order_problems(analysis, steps, waits, has_stages=False))
    return Plan(
        changes=_changes(analysis),
        unchanged=_unchanged(analysis, untouched),
        steps=steps.steps,
        problems=_in_order(found, analysis, untouched),
        not_yet_known=tuple(dict.fromkeys(open_)),
        stages=stages,
        stages_optimal=is_optimal,
        peaks=tuple(
            Peak(
                "mirrors_per_region" if use.pool.region_id else "vaults",
                use.pool.region_id,
                use.pool.account,
                use.initial,
                use.peak,
                use.limit,
                use.is_lower_bound,
            )
            for use in analysis.uses
        ),
        exposure=tuple(one.exposure for one in exposure),
        inputs_digest=_digest(analysis, strategy, source_digest),
        verified_live=verified_live,
        command=run.kind,
        notes=notes_on_targets(analysis.items, run, world),
    )


class _Steps:
    """The steps of a run by name."""

    def __init__(self, analysis: Analysis) -> None:
        """Name every move, once."""
        self._ids: dict[int, str] = {}
        self._of_kind: dict[tuple[str, bool, str | None], str] = {}
        taken: Counter[str] = Counter()
        for move in analysis.order.moves:
            name = f"{move.op} {move.item.name}"
            taken[name] += 1
            id_ = name if taken[name] == 1 else f"{name} #{taken[name]}"
            self._ids[id(move)] = id_
            self._of_kind.setdefault(_kind_of(move), id_)
        self.steps = tuple(self._with_barriers(analysis.order.moves))

    def of(self, move: Move) -> str:
        """Return the name of a move of the plan's own run."""
        return self._ids[id(move)]

    def same(self, move: Move) -> str:
        """Return the name that a move of a stage has in the plan's own run."""
        return self._of_kind.get(_kind_of(move), f"{move.op} {move.item.name}")

    def _with_barriers(self, moves: Sequence[Move]) -> Iterator[Step]:
        phase, barrier = 0, ""
        last: dict[str, None] = {}
        for move in moves:
            if move.phase != phase:
                phase = move.phase
                if last:
                    barrier = f"barrier {phase}"
                    yield Step(barrier, Op.BARRIER, after=tuple(last))
                last = {}
            after = self._reduced(move) if move.phase == 0 else (barrier,) if barrier else ()
            if move.phase == 0:
                for one in after:
                    last.pop(one, None)
            last[self._ids[id(move)]] = None
            yield self._step(move, after)

    def _reduced(self, move: Move) -> tuple[str, ...]:
        """Return the moves directly before one: those that come before another of them are left out."""
        direct = move.before
        if len(direct) > 1:
            beyond: set[int] = set()
            waiting = list(direct)
            while waiting:
                for one in waiting.pop().before:
                    if one.place not in beyond:
                        beyond.add(one.place)
                        waiting.append(one)
            direct = [one for one in direct if one.place not in beyond]
        return tuple(self._ids[id(one)] for one in sorted(direct, key=lambda one: one.place))

    def _step(self, move: Move, after: tuple[str, ...]) -> Step:
        item = move.item
        old = move.old if move.op.deletes else None
        return Step(
            self._ids[id(move)],
            move.op,
            item.name,
            old.urn if old is not None else item.urn,
            _kind(item),
            region_of(move),
            old.account if old is not None else item.account,
            after,
        )


def _kind_of(move: Move) -> tuple[str, bool, str | None]:
    """Return what is equal for the same step in the plan's own run and in a stage."""
    return move.item.urn, move.op.creates, move.item.before if move.op.deletes else None


def _kind(item: Item) -> str:
    return "MirrorVault" if item.is_mirror else "Vault"


def _changes(analysis: Analysis) -> tuple[Change, ...]:
    found = [item for item in analysis.items if item.action is not Action.NONE]
    found.sort(key=lambda item: (_RANK[item.action], item.account, item.name, item.urn))
    return tuple(_leaving(item, analysis) if item.action.ends else _change(item) for item in found)


def _unchanged(analysis: Analysis, untouched: Untouched) -> Sequence[Change]:
    found = tuple(_change(item) for item in analysis.items if item.action is Action.NONE and item.is_there)
    return Unchanged(found, untouched) if untouched else found


def _change(item: Item) -> Change:
    if item.action is Action.DELETE and item.old is not None:  # by its old name, also where it is declared by another
        old = item.old
        return Change(old.name, old.urn, _kind(item), old.account, item.action, item.reason, item.fields)
    old_urn = item.old.urn if item.old is not None and item.old.urn != item.urn else ""
    return Change(
        item.name,
        item.urn,
        _kind(item),
        item.account,
        item.action,
        item.reason,
        item.fields,
        old_urn,
        create_first=item.action is Action.REPLACE and item.create_first,
    )


def _leaving(item: Item, analysis: Analysis) -> Change:
    """Return what happens to a resource whose old vault goes, or is only forgotten."""
    old = item.old
    is_there = old is not None and item.before is not None and not old.is_gone
    if old is None or not is_there or item.keeps_old or item.position in analysis.order.deleted:
        return _change(item)
    region_id, options = old.resource.region_id, old.resource.options
    if not options.retain_on_delete and options.deleted_with is None:
        return _change(item)
    return replace(
        _change(item),
        left_by="retain_on_delete" if options.retain_on_delete else "deleted_with",
        left_in=region_id if isinstance(region_id, str) else "",
    )


def _in_order(problems: list[Problem], analysis: Analysis, untouched: Untouched) -> tuple[Problem, ...]:
    """Return each problem once: data loss first, then by code and by the place of the resource."""
    if not problems:
        return ()
    places: dict[str, tuple[bool, str]] = {}
    declared = len(analysis.world.news)
    for item in analysis.items:
        places.setdefault(item.name, (item.position >= declared, item.urn))
    for name, urn in untouched.urns(places):
        places[name] = min(places[name], (False, urn))
    nowhere = (True, "\U0010ffff")

    def key(problem: Problem) -> tuple[Any, ...]:
        is_loss = problem.code in _LOSS_CODES
        rank = _LOSS_CODES.index(problem.code) if is_loss else len(_LOSS_CODES)
        subject = problem.subjects[0] if problem.subjects else ""
        return (not (is_loss and problem.stops), rank, problem.code, places.get(subject, nowhere), problem.detail)

    return tuple(sorted(dict.fromkeys(problems), key=key))


def _order_problems(
    analysis: Analysis, steps: _Steps, waits: Mapping[Pool, Sequence[Pair]], *, has_stages: bool = True
) -> Iterator[Problem]:
    """Make every hazard a problem with a witness: one order that breaks the rule, up to the step that breaks it.

    ``waits``: who can wait for whom so that the quotas hold. ``has_stages``: whether there are safe stages, as far as
    anybody has looked.
    """
    for hazard in analysis.hazards:
        code, subject, facts = _facts_of(hazard, analysis, has_stages=has_stages)
        witness = tuple(steps.of(move) for move in witness_of_hazard(analysis.order, hazard))
        for problem in judge((code,), subject, facts).problems:
            yield replace(problem, witness=witness)
    for use in overfull(analysis):
        names = tuple(move.item.name for move in use.creates)
        facts = PeakUse(
            use.pool.account,
            use.pool.region_id,
            use.initial,
            use.peak,
            use.limit,
            use.is_lower_bound,
            names,
            waits=tuple((one.comes.name, one.goes.name) for one in waits.get(use.pool, ())),
            removes=any(move.item.action is Action.DELETE for move in use.deletes),
            moves_out=bool(leaves(use)),
            has_stages=has_stages,
        )
        witness = tuple(steps.of(move) for move in witness_of_peak(analysis.order, use))
        for problem in judge(("CB404",), names[0], facts).problems:
            yield replace(problem, witness=witness)


def _races_to_wait(analysis: Analysis) -> list[Pair]:
    """Return the mirrors that can be made to depend on the one that leaves their source (CB402)."""
    races = (one for one in analysis.hazards if one.code == "CB402" and _can_wait(one, analysis))
    return [Pair(one.comes, one.goes) for one in races if one.goes is not None]


def _open_sources(analysis: Analysis) -> Iterator[Open]:
    """Yield the mirrors of a source that is not known yet, where it may be one that loses its mirror in this run."""
    leaves = any(item.is_mirror and item.deletes and item.action is Action.DELETE for item in analysis.items)
    for item in analysis.items:
        if leaves and item.creates and item.new is not None and isinstance(item.new.source_id, Unknown):
            yield Open("CB401", item.name, "source")


def _facts_of(hazard: Hazard, analysis: Analysis, *, has_stages: bool) -> tuple[str, str, object]:
    """Return the rule that a hazard breaks, whom it is about, and the facts."""
    comes, goes = hazard.comes, hazard.goes
    assert goes is not None  # noqa: S101 - every hazard has two sides
    match hazard.code:
        case "CB401":
            return hazard.code, comes.name, _succession(hazard, comes, goes, analysis)
        case "CB402":
            source, can_wait = _in_words(hazard, analysis), _can_wait(hazard, analysis)
            return hazard.code, comes.name, Race(comes.name, goes.name, source, can_wait, has_stages)
        case "CB403":
            is_moved = goes.action is Action.REPLACE
            return hazard.code, comes.name, Unordered(comes.name, goes.name, is_moved, has_stages)
        case "CB406":
            return hazard.code, comes.name, LockedFirst(comes.name, goes.name, has_stages)
        case "CB407":
            is_deleted = hazard.waits_for is None and hazard.source == goes.before
            return hazard.code, comes.name, Rootless(comes.name, _in_words(hazard, analysis), is_deleted)
        case _:
            mirror = goes.old.resource if goes.old is not None else goes.resource
            words = f'mirror vault "{goes.name}" ({goes.before} in {mirror.region_id}, managed by this stack)'
            return "CB304", comes.name, MirroredSource(comes.name, str(comes.before), words, because_of(comes))


def _succession(hazard: Hazard, comes: Item, goes: Item, analysis: Analysis) -> Succession:
    old = goes.old
    assert old is not None  # noqa: S101 - it is there
    owner = analysis.roots.owners.get(hazard.source)
    alias = ""
    if comes.old is None and goes.new is None and comes.new is not None and not old.resource.pending_delete:
        alias = alias_line(comes.urn, old.urn)
    return Succession(
        comes.name,
        hazard.source,
        goes.name,
        old.resource.id if isinstance(old.resource.id, str) else "",
        str(old.resource.region_id),
        hazard.source,
        old.resource.owner or "",
        alias,
        owner.name if owner is not None else "",
    )


def _in_words(hazard: Hazard, analysis: Analysis) -> str:
    owner = analysis.roots.owners.get(hazard.source)
    return f'"{owner.name}"' if owner is not None else hazard.source


def _can_wait(hazard: Hazard, analysis: Analysis) -> bool:
    """Whether the mirror that comes can depend on the one that goes: not where that one waits for it already."""
    comes, goes = hazard.comes, hazard.goes
    if goes is None or goes.new is None or comes.urn in goes.new.depends_on:
        return False
    circle = analysis.circles
    return circle.get(comes.position) != circle.get(goes.position)


class _Bare(NamedTuple):
    """A source that is bare for a time, as a fact and as problems."""

    exposure: Exposure
    problems: tuple[Problem, ...]


def _exposures(analysis: Analysis, copy_rate: float, kept: Container[str], waiting: Container[str]) -> Iterator[_Bare]:
    """Yield every source that stays, loses its mirror and gets another, or has lost it in a run that was interrupted.

    ``kept``: names of mirrors that may not be deleted. ``waiting``: vaults whose old mirror goes in an earlier run than
    the new one comes: nobody can tell how long after it that one begins, or what is waited for between.
    """
    for instance, comers in sorted(analysis.roots.comers.items()):
        owner = analysis.roots.owners.get(instance)
        if owner is not None and (owner.before != instance or owner.deletes):
            continue
        occupants = analysis.roots.occupants.get(instance, ())
        gone = [one for one in occupants if one.deletes]
        has_none = not occupants and instance not in analysis.roots.strangers
        is_bare_now = has_none and any(one.reason is Reason.INTERRUPTED for one in comers)
        if not (gone or is_bare_now) or _is_gone(owner) or any(one.name in kept for one in gone):
            continue
        stored = owner.old.resource.bytes_stored if owner is not None and owner.old is not None else None
        copying = -(-stored // max(1, int(copy_rate * 60))) if stored else 0
        copied = (
            f"and {copying} minutes for {stored} bytes at {_rate(copy_rate)}"
            if stored
            else "and there is nothing to copy"
            if stored is not None
            else "and the time to copy it, which nobody can tell without its size"
        )
        name = owner.name if owner is not None else instance
        minutes = _MINUTES_BEFORE_COPYING + copying
        now = "it has no mirror vault now; " if is_bare_now else ""
        until = "; before that, the time until a later run creates it" if instance in waiting else ""
        reason = f"{now}{_MINUTES_BEFORE_COPYING} minutes before a new mirror copies the history, {copied}{until}"
        is_lower_bound = stored is None or instance in waiting
        bareness = Bareness(name, comers[0].name, minutes, is_lower_bound)
        problems = judge(("CB405",), comers[0].name, bareness).problems if gone else ()
        yield _Bare(Exposure(name, minutes, reason, is_lower_bound), problems)


def _rate(per_second: float) -> str:
    """Return bytes per second in the unit that suits their number."""
    for size, unit in ((1e6, "MB"), (1e3, "kB")):
        if per_second >= size:
            return f"{per_second / size:g} {unit}/s"
    return f"{per_second:g} bytes/s"


def _is_gone(owner: Item | None) -> bool:
    """Whether a source is surely not there any more."""
    return owner is not None and owner.old is not None and owner.old.resource.status == GONE


class _Staged(NamedTuple):
    """The runs that lead to the end, as reports tell them."""

    stages: tuple[Stage, ...]
    is_optimal: bool
    waiting: frozenset[str] = frozenset()
    """The vaults whose old mirror goes in an earlier run than the new one comes."""


def _stages(analysis: Analysis, quotas: Quotas, strategy: Strategy, steps: _Steps) -> _Staged:
    """Return the runs that lead to the end: one plain run where that is safe."""
    if not analysis.moves_on:
        return _unstaged(analysis)
    if analysis.is_safe or analysis.run != Run():
        if not analysis.is_safe:
            return _unstaged(analysis, is_optimal=False)
        moves = analysis.order.moves
        one = Stage(_command(analysis), (), (), (), tuple(steps.of(move) for move in moves), ())
        return _Staged((one,), is_optimal=True)
    if any(item.taken_by for item in analysis.items):
        # a run that leaves such a vault out has to leave out what takes it along, and all that follows
        return _unstaged(analysis, is_optimal=False)
    found = staged(analysis, quotas, quotas.initial, strategy)
    if found is None:
        return _unstaged(analysis, is_optimal=False)
    names = {instance: item.name for instance, item in analysis.roots.owners.items()}
    for stage in found.stages:
        names |= {instance: item.name for instance, item in stage.roots.owners.items()}
    stages = []
    for stage, bare in zip(found.stages, bare_after(found.stages), strict=True):
        stages.append(
            Stage(
                _command(stage, is_last=stage is found.stages[-1]),
                (),
                tuple(sorted(stage.run.excludes)),
                tuple(sorted(stage.run.holds)),
                tuple(steps.same(move) for move in stage.order.moves),
                tuple(sorted(names.get(instance, instance) for instance in bare)),
            )
        )
    return _Staged(tuple(stages), found.is_optimal, _waiting(found.stages))


def _unstaged(analysis: Analysis, *, is_optimal: bool = True) -> _Staged:
    """Return no runs; what one run cannot do in a safe order takes more than one, once it is possible."""
    waiting = frozenset(one.source for one in analysis.hazards if one.code in ("CB401", "CB402"))
    return _Staged((), is_optimal, waiting)


def _waiting(stages: Sequence[Analysis]) -> frozenset[str]:
    later = [stage.roots for stage in stages[1:]]
    return frozenset(instance for roots in later for instance in roots.comers.keys() - roots.occupants.keys())


def _command(stage: Analysis, *, is_last: bool = True) -> str:
    """Return the command of Pulumi for a run; a variable tells the program and the provider that it is a stage."""
    words = ["pulumi", stage.run.kind]
    words += [f"--target '{urn}'" for urn in sorted(stage.run.targets)]
    words += [f"--exclude '{urn}'" for urn in sorted(stage.run.excludes)]
    words += [f"--replace '{urn}'" for urn in sorted(stage.run.replaces)]
    owners = sorted(
        item.new.resource.owner or f"<owner of {item.name}>"
        for item in stage.items
        if item.new is not None and item.urn in stage.run.holds
    )
    if not is_last or owners:
        words.insert(0, f"CLOUDBACKUP_HOLD='{','.join(owners)}'")
    return " ".join(words)


def _as_it_will_be(current: Estate, desired: Estate, analysis: Analysis) -> Estate:
    """Return what is declared, with what is known of the vaults that stay, and with what others have."""
    vaults: list[Vault] = []
    mirrors: list[MirrorVault] = []
    for item in analysis.items:
        if item.new is None or item.action is Action.DELETE:
            continue
        resource = _with_facts(item)
        (mirrors if isinstance(resource, MirrorVault) else vaults).append(resource)  # type: ignore[arg-type] # told apart
    ours = {resource.id for resource in (*vaults, *mirrors) if isinstance(resource.id, str)}
    for estate in (desired, current):
        vaults += [one for one in estate.vaults if one.managed_by in ("other", "none") and one.id not in ours]
        mirrors += [one for one in estate.mirrors if one.managed_by in ("other", "none") and one.id not in ours]
        if estate is desired and any(one.managed_by in ("other", "none") for one in (*vaults, *mirrors)):
            break
    return desired.model_copy(
        update={
            "vaults": tuple(vaults),
            "mirrors": tuple(mirrors),
            "usage": _usage_at_the_end(current, desired, analysis),
            "limits": desired.limits if desired.limits is not None else current.limits,
            "live_regions": desired.live_regions if desired.live_regions is not None else current.live_regions,
            "live_mirror_regions": (
                desired.live_mirror_regions if desired.live_mirror_regions is not None else current.live_mirror_regions
            ),
            "listed_regions": desired.listed_regions or current.listed_regions,
            "listed_elsewhere": desired.listed_elsewhere or current.listed_elsewhere,
        }
    )


def _with_facts(item: Item) -> Vault | MirrorVault:
    """Return a declared resource with what is known of its vault, where that stays."""
    new, old = item.new, item.old
    assert new is not None  # noqa: S101 - the caller asked
    if old is None or old.instance is None or item.action is Action.REPLACE or new.resource is old.resource:
        return new.resource
    facts: dict[str, Any] = {"id": old.instance}
    known, said = old.resource.__dict__, new.resource.__dict__
    for key in ("status", "status_message", "charge_type", "is_trial", "holds_data", "mirror_id", "mirror_region_id"):
        if (value := known.get(key)) is not None and said.get(key) is None:
            facts[key] = value
    return new.resource.with_facts(facts)


def _usage_at_the_end(current: Estate, desired: Estate, analysis: Analysis) -> Any:
    """Return what the account says that it uses, less what the run deletes."""
    usage = desired.usage if desired.usage is not None else current.usage
    if usage is None:
        return None
    vaults, mirrors = usage.vaults, Counter(usage.mirrors_by_region)
    for item in analysis.items:
        if item.deletes and item.old is not None and not item.old.is_gone and item.old.account == current.account:
            vaults = vaults - 1 if vaults is not None else None
            if item.is_mirror and isinstance(item.old.resource.region_id, str):
                mirrors[item.old.resource.region_id] -= 1
    return usage.model_copy(
        update={
            "vaults": max(0, vaults) if vaults is not None else None,
            "mirrors_by_region": {region_id: max(0, count) for region_id, count in mirrors.items()},
        }
    )


def _listed(estate: Estate) -> frozenset[str] | None:
    usage = estate.usage
    if usage is not None and usage.complete:
        return None
    return frozenset(estate.listed_regions)


def _digest(analysis: Analysis, strategy: str, source_digest: str) -> str:
    """Return a digest of both estates and of what was asked.

    Of estates it is the same whatever the order of their entries. Of files (``source_digest``) it is that of their
    bytes: a hundred thousand entries are not written anew only to say that they are still the same.
    """
    run = analysis.run
    asked = (run.kind, strategy, *map(sorted, (run.targets, run.excludes, run.replaces, run.holds)))
    found = hashlib.sha256(repr(asked).encode())
    if source_digest:
        found.update(source_digest.encode())
        return found.hexdigest()
    sides: tuple[Sequence[Old | New], ...] = (analysis.world.olds, analysis.world.news)
    for side in sides:
        found.update(repr(sorted(_written(one) for one in side)).encode())
    return found.hexdigest()


def _written(one: Old | New) -> tuple[str, str]:
    """Return an entry as it was written: what is absent is not in it, and the order of its arguments does not count."""
    resource = one.resource
    fields = resource.__dict__
    written = [(key, _sorted(fields[key])) for key in sorted(resource.model_fields_set)]
    return one.urn, repr(written)


def _sorted(value: object) -> object:
    return sorted(value.items(), key=lambda entry: str(entry[0])) if isinstance(value, dict) else value


__all__ = ["COPY_RATE", "MIRROR_TYPE", "PLANNED_CODES", "VAULT_TYPE", "Pool", "plan"]
