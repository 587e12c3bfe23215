"""Judging in place of a program that declares nothing of ours, and so never judges itself: all that there is goes.

The same rules, the same live account and the same settings as in a program that declares something.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from pulumi_cloudbackup.engine.accounts import resources_of, settings_in, settings_of
from pulumi_cloudbackup.resources.account import ask
from pulumi_cloudbackup.resources.fates import Evidence
from pulumi_cloudbackup.resources.judging import judge_declarations
from pulumi_cloudbackup.resources.observing import write
from pulumi_cloudbackup.resources.questions import questions_for
from pulumi_cloudbackup.resources.refusal import refusing
from pulumi_cloudbackup.resources.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pulumi_cloudbackup.engine.exported import Exported
    from pulumi_cloudbackup.engine.pulumi_cli import PulumiCli
    from pulumi_cloudbackup.resources.account import LiveAccount
    from pulumi_cloudbackup.resources.own_state import OldResource


def judge_for(cli: PulumiCli, exported: Exported, state: str, file: Path) -> None:
    """Write down what the program would have, had it one vault left; nothing where its stack has none either.

    Raises CliError, and Refusal where a setting means nothing.
    """
    old = resources_of(state)
    if old:
        settings = settings_of(cli)
        session = Session(settings)
        live = refusing(ask)(session, questions_for(session, (), old))
        _judge(exported, old, session, settings, file, live=live)


def judge_offline(exported: Exported, state: str | bytes, configuration: Mapping[str, str], file: Path) -> None:
    """Do the same without the live account; raise Refusal where a setting means nothing."""
    old = resources_of(state)
    if old:
        settings = settings_in(configuration)
        _judge(exported, old, Session(settings), settings, file, live={})


def _judge(  # noqa: PLR0913 - what a program knows of itself
    exported: Exported,
    old: Mapping[str, OldResource],
    session: Session,
    settings: Mapping[str, str],
    file: Path,
    *,
    live: Mapping[str | None, LiveAccount],
) -> None:
    evidence = Evidence(
        old=old,
        live=live,
        own_prefix=f"{exported.project}/{exported.stack}/",
        now=int(time.time()),
        today=dt.datetime.now(dt.timezone.utc).date().isoformat(),
        judging=session.judging,
        is_observed=True,
    )
    write(str(file), refusing(judge_declarations)((), evidence), settings)
