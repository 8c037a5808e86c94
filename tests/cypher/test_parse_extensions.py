"""What Neo4j 5 has beyond openCypher 9: accepted where it is well formed, refused at the right place where not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cypher.parse import check_many, check_syntax

QUERIES = [
    # subqueries in expressions
    "MATCH (n) WHERE EXISTS { (n)-[:KNOWS]->(m) WHERE m.age > n.age } RETURN n",
    "MATCH (n) WHERE EXISTS { MATCH (n)-->(m) WITH m, count(*) AS c WHERE c > 1 RETURN m } RETURN n",
    "MATCH (n) WHERE COUNT { (n)-[:KNOWS]->() } > 2 RETURN n",
    "MATCH (n) RETURN COUNT { MATCH (n)-->(m) WHERE m.x = 1 } AS many ORDER BY many",
    "MATCH (n) RETURN COLLECT { MATCH (n)-->(m) RETURN m.name ORDER BY m.name LIMIT 3 } AS names",
    "MATCH (n) WHERE NOT EXISTS { (n)-->() } AND n.name STARTS WITH 'A' RETURN n",
    "MATCH (n) RETURN EXISTS { MATCH (n)-->() RETURN n AS x UNION MATCH (n)<--() RETURN n AS x } AS any",
    # CALL subqueries
    "MATCH (n) CALL (n) { MATCH (n)-->(m) RETURN count(m) AS c } RETURN n, c",
    "MATCH (n) CALL (*) { RETURN n.x AS x } RETURN x",
    "MATCH (n) OPTIONAL CALL (n) { MATCH (n)-->(m) RETURN m } RETURN m",
    "MATCH (n) CALL { WITH n SET n.x = 1 } IN TRANSACTIONS OF 100 ROWS",
    "MATCH (n) CALL { WITH n DELETE n } IN 3 CONCURRENT TRANSACTIONS ON ERROR BREAK REPORT STATUS AS s RETURN s",
    "CALL { MATCH (n) RETURN n.x AS x UNION ALL MATCH (m) RETURN m.x AS x } RETURN max(x)",
    "UNWIND [1, 2] AS x CALL { WITH x UNWIND range(1, x) AS y RETURN sum(y) AS s } RETURN x, s",
    # labels and types
    "MATCH (n:Person|Company) RETURN n",
    "MATCH (n:(A|B)&!C) WHERE n:D OR n:!E RETURN n",
    "MATCH (n:%) RETURN n:A&B AS both",
    "MATCH (n IS Person)-[r IS KNOWS]->() RETURN n, r",
    "MATCH ()-[r:A|B|C]->() RETURN type(r)",
    "MATCH (n) SET n:$(n.kind) REMOVE n:$('Old')",
    # patterns
    "MATCH (a)((x)-[r:NEXT]->(y) WHERE x.n < y.n){1,3}(b) RETURN [i IN x | i.n] AS ns, size(r) AS hops",
    "MATCH p = (a)-[:NEXT]->+(b) RETURN length(p)",
    "MATCH (a)-[:NEXT]->{2,}(b), (b)<-[:BACK]-*(c) RETURN a, c",
    "MATCH p = SHORTEST 2 (a:A)-->+(b:B) RETURN p",
    "MATCH p = ALL SHORTEST (a:A)-[:R]-+(b) RETURN p",
    "MATCH ANY (a)-[:R]->+(b) RETURN a",
    "MATCH SHORTEST 1 PATH GROUPS (a)-[:R]->+(b) RETURN a",
    "MATCH (n WHERE n.x > 1)-[r:R WHERE r.y < n.x]->(m) RETURN m",
    "MATCH (a {x: b.x}), (b) RETURN a",
    "MATCH (n)-[r:R*1..3 {x: 1}]->(m) RETURN r",
    # expressions
    "MATCH (n) RETURN n {.name, .*, friends: [(n)-->(m) | m.name], n}",
    "MATCH (n) WHERE n.x IS :: INTEGER NOT NULL RETURN n.y IS NOT TYPED LIST<STRING NOT NULL> AS t",
    "RETURN 1 :: INTEGER | FLOAT AS t, 'a' IS NFC NORMALIZED AS n, 'x' || 'y' AS both",
    "RETURN apoc.text.join(['a', 'b'], ',') AS t, date.truncate('month', date()) AS d",
    "MATCH (n) RETURN CASE n.x WHEN 1, 2 THEN 'low' WHEN > 9 THEN 'high' WHEN IS NULL THEN 'none' ELSE 'mid' END AS c",
    "RETURN reduce(s = 0, x IN [1, 2] | s + x) AS s, trim(BOTH 'x' FROM 'xax') AS t",
    "MATCH (order:Order) WHERE order.total > 3 RETURN order",
    "RETURN [x IN [1, 2] WHERE x > 1 | x * 2] AS a, [1, 2][0..1] AS b, {a: 1}.a AS c, -2 ^ 2 AS d",
    "MATCH (n) WHERE n.t =~ '.*@gmail\\.com' RETURN n",
    # clauses
    "MATCH (n) FOREACH (x IN [1, 2] | CREATE (n)-[:R]->(:M {x: x}) SET n.x = x)",
    "LOAD CSV WITH HEADERS FROM 'file:///a.csv' AS row FIELDTERMINATOR ';' CREATE (n:A {x: toInteger(row.x)})",
    "MATCH (n:A) USING INDEX n:A(x) WHERE n.x = 1 RETURN n",
    "MATCH (n) RETURN n ORDER BY n.x OFFSET 2 LIMIT $many",
    "MATCH (n) SET n[$key] = 1, n += {a: 2}",
    "USE sales MATCH (n) RETURN n",
    "EXPLAIN MATCH (n) RETURN n",
    "PROFILE CREATE (n:A {x: 1})",
    "CYPHER 25 runtime=slotted MATCH (n) RETURN n",
    "CREATE (n) FINISH",
    "CALL db.index.vector.queryNodes('i', 5, $v) YIELD node AS n, score WHERE score > 0.5 RETURN n.name, score",
    "CALL db.labels",
    "/* all */ MATCH (n) // every node\nRETURN n;",
]

# The column is where the fault is.
NOT_QUERIES = {
    "MATCH (n) WHERE EXISTS { (n)-->(m) WHERE m.x = z.x } RETURN n": 48,
    "MATCH (n) WHERE COUNT { MATCH (n)-->(m) RETURN k } > 1 RETURN n": 48,
    "MATCH (n) WHERE EXISTS { (n)-->(m) } RETURN m": 45,
    "MATCH (n) RETURN COLLECT { MATCH (m) RETURN m.x, m.y } AS x": 18,
    "MATCH (n) RETURN COLLECT { (n)-->() } AS x": 28,
    "MATCH (n) WHERE EXISTS { CREATE (m) } RETURN n": 26,
    "MATCH (n) CALL (n) { MATCH (n)-->(m) RETURN count(m) } RETURN n": 45,
    "MATCH (n), (k) CALL (n) { RETURN k.x AS x } RETURN x": 34,
    "MATCH (n) CALL { RETURN n.x AS x } RETURN x": 25,
    "MATCH (n) CALL { WITH k RETURN k.x AS x } RETURN x": 23,
    "MATCH (n) CALL (n) { RETURN 1 AS n } RETURN n": 22,
    "MATCH (n) CALL (n) { RETURN n.x AS x }": 39,
    "MATCH (n) CALL { WITH n SET n.x = 1 } IN TRANSACTIONS OF ROWS": 58,
    "MATCH (n:A|) RETURN n": 12,
    "MATCH (n:A&&B) RETURN n": 12,
    "CREATE (n:A)-[:R|S]->(:B)": 13,
    "CREATE (n:A)-[:R]-(:B)": 13,
    "CREATE (a)-[:R*2]->(b)": 11,
    "MATCH (n {x: 1} :A) RETURN n": 17,
    "MATCH ((a)-->(b)){1,2 RETURN a": 23,
    "MATCH ((a)-->(b))+ RETURN a.x": 28,
    "MATCH (a)-[r]->(b)-[r]->(c) RETURN a": 21,
    "MATCH (n)-[n]->(m) RETURN n": 12,
    "MATCH p = (a)-->(b) RETURN p.x": 29,
    "WITH 1 AS n MATCH (n) RETURN n": 20,
    "MATCH (n) RETURN n {.name, .}": 29,
    "MATCH (n) WHERE n.x IS :: WORD RETURN n": 27,
    "RETURN sum(count(*))": 12,
    "MATCH (n) WHERE n.x = max(n.y) RETURN n": 23,
    "MATCH (n) SET n.x = count(*)": 21,
    "RETURN [x IN [1] WHERE y > 1]": 24,
    "RETURN CASE WHEN 1 = 1 THEN 2": 30,
    "RETURN 1 AND true": 8,
    "RETURN 5 IN 7": 13,
    "MATCH (n) RETURN n LIMIT -1": 26,
    "MATCH (n) RETURN n LIMIT n.x": 26,
    "MATCH (n) FOREACH (x IN [1] | RETURN x)": 31,
    "MATCH (n) RETURN n UNION MATCH (m) RETURN m": 26,
    "RETURN 1 AS x UNION RETURN 2 AS x UNION ALL RETURN 3 AS x": 35,
    "CALL db.labels() YIELD label RETURN labels": 37,
    "MATCH (n) WITH n.x RETURN 1": 16,
    "UNWIND [1] AS n MATCH (m) UNWIND [2] AS n RETURN n": 41,
    "MATCH (n) RETURN n; MATCH (m) RETURN m": 21,
    "MATCH (n) RETURN 12ab": 18,
    "MATCH (n $p) RETURN n": 10,
    "MATCH (n) RETURN (n)-->()": 18,
    "RETURN 99999999999999999999": 8,
    "MATCH (n) DELETE 1 + 1, 'x'": 25,
}


@pytest.mark.parametrize("query", QUERIES)
def test_what_neo4j_has_beyond_opencypher_is_accepted(query):
    assert check_syntax(query) is None


@pytest.mark.parametrize(("query", "column"), NOT_QUERIES.items())
def test_a_fault_beside_or_inside_an_extension_is_found_in_its_place(query, column):
    problem = check_syntax(query)
    assert problem is not None
    assert (problem.line, problem.column) == (1, column), problem.message


@given(st.sampled_from(QUERIES), st.data())
@settings(max_examples=150)
def test_any_cut_or_doubled_piece_of_a_query_gets_an_answer_inside_the_text(query, data):
    start = data.draw(st.integers(0, len(query)))
    end = data.draw(st.integers(start, len(query)))
    text = query[:start] + query[start:end] * data.draw(st.sampled_from([0, 2])) + query[end:]
    problem = check_syntax(text)
    assert problem is None or 1 <= problem.column <= len(text) + 1


@given(st.sampled_from(QUERIES))
@settings(max_examples=60)
def test_the_letters_case_of_keywords_and_the_spaces_between_tokens_do_not_matter(query):
    assert check_syntax(f"\n  {query}\n  ") is None
    assert check_syntax(query.replace("MATCH", "match").replace("RETURN", "Return").replace("EXISTS", "exists")) is None


@pytest.mark.parametrize(
    "text",
    [
        "RETURN " + "({x: " * 40 + "1" + "})--()" * 40,
        "RETURN " + "(" * 5_000 + "1" + ")" * 5_000,
        "MATCH " + "((" * 500 + "a",
        "RETURN " + "[x IN " * 500 + "1",
        "MATCH (n) RETURN " + "EXISTS { MATCH (n) WHERE " * 300 + "true" + "}" * 300,
        "MATCH (n:" + "(" * 900 + "A" + ")" * 900 + ") RETURN n",
        "RETURN 1 IS :: " + "LIST<" * 900 + "INTEGER" + ">" * 900,
        "RETURN " + "abs(" * 50 + "1" + ") ^ 1 * 1 + 1 IN [1] = true AND true XOR true OR true" * 50,
        "RETURN " + "9" * 9_000,
    ],
)
def test_a_text_made_to_exhaust_the_reader_is_refused_soon(text):
    assert check_syntax(text) is not None


def test_many_queries_are_checked_in_other_processes_in_their_order():
    queries = ["RETURN 1 AS x", "RETURN", "MATCH (n) RETURN m"] * 3
    alone = check_many(queries)
    assert check_many(queries, workers=2) == alone
    assert [problem is None for problem in alone] == [True, False, False] * 3
    with pytest.raises(ValueError, match="at least 1"):
        check_many(queries, workers=0)
