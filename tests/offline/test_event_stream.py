"""Streams of engine events: steps, messages and the estate that the program declares."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_cloudbackup.engine.event_stream import (
    Diagnostic,
    EventError,
    Moment,
    Observed,
    StepEvent,
    observe,
    read_digest,
    read_events,
)
from pulumi_cloudbackup.estate import UNKNOWN, ExistingSource
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE

DATA = Path(__file__).parent / "data"
HEAD = "urn:pulumi:dev::shop::"
NOT_KNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
HIDDEN = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def urn(name: str, resource_type: str = VAULT_TYPE) -> str:
    return f"{HEAD}{resource_type}::{name}"


def state(name: str, resource_type: str = VAULT_TYPE, **fields: Any) -> dict[str, Any]:
    return {"urn": urn(name, resource_type), "type": resource_type, "custom": True, "id": "", "parent": "", **fields}


def vault(name: str, *, id: str = "", **inputs: Any) -> dict[str, Any]:  # noqa: A002
    return state(name, id=id, inputs={"region_id": "cn-hangzhou", "owner": f"{name}#1", **inputs}, outputs={})


def mirror(name: str, source_id: Any, **inputs: Any) -> dict[str, Any]:
    wired = {"region_id": "cn-shanghai", "source_vault_id": source_id, "source_region_id": "cn-hangzhou", **inputs}
    return state(name, MIRROR_TYPE, inputs=wired, outputs={})


def event(**body: Any) -> str:
    return json.dumps({"sequence": 1, "timestamp": 1, **body}, separators=(",", ":"))


def step(op: str, old: Any = None, new: Any = None, *, told: str = "resourcePreEvent", **more: Any) -> str:
    metadata = {"op": op, "urn": (new or old)["urn"], "type": (new or old)["type"], "old": old, "new": new, **more}
    return event(**{told: {"metadata": metadata}})


def done(op: str, old: Any = None, new: Any = None) -> str:
    return step(op, old, new, told="resOutputsEvent")


def failed(op: str, old: Any = None, new: Any = None) -> str:
    return step(op, old, new, told="resOpFailedEvent")


def said(severity: str, message: str, **more: Any) -> str:
    return event(diagnosticEvent={"severity": severity, "message": message, **more})


def summary(result: str = "succeeded", **counts: int) -> str:
    return event(summaryEvent={"resourceChanges": counts, "isPreview": True, "result": result})


BEGUN = event(preludeEvent={"config": {}})


def seen(*lines: str, digest: dict[str, Any] | None = None) -> Observed:
    return observe(read_events((BEGUN, *lines)), read_digest(json.dumps(digest)) if digest else None)


def short(observed: Observed) -> list[str]:
    return [f"{one.op} {one.urn.split('::')[-1]}" for one in observed.steps]


def recorded(name: str) -> Observed:
    digest = DATA / f"{name}.digest.json"
    with (DATA / f"{name}.preview.jsonl").open() as lines:
        return observe(read_events(lines), read_digest(digest.read_bytes()))


def test_a_real_preview() -> None:
    """Replaced, renamed and removed: the steps in the engine's order, the estate as it shall be."""
    found = recorded("changed")
    plain_id = next(one.old_id for one in found.steps if one.urn.endswith("::renamed"))
    orders, renamed = sorted(found.desired.vaults, key=lambda one: one.name)
    (dr,) = found.desired.mirrors
    site = f"{HEAD}shop:index:Site::north"
    key = f"{HEAD}pulumi-python:dynamic/neighbours:Key::key"
    north_key = f"{HEAD}shop:index:Site$pulumi-python:dynamic/neighbours:Key::north-key"

    assert sorted(short(found)) == [
        "create-replacement key",
        "create-replacement orders",
        "create-replacement orders-dr",
        "delete after",
        "delete-replaced key",
        "delete-replaced orders",
        "delete-replaced orders-dr",
        "replace key",
        "replace orders",
        "replace orders-dr",
        "same aside",
        "same north",
        "same north-key",
        "update renamed",
    ]
    order = short(found)
    assert order.index("delete-replaced orders-dr") < order.index("delete-replaced orders")
    assert order.index("delete-replaced orders") < order.index("create-replacement orders")
    assert {one.kind for one in found.steps} == {"Vault", "MirrorVault", None}
    (create,) = (one for one in found.steps if one.op == "create-replacement" and one.kind == "Vault")
    assert create.keys == ("region_id",)

    assert (orders.id, orders.region_id, orders.status, orders.description) == (
        None,
        "cn-qingdao",
        None,
        "made of north",
    )
    assert renamed.model_dump(exclude_defaults=True) == {
        "name": "renamed",
        "urn": urn("renamed"),
        "id": plain_id,
        "status": "CREATED",
        "region_id": "cn-hangzhou",
        "vault_name": "renamed",
        "description": UNKNOWN,
        "holds_data": False,
        "charge_type": "V1",
        "created_time": renamed.created_time,
        "owner": renamed.owner,
        "managed_by": "this",
        "aliases": (urn("plain"),),
        "depends_on": (key,),
        "protect": True,
        "options": {
            "retain_on_delete": True,
            "ignore_changes": ("tags",),
            "replace_on_changes": ("worm_enabled",),
        },
    }
    assert (dr.source, dr.id, dr.description, dr.depends_on) == ("orders", None, UNKNOWN, (orders.urn,))
    assert {one.urn: (one.action, one.depends_on) for one in found.foreign} == {
        key: ("replace", ()),
        site: ("none", (key,)),
        north_key: ("none", (site,)),
        f"{HEAD}pulumi-python:dynamic/neighbours:Key::after": ("delete", (urn("plain"),)),
    }
    assert found.property_dependencies[str(dr.urn)] == {"source_vault_id": (orders.urn,)}
    assert found.counts == {"delete": 1, "replace": 3, "same": 4, "update": 1}
    assert (found.failed, found.is_complete, found.is_preview, found.knows_dependencies) == (False, True, True, True)
    assert all(one.severity == "info" for one in found.diagnostics)  # the debug messages are left out


