"""A writing query leaves the graph and gives the rows that Cypher defines; the next one finds the graph as it was."""

from collections import Counter

import pytest
from small_graphs import PEOPLE

from cypher.graph import Node, PropertyGraph, Relationship
from cypher.run import CypherError, EmbeddedGraph, Limits, NodeValue, RelationshipValue, RowLimitError
from cypher.write import run_write

ANN = "MATCH (a:Person {name: 'Ann'})"
PAIR = f"{ANN}, (b:Person {{name: 'Bob'}})"
EVE = "(:Person {name: 'Eve'})"

# Query: the rows that it returns; what is gone; what is new. A node's line holds its values, and its end of a
# relationship only its name or else its label.
CHANGES = {
    # CREATE
    "CREATE (n:Person {name: 'Eve'})": ([], [], [EVE]),
    "CREATE (n:B:A {x: 1, y: null, z: [1, 2.5]}) RETURN n.x, labels(n), n": (
        [(1, ["A", "B"], NodeValue(("A", "B"), {"x": 1, "z": [1, 2.5]}))], [], ["(:A:B {x: 1, z: [1, 2.5]})"]),
    "CREATE (:A)<-[r:R {w: 1}]-(b:B) RETURN r, b": (
        [(RelationshipValue("R", {"w": 1}), NodeValue(("B",), {}))], [], ["(:A {})", "(:B {})", "B -[:R {w: 1}]-> A"]),
    "CREATE (a:A {x: 1}), (b:B {x: a.x + 1}), (a)-[:R]->(b)": (
        [], [], ["(:A {x: 1})", "(:B {x: 2})", "A -[:R {}]-> B"]),
    "CREATE (a:A)-[:SELF]->(a)": ([], [], ["(:A {})", "A -[:SELF {}]-> A"]),
    f"{PAIR} CREATE (b)-[:LIKES]->(a) RETURN a.name": ([("Ann",)], [], ["Bob -[:LIKES {}]-> Ann"]),
    f"{PAIR} CREATE (a)-[:KNOWS]->(b)": ([], [], ["Ann -[:KNOWS {}]-> Bob"]),
    "MATCH (c:City) CREATE (:Town {name: c.name}) RETURN count(*)": (
        [(2,)], [], ["(:Town {name: 'Oslo'})", "(:Town {name: 'Rome'})"]),
    "MATCH (n:Nobody) CREATE (:A) RETURN count(n)": ([(0,)], [], []),
    "UNWIND [1, 2] AS x CREATE (:A {x: x})": ([], [], ["(:A {x: 1})", "(:A {x: 2})"]),
    "UNWIND [{x: 1}, {y: 2}] AS row CREATE (n:A) SET n = row": ([], [], ["(:A {x: 1})", "(:A {y: 2})"]),
    "CREATE (n:A {x: 1}) WITH n MATCH (m:A) WHERE m = n RETURN m.x": ([(1,)], [], ["(:A {x: 1})"]),
    "MATCH (n:Person) WITH count(n) AS total CREATE (s:Stat {total: total}) RETURN s.total": (
        [(4,)], [], ["(:Stat {total: 4})"]),
    # MERGE
    "MERGE (n:City {name: 'Oslo'}) RETURN n": ([(NodeValue(("City",), {"name": "Oslo"}),)], [], []),
    "MERGE (n:Person {name: 'Eve'}) RETURN n.name": ([("Eve",)], [], [EVE]),
    "MERGE (n:Person {age: 20}) RETURN n.name ORDER BY n.name": ([("Bob",), ("Dee's",)], [], []),
    "MERGE (n:City {name: 'Oslo'}) ON CREATE SET n.new = true ON MATCH SET n.old = 1": (
        [], ["(:City {name: 'Oslo'})"], ["(:City {name: 'Oslo', old: 1})"]),
    "MERGE (n:City {name: 'Bern'}) ON CREATE SET n.new = true ON MATCH SET n.old = 1": (
        [], [], ["(:City {name: 'Bern', new: True})"]),
    "MERGE (n:City {name: 'Oslo'}) ON MATCH SET n.k = coalesce(n.k, 0) + 1, n:Seen RETURN n.k": (
        [(1,)], ["(:City {name: 'Oslo'})"], ["(:City:Seen {k: 1, name: 'Oslo'})"]),
    "UNWIND [1, 1, 2] AS x MERGE (n:A {x: x}) ON CREATE SET n.k = 1 ON MATCH SET n.k = n.k + 1": (
        [], [], ["(:A {k: 1, x: 2})", "(:A {k: 2, x: 1})"]),
    f"{PAIR} MERGE (a)-[:KNOWS]->(b)": ([], [], []),
    f"{PAIR} MERGE (b)-[:KNOWS]->(a)": ([], [], ["Bob -[:KNOWS {}]-> Ann"]),
    f"{PAIR} MERGE (a)<-[:KNOWS]-(b)": ([], [], ["Bob -[:KNOWS {}]-> Ann"]),
    f"{PAIR} MERGE (b)-[:KNOWS]-(a)": ([], [], []),
    f"{PAIR} MERGE (b)-[:LIKES]-(a)": ([], [], ["Bob -[:LIKES {}]-> Ann"]),
    f"{PAIR} MERGE (a)-[r:KNOWS]->(b) ON MATCH SET r.since = r.since + 1 RETURN r.since": (
        [(2002,)], ["Ann -[:KNOWS {since: 2001}]-> Bob"], ["Ann -[:KNOWS {since: 2002}]-> Bob"]),
    f"{PAIR} MERGE (a)-[:KNOWS {{since: 1999}}]->(b)": ([], [], ["Ann -[:KNOWS {since: 1999}]-> Bob"]),
    f"{ANN} MERGE (a)-[:OWNS]->(c:Car {{plate: 'x'}})": ([], [], ["(:Car {plate: 'x'})", "Ann -[:OWNS {}]-> Car"]),
    # The whole path is found or the whole path is made, though its nodes are there.
    "MERGE (:City {name: 'Oslo'})-[:NEAR]->(c:City {name: 'Rome'}) RETURN c.name": (
        [("Rome",)], [], ["(:City {name: 'Oslo'})", "(:City {name: 'Rome'})", "Oslo -[:NEAR {}]-> Rome"]),
    "MERGE (a:City {name: 'Oslo'}) MERGE (b:City {name: 'Rome'}) MERGE (a)-[:NEAR]->(b)": (
        [], [], ["Oslo -[:NEAR {}]-> Rome"]),
    "MERGE (a:A {x: 1})-[:SELF]->(a)": ([], [], ["(:A {x: 1})", "A -[:SELF {}]-> A"]),
    "MATCH (p:Person) WHERE p.age = 20 MERGE (:Town)": ([], [], ["(:Town {})"]),
    # SET and REMOVE
    "MATCH (c:City {name: 'Oslo'}) SET c.x = 1, c.y = c.x + 1, c.name = null": (
        [], ["(:City {name: 'Oslo'})"], ["(:City {x: 1, y: 2})"]),
    "CREATE (n:A) SET n.x = date('2020-01-01'), n += {y: date('2020-01-01')}": (
        [], [], ["(:A {x: '2020-01-01', y: '2020-01-01'})"]),
    "MATCH (c:City {name: 'Oslo'}) SET c += {x: 1, name: null}": ([], ["(:City {name: 'Oslo'})"], ["(:City {x: 1})"]),
    "MATCH (c:City {name: 'Oslo'}) SET c = {x: 1}": ([], ["(:City {name: 'Oslo'})"], ["(:City {x: 1})"]),
    "MATCH (c:City {name: 'Oslo'}) SET c = {}": ([], ["(:City {name: 'Oslo'})"], ["(:City {})"]),
    "MATCH (c:City {name: 'Oslo'}), (d:City {name: 'Rome'}) SET c = d": (
        [], ["(:City {name: 'Oslo'})"], ["(:City {name: 'Rome'})"]),
    "MATCH (c:City {name: 'Oslo'}) SET c:Big:Old RETURN labels(c)": (
        [(["Big", "City", "Old"],)], ["(:City {name: 'Oslo'})"], ["(:Big:City:Old {name: 'Oslo'})"]),
    "MATCH (c:City {name: 'Oslo'}) REMOVE c:City, c.name RETURN c": (
        [(NodeValue((), {}),)], ["(:City {name: 'Oslo'})"], ["( {})"]),
    "MATCH (c:City)<-[:LIVES_IN]-(p) SET c.people = coalesce(c.people, 0) + 1": (
        [], ["(:City {name: 'Oslo'})", "(:City {name: 'Rome'})"],
        ["(:City {name: 'Oslo', people: 2})", "(:City {name: 'Rome', people: 1})"]),
    "MATCH (c:City)<-[:LIVES_IN]-(p) WITH c, count(p) AS k SET c.people = k": (
        [], ["(:City {name: 'Oslo'})", "(:City {name: 'Rome'})"],
        ["(:City {name: 'Oslo', people: 2})", "(:City {name: 'Rome', people: 1})"]),
    "MATCH (:Person {name: 'Ann'})-[r:KNOWS]->(:Person {name: 'Bob'}) SET r.since = 1 RETURN r": (
        [(RelationshipValue("KNOWS", {"since": 1}),)],
        ["Ann -[:KNOWS {since: 2001}]-> Bob"], ["Ann -[:KNOWS {since: 1}]-> Bob"]),
    "MATCH ()-[r:KNOWS]->(:Person {name: 'Bob'}) REMOVE r.since": (
        [], ["Ann -[:KNOWS {since: 2001}]-> Bob"], ["Ann -[:KNOWS {}]-> Bob"]),
    "OPTIONAL MATCH (n:Nobody) SET n.x = 1, n:A REMOVE n.y RETURN n": ([(None,)], [], []),
    "MATCH (c:City) SET c.x = 1 WITH c WHERE c.name = 'Rome' RETURN c.x, c.name": (
        [(1, "Rome")], ["(:City {name: 'Oslo'})", "(:City {name: 'Rome'})"],
        ["(:City {name: 'Oslo', x: 1})", "(:City {name: 'Rome', x: 1})"]),
    "MATCH (c:City) SET c.name = 'x' RETURN DISTINCT c.name": (
        [("x",)], ["(:City {name: 'Oslo'})", "(:City {name: 'Rome'})"], ["(:City {name: 'x'})"] * 2),
    # DELETE
    "MATCH (:Person {name: 'Bob'})-[r]->() DELETE r RETURN count(r)": (
        [(2,)], ["Bob -[:KNOWS {}]-> Cyd", "Bob -[:LIVES_IN {}]-> Oslo"], []),
    "MATCH (c:City {name: 'Rome'})<-[r]-() DELETE c, r": (
        [], ["(:City {name: 'Rome'})", "Dee's -[:LIVES_IN {}]-> Rome"], []),
    "MATCH (c:City {name: 'Rome'}) DETACH DELETE c": (
        [], ["(:City {name: 'Rome'})", "Dee's -[:LIVES_IN {}]-> Rome"], []),
    "MATCH (c:City {name: 'Rome'}) WITH c, c.name AS name DETACH DELETE c RETURN name": (
        [("Rome",)], ["(:City {name: 'Rome'})", "Dee's -[:LIVES_IN {}]-> Rome"], []),
    "OPTIONAL MATCH (n:Nobody) DETACH DELETE n": ([], [], []),
    "MATCH (c:City {name: 'Rome'})<-[r]-() DELETE r, r DELETE c, c DETACH DELETE c": (
        [], ["(:City {name: 'Rome'})", "Dee's -[:LIVES_IN {}]-> Rome"], []),
    "CREATE (n:A) DELETE n": ([], [], []),
    "MATCH (a)-[r:KNOWS]->(b:Person {name: 'Bob'}) DELETE r CREATE (b)-[:KNOWS]->(a)": (
        [], ["Ann -[:KNOWS {since: 2001}]-> Bob"], ["Bob -[:KNOWS {}]-> Ann"]),
    # FOREACH
    "FOREACH (x IN [1, 2] | CREATE (:A {x: x}))": ([], [], ["(:A {x: 1})", "(:A {x: 2})"]),
    "MATCH (c:City) WITH collect(c) AS cs FOREACH (c IN cs | SET c.x = 1 REMOVE c.name)": (
        [], ["(:City {name: 'Oslo'})", "(:City {name: 'Rome'})"], ["(:City {x: 1})"] * 2),
    "MATCH (c:City {name: 'Oslo'}) FOREACH (x IN [1, 2] | FOREACH (y IN [3] | SET c.sum = x + y))": (
        [], ["(:City {name: 'Oslo'})"], ["(:City {name: 'Oslo', sum: 5})"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def people():
    with EmbeddedGraph(PEOPLE) as graph:
        yield graph


def describe(state, before):
    """The graph line by line; a node keeps the name it had before, so that only changed lines differ."""

    def write(properties):
        return "{" + ", ".join(f"{key}: {value!r}" for key, value in sorted(properties.items())) + "}"

    def name(number):
        node = before.nodes.get(number, state.nodes[number])
        return node.properties.get("name") or "".join(node.labels)

    nodes = state.nodes.values()
    lines = [f"({''.join(':' + label for label in node.labels)} {write(node.properties)})" for node in nodes]
    for start, edge, end in state.relationships:
        lines.append(f"{name(start)} -[:{edge.type} {write(edge.properties)}]-> {name(end)}")
    return Counter(lines)


@pytest.mark.parametrize("query", CHANGES)
def test_a_write_does_what_cypher_defines(people, query):
    written = run_write(people, query, Limits())
    before, after = describe(written.before, written.before), describe(written.after, written.before)
    rows, gone, new = CHANGES[query]
    assert sorted((before - after).elements()) == sorted(gone)
    assert sorted((after - before).elements()) == sorted(new)
    assert sorted(written.result.rows, key=repr) == sorted(rows, key=repr)


def test_each_write_finds_the_graph_as_it_was(people):
    first = run_write(people, "MATCH (n) DETACH DELETE n", Limits())
    assert (len(first.before.nodes), len(first.after.nodes)) == (6, 0)
    with pytest.raises(CypherError):
        run_write(people, "MATCH (n:Person) SET n.age = 1 SET n.age = n.name / 2", Limits())
    assert run_write(people, "CREATE (:A)", Limits()).before == first.before
    assert people.run("MATCH (n) RETURN count(n), sum(n.age)").rows == ((6, 110),)


@pytest.mark.parametrize(
    "query",
    [
        f"{ANN} DELETE a",  # its relationships are still there
        "MATCH (a:Person)-[r:KNOWS]->() DELETE r, a",
        "MERGE (n:Person {name: null})",
        "OPTIONAL MATCH (n:Nobody) CREATE (n)-[:R]->(:A)",
        "OPTIONAL MATCH (n:Nobody) MERGE (n)-[:R]->(a:A)",
        "UNWIND [1] AS x SET x.y = 1",
        f"{ANN} SET a.x = a",
        f"{ANN} SET a.x = {{y: 1}}",
        f"{ANN} SET a = 1",
        f"{ANN} SET a.x = a.name * 2",
    ],
)
def test_what_fails_in_cypher_fails(people, query):
    with pytest.raises(CypherError) as error:
        run_write(people, query, Limits())
    assert not error.value.unsupported


@pytest.mark.parametrize(
    "query",
    [
        "CREATE (:A) RETURN 1 AS x UNION CREATE (:B) RETURN 2 AS x",
        "EXPLAIN CREATE (:A)",
        f"{ANN} CALL {{ WITH a SET a.x = 1 }} RETURN a",
        "CALL db.labels() YIELD label CREATE (:A {x: label})",
        "LOAD CSV FROM 'x' AS row CREATE (:A {x: row[0]})",
        "MATCH p = (:City)<--() DELETE p",
        "CREATE p = (:A)-[:R]->(:B) RETURN length(p)",
        f"{ANN} SET a['x'] = 1",
        f"{ANN} SET a.x = timestamp()",
        f"{ANN} SET a.x = rand()",
        f"WITH date('2020-01-01') AS d {ANN} SET a.x = d.year",
        f"{ANN} SET a.x = date('2020-01-01').year",
        f"{ANN} SET a.`x y` = 1",
        f"{ANN} SET a.__id = 1",
        f"{ANN} DETACH DELETE a RETURN a.name",
        f"{ANN} DETACH DELETE a SET a.x = 1",
        f"{ANN}-[r]->() DELETE a DELETE r",  # right in Neo4j, where both are gone in the end
        "CREATE (:a {x: 1}), (:A)",
        # What the engine would miscount: several relationships of one type between two nodes, and loops.
        f"{PAIR} CREATE (a)-[:KNOWS]->(b) WITH a MATCH (a)-[r]-() RETURN count(r)",
        f"{PAIR} CREATE (a)-[r:KNOWS]->(b) RETURN r",
        f"{PAIR} CREATE (a)-[r:KNOWS]->(b) SET r.x = 1",
        "CREATE (a:A)-[:R]->(a) WITH a MATCH (a)--(b) RETURN count(b)",
        "MATCH (n:Person) WITH collect(n) AS ns CREATE (:A) RETURN ns",
    ],
)
def test_what_the_engine_cannot_do_rightly_is_refused(people, query):
    with pytest.raises(CypherError) as error:
        run_write(people, query, Limits())
    assert error.value.unsupported


def test_a_label_in_another_case_is_another_label(people):
    written = run_write(people, "MERGE (n:city {name: 'Oslo'})", Limits())
    assert len(written.after.nodes) == 7
    assert run_write(people, "MATCH (n:city) DETACH DELETE n", Limits()).after == written.before


def test_rows_are_limited_while_writing_and_when_returned(people):
    with pytest.raises(CypherError, match="more than 5 rows") as error:
        run_write(people, "MATCH (a), (b) CREATE (:A)", Limits(rows=5))
    assert error.value.unsupported
    with pytest.raises(RowLimitError):
        run_write(people, "CREATE (:A) WITH 1 AS x MATCH (n) RETURN n", Limits(rows=5))


def test_relationships_that_a_query_makes_again_are_left_side_by_side():
    nodes = tuple(Node(id=number, labels=("A",), properties={}) for number in (1, 2))
    edges = (Relationship(type="R", start=1, end=2),)
    with EmbeddedGraph(PropertyGraph(nodes=nodes, relationships=edges)) as graph:
        after = run_write(
            graph, "MATCH (a)-[:R]->(b) CREATE (a)-[:R {x: 1}]->(b), (a)-[:R {x: 1}]->(b)", Limits()
        ).after
    found = sorted((edge.properties for _, edge, _ in after.relationships), key=len)
    assert found == [{}, {"x": 1}, {"x": 1}]
