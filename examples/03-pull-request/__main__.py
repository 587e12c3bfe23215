"""A backup vault and its mirror in another region, checked on every pull request."""

import pulumi

from pulumi_cloudbackup import MirrorVault, Vault

ledger = Vault("ledger", region_id="cn-hangzhou", description="Backups of the ledger")
MirrorVault("ledger-dr", source=ledger, region_id="cn-shanghai")

pulumi.export("vault", ledger.id)
