"""The estate that an engine run leaves behind, complete or stopped half-way.

As Pulumi writes its state: what was created is there with an id; what was deleted to be created again is pending its
replacement; what was replaced create-first and is still there is pending its deletion; a held creation is parked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from planning.generating import Resource, exists
from planning.service_model import Reading, World, everything, world_of
from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.estate.estate import Usage
from pulumi_cloudbackup.planning.plan import Action, Change, Reason, Step

_LIVED = (
    "id",
    "status",
    "holds_data",
    "snapshot_count",
    "created_time",
    "owner",
    "managed_by",
)
"""What an entry keeps of its vault when its arguments are changed in place."""
_FRESH: dict[str, Any] = {"status": "CREATED", "holds_data": False, "aliases": (), "pending_replacement": False}


@dataclass(frozen=True)
class _Aftermath:
    reading: Reading
    world: World
    """What the service has afterwards."""
    ran: frozenset[str]
    """Ids of the steps that ended."""
    is_complete: bool

    @cached_property
    def steps(self) -> dict[tuple[str, str, bool], Step]:
        """Steps of declared resources, by kind, name and whether they create."""
        return {(one.kind, one.name, one.op.creates): one for one in self.reading.steps if not one.op.deletes}

    @cached_property
    def deletions(self) -> dict[int, Step]:
        """The steps that delete, by the old entry."""
        return {id(self.reading.deleted(one)): one for one in self.reading.steps if one.op.deletes}

    def change(self, one: Resource) -> Change | None:
        plan = self.reading.plan
        found = [
            change
            for change in (*plan.changes, *plan.unchanged)
            if (change.kind, change.name) == (type(one).__name__, one.name)
        ]
        return next((change for change in found if change.reason is not Reason.LEFT_TO_DELETE), None)

    def entries(self) -> Iterator[Resource]:
        for after in everything(self.reading.desired):
            yield from self._declared(after)
        for old in self.reading.removed():
            yield from self._removed(old)

    def _declared(self, after: Resource) -> Iterator[Resource]:
        old = self.reading.before(after)
        change = self.change(after)
        if change is None or change.reason is Reason.NOT_TARGETED:
            yield from [] if old is None else [old]
            return
        creation = self.steps.get((change.kind, change.name, True))
        is_parked = self.reading.is_held(change.urn) and change.action in (Action.CREATE, Action.REPLACE)
        if creation is None and not is_parked:
            yield from self._kept(after, old, change)
        elif (creation is not None and creation.id not in self.ran) or (creation is None and not self.is_complete):
            yield from [] if old is None else self._waiting(old)
        else:
            if old is not None and not self._is_forgotten(old) and exists(old):
                yield old.model_copy(update={"pending_delete": True, "name": after.name})
            yield self._created(after, held=is_parked)

    def _has_come(self, creation: Step | None) -> bool:
        """Whether a creation has ended; a held one has no step, and is taken to be the last thing that a run does."""
        return self.is_complete if creation is None else creation.id in self.ran

    def _created(self, after: Resource, *, held: bool) -> Resource:
        if held:
            return after.model_copy(update={"id": None, "aliases": (), "pending_replacement": True})
        return after.model_copy(update={**_FRESH, "id": self.reading.new_id(after)})

    def _kept(self, after: Resource, old: Resource | None, change: Change) -> Iterator[Resource]:
        update = self.steps.get((change.kind, change.name, False))
        if old is None:
            return
        if old.pending_replacement or (update is not None and update.id not in self.ran):
            yield old
        else:
            yield after.model_copy(update={**{name: getattr(old, name) for name in _LIVED}, "aliases": ()})

    def _is_deleted(self, old: Resource) -> bool:
        step = self.deletions.get(id(old))
        return step is not None and step.id in self.ran

    def _is_forgotten(self, old: Resource) -> bool:
        """Whether the state has an old entry no more; to retain one takes no step."""
        return self._is_deleted(old) or (self.is_complete and id(old) not in self.deletions)

    def _waiting(self, old: Resource) -> Iterator[Resource]:
        """An old entry whose successor is still to be created."""
        if self._is_deleted(old):
            yield old.model_copy(update={"pending_replacement": True, "status": None, "holds_data": None})
        else:
            yield old

    def _removed(self, old: Resource) -> Iterator[Resource]:
        if self._is_deleted(old):
            return
        if id(old) in self.deletions or not self.is_complete or self._is_left_alone(old):
            yield old

    def _is_left_alone(self, old: Resource) -> bool:
        """Whether the run has nothing to do with an old entry that nobody declares."""
        if old.pending_delete:
            return not old.options.retain_on_delete
        change = self.change(old)
        return change is not None and change.reason is Reason.NOT_TARGETED

    def estate(self) -> Estate:
        current = self.reading.current
        entries = [self._renamed(one) for one in self.entries()]
        vaults = tuple(one for one in entries if isinstance(one, Vault))
        mirrors = tuple(self._wired(one, vaults) for one in entries if isinstance(one, MirrorVault))
        after = current.model_copy(update={"vaults": vaults, "mirrors": mirrors})
        return after.model_copy(update={"usage": self._usage(after)})

    def _renamed(self, one: Resource) -> Resource:
        """Let an entry wait for what it waits for by the names of now."""
        names = {
            before.name: after.name
            for after in everything(self.reading.desired)
            if (before := self.reading.before(after)) is not None
        }
        return one.model_copy(update={"depends_on": tuple(names.get(name, name) for name in one.depends_on)})

    def _wired(self, mirror: MirrorVault, vaults: Collection[Vault]) -> MirrorVault:
        """Let an entry name what the mirror really copies: by name where that is the vault of the name."""
        copied = (
            self.world.there[mirror.id].source if isinstance(mirror.id, str) and mirror.id in self.world.there else ""
        )
        if not copied or not exists(mirror) or isinstance(mirror.source, ExistingSource):
            return mirror
        named = next((one for one in vaults if one.name == mirror.source and not one.pending_delete), None)
        if named is not None and named.id == copied and not named.pending_replacement:
            return mirror
        same = next((one for one in vaults if one.id == copied and exists(one) and not one.pending_delete), None)
        if same is not None:
            return mirror.model_copy(update={"source": same.name})
        # The state has an edge to the vault of the name, and the id of another one.
        old = next(one for one in (*self.reading.current.vaults, *vaults) if one.id == copied)
        source = ExistingSource(id=copied, region_id=old.region_id, encrypt_type=old.encrypt_type)
        edge = () if named is None or named.name in mirror.depends_on else (named.name,)
        return mirror.model_copy(update={"source": source, "depends_on": (*mirror.depends_on, *edge)})

    def _usage(self, after: Estate) -> Usage | None:
        """Return what the account says that it uses, where it said so before."""
        said = self.reading.current.usage
        if said is None:
            return None
        used = self.world.usage()
        return Usage(
            vaults=used["vaults", "", after.account],
            mirrors_by_region={
                region: count
                for (quota, region, account), count in used.items()
                if quota != "vaults" and account == after.account
            },
            complete=said.complete,
        )


def after_stage(reading: Reading, world: World) -> Estate:
    """Return the state after a run; ``world``: what the service has then."""
    ran = frozenset(step.id for step in reading.steps)
    return _Aftermath(reading, world, ran, is_complete=True).estate()


def after_steps(reading: Reading, world: World, ran: Collection[str]) -> Estate:
    """Return the state after a run that was stopped when only some of its steps had ended."""
    return _Aftermath(reading, world, frozenset(ran), is_complete=False).estate()


def unlisted_world(world: World, estate: Estate) -> World:
    """Return a world with what an estate does not list any more, as far as it is still there: what was retained."""
    listed = world_of(estate)
    return World({**listed.there, **world.there}, world.unlisted)
