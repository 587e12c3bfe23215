"""Who signed a request: signatures V3 (ACS3-HMAC-SHA256) and V2 (RPC, HMAC-SHA1).

Decides whether a request is what the holder of a secret sent, and nothing else. Source: reference section 8.3. Dates
are judged by real time. Codes: section 4 and https://developer.aliyun.com/ask/278265 (`IncompleteSignature`:
https://help.aliyun.com/en/polardb/client-error-codes).
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import quote

from pulumi_cloudbackup.emulator.nonces import Nonce
from pulumi_cloudbackup.emulator.refusals import NOT_FOUND, Refusal, invalid_parameter, missing_parameter, own
from pulumi_cloudbackup.emulator.settings import Settings
from pulumi_cloudbackup.emulator.wire import WireRequest

WINDOW_SECONDS = 900.0
"""How far a signed date may be from real time, either way (section 8.3)."""

V3_ALGORITHM = "ACS3-HMAC-SHA256"
V3_REQUIRED = ("host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version")
"""The headers without whose signature a request could be altered."""

_V3_AUTHORIZATION = re.compile(
    r"(?P<algorithm>[A-Za-z0-9-]+)\s+Credential=(?P<key>[^,\s]*)\s*,\s*SignedHeaders=(?P<headers>[^,\s]*)\s*,"
    r"\s*Signature=(?P<signature>[^,\s]*)"
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True)
class Caller:
    """Who a request comes from, once that is known."""

    access_key_id: str
    """The account."""

    nonce: Nonce | None
    """The nonce to be used up; None when signatures are not checked."""

    signed_headers: frozenset[str]
    """The headers that the signature covers; their values can be believed."""


def speaks_v3(request: WireRequest) -> bool:
    """Return whether the request carries its action in headers, as V3 does."""
    return request.headers.get("authorization", "").startswith("ACS3-")


def identify_caller(request: WireRequest, parameters: dict[str, str], settings: Settings, now: float) -> Caller:
    """Return who sent the request, or refuse it; `now` is real time."""
    if not settings.verify_signatures:
        return _believe(request, parameters, settings)
    if speaks_v3(request):
        return _verify_v3(request, settings, now)
    return _verify_v2(request, parameters, settings, now)


def _believe(request: WireRequest, parameters: dict[str, str], settings: Settings) -> Caller:
    """Take the access key id as it is claimed; without one the first configured account is meant."""
    match = _V3_AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    claimed = match.group("key") if match else parameters.get("AccessKeyId")
    return Caller(claimed or next(iter(settings.credentials), "test"), None, frozenset(request.headers))


def _verify_v3(request: WireRequest, settings: Settings, now: float) -> Caller:
    """Check a V3 signature: https://www.alibabacloud.com/help/en/resource-management/common-parameters."""
    match = _V3_AUTHORIZATION.fullmatch(request.headers["authorization"])
    if match is None:
        raise _incomplete("The Authorization header is not `algorithm Credential=…,SignedHeaders=…,Signature=…`.")
    if match.group("algorithm") != V3_ALGORITHM:
        raise own("UnsupportedSignatureAlgorithm", f"The emulator verifies {V3_ALGORITHM} and V2 signatures only.")
    names = match.group("headers").split(";")
    for name in V3_REQUIRED:
        if not request.headers.get(name):
            raise missing_parameter(name)
        if name not in names:
            raise _incomplete(f"The header {name} must be among the signed headers.")
    absent = [name for name in names if name not in request.headers]
    if absent or names != sorted(set(names)):
        raise _incomplete("SignedHeaders must list headers of this request, in lower case, sorted, each once.")
    secret = _secret_of(match.group("key"), settings)
    moment = _moment(request.headers["x-acs-date"], now)
    if not _equal(hashlib.sha256(request.body).hexdigest(), request.headers["x-acs-content-sha256"].lower()):
        raise _mismatch("x-acs-content-sha256 is not the hash of the body.")
    canonical = "\n".join(
        (
            request.method,
            "/",
            _canonical_query(request.query),
            *(f"{name}:{request.headers[name]}" for name in names),
            "",
            match.group("headers"),
            request.headers["x-acs-content-sha256"],
        )
    )
    to_sign = f"{V3_ALGORITHM}\n{hashlib.sha256(canonical.encode('latin-1', 'replace')).hexdigest()}"
    expected = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    if not _equal(expected, match.group("signature").lower()):
        raise _mismatch("The signature is not that of this request and this access key.")
    if "x-acs-security-token" in request.headers and "x-acs-security-token" not in names:
        raise _incomplete("The header x-acs-security-token must be among the signed headers.")
    _check_token(match.group("key"), request.headers.get("x-acs-security-token"), settings)
    nonce = Nonce(match.group("key"), request.headers["x-acs-signature-nonce"], moment + WINDOW_SECONDS)
    return Caller(match.group("key"), nonce, frozenset(names))


