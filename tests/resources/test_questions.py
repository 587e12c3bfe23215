"""Which accounts are asked about a program, and about what."""

from __future__ import annotations

import pytest

from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE, OldResource
from pulumi_cloudbackup.resources.questions import questions_for
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.session import Session

KEYS = {"accessKeyId": "LTAI-example", "accessKeySecret": "example"}


def old(name: str, kind: str = VAULT_TYPE, **outputs: str) -> OldResource:
    return OldResource(f"urn:pulumi:dev::shop::{kind}::{name}", {"region_id": "cn-hangzhou", **outputs})


def asked(settings: dict[str, str], *olds: OldResource) -> dict[str | None, tuple[set[str], dict[str, str]]]:
    found = questions_for(Session(settings), (), {one.urn: one for one in olds})
    return {account: (question.regions, question.sources) for account, question in found.items()}


def test_what_only_the_old_state_has_is_asked_about() -> None:
    """All of it goes: whether it holds data is for the live account to say."""
    mirror = old("orders-dr", MIRROR_TYPE, region_id="cn-shanghai", source_region_id="cn-beijing")
    told = asked(KEYS, old("orders", vault_id="v-1"), mirror)
    assert told == {None: ({"cn-hangzhou", "cn-shanghai", "cn-beijing"}, {"v-1": "cn-hangzhou"})}


def test_accounts_that_only_the_old_state_names_are_asked_too() -> None:
    """Their vaults go, whatever else is declared."""
    told = asked({**KEYS, "preflight": "on"}, old("orders", vault_id="v-1"), old("far", account="elsewhere"))
    assert set(told) == {None, "elsewhere"}


def test_nobody_is_asked_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor anybody who is not to be asked."""
    for variable in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "CLOUDBACKUP_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    assert asked({}, old("orders")) == {}
    assert asked({**KEYS, "preflight": "off"}, old("orders")) == {}


def test_a_setting_that_means_nothing_is_told() -> None:
    """Before anything is asked."""
    with pytest.raises(Refusal):
        Session({"preflight": "perhaps"})
