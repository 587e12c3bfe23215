"""What an existing vault must be like to be taken over: CB112, CB113."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_cloudbackup.rules.book import Broken, Finding, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Adoption:
    """A vault that a resource is to take over instead of creating one."""

    name: str
    """The resource name."""
    vault_id: str
    region_id: str
    exists: bool
    """Whether the account has it in that region."""
    unlike: str | None = None
    """In which fact that cannot be changed it differs; ``None``: in none."""
    manager: str = ""
    """Who manages it, where that is somebody else: project, stack and name."""
    status: str = "CREATED"
    """Its status once it is settled."""
    rival: str = ""
    """Another resource of the program that is to take it over too."""
    holder: str = ""
    """The resource of this stack that has it already."""


@rule("CB112", "Existing vault that cannot be taken over")
def adopted_vault_fits(adoption: Adoption) -> Iterator[Finding]:
    """Check that the vault that ``adopt_id`` names exists, is managed by nobody, and agrees in all that is fixed.

    Why it matters: what was decided when a vault was created (its kind, source, encryption) cannot be changed
    afterwards, and two stacks that manage one vault undo each other's work, up to deleting it.

    How to fix it: declare the vault as it is; or take it out of the other stack first; or remove ``adopt_id`` to have a
    new one created.
    """
    what = f'Vault {adoption.vault_id} cannot be taken over as "{adoption.name}"'
    if not adoption.vault_id:
        yield Broken(
            "adopt_id",
            f'adopt_id of "{adoption.name}" is empty, so a new vault would be created instead of taking one over.',
            "Give adopt_id the id of a vault, or leave it out.",
        )
    elif adoption.rival:
        yield Broken(
            "adopt_id",
            f'{what}: the program lets "{adoption.rival}" take it over too, and a vault has one owner.',
            "Keep adopt_id on one of them.",
        )
    elif adoption.holder:
        yield Broken(
            "adopt_id",
            f'{what}: it is the vault of "{adoption.holder}", which this stack manages, and what the program no longer '
            "declares is deleted.",
            f'Remove adopt_id; if "{adoption.holder}" was renamed, give the new resource an alias of it.',
        )
    elif not adoption.exists:
        yield Broken(
            "adopt_id",
            f"{what}: there is no such vault in {adoption.region_id}.",
            "Correct adopt_id or region_id, or remove adopt_id to have a new one created.",
        )
    elif adoption.unlike is not None:
        yield Broken(
            "adopt_id",
            f"{what}: {adoption.unlike}. That cannot be changed on an existing vault.",
            "Declare it as it is, or remove adopt_id to have a new one created.",
        )
    elif adoption.manager:
        yield Broken(
            "adopt_id",
            f"{what}: it is managed by {adoption.manager}. Two stacks that manage one vault undo each other's work.",
            "Take it out of that stack first: `cloudbackup release` there also takes the marker off its description.",
        )
    elif adoption.status != "CREATED":
        yield Broken(
            "adopt_id",
            f"{what}: it is in status {adoption.status}.",
            "Look at it in the console, and take it over when it is in status CREATED.",
        )


@dataclass(frozen=True)
class Attempt:
    """An existing vault that says it belongs to a resource that state does not know."""

    name: str
    """The resource name."""
    vault_id: str
    region_id: str
    doubt: str
    """Why it is not surely what an interrupted run of that resource created."""


@rule("CB113", "Vault of the same owner in the way")
def own_attempt_is_sure(attempt: Attempt) -> Iterator[Finding]:
    """Check that a vault that says it belongs to a new resource is surely what an interrupted run of it created.

    Why it matters: such a vault is taken up instead of creating another one. Where it holds data, is older than a day
    or differs in what cannot be changed, it may be another vault that somebody needs, so a person has to decide.

    How to fix it: take it over with ``adopt_id``, or remove the marker from its description to have a new one created.
    """
    yield Broken(
        "adopt_id",
        f'There is already a vault {attempt.vault_id} in {attempt.region_id} that says it belongs to "{attempt.name}", '
        f"which the stack's state does not know, and {attempt.doubt}. Nothing is created beside it.",
        f'To take it over, add adopt_id="{attempt.vault_id}" to "{attempt.name}"; to have a new one, remove the marker '
        "from its description.",
    )