def _verify_v2(request: WireRequest, parameters: dict[str, str], settings: Settings, now: float) -> Caller:
    """Check a V2 signature: https://help.aliyun.com/en/sdk/product-overview/rpc-mechanism."""
    for name in ("AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"):
        if not parameters.get(name):
            raise missing_parameter(name)
    if parameters["SignatureMethod"] != "HMAC-SHA1":
        raise invalid_parameter("SignatureMethod", "The emulator verifies HMAC-SHA1.")
    if parameters["SignatureVersion"] != "1.0":
        raise invalid_parameter("SignatureVersion", "It is 1.0.")
    secret = _secret_of(parameters["AccessKeyId"], settings)
    moment = _moment(parameters["Timestamp"], now)
    canonical = _canonical_query(tuple((name, value) for name, value in parameters.items() if name != "Signature"))
    to_sign = f"{request.method}&%2F&{_encode(canonical)}"
    digest = hmac.new(f"{secret}&".encode(), to_sign.encode(), hashlib.sha1).digest()
    if not _equal(base64.b64encode(digest).decode(), parameters["Signature"]):
        raise _mismatch("The signature is not that of this request and this access key.")
    _check_token(parameters["AccessKeyId"], parameters.get("SecurityToken"), settings)
    nonce = Nonce(parameters["AccessKeyId"], parameters["SignatureNonce"], moment + WINDOW_SECONDS)
    return Caller(parameters["AccessKeyId"], nonce, frozenset())


def nonce_used() -> Refusal:
    """Refuse a request that was sent before."""
    return Refusal("SignatureNonceUsed", "Specified signature nonce was used already.")


def _canonical_query(pairs: tuple[tuple[str, str], ...]) -> str:
    """Return the pairs sorted and encoded as RFC 3986 asks."""
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(pairs))


def _encode(text: str) -> str:
    """Percent-encode everything but unreserved characters."""
    return quote(text, safe="~")


def _equal(expected: str, given: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _secret_of(access_key_id: str, settings: Settings) -> str:
    """Return the secret of a known access key id."""
    secret = settings.credentials.get(access_key_id)
    if secret is None:
        raise Refusal("InvalidAccessKeyId.NotFound", "Specified access key is not found.", NOT_FOUND)
    return secret


def _check_token(access_key_id: str, token: str | None, settings: Settings) -> None:
    """Refuse a security token that does not belong to the access key id, and its absence where one belongs."""
    expected = settings.security_tokens.get(access_key_id)
    if (token or None) != expected:
        raise own("InvalidSecurityToken", "The security token is not the one of this access key id.")


def _moment(text: str, now: float) -> float:
    """Return a signed date as UNIX time, if it is well formed and fresh by real time."""
    if not _MOMENT.fullmatch(text):
        raise Refusal("IllegalTimestamp", "Specified time stamp or date value is not well formatted.")
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise Refusal("IllegalTimestamp", "Specified time stamp or date value is not well formatted.") from None
    if abs(now - moment) > WINDOW_SECONDS:
        raise Refusal("IllegalTimestamp", "Specified time stamp or date value is expired: it is over 15 minutes off.")
    return moment


def _mismatch(reason: str) -> Refusal:
    """Refuse a request whose signature is wrong."""
    return Refusal("SignatureDoesNotMatch", f"Specified signature is not matched with our calculation. {reason}")


def _incomplete(reason: str) -> Refusal:
    """Refuse a request whose signature leaves something open."""
    return Refusal("IncompleteSignature", f"The request signature does not conform to Aliyun standards. {reason}")
