"""A graph that is loaded as far as queries ask about it: most of a large schema is never asked about."""

import re
from collections import defaultdict

from cypher.graph import Node, PropertyGraph, Relationship
from cypher.run import EmbeddedGraph, Limits, Result

_WORD = re.compile(r"\w+")
# What may look at nodes and relationships that it does not name: a relationship without a type, a node that stands
# alone without a label, a deletion (of whatever joins a node), a procedure. In doubt it is taken to do so.
_ANYTHING = re.compile(
    r"-\s*\[(?!\s*\w*\s*:)|--|(?:MATCH|MERGE|CREATE|,|\{)\s*\(\s*\w*\s*(?:\{[^}]*\}|WHERE\b[^)]*)?\)(?!\s*<?-)|"
    r"\bDELETE\b|\bCALL\s+\w|`",
    re.IGNORECASE,
)


class ProvingGraph(EmbeddedGraph):
    """A graph on which queries have the results that they have on an `EmbeddedGraph`, which is loaded piece by piece.

    A query sees the nodes of the labels that it names and the relationships of the types that it names, with their
    ends. What a query returned is kept: proofs ask the same again.
    """

    def __init__(self, graph: PropertyGraph) -> None:
        super().__init__(graph)
        self._nodes: dict[str, list[Node]] = defaultdict(list)
        self._relationships: dict[str, list[Relationship]] = defaultdict(list)
        self._ends: dict[str, set[str]] = defaultdict(set)
        self._results: dict[str, Result] = {}
        labels = {}
        for node in graph.nodes:
            (labels[node.id],) = node.labels
            self._nodes[labels[node.id]].append(node)
        for edge in graph.relationships:
            self._relationships[edge.type].append(edge)
            self._ends[edge.type] |= {labels[edge.start], labels[edge.end]}

    def _begin(self) -> None:
        """Nothing is loaded yet."""

    def prepare(self, query: str) -> str:
        """Loads what the query may look at."""
        names = {*self._nodes, *self._relationships}
        if not _ANYTHING.search(query):
            names &= set(_WORD.findall(query))
        types = names & self._relationships.keys()
        labels = (names | {label for name in types for label in self._ends[name]}) & self._nodes.keys()
        if labels or types:
            self.load(
                [node for label in sorted(labels) for node in self._nodes.pop(label)],
                [edge for name in sorted(types) for edge in self._relationships.pop(name)],
            )
        return super().prepare(query)

    def run(self, query: str, limits: Limits | None = None) -> Result:
        """As an `EmbeddedGraph` does."""
        if query not in self._results:
            self._results[query] = super().run(query, limits)
        return self._results[query]
