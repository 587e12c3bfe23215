"""Both sides of a program's change as estates: what the stack has, and what the program declares.

Pure. The planner is given what is known: of an argument whose value is not known yet, it is taken that nothing changes,
because a preview must not fail on a guess; the provider's ``check`` and ``delete`` ask again when it is known.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pulumi

from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Unknown, Vault
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.estate.resource import Options
from pulumi_cloudbackup.planning.comparing import MIRROR_REPLACES, VAULT_REPLACES
from pulumi_cloudbackup.resources.assembling import DEFAULT_ACCOUNT, Accounts, others_of
from pulumi_cloudbackup.resources.wire import as_far_as_usable, mirror_of, vault_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.estate import LiveVault
    from pulumi_cloudbackup.resources.fates import Evidence, Fate
    from pulumi_cloudbackup.resources.own_state import OldResource

_TEXTS_OF_STATE: Final = ("status", "charge_type")


def before(fates: Sequence[Fate], evidence: Evidence) -> Estate:
    """Return what the stack has, as its state says, with what the live account says of it; and what others have."""
    accounts = Accounts(fates, evidence)
    olds = _in_play(fates, evidence)
    labels = _labels(olds, fates)
    by_id = {old.vault_id: labels[urn] for urn, old in olds.items() if old.vault_id and not old.is_mirror}
    vaults: list[Vault] = []
    mirrors: list[MirrorVault] = []
    for urn, old in olds.items():
        account = accounts.key(old.text("account") or None)
        answer = evidence.live.get(account)
        live = answer.find(old.vault_id) if answer is not None and old.vault_id else None
        facts = _facts_of(old, live, account)
        facts["urn"] = urn
        if live is None and evidence.is_gone(old):
            facts["status"] = GONE
        if old.is_mirror:
            mirror, _ = as_far_as_usable(mirror_of, old.outputs, labels[urn])
            mirrors.append(mirror.model_copy(update={**facts, **_source_of(old, by_id)}))
        else:
            vault, _ = as_far_as_usable(vault_of, old.outputs, labels[urn])
            vaults.append(vault.model_copy(update=facts))
    other_vaults, other_mirrors = others_of(evidence, accounts)
    answer = evidence.live.get(accounts.main)
    return Estate.model_construct(
        account=DEFAULT_ACCOUNT,
        vaults=(*vaults, *other_vaults),
        mirrors=(*mirrors, *other_mirrors),
        listed_regions=tuple(sorted(answer.vaults)) if answer is not None else (),
        limits=dict(evidence.judging.limits) or None,
    )


def after(fates: Sequence[Fate], evidence: Evidence) -> Estate:
    """Return what the program declares."""
    accounts = Accounts(fates, evidence)
    urns = {id(fate.declared.declaration.resource): fate.declared.urn for fate in fates}
    children: dict[int, list[str]] = {}
    for fate in fates:
        parent = fate.declared.declaration.parent
        if parent is not None and fate.declared.urn is not None:
            children.setdefault(id(parent), []).append(fate.declared.urn)
    vaults: list[Vault] = []
    mirrors: list[MirrorVault] = []
    for fate in fates:
        account = accounts.key(fate.account)
        before_it = accounts.key(fate.old.text("account") or None) if fate.old is not None else account
        if account != before_it and not accounts.are_told_apart(account, before_it):
            account = before_it  # another profile of the same account, as far as anybody can tell
        resource = fate.resource.model_copy(
            update={
                **kept_as_before(fate),
                "urn": fate.declared.urn,
                "aliases": fate.declared.aliases,
                "account": account,
                "options": _options(fate.option_values),
                "depends_on": _waits_for(fate, urns, children),
                "adopt_id": fate.found.id if fate.old is None and fate.found is not None else fate.resource.adopt_id,
            }
        )
        if isinstance(resource, Vault):
            vaults.append(resource)
        else:
            mirrors.append(resource)
    return Estate.model_construct(account=DEFAULT_ACCOUNT, vaults=tuple(vaults), mirrors=tuple(mirrors))


def _in_play(fates: Sequence[Fate], evidence: Evidence) -> dict[str, OldResource]:
    """Return the old resources but those of which nobody can tell what they become.

    A declared resource whose URN is not known yet may be any old one of its kind that nobody else is.
    """
    kept = {fate.old.urn for fate in fates if fate.old is not None}
    open_ = {isinstance(fate.resource, MirrorVault) for fate in fates if fate.declared.urn is None}
    open_ |= {isinstance(fate.resource, MirrorVault) for fate in fates if fate.may_be_old}
    if not evidence.is_whole:
        return {urn: old for urn, old in (evidence.old or {}).items() if urn in kept}
    return {urn: old for urn, old in (evidence.old or {}).items() if urn in kept or old.is_mirror not in open_}


def _labels(olds: Mapping[str, OldResource], fates: Sequence[Fate]) -> dict[str, str]:
    """Name old resources as the program's messages do, each differently."""
    labels = {fate.old.urn: fate.label for fate in fates if fate.old is not None}
    taken = Counter(fate.label for fate in fates)
    for urn, old in olds.items():
        if urn not in labels:
            label = old.name if not taken[old.name] else f"{old.name} (removed)"
            taken[label] += 1
            labels[urn] = label if taken[label] == 1 else f"{label} {taken[label]}"
    return labels


