"""The plan of a program without the Pulumi CLI: the program itself, and the state as somebody exported it.

The program runs in a process of its own, as for ``cloudbackup check``, with the exported state in the place of the
stack's own. The live account is not asked.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_cloudbackup.engine.exported import Exported, StateError, read_export
from pulumi_cloudbackup.engine.outcome import Failure
from pulumi_cloudbackup.engine.running import run_program
from pulumi_cloudbackup.engine.stack_plan import judged, seen_in, with_live_facts
from pulumi_cloudbackup.engine.states import decoded
from pulumi_cloudbackup.estate import Estate, Unknown
from pulumi_cloudbackup.planning import Run, plan
from pulumi_cloudbackup.resources.settings import Judging, judging_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.engine.project import Project, Stack
    from pulumi_cloudbackup.planning import Plan


def plan_offline(
    project: Project, stack: Stack, state: str | bytes | None, *, seconds: float, **choices: Any
) -> Plan | Failure:
    """Run a program and plan it; ``state``: what ``pulumi stack export`` wrote, ``None``: there is nothing yet.

    Returns a Failure where the program cannot be judged. Raises StateError, PlanError.
    """
    exported = read_export(state) if state is not None else Exported(Estate(), {}, None, None)
    for what, told, chosen in (
        ("project", exported.project, project.name),
        ("stack", exported.stack, stack.name),
    ):
        if told is not None and told != chosen:
            raise StateError(f'The state is that of {what} "{told}", and the program is run for {what} "{chosen}".')
    with tempfile.TemporaryDirectory(prefix="cloudbackup-", ignore_cleanup_errors=True) as place:
        file = Path(place) / "judgement.json"
        outcome = run_program(
            project, stack, seconds=seconds, own_resources=_outputs(exported.outputs), observe_to=file
        )
        if isinstance(outcome, Failure):
            return outcome
        seen = seen_in(file)
    current = with_live_facts(exported.estate, seen)
    desired = seen.desired if seen is not None else Estate()
    run = Run(replaces=exported.tainted)
    made = plan(current, desired, run=run, now=int(time.time()), judges_estate=False, **choices)
    return judged(made, seen, judging_from(seen.settings) if seen is not None else Judging(), exported)


def _outputs(outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the outputs of the last update as a program gets them; what is encrypted is left out."""
    return {
        urn: {key: value for key, value in decoded(one).items() if not isinstance(value, Unknown)}
        for urn, one in outputs.items()
    }
