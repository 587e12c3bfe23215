"""What goes round in circles: the strongly connected components of a graph, in time that grows with its size.

Tarjan's algorithm (1972) without recursion: a rotation of ten thousand mirrors is one circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

Node = TypeVar("Node")


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
