"""CreateVault, the life of a new vault, and its task."""

from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_tea_openapi.exceptions import ClientException


def test_new_vault(service: Any, control: Any) -> None:
    """A new vault has the documented defaults."""
    vault = service.get(service.make("cn-hangzhou", "orders"))
    shown = vault.to_map()
    assert {
        "VaultName": "orders",
        "Description": "",
        "VaultRegionId": "cn-hangzhou",
        "VaultType": "STANDARD",
        "VaultStorageClass": "STANDARD",
        "Status": "CREATED",
        "EncryptType": "HBR_PRIVATE",
        "RedundancyType": "ZRS",
        "ChargeType": "V1",
        "Replication": False,
        "ReplicationSourceVault": False,
        "WormEnabled": False,
        "SnapshotCount": 0,
        "Tags": {"Tag": []},
    }.items() <= shown.items()
    assert vault.vault_id.startswith("v-")
    assert 10**15 <= vault.vault_owner_id < 10**16
    now = control.get("/clock")["now"]
    assert now - 10 < vault.created_time <= vault.updated_time <= now
    assert not {"KmsKeyId", "VaultStatusMessage", "TrialInfo", "ReplicationStatus"} & shown.keys()


def test_answer_has_the_types_of_the_sdk(service: Any, control: Any) -> None:
    """What the SDK reads is what was sent: no field is lost, none has a type of its own."""
    source = service.make()
    service.mirror(source)
    control.patch(source, TrialInfo={"TrialExpireTime": 1, "KeepAfterTrialExpiration": True}, ReplicationStatus="x")
    control.patch(source, Tags={"Tag": [{"Key": "a", "Value": "b"}]}, SourceTypes={"SourceType": ["OSS"]})
    read = [vault.to_map() for vault in service.list()]
    assert read == control.get("/vaults")


@pytest.mark.parametrize(
    ("region", "redundancy"),
    [("cn-hangzhou", "ZRS"), ("eu-central-1", "ZRS"), ("cn-qingdao", "LRS"), ("me-east-1", "LRS")],
)
def test_redundancy(service: Any, region: str, redundancy: str) -> None:
    """Where a region has zone-redundant storage, a vault uses it."""
    assert service.get(service.make(region)).redundancy_type == redundancy


def test_given_fields(service: Any) -> None:
    """What is given is kept, in characters of any alphabet."""
    vault_id = service.make(
        name="保" * 64,
        description="ü" * 255,
        vault_type="OTS_BACKUP",
        vault_storage_class="STANDARD",
        encrypt_type="KMS",
        kms_key_id="alias/x",
        worm_enabled=True,
    )
    vault = service.get(vault_id)
    assert (vault.vault_name, vault.description, vault.vault_type) == ("保" * 64, "ü" * 255, "OTS_BACKUP")
    assert (vault.encrypt_type, vault.kms_key_id, vault.worm_enabled) == ("KMS", "alias/x", True)


def test_key_without_kms_is_dropped(service: Any) -> None:
    """With HBR_PRIVATE a key means nothing."""
    vault = service.get(service.make(encrypt_type="HBR_PRIVATE", kms_key_id="alias/x"))
    assert (vault.encrypt_type, vault.kms_key_id) == ("HBR_PRIVATE", None)


def test_names_need_not_be_unique(service: Any) -> None:
    """Two vaults may have one name (nothing says otherwise)."""
    assert service.make(name="same") != service.make(name="same")
    assert len(service.list(vault_name="same")) == 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"VaultRegionId": None}, "MissingParameter", id="no region"),
        pytest.param({"VaultRegionId": ""}, "MissingParameter", id="empty region"),
        pytest.param({"VaultRegionId": "mars-1"}, "InvalidParameter", id="unknown region"),
        pytest.param({"VaultName": None}, "MissingParameter", id="no name"),
        pytest.param({"VaultName": ""}, "InvalidParameter", id="empty name"),
        pytest.param({"VaultName": "x" * 65}, "InvalidParameter", id="long name"),
        pytest.param({"Description": "x" * 256}, "InvalidParameter", id="long description"),
        pytest.param({"VaultType": "standard"}, "InvalidParameter", id="unknown type"),
        pytest.param({"VaultStorageClass": "ARCHIVE"}, "InvalidParameter", id="deprecated storage class"),
        pytest.param({"VaultStorageClass": "x"}, "InvalidParameter", id="unknown storage class"),
        pytest.param({"EncryptType": "NONE"}, "InvalidParameter", id="unknown encryption"),
        pytest.param({"EncryptType": "KMS"}, "MissingParameter", id="KMS without a key"),
        pytest.param({"EncryptType": "KMS", "KmsKeyId": ""}, "MissingParameter", id="KMS with an empty key"),
        pytest.param({"WormEnabled": "yes"}, "InvalidParameter", id="no boolean"),
        pytest.param({"Replication": "1"}, "InvalidParameter", id="no boolean either"),
    ],
)
def test_refused(request_to: Any, control: Any, fields: dict[str, str | None], code: str) -> None:
    """Missing and wrong values are refused and nothing is made."""
    given = {"VaultRegionId": "cn-hangzhou", "VaultName": "a", **fields}
    query = {name: value for name, value in given.items() if value is not None}
    response = request_to("CreateVault", query=query).sign_v3().send()
    assert (response.status_code, response.json()["Code"]) == (400, code)
    assert control.get("/vaults") == []


