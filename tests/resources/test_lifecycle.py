"""Creating, reading and deleting against the emulator, with the faults that really happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine_harness import Service
from pulumi_cloudbackup.cloud import CloudError, Connection, Patience, SdkCloudBackup
from pulumi_cloudbackup.emulator import Emulator, Settings
from pulumi_cloudbackup.estate.owner import marked
from pulumi_cloudbackup.resources import lifecycle
from pulumi_cloudbackup.resources.mirror_lifecycle import MirrorLifecycle
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.vault_lifecycle import VaultLifecycle

OWNER, DR_OWNER = "shop/dev/orders#aaaaaaaaaaaaaaaa", "shop/dev/orders-dr#bbbbbbbbbbbbbbbb"
INPUTS = {
    "region_id": "cn-hangzhou",
    "vault_name": "orders",
    "vault_type": "STANDARD",
    "encrypt_type": "HBR_PRIVATE",
    "owner": OWNER,
    "timeout": 20.0,
}


class Cloud(SdkCloudBackup):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, Patience(attempts=3, first_pause=0.01))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait for what they arranged: pauses are short."""
    monkeypatch.setattr(lifecycle, "_PAUSES", (0.05,))
    monkeypatch.setattr(lifecycle, "_LOST_ANSWER_GRACE", 0.3)


def session(service: Service, **settings: str) -> Session:
    """Return a new engine run."""
    return Session({"endpoint": service.url, **settings}, connect=Cloud)


def vault(service: Service, **inputs: Any) -> tuple[str, dict[str, Any]]:
    return VaultLifecycle(session(service)).create({**INPUTS, **inputs})


def mirror_inputs(source_id: str, **inputs: Any) -> dict[str, Any]:
    return {
        "region_id": "cn-shanghai",
        "vault_name": "orders-dr",
        "encrypt_type": "HBR_PRIVATE",
        "owner": DR_OWNER,
        "source_vault_id": source_id,
        "source_region_id": "cn-hangzhou",
        "timeout": 20.0,
        **inputs,
    }


def mirror(service: Service, source_id: str, **inputs: Any) -> tuple[str, dict[str, Any]]:
    return MirrorLifecycle(session(service)).create(mirror_inputs(source_id, **inputs))


def creates(service: Service) -> int:
    return sum(call["action"].startswith("Create") for call in service.calls())


