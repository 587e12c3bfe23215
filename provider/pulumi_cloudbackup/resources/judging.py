"""From the declarations of a program, the stack's old state and the live account to an estate, and to its problems.

Decides nothing about what is allowed: the rule book does. Pure, so that every caller says the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pulumi_cloudbackup.estate import (
    UNKNOWN,
    Estate,
    ExistingSource,
    MirrorVault,
    Source,
    Unknown,
    Vault,
)
from pulumi_cloudbackup.estate.estate import Usage
from pulumi_cloudbackup.estate.mirror import mirror_encrypt_type
from pulumi_cloudbackup.estate.vault import DEFAULT_ENCRYPT_TYPE, DEFAULT_VAULT_TYPE
from pulumi_cloudbackup.reports.problems import count_of, grouped
from pulumi_cloudbackup.resources.comparing import known_or, mirror_difference, vault_difference
from pulumi_cloudbackup.resources.likeness import adoption_of, mirror_unlike, vault_unlike
from pulumi_cloudbackup.resources.matching import Identity, alias_line, matched
from pulumi_cloudbackup.resources.settings import Judging
from pulumi_cloudbackup.resources.wire import as_far_as_usable, mirror_of, source_problems, vault_of
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
from pulumi_cloudbackup.rules.adoption_rules import Adoption
from pulumi_cloudbackup.rules.option_rules import judge_mirror_options
from pulumi_cloudbackup.rules.order_rules import Succession

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.estate import LiveVault
    from pulumi_cloudbackup.resources.account import LiveAccount
    from pulumi_cloudbackup.resources.comparing import Difference
    from pulumi_cloudbackup.resources.own_state import OldResource
    from pulumi_cloudbackup.resources.resolving import Declared

_GONE = "GONE"
_DEFAULT_ACCOUNT = "default"


@dataclass(frozen=True)
class Evidence:
    """What is known beside the declarations."""

    old: Mapping[str, OldResource] | None = None
    """The stack's old state by URN; ``None``: nobody can tell."""
    live: Mapping[str | None, LiveAccount] = field(default_factory=dict)
    """What the service said, by account; empty: it was not asked."""
    own_prefix: str = ""
    """What the owners of this stack begin with: project and stack."""
    now: int | None = None
    """The moment, in UNIX seconds."""
    today: str = "1970-01-01"
    """The day, for waivers."""
    judging: Judging = field(default_factory=Judging)
    """How problems are taken."""
    notes: tuple[str, ...] = ()
    """What a person should know, whatever the rules say."""


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


def judge_declarations(declared: Sequence[Declared], evidence: Evidence = Evidence()) -> Judgement:
    """Judge all declarations together."""
    fates = _fates(declared, evidence)
    problems: list[Problem] = []
    for fate in fates:
        problems += fate.problems
        problems += _changes(fate, evidence)
    problems += _successions(fates, evidence)
    verdict = judge_estate(_estate(fates, evidence))
    place = {fate.label: position for position, fate in enumerate(fates)}
    in_order = sorted((*problems, *verdict.problems), key=lambda problem: _order(problem, place))
    settled = settle(dict.fromkeys(in_order), evidence.judging.waivers, evidence.today, strict=evidence.judging.strict)
    verified = bool(evidence.live) and not any(answer.failures for answer in evidence.live.values())
    return Judgement(
        settled.problems, verdict.not_yet_known, verdict.unverified, verified, (*evidence.notes, *_notes(settled))
    )


def report(judgement: Judgement) -> str:
    """Tell the errors grouped by resource, each on one line with its code, reason and fix."""
    errors = judgement.errors
    head = f"{count_of(errors)} in the vaults declared here. Nothing was changed."
    return "\n".join((head, *grouped(errors)))


