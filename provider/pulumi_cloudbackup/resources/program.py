"""The whole program, judged before any vault of it is registered.

Pulumi's own check stops at the first invalid resource, in an order that varies, so the program judges itself: every
vault and mirror that it declares is held at a gate (one input of each awaits it) until the program's body has ended, or
until nothing but held registrations has been outstanding for 25 looks, half a second or more: a body that awaits our
own outputs. Then all are judged together. With an error the gate fails with one text that tells every problem once, and
no vault of ours is registered. Resources that are declared later are judged when they come
(reference/pulumi-engine.md 0.3, 0.8).

Beside the declarations it sees the stack's old state and, where the account may be asked, the live account, listed once
per region. A resource that was judged with both says so to its own ``check``, which then does not ask again.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import pulumi
from pulumi.runtime import is_dry_run
from pulumi.runtime.config import get_config
from pulumi.runtime.settings import get_root_resource

from pulumi_cloudbackup.cloud import Patience, SdkCloudBackup
from pulumi_cloudbackup.resources.account import LiveAccount, ask
from pulumi_cloudbackup.resources.checking import ASKED_LIVE
from pulumi_cloudbackup.resources.fates import Evidence
from pulumi_cloudbackup.resources.holding import held_owners, is_stage
from pulumi_cloudbackup.resources.judging import Judgement, judge_declarations, report
from pulumi_cloudbackup.resources.observing import observed_to, write
from pulumi_cloudbackup.resources.own_state import OldResource, reading_own_state
from pulumi_cloudbackup.resources.questions import questions_for
from pulumi_cloudbackup.resources.refusal import Refusal, refusing
from pulumi_cloudbackup.resources.resolving import Declaration, Declared, resolved
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.settings import NAMESPACE, SETTINGS, misspelt
from pulumi_cloudbackup.resources.stillness import TURNS, Watch, still
from pulumi_cloudbackup.resources.threads import in_thread
from pulumi_cloudbackup.resources.wire import Note, with_note

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pulumi_cloudbackup.cloud import CloudBackup, Connection
    from pulumi_cloudbackup.rules import Problem

T = TypeVar("T")

_LOOKS: Final = 25
"""Looks that find nothing but held registrations outstanding, after which a program's body is taken to await them."""
_PATIENCE: Final = 20.0
"""Seconds that a mirror waits for the registration of a source that it moves away from."""
_LOOK: Final = 0.02
"""Seconds between two looks at the end of a program."""
_END_PATIENCE: Final = 30.0
"""Seconds that a program which declares nothing of ours is given to declare something late."""
_KEY: Final = "_cloudbackup_program"
_LANGUAGE_HOST: Final = "pulumi-language-python-exec"


