"""The stages of generated plans, carried out on the emulator in orders that the engine may choose.

The emulator is written from the API reference alone and refuses by itself what the service refuses: a second mirror ends
in ERROR, a mirrored source is not deleted, quotas hold. So a stage that is not safe shows here whatever the model thinks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import httpx
import pytest

from planning.aftermath import after_stage
from planning.brute_force import Orders, TooMany, judge
from planning.checking import errors_of, planned, run_of
from planning.generating import Case, case_of
from planning.service_model import Instance, Operation, Reading, World, world_of
from pulumi_cloudbackup.cloud import CloudError, Connection, NewVault, Patience, SdkCloudBackup
from pulumi_cloudbackup.cloud.port import NewMirror, VaultChanges
from pulumi_cloudbackup.emulator import Emulator, Settings
from pulumi_cloudbackup.planning import plan
from pulumi_cloudbackup.rules.order_rules import ORDER_CODES

CASES = int(os.environ.get("CLOUDBACKUP_PLANNING_STAGED", "60"))
"""How many staged plans are carried out."""


class Replay:
    """One case on the emulator: the model's ids and the service's."""

    def __init__(self, url: str) -> None:
        connection = Connection(endpoint=url, access_key_id="test", access_key_secret="test")
        self.cloud = SdkCloudBackup(connection, Patience(attempts=1))
        self.ids: dict[str, str] = {}
        self.regions: dict[str, str] = {}
        self.calls: list[str] = []

    def begin(self, world: World) -> None:
        for one in sorted(world.there.values(), key=lambda one: one.source):
            self.create(one)

    def create(self, one: Instance) -> None:
        if one.kind == "Vault":
            new = NewVault(one.region_id, one.id[:64], "", "STANDARD", "HBR_PRIVATE", None, worm_enabled=False)
            self.ids[one.id] = self.cloud.create_vault(new)
        else:
            source = self.regions[one.source]
            mirror = NewMirror(one.region_id, one.id[:64], "", source, self.ids[one.source], "HBR_PRIVATE", None, None)
            self.ids[one.id] = self.cloud.create_mirror(mirror)
        self.regions[one.id] = one.region_id
        live = self.cloud.get_vault(one.region_id, self.ids[one.id])
        assert live is not None, self.calls
        assert live.status == "CREATED", f"{one.id} is {live.status} {live.status_message}: {self.calls}"

    def do(self, operation: Operation) -> None:
        one = operation.instance
        if one is None or operation.does == "nothing":
            return
        self.calls.append(f"{operation.does} {one.id}")
        if operation.does == "create":
            self.create(one)
        elif operation.does == "delete":
            self.cloud.delete_vault(one.region_id, self.ids[one.id])
        else:
            self.cloud.update_vault(one.region_id, self.ids[one.id], VaultChanges(worm_enabled=True))


def is_staged(case: Case) -> bool:
    """Whether a plan has stages for a service that is as the emulator is by itself: one account, nothing unusual."""
    resources = (*case.current.vaults, *case.current.mirrors, *case.desired.vaults, *case.desired.mirrors)
    if any(one.account not in (None, case.current.account) or one.managed_by in ("other", "none") for one in resources):
        return False
    if any(one.status not in (None, "CREATED") for one in resources) or case.current.usage is not None:
        return False
    world = world_of(case.current, case.desired)
    if any(one.is_locked for one in world.there.values()) or any(
        one.source and one.source not in world.there for one in world.there.values()
    ):
        return False
    first = planned(case).plan
    return len(first.stages) > 1 and errors_of(first) <= ORDER_CODES


def some_order(reading: Reading, rng: Random) -> list[Operation]:
    """Return the operations of a run in an order that the engine may choose."""
    orders = Orders(reading, World())
    mask, found = 0, []
    while choices := list(orders.enabled(mask)):
        place = rng.choice(choices)
        mask |= 1 << place
        found.append(orders.operations[orders.steps[place].id])
    return found


@pytest.fixture(scope="module")
def staged_cases() -> list[tuple[int, Case]]:
    found: list[tuple[int, Case]] = []
    seed = 0
    while len(found) < CASES:
        case = case_of(seed)
        if is_staged(case):
            found.append((seed, case))
        seed += 1
    return found


def test_no_stage_is_refused(staged_cases: list[tuple[int, Case]]) -> None:
    """Whatever order is tried, every call of every stage succeeds."""
    carried_out = 0
    for seed, case, url in on_services(staged_cases):
        carried_out += carry_out(case, Replay(url), Random(seed))  # noqa: S311 - a seeded choice, no secret
    assert carried_out >= CASES * 0.9


def test_one_plain_run_is_often_refused(staged_cases: list[tuple[int, Case]]) -> None:
    """The same changes in one run, in an order that happens to come: what the stages are for."""
    refused = 0
    for seed, case, url in on_services(staged_cases):
        replay = Replay(url)
        replay.begin(world_of(case.current, case.desired))
        try:
            for operation in some_order(planned(case), Random(seed)):  # noqa: S311 - as above
                replay.do(operation)
        except (CloudError, AssertionError, KeyError):
            refused += 1
    assert refused >= CASES // 3


def on_services(cases: list[tuple[int, Case]]) -> Iterator[tuple[int, Case, str]]:
    """Give each case an empty service with its quotas."""
    by_limits: dict[tuple[tuple[str, int], ...], list[tuple[int, Case]]] = {}
    for seed, case in cases:
        limits = case.desired.limits or case.current.limits or {}
        by_limits.setdefault(tuple(sorted(limits.items())), []).append((seed, case))
    for limit, alike in sorted(by_limits.items()):
        told = dict(limit)
        settings = Settings(
            initializing_seconds=0.0,
            vaults_per_account=told.get("vaults", 100),
            mirrors_per_region=told.get("mirrors_per_region", 5),
        )
        with Emulator(settings) as emulator:
            for seed, case in alike:
                httpx.post(f"{emulator.url}/_emulator/reset", json={}).raise_for_status()
                yield seed, case, emulator.url


def carry_out(case: Case, replay: Replay, rng: Random) -> bool:
    """Carry the stages of a case out; False: there are too many orders to follow."""
    current, desired = case.current, case.desired
    world = world_of(current, desired)
    replay.begin(world)
    for number, stage in enumerate(planned(case).plan.stages, 1):
        run = run_of(stage)
        reading = Reading(current, desired, plan(current, desired, run=run), run, f"{number}")
        for operation in some_order(reading, rng):
            replay.do(operation)
        try:
            world = judge(reading, world).final
        except TooMany:
            return False
        current = after_stage(reading, world)
    return True
