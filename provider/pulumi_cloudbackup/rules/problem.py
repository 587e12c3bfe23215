"""Problems: what is wrong in what the user wrote or asked for. A problem is a value, never an exception."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """How bad a problem is."""

    ERROR = "error"
    """Nothing may be done before it is mended."""
    WARNING = "warning"
    """It may be meant, or it may be wrong: a person should look."""

    def __str__(self) -> str:
        """Print the word."""
        return self.value


@dataclass(frozen=True)
class Problem:
    """Something wrong in what the user wrote or asked for."""

    code: str
    """The permanent code of the rule, such as CB201."""
    severity: Severity
    """Whether it stops anything."""
    summary: str
    """Fixed text without names, the same for every problem of the rule."""
    detail: str
    """What is wrong here and why it matters, in full sentences, with names."""
    fix: str
    """What to do."""
    subjects: tuple[str, ...] = ()
    """Names of the resources that it is about."""
    argument: str | None = None
    """The argument that it is about."""
    waived: str | None = None
    """Why a waiver lets it pass; ``None``: it counts."""
    witness: tuple[str, ...] = ()
    """Steps of a plan in one order that breaks the rule; empty: no order has anything to do with it."""

    @property
    def stops(self) -> bool:
        """Whether nothing may be done before it is mended."""
        return self.severity is Severity.ERROR and self.waived is None

    @property
    def one_line(self) -> str:
        """The problem as one line, for places that add the resource and the property themselves."""
        return " ".join(line.strip() for line in f"{self.code}: {self.detail} {self.fix}".splitlines())
