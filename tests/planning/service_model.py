"""A tiny model of the service, and what each step of a plan asks of it.

Written from the reference alone (pulumi-engine.md 1, design): it shares no judgement with the planner. A world holds
vaults by their ids; an operation creates one, deletes one, locks one, or does nothing; a refusal says which vaults
stand against each other. A refused operation can be done all the same, so that what comes later can be judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from planning.generating import DOCUMENTED, Resource, exists
from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.planning.plan import Action, Op, Plan, Reason, Step
from pulumi_cloudbackup.planning.run import Run

Quota = tuple[str, str, str]
"""What is limited (``vaults`` or ``mirrors_per_region``), the region or nothing, and the account."""


@dataclass(frozen=True)
class Instance:
    """One physical vault."""

    id: str
    kind: Literal["Vault", "MirrorVault"]
    region_id: str
    account: str
    source: str = ""
    """Mirrors: the id of what it copies."""
    is_locked: bool = False
    """Vaults: whether WORM is on."""
    is_counted: bool = True
    """Whether anybody told of it, so that it counts in a quota."""


@dataclass(frozen=True)
class Refusal:
    """Why the service refuses an operation."""

    why: Literal["second mirror", "no source", "still mirrored", "locked"]
    id: str
    """The vault that the operation is about."""
    other: str
    """The vault that stands against it."""


@dataclass(frozen=True)
class World:
    """What the service has."""

    there: Mapping[str, Instance] = field(default_factory=dict)
    """Vaults by id."""
    unlisted: Mapping[Quota, int] = field(default_factory=dict)
    """What the account uses beside them."""

    def mirrors_of(self, vault_id: str) -> Iterator[Instance]:
        return (one for one in self.there.values() if one.kind == "MirrorVault" and one.source == vault_id)

    def usage(self) -> Counter[Quota]:
        """Return what is used of each quota."""
        used: Counter[Quota] = Counter(self.unlisted)
        for one in self.there.values():
            used.update(quotas_of(one))
        return used


def quotas_of(one: Instance) -> tuple[Quota, ...]:
    """Return the quotas in which a vault counts."""
    if not one.is_counted:
        return ()
    account: Quota = ("vaults", "", one.account)
    return (account,) if one.kind == "Vault" else (account, ("mirrors_per_region", one.region_id, one.account))


def limit_of(quota: Quota, *estates: Estate) -> int:
    """Return how much of a quota there may be."""
    told = next((estate.limits for estate in estates if estate.limits is not None), {})
    return {**DOCUMENTED, **told}[quota[0]]


@dataclass(frozen=True)
class Operation:
    """What one step asks of the service."""

    does: Literal["create", "delete", "lock", "nothing"]
    instance: Instance | None = None
    """What is created, or what is deleted or locked as it was before the run."""

    @property
    def id(self) -> str:
        return self.instance.id if self.instance is not None else ""


NOTHING = Operation("nothing")
PARKED = ", parked"
"""Marks what stands for the id of a vault whose creation is held."""


def refusals(world: World, operation: Operation) -> Iterator[Refusal]:
    """Say why the service refuses an operation in a world; a vault that is gone is deleted without complaint."""
    one = operation.instance
    if one is None:
        return
    if operation.does == "create" and one.kind == "MirrorVault":
        if one.source not in world.there:
            yield Refusal("no source", one.id, one.source)
        for other in world.mirrors_of(one.source):
            if other.id != one.id:
                yield Refusal("second mirror", one.id, other.id)
    if operation.does == "delete" and one.id in world.there:
        for mirror in world.mirrors_of(one.id):
            yield Refusal("still mirrored", one.id, mirror.id)
        for lock in (one.id, one.source):
            if lock in world.there and world.there[lock].is_locked:
                yield Refusal("locked", one.id, lock)


def done(world: World, operation: Operation) -> World:
    """Return the world after an operation, refused or not."""
    one = operation.instance
    if one is None or operation.does == "nothing":
        return world
    there = dict(world.there)
    if operation.does == "create":
        there[one.id] = one
    elif operation.does == "delete":
        there.pop(one.id, None)
    elif one.id in there:
        there[one.id] = replace(there[one.id], is_locked=True)
    return replace(world, there=there)


# From estates to the world.


def world_of(current: Estate, *estates: Estate) -> World:
    """Return the world that a current estate tells of; ``estates``: others that name vaults which nobody declares."""
    there: dict[str, Instance] = {}
    for vault in current.vaults:
        if exists(vault):
            there[str(vault.id)] = _of_vault(current, vault, str(vault.id))
    for mirror in current.mirrors:
        if exists(mirror):
            there[str(mirror.id)] = _of_mirror(current, mirror, str(mirror.id), source_in(current, mirror))
    for one in (mirror for estate in (current, *estates) for mirror in estate.mirrors):
        if isinstance(one.source, ExistingSource) and not _is_listed(current, str(one.source.id)):
            there[str(one.source.id)] = _stranger(current, one)
    return World(there, _unlisted(current, World(there)))


def _is_listed(estate: Estate, vault_id: str) -> bool:
    return any(one.id == vault_id for one in (*estate.vaults, *estate.mirrors))


def _stranger(estate: Estate, mirror: MirrorVault) -> Instance:
    """Return a vault that no estate declares; the account has it."""
    assert isinstance(mirror.source, ExistingSource)
    account = mirror.account or estate.account
    return Instance(str(mirror.source.id), "Vault", str(mirror.source.region_id), account, is_counted=False)


def _unlisted(current: Estate, listed: World) -> dict[Quota, int]:
    """Return what the account says that it uses beside what is listed."""
    if current.usage is None:
        return {}
    used = listed.usage()
    told: dict[Quota, int] = {("vaults", "", current.account): current.usage.vaults or 0}
    for region_id, count in current.usage.mirrors_by_region.items():
        told[("mirrors_per_region", region_id, current.account)] = count
    return {quota: count - used[quota] for quota, count in told.items() if count > used[quota]}


def source_in(estate: Estate, mirror: MirrorVault) -> str:
    """Return the id of what a mirror of a current estate copies; empty: nothing that is there."""
    if isinstance(mirror.source, ExistingSource):
        return str(mirror.source.id)
    named = (one for one in estate.vaults if one.name == mirror.source and not one.pending_delete)
    vault = next(named, None)
    return str(vault.id) if vault is not None and vault.id is not None and not vault.pending_replacement else ""


def _of_vault(estate: Estate, vault: Vault, vault_id: str) -> Instance:
    account = vault.account or estate.account
    return Instance(vault_id, "Vault", str(vault.region_id), account, is_locked=vault.worm_enabled is True)


def _of_mirror(estate: Estate, mirror: MirrorVault, vault_id: str, source: str) -> Instance:
    account = mirror.account or estate.account
    return Instance(vault_id, "MirrorVault", str(mirror.region_id), account, source)


# From a plan to operations.


@dataclass(frozen=True)
class Reading:
    """A plan, read with the estates that it was made of: who was what, and which vault each step touches."""

    current: Estate
    desired: Estate
    plan: Plan
    run: Run = field(default_factory=Run)
    label: str = "1"
    """What tells the vaults that this run creates from those of other runs."""

    @cached_property
    def _there(self) -> Mapping[str, Instance]:
        return world_of(self.current).there

    def before(self, after: Resource) -> Resource | None:
        """Return the old resource that a declared one is: by its own name first, then by its aliases in order."""
        return self._matched.get((type(after).__name__, after.name))

    @cached_property
    def _matched(self) -> dict[tuple[str, str], Resource]:
        olds = {(type(one).__name__, one.name): one for one in everything(self.current) if not one.pending_delete}
        found: dict[tuple[str, str], Resource] = {}
        for one in everything(self.desired):
            key = (type(one).__name__, one.name)
            if key in olds:
                found[key] = olds.pop(key)
        for one in everything(self.desired):
            key = (type(one).__name__, one.name)
            for alias in one.aliases:
                if key not in found and (key[0], alias) in olds:
                    found[key] = olds.pop((key[0], alias))
        return found

    def declared(self, kind: str, name: str) -> Resource | None:
        """Return the declared resource of a kind and a name."""
        return next((one for one in everything(self.desired) if (type(one).__name__, one.name) == (kind, name)), None)

    def removed(self) -> list[Resource]:
        """Return the old resources that no declared one is, and those that an earlier run left to be deleted."""
        kept = {id(one) for one in self._matched.values()}
        return [one for one in everything(self.current) if id(one) not in kept]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are more than barriers."""
        return tuple(one for one in self.plan.steps if one.op is not Op.BARRIER)

    def operations(self) -> dict[str, Operation]:
        """Return what each step asks of the service, by step id."""
        return {step.id: self._operation(step) for step in self.steps}

    def _operation(self, step: Step) -> Operation:
        if step.op.creates:
            return self._creation(step)
        if step.op.deletes:
            old = self.deleted(step)
            if old.options.retain_on_delete and isinstance(old, Vault):
                return NOTHING
            instance = self._there.get(str(old.id))
            return Operation("delete", instance) if exists(old) else NOTHING
        return self._update(step)

    def _update(self, step: Step) -> Operation:
        after = self.declared(step.kind, step.name)
        assert after is not None, f"{step.id} updates what nobody declares"
        old = self.before(after)
        assert old is not None, f"{step.id} updates what is not there"
        if isinstance(after, Vault) and isinstance(old, Vault) and after.worm_enabled is True and not old.worm_enabled:
            return Operation("lock", self._there.get(str(old.id)))
        return NOTHING

    def is_held(self, urn: str) -> bool:
        """Whether the creation of a resource waits for a later run."""
        return urn in self.run.holds

    def _creation(self, step: Step) -> Operation:
        if self.is_held(step.urn):
            return NOTHING
        after = self.declared(step.kind, step.name)
        assert after is not None, f"{step.id} creates what nobody declares"
        if isinstance(after, Vault):
            return Operation("create", _of_vault(self.desired, after, self.new_id(after)))
        return Operation("create", _of_mirror(self.desired, after, self.new_id(after), self.source_of(after, step)))

    def new_id(self, one: Resource) -> str:
        """Return the id that a vault gets which this run creates."""
        return f"{one.name}@{self.label}"

    def source_of(self, mirror: MirrorVault, step: Step) -> str:
        """Return the id of what a mirror copies that a step creates."""
        before = self.before(mirror)
        if not self.run.touches(step.urn) and isinstance(before, MirrorVault):
            # The engine makes a dependent that is not targeted anew as it was (pulumi-engine.md 0.5).
            return source_in(self.current, before)
        if isinstance(mirror.source, ExistingSource):
            return str(mirror.source.id)
        return self.id_after(mirror.source) or f"{mirror.source}, which is not there"

    def id_before(self, vault_name: str) -> str | None:
        """Return the id that a declared vault has before the run."""
        vault = self.declared("Vault", vault_name)
        old = self.before(vault) if vault is not None else None
        return str(old.id) if old is not None and old.id is not None and not old.pending_replacement else None

    def id_after(self, vault_name: str) -> str | None:
        """Return the id of a declared vault when the run has ended; ``None``: it has none."""
        vault = self.declared("Vault", vault_name)
        found = [one for one in self.plan.changes if (one.kind, one.name) == ("Vault", vault_name)]
        change = next((one for one in found if one.reason is not Reason.LEFT_TO_DELETE), None)
        before = self.id_before(vault_name)
        unchanged = next((one for one in self.plan.unchanged if (one.kind, one.name) == ("Vault", vault_name)), None)
        if before is None and unchanged is not None and self.is_held(unchanged.urn):
            return f"{vault_name}{PARKED}"
        if vault is None or change is None or change.action not in (Action.CREATE, Action.REPLACE):
            return before
        return f"{vault_name}{PARKED}" if self.is_held(change.urn) else self.new_id(vault)

    def deleted(self, step: Step) -> Resource:
        """Return the old resource that a step deletes."""
        found = self._candidates(step)
        if len(found) > 1:
            found = [one for one in found if one.region_id == step.region_id] or found
        assert found, f"{step.id} deletes what is not there"
        alike = [one for one in self.steps if one.op.deletes and _place(one) == _place(step)]
        if len(found) == 1 or len(alike) == 1:
            return found[0]
        twins = [one for one in alike if self._is_of_leftover(one) is self._is_of_leftover(step)]
        if len(twins) > 1:
            return found[min(twins.index(step), len(found) - 1)]
        return next((one for one in found if one.pending_delete is self._is_of_leftover(step)), found[0])

    def _is_of_leftover(self, step: Step) -> bool:
        """Whether the engine uses this word for what an earlier run left to be deleted (step_generator.go).

        Taken along in the chain of a source, a leftover is deleted and another one delete-replaced; at the end it is the
        other way round.
        """
        ahead = ancestors(self.plan)
        barriers = {one.id for one in self.plan.steps if one.op is Op.BARRIER}
        is_in_a_chain = any(step.id in ahead[one.id] and not ahead[one.id] & barriers for one in self.steps)
        return step.op is (Op.DELETE if is_in_a_chain else Op.DELETE_REPLACED)

    def _candidates(self, step: Step) -> list[Resource]:
        after = self.declared(step.kind, step.name) if self.run.kind == "up" else None
        old = self.before(after) if after is not None else None
        leaving = self.removed() if self.run.kind == "up" else everything(self.current)
        of_kind = [one for one in leaving if type(one).__name__ == step.kind]
        found = [one for one in of_kind if one.name == step.name]
        found = [one for one in found if exists(one)] or found
        if old is None:
            return found
        replaced = self.action_of(step.kind, step.name) is Action.REPLACE
        return [old, *found] if (replaced and exists(old)) or not found else found

    def action_of(self, kind: str, name: str) -> Action | None:
        """Return what the plan says that happens to a declared resource."""
        found = [one for one in self.plan.changes if (one.kind, one.name) == (kind, name)]
        return next((one.action for one in found if one.reason is not Reason.LEFT_TO_DELETE), None)

    def name_of(self, vault_id: str) -> str:
        """Return what reports call a vault."""
        for (_, name), old in self._matched.items():
            if old.id == vault_id and self.run.kind == "up":
                return name
        old_ = next((one for one in everything(self.current) if one.id == vault_id), None)
        return old_.name if old_ is not None else vault_id.partition("@")[0].partition(",")[0]


def _place(step: Step) -> tuple[str, str, str]:
    return step.kind, step.name, step.region_id


def needs(one: Resource) -> set[str]:
    """Name what a resource depends on directly."""
    source = {one.source} if isinstance(one, MirrorVault) and isinstance(one.source, str) else set[str]()
    return source | set(one.depends_on)


def everything(estate: Estate) -> tuple[Resource, ...]:
    """Return all entries of an estate."""
    return (*estate.vaults, *estate.mirrors)


def ancestors(plan: Plan) -> dict[str, frozenset[str]]:
    """Return, for each step, all that the engine guarantees to have ended before."""
    direct = {step.id: step.after for step in plan.steps}
    assert len(direct) == len(plan.steps), "two steps have one id"
    found: dict[str, frozenset[str]] = {}

    def up(step_id: str, path: Collection[str]) -> frozenset[str]:
        assert step_id not in path, f"the order of {step_id} is circular"
        if step_id not in found:
            found[step_id] = frozenset().union(*({one} | up(one, {*path, step_id}) for one in direct[step_id]))
        return found[step_id]

    for step_id in direct:
        up(step_id, ())
    return found
