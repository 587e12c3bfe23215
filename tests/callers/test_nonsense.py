"""Whatever a program writes, whatever a state holds: judging answers, it never breaks down."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulumi_cloudbackup.estate import UNKNOWN, LiveVault
from pulumi_cloudbackup.estate.arguments import MIRROR_ARGUMENTS, VAULT_ARGUMENTS
from pulumi_cloudbackup.estate.estate import Estate
from pulumi_cloudbackup.resources.account import LiveAccount
from pulumi_cloudbackup.resources.checking import checked_mirror, checked_vault
from pulumi_cloudbackup.resources.fates import Evidence
from pulumi_cloudbackup.resources.judging import judge_declarations, report
from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE, OldResource
from pulumi_cloudbackup.resources.questions import questions
from pulumi_cloudbackup.resources.resolving import Declaration, Declared
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.wire import SOURCE_FACTS, source_property
from pulumi_cloudbackup.rules import BOOK

FUZZ = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
odd_texts = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["", " ", "\x00", "\ud800", "é\u0301", "x" * 300, "\u202e", "{}", "%s", "*", "cn-hangzhou", "v-1"]),
)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
"""Pulumi takes any text for a name that can be written as UTF-8."""
odd = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        odd_texts,
        st.just(UNKNOWN),
        st.binary(max_size=2),
        st.just(2**70),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(odd_texts, inner, max_size=2) | st.tuples(inner),
    max_leaves=3,
)
sound: dict[str, Any] = {
    "region_id": "cn-hangzhou",
    "vault_name": "orders",
    "vault_type": "STANDARD",
    "encrypt_type": "KMS",
    "kms_key_id": "key-1",
    "tags": {"team": "shop"},
    "worm_enabled": True,
    "force_destroy": True,
    "timeout": 60,
    "source_vault_id": "v-1",
    "source_region_id": "cn-hangzhou",
    "source_encrypt_type": "KMS",
}
OWNER = "shop/dev/orders#aaaaaaaaaaaaaaaa"
KINDS = {"Vault": VAULT_TYPE, "MirrorVault": MIRROR_TYPE}
OPTIONS = ("delete_before_replace", "retain_on_delete", "deleted_with", "ignore_changes", "replace_on_changes")


@st.composite
def properties(draw: st.DrawFn, kind: str, values: st.SearchStrategy[Any] = odd) -> dict[str, Any]:
    """Some arguments odd, some sound, some not given; what our own classes add is as they add it."""
    arguments = VAULT_ARGUMENTS if kind == "Vault" else (*MIRROR_ARGUMENTS, *map(source_property, SOURCE_FACTS))
    found: dict[str, Any] = {}
    for key in arguments:
        match draw(st.sampled_from(["odd", "sound", "sound", "absent"])):
            case "odd":
                found[key] = draw(values)
            case "sound" if key in sound:
                found[key] = sound[key]
    found["owner"] = draw(st.sampled_from([OWNER, f"{OWNER} judged", UNKNOWN]))
    found["resource_name"] = draw(names)
    return found


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::shop::{KINDS[kind]}::{name}"


@st.composite
def declared(draw: st.DrawFn, sources: list[object]) -> Declared:
    kind = draw(st.sampled_from(["Vault", "MirrorVault"]))
    name, resource = draw(names), object()
    written = {key: value for key, value in draw(properties(kind)).items() if value is not None}
    source = draw(st.sampled_from([None, *sources])) if kind == "MirrorVault" else None
    if source is not None:
        written["source_vault_id"] = UNKNOWN
    options: dict[str, Any] = {
        key: draw(
            st.sampled_from([None, True, False, "x"]) if "changes" not in key else st.lists(odd_texts, max_size=2)
        )
        for key in OPTIONS
    }
    if kind == "Vault":
        sources.append(resource)
    known = draw(st.sampled_from([urn(kind, name), None]))
    aliases = tuple(urn(kind, alias) for alias in draw(st.lists(names, max_size=1)))
    return Declared(Declaration(kind, name, written, resource, options, source=source), written, known, aliases)


programs = st.integers(1, 4).flatmap(
    lambda count: st.builds(list).flatmap(lambda sources: st.tuples(*(declared(sources) for _ in range(count))))
)


@st.composite
def states(draw: st.DrawFn) -> dict[str, OldResource]:
    """What an older release, or a hand, may have left in the state."""
    found = {}
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(["Vault", "MirrorVault"]))
        name = draw(names)
        outputs = {**draw(properties(kind)), "vault_id": draw(odd)}
        found[urn(kind, name)] = OldResource(urn(kind, name), outputs)
    return found


live_vaults = st.builds(
    LiveVault,
    id=odd_texts,
    region_id=st.sampled_from(["cn-hangzhou", "cn-shanghai"]),
    vault_name=odd_texts,
    raw_description=st.sampled_from(["", f"x [pulumi:{OWNER}]", "[pulumi:"]),
    vault_type=odd_texts,
    status=odd_texts,
    encrypt_type=odd_texts,
    charge_type=st.none() | odd_texts,
    created_time=st.none() | st.integers(),
    is_mirror=st.booleans(),
    source_vault_id=st.none() | odd_texts,
    source_region_id=st.none() | odd_texts,
    mirror_vault_id=st.none() | odd_texts,
    mirror_region_id=st.none() | odd_texts,
    status_message=st.none() | odd_texts,
    worm_enabled=st.booleans(),
)
accounts = st.builds(
    LiveAccount,
    regions=st.none() | st.just(("cn-hangzhou",)),
    mirror_regions=st.none() | st.just(("cn-shanghai",)),
    vaults=st.lists(live_vaults, max_size=3).map(
        lambda vaults: {
            region: {vault.id: vault for vault in vaults if vault.region_id == region}
            for region in ("cn-hangzhou", "cn-shanghai")
        }
    ),
)


@settings(FUZZ, max_examples=400)
@given(program=programs, old=st.none() | states(), live=st.none() | accounts)
def test_a_program_is_judged_whatever_it_says(
    program: tuple[Declared, ...], old: dict[str, OldResource] | None, live: LiveAccount | None
) -> None:
    """There is an answer, in words of the rule book, and it is the same a second time."""
    evidence = Evidence(old, {None: live} if live is not None else {}, "shop/dev/", 1_700_000_000, "2026-01-01")
    assert isinstance(questions(program, old), dict)
    judgement = judge_declarations(program, evidence)
    assert {problem.code for problem in judgement.problems} <= set(BOOK)
    assert all(problem.one_line and problem.subjects for problem in judgement.problems)
    assert report(judgement)
    assert judge_declarations(program, evidence) == judgement


@settings(FUZZ, max_examples=300)
@given(data=st.data())
def test_one_resource_is_checked_whatever_it_says(data: st.DataObject) -> None:
    """The provider's ``check`` gives inputs and problems, never an exception."""
    session = Session({"preflight": "off"})
    kind = data.draw(st.sampled_from(["Vault", "MirrorVault"]))
    before = data.draw(st.just({}) | properties(kind))
    after = data.draw(properties(kind))
    check = checked_vault if kind == "Vault" else checked_mirror
    checked = check(session, before, after)
    assert {problem.code for problem in checked.errors} <= set(BOOK)
    assert set(after) - {"owner"} <= set(checked.inputs)


@settings(FUZZ, max_examples=300)
@given(kind=st.sampled_from(["Vault", "MirrorVault"]), data=st.data())
def test_wrong_kinds_are_told_by_the_program_as_by_check(kind: str, data: st.DataObject) -> None:
    """CB100 names the same arguments, whoever finds it first."""
    written = {key: value for key, value in data.draw(properties(kind)).items() if value is not None}
    written |= {"owner": OWNER, "resource_name": "orders", "region_id": "cn-hangzhou"}
    alone = Declared(Declaration(kind, "orders", written, object(), {}), written)
    session = Session({"preflight": "off"})
    check = checked_vault if kind == "Vault" else checked_mirror
    mine = {problem.argument for problem in judge_declarations([alone]).errors if problem.code == "CB100"}
    checks = {problem.argument for problem in check(session, {}, written).errors if problem.code == "CB100"}
    assert mine == checks


def test_an_estate_of_nothing_is_fine() -> None:
    """The smallest of all programs."""
    assert judge_declarations([]).problems == ()
    assert Estate().vaults == ()
