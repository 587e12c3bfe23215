"""The control surface: looking, setting, moving time; for this machine only."""

import asyncio
from typing import Any

import httpx
import pytest
from alibabacloud_hbr20170908 import models

from pulumi_cloudbackup.emulator import create_app


def test_calls(service: Any, control: Any, request_to: Any) -> None:
    """Every call is recorded in order, refused ones too, and never with a secret."""
    vault_id = service.make("cn-hangzhou", "orders")
    request_to("DeleteVault", query={"VaultId": vault_id, "RegionId": "cn-hangzhou"}).sign_v2().send()
    request_to(secret="wrong").sign_v3().send()
    request_to("Nothing", form={"a": "b"}).sign_v3().send()
    calls = control.get("/calls")
    seqs = [call.pop("seq") for call in calls]
    times = [call.pop("time") for call in calls]
    assert seqs == sorted(set(seqs))
    assert times == sorted(times)
    assert calls == [
        {
            "action": "CreateVault",
            "region_id": "cn-hangzhou",
            "parameters": {"VaultName": "orders", "VaultRegionId": "cn-hangzhou"},
            "status": 200,
            "code": "200",
        },
        {
            "action": "DeleteVault",
            "region_id": "cn-hangzhou",
            "parameters": {"RegionId": "cn-hangzhou", "VaultId": vault_id},
            "status": 200,
            "code": "200",
        },
        {
            "action": "DescribeVaults",
            "region_id": None,
            "parameters": {},
            "status": 400,
            "code": "SignatureDoesNotMatch",
        },
        {"action": "Nothing", "region_id": None, "parameters": {"a": "b"}, "status": 400, "code": "InvalidParameter"},
    ]
    assert [call["seq"] for call in control.get(f"/calls?since={seqs[1]}")] == seqs[2:]
    assert control.get(f"/calls?since={seqs[-1]}") == []


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "9" * 19 + "0", "9" * 40, "१"])
def test_wrong_since(control: Any, since: str) -> None:
    """`since` is a number."""
    assert control.raw("GET", "/calls", params={"since": since}).status_code == 400


def test_vaults(service: Any, control: Any) -> None:
    """All vaults of all accounts are shown, with what time has made of them."""
    first, second = service.make(ready=False), service.make(key="other")
    shown = control.get("/vaults")
    assert [vault["VaultId"] for vault in shown] == [first, second]
    assert {vault["Status"] for vault in shown} == {"CREATED"}
    assert len({vault["VaultOwnerId"] for vault in shown}) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Status", "ERROR"),
        ("VaultStatusMessage", "UNKNOWN_ERROR"),
        ("ChargeType", "ARCHIVE"),
        ("SnapshotCount", 7),
        ("WormEnabled", True),
        ("TrialInfo", {"TrialExpireTime": 1, "KeepAfterTrialExpiration": False}),
        ("BackupPlanStatistics", {"Oss": 2}),
        ("Tags", {"Tag": [{"Key": "a", "Value": "b"}]}),
        ("ReplicationProgress", {"HistoricalReplicationProgress": 42}),
        ("ReplicationTargetVaultId", "v-2"),
        ("CreatedTime", 1),
        ("VaultName", "renamed"),
        ("VaultRegionId", "cn-beijing"),
        ("VaultType", "OTS_BACKUP"),
        ("EncryptType", "NONE"),
    ],
)
def test_patch(service: Any, control: Any, name: str, value: Any) -> None:
    """Any field can be set, and the service shows it."""
    vault_id = service.make()
    assert control.patch(vault_id, **{name: value})[name] == value
    (shown,) = [vault for vault in service.list() if vault.vault_id == vault_id]
    assert shown.to_map()[name] == value


def test_patched_field_taken_away(service: Any, control: Any) -> None:
    """null takes a field away again."""
    vault_id = service.make()
    control.patch(vault_id, TrialInfo={"TrialExpireTime": 1})
    assert "TrialInfo" not in control.patch(vault_id, TrialInfo=None)


def test_patched_status_stays(service: Any, control: Any) -> None:
    """A status that was set is not changed by time."""
    vault_id = service.make(ready=False)
    control.patch(vault_id, Status="INITIALIZING")
    control.advance(1000)
    assert service.get(vault_id).status == "INITIALIZING"


