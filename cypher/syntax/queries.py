"""The syntax tree's classes for clauses, queries and commands."""

from dataclasses import dataclass, field
from typing import NamedTuple

from cypher.syntax.tokens import Token
from cypher.syntax.tree import Labels, Name, Node, Path, Variable, Word


@dataclass(slots=True, eq=False)
class Match(Node):
    """`OPTIONAL MATCH mode paths USING hints WHERE condition`."""

    optional: bool
    mode: str
    paths: list[Path]
    hints: list["Hint"]
    condition: Node | None


@dataclass(slots=True, eq=False)
class Hint(Node):
    """`USING INDEX n:Label(key)`."""

    names: list[Name]
    labels: Labels | None
    keys: list[Word]


@dataclass(slots=True, eq=False)
class Unwind(Node):
    """`UNWIND values AS name`."""

    values: Node
    name: Name


@dataclass(slots=True, eq=False)
class LoadCsv(Node):
    """`LOAD CSV WITH HEADERS FROM source AS name`."""

    headers: bool
    source: Node
    name: Name


@dataclass(slots=True, eq=False)
class Column(Node):
    """`value AS name`; `title` is what the column is called without AS."""

    value: Node
    alias: Name | None
    title: str
    variable: Variable | None = None


@dataclass(slots=True, eq=False)
class SortKey(Node):
    """`value DESC`."""

    value: Node
    falling: bool


@dataclass(slots=True, eq=False)
class Projection(Node):
    """WITH or RETURN; `starred` are the columns that `*` stands for, once `cypher.scopes` has found them."""

    word: str
    distinct: bool
    star: Word | None
    columns: list[Column]
    order: list[SortKey]
    skip: Node | None
    limit: Node | None
    condition: Node | None
    starred: list[Column] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Create(Node):
    """`CREATE paths`."""

    paths: list[Path]


@dataclass(slots=True, eq=False)
class Merge(Node):
    """`MERGE path ON CREATE SET … ON MATCH SET …`."""

    path: Path
    actions: list["Changes"]


@dataclass(slots=True, eq=False)
class Change(Node):
    """One item of SET or REMOVE: `n.x = value`, `n += value`, `n:Label`, `n.x`."""

    target: Node
    labels: Labels | None
    value: Node | None


@dataclass(slots=True, eq=False)
class Changes(Node):
    """SET or REMOVE."""

    items: list[Change]


@dataclass(slots=True, eq=False)
class Delete(Node):
    """`DETACH DELETE values`."""

    values: list[Node]


@dataclass(slots=True, eq=False)
class Foreach(Node):
    """`FOREACH (name IN values | clauses)`."""

    name: Name
    values: Node
    clauses: list[Node]


@dataclass(slots=True, eq=False)
class YieldColumn(Node):
    """`column AS name`, or `name` alone."""

    column: Word | None
    name: Name


@dataclass(slots=True, eq=False)
class Yield(Node):
    """`YIELD columns WHERE condition`; of a command also `ORDER BY … RETURN …`. `star` is `YIELD *`, or no YIELD."""

    star: bool
    columns: list[YieldColumn]
    order: list[SortKey]
    bounds: list[Node]
    condition: Node | None
    projection: Projection | None


@dataclass(slots=True, eq=False)
class ProcedureCall(Node):
    """`CALL name(arguments) YIELD …`."""

    words: list[Word]
    bracketed: bool
    arguments: list[Node]
    yielded: Yield | None


@dataclass(slots=True, eq=False)
class Transactions(Node):
    """`IN TRANSACTIONS OF 10 ROWS ON ERROR … REPORT STATUS AS name`."""

    values: list[Node]
    name: Name | None


@dataclass(slots=True, eq=False)
class SubqueryCall(Node):
    """`CALL { … }`, or `CALL (imports) { … }`; `scoped`: it has such brackets, `star`: with `*` in them."""

    scoped: bool
    star: bool
    imports: list[Name]
    query: "Query"
    transactions: Transactions | None


@dataclass(slots=True, eq=False)
class Finish(Node):
    """`FINISH`."""


@dataclass(slots=True, eq=False)
class Use(Node):
    """`USE graph`: its words, or a function that finds it."""

    parts: list[Node]


@dataclass(slots=True, eq=False)
class Branch(Node):
    """One of the queries that UNION joins: clause after clause."""

    use: Use | None
    clauses: list[Node]


@dataclass(slots=True, eq=False)
class Query(Node):
    """Queries joined by UNION, or one; `keeps_all`: by UNION ALL."""

    keeps_all: bool
    branches: list[Branch]

    @property
    def returns(self) -> bool:
        """Whether it ends with RETURN."""
        last = self.branches[0].clauses[-1]
        return isinstance(last, Projection) and last.word == "RETURN"


# Commands.


@dataclass(slots=True, eq=False)
class Entity(Node):
    """`(n:Label)` or `()-[r:TYPE]-()`, of which an index or a constraint is."""

    relationship: bool
    name: Name
    labels: list[Word]


@dataclass(slots=True, eq=False)
class Command(Node):
    """A command: `verb` is its first keyword, `what` the token behind that, as INDEX, in capitals.

    `parts` holds its names and values in their order, `requires` what a constraint asks for.
    """

    verb: str
    what: str
    place: int
    parts: list[Node]
    requires: str


class Statement(NamedTuple):
    """A whole text: its tokens, and the query or command that they make up behind EXPLAIN and the like."""

    tokens: list[Token]
    body: Query | Command
