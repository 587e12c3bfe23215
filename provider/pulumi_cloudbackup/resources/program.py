"""The whole program, judged before any vault of it is registered.

Pulumi's own check stops at the first invalid resource, in an order that varies, so the program judges itself: every
vault and mirror that it declares is held at a gate (one input of each awaits it) until the program's body has ended, or
until nothing but held registrations is outstanding for half a second (a body that awaits our own outputs). Then all
are judged together. With an error the gate fails with one text that tells every problem once, and no vault of ours is
registered. Resources that are declared later are judged when they come (reference/pulumi-engine.md 0.3, 0.8).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi
from pulumi.runtime.config import get_config
from pulumi.runtime.settings import get_root_resource

from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.resources.checking import ASKED_LIVE
from pulumi_cloudbackup.resources.judging import judge_declarations, report
from pulumi_cloudbackup.resources.refusal import Refusal, refusing
from pulumi_cloudbackup.resources.session import SETTINGS, Session
from pulumi_cloudbackup.resources.wire import from_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pulumi_cloudbackup.resources.judging import Judgement
    from pulumi_cloudbackup.rules import Problem

_QUIET: Final = 0.5
"""Seconds with nothing but held registrations outstanding after which a program's body is taken to await them."""
_PAUSE: Final = 0.02
_KEY: Final = "_cloudbackup_program"
_TURNS: Final = 20
"""Turns of the event loop in which an output without resource dependencies is resolved."""


@dataclass(frozen=True)
class Declaration:
    """One vault or mirror that the program declares."""

    kind: str
    """``Vault`` or ``MirrorVault``."""
    name: str
    """The resource name."""
    properties: Mapping[str, Any]
    """Its inputs; outputs among them as they are."""
    resource: object
    """The resource itself, to be told apart from others of its name."""
    option_values: Mapping[str, Any]
    """The options that bear on safety, as the user gave them."""
    parent_name: str | None = None
    """The name of the parent, where it is not the stack."""
    source: object | None = None
    """Mirrors: the declared resource, or what stands for a vault that this program does not declare."""


@dataclass(frozen=True)
class Declared:
    """A declaration whose inputs are resolved as far as they are known before anything is registered."""

    declaration: Declaration
    properties: Mapping[str, Any]
    """Plain values; what is not known yet, and what is secret, is UNKNOWN."""


class Program:
    """What one run of a program has declared, and its gate."""

    def __init__(self) -> None:
        """Start with nothing declared."""
        self._waiting: list[Declaration] = []
        self._judged: list[Declared] = []
        self._told: list[Problem] = []
        self._gate: asyncio.Future[None] | None = None

    def admit(self, declaration: Declaration, held: pulumi.Input[str]) -> pulumi.Output[str]:
        """Hold one input of a resource until all are judged; fails with the text of all problems."""
        loop = asyncio.get_running_loop()
        self._waiting.append(declaration)
        if self._gate is None or self._gate.done():
            self._gate = loop.create_future()
            loop.create_task(self._open(self._gate))  # noqa: RUF006 - the gate, which resources await, keeps it alive
        value = pulumi.Output.from_input(held)
        gate = self._gate

        async def admitted() -> str:
            await asyncio.shield(gate)
            text: Any = await value.future(with_unknowns=True)
            return str(text)

        known: asyncio.Future[bool] = loop.create_future()
        known.set_result(True)
        return pulumi.Output(set(), loop.create_task(admitted()), known)

    async def _open(self, gate: asyncio.Future[None]) -> None:
        """Wait for the moment, judge, and open the gate or let it fail; never leaves it shut."""
        try:
            await self._moment()
            text = await self._verdict()
        except Exception as error:  # noqa: BLE001 - a gate that stays shut would hang the program
            text = str(error) if isinstance(error, Refusal) else f"{error!r} while the program was judged."
        if text is None:
            gate.set_result(None)
        else:
            gate.set_exception(pulumi.RunError(text))

    async def _moment(self) -> None:
        """Wait until the program's body has ended or awaits what is held here."""
        quiet_since = time.monotonic()
        while not _body_has_ended():
            count = len(self._waiting)
            await asyncio.sleep(_PAUSE)
            if len(self._waiting) != count or _calls_in_flight():
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > _QUIET:
                return

    async def _verdict(self) -> str | None:
        """Judge everything declared so far."""
        while self._waiting:
            declarations, self._waiting = self._waiting, []
            self._judged += await _resolved(declarations)
            for _turn in range(_TURNS):  # what is declared inside apply comes a few turns later
                await asyncio.sleep(0)
        judgement = refusing(judge_declarations)(self._judged)
        if _watcher is not None:
            _watcher(judgement)
            return None
        for problem in judgement.warnings:
            if problem in self._told or (problem.code in ASKED_LIVE and _live_account_is_asked()):
                continue
            self._told.append(problem)
            pulumi.log.warn(problem.one_line)
        return report(judgement.errors) if judgement.errors else None


