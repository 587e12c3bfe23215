"""Which signature nonces were used: a signed request is believed once, also across a restart.

Judged by real time, never by the emulator's clock.
"""

import sqlite3
from dataclasses import dataclass

from pulumi_cloudbackup.emulator.database import Database


@dataclass(frozen=True)
class Nonce:
    """One use of a nonce."""

    access_key_id: str
    """Whose nonce it is: two accounts may use the same."""

    value: str
    """The nonce as it was signed."""

    expires: float
    """The real time after which the signed date alone refuses a replay."""


class Nonces:
    """The nonces that must not come back."""

    def __init__(self, database: Database) -> None:
        """Keep them in this state."""
        self._database = database

    def use(self, nonce: Nonce, now: float) -> bool:
        """Remember a nonce and forget expired ones; False when it was used before."""
        connection = self._database.connection
        connection.execute("DELETE FROM nonces WHERE expires < ?", (now,))
        try:
            connection.execute(
                "INSERT INTO nonces (access_key_id, nonce, expires) VALUES (?, ?, ?)",
                (nonce.access_key_id, nonce.value, nonce.expires),
            )
        except sqlite3.IntegrityError:
            return False
        return True
