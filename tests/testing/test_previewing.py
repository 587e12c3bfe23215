"""Previews without pytest's fixtures: what a program may ask of others, and what assertions hold."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from pulumi_cloudbackup import MirrorVault, Vault
from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.policies import kms_is_used
from pulumi_cloudbackup.testing import Preview, PreviewFailedError, UsageError, preview
from pulumi_cloudbackup.testing.previewing import Engine
from testing import teams

STATE = teams.HERE / "state.json"


def asking() -> None:
    answer = pulumi.runtime.invoke("acme:index:getPlace", {"near": "x"})
    region = (answer.value or {}).get("region") if answer is not None else None
    Vault("orders", region_id=region or "cn-hangzhou")


def endless() -> None:
    while True:
        pass


def pair() -> None:
    orders = Vault("orders", region_id="cn-hangzhou", tags={"env": "none"})
    MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")


def empty() -> None:
    """Declare nothing."""


def test_functions_of_providers() -> None:
    given = preview(asking, functions={"acme:index:getPlace": {"region": "cn-beijing"}})
    assert given.vault("orders").region_id == "cn-beijing"
    unknown = preview(asking)
    assert unknown.plan.notes == (
        "Not known offline, and not given: what these functions of providers return: acme:index:getPlace.",
    )


def test_another_stack() -> None:
    def program() -> None:
        network = pulumi.StackReference("organization/network/prod")
        Vault("orders", region_id=network.require_output("region"))
        pulumi.export("missing", network.get_output("nothing"))

    known = preview(program, stack_outputs={"organization/network/prod": {"region": "cn-beijing"}})
    assert known.vault("orders").region_id == "cn-beijing"
    assert preview(program).vault("orders").region_id is UNKNOWN


def test_encrypted_configuration(tmp_path: Path) -> None:
    """It is stood in for, and a program that cannot live with that is told why."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  shop:count:\n    secure: v1:abc\n")
    (tmp_path / "__main__.py").write_text("import pulumi\nint(pulumi.Config().require('count'))\n")
    with pytest.raises(
        PreviewFailedError, match="Encrypted configuration is stood in for; secrets= gives values: shop:count"
    ):
        preview(tmp_path)
    assert preview(tmp_path, secrets={"count": 3}).changes == ()


def test_a_program_without_end() -> None:
    with pytest.raises(PreviewFailedError, match="the program still runs after 3 s and was ended"):
        preview(endless, timeout=3.0)


@pytest.mark.parametrize("engine", ["offline", "real"])
@pytest.mark.parametrize(
    ("written", "says"),
    [
        (STATE.read_text().replace("::program::", "::other::"), 'The state is that of project "other"'),
        (STATE.read_text().replace("urn:pulumi:check::", "urn:pulumi:prod::"), 'The state is that of stack "prod"'),
        (STATE.read_text()[:-20], "The state is not JSON, or not all of it"),
        ('{"version": 3}', "This is no exported state: it has no deployment"),
        ("[1, 2]", "This is no exported state: an object with version and deployment is expected"),
        ("", "The state is empty"),
        ('{"version": 9, "deployment": {}}', "The state has version 9; this release reads 3 and 4"),
    ],
)
def test_states_of_no_use(written: str, says: str, engine: Engine, tmp_path: Path) -> None:
    """Both engines refuse them in the same words, and Pulumi is not asked."""
    file = tmp_path / "state.json"
    file.write_text(written)
    with pytest.raises(PreviewFailedError, match=re.escape(says)):
        preview(pair, engine=engine, state=file)


def test_engines() -> None:
    with pytest.raises(UsageError, match="There is no engine 'fast': it is offline or real"):
        preview(pair, engine="fast")  # type: ignore[arg-type] # what is refused


def test_what_is_not_known_is_not_kept() -> None:
    """Unless somebody says that it is fine, or the policy only warns."""

    def program() -> None:
        first = Vault("first", region_id="cn-hangzhou")
        Vault("second", region_id="cn-hangzhou", encrypt_type=first.id.apply(lambda _: "KMS"), kms_key_id="k")

    p = preview(program)
    kms = kms_is_used(except_for=["first"])
    with pytest.raises(AssertionError, match=r"Not yet known: kms-is-used for second \(encrypt_type\)"):
        p.complies(kms)
    p.complies(kms, allow_unknown=True).complies(kms.advisory())


