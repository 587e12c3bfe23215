"""The door of the service: who calls, what, where; then the action; then the answer.

Decides the order of the checks and that every call is recorded. A call is carried out between two points at which
nothing else happens, so calls are serial; whatever it changes is committed with its record, all or nothing.
"""

import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_cloudbackup.emulator import answers
from pulumi_cloudbackup.emulator.accounts import uid_of
from pulumi_cloudbackup.emulator.actions import ACTIONS, NOT_IMPLEMENTED, Call, House, region_of_subject
from pulumi_cloudbackup.emulator.answers import Answer
from pulumi_cloudbackup.emulator.calls import Calls, RecordedCall
from pulumi_cloudbackup.emulator.clock import Clock
from pulumi_cloudbackup.emulator.database import Database
from pulumi_cloudbackup.emulator.faults import Fault, Faults
from pulumi_cloudbackup.emulator.nonces import Nonces
from pulumi_cloudbackup.emulator.parameters import Parameters
from pulumi_cloudbackup.emulator.refusals import Refusal, invalid_parameter, missing_parameter, own
from pulumi_cloudbackup.emulator.regions import region_of_host
from pulumi_cloudbackup.emulator.rules import known_region
from pulumi_cloudbackup.emulator.settings import Settings
from pulumi_cloudbackup.emulator.signature import Caller, identify_caller, nonce_used, speaks_v3
from pulumi_cloudbackup.emulator.wire import WireRequest, decode_request, headers_of

API_VERSION = "2017-09-08"
INTERNAL_ERROR = 500
UNAVAILABLE = 503
METHOD_NOT_ALLOWED = 405
FAULT_CODE = "Emulator.Fault"
_METHODS = ("GET", "POST")
_REGION_HEADERS = ("x-acs-region-id", "regionid")


@dataclass(frozen=True)
class Admitted:
    """A call that got past the door and waits to be carried out."""

    action: str
    """Its name."""

    caller: Caller
    """Who calls."""

    named_region_id: str | None
    """The region that RegionId or the host names."""

    parameters: Parameters
    """What was sent along."""

    host: str
    """The host that was called."""

    fault: Fault | None
    """What is ordered to go wrong."""


