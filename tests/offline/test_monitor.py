"""The engine's side of an offline preview: what a program sees of it, and what it remembers of the program.

Expectations marked "as the engine" were measured on the engine of CLI 3.259.0 with SDK 3.272.0.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from offline_harness import hosted
from pulumi_cloudbackup.engine.registration import Alias
from pulumi_cloudbackup.engine.values import Reference, Secret
from pulumi_cloudbackup.estate import UNKNOWN

THING = "pulumi-python:dynamic:Resource"


@pytest.fixture(autouse=True)
def _quiet_asyncio() -> Iterator[None]:
    """As the language host does: what a failed program leaves pending is not told."""
    logger = logging.getLogger("asyncio")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    gc.collect()
    logger.setLevel(before)


def test_what_a_program_sees_of_a_new_resource(tmp_path: Path) -> None:
    """Inputs are known, additional secret outputs secret, everything else is not known: as the engine."""
    program = """
    r = Thing("r", a="x", opts=pulumi.ResourceOptions(additional_secret_outputs=["a"]))
    r2 = Thing("r2", a=r.o, opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("a:b:C", "c")))
    for name in ("urn", "id", "a", "o"):
        tell(f"r.{name}", getattr(r, name))
    tell("r2.urn", r2.urn)
    tell("r2.a", r2.a)
    """
    run = hosted(tmp_path, program).ok()
    assert sorted(run.told) == sorted(
        [
            f"info: r.urn=urn:pulumi:dev::shop::{THING}::r known",
            "info: r.id=None unknown",
            "info: r.a=x known secret",
            "info: r.o=None unknown",
            f"info: r2.urn=urn:pulumi:dev::shop::a:b:C${THING}::r2 known",
            "info: r2.a=None unknown",
        ]
    )


def test_what_a_program_sees_of_what_it_reads(tmp_path: Path) -> None:
    """The id is not known, what the program says of it is, the rest is not: as the engine."""
    program = """
    g = Thing("g", a="q", opts=pulumi.ResourceOptions(id="x-1"))
    for name in ("urn", "id", "a", "o"):
        tell(f"g.{name}", getattr(g, name))
    """
    run = hosted(tmp_path, program).ok()
    assert sorted(run.told) == sorted(
        [
            f"info: g.urn=urn:pulumi:dev::shop::{THING}::g known",
            "info: g.id=None unknown",
            "info: g.a=q known",
            "info: g.o=None unknown",
        ]
    )
    assert run.one("g").read_id == "x-1"
    assert not run.one("g").is_pending


REFERENCE = """
s = pulumi.StackReference("acme/network/prod")
tell("vpc", s.get_output("vpc"))
tell("key", s.get_output("key"))
tell("none", s.get_output("none"))
"""


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        pytest.param(None, ["key=None unknown", "none=None unknown", "vpc=None unknown"], id="unknown"),
        pytest.param(
            {"acme/network/prod": {"vpc": "vpc-1", "key": Secret("k")}},
            ["key=k known secret", "none=None known", "vpc=vpc-1 known"],
            id="given",
        ),
    ],
)
def test_stack_references(tmp_path: Path, outputs: dict[str, dict[str, object]] | None, expected: list[str]) -> None:
    """Outputs of other stacks are unknown unless they were given."""
    run = hosted(tmp_path, REFERENCE, stack_outputs=outputs).ok()
    assert sorted(run.told) == [f"info: {line}" for line in expected]


def test_everything_about_a_registration_is_kept(tmp_path: Path) -> None:
    """Type, name, inputs, dependencies by input, parent, aliases and every option."""
    program = """
    team = pulumi.ComponentResource("acme:index:Team", "team", None, pulumi.ResourceOptions(protect=True))
    first = Thing("first", a="x")
    provider = pulumi.ProviderResource("acme", "acme-dev", {"url": "u"})
    Foreign(
        "all",
        a=first.o,
        plain={"n": [1, 2.5, True, None], "ü": "x"},
        secret=pulumi.Output.secret("hush"),
        whole=first,
        opts=pulumi.ResourceOptions(
            parent=team,
            depends_on=[provider],
            protect=False,
            retain_on_delete=True,
            delete_before_replace=True,
            deleted_with=first,
            replace_with=[first],
            ignore_changes=["a"],
            replace_on_changes=["plain"],
            replacement_trigger="v2",
            additional_secret_outputs=["o"],
            hide_diffs=["plain"],
            custom_timeouts=pulumi.CustomTimeouts(create="5m"),
            provider=provider,
            version="1.2.3",
            plugin_download_url="https://example.com",
            import_="i-1",
            aliases=[pulumi.Alias(name="old"), pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE), "urn:pulumi:a::b::c::d"],
            hooks=pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook("hook", lambda args: None)]),
        ),
    )
    """
    run = hosted(tmp_path, program).ok()
    one, first, team = run.one("all"), run.one("first"), run.one("team")
    provider_urn = "urn:pulumi:dev::shop::pulumi:providers:acme::acme-dev"
    assert run.monitor.registrations[0].name == "shop-dev"
    assert (one.type, one.custom, one.remote, one.is_pending) == ("acme:index/thing:Thing", True, False, True)
    assert one.urn == "urn:pulumi:dev::shop::acme:index:Team$acme:index/thing:Thing::all"
    assert one.parent == team.urn
    assert not team.custom
    assert one.inputs == {
        "a": UNKNOWN,
        "plain": {"n": [1, 2.5, True, None], "ü": "x"},
        "secret": Secret("hush"),
        "whole": Reference(first.urn, UNKNOWN),
    }
    assert one.dependencies == tuple(sorted([first.urn, provider_urn]))
    assert one.property_dependencies["a"] == (first.urn,)
    assert one.property_dependencies["plain"] == ()
    options = one.options
    assert (options.protect, options.retain_on_delete, options.delete_before_replace) == (False, True, True)
    assert (options.deleted_with, options.replace_with) == (first.urn, (first.urn,))
    assert (options.ignore_changes, options.replace_on_changes, options.hide_diffs) == (("a",), ("plain",), ("plain",))
    assert (options.replacement_trigger, options.additional_secret_outputs) == ("v2", ("o",))
    assert options.custom_timeouts == {"create": "5m"}
    assert options.provider.startswith(f"{provider_urn}::")
    assert (options.version, options.plugin_download_url, options.import_id) == ("1.2.3", "https://example.com", "i-1")
    assert options.hooks == {"before_create": ("hook",)}
    assert set(options.aliases) == {Alias(name="old"), Alias(no_parent=True), Alias(urn="urn:pulumi:a::b::c::d")}
    assert team.options.protect is True
    assert first.options.protect is None
    assert one.position is not None
    assert Path(one.position.file).name == "__main__.py"


def test_options_are_inherited(tmp_path: Path) -> None:
    """A child takes over what its parent protects, keeps and is deleted with, unless it says otherwise itself."""
    program = """
    first = Foreign("first")
    options = dict(protect=True, retain_on_delete=True, deleted_with=first)
    parent = Foreign("parent", opts=pulumi.ResourceOptions(**options))
    Foreign("child", opts=pulumi.ResourceOptions(parent=parent))
    Foreign("other", opts=pulumi.ResourceOptions(parent=parent, protect=False, retain_on_delete=False))
    """
    run = hosted(tmp_path, program).ok()
    first, child, other = (run.one(name) for name in ("first", "child", "other"))
    assert (child.options.protect, child.options.retain_on_delete) == (True, True)
    assert child.options.deleted_with == first.urn
    assert (other.options.protect, other.options.retain_on_delete) == (False, False)


def test_outputs_of_components_and_the_stack(tmp_path: Path) -> None:
    """They are kept, unknowns and secrets included."""
    program = """
    class Team(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("acme:index:Team", name)
            self.thing = Foreign(name, opts=pulumi.ResourceOptions(parent=self))
            self.register_outputs({"id": self.thing.id, "key": pulumi.Output.secret("k")})
    pulumi.export("team", Team("shop").thing.id)
    pulumi.export("n", 1)
    """
    run = hosted(tmp_path, program).ok()
    outputs = {urn.split("::")[-1]: value for urn, value in run.monitor.outputs.items()}
    assert outputs == {"shop": {"id": UNKNOWN, "key": Secret("k")}, "shop-dev": {"team": UNKNOWN, "n": 1}}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        pytest.param(
            'pulumi.runtime.invoke_output("acme:index:getThing", {"x": 1})', "out=None unknown", id="of a provider"
        ),
        pytest.param(
            'pulumi.Output.from_input(pulumi.runtime.invoke("acme:index:getThing", {}).value)',
            "out=None known",
            id="of a provider, at once",
        ),
        pytest.param(
            'pulumi.runtime.call("acme:index:Thing/run", {}, Foreign("f"))', "out=None unknown", id="a method"
        ),
        pytest.param(
            'pulumi.runtime.invoke_output("pulumi:pulumi:readStackOutputs", {"name": "a/b/c"}).apply(lambda o: o["name"])',
            "out=None unknown",
            id="outputs of a stack",
        ),
    ],
)
def test_functions(tmp_path: Path, call: str, told: str) -> None:
    """What only a provider could tell is not known."""
    run = hosted(tmp_path, f'tell("out", {call})').ok()
    assert run.told == [f"info: {told}"]
    assert run.monitor.unanswered == (() if "readStack" in call else (call.split('"')[1],))


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("readStackResourceOutputs", "no backend client is available"),
        ("nonsense", "unrecognized function name: 'pulumi:pulumi:nonsense'"),
        ("getResource", "unknown resource urn:pulumi:dev::shop::a:b:C::x"),
    ],
)
def test_functions_of_the_engine_that_fail(tmp_path: Path, token: str, words: str) -> None:
    """A program can catch it and go on."""
    program = f"""
    try:
        pulumi.runtime.invoke("pulumi:pulumi:{token}", {{"stackName": "a", "urn": "urn:pulumi:dev::shop::a:b:C::x"}})
    except Exception as error:
        pulumi.log.info(str(error))
    """
    run = hosted(tmp_path, program).ok()
    assert words in run.told[0]


def test_a_resource_that_was_passed_by_reference_is_found(tmp_path: Path) -> None:
    """The engine's own getResource knows what this run has registered."""
    program = """
    async def main():
        f = Foreign("f", a="x")
        urn = await f.urn.future()
        found = pulumi.runtime.invoke("pulumi:pulumi:getResource", {"urn": urn}).value
        pulumi.log.info(f"{found['state']['a']} {found['urn'] == urn}")
    pulumi.run(main)
    """
    assert hosted(tmp_path, program).ok().told == ["info: x True"]


def test_transforms(tmp_path: Path) -> None:
    """A resource's own, its parents' and the stack's change inputs and options, in this order; outputs stay outputs."""
    program = """
    def tag(word):
        def transform(args):
            props = {**args.props, "tags": [*args.props.get("tags", []), word]}
            return pulumi.ResourceTransformResult(props, args.opts)
        return transform

    def protect(args):
        args.opts.protect = True
        return pulumi.ResourceTransformResult(args.props, args.opts)

    pulumi.runtime.register_resource_transform(tag("stack"))
    first = Foreign("first")
    parent = pulumi.ComponentResource("acme:index:Team", "team", None, pulumi.ResourceOptions(transforms=[tag("team")]))
    Foreign(
        "one",
        a=first.id,
        s=pulumi.Output.secret("k"),
        opts=pulumi.ResourceOptions(parent=parent, transforms=[tag("own"), protect]),
    )
    """
    run = hosted(tmp_path, program).ok()
    one = run.one("one")
    assert one.inputs == {"a": UNKNOWN, "s": Secret("k"), "tags": ["own", "team", "stack"]}
    assert one.options.protect is True
    assert run.one("first").inputs == {"tags": ["stack"]}
    assert run.one("first").urn in one.dependencies


def test_a_transform_that_fails(tmp_path: Path) -> None:
    """Its error ends the program."""
    program = """
    def broken(args):
        raise ValueError("no such size")
    Foreign("one", opts=pulumi.ResourceOptions(transforms=[broken]))
    """
    run = hosted(tmp_path, program)
    assert "no such size" in str(run.error)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        pytest.param(
            'Foreign("a")\nForeign("a")\n',
            "Duplicate resource URN 'urn:pulumi:dev::shop::acme:index/thing:Thing::a'; try giving it a unique name",
            id="twice",
        ),
        pytest.param(
            'pulumi.CustomResource("thing", "a")\n',
            "Type 'thing' is not a valid type token (must have format '*:*:*')",
            id="no type",
        ),
    ],
)
def test_what_the_engine_does_not_take(tmp_path: Path, program: str, words: str) -> None:
    """The preview fails, with the engine's own words."""
    run = hosted(tmp_path, program)
    assert words in str(run.error)
    (rejection,) = run.monitor.rejections
    assert rejection.text == words


