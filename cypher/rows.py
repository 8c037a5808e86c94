"""The rows that one clause of a query hands to the next: what each name holds, and how the engine takes it up again.

A row holds plain values, nodes by their ids, and relationships, which the engine does not number, by type and ends.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from cypher.run import UnsupportedError
from cypher.syntax import queries, tree
from cypher.syntax.tokens import write_name

Kind: TypeAlias = Literal["node", "relationship", "value"]
Row: TypeAlias = dict[str, Any]  # what each bound name holds: a plain value, a NodeId or a RelationshipId


class NodeId(NamedTuple):
    """A node, by the engine's number for it."""

    id: int


class RelationshipId(NamedTuple):
    """A relationship; several of a type between the same two nodes cannot be told apart."""

    start: int
    type: str
    end: int


class Entities(NamedTuple):
    """The nodes and relationships that are there."""

    nodes: Collection[NodeId]
    relationships: Counter[RelationshipId]


def bind_rows(
    rows: Sequence[Row],
    names: Mapping[str, Kind],
    readers: Sequence[tree.Node],
    there: Entities,
    counted: Collection[str] = (),
) -> tuple[str, dict[str, Any]]:
    """The start of a query whose rows are these, and its parameters. Raises `UnsupportedError` where there is none.

    `readers` are what follows; what was deleted may only be `counted` there. The kind of a name counts where no row
    holds anything that would tell.
    """
    if any(isinstance(node, tree.RelationshipPattern) for reader in readers for node in tree.walk(reader)):
        _check_countable(there.relationships)
    if not names and len(rows) == 1:
        return "WITH 1 AS one__", {}
    matches, columns, cells = "", [], []
    for number, (name, kind) in enumerate(names.items()):
        word, cell = write_name(name), f"row__.k{number}"
        values = [row[name] for row in rows]
        held = {value for value in values if isinstance(value, NodeId | RelationshipId)}
        if name in counted and not all(value in there.nodes or value in there.relationships for value in held):
            numbers = {value: place for place, value in enumerate(held)}
            values, held, kind = [numbers.get(value) for value in values], set(), "value"
        if not held and (kind == "value" or rows):
            if any(map(holds_entity, values)):
                raise UnsupportedError("it hands a list or map of nodes or relationships on past a write")
            columns.append(f"{cell} AS {word}")
        elif all(isinstance(value, NodeId | None) for value in values) and kind != "relationship":
            if not all(value in there.nodes for value in held):
                raise UnsupportedError("it uses what it has deleted")
            matches += f" OPTIONAL MATCH ({word}) WHERE id({word}) = {cell}[0]"
            columns.append(word)
        else:
            if not all(isinstance(value, RelationshipId) and there.relationships[value] == 1 for value in values):
                raise UnsupportedError("the engine cannot find a relationship again past a write")
            matches += (
                f" OPTIONAL MATCH (a{number}__)-[{word}]->(b{number}__) WHERE id(a{number}__) = {cell}[0]"
                f" AND type({word}) = {cell}[1] AND id(b{number}__) = {cell}[2]"
            )
            columns.append(word)
        cells.append([list(value) if isinstance(value, NodeId | RelationshipId) else value for value in values])
    records = [{f"k{number}": column[place] for number, column in enumerate(cells)} for place in range(len(rows))]
    start = "WITH $rows AS rows__ UNWIND rows__ AS row__"
    return f"{start}{matches} WITH {', '.join(columns) or 'row__'}", {"rows": records}


def bind_names(bound: Mapping[str, Kind], clauses: Iterable[tree.Node]) -> dict[str, Kind]:
    """The names that are bound behind clauses, with what they hold as far as the text tells."""
    names = dict(bound)
    for clause in clauses:
        match clause:
            case queries.Match() | queries.Create():
                for path in clause.paths:
                    names |= _find_names(path)
            case queries.Merge():
                names |= _find_names(clause.path)
            case queries.Unwind():
                names[clause.name.value] = "value"
            case queries.Projection():
                kept = dict(names) if clause.star is not None else {}
                for column in clause.columns:
                    value = tree.strip_brackets(column.value)
                    name = column.alias or value
                    if isinstance(name, tree.Name):
                        kept[name.value] = names.get(value.value, "value") if isinstance(value, tree.Name) else "value"
                names = kept
    return names


def _find_names(path: tree.Path) -> dict[str, Kind]:
    names: dict[str, Kind] = {} if path.name is None else {path.name.value: "value"}
    for element in path.elements:
        if isinstance(element, tree.Group):
            names |= dict.fromkeys(_find_names(element.path), "value")
        elif isinstance(element, tree.NodePattern) and element.name is not None:
            names[element.name.value] = "node"
        elif isinstance(element, tree.RelationshipPattern) and element.name is not None:
            names[element.name.value] = "relationship" if element.length is None else "value"
    return names


def find_needed(bound: Mapping[str, Kind], readers: Sequence[tree.Node]) -> dict[str, Kind]:
    """The bound names that clauses mention; all where one has a star."""
    nodes = [node for reader in readers for node in tree.walk(reader)]
    if any(isinstance(node, queries.Projection) and node.star is not None for node in nodes):
        return dict(bound)
    mentioned = {node.value for node in nodes if isinstance(node, tree.Name)}
    return {name: kind for name, kind in bound.items() if name in mentioned}


def find_counted(readers: Sequence[tree.Node]) -> set[str]:
    """The names of which clauses only take the count, which Cypher allows of what was deleted."""
    nodes = [node for reader in readers for node in tree.walk(reader)]
    counts = [node for node in nodes if isinstance(node, tree.FunctionCall) and node.name.lower() == "count"]
    inside = {tree.strip_brackets(argument) for call in counts for argument in call.arguments}
    names = [node for node in nodes if isinstance(node, tree.Name)]
    return {name.value for name in names} - {name.value for name in names if name not in inside}


def hold_value(value: Any) -> Any:
    """A value of the engine's as a row holds it."""
    if isinstance(value, list):
        return [hold_value(item) for item in value]
    if isinstance(value, dict):
        if "__labels" in value:
            return NodeId(value["__id"])
        if "__src" in value:
            return RelationshipId(value["__src"], value["__label"], value["__dst"])
        return {key: hold_value(item) for key, item in value.items()}
    return value


def holds_entity(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(holds_entity, value.values()))
    return isinstance(value, NodeId | RelationshipId) or (isinstance(value, list) and any(map(holds_entity, value)))


def _check_countable(relationships: Counter[RelationshipId]) -> None:
    """Raises `UnsupportedError` where the engine would miscount patterns, as `cypher.run` refuses such graphs."""
    joined = Counter((edge.type, frozenset((edge.start, edge.end))) for edge in relationships.elements())
    if any(edge.start == edge.end for edge in relationships) or any(count > 1 for count in joined.values()):
        raise UnsupportedError("it matches behind loops or several relationships of a type between two nodes")
