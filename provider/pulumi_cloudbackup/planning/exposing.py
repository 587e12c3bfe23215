"""How exposed a sequence of runs leaves sources, and whether it is proven that no sequence is better.

A sequence is one of ``pulumi up`` runs, each with excludes and held creations, that are safe in every order and lead to
the end. A source *must* be bare at some boundary of two runs where its old and its new mirror are two resources that
the engine does not order: no run may both delete the one and create the other. The better sequence has fewer sources
bare at one boundary, then fewer runs, then fewer bare sources at all boundaries together; with ``fewest`` the number of
runs comes first. Sources that must be bare are counted together only where moves of mirrors link them: a change does
not take more runs because another one has nothing to do with it.

To have searched proves little, for only some sequences are. What holds for all of them: those that link n sources that
must be bare, and leave one of these bare at a time, have n boundaries; and there are two runs at least where a plain
one is not safe, three where no pair of runs is as good and all of them were tried.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from pulumi_cloudbackup.planning.circles import components
from pulumi_cloudbackup.planning.sequences import bare_after

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pulumi_cloudbackup.planning.analysis import Analysis

Strategy: TypeAlias = Literal["exposure", "fewest"]
_PAIR: Final = 2


class Score(NamedTuple):
    """How good a sequence is: the less, the better."""

    first: int
    """The most sources that are bare at one boundary; with ``fewest`` the number of runs."""
    second: int
    """The other one of these."""
    bare: int
    """Bare sources at all boundaries together."""


class Ruler:
    """What sequences for one change are measured by."""

    def __init__(self, plain: Analysis, strategy: Strategy) -> None:
        """Find out which sources must be bare, and which moves are linked."""
        self.must = _must_be_bare(plain)
        self._is_fewest = strategy == "fewest"
        self._links = _links(plain)

    def score(self, stages: Sequence[Analysis]) -> Score:
        """Return how good a sequence is."""
        bare = bare_after(stages)
        most = max(map(self._count, bare), default=0)
        first, second = (len(bare), most) if self._is_fewest else (most, len(bare))
        return Score(first, second, sum(map(len, bare)))

    def is_proven(self, stages: Sequence[Analysis], *, tried_all: bool) -> bool:
        """Whether no sequence is better than one; ``tried_all``: all pairs of runs were tried, and none is."""
        if self._is_fewest and len(stages) == _PAIR and tried_all:
            return True
        bare = bare_after(stages)
        if Counter(source for one in bare for source in one) != Counter(self.must):
            return False
        least = _PAIR + 1 if tried_all else _PAIR
        if self._is_fewest and len(stages) == _PAIR:
            return True
        if not self._is_fewest:
            least = max(least, 1 + self._count(self.must))
        return len(stages) <= least and all(self._count(one) <= 1 for one in bare)

    def _count(self, sources: Collection[str]) -> int:
        """Return how many of some sources are bare together: of those that must be, the most that are linked."""
        groups = Counter(self._links.get(one, one) for one in sources if one in self.must)
        return sum(one not in self.must for one in sources) + max(groups.values(), default=0)


def _links(plain: Analysis) -> dict[str, int | str]:
    """Give vaults one number that moving mirrors link."""
    links: dict[str, set[str]] = {}
    for item in plain.items:
        if item.is_mirror and item.deletes and item.creates and item.old is not None:
            ends = {one for one in (item.old.source, item.source_after) if one is not None}
            for one in ends:
                links.setdefault(one, set()).update(ends)
    return {**components(links)}


def _must_be_bare(plain: Analysis) -> set[str]:
    """Return the vaults that stay and that no sequence spares a boundary without a mirror."""
    found = set()
    for hazard in plain.hazards:
        owner = plain.roots.owners.get(hazard.source)
        stays = owner is None or (owner.before == hazard.source and not owner.deletes)
        if stays and hazard.code in ("CB401", "CB402") and hazard.goes is not hazard.comes:
            found.add(hazard.source)
    return found
