"""DescribeVaults: filters and pages."""

import time
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_tea_openapi.exceptions import ClientException

from pulumi_cloudbackup.emulator import Settings
from pulumi_cloudbackup.emulator.accounts import uid_of
from pulumi_cloudbackup.emulator.actions import Call, House, create_vault
from pulumi_cloudbackup.emulator.database import Database
from pulumi_cloudbackup.emulator.parameters import Parameters
from pulumi_cloudbackup.emulator.tasks import Tasks
from pulumi_cloudbackup.emulator.vaults import Vaults, new_id


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, ["orders", "ots", "mirror", "new"], id="none"),
        pytest.param({"VaultName": "ots"}, ["ots"], id="name"),
        pytest.param({"VaultName": "o"}, [], id="part of a name"),
        pytest.param({"VaultType": "OTS_BACKUP"}, ["ots"], id="type"),
        pytest.param({"Status": "CREATED"}, ["orders", "ots", "mirror"], id="status"),
        pytest.param({"Status": "INITIALIZING"}, ["new"], id="another status"),
        pytest.param({"Replication": "true"}, ["mirror"], id="mirrors"),
        pytest.param({"Replication": "False"}, ["orders", "ots", "new"], id="no mirrors"),
        pytest.param({"ResourceGroupId": "rg-1"}, ["ots"], id="resource group"),
        pytest.param({"VaultRegionId": "cn-shanghai"}, ["mirror"], id="region"),
        pytest.param({"VaultOwnerId": "1"}, [], id="another owner"),
        pytest.param({"VaultId": "v-1"}, [], id="unknown id"),
        pytest.param({"VaultId": "", "VaultName": "", "Status": ""}, ["orders", "ots", "mirror", "new"], id="empty"),
        pytest.param({"Tag.1.Key": "team"}, ["orders", "ots"], id="tag key"),
        pytest.param({"Tag.1.Key": "team", "Tag.1.Value": "a"}, ["orders"], id="tag"),
        pytest.param({"Tag.1.Key": "team", "Tag.2.Key": "stage"}, ["ots"], id="two tags"),
        pytest.param({"Tag.1.Key": "team", "VaultType": "STANDARD"}, ["orders"], id="two filters"),
        pytest.param({"Tag.1.Key": "none"}, [], id="unknown tag"),
        pytest.param({"Something": "else"}, ["orders", "ots", "mirror", "new"], id="unknown parameter"),
    ],
)
def test_filters(service: Any, control: Any, request_to: Any, filters: dict[str, str], expected: list[str]) -> None:
    """Only vaults that pass every filter are listed, oldest first."""
    orders = service.make(name="orders", ready=False)
    ots = service.make(name="ots", vault_type="OTS_BACKUP")
    service.mirror(orders, vault_name="mirror")
    service.make(name="new", ready=False)
    control.patch(orders, Tags={"Tag": [{"Key": "team", "Value": "a"}]})
    tags = [{"Key": "team", "Value": "b"}, {"Key": "stage", "Value": "prod"}]
    control.patch(ots, Tags={"Tag": tags}, ResourceGroupId="rg-1")
    answer = request_to(query=filters).sign_v3().send().json()
    assert [vault["VaultName"] for vault in answer["Vaults"]["Vault"]] == expected
    assert answer["TotalCount"] == len(expected)


def test_owner_filter(service: Any) -> None:
    """An account finds its vaults by its own uid."""
    vault = service.get(service.make())
    assert len(service.list(vault_owner_id=vault.vault_owner_id)) == 1


