"""Says whether a text is a Cypher query or command, and if not, where and why; nothing of it is run.

`cypher.syntax` decides what is Cypher (Neo4j 5), `cypher.scopes` which variables exist. graphdblite then compiles what
is strict openCypher 9, which finds further faults of meaning: types, numbers of arguments, groups of aggregations.
"""

import re
import threading
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import graphdblite

from cypher.statement import read_statement
from cypher.syntax.queries import Query, Statement
from cypher.syntax.tokens import GrammarError
from heimdall.refs import Record

_PLACE = re.compile(r" at line (\d+):(\d+)")
_STARTS_WITH_MATCH = re.compile(r"\s*(OPTIONAL\s+)?MATCH\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(CREATE|MERGE|SET|DELETE|REMOVE)\b", re.IGNORECASE)
_GRAMMAR_ERROR = "SyntaxError(UnexpectedSyntax)"
_MISPLACED_PATTERN = "SyntaxError(UnexpectedSyntax) at parse: pattern expressions"
# Errors that do not say that the query is wrong: what strict openCypher does not know and the grammar accepts, a
# procedure that graphdblite does not have, a parameter, a write that it does not do while reading, and a check of
# UNION that EXPLAIN gets wrong when both sides rename.
_NOT_WRONG = (
    _GRAMMAR_ERROR,
    "SyntaxError(UnknownFunction)",
    "ProcedureError",
    "ArgumentError(MissingParameter)",
    "transaction error: write operations",
    "SyntaxError(DifferentColumnsInUnion)",
)

_engines = threading.local()

MAX_LENGTH = 100_000
# Beyond these graphdblite, which recurses, may exhaust the stack and take the process with it.
_MAX_STRICT_LENGTH = 10_000


class Problem(Record):
    """Why a text is not a query. Line and column count from one."""

    line: int
    column: int
    message: str


def check_syntax(query: str) -> Problem | None:
    """Returns what is wrong with a query or command, or None. What only shows on data, like `1 / 0`, is not found."""
    if len(query) > MAX_LENGTH:
        return Problem(line=1, column=1, message=f"longer than {MAX_LENGTH} characters")
    try:
        statement = read_statement(query)
    except GrammarError as fault:
        line, column = locate(query, fault.place)
        return Problem(line=line, column=column, message=str(fault))
    if not isinstance(statement.body, Query) or len(query) > _MAX_STRICT_LENGTH:
        return None
    strict = _compile_strictly(_write_plainly(query, statement))
    if strict is None:
        return None
    if strict.message.startswith(_NOT_WRONG) and not strict.message.startswith(_MISPLACED_PATTERN):
        return None
    return strict


def check_many(queries: Iterable[str], workers: int = 1) -> list[Problem | None]:
    """`check_syntax` of each query, in order; with more than one worker, in that many processes."""
    if workers < 1:
        raise ValueError("workers must be at least 1")
    if workers == 1:
        return [check_syntax(query) for query in queries]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(check_syntax, queries, chunksize=200))


def _write_plainly(query: str, statement: Statement) -> str:
    """The query without prefixes and comments, each token in its place."""
    text, place = [], 0
    for token in statement.tokens[statement.body.first :]:
        text.append(re.sub(r"[^\n]", " ", query[place : token.start]))
        text.append(token.text)
        place = token.end
    return "".join(text)


def locate(query: str, place: int) -> tuple[int, int]:
    """Line and column of a character, both from one."""
    before = query[:place]
    return before.count("\n") + 1, place - before.rfind("\n")


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


def _strict_engine() -> graphdblite.Database:
    """The thread's own: a database stays in the thread that opened it."""
    if not hasattr(_engines, "strict"):
        _engines.strict = graphdblite.Database.open_memory()
    found: graphdblite.Database = _engines.strict
    return found
