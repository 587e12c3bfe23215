"""CreateReplicationVault: which sources, which regions, which encryption, and how a mirror lives."""

from typing import Any

import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_tea_openapi.exceptions import ClientException

MINUTE = 60


def refusal(call: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(ClientException) as refused:
        call()
    return str(refused.value.code)


def test_mirror_and_source(service: Any) -> None:
    """Mirror and source tell of each other."""
    source = service.make()
    mirror = service.mirror(source, description="From orders")
    shown = service.get(mirror)
    assert (shown.replication, shown.replication_source_vault) == (True, False)
    assert (shown.replication_source_vault_id, shown.replication_source_region_id) == (source, "cn-hangzhou")
    assert (shown.vault_region_id, shown.description, shown.redundancy_type) == ("cn-shanghai", "From orders", "ZRS")
    assert (shown.replication_status, shown.status) == ("RUNNING", "CREATED")
    assert shown.replication_source_owner_id == shown.vault_owner_id
    origin = service.get(source)
    assert (origin.replication, origin.replication_source_vault) == (False, True)
    assert (origin.replication_target_vault_id, origin.replication_target_region_id) == (mirror, "cn-shanghai")
    assert origin.replication_target_owner_id == origin.vault_owner_id


def test_tablestore_source(service: Any) -> None:
    """A Tablestore vault can be mirrored; the mirror has its type."""
    assert service.get(service.mirror(service.make(vault_type="OTS_BACKUP"))).vault_type == "OTS_BACKUP"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"Status": "ERROR"}, "Emulator.SourceVaultAbnormal", id="failed"),
        pytest.param({"Status": "UNKNOWN"}, "Emulator.SourceVaultAbnormal", id="unknown status"),
        pytest.param({"ChargeType": "FREE"}, "Emulator.SourceVaultOnTrial", id="free"),
        pytest.param({"TrialInfo": {"TrialExpireTime": 9999999999}}, "Emulator.SourceVaultOnTrial", id="on trial"),
        pytest.param({"ChargeType": "ARCHIVE"}, "Emulator.SourceVaultIsArchive", id="archive"),
        pytest.param({"VaultStorageClass": "ARCHIVE"}, "Emulator.SourceVaultIsArchive", id="archive storage"),
        pytest.param({"ChargeType": "UNI_BACKUP"}, "Emulator.SourceVaultIsDatabase", id="database"),
        pytest.param({"EncryptType": "KMS", "KmsKeyId": "k"}, "Emulator.EncryptTypeMismatch", id="other encryption"),
    ],
)
def test_ineligible_source(service: Any, control: Any, change: dict[str, Any], code: str) -> None:
    """Some vaults cannot be mirrored, and nothing is made."""
    source = service.make()
    control.patch(source, **change)
    assert refusal(lambda: service.mirror(source)) == code
    assert len(control.get("/vaults")) == 1


def test_source_after_its_trial(service: Any, control: Any) -> None:
    """A vault whose trial is over can be mirrored."""
    source = service.make()
    control.patch(source, TrialInfo={"TrialExpireTime": 1})
    service.mirror(source)


def test_source_not_ready(service: Any) -> None:
    """A source must be CREATED first."""
    source = service.make(ready=False)
    assert refusal(lambda: service.mirror(source)) == "Emulator.SourceVaultNotReady"


def test_mirror_of_a_mirror(service: Any) -> None:
    """There are no chains."""
    mirror = service.mirror(service.make())
    chained = refusal(lambda: service.mirror(mirror, "cn-beijing", replication_source_region_id="cn-shanghai"))
    assert chained == "Emulator.SourceVaultIsReplicationVault"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"VaultRegionId": "cn-hangzhou"}, "Emulator.ReplicationInSameRegion", id="same region"),
        pytest.param({"VaultRegionId": "me-east-1"}, "Emulator.ReplicationRegionNotSupported", id="unsupported region"),
        pytest.param({"VaultRegionId": "mars-1"}, "InvalidParameter", id="unknown region"),
        pytest.param({"VaultRegionId": None}, "MissingParameter", id="no region"),
        pytest.param({"VaultName": None}, "MissingParameter", id="no name"),
        pytest.param({"VaultName": "x" * 65}, "InvalidParameter", id="long name"),
        pytest.param({"Description": "x" * 256}, "InvalidParameter", id="long description"),
        pytest.param({"ReplicationSourceRegionId": None}, "MissingParameter", id="no source region"),
        pytest.param({"ReplicationSourceRegionId": "mars-1"}, "InvalidParameter", id="unknown source region"),
        pytest.param(
            {"ReplicationSourceRegionId": "cn-beijing"}, "Emulator.SourceVaultNotFound", id="source elsewhere"
        ),
        pytest.param({"ReplicationSourceVaultId": None}, "MissingParameter", id="no source"),
        pytest.param({"ReplicationSourceVaultId": "v-1"}, "Emulator.SourceVaultNotFound", id="unknown source"),
        pytest.param({"EncryptType": "KMS", "KmsKeyId": "k"}, "Emulator.EncryptTypeMismatch", id="other encryption"),
        pytest.param({"EncryptType": "KMS"}, "MissingParameter", id="KMS without a key"),
        pytest.param({"VaultStorageClass": "IA"}, "InvalidParameter", id="storage class"),
        pytest.param({"RedundancyType": "GRS"}, "InvalidParameter", id="unknown redundancy"),
        pytest.param(
            {"VaultRegionId": "cn-qingdao", "RedundancyType": "ZRS"}, "Emulator.RedundancyTypeNotSupported", id="no ZRS"
        ),
    ],
)
def test_refused(service: Any, control: Any, request_to: Any, fields: dict[str, str | None], code: str) -> None:
    """Missing and wrong values are refused and nothing is made."""
    given = {
        "VaultRegionId": "cn-shanghai",
        "VaultName": "a",
        "ReplicationSourceRegionId": "cn-hangzhou",
        "ReplicationSourceVaultId": service.make(),
        **fields,
    }
    query = {name: value for name, value in given.items() if value is not None}
    assert request_to("CreateReplicationVault", query=query).sign_v3().send().json()["Code"] == code
    assert len(control.get("/vaults")) == 1


