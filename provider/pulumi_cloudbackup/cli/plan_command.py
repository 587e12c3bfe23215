"""`cloudbackup plan`: what an update would change, in which orders, whether each is safe, and how to stage what is not.

Decides how the arguments become two estates, where the report goes, and which exit code a plan has. What is planned is
decided in `planning`, what is told of it in `reports`.
"""

import argparse
import gc
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.cli import output, policies
from pulumi_cloudbackup.cli.exits import CHANGES_PENDING, FINE, ONLY_ORDER, PROBLEMS, CommandError
from pulumi_cloudbackup.cli.settings import setting

if TYPE_CHECKING:
    from pulumi_cloudbackup.engine.stack_plan import StackPlan
    from pulumi_cloudbackup.estate import Document, Estate
    from pulumi_cloudbackup.planning.plan import Plan
    from pulumi_cloudbackup.policies import Policy, Proposal

_UNITS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_TOLD: Final = 20
_SECONDS: Final = 60.0
"""How long a program may run that is planned offline."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", nargs="?", metavar="PATH", help="a directory with a Pulumi.yaml (default: this one)")
    parser.add_argument("--stack", metavar="NAME", help="the stack (default: the only one)")
    parser.add_argument("--offline", action="store_true", help="without Pulumi CLI, account and network")
    parser.add_argument(
        "--state",
        metavar="FILE",
        help="with --offline: what `pulumi stack export --show-secrets` wrote; else secrets are not compared",
    )
    parser.add_argument(
        "--config",
        action="append",
        type=setting,
        default=[],
        metavar="KEY=VALUE",
        help="with --offline: a configuration value, which wins over the stack's; repeat for more",
    )
    parser.add_argument("--current", metavar="FILE", help="an estate file: what there is (instead of PATH)")
    parser.add_argument("--desired", metavar="FILE", help="an estate file: what there is to be (instead of PATH)")
    output.describe(parser)
    parser.add_argument(
        "--detailed-exitcode",
        action="store_true",
        help=f"end with {CHANGES_PENDING} where there is something to change",
    )
    parser.add_argument(
        "--strategy",
        choices=("exposure", "fewest"),
        default="exposure",
        help="stages with the least time without a mirror, or the fewest of them (default: %(default)s)",
    )
    parser.add_argument(
        "--copy-rate",
        type=_rate,
        metavar="RATE",
        help="bytes per second of a copy to another region, such as 50M, for the time without a mirror",
    )
    policies.describe(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the plan, write it, and return what it comes to."""
    with _no_garbage():
        plan, has_work = _plan(arguments)
        report = _report(plan, arguments)
        if arguments.out is None:
            output.write(report)
        else:
            output.write_file("plan", arguments.out, report)
            _tell(plan, arguments.out)
        return exit_code(plan, has_work=has_work and arguments.detailed_exitcode)


def exit_code(plan: "Plan", *, has_work: bool) -> int:
    """Return the exit code of a plan; `has_work`: whether that something would change is to be told by it."""
    from pulumi_cloudbackup.rules.order_rules import ORDER_CODES  # noqa: PLC0415 - loaded by now

    errors = [problem.code for problem in plan.problems if problem.stops]
    if errors:
        return ONLY_ORDER if plan.stages and ORDER_CODES.issuperset(errors) else PROBLEMS
    return CHANGES_PENDING if has_work else FINE


def _plan(arguments: argparse.Namespace) -> "tuple[Plan, bool]":
    """Make the plan that the arguments ask for, and say whether there is anything to change, vaults or other things."""
    wanted = policies.load("plan", arguments.policy)
    if arguments.current is not None or arguments.desired is not None:
        for name in ("path", "stack", "state"):
            _refuse(getattr(arguments, name) is not None, f"{_flag(name)} does not go with --current and --desired")
        _refuse(arguments.offline, "--offline does not go with --current and --desired")
        _refuse(bool(arguments.config), "--config does not go with --current and --desired")
        _refuse(arguments.current is None or arguments.desired is None, "--current and --desired go together")
        made = _plan_of_files(arguments, wanted)
        return made, bool(made.changes)
    if arguments.offline:
        shown = _plan_offline(arguments)
    else:
        _refuse(arguments.state is not None, "--state goes with --offline")
        _refuse(bool(arguments.config), "--config goes with --offline; the real engine reads the stack's own")
        shown = _plan_of_stack(arguments)
    if not wanted:
        return shown.plan, shown.has_work
    return policies.planned(shown.plan, wanted, _proposal(shown)), shown.has_work


