"""The command `cloudbackup`: which subcommand is meant, and with which exit code it ends.

Makes no decision of its own and imports a subcommand's module only when that subcommand is used. To add one, add a row
to COMMANDS and a module with `describe(parser)` and `run(arguments) -> int`.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from pulumi_cloudbackup.cli import output
from pulumi_cloudbackup.cli.exits import FAILED, FINE, CommandError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

COMMANDS: Mapping[str, tuple[str, str]] = {
    "check": ("pulumi_cloudbackup.cli.check_command", "judge a program without account, network or Pulumi CLI"),
    "emulator": ("pulumi_cloudbackup.cli.emulator_command", "run a local Cloud Backup service"),
    "plan": (
        "pulumi_cloudbackup.cli.plan_command",
        "show what an update changes, and whether every order of it is safe",
    ),
    "release": ("pulumi_cloudbackup.cli.release_command", "hand a vault over without deleting it"),
    "rules": ("pulumi_cloudbackup.cli.rules_command", "list the rules, or explain one"),
    "up": ("pulumi_cloudbackup.cli.up_command", "carry out the plan of a stack in safe stages"),
}
"""The module and the one-line help of each subcommand."""

_PROGRAM = "cloudbackup"
_PACKAGE = "pulumi-cloudbackup"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (design, "Command line"); never raises for bad arguments."""
    try:
        code = _run(sys.argv[1:] if argv is None else list(argv))
        output.write("")
    except BrokenPipeError:
        output.discard()
        return FAILED
    except CommandError as error:
        if isinstance(error, output.OutputError):
            output.discard()
        sys.stderr.write(f"{_PROGRAM}: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write(f"{_PROGRAM}: interrupted\n")
        return FAILED
    except Exception as error:  # noqa: BLE001 - the outermost door: becomes a bug report
        sys.stderr.write(f"{_PROGRAM}: {_bug_report(error)}\n")
        return FAILED
    return code


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line and exit code 1 (2 means "changes are pending")."""

    def error(self, message: str) -> NoReturn:
        """Complain about the arguments."""
        name = self.prog.removeprefix(_PROGRAM).strip()
        place = f"{name}: " if name else ""
        raise CommandError(f"{place}{message} (see {self.prog} --help)")

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Print the help; argparse itself would not say that it could not."""
        if file is None:
            output.write(self.format_help())
        else:
            file.write(self.format_help())


class _Version(argparse.Action):
    """Print the version; it is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and end."""
        output.write(f"{_PROGRAM} {version()}\n")
        parser.exit(FINE)


def _run(argv: list[str]) -> int:
    """Run the subcommand that is meant and return its exit code."""
    try:
        return _dispatch(argv)
    except SystemExit as ended:
        # argparse ends the program itself after --help and --version.
        return FINE if ended.code in (None, 0) else FAILED


def _dispatch(argv: list[str]) -> int:
    """Find the subcommand, let it describe its arguments, and run it."""
    listed = "\n".join(f"  {name:<12}{summary}" for name, (_, summary) in COMMANDS.items())
    parser = _Parser(
        prog=_PROGRAM,
        description="Plan, check and test disaster recovery for Alibaba Cloud Backup.",
        epilog=f"commands:\n{listed}\n\n{_PROGRAM} COMMAND --help tells more about one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.add_argument("command", metavar="COMMAND", choices=sorted(COMMANDS), help="what to do")
    parser.add_argument("rest", metavar="…", nargs=argparse.REMAINDER, help="its arguments")
    if not argv:
        parser.print_help(sys.stderr)
        return FAILED
    chosen = parser.parse_args(argv)
    command = importlib.import_module(COMMANDS[chosen.command][0])
    command_parser = _Parser(
        prog=f"{_PROGRAM} {chosen.command}", description=COMMANDS[chosen.command][1], allow_abbrev=False
    )
    command.describe(command_parser)
    own, passed_on = _split(chosen.rest) if getattr(command, "PASSES_FLAGS_ON", False) else (chosen.rest, [])
    return int(command.run(command_parser.parse_args(own, argparse.Namespace(flags=passed_on))))


def _split(rest: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before the first --, and those after it."""
    place = rest.index("--") if "--" in rest else len(rest)
    return rest[:place], rest[place + 1 :]


def _bug_report(error: Exception) -> str:
    """Return an exception that nobody expected as a line to report."""
    import traceback  # noqa: PLC0415 - for this alone

    where = traceback.extract_tb(error.__traceback__)[-1]
    name = where.filename.rpartition("/")[2]
    return f"{type(error).__name__} in {name}:{where.lineno}. This is a bug in {_PROGRAM}, please report it."


def version() -> str:
    """Return the version of the installed package."""
    from importlib import metadata  # noqa: PLC0415 - as slow as all the rest here, and rarely asked for

    try:
        return metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError:
        return "(not installed)"
