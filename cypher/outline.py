"""What a query looks for, as far as its text tells: the nodes and relationships of its patterns, and the values that it
compares their properties with. A graph that holds these is likely to have an answer to the query."""

import ast
import re
from typing import NamedTuple, TypeAlias

from cypher.graph import Scalar, Temporal
from cypher.statement import read_statement
from cypher.syntax import queries, tree
from cypher.syntax.functions import AGGREGATES

# One thing that is asked of a property: `IN` has a tuple, `IS NULL` and `IS NOT NULL` have None.
Compared: TypeAlias = Scalar | Temporal | tuple[Scalar, ...] | None
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_OPERATORS = (*_TURNED, "STARTS WITH", "ENDS WITH", "CONTAINS", "IN", "=~", "IS NULL", "IS NOT NULL")
_DATES = ("date", "datetime", "localdatetime", "time", "localtime")
# Functions whose result is compared much as the property itself would be.
_KEEPING = (*_DATES, "tolower", "toupper", "lower", "upper", "trim", "tostring", "tointeger", "tofloat", "coalesce")
_MAX_LENGTH = 3


class Test(NamedTuple):
    """`operator` and the constant behind it; `HAS`: the property is a list and holds the constant.

    `kind` is the property's part that is compared where it is one of a date's (`year`), else empty.
    """

    operator: str
    value: Compared
    part: str = ""


class Step(NamedTuple):
    """A relationship between two nodes, given by their keys; without an arrow it may go either way.

    `key` is the relationship's own; a path of several relationships has none of its own properties. `required`: it is
    part of a MATCH that is not optional, and of no condition.
    """

    key: int
    start: int
    end: int
    types: tuple[str, ...]
    directed: bool
    length: int
    required: bool


class Outline(NamedTuple):
    """Keys stand for the query's nodes and relationships. `labels`: each node's labels, of which it has all.

    `tests` and `properties` are by key and property; `groups` are the keys that results are grouped by, `thresholds`
    numbers that something else than a property is compared with. `limit` is how many rows are asked for, `sorted` the
    properties that rows are ordered by; `loose`: there is a limit without an order, so that any rows would do.
    """

    nodes: tuple[int, ...]
    labels: dict[int, tuple[str, ...]]
    steps: tuple[Step, ...]
    tests: dict[tuple[int, str], tuple[Test, ...]]
    properties: dict[int, tuple[str, ...]]
    groups: frozenset[int]
    thresholds: tuple[int, ...]
    limit: int | None
    sorted: frozenset[tuple[int, str]]
    loose: bool


def outline_query(query: str) -> Outline | None:
    """The outline of a query that only reads; None for any other. Raises `GrammarError` for what is no query."""
    statement = read_statement(query)
    writes = (queries.Create, queries.Merge, queries.Changes, queries.Delete, queries.Foreach, queries.LoadCsv)
    if not isinstance(statement.body, queries.Query):
        return None
    if any(isinstance(node, (*writes, queries.ProcedureCall)) for node in tree.walk(statement.body)):
        return None
    return _Reader(statement.body).read()


