"""Declare disaster recovery for Alibaba Cloud Backup with Pulumi: vaults and cross-region mirror vaults."""

from pulumi_cloudbackup.resources import ExistingVault, MirrorVault, Vault

__all__ = ["ExistingVault", "MirrorVault", "Vault"]
__version__ = "0.1.0"