@dataclass
class _Fate:
    """One declared resource, what it was, and what becomes of it."""

    label: str
    """What messages call it."""
    declared: Declared
    resource: Vault | MirrorVault
    problems: tuple[Problem, ...]
    """What its own arguments and options show before anything else is looked at."""
    old: OldResource | None
    """What it was before; ``None``: it is new, or nobody can tell."""
    source: _Fate | None = None
    """Mirrors: the source, where the program declares it."""
    replaced_because: tuple[str, ...] = ()
    """The arguments that surely replace it."""
    may_be_replaced: bool = False
    """Whether an argument that is not known yet may replace it."""
    found: LiveVault | None = None
    """The live vault that it is now, an interrupted run's attempt included."""
    is_gone: bool = False
    """Whether the service surely has its old vault no more."""

    @property
    def account(self) -> str | None:
        """The account that it is in."""
        return self.resource.account

    @property
    def old_id(self) -> str:
        """The id of the vault that it was; empty: it was none."""
        return self.old.vault_id if self.old is not None else ""

    @property
    def id(self) -> str | Unknown | None:
        """The id of its vault after the update; ``None``: that is still to be created."""
        if self.replaced_because:
            return None
        if self.may_be_replaced:
            return UNKNOWN
        if self.old_id:
            return self.old_id
        return self.found.id if self.found is not None else self.resource.adopt_id

    @property
    def source_id(self) -> str | Unknown | None:
        """Mirrors: the id of the source after the update; ``None``: that is still to be created."""
        if self.source is not None:
            return self.source.id
        found: str | Unknown | None = self.declared.properties.get("source_vault_id", UNKNOWN)
        return found


def _fates(declared: Sequence[Declared], evidence: Evidence) -> list[_Fate]:
    """Read every declaration, find its old resource and its live vault, and say what becomes of it: sources first."""
    labels = _labels(declared)
    identities = [Identity(one.urn, one.aliases) for one in declared]
    olds = matched(identities, evidence.old or {})
    fates = [_read(one, label, old) for one, label, old in zip(declared, labels, olds, strict=True)]
    by_resource = {id(fate.declared.declaration.resource): fate for fate in fates}
    for fate in fates:
        if isinstance(fate.resource, MirrorVault):
            source = fate.declared.declaration.source
            fate.source = by_resource.get(id(source)) if source is not None else None
            if fate.source is not None:
                fate.resource = fate.resource.model_copy(update={"source": fate.source.label})
    adopters: dict[object, str] = {}
    for fate in sorted(fates, key=lambda one: isinstance(one.resource, MirrorVault)):
        _settle_fate(fate, evidence)
        if fate.old is None and isinstance(fate.resource.adopt_id, str) and fate.resource.adopt_id:
            refused = _adoption(fate, evidence, adopters.setdefault(fate.resource.adopt_id, fate.label))
            fate.problems += refused
            if refused:  # it is judged on as one to be created
                fate.resource = fate.resource.model_copy(update={"adopt_id": None})
    return fates


def _read(declared: Declared, label: str, old: OldResource | None) -> _Fate:
    """Read one declaration; what is of no usable kind is a problem, and the rest is judged as if it were not known."""
    is_vault = declared.declaration.kind == "Vault"
    resource: Vault | MirrorVault
    if is_vault:
        resource, problems = as_far_as_usable(vault_of, declared.properties, label)
    else:
        resource, problems = as_far_as_usable(mirror_of, declared.properties, label)
        problems += source_problems(declared.properties, label)
    if not is_vault:
        problems += judge_mirror_options(label, declared.declaration.option_values)
    return _Fate(label, declared, resource, problems, old)


