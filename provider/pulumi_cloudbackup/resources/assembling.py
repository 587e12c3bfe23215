"""What is declared and what others have, put together as one estate: the form in which the rules are asked.

Pure. What this stack gives up is in neither; what may be a declared resource is not held against it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.estate.estate import Usage
from pulumi_cloudbackup.estate.live import GONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_cloudbackup.estate import LiveVault
    from pulumi_cloudbackup.resources.fates import Evidence, Fate

DEFAULT_ACCOUNT: Final = "default"


def estate_of(fates: Sequence[Fate], evidence: Evidence) -> Estate:
    """Put together what is declared and what others have; what this stack gives up is neither."""
    accounts = Accounts(fates, evidence)
    answer = evidence.live.get(accounts.main)
    managed = _managed(evidence)
    vaults = [_declared_vault(fate, accounts, managed) for fate in fates if isinstance(fate.resource, Vault)]
    mirrors = [_declared_mirror(fate, accounts) for fate in fates if isinstance(fate.resource, MirrorVault)]
    other_vaults, other_mirrors = others_of(evidence, accounts)
    vaults += other_vaults
    mirrors += other_mirrors
    return Estate.model_construct(
        account=accounts.main or DEFAULT_ACCOUNT,
        vaults=tuple(vaults),
        mirrors=tuple(mirrors),
        limits=dict(evidence.judging.limits) or None,
        usage=_usage(fates, evidence, accounts),
        live_regions=_first(one.regions for one in evidence.live.values()),
        live_mirror_regions=_first(one.mirror_regions for one in evidence.live.values()),
        listed_regions=tuple(sorted(answer.vaults)) if answer is not None else (),
        listed_elsewhere={
            name: tuple(sorted(one.vaults)) for name, one in evidence.live.items() if name not in (None, accounts.main)
        },
    )


def others_of(evidence: Evidence, accounts: Accounts) -> tuple[list[Vault], list[MirrorVault]]:
    """Return the live vaults and mirrors that this stack does not manage."""
    managed = _managed(evidence)
    vaults: list[Vault] = []
    mirrors: list[MirrorVault] = []
    for account, its_answer in evidence.live.items():
        if accounts.key(account) != account:
            continue  # the same account under another name
        for live in (one for listed in its_answer.vaults.values() for one in listed.values()):
            if live.id in managed:
                continue
            if live.is_mirror:
                mirrors.append(_live_mirror(live, account))
            else:
                vaults.append(_live_vault(live, account, managed))
    return vaults, mirrors


def _managed(evidence: Evidence) -> set[str]:
    """Return the ids of what this stack has, or may have."""
    return {old.vault_id for old in (evidence.old or {}).values() if old.vault_id} | _may_be_declared(evidence)


def _usage(fates: Sequence[Fate], evidence: Evidence, accounts: Accounts) -> Usage | None:
    """Count what the account has and keeps: whether the way there is open is for the planner (CB404)."""
    answer = evidence.live.get(accounts.main)
    replaced = {fate.old_id for fate in fates if fate.replaced_because}
    if not any(fate.may_be_old for fate in fates):
        kept = {fate.old.urn for fate in fates if fate.old is not None}
        replaced |= {old.vault_id for urn, old in (evidence.old or {}).items() if urn not in kept}
    regions: dict[str, str] = {}
    if answer is not None:
        there = (live for listed in answer.vaults.values() for live in listed.values())
        regions = {live.id: live.region_id if live.is_mirror else "" for live in there}
    for old in (evidence.old or {}).values():
        if old.vault_id and not evidence.is_gone(old) and (old.text("account") or None) == accounts.main:
            regions.setdefault(old.vault_id, old.text("region_id") if old.is_mirror else "")
    counted = {vault_id: region_id for vault_id, region_id in regions.items() if vault_id not in replaced}
    mirrors = Counter(region_id for region_id in counted.values() if region_id)
    return Usage(vaults=len(counted), mirrors_by_region=dict(mirrors)) if counted else None


class Accounts:
    """Which account names mean one account: the service tells, profile names do not."""

    def __init__(self, fates: Sequence[Fate], evidence: Evidence) -> None:
        """Find out which names stand for one account."""
        named = list(dict.fromkeys(fate.account for fate in fates))
        self.main = named[0] if len(named) == 1 else None
        """The account of everything that names none; where all name the same one, that."""
        self._same: dict[str | None, str | None] = {}
        by_id: dict[str, str | None] = {}
        for account in sorted(evidence.live, key=lambda name: (name != self.main, name or "")):
            account_id = evidence.live[account].account_id
            if account_id is not None:
                self._same[account] = by_id.setdefault(account_id, account)

    def are_told_apart(self, one: str | None, other: str | None) -> bool:
        """Whether the service has said that two names mean two accounts."""
        return one != other and one in self._same and other in self._same

    def key(self, account: str | None) -> str | None:
        """Return the name that stands for an account."""
        return self._same.get(account, account)


def _declared_vault(fate: Fate, accounts: Accounts, managed: set[str]) -> Vault:
    facts = _facts(fate, accounts)
    live = fate.found
    if live is not None and not fate.replaced_because:
        facts |= {"charge_type": live.charge_type, "is_trial": live.is_trial}
        if live.mirror_vault_id and live.mirror_vault_id not in managed:
            facts |= {"mirror_id": live.mirror_vault_id, "mirror_region_id": live.mirror_region_id}
    vault = fate.resource.model_copy(update=facts) if facts else fate.resource
    assert isinstance(vault, Vault)  # noqa: S101 - the caller asked
    return vault


def _declared_mirror(fate: Fate, accounts: Accounts) -> MirrorVault:
    facts = _facts(fate, accounts)
    if fate.found is not None and not fate.replaced_because:
        facts["status_message"] = fate.found.status_message
    mirror = fate.resource.model_copy(update=facts) if facts else fate.resource
    assert isinstance(mirror, MirrorVault)  # noqa: S101 - the caller asked
    return mirror


def _facts(fate: Fate, accounts: Accounts) -> dict[str, Any]:
    """Return what is known of a declared resource beside its arguments."""
    facts: dict[str, Any] = {}
    if fate.id is not None:
        facts["id"] = fate.id
        if fate.is_gone and isinstance(fate.resource, MirrorVault):
            facts["status"] = GONE
        elif fate.found is not None:
            facts["status"] = fate.found.status
    if accounts.key(fate.account) != fate.account:
        facts["account"] = accounts.key(fate.account)
    return facts


def _live_vault(live: LiveVault, account: str | None, managed: set[str]) -> Vault:
    return Vault.model_construct(
        **_live_facts(live, account),
        vault_type=live.vault_type,
        is_trial=live.is_trial,
        charge_type=live.charge_type,
        mirror_id=None if live.mirror_vault_id in managed else live.mirror_vault_id,
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


def _may_be_declared(evidence: Evidence) -> set[str]:
    """Return the mirrors that say they are of this stack while nobody can tell what it has: not held against it."""
    if evidence.old is not None:
        return set()
    return {
        live.id
        for answer in evidence.live.values()
        for listed in answer.vaults.values()
        for live in listed.values()
        if live.is_mirror and (live.parts.owner or "").startswith(evidence.own_prefix) and evidence.own_prefix
    }


def _first(answers: Any) -> tuple[str, ...] | None:
    return next((answer for answer in answers if answer is not None), None)