@pytest.mark.parametrize(
    "asked",
    [
        {"stack": "prdo"},
        {"stack": 5},
        {"timeout": "x"},
        {"functions": {"a:b:c": 3}},
        {"stack_outputs": {"a/b/c": {"x": {1}}}},
    ],
)
def test_options_of_no_use(asked: dict[str, Any], tmp_path: Path) -> None:
    project = teams.lay_out(tmp_path / "team") / "project"
    with pytest.raises(UsageError):
        preview(project, **asked)


def test_an_encrypted_state() -> None:
    """What nobody could compare is said."""
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    state = json.loads(STATE.read_text())
    for one in state["deployment"]["resources"]:
        if one["urn"].endswith("::orders"):
            one["inputs"]["description"] = one["outputs"]["description"] = secret

    def program() -> None:
        orders = Vault(
            "orders", region_id="cn-hangzhou", tags={"env": "none"}, description=pulumi.Output.secret("other")
        )
        MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")

    (note,) = preview(program, state=state).plan.notes
    assert note.startswith("Not compared, because the state holds them encrypted: orders (description).")


@pytest.fixture(scope="module")
def same() -> Preview:
    return preview(pair, state=STATE)


@pytest.fixture(scope="module")
def moved() -> Preview:
    def program() -> None:
        orders = Vault("orders", region_id="cn-hangzhou", tags={"env": "none"}, description="new")
        MirrorVault("orders-dr", source=orders, region_id="cn-beijing")
        Vault("more", region_id="cn-hangzhou")

    return preview(program, state=STATE)


def test_assertions_hold(same: Preview, moved: Preview) -> None:
    same.no_changes().no_problems(allow_warnings=True).no_data_loss().stages(1).nothing_else()
    moved.updates("orders").replaces("orders-dr").creates("more").nothing_else()
    moved.order("delete orders-dr", "create orders-dr").problem("CB405", says="no complete mirror vault").no_data_loss()
    moved.replaces("urn:pulumi:check::program::pulumi-python:dynamic/cloudbackup:MirrorVault::orders-dr")
    assert repr(moved).startswith("<Preview (offline)>\n")
    assert {one.severity for one in same.diagnostics} <= {"info", "warning"}


def test_chains_know_nothing_of_each_other(moved: Preview) -> None:
    """What one test has asserted of a preview is no excuse in another."""
    moved.creates("more").updates("orders").replaces("orders-dr").nothing_else()
    with pytest.raises(AssertionError, match="There is 1 other change:"):
        moved.creates("more").updates("orders").nothing_else()
    with pytest.raises(AssertionError, match="There are 3 changes:"):
        moved.nothing_else()


def test_what_an_earlier_update_left_to_be_deleted(tmp_path: Path) -> None:
    """It has the name and the URN of its successor, and hides nothing that happens to that one; nor that one, it."""
    state = json.loads(STATE.read_text())
    resources = state["deployment"]["resources"]
    (orders,) = (one for one in resources if one["urn"].endswith(":Vault::orders"))
    resources.append({**orders, "id": "v-left", "delete": True})
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state))
    p = preview(pair, state=file)
    p.deletes("orders").nothing_else()
    with pytest.raises(AssertionError, match='There is 1 change: "orders" is deleted.'):
        p.nothing_else()
    with pytest.raises(AssertionError, match='"orders" is not replaced: it is left as it is.'):
        p.replaces("orders")
    with pytest.raises(AssertionError, match='deletes what an earlier one left of vault "orders"'):
        p.no_data_loss()
    with pytest.raises(AssertionError, match='The update deletes vault "orders", which may hold'):
        preview(empty, state=file).no_data_loss()


def test_a_problem_says_it_of_its_own_resource() -> None:
    def program() -> None:
        for name in ("a", "b"):
            source = Vault(name, region_id="cn-hangzhou")
            MirrorVault(f"{name}-dr", source=source, region_id="cn-hangzhou")

    p = preview(program).problem("CB201", "a-dr", "b-dr").problem("CB201", "b-dr", says='"b-dr"')
    with pytest.raises(AssertionError, match="CB201 does not say"):
        p.problem("CB201", "a-dr", says='"b-dr"')