def test_a_real_update() -> None:
    """Without a digest: what depends on what is not known, and what was created has its id."""
    with (DATA / "first.up.jsonl").open() as lines:
        found = observe(read_events(lines))
    ended = sorted((one.finished, one.urn.split("::")[-1]) for one in found.steps if one.finished is not None)
    assert [place for place, _ in ended] == list(range(len(found.steps) - 1))
    names = [name for _, name in ended]
    assert names.index("orders") < names.index("orders-dr")
    assert "north" not in names  # a component that registers no outputs never ends
    assert (found.failed, found.is_preview, found.knows_dependencies) == (False, False, False)
    (dr,) = found.desired.mirrors
    assert dr.source == "orders"
    assert all(one.id and one.status == "CREATED" for one in (*found.desired.vaults, dr))
    assert {one.action for one in found.foreign} == {"create"}


def test_a_real_failure() -> None:
    """The step that failed, those that were done before, and the messages."""
    with (DATA / "failed.up.jsonl").open() as lines:
        found = observe(read_events(lines))
    assert (found.failed, found.is_complete) == (True, True)
    (broken,) = (one for one in found.steps if one.has_failed)
    assert (broken.op, broken.urn.split("::")[-1]) == ("create-replacement", "orders")
    assert [one.message for one in found.errors][-1] == "update failed"
    assert found.errors[0].urn == broken.urn
    assert "create-replacement orders-dr" not in short(found)


def test_a_real_rejection() -> None:
    """A preview that our own checks stopped: nothing declared, and the reason."""
    found = recorded("problem")
    assert (found.failed, found.desired.vaults) == (True, ())
    assert "CB110" in found.errors[0].message


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(vault("a", description=NOT_KNOWN), UNKNOWN, id="not known"),
        pytest.param(vault("a", description="6a19a0b0-7e62-4c92-b797-7f8e31da9cc2"), UNKNOWN, id="not known, a list"),
        pytest.param(vault("a", description=HIDDEN), UNKNOWN, id="secret"),
        pytest.param(vault("a", description="[secret]"), "[secret]", id="a text that looks like one"),
        pytest.param(vault("a"), None, id="absent"),
    ],
)
def test_values(resource: Any, expected: Any) -> None:
    """What the preview cannot know is unknown."""
    (found,) = seen(step("create", None, resource)).desired.vaults
    assert found.description == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([vault("a"), mirror("m", NOT_KNOWN, source_owner="a#1")], "a", id="by the owner that it is told"),
        pytest.param([vault("a", id="v-1"), mirror("m", "v-1", source_owner="a#1")], "a", id="by id"),
        pytest.param(
            [vault("a"), mirror("m", NOT_KNOWN)], ExistingSource(id=UNKNOWN, region_id="cn-hangzhou"), id="not known"
        ),
        pytest.param(
            # The declared vault gets a new id: the mirror names the old vault by its id.
            [vault("a"), mirror("m", "v-old", source_owner="a#1")],
            ExistingSource(id="v-old", region_id="cn-hangzhou"),
            id="a vault that is replaced",
        ),
    ],
)
def test_sources(lines: list[Any], expected: Any) -> None:
    """The same vault is the same source, with or without a digest."""
    (found,) = seen(*(step("create", None, one) for one in lines)).desired.mirrors
    assert found.source == expected


