"""`cloudbackup check`: judge a Pulumi program without the Pulumi CLI, without an account and without network.

Decides how the arguments become a run of the program, and which exit code its outcome has.
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_cloudbackup.cli import output, policies
from pulumi_cloudbackup.cli.exits import FINE, PROBLEMS, CommandError
from pulumi_cloudbackup.cli.settings import setting
from pulumi_cloudbackup.engine.project import Project, ProjectError, Stack, choose_stack, open_project
from pulumi_cloudbackup.engine.running import run_program

if TYPE_CHECKING:
    from pulumi_cloudbackup.engine.outcome import Failure, Outcome
    from pulumi_cloudbackup.estate import Estate
    from pulumi_cloudbackup.reports.problems import ProblemReport

_SECONDS = 60.0


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "path", nargs="?", default=".", metavar="PATH", help="a directory with a Pulumi.yaml (default: this one)"
    )
    output.describe(parser)
    parser.add_argument(
        "--stack", metavar="NAME", help="the stack whose configuration is used (default: the only one with a file)"
    )
    parser.add_argument(
        "--config",
        action="append",
        type=setting,
        default=[],
        metavar="KEY=VALUE",
        help="a configuration value, which wins over the stack's; repeat for more",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_SECONDS,
        metavar="SECONDS",
        help="how long the program may run (default: %(default)g)",
    )
    policies.describe(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the program and print what the rules say about its vaults."""
    wanted = policies.load("check", arguments.policy)
    try:
        project = open_project(Path(arguments.path))
        stack = choose_stack(project, arguments.stack, dict(arguments.config))
    except ProjectError as error:
        raise CommandError(f"check: {error}") from error
    for remark in _remarks(project, stack, arguments.stack):
        sys.stderr.write(f"cloudbackup: check: {remark}\n")
    outcome, declared = _judged(project, stack, arguments.timeout, observes=bool(wanted))

    from pulumi_cloudbackup.reports.problems import ProblemReport, tally  # noqa: PLC0415 - loaded while it ran

    if not isinstance(outcome, ProblemReport):
        raise CommandError(f"check: {_told(outcome, project, stack)}")
    if wanted:
        from pulumi_cloudbackup.policies import Proposal  # noqa: PLC0415 - loaded by now

        outcome = policies.checked(outcome, wanted, Proposal(declared))
    report = _report(outcome, arguments.format, project, stack)
    if arguments.out is None:
        output.write(report)
    else:
        output.write_file("check", arguments.out, report)
        sys.stderr.write(f"cloudbackup: check: wrote {arguments.out}: {tally(outcome.problems) or 'no problems'}\n")
    return PROBLEMS if outcome.stops else FINE


def _judged(project: Project, stack: Stack, seconds: float, *, observes: bool) -> "tuple[Outcome, Estate]":
    """Run the program; return what the rules say, and what it declares where somebody wants to know."""
    from pulumi_cloudbackup.estate import Estate  # noqa: PLC0415 - not for --help

    if not observes:
        return run_program(project, stack, seconds=seconds), Estate()
    with tempfile.TemporaryDirectory(prefix="cloudbackup-", ignore_cleanup_errors=True) as place:
        file = Path(place) / "judgement.json"
        outcome = run_program(project, stack, seconds=seconds, observe_to=str(file))

        from pulumi_cloudbackup.engine.stack_plan import seen_in  # noqa: PLC0415 - imports Pulumi

        seen = seen_in(file)
    return outcome, seen.desired if seen is not None else Estate()


def _report(outcome: "ProblemReport", form: str, project: Project, stack: Stack) -> str:
    """Return a report in the format that is asked for."""
    from pulumi_cloudbackup.reports import problems  # noqa: PLC0415 - heavy, and loaded while the program ran

    match form:
        case "json":
            notes = outcome.notes if outcome.declared or outcome.problems else (problems.NOTHING_DECLARED,)
            sys.stderr.writelines(f"cloudbackup: check: {note}\n" for note in notes)
            return problems.as_json(outcome)
        case "markdown":
            from pulumi_cloudbackup.reports.checks import check_as_markdown  # noqa: PLC0415 - templates are slow

            return check_as_markdown(outcome)
        case "junit" | "sarif":
            from pulumi_cloudbackup.cli.ci_reports import ci_report, judged_program  # noqa: PLC0415 - rarely used
            from pulumi_cloudbackup.reports.findings import findings_of_check  # noqa: PLC0415 - as above

            name = stack.name if stack.file is not None else None
            return ci_report(findings_of_check(outcome), form, judged_program(project, name))
        case _:
            return problems.as_text(outcome)


def _remarks(project: Project, stack: Stack, written: str | None) -> Iterator[str]:
    """Say what a person should know before the program's own words."""
    if written is not None and stack.file is None and project.stacks:
        yield f"stack {stack.name} has no configuration file; there are those of {', '.join(project.stacks)}"
    if stack.configuration.stood_in:
        keys = ", ".join(stack.configuration.stood_in)
        yield f"encrypted configuration is not decrypted but stood in for: {keys} (--config KEY=VALUE gives a value)"
    if stack.environments:
        yield f"values from Pulumi ESC are not read: {', '.join(stack.environments)}"
    if project.missing_environment is not None:
        yield f"{project.missing_environment} has no Python; the program runs with {project.interpreter}"


def _told(failure: "Failure", project: Project, stack: Stack) -> str:
    """Return a failure in words, and what may be the reason for it."""
    lines = [failure.summary, *failure.lines]
    if stack.file is None and len(project.stacks) > 1:
        lines.append(f"No configuration was read: choose one of {', '.join(project.stacks)} with --stack NAME.")
    return "\n".join(lines)


def _seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds
