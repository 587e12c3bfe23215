"""A vault together with its mirror: the unit that a workload is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from pulumi_cloudbackup import MirrorVault, Vault

if TYPE_CHECKING:
    from topology import Topology


class ProtectedVault(pulumi.ComponentResource):
    """The vault of one workload and, where one is wanted, its mirror in another region."""

    vault: Vault
    mirror: MirrorVault | None
    """``None``: the workload is lost with its region."""

    def __init__(self, name: str, topology: Topology) -> None:
        """Declare what a topology says about the workload ``name``."""
        settings, safety = topology.vaults[name], topology.safety
        super().__init__("retail:dr:ProtectedVault", name, None, pulumi.ResourceOptions(protect=safety.protect))
        opts = pulumi.ResourceOptions(parent=self)
        self.vault = Vault(
            name,
            region_id=settings.region,
            description=f"Backups of {name}, team {settings.team}",
            vault_type=settings.vault_type,
            encrypt_type=settings.encrypt_type,
            kms_key_id=topology.kms_key(settings, settings.region),
            worm_enabled=settings.worm_enabled,
            tags={"environment": pulumi.get_stack(), "team": settings.team, "data-class": settings.data_class},
            force_destroy=safety.force_destroy,
            timeout=safety.timeout_seconds,
            opts=opts,
        )
        self.mirror = None
        if settings.mirror_region is not None:
            self.mirror = MirrorVault(
                f"{name}-dr",
                source=self.vault,
                region_id=settings.mirror_region,
                vault_name=f"{name}-dr",
                kms_key_id=topology.kms_key(settings, settings.mirror_region),
                timeout=safety.timeout_seconds,
                opts=opts,
            )
        self.register_outputs({"runbook": self.runbook})

    @property
    def runbook(self) -> dict[str, Any]:
        """What a person needs to know on the day that the vault's region is lost."""
        vault = {"vault_id": self.vault.id, "region": self.vault.region_id}
        if self.mirror is None:
            return {**vault, "restore_from": "nothing: it is not mirrored"}
        return {
            **vault,
            "mirror_id": self.mirror.id,
            "mirror_region": self.mirror.region_id,
            "replication_status": self.mirror.replication_status,
            "replication_progress": self.mirror.replication_progress,
            "restore_from": pulumi.Output.concat(self.mirror.id, " in ", self.mirror.region_id),
        }
