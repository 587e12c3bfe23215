from __future__ import annotations

from typing import Any

import pulumi_policy.policy
import pytest

from pulumi_cloudbackup.policy_pack import serving


@pytest.fixture
def concealing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this test alone see secrets as a pack does."""
    inside: Any = pulumi_policy.policy
    monkeypatch.setattr(inside, "deserialize_properties", inside.deserialize_properties)
    serving._conceal_secrets()
