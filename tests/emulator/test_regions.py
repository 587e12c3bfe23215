"""A call belongs to one region, found in this order: RegionId, host, VaultRegionId, the vault's id."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_hbr20170908.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config


@pytest.mark.parametrize("sign", ["sign_v3", "sign_v2"])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, {"here", "there"}, id="none named: all regions"),
        pytest.param({"query": {"RegionId": "cn-hangzhou"}}, {"here"}, id="RegionId"),
        pytest.param({"host": "hbr.cn-shanghai.aliyuncs.com"}, {"there"}, id="host"),
        pytest.param({"host": "HBR-VPC.cn-shanghai.aliyuncs.com:80"}, {"there"}, id="host of a private network"),
        pytest.param({"host": "hbr.aliyuncs.com"}, {"here", "there"}, id="central host"),
        pytest.param({"query": {"VaultRegionId": "cn-shanghai"}}, {"there"}, id="VaultRegionId"),
        pytest.param(
            {"query": {"RegionId": "cn-hangzhou"}, "host": "hbr.cn-shanghai.aliyuncs.com"}, {"here"}, id="RegionId wins"
        ),
        pytest.param({"form": {"RegionId": "cn-hangzhou"}}, {"here"}, id="RegionId in the body"),
        # A region lists its own vaults only.
        pytest.param({"query": {"RegionId": "cn-hangzhou", "VaultRegionId": "cn-shanghai"}}, set(), id="two regions"),
    ],
)
def test_listing(
    service: Any, request_to: Callable[..., Any], sign: str, fields: dict[str, Any], expected: set[str]
) -> None:
    """Vaults are listed for the region that is called."""
    service.make("cn-hangzhou", "here")
    service.make("cn-shanghai", "there")
    answer = getattr(request_to(**fields), sign)().send().json()
    assert {vault["VaultName"] for vault in answer["Vaults"]["Vault"]} == expected


@pytest.mark.parametrize(("signed", "expected"), [(True, 1), (False, 2)])
def test_region_in_a_header(service: Any, request_to: Callable[..., Any], signed: bool, expected: int) -> None:
    """A region header counts when it is signed."""
    service.make("cn-hangzhou")
    service.make("cn-shanghai")
    headers = {"x-acs-region-id": "cn-hangzhou"}
    request = request_to(extra_headers=headers, unsigned=() if signed else tuple(headers))
    assert request.sign_v3().send().json()["TotalCount"] == expected


def test_sdk_with_a_region_as_global_parameter(service: Any) -> None:
    """The SDK's global parameters name the region of every call."""
    service.make("cn-hangzhou")
    found = service.client(region="cn-shanghai").describe_vaults(models.DescribeVaultsRequest())
    assert found.body.total_count == 0


@pytest.mark.parametrize("algorithm", [None, "v2"])
def test_emulator_as_proxy(service: Any, algorithm: str | None) -> None:
    """The SDK with its real endpoints reaches the emulator as an HTTP proxy."""

    def client(region: str) -> Client:
        config = Config(access_key_id="test", access_key_secret="test", region_id=region, protocol="http")
        config.http_proxy = service.url
        config.signature_algorithm = algorithm
        return Client(config)

    request = models.CreateVaultRequest(vault_region_id="cn-shanghai", vault_name="a b")
    vault_id = client("cn-shanghai").create_vault(request).body.vault_id
    query = models.DescribeVaultsRequest(vault_id=vault_id)
    assert client("cn-shanghai").describe_vaults(query).body.total_count == 1
    assert client("cn-hangzhou").describe_vaults(query).body.total_count == 0


@pytest.mark.parametrize(
    ("action", "query"),
    [
        ("DeleteVault", {"VaultId": "ID"}),
        ("UpdateVault", {"VaultId": "ID", "VaultName": "b"}),
        ("TagResources", {"ResourceId.1": "ID", "ResourceType": "vault", "Tag.1.Key": "a", "Tag.1.Value": "b"}),
        ("UntagResources", {"ResourceId.1": "ID", "ResourceType": "vault", "TagKey.1": "a"}),
        ("ChangeResourceGroup", {"ResourceId": "ID", "ResourceType": "vault", "NewResourceGroupId": "rg-1"}),
    ],
)
def test_wrong_region(service: Any, request_to: Callable[..., Any], action: str, query: dict[str, str]) -> None:
    """A vault is found in its own region, and without a region, but not in another."""
    vault_id = service.make("cn-hangzhou")
    query = {name: value.replace("ID", vault_id) for name, value in query.items()}
    refused = request_to(action, query={**query, "RegionId": "cn-shanghai"}).sign_v3().send()
    assert (refused.status_code, refused.json()["Code"]) == (404, "InvalidResourceId.NotFound")
    assert request_to(action, query=query).sign_v3().send().json()["Code"] == "200"


def test_task_in_the_wrong_region(service: Any, request_to: Callable[..., Any]) -> None:
    """A task is known in its own region only."""
    request = models.CreateVaultRequest(vault_region_id="cn-hangzhou", vault_name="a")
    task_id = service.client().create_vault(request).body.task_id
    query = {"TaskId": task_id}
    assert request_to("DescribeTask", query=query).sign_v3().send().json()["Code"] == "200"
    query["RegionId"] = "cn-shanghai"
    assert request_to("DescribeTask", query=query).sign_v3().send().json()["Code"] == "Emulator.TaskNotFound"


@pytest.mark.parametrize(
    ("region", "code"),
    [("cn-shanghai", "Emulator.RegionMismatch"), ("mars-1", "InvalidParameter")],
)
def test_vault_made_in_another_region_than_called(service: Any, region: str, code: str) -> None:
    """A vault is made in the region that is called, or not at all."""
    request = models.CreateVaultRequest(vault_region_id="cn-hangzhou", vault_name="a")
    with pytest.raises(ClientException) as refused:
        service.client(region=region).create_vault(request)
    assert refused.value.code == code
    assert service.list() == []


def test_recorded_region(service: Any, control: Any) -> None:
    """The record of calls tells the region that was found in the end."""
    vault_id = service.make("cn-hangzhou")
    service.delete(vault_id)
    service.list()
    assert [call["region_id"] for call in control.get("/calls")] == ["cn-hangzhou", "cn-hangzhou", None]


def test_region_lists(service: Any) -> None:
    """Regions and replication regions have the shapes that the SDK reads."""
    regions = service.client().describe_regions().body.regions.region
    assert ("cn-hangzhou", "China (Hangzhou)") in [(region.region_id, region.local_name) for region in regions]
    request = models.DescribeVaultReplicationRegionsRequest()
    mirrors = service.client().describe_vault_replication_regions(request).body.regions.region_id
    assert "cn-shanghai" in mirrors
    assert set(mirrors) < {region.region_id for region in regions}


def test_path_of_a_region(emulator: Any) -> None:
    """The service is at `/` only; another path is 404 in JSON."""
    response = httpx.post(f"{emulator.url}/cn-hangzhou/")
    assert (response.status_code, list(response.json())) == (404, ["error"])
