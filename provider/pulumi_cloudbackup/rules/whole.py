"""Everything that one estate decides, asked together: the rules of each resource, of pairs, and of the whole.

Decides in which order problems are told, and what could not be judged. The work grows with the number of resources,
never with the number of pairs.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pulumi_cloudbackup.estate import MirrorVault, Source, Vault, is_known
from pulumi_cloudbackup.estate.estate import Usage
from pulumi_cloudbackup.estate.moment import unix_seconds
from pulumi_cloudbackup.rules.adoption_rules import Adoption
from pulumi_cloudbackup.rules.beside import NOTHING_BESIDE, Beside
from pulumi_cloudbackup.rules.book import BOOK, Broken, Verdict
from pulumi_cloudbackup.rules.change_rules import MirrorLoss, SourceLoss
from pulumi_cloudbackup.rules.deletion_rules import Deletion
from pulumi_cloudbackup.rules.neighbours import Neighbours, Place, read
from pulumi_cloudbackup.rules.problem import Problem, Severity
from pulumi_cloudbackup.rules.quota_rules import MIRRORS_PER_REGION, VAULTS_PER_ACCOUNT, Count, limit_of
from pulumi_cloudbackup.rules.single import mirror_settings, mirror_texts, vault_settings, vault_texts
from pulumi_cloudbackup.rules.source_rules import FoundSource, Rivals

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from pulumi_cloudbackup.estate import Estate, Unknown

VAULT_LIMITS = ("vaults", "vaults_per_account")
MIRROR_LIMITS = ("mirrors_per_region", "mirrors_by_region")


class Open(NamedTuple):
    """A rule that cannot be judged before a value is known."""

    code: str
    subject: str
    """The name of the resource."""
    argument: str
    """The argument whose value is known only after apply."""


@dataclass(frozen=True)
class EstateVerdict:
    """What the rules say about an estate."""

    problems: tuple[Problem, ...]
    """Broken rules: by the place of the first resource concerned in the estate, then by code; each one once."""
    not_yet_known: tuple[Open, ...]
    """What waits for a value that is known only after apply, in the same order."""
    unverified: tuple[str, ...]
    """Codes of the rules that the live account could still break, because the estate does not hold all facts of it."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop a preview."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that are only told."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.WARNING)


def judge_estate(
    estate: Estate, *, backup_targets: Collection[str] = (), beside: Beside = NOTHING_BESIDE
) -> EstateVerdict:
    """Judge every declared resource of an estate, by itself, with its neighbours, and all of them together.

    The estate may hold what is declared, what exists, or both: ``neighbours`` says which entries are judged.
    ``backup_targets``: ids and names of what policies and plans back up into. ``beside``: what was left out of the
    estate because no rule has anything to say of it.
    """
    index = read(estate, beside)
    findings = _Findings()
    _judge_vaults(index, findings)
    sources = _judge_mirrors(index, findings)
    _judge_rivals(index, sources, findings)
    _judge_quotas(index, findings)
    _judge_adoptions(index, findings)
    targets = frozenset(backup_targets)
    _judge_backup_targets(index, targets, findings)
    _judge_leaving(index, targets, findings)
    return EstateVerdict(*findings.in_order(), _unverified(index, sources))


@dataclass
class _Findings:
    """What was found so far, with the place where it is told."""

    problems: list[tuple[int, str, Problem]] = field(default_factory=list)
    open: list[tuple[int, str, Open]] = field(default_factory=list)

    def ask(self, place: Place, code: str, *facts: Any) -> None:
        """Judge facts by one rule."""
        name = place.resource.name
        for finding in BOOK[code].judge(*facts):
            if isinstance(finding, Broken):
                self.problems.append((place.position, code, BOOK[code].problem(finding, name)))
            else:
                self.open.append((place.position, code, Open(code, name, finding.argument)))

    def add(self, place: Place, verdict: Verdict) -> bool:
        """Take over a verdict about one resource; return whether it says nothing."""
        if not verdict.problems and not verdict.not_yet_known:
            return True
        self.problems.extend((place.position, problem.code, problem) for problem in verdict.problems)
        self.open.extend(
            (place.position, code, Open(code, place.resource.name, argument))
            for code, argument in verdict.not_yet_known
        )
        return False

    def in_order(self) -> tuple[tuple[Problem, ...], tuple[Open, ...]]:
        """Return everything by place and code; what was found in one place by one rule stays in its order."""
        self.problems.sort(key=lambda found: found[:2])
        self.open.sort(key=lambda found: found[:2])
        return (
            tuple(problem for _, _, problem in self.problems),
            tuple(dict.fromkeys(open_ for _, _, open_ in self.open)),
        )


