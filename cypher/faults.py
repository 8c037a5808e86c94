"""Keeps queries away from what the embedded engine is known to answer wrongly: rewritten where that says the same,
otherwise refused, so that such a query is not judged rather than judged wrongly.

graphdblite finds a node by its label in any case, takes `exists(pattern)` for true, gives paths as internal ids, has no
shortest paths, returns two columns of one text as one, and marks nodes and relationships by keys that a map may have.
"""

import re
from collections.abc import Iterator, Set

from cypher.clauses import QueryReader
from cypher.patterns import RelationshipPattern
from cypher.reading import UnreadError
from cypher.tokens import TokenError, write_name

_SUSPECT = re.compile(r"=\s*\(|\bexists\s*\(|shortestpath|__(labels|src)", re.IGNORECASE)
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
        reader = QueryReader(query)
        reader.read()
    except (TokenError, UnreadError) as error:
        raise FaultError(f"what the engine may answer wrongly cannot be read: {error}") from error
    if any(path.function for path in reader.paths):
        raise FaultError("the engine has no shortest paths")
    if "__labels" in query or "__src" in query:
        raise FaultError("a map with such keys looks like a node")
    if reader.repeats_column:
        raise FaultError("two columns have one name")
    edits = [*_hide_labels(reader, labels), *_drop_exists(reader), *_open_paths(reader)]
    for start, end, text in sorted(edits, reverse=True):
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


def _hide_labels(reader: QueryReader, labels: Set[str]) -> Iterator[tuple[int, int, str]]:
    """A label that differs from one of the graph only by case becomes one that the graph surely has not."""
    folded = {label.lower() for label in labels}
    relationships = {element.variable for element in reader.elements if isinstance(element, RelationshipPattern)}
    for element in reader.elements:
        for token in element.labels if element.variable not in relationships else ():
            name = token.value
            if name in labels or name.lower() not in folded:
                continue
            while name.lower() in folded:
                name += "_"
            yield token.start, token.end, write_name(name)


def _drop_exists(reader: QueryReader) -> Iterator[tuple[int, int, str]]:
    """`exists(pattern)` says no more than the pattern."""
    for token, after, third in zip(reader.tokens, reader.tokens[1:], reader.tokens[2:], strict=False):
        if token.kind == "name" and token.text.lower() == "exists" and after.text == "(" and third.text == "(":
            yield token.start, token.end, ""


def _open_paths(reader: QueryReader) -> Iterator[tuple[int, int, str]]:
    """A path that is returned becomes a list of its nodes and its relationships, whose values can be compared."""
    paths = {path.name.number for path in reader.paths if path.name is not None}
    places = {token.start: place for place, token in enumerate(reader.tokens)}
    for variable, token in reader.uses:
        if variable not in paths:
            continue
        place = places[token.start]
        before, function, after = reader.tokens[place - 1], reader.tokens[place - 2], reader.tokens[place + 1]
        if before.text == "(" and function.text.lower() in _KEEPS_PATH:
            continue
        if token.start >= reader.columns_start:
            opened = f"[nodes({token.text}), relationships({token.text})]"
            yield token.start, token.end, f"CASE WHEN {token.text} IS NULL THEN null ELSE {opened} END"
        elif before.text.upper() not in ("WITH", "DISTINCT", ",") or after.text.upper() == "AS":
            raise FaultError("the engine gives a path as internal ids")
