"""What a policy is: a name, a sentence, a level, and a function that finds what breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, overload

if TYPE_CHECKING:
    from pulumi_cloudbackup.policies.proposal import Proposal

Level: TypeAlias = Literal["mandatory", "advisory"]
LEVELS: Final = ("mandatory", "advisory")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class PolicyError(ValueError):
    """A policy is not one, or it failed; the message names it, with the place where it is written."""


@dataclass(frozen=True)
class Violation:
    """Something that breaks a policy."""

    subject: str
    """The name of the resource that it is about."""
    message: str
    """What is wrong, in a full sentence with names."""
    fix: str = ""
    """What to do, in a full sentence; empty: the message says it."""
    argument: str | None = None
    """The argument that it is about."""

    def __post_init__(self) -> None:
        """Refuse what no report could tell: raise TypeError."""
        for name in ("subject", "message", "fix"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"the {name} of a Violation is a text, and no {type(getattr(self, name)).__name__}")


@dataclass(frozen=True)
class NotYetKnown:
    """A policy cannot be judged for a resource before a value is known; it is told, and never taken for fine."""

    subject: str
    """The name of the resource."""
    argument: str
    """The argument whose value is not known yet."""

    def __post_init__(self) -> None:
        """Refuse what no report could tell: raise TypeError."""
        for name in ("subject", "argument"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"the {name} of NotYetKnown is a text, and no {type(getattr(self, name)).__name__}")


Finding: TypeAlias = Violation | NotYetKnown
Check: TypeAlias = Callable[["Proposal"], "Iterable[Finding | str] | None"]
"""Looks at a proposal; a text that it yields is a violation that is about no single resource."""


@dataclass(frozen=True)
class Policy:
    """Something that a team demands."""

    name: str
    """Its permanent name in reports: lower case words joined by hyphens, such as ``every-vault-is-mirrored``."""
    summary: str
    """What it demands, in one sentence without names of resources."""
    check: Check
    level: Level = "mandatory"
    """``mandatory``: what breaks it is an error; ``advisory``: a warning."""
    needs_plan: bool = False
    """Whether it looks at an update, not only at what is declared."""

    def __post_init__(self) -> None:
        """Refuse what reports could not tell: raise PolicyError."""
        if not _NAME.fullmatch(self.name):
            raise PolicyError(
                f"A policy cannot be called {self.name!r}: use lower case words joined by hyphens, such as "
                "vaults-have-owners."
            )
        if self.level not in LEVELS:
            raise PolicyError(f"The level of policy {self.name} is {self.level!r}: it is mandatory or advisory.")

    def named(self, name: str) -> Policy:
        """Return the same policy with another name, as two of one kind in a list need; raise PolicyError."""
        return Policy(name, self.summary, self.check, self.level, self.needs_plan)

    def advisory(self) -> Policy:
        """Return the same policy as one that only warns."""
        return Policy(self.name, self.summary, self.check, "advisory", self.needs_plan)


@overload
def policy(check: Check, /) -> Policy: ...
@overload
def policy(
    *, name: str | None = None, level: Level = "mandatory", needs_plan: bool = False
) -> Callable[[Check], Policy]: ...
def policy(
    check: Check | None = None,
    /,
    *,
    name: str | None = None,
    level: Level = "mandatory",
    needs_plan: bool = False,
) -> Policy | Callable[[Check], Policy]:
    """Make a policy of a function: its name with hyphens is the policy's, the first line of its docstring the summary.

        @policy
        def finance_uses_kms(proposal):
            \"\"\"Vaults of the finance team are encrypted with KMS.\"\"\"
            for vault in proposal.vaults:
                if proposal.has_tags(vault, {"team": "finance"}) and vault.encrypt_type != "KMS":
                    yield Violation(vault.name, f'"{vault.name}" is not encrypted with KMS.')

    :param name: Another name.
    :param level: ``mandatory`` or ``advisory``.
    :param needs_plan: Whether it reads ``proposal.plan`` or ``proposal.current``; it is left out where there is none.
    :raises PolicyError: The name or the level is none.
    """

    def made(function: Check) -> Policy:
        called = name if name is not None else getattr(function, "__name__", "policy").strip("_").replace("_", "-")
        told = (function.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        return Policy(called, f"{told or called.replace('-', ' ').capitalize()}.", function, level, needs_plan)

    return made(check) if check is not None else made