def test_one_name_below_two_parents(tmp_path: Path) -> None:
    """The chain of types tells them apart."""
    program = """
    def team(name, opts=None):
        return pulumi.ComponentResource("acme:index:" + name, name, None, opts)
    a = team("A")
    b = team("B", pulumi.ResourceOptions(parent=a))
    Foreign("x", opts=pulumi.ResourceOptions(parent=a))
    Foreign("x", opts=pulumi.ResourceOptions(parent=b))
    Foreign("x")
    """
    run = hosted(tmp_path, program).ok()
    assert sorted(one.urn.split("::")[2] for one in run.monitor.registrations if one.name == "x") == [
        "acme:index/thing:Thing",
        "acme:index:A$acme:index/thing:Thing",
        "acme:index:A$acme:index:B$acme:index/thing:Thing",
    ]


def test_a_hook_of_a_name_that_is_taken(tmp_path: Path) -> None:
    """Refused with the engine's words."""
    program = """
    hooks = [pulumi.ResourceHook("hook", lambda args: None) for _ in range(2)]
    Foreign("a", opts=pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=hooks)))
    """
    run = hosted(tmp_path, program)
    assert 'resource hook already registered for name "hook"' in str(run.error)


def test_configuration_and_names(tmp_path: Path) -> None:
    """A program is told its configuration and who it is."""
    program = """
    names = pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack(), pulumi.runtime.is_dry_run()
    pulumi.log.info(f"{pulumi.Config().require('size')} {names}")
    """
    run = hosted(tmp_path, program, {"shop:size": "3"}).ok()
    assert run.told == ["info: 3 ('organization', 'shop', 'dev', True)"]


def test_messages(tmp_path: Path) -> None:
    """Debug messages are not told."""
    program = """
    pulumi.log.debug("d")
    pulumi.log.info("i")
    pulumi.log.warn("w", Foreign("f"))
    pulumi.log.error("e")
    """
    assert sorted(hosted(tmp_path, program).ok().told) == ["error: e", "info: i", "warning: w"]
