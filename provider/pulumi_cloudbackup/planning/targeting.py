"""What ``--target`` means beyond "the others stay": what stays although it is targeted, and where Pulumi refuses.

Read in the engine's source (step_generator.go of v3.259.0: generateSteps, validateSteps, GenerateDeletes) and measured:

- A declared resource that is not targeted stays as it is, and so does all that it depends on in the state and that the
  program no longer declares, targeted or not.
- Of the rest the engine deletes the targets and everything that depends on them in the state, and refuses the whole run
  where one of those is no target itself. It asks after the program has run: an ``up`` without a preview has replaced
  by then what it replaces, with all that this takes along, which nobody asks about.
- It refuses too where a resource that it handles needs one that is neither there nor targeted.
- What a declared resource depends on in the state counts as registered from then on. Where the program declares that
  only later, the engine fails ("Duplicate resource URN").

``--target-dependents``, which allows what is refused here, is not planned.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_cloudbackup.planning.following import Followers
from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.world import PlanError, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.run import Run


def keep_to_targets(items: list[Item], run: Run, world: World) -> None:
    """Keep what the engine does not delete with these targets; raise PlanError where it refuses them."""
    if not run.targets:
        return
    if run.excludes:
        raise PlanError("Pulumi takes targets or excludes, not both.")
    staying = _Staying(items, run, world)
    reached = _with_dependents(run.targets, world)
    found = dict.fromkeys((*_refused_deletes(items, run, world, staying, reached), *_not_created(items, run, world)))
    refusals = [*found, *staying.refusals()]
    if refusals:
        raise PlanError(f"Pulumi refuses to run with these targets: {'; '.join(refusals)}.")
    for item in items:
        if staying.keeps(item):
            item.leave()
        elif _is_replaced_first(item) and item.old is not None and item.old.urn not in reached:
            item.keeps_old = True


def notes_on_targets(items: list[Item], run: Run, world: World) -> tuple[str, ...]:
    """Return what a person should know of targets that the engine does not act on, or not in every order."""
    if not run.targets or run.kind == "destroy":
        return ()
    staying = _Staying(items, run, world)
    return (*staying.told(run.targets), *_lost(items), *staying.risks())


@dataclass
class _Staying:
    """What stays because something that is declared and not targeted depends on it in the state."""

    items: list[Item]
    run: Run
    world: World
    kept: dict[str, str] = field(default_factory=dict)
    """By URN what the program no longer declares, each with what keeps it."""
    met: dict[tuple[str, str], None] = field(default_factory=dict)
    """Declared resources that are not targeted, each with another one that it depends on in the state."""

    def __post_init__(self) -> None:
        """Follow the dependencies of the old state."""
        if self.run.kind == "destroy":
            return  # it hears of no program
        needs = {old.urn: old.depends_on for old in self.world.olds if old.is_ours and not old.resource.pending_delete}
        needs |= {urn: one.depends_on for urn, one in self.world.old_foreign.items()}
        now = {item.old.urn: item.urn for item in self.items if item.old is not None and item.new is not None}
        now |= {urn: urn for urn in self.world.new_foreign}
        taken = {item.urn: item.taken_with.urn for item in self.items if item.new is not None and item.taken_with}
        for old_urn, urn in now.items():
            if self.run.touches(urn) or old_urn not in needs:
                continue
            if urn in taken:  # it is made anew: nothing of its old state counts, unless it is heard of first
                self.met[urn, taken[urn]] = None
            else:
                self._follow(old_urn, urn, needs, now)

    def keeps(self, item: Item) -> bool:
        """Whether the old vault of a resource that is no longer declared stays; not one that a replacement takes."""
        old = item.old
        if old is None or item.new is not None or item.is_taken or old.resource.pending_delete:
            return False
        return old.urn in self.kept

    def told(self, targets: Iterable[str]) -> Iterator[str]:
        """Say what is targeted and stays all the same."""
        for urn in sorted(self.kept.keys() & set(targets)):
            by = self.kept[urn]
            yield (
                f'"{_name(urn)}" is targeted and no longer declared, but stays: "{_name(by)}", which is not targeted, '
                f"depends on it in the state ({_adding(by)})"
            )

    def refusals(self) -> Iterator[str]:
        """Say what the engine surely registers twice."""
        followers = Followers(self.world)
        for one, other in self.met:
            if other in followers.of(one):
                yield (
                    f'"{_name(other)}" waits for "{_name(one)}", which is not targeted and depends on it in the state: '
                    f"Pulumi would register it twice ({_adding(one)})"
                )

    def risks(self) -> Iterator[str]:
        """Say what the engine registers twice where it hears of one before the other."""
        followers = Followers(self.world)
        for one, other in self.met:
            if one not in followers.of(other):
                yield (
                    f'Pulumi fails ("Duplicate resource URN") where it hears of "{_name(one)}" before '
                    f'"{_name(other)}": the former is not targeted and depends on the latter in the state '
                    f"({_adding(one)})"
                )

    def _follow(self, old_urn: str, urn: str, needs: Mapping[str, tuple[str, ...]], now: Mapping[str, str]) -> None:
        waiting = list(needs[old_urn])
        seen: set[str] = set()
        while waiting:
            one = waiting.pop()
            if one in seen or one not in needs:
                continue
            seen.add(one)
            if one in now:
                self.met[urn, now[one]] = None
            else:
                self.kept.setdefault(one, urn)
            if now.get(one) != one:  # what is declared by another name now is not found among what was registered
                waiting.extend(needs[one])


def _lost(items: Iterable[Item]) -> Iterator[str]:
    """Say which mirrors go with their source and stay in the state."""
    for item in items:
        if item.action is Action.DELETE and item.new is not None and item.old is not None:
            yield (
                f'"{item.old.name}" is deleted with its source; "{item.name}", as it is called now, is not targeted '
                f"and stays in the state without a vault ({_adding(item.urn)})"
            )


def _with_dependents(targets: Iterable[str], world: World) -> set[str]:
    """Return targets and all that depends on them in the state, what is only still to be deleted included."""
    dependents: dict[str, list[str]] = defaultdict(list)
    needs = [(old.urn, old.depends_on) for old in world.olds if old.is_ours]
    for urn, depends_on in (*needs, *((urn, one.depends_on) for urn, one in world.old_foreign.items())):
        for one in depends_on:
            dependents[one].append(urn)
    found: set[str] = set()
    waiting = list(targets)
    while waiting:
        urn = waiting.pop()
        if urn not in found:
            found.add(urn)
            waiting.extend(dependents[urn])
    return found


def _refused_deletes(items: list[Item], run: Run, world: World, staying: _Staying, reached: set[str]) -> Iterator[str]:
    """Say what the engine would delete although it is no target."""
    gone = [item.old.urn for item in items if item.old is not None and _is_deleted(item, run, staying)]
    stays = set[str]() if run.kind == "destroy" else {*world.new_foreign, *staying.kept}
    gone += [urn for urn in world.old_foreign if urn not in stays]
    for urn in gone:
        if urn in reached and urn not in run.targets:
            yield f'"{_name(urn)}" depends on them in the state, and would be deleted too ({_adding(urn)})'


def _is_deleted(item: Item, run: Run, staying: _Staying) -> bool:
    """Whether the engine would delete an old vault at the end of the run, if it is reached."""
    assert item.old is not None  # noqa: S101 - the caller asked
    if run.kind == "destroy":
        return True
    if item.new is not None:
        return _is_replaced_first(item)
    if item.old.resource.pending_delete:
        return not item.is_taken
    return not staying.keeps(item)


def _is_replaced_first(item: Item) -> bool:
    return item.action is Action.REPLACE and item.create_first and item.before is not None


def _not_created(items: list[Item], run: Run, world: World) -> Iterator[str]:
    """Say what needs a resource that is not there and that the run does not create."""
    if run.kind == "destroy":
        return
    missing = {item.urn for item in items if item.old is None and not run.touches(item.urn)}
    missing |= {one.urn for one in world.new_foreign.values() if one.action == "create" and not run.touches(one.urn)}
    handled = [
        (item.urn, item.new.depends_on)
        for item in items
        if item.new is not None and (run.touches(item.urn) or item.action is Action.REPLACE)
    ]
    handled += [(urn, one.depends_on) for urn, one in world.new_foreign.items() if run.touches(urn)]
    for urn, depends_on in handled:
        for one in depends_on:
            if one in missing:
                yield f'"{_name(urn)}" needs "{_name(one)}", which is not there yet ({_adding(one)})'


def _adding(urn: str) -> str:
    return f"add --target '{urn}'"


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
