"""Tasks: what DescribeTask tells about the making of a vault.

Decides state and progress from the time that is passed in. Source: A:DescribeTask (states created, expired, completed,
cancelled; Progress 0-100, -1 on failure). Name and Result of vault tasks are not known and assumed.
"""

import json
from dataclasses import dataclass
from typing import Any

from pulumi_cloudbackup.emulator.database import Database

_ALMOST_DONE = 99
_DONE = 100
_FAILED = -1


@dataclass(frozen=True)
class Task:
    """The making of one vault."""

    task_id: str
    """Its id."""

    owner: int
    """The account's uid."""

    region_id: str
    """The region that works on it."""

    vault_id: str
    """The vault that is made."""

    name: str
    """The action that started it."""

    created: float
    """When it was started."""

    due_at: float
    """When it ends."""

    failure: str | None
    """Why it will fail, None when it succeeds."""

    cancelled_at: float | None
    """When its vault was destroyed before it ended."""

    def describe(self, now: float) -> dict[str, Any]:
        """Return the fields that DescribeTask adds to its envelope."""
        fields: dict[str, Any] = {"Name": self.name, "CreatedTime": int(self.created)}
        if self.cancelled_at is not None:
            ended = int(self.cancelled_at)
            return fields | {"Description": "cancelled", "Progress": _FAILED, "UpdatedTime": ended, "Result": "{}"}
        if now < self.due_at:
            share = (now - self.created) / (self.due_at - self.created)
            progress = max(0, int(share * _ALMOST_DONE))
            return fields | {"Description": "created", "Progress": progress, "UpdatedTime": int(now), "Result": "{}"}
        result = {"VaultId": self.vault_id} | ({"VaultStatusMessage": self.failure} if self.failure else {})
        return fields | {
            "Description": "completed",
            "Progress": _FAILED if self.failure else _DONE,
            "UpdatedTime": int(self.due_at),
            "CompletedTime": int(self.due_at),
            "Result": json.dumps(result),
        }


class Tasks:
    """All tasks of all accounts."""

    def __init__(self, database: Database) -> None:
        """Keep them in this state."""
        self._database = database

    def add(self, task: Task) -> None:
        """Remember a new task."""
        self._database.connection.execute(
            "INSERT INTO tasks (task_id, owner, region, vault_id, name, created, due_at, failure, cancelled_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                task.task_id,
                task.owner,
                task.region_id,
                task.vault_id,
                task.name,
                task.created,
                task.due_at,
                task.failure,
                task.cancelled_at,
            ),
        )

    def find(self, owner: int, task_id: str, region_id: str | None) -> Task | None:
        """Return an account's task; with a region, only if it is there."""
        row = self._database.connection.execute(
            "SELECT task_id, owner, region, vault_id, name, created, due_at, failure, cancelled_at FROM tasks "
            "WHERE task_id = ?",
            (task_id,),
        ).fetchone()
        if row is None:
            return None
        task = Task(*row)
        if task.owner != owner or (region_id is not None and task.region_id != region_id):
            return None
        return task

    def cancel(self, vault_id: str, now: float) -> None:
        """End the unfinished tasks of a vault that is no more."""
        self._database.connection.execute(
            "UPDATE tasks SET cancelled_at = ? WHERE vault_id = ? AND due_at > ? AND cancelled_at IS NULL",
            (now, vault_id, now),
        )
