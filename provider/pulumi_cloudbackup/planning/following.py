"""Which declared resources the engine surely hears of after others: those that depend on them, however indirectly."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_cloudbackup.planning.world import World


class Followers:
    """What follows each declared resource; worked out when it is first asked."""

    def __init__(self, world: World) -> None:
        """Remember the world."""
        self._world = world
        self._direct: dict[str, list[str]] = {}
        self._known: dict[str, frozenset[str]] = {}

    def of(self, urn: str) -> frozenset[str]:
        """Return the URNs of everything that depends on a resource."""
        if urn not in self._known:
            direct = self._all_direct()
            found: set[str] = set()
            waiting = [urn]
            while waiting:
                more = [one for one in direct.get(waiting.pop(), ()) if one not in found]
                found.update(more)
                waiting.extend(more)
            self._known[urn] = frozenset(found)
        return self._known[urn]

    def _all_direct(self) -> dict[str, list[str]]:
        if not self._direct:
            direct = defaultdict(list)
            for new in self._world.news:
                for urn in new.depends_on:
                    direct[urn].append(new.urn)
            for foreign in self._world.new_foreign.values():
                for urn in foreign.depends_on:
                    direct[urn].append(foreign.urn)
            self._direct = dict(direct)
        return self._direct
