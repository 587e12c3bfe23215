"""Only a request that the holder of a secret has just sent is answered."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_tea_openapi.exceptions import ClientException

VERSIONS = pytest.mark.parametrize("sign", ["sign_v3", "sign_v2"])


def answer(response: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return response.status_code, response.json()["Code"]


@VERSIONS
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signed_request_is_answered(request_to: Callable[..., Any], sign: str, method: str) -> None:
    """Both signatures are believed, over GET and POST."""
    request = request_to(method=method, query={"VaultName": "ü *~/?&=+%"})
    assert answer(getattr(request, sign)().send()) == (200, "200")


@VERSIONS
def test_signed_form_is_answered(request_to: Callable[..., Any], sign: str) -> None:
    """Parameters may be in the body."""
    request = request_to("CreateVault", form={"VaultRegionId": "cn-hangzhou", "VaultName": "a b"})
    assert answer(getattr(request, sign)().send()) == (200, "200")


@pytest.mark.parametrize("algorithm", [None, "v2"])
def test_sdk_is_believed(service: Any, algorithm: str | None) -> None:
    """The official SDK gets its answer with either signature."""
    request = models.DescribeVaultsRequest(tag=[models.DescribeVaultsRequestTag(key="a b", value="ü")])
    assert service.client(algorithm=algorithm).describe_vaults(request).body.total_count == 0


@pytest.mark.parametrize("algorithm", [None, "v2"])
@pytest.mark.parametrize(
    ("key", "secret", "expected"),
    [
        pytest.param("test", "wrong", (400, "SignatureDoesNotMatch"), id="wrong secret"),
        pytest.param("nobody", "test", (404, "InvalidAccessKeyId.NotFound"), id="unknown key"),
        pytest.param("test", "another-secret", (400, "SignatureDoesNotMatch"), id="secret of another account"),
    ],
)
def test_sdk_with_wrong_credentials(
    service: Any, algorithm: str | None, key: str, secret: str, expected: tuple[int, str]
) -> None:
    """A wrong secret and an unknown key are told apart."""
    with pytest.raises(ClientException) as refused:
        service.client(key=key, secret=secret, algorithm=algorithm).describe_vaults(models.DescribeVaultsRequest())
    assert (refused.value.status_code, refused.value.code) == expected


@VERSIONS
def test_altered_parameter(request_to: Callable[..., Any], sign: str) -> None:
    """A parameter that was changed on the way spoils the signature."""
    request = getattr(request_to("DeleteVault", query={"VaultId": "v-1"}), sign)()
    request.query_string = request.query_string.replace("v-1", "v-2")
    assert answer(request.send()) == (400, "SignatureDoesNotMatch")


@VERSIONS
def test_added_parameter(request_to: Callable[..., Any], sign: str) -> None:
    """A parameter that was added on the way spoils the signature."""
    request = getattr(request_to(), sign)()
    request.query_string += "&RegionId=cn-hangzhou"
    assert answer(request.send()) == (400, "SignatureDoesNotMatch")


@VERSIONS
def test_altered_body(request_to: Callable[..., Any], sign: str) -> None:
    """A body that was changed on the way spoils the signature."""
    request = getattr(request_to("CreateVault", form={"VaultRegionId": "cn-hangzhou", "VaultName": "a"}), sign)()
    request.body = request.body.replace("cn-hangzhou", "cn-shanghai")
    assert answer(request.send()) == (400, "SignatureDoesNotMatch")


def test_altered_body_with_its_hash(request_to: Callable[..., Any]) -> None:
    """The hash of the body is itself signed."""
    request = request_to("DescribeVaults", form={"VaultName": "a"}).sign_v3()
    other = request_to("DescribeVaults", form={"VaultName": "b"}).sign_v3()
    request.body = other.body
    request.headers["x-acs-content-sha256"] = other.headers["x-acs-content-sha256"]
    assert answer(request.send()) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-acs-action", "DescribeRegions"),
        ("host", "hbr.cn-shanghai.aliyuncs.com"),
        ("x-acs-signature-nonce", "another"),
    ],
)
def test_altered_header(request_to: Callable[..., Any], header: str, value: str) -> None:
    """A signed header that was changed on the way spoils the signature."""
    request = request_to().sign_v3()
    request.headers[header] = value
    assert answer(request.send()) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    "header",
    ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"],
)
def test_header_left_unsigned(request_to: Callable[..., Any], header: str) -> None:
    """A header without whose signature a request could be altered must be signed."""
    assert answer(request_to(unsigned=(header,)).sign_v3().send()) == (400, "IncompleteSignature")


@pytest.mark.parametrize("header", ["x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce"])
def test_header_missing(request_to: Callable[..., Any], header: str) -> None:
    """A header that the signature needs must be there."""
    request = request_to().sign_v3()
    del request.headers[header]
    assert answer(request.send()) == (400, "MissingParameter")


@pytest.mark.parametrize(
    "name", ["AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"]
)
def test_v2_parameter_missing(request_to: Callable[..., Any], name: str) -> None:
    """A parameter that a V2 signature needs must be there."""
    request = request_to().sign_v2()
    pairs = [pair for pair in request.query_string.split("&") if not pair.startswith(f"{name}=")]
    request.query_string = "&".join(pairs)
    assert answer(request.send()) == (400, "MissingParameter")


def test_unsigned_request(emulator: Any) -> None:
    """A request without any signature is refused."""
    query = {"Action": "DescribeVaults", "Version": "2017-09-08"}
    assert answer(httpx.get(f"{emulator.url}/", params=query)) == (400, "MissingParameter")


@pytest.mark.parametrize(
    "authorization",
    [
        "ACS3-HMAC-SHA256",
        "ACS3-HMAC-SHA256 Credential=test",
        "ACS3-HMAC-SHA256 Credential=test,SignedHeaders=,Signature=",
        "ACS3-HMAC-SHA256 Credential=test,SignedHeaders=host,Signature=00",
        "ACS3-HMAC-SM3 Credential=test,SignedHeaders=host,Signature=00",
        "ACS3-\xff Credential=\xff,SignedHeaders=\xff,Signature=\xff",
    ],
)
def test_malformed_authorization(request_to: Callable[..., Any], authorization: str) -> None:
    """Whatever the Authorization header holds, the answer is a refusal in the gateway's form."""
    request = request_to().sign_v3()
    request.headers["Authorization"] = authorization.encode("latin-1")
    response = request.send()
    assert response.status_code == 400
    assert {"RequestId", "HostId", "Code", "Message", "Recommend"} == set(response.json())


