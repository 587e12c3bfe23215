"""The judge of the planner, judged: plans written by hand, and the order of the engine as the reference has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planning.aftermath import after_stage, after_steps
from planning.brute_force import Orders, Violation, judge
from planning.engine_model import Engine
from planning.service_model import Reading, world_of
from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.estate.resource import Options
from pulumi_cloudbackup.planning.plan import Action, Change, Op, Plan, Reason, Step
from pulumi_cloudbackup.planning.run import Run

NOTHING = Plan((), (), (), (), (), (), True, (), (), "", False)
CREATE_FIRST = Options(delete_before_replace=False)


def vault(name: str, region_id: str = "cn-hangzhou", **more: Any) -> Vault:
    return Vault(name=name, region_id=region_id, **more)


def mirror(name: str, source: str | ExistingSource, region_id: str = "cn-shanghai", **more: Any) -> MirrorVault:
    return MirrorVault(name=name, source=source, region_id=region_id, **more)


def there(one: Any) -> Any:
    return one.model_copy(update={"id": f"v-{one.name}", "status": "CREATED"})


def current(*resources: Any, **more: Any) -> Estate:
    return estate(*map(there, resources), **more)


def estate(*resources: Any, **more: Any) -> Estate:
    vaults = tuple(one for one in resources if isinstance(one, Vault))
    return Estate(vaults=vaults, mirrors=tuple(one for one in resources if isinstance(one, MirrorVault)), **more)


def by_id(name: str, region_id: str = "cn-hangzhou") -> ExistingSource:
    return ExistingSource(id=f"v-{name}", region_id=region_id)


A, B, C = vault("a"), vault("b"), vault("c")
M1, M2 = mirror("m1", "a"), mirror("m2", "b")


def change(name: str, action: Action, **more: Any) -> Change:
    kind = "MirrorVault" if name.startswith("m") else "Vault"
    return Change(name, f"urn:{name}", kind, "default", action, more.pop("reason", Reason.ARGUMENTS), **more)


def steps(*rows: str) -> tuple[Step, ...]:
    """Read steps: ``delete-replaced m1 < create a, delete b``."""
    found = []
    for row in rows:
        own, _, after = row.partition(" < ")
        op, _, name = own.partition(" ")
        kind = "MirrorVault" if name.startswith("m") else "Vault"
        if op == "barrier":
            name = kind = ""
        ids = tuple(one for one in after.split(", ") if one)
        found.append(Step(own, Op(op), name, f"urn:{name}", kind, "", "default", ids))
    return tuple(found)


def read(before: Estate, after: Estate, changes: dict[str, Action], *rows: str, run: Run | None = None) -> Reading:
    listed = tuple(change(name, action) for name, action in changes.items())
    return Reading(before, after, replace(NOTHING, changes=listed, steps=steps(*rows)), run or Run())


REPLACED = ("delete-replaced m1", "create-replacement m1 < delete-replaced m1")
SWAP = (*REPLACED, "delete-replaced m2", "create-replacement m2 < delete-replaced m2")
BOTH = {"m1": Action.REPLACE, "m2": Action.REPLACE}


def violation(code: str, *subjects: str) -> Violation:
    return Violation(code, frozenset(subjects))


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        pytest.param(read(current(A, M1), estate(A, M1), {}), set(), id="nothing"),
        pytest.param(
            read(current(A, M1), estate(A, mirror("m1", "a", "cn-beijing")), {"m1": Action.REPLACE}, *REPLACED),
            set(),
            id="a mirror is replaced delete-first",
        ),
        pytest.param(
            read(current(A, B, M1, M2), estate(A, B, mirror("m1", "b"), mirror("m2", "a")), BOTH, *SWAP),
            {violation("CB402", "m1", "m2")},
            id="two mirrors swap",
        ),
        pytest.param(
            read(
                current(A, B, M1, M2),
                estate(A, B, mirror("m1", "b"), mirror("m2", "a")),
                BOTH,
                *SWAP[:2],
                "delete-replaced m2 < create-replacement m1",
                SWAP[3],
            ),
            {violation("CB402", "m1", "m2")},
            id="two mirrors swap, one after the other",
        ),
        pytest.param(
            read(
                current(A, M1),
                estate(A, mirror("m9", "a")),
                {"m9": Action.CREATE, "m1": Action.DELETE},
                "create m9",
                "barrier 1 < create m9",
                "delete m1 < barrier 1",
            ),
            {violation("CB401", "m9")},
            id="renamed without alias",
        ),
        pytest.param(
            read(
                current(A, M1),
                estate(A, mirror("m9", "a")),
                {"m9": Action.CREATE, "m1": Action.DELETE},
                "delete m1",
                run=Run(holds=frozenset({"urn:m9"})),
            ),
            set(),
            id="the new one is held",
        ),
        pytest.param(
            read(
                current(A, mirror("m1", by_id("a"))),
                estate(),
                {"a": Action.DELETE, "m1": Action.DELETE},
                "delete a",
                "delete m1",
            ),
            {violation("CB403", "a", "m1")},
            id="no edge between a source and its mirror",
        ),
        pytest.param(
            read(
                current(A.model_copy(update={"options": Options(retain_on_delete=True)}), mirror("m1", by_id("a"))),
                estate(),
                {"a": Action.DELETE, "m1": Action.DELETE},
                "delete a",
                "delete m1",
            ),
            set(),
            id="a source that is retained",
        ),
        pytest.param(
            read(
                current(A, M1),
                estate(vault("a", worm_enabled=True)),
                {"a": Action.UPDATE, "m1": Action.DELETE},
                "update a",
                "barrier 1 < update a",
                "delete m1 < barrier 1",
            ),
            {violation("CB406", "a", "m1")},
            id="locked before its mirror is deleted",
        ),
        pytest.param(
            read(current(), estate(A, M1), {"a": Action.CREATE, "m1": Action.CREATE}, "create a", "create m1"),
            {violation("CB407", "m1")},
            id="a mirror may come before its source",
        ),
        pytest.param(
            read(
                current(A),
                estate(vault("a", "cn-beijing"), mirror("m1", by_id("a"))),
                {"a": Action.REPLACE, "m1": Action.CREATE},
                "delete-replaced a",
                "create-replacement a < delete-replaced a",
                "create m1",
            ),
            {violation("CB407", "m1"), violation("CB304", "a", "m1")},
            id="a mirror of a vault that is going",
        ),
        pytest.param(
            read(current(A, mirror("m1", by_id("a"))), estate(), {"a": Action.DELETE}, "delete a"),
            {violation("CB304", "a", "m1")},
            id="a source is deleted, its mirror stays",
        ),
        pytest.param(
            read(
                current(vault("a", worm_enabled=True), M1), estate(), {"m1": Action.DELETE}, "delete m1"
            ),
            {violation("CB305", "m1", "a")},
            id="the mirror of a locked vault",
        ),
        # The new mirror is on another physical vault than the old one (reference 0.5, last row).
        pytest.param(
            read(
                current(vault("a", options=CREATE_FIRST), M1),
                estate(vault("a", "cn-beijing", options=CREATE_FIRST), mirror("m9", "a")),
                {"a": Action.REPLACE, "m9": Action.CREATE, "m1": Action.DELETE},
                "create-replacement a",
                "create m9 < create-replacement a",
                "barrier 1 < create m9",
                "delete m1 < barrier 1",
                "barrier 2 < delete m1",
                "delete-replaced a < barrier 2",
            ),
            set(),
            id="renamed while its source is replaced",
        ),
    ],
)  # fmt: skip
def test_violations_of_plans_written_by_hand(reading: Reading, expected: set[Violation]) -> None:
    """Each order is tried, and what breaks a rule in one of them is found, no more."""
    assert judge(reading, world_of(reading.current, reading.desired)).violations == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(("create a", "create b < create a", "delete c < create b"), (1, 3), id="one after the other"),
        pytest.param(("create a", "create b < delete c", "delete c"), (1, 2), id="room is made for one"),
        pytest.param(("create a < delete c", "create b < delete c", "delete c"), (1, 2), id="room is made first"),
    ],
)
def test_peaks_of_plans_written_by_hand(rows: tuple[str, ...], expected: tuple[int, int]) -> None:
    """A peak is the most that is there after any beginning of any order."""
    changes = {"a": Action.CREATE, "b": Action.CREATE, "c": Action.DELETE}
    reading = read(current(C), estate(A, B), changes, *rows)
    assert judge(reading, world_of(reading.current)).peaks == {("vaults", "", "default"): expected}


def test_orders_are_counted() -> None:
    """Two chains of two steps have nine beginnings."""
    reading = read(current(A, B, M1, M2), estate(A, B, mirror("m1", "b"), mirror("m2", "a")), BOTH, *SWAP)
    assert len(Orders(reading, world_of(reading.current)).worlds()) == 9


def ordered(before: Estate, after: Estate) -> set[str]:
    """Return what the engine guarantees, as words."""
    pairs = Engine(Reading(before, after, NOTHING)).guaranteed()
    return {f"{first.does} {first.id} < {second.does} {second.id}" for first, second in pairs}


def replaced(one: Vault, **more: Any) -> Vault:
    return one.model_copy(update={"region_id": "cn-beijing", **more})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(estate(), estate(A, M1), {"create a@1 < create m1@1"}, id="both are new"),
        pytest.param(current(A, M1), estate(), {"delete v-m1 < delete v-a"}, id="both are removed"),
        pytest.param(current(A, mirror("m1", by_id("a"))), estate(), set(), id="both are removed, no edge"),
        pytest.param(
            current(A, M1),
            estate(A, mirror("m1", "a", "cn-beijing")),
            {"delete v-m1 < create m1@1"},
            id="the region of the mirror changes",
        ),
        pytest.param(
            current(A, M1),
            estate(A, mirror("m9", "a")),
            {"create m9@1 < delete v-m1"},
            id="the mirror is renamed without alias",
        ),
        pytest.param(
            current(A, M1), estate(A, mirror("m9", "a", aliases=("m1",))), set(), id="the mirror is renamed with alias"
        ),
        pytest.param(
            current(A, M1),
            estate(replaced(A, options=CREATE_FIRST), M1),
            {
                "create a@1 < delete v-m1",
                "create a@1 < create m1@1",
                "create a@1 < delete v-a",
                "delete v-m1 < create m1@1",
                "delete v-m1 < delete v-a",
                "create m1@1 < delete v-a",
            },
            id="the source is replaced create-first",
        ),
        pytest.param(
            current(A, M1),
            estate(replaced(A), M1),
            {
                "delete v-m1 < delete v-a",
                "delete v-m1 < create a@1",
                "delete v-m1 < create m1@1",
                "delete v-a < create a@1",
                "delete v-a < create m1@1",
                "create a@1 < create m1@1",
            },
            id="the source is replaced delete-first",
        ),
        pytest.param(
            current(A, M1),
            estate(replaced(A)),
            {"delete v-m1 < delete v-a", "delete v-m1 < create a@1", "delete v-a < create a@1"},
            id="the source is replaced delete-first, the mirror removed",
        ),
        # Whichever the engine hears of first: heard of after its old source, the mirror is deleted in that one's
        # chain and created in its own; heard of before, it is deleted in its own chain and not in the other.
        pytest.param(
            current(A, B, M1),
            estate(replaced(A), B, mirror("m1", "b")),
            {"delete v-a < create a@1"},
            id="the source is replaced delete-first, the mirror moved to another",
        ),
        pytest.param(
            current(A, B, M1, M2),
            estate(A, B, mirror("m1", "b"), mirror("m2", "a")),
            {"delete v-m1 < create m1@1", "delete v-m2 < create m2@1"},
            id="two mirrors swap",
        ),
        pytest.param(
            current(A, vault("b", depends_on=("a",)), vault("c", depends_on=("b",))),
            estate(B),
            set(),
            id="what depends on another through one that stays",
        ),
        pytest.param(
            current(vault("a", options=Options(retain_on_delete=True)), M1),
            estate(replaced(A), M1),
            {"delete v-m1 < create a@1", "delete v-m1 < create m1@1", "create a@1 < create m1@1"},
            id="a source that is retained is not deleted",
        ),
    ],
)  # fmt: skip
def test_order_of_the_engine(before: Estate, after: Estate, expected: set[str]) -> None:
    """The pairs of the reference's tables, and no others (pulumi-engine.md 0.2, 5.1; engine at v3.259.0)."""
    assert ordered(before, after) == expected


