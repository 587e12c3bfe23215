"""Waiting until new mirror vaults hold the history of their sources."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.cloud import CloudError
from pulumi_cloudbackup.engine.accounts import resources_of, session_of
from pulumi_cloudbackup.resources.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_cloudbackup.engine.event_stream import Observed
    from pulumi_cloudbackup.engine.pulumi_cli import PulumiCli
    from pulumi_cloudbackup.resources.own_state import OldResource
    from pulumi_cloudbackup.resources.session import Session

_WHOLE: Final = 100
_FAILED: Final = "ERROR"
PAUSE: Final = 15.0
"""Seconds between two questions."""
_TELL_EVERY: Final = 20


def wait_until_copied(cli: PulumiCli, observed: Observed, tell: Callable[[str], None]) -> None:
    """Wait until every mirror that a run created says that all of the history is copied; Ctrl-C ends the wait.

    Raises Refusal where one of them never will, CloudError where the service does not let itself be asked, CliError.
    """
    made = {step.urn for step in observed.steps if step.kind == "MirrorVault" and step.op.startswith("create")}
    waiting = {urn: one for urn, one in resources_of(cli.export_state()).items() if urn in made and one.vault_id}
    if not waiting:
        return
    session = session_of(cli)
    for attempt in itertools.count():
        progress = {urn: _progress(session, one) for urn, one in waiting.items()}
        waiting = {urn: one for urn, one in waiting.items() if (progress[urn] or 0) < _WHOLE}
        if not waiting:
            return
        if attempt % _TELL_EVERY == 0:
            for urn, one in waiting.items():
                known = "an unknown part" if progress[urn] is None else f"{progress[urn]} %"
                tell(f"  waiting: {one.name} holds {known} of the history")
        time.sleep(PAUSE)


def _progress(session: Session, mirror: OldResource) -> int | None:
    """Return how much is copied, in percent; ``None``: nobody can tell just now."""
    try:
        live = session.cloud(mirror.text("account") or None).get_vault(mirror.text("region_id"), mirror.vault_id)
    except CloudError as error:
        if error.is_passing:
            return None
        raise
    if live is None or live.status == _FAILED:
        state = "is gone" if live is None else "is in ERROR"
        raise Refusal(
            f'Mirror vault "{mirror.name}" ({mirror.vault_id}) {state} while its copy was waited for: it will never '
            "hold the history of its source."
        )
    return live.replication_progress
