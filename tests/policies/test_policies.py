"""Own policies: how they are made, what they may yield, and what their authors' mistakes look like."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from pulumi_cloudbackup import policies
from pulumi_cloudbackup.estate import UNKNOWN, Estate
from pulumi_cloudbackup.policies import (
    Finding,
    NotYetKnown,
    Policy,
    PolicyError,
    Proposal,
    Violation,
    judge_policies,
    policies_in,
    policy,
    tags_are_given,
)
from pulumi_cloudbackup.rules import Open, Severity

ONE = Proposal(Estate.model_validate({"vaults": [{"name": "orders", "region_id": "cn-hangzhou"}]}))


@policy
def vaults_are_short(proposal: Proposal) -> Iterator[Finding]:
    """Names of vaults are short.

    More about it.
    """
    for vault in proposal.vaults:
        yield Violation(vault.name, "It is long.", "Cut it.", "vault_name")


@policy(name="other-name", level="advisory")
def whatever(_: Proposal) -> list[Any]:
    return ["All is wrong.", NotYetKnown("orders", "tags")]


def carried_out_later(_: Proposal) -> list[Any]:
    return []


def test_a_function_becomes_a_policy() -> None:
    assert (vaults_are_short.name, vaults_are_short.summary) == ("vaults-are-short", "Names of vaults are short.")
    (problem,) = judge_policies([vaults_are_short], ONE).problems
    assert (problem.code, problem.severity, problem.detail, problem.fix) == (
        "vaults-are-short",
        Severity.ERROR,
        "It is long.",
        "Cut it.",
    )
    assert (problem.subjects, problem.argument, problem.stops) == (("orders",), "vault_name", True)


def test_an_advisory_one_warns() -> None:
    verdict = judge_policies([whatever, vaults_are_short.advisory()], ONE)
    assert [(one.code, one.severity, one.subjects) for one in verdict.problems] == [
        ("other-name", Severity.WARNING, ()),
        ("vaults-are-short", Severity.WARNING, ("orders",)),
    ]
    assert verdict.not_yet_known == (Open("other-name", "orders", "tags"),)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (lambda _: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda _: False, "TypeError: a policy yields what it finds, or returns a list of it, and no bool"),
        (lambda _: "bad", "TypeError: a policy yields what it finds, or returns a list of it, and no str"),
        (lambda _: sys.exit(0), "SystemExit: 0"),
        (lambda _: [Violation(3, "x")], "TypeError: the subject of a Violation is a text, and no int"),  # type: ignore[arg-type] # what is refused
        (lambda _: [3], "TypeError: a policy yields Violation, NotYetKnown or a text, and no int"),
        (lambda proposal: [proposal.vault], "AttributeError: 'Proposal' object has no attribute 'vault'"),
        (
            lambda proposal: [Violation("x", "y") for one in proposal.vaults if not one.name or one.nothing],
            "has no attribute 'nothing'",
        ),
    ],
)
def test_a_policy_that_fails_is_broken(check: Any, words: str) -> None:
    """It is told where in the author's file; advisory or not, nobody knows what it would say."""
    (problem,) = judge_policies([Policy("mine", "Mine.", check, "advisory")], ONE).problems
    assert problem.severity is Severity.ERROR
    assert words in problem.detail
    assert f"({__file__}:" in problem.detail


def test_it_is_a_generator_that_fails_half_way() -> None:
    """What it said before counts too."""

    @policy
    def half(_: Proposal) -> Iterator[Finding]:
        yield Violation("orders", "First.")
        raise KeyError("team")

    assert [one.detail.partition(" (")[0] for one in judge_policies([half], ONE).problems] == [
        "First.",
        "Policy half raised KeyError: 'team'",
    ]


@pytest.mark.parametrize(
    "is_bad",
    [
        lambda vault: vault.encrypt_type == "HBR_PRIVATE",
        lambda vault: vault.encrypt_type not in ("KMS", "OTHER"),
        lambda vault: vault.encrypt_type in {"HBR_PRIVATE", "OTHER"},
        lambda vault: vault.encrypt_type != "KMS",
        lambda vault: not vault.encrypt_type,
        lambda vault: vault.encrypt_type.startswith("K"),
        lambda vault: len(vault.encrypt_type) > 1,
        lambda vault: "K" in vault.encrypt_type,
        lambda vault: int(vault.encrypt_type),
        lambda vault: {"HBR_PRIVATE": True}.get(vault.encrypt_type, False),
        lambda vault: f"{vault.encrypt_type}" == "HBR_PRIVATE",
        lambda vault: str(vault.encrypt_type).startswith("HBR"),
        lambda vault: f"{vault.encrypt_type:>9}" == "HBR",
    ],
)
def test_a_value_that_is_not_known_yet_is_never_taken_for_fine(is_bad: Callable[[Any], bool]) -> None:
    """Neither where it is compared nor where it is looked up, whichever way the author asks."""

    @policy
    def forgetful(proposal: Proposal) -> Iterator[Finding]:
        for vault in proposal.vaults:
            if is_bad(vault):
                yield Violation(vault.name, "It is bad.")

    unknown = Estate.model_validate(
        {"vaults": [{"name": "orders", "region_id": "cn-hangzhou", "encrypt_type": UNKNOWN}]}
    )
    (problem,) = judge_policies([forgetful.advisory()], Proposal(unknown)).problems
    assert (problem.code, problem.severity) == ("forgetful", Severity.ERROR)
    assert f"{__file__}:" in problem.detail
    assert problem.fix.startswith("Ask is_known(value) first")
    assert UNKNOWN != "KMS"  # elsewhere estates are compared as ever