def _settle_fate(fate: _Fate, evidence: Evidence) -> None:
    """Find out what becomes of one resource; a mirror's source comes before it."""
    live = evidence.live.get(fate.account)
    if fate.old is not None:
        difference, after = _difference(fate, fate.old)
        to_be_created = ("source_vault_id",) if fate.source is not None and fate.source.id is None else ()
        fate.replaced_because = known_or(difference.replaces, after, *to_be_created)
        fate.may_be_replaced = bool(difference.replaces) and not fate.replaced_because
    if live is None:
        return
    if fate.old_id:
        fate.found = live.find(fate.old_id)
        fate.is_gone = fate.old is not None and live.is_gone(fate.old_id, fate.old.text("region_id"))
    elif fate.resource.owner:
        listed = live.vaults.get(str(fate.resource.region_id), {})
        is_mirror = isinstance(fate.resource, MirrorVault)
        fate.found = next(
            (one for one in listed.values() if one.parts.owner == fate.resource.owner and one.is_mirror == is_mirror),
            None,
        )


def _difference(fate: _Fate, old: OldResource) -> tuple[Difference, Mapping[str, Any]]:
    """Compare what a resource was with what is declared, as the provider will."""
    after = dict(fate.declared.properties)
    if isinstance(fate.resource, Vault):
        after = {"vault_type": DEFAULT_VAULT_TYPE, "encrypt_type": DEFAULT_ENCRYPT_TYPE, **after}
    else:
        source_id = fate.source_id
        after["source_vault_id"] = UNKNOWN if source_id is None else source_id
        encrypt_type = mirror_encrypt_type(fate.resource, Source(encrypt_type=after.get("source_encrypt_type")))
        if encrypt_type is not None:
            after["encrypt_type"] = encrypt_type
    options = fate.declared.declaration.option_values
    for key in options.get("ignore_changes") or ():
        after[key] = old.outputs.get(key)
    compare = vault_difference if isinstance(fate.resource, Vault) else mirror_difference
    difference = compare(old.outputs, after)
    forced = tuple(key for key in options.get("replace_on_changes") or () if key in difference.updates)
    return type(difference)((*difference.replaces, *forced), difference.updates), after


def _changes(fate: _Fate, evidence: Evidence) -> list[Problem]:
    """Judge what becomes of an existing vault: one-way switches, and what its replacement would destroy."""
    old = fate.old
    if old is None or fate.is_gone:
        return []
    if not fate.replaced_because:
        if isinstance(fate.resource, Vault) and old.outputs.get("worm_enabled") is True:
            return list(judge(("CB109",), fate.label, True, fate.resource).problems)  # noqa: FBT003 - a fact
        return []
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
                source.status if source is not None else _GONE,
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


def _adoption(fate: _Fate, evidence: Evidence, first: str) -> tuple[Problem, ...]:
    """Judge the taking over of an existing vault, where its region was listed; ``first``: who takes it over first."""
    wanted, answer = fate.resource, evidence.live.get(fate.account)
    if not isinstance(wanted.adopt_id, str) or not isinstance(wanted.region_id, str):
        return ()  # not known yet
    if first != fate.label:
        rival = Adoption(fate.label, wanted.adopt_id, wanted.region_id, exists=True, rival=first)
        return judge(("CB112",), fate.label, rival).problems
    if answer is None or wanted.region_id not in answer.vaults or not wanted.adopt_id:
        return ()

    def unlike(live: LiveVault) -> str | None:
        if isinstance(wanted, Vault):
            return vault_unlike(wanted, live)
        source_region_id = fate.declared.properties.get("source_region_id", UNKNOWN)
        return mirror_unlike(wanted, fate.source_id, source_region_id, wanted.encrypt_type, live)

    live = answer.vaults[wanted.region_id].get(wanted.adopt_id)
    adoption = adoption_of(
        name=fate.label,
        vault_id=wanted.adopt_id,
        region_id=wanted.region_id,
        owner=wanted.owner,
        live=live,
        unlike=unlike,
        status="ERROR" if live is not None and live.status == "ERROR" else "CREATED",
    )
    return judge(("CB112",), fate.label, adoption).problems


