"""Reads the patterns of Cypher: nodes, relationships and paths, and takes the patterns of a MATCH apart.

In a MATCH, neither the direction in which a path is written nor the order of paths matters, and what a node or
relationship says of itself is a condition like those of WHERE. So its patterns become a bag of single relationships
and lone nodes, and all else becomes conditions.
"""

from dataclasses import dataclass, field

from cypher.expressions import ExpressionReader
from cypher.parts import Bag, Either, Part, Series, Variable, series
from cypher.reading import UnreadError
from cypher.terms import Element, Expression, LabelTerm, join_operands
from cypher.tokens import Token, write_name

_MAX_NESTING = 2  # each pattern is written from both ends, and so is each one in it


@dataclass
class NodePattern(Element):
    """A node; `shown` if the query names it."""

    shown: bool = False
    term: LabelTerm | None = None
    entries: list[tuple[Token, Expression]] = field(default_factory=list)
    condition: Expression | None = None


@dataclass
class RelationshipPattern(NodePattern):
    """A relationship between the nodes before and behind it; `arrow` is `>`, `<` or nothing.

    `length` is what stands behind `*`. `span` is where its text begins and ends in the query.
    """

    arrow: str = ""
    length: str | None = None
    span: tuple[int, int] = (0, 0)


@dataclass
class PathPattern:
    """Nodes with a relationship between each two of them; `function` is that of a shortest path."""

    nodes: list[NodePattern]
    relationships: list[RelationshipPattern]
    name: Variable | None = None
    function: str = ""

    @property
    def one_way(self) -> bool:
        """Whether the direction in which the path is written shows, in a path's or a list's order."""
        listed = any(step.length is not None and step.shown for step in self.relationships)
        return self.name is not None or self.function != "" or listed


