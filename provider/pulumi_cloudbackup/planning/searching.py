"""Two or three runs found by trying everything: the last resort for changes of few resources.

Every resource that takes part is in the first run, excluded until a later one, or held from one to another; a sequence
is taken if its runs, analysed one by one, are safe and lead to the end.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.planning.plan import Action
from pulumi_cloudbackup.planning.sequences import Span, run_through
from pulumi_cloudbackup.planning.waits import is_only_created

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pulumi_cloudbackup.planning.analysis import Analysis
    from pulumi_cloudbackup.planning.changing import Item
    from pulumi_cloudbackup.planning.peaks import Pool, Quotas

_MOST_ITEMS: Final = {2: 8, 3: 5}
"""How many resources take part at most, by the number of runs."""
_MOST_WORK: Final = 100_000
"""How many resources are looked at in all the sequences that are tried: a large estate gets fewer tries."""


def searched(  # noqa: PLR0913, PLR0917 - what is searched, and how far
    plain: Analysis,
    positions: Collection[int],
    count: int,
    held: Collection[str],
    quotas: Quotas,
    initial: Counter[Pool],
) -> list[Analysis] | None:
    """Return the first safe sequence of a number of runs, those that put off least first.

    ``positions``: what takes part; ``held``: the URNs of what is held, not excluded.
    """
    if len(positions) > _MOST_ITEMS[count]:
        return None
    items = [item for item in plain.items if item.position in positions and item.action is not Action.NONE]
    followers = _followers(plain)
    tries = _MOST_WORK // max(1, len(plain.items))
    for spans in _all_spans(items, count, held):
        if _is_possible(plain, spans, followers):
            stages = run_through(plain, spans, quotas, initial)
            tries -= 1
            if stages is not None or tries <= 0:
                return stages
    return None


def _all_spans(items: Sequence[Item], count: int, held: Collection[str]) -> Iterator[dict[int, Span]]:
    """Yield every way to put off some resources, few first."""
    choices = {item.position: list(_spans(item, count, held)) for item in items}
    for size in range(1, len(items) + 1):
        for some in combinations(choices, size):
            for spans in product(*(choices[position] for position in some)):
                if max(span.last for span in spans) == count:
                    yield dict(zip(some, spans, strict=True))


def _spans(item: Item, count: int, held: Collection[str]) -> Iterator[Span]:
    """Yield the ways to put one resource off."""
    can_be_held = item.new is not None and item.action in (Action.CREATE, Action.REPLACE) and item.is_mirror
    for last in range(2, count + 1):
        if item.urn in held and is_only_created(item):
            yield Span(1, last)
            continue
        yield Span(last, last)
        yield from (Span(first, last) for first in range(1, last) if can_be_held)


def _followers(plain: Analysis) -> Mapping[str, list[int]]:
    """Return who depends on each new resource, by its URN."""
    found: dict[str, list[int]] = {item.urn: [] for item in plain.items if item.action is Action.CREATE}
    for item in plain.items:
        for urn in item.new.depends_on if item.new is not None else ():
            if urn in found:
                found[urn].append(item.position)
    return found


def _is_possible(plain: Analysis, spans: Mapping[int, Span], followers: Mapping[str, list[int]]) -> bool:
    """Whether nothing is touched in a run that excludes something new which it needs."""
    firsts = {item.urn: spans[item.position].first for item in plain.items if item.position in spans}
    now = Span(1, 1)
    return all(
        spans.get(position, now).first >= first for urn, first in firsts.items() for position in followers.get(urn, ())
    )
