"""Says whether a text is a Cypher query, and if not, where and why; nothing of it is run.

Two real parsers are asked. graphdblite compiles strict openCypher 9, which also finds undefined variables, unknown
functions and misplaced aggregates. Where a text leaves openCypher (procedures, schema commands, subqueries, label
expressions), graphqlite's grammar decides, which covers part of Neo4j 5. docs/cypher.md says what neither covers.
"""

import json
import re
from functools import lru_cache
from typing import Any

import apsw
import graphdblite
import graphqlite

from heimdall.refs import Record

_PLACE = re.compile(r" at line (\d+):(\d+)")
_STARTS_WITH_MATCH = re.compile(r"\s*(OPTIONAL\s+)?MATCH\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(CREATE|MERGE|SET|DELETE|REMOVE)\b", re.IGNORECASE)
_GRAMMAR_ERROR = "SyntaxError(UnexpectedSyntax)"
_UNKNOWN_FUNCTION = "SyntaxError(UnknownFunction)"
# Errors that do not say that the query is wrong: a procedure that graphdblite does not have, a write that it does not
# do while reading, and a check of UNION that EXPLAIN gets wrong when both sides rename.
_NOT_WRONG = ("ProcedureError", "transaction error: write operations", "SyntaxError(DifferentColumnsInUnion)")
# Where strict openCypher stops at one of these, no extension of it could go on either.
_NO_EXTENSION = re.compile(r"(RETURN|MATCH|WITH|WHERE|ORDER|SKIP|LIMIT)\b|==?|!=|[;\s]*$", re.IGNORECASE)

# Beyond these the parsers, which recurse, may exhaust the stack and take the process with them.
_MAX_LENGTH = 10_000
_TOO_DEEP = re.compile(r"(?:[-+]\s*|\bNOT\s+){200}", re.IGNORECASE)


class Problem(Record):
    """Why a text is not a query. Line and column count from one."""

    line: int
    column: int
    message: str


def check_syntax(query: str) -> Problem | None:
    """Returns what is wrong with a query, or None. What only shows on data, like `1 + date()`, is not found."""
    if len(query) > _MAX_LENGTH or _TOO_DEEP.search(query):
        return Problem(line=1, column=1, message=f"longer than {_MAX_LENGTH} characters or nested too deeply")
    grammar = _validate_grammar(query)
    if grammar is not None and grammar[0] != "PARSE_ERROR":
        return grammar[1]
    strict = _compile_strictly(query)
    if strict is None or strict.message.startswith(_NOT_WRONG):
        return None
    if strict.message.startswith(_UNKNOWN_FUNCTION):
        return strict if _lacks_function(query) else None
    if not strict.message.startswith(_GRAMMAR_ERROR):
        return strict
    if grammar is not None:
        return grammar[1]
    first, *later = query.split("\n")[strict.line - 1 :]
    rest = "\n".join([first[strict.column - 1 :], *later])
    return strict if _NO_EXTENSION.match(rest) else None


def _compile_strictly(query: str) -> Problem | None:
    """graphdblite explains only what starts with MATCH and writes nothing: other queries are brought to that form."""
    prefix = "EXPLAIN " if _STARTS_WITH_MATCH.match(query) else "EXPLAIN MATCH (heimdall__) "
    problem = _try_strictly(prefix, query)
    if problem is not None and problem.message.startswith(_GRAMMAR_ERROR) and _WRITES.search(query):
        return _try_strictly("", query)  # compiled, then refused, because query() only reads
    return problem


def _try_strictly(prefix: str, query: str) -> Problem | None:
    try:
        _strict_engine().query(prefix + query)
    except graphdblite.GraphDBError as error:
        message = str(error).splitlines()[0]
        place = _PLACE.search(message)
        line, column = (int(place[1]), int(place[2])) if place else (1, 1)
        if place and line == 1:
            column = max(1, column - len(prefix))
        return Problem(line=line, column=column, message=_PLACE.sub("", message).split(":  -->")[0])
    return None


def _validate_grammar(query: str) -> tuple[str, Problem] | None:
    ((text,),) = _lenient_engine().execute("SELECT cypher_validate(?)", (query,))
    answer: dict[str, Any] = json.loads(text)
    if answer["valid"]:
        return None
    place = {"line": answer.get("line") or 1, "column": answer.get("column") or 1}
    return answer["code"], Problem(**place, message=answer["error"])


def _lacks_function(query: str) -> bool:
    """Neo4j has more functions than openCypher, and graphqlite knows some of them."""
    try:
        _lenient_engine().execute("SELECT cypher(?)", (f"EXPLAIN {query}",)).fetchall()
    except apsw.Error as error:
        return "UnknownFunction" in str(error)
    return False


@lru_cache(maxsize=1)
def _strict_engine() -> graphdblite.Database:
    return graphdblite.Database.open_memory()


@lru_cache(maxsize=1)
def _lenient_engine() -> apsw.Connection:
    # Not graphqlite.connect: it needs a sqlite3 module that loads extensions, which many Pythons lack.
    connection = apsw.Connection(":memory:")
    graphqlite.load(connection)
    return connection