@pytest.mark.parametrize("fault", ["drop_after", "timeout_after", "http_500", "drop_before"])
def test_a_lost_answer_makes_one_vault(service: Service, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the call happened or not, there is one vault in the end."""
    monkeypatch.setattr("pulumi_cloudbackup.cloud.sdk._READ_TIMEOUT_MS", 300)
    service.fault(action="CreateVault", fault=fault, times=1, **({"seconds": 2} if "timeout" in fault else {}))
    vault_id, _ = vault(service)
    assert list(service.vaults()) == [vault_id]


def test_a_crashed_attempt_is_taken_up(service: Service) -> None:
    """Same owner, kind and facts, young and without data: the next run goes on with it."""
    first, _ = vault(service)
    second, outputs = vault(service, tags={"team": "shop"})
    assert (second, creates(service)) == (first, 1)
    assert outputs["tags"] == {"team": "shop"}


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"SnapshotCount": 1}, "holds backup data"),
        ({"CreatedTime": 1}, "older than a day"),
        ({"VaultType": "OTS_BACKUP"}, "vault_type is OTS_BACKUP"),
        ({"EncryptType": "KMS", "KmsKeyId": "k"}, "encrypt_type is KMS"),
    ],
)
def test_what_is_not_surely_our_attempt_stops_the_create(service: Service, change: dict[str, Any], doubt: str) -> None:
    """Nothing is created, and the adopt_id line is named."""
    first, _ = vault(service)
    service.patch("orders", **change)
    with pytest.raises(Refusal, match=doubt) as raised:
        vault(service)
    assert f'adopt_id="{first}"' in str(raised.value)
    assert creates(service) == 1


def test_an_attempt_that_ended_in_error_is_removed_and_made_anew(service: Service) -> None:
    """A crash between ERROR and the removal leaves nothing behind for good."""
    first, _ = vault(service)
    service.patch("orders", Status="ERROR")
    second, _ = vault(service)
    assert second != first
    assert list(service.vaults()) == [second]


def test_create_first_does_not_look_for_its_own(service: Service) -> None:
    """Else it would take up the old vault that the engine is going to delete."""
    first, _ = vault(service)
    second, _ = vault(service, create_first=True)
    assert first != second


def test_a_create_that_ends_in_error_removes_its_vault(service: Service) -> None:
    """It fails at once, with the status message, and leaves nothing."""
    service.fault(action="CreateVault", fault="end_in_error", times=1)
    with pytest.raises(Refusal, match="ended in ERROR.*removed again"):
        vault(service)
    assert service.vaults() == {}


def test_a_second_mirror_is_refused_before_it_is_created(service: Service) -> None:
    """The message names the first one, its manager, and the ways out."""
    source, _ = vault(service)
    first, _ = mirror(service, source)
    with pytest.raises(Refusal, match="CB202") as raised:
        mirror(service, source, region_id="cn-beijing", owner="other/dev/x#cccccccccccccccc")
    assert first in str(raised.value)
    assert "shop/dev/orders-dr" in str(raised.value)
    assert creates(service) == 2


def test_a_mirror_that_loses_the_race_is_removed(service: Service) -> None:
    """Accepted by the call, reported in ERROR later: the reason is told, the failed vault is gone."""
    source, _ = vault(service)
    first, _ = mirror(service, source)
    service.patch("orders", ReplicationTargetVaultId="", ReplicationTargetRegionId="")
    with pytest.raises(Refusal, match=r"SOURCE_VAULT_ALREADY_HAS_REPLICATION|ended in ERROR"):
        mirror(service, source, region_id="cn-beijing", owner="other/dev/x#cccccccccccccccc", timeout=3.0)
    assert set(service.vaults()) == {source, first}


@pytest.mark.parametrize(
    ("change", "code"),
    [({"Status": "ERROR"}, "CB205"), ({"EncryptType": "KMS", "KmsKeyId": "k"}, "CB206")],
)
def test_a_source_that_cannot_be_mirrored(service: Service, change: dict[str, Any], code: str) -> None:
    """Refused before the call, with the code of the rule."""
    source, _ = vault(service)
    service.patch("orders", **change)
    with pytest.raises(Refusal, match=code):
        mirror(service, source)
    assert creates(service) == 1


def test_a_missing_source(service: Service) -> None:
    """CB210."""
    with pytest.raises(Refusal, match="CB210"):
        mirror(service, "v-none")


def test_no_mirror_of_a_mirror(service: Service) -> None:
    """CB203."""
    source, _ = vault(service)
    first, _ = mirror(service, source)
    with pytest.raises(Refusal, match="CB203"):
        mirror(service, first, source_region_id="cn-shanghai", region_id="cn-beijing", owner="s/d/x#dddddddddddddddd")


def test_not_yet_is_tried_again(service: Service) -> None:
    """A source is undeletable for some time after its mirror is gone."""
    source, outputs = vault(service)
    mirror_id, mirror_outputs = mirror(service, source)
    MirrorLifecycle(session(service)).delete(mirror_id, mirror_outputs)
    service.fault(
        action="DeleteVault",
        fault="success_false",
        times=3,
        code="CannotDeleteReplicationSourceVault",
        message="not yet",
    )
    VaultLifecycle(session(service)).delete(source, outputs)
    assert service.vaults() == {}


def test_a_mirror_that_nobody_deletes_is_named(service: Service) -> None:
    """After the time is up the refusal says which mirror still copies the source."""
    source, outputs = vault(service)
    mirror_id, _ = mirror(service, source)
    with pytest.raises(Refusal, match="CB304") as raised:
        VaultLifecycle(session(service)).delete(source, {**outputs, "timeout": 0.2})
    assert mirror_id in str(raised.value)


@pytest.mark.parametrize("fault", ["throttle", "http_500", "drop_before", "drop_after"])
@pytest.mark.parametrize(
    "action", ["DescribeVaults", "UpdateVault", "DeleteVault", "TagResources", "CreateReplicationVault"]
)
def test_one_fault_anywhere_is_not_seen(service: Service, action: str, fault: str) -> None:
    """A life with a passing fault in any action ends as one without."""
    service.fault(action=action, fault=fault, times=1)
    source, outputs = vault(service, tags={"a": "b"})
    mirror_id, mirror_outputs = mirror(service, source)
    outputs = VaultLifecycle(session(service)).update(source, outputs, {**INPUTS, "description": "new"})
    assert len(service.vaults()) == 2
    MirrorLifecycle(session(service)).delete(mirror_id, mirror_outputs)
    VaultLifecycle(session(service)).delete(source, outputs)
    assert service.vaults() == {}


def test_a_timeout_loses_nothing(service: Service) -> None:
    """The next run finds the vault by its owner and goes on."""
    first, _ = vault(service)
    service.patch("orders", Status="INITIALIZING")
    with pytest.raises(Refusal, match="finds it again by its owner"):
        vault(service, timeout=0.3)
    service.patch("orders", Status="CREATED")
    assert vault(service)[0] == first


def test_deleting_what_is_gone_is_success(service: Service) -> None:
    """A run that died after its delete repeats it."""
    source, outputs = vault(service)
    service.lose("orders")
    VaultLifecycle(session(service)).delete(source, outputs)


def test_somebody_elses_vault_is_never_deleted(service: Service) -> None:
    """State's own owner must be the live one; a missing marker counts as not ours."""
    source, outputs = vault(service)
    for description in (marked("x", DR_OWNER), "no marker"):
        service.patch("orders", Description=description)
        with pytest.raises(Refusal, match="is not deleted"):
            VaultLifecycle(session(service)).delete(source, outputs)
    with pytest.raises(Refusal, match="is not deleted"):
        VaultLifecycle(session(service)).delete(source, {**outputs, "owner": ""})
    assert source in service.vaults()


def test_a_last_copy_is_never_deleted_when_nobody_can_tell(service: Service) -> None:
    """An unreachable source refuses, as a lost one does; only the mirror's own id consents."""
    source, _ = vault(service)
    mirror_id, outputs = mirror(service, source)
    run = session(service)
    service.fault(action="DescribeVaults", fault="http_500", after=1, times=10)
    with pytest.raises(Refusal, match="cannot be reached"):
        MirrorLifecycle(run).delete(mirror_id, outputs)
    service.reset_faults()
    service.lose("orders")
    with pytest.raises(Refusal, match="CB307"):
        MirrorLifecycle(session(service)).delete(mirror_id, {**outputs, "allow_last_copy_loss": source})
    MirrorLifecycle(session(service)).delete(mirror_id, {**outputs, "allow_last_copy_loss": mirror_id})
    assert service.vaults() == {}


def test_an_access_key_that_is_unknown_is_not_a_vault_that_is_gone(service: Service) -> None:
    """Its 404 names the key, not the vault: nothing is forgotten."""
    source, outputs = vault(service)
    stranger = VaultLifecycle(session(service, accessKeyId="disabled", accessKeySecret="x"))
    acts: tuple[Callable[[str, dict[str, Any]], object], ...] = (stranger.delete, stranger.read)
    for act in acts:
        with pytest.raises(CloudError, match=r"InvalidAccessKeyId\.NotFound"):
            act(source, outputs)
    assert source in service.vaults()


def test_another_accounts_credentials_do_not_make_a_vault_gone() -> None:
    """Out of sight is not gone: refused, whether that account has vaults or none."""
    with Emulator(Settings(initializing_seconds=0, credentials={"test": "test", "other": "other"})) as emulator:
        service = Service(emulator.url)
        source, outputs = vault(service)
        other = session(service, accessKeyId="other", accessKeySecret="other")
        with pytest.raises(Refusal, match="cannot be told"):
            VaultLifecycle(other).delete(source, outputs)
        VaultLifecycle(other).create({**INPUTS, "owner": "x/y/z#gggggggggggggggg"})
        acts: tuple[Callable[[str, dict[str, Any]], object], ...] = (
            VaultLifecycle(other).delete,
            VaultLifecycle(other).read,
        )
        for act in acts:
            with pytest.raises(Refusal, match="the credentials are those of account"):
                act(source, outputs)
        same = session(service)
        service.lose_id(source)
        assert VaultLifecycle(same).read(source, outputs) is None
        VaultLifecycle(same).delete(source, outputs)


def test_what_this_run_brought_up_is_not_deleted_by_it(service: Service) -> None:
    """A create-first replacement that took up the old vault itself would leave a state that points at nothing."""
    source, outputs = vault(service)
    run = session(service)
    with pytest.raises(Refusal, match="manages already"):
        VaultLifecycle(run).create({**INPUTS, "adopt_id": source, "create_first": True})
    VaultLifecycle(run).create(INPUTS)
    with pytest.raises(Refusal, match="this run has just taken it up"):
        VaultLifecycle(run).delete(source, outputs)
    assert source in service.vaults()


def test_create_first_beside_data_without_consent_creates_nothing(service: Service) -> None:
    """The old vault's delete would be refused at the end, and stay in state for ever."""
    vault(service)
    service.patch("orders", SnapshotCount=2)
    with pytest.raises(Refusal, match="CB303"):
        vault(service, create_first=True)
    assert creates(service) == 1
    vault(service, create_first=True, force_destroy=True)
    assert creates(service) == 2


def test_a_mirror_that_became_a_vault_with_data_is_not_deleted(service: Service) -> None:
    """Its replication was stopped in the console; its source being there says nothing about its own backups."""
    source, _ = vault(service)
    mirror_id, outputs = mirror(service, source)
    service.patch("orders-dr", Replication=False, SnapshotCount=9)
    with pytest.raises(Refusal, match="its replication was ended"):
        MirrorLifecycle(session(service)).delete(mirror_id, outputs)


def test_an_own_mirror_in_another_region_is_told_not_repeated(service: Service) -> None:
    """A mirror that state has lost: refused with its adopt_id line, no vault is created and removed in a loop."""
    source, _ = vault(service)
    first, _ = mirror(service, source)
    with pytest.raises(Refusal, match="CB202") as raised:
        mirror(service, source, region_id="cn-beijing")
    assert f'adopt_id="{first}"' in str(raised.value)
    assert creates(service) == 2


def test_a_mirror_that_another_one_of_the_stack_is_leaving_to(service: Service) -> None:
    """A race within one update: what helps is another run, and not the way out of another stack's mirror."""
    source, _ = vault(service)
    mirror(service, source)
    with pytest.raises(
        Refusal, match="It is this stack's own: where it leaves the source in this same run, run it again"
    ):
        mirror(service, source, owner=DR_OWNER.replace("orders-dr", "orders-new"), region_id="cn-beijing")


@pytest.mark.parametrize("fact", ["SnapshotCount", "BytesDone", "StorageSize", "ArchiveStorageSize"])
def test_every_sign_of_data_counts(service: Service, fact: str) -> None:
    """Backups are not only what is counted as snapshots."""
    source, outputs = vault(service)
    service.patch("orders", **{fact: 1024})
    with pytest.raises(Refusal, match="CB303"):
        VaultLifecycle(session(service)).delete(source, outputs)


def test_reading_many_vaults_takes_one_listing(service: Service) -> None:
    """Refresh of 60 vaults in a region: one call, not sixty."""
    run = session(service)
    cloud = run.cloud(None)
    ids = [
        VaultLifecycle(run).create(
            {**INPUTS, "vault_name": f"v{n}", "owner": f"s/d/v{n}#{'a' * 14}{n // 10 % 2 + 2}{n % 6 + 2}"}
        )[0]
        for n in range(3)
    ]
    assert cloud is run.cloud(None)
    fresh = session(service)
    before = service.last()
    for vault_id in ids * 20:
        assert VaultLifecycle(fresh).read(vault_id, INPUTS) is not None
    assert [call["action"] for call in service.calls(before)] == ["DescribeVaults"]


def test_read_after_a_change_of_this_run_is_fresh(service: Service) -> None:
    """What this run changed is listed again."""
    run = session(service)
    source, outputs = VaultLifecycle(run).create(INPUTS)
    VaultLifecycle(run).read(source, outputs)
    changed = VaultLifecycle(run).update(source, outputs, {**INPUTS, "vault_name": "new"})
    read = VaultLifecycle(run).read(source, changed)
    assert read is not None
    assert read[0]["vault_name"] == "new"


def test_tags_that_are_not_declared_are_left_alone(service: Service) -> None:
    """No ``tags`` in the program: somebody else's business; once declared, what is gone from it is removed."""
    source, outputs = vault(service)
    service.patch("orders", Tags={"Tag": [{"Key": "theirs", "Value": "x"}]})
    run = VaultLifecycle(session(service))
    outputs = run.update(source, outputs, {**INPUTS, "description": "d"})
    assert service.by_name("orders")["Tags"]["Tag"] == [{"Key": "theirs", "Value": "x"}]
    outputs = run.update(source, outputs, {**INPUTS, "tags": {"ours": "1"}})
    assert service.by_name("orders")["Tags"]["Tag"] == [{"Key": "ours", "Value": "1"}]
    run.update(source, outputs, INPUTS)
    assert service.by_name("orders")["Tags"]["Tag"] == []


def test_every_mutating_call_asks_the_watchdog_first(service: Service) -> None:
    """An orphaned host does nothing any more."""

    class GoneError(Exception):
        pass

    def gone() -> None:
        raise GoneError

    source, outputs = vault(service)
    orphan = Session({"endpoint": service.url}, gone, connect=Cloud)
    before = service.last()
    for act in (
        lambda: VaultLifecycle(orphan).create({**INPUTS, "owner": "s/d/n#eeeeeeeeeeeeeeee"}),
        lambda: VaultLifecycle(orphan).update(source, outputs, {**INPUTS, "description": "x"}),
        lambda: VaultLifecycle(orphan).delete(source, outputs),
        lambda: MirrorLifecycle(orphan).create(mirror_inputs(source)),
    ):
        with pytest.raises(GoneError):
            act()
    assert {call["action"] for call in service.calls(before)} == {"DescribeVaults"}
