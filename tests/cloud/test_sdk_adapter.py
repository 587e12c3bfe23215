from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cloud_conformance import Conformance
from engine_harness import Service
from pulumi_cloudbackup.cloud import CloudError, Connection, NewVault, Patience, SdkCloudBackup, SettingsError

QUICK = Patience(attempts=3, first_pause=0.01)
NEW = NewVault("cn-hangzhou", "orders", "text", "STANDARD", "HBR_PRIVATE", None, worm_enabled=False)


def cloud(service: Service, **connection: str) -> SdkCloudBackup:
    key = {"access_key_id": "test", "access_key_secret": "test", **connection}
    return SdkCloudBackup(Connection(**{"endpoint": service.url, **key}), QUICK)


def test_conformance_over_http(service: Service) -> None:
    """The adapter over the official SDK against the emulator."""
    Conformance(cloud(service)).run()


@pytest.mark.skipif("CLOUDBACKUP_REAL_ACCOUNT" not in os.environ, reason="opt-in: costs money on a real account")
def test_conformance_on_a_real_account() -> None:
    """The same suite, where somebody asks for it."""
    Conformance(SdkCloudBackup(Connection()), patience=600).run()


def test_more_vaults_than_a_page(service: Service) -> None:
    """Listing goes on until all are there, two calls for 100."""
    port = cloud(service)
    ids = {port.create_vault(NEW) for _ in range(100)}
    before = service.last()
    assert {vault.id for vault in port.list_vaults("cn-hangzhou")} == ids
    assert [call["action"] for call in service.calls(before)] == ["DescribeVaults"] * 2


def test_the_region_is_signed_along(service: Service) -> None:
    """An emulator is told the region, also by calls that have no region of their own."""
    port = cloud(service)
    port.delete_vault("cn-hangzhou", port.create_vault(NEW))
    assert [call["region_id"] for call in service.calls()] == ["cn-hangzhou", "cn-hangzhou"]


def test_a_refused_call_is_a_typed_error(service: Service) -> None:
    """HTTP >= 400: code, action, request id and the service's own words."""
    with pytest.raises(CloudError) as raised:
        cloud(service).delete_vault("cn-hangzhou", "v-none")
    error = raised.value
    assert (error.action, error.http_status, error.is_not_found) == ("DeleteVault", 404, True)
    assert error.request_id
    assert error.request_id in str(error)
    assert not error.is_passing


def test_success_false_is_a_failure(service: Service) -> None:
    """HTTP 200 with ``Success: false`` raises nothing in the SDK; here it does."""
    service.fault(action="DescribeVaults", fault="success_false", times=1, code="Strange", message="no")
    with pytest.raises(CloudError) as raised:
        cloud(service).list_vaults("cn-hangzhou")
    assert (raised.value.code, raised.value.http_status) == ("Strange", 200)


@pytest.mark.parametrize("fault", ["throttle", "http_500", "http_503", "drop_before", "drop_after"])
def test_a_passing_fault_of_a_repeatable_call_is_not_seen(service: Service, fault: str) -> None:
    """Reading, updating and deleting twice is the same as once."""
    port = cloud(service)
    vault_id = port.create_vault(NEW)
    service.fault(action="*", fault=fault, times=2)
    assert [vault.id for vault in port.list_vaults("cn-hangzhou")] == [vault_id]


def test_a_throttled_create_is_repeated(service: Service) -> None:
    """It has not happened."""
    service.fault(action="CreateVault", fault="throttle", times=2)
    cloud(service).create_vault(NEW)
    assert len(service.vaults()) == 1


@pytest.mark.parametrize("fault", ["http_500", "drop_after"])
def test_a_create_that_may_have_happened_is_not_repeated(service: Service, fault: str) -> None:
    """Who can look for the vault decides."""
    service.fault(action="CreateVault", fault=fault, times=1)
    with pytest.raises(CloudError) as raised:
        cloud(service).create_vault(NEW)
    assert raised.value.may_have_happened
    assert len([call for call in service.calls() if call["action"] == "CreateVault"]) == 1


def test_no_answer_in_words() -> None:
    """An address where nothing listens."""
    port = SdkCloudBackup(Connection("test", "test", endpoint="http://127.0.0.1:9"), Patience(attempts=1))
    with pytest.raises(CloudError, match="DescribeVaults failed with Unreachable: the connection was refused"):
        port.list_vaults("cn-hangzhou")


def test_a_proxy_of_the_environment_is_not_for_loopback(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would send even 127.0.0.1 through it, whatever NO_PROXY says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    Conformance(cloud(service)).run()


def test_a_wrong_secret_is_told_and_not_shown(service: Service) -> None:
    """The service's code comes through; the secret does not."""
    with pytest.raises(CloudError) as raised:
        cloud(service, access_key_secret="hunter2").list_vaults("cn-hangzhou")
    assert raised.value.code == "SignatureDoesNotMatch"
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in repr(Connection("a", "hunter2"))


@pytest.mark.parametrize("endpoint", ["ftp://x", "http://", "http://127.0.0.1:0x", "http://h/path", "http://h:99999"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    """One sentence with the setting's name, not a stack of exceptions."""
    with pytest.raises(CloudError, match="CLOUDBACKUP_ENDPOINT"):
        SdkCloudBackup(Connection("a", "b", endpoint=endpoint)).list_vaults("cn-hangzhou")


def test_half_a_key_is_refused() -> None:
    """Key id and secret belong together."""
    with pytest.raises(SettingsError, match="only one is set"):
        Connection.from_settings({"accessKeyId": "a"}, None)


def test_a_profile_of_the_official_chain(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``account`` names a profile of the vendor's credentials file."""
    profiles = tmp_path / "credentials"
    profiles.write_text("[other]\nenabled=true\ntype=access_key\naccess_key_id=test\naccess_key_secret=test\n")
    from alibabacloud_credentials.utils import auth_util  # noqa: PLC0415 - only this test needs it

    monkeypatch.setattr(auth_util, "environment_credentials_file", str(profiles))
    port = SdkCloudBackup(Connection(profile="other", endpoint=service.url), QUICK)
    assert list(port.list_vaults("cn-hangzhou")) == []
    with pytest.raises(CloudError) as raised:
        SdkCloudBackup(Connection(profile="missing", endpoint=service.url), QUICK).list_vaults("cn-hangzhou")
    assert raised.value.code == "Credentials"


def test_the_sdk_is_imported_only_for_a_call() -> None:
    """Importing the package and opening a port cost nothing of it."""
    import subprocess  # noqa: PLC0415 - only this test needs it

    program = (
        "import sys, pulumi_cloudbackup; from pulumi_cloudbackup.cloud import Connection, SdkCloudBackup;"
        "SdkCloudBackup(Connection());"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('alibabacloud_hbr20170908', 'alibabacloud_tea_openapi', 'alibabacloud_credentials', 'deepdiff', 'jinja2',"
        " 'starlette', 'uvicorn', 'requests')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
