"""Repair corrects what a schema shows to be a slip, and leaves alone every query that may be right."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sampled_queries import sample

from cypher.compare import same_result
from cypher.repair import find_nearest, repair
from cypher.run import EmbeddedGraph
from cypher.schema import GraphSchema, read_schema
from datagen.queries import mutate, write_cypher
from datagen.schemas import sample_graph
from heimdall.errors import InputError

FILMS = read_schema(
    """
    Person {name: STRING, birthYear: INTEGER}
    (:Movie {title: STRING, year: INTEGER, revenue: FLOAT})
    (:Person)-[:ACTED_IN {role: STRING}]->(:Movie)
    (:Person)-[:DIRECTED]->(:Movie)
    (:Person)-[:KNOWS]->(:Person)
    (:Movie)-[:ABOUT]->(:Person)
    """
)
seeds = st.integers(min_value=0, max_value=2**32)


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_query_of_the_generator_is_never_changed(seed: int) -> None:
    query, _ = sample(seed)
    cypher = write_cypher(query)
    repaired = repair(cypher, read_schema(query.schema.text))
    assert (repaired.query, repaired.changes) == (cypher, ())


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_turned_arrow_is_turned_back_where_the_schema_has_only_one_way(seed: int) -> None:
    query, rng = sample(seed)
    assume(query.hops)
    ends = [{hop.relation.start, hop.relation.end} for hop in query.hops]
    schema = read_schema(query.schema.text)
    wrong = next(iter(mutate(query)))  # the first mutant turns the first arrow
    repaired = repair(wrong, schema)
    assert len(ends[0]) == 2  # the generator joins different labels, by a type that comes once
    assert repaired.changes == (f"arrow of {query.hops[0].relation.name} turned",)
    with EmbeddedGraph(sample_graph(query.schema, rng)) as graph:
        assert same_result(graph.run(write_cypher(query)), graph.run(repaired.query), ordered=False)
    assert repair(repaired.query, schema).changes == ()


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_misspelt_name_becomes_the_right_one_or_stays(seed: int) -> None:
    query, rng = sample(seed)
    cypher, schema = write_cypher(query), read_schema(query.schema.text)
    label = query.node(0).label
    place = rng.randrange(1, len(label))
    wrong = cypher.replace(f"(n:{label}", f"(n:{label[:place]}{label[place + 1 :]}", 1)
    assume(wrong != cypher)
    repaired = repair(wrong, schema)
    assert repaired.query in (cypher, wrong)
    assert (repaired.query == cypher) == bool(repaired.changes)


@pytest.mark.parametrize(
    ("query", "repaired", "changes"),
    [
        ("MATCH (m:Movie)-[:ACTED_IN]->(p:Person) RETURN p.name",
         "MATCH (m:Movie)<-[:ACTED_IN]-(p:Person) RETURN p.name", 1),
        ("MATCH (p:Person)<-[r:DIRECTED]-(m) RETURN m", "MATCH (p:Person)-[r:DIRECTED]->(m) RETURN m", 1),
        ("MATCH (m)-[:ACTED_IN]->(:Person) RETURN m", "MATCH (m)<-[:ACTED_IN]-(:Person) RETURN m", 1),
        ("MATCH (m:Movie) WHERE NOT (m)-[:DIRECTED]->() RETURN m",
         "MATCH (m:Movie) WHERE NOT (m)<-[:DIRECTED]-() RETURN m", 1),
        ("MATCH (m:Movie) MATCH (m)-[:ACTED_IN|DIRECTED]->(p) RETURN p",
         "MATCH (m:Movie) MATCH (m)<-[:ACTED_IN|DIRECTED]-(p) RETURN p", 1),
        ("MATCH (p:person) RETURN p.Name", "MATCH (p:Person) RETURN p.name", 2),
        ("MATCH (p:Persn {nam: 'A'}) RETURN p.birth_year", "MATCH (p:Person {name: 'A'}) RETURN p.birthYear", 3),
        ("MATCH (m:Movies)-[r:ACTEDIN]->(p) RETURN r.rol", "MATCH (m:Movie)<-[r:ACTED_IN]-(p) RETURN r.role", 4),
        ("MATCH (p:Person) WITH p AS q RETURN count(q.nme), '(p:Persn)'",
         "MATCH (p:Person) WITH p AS q RETURN count(q.nme), '(p:Persn)'", 0),
        ("MATCH (p:Person)\n  WHERE p.nme = 'p.nme' // p.nme\nRETURN p",
         "MATCH (p:Person)\n  WHERE p.name = 'p.nme' // p.nme\nRETURN p", 1),
    ],
)  # fmt: skip
def test_a_slip_is_corrected_and_the_rest_of_the_text_stays(query: str, repaired: str, changes: int) -> None:
    found = repair(query, FILMS)
    assert (found.query, len(found.changes)) == (repaired, changes)
    assert repair(found.query, FILMS).changes == ()


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (a:Person)<-[:KNOWS]-(b:Person) RETURN a",  # both ways are possible
        "MATCH (a)<-[:KNOWS]-(b) RETURN a",
        "MATCH (a)-[:ACTED_IN]->(b) RETURN a",
        "MATCH (m:Movie)-->(p:Person) RETURN p",  # by ABOUT
        "MATCH (m:Movie)-[:ACTED_IN]-(p:Person) RETURN p",  # no arrow
        "MATCH (m:Movie)-[:ACTED_IN*1..2]->(p) RETURN p",  # more steps than one
        "MATCH (a:Movie)-[:ACTED_IN]->(b:Movie) RETURN a",  # no way is possible
        "MATCH (a:Studio)<-[:ACTED_IN]-(b:Person) RETURN a",  # of Studio nothing is known
        "MATCH (a:!Movie)<-[:ACTED_IN]-(b) RETURN a",
        "MATCH (m:Movie) RETURN m.budget",
        "MATCH (p:Person) RETURN p.title",  # a property, though of another label
        "MATCH (m:Movie) WITH {nam: 1} AS m RETURN m.nam",  # a map
        "MATCH (p:Person) WITH count(p) AS nam RETURN nam",
        "CREATE (p:Persn {nam: 'A'})",  # may be meant
        "MATCH (p:Persn) SET p.nam = 1",
        "MATCH (p:Persn RETURN p",  # no query
        "RETURN 'open",
        "",
    ],
)
def test_what_may_be_meant_or_cannot_be_known_stays(query: str) -> None:
    found = repair(query, FILMS)
    assert (found.query, found.changes) == (query, ())


def test_the_nearest_name_is_taken_only_if_it_is_the_only_near_one() -> None:
    assert find_nearest("Persn", ["Person", "Movie"]) == "Person"
    assert find_nearest("acted_in", ["ACTED_IN", "ACTED_IN_2"]) == "ACTED_IN"
    assert find_nearest("created", ["createdAt", "createdBy"]) is None
    assert find_nearest("price1", ["price2", "price3"]) is None
    assert find_nearest("name", ["NAME", "Name"]) is None
    assert find_nearest("Film", ["Movie"]) is None
    assert find_nearest("x", []) is None


def test_a_schema_is_read_in_both_spellings() -> None:
    assert FILMS.labels == {
        "Person": {"name": "STRING", "birthYear": "INTEGER"},
        "Movie": {"title": "STRING", "year": "INTEGER", "revenue": "FLOAT"},
    }
    assert FILMS.types == {"ACTED_IN": {"role": "STRING"}, "DIRECTED": {}, "KNOWS": {}, "ABOUT": {}}
    assert [join.start for join in FILMS.relationships] == ["Person", "Person", "Person", "Movie"]
    assert read_schema("") == GraphSchema(labels={}, types={}, relationships=())
    with pytest.raises(InputError, match="Line 2 of the schema"):
        read_schema("Person {name: STRING}\nPerson knows Person")
