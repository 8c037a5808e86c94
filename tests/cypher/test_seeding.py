"""Graphs made for a query: its answer is there, does not depend on chance, and its near misses give another."""

import random

import pytest
from sampled_queries import sample

from cypher.compare import is_empty, same_result
from cypher.judge import Judge
from cypher.mutants import list_mutants
from cypher.notations import read_any_schema
from cypher.outline import outline_query
from cypher.parse import check_syntax
from cypher.run import CypherError, EmbeddedGraph
from cypher.seeding import MINIMUM_KILL_RATE, seed_graphs, seed_in_process
from cypher.worker import Worker
from datagen.queries import write_cypher

FILMS = read_any_schema(
    """
    Person {name: STRING, born: INTEGER, died: DATE}
    Movie {title: STRING, year: INTEGER, rating: FLOAT, released: DATE, languages: LIST}
    Genre {name: STRING}
    (:Person)-[:ACTED_IN {roles: LIST, fee: INTEGER}]->(:Movie)
    (:Person)-[:DIRECTED]->(:Movie)
    (:Person)-[:KNOWS]->(:Person)
    (:Movie)-[:IN_GENRE]->(:Genre)
    """
)
SEEDABLE = [
    "MATCH (p:Person) WHERE p.born > 1970 RETURN p.name",
    "MATCH (p:Person {name: 'Ann O\\'Neil'})-[:ACTED_IN]->(m:Movie) RETURN m.title",
    "MATCH (p:Person WHERE p.name = 'Ann')-[:KNOWS]->(q:Person) RETURN q.name ORDER BY q.born DESC LIMIT 3",
    "MATCH (p)-[:KNOWS]-(q)-[:DIRECTED]->(m:Movie) WHERE m.title CONTAINS 'star' RETURN DISTINCT p.name",
    "MATCH (m:Movie)<-[r:ACTED_IN]-(p:Person) WITH m, count(p) AS n WHERE n >= 4 RETURN m.title, n",
    "MATCH (p:Person)-[:DIRECTED]->(m:Movie) RETURN p.name, avg(m.rating) AS a ORDER BY a DESC LIMIT 2",
    "MATCH (m:Movie)-[:IN_GENRE]->(g:Genre) WHERE toLower(g.name) = 'drama' AND NOT m.year = 1999 RETURN count(m)",
    "MATCH (m:Movie) WHERE 'French' IN m.languages AND m.released < date('1980-05-01') RETURN m.title",
    "MATCH (m:Movie) WHERE m.released.year = 1994 RETURN m.title",
    "MATCH (p:Person) WHERE p.died IS NULL AND p.name STARTS WITH 'A' RETURN p.name",
    "MATCH (p:Person) WHERE NOT (p)-[:KNOWS]->(:Person {name: 'Bob'}) RETURN p.name",
    "MATCH (p:Person)-[r:ACTED_IN]->(m:Movie) WHERE r.fee IN [5, 7] RETURN p.name, m.title",
    "MATCH (p:Person)-[:KNOWS*1..2]->(q:Person {name: 'Eve'}) RETURN DISTINCT p.name",
    "MATCH (p:Person)-[:ACTED_IN]->(m:Movie) RETURN p.name UNION MATCH (p:Person)-[:DIRECTED]->(m:Movie) RETURN p.name",
]


def seed(query: str, ordered: bool = False):
    return seed_graphs(lambda step: None, query, FILMS, ordered)


@pytest.mark.parametrize("query", SEEDABLE)
def test_a_query_gets_graphs_that_answer_it_and_tell_its_mutants_apart(query: str) -> None:
    ordered = "ORDER BY" in query
    seeding = seed(query, ordered)
    assert 3 <= len(seeding.graphs) <= 5, seeding.reason
    alive = set(list_mutants(query, FILMS))
    for graph in seeding.graphs:
        with EmbeddedGraph(graph) as engine:
            wanted = engine.run(query)
            assert not is_empty(wanted)
            for mutant in list(alive):
                try:
                    if not same_result(wanted, engine.run(mutant), ordered=ordered):
                        alive.discard(mutant)
                except CypherError:
                    alive.discard(mutant)
    assert len(alive) <= (1 - MINIMUM_KILL_RATE) * len(list_mutants(query, FILMS))


