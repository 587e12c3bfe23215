"""Functions as programs, as tests have them: wrapped, with arguments given, with annotations as texts."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from pulumi_cloudbackup import Vault
from pulumi_cloudbackup.testing import UsageError, preview

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "orders"


class Spec(dict[str, Any]):
    """What a component is made of."""


class Quoted(pulumi.ComponentResource):
    """A component whose annotation is a text twice over, as this file has annotations as texts anyway."""

    spec: "Spec"  # noqa: UP037 - what is tested

    def __init__(self, name: str) -> None:
        """Declare a vault."""
        super().__init__("shop:index:Quoted", name)
        self.spec = Spec()
        declare("cn-hangzhou")


def declare(region: str) -> None:
    Vault(NAME, region_id=region)


def in_hangzhou(function: Callable[[str], None]) -> Callable[[], None]:
    @functools.wraps(function)
    def wrapper() -> None:
        function("cn-hangzhou")

    return wrapper


def handing_on(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> None:
        function(*arguments, **named)

    return wrapper


def asking(function: Callable[[], None]) -> Callable[[str], None]:
    @functools.wraps(function)
    def wrapper(region: str) -> None:
        assert region
        function()

    return wrapper


@in_hangzhou
def decorated(region: str) -> None:
    declare(region)


@handing_on
def handed_on() -> None:
    declare("cn-hangzhou")


@asking
def asked() -> None:
    declare("cn-hangzhou")


def quoted() -> None:
    Quoted("shop")


@pytest.mark.parametrize(
    "program",
    [
        functools.partial(declare, "cn-hangzhou"),
        functools.partial(functools.partial(declare), region="cn-hangzhou"),
        functools.partial(decorated),
        decorated,
        handed_on,
        quoted,
    ],
)
def test_programs(program: Callable[[], None]) -> None:
    preview(program).creates("orders").nothing_else()


def test_a_wrapper_that_asks() -> None:
    """It is named as the function that a person has written, and is found there."""
    line = asked.__wrapped__.__code__.co_firstlineno  # type: ignore[attr-defined] # functools.wraps sets it
    with pytest.raises(UsageError, match=rf"^asked \(.*test_programs\.py:{line}\) cannot .* it asks for region\."):
        preview(asked)  # type: ignore[arg-type] # what is refused
