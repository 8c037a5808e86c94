"""Keeps queries away from what the embedded engine is known to answer wrongly: rewritten where that says the same,
otherwise refused, so that such a query is not judged rather than judged wrongly.

graphdblite finds a node by its label in any case, takes `exists(pattern)` for true, gives paths as internal ids, has no
shortest paths, returns two columns of one text as one, and marks nodes and relationships by keys that a map may have.
It does not know WHERE inside of a pattern's brackets, which is moved behind the pattern.
"""

import re
from collections.abc import Iterator, Set

from cypher.statement import read_statement
from cypher.syntax import queries, tree
from cypher.syntax.tokens import GrammarError, write_name

_SUSPECT = re.compile(
    r"=\s*\(|\b(exists|rand)\s*\(|shortestpath|__(labels|src)|[(\[][^()\[\]]*\bWHERE\b", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_LAST_COLUMNS = re.compile(r".*\bRETURN\b\s*(?:DISTINCT\b)?(.*?)(?:\bORDER\s+BY\b|\bSKIP\b|\bLIMIT\b|;|$)", re.I | re.S)
_KEEPS_PATH = ("nodes", "relationships", "length", "count")


class FaultError(ValueError):
    """A query that the engine would answer wrongly, or might: it cannot be read to find out."""


def avoid_faults(query: str, labels: Set[str]) -> str:
    """The query as the engine answers it rightly on a graph with these labels. Raises `FaultError` if there is no way.

    Most queries are told to be harmless at a glance, and only others are read.
    """
    if not _is_suspect(query, labels):
        return query
    try:
        statement = read_statement(query)
    except GrammarError as error:
        raise FaultError(f"what the engine may answer wrongly cannot be read: {error}") from error
    if not isinstance(statement.body, queries.Query) or statement.body.first:
        raise FaultError("the engine runs queries only, without a word before them")
    nodes = list(tree.walk(statement.body))
    if any(isinstance(node, tree.Path) and node.function for node in nodes):
        raise FaultError("the engine has no shortest paths")
    if any(isinstance(node, tree.FunctionCall) and node.name.lower() == "rand" for node in nodes):
        raise FaultError("rand() gives another result each time")
    if "__labels" in query or "__src" in query:
        raise FaultError("a map with such keys looks like a node")
    words = [*_hide_labels(statement.body, labels), *_drop_exists(nodes), *_open_paths(statement.body, nodes)]
    words += [
        move for node in nodes if isinstance(node, queries.Match) for move in _move_conditions(query, statement, node)
    ]
    for first, last, text in sorted(words, reverse=True):
        start, end = statement.tokens[first].start, statement.tokens[last - 1].end
        query = query[:start] + text + query[end:]
    return query


def _is_suspect(query: str, labels: Set[str]) -> bool:
    if _SUSPECT.search(query):
        return True
    folded = {label.lower() for label in labels}
    if any(word.lower() in folded and word not in labels for word in _WORD.findall(query)):
        return True
    last = _LAST_COLUMNS.match(query)
    columns = "".join(last[1].split()).split(",") if last else []
    return len(set(columns)) < len(columns)


def _hide_labels(node: tree.Node, labels: Set[str]) -> Iterator[tuple[int, int, str]]:
    """A label that differs from one of the graph only by case becomes one that the graph surely has not.

    Like the other functions here it gives the first token, the one behind the last, and the text in their place.
    """
    folded = {label.lower() for label in labels}
    if isinstance(node, tree.Labels) and node.name is not None:
        name = node.name.value
        if name not in labels and name.lower() in folded:
            while name.lower() in folded:
                name += "_"
            yield node.name.first, node.name.last, write_name(name)
    for child in tree.find_children(node):
        if not (isinstance(node, tree.RelationshipPattern) and child is node.labels):
            yield from _hide_labels(child, labels)


def _drop_exists(nodes: list[tree.Node]) -> Iterator[tuple[int, int, str]]:
    """`exists(pattern)` says no more than the pattern."""
    for node in nodes:
        arguments = node.arguments if isinstance(node, tree.FunctionCall) and node.name.lower() == "exists" else []
        if any(isinstance(tree.strip_brackets(argument), tree.Path) for argument in arguments):
            yield node.first, node.first + 1, ""


def _open_paths(query: queries.Query, nodes: list[tree.Node]) -> Iterator[tuple[int, int, str]]:
    """A path that is returned becomes a list of its nodes and its relationships, whose values can be compared."""
    paths = {node.name.variable for node in nodes if isinstance(node, tree.Path) and node.name is not None}
    if not paths:
        return
    last = query.branches[0].clauses[-1]
    shown = last if isinstance(last, queries.Projection) and last.word == "RETURN" else None
    kept: set[tree.Node] = set()  # where a path does no harm: named, measured, handed on under its name
    for node in nodes:
        if isinstance(node, tree.Path) and node.name is not None:
            kept.add(node.name)
        elif isinstance(node, tree.FunctionCall) and node.name.lower() in _KEEPS_PATH:
            kept |= set(map(tree.strip_brackets, node.arguments))
        elif isinstance(node, queries.Projection) and node is not shown:
            kept |= {column.value for column in (*node.starred, *node.columns) if column.alias is None}
    opened = shown is not None and shown.star is None and len(query.branches) == 1
    returned = set(tree.walk(shown)) if shown is not None and opened else set()
    for node in nodes:
        if not isinstance(node, tree.Name) or node.variable not in paths or node in kept:
            continue
        if node not in returned:
            raise FaultError("the engine gives a path as internal ids")
        name = write_name(node.value)
        values = f"[nodes({name}), relationships({name})]"
        yield node.first, node.last, f"CASE WHEN {name} IS NULL THEN null ELSE {values} END"


def _move_conditions(query: str, statement: queries.Statement, match: queries.Match) -> Iterator[tuple[int, int, str]]:
    """`MATCH (n WHERE a)-->(m) WHERE b` becomes `MATCH (n)-->(m) WHERE (b) AND (a)`."""
    tokens, moved = statement.tokens, []
    for element in (element for path in match.paths for element in path.elements):
        if not isinstance(element, tree.Element) or element.condition is None:
            continue
        if isinstance(element, tree.RelationshipPattern) and (element.length or element.quantifier):
            continue  # the condition is on each of several relationships
        condition = element.condition
        moved.append(f"({query[tokens[condition.first].start : tokens[condition.last - 1].end]})")
        yield condition.first - 1, condition.last, ""
    if not moved:
        return
    more, kept = " AND ".join(moved), match.condition
    if kept is None:
        yield match.last - 1, match.last, f"{tokens[match.last - 1].text} WHERE {more}"
    elif kept.last - kept.first == 1:
        yield kept.first, kept.last, f"{tokens[kept.first].text} AND {more}"
    else:
        yield kept.first, kept.first + 1, f"({tokens[kept.first].text}"
        yield kept.last - 1, kept.last, f"{tokens[kept.last - 1].text}) AND {more}"
