"""Laws: what judging lets pass, the service takes; what the service refuses, judging has told of that very resource."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from callers import worlds
from callers.worlds import STRANGER, Account, Execution, Prior, Written
from engine_harness import Service
from pulumi_cloudbackup.emulator import Emulator, Settings
from pulumi_cloudbackup.resources import lifecycle
from pulumi_cloudbackup.resources.judging import Judgement

FIXED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
SOURCES = ["cn-hangzhou", "cn-beijing"]
MIRRORS = ["cn-shanghai", "cn-shanghai", "cn-qingdao", "me-east-1", "cn-hangzhou"]
CAUTION = {"CB107", "CB102"}
"""The service would take these: a key without KMS is ignored, and a description of 181 to 255 characters fits where the
marker is shorter than the longest one."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    small = Settings(
        initializing_seconds=0.0,
        vaults_per_account=worlds.LIMITS["vaults"],
        mirrors_per_region=worlds.LIMITS["mirrors_per_region"],
    )
    with Emulator(small) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_PAUSES", (0.01,))


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(usual), st.just(usual), st.just(usual), st.sampled_from([usual, *others]))


FUTURE = int(time.time()) + 10**7
FIELDS = st.sampled_from(
    [
        {},
        {},
        {},
        {"Status": "ERROR"},
        {"ChargeType": "FREE", "TrialInfo": {"TrialExpireTime": FUTURE}},
        {"ChargeType": "ARCHIVE"},
        {"ChargeType": "UNI_BACKUP"},
        {"SnapshotCount": 3},
    ]
)
priors = st.builds(
    Prior,
    region_id=st.sampled_from(SOURCES),
    fields=FIELDS,
    owner=st.sampled_from(["", STRANGER]),
    encrypt_type=mostly("HBR_PRIVATE", "KMS"),
    worm_enabled=st.sampled_from([False, False, True]),
    mirror_region_id=st.sampled_from(["", "", "cn-shanghai", "cn-qingdao"]),
    mirror_ends_in_error=mostly(False, True),
    second_mirror_region_id=mostly("", "cn-shanghai"),
)
tags = {f"key-{number}": "value" for number in range(21)}


