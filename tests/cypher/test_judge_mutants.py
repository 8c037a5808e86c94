"""A wrong judge cannot hide: answers wrong on purpose are judged wrong, and right ones in other words right."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import PEOPLE

from cypher.compare import same_result
from cypher.faults import FaultError, avoid_faults
from cypher.graph import Node, PropertyGraph, Relationship
from cypher.judge import Judge
from cypher.run import CypherError, EmbeddedGraph, Limits, Result
from datagen import lexicon
from datagen.proof import prove
from datagen.queries import Query, mutate, sample_query, write_cypher
from datagen.schemas import sample_graph, sample_schema
from heimdall.errors import EngineError

# The neighbour: as PEOPLE, but with other values, so that a lucky constant fails on one of the two.
NEIGHBOUR = PropertyGraph(
    nodes=(
        Node(id=1, labels=("Person",), properties={"name": "Eva", "age": 50, "score": 0.1, "active": True}),
        Node(id=2, labels=("Person",), properties={"name": "Flo", "age": 50, "score": 0.2, "active": True}),
        Node(id=3, labels=("Person",), properties={"name": "Gus", "age": 70}),
        Node(id=4, labels=("City",), properties={"name": "Bern"}),
    ),
    relationships=(
        Relationship(type="KNOWS", start=2, end=1, properties={"since": 1999}),
        Relationship(type="KNOWS", start=3, end=1),
        Relationship(type="LIVES_IN", start=1, end=4),
    ),
)
GRAPHS = (PEOPLE, NEIGHBOUR)
NAMES = "MATCH (n:Person) RETURN n.name"
AGES = "MATCH (n:Person) RETURN n.age"
PAIRS = "MATCH (a:Person)-[:KNOWS]->(b:Person) RETURN a.name, b.name"
SORTED = "MATCH (n:Person) RETURN n.name ORDER BY n.name"
ENDLESS = "MATCH (a), (b), (c), (d), (e), (f), (g), (h), (i), (j), (k), (l) RETURN count(*)"


@pytest.fixture(scope="module")
def judge():
    with Judge() as judge:
        yield judge


WRONG = [
    # nothing, a constant, or the answer for one graph learnt by heart
    (NAMES, "MATCH (n:Person) WHERE false RETURN n.name"),
    (NAMES, "MATCH (n:Nobody) RETURN n.name"),
    (NAMES, "RETURN 1"),
    (NAMES, "RETURN null"),
    ("MATCH (n:Person) RETURN count(n)", "RETURN 4"),
    (NAMES, "UNWIND ['Ann', 'Bob', 'Cyd', \"Dee's\"] AS name RETURN name"),
    # swapped directions, ends and columns
    (PAIRS, "MATCH (a:Person)<-[:KNOWS]-(b:Person) RETURN a.name, b.name"),
    (PAIRS, "MATCH (a:Person)-[:KNOWS]-(b:Person) RETURN a.name, b.name"),
    ("MATCH (a:Person)-[:KNOWS]->(b) RETURN a.name", "MATCH (a:Person)-[:KNOWS]->(b) RETURN b.name"),
    ("MATCH (n:Person) RETURN n.name, n.age", "MATCH (n:Person) RETURN n.name, n.score"),
    ("MATCH (n:Person) RETURN n.name, n.age", NAMES),
    # wrong order of columns: other columns under the names of the right ones, one order on each graph
    (PAIRS, "MATCH (a:Person)-[:KNOWS]->(b:Person) RETURN b.name AS `a.name`, a.name AS `b.name`"),
    (PAIRS, "MATCH (m:City) WITH count(m) AS k MATCH (a:Person)-[:KNOWS]->(b:Person) "
            "RETURN CASE k WHEN 1 THEN a.name ELSE b.name END AS x, CASE k WHEN 1 THEN b.name ELSE a.name END AS y"),
    (NAMES, "MATCH (n:Person) RETURN n.name, n.age"),
    (NAMES, "MATCH (n:Person) RETURN n.name, n.name AS again"),
    # too many or too few rows: duplicates, DISTINCT, LIMIT
    (AGES, "MATCH (n:Person) RETURN DISTINCT n.age"),
    ("MATCH (n:Person) RETURN DISTINCT n.age", AGES),
    (NAMES, f"{NAMES} LIMIT 2"),
    (NAMES, "MATCH (n:Person), (c:City) RETURN n.name"),
    (NAMES, "MATCH (n) RETURN n.name"),
    ("MATCH (n:Person) RETURN count(n.age)", "MATCH (n:Person) RETURN count(DISTINCT n.age)"),
    (f"{NAMES} UNION ALL {NAMES}", NAMES),
    # a list is no bag, a bag no list, and a list keeps its order
    (NAMES, "MATCH (n:Person) RETURN collect(n.name)"),
    ("MATCH (n:Person) RETURN collect(n.name)", NAMES),
    ("RETURN [1, 2]", "RETURN [2, 1]"),
    ("RETURN [1, 2]", "RETURN [1, 2, 2]"),
    ("RETURN [1, [2]]", "RETURN [1, 2]"),
    # null, NaN, truth and texts are four different things
    ("MATCH (n:Person) RETURN n.score", "MATCH (n:Person) RETURN coalesce(n.score, 0)"),
    ("MATCH (n:Person) RETURN n.score", "MATCH (n:Person) WHERE n.score IS NOT NULL RETURN n.score"),
    ("RETURN null", "RETURN 0.0 / 0.0"),
    ("RETURN 0.0 / 0.0", "RETURN 0"),
    ("RETURN 0.0 / 0.0", "RETURN null"),
    ("RETURN 0.0 / 0.0", "RETURN 1.0 / 0.0"),
    ("RETURN 0.0 / 0.0", "RETURN 'NaN'"),
    ("RETURN null", "RETURN ''"),
    ("RETURN true", "RETURN 1"),
    ("RETURN true", "RETURN 'true'"),
    ("RETURN 1", "RETURN '1'"),
    ("RETURN [null]", "RETURN []"),
    ("RETURN {a: null}", "RETURN {}"),
    # numbers
    ("MATCH (n:Person) RETURN avg(n.age)", "MATCH (n:Person) RETURN sum(n.age)"),
    ("RETURN 0.1", "RETURN 0.1001"),
    ("RETURN 9007199254740993", "RETURN 9007199254740992"),
    ("RETURN 7 / 2", "RETURN 7 / 2.0"),
    # nodes, relationships and paths
    ("MATCH (n:Person) RETURN n", NAMES),
    ("MATCH (n:Person) RETURN n", "MATCH (n:Person) RETURN properties(n)"),
    ("MATCH (n:Person) RETURN n", "MATCH (n:Person) RETURN labels(n)"),
    ("MATCH ()-[r:KNOWS]->() RETURN r", "MATCH ()-[r:LIVES_IN]->() RETURN r"),
    ("MATCH ()-[r:KNOWS]->() RETURN r", "MATCH ()-[r:KNOWS]->() RETURN type(r)"),
    ("MATCH p = (a)-[:KNOWS]->() RETURN p", "MATCH p = ()<-[:KNOWS]-(a) RETURN p"),
    ("MATCH p = (a)-[:KNOWS]->(b) RETURN p", "MATCH (a)-[:KNOWS]->(b) RETURN [id(a), id(b)]"),
    ("MATCH p = (a)-[:KNOWS]->(b) RETURN p", "MATCH p = (a)-[:KNOWS]->(b) RETURN nodes(p)"),
    # names are told apart by case, although the engine does not do so for labels
    (NAMES, "MATCH (n:person) RETURN n.name"),
    (NAMES, "MATCH (n:PERSON) RETURN n.name"),
    ("MATCH (n)-[:LIVES_IN]->(c:City) RETURN n.name", "MATCH (n)-[:LIVES_IN]->(c:city) RETURN n.name"),
    (PAIRS, "MATCH (a:Person)-[:knows]->(b:Person) RETURN a.name, b.name"),
    (NAMES, "MATCH (n:Person) RETURN n.Name"),
    # conditions
    ("MATCH (n:Person) WHERE (n)-[:KNOWS]->() RETURN n.name",
     "MATCH (n:Person) WHERE NOT (n)-[:KNOWS]->() RETURN n.name"),
    ("MATCH (n:Person) WHERE n.age > 20 RETURN n.name", "MATCH (n:Person) WHERE n.age >= 20 RETURN n.name"),
    # what is no reading query
    (NAMES, ""),
    (NAMES, "Here is the query: MATCH (n:Person) RETURN n.name"),
    (NAMES, f"{NAMES}; {NAMES}"),
    (NAMES, "MATCH (n:Person) RETURN n.name, m.name"),
    (NAMES, "MATCH (n:Person) SET n.name = 'x' RETURN n.name"),
    (NAMES, "CREATE (n:Person {name: 'x'}) RETURN n.name"),
]  # fmt: skip


RIGHT = [
    # columns may be named and ordered otherwise, rows be in any order
    (PAIRS, "MATCH (x:Person)<-[:KNOWS]-(y:Person) RETURN x.name AS known, y.name AS knows"),
    (PAIRS, "MATCH (b:Person)-[:KNOWS]->(a:Person) RETURN b.name, a.name"),
    (SORTED, f"{NAMES} ORDER BY n.age DESC"),
    ("MATCH (n:Person) RETURN n.age, count(*)", "MATCH (n:Person) RETURN count(*) AS c, n.age ORDER BY c"),
    # numbers are equal up to rounding
    ("RETURN 1", "RETURN 1.0"),
    ("RETURN 0.3", "RETURN 0.1 + 0.2"),
    ("RETURN 0.0 / 0.0", "RETURN 0.0 / 0.0"),
    ("MATCH (n:Person) RETURN avg(n.age)", "MATCH (n:Person) RETURN sum(n.age) * 1.0 / count(n.age)"),
    # maps have no order, nodes, relationships and paths are what they hold
    ("RETURN {a: 1, b: 2}", "RETURN {b: 2, a: 1}"),
    ("MATCH (n:Person) RETURN n", "MATCH (n) WHERE 'Person' IN labels(n) RETURN n"),
    ("MATCH p = (a)-[:KNOWS]->(b) RETURN p", "MATCH q = (a:Person)-[r:KNOWS]->(:Person) RETURN q"),
    ("MATCH p = (a)-[:KNOWS]->(b) RETURN count(p)", "MATCH ()-[r:KNOWS]->() RETURN count(r)"),
    # a condition by pattern, in two spellings of which the engine takes one for always true
    ("MATCH (n:Person) WHERE (n)-[:KNOWS]->() RETURN n", "MATCH (n:Person) WHERE exists((n)-[:KNOWS]->()) RETURN n"),
]


@pytest.mark.parametrize(("gold", "predicted"), RIGHT)
def test_a_right_answer_in_other_words_is_right(judge, gold, predicted):
    judgement = judge.judge(gold, predicted, GRAPHS, ordered=False)
    assert judgement.status == "right", judgement.reason


# Writes. On PEOPLE Ann knows Bob, and Oslo is there; on NEIGHBOUR there is none of them.
FLO_OR_ANN = "MATCH (n:Person) WHERE n.name IN ['Ann', 'Flo']"
NEW = "CREATE (:City {name: 'Bern', size: 1})"
KNOWS = "MATCH (a:Person)-[r:KNOWS]->(b:Person)"
WRONG_WRITES = [
    # a dropped, doubled or misdirected change
    (f"{FLO_OR_ANN} SET n.age = 1, n.rank = 2", f"{FLO_OR_ANN} SET n.age = 1"),
    (f"{FLO_OR_ANN} SET n.age = 1", f"{FLO_OR_ANN} SET n.age = 2"),
    (f"{FLO_OR_ANN} SET n.age = 1", f"{FLO_OR_ANN} SET n.Age = 1"),
    (f"{FLO_OR_ANN} SET n.age = 1", f"{FLO_OR_ANN} SET n.age = '1'"),
    (f"{FLO_OR_ANN} SET n.age = 1", f"{FLO_OR_ANN} SET n.rank = 1"),
    (f"{FLO_OR_ANN} SET n.age = 1", "MATCH (n:Person) SET n.age = 1"),
    (f"{FLO_OR_ANN} SET n.age = 1", "MATCH (n:Person {name: 'Ann'}) SET n.age = 1"),
    (f"{FLO_OR_ANN} SET n += {{age: 1}}", f"{FLO_OR_ANN} SET n = {{age: 1}}"),
    (f"{FLO_OR_ANN} SET n.age = null", f"{FLO_OR_ANN} SET n.age = 0"),
    (f"{FLO_OR_ANN} SET n.age = n.age + 1", f"{FLO_OR_ANN} SET n.age = 31"),
    (f"{FLO_OR_ANN} SET n:Author", f"{FLO_OR_ANN} SET n.Author = true"),
    (f"{FLO_OR_ANN} SET n:Author", f"{FLO_OR_ANN} SET n:author"),
    (f"{FLO_OR_ANN} REMOVE n.age", f"{FLO_OR_ANN} REMOVE n.score"),
    (f"{FLO_OR_ANN} REMOVE n:Person", f"{FLO_OR_ANN} DETACH DELETE n"),
    (NEW, f"{NEW} {NEW}"),
    (NEW, "CREATE (:City {name: 'Bern'})"),
    (NEW, "CREATE (:Town {name: 'Bern', size: 1})"),
    (NEW, "CREATE ({name: 'Bern', size: 1})"),
    (NEW, f"MATCH (c:City) {NEW}"),
    ("MATCH (a:Person {age: 50}) CREATE (a)-[:OWNS]->(:Car)", "MATCH (a:Person {age: 50}) CREATE (a)<-[:OWNS]-(:Car)"),
    ("MATCH (a:Person) CREATE (a)-[:OWNS]->(:Car)", "MATCH (a:Person) CREATE (a)-[:OWN]->(:Car)"),
    ("MATCH (a:Person) CREATE (a)-[:OWNS {n: 1}]->(:Car)", "MATCH (a:Person) CREATE (a)-[:OWNS]->(:Car)"),
    # one car for all, or one for each
    ("MATCH (a:Person) CREATE (a)-[:OWNS]->(:Car)", "CREATE (c:Car) WITH c MATCH (a:Person) CREATE (a)-[:OWNS]->(c)"),
    # CREATE where it may be there already, and MERGE where it must be new
    ("MERGE (:City {name: 'Oslo'})", "CREATE (:City {name: 'Oslo'})"),
    ("CREATE (:City {name: 'Oslo'})", "MERGE (:City {name: 'Oslo'})"),
    ("MERGE (c:City {name: 'Oslo'}) SET c.size = 1", "MERGE (c:City {name: 'Oslo', size: 1})"),
    ("MERGE (c:City {name: 'Oslo'}) SET c.size = 1", "MERGE (c:City {name: 'Oslo'}) ON CREATE SET c.size = 1"),
    ("MERGE (c:City {name: 'Oslo'}) ON CREATE SET c.size = 1", "MERGE (c:City {name: 'Oslo'}) ON MATCH SET c.size = 1"),
    ("MATCH (a:Person), (c:City) MERGE (a)-[:LIVES_IN]->(c)", "MATCH (a:Person), (c:City) CREATE (a)-[:LIVES_IN]->(c)"),
    ("MATCH (a:Person {name: 'Ann'}), (b:Person {name: 'Bob'}) MERGE (b)-[:KNOWS]->(a)",
     "MATCH (a:Person {name: 'Ann'}), (b:Person {name: 'Bob'}) MERGE (a)-[:KNOWS]->(b)"),
    ("MERGE (a:City {name: 'Oslo'}) MERGE (b:City {name: 'Bern'}) MERGE (a)-[:NEAR]->(b)",
     "MERGE (:City {name: 'Oslo'})-[:NEAR]->(:City {name: 'Bern'})"),
    # too much, too little or nothing deleted
    (f"{FLO_OR_ANN} DETACH DELETE n", f"{FLO_OR_ANN} DELETE n"),
    (f"{FLO_OR_ANN} DETACH DELETE n", "MATCH (n:Person) DETACH DELETE n"),
    (f"{FLO_OR_ANN} DETACH DELETE n", f"{FLO_OR_ANN} OPTIONAL MATCH (n)-[r]-() DELETE r"),
    (f"{KNOWS} DELETE r", f"{KNOWS} DETACH DELETE a"),
    (f"{KNOWS} DELETE r", "MATCH ()-[r:LIVES_IN]->() DELETE r"),
    (f"{KNOWS} DELETE r", f"{KNOWS} WHERE a.age < b.age DELETE r"),
    (f"{KNOWS} DELETE r CREATE (b)-[:KNOWS]->(a)", f"{KNOWS} DELETE r CREATE (a)-[:KNOWS]->(b)"),
    (f"{KNOWS} SET r.since = 1", f"{KNOWS} SET a.since = 1"),
    # nothing written, something else returned
    (f"{FLO_OR_ANN} SET n.age = 1", f"{FLO_OR_ANN} RETURN n.age"),
    (f"{FLO_OR_ANN} SET n.age = 1", "RETURN 1"),
    (f"{FLO_OR_ANN} SET n.age = 1", "MATCH (n:Nobody) SET n.age = 1"),
    (f"{FLO_OR_ANN} SET n.age = 1 RETURN n.name", f"{FLO_OR_ANN} SET n.age = 1"),
    (f"{FLO_OR_ANN} SET n.age = 1 RETURN n.name", f"{FLO_OR_ANN} SET n.age = 1 RETURN n.age"),
    (f"{FLO_OR_ANN} SET n.age = 1 RETURN n.name", f"{FLO_OR_ANN} SET n.age = 1 RETURN 1"),
    (f"{NEW} RETURN 1", "RETURN 1"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "predicted"), [*WRONG, *WRONG_WRITES])
def test_a_wrong_answer_or_write_is_wrong(judge, gold, predicted):
    judgement = judge.judge(gold, predicted, GRAPHS, ordered=False)
    assert judgement.status == "wrong", judgement.reason
    assert judge.judge(gold, gold, GRAPHS, ordered=False).status == "right"


RIGHT_WRITES = [
    (f"{FLO_OR_ANN} SET n.age = 1", f"{FLO_OR_ANN} SET n += {{age: 1.0}} RETURN count(n)"),
    (f"{FLO_OR_ANN} SET n.age = null", f"{FLO_OR_ANN} REMOVE n.age"),
    (f"{FLO_OR_ANN} SET n.age = 1 RETURN n.name", f"{FLO_OR_ANN} SET n.age = 1 RETURN n.name AS who ORDER BY who DESC"),
    (NEW, "CREATE (c:City) SET c.size = 1, c.name = 'Bern'"),
    (
        "MERGE (c:City {name: 'Oslo'}) SET c.size = 1",
        "MERGE (c:City {name: 'Oslo'}) ON CREATE SET c.size = 1 ON MATCH SET c.size = 1",
    ),
    ("MATCH (a:Person) CREATE (a)-[:OWNS]->(:Car)", "MATCH (b:Person) CREATE (c:Car) CREATE (c)<-[:OWNS]-(b)"),
    ("UNWIND [1, 2] AS x CREATE (:A {x: x})", "CREATE (:A {x: 2}), (:A {x: 1})"),
    ("UNWIND [1, 2] AS x CREATE (:A {x: x})", "FOREACH (y IN [2, 1] | CREATE (:A {x: y}))"),
    (f"{KNOWS} DELETE r CREATE (b)-[:KNOWS]->(a)", f"{KNOWS} CREATE (a)<-[:KNOWS]-(b) DELETE r"),
    (f"{FLO_OR_ANN} DETACH DELETE n", f"{FLO_OR_ANN} OPTIONAL MATCH (n)-[r]-() DELETE r, n"),
    (f"{FLO_OR_ANN} DETACH DELETE n RETURN count(n)", f"{FLO_OR_ANN} WITH n, 1 AS k DETACH DELETE n RETURN sum(k)"),
]


@pytest.mark.parametrize(("gold", "predicted"), RIGHT_WRITES)
def test_a_right_write_in_other_words_is_right(judge, gold, predicted):
    for wanted, got in ((gold, predicted), (predicted, gold)):
        if not ("RETURN" in wanted and "RETURN" not in got):
            judgement = judge.judge(wanted, got, GRAPHS, ordered=False)
            assert judgement.status == "right", judgement.reason


@pytest.mark.parametrize(
    "predicted",
    [
        f"{SORTED} DESC",
        "MATCH (n:Person) RETURN n.name ORDER BY n.age DESC",
        f"{SORTED} SKIP 1",
    ],
)
def test_where_gold_orders_another_order_is_wrong(judge, predicted):
    assert judge.judge(SORTED, predicted, GRAPHS, ordered=True).status == "wrong"


def test_an_order_counts_with_all_columns(judge):
    gold = "MATCH (n:Person) RETURN n.name, n.age ORDER BY n.name"
    swapped = "MATCH (n:Person) RETURN n.age AS a, n.name AS b ORDER BY b"
    assert judge.judge(gold, swapped, GRAPHS, ordered=True).status == "right"
    crossed = "UNWIND ['x', 'y'] AS name UNWIND [1, 2] AS age RETURN name, age"
    assert judge.judge(gold, crossed, GRAPHS, ordered=True).status == "wrong"


@pytest.mark.parametrize(
    "predicted",
    [
        "MATCH p = shortestPath((a:Person)-[*]->(b)) RETURN p",  # the engine has no shortest paths
        "MATCH p = (a)-[:KNOWS]->(b) WITH collect(p) AS all RETURN all",  # and gives paths as internal ids
        "RETURN {__labels: ['Person'], name: 'Ann'}",  # and nodes as such maps
        "MATCH (n:Person) RETURN COUNT { (n)-[:KNOWS]->() }",
    ],
)
def test_what_the_engine_would_answer_wrongly_is_not_judged(judge, predicted):
    assert judge.judge(NAMES, predicted, GRAPHS, ordered=False).status == "not_judged"


def test_a_huge_result_is_wrong_and_an_endless_query_not_judged_and_neither_reaches_the_next(judge):
    huge = "UNWIND range(1, 3000) AS x RETURN x"
    judgement = judge.judge(NAMES, huge, GRAPHS, ordered=False)
    assert (judgement.status, judgement.reason) == ("wrong", "more than 1000 rows")
    limits = Limits(time_ms=300)
    assert judge.judge(NAMES, ENDLESS, GRAPHS, ordered=False, limits=limits).status == "not_judged"
    assert judge.judge(ENDLESS, NAMES, GRAPHS, ordered=False, limits=limits).status == "not_judged"
    assert judge.judge(NAMES, NAMES, GRAPHS, ordered=False).status == "right"


def test_a_judge_without_graphs_calls_nothing_right(judge):
    assert judge.judge(NAMES, "RETURN 1", (), ordered=False).status == "not_judged"


def test_a_result_of_one_value_is_told_from_every_other_value():
    values = [
        None,
        True,
        False,
        0,
        1,
        1.5,
        math.nan,
        math.inf,
        -math.inf,
        "",
        "1",
        [],
        [None],
        {},
        {"a": 1},
        [1],
        [[1]],
    ]
    for left in values:
        for right in values:
            same = left is right or (left != left and right != right)
            assert same_result(Result(("x",), ((left,),)), Result(("x",), ((right,),)), ordered=False) is same


# Every proven query of the generator against its own mutants: what the proof calls told apart, the judge calls wrong.


def sample_proven(seed: int) -> tuple[Query, list[PropertyGraph], int]:
    rng = random.Random(seed)
    while True:
        schema = sample_schema(lexicon.TRAINING, rng, "s", max_node_types=3, invented_share=0.5)
        query = sample_query(schema, rng)
        if query is None:
            continue
        graphs = [sample_graph(schema, rng) for _ in range(3)]
        with EmbeddedGraph(graphs[0]) as a, EmbeddedGraph(graphs[1]) as b, EmbeddedGraph(graphs[2]) as c:
            proof = prove(query, [a, b, c])
        if proof is not None:
            return query, graphs, proof.killed


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_judge_calls_exactly_the_killed_mutants_wrong(judge, seed):
    query, graphs, killed = sample_proven(seed)
    gold = write_cypher(query)
    mutants = [mutant for mutant in dict.fromkeys(mutate(query)) if mutant != gold]
    found = [judge.judge(gold, mutant, graphs, ordered=query.ordered).status for mutant in mutants]
    assert found.count("wrong") == killed
    assert found.count("right") == len(mutants) - killed


# What keeps the engine's faults out.


def test_a_harmless_query_is_run_as_it_is_written():
    for query in (NAMES, PAIRS, SORTED, "MATCH (person:Person) RETURN count(*)", "RETURN 'person'"):
        assert avoid_faults(query, {"Person"}) == query


def test_only_labels_in_another_case_are_hidden():
    query = "MATCH (person:person)-[:person]->({person: 'person'}) WHERE person:PERSON RETURN person.person"
    hidden = "MATCH (person:person_)-[:person]->({person: 'person'}) WHERE person:PERSON_ RETURN person.person"
    assert avoid_faults(query, {"Person"}) == hidden
    assert avoid_faults("MATCH (n:a) RETURN n", {"A", "a_"}) == "MATCH (n:a__) RETURN n"


@pytest.mark.parametrize("query", ["MATCH (n:person RETURN n", "EXPLAIN MATCH (n:person) RETURN n"])
def test_a_suspect_query_that_cannot_be_read_is_refused(query):
    with pytest.raises(FaultError):
        avoid_faults(query, {"Person"})


def test_columns_that_the_engine_would_merge_are_refused():
    with EmbeddedGraph(PEOPLE) as graph:
        for query in ("MATCH (n) RETURN n.name, n.name", "MATCH (n) RETURN n.name,n . name LIMIT 1"):
            with pytest.raises(CypherError):
                graph.run(query)
        assert len(graph.run("MATCH (n) RETURN n.name, n.age, n.name AS b").rows[0]) == 3


def test_a_graph_whose_labels_differ_only_by_case_is_refused():
    nodes = (Node(id=1, labels=("Person",), properties={}), Node(id=2, labels=("PERSON",), properties={}))
    with (
        pytest.raises(EngineError, match="'PERSON' and 'Person'"),
        EmbeddedGraph(PropertyGraph(nodes=nodes, relationships=())),
    ):
        pass


def test_exists_is_dropped_before_a_pattern_in_any_number_of_brackets_and_nowhere_else():
    assert avoid_faults("MATCH (n) WHERE exists((n)-->()) RETURN n", set()) == "MATCH (n) WHERE ((n)-->()) RETURN n"
    assert (
        avoid_faults("MATCH (n) WHERE EXISTS (((n)-->())) RETURN n", set()) == "MATCH (n) WHERE  (((n)-->())) RETURN n"
    )
    for query in ("MATCH (n) WHERE exists((n).age) RETURN n", "RETURN exists() AS x"):
        assert avoid_faults(query, set()) == query


def test_a_path_is_opened_where_it_is_shown_and_refused_where_it_goes_on_otherwise():
    opened = "CASE WHEN p IS NULL THEN null ELSE [nodes(p), relationships(p)] END"
    start = "MATCH p = (a)-->(b)"
    for before, after in {
        "RETURN p": f"RETURN {opened}",
        "WITH p LIMIT 1 RETURN p AS q, length((p)) AS n": f"WITH p LIMIT 1 RETURN {opened} AS q, length((p)) AS n",
        "WITH * RETURN count(p), [p] AS one": f"WITH * RETURN count(p), [{opened}] AS one",
    }.items():
        assert avoid_faults(f"{start} {before}", set()) == f"{start} {after}"
    for refused in ("RETURN *", "WITH [p] AS x RETURN x", "WITH p AS q RETURN q", "RETURN p UNION MATCH (p) RETURN p"):
        with pytest.raises(FaultError):
            avoid_faults(f"{start} {refused}", set())
