"""What happens to each resource in one engine run: create, update, replace, delete or nothing, and why.

A declared resource takes an old one by its own URN first, then by its aliases in order; each old one is used once. What
a replacement takes along (the mirror of a replaced source) is settled here; in which order, is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import UNKNOWN, MirrorVault, Unknown, Vault
from pulumi_cloudbackup.planning.differing import SourceView, mirror_fields, unseen_fields, vault_fields, with_ignored
from pulumi_cloudbackup.planning.following import Followers
from pulumi_cloudbackup.planning.plan import Action, FieldChange, Reason
from pulumi_cloudbackup.planning.targeting import keep_to_targets
from pulumi_cloudbackup.planning.world import known

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pulumi_cloudbackup.planning.run import Run
    from pulumi_cloudbackup.planning.world import New, Old, Resource, World

_REPLACED: frozenset[str] = frozenset(("create", "replace"))


@dataclass(slots=True, eq=False)
class Item:
    """One resource in one engine run."""

    old: Old | None
    new: New | None
    position: int
    """Its place: declared ones in the order of declaration, then those that are only in the old state."""
    action: Action = Action.NONE
    reason: Reason = Reason.UNCHANGED
    fields: tuple[FieldChange, ...] = ()
    is_certain: bool = True
    """Whether it is surely replaced: a value that is not known yet may turn out to be the old one."""
    is_held: bool = False
    """Whether its creation waits for a later run."""
    is_there: bool = True
    """Whether the state has it after the run."""
    after: str | None = None
    """Its vault after the run; ``None``: it has none."""
    source_after: str | None = None
    """Mirrors: the vault that it copies after the run; ``None``: not known, or none."""
    taken_with: Item | None = None
    """The replaced resource whose chain deletes its old vault."""
    taken_by: tuple[str, ...] = ()
    """Those of which the first that the engine handles deletes its old vault, and what goes before that: others that
    are replaced delete-first, such as a key, and itself where it does not wait for all of them."""
    keeps_old: bool = False
    """Whether its old vault stays, to be deleted by a later run."""
    takes: list[Item] = field(default_factory=list)
    """The resources whose old vaults its own chain deletes before its own."""
    urn: str = field(init=False)
    """Its URN, the old one where it is no longer declared."""
    resource: Resource = field(init=False)
    """What is declared, or what was."""
    account: str = field(init=False)
    """The account that it is in."""
    name: str = field(init=False)
    """Its resource name."""
    is_mirror: bool = field(init=False)
    before: str | None = field(init=False)
    """Its vault before the run; ``None``: it has none."""

    def __post_init__(self) -> None:
        """Note what is asked again and again; it is the same as long as ``old`` and ``new`` are."""
        side = self.new if self.new is not None else self._old
        self.urn, self.account, self.name = side.urn, side.account, side.name
        self.resource, self.is_mirror = side.resource, side.is_mirror
        self.before = self.old.instance if self.old is not None else None

    @property
    def create_first(self) -> bool:
        """Whether a replacement creates before it deletes: only where the user said so, and never for a mirror.

        What it says does not count where it is taken along.
        """
        return not self.is_mirror and not self.taken_by and self.resource.options.delete_before_replace is False

    @property
    def is_taken(self) -> bool:
        """Whether the chain of something that is replaced deletes its old vault."""
        return self.taken_with is not None or bool(self.taken_by)

    @property
    def takers(self) -> tuple[str, ...]:
        """The URNs of those whose chain deletes what goes before its replacement."""
        return self.taken_by or (self.urn,)

    @property
    def creates(self) -> bool:
        """Whether the run brings a new vault of it into being."""
        if self.is_held or (self.action is not Action.CREATE and self.action is not Action.REPLACE):
            return False
        return self.adopted is None

    @property
    def adopted(self) -> str | None:
        """The existing vault that it takes over instead of creating one."""
        if self.new is None or (self.action is not Action.CREATE and self.action is not Action.REPLACE):
            return None
        return known(self.new.resource.adopt_id) or None

    @property
    def deletes(self) -> bool:
        """Whether the run deletes its old vault; what is kept on purpose is not deleted."""
        if self.before is None or self.keeps_old or self.action not in (Action.DELETE, Action.REPLACE):
            return False
        assert self.old is not None  # noqa: S101 - it has a vault
        return not self.old.resource.options.retain_on_delete

    @property
    def forgets(self) -> bool:
        """Whether the state forgets a vault that stays: it was declared to be retained."""
        is_left = self.action in (Action.DELETE, Action.REPLACE)
        return (
            is_left and self.old is not None and self.before is not None and self.old.resource.options.retain_on_delete
        )

    def leave(self) -> None:
        """Leave it as it is; what is not there yet is not created."""
        self.action, self.reason, self.is_there = Action.NONE, Reason.NOT_TARGETED, self.old is not None
        if self.old is not None:
            self.after, self.source_after = self.old.instance, self.old.source

    @property
    def _old(self) -> Old:
        assert self.old is not None  # noqa: S101 - an item is declared, or in the old state
        return self.old


def items_of(world: World, run: Run) -> list[Item]:
    """Return what happens to every resource of both sides."""
    items = _paired(world)
    if run.kind == "destroy":
        for item in items:
            _destroy(item, run)
        _keep_what_excluded_ones_need(items, run, world)
        keep_to_targets(items, run, world)
        return [item for item in items if item.old is not None]
    by_urn = {item.urn: item for item in items if item.new is not None}
    for item in items:
        if not item.is_mirror:
            _settle(item, None, run, world)
    condemned = _Condemned(world, run)
    condemned.take(item for item in items if not item.is_mirror)
    _take_along(items, world)
    for item in items:
        if item.is_mirror:
            source = by_urn.get(item.new.source_urn) if item.new is not None and item.new.source_urn else None
            _settle(item, source, run, world)
    condemned.take(item for item in items if item.is_mirror and item.taken_with is None)
    _keep_what_excluded_ones_need(items, run, world)
    keep_to_targets(items, run, world)
    return items


def _paired(world: World) -> list[Item]:
    """Pair declared resources with old ones; what stays alone is created or deleted."""
    olds = _Olds(world)
    found = [olds.own(new) for new in world.news]
    items: list[Item] = []
    for position, (own, new) in enumerate(zip(found, world.news, strict=True)):
        old = olds.aliased(new) if own is None else own
        if old is not None and new.resource.options.ignore_changes:
            new.resource = with_ignored(old, new)
        items.append(Item(old, new, position))
    rest = [Item(old, None, len(items) + place) for place, old in enumerate(olds.rest())]
    return [*items, *rest]


class _Olds:
    """The old resources that the stack manages; each is used once."""

    def __init__(self, world: World) -> None:
        """Index them; what is only still to be deleted is nobody's."""
        self._ours = [old for old in world.olds if old.is_ours]
        self._free: dict[str, Old] = {}
        for old in self._ours:
            if not old.resource.pending_delete:
                self._free.setdefault(old.urn, old)
        tells_no_urn = any(new.resource.urn is None for new in world.news)
        self._named = {
            (old.is_mirror, old.account, old.name): old.urn
            for old in self._free.values()
            if tells_no_urn or old.resource.urn is None
        }

    def own(self, new: New) -> Old | None:
        """Return the old resource of the same URN; of the same name, where one side tells no URN."""
        found = self._free.get(new.urn)
        if found is not None and found.is_mirror == new.is_mirror:
            return self._free.pop(new.urn)
        return self._by_name(new, new.name) if new.resource.urn is None else None

    def aliased(self, new: New) -> Old | None:
        """Return the old resource of the first alias that names one."""
        for alias in new.resource.aliases:
            named = self._free.get(alias)
            if named is not None and named.is_mirror == new.is_mirror:
                return self._free.pop(alias)
            found = None if alias.startswith("urn:") else self._by_name(new, alias)
            if found is not None:
                return found
        return None

    def rest(self) -> list[Old]:
        """Return what nobody took, in the order of the old state."""
        kept = {id(old) for old in self._free.values()}
        return [old for old in self._ours if old.resource.pending_delete or id(old) in kept]

    def _by_name(self, new: New, name: str) -> Old | None:
        if new.resource.urn is not None:
            head, _, _ = new.resource.urn.rpartition("::")
            found = self._free.pop(f"{head}::{name}", None)
            if found is not None:
                return found
        urn = self._named.get((new.is_mirror, new.account, name))
        return self._free.pop(urn, None) if urn is not None else None


