"""The provider host ends itself when its CLI is gone.

A killed CLI leaves its provider host running, and the host goes on creating vaults that no state knows (measured:
reference/pulumi-engine.md 0.8). The host's parent may be a shell that outlives the CLI, so the sign of life is the
engine's own address, which the CLI gives the host as its first argument.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Final

from pulumi_cloudbackup.resources.refusal import tell

_PAUSE: Final = 0.5
_MISSES: Final = 2


class Watchdog:
    """Knows whether the engine that started this process is still there."""

    def __init__(self, address: tuple[str, int] | None) -> None:
        """Watch an engine's address, if it answers now; otherwise only the parent process is watched."""
        self._parent = os.getppid()
        self._address = address if address is not None and _answers(address) else None

    def engine_is_gone(self) -> bool:
        """Whether the engine is surely gone: asked twice, because a busy machine may miss one attempt."""
        if os.getppid() != self._parent:
            return True
        if self._address is None:
            return False
        for attempt in range(_MISSES):
            if _answers(self._address):
                return False
            if attempt + 1 < _MISSES:
                time.sleep(0.05)
        return True

    def end_if_engine_is_gone(self) -> None:
        """End this process at once, before the next mutating call, if nobody would remember its outcome."""
        if self.engine_is_gone():
            tell("the Pulumi CLI is gone; stopping without further calls.")
            os._exit(3)

    def start(self) -> None:
        """Look again and again in the background."""
        threading.Thread(target=self._watch, name="cloudbackup-watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(_PAUSE)
            self.end_if_engine_is_gone()


def engine_address(arguments: list[str]) -> tuple[str, int] | None:
    """Return the engine's address from the host's arguments (``127.0.0.1:PORT``), if they hold one."""
    for argument in arguments[1:]:
        host, colon, port = argument.rpartition(":")
        if colon and host and port.isdigit() and 0 < int(port) < 65536:  # noqa: PLR2004 - ports
            return host, int(port)
    return None


def _answers(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=2):
            return True
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    except OSError:
        return True  # slow, or out of file descriptors: not a sign that nobody is there
