"""Says whether a text is a Cypher query, and if not, where and why.

Two real parsers are asked. graphdblite compiles strict openCypher without running it, which also finds undefined
variables, unknown functions and misplaced aggregates. What lies outside openCypher (procedures, schema commands,
subqueries, label expressions) is left to graphqlite's grammar, which covers part of Neo4j 5.
"""

import json
import re
from functools import lru_cache
from typing import Any

import apsw
import graphdblite
import graphqlite

from heimdall.refs import Record

_PLACE = re.compile(r"at line (\d+):(\d+)")
_GRAMMAR = "SyntaxError(UnexpectedSyntax)"


class Problem(Record):
    """Why a text is not a query. Line and column count from one."""

    line: int
    column: int
    message: str


def check_syntax(query: str) -> Problem | None:
    """Returns what is wrong with a query, or None. Nothing is run; runtime errors (1/'a') are not found here."""
    try:
        _strict().query(f"EXPLAIN {query}")
    except graphdblite.GraphDBError as error:
        message = str(error)
    else:
        return None
    if not message.startswith((_GRAMMAR, "ProcedureError")):
        return _problem(message)
    return _check_grammar(query)


def _problem(message: str) -> Problem:
    place = _PLACE.search(message)
    line, column = (int(place[1]), int(place[2])) if place else (1, 1)
    return Problem(line=line, column=column, message=message.splitlines()[0])


def _check_grammar(query: str) -> Problem | None:
    ((text,),) = _lenient().execute("SELECT cypher_validate(?)", (query,))
    answer: dict[str, Any] = json.loads(text)
    if answer["valid"]:
        return None
    return Problem(line=answer.get("line") or 1, column=answer.get("column") or 1, message=answer["error"])


@lru_cache(maxsize=1)
def _strict() -> graphdblite.Database:
    return graphdblite.Database.open_memory()


@lru_cache(maxsize=1)
def _lenient() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    graphqlite.load(connection)
    return connection
