"""Own URN first, then aliases, each old resource once."""

from __future__ import annotations

from pulumi_cloudbackup.planning.matching import Identity, alias_line, inherited_aliases, matched, urn_of

TYPE = "pulumi-python:dynamic/cloudbackup:Vault"


def urn(name: str, parents: str = "") -> str:
    return urn_of(stack="dev", project="shop", parent_types=parents, resource_type=TYPE, name=name)


def test_urns_are_the_engines() -> None:
    assert urn("a") == f"urn:pulumi:dev::shop::{TYPE}::a"
    assert urn("a::b", "x:y:Z$q:r:S") == f"urn:pulumi:dev::shop::x:y:Z$q:r:S${TYPE}::a::b"


def test_own_urn_comes_before_aliases_of_others() -> None:
    """Aliases that exchange two names exchange nothing."""
    old = {urn("a"): "A", urn("b"): "B"}
    swapped = [Identity(urn("a"), (urn("b"),)), Identity(urn("b"), (urn("a"),))]
    assert matched(swapped, old) == ["A", "B"]


def test_each_old_resource_is_used_once_and_aliases_go_in_order() -> None:
    old = {urn("a"): "A", urn("b"): "B"}
    three = [Identity(urn("n"), (urn("gone"), urn("b"), urn("a"))), Identity(urn("m"), (urn("b"),)), Identity(None)]
    assert matched(three, old) == ["B", None, None]


def test_a_child_inherits_its_parents_aliases() -> None:
    """Types are in the chain; the name only where the child's begins with the parent's."""
    parent, before = "urn:pulumi:dev::shop::acme:New::team", "urn:pulumi:dev::shop::acme:Old::crew"
    assert inherited_aliases(urn("v", "acme:New"), parent, [before]) == (urn("v", "acme:Old"),)
    assert inherited_aliases(urn("team-v", "acme:New"), parent, [before]) == (urn("crew-v", "acme:Old"),)
    assert inherited_aliases(urn("v", "acme:New"), parent, [parent]) == ()


def test_the_alias_line_is_a_name_where_that_is_enough() -> None:
    assert alias_line(urn("new"), urn("old")) == 'pulumi.Alias(name="old")'
    assert alias_line(urn("new"), urn("old", "acme:Team")) == f'"{urn("old", "acme:Team")}"'
    assert alias_line(None, urn("old")) == f'"{urn("old")}"'
