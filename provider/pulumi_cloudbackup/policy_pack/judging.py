"""What a policy pack reports of an estate: for each of its policies, messages and the resources that they are about.

One policy of ours is one of the pack, with its level. Four more are the pack's own:

| name | level | reports |
| --- | --- | --- |
| ``cloudbackup-rules`` | mandatory | what breaks a rule of the rule book |
| ``cloudbackup-warnings`` | advisory | what a rule warns of |
| ``cloudbackup-failed`` | mandatory | policies that failed before they could say anything |
| ``cloudbackup-not-judged`` | advisory | what waits for a value, and policies that only a plan can judge |

So whatever a preview cannot know is told beside the findings, and lowers the level of none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeAlias

from pulumi_cloudbackup.policies import Policy, PolicyError, PolicyVerdict, Proposal, judge_policies, policies_in
from pulumi_cloudbackup.policies.judging import LIST_NAME
from pulumi_cloudbackup.rules import BOOK, EstateVerdict, Open, Problem, Severity, judge_estate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.policies.policy import Level

RULES: Final = "cloudbackup-rules"
WARNINGS: Final = "cloudbackup-warnings"
FAILED: Final = "cloudbackup-failed"
NOT_JUDGED: Final = "cloudbackup-not-judged"
_OWN_PREFIX: Final = "cloudbackup-"


@dataclass(frozen=True)
class Report:
    """One violation, as a policy pack reports it."""

    message: str
    urn: str | None = None
    """The resource that it is about; ``None``: the whole stack."""


Judge: TypeAlias = Callable[["Estate"], "list[Report]"]


@dataclass(frozen=True)
class PackPolicy:
    """One policy of a pack."""

    name: str
    description: str
    level: Level
    judge: Judge
    """Looks at what a stack declares; never raises."""


def pack_policies(
    policies: Iterable[Policy] | ModuleType, *, name: str, without: Collection[str] = ()
) -> tuple[PackPolicy, ...]:
    """Return what a pack consists of: policies in their order, then its own.

    :param name: What to call the pack in messages.
    :param without: Codes of rules that are left out.
    :raises PolicyError: Something is no policy, two have one name, one has a name of the pack's own, or a code is none.
    """
    given = _checked(policies, name)
    if unknown := sorted(set(without) - BOOK.keys()):
        raise PolicyError(f"There is no rule {unknown[0]} to leave out.")
    # As advisory ones: what breaks them is a warning then, so that an error is a policy that failed.
    advisory = tuple(one.advisory() for one in given)

    def verdict(estate: Estate) -> PolicyVerdict:
        return judge_policies(advisory, Proposal(estate))

    def rules(estate: Estate) -> EstateVerdict:
        found = judge_estate(estate)
        return EstateVerdict(
            tuple(one for one in found.problems if one.code not in without and not _is_guess(one, found)),
            tuple(one for one in found.not_yet_known if one.code not in without),
            found.unverified,
        )

    def broken(one: Policy) -> Judge:
        def judge(estate: Estate) -> list[Report]:
            found = judge_policies([one.advisory()], Proposal(estate)).problems
            return [_report(estate, problem) for problem in found if problem.severity is Severity.WARNING]

        return judge

    return (
        *(PackPolicy(one.name, one.summary, one.level, broken(one)) for one in given if not one.needs_plan),
        PackPolicy(
            RULES,
            "Vaults and mirror vaults keep the rules of Cloud Backup.",
            "mandatory",
            lambda estate: [_report(estate, one, one.one_line) for one in rules(estate).errors],
        ),
        PackPolicy(
            WARNINGS,
            "Vaults and mirror vaults are as a person would expect.",
            "advisory",
            lambda estate: [_report(estate, one, one.one_line) for one in rules(estate).warnings],
        ),
        PackPolicy(
            FAILED,
            "No policy fails.",
            "mandatory",
            lambda estate: [_report(estate, one) for one in verdict(estate).problems if one.severity is Severity.ERROR],
        ),
        PackPolicy(
            NOT_JUDGED,
            "Everything can be judged.",
            "advisory",
            lambda estate: [*_waiting(estate, verdict(estate), rules(estate)), *_left_out(verdict(estate))],
        ),
    )


def _checked(policies: Iterable[Policy] | ModuleType, name: str) -> tuple[Policy, ...]:
    listed = policies if isinstance(policies, ModuleType) else tuple(policies)
    if not listed:
        return ()
    checked = policies_in(listed if isinstance(listed, ModuleType) else {LIST_NAME: listed}, name)
    for one in checked:
        if one.name.startswith(_OWN_PREFIX) or one.name == "all":
            raise PolicyError(
                f"A policy of a policy pack cannot be called {one.name}: all, and names that begin with {_OWN_PREFIX}, "
                "have a meaning of their own."
            )
    return checked


def _is_guess(problem: Problem, verdict: EstateVerdict) -> bool:
    """Whether a warning is about what the live account decides: the preview has asked it, or has warned itself."""
    return problem.severity is Severity.WARNING and problem.code in verdict.unverified


def _report(estate: Estate, problem: Problem, text: str = "") -> Report:
    message = text or " ".join(part for part in (problem.detail, problem.fix) if part)
    return Report(message, _urn(estate, problem.subjects[0] if problem.subjects else ""))


def _waiting(estate: Estate, policies: PolicyVerdict, rules: EstateVerdict) -> Iterator[Report]:
    """Tell each value that something waits for, once, with the policies and rules that do."""

    def value(one: Open) -> tuple[str, str]:
        return one.subject, one.argument

    waiting = sorted((*policies.not_yet_known, *rules.not_yet_known), key=value)
    for (subject, argument), found in groupby(waiting, value):
        names = ", ".join(dict.fromkeys(one.code for one in found))
        yield Report(f"Not yet known: {argument} of {subject}. Not judged without it: {names}.", _urn(estate, subject))


def _left_out(policies: PolicyVerdict) -> Iterator[Report]:
    if policies.left_out:
        yield Report(
            f"Not judged, because a policy pack sees neither deletes nor what there was: "
            f"{', '.join(policies.left_out)}. Judge them with:\n  cloudbackup plan --policy MODULE"
        )


def _urn(estate: Estate, name: str) -> str | None:
    return next((one.urn for one in (*estate.vaults, *estate.mirrors) if one.name == name), None)
