"""The control surface for tests: look at everything, set anything, move time, order faults.

Decides who may use it (this machine only, without a signature) and what well-formed orders are. No client of the real
service may depend on it. Source: design, "The cloud port and the emulator".
"""

import ipaddress
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pulumi_cloudbackup.emulator.calls import Calls
from pulumi_cloudbackup.emulator.clock import Clock
from pulumi_cloudbackup.emulator.database import Database
from pulumi_cloudbackup.emulator.faults import FaultError, Faults, parse_fault
from pulumi_cloudbackup.emulator.fields import why_not
from pulumi_cloudbackup.emulator.tasks import Tasks
from pulumi_cloudbackup.emulator.vaults import Vault, Vaults

PREFIX = "/_emulator"
LONGEST_ADVANCE = 1e10
"""How far time may be moved in one order, in seconds: some 300 years."""

_BODY_LIMIT = 1 << 20
_LARGEST_SEQ = 2**63 - 1
_Endpoint = Callable[[Request], Awaitable[Response]]


class ControlError(Exception):
    """An order that cannot be carried out: HTTP status and one sentence."""

    def __init__(self, status: int, reason: str) -> None:
        """Take what is answered."""
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Control:
    """The control surface of one state."""

    def __init__(self, database: Database, vaults: Vaults, tasks: Tasks) -> None:
        """Look at and change this state."""
        self._database = database
        self._vaults = vaults
        self._tasks = tasks
        self._clock = Clock(database)
        self._calls = Calls(database)
        self._faults = Faults(database)

    def routes(self) -> list[Route]:
        """Return the routes of the surface."""
        table: list[tuple[str, str, _Endpoint]] = [
            ("/calls", "GET", self.list_calls),
            ("/vaults", "GET", self.list_vaults),
            ("/vaults/{vault_id}", "PATCH", self.patch_vault),
            ("/vaults/{vault_id}", "DELETE", self.destroy_vault),
            ("/clock", "GET", self.read_clock),
            ("/clock", "POST", self.advance_clock),
            ("/faults", "GET", self.list_faults),
            ("/faults", "POST", self.add_fault),
            ("/faults", "DELETE", self.forget_faults),
            ("/reset", "POST", self.reset),
        ]
        paths = dict.fromkeys(path for path, _, _ in table)
        return [
            Route(
                f"{PREFIX}{path}",
                _guarded({method: endpoint for other, method, endpoint in table if other == path}),
                methods=[method for other, method, _ in table if other == path],
            )
            for path in paths
        ]

    async def list_calls(self, request: Request) -> Response:
        """`GET /calls?since=N`: the calls after number N, as a list."""
        since = request.query_params.get("since", "0")
        if not since.isascii() or not since.isdigit() or int(since[:20]) > _LARGEST_SEQ:
            raise ControlError(400, "since must be the seq of a call, 0 or more.")
        return JSONResponse(self._calls.since(int(since)))

    async def list_vaults(self, _request: Request) -> Response:
        """`GET /vaults`: all vaults of all accounts with every field, as a list."""
        with self._database.transaction():
            now = self._clock.now()
            self._vaults.settle(now)
            return JSONResponse([self._vaults.describe(vault, now) for vault in self._vaults.all()])

    async def patch_vault(self, request: Request) -> Response:
        """`PATCH /vaults/ID {field: value}`: set fields, null takes one away; nothing is checked but types."""
        changes = await _read_object(request)
        with self._database.transaction():
            now = self._clock.now()
            self._vaults.settle(now)
            vault = self._vault(request)
            for name, value in changes.items():
                reason = why_not(name, value)
                if reason is not None:
                    raise ControlError(400, reason)
                if value is None:
                    vault.fields.pop(name, None)
                else:
                    vault.fields[name] = value
            self._check_tags(vault)
            if "Status" in changes:
                # The status stays as it was set: initialisation is over, or never ends.
                vault.ready_at = None
            if {"ReplicationSourceVaultId", "Replication"} & changes.keys():
                # A relation that is set by hand takes the source's one place, unless another mirror has it.
                target = self._vaults.target_of(vault.source_id) if vault.source_id is not None else None
                vault.occupies = vault.is_target and (target is None or target.vault_id == vault.vault_id)
            self._vaults.save(vault)
            return JSONResponse(self._vaults.describe(vault, now))

    async def destroy_vault(self, request: Request) -> Response:
        """`DELETE /vaults/ID`: a disaster; the vault is gone at once, whatever depends on it."""
        with self._database.transaction():
            now = self._clock.now()
            self._vaults.settle(now)
            vault = self._vault(request)
            self._tasks.cancel(vault.vault_id, now)
            self._vaults.remove(vault.vault_id)
            return JSONResponse({"destroyed": vault.vault_id})

    async def read_clock(self, _request: Request) -> Response:
        """`GET /clock`: the emulator's time and how far it is ahead of real time."""
        return self._time()

    async def advance_clock(self, request: Request) -> Response:
        """`POST /clock {"advance_seconds": N}`: move time forward."""
        order = await _read_object(request)
        seconds = order.get("advance_seconds")
        if set(order) != {"advance_seconds"} or isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise ControlError(400, "The order is {'advance_seconds': a number of seconds}.")
        if not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_ADVANCE:
            raise ControlError(400, "advance_seconds must be 0 or more: time does not go back.")
        with self._database.transaction():
            self._clock.advance(float(seconds))
        return self._time()

    async def list_faults(self, _request: Request) -> Response:
        """`GET /faults`: the faults that are still to come, as a list."""
        return JSONResponse([fault.shown() for fault in self._faults.all()])

    async def add_fault(self, request: Request) -> Response:
        """`POST /faults`: order a fault."""
        order = await _read_object(request)
        try:
            fault = parse_fault(order)
        except FaultError as error:
            raise ControlError(400, str(error)) from None
        with self._database.transaction():
            self._faults.add(fault)
        return JSONResponse(fault.shown(), 201)

    async def forget_faults(self, _request: Request) -> Response:
        """`DELETE /faults`: forget the faults that are still to come."""
        with self._database.transaction():
            return JSONResponse({"forgotten": self._faults.forget()})

    async def reset(self, _request: Request) -> Response:
        """`POST /reset`: forget vaults, tasks, calls, faults and the moved clock; used nonces stay used."""
        with self._database.transaction() as connection:
            for table in ("vaults", "tags", "tasks"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - no input in it
            self._calls.forget()
            self._faults.forget()
            self._clock.reset()
        return JSONResponse({"reset": True})

    def _time(self) -> Response:
        """Return the time as JSON."""
        return JSONResponse({"now": self._clock.now(), "offset_seconds": self._clock.offset})

    def _vault(self, request: Request) -> Vault:
        """Return the vault that the path names."""
        vault_id = request.path_params["vault_id"]
        vault = self._vaults.get(vault_id)
        if vault is None:
            raise ControlError(404, f"There is no vault {vault_id}.")
        return vault

    def _check_tags(self, vault: Vault) -> None:
        """Refuse tags that could not be stored."""
        tags = vault.fields["Tags"].setdefault("Tag", [])
        keys = [tag.get("Key") for tag in tags]
        if any("Key" not in tag or "Value" not in tag for tag in tags) or len(set(keys)) < len(keys):
            raise ControlError(400, "Each of Tags.Tag has a Key of its own and a Value.")


def _guarded(endpoints: dict[str, _Endpoint]) -> _Endpoint:
    """Return an endpoint that serves this machine only and turns a ControlError into its answer."""

    async def endpoint(request: Request) -> Response:
        if not _is_local(request):
            return JSONResponse({"error": "The control surface serves loopback clients only."}, 403)
        # Starlette answers HEAD wherever there is GET.
        method = "GET" if request.method == "HEAD" else request.method
        try:
            return await endpoints[method](request)
        except ControlError as error:
            return JSONResponse({"error": error.reason}, error.status)

    return endpoint


def _is_local(request: Request) -> bool:
    """Return whether the client is on this machine; a client without an address is in this process."""
    if request.client is None:
        return True
    try:
        address = ipaddress.ip_address(request.client.host.partition("%")[0])
    except ValueError:
        return True
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


async def _read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise ControlError(413, "The body is too long.")
    try:
        order = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ControlError(400, "The body is not JSON.") from None
    if not isinstance(order, dict):
        raise ControlError(400, "The body is not a JSON object.")
    return order


def _no_constant(name: str) -> None:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(name)
