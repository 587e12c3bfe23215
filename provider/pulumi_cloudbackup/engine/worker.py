"""The program's own process: runs one Pulumi program and hands over what the rules say about its vaults.

Started by ``running`` with a folder: the job is read from there, the outcome is left there, and nothing is printed but
the program's own messages.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from pulumi_cloudbackup.engine.failures import Explainer
from pulumi_cloudbackup.engine.hosting import Job, host
from pulumi_cloudbackup.engine.messages import Messages
from pulumi_cloudbackup.engine.monitor import Monitor
from pulumi_cloudbackup.engine.outcome import Failure, Outcome, to_json
from pulumi_cloudbackup.reports.problems import ProblemReport
from pulumi_cloudbackup.resources import providing
from pulumi_cloudbackup.resources.observing import OBSERVE_VARIABLE
from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE
from pulumi_cloudbackup.resources.program import observe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulumi_cloudbackup.engine.deciding import Deciding
    from pulumi_cloudbackup.resources.judging import Judgement
    from pulumi_cloudbackup.rules import Problem

_PAUSE: Final = 0.5
_RARELY: Final = (200_000, 50, 100)
"""How many new objects the collector waits for, and how often it looks at older ones."""


def main(folder: str) -> None:
    """Run the job in a folder and leave the outcome there."""
    place = Path(folder)
    _end_with_parent(place)
    # The SDK keeps every task and output of a program: looking for garbage among them takes two thirds of a large run.
    gc.set_threshold(*_RARELY)
    # As with the language host: what a failed program leaves pending is no news to anybody.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        fields = json.loads((place / "job.json").read_text(encoding="utf-8"))
        shown_from = Path(fields.pop("shown_from"))
        outcome = judge(Job(**fields), Explainer(Path.cwd(), shown_from))
    except Exception as error:  # noqa: BLE001 - the outermost door: becomes a bug report
        where = traceback.extract_tb(error.__traceback__)[-1]
        outcome = _bug(f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}")
    unfinished = place / "outcome.part"
    unfinished.write_text(to_json(outcome), encoding="utf-8")
    unfinished.replace(place / "outcome.json")
    warnings.simplefilter("ignore", RuntimeWarning)


def judge(job: Job, explain: Explainer) -> Outcome:
    """Run a program and return what the rules say about it, or why they cannot say anything."""
    deciding = _deciding(job)
    monitor = Monitor(
        job.project,
        job.stack,
        organization=job.organization,
        stack_outputs=job.stack_outputs,
        own_resources=job.own_resources,
        functions=job.functions,
        deciding=deciding,
    )
    messages = Messages(_tell, deciding.say) if deciding is not None else Messages(_tell)
    if job.observe_to is not None:
        os.environ[OBSERVE_VARIABLE] = job.observe_to
    judgements: list[Judgement] = []
    observe(judgements.append)
    try:
        with _listening(deciding):
            error = host(job, monitor, messages)
    finally:
        observe(None)
        monitor.close()
    if deciding is not None and job.preview_to is not None:
        events, digest = deciding.end()
        told = {
            "events": events,
            "digest": digest,
            "unanswered": monitor.unanswered,
            "unknown_stacks": monitor.unknown_stacks,
            "uncompared": deciding.uncompared,
            "stood_in": deciding.stood_in,
        }
        Path(job.preview_to).write_text(json.dumps(told), encoding="utf-8")
    last = judgements[-1] if judgements else None
    problems: tuple[Problem, ...] = last.problems if last else ()
    if deciding is not None and deciding.has_failed and not messages.errors:
        error = None  # told in the events: the engine stopped the program
    if monitor.rejections:
        return explain.rejected(monitor.rejections[0].text, monitor.rejections[0].calls)
    if error is not None and not (last and isinstance(error, SystemExit) and error.code in (None, 0)):
        problem = explain.problem_of(error)
        # Where no line of the program is to blame, the SDK stumbled over a value that is among the problems already.
        is_told = last is not None and bool(last.errors) and not explain.blames_the_program(error)
        if problem is None and not is_told:
            return _with_unanswered(explain.failure_of(error), monitor)
        problems += (problem,) if problem is not None else ()
    if messages.errors:
        said = f"the program logged {len(messages.errors)} error(s): a preview fails with them"
        return Failure(said, tuple(f"  {text}" for text in messages.errors))
    ours = [one for one in monitor.registrations if one.type in (VAULT_TYPE, MIRROR_TYPE) and one.read_id is None]
    if last is None:
        return ProblemReport(problems) if problems or not ours else _bug("Vaults were not judged")
    return ProblemReport(
        problems,
        last.not_yet_known,
        last.unverified,
        last.verified_live,
        len(ours),
        last.notes,
        {one.name: one.urn for one in ours},
    )


@contextlib.contextmanager
def _listening(deciding: Deciding | None) -> Iterator[None]:
    """Note what the program prints, line by line, as the engine does; it is printed all the same."""
    if deciding is None:
        yield
        return
    with contextlib.redirect_stdout(_Heard(sys.stdout, deciding)) as heard:
        yield
        heard.note_the_rest()


class _Heard(io.TextIOBase):
    """A stream that is read along."""

    def __init__(self, stream: TextIO, deciding: Deciding) -> None:
        self._stream, self._deciding, self._line = stream, deciding, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._note(line)
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def note_the_rest(self) -> None:
        """Note a last line without an end."""
        self._note(self._line)

    def _note(self, line: str) -> None:
        if line.strip():
            self._deciding.say("info", line)


def _deciding(job: Job) -> Deciding | None:
    """Return who decides what becomes of resources; ``None``: the program is only judged."""
    if job.olds is None:
        return None
    from pulumi_cloudbackup.engine.deciding import Deciding  # noqa: PLC0415 - not for programs that are only judged

    providing.open_offline(job.configuration)
    secrets = [job.configuration[key] for key in job.secret_keys if key in job.configuration]
    return Deciding(job.olds, job.project, job.stack, job.configuration, secrets)


def _with_unanswered(failure: Failure, monitor: Monitor) -> Failure:
    """Add what the program asked providers for: a None where it expects an answer is the likely reason."""
    if not monitor.unanswered:
        return failure
    asked = ", ".join(monitor.unanswered)
    return Failure(failure.summary, (*failure.lines, f"Not known without its provider, and None here: {asked}."))


def _bug(what: str) -> Failure:
    return Failure(f"{what}. This is a bug in cloudbackup, please report it.")


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # whoever listened may be gone
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _end_with_parent(place: Path) -> None:
    """End this process, and what it has started, when nobody waits for its outcome any more; leave nothing behind."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PAUSE)
        shutil.rmtree(place, ignore_errors=True)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="cloudbackup-parent", daemon=True).start()
