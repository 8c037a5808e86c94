"""The engine gives what Cypher means, for every form that the generator writes; and gives values, not records."""

import pytest
from small_graphs import PEOPLE

from cypher.graph import Node, PropertyGraph, Relationship
from cypher.run import CypherError, EmbeddedGraph, Limits, NodeValue, RelationshipValue, RowLimitError
from heimdall.errors import EngineError

P = "MATCH (n:Person)"
ANSWERS = {
    f"{P} WHERE n.age >= 30 AND n.name <> 'Cyd' RETURN n.name": [("Ann",)],
    f"{P} WHERE n.age = 40 OR n.active RETURN n.name ORDER BY n.name": [("Ann",), ("Cyd",)],
    f"{P} WHERE NOT n.active = true RETURN n.name": [("Bob",)],  # no value is neither true nor false
    f"{P} WHERE n.score IS NULL RETURN n.name": [("Cyd",)],
    f"{P} WHERE n.name CONTAINS 'e' AND n.name STARTS WITH 'D' RETURN n.name": [("Dee's",)],
    f"{P} WHERE n.name = 'Dee\\'s' RETURN n.age": [(20,)],
    f"{P} WHERE n.age IN [20, 99] RETURN count(n)": [(2,)],
    f"{P} WHERE NOT (n)-[:KNOWS]->() RETURN n.name ORDER BY n.name": [("Cyd",), ("Dee's",)],
    f"{P} WHERE (n)-[:LIVES_IN]->(:City) RETURN count(*)": [(3,)],
    f"{P} WHERE NOT (n)<-[:KNOWS]-(:Person) RETURN n.name ORDER BY n.name": [("Ann",), ("Dee's",)],
    f"{P} RETURN count(n.score), sum(n.score), avg(n.score), min(n.age), max(n.name)": [(3, 7.5, 2.5, 20, "Dee's")],
    "MATCH (n:Nothing) RETURN count(n), sum(n.x), avg(n.x), min(n.x), collect(n.x)": [(0, 0, None, None, [])],
    f"{P} RETURN DISTINCT n.age ORDER BY n.age DESC": [(40,), (30,), (20,)],
    f"{P} RETURN count(DISTINCT n.age)": [(3,)],
    f"{P} RETURN n.age, count(n) ORDER BY n.age": [(20, 2), (30, 1), (40, 1)],
    f"{P} RETURN n.name ORDER BY n.score DESC LIMIT 2": [("Cyd",), ("Dee's",)],  # null is the largest value
    f"{P} RETURN n.name ORDER BY n.age DESC SKIP 1 LIMIT 1": [("Ann",)],
    "MATCH (a)-[:KNOWS]->(b)-[:KNOWS]->(c) RETURN a.name, b.name, c.name": [("Ann", "Bob", "Cyd")],
    "MATCH (a)<-[:KNOWS]-(b) RETURN a.name, count(b) ORDER BY a.name": [("Bob", 1), ("Cyd", 2)],
    "MATCH (a)-[:KNOWS]->(b)-[:LIVES_IN]->(c:City)<-[:LIVES_IN]-(a) RETURN a.name, c.name": [("Ann", "Oslo")],
    "MATCH (a)-[:KNOWS]-(b:Person {name: 'Bob'}) RETURN a.name ORDER BY a.name": [("Ann",), ("Cyd",)],
    "MATCH (a:Person)-[:KNOWS]->(b) WITH a, count(b) AS total WHERE total > 1 RETURN a.name, total": [("Ann", 2)],
    "MATCH (c:City)<-[:LIVES_IN]-(n) WITH DISTINCT c RETURN count(c)": [(2,)],
    f"{P} OPTIONAL MATCH (n)-[:LIVES_IN]->(c) RETURN n.name, c.name ORDER BY n.name": [
        ("Ann", "Oslo"), ("Bob", "Oslo"), ("Cyd", None), ("Dee's", "Rome"),
    ],
    "MATCH (a)-[:KNOWS*2..2]->(b) RETURN b.name": [("Cyd",)],
    "MATCH (:Author)-[r]->(c) RETURN type(r), c.name": [("LIVES_IN", "Rome")],
    "MATCH (a {name: 'Ann'})-[:KNOWS|LIVES_IN]->(b) RETURN b.name ORDER BY b.name": [("Bob",), ("Cyd",), ("Oslo",)],
}  # fmt: skip


