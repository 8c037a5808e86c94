"""Reads a text as Cypher: its syntax tree, in which each name knows its variable."""

from functools import lru_cache

from cypher.scopes.clauses import resolve
from cypher.syntax.commands import read_syntax
from cypher.syntax.queries import Projection, Query, Statement


@lru_cache(maxsize=16)  # one query is read by the parser, the dialect and the engine in turn
def read_statement(query: str) -> Statement:
    """Reads a query or command of Neo4j 5's Cypher. Raises `GrammarError` for what is none, with the place.

    The tree is shared: it must not be changed.
    """
    statement = read_syntax(query)
    resolve(statement)
    return statement


def find_order(query: str) -> bool:
    """Whether a query gives its rows in an order that it names. Raises `GrammarError` for what is no query."""
    body = read_statement(query).body
    if not isinstance(body, Query) or len(body.branches) > 1:
        return False
    last = body.branches[0].clauses[-1]
    return isinstance(last, Projection) and bool(last.order)
