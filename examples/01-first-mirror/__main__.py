"""One backup vault in Hangzhou, and its mirror in Shanghai."""

import pulumi

from pulumi_cloudbackup import MirrorVault, Vault

orders = Vault("orders", region_id="cn-hangzhou", description="Backups of the order service")
# Created after its source and deleted before it, whatever else changes.
orders_dr = MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")

pulumi.export("vault", orders.id)
pulumi.export("mirror", orders_dr.id)
