"""How long is waited for what may come by itself: on a busy machine as many turns as on an idle one."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pulumi.runtime.settings
import pytest

from pulumi_cloudbackup.resources import stillness
from pulumi_cloudbackup.resources.stillness import Watch, in_flight, still


@pytest.fixture
def rpcs(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Task[Any]]:
    """The calls to the engine that the SDK has under way."""
    found: list[asyncio.Task[Any]] = []
    monkeypatch.setattr(pulumi.runtime.settings, "_get_rpc_manager", lambda: SimpleNamespace(rpcs=found))
    monkeypatch.setattr(stillness, "is_dry_run", lambda: True)
    return found


async def do_register(inputs: asyncio.Event, answer: asyncio.Event) -> None:
    """A registration as the SDK makes it: with its inputs it has a resolver."""
    await inputs.wait()
    resolver = object()
    await answer.wait()
    del resolver


async def do_invoke(seconds: float) -> None:
    await asyncio.sleep(seconds)


def nothing() -> bool:
    return False


def test_what_is_in_flight(rpcs: list[asyncio.Task[Any]]) -> None:
    async def look() -> None:
        inputs, answer = asyncio.Event(), asyncio.Event()
        held = asyncio.create_task(do_register(inputs, answer))
        call = asyncio.create_task(do_invoke(10))
        rpcs[:] = [held, call]
        await asyncio.sleep(0)
        assert in_flight() == {call: "call"}
        inputs.set()
        for _turn in range(3):
            await asyncio.sleep(0)
        assert in_flight() == {call: "call", held: "registration"}
        answer.set()
        await held
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert in_flight() == {}

    asyncio.run(look())


def test_a_busy_machine_gets_as_many_turns(rpcs: list[asyncio.Task[Any]]) -> None:
    """A value that needs some turns of the loop comes, however long each turn takes."""

    async def wait() -> bool:
        async def value() -> str:
            for _turn in range(6):
                await asyncio.sleep(0.001)
                time.sleep(0.06)  # noqa: ASYNC251 - another process has the processor
            return "there"

        task = asyncio.create_task(value())
        await still(task.done, 10)
        return task.done()

    assert asyncio.run(wait())


def test_what_never_comes_is_not_waited_for(rpcs: list[asyncio.Task[Any]]) -> None:
    start = time.monotonic()
    asyncio.run(still(nothing, 10))
    assert time.monotonic() - start > 10 * 0.02


def test_nothing_in_flight_is_enough_for_who_asks_for_no_look(rpcs: list[asyncio.Task[Any]]) -> None:
    async def wait() -> Watch:
        watch = Watch()
        assert watch.is_over(0)
        assert not watch.is_over(1)
        return watch

    asyncio.run(wait())


def test_registrations_that_come_and_go_are_waited_for(
    rpcs: list[asyncio.Task[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than one alone would be: each one that ends shows that the engine is at work."""
    monkeypatch.setattr(stillness, "_STUCK", {True: 0.3, False: 0.3})

    async def wait(number: int, seconds: float) -> int:
        given = asyncio.Event()
        given.set()
        answers = [asyncio.Event() for _ in range(number)]
        rpcs[:] = [asyncio.create_task(do_register(given, answer)) for answer in answers]
        await asyncio.sleep(0)

        async def engine() -> None:
            for answer in answers:
                await asyncio.sleep(seconds)
                answer.set()

        at_work = asyncio.create_task(engine())
        await still(nothing, 0)
        done = sum(task.done() for task in rpcs)
        for task in (at_work, *rpcs):
            task.cancel()
        await asyncio.gather(at_work, *rpcs, return_exceptions=True)
        return done

    assert asyncio.run(wait(6, 0.1)) == 6
    assert asyncio.run(wait(2, 1.0)) == 0


@pytest.mark.parametrize(("is_preview", "done"), [(True, True), (False, False)])
def test_an_update_waits_less(
    is_preview: bool, done: bool, rpcs: list[asyncio.Task[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There creating may take long, and what is not known is checked by the providers."""
    monkeypatch.setattr(stillness, "_STUCK", {True: 5.0, False: 0.1})
    monkeypatch.setattr(stillness, "is_dry_run", lambda: is_preview)

    async def wait() -> bool:
        given, answer = asyncio.Event(), asyncio.Event()
        given.set()
        task = asyncio.create_task(do_register(given, answer))
        rpcs.append(task)
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.5, answer.set)
        await still(nothing, 0)
        is_done = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return is_done

    assert asyncio.run(wait()) is done


def test_a_movement_begins_the_count_anew(rpcs: list[asyncio.Task[Any]]) -> None:
    async def looks() -> list[int]:
        watch, found = Watch(), []
        for has_moved in (nothing, nothing, lambda: True, nothing):
            await watch.look(has_moved)
            found.append(watch.looks)
        return found

    assert asyncio.run(looks()) == [1, 2, 0, 1]
