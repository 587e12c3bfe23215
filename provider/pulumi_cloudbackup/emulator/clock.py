"""The emulator's time: real time plus an offset that a caller may move forward.

Signatures are never judged by it, only the life of vaults, mirrors and tasks.
"""

import time

from pulumi_cloudbackup.emulator.database import Database

_OFFSET = "clock offset"


class Clock:
    """Reads and moves the emulator's time; the offset survives a restart."""

    def __init__(self, database: Database) -> None:
        """Keep the offset in this state."""
        self._database = database

    @property
    def offset(self) -> float:
        """How many seconds the emulator is ahead of real time."""
        row = self._database.connection.execute("SELECT value FROM meta WHERE name = ?", (_OFFSET,)).fetchone()
        return float(row[0]) if row else 0.0

    def now(self) -> float:
        """Return the emulator's UNIX time in seconds."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        """Move time forward, inside a transaction of the caller."""
        self._database.connection.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (_OFFSET, seconds),
        )

    def reset(self) -> None:
        """Go back to real time, inside a transaction of the caller."""
        self._database.connection.execute("DELETE FROM meta WHERE name = ?", (_OFFSET,))
