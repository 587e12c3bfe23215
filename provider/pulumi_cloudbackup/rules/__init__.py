"""What is allowed: one pure function per rule, each with a permanent code, registered once in the book."""

from pulumi_cloudbackup.rules import (
    adoption_rules,
    argument_rules,
    backup_rules,
    change_rules,
    deletion_rules,
    mirror_rules,
    option_rules,
    order_rules,
    quota_rules,
    source_rules,
    waivers,
)
from pulumi_cloudbackup.rules.book import BOOK, NotYetKnown, Rule, Verdict, judge
from pulumi_cloudbackup.rules.change_rules import MirrorLoss, SourceLoss
from pulumi_cloudbackup.rules.deletion_rules import Deletion, judge_deletion
from pulumi_cloudbackup.rules.problem import Problem, Severity
from pulumi_cloudbackup.rules.single import judge_mirror, judge_vault
from pulumi_cloudbackup.rules.waivers import Settled, Waiver, Waivers, parse_waivers, settle
from pulumi_cloudbackup.rules.whole import EstateVerdict, Open, judge_estate

__all__ = [
    "BOOK",
    "Deletion",
    "EstateVerdict",
    "MirrorLoss",
    "NotYetKnown",
    "Open",
    "Problem",
    "Rule",
    "Settled",
    "Severity",
    "SourceLoss",
    "Verdict",
    "Waiver",
    "Waivers",
    "adoption_rules",
    "argument_rules",
    "backup_rules",
    "change_rules",
    "deletion_rules",
    "judge",
    "judge_deletion",
    "judge_estate",
    "judge_mirror",
    "judge_vault",
    "mirror_rules",
    "option_rules",
    "order_rules",
    "parse_waivers",
    "quota_rules",
    "settle",
    "source_rules",
    "waivers",
]
