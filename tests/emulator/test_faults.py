"""Faults on order: what the client sees and what has happened all the same."""

import time
from typing import Any

import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException, ThrottlingException
from darabonba.exceptions import UnretryableException


def names(control: Any) -> list[str]:
    """The names of all vaults."""
    return [vault["VaultName"] for vault in control.get("/vaults")]


def last_call(control: Any) -> tuple[int | None, str]:
    """Status and code of the last call on record."""
    call = control.get("/calls")[-1]
    return call["status"], call["code"]


@pytest.mark.parametrize(
    ("order", "raised", "expected"),
    [
        pytest.param({"fault": "throttle"}, ClientException, (400, "Throttling.User"), id="throttle"),
        pytest.param(
            {"fault": "throttle", "retry_after_seconds": 2},
            ThrottlingException,
            (400, "Throttling.User"),
            id="with a time",
        ),
        pytest.param(
            {"fault": "throttle", "code": "Throttling"}, ClientException, (400, "Throttling"), id="with a code"
        ),
        pytest.param({"fault": "http_500"}, ServerException, (500, "InternalFailure"), id="500"),
        pytest.param({"fault": "http_503"}, ServerException, (503, "ServiceUnavailableTemporary"), id="503"),
    ],
)
def test_refusing_faults(
    service: Any, control: Any, order: dict[str, Any], raised: type[Exception], expected: tuple[int, str]
) -> None:
    """The call is refused once, without any effect."""
    control.fault(action="CreateVault", **order)
    with pytest.raises(raised) as refused:
        service.make(name="a")
    assert (refused.value.status_code, refused.value.code) == expected  # type: ignore[attr-defined] # the SDK's exception is untyped
    assert names(control) == []
    assert last_call(control) == expected
    service.make(name="a")


def test_success_false(service: Any, control: Any) -> None:
    """A failure may come in an answer of HTTP 200."""
    control.fault(action="CreateVault", fault="success_false", code="VaultBoundPolicyCannotBeDeleted", message="no")
    request = models.CreateVaultRequest(vault_region_id="cn-hangzhou", vault_name="a")
    response = service.client().create_vault(request)
    assert response.status_code == 200
    body = response.body
    assert (body.success, body.code, body.message) == (False, "VaultBoundPolicyCannotBeDeleted", "no")
    assert (body.vault_id, names(control)) == (None, [])


@pytest.mark.parametrize(
    ("fault", "made", "recorded"),
    [
        ("drop_before", [], (None, "Emulator.Fault")),
        ("drop_after", ["a"], (None, "200")),
        ("timeout_before", [], (None, "Emulator.Fault")),
        ("timeout_after", ["a"], (None, "200")),
    ],
)
def test_lost_answers(service: Any, control: Any, fault: str, made: list[str], recorded: tuple[None, str]) -> None:
    """The client cannot tell whether the call has happened; the record can."""
    seconds = {"seconds": 0.1} if fault.startswith("timeout") else {}
    control.fault(action="CreateVault", fault=fault, **seconds)
    with pytest.raises(UnretryableException):
        service.make(name="a")
    assert names(control) == made
    assert last_call(control) == recorded


def test_timeout_of_the_client(service: Any, control: Any) -> None:
    """A held call has its effect at once, whenever the client gives up."""
    control.fault(action="CreateVault", fault="timeout_after")
    request = models.CreateVaultRequest(vault_region_id="cn-hangzhou", vault_name="a")
    with pytest.raises(UnretryableException):
        service.client(read_timeout=200).create_vault(request)
    assert names(control) == ["a"]


def test_slow(service: Any, control: Any) -> None:
    """A slow call comes late, with its effect and its answer."""
    control.fault(action="CreateVault", fault="slow", seconds=0.3)
    begin = time.perf_counter()
    service.make(name="a")
    assert time.perf_counter() - begin >= 0.3
    assert names(control) == ["a"]


@pytest.mark.parametrize("action", ["*", "CreateVault"])
def test_end_in_error(service: Any, control: Any, action: str) -> None:
    """The vault that is made fails; other calls do not use the fault up."""
    control.fault(action=action, fault="end_in_error")
    service.list()
    vault_id = service.make()
    assert (service.get(vault_id).status, service.get(vault_id).vault_status_message) == ("ERROR", None)
    assert control.get("/faults") == []


def test_mirror_ends_in_error(service: Any, control: Any) -> None:
    """A mirror that fails says so and leaves its source free."""
    source = service.make()
    control.fault(action="CreateReplicationVault", fault="end_in_error")
    mirror = service.mirror(source)
    assert (service.get(mirror).status, service.get(mirror).vault_status_message) == ("ERROR", "UNKNOWN_ERROR")
    assert service.get(source).replication_source_vault is False
    service.mirror(source)


def test_times_and_after(service: Any, control: Any) -> None:
    """A fault lets some matching calls pass and then meets as many as ordered."""
    control.fault(action="DescribeVaults", fault="http_500", times=2, after=1)

    def outcome() -> int:
        try:
            service.list()
        except ServerException:
            return 500
        return 200

    service.make()
    assert [outcome() for _ in range(5)] == [200, 500, 500, 200, 200]


def test_queue(service: Any, control: Any) -> None:
    """Faults meet calls in the order in which they were given."""
    control.fault(action="*", fault="http_503")
    control.fault(action="DescribeVaults", fault="throttle", times=3)
    assert [fault["fault"] for fault in control.get("/faults")] == ["http_503", "throttle"]
    with pytest.raises(ServerException):
        service.list()
    with pytest.raises(ClientException):
        service.list()
    assert control.get("/faults") == [{"action": "DescribeVaults", "fault": "throttle", "times": 2, "after": 0}]
    assert control.raw("DELETE", "/faults").json() == {"forgotten": 1}
    service.list()


def test_unknown_callers_meet_no_fault(service: Any, control: Any, request_to: Any) -> None:
    """A refused signature does not use a fault up."""
    control.fault(action="*", fault="http_500")
    request_to(secret="wrong").sign_v3().send()
    with pytest.raises(ServerException):
        service.list()


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"fault": "meteor"},
        {"fault": ["throttle"]},
        {"fault": "throttle", "action": "MakeCoffee"},
        {"fault": "throttle", "action": "CreatePolicyV2"},
        {"fault": "throttle", "action": 1},
        {"fault": "throttle", "times": 0},
        {"fault": "throttle", "times": 1.5},
        {"fault": "throttle", "times": True},
        {"fault": "throttle", "after": -1},
        {"fault": "throttle", "seconds": 1},
        {"fault": "throttle", "code": ""},
        {"fault": "throttle", "retry_after_seconds": "2"},
        {"fault": "slow"},
        {"fault": "slow", "seconds": -1},
        {"fault": "slow", "seconds": 1e9},
        {"fault": "end_in_error", "action": "DeleteVault"},
        {"fault": "drop_after", "unknown": 1},
    ],
    ids=str,
)
def test_impossible_orders(control: Any, order: dict[str, Any]) -> None:
    """A fault that the emulator cannot do is refused with a reason."""
    response = control.raw("POST", "/faults", json=order)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")
    assert control.get("/faults") == []
