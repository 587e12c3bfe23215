"""Retries of calls, as low as possible: the official SDK does none (hbr-api.md 8.4).

A throttled call has not happened and is tried again. A call that may have happened is tried again only where doing
it twice is the same as doing it once; a create is not, so its error goes up to who can look for the vault.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pulumi_cloudbackup.cloud.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often and how long a failing call is tried again."""

    attempts: int = 6
    """Calls at most, the first included."""
    first_pause: float = 0.4
    """Seconds before the second call; doubled each time, with jitter so that threads do not march in step."""
    longest_pause: float = 8.0
    """Seconds between two calls at most."""


def with_retries(call: Callable[[], T], *, repeatable: bool, patience: Patience = Patience()) -> T:
    """Make a call, again where that helps and is safe; raise the last CloudError."""
    pause = patience.first_pause
    for attempt in range(1, patience.attempts + 1):
        try:
            return call()
        except CloudError as error:
            again = error.is_throttled or (repeatable and error.may_have_happened)
            if not again or attempt == patience.attempts:
                raise
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not cryptography
        pause = min(pause * 2, patience.longest_pause)
    raise AssertionError("unreachable: the last attempt returns or raises")
