"""What the company demands of its backups; ``cloudbackup --policy``, and the tests beside this file, ask for it."""

from pulumi_cloudbackup.policies import data_is_not_lost, every_vault_is_mirrored, regions_are_allowed

POLICIES = [
    every_vault_is_mirrored(),
    regions_are_allowed(vaults=["cn-hangzhou", "cn-beijing"]),
    data_is_not_lost(),
]
