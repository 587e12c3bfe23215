"""The stack's own old state, read by the program itself: what the last update left behind.

The engine answers the invoke ``readStackResourceOutputs`` for the program's own stack in a few milliseconds, in
previews and updates (reference/pulumi-engine.md 0.8). Resources that are only still to be deleted are not in the
answer, ids are not either (ours echo theirs as ``vault_id``), and secrets come in clear: nothing read here is ever
shown but ids and regions.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi
from google.protobuf import struct_pb2  # type: ignore[import-untyped] # typed only by a package of its own
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.rpc import deserialize_properties_unwrap_secrets
from pulumi.runtime.settings import get_monitor

from pulumi_cloudbackup.resources.threads import in_thread
from pulumi_cloudbackup.resources.wire import from_engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.resources.wire import Properties

VAULT_TYPE: Final = "pulumi-python:dynamic/cloudbackup:Vault"
MIRROR_TYPE: Final = "pulumi-python:dynamic/cloudbackup:MirrorVault"
_TOKEN: Final = "pulumi:pulumi:readStackResourceOutputs"  # noqa: S105 - the name of a function, no secret
_ATTEMPTS: Final = 3
_PAUSE: Final = 0.1
_NOTHING_YET: Final = "failed to load checkpoint: EOF"
"""What some backends answer for a stack that was never updated."""
_NO_BACKEND: Final = "no backend client is available"
"""What is answered where there is no state at all, as in a program that is only judged."""


@dataclass(frozen=True)
class OldResource:
    """One vault or mirror as the last update left it."""

    urn: str
    outputs: Properties
    """Its outputs, our inputs among them."""

    @property
    def is_mirror(self) -> bool:
        """Whether it is a mirror."""
        return type_of(self.urn) == MIRROR_TYPE

    @property
    def name(self) -> str:
        """The resource name."""
        return self.urn.split("::", 3)[3]

    @property
    def vault_id(self) -> str:
        """The id of its vault; empty where it never had one."""
        found = self.outputs.get("vault_id")
        return found if isinstance(found, str) else ""

    def text(self, key: str) -> str:
        """Return an output that is a text; empty where it is none."""
        found = self.outputs.get(key)
        return found if isinstance(found, str) else ""


def type_of(urn: str) -> str:
    """Return the resource type that a URN names, without those of its parents."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def reading_own_state() -> asyncio.Future[Mapping[str, OldResource] | None]:
    """Begin to read our resources of the stack's old state, by URN; ``None``: nobody can tell.

    In a thread, which the engine answers while the program still declares: tasks of the loop have no turn until then.
    """
    monitor: Any = get_monitor()
    if monitor is None or isinstance(monitor, MockMonitor):
        return _nobody_can_tell()
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    arguments = struct_pb2.Struct()
    arguments.update({"stackName": stack})
    request = resource_pb2.ResourceInvokeRequest(tok=_TOKEN, args=arguments)
    return in_thread(lambda: _read(monitor, request))


def _nobody_can_tell() -> asyncio.Future[Mapping[str, OldResource] | None]:
    told: asyncio.Future[Mapping[str, OldResource] | None] = asyncio.get_running_loop().create_future()
    told.set_result(None)
    return told


def _read(monitor: Any, request: Any) -> Mapping[str, OldResource] | None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _ours(getattr(monitor.Invoke(request), "return"))
        except Exception as error:  # noqa: BLE001, PERF203 - whatever it is, the program can be judged without its old state
            if _NOTHING_YET in str(error):
                return {}
            if _NO_BACKEND in str(error) or attempt == _ATTEMPTS:
                return None
            time.sleep(_PAUSE)
    raise AssertionError("unreachable: the last attempt returns")


def _ours(answer: Any) -> Mapping[str, OldResource] | None:
    """Return what is ours in an answer; what is not is not even looked at."""
    outputs = answer.fields["outputs"]
    if not outputs.HasField("struct_value"):
        return None
    found = {}
    for urn, resource in outputs.struct_value.fields.items():
        if resource.HasField("struct_value") and type_of(urn) in (VAULT_TYPE, MIRROR_TYPE):
            told = resource.struct_value.fields["outputs"].struct_value
            values, _is_secret = deserialize_properties_unwrap_secrets(told, keep_unknowns=True)
            found[urn] = OldResource(urn, from_engine(values))
    return found