def test_what_stays_keeps_its_facts() -> None:
    """In a preview only the old state has them; what is replaced has none yet."""
    old = {**vault("a", id="v-1"), "outputs": {"status": "CREATED", "holds_data": True}}
    kept = seen(step("update", old, vault("a")), done("update", old, vault("a", id="v-1"))).desired.vaults[0]
    assert (kept.id, kept.status, kept.holds_data) == ("v-1", "CREATED", True)
    new = seen(step("create-replacement", old, vault("a")), done("create-replacement", old, vault("a"))).desired.vaults[
        0
    ]
    assert (new.id, new.status, new.holds_data) == (None, None, None)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([step("delete", vault("a", id="v-1"))], id="removed"),
        pytest.param(
            # `--refresh` reads it first: that does not declare it.
            [step("refresh", vault("a", id="v-1"), vault("a", id="v-1")), step("delete", vault("a", id="v-1"))],
            id="read and removed",
        ),
        pytest.param([step("remove-pending-replace", vault("a", id="v-1"))], id="forgotten"),
        pytest.param(
            [step("same", state("a", inputs={}, outputs={}), state("a", inputs={}, outputs={}))], id="new, not targeted"
        ),
    ],
)
def test_what_is_not_declared(lines: list[str]) -> None:
    """Only what the program wants is in the estate; the steps are there all the same."""
    found = seen(*lines)
    assert found.desired.vaults == ()
    assert found.steps


def test_what_is_left_out() -> None:
    """A new resource that is not targeted says so; a component never has an id or inputs."""
    nothing = state("a", inputs={}, outputs={})
    component = {**state("site", "x:y:Z", inputs={}), "custom": False}
    found = seen(step("same", nothing, nothing), step("same", component, component))
    assert [one.is_left_out for one in found.steps] == [True, False]


def test_a_successor_stays_declared() -> None:
    """The old vault of a create-first replacement goes at the end."""
    old = vault("a", id="v-1")
    lines = [
        step("create-replacement", old, vault("a")),
        step("replace", old, vault("a")),
        step("delete-replaced", old),
    ]
    assert [one.name for one in seen(*lines).desired.vaults] == ["a"]


def test_the_order_of_the_ends() -> None:
    """Steps end in another order than they begin; a component ends twice, and another generation is another step."""
    component = {**state("site", "x:y:Z"), "custom": False}
    one, two = vault("a", id="v-1"), vault("a", id="v-2")
    found = seen(
        step("create", None, component),
        step("delete", one),
        step("delete", two),
        done("create", None, component),
        failed("delete", two),
        done("create", None, component),
        done("delete", one),
        done("update", one, one),  # never begun: nobody would know where
    )
    assert [(step.old_id, step.finished, step.has_failed) for step in found.steps] == [
        ("", 0, False),
        ("v-1", 2, False),
        ("v-2", 1, True),
    ]


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ((), "none"),
        (("same",), "none"),
        (("refresh", "same"), "none"),
        (("create",), "create"),
        (("refresh", "update"), "update"),
        (("delete",), "delete"),
        (("create-replacement", "replace", "delete-replaced"), "replace"),
        (("same", "delete-replaced"), "none"),
        (("same", "delete"), "none"),
        (("newest",), "none"),
    ],
)
def test_what_happens_to_others(ops: tuple[str, ...], expected: str) -> None:
    """Each other resource around ours, with what becomes of it."""
    key = state("key", "acme:index:Key", inputs={"a": "b"})
    used = {**vault("a"), "dependencies": [key["urn"]]}
    lines = [step(op, key, None if op.startswith("delete") else key) for op in ops]
    (found,) = seen(*lines, digest={"steps": [{"op": "same", "newState": one} for one in (key, used)]}).foreign or [
        None
    ]
    assert found is None  # without a vault of ours nothing is around it
    (found,) = seen(
        *lines,
        step("create", None, vault("a")),
        digest={"steps": [{"op": "same", "newState": one} for one in (key, used)]},
    ).foreign
    assert found.action == expected