def _successions(fates: Sequence[_Fate], evidence: Evidence) -> list[Problem]:
    """Judge mirrors that come before the old mirror of their source goes: it was renamed without alias, or removed."""
    if any(fate.declared.urn is None for fate in fates):
        return []  # what a resource is called is not known yet, so it may be any of the old ones
    kept = {fate.old.urn for fate in fates if fate.old is not None}
    leaving = [old for urn, old in (evidence.old or {}).items() if old.is_mirror and urn not in kept and old.vault_id]
    problems: list[Problem] = []
    for fate in fates:
        if not isinstance(fate.resource, MirrorVault):
            continue
        source_id = fate.source_id
        if fate.old is not None and fate.old.text("source_vault_id") == source_id:
            continue  # it has this place already
        for old in leaving:
            if not isinstance(source_id, str) or _is_gone(old, evidence):
                continue
            succession = Succession(
                fate.label,
                source_id,
                old.name,
                old.vault_id,
                old.text("region_id"),
                old.text("source_vault_id"),
                old.text("owner"),
                alias_line(fate.declared.urn, old.urn),
                fate.source.label if fate.source is not None else "",
            )
            problems += judge(("CB401",), fate.label, succession).problems
    return problems


def _is_gone(old: OldResource, evidence: Evidence) -> bool:
    answer = evidence.live.get(old.text("account") or None)
    return answer is not None and answer.is_gone(old.vault_id, old.text("region_id"))


def _estate(fates: Sequence[_Fate], evidence: Evidence) -> Estate:
    """Put together what is declared and what others have; what this stack gives up is neither."""
    accounts = _Accounts(fates, evidence)
    answer = evidence.live.get(accounts.main)
    managed = {old.vault_id for old in (evidence.old or {}).values() if old.vault_id}
    vaults = [_declared_vault(fate, accounts, managed) for fate in fates if isinstance(fate.resource, Vault)]
    mirrors = [_declared_mirror(fate, accounts) for fate in fates if isinstance(fate.resource, MirrorVault)]
    seen = 0
    for account, its_answer in evidence.live.items():
        if accounts.key(account) != account:
            continue  # the same account under another name
        for live in (one for listed in its_answer.vaults.values() for one in listed.values()):
            if live.id in managed or (live.is_mirror and _may_be_declared(live, evidence)):
                continue
            seen += account == accounts.main
            if live.is_mirror:
                mirrors.append(_live_mirror(live, account))
            else:
                vaults.append(_live_vault(live, account))
    kept = sum(1 for fate in fates if fate.account == accounts.main and isinstance(fate.id, str) and fate.id in managed)
    return Estate.model_construct(
        account=accounts.main or _DEFAULT_ACCOUNT,
        vaults=tuple(vaults),
        mirrors=tuple(mirrors),
        limits=dict(evidence.judging.limits) or None,
        usage=Usage(vaults=seen + kept) if answer is not None else None,
        live_regions=_first(one.regions for one in evidence.live.values()),
        live_mirror_regions=_first(one.mirror_regions for one in evidence.live.values()),
        listed_regions=tuple(sorted(answer.vaults)) if answer is not None else (),
    )


class _Accounts:
    """Which account names mean one account: the service tells, profile names do not."""

    def __init__(self, fates: Sequence[_Fate], evidence: Evidence) -> None:
        named = list(dict.fromkeys(fate.account for fate in fates))
        self.main = named[0] if len(named) == 1 else None
        """The account of everything that names none; where all name the same one, that."""
        self._same: dict[str | None, str | None] = {}
        by_id: dict[str, str | None] = {}
        for account in sorted(evidence.live, key=lambda name: (name != self.main, name or "")):
            account_id = evidence.live[account].account_id
            if account_id is not None:
                self._same[account] = by_id.setdefault(account_id, account)

    def key(self, account: str | None) -> str | None:
        """Return the name that stands for an account."""
        return self._same.get(account, account)


