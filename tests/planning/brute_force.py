"""What can go wrong in some order of a plan's steps: found by trying all of them.

The state of the world is a function of what has been done, so the orders are walked as down-sets of the partial order
that the plan states: each set once, and from each all steps that may come next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from planning.service_model import (
    PARKED,
    Operation,
    Quota,
    Reading,
    Refusal,
    World,
    ancestors,
    done,
    quotas_of,
    refusals,
)
from pulumi_cloudbackup.planning.plan import Action, Step

ORDER_CODES = ("CB401", "CB402", "CB403", "CB406", "CB407")
"""Pairs of steps that some order may break."""
OF_NEW_MIRROR = ("CB401", "CB407")
"""Those that name the new mirror alone."""
MOST_SETS = 20_000


class TooMany(Exception):  # noqa: N818 - a reason to leave a case out
    """A plan has more orders than there is time for."""


class Violation(NamedTuple):
    """A rule that some order breaks, and between whom."""

    code: str
    subjects: frozenset[str]


@dataclass
class Verdict:
    """What is true of all orders of a plan."""

    violations: set[Violation] = field(default_factory=set)
    peaks: dict[Quota, tuple[int, int]] = field(default_factory=dict)
    """How much is used of each quota at the beginning, and at most; of those that the plan adds to."""
    bare: set[str] = field(default_factory=set)
    """Ids of sources that have a mirror at the beginning, and another one at the end."""
    final: World = field(default_factory=World)

    def of(self, *codes: str) -> set[Violation]:
        return {one for one in self.violations if one.code in codes}


@dataclass(frozen=True)
class Orders:
    """All orders of the steps of a plan."""

    reading: Reading
    start: World

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return self.reading.steps

    @cached_property
    def operations(self) -> dict[str, Operation]:
        return self.reading.operations()

    @cached_property
    def needs(self) -> list[int]:
        """For each step the steps that come before it, as a set of bits."""
        ahead = ancestors(self.reading.plan)
        bits = {step.id: 1 << place for place, step in enumerate(self.steps)}
        return [sum(bits[one] for one in ahead[step.id] if one in bits) for step in self.steps]

    def worlds(self) -> dict[int, World]:
        """Return the world of each down-set, in the order of their sizes."""
        found = {0: self.start}
        layer = [0]
        while layer:
            following: list[int] = []
            for mask in layer:
                for place in self.enabled(mask):
                    after = mask | 1 << place
                    if after not in found:
                        found[after] = done(found[mask], self.operations[self.steps[place].id])
                        following.append(after)
            if len(found) > MOST_SETS:
                raise TooMany
            layer = following
        return found

    def enabled(self, mask: int) -> Iterator[int]:
        """Return the places of the steps that may come next."""
        return (place for place, need in enumerate(self.needs) if not mask >> place & 1 and need & mask == need)

    def judge(self) -> Verdict:
        """Try everything."""
        verdict = Verdict()
        worlds = self.worlds()
        for mask, world in worlds.items():
            for place in self.enabled(mask):
                verdict.violations.update(self.broken(world, self.steps[place]))
        verdict.final = worlds[(1 << len(self.steps)) - 1]
        verdict.peaks = self._peaks(worlds)
        verdict.bare = self._bare(verdict.final)
        return verdict

    def broken(self, world: World, step: Step) -> Iterator[Violation]:
        """Say which rules a step breaks where the world is as it is."""
        return (self._violation(refusal) for refusal in refusals(world, self.operations[step.id]))

    def locked_too_early(self, world: World) -> Iterator[Violation]:
        """Say which mirrors are locked that are still to be deleted."""
        for mirror in world.there.values():
            source = world.there.get(mirror.source)
            if (
                source is not None
                and source.is_locked
                and self._does("lock", source.id)
                and self._does("delete", mirror.id)
            ):
                names = map(self.reading.name_of, (source.id, mirror.id))
                yield Violation("CB406", frozenset(names))

    def _violation(self, refusal: Refusal) -> Violation:
        code = self._code(refusal)
        ids = (refusal.id,) if code in OF_NEW_MIRROR else (refusal.id, refusal.other)
        return Violation(code, frozenset(map(self.reading.name_of, ids)))

    def _code(self, refusal: Refusal) -> str:
        match refusal.why:
            case "second mirror":
                return self._rivalry(refusal.other)
            case "no source":
                return "CB407" if self._comes_or_goes(refusal.other) else "CB210"
            case "still mirrored":
                return "CB403" if self._does("delete", refusal.other) else "CB304"
            case "locked":
                return "CB406" if self._does("lock", refusal.other) else "CB305"

    def _rivalry(self, other: str) -> str:
        """A mirror that nobody declares any more, one that moves itself, or one that stays."""
        if not self._does("delete", other):
            # A run that leaves resources alone may leave the old one where it is.
            return "CB401" if self.reading.run.targets or self.reading.run.excludes else "CB202"
        leaving = next(one for one in self.reading.steps if self._asks(one, "delete", other))
        old = self.reading.deleted(leaving)
        is_moved = not old.pending_delete and self.reading.action_of("MirrorVault", leaving.name) is Action.REPLACE
        return "CB402" if is_moved else "CB401"

    def _asks(self, step: Step, does: str, vault_id: str) -> bool:
        operation = self.operations[step.id]
        return operation.does == does and operation.id == vault_id

    def _does(self, does: str, vault_id: str) -> bool:
        return any(self._asks(step, does, vault_id) for step in self.steps)

    def _comes_or_goes(self, vault_id: str) -> bool:
        if vault_id.endswith(PARKED) or self._does("create", vault_id) or self._does("delete", vault_id):
            return True
        # The state has it, though the service does not any more.
        return any(step.op.deletes and self.reading.deleted(step).id == vault_id for step in self.steps)

    def _peaks(self, worlds: dict[int, World]) -> dict[Quota, tuple[int, int]]:
        before = self.start.usage()
        created = [one.instance for one in self.operations.values() if one.does == "create"]
        added = {quota for instance in created if instance is not None for quota in quotas_of(instance)}
        usages = [world.usage() for world in worlds.values()]
        return {quota: (before[quota], max(usage[quota] for usage in usages)) for quota in added}

    def _bare(self, final: World) -> set[str]:
        """Name the sources that get another mirror: it is not complete when the old one is deleted."""

        def copies(world: World, source: str) -> set[str]:
            return {one.id for one in world.mirrors_of(source)}

        lasting = {one for one in self.start.there if one in final.there and copies(self.start, one)}
        return {one for one in lasting if copies(final, one) and not copies(final, one) & copies(self.start, one)}


def judge(reading: Reading, start: World) -> Verdict:
    """Judge all orders of a plan that begins in a world."""
    return Orders(reading, start).judge()
