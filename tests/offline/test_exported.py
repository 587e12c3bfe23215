"""Exported states: what the stack has, whatever else is in its state."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_cloudbackup.engine import estates, states, values
from pulumi_cloudbackup.engine.exported import Exported, Interrupted, StateError, read_export
from pulumi_cloudbackup.estate import UNKNOWN, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.estate.arguments import MIRROR_ARGUMENTS, VAULT_ARGUMENTS
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE
from pulumi_cloudbackup.resources import holding, own_state

DATA = Path(__file__).parent / "data"
HEAD = "urn:pulumi:dev::shop::"
STACK = f"{HEAD}pulumi:pulumi:Stack::shop-dev"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def urn(name: str, kind: str = "Vault", above: str = "") -> str:
    return f"{HEAD}{above}pulumi-python:dynamic/cloudbackup:{kind}::{name}"


def other(name: str, resource_type: str = "acme:index:Key", **fields: Any) -> dict[str, Any]:
    return {"urn": f"{HEAD}{resource_type}::{name}", "type": resource_type, "custom": True, "id": name, **fields}


def vault(name: str, *, id: str | None = None, above: str = "", **fields: Any) -> dict[str, Any]:  # noqa: A002
    outputs = {
        "region_id": "cn-hangzhou",
        "vault_name": name,
        "owner": f"shop/dev/{name}#1",
        **fields.pop("outputs", {}),
    }
    return {
        "urn": urn(name, "Vault", above),
        "custom": True,
        "id": f"v-{name}" if id is None else id,
        "type": VAULT_TYPE,
        "inputs": {"region_id": "cn-hangzhou"},
        "outputs": outputs,
        "parent": STACK,
        **fields,
    }


def mirror(name: str, source_id: Any, *, above: str = "", **fields: Any) -> dict[str, Any]:
    outputs = {"source_vault_id": source_id, "source_region_id": "cn-hangzhou", **fields.pop("outputs", {})}
    return {
        **vault(name, above=above, **fields),
        "urn": urn(name, "MirrorVault", above),
        "type": MIRROR_TYPE,
        "outputs": {"region_id": "cn-shanghai", "owner": f"shop/dev/{name}#1", **outputs},
    }


def text(*resources: Any, version: Any = 3, **deployment: Any) -> str:
    return json.dumps({"version": version, "deployment": {"resources": resources, **deployment}})


def read(*resources: Any, **deployment: Any) -> Exported:
    return read_export(text(*resources, **deployment))


def only_vault(*resources: Any) -> Vault:
    (found,) = read(*resources).estate.vaults
    return found


def only_mirror(*resources: Any) -> MirrorVault:
    (found,) = read(*resources).estate.mirrors
    return found


def test_a_real_state() -> None:
    """Source and mirror in a component, a vault beside them, and the neighbours that matter."""
    found = read_export((DATA / "first.export.json").read_bytes())
    plain, orders = found.estate.vaults  # sorted by URN
    (dr,) = found.estate.mirrors
    site = f"{HEAD}shop:index:Site::north"
    keys = {name: f"{HEAD}pulumi-python:dynamic/neighbours:Key::{name}" for name in ("key", "after")}
    north_key = f"{HEAD}shop:index:Site$pulumi-python:dynamic/neighbours:Key::north-key"

    assert (found.project, found.stack) == ("shop", "dev")
    assert orders.model_dump(exclude_defaults=True) == {
        "name": "orders",
        "urn": urn("orders", above="shop:index:Site$"),
        "id": orders.id,
        "status": "CREATED",
        "region_id": "cn-beijing",
        "vault_name": "orders",
        "description": "made of north",
        "tags": {"team": "shop"},
        "force_destroy": True,
        "holds_data": False,
        "charge_type": "V1",
        "created_time": orders.created_time,
        "owner": orders.owner,
        "managed_by": "this",
        "depends_on": (north_key,),
        "options": {"parent": site},
    }
    assert plain.description is UNKNOWN  # a secret
    assert plain.depends_on == (keys["key"],)
    assert plain.options.parent is None
    assert (dr.source, dr.source_status, dr.depends_on) == ("orders", "CREATED", (orders.urn,))
    assert {one.urn: one.depends_on for one in found.estate.foreign} == {
        keys["key"]: (),
        site: (keys["key"],),
        north_key: (site,),
        keys["after"]: (plain.urn,),
    }
    assert found.property_dependencies == {
        orders.urn: {"description": (north_key,)},
        dr.urn: {"source_vault_id": (orders.urn,)},
        keys["after"]: {"note": (plain.urn,)},
    }


WIRED: Any = {"propertyDependencies": {"source_vault_id": [urn("a")]}}
"""Of a mirror that takes the id from the resource of the vault."""


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param([vault("a", id="v-1"), mirror("m", "v-1", **WIRED)], "a", id="the vault that has the id"),
        pytest.param(
            [vault("a", id="v-1"), mirror("m", "v-1")],
            ExistingSource(id="v-1", region_id="cn-hangzhou"),
            id="the same vault by a plain id, which orders nothing",
        ),
        pytest.param(
            [vault("a", id="v-1", delete=True), mirror("m", "v-1")],
            ExistingSource(id="v-1", region_id="cn-hangzhou"),
            id="not one that is only still to be deleted",
        ),
        pytest.param(
            [vault("a", id="v-2"), vault("a", id="v-1", delete=True), mirror("m", "v-2", **WIRED)],
            "a",
            id="its successor has the name",
        ),
        pytest.param(
            # The state of a replacement that failed half-way: the mirror still copies the old vault.
            [
                vault("a", id="v-2"),
                vault("a", id="v-1", delete=True),
                mirror("m", "v-1", propertyDependencies={"source_vault_id": [urn("a")]}),
            ],
            ExistingSource(id="v-1", region_id="cn-hangzhou"),
            id="the physical vault counts, not the name",
        ),
        pytest.param(
            [vault("a", id="v-1"), vault("b", id="v-1"), mirror("m", "v-1")],
            ExistingSource(id="v-1", region_id="cn-hangzhou"),
            id="two that say they have the id",
        ),
        pytest.param(
            [
                vault("a", id="v-1"),
                vault("b", id="v-1"),
                mirror("m", "v-1", propertyDependencies={"source_vault_id": [urn("b")]}),
            ],
            "b",
            id="two, and it is wired to one",
        ),
        pytest.param(
            [
                vault("a", id="v-1"),
                mirror("m", {**SECRET, "ciphertext": "x"}, propertyDependencies={"source_vault_id": [urn("a")]}),
            ],
            "a",
            id="an encrypted id that is wired",
        ),
        pytest.param(
            [mirror("m", {**SECRET, "ciphertext": "x"})],
            ExistingSource(id=UNKNOWN, region_id="cn-hangzhou"),
            id="an encrypted id",
        ),
        pytest.param(
            [vault("a", id="parked-1", outputs={"parked": True}), mirror("m", "parked-1", **WIRED)],
            "a",
            id="a parked source",
        ),
        pytest.param(
            [
                mirror("other", "v-1"),
                mirror("m", "v-other", outputs={"source_vault_name": "n", "source_encrypt_type": "KMS"}),
            ],
            ExistingSource(id="v-other", region_id="cn-hangzhou", vault_name="n", encrypt_type="KMS"),
            id="a mirror is no source by name",
        ),
    ],
)
def test_sources(resources: list[Any], expected: Any) -> None:
    """The name of a vault of the estate, or a vault elsewhere."""
    (found,) = (one for one in read(*resources).estate.mirrors if one.name == "m")
    assert found.source == expected


def test_what_an_interrupted_update_left() -> None:
    """Parked, deleted and not created again, replaced and not deleted, and in the middle of an operation."""
    found = read(
        vault("parked", id="parked-1", outputs={"parked": True, "status": "PARKED", "vault_id": ""}),
        vault("gone", pendingReplacement=True),
        vault("new", id="v-2"),
        vault("new", id="v-1", delete=True),
        vault("tainted", taint=True),
        pending_operations=[
            {"resource": vault("begun"), "type": "creating"},
            {"resource": other("key"), "type": "creating"},
            "nonsense",
        ],
    )
    gone, new, old, parked, _ = found.estate.vaults  # sorted by URN
    assert (parked.id, parked.pending_replacement, parked.status, parked.existing_id) == (None, True, None, None)
    assert (gone.pending_replacement, gone.existing_id) == (True, None)
    assert [(one.name, one.id, one.pending_delete) for one in (new, old)] == [
        ("new", "v-2", False),
        ("new", "v-1", True),
    ]
    assert found.tainted == {urn("tainted")}
    assert found.interrupted == (Interrupted(urn("begun"), "creating"),)


def test_options() -> None:
    """Those that a state keeps, and create-first, which our classes write down themselves."""
    found = only_vault(
        vault(
            "a",
            protect=True,
            retainOnDelete=True,
            deletedWith=urn("b"),
            ignoreChanges=["tags"],
            replaceOnChanges=["worm_enabled"],
            outputs={"create_first": True},
        )
    )
    assert found.protect
    assert found.options.model_dump(exclude_defaults=True) == {
        "delete_before_replace": False,
        "retain_on_delete": True,
        "deleted_with": urn("b"),
        "ignore_changes": ("tags",),
        "replace_on_changes": ("worm_enabled",),
    }


def test_the_source_is_gone() -> None:
    """What the last refresh saw is kept, so that a plan can tell the last copy."""
    assert only_mirror(mirror("m", "v-1", outputs={"source_status": GONE})).source_status == GONE


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param({**SECRET, "ciphertext": "v1:abc"}, UNKNOWN, id="encrypted"),
        pytest.param({**SECRET, "plaintext": '"clear"'}, "clear", id="exported with --show-secrets"),
        pytest.param({**SECRET, "plaintext": "cut off"}, UNKNOWN, id="not JSON inside"),
        pytest.param({**SECRET, "plaintext": 5}, UNKNOWN, id="no text inside"),
        pytest.param(
            {"4dabf18193072939515e22adb298388d": "8ad145fe", "value": "x"}, UNKNOWN, id="another special value"
        ),
        pytest.param("04da6b54-80e4-46f7-96ec-b56ff0331ba9", UNKNOWN, id="not known"),
        pytest.param(5, UNKNOWN, id="of no usable kind"),
    ],
)
def test_values(written: Any, expected: Any) -> None:
    """Secrets stay secret, and what cannot be used is not known."""
    assert only_vault(vault("a", outputs={"description": written})).description == expected


def test_values_that_cannot_be_unknown() -> None:
    """They are absent then; the rest is read."""
    found = only_vault(
        vault(
            "a", outputs={"status": 5, "created_time": "x", "account": {**SECRET, "ciphertext": "x"}, "tags": {"a": 1}}
        )
    )
    assert (found.status, found.created_time, found.account, found.tags) == (None, None, None, UNKNOWN)
    assert found.vault_name == "a"


def test_nothing_but_inputs() -> None:
    """A state without outputs is read by its inputs."""
    assert only_vault({**vault("a"), "outputs": {}}).region_id == "cn-hangzhou"
    assert only_vault({**vault("a"), "outputs": None, "inputs": None}).region_id is UNKNOWN


@pytest.mark.parametrize(
    ("resources", "names"),
    [
        pytest.param([vault("a"), vault("b")], ["a", "b"], id="different names"),
        pytest.param(
            [
                vault("a", above="x:y:Z$", parent=f"{HEAD}x:y:Z::north"),
                vault("a", above="x:y:Q$", parent=f"{HEAD}x:y:Q::south"),
            ],
            ["south/a", "north/a"],
            id="below different components",
        ),
        pytest.param(
            [vault("a"), vault("a", above="x:y:Z$", parent=f"{HEAD}x:y:Z::north")],
            ["a", "north/a"],
            id="one at the top",
        ),
        pytest.param([mirror("a", "v-0"), vault("a")], ["a", "a'"], id="a vault and a mirror"),
        pytest.param([vault("a"), vault("a", id="v-1", delete=True)], ["a", "a"], id="its own predecessor"),
    ],
)
def test_names_are_unique(resources: list[Any], names: list[str]) -> None:
    """An estate has each name once."""
    found = read(*resources).estate
    assert [one.name for one in (*found.vaults, *found.mirrors)] == names


def test_what_is_only_read() -> None:
    """A vault that the program looks up is not managed here."""
    found = read(vault("a"), vault("b", external=True), vault("c", external=True, outputs={"owner": ""}))
    assert [one.managed_by for one in found.estate.vaults] == ["this", "other", "none"]


def test_the_neighbourhood() -> None:
    """What ours need, directly or not, and what needs ours; the stack, providers and bystanders are left out."""
    provider = other("default", "pulumi:providers:pulumi-python")
    far, near, bystander = other("far"), other("near"), other("bystander")
    near["dependencies"] = [far["urn"]]
    bystander["dependencies"] = [far["urn"]]
    component = other("site", "x:y:Z", custom=False, parent=STACK)
    below = other("below", "x:y:Z$acme:index:Key", parent=component["urn"])
    user = other("user", dependencies=[urn("a"), far["urn"]])
    users_user = other("users user", dependencies=[user["urn"]])
    stack = {"urn": STACK, "type": "pulumi:pulumi:Stack", "custom": False, "dependencies": [urn("a")]}
    resources = [stack, provider, far, near, bystander, component, below, user, users_user]
    found = read(
        *resources, vault("a", parent=component["urn"], dependencies=[near["urn"], "urn:pulumi:x::y::z::gone"])
    )
    assert {one.urn: set(one.depends_on) for one in found.estate.foreign} == {
        far["urn"]: set(),
        near["urn"]: {far["urn"]},
        component["urn"]: set(),
        user["urn"]: {urn("a"), far["urn"]},
        users_user["urn"]: {user["urn"]},
    }


@pytest.mark.parametrize(
    "empty",
    [
        pytest.param(
            '{"version": 3, "deployment": {"manifest": {}, "metadata": {}}}', id="never updated, file backend"
        ),
        pytest.param('{"deployment": null}', id="never updated"),
        pytest.param(text(version=4, features=["hooks"]), id="version 4"),
        pytest.param(text(other("key")), id="other resources only"),
    ],
)
def test_nothing_of_ours(empty: str) -> None:
    """An empty estate is no mistake."""
    found = read_export(empty)
    assert (found.estate.vaults, found.estate.mirrors, found.estate.foreign) == ((), (), ())


@pytest.mark.parametrize(
    ("written", "words"),
    [
        pytest.param("", "The state is empty.", id="empty"),
        pytest.param(text(vault("a"))[:-20], "not JSON, or not all of it", id="cut off"),
        pytest.param("error: no stack", "not JSON", id="no JSON"),
        pytest.param(b'{"deployment": "\xff"}', "not a text in UTF-8", id="bytes"),
        pytest.param("[" * 100_000, "nested too deeply", id="deep"),
        pytest.param("[]", "an object with version and deployment is expected", id="a list"),
        pytest.param("{}", "it has no deployment", id="no deployment"),
        pytest.param('{"version": 3, "checkpoint": {}}', "a backend's own", id="a file of a backend"),
        pytest.param('{"schema_version": 1}', "--current", id="an estate file"),
        pytest.param('{"resources": []}', "the inside of a deployment", id="the inside"),
        pytest.param('{"deployment": {}}', "names no version", id="no version"),
        pytest.param(text(version="3"), "names no version", id="no number"),
        pytest.param(text(version=True), "names no version", id="a truth value"),
        pytest.param(text(version=2), "reads 3 and 4. It needs a newer Pulumi CLI", id="older"),
        pytest.param(text(version=5), "reads 3 and 4. It needs a newer cloudbackup", id="newer"),
        pytest.param('{"version": 3, "deployment": []}', "not an object", id="a list as deployment"),
        pytest.param(
            '{"version": 3, "deployment": {"resources": {}}}', "resources of the state is not a list", id="map"
        ),
        pytest.param(text(pending_operations=5), "pending_operations of the state is not a list", id="operations"),
        pytest.param(text("x"), "Resource 0 of the state is not an object", id="a text as resource"),
        pytest.param(text({"type": "x"}), "Resource 0 of the state has no usable urn: None", id="no URN"),
        pytest.param(text({"urn": "urn:pulumi:a::b::c"}), "no usable urn: urn:pulumi:a::b::c", id="half a URN"),
        pytest.param(text(vault("a", parent="x")), "has no usable parent: x", id="a parent that is none"),
        pytest.param(text(vault("a", dependencies=["x"])), "has dependencies that are no URNs", id="dependencies"),
        pytest.param(text(vault("a", dependencies="x")), "has dependencies that are no list", id="a text as list"),
        pytest.param(
            text(vault("a", propertyDependencies=[])), "has propertyDependencies that are no", id="by property"
        ),
        pytest.param(text({**vault("a"), "outputs": []}), "has outputs that are no object", id="outputs"),
        pytest.param(text({**vault("a"), "id": 5}), "has a id that is no text", id="a number as id"),
        pytest.param(text(vault("a"), vault("a")), 'has "a" twice', id="twice"),
        pytest.param(
            text(vault("a", dependencies=[urn("b")]), vault("b", dependencies=[urn("a")])),
            "in a circle: ",
            id="a circle",
        ),
    ],
)
def test_what_is_no_state(written: str | bytes, words: str) -> None:
    """The message says what it is instead, and what to do."""
    with pytest.raises(StateError) as error:
        read_export(written)
    assert words in str(error.value)


def test_a_circle_with_what_is_deleted() -> None:
    """A vault and its predecessor are two: what the old one needed may need the new one."""
    read(
        vault("b", dependencies=[urn("a")]),
        vault("a"),
        vault("a", id="v-0", delete=True, dependencies=[urn("b")]),
    )


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_nonsense(data: st.DataObject) -> None:
    """Whatever is put in the place of any part of a real state: it is read, or refused in words."""
    document = json.loads((DATA / "first.export.json").read_text())
    place: Any = document
    for _ in range(data.draw(st.integers(0, 6))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not place[key] or not isinstance(place[key], (dict, list)):
            break
        place = place[key]
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    place[data.draw(st.sampled_from(keys))] = data.draw(JSON)
    with contextlib.suppress(StateError):
        read_export(json.dumps(document))


def test_the_words_are_those_of_the_providers() -> None:
    """Types, unknowns and parked outputs are written down once more here, without importing Pulumi."""
    assert (own_state.VAULT_TYPE, own_state.MIRROR_TYPE) == (VAULT_TYPE, MIRROR_TYPE)
    assert values._UNKNOWN_TEXTS == states.UNKNOWN_TEXTS
    assert holding.is_parked({estates._PARKED: True})
    assert {*VAULT_ARGUMENTS, *estates.VAULT_FACTS} <= Vault.model_fields.keys()
    assert {*MIRROR_ARGUMENTS, *estates.MIRROR_FACTS} <= MirrorVault.model_fields.keys()


def test_a_thousand_resources() -> None:
    """Reading them takes a fraction of what the engine needs to print them."""
    pairs = [
        one
        for number in range(500)
        for one in (
            vault(f"a{number}"),
            mirror(f"m{number}", f"v-a{number}", propertyDependencies={"source_vault_id": [urn(f"a{number}")]}),
        )
    ]
    written = text(*pairs)
    times = []
    for _ in range(3):
        before = time.process_time()
        assert len(read_export(written).estate.mirrors) == 500
        times.append(time.process_time() - before)
    assert min(times) < 0.2