class Program:
    """What one run of a program has declared, and its gate."""

    def __init__(self) -> None:
        """Start with nothing declared."""
        self._waiting: list[Declaration] = []
        self._judged: list[Declared] = []
        self._told: set[str] = set()
        self._gate: asyncio.Future[None] | None = None
        self._old: asyncio.Future[Mapping[str, OldResource] | None] | None = None
        self._settings = {key: str(get_config(f"{NAMESPACE}:{key}") or "") for key in SETTINGS}
        self._session = Session(self._settings, connect=_patient_enough)
        self._asks = _is_under_the_language_host()
        self._notes: dict[int, Note] = {}
        self._before: Mapping[int, object] = {}
        self._has_opened = False
        self._ended_by: BaseException | None = None
        _watch_the_end(self._note_the_end)

    def admit(self, declaration: Declaration, held: pulumi.Input[str]) -> pulumi.Output[str]:
        """Hold one input of a resource until all are judged; fails with the text of all problems."""
        loop = asyncio.get_running_loop()
        self._waiting.append(declaration)
        if self._old is None:
            self._old = reading_own_state()
        if self._gate is None or self._gate.done():
            self._gate = loop.create_future()
            loop.create_task(self._open(self._gate))  # noqa: RUF006 - the gate, which resources await, keeps it alive
        value: Any = held if isinstance(held, str) else pulumi.Output.from_input(cast("pulumi.Output[str]", held))
        gate = self._gate

        async def admitted() -> str:
            await asyncio.shield(gate)
            await _registered(self._before.get(id(declaration)))
            text: Any = value if isinstance(value, str) else await value.future(with_unknowns=True)
            return with_note(str(text), self._notes.get(id(declaration), Note()))

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
        if self._ended_by is not None and _watcher is None:
            text = "\n".join(filter(None, (_in_users_frames(self._ended_by), text)))
        if text is not None:
            gate.set_exception(pulumi.RunError(text))
        else:
            gate.set_result(None)

    def _note_the_end(self, error: BaseException | None) -> None:
        """Note what ended the program's body before its end: half a program is not what was meant to be registered."""
        self._ended_by = error
        if error is None and self._gate is None and _watcher is None and observed_to() is None:
            self._judge_what_goes()

    def _judge_what_goes(self) -> None:
        """Judge a program that declares nothing of ours: whatever its stack has goes.

        The program ends only when the output made here is there, and fails with it (nothing holds a resource back).
        """
        loop = asyncio.get_running_loop()
        self._old = reading_own_state()
        runner, known = asyncio.current_task(), loop.create_future()
        known.set_result(True)

        async def judged() -> None:
            old = await self._old if self._old is not None else None
            if not old or not await _is_alone(own) or self._gate is not None:
                return  # declared after all, and so judged, or still to come: then the provider's delete has to do
            text = await self._verdict()
            if text is not None:
                raise pulumi.RunError(text)

        before = asyncio.all_tasks()
        pulumi.Output(set(), loop.create_task(judged()), known)
        own = (asyncio.all_tasks() - before) | {runner}

    async def _moment(self) -> None:
        """Wait until the program's body has ended or awaits what is held here."""
        watch, count = Watch(), len(self._waiting)

        def has_declared() -> bool:
            nonlocal count
            before, count = count, len(self._waiting)
            return before != count

        while not _body_has_ended() and watch.looks < _LOOKS:
            await watch.look(has_declared)

    async def _verdict(self) -> str | None:
        """Judge everything declared so far; return the text of all errors."""
        new: list[Declared] = []
        while True:
            await still(lambda: False, 0)  # what is under way may bring more declarations
            while self._waiting:
                declarations, self._waiting = self._waiting, []
                new += await resolved(declarations)
                for _turn in range(TURNS):  # what is declared inside apply comes a few turns later
                    await asyncio.sleep(0)
            old = await self._old if self._old is not None else None
            live = await self._ask_live([*self._judged, *new], old)
            if not self._waiting:
                break
        self._judged += new
        evidence = Evidence(
            old,
            live,
            f"{pulumi.get_project()}/{pulumi.get_stack()}/",
            int(time.time()),
            dt.datetime.now(dt.timezone.utc).date().isoformat(),
            self._session.judging,
            tuple(misspelt(_configured())),
            held_owners(),
            is_stage(),
            _body_has_ended(),
            observed_to() is not None,
        )
        judgement = refusing(judge_declarations)(self._judged, evidence)
        observer = observed_to()
        if observer is not None:
            write(observer, judgement, self._settings)
        if _watcher is not None:
            _watcher(judgement)
        elif observer is None and (refused := self._refused(judgement, live)) is not None:
            return refused
        self._before = judgement.after_old_source if evidence.is_stage else {}
        self._notes |= {id(one.declaration): self._note(one, judgement, live, old) for one in new}
        self._has_opened = True
        return None

    def _refused(self, judgement: Judgement, live: Mapping[str | None, LiveAccount]) -> str | None:
        """Tell a judgement, and return what stops the program; ``None``: nothing does."""
        self._tell(judgement, live)
        if judgement.errors and self._session.judging.enforce:
            return report(judgement, is_first=not self._has_opened)
        for problem in judgement.errors:
            self._once(pulumi.log.warn, f"not enforced: {problem.one_line}")
        return None

    def _note(
        self,
        one: Declared,
        judgement: Judgement,
        live: Mapping[str | None, LiveAccount],
        old: Mapping[str, OldResource] | None,
    ) -> Note:
        """Return what ``check`` has to know of what was said here."""
        account = one.properties.get("account")
        answer = live.get(account if isinstance(account, str) else None)
        waits = not one.is_known or one.declaration in judgement.open_declarations
        stays_parked = one.declaration in judgement.stay_parked
        if not self._asks or (answer is not None and waits):
            told = (
                problem.code
                for problem in judgement.warnings
                if not self._leaves_to_the_host(problem)
                and any(subject.rpartition("/")[2] == one.declaration.name for subject in problem.subjects)
            )
            return Note(told=tuple(sorted(set(told))), secret=one.secret, stays_parked=stays_parked)
        return Note(
            judged=True,
            live=answer is not None and not answer.failures and old is not None,
            stays_parked=stays_parked,
        )

    async def _ask_live(
        self, declared: Sequence[Declared], old: Mapping[str, OldResource] | None
    ) -> Mapping[str | None, LiveAccount]:
        """Ask the live account about everything declared; nothing where it may not be asked."""
        if not self._asks or _watcher is not None:
            return {}
        asked = refusing(questions_for)(self._session, declared, old)
        return await in_thread(lambda: refusing(ask)(self._session, asked)) if asked else {}

    def _tell(self, judgement: Judgement, live: Mapping[str | None, LiveAccount]) -> None:
        """Tell warnings, what was waived, and whether the live account was seen; each thing once."""
        for problem in judgement.warnings:
            if not self._leaves_to_the_host(problem):
                self._once(pulumi.log.warn, problem.one_line)
        for problem in judgement.waived:
            self._once(pulumi.log.info, f"waived ({problem.waived}): {problem.one_line}")
        for note in judgement.notes:
            self._once(pulumi.log.warn, note)
        for failure in (text for answer in live.values() for text in answer.failures.values()):
            self._once(pulumi.log.warn, f"not fully checked against the live account: {failure}")
        if judgement.not_yet_known and is_dry_run():
            waiting = sorted({f"{one.subject} ({one.argument})" for one in judgement.not_yet_known})
            self._once(pulumi.log.info, f"known only during the update, and checked then: {', '.join(waiting)}.")
        if self._asks and is_dry_run():
            if judgement.verified_live:
                self._once(pulumi.log.info, "checked against the live account.")
            elif not live:
                self._once(pulumi.log.info, f"not checked against the live account: {self._why_not_asked()}")

    def _once(self, tell: Callable[[str], None], text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            tell(text)

    def _leaves_to_the_host(self, problem: Problem) -> bool:
        """Whether ``check`` will ask the live account about a doubt, because the program could not."""
        return problem.code in ASKED_LIVE and not self._asks and self._session.asks_in_preview(None)

    def _why_not_asked(self) -> str:
        if self._settings.get("preflight") == "off":
            return f"{NAMESPACE}:preflight is off."
        return (
            "no credentials come from the stack's configuration or environment variables. Set "
            f"{NAMESPACE}:preflight to on to ask with whatever the credentials chain finds, or to off to ask never."
        )


_watcher: Callable[[Judgement], None] | None = None


def observe(watcher: Callable[[Judgement], None] | None) -> None:
    """Hand every judgement of a program to a watcher, and let the program go on whatever it says.

    For callers that run a program to show its problems themselves. Each judgement covers all that is declared so far,
    so the last one counts; a program that declares nothing of ours is never judged. The live account is not asked.
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


def watch() -> None:
    """Have the program that is running, if one is, judged at its end, even where it declares nothing of ours."""
    with contextlib.suppress(Refusal):  # of a setting that means nothing: told by what is declared
        program()


async def _registered(resource: object) -> None:
    """Wait until a resource is registered; not for ever, because it may itself wait for what waits here."""
    if isinstance(resource, pulumi.Resource):
        with contextlib.suppress(Exception):  # whatever is wrong with it is told where it is declared
            await asyncio.wait_for(asyncio.shield(resource.urn.future()), _PATIENCE)


async def _is_alone(own: Collection[asyncio.Task[Any] | None]) -> bool:
    """Wait until the program does nothing any more but what is told here; whether it came to that."""
    began = time.monotonic()
    while asyncio.all_tasks().difference(own):
        if time.monotonic() - began > _END_PATIENCE:
            return False
        await asyncio.sleep(_LOOK)
    return True


def _patient_enough(connection: Connection) -> CloudBackup:
    """Return the service for advice: a preview does not wait as long for an answer as an update has to."""
    return SdkCloudBackup(connection, Patience(attempts=3))


def _configured() -> Iterable[str]:
    """Return the keys of the stack's configuration (a private detail of the SDK; none where it is not there)."""
    try:
        from pulumi.runtime.config import CONFIG  # noqa: PLC0415 - private, so only where it is used

        return tuple(CONFIG.get())
    except (ImportError, AttributeError, LookupError, TypeError):
        return ()


def _is_under_the_language_host() -> bool:
    """Whether the engine started this very process for the program, with the settings that its provider hosts have.

    Inside somebody's own process (inline programs of the Automation API, tests) the environment may be another one, so
    there only the provider host asks the live account.
    """
    frame: Any = sys._getframe()  # noqa: SLF001 - the outermost frame tells who runs the program
    while frame.f_back is not None:
        frame = frame.f_back
    return bool(os.path.basename(frame.f_code.co_filename).startswith(_LANGUAGE_HOST))  # noqa: PTH119 - a name


def _watch_the_end(tell: Callable[[BaseException | None], None]) -> None:
    """Have it told when the program's body ends, and by which exception (a private detail of the SDK)."""
    root: Any = get_root_resource()
    finish = getattr(root, "_finish", None)
    if not callable(finish):
        return

    def finished() -> None:
        error = sys.exc_info()[1]
        ended_well = isinstance(error, SystemExit) and error.code in (None, 0)
        tell(None if ended_well else error)
        finish()

    root.__dict__["_finish"] = finished


def _in_users_frames(error: BaseException) -> str:
    """Return what ended a program as Pulumi tells it, without the frames of what runs programs."""
    if isinstance(error, pulumi.RunError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"The program ended itself before its end: {error.code}"
    machinery = (os.path.dirname(pulumi.__file__), os.path.dirname(asyncio.__file__), "<frozen ")  # noqa: PTH120 - prefixes
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(machinery) and _LANGUAGE_HOST not in name and "runpy" not in name:
            break
        trace = trace.tb_next
    told = "".join(traceback.format_exception(type(error), error, trace)).rstrip()
    return f"Program failed with an unhandled exception:\n{told}"


def _body_has_ended() -> bool:
    """Whether the program's body has run to its end: the stack's outputs are registered then (a private detail)."""
    return bool(getattr(get_root_resource(), "_outputs_registered", True))
