"""Waiting until new mirror vaults hold the history of their sources."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.cloud import CloudError
from pulumi_cloudbackup.engine.accounts import resources_of, session_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_cloudbackup.engine.event_stream import Observed
    from pulumi_cloudbackup.engine.pulumi_cli import PulumiCli
    from pulumi_cloudbackup.resources.own_state import OldResource
    from pulumi_cloudbackup.resources.session import Session

_WHOLE: Final = 100
_PAUSE: Final = 15.0
_TELL_EVERY: Final = 20


def wait_until_copied(cli: PulumiCli, observed: Observed, tell: Callable[[str], None], pause: float = _PAUSE) -> None:
    """Wait until every mirror that a run created says that all of the history is copied; Ctrl-C ends the wait."""
    made = {step.urn for step in observed.steps if step.kind == "MirrorVault" and step.op.startswith("create")}
    waiting = {urn: one for urn, one in resources_of(cli.export_state()).items() if urn in made and one.vault_id}
    if not waiting:
        return
    session = session_of(cli)
    for attempt in range(10**9):
        progress = {urn: _progress(session, one) for urn, one in waiting.items()}
        waiting = {urn: one for urn, one in waiting.items() if (progress[urn] or 0) < _WHOLE}
        if not waiting:
            return
        if attempt % _TELL_EVERY == 0:
            for urn, one in waiting.items():
                known = "an unknown part" if progress[urn] is None else f"{progress[urn]} %"
                tell(f"  waiting: {one.name} holds {known} of the history")
        time.sleep(pause)


def _progress(session: Session, mirror: OldResource) -> int | None:
    """Return how much is copied, in percent; ``None``: nobody can tell just now."""
    try:
        live = session.cloud(mirror.text("account") or None).get_vault(mirror.text("region_id"), mirror.vault_id)
    except CloudError:
        return None
    return live.replication_progress if live is not None else _WHOLE