def test_what_a_removed_vault_needed() -> None:
    """The neighbours of what is deleted count too."""
    key = state("key", "acme:index:Key")
    old = {**vault("a", id="v-1"), "dependencies": [key["urn"]]}
    digest = {"steps": [{"op": "delete", "oldState": old}, {"op": "delete", "oldState": key}]}
    (found,) = seen(step("delete", old), step("delete", key), digest=digest).foreign
    assert (found.urn, found.action) == (key["urn"], "delete")


def test_messages() -> None:
    """Debug and passing ones are left out, colours and line ends too; policies count with their own severity."""
    policy = {"policyName": "p", "policyPackName": "pack", "message": "no", "resourceUrn": urn("a")}
    found = seen(
        said("debug", "x"),
        said("info", "passing", ephemeral=True),
        said("info", "\n"),
        said("info#err", "<{%fg 3%}>told<{%reset%}>\n"),
        said("warning", "\x1b[31mred\x1b[0m", urn=urn("a")),
        event(policyEvent={**policy, "enforcementLevel": "mandatory"}),
        event(policyEvent={**policy, "enforcementLevel": "advisory"}),
        event(stdoutEvent={"message": "printed\n"}),
        event(errorEvent={"error": "inside"}),
    )
    assert found.diagnostics == (
        Diagnostic("info", "told"),
        Diagnostic("warning", "red", urn("a")),
        Diagnostic("error", "pack: p: no", urn("a")),
        Diagnostic("warning", "pack: p: no", urn("a")),
        Diagnostic("info", "printed"),
        Diagnostic("error", "inside"),
    )


@pytest.mark.parametrize(
    ("lines", "is_failed", "is_complete"),
    [
        pytest.param([summary()], False, True, id="succeeded"),
        pytest.param([summary(result="")], False, True, id="an older engine, no error"),
        pytest.param([said("error", "x"), summary(result="")], True, True, id="an older engine, an error"),
        pytest.param([summary(result="failed")], True, True, id="failed"),
        pytest.param([summary(result="canceled")], True, True, id="cancelled"),
        pytest.param([], True, False, id="killed"),
    ],
)
def test_how_it_ended(lines: list[str], is_failed: bool, is_complete: bool) -> None:
    """Without a summary it did not get to its end."""
    found = seen(*lines)
    assert (found.failed, found.is_complete) == (is_failed, is_complete)
    assert found.cancelled is ("canceled" in "".join(lines))


def test_a_last_line_that_is_cut_off() -> None:
    """The writer was killed: what came before counts."""
    found = seen(step("create", None, vault("a")), step("create", None, vault("b"))[:-30])
    assert short(found) == ["create a"]
    assert not found.is_complete


def test_text_between_the_events() -> None:
    """What others print into the stream is a message; an event behind it, or a byte order mark before it, is read."""
    found = seen("\ufeff" + said("info", "one"), "warning: a plugin", "", "note: " + step("create", None, vault("a")))
    assert [one.message for one in found.diagnostics] == ["one", "warning: a plugin", "note:"]
    assert short(found) == ["create a"]


def test_bytes() -> None:
    """A pipe gives bytes, and not always whole characters."""
    lines = [one.encode() for one in (BEGUN, said("info", "Ü"), summary())]
    assert observe(read_events([*lines, b"\xff\xfe"])).diagnostics == (
        Diagnostic("info", "Ü"),
        Diagnostic("info", "\ufffd\ufffd"),
    )


def test_what_is_new_in_the_engine() -> None:
    """Kinds of events and steps that nobody knows yet."""
    found = seen(event(newEvent={"a": 1}), event(cancelEvent={}), event(), step("newest", None, vault("a")), summary())
    assert (short(found), found.failed) == (["newest a"], False)


