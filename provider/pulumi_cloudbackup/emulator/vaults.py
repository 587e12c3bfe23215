"""Vaults: how they are stored, how time changes them, how they look from outside.

Decides the life of a vault: INITIALIZING, then CREATED or ERROR, then gone. Time is passed in and only ever looked at
when somebody asks; there are no timers. Which calls are allowed is decided elsewhere.
"""

import json
import secrets
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_cloudbackup.emulator.database import Database
from pulumi_cloudbackup.emulator.settings import Settings

HISTORY_STARTS_AFTER = 90 * 60.0
"""Seconds until a mirror begins to copy the history (SEED: "synchronized after 90 minutes")."""

SYNC_INTERVAL = 300
"""How often a mirror reports an incremental copy, in seconds (assumed)."""

_ALPHABET = string.ascii_lowercase + string.digits
_COLUMNS = (
    "vault_id, owner, region, name, type, status, replication, resource_group, source_id, occupies, ready_at, outcome, "
    "outcome_message, gone_at, release_at, fields"
)
_SAVE = (
    f"INSERT INTO vaults ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 - no text of a caller's is in it - no input
    "ON CONFLICT (vault_id) DO UPDATE SET owner = excluded.owner, region = excluded.region, name = excluded.name, "
    "type = excluded.type, status = excluded.status, replication = excluded.replication, "
    "resource_group = excluded.resource_group, source_id = excluded.source_id, occupies = excluded.occupies, "
    "ready_at = excluded.ready_at, outcome = excluded.outcome, outcome_message = excluded.outcome_message, "
    "gone_at = excluded.gone_at, release_at = excluded.release_at, fields = excluded.fields"
)


def new_id(prefix: str) -> str:
    """Return a fresh id in the form that the vendor's samples show: a prefix and 20 characters."""
    return f"{prefix}-000{''.join(secrets.choice(_ALPHABET) for _ in range(17))}"


