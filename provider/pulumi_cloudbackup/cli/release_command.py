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
        _refuse_what_cannot_be_forgotten(chosen, exported)
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


def _refuse_what_cannot_be_forgotten(chosen: "OldResource", exported: "Exported") -> None:
    """Refuse before anything is changed what Pulumi would not forget afterwards."""
    estate = exported.estate
    entries = [one for one in (*estate.vaults, *estate.mirrors) if one.urn == chosen.urn]
    if len(entries) > 1:
        raise CommandError(
            f'release: an update replaced "{chosen.name}" and has yet to delete the old one: run `pulumi up` first'
        )
    if any(one.protect for one in entries):
        raise CommandError(
            f'release: "{chosen.name}" is protected. If it is to be handed over all the same, run first:\n'
            f"  pulumi state unprotect '{chosen.urn}'"
        )
    needing = sorted(_needing(chosen.urn, exported))
    if needing:
        names = ", ".join(urn.rpartition("::")[2] for urn in needing)
        raise CommandError(
            f'release: "{chosen.name}" is needed by {names}: release or remove that first, or let it do without. '
            f'(A mirror vault keeps its source declared as ExistingVault("{chosen.vault_id}", '
            f'"{chosen.text("region_id")}").) Then run `pulumi up`, and this command again'
        )


def _needing(urn: str, exported: "Exported") -> set[str]:
    """Return the resources of the state that need one."""
    estate = exported.estate
    found = {one.urn for one in estate.foreign if urn in one.depends_on}
    for one in (*estate.vaults, *estate.mirrors):
        if one.urn is not None and urn in (*one.depends_on, one.options.parent, one.options.deleted_with):
            found.add(one.urn)
    return found


def _agreed(chosen: "OldResource") -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise CommandError("release: nobody is there to ask: give --yes")
    sys.stderr.write(f'Hand over "{chosen.name}" ({chosen.vault_id}) and forget it here? [y/N] ')
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _forget(cli: "PulumiCli", chosen: "OldResource") -> None:
    """Take it out of the state; what is done before is done."""
    from pulumi_cloudbackup.engine.pulumi_cli import CliError  # noqa: PLC0415 - loaded by now

    try:
        cli.forget(chosen.urn)
    except CliError as error:
        raise CommandError(
            f'release: "{chosen.name}" has no owner marker any more, but the stack still has it: {error}\n'
            "Mend that, and run the same command again"
        ) from error
