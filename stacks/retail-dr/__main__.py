"""Backup vaults of a retail platform and their mirrors; what is where is configuration of the stack."""

import pulumi
from protected_vault import ProtectedVault
from topology import load

topology = load(pulumi.Config())
vaults = {name: ProtectedVault(name, topology) for name in topology.vaults}
pulumi.export("runbook", {name: vault.runbook for name, vault in vaults.items()})
