"""Offline previews are those of the real engine: changes, replacements, order, problems, unknowns, outputs, messages.

The two hundred pairs of ``test_plan_against_engine`` are compared there. Here are programs with what those have not:
other people's resources, components, secrets, applies, aliases of parents, marks in the state, programs that fail.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from unittest import mock

import pytest

from engine_harness import environment
from engine_samples import CHANGED, FIRST, NEIGHBOURS
from grounds import Ground, Grounds
from offline_and_real import differences, offline_preview, real_preview, tell_the_same
from pulumi_cloudbackup.engine.offline_plan import preview_offline
from pulumi_cloudbackup.engine.outcome import Failure
from pulumi_cloudbackup.engine.project import choose_stack, open_project
from pulumi_cloudbackup.engine.stack_plan import StackPlan
from pulumi_cloudbackup.reports.plans import plan_as_json
from pulumi_cloudbackup.testing.real import preview_real

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]

Mark: TypeAlias = Callable[[dict[str, Any]], None]
"""Changes a resource of the state."""
NOTHING = ""
PAIR = """
orders = Vault("orders", region_id="cn-hangzhou")
dr = MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")
pulumi.export("id", orders.id)
pulumi.export("copy", dr.vault_name)
pulumi.export("hidden", pulumi.Output.secret("hush"))
pulumi.export("many", {"a": [1, orders.region_id], "b": True})
"""
INSIDE = """
class Site(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("shop:index:Site", name, {"place": name}, opts)
        below = pulumi.ResourceOptions(parent=self)
        self.vault = Vault(f"{name}-orders", region_id="cn-hangzhou", opts=below)
        MirrorVault(f"{name}-orders-dr", source=self.vault, region_id="cn-shanghai", opts=below)
        self.register_outputs({"vault": self.vault.id})

Site("north")
"""
RENAMED_SITE = INSIDE.replace(
    'Site("north")', 'Site("south", pulumi.ResourceOptions(aliases=[pulumi.Alias(name="north")]))'
)


COMPANY = """
other = Vault("other", region_id="cn-qingdao")
MirrorVault("other-dr", source=other, region_id="cn-shanghai")
"""
"""Another pair, which the state says is replaced with the first one."""
KEYS = """
from neighbours import Key
root = Key("root", "root", opts=pulumi.ResourceOptions(delete_before_replace=True))
other = Key("other", "other", opts=pulumi.ResourceOptions(replace_with=[root]))
Key("third", "third", opts=pulumi.ResourceOptions(replace_with=[other]))
Key("last", "last", note=other.value)
"""


def named(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def marked(name: str, **marks: Any) -> Mark:
    def mark(resource: dict[str, Any]) -> None:
        if resource["urn"].endswith(f"::{name}"):
            resource.update(marks)

    return mark


def holding_data(resource: dict[str, Any]) -> None:
    if "holds_data" in resource.get("outputs", {}):
        resource["outputs"]["holds_data"] = True


def together(resource: dict[str, Any]) -> None:
    if resource["urn"].endswith("Vault::other"):
        resource["replaceWith"] = [resource["urn"].replace("::other", "::orders")]


def nothing(_: dict[str, Any]) -> None:
    """Leave the state as it is."""


def pair(
    vault: str = "",
    mirror: str = 'region_id="cn-shanghai"',
    *,
    region: str = '"cn-hangzhou"',
    copy: str = "orders-dr",
) -> str:
    """Return a pair without outputs, with more arguments of each."""
    return f'orders = Vault("orders", region_id={region}, {vault})\nMirrorVault("{copy}", source=orders, {mirror})\n'


class Case(NamedTuple):
    """Two programs: what the first has made is there, the second one is previewed."""

    first: str
    second: str
    mark: Mark = nothing


SECRET = 'description=pulumi.Output.secret("quiet")'
CHANGES = {
    "changed in place": Case(pair(), pair('description="new", tags={"a": "b"}')),
    "renamed": Case(pair(), pair(copy="orders-mirror")),
    "aliased": Case(
        pair(),
        pair(
            'opts=pulumi.ResourceOptions(aliases=["urn:pulumi:dev::shop::pulumi-python:dynamic/cloudbackup:Vault::orders"])',
            'region_id="cn-shanghai", opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="orders-dr")])',
            copy="sales-dr",
        ).replace('Vault("orders"', 'Vault("sales"'),
    ),
    "mirror moved": Case(pair(), pair(mirror='region_id="cn-huhehaote"')),
    "source replaced": Case(pair(), pair(region='"cn-qingdao"')),
    "source replaced create-first": Case(
        pair(), pair("opts=pulumi.ResourceOptions(delete_before_replace=False)", region='"cn-qingdao"')
    ),
    "secretly replaced": Case(pair(), pair(region='pulumi.Output.secret("cn-chengdu")')),
    "ignored": Case(
        pair(),
        pair(
            'description="x", opts=pulumi.ResourceOptions(ignore_changes=["region_id", "description"])',
            region='"cn-qingdao"',
        ),
    ),
    "all ignored": Case(
        pair(), pair('tags={"a": "b"}, opts=pulumi.ResourceOptions(ignore_changes=["*"])', region='"cn-qingdao"')
    ),
    "a tag ignored that is not there": Case(
        pair(), pair('tags={"a": "x", "c": "d"}, opts=pulumi.ResourceOptions(ignore_changes=["tags.a"])')
    ),
    "one tag ignored": Case(
        pair('tags={"a": "b", "c": "d"}'),
        pair('tags={"a": "x", "c": "d"}, opts=pulumi.ResourceOptions(ignore_changes=[\'tags["a"]\'])'),
    ),
    "all tags ignored": Case(
        pair('tags={"a": "b", "c": "d", "e": "f"}'),
        pair('tags={"a": "x", "c": "d", "g": "h"}, opts=pulumi.ResourceOptions(ignore_changes=["tags[*]"])'),
    ),
    "all tags ignored, in other words": Case(
        pair('tags={"a": "b"}'),
        pair('tags={"a": "x"}, opts=pulumi.ResourceOptions(ignore_changes=["tags.*"])'),
    ),
    "a tag ignored, none declared": Case(
        pair('tags={"a": "b"}'), pair('opts=pulumi.ResourceOptions(ignore_changes=["tags.a", "[", "tags[\\"a\\"]"])')
    ),
    "secret tags ignored": Case(
        pair('tags=pulumi.Output.secret({"a": "b"})'),
        pair('tags={"a": "x", "c": "y"}, opts=pulumi.ResourceOptions(ignore_changes=["tags.a"])'),
    ),
    "triggered": Case(
        pair('opts=pulumi.ResourceOptions(replacement_trigger="1")'),
        pair('opts=pulumi.ResourceOptions(replacement_trigger="2")'),
    ),
    "failed to initialise": Case(pair(), pair(), marked("orders", initErrors=["oh"])),
    "failed to initialise, replaced": Case(
        pair(), pair('opts=pulumi.ResourceOptions(replace_on_changes=["*"])'), marked("orders", initErrors=["oh"])
    ),
    "read before": Case(pair(), pair(), marked("orders", external=True)),
    "read before, with a mirror": Case(pair(), pair(region='"cn-qingdao"'), marked("orders-dr", external=True)),
    "read before, gone": Case(pair(), NOTHING, marked("orders-dr", external=True)),
    "tainted": Case(pair(), pair(), marked("orders", taint=True)),
    "tainted mirror": Case(pair(), pair(), marked("orders-dr", taint=True)),
    "secret": Case(pair(), pair(SECRET)),
    "still secret": Case(pair(SECRET), pair(f'{SECRET}, tags={{"a": "b"}}')),
    "removed": Case(pair(), NOTHING),
}
"""What one program may hold side by side: pairs that have nothing to do with each other."""


ROOMS = ("cn-shanghai", "cn-beijing", "cn-shenzhen", "cn-zhangjiakou", "cn-wulanchabu", "cn-heyuan", "cn-guangzhou")
"""Regions of mirrors: none has room for all of them."""


def side_by_side(changes: Sequence[Case]) -> Case:
    """Return one program of several pairs, each with a change of its own."""

    def numbered(text: str, number: int) -> str:
        text = text.replace("cn-shanghai", ROOMS[number % len(ROOMS)])
        return re.sub("orders|sales", lambda name: f"{name[0]}{number}", text)

    def mark(resource: dict[str, Any]) -> None:
        urn = resource["urn"]
        for number, change in enumerate(changes):
            if re.search(rf"::orders{number}(-dr)?$", urn):
                resource["urn"] = urn.replace(f"::orders{number}", "::orders")
                change.mark(resource)
        resource["urn"] = urn

    first = "".join(numbered(one.first, number) for number, one in enumerate(changes))
    return Case(first, "".join(numbered(one.second, number) for number, one in enumerate(changes)), mark)


CASES = {
    "side by side": side_by_side([*CHANGES.values()]),
    "created": Case(NOTHING, PAIR),
    "unchanged": Case(PAIR, PAIR),
    "numbers": Case(PAIR, PAIR + 'pulumi.export("n", [7, 7.5, 2**60, {"z": 1.0, "a": True}])\n'),
    "secrets of the configuration": Case(PAIR, PAIR + 'pulumi.export("p", pulumi.Config("shop").get("password"))\n'),
    "declared twice": Case(PAIR, PAIR + 'Vault("orders", region_id="cn-beijing")\n'),
    "a protected mirror": Case(PAIR, named(PAIR, ("cn-hangzhou", "cn-qingdao")), marked("orders-dr", protect=True)),
    "all removed, one protected": Case(PAIR, NOTHING, marked("orders-dr", protect=True)),
    "read now": Case(
        FIRST, named(FIRST, ('Key("aside", "aside")', 'Key("aside", "aside", opts=pulumi.ResourceOptions(id="key-x"))'))
    ),
    "replaced on changes": Case(
        FIRST,
        named(
            FIRST,
            (
                'Key("aside", "aside")',
                'Key("aside", "aside", note="x", opts=pulumi.ResourceOptions(replace_on_changes=["note"]))',
            ),
        ),
    ),
    "source removed, mirror kept": Case(
        PAIR, 'MirrorVault("orders-dr", source=ExistingVault("v-1", "cn-hangzhou"), region_id="cn-shanghai")'
    ),
    "protected in state": Case(PAIR, 'Vault("other", region_id="cn-beijing")', marked("orders", protect=True)),
    "protected, replaced": Case(
        PAIR,
        named(PAIR, ('"cn-hangzhou")', '"cn-qingdao", opts=pulumi.ResourceOptions(protect=True))')),
        marked("orders", protect=True),
    ),
    "retained": Case(PAIR, NOTHING, marked("orders", retainOnDelete=True)),
    "with data": Case(PAIR, named(PAIR, ("cn-hangzhou", "cn-qingdao")), holding_data),
    "wrong": Case(PAIR, named(PAIR, ("cn-shanghai", "cn-hangzhou"))),
    "unknown": Case(
        PAIR,
        PAIR
        + 'more = Vault("more", region_id="cn-beijing", description=orders.id)\nVault("yet", region_id="cn-beijing", description=more.id.apply(lambda id: f"after {id}"))\npulumi.export("more", more.id)\n',
    ),
    "applied": Case(
        PAIR, PAIR + 'orders.id.apply(lambda id: Vault("inner", region_id="cn-beijing", description=id))\n'
    ),
    "secretly replaced, with data": Case(
        PAIR, named(PAIR, ('"cn-hangzhou"', 'pulumi.Output.secret("cn-chengdu")')), holding_data
    ),
    "talking": Case(
        PAIR,
        PAIR
        + 'print("hello")\npulumi.log.warn("beware")\npulumi.info("so") if hasattr(pulumi, "info") else pulumi.log.info("so")\n',
    ),
    "complaining": Case(PAIR, PAIR + 'pulumi.log.error("no")\n'),
    "failing": Case(PAIR, PAIR + "1 / 0\n"),
    "asynchronous": Case(
        PAIR,
        f"import asyncio\nasync def main():\n    await asyncio.sleep(0.01)\n    {PAIR.strip().replace(chr(10), chr(10) + '    ')}\nasyncio.ensure_future(main())\n",
    ),
    "a component": Case(NOTHING, INSIDE),
    "a component, unchanged": Case(INSIDE, INSIDE),
    "a component, renamed": Case(INSIDE, RENAMED_SITE),
    "a component, its inputs changed": Case(INSIDE, named(INSIDE, ('{"place": name}', '{"place": "elsewhere"}'))),
    "a component, gone": Case(INSIDE, PAIR),
    "out of the component": Case(
        INSIDE,
        'opts = pulumi.ResourceOptions(aliases=[pulumi.Alias(parent="urn:pulumi:dev::shop::shop:index:Site::north")])\nVault("north-orders", region_id="cn-hangzhou", opts=opts)\n',
    ),
    "neighbours": Case(NOTHING, FIRST),
    "neighbours, unchanged": Case(FIRST, FIRST),
    "neighbours, changed": Case(FIRST, CHANGED),
    "neighbours alone": Case(FIRST, named(FIRST, ('Key("aside", "aside")', 'Key("aside", "aside", note="new")'))),
    "replaced with another": Case(
        FIRST,
        named(FIRST, ('"key", "main"', '"key", "other"'), ("depends_on=[key], **more", "replace_with=[key], **more")),
    ),
    "replaced with another by the state": Case(
        PAIR + COMPANY,
        named(
            PAIR + COMPANY,
            ("cn-hangzhou", "cn-chengdu"),
            ('"cn-qingdao")', '"cn-qingdao", opts=pulumi.ResourceOptions(depends_on=orders))'),
        ),
        together,
    ),
    "replaced with another, registered before it": Case(
        PAIR + COMPANY,
        COMPANY + named(PAIR, ('"cn-hangzhou")', '"cn-chengdu", opts=pulumi.ResourceOptions(depends_on=other))')),
        together,
    ),
    "replaced with another, gone": Case(PAIR + COMPANY, named(PAIR, ("cn-hangzhou", "cn-chengdu")), together),
    "replaced with another, delete-first": Case(KEYS, named(KEYS, ('"root", "root"', '"root", "changed"'))),
    "replaced with another, read before": Case(
        KEYS, named(KEYS, ('"root", "root"', '"root", "changed"')), marked("other", external=True)
    ),
    "replaced with another, protected": Case(
        KEYS, named(KEYS, ('"root", "root"', '"root", "changed"')), marked("other", protect=True)
    ),
}


@dataclass
class Opened:
    """A stack with what a first program has made, and the state that every case starts from."""

    ground: Ground
    state: str
    is_marked: bool = False

    def put(self, mark: Mark) -> str:
        """Make the state what a case needs; return it as it is exported, secrets in clear."""
        if mark is nothing and not self.is_marked:
            return self.state
        document = json.loads(self.state)
        resources = (document["deployment"] or {}).get("resources", [])
        for resource in resources:
            mark(resource)
        if mark is together:  # each comes after what it is replaced with
            resources.sort(key=lambda one: (not one["type"].startswith("pulumi:"), not one["urn"].endswith("::orders")))
        file = self.ground.project.folder.parent / "marked.json"
        file.write_text(json.dumps(document))
        pulumi(self.ground, "import", "--file", str(file))
        self.is_marked = mark is not nothing
        return pulumi(self.ground, "export", "--show-secrets")


def pulumi(ground: Ground, *arguments: str) -> str:
    done = ground.project._pulumi("stack", *arguments, "--stack", ground.project.stack)
    assert done.returncode == 0, done.stdout
    return str(done.stdout)


@pytest.fixture(scope="module")
def stacks() -> Iterator[Callable[[str], Opened]]:
    """Give the stack of a first program, one for all cases that begin with it."""
    opened: dict[str, Opened] = {}
    with ExitStack() as exits:
        grounds = exits.enter_context(Grounds({"neighbours.py": NEIGHBOURS}))

        def stack_of(first: str) -> Opened:
            if first not in opened:
                ground = exits.enter_context(grounds.of(first))
                ground.project.config("cloudbackup:preflight", "off").ok()
                ground.project.config("shop:password", "hush-hush", "--secret").ok()
                opened[first] = Opened(ground, pulumi(ground, "export", "--show-secrets"))
            return opened[first]

        yield stack_of


@pytest.mark.parametrize("case", CASES)
def test_the_same(case: str, stacks: Callable[[str], Opened]) -> None:
    first, second, mark = CASES[case]
    opened = stacks(first)
    state, project = opened.put(mark), opened.ground.project.program(second)
    real = real_preview(project.folder, project.stack, project.env)
    offline = offline_preview(project.folder, project.stack, project.env, state, {"shop:password": "hush-hush"})
    if isinstance(real, Failure) or isinstance(offline, Failure):
        assert isinstance(real, Failure), real
        assert isinstance(offline, Failure), offline
        assert tell_the_same(real, offline), (real, offline)
    else:
        found = list(differences(real, offline))
        assert not found, "\n".join(found)


def test_an_encrypted_state(stacks: Callable[[str], Opened]) -> None:
    """What nobody can read is taken for unchanged where it is declared secret still, and is told to nobody."""
    opened = stacks(FIRST)
    opened.put(nothing)
    project = opened.ground.project.program(FIRST)
    encrypted = pulumi(opened.ground, "export")
    assert '"ciphertext"' in encrypted
    for state in (encrypted, opened.state):
        offline = offline_preview(project.folder, project.stack, project.env, state)
        assert isinstance(offline, StackPlan)
        assert not offline.has_work
        assert "quiet" not in plan_as_json(offline.plan) + offline.state


PROJECTS = {
    "first mirror": ("examples/01-first-mirror", "dev", None),
    "rejected": ("examples/02-rejected", "dev", None),
    "pull request": ("examples/03-pull-request", "dev", None),
    "policy pack": ("examples/04-policy-pack", "dev", None),
    "retail-dr in dev": ("stacks/retail-dr", "dev", None),
    "retail-dr in prod": ("stacks/retail-dr", "prod", None),
    "retail-dr in prod, deployed": ("stacks/retail-dr", "prod", "tests/prod.state.json"),
}


def test_every_project_is_compared() -> None:
    found = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("[es]*/*/Pulumi.yaml")}
    assert found == {folder for folder, _, _ in PROJECTS.values()}


@pytest.mark.parametrize("name", PROJECTS)
def test_projects(name: str, tmp_path: Path) -> None:
    """The examples and stacks of this repository, on workspaces as tests of teams have them."""
    folder, stack_name, file = PROJECTS[name]
    state = (ROOT / folder / file).read_text() if file is not None else None
    with mock.patch.dict(os.environ, environment(tmp_path / "home", None), clear=True):
        project = open_project(ROOT / folder)
        stack = choose_stack(project, stack_name, {})
        real = preview_real(project, stack, state)
        offline = preview_offline(project, stack, state, seconds=60)
    assert isinstance(real, StackPlan), real
    assert isinstance(offline, StackPlan), offline
    found = list(differences(real, offline))
    assert not found, "\n".join(found)