@pytest.fixture(scope="module")
def people():
    with EmbeddedGraph(PEOPLE) as graph:
        yield graph


@pytest.mark.parametrize("query", ANSWERS)
def test_a_query_gives_what_cypher_means(people, query):
    assert list(people.run(query).rows) == ANSWERS[query]


def test_nodes_and_relationships_come_as_values_without_ids(people):
    result = people.run("MATCH (a:Author)-[r]->(b) RETURN a, r, b")
    assert result.rows == (
        (
            NodeValue(("Author", "Person"), {"name": "Dee's", "age": 20, "score": 4.0}),
            RelationshipValue("LIVES_IN", {}),
            NodeValue(("City",), {"name": "Rome"}),
        ),
    )
    assert people.run("MATCH (:Person {name: 'Bob'})<-[r]-() RETURN collect(r)").rows == (
        ([RelationshipValue("KNOWS", {"since": 2001})],),
    )


def test_the_types_of_properties_are_kept(people):
    ((age, score, active),) = people.run("MATCH (n {name: 'Bob'}) RETURN n.age, n.score, n.active").rows
    assert (type(age), type(score), type(active)) == (int, float, bool)


def test_each_graph_is_its_own(people):
    with EmbeddedGraph(PropertyGraph(nodes=(), relationships=())) as empty:
        assert empty.run("MATCH (n) RETURN n").rows == ()
    assert len(people.run("MATCH (n) RETURN n").rows) == len(PEOPLE.nodes)


@pytest.mark.parametrize(
    "query",
    ["MATCH (n) DETACH DELETE n", "MATCH (n) SET n.age = 1", "CREATE (:Person)", "MERGE (:Person {name: 'Eve'})"],
)
def test_a_write_is_refused_and_changes_nothing(people, query):
    with pytest.raises(CypherError, match="write"):
        people.run(query)
    assert people.run("MATCH (n) RETURN count(n), sum(n.age)").rows == ((6, 110),)


def test_an_error_while_running_is_told_from_cypher_that_the_engine_does_not_know(people):
    with pytest.raises(CypherError) as wrong:
        people.run("MATCH (n) RETURN n.name / 2")
    with pytest.raises(CypherError) as unknown:
        people.run("MATCH (n:Person|City) RETURN n")
    assert not wrong.value.unsupported
    assert unknown.value.unsupported


def test_more_rows_than_allowed_are_an_error(people):
    assert len(people.run("MATCH (a), (b) RETURN a.name", Limits(rows=36)).rows) == 36
    with pytest.raises(RowLimitError, match="more than 35 rows"):
        people.run("MATCH (a), (b) RETURN a.name", Limits(rows=35))


def test_a_relationship_to_a_missing_node_is_not_loaded_silently():
    broken = PropertyGraph(nodes=(), relationships=(Relationship(type="R", start=1, end=2),))
    with pytest.raises(KeyError), EmbeddedGraph(broken):
        pass


@pytest.mark.parametrize("second", [(1, 2), (2, 1), (1, 1)])
def test_a_graph_that_the_engine_would_miscount_is_refused(second):
    nodes = tuple(Node(id=id, labels=("P",), properties={}) for id in (1, 2))
    edges = (Relationship(type="R", start=1, end=2), Relationship(type="R", start=second[0], end=second[1]))
    with pytest.raises(EngineError, match="miscount"), EmbeddedGraph(PropertyGraph(nodes=nodes, relationships=edges)):
        pass
    other_type = (edges[0], Relationship(type="S", start=2, end=1))
    with EmbeddedGraph(PropertyGraph(nodes=nodes, relationships=other_type)) as graph:
        assert graph.run("MATCH (a)--(b) RETURN count(*)").rows == ((4,),)


def test_text_beyond_ascii_survives():
    graph = PropertyGraph(
        nodes=(Node(id=1, labels=("P",), properties={"name": "Åsa \"ö\" 'x' \\ 日"}),), relationships=()
    )
    with EmbeddedGraph(graph) as engine:
        assert engine.run("MATCH (n) WHERE n.name STARTS WITH 'Å' RETURN n.name").rows == (("Åsa \"ö\" 'x' \\ 日",),)
