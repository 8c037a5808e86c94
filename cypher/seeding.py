"""Makes small graphs for a query that comes without any, so that predictions for it can be judged by running them.

Whole answers to the query are planted, and beside each the near misses that its text suggests; then the query is run:
its answer must not be empty nor depend on the order in which the graph was loaded, and most of its mutants must differ.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from cypher.compare import is_empty, same_result
from cypher.graph import PropertyGraph
from cypher.mutants import list_mutants
from cypher.outline import Outline, outline_query
from cypher.planting import plant_graph
from cypher.run import CypherError, EmbeddedGraph, Limits, Result
from cypher.schema import GraphSchema
from cypher.syntax.tokens import GrammarError
from cypher.worker import Begin, Worker, WorkerError
from heimdall.errors import EngineError

MINIMUM_KILL_RATE = 0.75
_GRAPHS = 3
_MOST_GRAPHS = 5
_TRIES = 12
_MOST_MUTANTS = 24
_LIMITS = Limits(rows=1000)


class Seeding(NamedTuple):
    """The graphs, with how many of the query's mutants they tell from it; without graphs `reason` says why."""

    graphs: tuple[PropertyGraph, ...]
    mutants: int = 0
    killed: int = 0
    reason: str = ""


# `seed_graphs`, or what does more than it: begin, query, schema, ordered, seed.
SeedMaker = Callable[[Begin, str, GraphSchema, bool, int], Seeding]


def seed_graphs(begin: Begin, query: str, schema: GraphSchema, ordered: bool, seed: int = 1) -> Seeding:
    """Three to five graphs for a query that reads; the same ones for the same query, schema and seed.

    `begin` is called with the name of each step. This runs the query in this process; see `seed_in_process`.
    """
    try:
        outline = outline_query(query)
        if outline is None:
            return Seeding((), reason="it does more than read")
        rng = random.Random(f"{seed}/{query}")
        mutants = list_mutants(query, schema)
        rng.shuffle(mutants)
        return _Search(query, ordered, mutants[:_MOST_MUTANTS]).run(outline, schema, rng, begin)
    except GrammarError as error:
        return Seeding((), reason=f"it does not parse: {error}")
    except EngineError as error:
        return Seeding((), reason=str(error))


class _Search:
    def __init__(self, query: str, ordered: bool, mutants: list[str]) -> None:
        self._query, self._ordered = query, ordered
        self._alive, self._killed = mutants, 0
        self._unknown: set[str] = set()  # mutants that the engine cannot run say nothing
        self._reason = ""

    def run(self, outline: Outline, schema: GraphSchema, rng: random.Random, begin: Begin) -> Seeding:
        graphs: list[PropertyGraph] = []
        for _ in range(_TRIES):
            begin("running the right query and its near misses on a graph")
            graph = plant_graph(outline, schema, rng)
            try:
                killed = self._try(graph, rng)
            except CypherError as error:
                self._reason = f"it cannot be run: {error}"
                if error.unsupported:
                    break
                continue
            if killed is None or (len(graphs) >= _GRAPHS and not killed):
                continue
            graphs.append(graph)
            self._alive = [mutant for mutant in self._alive if mutant not in killed | self._unknown]
            self._killed += len(killed)
            if len(graphs) >= _GRAPHS and (not self._alive or len(graphs) == _MOST_GRAPHS):
                break
        mutants = self._killed + len(self._alive)
        if len(graphs) < _GRAPHS:
            return Seeding((), reason=self._reason)
        if mutants and self._killed / mutants < MINIMUM_KILL_RATE:
            return Seeding((), mutants, self._killed, "its near misses are not told from it")
        return Seeding(tuple(graphs), mutants, self._killed)

    def _try(self, graph: PropertyGraph, rng: random.Random) -> set[str] | None:
        """The mutants that this graph kills; None where the query has no proper answer on it."""
        with EmbeddedGraph(graph) as engine:
            wanted = engine.run(self._query, _LIMITS)
            if is_empty(wanted):
                self._reason = "no graph was found on which its answer is not empty"
                return None
            if not self._is_stable(graph, wanted, rng):
                self._reason = "its answer depends on the order in which a graph is loaded"
                return None
            return {mutant for mutant in self._alive if self._is_killed(mutant, wanted, engine)}

    def _is_stable(self, graph: PropertyGraph, wanted: Result, rng: random.Random) -> bool:
        """Whether ties and limits leave the answer as it is when nodes and relationships come in another order."""
        for turned in (True, False):
            nodes, edges = list(graph.nodes), list(graph.relationships)
            if turned:
                nodes.reverse()
                edges.reverse()
            else:
                rng.shuffle(nodes)
                rng.shuffle(edges)
            with EmbeddedGraph(PropertyGraph(nodes=tuple(nodes), relationships=tuple(edges))) as engine:
                if not same_result(wanted, engine.run(self._query, _LIMITS), ordered=self._ordered):
                    return False
        return True

    def _is_killed(self, mutant: str, wanted: Result, engine: EmbeddedGraph) -> bool:
        try:
            got = engine.run(mutant, _LIMITS)
        except CypherError as error:
            if error.unsupported:
                self._unknown.add(mutant)
                return False
            return True
        return not same_result(wanted, got, ordered=self._ordered)


def seed_in_process(
    worker: Worker,
    query: str,
    schema: GraphSchema,
    ordered: bool,
    *,
    seed: int = 1,
    time_ms: int = 2000,
    make: SeedMaker = seed_graphs,
) -> Seeding:
    """`seed_graphs`, or what does more than it, for a query that nobody vouches for: each try may take `time_ms`."""
    try:
        return worker.call(make, query, schema, ordered, seed, time_ms=time_ms)
    except WorkerError as error:
        return Seeding((), reason=str(error))
