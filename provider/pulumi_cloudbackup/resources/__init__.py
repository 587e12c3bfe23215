"""Pulumi resource classes, their dynamic providers, and what both do to the service."""

from pulumi_cloudbackup.resources.existing_vault import ExistingVault
from pulumi_cloudbackup.resources.mirror_vault import MirrorVault
from pulumi_cloudbackup.resources.vault import Vault

__all__ = ["ExistingVault", "MirrorVault", "Vault"]
