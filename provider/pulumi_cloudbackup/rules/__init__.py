"""What is allowed: one pure function per rule, each with a permanent code, registered once in the book."""

from pulumi_cloudbackup.rules import argument_rules, change_rules, mirror_rules, option_rules
from pulumi_cloudbackup.rules.book import BOOK, NotYetKnown, Rule, Verdict, judge
from pulumi_cloudbackup.rules.change_rules import MirrorLoss, SourceLoss
from pulumi_cloudbackup.rules.problem import Problem, Severity
from pulumi_cloudbackup.rules.single import judge_mirror, judge_vault

__all__ = [
    "BOOK",
    "MirrorLoss",
    "NotYetKnown",
    "Problem",
    "Rule",
    "Severity",
    "SourceLoss",
    "Verdict",
    "argument_rules",
    "change_rules",
    "judge",
    "judge_mirror",
    "judge_vault",
    "mirror_rules",
    "option_rules",
]
