"""Reads a text as Cypher: its syntax tree, in which each name knows its variable."""

from cypher.scopes.clauses import resolve
from cypher.syntax.commands import read_syntax
from cypher.syntax.queries import Statement


def read_statement(query: str) -> Statement:
    """Reads a query or command of Neo4j 5's Cypher. Raises `GrammarError` for what is none, with the place."""
    statement = read_syntax(query)
    resolve(statement)
    return statement
