"""Vaults of two teams and their mirrors, in two countries; finance encrypts with keys of its own."""

import pulumi

from pulumi_cloudbackup import MirrorVault, Vault

keys = pulumi.Config().require_object("kmsKeys")

orders = Vault("orders", region_id="cn-hangzhou", description="Backups of the order service", tags={"team": "shop"})
MirrorVault("orders-dr", source=orders, region_id="ap-southeast-1")

ledger = Vault(
    "ledger",
    region_id="cn-hangzhou",
    description="Backups of the ledger",
    encrypt_type="KMS",
    kms_key_id=keys["cn-hangzhou"],
    tags={"team": "finance"},
)
MirrorVault("ledger-dr", source=ledger, region_id="ap-southeast-1", kms_key_id=keys["ap-southeast-1"])
