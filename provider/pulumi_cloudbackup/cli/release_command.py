"""`cloudbackup release`: hand a vault over without deleting it.

Takes the owner marker off the vault and has Pulumi forget the resource, in this order: a marker without a state is
found again by nobody, a state without a marker deletes nothing.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from pulumi_cloudbackup.cli.exits import FAILED, FINE, CommandError
from pulumi_cloudbackup.cli.stacks import cli_of

if TYPE_CHECKING:
    from pulumi_cloudbackup.engine.exported import Exported
    from pulumi_cloudbackup.engine.pulumi_cli import PulumiCli
    from pulumi_cloudbackup.resources.own_state import OldResource


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="the resource name of a vault or mirror vault, or its URN")
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="a directory with a Pulumi.yaml")
    parser.add_argument("--stack", metavar="NAME", help="the stack (default: the one that is selected)")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Release one vault."""
    from pulumi_cloudbackup.engine.accounts import resources_of, session_of  # noqa: PLC0415 - imports Pulumi
    from pulumi_cloudbackup.engine.exported import StateError, read_export  # noqa: PLC0415 - heavy
    from pulumi_cloudbackup.engine.pulumi_cli import CliError  # noqa: PLC0415 - heavy
    from pulumi_cloudbackup.resources.refusal import Refusal  # noqa: PLC0415 - heavy
    from pulumi_cloudbackup.resources.releasing import release  # noqa: PLC0415 - heavy

    cli = cli_of("release", arguments)
    try:
        state = cli.export_state(show_secrets=True)
        exported = read_export(state)
        chosen = _chosen(resources_of(state), arguments.name)
        _refuse_needed(chosen, exported)
        if not arguments.yes and not _agreed(chosen):
            sys.stderr.write("cloudbackup: release: nothing was changed\n")
            return FAILED
        done = release(session_of(cli), chosen)
        _forget(cli, chosen)
    except (CliError, StateError, Refusal) as error:
        raise CommandError(f"release: {error}") from error
    sys.stdout.write(
        f'"{done.name}" ({done.vault_id or "no vault"}) is released: owner marker {done.outcome}, and the stack has '
        "forgotten it.\n"
        "Remove it from the program, or the next update creates a new one.\n"
    )
    return FINE


def _chosen(resources: "dict[str, OldResource]", name: str) -> "OldResource":
    found = [one for urn, one in resources.items() if name in (urn, one.name)]
    if not found:
        known = ", ".join(sorted(one.name for one in resources.values())) or "none"
        raise CommandError(f'release: the stack has no vault or mirror vault "{name}"; it has: {known}')
    if len(found) > 1:
        urns = "\n".join(f"  {one.urn}" for one in found)
        raise CommandError(f'release: the stack has more than one "{name}"; give one URN:\n{urns}')
    return found[0]


def _refuse_needed(chosen: "OldResource", exported: "Exported") -> None:
    """Refuse what another resource of the state needs: Pulumi could not forget it."""
    estate = exported.estate
    needs = {str(one.urn): one.depends_on for one in (*estate.vaults, *estate.mirrors)}
    needs |= {one.urn: one.depends_on for one in estate.foreign}
    needing = sorted(urn.rpartition("::")[2] for urn, urns in needs.items() if chosen.urn in urns)
    if needing:
        raise CommandError(
            f'release: "{chosen.name}" is needed by {", ".join(needing)}: release or remove that first, or declare its '
            f'source as ExistingVault("{chosen.vault_id}", "{chosen.text("region_id")}") and run `pulumi up`'
        )


def _agreed(chosen: "OldResource") -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise CommandError("release: nobody is there to ask: give --yes")
    sys.stderr.write(f'Hand over "{chosen.name}" ({chosen.vault_id}) and forget it here? [y/N] ')
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _forget(cli: "PulumiCli", chosen: "OldResource") -> None:
    cli.forget(chosen.urn)
