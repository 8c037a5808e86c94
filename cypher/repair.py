"""Corrects in a query what its schema shows to be a slip: an arrow turned the wrong way, a name nearly right.

It is a step of its own behind a model, and its figures stand beside those of the model, never in their place. Only what
the schema makes impossible is touched, and only where one correction is possible: a query that fits its schema stays.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cypher.schema import GraphSchema
from cypher.statement import read_statement
from cypher.syntax import queries, tree
from cypher.syntax.tokens import GrammarError, write_name
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
        statement = read_statement(query)
    except GrammarError:
        return Repaired(query=query, changes=())
    if any(
        isinstance(
            node, queries.Command | queries.Create | queries.Merge | queries.Changes | queries.Delete | queries.Foreach
        )
        for node in tree.walk(statement.body)
    ):
        return Repaired(query=query, changes=())
    return _Repairer(statement, schema).apply(query)


class _Saying(NamedTuple):
    """What a query says of a variable in one place: names of labels or types, and whether it surely has one of them."""

    variable: tree.Variable | None
    labels: list[tree.Word]
    certain: bool


class _Repairer:
    """The names and arrows of one query against one schema."""

    def __init__(self, statement: queries.Statement, schema: GraphSchema) -> None:
        self._statement = statement
        self._nodes = list(tree.walk(statement.body))
        self._schema = schema
        self._edits: dict[_Edit, None] = {}
        self._changes: list[str] = []
        self._relationships = {node.variable for node in self._nodes if isinstance(node, tree.RelationshipPattern)}
        # What the element that brings a variable in says of it holds wherever the variable is known.
        self._names: dict[tree.Variable | None, list[str] | None] = {}
        for saying in filter(None, map(_find_saying, self._nodes)):
            names = self._correct_names(saying)
            self._names.setdefault(saying.variable, names)

    def apply(self, query: str) -> Repaired:
        """Corrects properties and arrows too, and writes the query with all corrections."""
        for node in self._nodes:
            if isinstance(node, tree.Element) and isinstance(node.properties, tree.MapValue):
                for entry in node.properties.entries:
                    self._correct_property(node.variable, entry.key)
        for node in self._nodes:
            if (
                isinstance(node, tree.Access)
                and isinstance(node.value, tree.Name)
                and isinstance(node.steps[0], tree.Property)
            ):
                self._correct_property(node.value.variable, node.steps[0].key)
        for node in self._nodes:
            if isinstance(node, tree.Path):
                for left, step, right in zip(node.elements, node.elements[1:], node.elements[2:], strict=False):
                    if isinstance(step, tree.RelationshipPattern):
                        self._correct_arrow(left, step, right)
        for edit in sorted(self._edits, reverse=True):
            query = query[: edit.start] + edit.text + query[edit.end :]
        return Repaired(query=query, changes=tuple(self._changes))

    def _correct_names(self, saying: _Saying) -> list[str] | None:
        """The labels or types, one of which the variable surely has; None where that is not known."""
        relationship = saying.variable in self._relationships
        known = self._schema.types if relationship else self._schema.labels
        names = [self._correct("type" if relationship else "label", word, known) for word in saying.labels]
        return names if names and saying.certain and all(name in known for name in names) else None

    def _correct_property(self, variable: tree.Variable | None, key: tree.Word) -> None:
        if variable not in self._names:
            return  # a map or another value, of which the schema says nothing
        owners = self._schema.types if variable in self._relationships else self._schema.labels
        names = self._names[variable]
        known = [name for owner in (owners if names is None else names) for name in owners[owner]]
        everywhere = [name for properties in owners.values() for name in properties]
        if key.value not in everywhere:
            self._correct("property", key, known)

    def _correct(self, kind: str, word: tree.Word, known: Iterable[str]) -> str:
        if word.value in (names := list(dict.fromkeys(known))):
            return word.value
        nearest = find_nearest(word.value, names)
        if nearest is None:
            return word.value
        token = self._statement.tokens[word.first]
        edit = _Edit(token.start, token.end, write_name(nearest))
        if edit not in self._edits:
            self._edits[edit] = None
            self._changes.append(f"{kind} {word.value} → {nearest}")
        return nearest

    def _correct_arrow(self, left: tree.Node, step: tree.RelationshipPattern, right: tree.Node) -> None:
        """Turns an arrow that the schema does not have if it has the other one."""
        typed, ends = _find_saying(step), (_find_saying(left), _find_saying(right))
        if not step.arrow or step.length is not None or step.quantifier is not None or typed is None:
            return
        types = self._names[step.variable]
        if not typed.certain or (types is None and typed.labels):
            return
        labels = []
        for end in ends:
            found = self._correct_names(end) or self._names[end.variable] if end is not None else None
            if end is None or (found is None and end.labels):
                return  # a path in brackets, or a label that the schema does not know
            labels.append(found)
        start, finish = labels if step.arrow == ">" else labels[::-1]
        if any(self._find_joins(start, types, finish)) or not any(self._find_joins(finish, types, start)):
            return
        tokens = self._statement.tokens
        place, far = tokens[step.first].start, tokens[step.last - 1].end
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


def _find_saying(node: tree.Node) -> _Saying | None:
    """What a pattern's element, or a test of a variable's label, says of the variable."""
    if isinstance(node, tree.NodePattern | tree.RelationshipPattern):
        variable, labels = node.variable, node.labels
    elif (
        isinstance(node, tree.Access)
        and isinstance(node.value, tree.Name)
        and isinstance(node.steps[0], tree.LabelTest)
    ):
        variable, labels = node.value.variable, node.steps[0].labels
    else:
        return None
    terms = [term for term in (tree.walk(labels) if labels else ()) if isinstance(term, tree.Labels)]
    certain = not any(term.operator in ("!", "%", "$") for term in terms)
    return _Saying(variable, [term.name for term in terms if term.name is not None], certain)


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