class _Source(NamedTuple):
    """One mirror that stays, and its source."""

    mirror: Place
    found: FoundSource
    facts: Source
    place: Place | None
    """The entry of the source, whatever account it is in."""


def _judge_vaults(index: Neighbours, findings: _Findings) -> None:
    live_regions = index.estate.live_regions
    fine: set[Hashable] = set()
    for place in index.vaults:
        vault = place.resource
        if not place.is_declared or not isinstance(vault, Vault):
            continue
        if vault.vault_name is not None or vault.description is not None or vault.tags is not None:
            findings.add(place, vault_texts(vault))
        # What many vaults share is judged once, as long as it is fine: the answer does not depend on names then.
        settings = (vault.region_id, vault.vault_type, vault.encrypt_type, vault.kms_key_id)
        if settings not in fine and findings.add(place, vault_settings(vault, live_regions)):
            fine.add(settings)


def _judge_mirrors(index: Neighbours, findings: _Findings) -> list[_Source]:
    estate = index.estate
    sources = []
    fine: set[Hashable] = set()
    for place in index.mirrors:
        mirror = place.resource
        if not isinstance(mirror, MirrorVault):
            continue
        found, facts, at = index.source_of(mirror, place.account)
        sources.append(_Source(place, found, facts, at))
        if not place.is_declared:
            continue
        if mirror.vault_name is not None or mirror.description is not None:
            findings.add(place, mirror_texts(mirror))
        settings = (
            (mirror.region_id, mirror.encrypt_type, mirror.kms_key_id, mirror.redundancy_type),
            (facts.region_id, facts.vault_type, facts.encrypt_type, facts.kms_key_id, facts.status),
            (facts.charge_type, facts.is_trial, facts.said_encrypt_type, mirror.existing_id is None),
        )
        if settings not in fine and findings.add(
            place, mirror_settings(mirror, facts, estate.live_regions, estate.live_mirror_regions)
        ):
            fine.add(settings)
        findings.ask(place, "CB203", mirror, found)
        findings.ask(place, "CB210", mirror, found)
        if found.account is not None:
            findings.ask(place, "CB214", mirror, place.account, found)
        options = mirror.options
        if options.model_fields_set:
            findings.ask(place, "CB301", mirror.name, options.model_dump())
    return sources


def _judge_rivals(index: Neighbours, sources: list[_Source], findings: _Findings) -> None:
    """Bring together the mirrors of each source."""
    by_source: dict[Hashable, list[_Source]] = defaultdict(list)
    beside_mirrors = sum(index.beside.mirrors.values())
    uncertain = [one for one in sources if one.found.is_missing is not None and not is_known(one.found.is_missing)]
    for one in sources:
        key = _identity(one)
        if key is not None and not _has_failed(one):
            by_source[key].append(one)
    for copies in by_source.values():
        declared = [one.mirror for one in copies if one.mirror.is_declared]
        if not declared:
            continue
        reported = _reported(index, copies)
        # A mirror of an id that is known only after apply may turn out to copy this source: such a mirror is told,
        # unless it is the only one that there could be.
        if len(copies) == 1 and reported is None:
            continue
        rivals = Rivals(
            _in_words(copies[0]),
            declared=_as_mirrors(declared),
            existing=_as_mirrors([one.mirror for one in copies if not one.mirror.is_declared]),
            reported_id=reported[0] if reported else None,
            reported_region_id=reported[1] if reported else None,
        )
        findings.ask(declared[0], "CB202", rivals)
    for one in uncertain:
        if one.mirror.is_declared and (len(sources) + beside_mirrors > 1 or _reports_mirrors(index)):
            findings.ask(one.mirror, "CB202", Rivals("", (), may_be_more=True))
    if index.has_sources_without_id:
        _ask_whether_ids_meet(by_source, findings)


def _ask_whether_ids_meet(by_source: dict[Hashable, list[_Source]], findings: _Findings) -> None:
    """Say of mirrors of an id that nobody has: it may be the id of a declared source that is known only after apply."""
    unnamed = any(
        copies[0].place is not None and _is_unknown(copies[0].place.resource.existing_id)
        for copies in by_source.values()
    )
    if not unnamed:
        return
    for copies in by_source.values():
        if copies[0].place is None and len(copies) == 1 and copies[0].mirror.is_declared:
            findings.ask(copies[0].mirror, "CB202", Rivals("", (), may_be_more=True))


