"""The stack's own old state: read, retried, or nobody can tell."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from pulumi.runtime.proto import resource_pb2

from pulumi_cloudbackup.engine.values import to_struct
from pulumi_cloudbackup.resources import own_state
from pulumi_cloudbackup.resources.own_state import reading_own_state

VAULT = "urn:pulumi:dev::shop::acme:index:Team$pulumi-python:dynamic/cloudbackup:Vault::orders"
OTHER = "urn:pulumi:dev::shop::acme:index:Team::shop"


class Monitor:
    """The engine's side: answers in turn; the last answer stays."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.threads: list[int] = []

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        self.threads.append(threading.get_ident())
        assert request.tok == "pulumi:pulumi:readStackResourceOutputs"
        assert dict(request.args) == {"stackName": "organization/project/stack"}
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return resource_pb2.ResourceInvokeResponse(**{"return": to_struct(answer)})


@pytest.fixture
def answers() -> list[Any]:
    """What the engine answers."""
    return []


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> Monitor:
    found = Monitor(answers)
    monkeypatch.setattr(own_state, "get_monitor", lambda: found)
    monkeypatch.setattr(own_state, "_PAUSE", 0.0)
    for name in ("organization", "project", "stack"):
        monkeypatch.setattr(f"pulumi.get_{name}", lambda name=name: name)
    return found


@pytest.fixture
def read(monitor: Monitor) -> Any:
    async def reading() -> Any:
        return await reading_own_state()

    return lambda: asyncio.run(reading())


def test_the_engine_is_asked_while_the_program_still_declares(monitor: Monitor, answers: list[Any]) -> None:
    """The body of a program gives the loop no turn until its end."""
    answers.append({"outputs": {}})

    async def body() -> Any:
        reading = reading_own_state()
        for _look in range(500):
            if monitor.threads:
                break
            time.sleep(0.01)  # noqa: ASYNC251 - the body of a program does not yield either
        assert monitor.threads != [threading.get_ident()]
        assert len(monitor.threads) == 1
        return await reading

    assert asyncio.run(body()) == {}


def test_ours_are_found_below_components(answers: list[Any], read: Any) -> None:
    answers.append({"outputs": {VAULT: {"outputs": {"vault_id": "v-1", "holds_data": True}}, OTHER: {"outputs": {}}}})
    found = read()
    assert list(found) == [VAULT]
    old = found[VAULT]
    assert (old.vault_id, old.name, old.is_mirror, old.text("holds_data")) == ("v-1", "orders", False, "")


def test_a_failure_is_tried_again(answers: list[Any], read: Any) -> None:
    """A state that is just being written can be read a moment later."""
    answers += [ValueError("unexpected end of JSON input"), {"outputs": {}}]
    assert read() == {}


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (ValueError("failed to load checkpoint: EOF"), {}),
        (ValueError("no backend client is available"), None),
        (ValueError("something else"), None),
        ({"name": "x"}, None),
        ({"outputs": {VAULT: "nonsense", OTHER: None}}, {}),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_nothing(answers: list[Any], read: Any, answer: Any, known: Any) -> None:
    """A stack that was never updated has nothing; otherwise nobody can tell."""
    answers.append(answer)
    assert read() == known
