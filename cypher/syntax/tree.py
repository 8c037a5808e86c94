"""The syntax tree of a query or command: one small class for each thing that a Cypher text consists of.

What of a node's text lies in none of its fields is keywords and signs. Brackets around an expression are a node.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cypher.syntax.queries import Query

# What a variable or an expression holds; "any" where the text does not tell; "pattern": a pattern as a condition.
Kind = Literal["node", "relationship", "path", "list", "map", "boolean", "number", "text", "any", "pattern"]


@dataclass(slots=True, eq=False)
class Variable:
    """What a name stands for from where it is bound; where one name is bound twice there are two."""

    number: int
    kind: Kind


@dataclass(slots=True, eq=False)
class Node:
    """A piece of the text: the tokens from number `first` up to but without number `last`."""

    first: int
    last: int


def find_children(node: Node) -> Iterator[Node]:
    """The nodes in the fields of a node, in the order of the text."""
    for name in node.__match_args__:
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif type(value) is list:
            yield from value


def walk(node: Node) -> Iterator[Node]:
    """A node and all nodes in it, in the order of the text."""
    yield node
    for child in find_children(node):
        yield from walk(child)


def strip_brackets(node: Node) -> Node:
    """The expression that stands in brackets, or the one that stands in none."""
    while isinstance(node, Bracketed):
        node = node.value
    return node


# Expressions.


@dataclass(slots=True, eq=False)
class Word(Node):
    """A name that stands for itself: of a property, a label, a procedure."""

    value: str


@dataclass(slots=True, eq=False)
class Name(Word):
    """A variable's name, where it is bound or used; `cypher.scopes` finds the variable."""

    variable: Variable | None = None


@dataclass(slots=True, eq=False)
class Constant(Node):
    """A text, a number, true, false, null; `value` is its normal spelling."""

    kind: Kind
    value: str


@dataclass(slots=True, eq=False)
class Parameter(Node):
    """`$name`."""

    value: str


@dataclass(slots=True, eq=False)
class Bracketed(Node):
    """An expression in round brackets."""

    value: Node


@dataclass(slots=True, eq=False)
class ListValue(Node):
    """`[1, 2]`."""

    items: list[Node]


@dataclass(slots=True, eq=False)
class Entry(Node):
    """`key: value`, in a map or a map projection."""

    key: Word
    value: Node


@dataclass(slots=True, eq=False)
class MapValue(Node):
    """`{key: value}`."""

    entries: list[Entry]


@dataclass(slots=True, eq=False)
class AllProperties(Node):
    """`.*` in a map projection."""


@dataclass(slots=True, eq=False)
class MapProjection(Node):
    """`n {.name, .*, key: value, m}`; an item is a `Property`, `AllProperties`, `Entry` or `Name`."""

    name: Name
    items: list[Node]


@dataclass(slots=True, eq=False)
class Comprehension(Node):
    """`[x IN list WHERE condition | result]`, or with ALL, ANY, NONE or SINGLE as `word`."""

    word: str
    name: Name
    values: Node
    condition: Node | None
    result: Node | None


@dataclass(slots=True, eq=False)
class PatternComprehension(Node):
    """`[(n)-->(m) WHERE condition | result]`."""

    path: "Path"
    condition: Node | None
    result: Node


@dataclass(slots=True, eq=False)
class Reduce(Node):
    """`reduce(total = start, x IN list | result)`."""

    total: Name
    start: Node
    name: Name
    values: Node
    result: Node


@dataclass(slots=True, eq=False)
class Case(Node):
    """`CASE subject WHEN … THEN … ELSE … END`."""

    subject: Node | None
    branches: list["When"]
    default: Node | None


@dataclass(slots=True, eq=False)
class When(Node):
    """`WHEN tests THEN result`; behind a subject, a test is a value or an `Operand` that lacks its left side."""

    tests: list[Node]
    result: Node


@dataclass(slots=True, eq=False)
class FunctionCall(Node):
    """`name(DISTINCT arguments)`; `star`: `count(*)`."""

    name: str
    distinct: bool
    star: bool
    arguments: list[Node]


@dataclass(slots=True, eq=False)
class Trim(Node):
    """`trim(BOTH ' ' FROM text)`, `normalize(text, NFC)`: functions whose arguments hold keywords."""

    arguments: list[Node]


@dataclass(slots=True, eq=False)
class Subquery(Node):
    """EXISTS, COUNT or COLLECT with a query in braces; `brief`: it is only a pattern with conditions."""

    word: str
    brief: bool
    query: "Query"


@dataclass(slots=True, eq=False)
class TypeName(Node):
    """`INTEGER NOT NULL`."""


@dataclass(slots=True, eq=False)
class Prefixed(Node):
    """NOT, `-` or `+` before a value."""

    operator: str
    value: Node


@dataclass(slots=True, eq=False)
class Operand(Node):
    """An operator, as `=`, `STARTS WITH`, `IS NOT NULL` or `IS ::`, and what stands behind it."""

    operator: str
    value: Node | None


@dataclass(slots=True, eq=False)
class Operation(Node):
    """A value and the operands behind it, whose operators are of one rank."""

    rank: int
    value: Node
    operands: list[Operand]


@dataclass(slots=True, eq=False)
class Property(Node):
    """`.name`, behind a value."""

    key: Word


@dataclass(slots=True, eq=False)
class Index(Node):
    """`[1]`, behind a value."""

    index: Node


@dataclass(slots=True, eq=False)
class Slice(Node):
    """`[1..2]`, behind a value."""

    start: Node | None
    end: Node | None


@dataclass(slots=True, eq=False)
class LabelTest(Node):
    """`:Label`, behind a value."""

    labels: "Labels"


@dataclass(slots=True, eq=False)
class Access(Node):
    """A value and what is taken of it: each step is a `Property`, `Index`, `Slice` or `LabelTest`."""

    value: Node
    steps: list[Node]


# Patterns.


@dataclass(slots=True, eq=False)
class Labels(Node):
    """A label expression: `&`, `|` or `!` over terms, `%`, `$(value)`, or a single name, whose operator is empty."""

    operator: str
    terms: list["Labels"]
    name: Word | None = None
    value: Node | None = None


@dataclass(slots=True, eq=False)
class Element(Node):
    """A node or relationship of a pattern; `cypher.scopes` gives each a variable, also where it has no name."""

    name: Name | None
    labels: Labels | None
    properties: Node | None
    condition: Node | None
    variable: Variable | None = field(default=None, kw_only=True)


@dataclass(slots=True, eq=False)
class NodePattern(Element):
    """`(n:Label {key: value} WHERE condition)`."""


@dataclass(slots=True, eq=False)
class RelationshipPattern(Element):
    """`-[r:TYPE*1..2 {key: value} WHERE condition]->{1,2}`.

    `arrow` is `>`, `<` or nothing; `length` what stands for `*1..2`, `quantifier` for `{1,2}`, `+` or `*` behind it.
    """

    arrow: str
    length: str | None
    quantifier: str | None


@dataclass(slots=True, eq=False)
class Group(Node):
    """A path in brackets, `((a)-->(b) WHERE condition)`, with the `quantifier` behind it."""

    path: "Path"
    condition: Node | None
    quantifier: str | None


@dataclass(slots=True, eq=False)
class Path(Node):
    """`name = selector function((a)-->(b))`: elements, and groups of them, one behind the other."""

    name: Name | None
    selector: str
    function: str
    elements: list[Node]