def _identity(one: _Source) -> Hashable | None:
    """Return what is equal for mirrors of the same source; ``None``: there is no such source, or it is not known."""
    if one.place is not None:
        return one.place.position
    written = one.mirror.resource.source if isinstance(one.mirror.resource, MirrorVault) else ""
    if isinstance(written, str):
        # Two mirrors of a name that nobody has: one mistake each (CB210), and one together.
        return (one.mirror.account, written)
    return written.id if is_known(written.id) and written.id else None


def _reported(index: Neighbours, copies: list[_Source]) -> tuple[str, str | None] | None:
    """Return the mirror that the service reports for a source, where it is none of those that are known."""
    place = copies[0].place
    if place is None or not isinstance(place.resource, Vault) or place.resource.pending_replacement:
        return None
    id_, region_id = place.resource.mirror_id, place.resource.mirror_region_id
    if id_ is None or not is_known(id_) or not id_:
        return None
    known = index.by_id.get(id_)
    if known is not None and (known.resource.pending_delete or any(one.mirror is known for one in copies)):
        return None
    return id_, region_id if region_id is not None and is_known(region_id) else None


def _reports_mirrors(index: Neighbours) -> bool:
    return index.beside.reports_mirrors or any(
        isinstance(place.resource, Vault) and place.resource.mirror_id is not None for place in index.vaults
    )


def _has_failed(one: _Source) -> bool:
    """Whether a mirror does not occupy its source: its creation failed (hbr-api.md 3).

    It says itself that the source has another one, or the source, as the service reports it, does not name it.
    """
    mirror, source = one.mirror.resource, one.place.resource if one.place is not None else None
    if not isinstance(mirror, MirrorVault) or mirror.status != "ERROR":
        return False
    if mirror.status_message == "SOURCE_VAULT_ALREADY_HAS_REPLICATION":
        return True
    if one.mirror.is_declared or not isinstance(source, Vault) or source.status is None:
        return False
    return source.mirror_id != mirror.id


def _in_words(one: _Source) -> str:
    if one.place is not None:
        return f'"{one.place.resource.name}"'
    return f'"{one.found.label}"' if one.found.by_name else one.found.label


def _as_mirrors(places: list[Place]) -> tuple[MirrorVault, ...]:
    return tuple(place.resource for place in places if isinstance(place.resource, MirrorVault))


@dataclass(slots=True)
class _Tally:
    """One quota while it is counted."""

    existing: set[str] = field(default_factory=set)
    """Ids of what is there."""
    beside: int = 0
    """What is there and not in the estate."""
    nameless: int = 0
    """What is there without a known id."""
    leaving: int = 0
    """What is there and goes."""
    added: list[Place] = field(default_factory=list)
    uncertain: list[Place] = field(default_factory=list)
    mirrors: int = 0
    """How many of those that are known are mirrors."""

    def staying(self, used: int) -> int:
        """Return how many are there and stay; ``used``: what the account says of itself."""
        return max(used, len(self.existing) + self.beside + self.nameless + self.leaving) - self.leaving

    def most(self, used: int) -> int:
        """Return how many there may be."""
        return self.staying(used) + len(self.added) + len(self.uncertain)


def _judge_quotas(index: Neighbours, findings: _Findings) -> None:
    """Count vaults per account and mirrors per region; the usage of an estate is that of its own account."""
    estate = index.estate
    tallies = _tallies(index)
    usage = estate.usage if estate.usage is not None else Usage()
    vault_limit = limit_of(estate.limits, VAULT_LIMITS, VAULTS_PER_ACCOUNT)
    mirror_limit = limit_of(estate.limits, MIRROR_LIMITS, MIRRORS_PER_REGION)
    for account, tally in tallies.accounts.items():
        used = (usage.vaults or 0) if account == estate.account else 0
        if tally.most(used) > vault_limit:
            _ask_count(findings, "CB212", tally, _Quota(account, vault_limit, used, complete=usage.complete))
    fullest: dict[str, int] = {}
    for (account, region_id), tally in tallies.regions.items():
        used = usage.mirrors_by_region.get(region_id, 0) if account == estate.account else 0
        elsewhere, most = len(tallies.anywhere.get(account, ())), tally.most(used)
        fullest[account] = max(fullest.get(account, 0), most)
        if most + elsewhere > mirror_limit:
            quota = _Quota(account, mirror_limit, used, region_id, complete=usage.complete)
            _ask_count(findings, "CB211", tally, quota)
    if estate.account in tallies.anywhere:
        fullest[estate.account] = max(fullest.get(estate.account, 0), *usage.mirrors_by_region.values(), 0)
    for account, places in tallies.anywhere.items():
        names = tuple(place.resource.name for place in places)
        count = Count(account, mirror_limit, fullest.get(account, 0), (), names)
        for place in places:
            findings.ask(place, "CB211", count)


