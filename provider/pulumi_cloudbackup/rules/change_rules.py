"""What may become of one existing resource: CB109 (one-way switches), CB303 and CB307 (data loss).

Facts about the live vaults are arguments: whoever calls has looked, or says that it cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import Unknown, Vault, is_known
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("CB109", "WORM cannot be switched off")
def worm_stays_on(worm_before: bool, after: Vault) -> Iterator[Finding]:  # noqa: FBT001 - a fact, not a mode
    """Check that a vault that is locked by immutable backup (WORM) stays locked.

    Why it matters: the lock is a one-way switch. Nobody can unlock a vault; the service refuses the change.

    How to fix it: set ``worm_enabled=True`` again.
    """
    if not worm_before:
        return
    if not is_known(after.worm_enabled):
        yield NotYetKnown("worm_enabled")
    elif not after.worm_enabled:
        yield Broken(
            "worm_enabled",
            f'"{after.name}" is locked (immutable backup), and the service does not unlock a vault before its data '
            "has expired.",
            "Set worm_enabled=True.",
        )


def aliased(old_name: str, name: str, alias: str) -> str:
    """Return how a resource with another name or parent stays what it was, as a sentence."""
    line = f"opts=pulumi.ResourceOptions(aliases=[{alias}])."
    if old_name == name:
        return f'If "{name}" only got another parent, add to it: {line}'
    return f'If "{old_name}" was renamed, add to "{name}": {line}'


@dataclass(frozen=True)
class SourceLoss:
    """A vault that is to be deleted or replaced."""

    name: str
    """The resource or vault name."""
    vault_id: str
    holds_data: bool | None
    """Whether it holds backup data; ``None``: cannot tell."""
    snapshot_count: int | None
    consent_in_state: bool
    """Whether ``force_destroy`` is in state: the provider's delete never sees new inputs."""
    because: tuple[str, ...] = ()
    """The arguments whose change replaces it; empty: it is deleted, or replaced on request."""
    twin: str = ""
    """The resource name of a vault like it that the same update creates; empty: none."""
    alias: str = ""
    """What makes that one this one: an item of ``aliases`` as it is written in a program."""


@rule("CB303", "Deleting a vault would destroy its backup data")
def destroying_data_has_consent(loss: SourceLoss) -> Iterator[Finding]:
    """Check that a vault that holds backup data is deleted or replaced only where ``force_destroy`` is in state.

    Why it matters: deleting a vault destroys its backups for ever. The argument must be in state before, because a
    delete never sees the new program; so giving consent and deleting are two updates, and never one slip of the pen.

    How to fix it: where the vault only got another name or parent, give it an alias of the old one. Otherwise undo the
    change, or run one update that only adds ``force_destroy=True`` and then make the change.
    """
    if loss.consent_in_state or loss.holds_data is False:
        return
    what = f"Changing {', '.join(loss.because)} replaces" if loss.because else "This deletes"
    if loss.holds_data:
        count = f" ({loss.snapshot_count} backup points)" if loss.snapshot_count else ""
        holds = f"which holds backup data{count} that cannot be restored afterwards"
    else:
        holds = "and whether it holds backup data could not be found out"
    yield Broken(
        loss.because[0] if loss.because else "force_destroy",
        f'{what} vault "{loss.name}" ({loss.vault_id}), {holds}.',
        f"{_undo(loss)} the change; or, if it is meant, first run `pulumi up` with only "
        f'force_destroy=True added to "{loss.name}", then make this change.',
    )


def _undo(loss: SourceLoss) -> str:
    """Return the first words of what to do; where a new vault looks like this one, how it stays what it is."""
    if not loss.twin:
        return "Undo"
    return f"{aliased(loss.name, loss.twin, loss.alias)} Then it keeps its data. Otherwise undo"


@dataclass(frozen=True)
class MirrorLoss:
    """A mirror that is to be deleted or replaced."""

    name: str
    """The resource or vault name."""
    vault_id: str
    source_id: str
    source_region_id: str
    source_status: str | None
    """The live status of the source; ``GONE``; ``None``: cannot tell."""
    consent: str | Unknown | None
    """``allow_last_copy_loss`` as it is in state."""
    because: tuple[str, ...] = ()
    """The arguments whose change replaces it; empty: it is deleted, or replaced on request."""

    @property
    def is_last_copy(self) -> bool | None:
        """Whether the data exists nowhere else; ``None``: cannot tell."""
        return None if self.source_status is None else self.source_status != "CREATED"


@rule("CB307", "The last copy of the data would be destroyed")
def last_copy_is_kept(loss: MirrorLoss) -> Iterator[Finding]:
    """Check that a mirror is deleted or replaced only while its source is there to be copied again.

    Why it matters: with its source gone, in ERROR or out of reach, the mirror may hold the last copy of the data.
    Before a delete, "cannot tell" breaks this rule; a preview, which must not fail then, does not ask it.

    How to fix it: keep the mirror, with ``ExistingVault`` as its source, until the data is restored. To give the data
    up, first put ``allow_last_copy_loss`` with the mirror's own id into state.
    """
    if loss.is_last_copy is False or loss.consent == loss.vault_id:
        return
    match loss.source_status:
        case "GONE":
            state = "is gone"
        case None:
            state = "cannot be reached, so nobody can tell whether it still has the data"
        case status:
            state = f"is in status {status}"
    what = f"Changing {', '.join(loss.because)} would replace" if loss.because else "This would delete"
    yield Broken(
        "source" if not loss.because or loss.because == ("source_vault_id",) else loss.because[0],
        f'{what} mirror vault "{loss.name}" ({loss.vault_id}), but its source {loss.source_id} in '
        f"{loss.source_region_id} {state}: the mirror may hold the last copy of the data.",
        ("Undo the change. " if loss.because else "")
        + f'To keep it, declare its source as ExistingVault("{loss.source_id}", "{loss.source_region_id}") and give it '
        "the vault_name that it has. To give the "
        f'data up, first run `pulumi up` with that and allow_last_copy_loss="{loss.vault_id}", then make this change.',
    )