def test_the_same_query_gets_the_same_graphs_and_another_seed_gets_others() -> None:
    query = SEEDABLE[1]
    assert seed(query) == seed(query)
    assert seed(query) != seed_graphs(lambda step: None, query, FILMS, False, 2)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("MATCH (p:Person) SET p.seen = true RETURN p", "more than read"),
        ("CREATE INDEX FOR (p:Person) ON (p.name)", "more than read"),
        ("MATCH (p:Person RETURN p", "does not parse"),
        ("MATCH (p:Person) WHERE 1 = 2 RETURN p.name", "not empty"),
        ("MATCH p = shortestPath((a:Person)-[:KNOWS*]-(b:Person)) RETURN length(p)", "cannot be run"),
        ("MATCH (p:Person) RETURN rand()", "each time"),
    ],
)
def test_a_query_without_graphs_says_why(query: str, says: str) -> None:
    seeding = seed(query)
    assert seeding.graphs == ()
    assert says in seeding.reason


def test_labels_that_the_engine_confuses_are_a_reason_and_no_crash() -> None:
    seeding = seed("MATCH (p:Person)-[:KNOWS]->(q:person) RETURN q.name")
    assert (seeding.graphs, "does not tell apart" in seeding.reason) == ((), True)


def test_a_query_that_hangs_is_stopped_and_the_next_one_gets_its_graphs() -> None:
    # Neither rows nor memory grow, so that no limit of the engine's own ends it before the time does.
    endless = "MATCH (p:Person) WHERE all(a IN range(1, 90000) WHERE all(b IN range(1, 90000) WHERE a < b + 90000))"
    endless += " RETURN p.name"
    with Worker(seed_graphs) as worker:
        hung = seed_in_process(worker, endless, FILMS, ordered=False, time_ms=1500)
        assert (hung.graphs, "more than 1500 ms" in hung.reason) == ((), True)
        assert seed_in_process(worker, SEEDABLE[0], FILMS, ordered=False, time_ms=20000).graphs


def test_wrong_answers_are_judged_wrong_on_seeded_graphs_and_right_ones_right() -> None:
    gold = SEEDABLE[4]
    graphs = seed(gold).graphs
    told = {
        "MATCH (p:Person)-[:ACTED_IN]->(m:Movie) WITH m, count(*) AS k WHERE k > 3 RETURN m.title, k": "right",
        "MATCH (p:Person)-[:ACTED_IN]->(m:Movie) WITH m, count(*) AS k WHERE k > 4 RETURN m.title, k": "wrong",
        "MATCH (p:Person)-[:DIRECTED]->(m:Movie) WITH m, count(*) AS k WHERE k > 3 RETURN m.title, k": "wrong",
        "MATCH (m:Movie) RETURN m.title, 4": "wrong",
        "RETURN 1": "wrong",
    }
    with Judge() as judge:
        got = {query: judge.judge(gold, query, graphs, ordered=False).status for query in told}
    assert got == told


def test_every_mutant_is_a_query_and_another_one() -> None:
    for number in range(40):
        query, _ = sample(number)
        cypher = write_cypher(query)
        mutants = list_mutants(cypher)
        assert cypher not in mutants
        assert [mutant for mutant in mutants if check_syntax(mutant) is not None] == []


def test_a_limit_without_an_order_is_not_moved() -> None:
    loose = "MATCH (p:Person) RETURN p.name LIMIT 3"
    assert list_mutants(loose) == []
    assert len(list_mutants(loose.replace("LIMIT", "ORDER BY p.name LIMIT"))) == 3


def test_an_outline_follows_names_through_with_and_reads_conditions_on_either_side() -> None:
    outline = outline_query(
        "MATCH (a:Person)<-[:KNOWS]-(b) WITH a AS x, b.born AS y WHERE 5 < y AND x.name = 'Z' RETURN x"
    )
    assert outline is not None
    (step,) = outline.steps
    assert (outline.labels[step.end], outline.labels[step.start], step.directed) == (("Person",), (), True)
    tests = {(key == step.end, name): test[0][:2] for (key, name), test in outline.tests.items()}
    assert tests == {(False, "born"): (">", 5), (True, "name"): ("=", "Z")}


def test_planting_is_the_same_for_the_same_random_state() -> None:
    from cypher.planting import plant_graph

    outline = outline_query(SEEDABLE[5])
    assert outline is not None
    assert plant_graph(outline, FILMS, random.Random(3)) == plant_graph(outline, FILMS, random.Random(3))
