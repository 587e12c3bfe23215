"""Handing a vault over: the live vault forgets its owner, and nothing else of it changes."""

from __future__ import annotations

from typing import Any

import pytest

from engine_harness import Service
from pulumi_cloudbackup.cloud import Connection, Patience, SdkCloudBackup, VaultChanges
from pulumi_cloudbackup.estate.owner import marked
from pulumi_cloudbackup.resources import releasing
from pulumi_cloudbackup.resources.mirror_lifecycle import MirrorLifecycle
from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE, OldResource
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.releasing import Outcome, Release, release
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.vault_lifecycle import VaultLifecycle

OWNER, DR_OWNER = "shop/dev/orders#aaaaaaaaaaaaaaaa", "shop/dev/orders-dr#bbbbbbbbbbbbbbbb"
INPUTS: dict[str, Any] = {
    "region_id": "cn-hangzhou",
    "vault_name": "orders",
    "vault_type": "STANDARD",
    "encrypt_type": "HBR_PRIVATE",
    "resource_name": "orders",
    "owner": OWNER,
}


class Cloud(SdkCloudBackup):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, Patience(attempts=3, first_pause=0.01))


class Deaf(Cloud):
    """Takes changes and does not make them."""

    def update_vault(self, region_id: str, vault_id: str, changes: VaultChanges) -> None:
        pass


def session(service: Service, connect: type[SdkCloudBackup] = Cloud, **settings: str) -> Session:
    return Session({"endpoint": service.url, **settings}, connect=connect)


def vault(service: Service, **inputs: Any) -> OldResource:
    """Create a vault and return what the state says about it."""
    _, outputs = VaultLifecycle(session(service)).create({**INPUTS, **inputs})
    return entry(VAULT_TYPE, outputs)


def entry(kind: str, outputs: dict[str, Any]) -> OldResource:
    return OldResource(f"urn:pulumi:dev::shop::{kind}::{outputs['resource_name']}", outputs)


@pytest.mark.parametrize("text", ["Orders of the shop", None])
def test_the_marker_comes_off_and_may_come_off_again(service: Service, text: str | None) -> None:
    """The rest of the description stays; a second time there is nothing to do."""
    old = vault(service, description=text)
    before = service.by_name("orders")
    done = release(session(service), old)
    assert done == Release("orders", old.vault_id, "cn-hangzhou", Outcome.TAKEN_OFF)
    after = service.by_name("orders")
    assert after["Description"] == (text or "")
    changed = {key for key in before if before[key] != after[key]}
    assert changed <= {"Description", "UpdatedTime"}

    since = service.last()
    assert release(session(service), old).outcome is Outcome.NOT_THERE
    assert service.mutations(since) == []


def test_a_mirror_is_released_as_a_vault_is(service: Service) -> None:
    source = vault(service)
    _, outputs = MirrorLifecycle(session(service)).create(
        {
            "region_id": "cn-shanghai",
            "vault_name": "orders-dr",
            "encrypt_type": "HBR_PRIVATE",
            "resource_name": "orders-dr",
            "owner": DR_OWNER,
            "source_vault_id": source.vault_id,
            "source_region_id": "cn-hangzhou",
        }
    )
    done = release(session(service), entry(MIRROR_TYPE, outputs))
    assert (done.name, done.region_id, done.outcome) == ("orders-dr", "cn-shanghai", Outcome.TAKEN_OFF)
    assert "pulumi" not in service.by_name("orders-dr")["Description"]


@pytest.mark.parametrize(
    ("live", "in_state"),
    [
        pytest.param(DR_OWNER, OWNER, id="taken over by somebody else"),
        pytest.param(OWNER, "", id="the state names nobody"),
    ],
)
def test_somebody_elses_marker_stays(service: Service, live: str, in_state: str) -> None:
    old = vault(service)
    service.patch("orders", Description=marked("text", live))
    since = service.last()
    with pytest.raises(Refusal, match="is not released: it is managed by shop/dev/orders") as raised:
        release(session(service), entry(VAULT_TYPE, {**old.outputs, "owner": in_state}))
    assert "pulumi state delete" in str(raised.value)
    assert service.mutations(since) == []


def test_a_vault_that_is_gone(service: Service) -> None:
    """Gone is fine; out of another account's sight is not gone."""
    old = vault(service)
    service.lose("orders")
    assert release(session(service), old).outcome is Outcome.VAULT_IS_GONE
    elsewhere = {**old.outputs, "account_id": "another", "credentials_hint": "other"}
    with pytest.raises(Refusal, match="may only be out of sight"):
        release(session(service), entry(VAULT_TYPE, elsewhere))


def test_what_was_never_created_needs_no_call(service: Service) -> None:
    since = service.last()
    parked = entry(VAULT_TYPE, {**INPUTS, "parked": True, "vault_id": ""})
    assert release(session(service), parked) == Release("orders", "", "cn-hangzhou", Outcome.NEVER_CREATED)
    assert service.calls(since) == []


def test_a_change_that_is_not_made_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the state would forget a vault that still names its owner."""
    monkeypatch.setattr(releasing, "_PATIENCE", 0.1)
    old = vault(service)
    with pytest.raises(Refusal, match="still names its owner"):
        release(session(service, Deaf), old)


def test_a_service_that_refuses_is_told_with_the_way_out(service: Service) -> None:
    """Only refusals leave: a person reads them."""
    old = vault(service)
    with pytest.raises(Refusal, match="Check the access key"):
        release(session(service, accessKeyId="disabled", accessKeySecret="x"), old)