def _destroy(item: Item, run: Run) -> None:
    old = item.old
    if old is None:
        return
    if not run.touches(old.urn):
        item.leave()
        return
    item.new = None
    item.__post_init__()
    item.action, item.reason, item.is_there = Action.DELETE, Reason.REQUESTED, False


def _settle(item: Item, source: Item | None, run: Run, world: World) -> None:
    """Decide about one resource; a mirror comes after its source."""
    new = item.new
    if (run.targets or run.excludes) and not run.touches(item.urn):
        item.leave()
        if item.taken_with is not None:
            _lose(item, world)
    elif new is None:
        _remove(item)
    else:
        _decide(item, new, source, run, world)


def _lose(item: Item, world: World) -> None:
    """Settle a mirror that is not touched: the engine does not ask whether what a replacement takes along is targeted.

    It makes anew what it then hears of by the name of what it has deleted. By another name it takes it for unchanged.
    """
    assert item.old is not None  # noqa: S101 - it was taken along
    if item.new is None:
        _remove(item)
    elif item.old.urn == item.urn:
        item.action, item.reason, item.after = Action.REPLACE, Reason.SOURCE_REPLACED, world.fresh(item.urn)
    else:
        item.action, item.reason, item.is_there = Action.DELETE, Reason.SOURCE_REPLACED, False


