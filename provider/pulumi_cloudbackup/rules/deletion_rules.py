"""What stands against deleting one vault or mirror: CB302, CB304, CB305, CB306.

Facts about the live vault and the moment are arguments; ``None`` says that the caller cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate import Unknown, is_known
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, Verdict, judge, rule
from pulumi_cloudbackup.rules.problem import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

YOUNG_SECONDS: Final = 2 * 60 * 60
"""How old a vault must be before it can be deleted while it is INITIALIZING (hbr-api.md 5.6)."""


@dataclass(frozen=True)
class Deletion:
    """A vault or mirror that is to be deleted or replaced."""

    name: str
    """The resource or vault name."""
    vault_id: str | None = None
    status: str | None = None
    """UNKNOWN, INITIALIZING, CREATED or ERROR."""
    created_time: int | None = None
    """Its creation, in UNIX seconds."""
    as_of: int | None = None
    """The moment that is judged, in UNIX seconds."""
    is_locked: bool | Unknown | None = None
    """Whether it is locked (immutable backup)."""
    source_is_locked: bool | Unknown | None = None
    """Mirrors: whether its source is locked, which locks the mirror too."""
    holds_data: bool | Unknown | None = None
    """Whether it holds backup data."""
    is_backup_target: bool | None = None
    """Whether a backup policy writes to it."""
    because: tuple[str, ...] = ()
    """The arguments whose change replaces it; empty: it is deleted, or replaced on request."""

    @property
    def in_words(self) -> str:
        """The name, with the id where there is one."""
        return f'"{self.name}" ({self.vault_id})' if self.vault_id else f'"{self.name}"'

    @property
    def argument(self) -> str:
        """The argument that a problem is about."""
        return self.because[0] if self.because else "id"

    @property
    def what_happens(self) -> str:
        """What is done, as the beginning of a sentence."""
        return f"Changing {', '.join(self.because)} replaces" if self.because else "This deletes"


@rule("CB302", "Vault is too young to be deleted", Severity.WARNING)
def initializing_vault_is_old_enough(deletion: Deletion) -> Iterator[Finding]:
    """Check that a vault that is to be deleted is not INITIALIZING and younger than two hours, both at once.

    Why it matters: the service refuses to delete it before then, so the update waits and may give up. It is a warning,
    because the vault is usually ready within minutes, and one in status CREATED can be deleted at any age.

    How to fix it: wait until the vault is CREATED, or until it is two hours old, and run the update again.
    """
    if deletion.status != "INITIALIZING":
        return
    if deletion.created_time is None or deletion.as_of is None:
        yield NotYetKnown("created_time")
    elif deletion.as_of - deletion.created_time < YOUNG_SECONDS:
        left = -(-(YOUNG_SECONDS - (deletion.as_of - deletion.created_time)) // 60)
        yield Broken(
            deletion.argument,
            f"{deletion.what_happens} {deletion.in_words}, which is INITIALIZING and younger than two hours. The "
            "service does not delete such a vault yet.",
            f"Wait until it is CREATED, or {left} minutes, and run the update again.",
        )


@rule("CB305", "Locked vault would be deleted", Severity.ERROR, also=Severity.WARNING)
def locked_vault_is_kept(deletion: Deletion) -> Iterator[Finding]:
    """Check that a vault that is locked by immutable backup (WORM), or the mirror of one, is not deleted or replaced.

    Why it matters: nobody, the account's owner included, can delete locked data before its retention ends. The service
    refuses, and the update stops half-way. It is an error where the vault holds data, and a warning where it is empty
    or nobody can tell, because no document says whether an empty locked vault can be deleted.

    How to fix it: keep the vault until its data has expired: undo the change that replaces it, or take it out of the
    program without deleting it (``cloudbackup release``).
    """
    if deletion.holds_data is False or deletion.holds_data is None or not is_known(deletion.holds_data):
        severity = Severity.WARNING
    else:
        severity = Severity.ERROR
    locks = (deletion.is_locked, deletion.source_is_locked)
    if any(lock is True for lock in locks):
        what = "it is locked (immutable backup)" if locks[0] is True else "its source is locked (immutable backup)"
        data = "and holds data" if severity is Severity.ERROR else "and may hold data"
        yield Broken(
            deletion.argument,
            f"{deletion.what_happens} {deletion.in_words}, but {what} {data}. The service does not delete locked data "
            "before its retention ends.",
            "Undo the change, or take the vault out of the program without deleting it: `cloudbackup release`.",
            severity,
        )
    elif any(lock is not None and not is_known(lock) for lock in locks):
        yield NotYetKnown("worm_enabled")


@rule("CB306", "Vault that a backup policy writes to would be deleted")
def backup_target_is_kept(deletion: Deletion) -> Iterator[Finding]:
    """Check that no backup policy writes to a vault that is to be deleted or replaced.

    Why it matters: the service refuses to delete a vault that a policy names (VaultBoundPolicyCannotBeDeleted), and the
    update stops half-way. If it did delete it, the next backups would have no place to go.

    How to fix it: let the policy write to another vault, or delete the policy, and then delete the vault.
    """
    if deletion.is_backup_target:
        yield Broken(
            deletion.argument,
            f"{deletion.what_happens} {deletion.in_words}, but a backup policy writes to it. The service does not "
            "delete a vault that a policy names.",
            "First let the policy write to another vault, or delete the policy.",
        )


@dataclass(frozen=True)
class MirroredSource:
    """A vault that is to be deleted or replaced while a mirror copies it that this stack does not delete."""

    name: str
    """The resource name."""
    vault_id: str
    mirror: str
    """The mirror in words."""
    because: tuple[str, ...] = ()
    """The arguments whose change replaces the vault; empty: it is deleted, or replaced on request."""


@rule("CB304", "Source deleted while a mirror vault copies it")
def mirror_goes_before_its_source(mirrored: MirroredSource) -> Iterator[Finding]:
    """Check that a source is deleted or replaced only when its mirror is deleted before it.

    Why it matters: the service does not delete a vault that a mirror still copies (CannotDeleteReplicationSourceVault),
    and the update stops half-way. A mirror that another stack or nobody manages is not deleted by this program.

    How to fix it: delete the mirror where it is managed, then change the source; or undo the change.
    """
    what = f"Changing {', '.join(mirrored.because)} replaces" if mirrored.because else "This deletes"
    keep = f" To keep the vault and not declare it any more: `cloudbackup release {mirrored.name}`."
    release = "" if mirrored.because else keep
    yield Broken(
        mirrored.because[0] if mirrored.because else "id",
        f'{what} vault "{mirrored.name}" ({mirrored.vault_id}), but {mirrored.mirror} still copies it, and this '
        "program does not delete that one. The service does not delete a vault that a mirror vault copies.",
        f"Undo the change, or first delete the mirror vault where it is managed.{release}",
    )


def judge_deletion(deletion: Deletion) -> Verdict:
    """Judge what stands against a delete or a replacement, apart from the loss of data (CB303, CB307)."""
    return judge(("CB302", "CB305", "CB306"), deletion.name, deletion)


@dataclass(frozen=True)
class Protected:
    """A protected resource that would be deleted or replaced."""

    name: str
    """The resource name."""
    because: tuple[str, ...] = ()
    """The arguments whose change replaces it; empty: it is deleted, or replaced on request."""


@rule("CB308", "Protected resource would be deleted or replaced")
def protected_resource_is_kept(protected: Protected) -> Iterator[Finding]:
    """Check that nothing is deleted or replaced that has the option ``protect`` in state.

    Why it matters: Pulumi refuses it, also in a preview; in an update it may notice only after other resources have
    been changed.

    How to fix it: undo the change, or first run one update that only removes ``protect``.
    """
    what = f"Changing {', '.join(protected.because)} replaces" if protected.because else "This deletes"
    yield Broken(
        protected.because[0] if protected.because else "protect",
        f'{what} "{protected.name}", which is protected: Pulumi refuses that.',
        f'Undo the change; or, if it is meant, first run `pulumi up` with only protect=False on "{protected.name}".',
    )
