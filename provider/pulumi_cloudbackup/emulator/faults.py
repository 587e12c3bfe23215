"""Faults that a test orders: throttling, failures, lost answers, vaults that end in ERROR.

Decides which fault a call meets, and refuses orders that the emulator could not carry out. A fault meets calls whose
caller is known; an order is used up in the order in which it was given and survives a restart.

| fault | effect of the call | answer |
| --- | --- | --- |
| throttle | none | HTTP 400 `Throttling.User`, with `retry_after_seconds` also the header x-acs-retry-after |
| http_500 | none | HTTP 500 `InternalFailure` |
| http_503 | none | HTTP 503 `ServiceUnavailableTemporary` |
| success_false | none | HTTP 200 with Success false |
| timeout_before | none | nothing for `seconds`, then the connection is dropped |
| timeout_after | happens at once | as timeout_before |
| drop_before | none | the connection is dropped |
| drop_after | happens | the connection is dropped |
| slow | happens after `seconds` | late |
| end_in_error | happens | as usual; the vault's initialisation ends in ERROR |
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_cloudbackup.emulator.actions import ACTIONS, CREATING
from pulumi_cloudbackup.emulator.database import Database

ANY_ACTION = "*"
LONGEST_SECONDS = 3600.0
_LARGEST_COUNT = 2**31 - 1
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "throttle": ("code", "message", "retry_after_seconds"),
    "http_500": ("code", "message"),
    "http_503": ("code", "message"),
    "success_false": ("code", "message"),
    "timeout_before": ("seconds",),
    "timeout_after": ("seconds",),
    "drop_before": (),
    "drop_after": (),
    "slow": ("seconds",),
    "end_in_error": (),
}
_DEFAULT_HOLD_SECONDS = 60.0


class FaultError(Exception):
    """A fault that cannot be ordered like this; the message says why."""


@dataclass(frozen=True)
class Fault:
    """One order for one or more calls."""

    action: str
    """The action that it meets, or `*` for every one."""

    fault: str
    """What happens; see the table above."""

    times: int
    """How many calls it still meets."""

    after: int
    """How many matching calls still pass before it."""

    options: dict[str, Any]
    """What else was ordered: seconds, code, message, retry_after_seconds."""

    @property
    def seconds(self) -> float:
        """How long it holds a call."""
        return float(self.options.get("seconds", _DEFAULT_HOLD_SECONDS))

    def shown(self) -> dict[str, Any]:
        """Return the order as it was given, with what is left of it."""
        return {"action": self.action, "fault": self.fault, "times": self.times, "after": self.after, **self.options}


def parse_fault(order: Mapping[str, Any]) -> Fault:
    """Return the fault that is ordered, or raise FaultError."""
    action, fault = order.get("action", ANY_ACTION), order.get("fault")
    if not isinstance(fault, str) or fault not in _OPTIONS:
        raise FaultError(f"fault must be one of {', '.join(_OPTIONS)}.")
    if not isinstance(action, str) or (action != ANY_ACTION and action not in ACTIONS):
        raise FaultError(f"action must be * or one of {', '.join(ACTIONS)}.")
    if fault == "end_in_error" and action not in (ANY_ACTION, *CREATING):
        raise FaultError(f"end_in_error is for {' and '.join(sorted(CREATING))}; {action} makes no vault.")
    options = {name: value for name, value in order.items() if name not in ("action", "fault", "times", "after")}
    for name, value in options.items():
        if name not in _OPTIONS[fault]:
            raise FaultError(f"The fault {fault} has no option {name}.")
        _check_option(name, value)
    if fault == "slow" and "seconds" not in options:
        raise FaultError("The fault slow needs seconds.")
    return Fault(action, fault, _count(order, "times", 1, lowest=1), _count(order, "after", 0, lowest=0), options)


class Faults:
    """The faults that are still to come."""

    def __init__(self, database: Database) -> None:
        """Keep them in this state."""
        self._database = database

    def add(self, fault: Fault) -> None:
        """Queue a fault behind the others."""
        self._database.connection.execute(
            "INSERT INTO faults (action, fault, times, after, options) VALUES (?, ?, ?, ?, ?)",
            (fault.action, fault.fault, fault.times, fault.after, json.dumps(fault.options)),
        )

    def all(self) -> list[Fault]:
        """Return the queue."""
        return [fault for _, fault in self._queue()]

    def forget(self) -> int:
        """Empty the queue and return how many there were."""
        return self._database.connection.execute("DELETE FROM faults").rowcount

    def take(self, action: str) -> Fault | None:
        """Return the fault that the next call of this action meets, and use it up once."""
        connection = self._database.connection
        for seq, fault in self._queue():
            if fault.action not in (ANY_ACTION, action) or (fault.fault == "end_in_error" and action not in CREATING):
                continue
            if fault.after > 0:
                connection.execute("UPDATE faults SET after = after - 1 WHERE seq = ?", (seq,))
                continue
            if fault.times > 1:
                connection.execute("UPDATE faults SET times = times - 1 WHERE seq = ?", (seq,))
            else:
                connection.execute("DELETE FROM faults WHERE seq = ?", (seq,))
            return fault
        return None

    def _queue(self) -> list[tuple[int, Fault]]:
        """Return the queue with its numbers."""
        rows = self._database.connection.execute(
            "SELECT seq, action, fault, times, after, options FROM faults ORDER BY seq"
        )
        return [(row[0], Fault(row[1], row[2], row[3], row[4], json.loads(row[5]))) for row in rows.fetchall()]


def _count(order: Mapping[str, Any], name: str, default: int, *, lowest: int) -> int:
    """Return a whole number of an order."""
    value = order.get(name, default)
    if type(value) is not int or not lowest <= value <= _LARGEST_COUNT:
        raise FaultError(f"{name} must be an integer, {lowest} or more.")
    return value


def _check_option(name: str, value: object) -> None:
    """Refuse an option of the wrong type."""
    if name in ("code", "message"):
        if not isinstance(value, str) or not value:
            raise FaultError(f"{name} must be a text that is not empty.")
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FaultError(f"{name} must be a number of seconds.")
    elif not math.isfinite(value) or not 0 <= value <= LONGEST_SECONDS:
        raise FaultError(f"{name} must be from 0 to {LONGEST_SECONDS:.0f}.")
