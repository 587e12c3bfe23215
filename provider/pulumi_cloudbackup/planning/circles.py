"""What goes round in a circle: who is in it, by name, and which nodes of a graph lead to one another.

Components are Tarjan's (1972), without recursion: a rotation of ten thousand mirrors is one circle.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, TypeVar

from pulumi_cloudbackup.planning.world import PlanError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

Node = TypeVar("Node")


def circle_of(needs: Mapping[str, Collection[str]]) -> str:
    """Return the names of one circle of dependencies, the first one again at its end; empty: there is none.

    ``needs``: by URN the URNs of what a resource depends on.
    """
    # Whoever is in a circle depends on something that depends on something.
    inner = {urn: [one for one in sorted(urns) if one in needs] for urn, urns in sorted(needs.items())}
    try:
        TopologicalSorter(inner).prepare()
    except CycleError as error:
        found: list[str] = error.args[1][:0:-1]
        start = found.index(min(found))
        return " → ".join(_name(urn) for urn in (*found[start:], *found[: start + 1]))
    return ""


def _name(urn: str) -> str:
    name = urn.rpartition("::")[2]
    return name if name.isprintable() and name else repr(name)


def no_way(needs: Mapping[str, Collection[str]], whose: str = "The dependencies") -> PlanError:
    """Return the error that says that dependencies go round in a circle, and in which one."""
    circle = circle_of(needs)
    return PlanError(f"{whose} go round in a circle{f': {circle}' if circle else ''}.")


def components(graph: Mapping[Node, Collection[Node]]) -> dict[Node, int]:
    """Return the number of each node's component; what a node leads to has the same number as it, or a lower one."""
    found: dict[Node, int] = {}
    order: dict[Node, int] = {}
    lowest: dict[Node, int] = {}
    open_: list[Node] = []
    count = 0
    for start in graph:
        if start in order:
            continue
        way: list[tuple[Node, Iterator[Node]]] = []
        order[start] = lowest[start] = len(order)
        open_.append(start)
        way.append((start, iter(graph[start])))
        while way:
            node, rest = way[-1]
            for after in rest:
                if after not in order:
                    order[after] = lowest[after] = len(order)
                    open_.append(after)
                    way.append((after, iter(graph.get(after, ()))))
                    break
                if after not in found:
                    lowest[node] = min(lowest[node], order[after])
            else:
                way.pop()
                if way:
                    above = way[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                if lowest[node] == order[node]:
                    while (last := open_.pop()) != node:
                        found[last] = count
                    found[node] = count
                    count += 1
    return found
