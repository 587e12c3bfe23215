"""`cloudbackup emulator`: run a local Cloud Backup service until it is told to end.

Decides how the arguments become settings and how the process ends. The first line on stdout is
`listening on http://…`, written once connections are accepted; SIGTERM and SIGINT end it with exit code 0.
"""

import argparse
import ipaddress
import math
import signal
import sys
from types import FrameType

from pulumi_cloudbackup.cli import output
from pulumi_cloudbackup.cli.exits import FINE, CommandError
from pulumi_cloudbackup.emulator import Emulator, Settings, StateError

_LARGEST_PORT = 65535
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    defaults = Settings()
    parser.add_argument("--port", type=_port, default=0, metavar="P", help="port to listen on (default: a free one)")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--state", metavar="FILE", help="state file, made if absent (default: a state that is not kept)"
    )
    for name, text in (
        ("initializing_seconds", "how long a new vault is INITIALIZING"),
        ("mirror_release_seconds", "how long a source cannot be deleted after its mirror is gone"),
        ("deleting_seconds", "how long a deleted vault is still listed"),
    ):
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_seconds,
            default=getattr(defaults, name),
            metavar="N",
            help=f"{text} (default: %(default)g)",
        )
    parser.add_argument(
        "--access-key-id",
        action="append",
        default=[],
        metavar="A",
        help="an account's key id; repeat for more accounts",
    )
    parser.add_argument(
        "--access-key-secret", action="append", default=[], metavar="B", help="its secret (default: test and test)"
    )
    parser.add_argument("--no-auth", action="store_true", help="accept calls without checking signatures")


def run(arguments: argparse.Namespace) -> int:
    """Run the emulator until a signal ends it."""
    settings = Settings(
        initializing_seconds=arguments.initializing_seconds,
        mirror_release_seconds=arguments.mirror_release_seconds,
        deleting_seconds=arguments.deleting_seconds,
        credentials=_credentials(arguments.access_key_id, arguments.access_key_secret),
        verify_signatures=not arguments.no_auth,
    )
    before = {number: signal.signal(number, _end) for number in _ENDING_SIGNALS}
    try:
        emulator = _start(arguments, settings)
        try:
            output.write(f"listening on {emulator.url}\n")
            if not _is_loopback(arguments.host):
                sys.stderr.write(f"cloudbackup emulator: {arguments.host} can be reached from other machines\n")
            emulator.wait()
        finally:
            # A second signal must not interrupt the clean end.
            for number in _ENDING_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            emulator.close()
    except KeyboardInterrupt:
        return FINE
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    raise CommandError("emulator: the server has ended by itself. This is a bug in the emulator, please report it.")


def _start(arguments: argparse.Namespace, settings: Settings) -> Emulator:
    """Start the emulator, or say in one line why not."""
    try:
        return Emulator(settings, port=arguments.port, state=arguments.state, host=arguments.host)
    except StateError as error:
        raise CommandError(f"emulator: {error}") from error
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"emulator: cannot listen on {arguments.host} port {arguments.port}: {reason}") from error


def _end(_number: int, _frame: FrameType | None) -> None:
    """Turn a signal into the exception that leads out of waiting."""
    raise KeyboardInterrupt


def _credentials(ids: list[str], access_key_secrets: list[str]) -> dict[str, str]:
    """Pair ids and secrets in the order in which they were given."""
    if not ids and not access_key_secrets:
        return dict(Settings().credentials)
    if len(ids) != len(access_key_secrets):
        raise CommandError("emulator: give as many --access-key-secret as --access-key-id, in pairs")
    if not all(ids) or not all(access_key_secrets):
        raise CommandError("emulator: an access key id and its secret must not be empty")
    if len(set(ids)) < len(ids):
        raise CommandError("emulator: each --access-key-id can be given once")
    return dict(zip(ids, access_key_secrets, strict=True))


def _port(text: str) -> int:
    """Read a port number."""
    if not text.isascii() or not text.isdigit() or not 0 <= int(text[:6]) <= _LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {_LARGEST_PORT}")
    return int(text)


def _seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return seconds


def _is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
