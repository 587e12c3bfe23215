"""One HTTP request as the gateway sees it: method, path, headers, query, form.

Decides how bytes become parameters; verifies nothing. A request in absolute form (the emulator used as an HTTP proxy,
reference section 8.2) is read like any other.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pulumi_cloudbackup.emulator.refusals import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

_ABSOLUTE_FORM = re.compile(r"https?://[^/]*(/.*)?", re.IGNORECASE | re.DOTALL)
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class WireRequest:
    """A request, decoded but not believed yet."""

    method: str
    """GET, POST, …"""

    headers: "Mapping[str, str]"
    """Values by lower-case name; several headers of one name are joined by commas."""

    query: tuple[tuple[str, str], ...]
    """The decoded query in the order of the wire."""

    form: tuple[tuple[str, str], ...]
    """The decoded form body in the order of the wire."""

    body: bytes
    """The body as it came."""

    def merged(self) -> dict[str, str]:
        """Return query and form as one; a parameter given twice with different values is refused (assumed)."""
        values: dict[str, str] = {}
        for name, value in (*self.query, *self.form):
            if values.setdefault(name, value) != value:
                raise invalid_parameter(name, "It is given more than once, with different values.")
        return values


def origin_path(path: str) -> str:
    """Return the path of a request target, which may be in absolute form."""
    match = _ABSOLUTE_FORM.fullmatch(path)
    return (match.group(1) or "/") if match else path


def headers_of(scope: "Mapping[str, Any]") -> dict[str, str]:
    """Return the headers of an ASGI scope by lower-case name."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def decode_request(scope: "Mapping[str, Any]", body: bytes) -> WireRequest:
    """Decode a request, or refuse what is not well formed."""
    headers = headers_of(scope)
    content_type = headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if body and content_type != _FORM:
        raise invalid_parameter("Content-Type", f"Bodies are {_FORM} (reference section 8.1).")
    return WireRequest(
        method=scope["method"],
        headers=headers,
        query=_decode_pairs(scope["query_string"], "query string"),
        form=_decode_pairs(body, "body"),
        body=body,
    )


def _decode_pairs(encoded: bytes, place: str) -> tuple[tuple[str, str], ...]:
    """Decode `a=1&b=2`, keeping empty values."""
    try:
        return tuple(parse_qsl(encoded.decode("utf-8"), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise invalid_parameter(place, "It is not percent-encoded UTF-8.") from None