class Gateway:
    """Everything of the service behind HTTP."""

    def __init__(self, database: Database, settings: Settings, house: House) -> None:
        """Serve what is in this state."""
        self._database = database
        self._settings = settings
        self._house = house
        self._clock = Clock(database)
        self._calls = Calls(database)
        self._faults = Faults(database)
        self._nonces = Nonces(database)

    def admit(self, scope: Mapping[str, Any], body: bytes) -> Admitted | Answer:
        """Let a call in, or answer that it is refused."""
        host = headers_of(scope).get("host", "")
        action, parameters = "", Parameters({})
        try:
            with self._database.transaction():
                try:
                    request = decode_request(scope, body)
                    values = request.merged()
                    parameters = Parameters(values)
                    action = _named(request, values, "Action", "x-acs-action")
                    return self._admit(request, values, action)
                except Refusal as refused:
                    answer = answers.refusal(refused, host)
                    self._record(action, None, parameters, answer.status, answer.code)
                    return answer
        except Exception:  # noqa: BLE001 - the outermost door: whatever it was, the caller gets an answer
            return self._broken(host)

    def carry_out(self, admitted: Admitted) -> Answer:
        """Carry a call out, and record and return its answer."""
        try:
            with self._database.transaction():
                answer, region_id = self._carry_out(admitted)
                withheld = admitted.fault is not None and admitted.fault.fault in ("timeout_after", "drop_after")
                status = None if withheld else answer.status
                self._record(admitted.action, region_id, admitted.parameters, status, answer.code)
                return answer
        except Exception:  # noqa: BLE001 - the outermost door: whatever it was, the caller gets an answer
            return self._broken(admitted.host)

    def keep_back(self, admitted: Admitted) -> None:
        """Record a call that a fault keeps from being carried out, and from being answered."""
        with self._database.transaction():
            self._record(admitted.action, admitted.named_region_id, admitted.parameters, None, FAULT_CODE)

    def _admit(self, request: WireRequest, values: dict[str, str], action: str) -> Admitted:
        """Check action, version and signature in the order of the gateway (assumed)."""
        if request.method not in _METHODS:
            raise Refusal("UnsupportedHTTPMethod", "This http method is not supported.", METHOD_NOT_ALLOWED)
        if not action:
            raise missing_parameter("Action")
        version = _named(request, values, "Version", "x-acs-version")
        if not version and self._settings.verify_signatures:
            raise missing_parameter("Version")
        if action not in ACTIONS and action not in NOT_IMPLEMENTED:
            raise invalid_parameter("Action or Version", f'Cloud Backup has no action "{action}".')
        if version not in ("", API_VERSION):
            raise invalid_parameter("Action or Version", f"The version of the API is {API_VERSION}.")
        now = time.time()
        caller = identify_caller(request, values, self._settings, now)
        if caller.nonce is not None and not self._nonces.use(caller.nonce, now):
            raise nonce_used()
        if values.get("Format", "json").lower() != "json":
            raise invalid_parameter("Format", "The emulator answers in JSON only.")
        if action in NOT_IMPLEMENTED:
            raise own("NotImplemented", f"The emulator does not implement the action {action}.")
        return Admitted(
            action=action,
            caller=caller,
            named_region_id=self._named_region(request, values, caller),
            parameters=Parameters(values),
            host=request.headers.get("host", ""),
            fault=self._faults.take(action),
        )

    def _named_region(self, request: WireRequest, values: dict[str, str], caller: Caller) -> str | None:
        """Return the region that is called: the signed RegionId, else the endpoint's host (section 8.2)."""
        region_id = values.get("RegionId") or None
        for name in _REGION_HEADERS:
            if region_id is None and name in caller.signed_headers:
                region_id = request.headers.get(name) or None
        region_id = region_id or region_of_host(request.headers.get("host", ""))
        if region_id is not None:
            known_region("RegionId", region_id, self._settings)
        return region_id

    def _carry_out(self, admitted: Admitted) -> tuple[Answer, str | None]:
        """Return the answer and the region that was called in the end."""
        if admitted.fault is not None:
            failure = _ordered_failure(admitted.fault, admitted.host)
            if failure is not None:
                return failure, admitted.named_region_id
        now = self._clock.now()
        self._house.vaults.settle(now)
        owner = uid_of(admitted.caller.access_key_id)
        parameters = admitted.parameters
        region_id = (
            admitted.named_region_id
            or parameters.filter("VaultRegionId")
            or region_of_subject(self._house, owner, parameters)
        )
        ends_in_error = admitted.fault is not None and admitted.fault.fault == "end_in_error"
        call = Call(admitted.action, owner, region_id, parameters, now, ends_in_error)
        try:
            with self._database.undone_on_error():
                return answers.success(ACTIONS[admitted.action](self._house, call)), region_id
        except Refusal as refused:
            return answers.refusal(refused, admitted.host), region_id

    def _record(
        self, action: str, region_id: str | None, parameters: Parameters, status: int | None, code: str
    ) -> None:
        """Write the record of a call."""
        now = self._clock.now()
        self._calls.record(RecordedCall(now, action, region_id, parameters.without_gateway(), status, code))

    def _broken(self, host: str) -> Answer:
        """Answer after an exception that nobody foresaw; it is told on stderr."""
        traceback.print_exc(file=sys.stderr)
        refused = Refusal(
            "InternalFailure",
            "The emulator failed while it handled this call; its error output tells more. "
            "This is a bug in the emulator, please report it.",
            INTERNAL_ERROR,
        )
        return answers.refusal(refused, host)


def _named(request: WireRequest, values: dict[str, str], parameter: str, header: str) -> str:
    """Return action or version: V3 carries them in headers, V2 in parameters (section 8.1, 8.3)."""
    if speaks_v3(request):
        return request.headers.get(header, "")
    return values.get(parameter) or request.headers.get(header, "")


def _ordered_failure(fault: Fault, host: str) -> Answer | None:
    """Return the failure that a fault wants instead of the action."""
    options = fault.options
    match fault.fault:
        case "throttle":
            code, message = "Throttling.User", "Request was denied due to user flow control."
            retry_after = options.get("retry_after_seconds")
            headers = {} if retry_after is None else {"x-acs-retry-after": f"{retry_after:g}"}
            refused = Refusal(options.get("code", code), options.get("message", message))
            return answers.refusal(refused, host, headers)
        case "http_500":
            code, message = "InternalFailure", "The request processing has failed because a fault was ordered."
            return answers.refusal(
                Refusal(options.get("code", code), options.get("message", message), INTERNAL_ERROR), host
            )
        case "http_503":
            code, message = "ServiceUnavailableTemporary", "The request has failed because a fault was ordered."
            return answers.refusal(
                Refusal(options.get("code", code), options.get("message", message), UNAVAILABLE), host
            )
        case "success_false":
            message = "The call has failed because a fault was ordered."
            return answers.failure_in_success(options.get("code", FAULT_CODE), options.get("message", message))
        case _:
            return None