@pytest.mark.parametrize(
    ("region", "asked", "redundancy"),
    [
        ("cn-shanghai", None, "ZRS"),
        ("cn-shanghai", "LRS", "LRS"),
        ("cn-qingdao", None, "LRS"),
        ("cn-qingdao", "LRS", "LRS"),
    ],
)
def test_redundancy(service: Any, region: str, asked: str | None, redundancy: str) -> None:
    """A mirror is zone-redundant where it can be, unless LRS is asked for."""
    mirror = service.mirror(service.make(), region, redundancy_type=asked)
    assert service.get(mirror).redundancy_type == redundancy


def test_kms_mirror_has_a_key_of_its_own(service: Any) -> None:
    """A KMS source has a KMS mirror, with another key."""
    source = service.make(encrypt_type="KMS", kms_key_id="key-hangzhou")
    assert refusal(lambda: service.mirror(source)) == "Emulator.EncryptTypeMismatch"
    mirror = service.get(service.mirror(source, encrypt_type="KMS", kms_key_id="key-shanghai"))
    assert (mirror.encrypt_type, mirror.kms_key_id) == ("KMS", "key-shanghai")


def test_second_mirror(service: Any) -> None:
    """A second mirror is accepted by the call and ends in ERROR; the first stays the source's target."""
    source = service.make()
    first = service.mirror(source)
    request = models.CreateReplicationVaultRequest(
        vault_region_id="cn-beijing",
        vault_name="second",
        replication_source_region_id="cn-hangzhou",
        replication_source_vault_id=source,
    )
    answer = service.client().create_replication_vault(request).body
    assert (answer.success, answer.code) == (True, "200")
    assert service.get(answer.vault_id).status == "INITIALIZING"
    service.control.advance(3)
    second = service.get(answer.vault_id)
    assert (second.status, second.vault_status_message) == ("ERROR", "SOURCE_VAULT_ALREADY_HAS_REPLICATION")
    assert second.replication_status is None
    task = service.client().describe_task(models.DescribeTaskRequest(task_id=answer.task_id)).body
    assert (task.description, task.progress) == ("completed", -1)
    assert service.get(source).replication_target_vault_id == first
    # The failed one never was the source's mirror, so its end changes nothing.
    service.delete(answer.vault_id)
    assert refusal(lambda: service.delete(source)) == "CannotDeleteReplicationSourceVault"


def test_two_mirrors_at_once(service: Any) -> None:
    """Of two mirrors that are made at once the first wins."""
    source = service.make()
    first = service.mirror(source, ready=False)
    second = service.mirror(source, "cn-beijing")
    assert [service.get(first).status, service.get(second).status] == ["CREATED", "ERROR"]


def test_new_mirror_after_the_old_one_is_gone(service: Any) -> None:
    """A source whose mirror was deleted can be mirrored again."""
    source = service.make()
    service.delete(service.mirror(source))
    assert service.get(source).replication_source_vault is False
    assert service.get(service.mirror(source, "cn-beijing")).status == "CREATED"


def test_mirror_quota(service: Any) -> None:
    """An account has five target vaults in a region; other regions have theirs."""
    sources = [service.make(ready=False) for _ in range(6)]
    service.control.advance(3)
    for source in sources[:5]:
        service.mirror(source)
    assert refusal(lambda: service.mirror(sources[5])) == "Emulator.ReplicationVaultQuotaExceeded"
    service.mirror(sources[5], "cn-beijing")


@pytest.mark.parametrize(("minutes", "progress"), [(0, 0), (89, 0), (95, 50), (100, 100), (1000, 100)])
def test_history(service: Any, control: Any, minutes: int, progress: int) -> None:
    """The history is copied after 90 minutes, evenly over ten minutes."""
    mirror = service.mirror(service.make())
    control.advance(minutes * MINUTE)
    shown = service.get(mirror)
    assert abs(shown.replication_progress.historical_replication_progress - progress) <= 1
    assert shown.created_time <= shown.replication_progress.new_replication_progress <= control.get("/clock")["now"]
    assert shown.latest_replication_time == shown.replication_progress.new_replication_progress


def test_lost_source(service: Any, control: Any) -> None:
    """A mirror outlives its source, keeps its name, and no longer replicates."""
    source = service.make()
    mirror = service.mirror(source)
    control.destroy(source)
    shown = service.get(mirror)
    assert (shown.replication_source_vault_id, shown.status, shown.replication_status) == (source, "CREATED", None)
    service.delete(mirror)


def test_lost_mirror(service: Any, control: Any) -> None:
    """A source whose mirror was lost is bare and can be deleted."""
    source = service.make()
    control.destroy(service.mirror(source))
    assert service.get(source).replication_source_vault is False
    service.delete(source)


@pytest.mark.parametrize("worm", [True, False])
def test_mirror_of_an_immutable_source(service: Any, worm: bool) -> None:
    """The mirror of an immutable vault is immutable."""
    assert service.get(service.mirror(service.make(worm_enabled=worm))).worm_enabled is worm