def _declared_vault(fate: _Fate, accounts: _Accounts, managed: set[str]) -> Vault:
    facts = _facts(fate, accounts)
    live = fate.found
    if live is not None and not fate.replaced_because:
        facts |= {"charge_type": live.charge_type, "is_trial": live.is_trial}
        if live.mirror_vault_id and live.mirror_vault_id not in managed:
            facts |= {"mirror_id": live.mirror_vault_id, "mirror_region_id": live.mirror_region_id}
    vault = fate.resource.model_copy(update=facts) if facts else fate.resource
    assert isinstance(vault, Vault)  # noqa: S101 - the caller asked
    return vault


def _declared_mirror(fate: _Fate, accounts: _Accounts) -> MirrorVault:
    facts = _facts(fate, accounts)
    if fate.found is not None and not fate.replaced_because:
        facts["status_message"] = fate.found.status_message
    mirror = fate.resource.model_copy(update=facts) if facts else fate.resource
    assert isinstance(mirror, MirrorVault)  # noqa: S101 - the caller asked
    return mirror


def _facts(fate: _Fate, accounts: _Accounts) -> dict[str, Any]:
    """Return what is known of a declared resource beside its arguments."""
    facts: dict[str, Any] = {}
    if fate.id is not None:
        facts["id"] = fate.id
        if fate.is_gone:
            facts["status"] = _GONE
        elif fate.found is not None:
            facts["status"] = fate.found.status
    if accounts.key(fate.account) != fate.account:
        facts["account"] = accounts.key(fate.account)
    return facts


def _live_vault(live: LiveVault, account: str | None) -> Vault:
    return Vault.model_construct(
        **_live_facts(live, account),
        vault_type=live.vault_type,
        is_trial=live.is_trial,
        charge_type=live.charge_type,
        mirror_id=live.mirror_vault_id,
        mirror_region_id=live.mirror_region_id,
    )


def _live_mirror(live: LiveVault, account: str | None) -> MirrorVault:
    return MirrorVault.model_construct(
        **_live_facts(live, account),
        source=ExistingSource.model_construct(id=live.source_vault_id or "", region_id=live.source_region_id or ""),
        status_message=live.status_message,
    )


def _live_facts(live: LiveVault, account: str | None) -> dict[str, Any]:
    return {
        "name": live.vault_name or live.id,
        "account": account,
        "id": live.id,
        "region_id": live.region_id,
        "status": live.status,
        "encrypt_type": live.encrypt_type,
        "kms_key_id": live.kms_key_id,
        "worm_enabled": live.worm_enabled,
        "holds_data": live.holds_data,
        "owner": live.parts.owner,
        "managed_by": "other" if live.parts.owner else "none",
    }


def _may_be_declared(live: LiveVault, evidence: Evidence) -> bool:
    """Whether a mirror says it is of this stack while nobody can tell what this stack has: not held against it."""
    owner = live.parts.owner
    return evidence.old is None and bool(owner) and str(owner).startswith(evidence.own_prefix)


def _first(answers: Any) -> tuple[str, ...] | None:
    return next((answer for answer in answers if answer is not None), None)


def _labels(declared: Sequence[Declared]) -> list[str]:
    """Name resources as their authors do; where two below different parents share a name, with the parent."""
    names = Counter(one.declaration.name for one in declared)
    labels: list[str] = []
    taken: set[str] = set()
    for one in declared:
        label = one.declaration.name
        if names[label] > 1 and one.declaration.parent_name:
            label = f"{one.declaration.parent_name}/{label}"
        while label in taken:
            label += "'"
        taken.add(label)
        labels.append(label)
    return labels


def _notes(settled: Settled) -> tuple[str, ...]:
    expired = (
        f'The waiver of {one.code} for "{one.resource}" expired on {one.expires} and counts no more.'
        for one in settled.expired
    )
    unused = (
        f'The waiver of {one.code} for "{one.resource}" names no problem of this program; remove it.'
        for one in settled.unused
    )
    return (*expired, *unused)


def _order(problem: Problem, place: Mapping[str, int]) -> tuple[int, str, str]:
    subject = problem.subjects[0] if problem.subjects else ""
    return place.get(subject, len(place)), problem.code, problem.detail
