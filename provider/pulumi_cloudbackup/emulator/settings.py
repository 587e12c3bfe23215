"""What one emulator is told at its start: times, quotas, accounts, regions.

Decides only which values are acceptable. Holds no state: everything that changes lives in the state file.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pulumi_cloudbackup.emulator.regions import REGIONS, REPLICATION_REGIONS


@dataclass(frozen=True)
class Settings:
    """How the emulated service behaves where the real one leaves it open or differs between accounts."""

    initializing_seconds: float = 3.0
    """How long a new vault stays INITIALIZING (reference section 9: the real time is not known)."""

    mirror_release_seconds: float = 0.0
    """How long the deletion of a source stays refused after its mirror is gone (section 3: up to minutes)."""

    deleting_seconds: float = 0.0
    """How long a deleted vault stays listed, and counts, after DeleteVault has answered."""

    historical_replication_seconds: float = 600.0
    """How long the copy of the history takes once it has begun, 90 minutes after the mirror's creation (assumed)."""

    credentials: Mapping[str, str] = field(default_factory=lambda: {"test": "test"})
    """The secret of each access key id; each access key id is an account of its own."""

    security_tokens: Mapping[str, str] = field(default_factory=dict)
    """The security token that goes with a temporary access key id; an id listed here needs its token."""

    verify_signatures: bool = True
    """Whether signature, date and nonce are checked; without it any access key id is an account."""

    vaults_per_account: int = 100
    """How many vaults, mirrors included, one account may have."""

    mirrors_per_region: int = 5
    """How many replication target vaults one account may have in one region."""

    largest_page: int = 99
    """The largest PageSize of DescribeVaults (the API page says 99, older metadata 100: disagreement 16)."""

    unknown_vault_is_refused: bool = False
    """Whether DescribeVaults for an unknown VaultId is InvalidResourceId.NotFound, not an empty list (both exist)."""

    regions: Mapping[str, str] = field(default_factory=lambda: dict(REGIONS))
    """The display name of each region that the service has."""

    replication_regions: tuple[str, ...] = REPLICATION_REGIONS
    """The regions in which a mirror can be created, as DescribeVaultReplicationRegions lists them."""

    def __post_init__(self) -> None:
        """Refuse values that mean nothing, with one sentence each."""
        for name in (
            "initializing_seconds",
            "mirror_release_seconds",
            "deleting_seconds",
            "historical_replication_seconds",
        ):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"{name} must be a number of seconds, 0 or more, not {value!r}.")
        for name in ("vaults_per_account", "mirrors_per_region", "largest_page"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)!r}.")
        for access_key_id, secret in self.credentials.items():
            if not access_key_id or not secret:
                raise ValueError("An access key id and its secret must not be empty.")
        unknown = sorted(set(self.replication_regions) - set(self.regions))
        if unknown:
            raise ValueError(f"replication_regions names regions that regions lacks: {', '.join(unknown)}.")
