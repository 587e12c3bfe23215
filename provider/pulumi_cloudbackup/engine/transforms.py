"""Transforms: functions of the program that change resources as they are registered.

They run in the program, behind its callback server, and are called over its own protocol as the engine does.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from pulumi_cloudbackup.engine.values import from_value, to_struct, with_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Transformed:
    """A resource after a transform."""

    inputs: Mapping[str, Any]
    """Plain values."""
    property_dependencies: Mapping[str, frozenset[str]]
    """URNs by input."""
    options: resource_pb2.TransformResourceOptions


class Callbacks:
    """The program's callback servers, by address; to be closed in the end."""

    def __init__(self) -> None:
        """Start without a connection."""
        self._channels: dict[str, grpc.Channel] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def transform(
        self,
        callback: callback_pb2.Callback,
        request: resource_pb2.TransformRequest,
        inputs: Mapping[str, Any],
        dependencies: Mapping[str, frozenset[str]],
    ) -> Transformed:
        """Let a transform change a resource; ``request`` tells everything but its properties; may raise RpcError."""
        request.properties.CopyFrom(to_struct(with_outputs(inputs, dependencies)))
        call = callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString())
        answer = resource_pb2.TransformResponse.FromString(self._stub(callback.target).Invoke(call).response)
        properties = answer.properties if answer.HasField("properties") else request.properties
        changed: dict[str, Any] = {}
        by_property: dict[str, frozenset[str]] = {}
        for key, value in properties.fields.items():
            found: set[str] = set()
            changed[key] = from_value(value, found)
            by_property[key] = frozenset(found)
        return Transformed(changed, by_property, answer.options if answer.HasField("options") else request.options)

    def _stub(self, target: str) -> callback_pb2_grpc.CallbacksStub:
        with self._lock:
            if target not in self._channels:
                self._channels[target] = grpc.insecure_channel(target)
            return callback_pb2_grpc.CallbacksStub(self._channels[target])
