"""A mirror in the region of its own source: it would be lost together with it, so the preview rejects it."""

from pulumi_cloudbackup import MirrorVault, Vault

orders = Vault("orders", region_id="cn-hangzhou")
MirrorVault("orders-dr", source=orders, region_id="cn-hangzhou")
