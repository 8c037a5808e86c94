"""How often a wrong query passes: the mutants of the generator's queries, before and after the weak ones are discarded,
and other queries over the same schema, on the generator's graphs.

python benchmarks/judge_strength.py
"""

import random
from collections.abc import Sequence
from contextlib import ExitStack

from cypher.canonical import canonicalize
from cypher.compare import is_empty, same_results
from cypher.run import EmbeddedGraph
from datagen import lexicon
from datagen.proof import MINIMUM_KILL_RATE
from datagen.queries import Query, mutate, sample_query, write_cypher, write_tie_probe
from datagen.schemas import sample_graph, sample_schema

SCHEMAS = 300
TRIES = 12
GRAPHS = (1, 3)


def main() -> None:
    """Prints one line for each number of graphs."""
    for graphs in GRAPHS:
        print(f"{graphs} graphs: {measure(graphs)}")


def measure(graphs: int) -> str:
    """The rates of one number of graphs, in words."""
    rng = random.Random(1)
    every, kept, others = [0, 0], [0, 0], [0, 0]
    for _ in range(SCHEMAS):
        schema = sample_schema(lexicon.TRAINING, rng, "s", max_node_types=4, invented_share=0.5)
        with ExitStack() as stack:
            engines = [stack.enter_context(EmbeddedGraph(sample_graph(schema, rng))) for _ in range(graphs)]
            queries = [query for query in (sample_query(schema, rng) for _ in range(TRIES)) if query]
            queries = [query for query in queries if is_provable(query, engines)]
            for query in queries:
                cypher = write_cypher(query)
                mutants = [mutant for mutant in dict.fromkeys(mutate(query)) if mutant != cypher]
                killed = sum(differs(query, mutant, engines) for mutant in mutants)
                every = [every[0] + killed, every[1] + len(mutants)]
                if not mutants or killed / len(mutants) >= MINIMUM_KILL_RATE:
                    kept = [kept[0] + killed, kept[1] + len(mutants)]
                form = canonicalize(cypher)
                rest = {text for text in map(write_cypher, queries) if canonicalize(text) != form}
                told = sum(differs(query, other, engines) for other in sorted(rest))
                others = [others[0] + told, others[1] + len(rest)]
    names = ("mutants told apart", "of rows that are kept", "other queries of the schema told apart")
    rates = zip(names, (every, kept, others), strict=True)
    return "; ".join(f"{name} {told}/{asked} = {told / asked:.2%}" for name, (told, asked) in rates)


def is_provable(query: Query, engines: Sequence[EmbeddedGraph]) -> bool:
    """Whether the query is nowhere empty and its order nowhere tied, as `prove` asks."""
    if any(is_empty(engine.run(write_cypher(query))) for engine in engines):
        return False
    if not query.ordered:
        return True
    keys = [[row[0] for row in engine.run(write_tie_probe(query)).rows] for engine in engines]
    return all(len(set(column)) == len(column) for column in keys)


def differs(query: Query, other: str, engines: Sequence[EmbeddedGraph]) -> bool:
    """Whether another query has another result on some graph."""
    wanted, got = ([engine.run(text) for engine in engines] for text in (write_cypher(query), other))
    return not same_results(wanted, got, ordered=query.ordered)


if __name__ == "__main__":
    main()
