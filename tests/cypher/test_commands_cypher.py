"""The commands beside queries: Neo4j's, and those that only NornicDB has."""

import pytest

from cypher.parse import check_syntax

COMMANDS = [
    "CREATE INDEX person_name IF NOT EXISTS FOR (n:Person) ON (n.name, n.age)",
    "CREATE RANGE INDEX FOR (n:Person) ON (n.name) OPTIONS {}",
    "CREATE TEXT INDEX t FOR ()-[r:KNOWS]-() ON (r.note)",
    "CREATE POINT INDEX p FOR (n:City) ON (n.place) OPTIONS {indexConfig: {`spatial.wgs-84.min`: [-100.0, -80.0]}}",
    "CREATE LOOKUP INDEX l FOR (n) ON EACH labels(n)",
    "CREATE LOOKUP INDEX FOR ()-[r]-() ON EACH type(r)",
    "CREATE FULLTEXT INDEX f IF NOT EXISTS FOR (n:Post|Comment) ON EACH [n.title, n.body]",
    "CREATE VECTOR INDEX v FOR (n:Doc) ON (n.embedding) "
    "OPTIONS {indexConfig: {`vector.dimensions`: 768, `vector.similarity_function`: 'cosine'}}",
    "CREATE OR REPLACE VECTOR INDEX v FOR ()-[r:R]-() ON (r.e) OPTIONS $options",
    "CREATE CONSTRAINT c IF NOT EXISTS FOR (n:Person) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT FOR (n:Person) REQUIRE (n.a, n.b) IS NODE KEY",
    "CREATE CONSTRAINT FOR ()-[r:KNOWS]-() REQUIRE r.since IS NOT NULL",
    "CREATE CONSTRAINT c FOR (n:Person) REQUIRE n.age IS :: INTEGER | FLOAT",
    "CREATE CONSTRAINT c FOR (n:Person) REQUIRE n.tags IS TYPED LIST<STRING NOT NULL>",
    "CREATE CONSTRAINT c FOR ()-[r:R]-() REQUIRE r.id IS RELATIONSHIP KEY",
    "DROP INDEX person_name IF EXISTS",
    "DROP CONSTRAINT c;",
    "SHOW INDEXES",
    "SHOW VECTOR INDEXES YIELD name, state WHERE state = 'ONLINE' RETURN count(name) AS online",
    "SHOW ALL CONSTRAINTS YIELD *",
    "SHOW NODE KEY CONSTRAINTS",
    "SHOW PROCEDURES EXECUTABLE BY CURRENT USER YIELD name ORDER BY name SKIP 2 LIMIT 3",
    "SHOW BUILT IN FUNCTIONS WHERE name STARTS WITH 'a'",
    "SHOW DATABASES",
    "SHOW DATABASE neo4j YIELD currentStatus",
    "SHOW DEFAULT DATABASE",
    "SHOW TRANSACTIONS 'neo4j-transaction-1', 'neo4j-transaction-2'",
    "SHOW CURRENT USER",
    "TERMINATE TRANSACTIONS 'neo4j-transaction-1' YIELD message",
    "CREATE DATABASE tenant_a IF NOT EXISTS WAIT 10 SECONDS",
    "CREATE OR REPLACE DATABASE $name",
    "DROP DATABASE tenant_a IF EXISTS DUMP DATA",
    "ALTER DATABASE movies SET ACCESS READ ONLY",
    "START DATABASE movies",
    "CREATE ALIAS films IF NOT EXISTS FOR DATABASE movies",
    "DROP ALIAS films FOR DATABASE",
    "USE system CREATE DATABASE x",
    # only NornicDB has these
    "ALTER DATABASE d SET LIMIT max_nodes = 1000, max_query_time = 60s",
    "SHOW LIMITS FOR DATABASE d",
    "CREATE COMPOSITE DATABASE all ALIAS a FOR DATABASE x ALIAS b FOR DATABASE y",
    "ALTER COMPOSITE DATABASE all ADD ALIAS c FOR DATABASE z",
]

NOT_COMMANDS = {
    "CREATE INDEX i FOR (n:Person) ON (m.name)": 35,
    "CREATE INDEX i FOR (n) ON (n.name)": 22,
    "CREATE INDEX ON :Person(name)": 14,
    "CREATE INDEX i FOR (n:Person)": 30,
    "CREATE VECTOR INDEX v FOR (n:Doc) ON (n.a, n.b)": 38,
    "CREATE FULLTEXT INDEX f FOR (n:Post) ON (n.title)": 41,
    "CREATE LOOKUP INDEX l FOR (n) ON EACH type(n)": 39,
    "CREATE VECTOR INDEX v FOR (n:D) ON (n.e) OPTIONS {indexConfig: {vector.dimensions: 3}}": 71,
    "CREATE CONSTRAINT c ON (n:Person) ASSERT n.id IS UNIQUE": 21,
    "CREATE CONSTRAINT c FOR (n:Person) REQUIRE n.id IS ODD": 52,
    "CREATE CONSTRAINT c FOR (n:Person) REQUIRE (n.a, n.b) IS NOT NULL": 44,
    "CREATE CONSTRAINT c FOR (n:Person) REQUIRE n.id IS RELATIONSHIP KEY": 52,
    "DROP INDEX": 11,
    "DROP TABLE people": 6,
    "SHOW TABLES": 6,
    "SHOW INDEXES YIELD name RETURN state": 32,
    "SHOW INDEXES; SHOW CONSTRAINTS": 15,
    "CREATE DATABASE": 16,
    "ALTER DATABASE d SET": 21,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_accepted_with_and_without_its_end_mark(command):
    assert check_syntax(command) is None
    assert check_syntax(command.rstrip(";").lower() + " ;") is None


@pytest.mark.parametrize(("text", "column"), NOT_COMMANDS.items())
def test_a_faulty_command_is_refused_in_its_place(text, column):
    problem = check_syntax(text)
    assert problem is not None
    assert (problem.line, problem.column) == (1, column), problem.message


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_without_its_last_words_gets_an_answer(command):
    words = command.split()
    for count in range(len(words)):
        problem = check_syntax(" ".join(words[:count]))
        assert problem is None or problem.message