@VERSIONS
def test_replay(request_to: Callable[..., Any], sign: str) -> None:
    """The same request is answered once."""
    request = getattr(request_to(), sign)()
    assert answer(request.send()) == (200, "200")
    assert answer(request.send()) == (400, "SignatureNonceUsed")


def test_nonce_of_a_refused_signature_is_not_used_up(request_to: Callable[..., Any]) -> None:
    """Who does not know the secret cannot burn somebody's nonces."""
    request = request_to().sign_v3()
    assert answer(request_to(nonce=request.nonce, secret="guess").sign_v3().send()) == (400, "SignatureDoesNotMatch")
    assert answer(request.send()) == (200, "200")


def test_accounts_have_nonces_of_their_own(request_to: Callable[..., Any]) -> None:
    """Two accounts may use the same nonce."""
    assert answer(request_to(nonce="n-accounts").sign_v3().send()) == (200, "200")
    other = request_to(nonce="n-accounts", key="other", secret="another-secret")
    assert answer(other.sign_v3().send()) == (200, "200")


@VERSIONS
@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        pytest.param(-880, (200, "200"), id="14 minutes old"),
        pytest.param(880, (200, "200"), id="14 minutes ahead"),
        pytest.param(-920, (400, "IllegalTimestamp"), id="stale"),
        pytest.param(920, (400, "IllegalTimestamp"), id="from the future"),
    ],
)
def test_date_window(request_to: Callable[..., Any], sign: str, offset: float, expected: tuple[int, str]) -> None:
    """A date is fresh for 15 minutes either way."""
    request = request_to(date_offset=offset)
    assert answer(getattr(request, sign)().send()) == expected


@VERSIONS
@pytest.mark.parametrize(
    "date", ["yesterday", "2026-13-01T00:00:00Z", "2026-11-22 10:00:00", "", "\uff12026-11-22T10:00:00Z"]
)
def test_malformed_date(request_to: Callable[..., Any], sign: str, date: str) -> None:
    """A date that is none is refused."""
    request = getattr(request_to(date="1999-01-01T00:00:00Z"), sign)()
    request.headers = {
        name: date.encode() if value == "1999-01-01T00:00:00Z" else value for name, value in request.headers.items()
    }
    request.query_string = request.query_string.replace("1999-01-01T00%3A00%3A00Z", date)
    assert answer(request.send())[1] in ("IllegalTimestamp", "MissingParameter")


def test_moved_clock_does_not_spoil_signatures(service: Any, control: Any) -> None:
    """Dates are judged by real time, not by the emulator's clock."""
    control.advance(86400)
    assert service.list() == []


def test_unknown_security_token(service: Any) -> None:
    """There are no temporary credentials unless they are configured."""
    with pytest.raises(ClientException) as refused:
        service.client(security_token="sts").describe_vaults(models.DescribeVaultsRequest())
    assert refused.value.code == "Emulator.InvalidSecurityToken"


@pytest.mark.parametrize("algorithm", [None, "v2"])
def test_known_security_token(own_emulator: Callable[..., Any], algorithm: str | None) -> None:
    """A configured temporary credential is believed, with its token only."""
    service, _ = own_emulator(security_tokens={"test": "sts"})
    request = models.DescribeVaultsRequest()
    client = service.client(security_token="sts", algorithm=algorithm)
    assert client.describe_vaults(request).body.total_count == 0
    with pytest.raises(ClientException):
        service.client(algorithm=algorithm).describe_vaults(request)


def test_unsigned_security_token(own_emulator: Callable[..., Any], request_to: Callable[..., Any]) -> None:
    """A token that is not signed is refused."""
    service, _ = own_emulator(security_tokens={"test": "sts"})
    request = request_to(
        url=service.url, extra_headers={"x-acs-security-token": "sts"}, unsigned=("x-acs-security-token",)
    )
    assert answer(request.sign_v3().send()) == (400, "IncompleteSignature")


def test_without_verification_anybody_is_an_account(own_emulator: Callable[..., Any]) -> None:
    """With verify_signatures off, any key id is an account of its own and a plain request will do."""
    service, _ = own_emulator(verify_signatures=False)
    service.make(key="anybody")
    query = {"Action": "DescribeVaults", "AccessKeyId": "anybody"}
    assert httpx.get(service.url, params=query).json()["TotalCount"] == 1
    assert httpx.get(service.url, params={"Action": "DescribeVaults"}).json()["TotalCount"] == 0


def test_method(request_to: Callable[..., Any]) -> None:
    """Other methods than GET and POST are refused."""
    assert answer(request_to(method="PUT").sign_v3().send()) == (405, "UnsupportedHTTPMethod")
