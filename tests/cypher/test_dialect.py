"""What NornicDB does otherwise than Neo4j with a valid query is told, and nothing is told of what it does alike."""

import pytest

from cypher.dialect import check_dialect
from cypher.parse import check_syntax

DEVIATIONS = {
    "DROP INDEX i": ("ignored", 6),
    "DROP CONSTRAINT c IF EXISTS": ("ignored", 6),
    "CREATE CONSTRAINT c FOR (n:P) REQUIRE (n.a, n.b) IS NODE KEY": ("rejected", 8),
    "CREATE CONSTRAINT c FOR (n:P) REQUIRE n.a IS NOT NULL": ("rejected", 8),
    "CREATE CONSTRAINT c FOR ()-[r:R]-() REQUIRE r.a IS UNIQUE": ("rejected", 8),
    "CREATE RANGE INDEX i FOR (n:P) ON (n.a)": ("misexecuted", 8),
    "CREATE LOOKUP INDEX i FOR (n) ON EACH labels(n)": ("misexecuted", 8),
    "CREATE INDEX i FOR ()-[r:R]-() ON (r.a)": ("misexecuted", 20),
    "CREATE VECTOR INDEX v FOR (n:D) ON (n.e) OPTIONS {indexConfig: {`vector.dimensions`: 3}}": ("ignored", 65),
    "LOAD CSV FROM 'a.csv' AS row RETURN row": ("rejected", 1),
    "MATCH (n) WHERE id(n) < 3 RETURN n": ("misexecuted", 17),
    "RETURN floor(-1.5) AS x": ("misexecuted", 8),
    "RETURN apoc.text.camelCase('a b') AS x": ("not callable", 8),
    "RETURN apoc.text.toUpperCase('a') AS x": ("not callable", 8),
    "RETURN vector.similarity([1.0], [1.0]) AS x": ("not callable", 8),
    "CALL algo.pageRank('A', 'R') YIELD nodeId, score RETURN score": ("rejected", 6),
    "CALL gds.pageRank.stream('g') YIELD nodeId RETURN nodeId": ("rejected", 6),
}
ONLY_STRICT = [
    "MATCH (n:A|B) RETURN n",
    "MATCH (n:A&!B) RETURN n",
    "MATCH (n) WHERE n:%  RETURN n",
    "MATCH (a)-[:R]->+(b) RETURN b",
    "MATCH (a)((x)-->(y)){1,3}(b) RETURN b",
    "MATCH (n) RETURN n {.a}",
    "RETURN reduce(s = 0, x IN [1] | s + x) AS s",
    "MATCH (n) FOREACH (x IN [1] | SET n.x = x)",
    "USE other MATCH (n) RETURN n",
    "MATCH (n) RETURN COLLECT { MATCH (n)-->(m) RETURN m.x } AS xs",
    "MATCH (n) WHERE COUNT { (n)-->() } > 1 RETURN n",
    "MATCH (n) CALL (n) { RETURN n.x AS x } RETURN x",
    "SHOW INDEXES YIELD name",
    "CREATE FULLTEXT INDEX f FOR (n:A|B) ON EACH [n.x]",
]
ALIKE = [
    "MATCH (n:Person) WHERE n.age > 30 RETURN n.name ORDER BY n.age DESC LIMIT 3",
    "MATCH (a)-[:KNOWS|LIKES*1..3]->(b) RETURN count(DISTINCT b) AS c",
    "MATCH (n) WHERE COUNT { MATCH (n)-->() } > 1 AND EXISTS { MATCH (n)-->() } RETURN n",
    "CREATE CONSTRAINT c IF NOT EXISTS FOR (n:P) REQUIRE n.id IS UNIQUE",
    "CREATE INDEX i FOR (n:P) ON (n.a, n.b)",
    "CALL db.index.vector.queryNodes('i', 3, 'a text') YIELD node, score RETURN node, score",
    "CALL apoc.algo.pageRank(['Page']) YIELD node, score RETURN node.name, score",
    "RETURN apoc.coll.sum([1, 2]) AS a, apoc.text.join(['a'], ',') AS b, APOC.CREATE.UUID() AS c",
    "RETURN vector.similarity.cosine([1.0], [1.0]) AS s, kalman.init() AS k, date.truncate('month', date()) AS d",
    "MATCH (id:Id {floor: 1}) RETURN id.round AS ceil",
    "RETURN 'DROP INDEX x' AS text // LOAD CSV",
]


@pytest.mark.parametrize(("query", "expected"), DEVIATIONS.items())
def test_what_nornicdb_does_otherwise_is_told_with_its_place(query, expected):
    assert check_syntax(query) is None
    (finding,) = check_dialect(query)
    assert (finding.effect, finding.column, finding.line) == (*expected, 1)
    assert finding.parsers == ("nornic", "antlr")


@pytest.mark.parametrize("query", ONLY_STRICT)
def test_what_only_the_strict_parser_rejects_is_told_once(query):
    assert check_syntax(query) is None
    (finding,) = check_dialect(query)
    assert (finding.effect, finding.parsers) == ("rejected", ("antlr",))


@pytest.mark.parametrize("query", ALIKE)
def test_nothing_is_told_of_what_nornicdb_does_alike(query):
    assert check_syntax(query) is None
    assert check_dialect(query) == ()


def test_findings_come_in_the_order_of_the_text_and_inside_subqueries_too():
    query = """MATCH (n)
        WHERE EXISTS { MATCH (n)-->(m) WHERE id(m) = 1 }
        CALL { WITH n RETURN n {.x} AS y }
        RETURN floor(1.0)"""
    assert [finding.line for finding in check_dialect(query)] == [2, 3, 4]


def test_the_difference_between_what_is_registered_and_what_does_not_exist_is_told():
    (registered,) = check_dialect("RETURN apoc.text.camelCase('a') AS x")
    (unknown,) = check_dialect("RETURN apoc.text.noSuchThing('a') AS x")
    assert "registered, but cannot be called" in registered.message
    assert "does not exist" in unknown.message


@pytest.mark.parametrize("text", ["", "MATCH (n", "hello", "RETURN 'open"])
def test_a_text_that_is_no_query_has_no_findings(text):
    assert check_dialect(text) == ()
