from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cloudbackup.estate import (
    UNKNOWN,
    Estate,
    EstateError,
    MirrorVault,
    Unknown,
    Vault,
    estate_from_json,
    estate_to_json,
    is_known,
    nearest_region_ids,
    regions,
)

DESIGN = """{"schema_version": 1, "account": "default",
 "vaults":  [{"name": "orders", "region_id": "cn-hangzhou", "vault_type": "STANDARD", "encrypt_type": "HBR_PRIVATE",
              "id": "v-0001", "status": "CREATED", "force_destroy": true, "aliases": ["old-name"]}],
 "mirrors": [{"name": "orders-dr", "source": "orders", "region_id": "cn-shanghai"}]}"""

texts = st.text(max_size=12)
maybe = st.one_of(texts, st.just(UNKNOWN))
names = st.text(min_size=1, max_size=8)


def test_the_designs_own_example_is_read() -> None:
    """The JSON form of the design document."""
    estate = estate_from_json(DESIGN)
    assert estate.vaults[0].force_destroy is True
    assert estate.vaults[0].display_name == "orders"
    assert estate.mirrors[0].source == "orders"


@given(
    vaults=st.lists(
        st.builds(
            Vault, name=names, region_id=maybe, tags=st.dictionaries(names, maybe) | st.just(UNKNOWN) | st.none()
        ),
        unique_by=lambda vault: vault.name,
    ),
    mirror=st.builds(
        MirrorVault, name=st.just("a mirror of a long name"), region_id=maybe, source=names, kms_key_id=maybe
    ),
)
def test_json_and_back_is_the_same_estate(vaults: list[Vault], mirror: MirrorVault) -> None:
    """Nothing is lost, unknowns included."""
    estate = Estate(vaults=tuple(vaults), mirrors=(mirror,))
    assert estate_from_json(estate_to_json(estate)) == estate


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "The file is not JSON", id="empty file"),
        pytest.param("[]", "The file is not an estate", id="a list"),
        pytest.param("{}", "schema_version is None", id="no version"),
        pytest.param('{"schema_version": 2}', "schema_version is 2", id="another version"),
        pytest.param(
            '{"schema_version": 1, "vaults": [{"name": "a"}]}', "vaults.0.region_id: it is missing", id="no region"
        ),
        pytest.param('{"schema_version": 1, "vaults": 3}', "vaults: a list is expected", id="not a list"),
        pytest.param('{"schema_version": 1, "vault": []}', "vault: there is no such entry", id="misspelt key"),
        pytest.param(
            '{"schema_version": 1, "vaults": [{"name": "a", "region_id": "r"}, {"name": "a", "region_id": "s"}]}',
            "'a' is used by more than one resource",
            id="a name twice",
        ),
    ],
)
def test_a_file_that_is_no_estate_is_told_with_place_and_reason(text: str, reason: str) -> None:
    """One error type, one line for each place."""
    with pytest.raises(EstateError) as raised:
        estate_from_json(text)
    assert reason in str(raised.value)


def test_unknown_is_never_true_or_false() -> None:
    """Code that forgets to ask fails loudly."""
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(UNKNOWN)
    assert not is_known(UNKNOWN)
    assert is_known("")


def test_there_is_one_unknown() -> None:
    """Identity survives copying and pickling."""
    assert Unknown() is UNKNOWN
    assert copy.deepcopy(UNKNOWN) is UNKNOWN
    assert pickle.loads(pickle.dumps(UNKNOWN)) is UNKNOWN  # noqa: S301 - our own bytes


def test_documented_regions() -> None:
    """25 regions, 11 of them with zone-redundant storage (product page, last FAQ)."""
    assert len(regions()) == 25
    assert sum(region.zrs for region in regions().values()) == 11
    assert regions()["cn-qingdao"].zrs is False
    assert regions()["me-central-1"].mirror is None


@pytest.mark.parametrize(
    ("written", "nearest"),
    [("cn-hangzhuo", "cn-hangzhou"), ("CN-SHANGHAI", "cn-shanghai"), ("China (Beijing)", "cn-beijing")],
)
def test_a_misspelt_region_has_near_names(written: str, nearest: str) -> None:
    """Ids and display names are compared."""
    assert nearest_region_ids(written)[0] == nearest


def test_json_form_leaves_defaults_out() -> None:
    """A file that a person reads holds what differs."""
    text = estate_to_json(Estate(vaults=(Vault(name="a", region_id="cn-hangzhou"),)))
    assert json.loads(text) == {"schema_version": 1, "vaults": [{"name": "a", "region_id": "cn-hangzhou"}]}
