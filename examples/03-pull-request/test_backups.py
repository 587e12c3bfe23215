"""Previews of the program, without Pulumi CLI or account; ``--cloudbackup-engine=real`` asks the real engine."""

from policies import POLICIES


def test_the_ledger_has_a_mirror(cloudbackup_preview):
    preview = cloudbackup_preview()
    preview.no_problems(allow_warnings=True)
    preview.creates("ledger", "ledger-dr").nothing_else()
    preview.order("create ledger", "create ledger-dr")


def test_policies(cloudbackup_preview):
    cloudbackup_preview().complies(*POLICIES)
