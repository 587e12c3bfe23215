"""The emulator as an ASGI application: the service at `/`, the control surface under `/_emulator`.

Decides which path is which, and how an answer is kept back when a fault wants that. Reads bodies; judges nothing.
"""

import asyncio
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pulumi_cloudbackup.emulator import answers
from pulumi_cloudbackup.emulator.actions import House
from pulumi_cloudbackup.emulator.answers import Answer
from pulumi_cloudbackup.emulator.control import Control
from pulumi_cloudbackup.emulator.database import Database
from pulumi_cloudbackup.emulator.gateway import Gateway
from pulumi_cloudbackup.emulator.refusals import invalid_parameter
from pulumi_cloudbackup.emulator.settings import Settings
from pulumi_cloudbackup.emulator.tasks import Tasks
from pulumi_cloudbackup.emulator.vaults import Vaults
from pulumi_cloudbackup.emulator.wire import origin_path

if TYPE_CHECKING:
    from collections.abc import Callable

ABORT = "abort_connection"
"""The key in the scope's state under which a server offers to drop the connection."""

_BODY_LIMIT = 8 << 20


class Application:
    """The ASGI application; close it when it is no longer served."""

    def __init__(self, settings: Settings, state: str | Path | None) -> None:
        """Open the state; raises StateError when it cannot be used."""
        self._database = Database(state)
        house = House(settings, Vaults(self._database, settings), Tasks(self._database))
        self.closing = asyncio.Event()
        service = _Service(Gateway(self._database, settings, house), self.closing)
        control = Control(self._database, house.vaults, house.tasks)
        self._starlette = Starlette(
            routes=[Route("/", service), *control.routes()],
            exception_handlers={HTTPException: _no_such_path, Exception: _bug},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, in origin form or, as a proxy does, in absolute form."""
        if scope["type"] == "http":
            scope = {**scope, "path": origin_path(scope["path"])}
            scope.pop("raw_path", None)
        await self._starlette(scope, receive, send)

    def close(self) -> None:
        """Close the state."""
        self._database.close()


def create_app(settings: Settings | None = None, state: str | Path | None = None) -> Application:
    """Return an emulator as an ASGI application; without a state file everything is in memory."""
    return Application(settings or Settings(), state)


class _Service:
    """The endpoint of the service."""

    def __init__(self, gateway: Gateway, closing: asyncio.Event) -> None:
        """Pass calls to this gateway until it closes."""
        self._gateway = gateway
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or keep the answer back."""
        try:
            body = await _read_body(scope, receive)
        except ClientDisconnect:
            return
        answer = await self._answer(scope, body)
        if answer is None:
            await _drop(scope, receive)
            return
        headers = {"x-acs-request-id": str(answer.body["RequestId"]), **answer.headers}
        # A semicolon without a space: clients look for one exact content type, that of XML, and take the rest as JSON.
        response = Response(answer.encode(), answer.status, headers, "application/json;charset=utf-8")
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes | None) -> Answer | None:
        """Return the answer, or None when there is to be none."""
        if body is None:
            refused = invalid_parameter("body", f"It is longer than {_BODY_LIMIT} bytes.")
            return answers.refusal(refused, "")
        admitted = self._gateway.admit(scope, body)
        if isinstance(admitted, Answer):
            return admitted
        fault = admitted.fault
        match fault.fault if fault is not None else None:
            case "drop_before":
                self._gateway.keep_back(admitted)
                return None
            case "drop_after":
                self._gateway.carry_out(admitted)
                return None
            case "timeout_before" | "timeout_after" as kind:
                if kind == "timeout_before":
                    self._gateway.keep_back(admitted)
                else:
                    self._gateway.carry_out(admitted)
                await self._wait(fault.seconds if fault is not None else 0.0)
                return None
            case "slow":
                await self._wait(fault.seconds if fault is not None else 0.0)
        return self._gateway.carry_out(admitted)

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than the emulator is there."""
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except asyncio.TimeoutError:
            return


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body, None when it is too long."""
    body = bytearray()
    too_long = False
    async for chunk in Request(scope, receive).stream():
        too_long = too_long or len(body) + len(chunk) > _BODY_LIMIT
        if not too_long:
            body += chunk
    return None if too_long else bytes(body)


async def _drop(scope: Scope, receive: Receive) -> None:
    """Drop the connection without an answer; where that is impossible, in process, raise what a client would see."""
    abort: Callable[[], None] | None = scope.get("state", {}).get(ABORT)
    if abort is None:
        raise ConnectionAbortedError("The connection was dropped, as a fault ordered.")
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _no_such_path(request: Request, error: Exception) -> Response:
    """Answer a path or method that is not served."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return JSONResponse(
        {"error": f"{error.detail}: {request.method} {request.url.path}"}, error.status_code, error.headers
    )


async def _bug(_request: Request, error: Exception) -> Response:
    """Answer after an exception that nobody foresaw; it is told on stderr."""
    traceback.print_exception(error, file=sys.stderr)
    return JSONResponse(
        {"error": "InternalFailure: This is a bug in the emulator, please report it.", "Code": "InternalFailure"}, 500
    )