@dataclass
class _Tallies:
    """Everything that is counted in an estate."""

    accounts: dict[str, _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    """Vaults and mirrors by account."""
    regions: dict[tuple[str, str], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    """Mirrors by account and region."""
    anywhere: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """Mirrors of a region that is known only after apply, by account."""


def _tallies(index: Neighbours) -> _Tallies:
    tallies = _Tallies()
    for place in index.vaults:
        _count(tallies.accounts[place.account], place)
    for place in index.mirrors:
        tallies.accounts[place.account].mirrors += 1
        _count(tallies.accounts[place.account], place)
        region_id = place.resource.region_id
        if is_known(region_id):
            _count(tallies.regions[(place.account, region_id)], place)
        elif place.is_declared:
            tallies.anywhere[place.account].append(place)
    for place in index.leaving:
        if not isinstance(place.resource.existing_id, str):
            continue
        tallies.accounts[place.account].leaving += 1
        if isinstance(place.resource, MirrorVault) and is_known(place.resource.region_id):
            tallies.regions[(place.account, place.resource.region_id)].leaving += 1
    _count_beside(tallies, index.beside)
    return tallies


def _count_beside(tallies: _Tallies, beside: Beside) -> None:
    """Count what is beside the estate; it alone adds nothing, so of other accounts nothing is to be said."""
    for account, count in beside.accounts.items():
        if account in tallies.accounts:
            tallies.accounts[account].beside = count
    for key, count in beside.mirrors.items():
        if key[0] in tallies.accounts:
            tallies.accounts[key[0]].mirrors += count
            if key in tallies.regions or key[0] in tallies.anywhere:
                tallies.regions[key].beside = count


class _Quota(NamedTuple):
    """One quota and what is known of its use."""

    account: str
    limit: int
    used: int
    region_id: str = ""
    complete: bool = False


def _count(tally: _Tally, place: Place) -> None:
    id_ = place.resource.existing_id
    if not place.is_declared and not isinstance(id_, str):
        tally.nameless += 1
    elif id_ is None:
        tally.added.append(place)
    elif is_known(id_):
        tally.existing.add(id_)
    else:
        tally.uncertain.append(place)


def _ask_count(findings: _Findings, code: str, tally: _Tally, quota: _Quota) -> None:
    """Judge one quota that may be too small."""
    count = Count(
        quota.account,
        quota.limit,
        existing=tally.staying(quota.used),
        added=tuple(place.resource.name for place in tally.added),
        uncertain=tuple(place.resource.name for place in tally.uncertain),
        region_id=quota.region_id,
        mirrors=tally.mirrors,
        is_lower_bound=quota.used > 0 and not quota.complete,
    )
    if count.added and count.total > count.limit:
        findings.ask(tally.added[0], code, count)
    else:
        for place in tally.uncertain:
            findings.ask(place, code, count)


def _judge_adoptions(index: Neighbours, findings: _Findings) -> None:
    """Judge what an estate alone shows of taking vaults over: an empty id, and one that two resources name."""
    places = [place for place in (*index.vaults, *index.mirrors) if place.is_declared and place.resource.id is None]
    named: dict[str, list[Place]] = defaultdict(list)
    for place in sorted(places, key=lambda one: (one.account, one.resource.name)):
        if isinstance(place.resource.adopt_id, str):
            named[place.resource.adopt_id].append(place)
    for vault_id, adopters in named.items():
        for place in adopters[1:] if vault_id else adopters:
            rival = adopters[0].resource.name
            facts = Adoption(place.resource.name, vault_id, str(place.resource.region_id), exists=True, rival=rival)
            findings.ask(place, "CB112", facts)


def _judge_backup_targets(index: Neighbours, targets: frozenset[str], findings: _Findings) -> None:
    if targets:
        for place in index.mirrors:
            if place.is_declared:
                findings.ask(place, "CB213", place.resource, targets)


def _judge_leaving(index: Neighbours, targets: frozenset[str], findings: _Findings) -> None:
    """Judge the deletion of what the state holds only to delete it."""
    as_of = unix_seconds(index.estate.as_of) if index.estate.as_of is not None else None
    for place in index.leaving:
        resource = place.resource
        id_ = resource.existing_id
        vault_id = id_ if isinstance(id_, str) else None
        holds_data = _holds_data(resource)
        source_is_locked: bool | Unknown | None = None
        if isinstance(resource, MirrorVault):
            found, _, source = index.source_of(resource, place.account)
            if source is not None:
                source_is_locked = source.resource.worm_enabled
            elif found.is_missing is not None and not is_known(found.is_missing):
                source_is_locked = found.is_missing
            _judge_mirror_loss(place, resource, found, source, findings)
        elif is_known(resource.force_destroy) and resource.force_destroy:
            pass
        elif holds_data is None or not is_known(holds_data):
            findings.open.append((place.position, "CB303", Open("CB303", resource.name, "holds_data")))
        else:
            loss = SourceLoss(
                resource.name, vault_id or resource.name, holds_data, resource.snapshot_count, consent_in_state=False
            )
            findings.ask(place, "CB303", loss)
        deletion = Deletion(
            resource.name,
            vault_id,
            status=resource.status,
            created_time=resource.created_time,
            as_of=as_of,
            is_locked=resource.worm_enabled,
            source_is_locked=source_is_locked,
            holds_data=holds_data,
            is_backup_target=bool(targets) and (resource.name in targets or vault_id in targets),
        )
        for code in ("CB302", "CB305", "CB306"):
            findings.ask(place, code, deletion)


def _judge_mirror_loss(
    place: Place, mirror: MirrorVault, found: FoundSource, source: Place | None, findings: _Findings
) -> None:
    consent = mirror.allow_last_copy_loss
    id_ = mirror.existing_id
    vault_id = id_ if isinstance(id_, str) else mirror.name
    missing = found.is_missing is True
    status = "GONE" if missing else source.resource.status if source is not None else None
    if status is None:
        if not isinstance(consent, str) or consent != vault_id:
            findings.open.append((place.position, "CB307", Open("CB307", mirror.name, "source")))
        return
    region_id = source.resource.region_id if source is not None else None
    if region_id is None and not isinstance(mirror.source, str):
        region_id = mirror.source.region_id
    source_id = source.resource.existing_id if source is not None else found.label
    findings.ask(
        place,
        "CB307",
        MirrorLoss(
            mirror.name,
            vault_id,
            source_id if isinstance(source_id, str) else found.label,
            region_id if isinstance(region_id, str) else "its region",
            status,
            consent,
        ),
    )


def _holds_data(resource: Vault | MirrorVault) -> bool | Unknown | None:
    if resource.holds_data is None and resource.snapshot_count:
        return True
    return resource.holds_data


def _is_unknown(value: object) -> bool:
    return not is_known(value)


def _unverified(index: Neighbours, sources: list[_Source]) -> tuple[str, ...]:
    """Name the rules that the live account could still break."""
    estate = index.estate
    codes: set[str] = set()
    declared = [one for one in sources if one.mirror.is_declared]
    mirrors_beside, vaults_beside = bool(index.beside.mirrors), bool(index.beside.accounts)
    if any(one.found.is_missing is not None and not is_known(one.found.is_missing) for one in declared):
        codes |= {"CB204", "CB205", "CB206"}
    if index.listed_regions is not None:
        # A source that is still to be created cannot have a mirror, be on trial, or be in ERROR.
        if mirrors_beside or any(one.place is None or one.place.resource.existing_id is not None for one in declared):
            codes |= {"CB202", "CB204", "CB205"}
        if any(one.place is None and not one.found.by_name for one in declared):
            codes |= {"CB203", "CB206", "CB210"}
    if estate.live_regions is None and (
        vaults_beside or any(place.is_declared for place in (*index.vaults, *index.mirrors))
    ):
        codes.add("CB103")
    if (declared or mirrors_beside) and estate.live_regions is None and estate.live_mirror_regions is None:
        codes.add("CB207")
    if estate.usage is None or not estate.usage.complete:
        added = [
            place
            for place in (*index.vaults, *index.mirrors)
            if place.is_declared and not isinstance(place.resource.existing_id, str)
        ]
        codes |= {"CB212"} if added else set()
        codes |= {"CB211"} if any(isinstance(place.resource, MirrorVault) for place in added) else set()
    return tuple(sorted(codes))
