"""What the engine does at a plain ``pulumi up``: which calls, and which of them it guarantees to end before others.

Runs with targets have their own part at the end. Written from the reference (pulumi-engine.md 0.2, 2.1, 2.2, 2.4, 5.1) and the engine's own code at v3.259.0
(``step_generator.go``), never from the planner. Registration order is no guarantee, so where the engine decides by it
(which of two resources it hears of first), both ways are tried and what holds in both is what is guaranteed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal, NamedTuple

from planning.generating import Resource, exists
from planning.service_model import Reading, everything, needs, source_in
from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.planning.plan import Op
from pulumi_cloudbackup.planning.world import urn_of_entry

Doing = Literal["create", "update", "replace", "replace create-first", "none"]


class Call(NamedTuple):
    """One call to the service."""

    does: Literal["create", "delete", "update"]
    id: str
    """The id of the vault; of one that is created a new one."""


Order = set[tuple[Call, Call]]


@dataclass(frozen=True)
class Engine:
    """The engine's behaviour for one pair of estates."""

    reading: Reading

    @property
    def current(self) -> Estate:
        return self.reading.current

    @property
    def desired(self) -> Estate:
        return self.reading.desired

    @cached_property
    def doings(self) -> dict[str, Doing]:
        """What happens to each declared resource, by name."""
        found: dict[str, Doing] = {}
        for vault in self.desired.vaults:
            found[vault.name] = self._vault(vault)
        for mirror in self.desired.mirrors:
            found[mirror.name] = self._mirror(mirror, found)
        return found

    def _vault(self, after: Vault) -> Doing:
        before = self.reading.before(after)
        if not isinstance(before, Vault) or before.pending_replacement:
            return "create"
        facts = ("region_id", "vault_type", "encrypt_type", "kms_key_id")
        if any(getattr(before, fact) != getattr(after, fact) for fact in facts):
            return "replace create-first" if after.options.delete_before_replace is False else "replace"
        mutable = ("vault_name", "description", "tags", "worm_enabled", "resource_group_id", "force_destroy", "timeout")
        changed = before.display_name != after.display_name or any(
            getattr(before, fact) != getattr(after, fact) for fact in mutable
        )
        return "update" if changed else "none"

    def _mirror(self, after: MirrorVault, vaults: dict[str, Doing]) -> Doing:
        before = self.reading.before(after)
        if not isinstance(before, MirrorVault) or before.pending_replacement:
            return "create"
        if before.region_id != after.region_id or before.kms_key_id != after.kms_key_id:
            return "replace"
        if self._copies_another(before, after, vaults):
            return "replace"
        mutable = ("vault_name", "description", "allow_last_copy_loss", "timeout")
        changed = any(getattr(before, fact) != getattr(after, fact) for fact in mutable)
        return "update" if changed else "none"

    def _copies_another(self, before: MirrorVault, after: MirrorVault, vaults: dict[str, Doing]) -> bool:
        copied = source_in(self.current, before)
        if isinstance(after.source, ExistingSource):
            return after.source.id != copied
        if vaults.get(after.source) not in ("none", "update"):
            return True
        return self.reading.id_before(after.source) != copied

    # The order.

    @cached_property
    def calls(self) -> set[Call]:
        """Return all calls, those for what is retained or gone without effect left out."""
        found = {call for chain in self._chains({}).values() for call in chain}
        return found | {self._deletion(old) for old in self._condemned({}) if _is_called(old)}

    def guaranteed(self) -> Order:
        """Return the pairs of which the engine ends the first before it begins the second."""
        doubtful = list(self._doubtful())
        orders = []
        for chosen in product(*map(self._ways, doubtful)):
            first = dict(zip(doubtful, chosen, strict=True))
            orders.append(self._order(first))
        return set.intersection(*orders)

    def _doubtful(self) -> Iterator[str]:
        """Name the mirrors that leave a source which is replaced delete-first, and may be heard of before it is."""
        for mirror in self.desired.mirrors:
            source = self._left_source(mirror)
            if source is not None and not self._is_renamed(mirror) and not self._waits_for(mirror.name, source):
                yield mirror.name

    def _is_renamed(self, mirror: MirrorVault) -> bool:
        before = self.reading.before(mirror)
        return before is not None and before.name != mirror.name

    def _ways(self, name: str) -> list[bool]:
        """Return whether the engine may hear of a mirror before the source that it leaves: surely if that waits for it."""
        source = next(self._left_source(one) for one in self.desired.mirrors if one.name == name)
        return [True] if source is not None and self._waits_for(source, name) else [True, False]

    def _left_source(self, mirror: MirrorVault) -> str | None:
        """Return the vault, replaced delete-first, that a mirror of the state depends on by a property."""
        before = self.reading.before(mirror)
        if not isinstance(before, MirrorVault) or not isinstance(before.source, str) or not exists(before):
            return None
        replaced = (one for one in self.desired.vaults if self.doings[one.name] == "replace")
        return next((one.name for one in replaced if self._name_before(one) == before.source), None)

    def _name_before(self, after: Resource) -> str | None:
        before = self.reading.before(after)
        return before.name if before is not None else None

    @cached_property
    def _edges(self) -> dict[str, set[str]]:
        """What each declared resource waits for, by name."""
        return {one.name: needs(one) for one in everything(self.desired)}

    def _waits_for(self, name: str, other: str) -> bool:
        return any(one == other or self._waits_for(one, other) for one in self._edges.get(name, ()))

    def _deletion(self, old: Resource) -> Call:
        return Call("delete", str(old.id))

    def _chains(self, heard_first: dict[str, bool]) -> dict[str, list[Call]]:
        """Return the calls of each declared resource, in order."""
        taken = self._taken_along(heard_first)
        chains: dict[str, list[Call]] = {}
        for one in everything(self.desired):
            before, doing = self.reading.before(one), self.doings[one.name]
            calls = [self._deletion(old) for old in taken.get(one.name, ())]
            if doing == "replace" and before is not None and _is_called(before) and not _is_among(before, taken):
                calls.append(self._deletion(before))
            if doing == "update" and before is not None:
                calls.append(Call("update", str(before.id)))
            elif doing != "none":
                calls.append(Call("create", self.reading.new_id(one)))
            chains[one.name] = calls
        return chains

    def _taken_along(self, heard_first: dict[str, bool]) -> dict[str, list[Resource]]:
        """Return what is deleted in the chain of a vault that is replaced delete-first, because it depends on it."""
        found: dict[str, list[Resource]] = defaultdict(list)
        ignored = {
            id(before)
            for one in self.desired.mirrors
            if heard_first.get(one.name) and (before := self.reading.before(one))
        }
        for vault in self.desired.vaults:
            if self.doings[vault.name] != "replace":
                continue
            named = self._name_before(vault)
            found[vault.name] = [
                old for old in self.current.mirrors if old.source == named and exists(old) and id(old) not in ignored
            ]
        return found

    def _condemned(self, heard_first: dict[str, bool]) -> list[Resource]:
        """Return what is deleted when the program has ended."""
        taken = self._taken_along(heard_first)
        found = [old for old in self.reading.removed() if not _is_among(old, taken)]
        for one in everything(self.desired):
            before = self.reading.before(one)
            if self.doings[one.name] == "replace create-first" and before is not None:
                found.append(before)
        return found

    def _order(self, heard_first: dict[str, bool]) -> Order:
        chains = self._chains(heard_first)
        ahead: dict[Call, set[Call]] = defaultdict(set)
        for name, chain in chains.items():
            earlier = {call for other in chains if self._waits_for(name, other) for call in chains[other]}
            for place, call in enumerate(chain):
                ahead[call] |= earlier | set(chain[:place])
        done_ = {call for chain in chains.values() for call in chain}
        for rank in self._ranks(self._condemned(heard_first)):
            calls = {self._deletion(old) for old in rank if _is_called(old)}
            for call in calls:
                ahead[call] |= done_
            done_ |= calls
        return {(first, second) for second in ahead for first in _all_ahead(second, ahead)}

    def _ranks(self, condemned: list[Resource]) -> Iterator[list[Resource]]:
        """Yield what is deleted together: what depends on others first."""
        levels: dict[int, int] = {}

        def level(one: Resource) -> int:
            if id(one) not in levels:
                needs = [other for other in condemned if other is not one and _depends(one, other)]
                levels[id(one)] = max((level(other) + 1 for other in needs), default=0)
            return levels[id(one)]

        for height in sorted({level(one) for one in condemned}, reverse=True):
            yield [one for one in condemned if level(one) == height]


