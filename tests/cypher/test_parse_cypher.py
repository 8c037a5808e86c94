"""What is a query and what is not: openCypher strictly, and as much of Neo4j's own syntax as the parsers know."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cypher.parse import check_syntax

QUERIES = [
    "MATCH (n:Person) WHERE n.age > 30 RETURN n.name ORDER BY n.age DESC LIMIT 3;",
    "MATCH (a)-[:KNOWS]->(b) WITH a, count(b) AS total WHERE total > 1 RETURN a.name",
    "MATCH (n) WHERE NOT (n)-[:KNOWS]->() RETURN count(DISTINCT n.name)",
    "OPTIONAL MATCH (n) RETURN n",
    "RETURN 1 AS one",
    "UNWIND range(1, 1000000000000) AS x RETURN x",  # would never end if it were run
    "WITH 1 AS x RETURN x",
    "MATCH (n) RETURN n.name AS x UNION MATCH (m) RETURN m.title AS x",
    "MATCH (n) WHERE n.name = $name RETURN n",
    "// who?\nMATCH (n) RETURN n",
    "CREATE (n:Person {name: 'Ann'})",
    "MERGE (n:A {x: 1}) ON CREATE SET n.y = 2 RETURN n",
    "MATCH (n) DETACH DELETE n",
    "MATCH (n) SET n.x = 1",
    "MATCH p = shortestPath((a)-[*..5]-(b)) RETURN p",
    # outside openCypher 9
    "CALL db.labels() YIELD label RETURN label",
    "CALL db.labels()",
    "CREATE INDEX person_name IF NOT EXISTS FOR (n:Person) ON (n.name)",
    "CREATE CONSTRAINT c FOR (n:P) REQUIRE n.x IS UNIQUE",
    "DROP INDEX person_name",
    "SHOW INDEXES",
    "MATCH (n:A|B) RETURN n",
    "MATCH (n:`Two Words`) RETURN n",
    "MATCH (n) CALL { WITH n MATCH (n)-->(m) RETURN count(m) AS c } RETURN c",
    "MATCH (n) RETURN n {.name, .age}",
    "MATCH (n) RETURN elementId(n)",
]

NOT_QUERIES = {
    "": 1,
    "hello": 1,
    "SELECT * FROM people": 1,
    "MATCH (n RETURN n": 10,
    "MATCH (n {x: 1) RETURN n": 15,
    "MATCH (n) RETURN n.x AS": 24,
    "MATCH (n) WHERE n.x = 1 AND RETURN n": 29,
    "MATCH (n) RETURN 'open": 18,
    "MATCH (n)": 10,
    "MATCH (n) WHERE n.x = 1": 24,
    "MATCH (n) WITH n": 17,
    "MATCH (n) RETURN n RETURN n": 20,
    "MATCH (n) RETURN m": 18,
    "RETURN n": 8,
    "UNWIND [1] AS x WITH x RETURN y": 31,
    "MATCH (n) WHERE n.x == 1 RETURN n": 21,
    "MATCH (n) WHERE n.x != 1 RETURN n": 21,
    "RETURN foo(1)": 8,
    "MATCH (n) WHERE count(n) > 1 RETURN n": 17,
    "MATCH (n) RETURN n.a AS x, n.b AS x": 28,
    "MATCH (n) RETURN DISTINCT n.a ORDER BY n.b": 1,
    "MATCH (n) RETURN count(*) AS c ORDER BY n.x": 41,
    "MATCH (n) SET m.x = 1": 15,
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_accepted(query):
    assert check_syntax(query) is None


@pytest.mark.parametrize(("query", "column"), NOT_QUERIES.items())
def test_what_is_no_query_is_refused_and_its_place_told(query, column):
    problem = check_syntax(query)
    assert problem is not None
    assert (problem.line, problem.column) == (1, column), problem.message


def test_the_line_of_a_problem_is_told():
    problem = check_syntax("MATCH (n)\nWHERE n.x > 1\nRETURN n.x, m.y")
    assert problem is not None
    assert (problem.line, problem.column) == (3, 13)


def test_checking_a_query_runs_nothing():
    assert check_syntax("MATCH (n) DETACH DELETE n") is None
    assert check_syntax("CREATE (:Left {over: 1})") is None
    assert check_syntax("CREATE INDEX i FOR (n:Left) ON (n.over)") is None
    from cypher.parse import _strict_engine

    assert _strict_engine().query("MATCH (n) RETURN n") == []


@pytest.mark.parametrize("part", ["NOT ", "-", "- ", "(", "[", "{", "CASE WHEN ", "n.", "MATCH ", "'", "`", "/*"])
def test_a_text_that_nests_without_end_is_refused_and_kills_nobody(part):
    assert check_syntax("RETURN " + part * 20_000 + "1") is not None


@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text):
    problem = check_syntax(text)
    assert problem is None or (problem.line >= 1 and problem.column >= 1 and problem.message)


@given(st.sampled_from(QUERIES), st.data())
def test_a_query_cut_short_gets_an_answer(query, data):
    check_syntax(query[: data.draw(st.integers(0, len(query)))])


def test_queries_are_checked_in_any_thread() -> None:
    assert check_syntax("MATCH (n) RETURN n") is None
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(check_syntax, "MATCH (n) RETURN n").result() is None
