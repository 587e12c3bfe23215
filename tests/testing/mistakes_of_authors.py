"""Every test here is wrong in some way that a person gets wrong; what pytest says is compared by the tests."""
# mypy: ignore-errors

import asyncio
import pathlib
import threading

import pulumi

from pulumi_cloudbackup import MirrorVault, Vault
from pulumi_cloudbackup.policies import every_vault_is_mirrored, policy

LOCK = threading.Lock()


def good():
    print("a program may print")  # noqa: T201 - it may
    Vault("orders", region_id="cn-hangzhou")


def wrong():
    orders = Vault("orders", region_id="cn-hangzhou")
    MirrorVault("orders-dr", source=orders, region_id="cn-hangzhou")


def fails():
    Vault("orders", region_id="cn-hangzhou")
    {}["nothing"]


def asks():
    pulumi.Config().require("region")


def takes(argument):
    pass


def locked():
    with LOCK:
        pass


async def asynchronous():
    await asyncio.sleep(0)
    Vault("orders", region_id="cn-hangzhou")


@policy
def half_baked(proposal):
    """Nothing is half-baked."""
    for one in proposal.vaults:
        yield one.nme


@policy
def descriptions_are_short(proposal):
    """Descriptions are short."""
    for one in proposal.vaults:
        if one.description == "long":
            yield one.name


def described_later():
    orders = Vault("orders", region_id="cn-hangzhou")
    Vault("sales", region_id="cn-hangzhou", description=orders.id)


def test_prints(cloudbackup_preview):
    cloudbackup_preview(good).creates("orders")


def test_an_option(cloudbackup_preview):
    cloudbackup_preview(good, stak="dev")


def test_a_name(cloudbackup_preview):
    cloudbackup_preview(good).creates("order")


def test_an_action(cloudbackup_preview):
    cloudbackup_preview(good).deletes("orders")


def test_a_step(cloudbackup_preview):
    cloudbackup_preview(good).order("make orders", "create orders")


def test_an_order(cloudbackup_preview):
    cloudbackup_preview(wrong).order("create orders-dr", "create orders")


def test_problems(cloudbackup_preview):
    cloudbackup_preview(wrong).no_problems()


def test_another_problem(cloudbackup_preview):
    cloudbackup_preview(wrong).problem("CB202")


def test_a_code(cloudbackup_preview):
    cloudbackup_preview(wrong).problem("CB999")


def test_a_policy(cloudbackup_preview):
    cloudbackup_preview(good).complies(half_baked)


def test_nothing_breaks(cloudbackup_preview):
    cloudbackup_preview(good).breaks(every_vault_is_mirrored(except_for=["orders"]))


def test_something_else_breaks(cloudbackup_preview):
    cloudbackup_preview(good).breaks(every_vault_is_mirrored(), "sales")


def test_breaks_and_fails(cloudbackup_preview):
    cloudbackup_preview(good).breaks(half_baked)


def test_a_forgetful_policy(cloudbackup_preview):
    cloudbackup_preview(described_later).complies(descriptions_are_short.advisory())


def test_a_program_that_fails(cloudbackup_preview):
    cloudbackup_preview(fails)


def test_missing_configuration(cloudbackup_preview):
    cloudbackup_preview(asks)


def test_missing_stack(cloudbackup_preview):
    cloudbackup_preview("project")


def test_arguments(cloudbackup_preview):
    cloudbackup_preview(takes)


def test_what_cannot_be_taken_along(cloudbackup_preview):
    cloudbackup_preview(locked)


def test_asynchronous(cloudbackup_preview):
    cloudbackup_preview(asynchronous).creates("orders")


def test_no_state(cloudbackup_preview):
    cloudbackup_preview(good, state="nowhere.json")


def test_no_export(cloudbackup_preview):
    cloudbackup_preview(good, state={"resources": []})


def test_no_program(cloudbackup_preview):
    cloudbackup_preview(3)


def test_no_project(cloudbackup_preview):
    cloudbackup_preview(pathlib.Path("nowhere"))


def test_configuration_of_no_kind(cloudbackup_preview):
    cloudbackup_preview(good, config={"a": {1, 2}})


def test_a_lambda(cloudbackup_preview):
    cloudbackup_preview(lambda region: Vault("orders", region_id=region))


def test_a_state_of_no_kind(cloudbackup_preview):
    cloudbackup_preview(good, state=3)


def test_a_state_of_no_use(cloudbackup_preview):
    cloudbackup_preview(good, state={"version": {3}})


def no_such(region):
    return {"a": 1}[region]


def fails_in_an_apply():
    Vault("orders", region_id="cn-hangzhou", tags={"a": pulumi.Output.from_input("b").apply(no_such)})


def test_an_apply_that_fails(cloudbackup_preview):
    cloudbackup_preview(fails_in_an_apply)


def test_a_module_of_policies(cloudbackup_preview):
    import sys  # noqa: PLC0415 - line numbers of what is above are in the tests

    cloudbackup_preview(good).complies(sys.modules[__name__])


def test_a_module_without_policies(cloudbackup_preview):
    cloudbackup_preview(good).complies(asyncio)


def test_a_number_of_runs(cloudbackup_preview):
    cloudbackup_preview(good).stages("1")


def test_keys_that_are_no_texts(cloudbackup_preview):
    cloudbackup_preview(good, config={5: 5})


def test_a_fault_that_there_is_not(cloudbackup_emulator):
    cloudbackup_emulator.fault("CreateVault", "nofault")


def asks_a_provider():
    pulumi.runtime.invoke("aws:kms/getKey:getKey", {"keyId": "a"}).value["arn"]


def test_a_function_that_is_not_given(cloudbackup_preview):
    cloudbackup_preview(asks_a_provider)
