"""What a plan is made of: changes, steps, problems with a witness, stages, peaks and exposure (design, "The plan").

Values only. Everything is a tuple in a fixed order, so that a plan of the same estates is the same to the byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from pulumi_cloudbackup.estate import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_cloudbackup.rules import Open, Problem


class Action(str, Enum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    NONE = "none"

    def __str__(self) -> str:
        """Print the word."""
        return self.value

    @property
    def ends(self) -> bool:
        """Whether the vault that was there goes, or is forgotten."""
        return self in (Action.REPLACE, Action.DELETE)


class Reason(str, Enum):
    """Why it happens."""

    NEW = "new"
    """It is declared, and nothing of the old state is it."""
    REMOVED = "removed"
    """It is no longer declared."""
    ARGUMENTS = "arguments"
    """Arguments differ."""
    UNSEEN = "not shown"
    """The engine finds a difference in what no plan is shown, such as a secret argument."""
    SOURCE_REPLACED = "source replaced"
    """A mirror follows its source."""
    DEPENDENCY_REPLACED = "dependency replaced"
    """Another resource that it takes values from is replaced."""
    REQUESTED = "requested"
    """The command asks for its replacement, or for its destruction."""
    INTERRUPTED = "interrupted"
    """An earlier run deleted it and did not create it again, or parked its creation."""
    LEFT_TO_DELETE = "left to delete"
    """An earlier run replaced it and did not delete the old one."""
    NOT_TARGETED = "not targeted"
    """The command leaves it as it is."""
    UNCHANGED = "unchanged"
    """Nothing differs."""

    def __str__(self) -> str:
        """Print the words."""
        return self.value


class Op(str, Enum):
    """What one step does, in the engine's words."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    CREATE_REPLACEMENT = "create-replacement"
    DELETE_REPLACED = "delete-replaced"
    BARRIER = "barrier"
    """No call: everything before it has ended before anything after it begins."""

    def __str__(self) -> str:
        """Print the word."""
        return self.value

    @property
    def creates(self) -> bool:
        """Whether it brings a vault into being."""
        return self in (Op.CREATE, Op.CREATE_REPLACEMENT)

    @property
    def deletes(self) -> bool:
        """Whether it ends a vault."""
        return self in (Op.DELETE, Op.DELETE_REPLACED)


@dataclass(frozen=True)
class FieldChange:
    """One argument that differs."""

    path: str
    """The argument; inside a mapping with its key, such as ``tags.team``."""
    before: Any
    """Its old value; ``None``: it had none."""
    after: Any
    """Its new value; ``UNKNOWN``: known only after apply."""
    replaces: bool
    """Whether the difference replaces the resource."""

    @property
    def is_unseen(self) -> bool:
        """Whether neither value is shown, as with secrets."""
        return self.before is UNKNOWN and self.after is UNKNOWN


@dataclass(frozen=True)
class Change:
    """What happens to one resource, and why."""

    name: str
    """The name that reports use; of a renamed resource the new one."""
    urn: str
    """Its URN; of a resource that is deleted the old one."""
    kind: str
    """``Vault`` or ``MirrorVault``."""
    account: str
    """The account that it is in."""
    action: Action
    reason: Reason
    fields: tuple[FieldChange, ...] = ()
    """The arguments that differ, in the order of the kind's arguments."""
    old_urn: str = ""
    """The URN that it had, where that was another one."""
    create_first: bool = False
    """Whether its replacement is created before the old one is deleted."""
    left_by: Literal["", "retain_on_delete", "deleted_with"] = ""
    """The option because of which the state only forgets its old vault; empty: none does."""
    left_in: str = ""
    """The region in which that vault stays."""

    @property
    def is_forgotten(self) -> bool:
        """Whether the resource goes and its vault stays."""
        return self.action is Action.DELETE and self.left_by != ""


@dataclass(frozen=True)
class Step:
    """One call to the cloud that changes it, or a barrier."""

    id: str
    """Its name in the plan, such as ``delete-replaced orders-dr``."""
    op: Op
    name: str = ""
    """The name that reports use for the resource; empty for a barrier."""
    urn: str = ""
    kind: str = ""
    region_id: str = ""
    """Where the vault is; empty: known only after apply."""
    account: str = ""
    after: tuple[str, ...] = ()
    """Ids of the steps that the engine guarantees to have ended before, transitively reduced."""


@dataclass(frozen=True)
class Stage:
    """One engine run on the way."""

    command: str
    """The command of Pulumi, complete but for the directory and the stack."""
    targets: tuple[str, ...]
    """URNs that alone are touched; empty: all."""
    excludes: tuple[str, ...]
    """URNs that are left as they are."""
    holds: tuple[str, ...]
    """URNs whose creation waits for a later stage."""
    steps: tuple[str, ...]
    """Ids of the steps that it takes, in one order that the engine may choose."""
    bare_sources: tuple[str, ...]
    """Names of sources that have no mirror when it ends and get one in a later stage; not of those that had none."""


@dataclass(frozen=True)
class Peak:
    """The most that an account uses of one quota at any moment of the update."""

    quota: str
    """``mirrors_per_region`` or ``vaults``."""
    region_id: str
    """The region that is counted; empty: the whole account."""
    account: str
    initial: int
    """What is there before."""
    peak: int
    """The most that there may be, in the worst order."""
    limit: int
    lower_bound: bool
    """Whether there may be more that nobody told."""


@dataclass(frozen=True)
class Exposure:
    """For how long a source has no complete mirror."""

    source: str
    """The name of the source."""
    minutes: int
    """From the deletion of its mirror until the successor holds the history, where nothing is waited for between."""
    reason: str
    """What it is made of, in words."""
    lower_bound: bool = False
    """Whether it may take longer: nobody tells how much there is to copy, or how much later a stage is run."""


@dataclass(frozen=True)
class Plan:
    """Changes, steps, the order that the engine guarantees, the problems found in it, and safe stages."""

    changes: tuple[Change, ...]
    """Everything that changes: by kind of action (deletions and replacements first), then by account and name."""
    unchanged: Sequence[Change]
    """Everything that stays as it is."""
    steps: tuple[Step, ...]
    """In one order that the engine may choose."""
    problems: tuple[Problem, ...]
    """Data loss first, then by code and resource; ``witness`` names step ids of this plan."""
    not_yet_known: tuple[Open, ...]
    """Rules that wait for a value."""
    stages: tuple[Stage, ...]
    """Safe engine runs that lead to the same end; one plain run where that is safe, none where nothing is."""
    stages_optimal: bool
    """Whether it is proven that no sequence is better by the plan's objective; otherwise there may be one."""
    peaks: tuple[Peak, ...]
    """Every quota that this update adds to."""
    exposure: tuple[Exposure, ...]
    """Every source that is bare for a time."""
    inputs_digest: str
    """A digest of what was planned from."""
    verified_live: bool
    """Whether the live account was asked."""
    command: str = "up"
    """The command that the plan is for."""
    notes: tuple[str, ...] = ()
    """What a person should know beside."""
