"""Corrects in a query what its schema shows to be a slip: an arrow turned the wrong way, a name nearly right.

It is a step of its own behind a model, and its figures stand beside those of the model, never in their place. Only what
the schema makes impossible is touched, and only where one correction is possible: a query that fits its schema stays.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cypher.clauses import QueryReader
from cypher.patterns import RelationshipPattern
from cypher.reading import UnreadError
from cypher.schema import GraphSchema
from cypher.terms import Element
from cypher.tokens import Token, TokenError, write_name
from heimdall.refs import Record

# A name must be this like the one written, and by this much more like it than any other (difflib's ratio, 0 to 1).
_LIKENESS = 0.8
_LEAD = 0.1


class Repaired(Record):
    """A query after repair, and what was changed, in words; no changes mean that it is as it was."""

    query: str
    changes: tuple[str, ...]


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def repair(query: str, schema: GraphSchema) -> Repaired:
    """Turns arrows and corrects labels, types and properties that do not fit the schema.

    A query that writes, since it may bring new names, and a text that cannot be read stay as they are.
    """
    try:
        reader = QueryReader(query)
        reader.read()
    except (UnreadError, TokenError):
        return Repaired(query=query, changes=())
    if reader.writes:
        return Repaired(query=query, changes=())
    return _Repairer(reader, schema).apply(query)


class _Repairer:
    """The names and arrows of one query against one schema."""

    def __init__(self, reader: QueryReader, schema: GraphSchema) -> None:
        self._reader = reader
        self._schema = schema
        self._edits: dict[_Edit, None] = {}
        self._changes: list[str] = []
        self._relationships = {part.variable for part in reader.elements if isinstance(part, RelationshipPattern)}
        # What the element that brings a variable in says of it holds wherever the variable is known.
        self._names: dict[int, list[str] | None] = {}
        for element in reader.elements:
            names = self._correct_names(element)
            self._names.setdefault(element.variable, names)

    def apply(self, query: str) -> Repaired:
        """Corrects properties and arrows too, and writes the query with all corrections."""
        for element in self._reader.elements:
            for key in element.keys:
                self._correct_property(element.variable, key)
        for use in self._reader.properties:
            self._correct_property(use.variable, use.key)
        for path in self._reader.paths:
            for index, step in enumerate(path.relationships):
                self._correct_arrow(path.nodes[index], step, path.nodes[index + 1])
        for edit in sorted(self._edits, reverse=True):
            query = query[: edit.start] + edit.text + query[edit.end :]
        return Repaired(query=query, changes=tuple(self._changes))

    def _correct_names(self, element: Element) -> list[str] | None:
        """The labels or types, one of which the element surely has; None where that is not known."""
        relationship = element.variable in self._relationships
        known = self._schema.types if relationship else self._schema.labels
        names = [self._correct("type" if relationship else "label", token, known) for token in element.labels]
        return names if names and element.certain and all(name in known for name in names) else None

    def _correct_property(self, variable: int, key: Token) -> None:
        if variable not in self._names:
            return  # a map or another value, of which the schema says nothing
        owners = self._schema.types if variable in self._relationships else self._schema.labels
        names = self._names[variable]
        known = [name for owner in (owners if names is None else names) for name in owners[owner]]
        everywhere = [name for properties in owners.values() for name in properties]
        if key.value not in everywhere:
            self._correct("property", key, known)

    def _correct(self, kind: str, token: Token, known: Iterable[str]) -> str:
        if token.value in (names := list(dict.fromkeys(known))):
            return token.value
        nearest = find_nearest(token.value, names)
        if nearest is None:
            return token.value
        edit = _Edit(token.start, token.end, write_name(nearest))
        if edit not in self._edits:
            self._edits[edit] = None
            self._changes.append(f"{kind} {token.value} → {nearest}")
        return nearest

    def _correct_arrow(self, left: Element, step: RelationshipPattern, right: Element) -> None:
        """Turns an arrow that the schema does not have if it has the other one."""
        if not step.arrow or not step.certain or step.length is not None:
            return
        types = self._names[step.variable]
        if types is None and step.labels:
            return
        ends = [self._correct_names(node) or self._names[node.variable] for node in (left, right)]
        if any(names is None and node.labels for names, node in zip(ends, (left, right), strict=True)):
            return  # a label that the schema does not know
        start, end = ends if step.arrow == ">" else ends[::-1]
        if any(self._find_joins(start, types, end)) or not any(self._find_joins(end, types, start)):
            return
        place, far = step.span
        if step.arrow == ">":
            edits = [_Edit(place, place, "<"), _Edit(far - 1, far, "")]
        else:
            edits = [_Edit(place, place + 1, ""), _Edit(far, far, ">")]
        self._edits |= dict.fromkeys(edits)
        self._changes.append(f"arrow of {'|'.join(types or ['any type'])} turned")

    def _find_joins(
        self, start: Sequence[str] | None, types: Sequence[str] | None, end: Sequence[str] | None
    ) -> Iterator[bool]:
        """Yields once for each relationship of the schema that fits; None fits all."""
        for joins in self._schema.relationships:
            wanted = ((joins.start, start), (joins.type, types), (joins.end, end))
            if all(names is None or name in names for name, names in wanted):
                yield True


def find_nearest(name: str, known: Sequence[str]) -> str | None:
    """The one known name that this one must mean, or None: case and underscores aside, then by likeness."""
    same = [other for other in known if _fold(other) == _fold(name)]
    if same:
        return same[0] if len(same) == 1 else None
    likeness = [(difflib.SequenceMatcher(None, _fold(name), _fold(other)).ratio(), other) for other in known]
    likeness.sort(reverse=True)
    if not likeness or likeness[0][0] < _LIKENESS:
        return None
    if len(likeness) > 1 and likeness[0][0] - likeness[1][0] < _LEAD:
        return None
    return likeness[0][1]


def _fold(name: str) -> str:
    return name.replace("_", "").casefold()
