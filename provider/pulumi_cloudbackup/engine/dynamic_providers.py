"""Dynamic providers asked in this process: the same ``check`` and ``diff`` that their host process would run.

Follows the SDK's host (pulumi.dynamic, ``DynamicResourceProviderServicer``), which cannot be imported without starting
a server: a provider is unpickled once, is configured with the stack's configuration, and gets plain values without
secrets, with unknowns as the SDK's own. Nothing but ``check`` and ``diff`` is ever called.
"""

from __future__ import annotations

import base64
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import dill  # type: ignore[import-untyped] # no types exist; what the SDK pickles providers with
import pulumi
from pulumi.dynamic import Config, ConfigureRequest, ResourceProvider
from pulumi.runtime import rpc

from pulumi_cloudbackup.engine.values import Reference, Secret, inside, to_struct
from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.resources.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

PROVIDER_KEY: Final = "__provider"
"""The input that holds the pickled provider."""
DYNAMIC_PREFIX: Final = "pulumi-python:dynamic"
"""What the types of dynamic resources begin with."""


def knows_its_provider(properties: Mapping[str, Any]) -> bool:
    """Whether the pickled provider of a resource can be read."""
    return isinstance(_plain(properties.get(PROVIDER_KEY)), str)


class ProviderError(Exception):
    """A provider raised an exception; the message is what its host would tell the engine."""


class Failure(NamedTuple):
    """What ``check`` does not like."""

    property: str
    reason: str


@dataclass(frozen=True)
class Diff:
    """What ``diff`` says."""

    changes: bool | None
    """``None``: the provider leaves that to the engine."""
    replaces: tuple[str, ...] = ()
    delete_before_replace: bool = False


class DynamicProviders:
    """The providers of one program."""

    def __init__(self, configuration: Mapping[str, str], project: str) -> None:
        """Start with none; ``configuration``: of the stack, each key with its namespace."""
        self._configuration, self._project = dict(configuration), project
        self._lock = threading.Lock()
        self._known: dict[str, ResourceProvider] = {}

    def check(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Failure, ...]]:
        """Return complete inputs, and what is wrong with them; raise ProviderError."""
        result = self._ask(olds, news, lambda provider, before, after: provider.check(before, after))
        inputs = {key: plain for key, value in result.inputs.items() if (plain := _from_provider(value)) is not None}
        if PROVIDER_KEY in news:
            inputs[PROVIDER_KEY] = news[PROVIDER_KEY]
        failures = tuple(Failure(str(one.property or ""), str(one.reason)) for one in result.failures or ())
        return {key: _as_secret_as(news.get(key), value) for key, value in inputs.items()}, failures

    def diff(self, id_: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Diff:
        """Compare old outputs with new inputs; raise ProviderError."""
        result = self._ask(olds, news, lambda provider, before, after: provider.diff(id_, before, after))
        return Diff(result.changes, tuple(result.replaces or ()), bool(result.delete_before_replace))

    def _ask(self, olds: Mapping[str, Any], news: Mapping[str, Any], ask: Callable[..., Any]) -> Any:
        pickled = _plain(news.get(PROVIDER_KEY))
        if not isinstance(pickled, str):
            pickled = _plain(olds.get(PROVIDER_KEY))
        try:
            with self._lock:
                provider = self._provider(str(pickled))
            return ask(provider, _for_provider(olds), _for_provider(news))
        except Refusal as error:
            raise ProviderError(str(error)) from error
        except Exception as error:
            raise ProviderError(traceback.format_exc()) from error

    def _provider(self, pickled: str) -> ResourceProvider:
        if pickled not in self._known:
            provider: ResourceProvider = dill.loads(base64.b64decode(pickled))  # noqa: S301 - as the host does
            provider.configure(ConfigureRequest(Config(self._configuration, self._project)))
            self._known[pickled] = provider
        return self._known[pickled]


def _for_provider(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as the host hands them to a provider."""
    found: dict[str, Any] = rpc.deserialize_properties(to_struct(_plain(properties)), keep_unknowns=True)
    return found


def _plain(value: Any) -> Any:
    """Return a value without secrets, and with ids in the place of resources (acceptSecrets is false)."""
    match value:
        case Secret():
            return _plain(value.value)
        case Reference():
            return value.urn if value.id is None else value.id
        case _:
            return inside(_plain, value)


def _from_provider(value: Any) -> Any:
    """Return what a provider returned as plain values; what is ``None`` in an object is left out."""
    match value:
        case pulumi.output.Unknown():
            return UNKNOWN
        case Mapping():
            return {str(key): plain for key, item in value.items() if (plain := _from_provider(item)) is not None}
        case list() | tuple():
            return [_from_provider(item) for item in value]
        case bool() | str() | None:
            return value
        case int() | float():
            return float(value)
        case _:
            return str(value)


def _as_secret_as(given: Any, value: Any) -> Any:
    """Make a value secret where the one that was given is (plugin/provider_plugin.go, annotateSecrets)."""
    if isinstance(given, Secret):
        return value if isinstance(value, Secret) else Secret(value)
    if isinstance(given, Mapping) and isinstance(value, Mapping):
        return {key: _as_secret_as(given.get(key), item) for key, item in value.items()}
    if isinstance(given, list) and isinstance(value, list) and len(given) == len(value):
        return [_as_secret_as(one, item) for one, item in zip(given, value, strict=True)]
    return value
