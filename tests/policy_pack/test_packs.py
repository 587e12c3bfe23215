"""What a pack tells the engine: levels, texts, and what it cannot judge."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pulumi_policy
import pulumi_policy.policy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import proto

from pulumi_cloudbackup.policies import (
    Policy,
    Proposal,
    Violation,
    data_is_not_lost,
    every_vault_is_mirrored,
    kms_is_used,
    names_match,
    nothing_is_deleted,
    policy,
    regions_are_allowed,
    tags_are_given,
)
from pulumi_cloudbackup.policy_pack import policy_pack
from pulumi_cloudbackup.policy_pack.judging import FAILED, NOT_JUDGED, RULES, WARNINGS, pack_policies
from pulumi_cloudbackup.policy_pack.serving import as_stack_policy
from shown_stack import LATER, Shown, analyzed, dr, secret, vault

FINANCE = {"team": "finance"}
MIRRORED, KMS = every_vault_is_mirrored(), kms_is_used(tags=FINANCE)
GOOD = (
    vault("ledger", tags=FINANCE, encrypt_type="KMS", kms_key_id="key-1"),
    dr("ledger", encrypt_type="KMS", kms_key_id="key-2", source_encrypt_type="KMS"),
)

BAD = {
    "region_id": "cn-hangzhou",
    "tags": FINANCE,
    "encrypt_type": "HBR_PRIVATE",
    "vault_type": "STANDARD",
    "vault_name": "b",
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, concealing: None) -> Any:
    """Make a pack, show it a stack, and return level, policy, resource and text of what it tells."""
    made: list[list[pulumi_policy.Policy]] = []
    monkeypatch.setattr(pulumi_policy, "PolicyPack", lambda _, policies: made.append(policies))

    def told(policies: Any, *found: Shown, **options: Any) -> list[tuple[str, str, str, str]]:
        policy_pack(policies, **options)
        return [
            (
                proto.EnforcementLevel.Name(one.enforcementLevel).lower(),
                one.policyName,
                one.urn.rpartition("::")[2],
                one.message.removeprefix(f"{one.description}\n"),
            )
            for one in analyzed(made.pop(), found)
        ]

    return told


def short(reports: Iterable[tuple[str, str, str, str]]) -> list[tuple[str, str, str]]:
    return [report[:3] for report in reports]


@policy(level="advisory")
def fails(proposal: Proposal) -> Iterator[Violation]:
    """Something."""
    yield Violation(proposal.vaults[0].name, "Before.")
    raise KeyError("nowhere")


def test_a_good_stack(told: Any) -> None:
    """Nothing is told: not even that the region of the mirror is known to the live account only."""
    assert told([MIRRORED, KMS], *GOOD) == []


def test_levels(told: Any) -> None:
    """What breaks a mandatory policy, and what an advisory one."""
    bare = vault("orders", tags=FINANCE)
    assert told([MIRRORED, KMS.advisory()], bare) == [
        (
            "mandatory",
            "every-vault-is-mirrored",
            "orders",
            (
                'Vault "orders" has no mirror vault: its data is lost with region cn-hangzhou. '
                'Declare MirrorVault("orders-dr", source=..., region_id=...).'
            ),
        ),
        (
            "advisory",
            "kms-is-used",
            "orders",
            (
                'The vault "orders" is not encrypted with KMS. '
                'Set encrypt_type="KMS" and kms_key_id; on one that exists that replaces it.'
            ),
        ),
    ]


def test_the_mirror_of_a_finance_vault(told: Any) -> None:
    """The policy finds it by its source, whose id nobody knows yet."""
    (report,) = told([KMS], GOOD[0], dr("ledger"), without=["CB206"])
    assert report[:3] == ("mandatory", "kms-is-used", "ledger-dr")


@pytest.mark.parametrize("later", [LATER, secret("finance")], ids=["later", "secret"])
@pytest.mark.parametrize("of", ["tags", "a tag"])
def test_an_unknown_value_lowers_no_level(told: Any, later: Any, of: str) -> None:
    """It is told, with everything that waits for it, beside findings that stay mandatory."""
    tags = later if of == "tags" else {"team": later}
    reports = told([MIRRORED, KMS], vault("a", tags=tags), dr("a"), vault("b", tags=FINANCE))
    assert reports[2:] == [
        ("advisory", NOT_JUDGED, "a", "Not yet known: tags of a. Not judged without it: kms-is-used, CB108.")
    ]
    assert short(reports[:2]) == [
        ("mandatory", "every-vault-is-mirrored", "b"),
        ("mandatory", "kms-is-used", "b"),
    ]


@given(hidden=st.sets(st.sampled_from(sorted(BAD))))
def test_nothing_is_lost_by_what_is_not_known(hidden: set[str]) -> None:
    """What is found of a vault is found, or told as not judged; of its neighbours everything is found as before."""
    policies = [
        MIRRORED,
        KMS,
        tags_are_given("owner"),
        regions_are_allowed(vaults=["cn-beijing"]),
        names_match(vaults="x.*"),
    ]
    served = [as_stack_policy(one) for one in pack_policies(policies, name="ours")]

    def found(props: dict[str, Any]) -> tuple[set[tuple[str, str]], str]:
        """Return mandatory policies with the resources that break them, and everything that is not judged of a."""
        reports = analyzed(served, [vault("a", **props), vault("b", **BAD)])
        broken = {(one.policyName, one.urn[-1]) for one in reports if one.enforcementLevel == proto.MANDATORY}
        return broken, " ".join(one.message for one in reports if one.policyName == NOT_JUDGED and one.urn[-1] == "a")

    known, _ = found(BAD)
    partly, not_judged = found(BAD | dict.fromkeys(hidden, LATER))
    assert len(known) == 10
    assert partly <= known
    assert {name for _, name in known - partly} <= {"a"}
    assert all(policy in not_judged for policy, _ in known - partly)


def test_an_author_who_does_not_ask_whether_a_value_is_known(told: Any) -> None:
    """An unknown value has no truth value: the policy fails, and passes nothing."""

    @policy
    def finance_is_named(proposal: Proposal) -> Iterator[Violation]:
        """Names tell the team."""
        for one in proposal.vaults:
            if not one.description:
                yield Violation(one.name, "No description.")

    (failed, _) = told([finance_is_named], vault("a", description=LATER))
    assert short([failed]) == [("mandatory", FAILED, "")]
    assert "Ask is_known(value) first" in failed[3]


def test_policies_that_need_a_plan(told: Any) -> None:
    """They are named once."""
    assert told([nothing_is_deleted(), MIRRORED, data_is_not_lost()], *GOOD) == [
        (
            "advisory",
            NOT_JUDGED,
            "",
            (
                "Not judged, because a policy pack sees neither deletes nor what there was: nothing-is-deleted, "
                "data-is-not-lost. Judge them with:\n  cloudbackup plan --policy MODULE"
            ),
        )
    ]


def test_a_policy_that_fails(told: Any) -> None:
    """Mandatory whatever its level is, with file and line; what it found before is told as what it is."""
    found, failed = told([fails], vault("orders"))
    assert found == ("advisory", "fails", "orders", "Before.")
    assert failed[:3] == ("mandatory", FAILED, "")
    line = fails.check.__code__.co_firstlineno + 4
    assert f"Policy fails raised KeyError: 'nowhere' ({__file__}:{line})." in failed[3]


def test_the_rule_book(told: Any) -> None:
    """Errors are mandatory, warnings advisory; codes can be left out."""
    bad = (
        vault("a", encrypt_type="KMS", kms_key_id="key-1"),
        dr("a", region_id="cn-hangzhou", encrypt_type="KMS", kms_key_id="key-1", source_encrypt_type="KMS"),
    )
    reports = told([], *bad)
    assert short(reports) == [("mandatory", RULES, "a-dr"), ("advisory", WARNINGS, "a-dr")]
    assert [report[3][:7] for report in reports] == ["CB201: ", "CB208: "]
    assert told([], *bad, without=["CB201", "CB208"]) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(([1],), "1 is no policy.", id="no policy"),
        pytest.param(
            ([every_vault_is_mirrored],),
            "every_vault_is_mirrored is no policy: call it, and give it what it asks for.",
            id="not called",
        ),
        pytest.param(
            ([KMS, kms_is_used()],),
            "Two policies are called kms-is-used: give one of them another name with .named(...).",
            id="one name twice",
        ),
        pytest.param((ModuleType("empty"),), "There are no policies in ours: list them in POLICIES.", id="none"),
        pytest.param(
            ([Policy("cloudbackup-rules", "Mine.", lambda _: ())],),
            "A policy of a policy pack cannot be called cloudbackup-rules: all, and names that begin with cloudbackup-, "
            "have a meaning of their own.",
            id="a name of the pack",
        ),
    ],
)
def test_what_is_no_pack(arguments: Any, message: str) -> None:
    """The line of the author that is to blame."""
    with pytest.raises(SystemExit) as raised:
        policy_pack(*arguments, name="ours")
    place, _, told = str(raised.value).partition(": ")
    file, _, line = place.rpartition(":")
    assert (file, told) == (__file__, message)
    assert "policy_pack(*arguments" in Path(file).read_text().splitlines()[int(line) - 1]


def test_a_rule_that_is_none() -> None:
    """A code that is left out exists."""
    with pytest.raises(SystemExit, match="There is no rule CB999 to leave out."):
        policy_pack([], without=["CB201", "CB999"])


def test_pulumi_policy_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that has it is named."""
    monkeypatch.setitem(sys.modules, "pulumi_policy", None)
    with pytest.raises(SystemExit, match=r"pip install 'pulumi-cloudbackup\[policy\]'"):
        policy_pack([])