def _proposal(shown: "StackPlan") -> "Proposal":
    from pulumi_cloudbackup.policies import Proposal  # noqa: PLC0415 - loaded by now

    return Proposal(shown.desired, shown.current, shown.plan)


def _plan_of_stack(arguments: argparse.Namespace) -> "StackPlan":
    """Plan from a real preview and the state of a stack."""
    from pulumi_cloudbackup.cli.stacks import cli_of, planned  # noqa: PLC0415 - not for estate files

    return planned("plan", cli_of("plan", arguments), **choices(arguments))


def _plan_offline(arguments: argparse.Namespace) -> "StackPlan":
    """Plan from a program and an exported state, without the Pulumi CLI."""
    from pulumi_cloudbackup.engine.exported import StateError, read_export  # noqa: PLC0415 - not for estate files
    from pulumi_cloudbackup.engine.offline_plan import ENCRYPTED, preview_offline  # noqa: PLC0415 - imports Pulumi
    from pulumi_cloudbackup.engine.outcome import Failure  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.engine.project import ProjectError, choose_stack, open_project  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.estate import EstateError  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.planning import PlanError  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.resources.refusal import Refusal  # noqa: PLC0415 - as above

    try:
        state = None if arguments.state is None else Path(arguments.state).read_bytes()
    except (OSError, ValueError) as error:
        raise CommandError(f"plan: {arguments.state} cannot be read: {_reason(error)}") from error
    try:
        written = arguments.stack
        if written is None and state is not None:
            written = read_export(state).stack
        project = open_project(Path(arguments.path or "."))
        stack = choose_stack(project, written, dict(arguments.config))
        if written is not None and stack.file is None and project.stacks:
            known = ", ".join(project.stacks)
            sys.stderr.write(f"cloudbackup: plan: stack {stack.name} has no configuration file; there are {known}\n")
        made = preview_offline(project, stack, state, seconds=_SECONDS, **choices(arguments))
    except StateError as error:
        raise CommandError(f"plan: {arguments.state}: {error}") from error
    except (ProjectError, PlanError) as error:
        raise CommandError(f"plan: {error}") from error
    except EstateError as error:
        raise CommandError(f"plan: {error}. {ENCRYPTED}") from error
    except PreviewFailedError as error:
        raise CommandError(f"plan: the preview failed:\n{error}") from error
    except Refusal as error:
        raise CommandError(f"plan: {error}") from error
    if isinstance(made, Failure):
        raise CommandError("\n".join((f"plan: {made.summary}", *made.lines)))
    return made


def _plan_of_files(arguments: argparse.Namespace, wanted: "tuple[Policy, ...]") -> "Plan":
    """Plan from two estate files; policies see all of them."""
    files = _documents(arguments.current, arguments.desired)

    from pulumi_cloudbackup.estate import EstateError, estate_from_content  # noqa: PLC0415 - loaded by now
    from pulumi_cloudbackup.planning import PlanError, plan  # noqa: PLC0415 - not for files that are no JSON
    from pulumi_cloudbackup.planning.apart import set_apart  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.planning.files import refuse_faults  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.planning.untouched import NOTHING_UNTOUCHED  # noqa: PLC0415 - as above

    left, right, untouched = files[0].content, files[1].content, NOTHING_UNTOUCHED
    if not wanted:
        left, right, untouched = set_apart(*files)
    try:
        current, desired = estate_from_content(left), estate_from_content(right)
        refuse_faults(current, is_desired=False)
        refuse_faults(desired, is_desired=True)
    except EstateError:
        # What is wrong is told with its place in the whole file.
        current = _estate(arguments.current, files[0], is_desired=False)
        desired = _estate(arguments.desired, files[1], is_desired=True)
        untouched = NOTHING_UNTOUCHED
    digest = f"{files[0].digest} {files[1].digest}"
    try:
        made = plan(current, desired, untouched=untouched, source_digest=digest, **choices(arguments))
    except PlanError as error:
        raise CommandError(f"plan: {error}") from error
    if not wanted:
        return made

    from pulumi_cloudbackup.policies import Proposal  # noqa: PLC0415 - loaded by now

    return policies.planned(made, wanted, Proposal(desired, current, made))


