"""The stack's own old state: read, retried, or nobody can tell."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pulumi_cloudbackup.resources import own_state
from pulumi_cloudbackup.resources.own_state import read_own_state

VAULT = "urn:pulumi:dev::shop::acme:index:Team$pulumi-python:dynamic/cloudbackup:Vault::orders"
OTHER = "urn:pulumi:dev::shop::acme:index:Team::shop"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the engine answers, in turn; the last answer stays."""
    given: list[Any] = []

    async def invoke(token: str, arguments: dict[str, str]) -> Any:
        assert (token, arguments) == (
            "pulumi:pulumi:readStackResourceOutputs",
            {"stackName": "organization/project/stack"},
        )
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(own_state, "invoke_async", invoke)
    monkeypatch.setattr(own_state, "get_monitor", object)
    monkeypatch.setattr(own_state, "_PAUSE", 0.0)
    for name in ("organization", "project", "stack"):
        monkeypatch.setattr(f"pulumi.get_{name}", lambda name=name: name)
    return given


@pytest.fixture
def read() -> Any:
    return lambda: asyncio.run(read_own_state())


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
        (None, None),
        ({"outputs": {VAULT: "nonsense", OTHER: None}}, {}),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_nothing(answers: list[Any], read: Any, answer: Any, known: Any) -> None:
    """A stack that was never updated has nothing; otherwise nobody can tell."""
    answers.append(answer)
    assert read() == known