@pytest.mark.parametrize("worm", ["True", "true", "False", "false"])
def test_booleans(request_to: Any, control: Any, worm: str) -> None:
    """Booleans come as Python and as JSON write them."""
    query = {"VaultRegionId": "cn-hangzhou", "VaultName": "a", "WormEnabled": worm, "Unknown.1.Thing": "x"}
    assert request_to("CreateVault", query=query).sign_v3().send().status_code == 200
    assert control.get("/vaults")[0]["WormEnabled"] is (worm.lower() == "true")


def test_initialisation(service: Any, control: Any) -> None:
    """A vault is INITIALIZING, then CREATED; its task tells how far it is."""
    answer = (
        service.client().create_vault(models.CreateVaultRequest(vault_region_id="cn-hangzhou", vault_name="a")).body
    )
    request = models.DescribeTaskRequest(task_id=answer.task_id)

    def seen() -> tuple[str, str, int]:
        task = service.client().describe_task(request).body
        return service.get(answer.vault_id).status, task.description, task.progress

    status, description, progress = seen()
    assert (status, description) == ("INITIALIZING", "created")
    assert 0 <= progress < 100
    control.advance(1.5)
    assert seen()[2] >= 49
    control.advance(1.5)
    assert seen() == ("CREATED", "completed", 100)
    task = service.client().describe_task(request).body
    assert task.completed_time - task.created_time in (3, 4)


def test_initialisation_without_a_duration(own_emulator: Any) -> None:
    """With initializing_seconds=0 a vault is CREATED at once."""
    service, _ = own_emulator(initializing_seconds=0)
    assert service.get(service.make(ready=False)).status == "CREATED"


def test_unknown_task(service: Any) -> None:
    """An unknown task is refused."""
    with pytest.raises(ClientException) as refused:
        service.client().describe_task(models.DescribeTaskRequest(task_id="t-1"))
    assert (refused.value.code, refused.value.status_code) == ("Emulator.TaskNotFound", 404)


def test_vault_quota(own_emulator: Any) -> None:
    """An account has a number of vaults, mirrors included, in all regions; other accounts have theirs."""
    service, _ = own_emulator(vaults_per_account=2)
    source = service.make()
    service.mirror(source)
    with pytest.raises(ClientException) as refused:
        service.make("cn-beijing")
    assert refused.value.code == "Emulator.VaultQuotaExceeded"
    service.make(key="other")


def test_accounts_are_apart(service: Any) -> None:
    """An account sees, changes and mirrors its own vaults only."""
    vault_id = service.make()
    assert service.list(key="other") == []
    assert service.list(key="other", vault_id=vault_id) == []
    calls: tuple[Callable[[], object], ...] = (
        lambda: service.client(key="other").delete_vault(models.DeleteVaultRequest(vault_id=vault_id)),
        lambda: service.client(key="other").update_vault(models.UpdateVaultRequest(vault_id=vault_id)),
        lambda: service.mirror(vault_id, key="other"),
    )
    for call in calls:
        with pytest.raises(ClientException) as refused:
            call()
        assert refused.value.status_code == 404
    assert service.get(vault_id).status == "CREATED"


def test_target_vault(service: Any) -> None:
    """Replication=true makes an empty target vault: listed as one, counted as one, no source for a mirror."""
    vault_id = service.make(replication=True)
    assert service.get(vault_id).replication is True
    assert [vault.vault_id for vault in service.list(replication=True)] == [vault_id]
    with pytest.raises(ClientException) as refused:
        service.mirror(vault_id)
    assert refused.value.code == "Emulator.SourceVaultIsReplicationVault"