async def slowly() -> None:
    await asyncio.sleep(1.0)
    Vault("late", region_id="cn-hangzhou")


def test_an_asynchronous_function_is_waited_for() -> None:
    preview(slowly).creates("late").nothing_else()


def test_what_the_state_knows_of_other_stacks() -> None:
    """As of the last update; what is given wins."""
    reference = {
        "urn": "urn:pulumi:check::program::pulumi:pulumi:StackReference::organization/network/prod",
        "type": "pulumi:pulumi:StackReference",
        "custom": True,
        "external": True,
        "outputs": {"name": "organization/network/prod", "outputs": {"region": "cn-beijing"}},
    }
    state = json.loads(STATE.read_text())
    state["deployment"]["resources"].append(reference)

    def program() -> None:
        network = pulumi.StackReference("organization/network/prod")
        Vault("orders", region_id=network.require_output("region"))

    assert preview(program, state=state).vault("orders").region_id == "cn-beijing"
    given = {"organization/network/prod": {"region": "cn-qingdao"}}
    assert preview(program, state=state, stack_outputs=given).vault("orders").region_id == "cn-qingdao"


@pytest.mark.parametrize(
    ("asserts", "says"),
    [
        (lambda p: p.creates("more").no_changes(), "There are 3 changes:"),
        (lambda p: p.creates("more").nothing_else(), "There are 2 other changes:"),
        (lambda p: p.creates("orders"), '"orders" is not created: it is updated.'),
        (lambda p: p.deletes("orders-dr"), '"orders-dr" is not deleted: it is replaced.'),
        (lambda p: p.updates("nobody"), 'There is no resource "nobody". There are "more", "orders", "orders-dr".'),
        (lambda p: p.order("create more", "update orders"), 'In some order "create more" does not come before'),
        (lambda p: p.order("create orders", "update orders"), 'There is no step "create orders"; the steps are'),
        (lambda p: p.stages(2), "It does not take 2 runs: it takes 1 run."),
        (lambda p: p.no_problems(), "There is 1 problem:"),
        (lambda p: p.problem("CB405", "more"), 'CB405 is not about "more", but about "orders", "orders-dr"'),
        (lambda p: p.problem("CB405", says="xyz"), "CB405 does not say 'xyz'"),
        (lambda p: p.problem("CB401"), "There is no problem CB401; there is 1 other:"),
        (lambda p: p.vault("orders-dr"), 'The program declares no vault "orders-dr". Is "orders" meant?'),
        (lambda p: p.mirror("orders"), 'The program declares no mirror vault "orders". Is "orders-dr" meant?'),
        (lambda p: p.output("id"), 'The stack has no output "id".'),
    ],
)
def test_assertions_fail(asserts: object, says: str, moved: Preview) -> None:
    """In a sentence, with the plan below it."""
    assert callable(asserts)
    with pytest.raises(AssertionError) as raised:
        asserts(moved)
    assert says in str(raised.value)
    assert str(raised.value).endswith(moved.text)


@pytest.mark.parametrize(
    ("code", "hint"), [("CB999", ""), ("CB000", ""), ("cb201", ' Is "CB201" meant?'), ("CB2001", ' Is "CB201" meant?')]
)
def test_codes_of_no_rule(code: str, hint: str, moved: Preview) -> None:
    """A code that is as near to many is near to none."""
    with pytest.raises(UsageError, match=rf"^{re.escape(f'There is no rule {code}.{hint}')}$"):
        moved.problem(code)


@pytest.mark.parametrize(
    "asserts",
    [
        lambda p: p.creates(),
        lambda p: p.problem("CB000"),
        lambda p: p.problem("tags-are-given"),
        lambda p: p.order("x", "y"),
        lambda p: p.order("create more"),
        lambda p: p.complies(),
        lambda p: p.complies("kms-is-used"),
        lambda p: p.complies(kms_is_used),
    ],
)
def test_what_nobody_can_mean(asserts: object, moved: Preview) -> None:
    assert callable(asserts)
    with pytest.raises(UsageError):
        asserts(moved)
