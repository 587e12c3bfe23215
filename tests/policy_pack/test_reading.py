"""The estate in what CrossGuard shows of a stack; unknowns and secrets as the engine sends them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulumi_cloudbackup.estate import UNKNOWN, Estate, ExistingSource
from pulumi_cloudbackup.estate.resource import Options
from pulumi_cloudbackup.policies import Proposal
from pulumi_cloudbackup.policy_pack.reading import estate_in
from shown_stack import LATER, dr, resources, secret, shown, urn, vault


def estate(*found: Any) -> Estate:
    return estate_in(resources(found))


def test_what_a_first_preview_shows() -> None:
    """No ids, the source of the mirror by its owner, and everything of others that they hang together with."""
    key = shown("alicloud:kms/key:Key", "key")
    ledger = vault("ledger", kms_key_id=LATER, encrypt_type="KMS", needs={"kms_key_id": [key.urn]})
    seen = estate(
        shown("pulumi:pulumi:Stack", "shop-dev"), key, ledger, dr("ledger"), shown("alicloud:oss/bucket:Bucket", "b")
    )
    (one,), (mirror,) = seen.vaults, seen.mirrors
    assert (one.name, one.urn, one.id, one.kms_key_id, one.encrypt_type) == ("ledger", ledger.urn, None, UNKNOWN, "KMS")
    assert (one.depends_on, one.managed_by, one.region_id) == ((key.urn,), "this", "cn-hangzhou")
    assert (mirror.name, mirror.source, mirror.region_id) == ("ledger-dr", "ledger", "cn-shanghai")
    assert [foreign.urn for foreign in seen.foreign] == [key.urn]


def test_what_is_there_already() -> None:
    """Outputs tell the id and what the service says."""
    seen = estate(vault("orders", vault_id="v-1", status="CREATED", created_time=1795394373.0, holds_data=True))
    (one,) = seen.vaults
    assert (one.id, one.status, one.created_time, one.holds_data) == ("v-1", "CREATED", 1795394373, True)


@pytest.mark.parametrize("needs", [{}, {"source_vault_id": ["orders"]}], ids=["text", "wired"])
def test_a_vault_that_is_updated_is_still_the_source(needs: dict[str, list[str]]) -> None:
    """A preview of an update shows no id of the vault, while its mirror knows it."""
    wired = {key: [urn("Vault", name) for name in names] for key, names in needs.items()}
    seen = Proposal(estate(vault("orders"), dr("orders", source_vault_id="v-1", needs=wired)))
    assert [one.id for one in seen.vaults] == ["v-1"]
    assert [one.name for one in seen.mirrors_of(seen.vaults[0])] == ["orders-dr"]


def test_the_source_of_another_stack() -> None:
    """An id and a region."""
    one = dr("orders", source_vault_id="v-9", source_owner=None)
    assert estate(one).mirrors[0].source == ExistingSource(id="v-9", region_id="cn-hangzhou", vault_name="orders")


def test_unknowns_wherever_they_are() -> None:
    """A whole value, and parts of one."""
    whole, parts = vault("a", tags=LATER), vault("b", tags={"team": LATER, "env": "prod"})
    assert [one.tags for one in estate(whole, parts).vaults] == [UNKNOWN, {"team": UNKNOWN, "env": "prod"}]


def test_secrets_are_unknown(concealing: None) -> None:
    """As everywhere else, so that no report quotes one."""
    seen = estate(vault("a", tags={"team": secret("finance"), "env": "prod"}), vault("b", kms_key_id=secret("key")))
    assert [(one.tags, one.kms_key_id) for one in seen.vaults] == [
        ({"team": UNKNOWN, "env": "prod"}, None),
        (None, UNKNOWN),
    ]


def test_the_default_description_of_a_mirror_is_waited_for_by_nobody() -> None:
    """It quotes the id of the source; one that the program makes of an output is told."""
    own = dr("b", description=LATER, needs={"description": [urn("Vault", "a")]})
    seen = estate(vault("a"), dr("a", description=LATER), own)
    assert [one.description for one in seen.mirrors] == [None, UNKNOWN]


def test_a_new_resource_that_is_not_targeted_is_not_there() -> None:
    """The engine shows it with nothing."""
    assert estate(vault("a"), shown("pulumi-python:dynamic/cloudbackup:Vault", "b")).vaults[1:] == ()


def test_options_and_parents() -> None:
    """As far as CrossGuard shows them; two of one name below different parents are told apart."""
    shop, office = shown("acme:index:Shop", "shop"), shown("acme:index:Office", "office")
    old = urn("Vault", "old")
    there = vault("orders", parent=shop, protect=True, ignore=["tags"], aliases=[old])
    here = vault("orders", parent=office, create_first=True)
    first, second = estate(shop, office, there, here).vaults
    assert (first.name, first.protect, first.aliases) == ("office/orders", False, ())
    assert first.options == Options(delete_before_replace=False, parent=office.urn)
    assert (second.name, second.protect, second.aliases) == ("shop/orders", True, (old,))
    assert second.options == Options(ignore_changes=("tags",), parent=shop.urn)


def test_a_later_pulumi_policy_may_show_unknowns_as_they_are_sent() -> None:
    """The words of the protocol are unknown without its guard, too."""
    (one,) = resources([vault("a")])
    one.props = {"region_id": LATER, "tags": {"team": LATER}, "assets": Path("x")}
    (read,) = estate_in([one]).vaults
    assert (read.region_id, read.tags) == (UNKNOWN, {"team": UNKNOWN})