def test_state_after_a_held_swap() -> None:
    """What was deleted is gone, what is held is parked, without an id."""
    swapped = estate(A, B, mirror("m1", "b"), mirror("m2", "a"))
    run = Run(holds=frozenset({"urn:m1", "urn:m2"}))
    reading = read(current(A, B, M1, M2), swapped, BOTH, "delete-replaced m1", "delete-replaced m2", run=run)
    after = after_stage(reading, judge(reading, world_of(reading.current)).final)
    assert [(one.name, one.id, one.pending_replacement, one.source) for one in after.mirrors] == [
        ("m1", None, True, "b"),
        ("m2", None, True, "a"),
    ]


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        ((), [("a", "v-a", False, False), ("m1", "v-m1", False, False)]),
        (
            ("create-replacement a",),
            [("a", "v-a", True, False), ("a", "a@1", False, False), ("m1", "v-m1", False, False)],
        ),
        (
            ("create-replacement a", "delete-replaced m1"),
            [("a", "v-a", True, False), ("a", "a@1", False, False), ("m1", "v-m1", False, True)],
        ),
    ],
)
def test_state_after_an_interruption(ran: tuple[str, ...], expected: list[tuple[str, str, bool, bool]]) -> None:
    """A replaced vault is pending deletion, a mirror that is deleted pending replacement; ids are those in state."""
    reading = read(
        current(vault("a", options=CREATE_FIRST), M1),
        estate(replaced(A, options=CREATE_FIRST), M1),
        {"a": Action.REPLACE, "m1": Action.REPLACE},
        "create-replacement a",
        "delete-replaced m1 < create-replacement a",
        "create-replacement m1 < delete-replaced m1",
        "barrier 1 < create-replacement m1",
        "delete-replaced a < barrier 1",
    )
    orders = Orders(reading, world_of(reading.current))
    places = {step.id: place for place, step in enumerate(orders.steps)}
    world = orders.worlds()[sum(1 << places[one] for one in ran)]
    found = after_steps(reading, world, ran)
    assert [
        (one.name, one.id, one.pending_delete, one.pending_replacement) for one in (*found.vaults, *found.mirrors)
    ] == expected
    copied = [one.source for one in found.mirrors]
    assert copied == (
        ["a"] if len(ran) != 1 else [ExistingSource(id="v-a", region_id="cn-hangzhou", encrypt_type="HBR_PRIVATE")]
    )
