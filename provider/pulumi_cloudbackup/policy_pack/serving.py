"""The door to CrossGuard: policies of a pack as ``pulumi_policy`` takes them, served to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi_policy
from pulumi_policy import EnforcementLevel, StackValidationPolicy

from pulumi_cloudbackup.policy_pack.judging import PackPolicy, pack_policies
from pulumi_cloudbackup.policy_pack.reading import concealed, estate_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from types import ModuleType

    from pulumi_policy import ReportViolation, StackValidationArgs

    from pulumi_cloudbackup.policies import Policy


def serve(policies: Iterable[Policy] | ModuleType, *, name: str, without: Collection[str] = ()) -> None:
    """Serve a policy pack until it is stopped; raise PolicyError where it is none."""
    listed = pack_policies(policies, name=name, without=without)
    served: list[pulumi_policy.Policy] = [as_stack_policy(one) for one in listed]
    _conceal_secrets()
    pulumi_policy.PolicyPack(name, served)


def as_stack_policy(policy: PackPolicy) -> StackValidationPolicy:
    """Return a policy of a pack as CrossGuard takes it."""

    def validate(arguments: StackValidationArgs, report_violation: ReportViolation) -> None:
        for report in policy.judge(estate_in(arguments.resources)):
            report_violation(report.message, report.urn)

    return StackValidationPolicy(policy.name, policy.description, validate, EnforcementLevel(policy.level))


def _conceal_secrets() -> None:
    """Let policies see secrets as not yet known, as everywhere else, so that no message quotes one.

    CrossGuard shows them in clear, without a mark. A private detail: without it they stay in clear.
    """
    inside: Any = pulumi_policy.policy
    deserialize = getattr(inside, "deserialize_properties", None)
    if deserialize is not None:
        inside.deserialize_properties = lambda properties, *more: deserialize(concealed(properties), *more)
