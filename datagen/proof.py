"""Proves a query on small graphs: it runs, is never empty, its order has no ties, its near misses differ."""

from collections.abc import Callable, Iterable, Sequence

from cypher.compare import is_empty, same_results
from cypher.run import CypherError, EmbeddedGraph, Result
from datagen.queries import Query, mutate, write_cypher, write_tie_probe
from heimdall.rows import Proof

MINIMUM_KILL_RATE = 0.75


def prove(query: Query, graphs: Sequence[EmbeddedGraph]) -> Proof | None:
    """The proof of a query, or None if it does not deserve one: empty, tied, or not told apart from its mutants."""
    probe = write_tie_probe(query) if query.ordered else None
    return prove_query(write_cypher(query), mutate(query), graphs, ordered=query.ordered, probe=probe)


def prove_query(
    cypher: str,
    mutants: Iterable[str],
    graphs: Sequence[EmbeddedGraph],
    *,
    ordered: bool,
    probe: str | None,
    nulls: bool = True,
) -> Proof | None:
    """The proof of a query's text. `probe` returns sort keys, of which none may repeat, nor be null without `nulls`."""
    results: list[Result] = []
    for graph in graphs:
        results.append(graph.run(cypher))
        if is_empty(results[-1]):
            return None
    if probe is not None:
        for graph in graphs:
            keys = [row[0] for row in graph.run(probe).rows]
            if len(set(keys)) < len(keys) or (not nulls and None in keys):
                return None
    others = [mutant for mutant in dict.fromkeys(mutants) if mutant != cypher]
    killed = count_killed(others, lambda mutant: _is_killed(mutant, results, graphs, ordered=ordered))
    if killed is None:
        return None
    return Proof(result_rows=tuple(len(result.rows) for result in results), mutants=len(others), killed=killed)


def count_killed(mutants: Sequence[str], is_killed: Callable[[str], bool]) -> int | None:
    """How many mutants are told apart, or None as soon as it is sure that they are too few."""
    spared = 0
    for mutant in mutants:
        spared += not is_killed(mutant)
        if spared > (1 - MINIMUM_KILL_RATE) * len(mutants):
            return None
    return len(mutants) - spared


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
