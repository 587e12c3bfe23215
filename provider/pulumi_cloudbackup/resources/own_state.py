"""The stack's own old state, read by the program itself: what the last update left behind.

The engine answers the invoke ``readStackResourceOutputs`` for the program's own stack in a few milliseconds, in
previews and updates (reference/pulumi-engine.md 0.8). Resources that are only still to be deleted are not in the
answer, ids are not either (ours echo theirs as ``vault_id``), and secrets come in clear: nothing read here is ever
shown but ids and regions.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi
from pulumi.runtime import invoke_async
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

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


async def read_own_state() -> Mapping[str, OldResource] | None:
    """Return our resources of the stack's old state by URN; ``None``: nobody can tell."""
    if isinstance(get_monitor(), MockMonitor):
        return None
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            answer = await invoke_async(_TOKEN, {"stackName": stack})
        except Exception as error:  # noqa: BLE001, PERF203 - whatever it is, the program can be judged without its old state
            if _NOTHING_YET in str(error):
                return {}
            if _NO_BACKEND in str(error) or attempt == _ATTEMPTS:
                return None
            await asyncio.sleep(_PAUSE)
        else:
            return _ours(answer)
    raise AssertionError("unreachable: the last attempt returns")


def _ours(answer: Any) -> Mapping[str, OldResource] | None:
    outputs = answer.get("outputs") if isinstance(answer, dict) else None
    if not isinstance(outputs, dict):
        return None
    return {
        urn: OldResource(urn, from_engine(found.get("outputs") or {}))
        for urn, found in outputs.items()
        if isinstance(found, dict) and type_of(urn) in (VAULT_TYPE, MIRROR_TYPE)
    }