def test_tag_filter_of_the_sdk(service: Any, control: Any) -> None:
    """The SDK sends tags in the body and everything else in the query."""
    control.patch(service.make(), Tags={"Tag": [{"Key": "a b", "Value": "ü&="}]})
    tag = models.DescribeVaultsRequestTag(key="a b", value="ü&=")
    assert len(service.list(tag=[tag], vault_region_id="cn-hangzhou")) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"PageNumber": "0"},
        {"PageNumber": "-1"},
        {"PageNumber": "one"},
        {"PageNumber": "9" * 30},
        {"PageSize": "0"},
        {"PageSize": "100"},
        {"PageSize": "1.5"},
        {"PageSize": "\uff11"},
        {"Status": "created"},
        {"VaultType": "x"},
        {"Replication": "maybe"},
        {"VaultRegionId": "mars-1"},
        {"RegionId": "mars-1"},
        {"VaultOwnerId": "x"},
        {f"Tag.{number}.Key": str(number) for number in range(1, 22)},
    ],
    ids=str,
)
def test_wrong_values(request_to: Any, query: dict[str, str]) -> None:
    """A wrong value is refused."""
    response = request_to(query=query).sign_v3().send()
    assert (response.status_code, response.json()["Code"]) == (400, "InvalidParameter")


def test_tag_value_without_key(request_to: Any) -> None:
    """A tag is searched for by its key."""
    assert request_to(query={"Tag.1.Value": "x"}).sign_v3().send().json()["Code"] == "MissingParameter"


def test_pages(service: Any) -> None:
    """Pages follow each other without gaps; the default size is 10."""
    names = [f"vault-{number:02}" for number in range(25)]
    for name in names:
        service.make(name=name, ready=False)
    first = service.client().describe_vaults(models.DescribeVaultsRequest()).body
    assert (first.page_number, first.page_size, first.total_count, len(first.vaults.vault)) == (1, 10, 25, 10)
    for size in (7, 99):
        listed = [
            vault.vault_name
            for page in range(1, 25 // size + 2)
            for vault in service.list(page_number=page, page_size=size)
        ]
        assert listed == names
    assert service.list(page_number=26, page_size=1) == []


def test_page_of_100(own_emulator: Any) -> None:
    """The older limit of 100 can be switched on."""
    service, _ = own_emulator(largest_page=100)
    assert service.list(page_size=100) == []


def test_unknown_vault_refused(own_emulator: Any) -> None:
    """The service is said to answer an unknown id in two ways; the other one can be switched on."""
    service, _ = own_emulator(unknown_vault_is_refused=True)
    with pytest.raises(ClientException) as refused:
        service.list(vault_id="v-1")
    assert refused.value.code == "InvalidResourceId.NotFound"
    assert service.list() == []


def test_parameter_given_twice(request_to: Any) -> None:
    """One parameter with two values is refused."""
    request = request_to(query={"VaultName": "a"}, form={"VaultName": "b"}).sign_v3()
    assert request.send().json()["Code"] == "InvalidParameter"


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
def test_body_that_is_no_form(request_to: Any, content_type: str) -> None:
    """A body is a form."""
    request = request_to(form={"VaultName": "a"}).sign_v3()
    request.headers["content-type"] = content_type
    assert request.send().json()["Code"] == "InvalidParameter"


@pytest.mark.parametrize("query_string", ["VaultName=%ff", "VaultName=%C3", "%ff=1"])
def test_query_that_is_no_text(request_to: Any, query_string: str) -> None:
    """Bytes that are not UTF-8 are refused."""
    request = request_to().sign_v3()
    request.query_string = query_string
    assert request.send().json()["Code"] == "InvalidParameter"


def test_many_vaults(tmp_path: Path, own_emulator: Any) -> None:
    """Listing stays quick with ten thousand vaults."""
    state = tmp_path / "state.db"
    settings = Settings(vaults_per_account=20_000)
    database = Database(state)
    house = House(settings, Vaults(database, settings), Tasks(database))
    with database.transaction():
        values = Parameters({"VaultRegionId": "cn-hangzhou", "VaultName": "first"})
        create_vault(house, Call("CreateVault", uid_of("test"), None, values, 0.0, ends_in_error=False))
        (vault,) = house.vaults.all()
        for number in range(10_000):
            vault.vault_id = new_id("v")
            vault.fields["VaultName"] = f"vault-{number}"
            house.vaults.save(vault)
    database.close()
    service, _ = own_emulator(state=state)
    service.list()
    begin = time.perf_counter()
    for page in (1, 50, 101):
        assert len(service.list(page_number=page, page_size=99)) == 99
    assert service.list(vault_name="vault-7777", status="CREATED")[0].vault_name == "vault-7777"
    assert time.perf_counter() - begin < 1