def _is_called(old: Resource) -> bool:
    """Whether the deletion of an old resource does anything: what is retained is only forgotten."""
    return exists(old) and not (isinstance(old, Vault) and old.options.retain_on_delete)


def _depends(one: Resource, other: Resource) -> bool:
    """Whether the state says that one resource depends on another."""
    return other.name in needs(one)


def _is_among(old: Resource, taken: dict[str, list[Resource]]) -> bool:
    return any(old is one for olds in taken.values() for one in olds)


def _all_ahead(call: Call, ahead: dict[Call, set[Call]]) -> set[Call]:
    found: set[Call] = set()
    waiting = list(ahead[call])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(ahead.get(one, ()))
    return found


def refused_by_the_engine(reading: Reading, urns: dict[str, str]) -> Iterator[str]:
    """Say what the engine cannot do, or leaves undone, in a run that leaves resources alone (step_generator.go).

    ``urns``: the URNs of declared resources by name. With excludes the engine registers what needs a resource that it
    does not create, and the state refers to nothing; and it keeps all that an excluded resource depends on.
    """
    run = reading.run
    left = {
        one.name: one for one in everything(reading.desired) if one.name in urns and not run.touches(urns[one.name])
    }
    new = {name for name, one in left.items() if reading.before(one) is None}
    for one in everything(reading.desired):
        if one.name not in left and needs(one) & new:
            yield f"{one.name} needs {sorted(needs(one) & new)}, which the run does not create"
    kept = {before.name for one in left.values() if (before := reading.before(one)) is not None}
    kept = {name for name in kept if run.excludes}
    waiting = list(kept)
    while waiting:
        name = waiting.pop()
        found = {need for one in everything(reading.current) if one.name == name for need in needs(one)} - kept
        kept |= found
        waiting.extend(found)
    for step in reading.steps:
        if step.op is Op.DELETE and not step.op.creates and reading.deleted(step).name in kept:
            yield f"{step.id}: what is excluded depends on it in the state, so the engine keeps it"


