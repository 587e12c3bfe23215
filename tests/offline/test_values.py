"""Property values to the engine's protocol and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cloudbackup.engine.values import Reference, Secret, from_struct, to_struct, with_outputs
from pulumi_cloudbackup.estate import UNKNOWN

PLAIN = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text() | st.just(UNKNOWN)
REFERENCES = st.builds(Reference, st.text(), st.none() | st.text(min_size=1) | st.just(UNKNOWN))
VALUES = st.recursive(
    PLAIN | REFERENCES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.builds(Secret, inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES))
def test_there_and_back(properties: dict[str, Any]) -> None:
    """Nothing is lost, unknowns, secrets and references included."""
    assert from_struct(to_struct(properties)) == properties


@given(st.dictionaries(st.text(), VALUES, min_size=1), st.sets(st.text(min_size=1), min_size=1))
def test_as_outputs(properties: dict[str, Any], urns: set[str]) -> None:
    """What a transform is shown comes back as it was, with the dependencies of each property."""
    found: set[str] = set()
    shown = to_struct(with_outputs(properties, dict.fromkeys(properties, urns)))
    assert from_struct(shown, found) == properties
    assert found == urns


def test_a_secret_is_not_shown() -> None:
    """Not even in a traceback."""
    assert "hush" not in repr({"a": [Secret("hush")]})


def test_what_is_no_value() -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(TypeError):
        to_struct({"a": object()})
