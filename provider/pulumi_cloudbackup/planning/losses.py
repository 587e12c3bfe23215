"""What changing, deleting and replacing vaults loses, and what stands against it: CB109, CB112, CB302 to CB308.

The facts are those of the old state, with live ones where somebody looked; what nobody knows is "not yet known".
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from pulumi_cloudbackup.estate import MirrorVault, Unknown, Vault, is_known
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.planning.matching import alias_line
from pulumi_cloudbackup.planning.plan import Action, Reason
from pulumi_cloudbackup.rules import Open, judge
from pulumi_cloudbackup.rules.adoption_rules import Adoption
from pulumi_cloudbackup.rules.change_rules import MirrorLoss, SourceLoss
from pulumi_cloudbackup.rules.deletion_rules import Deletion, MirroredSource, Protected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.hazards import Roots
    from pulumi_cloudbackup.planning.ordering import Order
    from pulumi_cloudbackup.planning.world import Old, World
    from pulumi_cloudbackup.rules import Problem

_MOST_LOOKED_AT = 200
"""Of how many new vaults a name like that of an old one is looked for."""
_PROPERTY_OF = {"source": "source_vault_id", "source.region_id": "source_region_id"}


class Losses(NamedTuple):
    """What the deletions of a run lose."""

    problems: list[Problem]
    not_yet_known: list[Open]


class Facts(NamedTuple):
    """What is known beside the items."""

    olds: Mapping[str, Old]
    """Old vaults and mirrors by instance."""
    listed: frozenset[str] | None
    """Regions whose vaults are all known; ``None``: all regions."""
    now: int | None
    twins: Mapping[tuple[str, str, str], Mapping[str, Item]]
    """New vaults by account, region and type, then by name: one may be an old one under another name or parent."""


def facts_of(world: World, items: Sequence[Item], listed: frozenset[str] | None, now: int | None) -> Facts:
    """Index the old state by physical vault."""
    olds = {old.instance: old for old in world.olds if old.instance is not None}
    twins: dict[tuple[str, str, str], dict[str, Item]] = defaultdict(dict)
    for item in items:
        vault = item.resource
        if item.action is Action.CREATE and isinstance(vault, Vault) and item.adopted is None:
            twins[item.account, str(vault.region_id), str(vault.vault_type)].setdefault(item.name, item)
    return Facts(olds, listed, now, twins)


def losses_of(items: list[Item], order: Order, roots: Roots, facts: Facts) -> Losses:
    """Judge every vault and mirror that a run deletes; one that may stay is not yet known to be deleted."""
    losses = Losses([], [])
    holders = {item.before: item for item in items if item.before is not None}
    for item in items:
        if item.action is Action.UPDATE:
            losses.problems.extend(_switches(item))
        if item.adopted is not None:
            losses.problems.extend(_takes_from_itself(item, holders))
        if item.action in (Action.DELETE, Action.REPLACE) and item.old is not None and item.old.instance is not None:
            losses.problems.extend(_protection(item, item.old))
            if item.position not in order.deleted:
                continue  # it is only forgotten
            if item.deletes and not item.is_certain:
                code = "CB307" if item.is_mirror else "CB303"
                losses.not_yet_known.extend(Open(code, item.name, one.path) for one in item.fields if one.replaces)
            elif item.deletes:
                _judge(item, item.old, roots, facts, losses)
    return losses


def _switches(item: Item) -> tuple[Problem, ...]:
    """Judge the one-way switches of a vault that stays."""
    if item.action is not Action.UPDATE or item.old is None or not isinstance(item.resource, Vault):
        return ()
    before = item.old.resource.worm_enabled
    if before is not True or item.old.resource.status == GONE:
        return ()
    return judge(("CB109",), item.name, True, item.resource).problems  # noqa: FBT003 - a fact


def _takes_from_itself(item: Item, holders: Mapping[str, Item]) -> tuple[Problem, ...]:
    """Judge the taking over of a vault that the stack has already."""
    holder = holders.get(item.adopted) if item.adopted is not None else None
    if holder is None or holder is item:
        return ()
    adoption = Adoption(item.name, str(item.adopted), str(item.resource.region_id), exists=True, holder=holder.name)
    return judge(("CB112",), item.name, adoption).problems


def because_of(item: Item) -> tuple[str, ...]:
    """Return the arguments that replace a resource; none where it is deleted, or replaced on request."""
    if item.action is not Action.REPLACE:
        return ()
    found = tuple(_PROPERTY_OF.get(one.path, one.path) for one in item.fields if one.replaces)
    return found or (("source_vault_id",) if item.reason is Reason.SOURCE_REPLACED else ())


def _protection(item: Item, old: Old) -> Iterator[Problem]:
    is_kept = old.resource.protect and (item.new is None or item.is_taken or item.new.resource.protect)
    if is_kept:
        yield from judge(("CB308",), item.name, Protected(item.name, because_of(item))).problems


def _judge(item: Item, old: Old, roots: Roots, facts: Facts, losses: Losses) -> None:
    if old.is_gone:
        return  # nothing is there that could be lost
    resource = old.resource
    holds_data = may_hold_data(resource)
    source_is_locked: bool | Unknown | None = None
    if isinstance(resource, MirrorVault):
        source = facts.olds.get(old.source or "")
        source_is_locked = source.resource.worm_enabled if source is not None else None
        _judge_mirror(item, old, source, facts, losses)
    else:
        _judge_vault(item, old, resource, facts, losses)
        _judge_strangers(item, old, roots, losses)
    deletion = Deletion(
        item.name,
        _id_of(old),
        status=resource.status,
        created_time=resource.created_time,
        as_of=facts.now,
        is_locked=resource.worm_enabled,
        source_is_locked=source_is_locked,
        holds_data=holds_data,
        because=because_of(item),
    )
    verdict = judge(("CB302", "CB305", "CB306"), item.name, deletion)
    losses.problems.extend(verdict.problems)
    losses.not_yet_known.extend(Open(code, item.name, argument) for code, argument in verdict.not_yet_known)


def _judge_vault(item: Item, old: Old, vault: Vault, facts: Facts, losses: Losses) -> None:
    holds_data = may_hold_data(vault)
    consent = is_known(vault.force_destroy) and vault.force_destroy
    if consent or vault.status == GONE:
        return
    if holds_data is None or not is_known(holds_data):
        losses.not_yet_known.append(Open("CB303", item.name, "holds_data"))
        return
    twin = _twin_of(item, old, vault, facts) if holds_data else None
    loss = SourceLoss(
        item.name,
        _id_of(old) or item.name,
        holds_data,
        vault.snapshot_count,
        consent_in_state=False,
        because=because_of(item),
        twin=twin.name if twin is not None else "",
        alias=alias_line(twin.urn, old.urn) if twin is not None else "",
    )
    losses.problems.extend(judge(("CB303",), item.name, loss).problems)


def _twin_of(item: Item, old: Old, vault: Vault, facts: Facts) -> Item | None:
    """Return the new vault that is the old one under another name or parent, as it seems; ``None``: none is like it."""
    if item.new is not None or vault.pending_delete:
        return None
    alike = facts.twins.get((old.account, str(vault.region_id), str(vault.vault_type)), {})
    if item.name in alike or len(alike) > _MOST_LOOKED_AT:
        return alike.get(item.name)
    near = difflib.get_close_matches(item.name, sorted(alike), n=1)
    return alike[near[0]] if near else None


def _judge_strangers(item: Item, old: Old, roots: Roots, losses: Losses) -> None:
    """Judge the deletion of a source that somebody else's mirror copies."""
    for stranger in roots.strangers.get(old.instance or "", ()):
        mirror = stranger.resource
        manager = f", managed by {mirror.owner.partition('#')[0]}" if mirror.owner else ", managed by nobody known here"
        words = f'mirror vault "{mirror.name}" ({_id_of(stranger) or "no id"} in {mirror.region_id}{manager})'
        source = MirroredSource(item.name, _id_of(old) or item.name, words, because_of(item))
        losses.problems.extend(judge(("CB304",), item.name, source).problems)


