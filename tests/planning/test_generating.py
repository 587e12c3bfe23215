"""What is generated is what the planner's tests need: possible accounts, and every nasty edit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from planning.generating import Case, Resource, case_of, shuffled
from planning.service_model import everything, limit_of, world_of
from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault

SEEDS = range(1500)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [case_of(seed) for seed in SEEDS]


def test_the_same_seed_gives_the_same_case() -> None:
    assert [case_of(seed) for seed in range(50)] == [case_of(seed) for seed in range(50)]


def test_the_service_could_hold_every_current_estate(cases: list[Case]) -> None:
    """A source has one mirror at most, in another region, and no quota is exceeded."""
    for case in cases:
        world = world_of(case.current)
        copied = Counter(one.source for one in world.there.values() if one.source)
        assert not [source for source, count in copied.items() if count > 1], case
        for one in world.there.values():
            source = world.there.get(one.source)
            assert source is None or (source.region_id != one.region_id and source.account == one.account), case
        for quota, count in world.usage().items():
            assert count <= limit_of(quota, case.current), case


def test_everything_can_be_written_as_a_program(cases: list[Case]) -> None:
    """Names are one resource's alone, and what a resource refers to is declared, without a circle."""
    for case in cases:
        named = {one.name: one for one in everything(case.desired)}
        assert len(named) == len(everything(case.desired)), case
        for one in named.values():
            assert set(refers_to(one)) <= set(named), case
            assert one.name not in reached(one, named), case
            assert one.id is None, case


def refers_to(one: Resource) -> Iterator[str]:
    yield from one.depends_on
    if isinstance(one, MirrorVault) and isinstance(one.source, str):
        yield one.source


def reached(one: Resource, named: dict[str, Resource]) -> set[str]:
    found: set[str] = set()
    waiting = list(refers_to(one))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(refers_to(named[name]))
    return found


def _moved(case: Case) -> list[MirrorVault]:
    olds = {one.name: one for one in case.current.mirrors if not one.pending_delete}
    return [one for one in case.desired.mirrors if one.name in olds and olds[one.name].source != one.source]


def _old(case: Case, name: str) -> Vault | None:
    return next((one for one in case.current.vaults if one.name == name and not one.pending_delete), None)


def _replaced(case: Case) -> list[Vault]:
    found = ((one, _old(case, one.name)) for one in case.desired.vaults)
    return [one for one, old in found if old is not None and old.region_id != one.region_id]


def _entries(estate: Estate) -> tuple[Resource, ...]:
    return everything(estate)


KINDS: dict[str, tuple[Callable[[Case], bool], float]] = {
    "sound": (lambda case: case.is_sound, 0.85),
    "unsound": (lambda case: not case.is_sound, 0.02),
    "nothing is there": (lambda case: not _entries(case.current), 0.01),
    "five vaults": (lambda case: len(case.current.vaults) >= 5, 0.05),
    "two accounts": (lambda case: len({one.account for one in _entries(case.current)}) > 1, 0.05),
    "renamed with alias": (lambda case: any(one.aliases for one in _entries(case.desired)), 0.05),
    "renamed without alias": (lambda case: any(edit.endswith("renamed") for edit in case.edits), 0.1),
    "another mirror of the source": (lambda case: any("removed, m" in edit for edit in case.edits), 0.05),
    "swapped": (lambda case: len(_moved(case)) > 1, 0.1),
    "three moved": (lambda case: len(_moved(case)) > 2, 0.01),
    "source replaced delete-first": (
        lambda case: any(one.options.delete_before_replace is None for one in _replaced(case)),
        0.05,
    ),
    "source replaced create-first": (
        lambda case: any(one.options.delete_before_replace is False for one in _replaced(case)),
        0.02,
    ),
    "a source moves and its mirror too": (
        lambda case: bool(_replaced(case)) and bool(_moved(case)),
        0.02,
    ),
    "source named by id": (
        lambda case: any(isinstance(one.source, ExistingSource) for one in case.desired.mirrors),
        0.1,
    ),
    "waits for another": (lambda case: any(one.depends_on for one in _entries(case.current)), 0.1),
    "left to be deleted": (lambda case: any(one.pending_delete for one in _entries(case.current)), 0.05),
    "interrupted": (lambda case: any(one.pending_replacement for one in _entries(case.current)), 0.05),
    "retained": (lambda case: any(one.options.retain_on_delete for one in case.current.vaults), 0.05),
    "protected": (lambda case: any(one.protect for one in _entries(case.current)), 0.05),
    "locked": (lambda case: any(one.worm_enabled is True for one in case.current.vaults), 0.05),
    "to be locked": (lambda case: any("locked" in edit for edit in case.edits), 0.02),
    "small limits": (lambda case: case.current.limits is not None, 0.3),
    "known usage": (lambda case: case.current.usage is not None, 0.2),
    "without consent": (lambda case: any(one.force_destroy is False for one in case.current.vaults), 0.1),
    "with data": (lambda case: any(one.holds_data is True for one in case.current.vaults), 0.2),
    "source gone": (lambda case: any(one.status == "GONE" for one in case.current.vaults), 0.01),
    "source in error": (lambda case: any(one.status == "ERROR" for one in case.current.vaults), 0.01),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_case_is_generated(kind: str, cases: list[Case]) -> None:
    """Each kind has at least the share of cases that is written beside it."""
    is_one, share = KINDS[kind]
    assert sum(map(is_one, cases)) >= share * len(cases)


def test_shuffled_estates_hold_the_same(cases: list[Case]) -> None:
    mixed = [shuffled(case.current, 1) for case in cases]
    assert [Counter(map(repr, everything(one))) for one in mixed] == [
        Counter(map(repr, everything(case.current))) for case in cases
    ]
    assert any(one != case.current for one, case in zip(mixed, cases, strict=True))
