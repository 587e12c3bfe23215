"""UpdateVault, tags, resource groups."""

from typing import Any

import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_tea_openapi.exceptions import ClientException


def update(service: Any, vault_id: str, **fields: Any) -> None:
    """Call UpdateVault."""
    service.client().update_vault(models.UpdateVaultRequest(vault_id=vault_id, **fields))


def refusal(call: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(ClientException) as refused:
        call()
    return str(refused.value.code)


def test_update(service: Any, control: Any) -> None:
    """Name, description and resource group change, nothing else does."""
    vault_id = service.make(name="old", description="old")
    before = service.get(vault_id).to_map()
    control.advance(100)
    update(service, vault_id, vault_name="new", description="", resource_group_id="rg-1")
    after = service.get(vault_id).to_map()
    assert after["UpdatedTime"] >= before["UpdatedTime"] + 100
    changes = {"VaultName": "new", "Description": "", "ResourceGroupId": "rg-1", "UpdatedTime": after["UpdatedTime"]}
    assert after == {**before, **changes}
    assert [vault.vault_id for vault in service.list(vault_name="new")] == [vault_id]


def test_update_of_one_field(service: Any) -> None:
    """What is not sent stays."""
    vault_id = service.make(name="old", description="kept")
    update(service, vault_id, vault_name="new")
    assert (service.get(vault_id).vault_name, service.get(vault_id).description) == ("new", "kept")


def test_update_of_a_mirror(service: Any) -> None:
    """A mirror's name and description can be changed."""
    mirror = service.mirror(service.make())
    update(service, mirror, vault_name="new", description="text")
    assert service.get(mirror).vault_name == "new"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"vault_name": ""}, "InvalidParameter"),
        ({"vault_name": "x" * 65}, "InvalidParameter"),
        ({"description": "x" * 256}, "InvalidParameter"),
        ({"worm_enabled": "x"}, "InvalidParameter"),
        ({"vault_id": ""}, "MissingParameter"),
        ({"vault_id": "v-1"}, "InvalidResourceId.NotFound"),
    ],
    ids=str,
)
def test_refused_update(service: Any, fields: dict[str, Any], code: str) -> None:
    """Wrong values are refused."""
    vault_id = service.make()
    assert refusal(lambda: update(service, **{"vault_id": vault_id, **fields})) == code


def test_refused_update_changes_nothing(service: Any) -> None:
    """An update is done as a whole or not at all."""
    vault_id = service.make(name="old", worm_enabled=True)
    assert refusal(lambda: update(service, vault_id, vault_name="new", worm_enabled=False)) == (
        "Emulator.WormCannotBeDisabled"
    )
    assert service.get(vault_id).vault_name == "old"


def test_worm(service: Any) -> None:
    """Immutability is switched on once, for vault and mirror together."""
    source = service.make()
    mirror = service.mirror(source)
    update(service, source, worm_enabled=False)
    assert service.get(mirror).worm_enabled is False
    update(service, source, worm_enabled=True)
    update(service, source, worm_enabled=True)
    assert [service.get(vault_id).worm_enabled for vault_id in (source, mirror)] == [True, True]
    assert refusal(lambda: update(service, mirror, worm_enabled=False)) == "Emulator.WormCannotBeDisabled"


def test_worm_of_a_trial_vault(service: Any, control: Any) -> None:
    """A trial vault cannot be immutable."""
    vault_id = service.make()
    control.patch(vault_id, ChargeType="FREE")
    assert refusal(lambda: update(service, vault_id, worm_enabled=True)) == "Emulator.WormNotSupported"


def test_worm_of_a_mirror_alone(service: Any) -> None:
    """A running mirror is not locked on its own."""
    mirror = service.mirror(service.make())
    assert refusal(lambda: update(service, mirror, worm_enabled=True)) == "Emulator.WormNotSupported"