def _judge_mirror(item: Item, old: Old, source: Old | None, facts: Facts, losses: Losses) -> None:
    mirror = old.resource
    assert isinstance(mirror, MirrorVault)  # noqa: S101 - the caller asked
    vault_id = _id_of(old) or item.name
    if isinstance(mirror.allow_last_copy_loss, str) and mirror.allow_last_copy_loss == vault_id:
        return
    status = _source_status(mirror, old, source, facts)
    if status is None:
        losses.not_yet_known.append(Open("CB307", item.name, "source"))
        return
    region_id = source.resource.region_id if source is not None else None
    if region_id is None and not isinstance(mirror.source, str):
        region_id = mirror.source.region_id
    loss = MirrorLoss(
        item.name,
        vault_id,
        old.source or "its source",
        region_id if isinstance(region_id, str) else "its region",
        status,
        mirror.allow_last_copy_loss,
        because_of(item),
    )
    losses.problems.extend(judge(("CB307",), item.name, loss).problems)


def _source_status(mirror: MirrorVault, old: Old, source: Old | None, facts: Facts) -> str | None:
    """Return the status of the source of a mirror; ``None``: nobody can tell."""
    told: str | None = getattr(mirror, "source_status", None)
    if source is not None and source.resource.status is not None:
        return source.resource.status
    if source is not None:
        return told
    if isinstance(mirror.source, str) or old.source is None:
        return GONE if isinstance(mirror.source, str) else told
    region_id = mirror.source.region_id
    is_listed = facts.listed is None or (isinstance(region_id, str) and region_id in facts.listed)
    return GONE if is_listed else told


def may_hold_data(resource: Vault | MirrorVault) -> bool | Unknown | None:
    """Return whether a vault holds backup data; ``None``: nobody says."""
    if resource.snapshot_count or resource.bytes_stored:
        return True
    return resource.holds_data


def _id_of(old: Old) -> str | None:
    return old.resource.id if isinstance(old.resource.id, str) else None
