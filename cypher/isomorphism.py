"""Whether two graphs are the same but for the ids of their nodes: what a writing query left is compared by this.

Colour refinement tells nodes apart by what they hold and whom they are joined to. Nodes that it leaves alike are set
apart one by one, which is tried until it fits.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import NamedTuple, TypeAlias

from cypher.compare import canonicalize_value, cluster_numbers
from cypher.run import GraphState

_MAX_REFINEMENTS = 2000

_End: TypeAlias = tuple[str, Hashable, int]  # a relationship at a node: its direction, its content, the other node


class UndecidedError(Exception):
    """Two graphs so even that they could not be compared in reasonable time."""


class _Graph(NamedTuple):
    """What each node holds, and how many relationships of one content and direction join it to which other node."""

    content: dict[int, Hashable]
    ends: dict[int, Counter[_End]]


def same_graph(gold: GraphState, got: GraphState) -> bool:
    """Whether there is a mapping of nodes under which labels, properties and relationships are equal, values by the
    rules of `cypher.compare`. Raises `UndecidedError` where too many nodes look alike."""
    if len(gold.nodes) != len(got.nodes) or len(gold.relationships) != len(got.relationships):
        return False
    values = [*gold.nodes.values(), *got.nodes.values()]
    edges = [edge for _, edge, _ in (*gold.relationships, *got.relationships)]
    numbers = cluster_numbers([*values, *edges])
    left, right = (_read_graph(state, numbers) for state in (gold, got))
    if left == right:  # the usual case: both started from one graph, and did the same in the same order
        return True
    return _match(*(_merge_twins(graph) for graph in (left, right)))


def _read_graph(state: GraphState, numbers: dict[float, float]) -> _Graph:
    ends: dict[int, Counter[_End]] = {node: Counter() for node in state.nodes}
    for start, edge, end in state.relationships:
        value = canonicalize_value(edge, numbers)
        ends[start]["out", value, end] += 1
        ends[end]["in", value, start] += 1
    return _Graph({node: canonicalize_value(value, numbers) for node, value in state.nodes.items()}, ends)


def _merge_twins(graph: _Graph) -> _Graph:
    """Keeps one of the nodes that hold the same and are joined to the very same nodes, and how many they are."""
    twins: dict[Hashable, list[int]] = defaultdict(list)
    for node, value in graph.content.items():
        twins[value, frozenset(graph.ends[node].items())].append(node)
    content: dict[int, Hashable] = {nodes[0]: (graph.content[nodes[0]], len(nodes)) for nodes in twins.values()}
    ends = {node: Counter({end: n for end, n in graph.ends[node].items() if end[-1] in content}) for node in content}
    return _Graph(content, ends)


def _match(left: _Graph, right: _Graph) -> bool:
    names: dict[Hashable, int] = {}  # the two are coloured together, so that a colour says the same in both
    colours = [
        {node: names.setdefault(value, len(names)) for node, value in graph.content.items()} for graph in (left, right)
    ]
    # Each level of the search is a pair of colourings that may still fit: of alike nodes the first one of the left
    # graph is set apart, and each of the right graph in turn.
    levels = [iter([colours])]
    for _ in range(_MAX_REFINEMENTS):
        trial = next(levels[-1], None)
        if trial is None:
            levels.pop()
            if not levels:
                return False
            continue
        refined = _refine((left, right), trial)
        if refined is None:
            continue
        classes: dict[int, list[int]] = defaultdict(list)
        for node, colour in refined[0].items():
            classes[colour].append(node)
        alike = min((nodes for nodes in classes.values() if len(nodes) > 1), key=len, default=None)
        if alike is None:
            return True
        colour = refined[0][alike[0]]
        others = [node for node, other in refined[1].items() if other == colour]
        levels.append(iter([[refined[0] | {alike[0]: -1}, refined[1] | {node: -1}] for node in others]))
    raise UndecidedError("the graphs are too even to be compared")


def _refine(graphs: tuple[_Graph, _Graph], colours: list[dict[int, int]]) -> list[dict[int, int]] | None:
    """Tells nodes apart by the colours they are joined to, as long as that tells more apart; None where the two graphs
    do not have as many nodes of each colour."""
    while True:
        names: dict[Hashable, int] = {}
        finer = []
        for graph, old in zip(graphs, colours, strict=True):
            new = {}
            for node, ends in graph.ends.items():
                joined: Counter[Hashable] = Counter()
                for (direction, value, other), count in ends.items():
                    joined[direction, value, old[other]] += count
                new[node] = names.setdefault((old[node], frozenset(joined.items())), len(names))
            finer.append(new)
        if Counter(finer[0].values()) != Counter(finer[1].values()):
            return None
        if len(names) == len(set(colours[0].values())):
            return finer
        colours = finer