def _facts_of(old: OldResource, live: LiveVault | None, account: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {key: old.text(key) or None for key in _TEXTS_OF_STATE}
    holds_data = old.outputs.get("holds_data")
    facts |= {
        "id": old.vault_id or None,
        "account": account,
        "managed_by": "this",
        "pending_replacement": not old.vault_id,
        "holds_data": True if holds_data is True else None,  # that it held none when it was created says nothing now
        "options": Options(retain_on_delete=old.outputs.get("retained") is True),
    }
    if old.is_mirror:
        facts["source_status"] = old.text("source_status") or None
    if live is not None:
        facts |= {
            "status": live.status,
            "holds_data": live.holds_data,
            "snapshot_count": live.snapshot_count or None,
            "bytes_stored": live.bytes_stored,
            "worm_enabled": live.worm_enabled,
            "created_time": live.created_time,
        }
    return facts


def _source_of(old: OldResource, by_id: Mapping[str, str]) -> dict[str, Any]:
    """Return the source of an old mirror: a resource of the state where it was wired to one, or else an id."""
    source_id, is_wired = old.text("source_vault_id"), old.outputs.get("source_owner") is not None
    if is_wired and source_id in by_id:
        return {"source": by_id[source_id]}
    status = {"source_status": GONE} if is_wired and not old.text("source_status") else {}
    return {
        "source": ExistingSource.model_construct(id=source_id, region_id=old.text("source_region_id")),
        **status,
    }


def kept_as_before(fate: Fate) -> dict[str, Any]:
    """Return what a resource is taken to stay, where an argument that would replace it is not known yet."""
    old = fate.old
    if old is None or not old.vault_id:
        return {}
    is_mirror = isinstance(fate.resource, MirrorVault)
    kept: dict[str, Any] = {
        key: old.outputs.get(key)
        for key in (MIRROR_REPLACES if is_mirror else VAULT_REPLACES)
        if isinstance(getattr(fate.resource, key, None), Unknown)
    }
    source = fate.resource.source if isinstance(fate.resource, MirrorVault) else None
    if isinstance(source, ExistingSource) and isinstance(source.id, Unknown):
        kept["source"] = ExistingSource.model_construct(
            id=old.text("source_vault_id"), region_id=old.text("source_region_id")
        )
    return kept


def _options(given: Mapping[str, Any]) -> Options:
    if not any(value is not None and value != [] for value in given.values()):
        return _NO_OPTIONS
    return Options.model_construct(
        delete_before_replace=given.get("delete_before_replace"),
        retain_on_delete=bool(given.get("retain_on_delete")),
        ignore_changes=_paths(given.get("ignore_changes")),
        replace_on_changes=_paths(given.get("replace_on_changes")),
    )


_NO_OPTIONS: Final = Options()


def _paths(written: object) -> tuple[str, ...]:
    return tuple(str(one) for one in written) if isinstance(written, (list, tuple)) else ()


def _waits_for(fate: Fate, urns: Mapping[int, str | None], children: Mapping[int, list[str]]) -> tuple[str, ...]:
    """Return the vaults and mirrors that a resource was told to wait for, those inside components included."""
    declaration = fate.declared.declaration
    found: list[str] = []
    for one in (*declaration.depends_on, declaration.parent):
        if not isinstance(one, pulumi.Resource):
            continue
        urn = urns.get(id(one))
        found += [urn] if urn is not None else children.get(id(one), []) if one is not declaration.parent else []
    return tuple(dict.fromkeys(found))
