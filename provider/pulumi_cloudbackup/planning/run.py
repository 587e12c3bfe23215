"""One engine run that a plan is made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Run:
    """A command of Pulumi, as far as it decides what happens; resources are named by URN, old or new."""

    kind: Literal["up", "destroy"] = "up"
    targets: frozenset[str] = frozenset()
    """The resources that alone are touched; empty: all. ``--target-dependents`` is not planned."""
    excludes: frozenset[str] = frozenset()
    """The resources that are left as they are."""
    replaces: frozenset[str] = frozenset()
    """The resources that are replaced whatever their arguments say."""
    holds: frozenset[str] = frozenset()
    """The resources whose creation waits for a later run."""

    def touches(self, *urns: str) -> bool:
        """Whether a resource of these URNs, its old one and its new one, may be changed."""
        if self.targets and not any(urn in self.targets for urn in urns):
            return False
        return not any(urn in self.excludes for urn in urns)
