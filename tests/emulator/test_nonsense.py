"""Whatever is sent, the answer is the service's, and the emulator goes on."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulumi_cloudbackup.emulator.actions import ACTIONS

_NAMES = """
    RegionId VaultRegionId VaultName VaultId VaultType Status Replication ResourceGroupId VaultOwnerId PageNumber
    PageSize Tag.1.Key Tag.1.Value Tag.0.Key Tag.99999999999.Key Tag.1 ResourceId.1 ResourceId ResourceType TagKey.1 All
    Description EncryptType KmsKeyId WormEnabled RedundancyType VaultStorageClass ReplicationSourceRegionId
    ReplicationSourceVaultId TaskId NewResourceGroupId Format Action Version
"""
_WORDS = "true False 1 -1 vault cn-hangzhou cn-shanghai CREATED KMS 9999999999999999999999999"
PARAMETERS = st.dictionaries(
    st.sampled_from(_NAMES.split()),
    st.one_of(st.sampled_from(["", *_WORDS.split()]), st.text(st.characters(codec="utf-8"), max_size=70)),
    max_size=6,
)
CALLS = st.tuples(st.sampled_from(sorted(ACTIONS)), PARAMETERS, PARAMETERS)
PATCHES = st.dictionaries(st.sampled_from(["Status", "TrialInfo", "Tags"]), st.integers() | st.text(), max_size=2)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=CALLS, patch=PATCHES)
def test_any_parameters(service: Any, request_to: Any, call: tuple[str, Any, Any], patch: dict[str, Any]) -> None:
    """Any parameters of any action are answered, never with an internal failure."""
    action, query, form = call
    vault_id = service.make(ready=False)
    query = {name: value if value != "vault" or name == "ResourceType" else vault_id for name, value in query.items()}
    response = request_to(action, query=query, form=form).sign_v3().send()
    assert response.status_code in (200, 400, 404)
    assert isinstance(response.json()["Code"], str)
    patched = service.control.raw("PATCH", f"/vaults/{vault_id}", json=patch)
    assert patched.status_code in (200, 400, 404)
    service.control.reset()