@pytest.mark.parametrize(
    "body",
    [
        {"Unknown": 1},
        {"VaultId": "v-1"},
        {"Status": "Created"},
        {"Status": 1},
        {"Status": None},
        {"SnapshotCount": "7"},
        {"SnapshotCount": 7.5},
        {"SnapshotCount": True},
        {"SnapshotCount": 2**70},
        {"WormEnabled": 1},
        {"TrialInfo": []},
        {"TrialInfo": {"Unknown": 1}},
        {"TrialInfo": {"TrialExpireTime": "soon"}},
        {"Tags": {"Tag": [{"Key": "a"}]}},
        {"Tags": {"Tag": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}},
        {"Tags": {"Tag": {}}},
        {"Tags": []},
        {"EncryptType": "x"},
        [],
        "text",
    ],
    ids=str,
)
def test_wrong_patch(service: Any, control: Any, body: Any) -> None:
    """An unknown field or a wrong type is refused with a reason, and nothing is set."""
    vault_id = service.make()
    before = control.get("/vaults")
    response = control.raw("PATCH", f"/vaults/{vault_id}", json=body)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")
    assert control.get("/vaults") == before


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_unknown_vault(control: Any, method: str) -> None:
    """A vault that is not there is 404."""
    assert control.raw(method, "/vaults/v-1", json={}).status_code == 404


def test_disaster(service: Any, control: Any) -> None:
    """A destroyed vault is gone at once; its unfinished task is cancelled."""
    answer = (
        service.client().create_vault(models.CreateVaultRequest(vault_region_id="cn-hangzhou", vault_name="a")).body
    )
    control.destroy(answer.vault_id)
    assert service.list() == []
    task = service.client().describe_task(models.DescribeTaskRequest(task_id=answer.task_id)).body
    assert (task.description, task.progress) == ("cancelled", -1)


def test_clock(control: Any) -> None:
    """Time moves forward as ordered."""
    before = control.get("/clock")
    control.advance(1000.5)
    after = control.get("/clock")
    assert after["offset_seconds"] == before["offset_seconds"] + 1000.5
    assert 1000.5 <= after["now"] - before["now"] < 1010


@pytest.mark.parametrize(
    "body",
    [{}, {"advance_seconds": -1}, {"advance_seconds": "1"}, {"advance_seconds": True}, {"advance_seconds": 1e300}],
)
def test_wrong_clock(control: Any, body: Any) -> None:
    """Time does not go back and is a number."""
    assert control.raw("POST", "/clock", json=body).status_code == 400


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"NaN", b'{"advance_seconds": NaN}', b"[" * 100_000, b"{}" + b" " * (2 << 20)]
)
@pytest.mark.parametrize("path", ["/clock", "/faults"])
def test_malformed_json(control: Any, path: str, content: bytes) -> None:
    """What is not JSON is refused."""
    assert control.raw("POST", path, content=content).status_code in (400, 413)


def test_reset(service: Any, control: Any, request_to: Any) -> None:
    """A reset empties everything, but a nonce stays used and numbers go on."""
    service.make()
    request = request_to().sign_v3()
    request.send()
    control.fault(action="*", fault="http_500")
    last = control.get("/calls")[-1]["seq"]
    control.reset()
    assert (control.get("/vaults"), control.get("/calls"), control.get("/faults")) == ([], [], [])
    assert control.get("/clock")["offset_seconds"] == 0
    assert request.send().json()["Code"] == "SignatureNonceUsed"
    assert control.get("/calls")[0]["seq"] == last + 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("PUT", "/clock", 405), ("GET", "/reset", 405), ("GET", "/", 404)],
)
def test_unknown_path(control: Any, method: str, path: str, status: int) -> None:
    """What is not there is refused in JSON."""
    response = control.raw(method, path)
    assert (response.status_code, list(response.json())) == (status, ["error"])


@pytest.mark.parametrize(
    ("client", "status"),
    [
        ("127.0.0.1", 200),
        ("127.8.8.8", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("10.0.0.1", 403),
        ("fe80::1%eth0", 403),
    ],
)
def test_loopback_only(client: str, status: int) -> None:
    """The control surface is for this machine, the service for everybody."""
    app = create_app()

    async def ask() -> tuple[int, int]:
        transport = httpx.ASGITransport(app, client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as http:
            return (await http.get("/_emulator/vaults")).status_code, (await http.get("/")).status_code

    assert asyncio.run(ask()) == (status, 400)
    app.close()
