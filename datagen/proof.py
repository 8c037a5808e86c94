"""Proves a query on small graphs: it runs, is never empty, its order has no ties, its near misses differ."""

from collections.abc import Sequence

from cypher.compare import is_empty, same_results
from cypher.run import CypherError, EmbeddedGraph, Result
from datagen.queries import Query, mutate, write_cypher, write_tie_probe
from heimdall.rows import Proof

MINIMUM_KILL_RATE = 0.75


def prove(query: Query, graphs: Sequence[EmbeddedGraph]) -> Proof | None:
    """The proof of a query, or None if it does not deserve one: empty, tied, or not told apart from its mutants."""
    cypher = write_cypher(query)
    results: list[Result] = []
    for graph in graphs:
        results.append(graph.run(cypher))
        if is_empty(results[-1]):
            return None
    if query.ordered:
        probe = write_tie_probe(query)
        for graph in graphs:
            keys = [row[0] for row in graph.run(probe).rows]
            if len(set(keys)) < len(keys):
                return None
    mutants = [mutant for mutant in dict.fromkeys(mutate(query)) if mutant != cypher]
    killed = sum(_is_killed(mutant, results, graphs, ordered=query.ordered) for mutant in mutants)
    if mutants and killed / len(mutants) < MINIMUM_KILL_RATE:
        return None
    return Proof(result_rows=tuple(len(result.rows) for result in results), mutants=len(mutants), killed=killed)


def _is_killed(mutant: str, results: Sequence[Result], graphs: Sequence[EmbeddedGraph], *, ordered: bool) -> bool:
    others: list[Result] = []
    for number, graph in enumerate(graphs, start=1):
        try:
            others.append(graph.run(mutant))
        except CypherError as error:
            return not error.unsupported  # what the engine cannot run tells nothing apart
        if not same_results(results[:number], others, ordered=ordered):
            return True
    return False
