"""Whether anything still comes by itself: what the engine is working on, and since how many looks nothing has moved.

Counted in looks, each with its turns of the event loop, and not in seconds: on a busy machine a look takes longer, and
what would have come in half a second still has as many turns to come in. Knows the private details of Pulumi's SDK that
this needs; each is looked for before it is used.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from pulumi.runtime import is_dry_run

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS: Final = 20
"""Turns of the event loop in which an output without resource dependencies is resolved."""
_PAUSE: Final = 0.02
"""Seconds between two looks."""
_CALL_PATIENCE: Final = 30.0
"""Seconds to wait for calls in flight, such as those of a stack reference, and for registrations in a preview."""
_UPDATE_PATIENCE: Final = 10.0
"""Seconds to wait for registrations in an update, where creating may take long; the providers check once more."""
_STUCK: Final = {True: 10.0, False: 2.0}
"""Seconds to wait for registrations of which none begins or ends, in a preview and in an update."""

Flying = dict[asyncio.Task[Any], str]
"""What the engine is working on: ``call``, or ``registration`` where that no longer waits for its inputs."""


class Watch:
    """Looks at a program that is running."""

    def __init__(self) -> None:
        """Begin; nothing has been looked at."""
        self.looks = 0
        """How many looks in a row have found nothing in flight and nothing moved."""
        self._flying = in_flight()
        self._began = self._moved_at = time.monotonic()

    async def look(self, has_moved: Callable[[], bool] = lambda: False) -> None:
        """Let the program have its turns, and see what it did with them; ``has_moved``: something else to see."""
        await asyncio.sleep(_PAUSE)
        for _turn in range(TURNS):
            await asyncio.sleep(0)
        flying = in_flight()
        if flying.keys() != self._flying.keys() or has_moved():
            self._moved_at = time.monotonic()
            self.looks = 0
        else:
            self.looks = 0 if flying else self.looks + 1
        self._flying = flying

    def is_over(self, looks: int) -> bool:
        """Whether nothing comes any more: still for so many looks, or stuck for longer than anybody would wait."""
        if not self._flying:
            return self.looks >= looks
        waited, stuck = (time.monotonic() - since for since in (self._began, self._moved_at))
        if "call" in self._flying.values():
            return waited > _CALL_PATIENCE
        return stuck > _STUCK[is_dry_run()] or waited > (_CALL_PATIENCE if is_dry_run() else _UPDATE_PATIENCE)


async def still(is_enough: Callable[[], bool], looks: int) -> None:
    """Wait until something holds, or nothing comes any more; never for ever."""
    watch = Watch()
    while not is_enough() and not watch.is_over(looks):
        await watch.look()


def in_flight() -> Flying:
    """Return what the engine is working on.

    Looks at the frames of the SDK's own tasks (private details); what cannot be seen counts as waiting.
    """
    from pulumi.runtime.settings import _get_rpc_manager  # noqa: PLC0415 - private, so only where it is used

    flying: Flying = {}
    for rpc in list(getattr(_get_rpc_manager(), "rpcs", ())):
        if not isinstance(rpc, asyncio.Task) or rpc.done():
            continue
        coroutine: Any = rpc.get_coro()
        if not getattr(coroutine, "__name__", "").startswith("do_register"):
            flying[rpc] = "call"
            continue
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None and "resolver" in frame.f_locals:
            flying[rpc] = "registration"
    return flying