def test_steps_as_they_come() -> None:
    """Each event is passed on at once, for lines of progress."""
    (found,) = read_events([step("create", None, vault("a"), keys=["x"])])
    assert isinstance(found, StepEvent)
    assert (found.moment, found.op, found.kind, found.keys) == (Moment.STARTED, "create", "Vault", ("x",))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param([], "There is no event of Pulumi's in this", id="nothing"),
        pytest.param(["Previewing update (dev)"], "There is no event of Pulumi's in this", id="text"),
        pytest.param(['{\n "steps": []\n}'], "There is no event of Pulumi's in this", id="a digest"),
        pytest.param([BEGUN[:-5], BEGUN], "Line 1 of the events is cut off", id="cut off in the middle"),
        pytest.param(
            [event(resourcePreEvent={})],
            "line 1 is of no known shape: it tells a step without saying which",
            id="empty",
        ),
        pytest.param(
            [event(resourcePreEvent={"metadata": {"op": "create"}})],
            "tells a step without a resource",
            id="no resource",
        ),
        pytest.param([step("", None, vault("a"))], "without saying what it does", id="no op"),
        pytest.param([step("create", None, {**vault("a"), "urn": "x"})], "has no usable urn: x", id="no URN"),
    ],
)
def test_what_is_no_stream(lines: list[str], words: str) -> None:
    """The message says which line, and why."""
    with pytest.raises(EventError) as error:
        observe(read_events(lines))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "urns"),
    [
        pytest.param("", [], id="nothing: the preview did not get so far"),
        pytest.param("error: no", [], id="text"),
        pytest.param(BEGUN, [], id="events"),
        pytest.param('{"steps": null}', [], id="no steps"),
        pytest.param(json.dumps({"steps": [{"op": "create", "newState": vault("a")}]}), [urn("a")], id="a step"),
        pytest.param('a warning\n{"steps": []}\nthe end', [], id="text around it"),
        pytest.param(
            json.dumps({"steps": [{"op": "refresh", "newState": vault("a")}, {"op": "same"}]}), [], id="only read"
        ),
    ],
)
def test_digests(text: str, urns: list[str]) -> None:
    """The resources of a digest by URN."""
    assert list(read_digest(text)) == urns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('{"steps": [', "is not JSON, or not all of it", id="cut off"),
        pytest.param('{"steps": [5]}', "A step in the digest of the preview is no object", id="numbers"),
        pytest.param('{"steps": [{"newState": {}}]}', "has no usable urn", id="no URN"),
        pytest.param('{"steps": ' + "[" * 100_000, "nested too deeply", id="deep"),
    ],
)
def test_what_is_no_digest(text: str, words: str) -> None:
    """It is refused in words."""
    with pytest.raises(EventError) as error:
        read_digest(text)
    assert words in str(error.value)


def test_a_digest_tells_the_newest() -> None:
    """Of a replaced resource the new state counts, of a deleted one the old."""
    new, old = {**vault("a"), "protect": True}, vault("a", id="v-1")
    steps = [{"op": "delete-replaced", "oldState": old}, {"op": "create-replacement", "oldState": old, "newState": new}]
    for ordered in (steps, steps[::-1]):
        assert read_digest(json.dumps({"steps": ordered}))[urn("a")].protect


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_nonsense(data: st.DataObject) -> None:
    """Whatever is put in the place of any part of a real event: it is read, or refused in words."""
    lines = (DATA / "changed.preview.jsonl").read_text().splitlines()
    position = data.draw(st.integers(0, len(lines) - 1))
    document = json.loads(lines[position])
    place: Any = document
    for _ in range(data.draw(st.integers(0, 5))):
        key = data.draw(st.sampled_from(list(place)))
        if not isinstance(place[key], dict) or not place[key]:
            break
        place = place[key]
    place[data.draw(st.sampled_from(list(place)))] = data.draw(JSON)
    lines[position] = json.dumps(document, separators=(",", ":"))
    digest = read_digest((DATA / "changed.digest.json").read_text())
    with contextlib.suppress(EventError):
        observe(read_events(lines), digest)


def test_a_thousand_resources() -> None:
    """Reading their events takes a fraction of what the engine needs to print them."""
    lines, steps = [BEGUN], []
    for number in range(500):
        one, two = vault(f"a{number}"), mirror(f"m{number}", NOT_KNOWN)
        wired = {**two, "propertyDependencies": {"source_vault_id": [one["urn"]]}}
        lines += [
            step("create", None, one),
            done("create", None, one),
            step("create", None, two),
            done("create", None, two),
        ]
        steps += [{"op": "create", "newState": one}, {"op": "create", "newState": wired}]
    digest = json.dumps({"steps": steps})
    times = []
    for _ in range(3):
        before = time.process_time()
        assert len(observe(read_events([*lines, summary()]), read_digest(digest)).desired.mirrors) == 500
        times.append(time.process_time() - before)
    assert min(times) < 0.5
