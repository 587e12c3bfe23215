"""Envelopes and errors on the wire."""

import re
from typing import Any

import httpx
import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_tea_openapi.exceptions import ClientException

REQUEST_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")


def test_success(request_to: Any) -> None:
    """A success has the documented envelope."""
    query = {"VaultRegionId": "cn-hangzhou", "VaultName": "a"}
    response = request_to("CreateVault", query=query).sign_v3().send()
    body = response.json()
    assert REQUEST_ID.fullmatch(body.pop("RequestId"))
    assert body.pop("VaultId").startswith("v-")
    assert body.pop("TaskId").startswith("t-")
    assert body == {"Success": True, "Code": "200", "Message": "successful"}
    assert response.headers["content-type"] == "application/json;charset=utf-8"


@pytest.mark.parametrize(
    ("action", "wrapper"),
    [
        ("DescribeVaults", {"Vaults": {"Vault": []}}),
        ("DescribeRegions", {"Regions": {"Region": "list"}}),
        ("DescribeVaultReplicationRegions", {"Regions": {"RegionId": "list"}}),
    ],
)
def test_lists_are_wrapped(request_to: Any, action: str, wrapper: dict[str, Any]) -> None:
    """Lists come in the old RPC wrappers."""
    body = request_to(action).sign_v3().send().json()
    ((outer, inner),) = wrapper.items()
    assert list(body[outer]) == list(inner)
    assert isinstance(body[outer][next(iter(inner))], list)


def test_refusal(request_to: Any) -> None:
    """A refusal has the gateway's form."""
    response = request_to("DeleteVault", host="hbr.cn-hangzhou.aliyuncs.com").sign_v3().send()
    body = response.json()
    request_id = body.pop("RequestId")
    assert REQUEST_ID.fullmatch(request_id)
    assert body == {
        "HostId": "hbr.cn-hangzhou.aliyuncs.com",
        "Code": "MissingParameter",
        "Message": 'The input parameter "VaultId" that is mandatory for processing this request is not supplied.',
        "Recommend": f"https://api.aliyun.com/troubleshoot?q=MissingParameter&product=hbr&requestId={request_id}",
    }


@pytest.mark.parametrize("sign", ["sign_v3", "sign_v2"])
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"action": "CreatePolicyV2"}, "Emulator.NotImplemented", id="not implemented"),
        pytest.param({"action": "CreateVaultReplication"}, "Emulator.NotImplemented", id="two-step model"),
        pytest.param({"action": "OpenHbrService"}, "Emulator.NotImplemented", id="opening the service"),
        pytest.param({"action": "MakeCoffee"}, "InvalidParameter", id="unknown action"),
        pytest.param({"action": "describeVaults"}, "InvalidParameter", id="wrong case"),
        pytest.param({"action": ""}, "MissingParameter", id="no action"),
        pytest.param({"version": "2014-05-26"}, "InvalidParameter", id="another version"),
        pytest.param({"version": ""}, "MissingParameter", id="no version"),
    ],
)
def test_actions(request_to: Any, fields: dict[str, str], sign: str, code: str) -> None:
    """What the emulator cannot do it refuses, and says so."""
    response = getattr(request_to(**fields), sign)().send()
    assert (response.status_code, response.json()["Code"]) == (400, code)
    if code == "Emulator.NotImplemented":
        assert f"does not implement the action {fields['action']}" in response.json()["Message"]


def test_every_action_of_the_sdk_is_known(service: Any) -> None:
    """No action of the SDK is taken for unknown."""
    client = service.client()
    with pytest.raises(ClientException) as refused:
        client.check_role(models.CheckRoleRequest())
    assert refused.value.code == "Emulator.NotImplemented"


def test_xml_is_refused(request_to: Any) -> None:
    """Answers are JSON only."""
    request = request_to(query={"Format": "XML"}).sign_v2()
    assert request.send().json()["Code"] == "InvalidParameter"


def test_own_codes_say_so(service: Any) -> None:
    """A code of the emulator's own cannot be taken for the service's."""
    source = service.make()
    with pytest.raises(ClientException) as refused:
        service.mirror(source, "me-east-1")
    assert "code of the emulator" in refused.value.data["Message"]


@pytest.mark.parametrize("content", [b"\x00" * 10, b"=&=&", b"a" * 100_000, "ü".encode()])
def test_nonsense(emulator: Any, content: bytes) -> None:
    """Nonsense is refused in the gateway's form, and the emulator goes on."""
    response = httpx.post(emulator.url, content=content)
    assert response.status_code == 400
    assert "Code" in response.json()


def test_long_body(emulator: Any) -> None:
    """A body without end is refused."""
    response = httpx.post(emulator.url, content=b"a" * (9 << 20))
    assert response.json()["Code"] == "InvalidParameter"