@dataclass(frozen=True)
class Targets:
    """What the engine refuses, and what it keeps, in a run with targets (step_generator.go)."""

    reading: Reading

    def refusals(self) -> Iterator[str]:
        """Say why the engine refuses the run in every order; nothing: it does not."""
        reached = self._reached
        if self.reading.run.kind == "destroy":
            everybody = everything(self.reading.current)
            yield from (f"{one.name} goes too" for one in everybody if self._old_key(one) in reached - self._targeted)
            return
        kept, taken = self.kept, self._taken
        for old in self.reading.removed():
            stays = _is_in(old, taken) if old.pending_delete else old.name in kept and not _is_in(old, taken)
            if self._old_key(old) in reached - self._targeted and not stays:
                yield f"{old.name} goes too"
        for one in everything(self.reading.desired):
            before = self.reading.before(one)
            is_handled = self._touches(one) or (
                _is_in(before, taken) and before is not None and before.name == one.name
            )
            if is_handled and needs(one) & self._not_created:
                yield f"{one.name} needs {sorted(needs(one) & self._not_created)}"
            is_replaced = self._touches(one) and self._engine.doings[one.name] == "replace create-first"
            if is_replaced and before is not None and self._old_key(before) in reached - self._targeted:
                yield f"{before.name} goes too"
        yield from self._twice()

    def left_alone(self) -> set[str]:
        """Name the old resources of ids that a run which the engine does not refuse surely does not delete."""
        kept = self.kept
        unreached = {one.name for one in everything(self.reading.current) if self._old_key(one) not in self._reached}
        taken = {one.name for one in self._taken}
        renamed = {before.name for one in everything(self.reading.desired) if (before := self.reading.before(one))}
        gone = {one.name for one in self.reading.removed() if not one.pending_delete}
        return (gone & (kept | unreached)) - taken - renamed

    @cached_property
    def kept(self) -> set[str]:
        """What is not declared any more, and what a declared resource that is not targeted depends on."""
        return {name for found in self._behind.values() for name in found if name not in self._now}

    @cached_property
    def _engine(self) -> Engine:
        return Engine(self.reading)

    @property
    def _targeted(self) -> set[str]:
        return set(self.reading.run.targets)

    def _old_key(self, one: Resource) -> str:
        return urn_of_entry(one, one.account or self.reading.current.account)

    def _touches(self, one: Resource) -> bool:
        return urn_of_entry(one, one.account or self.reading.desired.account) in self._targeted

    @cached_property
    def _reached(self) -> set[str]:
        """The targets and what depends on them in the state, by URN."""
        everybody = everything(self.reading.current)
        found = set(self._targeted)
        while True:
            names = {one.name for one in everybody if self._old_key(one) in found}
            more = {self._old_key(one) for one in everybody if needs(one) & names} - found
            if not more:
                return found
            found |= more

    @cached_property
    def _not_created(self) -> set[str]:
        left = (one for one in everything(self.reading.desired) if not self._touches(one))
        return {one.name for one in left if self.reading.before(one) is None}

    @cached_property
    def _now(self) -> dict[str, str]:
        """By the names that resources had, those that they have."""
        both = ((self.reading.before(one), one.name) for one in everything(self.reading.desired))
        return {before.name: name for before, name in both if before is not None}

    @cached_property
    def _taken(self) -> list[Resource]:
        """What goes in the chain of a targeted source that is replaced delete-first."""
        found: list[Resource] = []
        for vault in self.reading.desired.vaults:
            before = self.reading.before(vault)
            doing = self._engine.doings[vault.name]
            is_replaced = doing == "replace" or (doing == "create" and before is not None)
            if before is None or not is_replaced or not self._touches(vault):
                continue
            for old in self.reading.current.mirrors:
                now = next((one for one in self.reading.desired.mirrors if self.reading.before(one) is old), None)
                if old.source == before.name and not (now is not None and self._waits(vault.name, now.name)):
                    found.append(old)
        return found

    @cached_property
    def _behind(self) -> dict[str, set[str]]:
        """By the names of declared resources that are not targeted, what each depends on in the state.

        Behind what goes by the name that it had, the engine does not look.
        """
        found: dict[str, set[str]] = {}
        for one in everything(self.reading.desired):
            before = self.reading.before(one)
            if before is None or self._touches(one) or _is_in(before, self._taken):
                continue
            waiting, seen = [*needs(before)], set[str]()
            while waiting:
                name = waiting.pop()
                if name not in seen:
                    seen.add(name)
                    behind = [old for old in everything(self.reading.current) if old.name == name]
                    ways = [old for old in behind if not old.pending_delete and self._now.get(name) != name]
                    waiting += [need for old in ways for need in needs(old)]
            found[one.name] = seen
        return found

    def _twice(self) -> Iterator[str]:
        """Say what is registered for certain after something that depends on it in the state."""
        for name, behind in self._behind.items():
            for other in behind & self._now.keys():
                if self._waits(self._now[other], name):
                    yield f"{other} is registered twice"

    def _waits(self, name: str, other: str) -> bool:
        needed = {one.name: needs(one) for one in everything(self.reading.desired)}.get(name, set())
        return other in needed or any(self._waits(one, other) for one in needed)


def _is_in(one: Resource | None, some: list[Resource]) -> bool:
    return any(one is other for other in some)
