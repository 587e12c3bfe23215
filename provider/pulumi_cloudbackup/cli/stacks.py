"""What the commands about a stack have in common: finding Pulumi and the project, planning, telling why it failed."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_cloudbackup.cli.exits import CommandError
from pulumi_cloudbackup.engine.pulumi_cli import NOTHING_MORE, Asked, CliError, PulumiCli, find_pulumi

if TYPE_CHECKING:
    from pulumi_cloudbackup.engine.stack_plan import StackPlan


def cli_of(command: str, arguments: argparse.Namespace) -> PulumiCli:
    """Return the CLI of Pulumi for the project and the stack that the arguments name."""
    folder = Path(arguments.path or ".")
    if not folder.is_dir():
        raise CommandError(f"{command}: {folder} is no directory; give the directory of a project")
    try:
        return PulumiCli(find_pulumi(), folder, arguments.stack)
    except CliError as error:
        raise CommandError(f"{command}: {error}") from error


def planned(command: str, cli: PulumiCli, asked: Asked = NOTHING_MORE, **choices: Any) -> "StackPlan":
    """Preview and plan a stack, or say why that cannot be."""
    from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError, plan_stack  # noqa: PLC0415 - imports Pulumi
    from pulumi_cloudbackup.resources.holding import HOLD_VARIABLE  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.resources.observing import OBSERVE_VARIABLE  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.resources.refusal import Refusal  # noqa: PLC0415 - as above

    for name in (HOLD_VARIABLE, OBSERVE_VARIABLE):  # left over from a stage that was run by hand
        os.environ.pop(name, None)
    sys.stderr.write(f"cloudbackup: {command}: previewing\n")
    try:
        return plan_stack(cli, asked, **choices)
    except PreviewFailedError as error:
        raise CommandError(f"{command}: the preview failed:\n{error}") from error
    except (CliError, Refusal, ValueError) as error:  # a ValueError says what cannot be read
        raise CommandError(f"{command}: {error}") from error