def _decide(item: Item, new: New, source: Item | None, run: Run, world: World) -> None:
    """Decide about one declared resource that the run may change."""
    old = item.old
    item.is_held = new.urn in run.holds
    if new.is_mirror:
        item.source_after = source.after if source is not None else known(new.source_id)
        if source is not None and source.is_held and source.after is None:
            item.source_after = world.fresh(source.urn)
    if old is None:
        item.action, item.reason = Action.CREATE, Reason.NEW
    elif old.instance is not None:
        _compare(item, source, run, world)
    elif not item.is_held:
        item.action, item.reason = Action.REPLACE, Reason.INTERRUPTED
    if item.action in (Action.CREATE, Action.REPLACE):
        item.after = None if item.is_held else item.adopted or world.fresh(new.urn)
    elif old is not None:
        item.after = old.instance


def _compare(item: Item, source: Item | None, run: Run, world: World) -> None:
    """Decide what the difference between an old resource and what is declared means."""
    old, new = item.old, item.new
    assert old is not None  # noqa: S101 - the caller asked
    assert new is not None  # noqa: S101 - as above
    if isinstance(new.resource, Vault):
        fields = vault_fields(old, new)
    else:
        fields = mirror_fields(old, new, _view_before(old, world), _view_after(item, source))
    replacing = [one for one in fields if one.replaces] if fields else fields
    item.fields = fields
    if run.replaces and not run.replaces.isdisjoint((old.urn, new.urn)):
        item.action, item.reason = Action.REPLACE, Reason.REQUESTED
    elif replacing:
        item.action = Action.REPLACE
        item.reason = _why_replaced(replacing, item, source, world)
        is_open = all(isinstance(one.after, Unknown) for one in replacing)
        item.is_certain = not is_open or _is_surely_another(source)
    elif item.taken_with is not None:
        item.action, item.reason = Action.REPLACE, Reason.SOURCE_REPLACED
    elif new.resource.differs_unseen and new.resource is not old.resource:
        is_shown = any(not one.is_unseen for one in fields)
        item.action, item.reason = Action.UPDATE, Reason.ARGUMENTS if is_shown else Reason.UNSEEN
        item.fields = (*fields, *unseen_fields(new.resource, fields))
    elif fields:
        item.action, item.reason = Action.UPDATE, Reason.ARGUMENTS


def _is_surely_another(source: Item | None) -> bool:
    """Whether the source of a mirror is surely a vault that was not there before, though its id is not known yet."""
    if source is None or not source.is_certain:
        return False
    return source.action is Action.REPLACE or (source.action is Action.CREATE and source.adopted is None)


def _why_replaced(replacing: Sequence[FieldChange], item: Item, source: Item | None, world: World) -> Reason:
    paths = {one.path for one in replacing}
    if (
        paths <= {"source", "encrypt_type", "source.region_id"}
        and source is not None
        and source.action is Action.REPLACE
    ):
        return Reason.SOURCE_REPLACED
    unknown = all(isinstance(one.after, Unknown) for one in replacing)
    if unknown and item.new is not None and _depends_on_replaced(item.new.depends_on, world):
        return Reason.DEPENDENCY_REPLACED
    return Reason.ARGUMENTS


def _depends_on_replaced(urns: Iterable[str], world: World) -> bool:
    return any(urn in world.new_foreign and world.new_foreign[urn].action in _REPLACED for urn in urns)


def _view_before(old: Old, world: World) -> SourceView:
    assert isinstance(old.resource, MirrorVault)  # noqa: S101 - the caller asked
    for one in _sources(world).get(old.source_urn or "", ()):
        if isinstance(one, Vault):
            return SourceView(old.resource, one, old.source)
    return SourceView(old.resource, None, old.source)


def _sources(world: World) -> dict[str, list[Resource]]:
    """Return the old vaults by URN, worked out once for each world."""
    if not world.old_by_urn:
        for old in world.olds:
            if not old.resource.pending_delete:
                world.old_by_urn.setdefault(old.urn, []).append(old.resource)
    return world.old_by_urn


def _view_after(item: Item, source: Item | None) -> SourceView:
    assert isinstance(item.resource, MirrorVault)  # noqa: S101 - the caller asked
    vault = source.resource if source is not None and isinstance(source.resource, Vault) else None
    view = SourceView(item.resource, vault, item.source_after)
    if item.source_after is None or (source is not None and source.after != source.before):
        view.id = UNKNOWN
    return view


