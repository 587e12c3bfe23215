"""Other resources that vaults depend on, such as keys: what goes in the chain of one that is replaced delete-first."""

from __future__ import annotations

from typing import Any

from pulumi_cloudbackup.estate import UNKNOWN, Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.estate.estate import ForeignResource
from pulumi_cloudbackup.planning import Plan, plan

KEY = "urn:pulumi:dev::shop::acme:index:Key::key"


def vault(name: str, key: Any = None, **more: Any) -> Vault:
    keyed = {"encrypt_type": "KMS", "kms_key_id": key, "depends_on": (KEY,), "arguments_from": (KEY,)}
    own = {} if key is None else keyed
    return Vault(name=name, **{"region_id": "cn-hangzhou", "holds_data": False, **own, **more})


def mirror(name: str, source: str | ExistingSource, **more: Any) -> MirrorVault:
    return MirrorVault(name=name, source=source, region_id="cn-shanghai", **more)


def planned(
    before: tuple[Any, ...], after: tuple[Any, ...], *, delete_first: bool = True, needs: tuple[str, ...] = ()
) -> Plan:
    """Plan from one key to another, which waits for ``needs``."""

    def estate(resources: tuple[Any, ...], **key: Any) -> Estate:
        vaults = tuple(one for one in resources if isinstance(one, Vault))
        mirrors = tuple(one for one in resources if isinstance(one, MirrorVault))
        return Estate(vaults=vaults, mirrors=mirrors, foreign=(ForeignResource(urn=KEY, **key),))

    there = tuple(one.model_copy(update={"id": f"v-{one.name}", "status": "CREATED"}) for one in before)
    now = {"action": "replace", "delete_first": delete_first, "depends_on": needs}
    return plan(estate(there), estate(after, **now), judges_estate=False)


def after(made: Plan) -> dict[str, set[str]]:
    return {step.id: set(step.after) for step in made.steps}


def test_deletes_wait_for_what_the_key_waits_for_alone() -> None:
    """And what depends on the key waits for them."""
    other = vault("other")
    changed = other.model_copy(update={"description": "x"})
    made = planned(
        (other, vault("orders", "k-1"), mirror("orders-dr", "orders")),
        (changed, vault("orders", UNKNOWN, depends_on=(KEY, "other")), mirror("orders-dr", "orders")),
    )
    assert after(made) == {
        "delete-replaced orders-dr": set(),
        "delete-replaced orders": {"delete-replaced orders-dr"},
        "update other": set(),
        "create-replacement orders": {"delete-replaced orders", "update other"},
        "create-replacement orders-dr": {"create-replacement orders"},
    }


def test_what_is_no_longer_declared_goes_with_the_key() -> None:
    """Not at the end, as it would otherwise."""
    made = planned((vault("gone", "k-1"), vault("orders", "k-1")), (vault("orders", UNKNOWN),))
    found = after(made)
    assert {"delete-replaced gone", "delete-replaced orders"} <= found["create-replacement orders"]


def test_what_only_the_key_replaces() -> None:
    """A vault that has another key now, of the same value: the engine asks the old state."""
    made = planned((vault("orders", "k-1"),), (vault("orders", "k-1", arguments_from=()),))
    assert [(change.name, str(change.action), str(change.reason)) for change in made.changes] == [
        ("orders", "replace", "dependency replaced")
    ]


def test_a_mirror_that_leaves_by_id_is_not_seen_by_the_key() -> None:
    """No edge of the state leads from it to the key, so its source may be deleted first: no run is called safe."""
    stays = ExistingSource(id="v-orders", region_id="cn-hangzhou", encrypt_type="KMS")
    waits = {"depends_on": (KEY, "m")}
    made = planned(
        (vault("orders", "k-1", **waits), vault("b"), mirror("m", stays)),
        (vault("orders", UNKNOWN, **waits), vault("b"), mirror("m", "b")),
    )
    assert [problem.code for problem in made.problems if problem.stops] == ["CB403"]
    assert made.stages == ()


def test_created_first_it_takes_nothing_along() -> None:
    """Its old self is deleted at the end, after the vaults that are created first too."""
    first = {"options": {"delete_before_replace": False}}
    made = planned((vault("orders", "k-1", **first),), (vault("orders", UNKNOWN, **first),), delete_first=False)
    assert [step.id for step in made.steps if "barrier" not in step.id] == [
        "create-replacement orders",
        "delete-replaced orders",
    ]
