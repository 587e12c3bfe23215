"""Runs with ``--target``: what the engine does with them, what it keeps, and what it refuses (step_generator.go)."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cloudbackup.estate import Estate, MirrorVault, Vault
from pulumi_cloudbackup.estate.estate import ForeignResource
from pulumi_cloudbackup.estate.resource import Options
from pulumi_cloudbackup.planning import Op, Plan, PlanError, Run, plan
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE, made_urn

A = Vault(name="a", region_id="cn-hangzhou", force_destroy=True)
B = A.model_copy(update={"name": "b"})
M = MirrorVault(name="m", source="a", region_id="cn-shanghai")
FIRST = A.model_copy(update={"options": Options(delete_before_replace=False)})
LEFT = M.model_copy(update={"id": "v-l", "pending_delete": True})
NOTE = "urn:pulumi:estate::default::acme:index:Note::note"


def changed(one: Any, **changes: Any) -> Any:
    return one.model_copy(update=changes)


def moved(vault: Vault, **changes: Any) -> Vault:
    return vault.model_copy(update={"region_id": "cn-beijing", **changes})


def estate(*resources: Vault | MirrorVault, note: tuple[str, ...] | None = None) -> Estate:
    """Put resources together; ``note``: what another resource depends on."""
    return Estate(
        vaults=tuple(one for one in resources if isinstance(one, Vault)),
        mirrors=tuple(one for one in resources if isinstance(one, MirrorVault)),
        foreign=() if note is None else (ForeignResource(urn=NOTE, depends_on=tuple(urn(one) for one in note)),),
    )


def there(*resources: Vault | MirrorVault, note: tuple[str, ...] | None = None) -> Estate:
    known = [one if one.id else changed(one, id=f"v-{one.name}", status="CREATED") for one in resources]
    return estate(*known, note=note)


def urn(name: str) -> str:
    return NOTE if name == "note" else made_urn("default", MIRROR_TYPE if name.startswith("m") else VAULT_TYPE, name)


def targeting(current: Estate, desired: Estate, *names: str, **more: Any) -> Plan:
    return plan(current, desired, run=Run(targets=frozenset(map(urn, names)), **more))


def steps(made: Plan) -> list[str]:
    return [one.id for one in made.steps if one.op is not Op.BARRIER]


RENAMED = changed(A, name="aw", aliases=("a",))
OF_RENAMED = changed(M, source="aw")
BOTH = there(A, M)
CHAIN = ["delete-replaced m", "delete-replaced a", "create-replacement a"]


@pytest.mark.parametrize(
    ("current", "desired", "names", "expected"),
    [
        pytest.param(BOTH, estate(changed(A, name="aw"), OF_RENAMED), "a", [], id="its mirror keeps it"),
        pytest.param(there(A, note=("a",)), estate(note=()), "a", [], id="another resource keeps it"),
        pytest.param(BOTH, estate(), "am", ["delete m", "delete a"], id="both are targeted"),
        pytest.param(BOTH, estate(), "m", ["delete m"], id="the mirror alone"),
        pytest.param(BOTH, estate(moved(A), M), "a", [*CHAIN, "create-replacement m"], id="taken along, and made anew"),
        pytest.param(BOTH, estate(moved(A)), "am", CHAIN, id="taken along, and gone"),
        pytest.param(
            there(FIRST, M),
            estate(moved(FIRST, name="aw", aliases=("a",)), OF_RENAMED),
            ("aw",),
            ["create-replacement aw"],
            id="the old vault goes by a name that is not targeted",
        ),
        pytest.param(there(A, M, LEFT), estate(A, M), "m", ["delete-replaced m"], id="what is left to delete"),
        pytest.param(there(A, M, LEFT), estate(A, M), "b", [], id="what is left to delete stays"),
        pytest.param(there(A), estate(A, B, changed(M, source="b")), "b", ["create b"], id="what needs it can wait"),
    ],
)
def test_what_happens(current: Estate, desired: Estate, names: str, expected: list[str]) -> None:
    assert steps(targeting(current, desired, *names)) == expected


GOES_TOO = '"m" depends on them in the state, and would be deleted too'
MISSING = '"m" needs "b", which is not there yet'
TWICE = '"a" waits for "m", which is not targeted and depends on it in the state: Pulumi would register it twice'


@pytest.mark.parametrize(
    ("current", "desired", "names", "why", "add"),
    [
        pytest.param(BOTH, estate(), "a", GOES_TOO, "m", id="both are removed"),
        pytest.param(
            there(FIRST, M), estate(moved(FIRST)), "a", GOES_TOO, "m", id="the source is replaced create-first"
        ),
        pytest.param(BOTH, estate(moved(A)), "a", GOES_TOO, "m", id="the source is replaced delete-first"),
        pytest.param(BOTH, estate(RENAMED), "a", GOES_TOO, "m", id="by the old name of a source that stays"),
        pytest.param(there(A, M, LEFT), estate(A, M), "a", GOES_TOO, "m", id="a mirror that was left to delete"),
        pytest.param(
            there(B, changed(FIRST, depends_on=("b",))),
            estate(B, moved(FIRST, name="aw", aliases=("a",), depends_on=("b",))),
            ("aw", "b"),
            '"a" depends on them in the state, and would be deleted too',
            "a",
            id="the old vault of a renamed source",
        ),
        pytest.param(BOTH, estate(A, B, changed(M, source="b")), "m", MISSING, "b", id="its source is not created"),
        pytest.param(
            BOTH,
            estate(moved(A), B, changed(M, source="b", depends_on=("a",))),
            "a",
            MISSING,
            "b",
            id="the source of what is made anew is not created",
        ),
        pytest.param(
            there(A, B, M),
            estate(changed(A, depends_on=("m",)), B, changed(M, source="b")),
            "b",
            TWICE,
            "m",
            id="what a left one depended on waits for it",
        ),
        pytest.param(
            there(A, note=("a",)),
            estate(),
            "a",
            '"note" depends on them in the state, and would be deleted too',
            "note",
            id="another resource is removed too",
        ),
    ],
)
def test_what_pulumi_refuses(current: Estate, desired: Estate, names: str, why: str, add: str) -> None:
    """The plan has no steps then, but says what to add; with that it is possible."""
    with pytest.raises(PlanError) as raised:
        targeting(current, desired, *names)
    assert str(raised.value) == f"Pulumi refuses to run with these targets: {why} (add --target '{urn(add)}')."
    assert targeting(current, desired, *names, add).command == "up"


def test_a_destroy_of_a_source_wants_its_mirror() -> None:
    with pytest.raises(PlanError, match="m depends on|would be deleted too"):
        targeting(BOTH, estate(), "a", kind="destroy")
    assert steps(targeting(BOTH, estate(), "a", "m", kind="destroy")) == ["delete m", "delete a"]
    assert steps(targeting(BOTH, estate(A, M), "m", kind="destroy")) == ["delete m"]


def test_everything_that_is_missing_is_told_at_once() -> None:
    others = (B, changed(M, name="m2", source="b"))
    with pytest.raises(PlanError) as raised:
        targeting(there(A, M, *others), estate(), "a", "b")
    assert [name in str(raised.value) for name in (urn("m"), urn("m2"))] == [True, True]


def test_targets_and_excludes_exclude_each_other() -> None:
    with pytest.raises(PlanError, match="not both"):
        targeting(BOTH, estate(A, M), "a", excludes=frozenset([urn("m")]))


@pytest.mark.parametrize(
    ("desired", "names", "note"),
    [
        pytest.param(
            estate(changed(A, name="aw"), OF_RENAMED),
            "a",
            '"a" is targeted and no longer declared, but stays: "m", which is not targeted, depends on it in the state '
            f"(add --target '{urn('m')}')",
            id="a target that stays",
        ),
        pytest.param(
            estate(moved(A), changed(M, name="mw", aliases=("m",))),
            "a",
            '"m" is deleted with its source; "mw", as it is called now, is not targeted and stays in the state without '
            f"a vault (add --target '{urn('mw')}')",
            id="a renamed mirror goes with its source",
        ),
        pytest.param(
            estate(A, changed(B, description="new"), changed(M, source="b")),
            "b",
            'Pulumi fails ("Duplicate resource URN") where it hears of "m" before "a": the former is not targeted and '
            f"depends on the latter in the state (add --target '{urn('m')}')",
            id="a race",
        ),
        pytest.param(estate(moved(A), M), "a", None, id="nothing to note"),
        pytest.param(estate(A, B), "m", None, id="all that is left is as it was"),
    ],
)
def test_what_a_person_should_know(desired: Estate, names: str, note: str | None) -> None:
    made = targeting(there(A, B, M), desired, *names)
    assert made.notes == (() if note is None else (note,))


def test_a_renamed_mirror_that_is_lost_goes_by_its_old_name() -> None:
    """The engine deletes it with its source, and takes what it is called now for unchanged."""
    made = targeting(BOTH, estate(moved(A), changed(M, name="mw", aliases=("m",))), "a")
    assert {(str(one.action), one.name) for one in made.changes} == {("replace", "a"), ("delete", "m")}
    assert [one.op for one in made.steps] == [Op.DELETE_REPLACED, Op.DELETE_REPLACED, Op.CREATE_REPLACEMENT]


def test_a_mirror_goes_before_its_source_is_made_anew_after_an_interruption() -> None:
    """The engine takes along what depends on a source whose old vault an earlier run has deleted already."""
    made = plan(there(changed(A, pending_replacement=True), M), estate(A, M))
    assert steps(made) == ["delete-replaced m", "create-replacement a", "create-replacement m"]
