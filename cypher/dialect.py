"""Tells what of a valid query NornicDB rejects, ignores or does otherwise, and which functions it does not have.

Read off NornicDB's source at commit e27b278 (2025-12-31); the names are those of the bundled catalogue. NornicDB has
two parsers (NORNICDB_PARSER): "nornic", the default, which checks little, and "antlr", which is strict.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from cypher.parse import locate
from cypher.statement import read_statement
from cypher.syntax import queries, tree
from cypher.syntax.tokens import GrammarError, Token
from heimdall.refs import Record
from nornicdb.facts import load_catalogue

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


class _Judgement(NamedTuple):
    """A finding without its place."""

    effect: Effect
    parsers: tuple[Parser, ...]
    message: str


class _Names(NamedTuple):
    """Names in lower case. `registered`: functions that NornicDB documents and registers but that cannot be called."""

    functions: frozenset[str]
    registered: frozenset[str]
    procedures: frozenset[str]


_LABEL_EXPRESSION = "label expressions (|, &, !, %)"
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
        statement = read_statement(query)
    except GrammarError:
        return ()
    found: dict[_Judgement, int] = {}
    for node in tree.walk(statement.body):
        for place, judged in _judge(node, statement.tokens):
            start = statement.tokens[place].start
            found[judged] = min(start, found.get(judged, start))
    findings = []
    for judged, start in sorted(found.items(), key=lambda item: item[1]):
        line, column = locate(query, start)
        effect, parsers, message = judged
        findings.append(Finding(effect=effect, parsers=parsers, line=line, column=column, message=message))
    return tuple(findings)


def _judge(node: tree.Node, tokens: list[Token]) -> Iterator[tuple[int, _Judgement]]:
    """What NornicDB does with this node otherwise, with the number of the token where that shows."""
    match node:
        case tree.FunctionCall() if judged := _judge_function(node.name):
            yield node.first, judged
        case queries.ProcedureCall() if judged := _judge_procedure(".".join(word.value for word in node.words)):
            yield node.words[0].first, judged
        case queries.LoadCsv():
            message = "LOAD CSV is not supported; CALL apoc.load.csv reads a file"
            yield node.first, _Judgement("rejected", _BOTH, message)
        case queries.Command():
            yield from _judge_command(node, tokens)
        case _ if found := _find_unknown(node, tokens):
            place, what = found
            yield place, _lack(what)


def _find_unknown(node: tree.Node, tokens: list[Token]) -> tuple[int, str] | None:
    """What the strict parser's grammar lacks, and where. What the default one does with it depends on the case."""
    match node:
        case tree.Labels() if (place := _find_label_operator(node, tokens)) is not None:
            return place, _LABEL_EXPRESSION
        case tree.NodePattern() | tree.LabelTest() if node.labels is not None and node.labels.operator == "|":
            return node.labels.terms[1].first - 1, _LABEL_EXPRESSION
        case tree.RelationshipPattern() | tree.Group() if node.quantifier is not None:
            return node.last, "quantified paths"
        case tree.MapProjection():
            return node.name.last, "map projections"
        case tree.Reduce():
            return node.first, "reduce()"
        case queries.Foreach():
            return node.first, "FOREACH"
        case queries.Use():
            return node.first, "USE"
        case tree.Subquery() if node.word == "COLLECT":
            return node.first, "COLLECT { … }"
        case tree.Subquery() if node.word == "COUNT" and node.brief:
            return node.first, "COUNT { … } without MATCH"
        case queries.SubqueryCall() if node.scoped:
            return node.first + 1, "CALL (…) { … }; write CALL { WITH … }"
    return None


def _find_label_operator(labels: tree.Labels, tokens: list[Token]) -> int | None:
    """Where a label expression has more than names, colons, and the bars that relationships may have."""
    if labels.operator in ("!", "%", "()"):
        return labels.first
    joints = [term.first - 1 for term in labels.terms[1:]]
    return next((place for place in joints if tokens[place].text == "&"), None)


def _judge_command(command: queries.Command, tokens: list[Token]) -> Iterator[tuple[int, _Judgement]]:
    entity = next((part for part in command.parts if isinstance(part, queries.Entity)), None)
    match command.verb, command.what:
        case "DROP", ("INDEX" | "CONSTRAINT"):
            message = f"DROP {command.what} does nothing and always succeeds"
            yield command.place, _Judgement("ignored", _BOTH, message)
        case "CREATE", "CONSTRAINT" if command.requires != "UNIQUE" or (entity and entity.relationship):
            message = "the only constraint NornicDB makes is IS UNIQUE on one property of a node"
            yield command.place, _Judgement("rejected", _BOTH, message)
        case "CREATE", ("RANGE" | "TEXT" | "POINT" | "LOOKUP"):
            kind, strict = command.what, " (the strict parser rejects it)" if command.what == "RANGE" else ""
            message = f"CREATE {kind} INDEX makes no index{strict}: write CREATE INDEX, without {kind}"
            yield command.place, _Judgement("misexecuted", _BOTH, message)
    if entity and entity.relationship and command.what != "CONSTRAINT":
        message = "no index on relationships is made by CREATE INDEX, only on nodes"
        yield entity.first, _Judgement("misexecuted", _BOTH, message)
    if entity and len(entity.labels) > 1:
        yield entity.labels[1].first - 1, _lack("an index on several labels")
    for part in command.parts:
        if isinstance(part, queries.Yield) and tokens[part.first].text.upper() == "YIELD":
            yield part.first, _lack("YIELD after SHOW")
    for node in tree.walk(command):
        if isinstance(node, tree.Entry) and tokens[node.first].text.startswith("`vector."):
            message = (
                f"the key {node.key.value} is not read when it is in backticks, as it must be elsewhere: the index has "
                "1024 dimensions and cosine, whatever is written"
            )
            yield node.first, _Judgement("ignored", _BOTH, message)


def _lack(what: str) -> _Judgement:
    return _Judgement("rejected", ("antlr",), f"the strict parser does not know {what}")


def _judge_function(name: str) -> _Judgement | None:
    names, lower = _load_names(), name.lower()
    if lower in _RETURNS:
        return _Judgement("misexecuted", _BOTH, _RETURNS[lower])
    if "." not in lower or lower in names.functions:
        return None
    why = "is documented and registered, but cannot be called" if lower in names.registered else "does not exist"
    instead = f"; use {_INSTEAD[lower]}" if lower in _INSTEAD else ""
    message = f"the function {name} {why}: NornicDB gives null or the text itself{instead}"
    return _Judgement("not callable", _BOTH, message)


def _judge_procedure(name: str) -> _Judgement | None:
    if name.lower() in _load_names().procedures:
        return None
    instead = f"; write {_INSTEAD[name.lower()]}" if name.lower() in _INSTEAD else ""
    return _Judgement("rejected", _BOTH, f"there is no procedure {name}{instead}")


@lru_cache(maxsize=1)
def _load_names() -> _Names:
    facts = load_catalogue()
    callable_apoc = {each.name.lower() for each in facts.apoc if "function" in each.callable_as}
    return _Names(
        functions=frozenset({each.name.lower() for each in facts.functions if each.evaluated} | callable_apoc),
        registered=frozenset({each.name.lower() for each in facts.apoc} - callable_apoc),
        procedures=frozenset(each.name.lower() for each in facts.procedures if each.dispatched),
    )
