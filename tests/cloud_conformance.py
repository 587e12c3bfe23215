"""What every implementation of the port has to do: one suite for the emulator and for a real account.

Creates and deletes vaults named ``conformance-…``, and nothing else.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from pulumi_cloudbackup.cloud import CloudBackup, Deadline, NewMirror, NewVault, VaultChanges, wait_until
from pulumi_cloudbackup.estate import LiveVault


@dataclass
class Conformance:
    """The suite, over one implementation and two regions."""

    cloud: CloudBackup
    region_id: str = "cn-hangzhou"
    mirror_region_id: str = "cn-shanghai"
    patience: float = 60.0

    def run(self) -> None:
        """Live the life of a vault and its mirror."""
        name = f"conformance-{secrets.token_hex(4)}"
        vault_id = self.creates_lists_and_gets(name)
        self.updates_and_tags(vault_id)
        mirror_id = self.mirrors(vault_id, name)
        self.deletes(self.mirror_region_id, mirror_id)
        self.deletes(self.region_id, vault_id)
        assert self.cloud.get_vault(self.region_id, "v-000000000000000000xx") is None
        assert self.region_id in self.cloud.list_regions()
        assert self.mirror_region_id in self.cloud.list_mirror_regions(self.region_id)

    def creates_lists_and_gets(self, name: str) -> str:
        """A new vault is listed in its own region and nowhere else, with what was asked for."""
        new = NewVault(self.region_id, name, f"{name} über 库", "STANDARD", "HBR_PRIVATE", None, worm_enabled=False)
        vault_id = self.cloud.create_vault(new)
        live = self.until_created(self.region_id, vault_id)
        assert (live.vault_name, live.raw_description) == (new.vault_name, new.description)
        assert (live.vault_type, live.encrypt_type, live.is_mirror) == ("STANDARD", "HBR_PRIVATE", False)
        assert live.created_time
        assert vault_id in {vault.id for vault in self.cloud.list_vaults(self.region_id)}
        assert self.cloud.get_vault(self.mirror_region_id, vault_id) is None
        return vault_id

    def updates_and_tags(self, vault_id: str) -> None:
        """Changes leave alone what they do not name."""
        before = self.until_created(self.region_id, vault_id)
        self.cloud.update_vault(self.region_id, vault_id, VaultChanges(description="new"))
        self.cloud.tag_vault(self.region_id, vault_id, {"a": "1", "b": "2"})
        self.cloud.untag_vault(self.region_id, vault_id, ["a"])
        after = self.until_created(self.region_id, vault_id)
        assert after == replace(before, raw_description="new", tags={"b": "2"})
        self.cloud.update_vault(self.region_id, vault_id, VaultChanges())

    def mirrors(self, vault_id: str, name: str) -> str:
        """A mirror and its source know of each other."""
        mirror_id = self.cloud.create_mirror(
            NewMirror(self.mirror_region_id, f"{name}-dr", "dr", self.region_id, vault_id, "HBR_PRIVATE", None, None)
        )
        mirror = self.until_created(self.mirror_region_id, mirror_id)
        source = self.until_created(self.region_id, vault_id)
        assert (mirror.is_mirror, mirror.source_region_id, mirror.source_vault_id) == (True, self.region_id, vault_id)
        assert (source.mirror_region_id, source.mirror_vault_id) == (self.mirror_region_id, mirror_id)
        return mirror_id

    def deletes(self, region_id: str, vault_id: str) -> None:
        """A deleted vault is not there any more."""
        self.cloud.delete_vault(region_id, vault_id)
        gone = wait_until(
            lambda: True if self.cloud.get_vault(region_id, vault_id) is None else None, Deadline.after(self.patience)
        )
        assert gone

    def until_created(self, region_id: str, vault_id: str) -> LiveVault:
        """Wait until a vault is CREATED."""

        def look() -> LiveVault | None:
            live = self.cloud.get_vault(region_id, vault_id)
            return live if live is not None and live.status == "CREATED" else None

        live = wait_until(look, Deadline.after(self.patience))
        assert live is not None
        return live
