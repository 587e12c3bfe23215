"""The answers of the service: envelopes, errors and their HTTP form (reference section 8.4)."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pulumi_cloudbackup.emulator.refusals import Refusal

OK = 200
SUCCESS_CODE = "200"


def new_request_id() -> str:
    """Return a fresh request id, an upper-case UUID."""
    return str(uuid.uuid4()).upper()


@dataclass(frozen=True)
class Answer:
    """What goes back to the caller."""

    status: int
    """The HTTP status."""

    body: dict[str, Any]
    """The JSON body."""

    headers: dict[str, str] = field(default_factory=dict)
    """Headers beyond the usual ones."""

    @property
    def code(self) -> str:
        """The Code in the body."""
        return str(self.body["Code"])

    def encode(self) -> bytes:
        """Return the body as it is on the wire."""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def success(fields: dict[str, Any]) -> Answer:
    """Answer a call that was carried out."""
    envelope = {"RequestId": new_request_id(), "Success": True, "Code": SUCCESS_CODE, "Message": "successful"}
    return Answer(OK, envelope | fields)


def failure_in_success(code: str, message: str) -> Answer:
    """Answer with HTTP 200 and an error inside, as the service also does (section 4, consequence a)."""
    return Answer(OK, {"RequestId": new_request_id(), "Success": False, "Code": code, "Message": message})


def refusal(refused: Refusal, host: str, headers: dict[str, str] | None = None) -> Answer:
    """Answer a refused call in the gateway's form."""
    request_id = new_request_id()
    body = {
        "RequestId": request_id,
        "HostId": host,
        "Code": refused.code,
        "Message": refused.message,
        "Recommend": "https://api.aliyun.com/troubleshoot"
        f"?q={quote(refused.code, safe='')}&product=hbr&requestId={request_id}",
    }
    return Answer(refused.status, body, headers or {})