def test_what_a_comparison_with_the_unknown_says() -> None:
    @policy
    def forgetful(proposal: Proposal) -> Iterator[Finding]:
        for vault in proposal.vaults:
            if vault.region_id == "cn-hangzhou":
                yield Violation(vault.name, "It is bad.")

    unknown = Estate.model_validate({"vaults": [{"name": "orders", "region_id": UNKNOWN}]})
    (problem,) = judge_policies([forgetful], Proposal(unknown)).problems
    line = forgetful.check.__code__.co_firstlineno + 3
    assert problem.detail == (f"Policy forgetful compares a value that is known only after apply ({__file__}:{line}).")
    assert problem.fix == "Ask is_known(value) first, and yield NotYetKnown(name, argument) where it is not."


@pytest.mark.parametrize("name", ["", "No", "a_b", "a--b", "-a", "CB201", "ä"])
def test_names_that_no_report_could_tell(name: str) -> None:
    with pytest.raises(PolicyError, match="cannot be called"):
        Policy(name, "x", lambda _: None)


def test_two_of_one_kind() -> None:
    """They need names of their own."""
    policies = [tags_are_given("a"), tags_are_given("b").named("tags-of-b")]
    assert [one.code for one in judge_policies(policies, ONE).problems] == ["tags-are-given", "tags-of-b"]


def test_levels() -> None:
    with pytest.raises(PolicyError, match="it is mandatory or advisory"):
        Policy("a", "x", lambda _: None, "disabled")  # type: ignore[arg-type] # what is refused


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({}, "There are no policies in mine: list them in POLICIES."),
        ({"POLICIES": 3}, "POLICIES of mine is no list of policies."),
        ({"POLICIES": [tags_are_given]}, "tags_are_given is no policy: call it, and give it what it asks for."),
        ({"POLICIES": ["tags"]}, "'tags' is no policy."),
        ({"POLICIES": [carried_out_later]}, "carried_out_later is no policy: put @policy above it."),
        ({"POLICIES": [whatever, Policy("other-name", "x", lambda _: None)]}, "Two policies are called other-name"),
    ],
)
def test_modules_without_usable_policies(names: dict[str, Any], words: str) -> None:
    module = types.ModuleType("mine")
    vars(module).update(names)
    with pytest.raises(PolicyError, match="^" + words.replace(".", r"\.")):
        policies_in(module)


def test_modules() -> None:
    """Those of the list, or all that have a name."""
    module = types.ModuleType("mine")
    module.a, module.b = vaults_are_short, whatever  # type: ignore[attr-defined] # what a module has
    assert {one.name for one in policies_in(module)} == {"vaults-are-short", "other-name"}
    module.POLICIES = [vaults_are_short]  # type: ignore[attr-defined] # as above
    assert policies_in(module) == (vaults_are_short,)


def test_a_policy_that_reads_a_plan_where_there_is_none() -> None:
    @policy
    def nothing_changes(proposal: Proposal) -> Iterator[Finding]:
        for change in cast("Any", proposal.plan).changes:
            yield Violation(change.name, "It changes.")

    (problem,) = judge_policies([nothing_changes], Proposal(Estate())).problems
    assert "needs_plan=True" in problem.fix


def test_ready_policies_make_no_text_of_what_is_not_known() -> None:
    """Whatever is unknown together, none of them fails."""
    ready = [
        policies.every_vault_is_mirrored(),
        policies.kms_is_used(),
        policies.tags_are_given("owner"),
        policies.names_match(vaults="x.*", mirrors="x.*"),
        policies.regions_are_allowed(vaults=["cn-beijing"], mirrors=["cn-beijing"]),
        policies.mirrors_are_in_another_jurisdiction(),
    ]
    unsure = ("region_id", "encrypt_type", "kms_key_id", "vault_name", "tags", "description")
    for mask in range(2 ** len(unsure)):
        hidden = {key: UNKNOWN for place, key in enumerate(unsure) if mask >> place & 1}
        mirror_hidden = {key: value for key, value in hidden.items() if key != "tags"}
        some = Estate.model_validate(
            {
                "vaults": [{"name": name, "region_id": "cn-hangzhou", **hidden} for name in ("orders", "sales")],
                "mirrors": [{"name": "dr", "source": "orders", "region_id": "cn-shanghai", **mirror_hidden}],
            }
        )
        assert judge_policies(ready, Proposal(some)).failed == ()
