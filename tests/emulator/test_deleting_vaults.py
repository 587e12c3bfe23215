"""DeleteVault: what may go, in which order, and when it is gone."""

from typing import Any

import pytest
from alibabacloud_hbr20170908 import models
from alibabacloud_tea_openapi.exceptions import ClientException

TWO_HOURS = 7200


def refusal(call: Any) -> tuple[str, int]:
    """Code and status with which a call is refused."""
    with pytest.raises(ClientException) as refused:
        call()
    return str(refused.value.code), int(refused.value.status_code)


def test_delete(service: Any) -> None:
    """A deleted vault is gone."""
    vault_id = service.make()
    service.delete(vault_id)
    assert service.list() == []


def test_unknown_vault(service: Any) -> None:
    """An unknown vault is refused with a NotFound code and HTTP 404, which clients take for gone."""
    vault_id = service.make()
    service.delete(vault_id)
    for unknown in (vault_id, "v-1"):
        assert refusal(lambda unknown=unknown: service.delete(unknown)) == ("InvalidResourceId.NotFound", 404)


def test_missing_id(service: Any) -> None:
    """A vault must be named."""
    assert refusal(lambda: service.delete("")) == ("MissingParameter", 400)


def test_mirror_first(service: Any) -> None:
    """A source goes after its mirror."""
    source = service.make()
    mirror = service.mirror(source)
    assert refusal(lambda: service.delete(source)) == ("CannotDeleteReplicationSourceVault", 400)
    service.delete(mirror)
    service.delete(source)
    assert service.list() == []


def test_mirror_still_initialising(service: Any, control: Any) -> None:
    """A mirror counts from the moment its creation was accepted."""
    source = service.make()
    service.mirror(source, ready=False)
    assert refusal(lambda: service.delete(source))[0] == "CannotDeleteReplicationSourceVault"
    control.advance(3)
    assert refusal(lambda: service.delete(source))[0] == "CannotDeleteReplicationSourceVault"


def test_release(own_emulator: Any) -> None:
    """A source stays undeletable for a time after its mirror is gone."""
    service, control = own_emulator(mirror_release_seconds=30)
    source = service.make()
    service.delete(service.mirror(source))
    assert refusal(lambda: service.delete(source))[0] == "CannotDeleteReplicationSourceVault"
    control.advance(25)
    assert refusal(lambda: service.delete(source))[0] == "CannotDeleteReplicationSourceVault"
    control.advance(5)
    service.delete(source)


def test_slow_deletion(own_emulator: Any) -> None:
    """A deleted vault may stay listed, and in the way, for a time."""
    service, control = own_emulator(deleting_seconds=30, mirror_release_seconds=30, vaults_per_account=2)
    source = service.make()
    mirror = service.mirror(source)
    service.delete(mirror)
    service.delete(mirror)
    assert len(service.list()) == 2
    assert refusal(lambda: service.client().update_vault(models.UpdateVaultRequest(vault_id=mirror)))[0] == (
        "Emulator.VaultBeingDeleted"
    )
    assert refusal(service.make)[0] == "Emulator.VaultQuotaExceeded"
    control.advance(30)
    assert len(service.list()) == 1
    assert refusal(lambda: service.delete(source))[0] == "CannotDeleteReplicationSourceVault"
    control.advance(30)
    service.delete(source)
    assert refusal(lambda: service.mirror(source))[0] == "Emulator.SourceVaultBeingDeleted"


def test_young_and_initialising(service: Any, control: Any) -> None:
    """A vault that is both young and INITIALIZING cannot be deleted; either alone does not matter."""
    vault_id = service.make(ready=False)
    control.patch(vault_id, Status="INITIALIZING")
    assert refusal(lambda: service.delete(vault_id)) == ("Emulator.VaultInitializing", 400)
    control.advance(TWO_HOURS - 100)
    assert refusal(lambda: service.delete(vault_id)) == ("Emulator.VaultInitializing", 400)
    control.advance(200)
    service.delete(vault_id)
    service.delete(service.make())


def test_failed_vault(service: Any, control: Any) -> None:
    """A vault in ERROR can be deleted, however young."""
    vault_id = service.make(ready=False)
    control.patch(vault_id, Status="ERROR")
    service.delete(vault_id)


@pytest.mark.parametrize("data", [{"SnapshotCount": 1}, {"BytesDone": 1}, {"StorageSize": 1}], ids=str)
def test_immutable_vault(service: Any, control: Any, data: dict[str, int]) -> None:
    """An immutable vault with data cannot be deleted; an empty one can, and a full one that is not immutable."""
    locked, empty, full = service.make(worm_enabled=True), service.make(worm_enabled=True), service.make()
    control.patch(locked, **data)
    control.patch(full, **data)
    assert refusal(lambda: service.delete(locked)) == ("Emulator.VaultLocked", 400)
    service.delete(empty)
    service.delete(full)


def test_declared_source(service: Any, control: Any) -> None:
    """A vault that was declared to be mirrored from elsewhere behaves like a source."""
    source = service.make()
    control.patch(source, ReplicationSourceVault=True, ReplicationTargetVaultId="v-elsewhere")
    assert refusal(lambda: service.delete(source))[0] == "CannotDeleteReplicationSourceVault"
    assert service.get(service.mirror(source)).vault_status_message == "SOURCE_VAULT_ALREADY_HAS_REPLICATION"
    control.patch(source, ReplicationSourceVault=None, ReplicationTargetVaultId=None)
    assert service.get(source).replication_source_vault is False
