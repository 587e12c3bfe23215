"""Writing to stdout so that whatever is wrong with it becomes one line and no traceback."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_cloudbackup.cli.exits import CommandError

if TYPE_CHECKING:
    import argparse


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare how a report is written, and where."""
    parser.add_argument(
        "--format",
        choices=("text", "json", "markdown", "junit", "sarif"),
        default="text",
        help="how to write it (default: %(default)s)",
    )
    parser.add_argument("--out", metavar="FILE", help="write it there, in that format, and not to the output")


class OutputError(CommandError):
    """Stdout takes no more."""


def write(text: str) -> None:
    """Write the result of a subcommand; raise BrokenPipeError if nobody reads, OutputError if it cannot be taken."""
    if sys.stdout is None:
        raise OutputError("the output cannot be written: stdout is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's encoding lacks is no reason to fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror}") from error


def write_file(command: str, name: str, text: str) -> None:
    """Write the result of a subcommand to a file instead."""
    try:
        Path(name).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"{command}: {name} cannot be written: {reason}") from error


def discard() -> None:
    """Forget what stdout still holds: the interpreter would try to write it again, and complain, when it ends."""
    if sys.stdout is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