@dataclass
class Vault:
    """One vault; to change it, change this and save it."""

    vault_id: str
    """Its id, for ever."""

    fields: dict[str, Any]
    """What DescribeVaults shows, as far as it is stored and not derived from time or from another vault."""

    ready_at: float | None
    """When initialisation ends; None once it has, and while a test holds the status."""

    outcome: str = "CREATED"
    """The status after initialisation."""

    outcome_message: str | None = None
    """The VaultStatusMessage that comes with the outcome."""

    occupies: bool = False
    """Whether this mirror is its source's one target: not so for a second mirror, and for one that failed."""

    gone_at: float | None = None
    """When the vault, already deleted, is no longer listed."""

    release_at: float = 0.0
    """Until when the deletion of this vault stays refused although its mirror is gone."""

    @property
    def owner(self) -> int:
        """The account's uid."""
        return int(self.fields["VaultOwnerId"])

    @property
    def region_id(self) -> str:
        """The region it is in."""
        return str(self.fields["VaultRegionId"])

    @property
    def status(self) -> str:
        """UNKNOWN, INITIALIZING, CREATED or ERROR."""
        return str(self.fields["Status"])

    @property
    def is_target(self) -> bool:
        """Whether it is a replication target vault, a mirror."""
        return bool(self.fields["Replication"])

    @property
    def source_id(self) -> str | None:
        """The vault that it mirrors."""
        return self.fields.get("ReplicationSourceVaultId")

    @property
    def holds_data(self) -> bool:
        """Whether any backup is in it, by the numbers that it shows."""
        return any(self.fields.get(name, 0) for name in ("SnapshotCount", "BytesDone", "StorageSize"))

    @property
    def tags(self) -> dict[str, str]:
        """Its tags by key."""
        return {tag["Key"]: tag["Value"] for tag in self.fields["Tags"]["Tag"]}

    def set_tags(self, tags: dict[str, str]) -> None:
        """Replace its tags."""
        self.fields["Tags"] = {"Tag": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


@dataclass(frozen=True)
class Search:
    """What DescribeVaults looks for; an absent filter lets everything pass."""

    owner: int
    """Only this account's vaults."""

    equal: tuple[tuple[str, str | int], ...]
    """Columns and the values that they must have."""

    tags: tuple[tuple[str, str | None], ...]
    """Tags that a vault must all have; without a value, any value will do."""


class Vaults:
    """All vaults of all accounts."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Keep them in this state."""
        self._database = database
        self._settings = settings

    def settle(self, now: float) -> None:
        """Let everything happen that time has brought: initialisations end, deleted vaults disappear."""
        connection = self._database.connection
        for vault in self._select("ready_at <= ?", (now,)):
            vault.fields["UpdatedTime"] = int(vault.ready_at or now)
            vault.fields["Status"] = vault.outcome
            if vault.outcome_message is not None:
                vault.fields["VaultStatusMessage"] = vault.outcome_message
            if vault.outcome == "ERROR":
                vault.occupies = False
            vault.ready_at = None
            self.save(vault)
        for (vault_id,) in connection.execute("SELECT vault_id FROM vaults WHERE gone_at <= ?", (now,)).fetchall():
            self.remove(vault_id)

    def save(self, vault: Vault) -> None:
        """Write a new or changed vault."""
        connection = self._database.connection
        fields = vault.fields
        connection.execute(
            _SAVE,
            (
                vault.vault_id,
                vault.owner,
                vault.region_id,
                fields["VaultName"],
                fields["VaultType"],
                vault.status,
                vault.is_target,
                fields["ResourceGroupId"],
                vault.source_id,
                vault.occupies,
                vault.ready_at,
                vault.outcome,
                vault.outcome_message,
                vault.gone_at,
                vault.release_at,
                json.dumps(fields),
            ),
        )
        connection.execute("DELETE FROM tags WHERE vault_id = ?", (vault.vault_id,))
        connection.executemany(
            "INSERT INTO tags (vault_id, key, value) VALUES (?, ?, ?)",
            [(vault.vault_id, key, value) for key, value in vault.tags.items()],
        )

    def remove(self, vault_id: str) -> None:
        """Forget a vault at once."""
        connection = self._database.connection
        connection.execute("DELETE FROM tags WHERE vault_id = ?", (vault_id,))
        connection.execute("DELETE FROM vaults WHERE vault_id = ?", (vault_id,))

    def get(self, vault_id: str) -> Vault | None:
        """Return a vault of any account."""
        return next(iter(self._select("vault_id = ?", (vault_id,))), None)

    def find(self, owner: int, vault_id: str, region_id: str | None) -> Vault | None:
        """Return an account's vault; with a region, only if it is there."""
        vault = self.get(vault_id)
        if vault is None or vault.owner != owner or (region_id is not None and vault.region_id != region_id):
            return None
        return vault

    def target_of(self, vault_id: str) -> Vault | None:
        """Return the one mirror of a vault; listed mirrors count, also while they are being deleted."""
        return next(iter(self._select("source_id = ? AND occupies", (vault_id,))), None)

    def count(self, owner: int, *, targets_in: str | None = None) -> int:
        """Return how many vaults an account has, or how many mirrors in one region."""
        condition, values = "owner = ?", [owner]
        if targets_in is not None:
            return self._count(f"{condition} AND region = ? AND replication", (*values, targets_in))
        return self._count(condition, values)

    def page(self, search: Search, number: int, size: int) -> tuple[int, list[Vault]]:
        """Return how many vaults match, and one page of them, oldest first (the service's order is assumed)."""
        conditions, values = ["owner = ?"], [search.owner]
        for column, value in search.equal:
            conditions.append(f"{column} = ?")
            values.append(value)  # type: ignore[arg-type] # a filter's value is a text by then
        for key, tag_value in search.tags:
            if tag_value is None:
                conditions.append("vault_id IN (SELECT vault_id FROM tags WHERE key = ?)")
                values.append(key)  # type: ignore[arg-type] # as above
            else:
                conditions.append("vault_id IN (SELECT vault_id FROM tags WHERE key = ? AND value = ?)")
                values.extend((key, tag_value))  # type: ignore[arg-type] # as above
        condition = " AND ".join(conditions)
        limits = (*values, size, (number - 1) * size)
        return self._count(condition, values), self._select(f"{condition} ORDER BY seq LIMIT ? OFFSET ?", limits)

    def all(self) -> list[Vault]:
        """Return every vault of every account, oldest first."""
        return self._select("1 ORDER BY seq", ())

    def describe(self, vault: Vault, now: float) -> dict[str, Any]:
        """Return a vault as DescribeVaults shows it; a field that was set by hand wins over a derived one."""
        return dict(sorted({**self._derived(vault, now), **vault.fields, "VaultId": vault.vault_id}.items()))

    def is_mirrored(self, vault: Vault) -> bool:
        """Return whether a vault is the source of a mirror, or was declared by hand to be one."""
        declared = vault.fields.get("ReplicationSourceVault")
        return bool(declared) if declared is not None else self.target_of(vault.vault_id) is not None

    def _derived(self, vault: Vault, now: float) -> dict[str, Any]:
        """Return the fields that follow from time and from other vaults."""
        target = self.target_of(vault.vault_id)
        derived: dict[str, Any] = {"ReplicationSourceVault": target is not None}
        if target is not None:
            derived["ReplicationTargetOwnerId"] = target.owner
            derived["ReplicationTargetRegionId"] = target.region_id
            derived["ReplicationTargetVaultId"] = target.vault_id
        if vault.is_target and vault.source_id is not None and vault.status == "CREATED" and vault.occupies:
            derived |= self._replication(vault, now)
        return derived

    def _replication(self, mirror: Vault, now: float) -> dict[str, Any]:
        """Return how far a working mirror is.

        The history is at 0 for 90 minutes after the creation (SEED), then rises evenly to 100 (assumed). Once the
        source is gone nothing is copied: no ReplicationStatus (assumed), and the progress is not told.
        """
        if self.get(str(mirror.source_id)) is None:
            return {}
        created = int(mirror.fields["CreatedTime"])
        synced = int(now) - (int(now) - created) % SYNC_INTERVAL
        return {
            "ReplicationStatus": "RUNNING",
            "ReplicationProgress": {
                "HistoricalReplicationProgress": self._history(now - created - HISTORY_STARTS_AFTER),
                "NewReplicationProgress": synced,
            },
            "LatestReplicationTime": synced,
        }

    def _history(self, elapsed: float) -> int:
        """Return how much of the history is copied, in percent, so long after the copy began."""
        duration = self._settings.historical_replication_seconds
        if elapsed < 0:
            return 0
        return int(100 * elapsed / duration) if elapsed < duration else 100

    def _count(self, condition: str, values: Sequence[object]) -> int:
        """Return how many rows match; conditions hold no input, values do."""
        statement = f"SELECT count(*) FROM vaults WHERE {condition}"  # noqa: S608 - no input in it
        return int(self._database.connection.execute(statement, values).fetchone()[0])

    def _select(self, condition: str, values: Sequence[object]) -> list[Vault]:
        """Return the vaults that match; conditions hold no input, values do."""
        statement = (
            "SELECT vault_id, fields, ready_at, outcome, outcome_message, occupies, gone_at, release_at "  # noqa: S608
            f"FROM vaults WHERE {condition}"
        )
        return list(_read(self._database.connection.execute(statement, values)))


def _read(rows: Iterable[tuple[Any, ...]]) -> Iterable[Vault]:
    """Turn rows into vaults."""
    for row in rows:
        vault_id, fields, ready_at, outcome, message, occupies, gone_at, release_at = row
        yield Vault(vault_id, json.loads(fields), ready_at, outcome, message, bool(occupies), gone_at, release_at)
