"""Policies that the command line names: loaded from modules or files, and applied to what is checked or planned."""

import argparse
import contextlib
import importlib
import importlib.util
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pulumi_cloudbackup.cli.exits import CommandError

if TYPE_CHECKING:
    from pulumi_cloudbackup.planning import Plan
    from pulumi_cloudbackup.policies import Policy, PolicyVerdict, Proposal
    from pulumi_cloudbackup.reports.problems import ProblemReport


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the argument."""
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="MODULE",
        help="a Python file or module with policies to apply; repeat for more",
    )


def load(command: str, names: list[str]) -> "tuple[Policy, ...]":
    """Return the policies of modules, or say which one cannot be used, and where it is wrong."""
    if not names:
        return ()
    from pulumi_cloudbackup.policies import PolicyError, policies_in  # noqa: PLC0415 - only where it is asked for

    found: dict[str, tuple[Policy, str]] = {}
    for name in names:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # the output is the report's
                policies = policies_in(_module(command, name), name)
        except PolicyError as error:
            raise CommandError(f"{command}: --policy {name}: {error}") from error
        for policy in policies:
            other = found.setdefault(policy.name, (policy, name))
            if other[0] is not policy:
                raise CommandError(f"{command}: --policy {name}: policy {policy.name} is in {other[1]} too")
    return tuple(policy for policy, _ in found.values())


def _judged(policies: "tuple[Policy, ...]", proposal: "Proposal") -> "PolicyVerdict":
    """Judge; what policies print is no part of the report."""
    from pulumi_cloudbackup.policies import judge_policies  # noqa: PLC0415 - loaded by now

    with contextlib.redirect_stdout(sys.stderr):
        return judge_policies(policies, proposal)


def planned(plan: "Plan", policies: "tuple[Policy, ...]", proposal: "Proposal") -> "Plan":
    """Return a plan with what policies say of it: stages are of no use where something else is wrong."""
    verdict = _judged(policies, proposal)
    return replace(
        plan,
        problems=(*plan.problems, *verdict.problems),
        not_yet_known=(*plan.not_yet_known, *verdict.not_yet_known),
        stages=() if any(problem.stops for problem in verdict.problems) else plan.stages,
    )


def checked(report: "ProblemReport", policies: "tuple[Policy, ...]", proposal: "Proposal") -> "ProblemReport":
    """Return a report with what policies say of what is declared; those about updates are named in a note."""
    verdict = _judged(policies, proposal)
    return replace(
        report,
        problems=(*report.problems, *verdict.problems),
        not_yet_known=(*report.not_yet_known, *verdict.not_yet_known),
        notes=(*report.notes, *_left_out(verdict)),
    )


def _left_out(verdict: "PolicyVerdict") -> tuple[str, ...]:
    if not verdict.left_out:
        return ()
    return (f"not judged, because they are about updates (cloudbackup plan): {', '.join(verdict.left_out)}",)


def _module(command: str, name: str) -> ModuleType:
    """Load a module, or say why that cannot be."""
    try:
        if name.endswith(".py") or "/" in name:
            return _file(command, name)
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
        return importlib.import_module(name)
    except CommandError:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise CommandError(f"{command}: --policy {name}: {_where(error)}") from error


def _file(command: str, name: str) -> ModuleType:
    file = Path(name)
    if not file.is_file():
        raise CommandError(f"{command}: --policy {name}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"cloudbackup_policies_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise CommandError(f"{command}: --policy {name}: it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent.resolve()))
    return module


def _where(error: BaseException) -> str:
    """Return what went wrong in somebody's module, with the line."""
    text = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {text}"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith("<frozen")]
    mine = [one for one in frames if one.filename != __file__ and "importlib" not in one.filename]
    return f"{mine[-1].filename}:{mine[-1].lineno}: {text}" if mine else text
