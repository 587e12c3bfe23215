"""What our teams demand; tests and ``cloudbackup plan --policy`` use the same file."""

from collections.abc import Iterator

from pulumi_cloudbackup.policies import (
    Proposal,
    Violation,
    every_vault_is_mirrored,
    kms_is_used,
    mirrors_are_in_another_jurisdiction,
    nothing_is_deleted,
    policy,
)


@policy(level="advisory")
def descriptions_are_given(proposal: Proposal) -> Iterator[Violation]:
    """Vaults have a description."""
    for vault in proposal.vaults:
        if vault.description is None:
            yield Violation(vault.name, f'"{vault.name}" has no description.', "Say what is backed up in it.")


POLICIES = [
    every_vault_is_mirrored(),
    kms_is_used(tags={"team": "finance"}),
    mirrors_are_in_another_jurisdiction(),
    descriptions_are_given,
    nothing_is_deleted(),  # only a plan can judge this one, and the pack says so
]
