from __future__ import annotations

import pytest

from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.planning.comparing import mirror_difference, vault_difference

VAULT = {"region_id": "r", "vault_name": "a", "vault_type": "STANDARD", "encrypt_type": "HBR_PRIVATE", "owner": "o#1"}
MIRROR = {"region_id": "r", "vault_name": "a", "source_vault_id": "v-1", "source_region_id": "s", "owner": "o#1"}


@pytest.mark.parametrize(
    ("changes", "replaces", "updates"),
    [
        pytest.param({}, (), (), id="nothing"),
        pytest.param({"vault_name": "b"}, (), ("vault_name",), id="name in place"),
        pytest.param({"region_id": "x"}, ("region_id",), (), id="region replaces"),
        pytest.param(
            {"region_id": UNKNOWN}, ("region_id",), (), id="unknown replace key replaces, in real updates too"
        ),
        pytest.param({"vault_name": UNKNOWN}, (), ("vault_name",), id="unknown update key updates"),
        pytest.param({"tags": {"a": UNKNOWN}}, (), ("tags",), id="unknown inside tags updates"),
        pytest.param({"description": ""}, (), (), id="empty is absent"),
        pytest.param({"worm_enabled": False, "tags": {}}, (), (), id="false and empty are absent"),
        pytest.param({"adopt_id": "v-9"}, (), (), id="adopt_id never differs"),
        pytest.param({"create_first": True}, (), (), id="our own hint never differs"),
        pytest.param({"kms_key_id": "k", "encrypt_type": "KMS"}, ("encrypt_type", "kms_key_id"), (), id="encryption"),
        pytest.param({"timeout": 60.0}, (), ("timeout",), id="timeout in place"),
        pytest.param({"account": "p"}, (), ("account",), id="account: decided by who looks"),
        pytest.param({"owner": "o#2"}, (), ("owner",), id="renamed with alias"),
    ],
)
def test_vault(changes: dict[str, object], replaces: tuple[str, ...], updates: tuple[str, ...]) -> None:
    """Old outputs against new inputs, the declared arguments only."""
    before = {**VAULT, "status": "CREATED", "vault_id": "v-1", "live_owner": "o#1"}
    difference = vault_difference(before, {**VAULT, **changes})
    assert (difference.replaces, difference.updates) == (replaces, updates)


@pytest.mark.parametrize(
    ("changes", "replaces", "updates"),
    [
        pytest.param({}, (), (), id="nothing"),
        pytest.param({"source_vault_id": UNKNOWN}, ("source_vault_id",), (), id="source replaced"),
        pytest.param({"source_force_destroy": True, "source_vault_name": "x"}, (), (), id="facts of the source"),
        pytest.param({"encrypt_type": "KMS"}, ("encrypt_type",), (), id="encryption"),
        pytest.param({"redundancy_type": "LRS"}, ("redundancy_type",), (), id="redundancy asked for"),
        pytest.param({"allow_last_copy_loss": "v-2"}, (), ("allow_last_copy_loss",), id="consent in place"),
    ],
)
def test_mirror(changes: dict[str, object], replaces: tuple[str, ...], updates: tuple[str, ...]) -> None:
    """What the program does not mention is left as the service chose it."""
    before = {**MIRROR, "redundancy_type": "ZRS", "encrypt_type": "HBR_PRIVATE", "live_owner": "o#1"}
    difference = mirror_difference(before, {**MIRROR, **changes})
    assert (difference.replaces, difference.updates) == (replaces, updates)


def test_numbers_are_compared_as_numbers() -> None:
    """The engine gives every number as a float."""
    assert vault_difference({**VAULT, "timeout": 60}, {**VAULT, "timeout": 60.0}).is_empty


def test_a_lost_marker_is_an_update() -> None:
    """The live owner is compared too, so that up writes it again."""
    assert vault_difference({**VAULT, "live_owner": ""}, VAULT).updates == ("owner",)


def test_a_tag_that_is_not_declared_any_more_is_removed() -> None:
    """Old tags in state, none in the program."""
    assert vault_difference({**VAULT, "tags": {"a": "b"}}, VAULT).updates == ("tags",)
