"""What a program is given from Pulumi.yaml, the stack's file and the command line."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cloudbackup.engine.configuration import STAND_IN, configuration_of
from pulumi_cloudbackup.engine.documents import DocumentError

SECURE = {"secure": "v1:abc"}


@pytest.mark.parametrize(
    ("declared", "stack", "given", "values"),
    [
        pytest.param(None, None, {}, {}, id="nothing"),
        pytest.param({"a": 1}, None, {}, {"shop:a": "1"}, id="short"),
        pytest.param({"aws:region": {"value": "x"}}, None, {}, {"aws:region": "x"}, id="value"),
        pytest.param({"a": {"type": "string", "default": "d"}}, None, {}, {"shop:a": "d"}, id="default"),
        pytest.param({"a": {"type": "string"}}, None, {}, {}, id="declared only"),
        pytest.param({"a": {"x": 1}}, None, {}, {"shop:a": '{"x":1}'}, id="no declaration but an object"),
        pytest.param({"a": 1}, {"shop:a": 2}, {}, {"shop:a": "2"}, id="the stack wins"),
        pytest.param({"a": 1}, {"a": 2}, {"a": "3"}, {"shop:a": "3"}, id="the command line wins"),
        pytest.param(None, {"a:b": [1]}, {}, {"a:b": "[1]"}, id="a list"),
    ],
)
def test_values(declared: Any, stack: Any, given: dict[str, str], values: dict[str, str]) -> None:
    """Later ones win; keys have a namespace."""
    assert configuration_of("shop", declared, stack, given).values == values


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(SECURE, STAND_IN, id="plain"),
        pytest.param({"user": "me", "password": SECURE}, f'{{"password":"{STAND_IN}","user":"me"}}', id="inside"),
        pytest.param([SECURE, "x"], f'["{STAND_IN}","x"]', id="in a list"),
    ],
)
def test_encrypted_values_are_stood_in_for(value: Any, shown: str) -> None:
    """They stay secrets, and are named."""
    found = configuration_of("shop", None, {"a": value, "b": "open"})
    assert found.values == {"shop:a": shown, "shop:b": "open"}
    assert found.secret_keys == {"shop:a"}
    assert found.stood_in == ("shop:a",)


def test_a_given_value_takes_the_place_of_a_stand_in() -> None:
    """It stays a secret."""
    found = configuration_of("shop", None, {"a": SECURE}, {"a": "real"})
    assert found.values == {"shop:a": "real"}
    assert (found.secret_keys, found.stood_in) == (frozenset({"shop:a"}), ())


def test_declared_secrets() -> None:
    """Pulumi.yaml can say that a key is a secret."""
    assert configuration_of("shop", {"a": {"default": "x", "secret": True}}, None).secret_keys == {"shop:a"}


@pytest.mark.parametrize("config", [[1], "x", {1: 2}])
def test_what_is_no_configuration(config: Any) -> None:
    """Keys with values are expected."""
    with pytest.raises(DocumentError, match="should hold keys with values"):
        configuration_of("shop", None, config)
