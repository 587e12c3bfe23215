"""`cloudbackup up`: show the plan of a stack, ask, and carry it out in safe stages of real engine runs.

Decides what is asked and which exit code the end has. How a plan is made and carried out is decided in `engine`.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_cloudbackup.cli import output
from pulumi_cloudbackup.cli.exits import FAILED, FINE, PROBLEMS, CommandError
from pulumi_cloudbackup.cli.stacks import cli_of, planned

if TYPE_CHECKING:
    from collections import Counter

    from pulumi_cloudbackup.engine.carrying_out import Ways
    from pulumi_cloudbackup.engine.event_stream import Observed
    from pulumi_cloudbackup.engine.pulumi_cli import Asked, PulumiCli
    from pulumi_cloudbackup.engine.stack_plan import StackPlan
    from pulumi_cloudbackup.planning import Stage

PASSES_FLAGS_ON = True
"""What comes after -- is for Pulumi."""
_REFRESH = ("--refresh", "-r", "--refresh=true")
_ALWAYS = ("--yes", "-y", "--yes=true", "--skip-preview", "-f", "--skip-preview=true")
"""What is so anyway."""
_ONLY_UPDATES = ("--continue-on-error", "--continue-on-error=true")
"""What previews do not take."""
_PLACES = ("--stack", "-s", "--cwd", "-C")
_CHOOSING = ("--target", "-t", "--target-dependents", "--exclude", "--exclude-dependents")
_REPLACING = ("--replace", "--target-replace")


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s [options] [PATH] [-- PULUMI_FLAG ...]"
    parser.epilog = "Flags of `pulumi up`, such as --parallel=4, --config-file=FILE or --refresh, go after --."
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="a directory with a Pulumi.yaml")
    parser.add_argument("--stack", metavar="NAME", help="the stack (default: the one that is selected)")
    agreement = parser.add_mutually_exclusive_group()
    agreement.add_argument("--yes", "-y", action="store_true", help="do not ask")
    agreement.add_argument(
        "--plan", metavar="FILE", help="a plan that was approved (plan --format json): nothing beyond it is deleted"
    )
    parser.add_argument(
        "--strategy",
        choices=("exposure", "fewest"),
        default="exposure",
        help="stages with the least time without a mirror, or the fewest of them (default: %(default)s)",
    )
    parser.add_argument(
        "--wait-copied", action="store_true", help="between stages, wait until new mirror vaults hold the history"
    )


def run(arguments: argparse.Namespace) -> int:
    """Plan, show, ask, and carry out."""
    from pulumi_cloudbackup.engine.carrying_out import StoppedError, carry_out, destructions, why_not  # noqa: PLC0415
    from pulumi_cloudbackup.reports.plans import plan_as_text  # noqa: PLC0415 - heavy, as the one above

    _refuse_flags(arguments.flags)
    approved = _approved(arguments.plan) if arguments.plan is not None else None
    cli, asked = cli_of("up", arguments), _asked(arguments.flags)
    if any(flag in _REFRESH for flag in asked.flags):
        asked = _refreshed(cli, asked)
    choices = {"strategy": arguments.strategy}
    first = planned("up", cli, asked, **choices)
    output.write(plan_as_text(first.plan))
    refusal = why_not(first.plan)
    if refusal is not None:
        _say(refusal)
        return PROBLEMS
    if not first.has_work:
        return FINE
    _refuse_replacing_again(first.plan.stages, asked)
    agreed = destructions(first.plan.steps) if approved is None else approved
    asks = approved is None and not arguments.yes
    if asks and not _agreed(len(first.plan.stages) or 1):
        _say("nothing was changed")
        return FAILED
    ways = replace(_ways(cli, asked, choices, arguments), has_waited=asks)
    try:
        runs = carry_out(cli, first, agreed, ways)
    except StoppedError as error:
        raise CommandError(f"up: {error}") from error
    _say(f"done in {runs} {'stage' if runs == 1 else 'stages'}")
    return FINE


def _refuse_flags(flags: list[str]) -> None:
    """Refuse what would take the choice of stack, project or resources out of the plan's hands."""
    for flag in (one.partition("=")[0] for one in flags):
        if flag in _PLACES:
            raise CommandError(f"up: {flag} goes before --: the state and the updates are those of one stack")
        if flag in _CHOOSING:
            raise CommandError(
                f"up: {flag} does not go with stages: they say themselves what each update leaves as it is. Use "
                "`pulumi up` for an update of a part"
            )


def _asked(flags: list[str]) -> "Asked":
    from pulumi_cloudbackup.engine.pulumi_cli import Asked  # noqa: PLC0415 - loaded by now

    return Asked(flags=tuple(flag for flag in flags if flag not in (*_ALWAYS, *_ONLY_UPDATES)))


def _refuse_replacing_again(stages: "tuple[Stage, ...]", asked: "Asked") -> None:
    """Refuse a replacement on request where every stage would make it anew."""
    asks = any(flag.partition("=")[0] in _REPLACING for flag in asked.flags)
    if asks and len(stages) > 1:
        raise CommandError(
            f"up: the change takes {len(stages)} stages, and each of them would replace again what --replace names. "
            "Run it without that first"
        )


def _refreshed(cli: "PulumiCli", asked: "Asked") -> "Asked":
    """Refresh the state before it is planned from, and return the flags without that one."""
    from pulumi_cloudbackup.engine.pulumi_cli import CliError  # noqa: PLC0415 - loaded by now

    asked = replace(asked, flags=tuple(flag for flag in asked.flags if flag not in _REFRESH))
    _say("refreshing the state")
    try:
        cli.refresh(asked)
    except CliError as error:
        raise CommandError(f"up: {error}") from error
    return asked


def _approved(name: str) -> "Counter[str]":
    """Return what an approved plan deletes."""
    from pulumi_cloudbackup.engine.carrying_out import destructions  # noqa: PLC0415 - loaded anyway
    from pulumi_cloudbackup.reports.plans import PlanFileError, plan_from_json  # noqa: PLC0415 - as above

    try:
        approved = plan_from_json(Path(name).read_bytes())
    except PlanFileError as error:
        raise CommandError(f"up: {name}: {error}") from error
    except (OSError, ValueError) as error:
        raise CommandError(f"up: {name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return destructions(approved.steps)


def _agreed(stages: int) -> bool:
    """Ask a person; where there is none, say what to do."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise CommandError("up: nobody is there to ask: give --yes, or an approved plan with --plan FILE")
    sys.stderr.write(f"Run {'this stage' if stages == 1 else f'these {stages} stages'}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _ways(cli: "PulumiCli", asked: "Asked", choices: "dict[str, Any]", arguments: argparse.Namespace) -> "Ways":
    from pulumi_cloudbackup.engine.carrying_out import Ways  # noqa: PLC0415 - loaded by now

    run_flags = tuple(flag for flag in arguments.flags if flag in _ONLY_UPDATES)
    if not arguments.wait_copied:
        return Ways(asked, _say, choices, run_flags=run_flags)
    from pulumi_cloudbackup.engine.copying import wait_until_copied  # noqa: PLC0415 - only for this flag

    def between(_: "StackPlan", observed: "Observed") -> None:
        wait_until_copied(cli, observed, _say)

    return Ways(asked, _say, choices, between, run_flags)


def _say(line: str) -> None:
    sys.stderr.write(f"cloudbackup: up: {line}\n")
    sys.stderr.flush()