class PatternReader(ExpressionReader):
    """Reads patterns; `paths` keeps all that were read."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        self.paths: list[PathPattern] = []
        self._nesting = 0

    def read_paths(self) -> list[PathPattern]:
        """Reads patterns with commas between them."""
        paths = [self._read_path()]
        while self.take(","):
            paths.append(self._read_path())
        return paths

    def read_pattern_expression(self) -> Part:
        """Reads a pattern that is used as a condition, or a shortest path that is used as a value."""
        return write_path(self._read_path())

    def read_pattern_comprehension(self) -> Part:
        """Reads `(n)-->(m) WHERE condition | value`."""
        part = write_path(self._read_path())
        if self.take("WHERE"):
            part = series(part, " WHERE ", self.read_expression().bracketed)
        self.expect("|")
        return series(part, " | ", self.read_expression().bracketed)

    def _read_path(self) -> PathPattern:
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise UnreadError("A pattern stands in a pattern in a pattern.")
        name = None
        if self.token.kind == "name" and self.peek(1).text == "=":
            name = self.declare(self.read_name().value)
            self.expect("=")
        function = ""
        if self.token.kind == "name" and self.token.text.lower() in ("shortestpath", "allshortestpaths"):
            # Written as Neo4j and openCypher write it; they do not mind.
            function = {"s": "shortestPath", "a": "allShortestPaths"}[self.read_name().text[0].lower()]
            self.expect("(")
        path = PathPattern([self._read_node()], [], name, function)
        while self.sees("-") or self.sees("<", "-"):
            path.relationships.append(self._read_relationship())
            path.nodes.append(self._read_node())
        if function:
            self.expect(")")
        self.paths.append(path)
        self._nesting -= 1
        return path

    def _read_node(self) -> NodePattern:
        self.expect("(")
        node = NodePattern(0)
        self._read_inside(node)
        self.expect(")")
        return node

    def _read_relationship(self) -> RelationshipPattern:
        start = self.token.start
        left = self.take("<")
        self.expect("-")
        step = RelationshipPattern(0)
        if self.take("["):
            self._read_inside(step)
            self.expect("]")
        else:
            step.variable = self.declare().number
            self.elements.append(step)
        self.expect("-")
        right = self.take(">")
        step.arrow = "" if left == right else "<" if left else ">"
        step.span = (start, self.tokens[self.place - 1].end)
        return step

    def _read_inside(self, element: NodePattern) -> None:
        if self.token.kind == "name" and not self.sees("WHERE"):
            name = self.read_name()
            known = self.scope.get(name.value)
            if known is not None and not isinstance(known, Variable):
                raise UnreadError(f"'{name.value}' is the name of a column.")
            element.variable = (known or self.declare(name.value)).number
            element.shown = True
        else:
            element.variable = self.declare().number
        if self.take(":"):
            element.term = self.read_labels(element)
        if isinstance(element, RelationshipPattern) and self.take("*"):
            element.length = self._read_length()
        if self.token.kind == "parameter":
            raise UnreadError("A parameter instead of a map of properties is not read.")
        if self.sees("{"):
            element.entries = self.read_entries()
            element.keys = [key for key, _ in element.entries]
            if len({key.value for key in element.keys}) < len(element.keys):
                raise UnreadError("A pattern names a property twice.")
        if self.take("WHERE"):
            element.condition = self.read_expression()
        self.elements.append(element)

    def _read_length(self) -> str:
        """The length behind `*`: `*2` is `*2..2`, and the least length is 1 unless said."""
        least = self._read_number()
        if self.take(".."):
            return f"{least or '1'}..{self._read_number()}"
        return f"{least}..{least}" if least else "1.."

    def _read_number(self) -> str:
        if self.token.kind != "integer":
            return ""
        self.place += 1
        return self.tokens[self.place - 1].value


def split_paths(paths: list[PathPattern]) -> tuple[Part, list[Expression]]:
    """The patterns of a MATCH as a bag, and the conditions that stood in them."""
    whole: list[Part] = []
    joined: set[int] = set()
    conditions: list[Expression] = []
    for path in paths:
        steps = path.relationships
        conditions += [condition for node in path.nodes for condition in _take_conditions(node)]
        for step in steps:
            if step.length is None:
                conditions += _take_conditions(step, with_labels=False)
            elif step.condition:
                raise UnreadError("A condition inside a relationship of many steps is not read.")
            step.shown |= (
                step.length is None
            )  # a condition needs a name, and a name that nothing needs is no difference
        for node in path.nodes:
            node.shown = True
        if path.name is not None or path.function:
            whole.append(write_path(path))
        else:
            for index, step in enumerate(steps):
                whole.append(write_path(PathPattern(path.nodes[index : index + 2], [step])))
        if steps:
            joined |= {node.variable for node in path.nodes}
    alone = {path.nodes[0].variable for path in paths if not path.relationships and path.name is None} - joined
    whole += [series("(", Variable(number), ")") for number in sorted(alone)]
    return Bag(tuple(whole), ", "), conditions


def _take_conditions(element: NodePattern, *, with_labels: bool = True) -> list[Expression]:
    variable = Variable(element.variable)
    found = []
    if with_labels and element.term:
        found.append(element.term.test(variable))
        element.term = None
    for key, value in element.entries:
        part = Bag((series(variable, ".", write_name(key.value)), value.bracketed), " = ")
        found.append(Expression(part, closed=False))
    if element.condition:
        found.append(element.condition)
    element.entries, element.condition = [], None
    return found


def join_conditions(conditions: list[Expression]) -> Part:
    """` WHERE …`, or nothing."""
    return series(" WHERE ", join_operands(conditions, " AND ").part) if conditions else ""


def write_path(path: PathPattern) -> Part:
    """A path from its left end, or from either end where that does not show."""
    forward = _write_chain(path.nodes, path.relationships, turned=False)
    chain: Part = forward
    if not path.one_way:
        chain = Either((forward, _write_chain(path.nodes[::-1], path.relationships[::-1], turned=True)))
    if path.function:
        chain = series(path.function, "(", chain, ")")
    return chain if path.name is None else series(path.name, " = ", chain)


def _write_chain(nodes: list[NodePattern], steps: list[RelationshipPattern], *, turned: bool) -> Part:
    parts: list[Part] = [_write_node(nodes[0])]
    for step, node in zip(steps, nodes[1:], strict=True):
        arrow = {"<": ">", ">": "<"}.get(step.arrow, "") if turned else step.arrow
        length = "" if step.length is None else f"*{step.length}"
        parts += ["<-[" if arrow == "<" else "-[", _write_inside(step, length), "]->" if arrow == ">" else "]-"]
        parts.append(_write_node(node))
    return Series(tuple(parts))


def _write_node(node: NodePattern) -> Part:
    return series("(", _write_inside(node), ")")


def _write_inside(element: NodePattern, length: str = "") -> Part:
    parts: list[Part] = [Variable(element.variable)] if element.shown else []
    if element.term:
        parts += [":", element.term.write()]
    parts.append(length)
    if element.entries:
        entries = tuple(series(write_name(key.value), ": ", value.part) for key, value in element.entries)
        parts += [" {", Bag(entries, ", "), "}"]
    if element.condition:
        parts += [" WHERE ", element.condition.part]
    return Series(tuple(parts))
