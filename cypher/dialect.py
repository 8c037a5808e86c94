"""Tells what of a valid query NornicDB rejects, ignores or does otherwise, and which functions it does not have.

Read off NornicDB's source at commit e27b278 (2025-12-31); the names are in nornicdb_names.json. NornicDB has two
parsers (NORNICDB_PARSER): "nornic", the default, which checks little, and "antlr", which is strict.
"""

import json
from functools import lru_cache
from importlib import resources
from typing import Literal, NamedTuple

from cypher.grammar.cursor import GrammarError, Note
from cypher.parse import locate, read_statement
from cypher.tokens import TokenError
from heimdall.refs import Record

Effect = Literal["rejected", "ignored", "misexecuted", "not callable"]
Parser = Literal["nornic", "antlr"]
_BOTH: tuple[Parser, ...] = ("nornic", "antlr")


class Finding(Record):
    """What NornicDB does with a part of a query, with which of its parsers. Line and column count from one."""

    effect: Effect
    parsers: tuple[Parser, ...]
    line: int
    column: int
    message: str


class _Names(NamedTuple):
    """Names in lower case. `registered`: functions that NornicDB documents and registers but that cannot be called."""

    functions: frozenset[str]
    registered: frozenset[str]
    procedures: frozenset[str]


# What the strict parser's grammar lacks. What the default one does with it depends on the case.
_NOT_IN_STRICT_GRAMMAR = {
    "label expression": "label expressions (|, &, !, %)",
    "quantified path": "quantified paths",
    "map projection": "map projections",
    "FOREACH": "FOREACH",
    "USE": "USE",
    "COLLECT": "COLLECT { … }",
    "COUNT of a pattern": "COUNT { … } without MATCH",
    "variable scope": "CALL (…) { … }; write CALL { WITH … }",
    "YIELD of a command": "YIELD after SHOW",
    "index on several labels": "an index on several labels",
}
_RETURNS = {
    "id": "id() gives a text, not a number: do not compare or sort by it",
    "ceil": "ceil() gives an integer, by adding 0.999999999 and cutting: ceil(-1.5) is 0",
    "floor": "floor() gives an integer and cuts towards zero: floor(-1.5) is -1",
    "round": "round() gives an integer, by adding 0.5 and cutting: round(-1.6) is -1",
}
_INSTEAD = {
    "algo.pagerank": "CALL apoc.algo.pageRank(['Label']) YIELD node, score",
    "gds.pagerank.stream": "CALL apoc.algo.pageRank(['Label']) YIELD node, score",
    "algo.louvain": "CALL apoc.algo.louvain(['Label']) YIELD node, community",
    "gds.louvain.stream": "CALL apoc.algo.louvain(['Label']) YIELD node, community",
    "vector.similarity": "vector.similarity.cosine or vector.similarity.euclidean",
    "apoc.text.touppercase": "toUpper",
    "apoc.text.tolowercase": "toLower",
}


def check_dialect(query: str) -> tuple[Finding, ...]:
    """What NornicDB does otherwise than Neo4j would, in the order of the text; nothing for a text that is no query.

    A construct is told of once. Nothing found does not prove that NornicDB answers rightly.
    """
    try:
        notes = read_statement(query).notes
    except (TokenError, GrammarError):
        return ()
    found = {}
    for note in sorted(notes, key=lambda note: note.place):
        judged = _judge(note)
        if judged is not None and judged not in found:
            found[judged] = note.place
    findings = []
    for (effect, parsers, message), place in found.items():
        line, column = locate(query, place)
        findings.append(Finding(effect=effect, parsers=parsers, line=line, column=column, message=message))
    return tuple(findings)


def _judge(note: Note) -> tuple[Effect, tuple[Parser, ...], str] | None:
    if note.kind in _NOT_IN_STRICT_GRAMMAR:
        return "rejected", ("antlr",), f"the strict parser does not know {_NOT_IN_STRICT_GRAMMAR[note.kind]}"
    match note.kind:
        case "function":
            return _judge_function(note.name)
        case "procedure":
            return _judge_procedure(note.name)
        case "LOAD":
            return "rejected", _BOTH, "LOAD CSV is not supported; CALL apoc.load.csv reads a file"
        case "DROP":
            return "ignored", _BOTH, f"DROP {note.name} does nothing and always succeeds"
        case "constraint":
            message = "the only constraint NornicDB makes is IS UNIQUE on one property of a node"
            return "rejected", _BOTH, message
        case "index" if note.name in ("RANGE", "TEXT", "POINT", "LOOKUP"):
            strict = " (the strict parser rejects it)" if note.name == "RANGE" else ""
            message = f"CREATE {note.name} INDEX makes no index{strict}: write CREATE INDEX, without {note.name}"
            return "misexecuted", _BOTH, message
        case "relationship index":
            return "misexecuted", _BOTH, "no index on relationships is made by CREATE INDEX, only on nodes"
        case "vector option":
            message = (
                f"the key {note.name} is not read when it is in backticks, as it must be elsewhere: the index has 1024 "
                "dimensions and cosine, whatever is written"
            )
            return "ignored", _BOTH, message
    return None


def _judge_function(name: str) -> tuple[Effect, tuple[Parser, ...], str] | None:
    names, lower = _load_names(), name.lower()
    if lower == "reduce":
        return "rejected", ("antlr",), "the strict parser does not know reduce()"
    if lower in _RETURNS:
        return "misexecuted", _BOTH, _RETURNS[lower]
    if "." not in lower or lower in names.functions:
        return None
    why = "is documented and registered, but cannot be called" if lower in names.registered else "does not exist"
    instead = f"; use {_INSTEAD[lower]}" if lower in _INSTEAD else ""
    return "not callable", _BOTH, f"the function {name} {why}: NornicDB gives null or the text itself{instead}"


def _judge_procedure(name: str) -> tuple[Effect, tuple[Parser, ...], str] | None:
    if name.lower() in _load_names().procedures:
        return None
    instead = f"; write {_INSTEAD[name.lower()]}" if name.lower() in _INSTEAD else ""
    return "rejected", _BOTH, f"there is no procedure {name}{instead}"


@lru_cache(maxsize=1)
def _load_names() -> _Names:
    text = resources.files("cypher").joinpath("nornicdb_names.json").read_text(encoding="utf-8")
    names = json.loads(text)
    return _Names(*(frozenset(names[key]) for key in ("callable_functions", "registered_only", "procedures")))