def choices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return how the arguments want to have it planned."""
    rate = {} if arguments.copy_rate is None else {"copy_rate": arguments.copy_rate}
    return {"strategy": arguments.strategy, **rate}


def _documents(current: str, desired: str) -> "tuple[Document, Document]":
    """Read two estate files; what is wrong with the first one is told first."""
    first = _document(current)
    try:
        return first, _document(desired)
    except CommandError:
        _estate(current, first, is_desired=False)
        raise


def _document(name: str) -> "Document":
    """Read the JSON of an estate file, or say which file is wrong and why."""
    from pulumi_cloudbackup.estate import document_from_json  # noqa: PLC0415 - not for --help

    with _telling(name):
        return document_from_json(Path(name).read_bytes())


def _estate(name: str, document: "Document", *, is_desired: bool) -> "Estate":
    """Read an estate from its file, or say which file is wrong, where, and why."""
    from pulumi_cloudbackup.estate import estate_from_content  # noqa: PLC0415 - loaded by now
    from pulumi_cloudbackup.planning.files import refuse_faults  # noqa: PLC0415 - as above

    with _telling(name):
        estate = estate_from_content(document.content)
        refuse_faults(estate, is_desired=is_desired)
        return estate


@contextmanager
def _telling(name: str) -> Iterator[None]:
    """Say which estate file is wrong, where, and why."""
    from pulumi_cloudbackup.estate import EstateError  # noqa: PLC0415 - not for --help

    try:
        yield
    except RecursionError:
        raise CommandError(f"plan: {name}: The file is not an estate: it is nested too deeply.") from None
    except EstateError as error:
        raise CommandError(_places(name, str(error))) from error
    except (OSError, ValueError) as error:
        raise CommandError(f"plan: {name} cannot be read: {_reason(error)}") from error


def _places(name: str, message: str) -> str:
    """Return what is wrong with a file, each place on a line with the file, the first ones of very many."""
    lines = message.splitlines()
    more = len(lines) - _TOLD
    told = [f"plan: {name}: {line}" for line in lines[:_TOLD]]
    return "\ncloudbackup: ".join([*told, *([f"... and {more} more places"] if more > 0 else [])])


def _report(plan: "Plan", arguments: argparse.Namespace) -> str:
    """Return a plan in the format that is asked for."""
    from pulumi_cloudbackup.reports import plans  # noqa: PLC0415 - not for wrong arguments

    match arguments.format:
        case "json":
            return plans.plan_as_json(plan)
        case "markdown":
            return plans.plan_as_markdown(plan)
        case "junit" | "sarif":
            return _ci_report(plan, arguments)
        case _:
            return plans.plan_as_text(plan, colour=arguments.out is None and _takes_colour())


def _ci_report(plan: "Plan", arguments: argparse.Namespace) -> str:
    """Return a plan as CI reads it: with its place in the program, or in the estate file that tells what is to be."""
    from pulumi_cloudbackup.cli.ci_reports import ci_report, judged_file, judged_folder  # noqa: PLC0415 - rarely used
    from pulumi_cloudbackup.reports.findings import findings_of_plan  # noqa: PLC0415 - as above

    is_of_files = arguments.desired is not None
    folder = Path(arguments.path or ".")
    judged = judged_file(arguments.desired) if is_of_files else judged_folder(folder, arguments.stack)
    return ci_report(findings_of_plan(plan), arguments.format, judged)


def _tell(plan: "Plan", name: str) -> None:
    """Say that the report is in a file, and what it comes to."""
    from pulumi_cloudbackup.reports.plans import summary_of  # noqa: PLC0415 - loaded by now

    sys.stderr.write(f"cloudbackup: plan: wrote {name}: {summary_of(plan)}\n")


def _takes_colour() -> bool:
    """Return whether stdout is a terminal whose user has nothing against colour (https://no-color.org)."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Keep the collector from walking through a hundred thousand resources again and again: none is garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _refuse(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    if condition:
        raise CommandError(f"plan: {message} (see cloudbackup plan --help)")


def _flag(name: str) -> str:
    return "PATH" if name == "path" else f"--{name}"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _rate(text: str) -> float:
    """Read a number of bytes per second, with k, M or G for a thousand, a million or a thousand million."""
    unit = text[-1:].lower() if text[-1:].isalpha() else ""
    try:
        rate = float(text.removesuffix(text[-1:]) if unit else text) * _UNITS.get(unit, math.nan)
    except ValueError:
        rate = math.nan
    if not math.isfinite(rate) or rate <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes per second above 0, such as 50M")
    return rate