def _remove(item: Item) -> None:
    assert item.old is not None  # noqa: S101 - it is not declared
    item.action, item.is_there = Action.DELETE, False
    item.reason = Reason.LEFT_TO_DELETE if item.old.resource.pending_delete else Reason.REMOVED


def _take_along(items: list[Item], world: World) -> None:
    """Find the mirrors whose old vaults go in the chain of their source, which is replaced delete-first.

    The engine leaves out those that it has handled before: they copy another source now, and this one waits for them.
    It asks the state alone, also where an earlier run has deleted one of the two already and was interrupted.
    """
    replaced = {
        item.old.urn: item
        for item in items
        if item.old is not None and (item.taken_by or (item.action is Action.REPLACE and not item.create_first))
    }
    if not replaced:
        return
    followers = Followers(world)
    for item in items:
        old = item.old
        if old is None or old.source_urn not in replaced:
            continue
        taker = replaced[old.source_urn]
        is_elsewhere = item.new is not None and item.new.source_urn != taker.urn
        if is_elsewhere and followers.of(item.urn).issuperset(taker.takers):
            continue
        item.taken_with = taker
        item.taken_with.takes.append(item)


class _Condemned:
    """Other resources that are replaced delete-first: the engine deletes first what their replacement replaces.

    It asks that of the old state, with the arguments that come from such a resource as not known. So what the program
    no longer declares goes with it too, and what would not be replaced otherwise is.
    """

    def __init__(self, world: World, run: Run) -> None:
        self._world = world
        self._needs = {urn: one.depends_on for urn, one in world.old_foreign.items()}
        self._urns = {
            urn
            for urn, one in world.new_foreign.items()
            if one.action == "replace" and one.delete_first and run.touches(urn)
        }

    def take(self, items: Iterable[Item]) -> None:
        """Note by which of them items are taken along."""
        followers = Followers(self._world)
        for item in items if self._urns else ():
            takers = self._takers(item)
            if not takers:
                continue
            new = item.new
            is_late = new is None or all(new.urn in followers.of(urn) for urn in takers)
            item.taken_by = (*takers, *(() if new is None or is_late else (new.urn,)))
            if item.action is Action.REPLACE:
                item.is_certain = item.is_certain or is_late
            elif new is None:
                _remove(item)  # the engine does not ask whether what is taken along is excluded
            else:
                item.action, item.reason, item.is_certain = Action.REPLACE, Reason.DEPENDENCY_REPLACED, is_late
                item.after = None if item.is_held else self._world.fresh(new.urn)

    def _takers(self, item: Item) -> tuple[str, ...]:
        """Return those that an old vault goes with: of several, one upon the other, the first."""
        old = item.old
        if old is None or old.instance is None or item.taken_with is not None:
            return ()
        from_ = old.resource.arguments_from
        if not from_ and item.action is Action.REPLACE and _is_open_replacement(item):
            from_ = old.depends_on  # an estate that does not tell
        found = self._below(from_)
        return tuple(sorted(found - self._below(urn for one in found for urn in self._needs.get(one, ()))))

    def _below(self, urns: Iterable[str]) -> set[str]:
        """Return those that resources depend on, through any others that are not ours."""
        seen: set[str] = set()
        waiting = [*urns]
        while waiting:
            urn = waiting.pop()
            if urn not in seen:
                seen.add(urn)
                waiting.extend(self._needs.get(urn, ()))
        return seen & self._urns


def _is_open_replacement(item: Item) -> bool:
    """Whether an argument of its own that is not known yet replaces a resource, or the engine does on request."""
    own = (one for one in item.fields if one.replaces and one.path.partition(".")[0] != "source")
    return item.reason is Reason.REQUESTED or any(isinstance(one.after, Unknown) for one in own)


def _keep_what_excluded_ones_need(items: list[Item], run: Run, world: World) -> None:
    """Keep what an excluded resource depended on: the engine deletes none of that in the same run."""
    if not run.excludes:
        return
    olds = {old.urn: old for old in world.olds if not old.resource.pending_delete}
    waiting = [item.old.urn for item in items if item.old is not None and not run.touches(item.urn)]
    needed: set[str] = set()
    while waiting:
        urn = waiting.pop()
        if urn not in needed:
            needed.add(urn)
            waiting.extend(olds[urn].depends_on if urn in olds else ())
    for item in items:
        if item.action is Action.DELETE and item.urn in needed and not item.taken_by:
            item.leave()
        elif item.action is Action.REPLACE and item.create_first and item.old is not None and item.old.urn in needed:
            item.keeps_old = True
