"""Handing a vault over: its owner marker is taken off, so that nobody here deletes it and anybody may take it over.

Changes the live vault only; what forgets the resource is ``pulumi state delete``. May be repeated at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.cloud import Deadline, VaultChanges, wait_until
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.resources.holding import is_parked
from pulumi_cloudbackup.resources.lifecycle import Lifecycle
from pulumi_cloudbackup.resources.refusal import Refusal, refusing
from pulumi_cloudbackup.resources.vault_lifecycle import subject_of

if TYPE_CHECKING:
    from pulumi_cloudbackup.estate import LiveVault
    from pulumi_cloudbackup.resources.lifecycle import Subject
    from pulumi_cloudbackup.resources.own_state import OldResource
    from pulumi_cloudbackup.resources.session import Session

_PATIENCE: Final = 10.0
"""Seconds in which the changed description has to be read back."""


class Outcome(str, Enum):
    """What became of the marker."""

    TAKEN_OFF = "taken off"
    """The vault names no owner any more."""
    NOT_THERE = "not there"
    """The vault named no owner before: it was released already, or its description was edited."""
    VAULT_IS_GONE = "vault is gone"
    """The account has no such vault any more."""
    NEVER_CREATED = "never created"
    """The state has an entry without a vault: its create was held."""

    def __str__(self) -> str:
        """Print the words."""
        return self.value


@dataclass(frozen=True)
class Release:
    """What was done to one vault that is handed over."""

    name: str
    """The resource name."""
    vault_id: str
    """Its id; empty where it was never created."""
    region_id: str
    """The region that it lives in."""
    outcome: Outcome


@refusing
def release(session: Session, old: OldResource) -> Release:
    """Take the owner marker off the vault of a resource in the state; raise Refusal where it is somebody else's.

    ``old`` is an entry of the stack's state; its ``account``, ``credentials_hint`` and ``account_id`` say in whose
    account it is: a vault that is only out of sight is not taken for gone.
    """
    subject = subject_of("mirror vault" if old.is_mirror else "vault", old.outputs)
    if is_parked(old.outputs) or not old.vault_id:
        return _done(subject, "", Outcome.NEVER_CREATED)
    live = Lifecycle(session).seen(subject, old.vault_id, old.outputs)
    if live is None:
        return _done(subject, old.vault_id, Outcome.VAULT_IS_GONE)
    if live.parts.owner is None:
        return _done(subject, live.id, Outcome.NOT_THERE)
    _refuse_somebody_elses(subject, live)
    Lifecycle(session).update(subject, live, VaultChanges(description=live.parts.text))
    _insist_that_it_is_off(session, subject, live.id)
    return _done(subject, live.id, Outcome.TAKEN_OFF)


def _done(subject: Subject, vault_id: str, outcome: Outcome) -> Release:
    return Release(subject.name, vault_id, subject.region_id, outcome)


def _refuse_somebody_elses(subject: Subject, live: LiveVault) -> None:
    owner = live.parts.owner or ""
    if owner != subject.owner:
        raise Refusal(
            f"The {subject} ({live.id}) is not released: it is managed by {readable_owner(owner)}, and this stack's "
            f"state says {readable_owner(subject.owner) or 'nobody'}. Run `pulumi up` first if the resource was "
            "renamed; otherwise `pulumi state delete` forgets it here and leaves the vault as it is."
        )


def _insist_that_it_is_off(session: Session, subject: Subject, vault_id: str) -> None:
    """Read the vault back: a state that forgets a vault which still names an owner would orphan it."""

    def is_off() -> bool | None:
        live = session.cloud(subject.account).get_vault(subject.region_id, vault_id)
        return True if live is None or live.parts.owner is None else None

    if wait_until(is_off, Deadline.after(_PATIENCE)) is None:
        raise Refusal(
            f"The {subject} ({vault_id}) still names its owner although the service took the change. Remove "
            "[pulumi:…] from the end of its description in the console, then run the same command again."
        )