@pytest.mark.parametrize("action", ["TagResources", "UntagResources"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param({"ResourceType": None}, "MissingParameter", id="no type"),
        pytest.param({"ResourceType": "x"}, "InvalidParameter", id="unknown type"),
        pytest.param({"ResourceType": "client"}, "Emulator.NotImplemented", id="client"),
        pytest.param({"ResourceId.1": None}, "MissingParameter", id="no id"),
        pytest.param({"ResourceId.1": "v-1"}, "InvalidResourceId.NotFound", id="unknown id"),
        pytest.param({"ResourceId.2": "v-1"}, "InvalidResourceId.NotFound", id="one unknown id"),
        pytest.param({f"ResourceId.{number}": "v-1" for number in range(1, 52)}, "InvalidParameter", id="many ids"),
        pytest.param({"Tag.1.Key": None, "Tag.1.Value": None, "TagKey.1": None}, "MissingParameter", id="no tag"),
    ],
)
def test_refused_tagging(service: Any, request_to: Any, action: str, query: dict[str, str | None], code: str) -> None:
    """Tagging calls name vaults and tags."""
    given = {
        "ResourceType": "vault",
        "ResourceId.1": service.make(),
        "Tag.1.Key": "a",
        "Tag.1.Value": "b",
        "TagKey.1": "a",
        **query,
    }
    sent = {name: value for name, value in given.items() if value is not None}
    assert request_to(action, query=sent).sign_v3().send().json()["Code"] == code


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param([("", "x")], id="empty key"),
        pytest.param([("k" * 129, "x")], id="long key"),
        pytest.param([("k", "x" * 129)], id="long value"),
        pytest.param([("aliyun-k", "x")], id="reserved key"),
        pytest.param([("acs:k", "x")], id="another reserved key"),
        pytest.param([("k", "acs:x")], id="reserved value"),
        pytest.param([("see http://k", "x")], id="address in a key"),
        pytest.param([("k", "https://x")], id="address in a value"),
        pytest.param([("k", "x"), ("k", "y")], id="key twice"),
    ],
)
def test_refused_tags(service: Any, control: Any, request_to: Any, tags: list[tuple[str, str]]) -> None:
    """Some keys and values are not allowed, and nothing is tagged."""
    vault_id = service.make()
    query = {"ResourceType": "vault", "ResourceId.1": vault_id}
    for number, (key, value) in enumerate(tags, start=1):
        query |= {f"Tag.{number}.Key": key, f"Tag.{number}.Value": value}
    assert request_to("TagResources", form=query).sign_v2().send().json()["Code"] == "InvalidParameter"
    assert control.get("/vaults")[0]["Tags"] == {"Tag": []}


def test_tags(service: Any, request_to: Any) -> None:
    """Tags are added, changed and taken away, of several vaults at once (as terraform-provider-alicloud asks)."""
    first, second = service.make(), service.make()
    subject = {"ResourceType": "vault", "ResourceId.1": first, "ResourceId.2": second}

    def call(action: str, **query: str) -> None:
        sent = {name.replace("_", "."): value for name, value in query.items()}
        request_to(action, form={**subject, **sent}).sign_v2().send().raise_for_status()

    def tags(vault_id: str) -> dict[str, str]:
        return {tag.key: tag.value for tag in service.get(vault_id).tags.tag}

    call("TagResources", Tag_1_Key="a", Tag_1_Value="1", Tag_2_Key="b" * 128)
    call("TagResources", Tag_1_Key="a", Tag_1_Value="2")
    assert tags(first) == tags(second) == {"a": "2", "b" * 128: ""}
    call("UntagResources", TagKey_1="a", TagKey_2="never there")
    assert tags(first) == {"b" * 128: ""}
    call("UntagResources", All="true")
    assert tags(second) == {}


def test_tag_quota(service: Any, request_to: Any) -> None:
    """A vault has 20 tags at most."""
    query = {"ResourceType": "vault", "ResourceId.1": service.make()}
    twenty = {f"Tag.{number}.{part}": str(number) for number in range(1, 21) for part in ("Key", "Value")}
    assert request_to("TagResources", form={**query, **twenty}).sign_v3().send().status_code == 200
    one_more = {"Tag.1.Key": "more", "Tag.1.Value": ""}
    answer = request_to("TagResources", form={**query, **one_more}).sign_v3().send().json()
    assert answer["Code"] == "Emulator.TagQuotaExceeded"


def test_resource_group(service: Any) -> None:
    """A vault moves to another group."""
    vault_id = service.make()
    request = models.ChangeResourceGroupRequest(
        resource_id=vault_id, resource_type="vault", new_resource_group_id="rg-2"
    )
    assert service.client().change_resource_group(request).body.success is True
    assert [vault.vault_id for vault in service.list(resource_group_id="rg-2")] == [vault_id]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"resource_id": None}, "MissingParameter"),
        ({"resource_type": None}, "MissingParameter"),
        ({"new_resource_group_id": None}, "MissingParameter"),
        ({"resource_type": "x"}, "InvalidParameter"),
        ({"resource_type": "hanainstance"}, "Emulator.NotImplemented"),
        ({"resource_id": "v-1"}, "InvalidResourceId.NotFound"),
    ],
    ids=str,
)
def test_refused_resource_group(service: Any, fields: dict[str, str | None], code: str) -> None:
    """A move names vault, type and group."""
    given = {"resource_id": service.make(), "resource_type": "vault", "new_resource_group_id": "rg-2", **fields}
    request = models.ChangeResourceGroupRequest(**given)
    assert refusal(lambda: service.client().change_resource_group(request)) == code