class _Reader:
    def __init__(self, body: queries.Query) -> None:
        self._body = body
        self._aliases: dict[tree.Variable, tree.Node] = {}
        self._keys: dict[tree.Variable, int] = {}
        self._labels: dict[int, list[str]] = {}
        self._steps: list[Step] = []
        self._tests: dict[tuple[int, str], list[Test]] = {}
        self._properties: dict[int, dict[str, None]] = {}
        self._groups: set[int] = set()
        self._thresholds: list[int] = []
        self._limit: int | None = None
        self._sorted: set[tuple[int, str]] = set()
        self._loose = False

    def read(self) -> Outline:
        everything = list(tree.walk(self._body))
        for node in everything:
            if isinstance(node, queries.Column) and node.variable is not None:
                if not isinstance(node.value, tree.Name) or node.value.variable is not node.variable:
                    self._aliases[node.variable] = node.value
            elif isinstance(node, queries.Unwind) and node.name.variable is not None:
                self._aliases[node.name.variable] = node.values
        required = {id(path) for node in everything if isinstance(node, queries.Match) and not node.optional
                    for path in node.paths}  # fmt: skip
        for node in everything:
            if isinstance(node, tree.Path):
                self._read_path(node, id(node) in required)
        for node in everything:
            if isinstance(node, tree.Element):
                self._read_element(node)
            elif isinstance(node, tree.Operation):
                self._read_operation(node)
            elif isinstance(node, queries.Projection):
                self._read_projection(node)
            elif isinstance(node, tree.Access):
                found = self._find_property(node)
                if found is not None:
                    self._properties.setdefault(found[0], {})[found[1]] = None
                self._read_label_test(node)
        nodes = tuple(key for key in self._keys.values() if key in self._labels)
        return Outline(
            nodes,
            {key: tuple(dict.fromkeys(self._labels[key])) for key in nodes},
            tuple(self._steps),
            {place: tuple(dict.fromkeys(tests)) for place, tests in self._tests.items()},
            {key: tuple(names) for key, names in self._properties.items()},
            frozenset(self._groups),
            tuple(self._thresholds),
            self._limit,
            frozenset(self._sorted),
            self._loose,
        )

    def _find_key(self, variable: tree.Variable | None) -> int:
        """The key of a node or relationship, under whatever names the query hands it on."""
        if variable is None:
            return -1
        seen = set()
        while variable in self._aliases and variable not in seen:
            seen.add(variable)
            value = tree.strip_brackets(self._aliases[variable])
            if not isinstance(value, tree.Name) or value.variable is None:
                break
            variable = value.variable
        return self._keys.setdefault(variable, len(self._keys))

    def _read_path(self, path: tree.Path, required: bool) -> None:
        elements = [element for part in path.elements for element in _flatten(part)]
        for element in elements:
            if isinstance(element, tree.NodePattern):
                self._labels.setdefault(self._find_key(element.variable), [])
        for left, step, right in zip(elements, elements[1:], elements[2:], strict=False):
            if not isinstance(step, tree.RelationshipPattern):
                continue
            start, end = self._find_key(left.variable), self._find_key(right.variable)
            if step.arrow == "<":
                start, end = end, start
            types = tuple(term.value for term in _list_names(step.labels))
            length = _find_length(step.length or (step.quantifier or "").strip("{}"))
            key = self._find_key(step.variable)
            self._steps.append(Step(key, start, end, types, bool(step.arrow), length, required))

    def _read_element(self, element: tree.Element) -> None:
        key = self._find_key(element.variable)
        if isinstance(element, tree.NodePattern):
            names = [name.value for name in _list_names(element.labels)]
            either = element.labels is not None and element.labels.operator == "|"
            self._labels.setdefault(key, []).extend(names[:1] if either else names)
        if isinstance(element.properties, tree.MapValue):
            for entry in element.properties.entries:
                self._properties.setdefault(key, {})[entry.key.value] = None
                found, value = _read_constant(entry.value)
                if found:
                    self._tests.setdefault((key, entry.key.value), []).append(Test("=", value))

    def _read_label_test(self, node: tree.Access) -> None:
        step = node.steps[0]
        if isinstance(step, tree.LabelTest) and isinstance(node.value, tree.Name):
            key = self._find_key(node.value.variable)
            if key in self._labels:
                self._labels[key] += [name.value for name in _list_names(step.labels)][:1]

    def _read_operation(self, operation: tree.Operation) -> None:
        left = operation.value
        for operand in operation.operands:
            if operand.operator in _OPERATORS:
                self._read_comparison(left, operand.operator, operand.value)
            if operand.value is not None:
                left = operand.value

    def _read_comparison(self, left: tree.Node, operator: str, right: tree.Node | None) -> None:
        found, value = (True, None) if right is None else _read_constant(right)
        if not found and right is not None:
            found, value = _read_constant(left)
            if not found:
                return
            if operator == "IN":
                operator = "HAS"
            elif operator not in _TURNED:
                return
            else:
                operator = _TURNED[operator]
            left = right
        place = self._find_property(left)
        if place is not None:
            key, name, part = place
            self._tests.setdefault((key, name), []).append(Test(operator, value, part))
        elif isinstance(value, int) and not isinstance(value, bool):
            self._thresholds.append(value)

    def _find_property(self, node: tree.Node, depth: int = 0) -> tuple[int, str, str] | None:
        """The key and name of the property that a value is, or is made of, and the part of a date that is taken."""
        node = tree.strip_brackets(node)
        if isinstance(node, tree.FunctionCall) and node.arguments and node.name.lower() in _KEEPING:
            return self._find_property(node.arguments[0], depth + 1)
        if depth > 8:
            return None
        if isinstance(node, tree.Name) and node.variable in self._aliases:
            return self._find_property(self._aliases[node.variable], depth + 1)
        if not isinstance(node, tree.Access):
            return None
        names = [step.key.value for step in node.steps if isinstance(step, tree.Property)]
        if isinstance(node.value, tree.Name) and names and len(names) == len(node.steps):
            variable = node.value.variable
            inner = self._aliases.get(variable) if variable is not None else None
            key = self._find_key(variable)
            if inner is not None and key not in self._labels and not self._is_relationship(key):
                found = self._find_property(inner, depth + 1)  # a date under another name, of which a part is taken
                return found and (found[0], found[1], names[0])
            return key, names[0], names[1] if len(names) > 1 else ""
        if names and isinstance(node.value, tree.FunctionCall | tree.Bracketed):
            found = self._find_property(node.value, depth + 1)
            return found and (found[0], found[1], names[0])
        return None

    def _is_relationship(self, key: int) -> bool:
        return any(step.key == key for step in self._steps)

    def _read_projection(self, projection: queries.Projection) -> None:
        parts = [(column, list(tree.walk(column.value))) for column in projection.columns]

        def aggregates(nodes: list[tree.Node]) -> bool:
            return any(isinstance(node, tree.FunctionCall) and node.name.lower() in AGGREGATES for node in nodes)

        if any(aggregates(nodes) for _, nodes in parts):
            for column, nodes in parts:
                if not aggregates(nodes):
                    place = self._find_property(column.value)
                    if place is not None:
                        self._groups.add(place[0])
                    elif isinstance(column.value, tree.Name):
                        self._groups.add(self._find_key(column.value.variable))
        if projection.limit is not None:
            found, value = _read_constant(projection.limit)
            if found and isinstance(value, int):
                self._limit = value
                self._loose = self._loose or not projection.order
        for key in projection.order:
            place = self._find_property(key.value)
            if place is not None:
                self._sorted.add(place[:2])


