"""The record of all calls of the service, for tests that ask what a client really sent.

Never holds a signature, a key or a token.
"""

import json
from dataclasses import dataclass
from typing import Any

from pulumi_cloudbackup.emulator.database import Database


@dataclass(frozen=True)
class RecordedCall:
    """One call and how it ended."""

    time: float
    """The emulator's time."""

    action: str
    """The action, empty when the request did not name one."""

    region_id: str | None
    """The region that was called, None when nothing named one."""

    parameters: dict[str, str]
    """The action's parameters as they were sent."""

    status: int | None
    """The HTTP status of the answer, None when a fault kept the answer back."""

    code: str
    """The Code of the answer, also of one that was kept back; `Emulator.Fault` when a fault kept the call itself."""


class Calls:
    """All calls since the last reset."""

    def __init__(self, database: Database) -> None:
        """Keep them in this state."""
        self._database = database

    def record(self, call: RecordedCall) -> None:
        """Add a call."""
        self._database.connection.execute(
            "INSERT INTO calls (time, action, region_id, parameters, status, code) VALUES (?, ?, ?, ?, ?, ?)",
            (call.time, call.action, call.region_id, json.dumps(call.parameters), call.status, call.code),
        )

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Return the calls after number `seq`, in order."""
        rows = self._database.connection.execute(
            "SELECT seq, time, action, region_id, parameters, status, code FROM calls WHERE seq > ? ORDER BY seq",
            (seq,),
        )
        return [
            {
                "seq": row[0],
                "time": row[1],
                "action": row[2],
                "region_id": row[3],
                "parameters": json.loads(row[4]),
                "status": row[5],
                "code": row[6],
            }
            for row in rows
        ]

    def forget(self) -> None:
        """Forget all calls; their numbers are not used again."""
        self._database.connection.execute("DELETE FROM calls")
