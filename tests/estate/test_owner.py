from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pulumi_cloudbackup.estate.owner import (
    READABLE_LIMIT,
    marked,
    marker_length,
    owner_of,
    readable_owner,
    split_description,
)
from pulumi_cloudbackup.rules.argument_rules import DESCRIPTION_LIMIT

PARTS = {
    "organization": "acme",
    "owner_id": "",
    "project": "shop",
    "stack": "dev",
    "parent_types": "",
    "resource_type": "pulumi-python:dynamic/cloudbackup:Vault",
    "name": "orders",
}


def test_owner_is_readable_and_stable() -> None:
    """The text is a contract: it is written on vaults that live for years."""
    assert owner_of(**PARTS) == "shop/dev/orders#k7oz5siwynpqvmhs"
    assert readable_owner(owner_of(**PARTS)) == "shop/dev/orders"


def test_every_part_tells_owners_apart() -> None:
    """Two backends, stacks, component types or kinds with one name are different owners."""
    owners = {owner_of(**{**PARTS, part: "other"}) for part in PARTS}
    assert len(owners | {owner_of(**PARTS)}) == len(PARTS) + 1


@given(text=st.text(max_size=200), parts=st.fixed_dictionaries(dict.fromkeys(PARTS, st.text(max_size=80))))
def test_a_marked_description_splits_into_what_was_put_together(text: str, parts: dict[str, str]) -> None:
    """Whatever a person writes, the marker comes off again and names its owner."""
    owner = owner_of(**parts)
    split = split_description(marked(text, owner))
    assert split.owner == owner
    assert split.text == text


@given(name=st.text(min_size=1, max_size=300))
def test_a_description_that_the_rule_accepts_fits_the_service(name: str) -> None:
    """CB102 leaves room for the longest marker: 255 characters in all."""
    owner = owner_of(**{**PARTS, "name": name, "project": "p" * 100})
    assert len(readable_owner(owner)) <= READABLE_LIMIT
    assert len(marked("x" * DESCRIPTION_LIMIT, owner)) <= 255
    assert marker_length(owner) <= 255 - DESCRIPTION_LIMIT


def test_a_foreign_text_has_no_owner() -> None:
    """Only the exact marker at the end counts."""
    for text in ("", "plain", "[pulumi:x]", "[pulumi:a#tooshort]", "[pulumi:shop/dev/orders#k7oz5siwynpqvmhs] more"):
        assert split_description(text).owner is None
        assert split_description(text).text == text