def given_arguments(**choices: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """``None`` is an argument that is not given."""
    return st.fixed_dictionaries(choices).map(
        lambda one: {key: value for key, value in one.items() if value is not None}
    )


@st.composite
def vault_arguments(draw: st.DrawFn, careful: bool) -> dict[str, Any]:
    """The arguments of a vault, written with care or not."""
    if careful:
        return draw(
            given_arguments(
                region_id=st.sampled_from(SOURCES),
                **draw(st.sampled_from([{}, {"encrypt_type": st.just("KMS"), "kms_key_id": st.just("alias/a")}])),
                description=st.sampled_from([None, "y" * 180]),
                worm_enabled=st.sampled_from([None, None, True]),
                tags=st.sampled_from([None, {"team": "shop"}]),
            )
        )
    return draw(
        given_arguments(
            region_id=st.one_of(st.sampled_from(SOURCES), mostly("cn-hangzhou", "cn-hangzo", "", "me-east-1")),
            vault_name=names,
            description=descriptions,
            vault_type=mostly(None, "OTS_BACKUP", "ARCHIVE", "standard", ""),
            encrypt_type=mostly(None, "KMS", "KMS", "AES"),
            kms_key_id=mostly(None, "alias/a", "alias/a", "key-1", ""),
            worm_enabled=st.sampled_from([None, None, True]),
            tags=mostly(None, {"team": "shop"}, tags, {"acs:x": "1"}, {"x": "y" * 129}, {"": "x"}, {}),
            resource_group_id=mostly(None, "rg-1"),
        )
    )


@st.composite
def mirror_arguments(draw: st.DrawFn, careful: bool, *, kms: bool | None) -> dict[str, Any]:
    """The arguments of a mirror, written with care or not; ``kms``: whether its source surely is or is not."""
    if careful:
        key = {"kms_key_id": st.just("alias/b")} if kms else {}
        return draw(given_arguments(region_id=st.sampled_from(["cn-shanghai", "cn-qingdao", "cn-shenzhen"]), **key))
    return draw(
        given_arguments(
            region_id=st.one_of(st.sampled_from(MIRRORS), mostly("cn-shanghai", "cn-shangai", "")),
            vault_name=names,
            description=descriptions,
            encrypt_type=mostly(None, "HBR_PRIVATE", "KMS", "AES"),
            kms_key_id=mostly(None, "alias/a", "alias/a", "key-1", ""),
            redundancy_type=mostly(None, "LRS", "ZRS", "GRS"),
        )
    )


names = mostly(None, "x" * 64, "x" * 65, "", "订" * 64)
descriptions = mostly(None, "y" * 180, "y" * 181, "y" * 255, "")


@st.composite
def programs(draw: st.DrawFn, of: list[Prior]) -> list[Written]:
    """A program for an account with these vaults."""
    style = draw(st.sampled_from(["careful", "one mistake", "one mistake", "one mistake", "careless"]))
    careful = style != "careless"
    vaults = [Written(f"v{number}", draw(vault_arguments(careful))) for number in range(draw(st.integers(0, 3)))]
    sources = [("vault", number) for number in range(len(vaults))] + [("prior", number) for number in range(len(of))]
    if not careful:
        sources += [("nobody", 0), ("prior mirror", 0)]
    mirrors: list[Written] = []
    for number in range(draw(st.integers(0, 4)) if sources else 0):
        source = draw(st.sampled_from(sources))
        if careful and source in [one.source for one in mirrors]:
            continue
        encrypt_type = encryption_of(source, vaults, of)
        told: dict[str, Any] = {}
        if source[0] != "vault":
            others = () if careful else ("cn-shenzhen",)
            written = (encrypt_type,) if careful else ("HBR_PRIVATE", "KMS")
            told = draw(
                given_arguments(region_id=mostly(None, *others), encrypt_type=st.sampled_from([None, *written]))
            )
        arguments = draw(mirror_arguments(careful, kms=encrypt_type == "KMS"))
        mirrors.append(Written(f"m{number}", arguments, source, told))
    whole = [*vaults, *mirrors]
    if whole and style == "one mistake":
        number = draw(st.integers(0, len(whole) - 1))
        whole[number] = draw(mistaken(whole[number]))
    for number, one in enumerate(whole):
        if of and draw(st.integers(0, 7)) == 0:
            whole[number] = draw(adopting(one, of, careful))
    return whole


VAULT_MISTAKES: list[dict[str, Any]] = [
    {"vault_name": "x" * 65},
    {"vault_name": ""},
    {"description": "y" * 256},
    {"region_id": "cn-hangzo"},
    {"vault_type": "ARCHIVE"},
    {"encrypt_type": "KMS", "kms_key_id": ""},
    {"encrypt_type": "AES"},
    {"tags": tags},
    {"tags": {"acs:x": "1"}},
    {"tags": {"x": "y" * 129}},
    {"tags": {"x": "see https://x"}},
    {"tags": {"": "x"}},
]
MIRROR_MISTAKES: list[dict[str, Any]] = [
    {"vault_name": "x" * 65},
    {"vault_name": ""},
    {"region_id": "cn-hangzhou"},
    {"region_id": "cn-beijing"},
    {"region_id": "me-east-1"},
    {"region_id": "cn-shangai"},
    {"encrypt_type": "AES"},
    {"encrypt_type": "KMS", "kms_key_id": "key-1"},
    {"encrypt_type": "HBR_PRIVATE"},
    {"kms_key_id": ""},
    {"redundancy_type": "GRS"},
    {"redundancy_type": "ZRS", "region_id": "cn-qingdao"},
]


@st.composite
def mistaken(draw: st.DrawFn, one: Written) -> Written:
    """The same with one mistake."""
    if one.is_mirror and draw(st.integers(0, 3)) == 0:
        return replace(one, source=draw(st.sampled_from([("nobody", 0), ("prior mirror", 0)])), told={})
    mistake = draw(st.sampled_from(MIRROR_MISTAKES if one.is_mirror else VAULT_MISTAKES))
    return replace(one, arguments={**one.arguments, **mistake})


def encryption_of(source: tuple[str, int], vaults: list[Written], of: list[Prior]) -> str:
    kind, number = source
    if kind == "vault":
        return str(vaults[number].arguments.get("encrypt_type", "HBR_PRIVATE"))
    return of[number].encrypt_type if kind == "prior" else "HBR_PRIVATE"


@st.composite
def adopting(draw: st.DrawFn, one: Written, of: list[Prior], careful: bool) -> Written:
    """The same, taking over what is there: something that is as it is declared, or anything."""
    which = draw(st.integers(0, len(of) - 1))
    if careful and not one.is_mirror:
        prior = of[which]
        key = {"kms_key_id": "alias/prior"} if prior.encrypt_type == "KMS" else {}
        facts = {
            "region_id": prior.region_id,
            "encrypt_type": prior.encrypt_type,
            "worm_enabled": prior.worm_enabled,
            **key,
        }
        return replace(one, arguments=facts, adopts=("prior", which))
    if careful:
        return one
    return replace(one, adopts=(draw(st.sampled_from(["prior", "prior mirror", "nobody"])), which))


worlds_of_programs = st.lists(priors, max_size=4).flatmap(lambda of: st.tuples(st.just(of), programs(of)))


OF_PRIOR = ("prior", 0)
V, M = {"region_id": "cn-hangzhou"}, {"region_id": "cn-shanghai"}


@pytest.mark.parametrize(
    ("of", "program", "code"),
    [
        *(
            pytest.param([], [Written("v", {**V, **mistake})], code, id=f"{code} vault {number}")
            for number, (mistake, code) in enumerate(
                zip(
                    VAULT_MISTAKES,
                    ["101", "101", "102", "103", "104", "106", "110", "108", "108", "108", "108", "108"],
                    strict=True,
                )
            )
        ),
        pytest.param([], [Written("v", V), Written("m", V, ("vault", 0))], "201", id="same region"),
        pytest.param([Prior()], [Written("m", V, OF_PRIOR)], "201", id="same region as an existing source"),
        pytest.param(
            [], [Written("v", V), Written("m", M, ("vault", 0)), Written("n", M, ("vault", 0))], "202", id="two"
        ),
        pytest.param(
            [Prior(mirror_region_id="cn-qingdao")], [Written("m", M, OF_PRIOR)], "202", id="mirrored by others"
        ),
        pytest.param(
            [Prior(mirror_region_id="cn-qingdao")],
            [Written("m", M, ("prior mirror", 0))],
            "203",
            id="mirror of a mirror of others",
        ),
        *(
            pytest.param(
                [Prior(fields=fields)], [Written("m", M, OF_PRIOR)], code, id=f"source {next(iter(fields.values()))}"
            )
            for fields, code in (
                ({"ChargeType": "FREE", "TrialInfo": {"TrialExpireTime": FUTURE}}, "204"),
                ({"ChargeType": "ARCHIVE"}, "204"),
                ({"ChargeType": "UNI_BACKUP"}, "204"),
                ({"Status": "ERROR"}, "205"),
            )
        ),
        pytest.param(
            [Prior()],
            [Written("m", {**M, "encrypt_type": "KMS", "kms_key_id": "k"}, OF_PRIOR)],
            "206",
            id="encrypted otherwise",
        ),
        pytest.param([Prior()], [Written("m", M, OF_PRIOR, {"encrypt_type": "KMS"})], "206", id="told otherwise"),
        pytest.param([Prior(encrypt_type="KMS")], [Written("m", M, OF_PRIOR)], "106", id="KMS source, no key"),
        pytest.param([Prior()], [Written("m", {"region_id": "me-east-1"}, OF_PRIOR)], "207", id="no mirrors there"),
        pytest.param(
            [Prior()],
            [Written("m", {"region_id": "cn-qingdao", "redundancy_type": "ZRS"}, OF_PRIOR)],
            "209",
            id="no ZRS there",
        ),
        pytest.param([], [Written("m", M, ("nobody", 0))], "210", id="no such source"),
        pytest.param([Prior()], [Written("m", M, OF_PRIOR, {"region_id": "cn-beijing"})], "210", id="source elsewhere"),
        pytest.param(
            [Prior(mirror_region_id="cn-shanghai"), Prior(mirror_region_id="cn-shanghai"), Prior()],
            [Written("m", M, ("prior", 2))],
            "211",
            id="region is full",
        ),
        pytest.param([Prior()] * 8, [Written("v", V)], "212", id="account is full"),
        pytest.param([], [Written("v", V, adopts=("nobody", 0))], "112", id="nothing to adopt"),
        pytest.param([Prior(owner=STRANGER)], [Written("v", V, adopts=OF_PRIOR)], "112", id="adopted from others"),
        pytest.param([Prior(encrypt_type="KMS")], [Written("v", V, adopts=OF_PRIOR)], "112", id="adopted, but unlike"),
        pytest.param(
            [Prior()], [Written("v", V, adopts=OF_PRIOR), Written("w", V, adopts=OF_PRIOR)], "112", id="adopted twice"
        ),
        pytest.param(
            [Prior(fields={"ChargeType": "FREE", "TrialInfo": {"TrialExpireTime": FUTURE}})],
            [Written("v", V, adopts=OF_PRIOR), Written("m", M, ("vault", 0))],
            "204",
            id="adopted, on trial and mirrored",
        ),
        pytest.param(
            [Prior(mirror_region_id="cn-qingdao")],
            [Written("v", V, adopts=OF_PRIOR), Written("m", M, ("vault", 0))],
            "202",
            id="adopted, and mirrored by others",
        ),
    ],
)
def test_each_mistake_is_told_alone_and_refused_by_the_service(
    of: list[Prior], program: list[Written], code: str, service: Service
) -> None:
    """So the law below is not true because the rules overlap."""
    account = Account.with_priors(service, of)
    resources = worlds.declared(program, account)
    assert {problem.code for problem in worlds.judged(resources, service, {}, worlds.LIMITS).errors} == {f"CB{code}"}
    assert worlds.executed(program, resources, service).refused


def errors_by_subject(judgement: Judgement) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for problem in judgement.errors:
        for subject in problem.subjects:
            found.setdefault(subject, set()).add(problem.code)
    return found


@settings(FIXED, max_examples=100)
@given(world=worlds_of_programs, dies_after=st.sampled_from([0, 0, 0, 1, 2, 3]))
def test_what_is_judged_is_what_happens(
    world: tuple[list[Prior], list[Written]], dies_after: int, service: Service
) -> None:
    """Without errors every create succeeds; a create that is refused has an error, it or its source."""
    of, program = world
    account = Account.with_priors(service, of)
    resources = worlds.declared(program, account)
    worlds.executed(program, resources, service, dies_after=dies_after)  # a run that crashed before it wrote its state
    judgement = worlds.judged(resources, service, {}, worlds.LIMITS)
    done = worlds.executed(program, resources, service)
    event(f"created: {min(len(done.outputs), 3)}, refused: {bool(done.refused)}")
    for problem in judgement.errors:
        event(problem.code)
    told = errors_by_subject(judgement)
    asked = {one.properties.get(key) for one in resources for key in ("region_id", "source_region_id")}
    all_seen = {vault["VaultRegionId"] for vault in service.vaults().values()} <= asked
    untold = {
        name: why
        for name, why in done.refused.items()
        if name not in told and not is_chance(why, judgement, all_seen=all_seen)
    }
    assert untold == {}, [problem.one_line for problem in judgement.problems]
    assert in_vain(judgement, done, program) == []


def is_chance(why: str, judgement: Judgement, *, all_seen: bool) -> bool:
    """Whether a quota refuses it: which of several is chance, but that one is, is told where all vaults were seen.

    Only regions that a program names are listed, so what is counted is a lower bound where there are vaults elsewhere.
    """
    code = "CB211" if "ReplicationVaultQuotaExceeded" in why else "CB212"
    is_told = any(problem.code == code for problem in judgement.errors)
    return "QuotaExceeded" in why and (is_told or (code == "CB212" and not all_seen))


def in_vain(judgement: Judgement, done: Execution, program: list[Written]) -> list[str]:
    """Return the errors about resources that the service took all the same."""
    names = {one.name for one in program}
    failed = set(done.refused) | done.skipped
    return [
        problem.one_line
        for problem in judgement.errors
        if problem.code not in CAUTION and not (failed & set(problem.subjects) & names)
    ]
