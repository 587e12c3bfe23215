"""Policies as code: what a team demands beyond the rules of the service, of an estate or of the plan of an update.

    from pulumi_cloudbackup.policies import every_vault_is_mirrored, mirrors_are_in_another_jurisdiction

    POLICIES = [every_vault_is_mirrored(tags={"env": "prod"}), mirrors_are_in_another_jurisdiction()]

The same list serves tests (``Preview.complies``), ``cloudbackup check|plan --policy MODULE`` and the policy pack.
Pure: no I/O, no Pulumi.
"""

from pulumi_cloudbackup.policies.judging import PolicyVerdict, judge_policies, policies_in
from pulumi_cloudbackup.policies.policy import Finding, NotYetKnown, Policy, PolicyError, Violation, policy
from pulumi_cloudbackup.policies.proposal import Proposal
from pulumi_cloudbackup.policies.ready import (
    every_vault_is_mirrored,
    jurisdiction_of,
    kms_is_used,
    mirrors_are_in_another_jurisdiction,
    names_match,
    pairs_are_allowed,
    regions_are_allowed,
    tags_are_given,
    vaults_are_immutable,
)
from pulumi_cloudbackup.policies.ready_for_updates import data_is_not_lost, exposure_is_at_most, nothing_is_deleted

__all__ = [
    "Finding",
    "NotYetKnown",
    "Policy",
    "PolicyError",
    "PolicyVerdict",
    "Proposal",
    "Violation",
    "data_is_not_lost",
    "every_vault_is_mirrored",
    "exposure_is_at_most",
    "judge_policies",
    "jurisdiction_of",
    "kms_is_used",
    "mirrors_are_in_another_jurisdiction",
    "names_match",
    "nothing_is_deleted",
    "pairs_are_allowed",
    "policies_in",
    "policy",
    "regions_are_allowed",
    "tags_are_given",
    "vaults_are_immutable",
]
