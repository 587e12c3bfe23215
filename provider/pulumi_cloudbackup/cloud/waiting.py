"""Waiting for the service: asking again in growing intervals until something holds or the time is up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_GROWTH = 1.5


@dataclass(frozen=True)
class Deadline:
    """A moment after which nothing is waited for any more."""

    at: float
    """On the monotonic clock."""
    seconds: float
    """What was allowed, for messages."""

    @staticmethod
    def after(seconds: float) -> Deadline:
        """Return the moment that many seconds from now."""
        return Deadline(time.monotonic() + seconds, seconds)

    @property
    def has_passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.at

    def within(self, seconds: float) -> Deadline:
        """Return the earlier of this moment and that many seconds from now."""
        return min(self, Deadline.after(seconds), key=lambda deadline: deadline.at)


def wait_until(look: Callable[[], T | None], deadline: Deadline) -> T | None:
    """Look until an answer other than ``None`` comes, at least once; return ``None`` when the time is up."""
    pause = _FIRST_PAUSE
    while True:
        answer = look()
        if answer is not None or deadline.has_passed:
            return answer
        time.sleep(max(0.0, min(pause, deadline.at - time.monotonic())))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