_watcher: Callable[[Judgement], None] | None = None


def observe(watcher: Callable[[Judgement], None] | None) -> None:
    """Hand every judgement of a program to a watcher, and let the program go on whatever it says.

    For callers that run a program to show its problems themselves. Each judgement covers all that is declared so far,
    so the last one counts; a program that declares nothing of ours is never judged.
    """
    global _watcher  # noqa: PLW0603 - one process runs one program
    _watcher = watcher


def program() -> Program | None:
    """Return the program that is running; ``None`` where there is no stack to belong to, as in plain unit tests."""
    root: Any = get_root_resource()
    if root is None:
        return None
    found = root.__dict__.get(_KEY)
    if not isinstance(found, Program):
        found = root.__dict__[_KEY] = Program()
    return found


async def _resolved(declarations: Sequence[Declaration]) -> list[Declared]:
    """Return plain values: what does not resolve by itself, and what is secret, is unknown here.

    All outputs are waited for together, and only outputs: a program of a thousand resources has few of them.
    """
    tasks: dict[tuple[int, str], asyncio.Future[Any]] = {}
    for position, declaration in enumerate(declarations):
        for key, value in declaration.properties.items():
            if value is not None and not _is_plain(value):
                tasks[position, key] = asyncio.ensure_future(_plain(pulumi.Output.from_input(value)))
    for _turn in range(_TURNS):
        if all(task.done() for task in tasks.values()):
            break
        await asyncio.sleep(0)
    resolved: list[Declared] = []
    for position, declaration in enumerate(declarations):
        properties = {key: value for key, value in declaration.properties.items() if value is not None}
        for key in properties:
            if (task := tasks.get((position, key))) is not None:
                properties[key] = task.result() if task.done() and not task.exception() else UNKNOWN
        resolved.append(Declared(declaration, properties))
    return resolved


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(item) for item in value.values())
    return isinstance(value, (str, bool, int, float))


async def _plain(output: pulumi.Output[Any]) -> Any:
    if await output.is_secret() or not await output.is_known():
        return UNKNOWN
    return from_engine(await output.future(with_unknowns=True))


def _live_account_is_asked() -> bool:
    """Whether ``check`` will ask the live account, so that its answer is told and not our doubt."""
    settings = {key: get_config(f"cloudbackup:{key}") or "" for key in SETTINGS}
    try:
        return Session(settings).asks_in_preview(None)
    except Refusal:
        return False


def _body_has_ended() -> bool:
    """Whether the program's body has run to its end: the stack's outputs are registered then (a private detail)."""
    return bool(getattr(get_root_resource(), "_outputs_registered", True))


def _calls_in_flight() -> bool:
    """Whether the engine is working on a call, other than registrations that still wait for their inputs.

    Looks at the frames of the SDK's own tasks (private details); what cannot be seen counts as waiting.
    """
    from pulumi.runtime.settings import _get_rpc_manager  # noqa: PLC0415 - private, so only where it is used

    for rpc in list(getattr(_get_rpc_manager(), "rpcs", ())):
        if not isinstance(rpc, asyncio.Task) or rpc.done():
            continue
        coroutine: Any = rpc.get_coro()
        if not getattr(coroutine, "__name__", "").startswith("do_register"):
            return True
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None and "resolver" in frame.f_locals:
            return True
    return False
