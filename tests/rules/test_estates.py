"""What one estate decides: a table of estates as data, and laws over generated ones."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulumi_cloudbackup.estate import UNKNOWN, Estate, ExistingSource, MirrorVault, Vault, estate_from_json
from pulumi_cloudbackup.estate.estate import Usage
from pulumi_cloudbackup.rules import BOOK, EstateVerdict, Problem, Severity, judge_estate

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "estates.json").read_text())
LAWS = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


def codes_of(verdict: EstateVerdict) -> list[str]:
    """A warning's code ends in ``W``, one that is not yet known in ``?``."""
    told = [f"{problem.code}{'W' if problem.severity is Severity.WARNING else ''}" for problem in verdict.problems]
    return sorted(told + [f"{open_.code}?" for open_ in verdict.not_yet_known])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Estate to codes."""
    estate = estate_from_json(json.dumps(case["estate"]))
    assert codes_of(judge_estate(estate, backup_targets=case.get("backup_targets", ()))) == case["codes"]


def test_the_table_knows_every_rule_that_an_estate_decides() -> None:
    """Each is broken at least once; the others need a change (``plans.json``), the live account or the settings."""
    broken = {code.rstrip("W") for case in CASES for code in case["codes"] if not code.endswith("?")}
    of_changes = {"CB109", "CB304", "CB308"} | {code for code in BOOK if code.startswith("CB4")}
    assert set(BOOK) - broken == {"CB100", "CB111", "CB112", "CB113"} | of_changes
    assert len(CASES) >= 60


def test_problems_come_by_resource_then_by_code() -> None:
    """The order of the estate, vaults first."""
    estate = Estate(
        vaults=(
            Vault(name="z", region_id="cn-hangzhou", vault_type="X", vault_name=""),
            Vault(name="a", region_id="cn-hangzhou", encrypt_type="KMS"),
        ),
        mirrors=(
            MirrorVault(name="m2", source="a", region_id="cn-hangzhou", encrypt_type="HBR_PRIVATE"),
            MirrorVault(name="m1", source="a", region_id="cn-shanghai", encrypt_type="KMS", kms_key_id="alias/a"),
        ),
    )
    told = [(problem.code, *problem.subjects) for problem in judge_estate(estate).problems]
    assert told == [
        ("CB101", "z"),
        ("CB104", "z"),
        ("CB106", "a"),
        ("CB201", "m2"),
        ("CB202", "m2", "m1"),
        ("CB206", "m2"),
    ]


def test_a_second_mirror_is_told_with_its_owner_and_a_way_out() -> None:
    """Who has the other mirror, where it is, and the line that takes it over."""
    source = ExistingSource(id="v-1", region_id="cn-hangzhou")
    mine = MirrorVault(name="orders-dr", source=source, region_id="cn-shanghai")
    owner = "retail/prod/orders-dr#aaaaaaaaaaaaaaaa"
    theirs = MirrorVault(name="old", source=source, region_id="cn-beijing", id="v-9", managed_by="other", owner=owner)
    (problem,) = judge_estate(Estate(mirrors=(mine, theirs))).problems
    assert problem.subjects == ("orders-dr",)
    assert problem.detail == (
        'Source v-1 already has the mirror vault "old" (v-9) in cn-beijing, managed by retail/prod/orders-dr; the '
        'program declares "orders-dr" in cn-shanghai. A source has at most one mirror; any further one ends in status '
        "ERROR."
    )
    assert problem.fix == 'Delete the existing one first, or remove "orders-dr".'
    free = theirs.model_copy(update={"managed_by": "none", "owner": None, "region_id": "cn-shanghai"})
    (problem,) = judge_estate(Estate(mirrors=(mine, free))).problems
    assert 'add adopt_id="v-9" to "orders-dr"' in problem.fix


def test_a_count_of_mirrors_says_what_no_document_says() -> None:
    """CB212 counts mirrors and tells that it does, where that decides."""
    vaults = tuple(Vault(name=f"v{number}", region_id="cn-hangzhou") for number in range(100))
    mirror = MirrorVault(name="m", source="v0", region_id="cn-shanghai")
    (with_mirror,) = judge_estate(Estate(vaults=vaults, mirrors=(mirror,))).problems
    assert "101 vaults (1 of them are mirror vaults; no document says whether those count)" in with_mirror.detail
    (alone,) = judge_estate(Estate(vaults=(*vaults, Vault(name="one more", region_id="cn-hangzhou")))).problems
    assert "no document" not in alone.detail


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        pytest.param({}, ("CB103", "CB202", "CB203", "CB204", "CB205", "CB206", "CB207", "CB210", "CB211", "CB212"), id="offline"),
        pytest.param({"live_regions": ("cn-hangzhou", "cn-shanghai")}, ("CB202", "CB203", "CB204", "CB205", "CB206", "CB210", "CB211", "CB212"), id="regions"),
        pytest.param({"usage": {"complete": True, "vaults": 9}}, ("CB103", "CB202", "CB203", "CB204", "CB205", "CB206", "CB207", "CB210"), id="numbers"),
    ],
)  # fmt: skip
def test_what_was_not_verified_live_is_said(more: dict[str, Any], codes: tuple[str, ...]) -> None:
    """A verdict names the rules that the account could still break."""
    mirror = MirrorVault(name="m", source=ExistingSource(id="v-1", region_id="cn-hangzhou"), region_id="cn-shanghai")
    assert judge_estate(Estate.model_validate({"mirrors": (mirror,), **more})).unverified == codes


REGIONS = ["cn-hangzhou", "cn-shanghai", "cn-heyuan", "cn-nowhere", ""]
IDS = ["v-1", "v-2", "v-3"]


def or_unknown(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([*values, UNKNOWN])


common = {
    "region_id": or_unknown(REGIONS),
    "id": or_unknown([None, None, *IDS]),
    "adopt_id": st.sampled_from([None, None, None, "v-1", "v-2"]),
    "account": st.sampled_from([None, None, "b"]),
    "vault_name": or_unknown([None, None, "", "x", "x" * 65]),
    "description": or_unknown([None, "x" * 300]),
    "kms_key_id": or_unknown([None, None, "", "key", "alias/a"]),
    "managed_by": st.sampled_from([None, None, None, "this", "other", "none"]),
    "owner": st.sampled_from([None, None, "p/s/n#a", "p/s/m#b"]),
    "status": st.sampled_from([None, "CREATED", "INITIALIZING", "ERROR", "GONE", "UNKNOWN", "?"]),
    "created_time": st.sampled_from([None, 1704067200]),
    "holds_data": or_unknown([None, True, False]),
    "pending_delete": st.sampled_from([False, False, False, True]),
    "pending_replacement": st.sampled_from([False, False, True]),
}
vaults = st.fixed_dictionaries(
    {
        **common,
        "vault_type": or_unknown(["STANDARD", "OTS_BACKUP", "X"]),
        "encrypt_type": or_unknown(["HBR_PRIVATE", "KMS", "AES"]),
        "worm_enabled": or_unknown([False, True]),
        "force_destroy": or_unknown([False, True]),
        "tags": or_unknown([None, {}, {"": "x"}, {"a": UNKNOWN}]),
        "charge_type": or_unknown([None, "FREE", "V1"]),
        "is_trial": or_unknown([None, True, False]),
        "mirror_id": or_unknown([None, None, "v-1", "v-9"]),
    }
)
mirrors = st.fixed_dictionaries(
    {
        **common,
        "source": st.one_of(
            st.sampled_from(["n0", "n1", "n2", "n3", "nobody"]),
            st.builds(ExistingSource, id=or_unknown([*IDS, ""]), region_id=or_unknown(REGIONS)),
        ),
        "encrypt_type": or_unknown([None, "HBR_PRIVATE", "KMS"]),
        "redundancy_type": or_unknown([None, "LRS", "ZRS"]),
        "allow_last_copy_loss": or_unknown([None, "v-1"]),
        "worm_enabled": or_unknown([None, True]),
    }
)


@st.composite
def estates(draw: st.DrawFn) -> Estate:
    """Any estate: names are unique, nothing else is sound."""
    entries = draw(
        st.lists(
            st.one_of(vaults.map(lambda one: (Vault, one)), mirrors.map(lambda one: (MirrorVault, one))), max_size=7
        )
    )
    resources = [model(name=f"n{number}", **entry) for number, (model, entry) in enumerate(entries)]
    return Estate(
        vaults=tuple(one for one in resources if isinstance(one, Vault)),
        mirrors=tuple(one for one in resources if isinstance(one, MirrorVault)),
        as_of=draw(st.sampled_from([None, "2024-01-01T00:30:00Z", "yesterday"])),
        usage=draw(st.sampled_from([None, Usage(vaults=99), Usage(mirrors_by_region={"cn-shanghai": 5}), Usage(complete=True, vaults=1)])),
        limits=draw(st.sampled_from([None, {"vaults": 3}, {"mirrors_per_region": 1}])),
        live_regions=draw(st.sampled_from([None, None, ("cn-hangzhou", "cn-shanghai")])),
        listed_regions=draw(st.sampled_from([(), ("cn-hangzhou",)])),
    )  # fmt: skip


def content(problem: Problem) -> tuple[Any, ...]:
    return (problem.code, problem.severity, problem.detail, problem.fix, frozenset(problem.subjects), problem.argument)


@given(estate=estates(), targets=st.sets(st.sampled_from(["n0", "n1", "v-1"])))
@LAWS
def test_any_estate_is_judged(estate: Estate, targets: set[str]) -> None:
    """No exception; every problem is about declared resources, in words, and told once; the same every time."""
    verdict = judge_estate(estate, backup_targets=targets)
    assert judge_estate(estate, backup_targets=targets) == verdict
    ours = {one.name for one in (*estate.vaults, *estate.mirrors) if one.managed_by in (None, "this")}
    place = {one.name: number for number, one in enumerate((*estate.vaults, *estate.mirrors))}
    for problem in verdict.problems:
        assert problem.subjects
        assert set(problem.subjects) <= ours
        assert problem.summary == BOOK[problem.code].summary
        assert problem.severity in BOOK[problem.code].severities
        assert "\n" not in problem.one_line
        assert "<known only" not in problem.one_line
    assert len(set(verdict.problems)) == len(verdict.problems)
    assert len(set(verdict.not_yet_known)) == len(verdict.not_yet_known)
    order = [(place[problem.subjects[0]], problem.code) for problem in verdict.problems]
    assert order == sorted(order)


@given(estate=estates(), seed=st.integers(0, 10_000))
@LAWS
def test_the_order_of_declaration_changes_no_problem(estate: Estate, seed: int) -> None:
    """Only the order in which they are told."""
    shuffled_vaults, shuffled_mirrors = list(estate.vaults), list(estate.mirrors)
    random.Random(seed).shuffle(shuffled_vaults)  # noqa: S311 - an order, not a secret - an order, not a secret
    random.Random(seed).shuffle(shuffled_mirrors)  # noqa: S311
    other = estate.model_copy(update={"vaults": tuple(shuffled_vaults), "mirrors": tuple(shuffled_mirrors)})
    here, there = judge_estate(estate), judge_estate(other)
    assert {content(problem) for problem in here.problems} == {content(problem) for problem in there.problems}
    assert set(here.not_yet_known) == set(there.not_yet_known)
    assert here.unverified == there.unverified


@given(estate=estates(), data=st.data())
@LAWS
def test_what_is_unknown_never_passes(estate: Estate, data: st.DataObject) -> None:
    """A rule that some value of an argument breaks is broken or open while that argument is not known."""
    resources = [one for one in (*estate.vaults, *estate.mirrors) if one.managed_by in (None, "this")]
    if not resources:
        return
    chosen = data.draw(st.sampled_from(resources))
    fields = ["region_id", "vault_name", "description", "kms_key_id", "encrypt_type"]
    fields += ["vault_type", "tags", "charge_type", "is_trial"] if isinstance(chosen, Vault) else ["redundancy_type"]
    changed: dict[str, Any] = {data.draw(st.sampled_from(fields)): UNKNOWN}
    if isinstance(chosen, MirrorVault) and isinstance(chosen.source, ExistingSource) and data.draw(st.booleans()):
        changed = {"source": chosen.source.model_copy(update={"id": UNKNOWN})}
    blurred = estate.model_copy(
        update={
            key: tuple(one.model_copy(update=changed) if one is chosen else one for one in getattr(estate, key))
            for key in ("vaults", "mirrors")
        }
    )
    before, after = judge_estate(estate), judge_estate(blurred)
    told = {problem.code for problem in after.problems} | {open_.code for open_ in after.not_yet_known}
    # Facts about a source whose id is not known come from a live account, if there is one; it is said that they do.
    told |= set(after.unverified) if "source" in changed else set()
    assert {problem.code for problem in before.problems} - told <= (
        {"CB208", "CB214", "CB201"} if "source" in changed else set()
    )


@pytest.mark.parametrize("shape", ["pairs", "one source", "one id", "unknown ids", "many regions", "leaving", "wrong"])
def test_work_grows_with_the_estate_not_with_pairs(shape: str) -> None:
    """A thousand resources in a blink, and eight times as many in about eight times as long."""
    small, large = (min(seconds(shape, size) for _ in range(3)) for size in (1_000, 8_000))
    assert small < 0.2
    # Pairs would take 64 times as long; the rest is room for a busy machine.
    assert large < 40 * max(small, 0.005)


def seconds(shape: str, size: int) -> float:
    source = ExistingSource(id="v-1", region_id="cn-hangzhou")
    unknown = ExistingSource(id=UNKNOWN, region_id="cn-hangzhou")
    half = range(size // 2)
    sources: dict[str, Any] = {"one id": source, "unknown ids": unknown, "one source": "v0"}
    wrong: dict[str, Any] = {"vault_type": "X", "encrypt_type": "KMS", "vault_name": ""} if shape == "wrong" else {}
    leaving: dict[str, Any] = {"pending_delete": shape == "leaving"}
    estate = Estate(
        vaults=tuple(Vault(name=f"v{n}", region_id="cn-hangzhou", account=f"a{n // 50}" if shape == "pairs" else None, **wrong) for n in half),
        mirrors=tuple(
            MirrorVault(
                name=f"m{n}",
                source=sources.get(shape, f"v{n}"),
                region_id=(f"r{n}" if n % 2 else UNKNOWN) if shape == "many regions" else "cn-shanghai",
                account=f"a{n // 50}" if shape == "pairs" else None,
                **leaving,
            )
            for n in half
        ),
    )  # fmt: skip
    begin = time.process_time()
    judge_estate(estate)
    return time.process_time() - begin