def _flatten(element: tree.Node) -> list[tree.Element]:
    if isinstance(element, tree.Group):
        return [inner for part in element.path.elements for inner in _flatten(part)]
    return [element] if isinstance(element, tree.Element) else []


def _list_names(labels: tree.Labels | None) -> list[tree.Word]:
    """The names in a label expression that are asked for, not those that are ruled out."""
    if labels is None or labels.operator == "!":
        return []
    return [*([labels.name] if labels.name else []), *(name for term in labels.terms for name in _list_names(term))]


def _find_length(text: str) -> int:
    """How many relationships to plan for a path of such a length: the least, but one at least."""
    match = re.match(r"\d+", text)
    return min(max(int(match[0]), 1), _MAX_LENGTH) if match else 1


def _read_constant(node: tree.Node) -> tuple[bool, Compared]:
    """Whether an expression is a constant, and its value."""
    node = tree.strip_brackets(node)
    if isinstance(node, tree.Constant):
        if node.kind == "text":
            return True, str(ast.literal_eval(node.value))
        if node.kind == "number":
            return True, int(node.value) if node.value.isdecimal() else float(node.value)
        if node.kind == "boolean":
            return True, node.value.lower() == "true"
    if isinstance(node, tree.Prefixed) and node.operator == "-":
        found, value = _read_constant(node.value)
        if found and isinstance(value, int | float):
            return True, -value
    if isinstance(node, tree.ListValue):
        items = [_read_constant(item) for item in node.items]
        if items and all(found and isinstance(value, bool | int | float | str) for found, value in items):
            return True, tuple(value for _, value in items if isinstance(value, bool | int | float | str))
    if isinstance(node, tree.FunctionCall) and node.arguments:
        found, value = _read_constant(node.arguments[0])
        if found and isinstance(value, str):
            kind = next((kind for kind in _DATES if kind == node.name.lower()), None)
            if kind is not None:
                return True, Temporal(kind=kind, text=value)
            return node.name.lower() in ("tolower", "toupper", "trim"), value
    return False, None
