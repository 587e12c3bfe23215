"""The emulator as a server: a socket, a thread, a clean end.

Decides nothing about the service. Signals are left alone: the process that runs the emulator decides what ends it.
"""

import asyncio
import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType

import uvicorn
from typing_extensions import Self
from uvicorn.protocols.http.h11_impl import H11Protocol

from pulumi_cloudbackup.emulator.app import ABORT, create_app
from pulumi_cloudbackup.emulator.settings import Settings

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 1
_TICK_SECONDS = 0.1
_HEADER_LIMIT = 1 << 20


class Emulator:
    """A running emulator; it listens when the constructor returns, until it is closed."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        port: int = 0,
        state: str | Path | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """Listen on a port (0: any free one), with a state file or, without one, with a state that ends with it.

        Raises OSError when the port cannot be had and StateError when the state cannot be used.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=1024)
        try:
            self._app = create_app(settings, state)
        except BaseException:
            listener.close()
            raise
        bound_host, bound_port = listener.getsockname()[:2]
        self.port = int(bound_port)
        self.url = f"http://[{bound_host}]:{bound_port}" if family == socket.AF_INET6 else f"http://{host}:{bound_port}"
        self._server = _Server(
            self._app.closing,
            uvicorn.Config(
                self._app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                loop="asyncio",
                interface="asgi3",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                h11_max_incomplete_event_size=_HEADER_LIMIT,
            ),
        )
        self._thread = threading.Thread(
            target=self._server.run_until_told, args=(listener,), name="cloudbackup-emulator", daemon=True
        )
        self._thread.start()
        self._server.ready.wait()
        if not self._server.started:
            self.close()
            raise OSError(f"The emulator could not listen on {self.url}.")

    def __enter__(self) -> Self:
        """Return the running emulator."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def wait(self) -> None:
        """Return when the emulator has ended; a signal's exception comes out of here."""
        self._thread.join()

    def close(self) -> None:
        """Stop listening, drop held calls, close the state; closing twice is fine."""
        self._server.should_exit = True
        loop = self._server.loop
        if loop is not None and self._thread.is_alive():
            # The loop may end in this very moment; then nothing is held any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._app.closing.set)
        self._thread.join()
        self._app.close()


class _Server(uvicorn.Server):
    """A server that tells when it accepts connections, and ends as soon as it is told."""

    def __init__(self, closing: asyncio.Event, config: uvicorn.Config) -> None:
        """Take what tells it to end, and the configuration."""
        super().__init__(config)
        self._closing = closing
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Tick, as uvicorn does, until told to end."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _TICK_SECONDS)

    def run_until_told(self, listener: socket.socket) -> None:
        """Serve this socket until should_exit is set."""
        try:
            self.run(sockets=[listener])
        finally:
            listener.close()
            self.ready.set()


class _Protocol(H11Protocol):
    """HTTP/1.1, with the offer to drop the connection in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own narrowing
        """Add the offer for this connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, ABORT: transport.abort}
        # Head and body are two writes; without this the body waits 40 ms for the head's acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
