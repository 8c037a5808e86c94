"""Runs Cypher on small graphs in memory and gives results as plain values, without internal ids.

graphdblite executes: it is strict about openCypher and fast on small graphs, but it cannot be interrupted, so queries
that are not ours (a model's) are run by `cypher.judge` in a process that can be killed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import graphdblite

from cypher.faults import FaultError, avoid_faults
from cypher.graph import Node, PropertyGraph, Relationship, Temporal, Value
from cypher.syntax.tokens import write_name
from heimdall.errors import EngineError
from heimdall.refs import Record

_UNSUPPORTED = ("SyntaxError(UnexpectedSyntax)", "SyntaxError(UnknownFunction)", "ProcedureError", "invalid name")
_EXCEEDED = ("exceeded maximum of", "exceeds the configured max", "-element cap")  # the engine's own limits

Cell: TypeAlias = Any  # None, bool, int, float, str, list, dict, NodeValue or RelationshipValue


class Limits(Record):
    """How much one query may cost on one graph."""

    time_ms: int = 2000
    rows: int = 1000


class Result(NamedTuple):
    """What a query returned. `columns` is empty when there are no rows: the engine then does not tell their names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class NodeValue(NamedTuple):
    """A returned node as a value: its sorted labels and its properties."""

    labels: tuple[str, ...]
    properties: dict[str, Cell]


class RelationshipValue(NamedTuple):
    """A returned relationship as a value: its type and its properties."""

    type: str
    properties: dict[str, Cell]


class GraphState(NamedTuple):
    """A graph's nodes by the engine's id, and each relationship between the ids of its ends."""

    nodes: dict[int, NodeValue]
    relationships: tuple[tuple[int, RelationshipValue, int], ...]


class CypherError(Exception):
    """A query that cannot be compiled or fails while it runs. `unsupported`: the engine does not know such Cypher."""

    @property
    def unsupported(self) -> bool:
        """True for a text outside the engine's grammar, library or limits, which `cypher.parse` may still accept."""
        return str(self).startswith(_UNSUPPORTED) or any(words in str(self) for words in _EXCEEDED)


class UnsupportedError(CypherError):
    """A query that the engine runs but would answer wrongly."""

    @property
    def unsupported(self) -> bool:
        """Always true."""
        return True


class RowLimitError(CypherError):
    """A query that gave more rows than allowed."""


class EmbeddedGraph:
    """One graph, loaded into an engine of its own for as long as the context lasts.

    Entering raises `EngineError` for a graph on which graphdblite miscounts undirected patterns: it takes relationships
    of one type between the same two nodes for one relationship, and finds a loop twice. So it does for labels that
    differ only by case, which it does not tell apart.
    """

    def __init__(self, graph: PropertyGraph) -> None:
        self._graph = graph
        self.labels = frozenset(label for node in graph.nodes for label in node.labels)
        self._ids: dict[int, int] = {}  # the engine's, by those of the graph
        self._state: GraphState | None = None
        self._database: graphdblite.Database | None = None

    def __enter__(self) -> "EmbeddedGraph":
        check_shape(self._graph)
        self._database = graphdblite.Database.open_memory()
        try:
            self._begin()
        except EngineError:
            self._database.close()
            raise
        return self

    def _begin(self) -> None:
        self.load(self._graph.nodes, self._graph.relationships)

    def load(self, nodes: Iterable[Node], relationships: Iterable[Relationship]) -> None:
        """Adds a part of the graph, whose relationships join nodes that are there. Raises `EngineError`."""
        try:
            _load(self._open_database(), nodes, relationships, self._ids)
        except graphdblite.GraphDBError as error:
            raise EngineError(f"The embedded engine cannot load the graph: {str(error).strip()}") from error
        self._state = None

    def __exit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def run(self, query: str, limits: Limits | None = None) -> Result:
        """Runs one reading query; a write is refused (`cypher.write` does those). Raises `CypherError`.

        Of the limits, only the rows are kept here. The time is kept by `cypher.judge`, from outside.
        """
        return to_result(ask(self._open_database(), self.prepare(query)), limits)

    def prepare(self, query: str) -> str:
        """The query as the engine answers it rightly on this graph. Raises `UnsupportedError` if there is no way."""
        try:
            return avoid_faults(query, self.labels)
        except FaultError as error:
            raise UnsupportedError(str(error)) from error

    def read_state(self) -> GraphState:
        """The graph as it was loaded."""
        if self._state is None:
            self._state = read_state(self._open_database())
        return self._state

    @contextmanager
    def try_changes(self) -> Iterator[graphdblite.WriteTransaction]:
        """Lets the graph be changed within a `with` block, behind which it is as it was."""
        transaction = self._open_database().begin_write()
        try:
            yield transaction
        finally:
            transaction.rollback()

    def _open_database(self) -> graphdblite.Database:
        if self._database is None:
            raise RuntimeError("EmbeddedGraph is used inside its with block")
        return self._database


def ask(
    engine: graphdblite.Database | graphdblite.WriteTransaction, query: str, values: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The engine's records for one reading query; `values` are its parameters. Raises `CypherError`."""
    try:
        return engine.query(query, values)
    except graphdblite.GraphDBError as error:
        raise CypherError(str(error).strip().splitlines()[0]) from error


def read_state(engine: graphdblite.Database | graphdblite.WriteTransaction) -> GraphState:
    """All nodes and relationships that are in the engine."""
    nodes = {row["id"]: to_value(row["n"]) for row in ask(engine, "MATCH (n) RETURN id(n) AS id, n")}
    records = [row["r"] for row in ask(engine, "MATCH (a)-[r]->(b) RETURN r")]
    return GraphState(nodes, tuple((record["__src"], to_value(record), record["__dst"]) for record in records))


def to_result(records: list[dict[str, Any]], limits: Limits | None) -> Result:
    """The engine's records as plain values. Raises `RowLimitError`."""
    if limits is not None and len(records) > limits.rows:
        raise RowLimitError(f"more than {limits.rows} rows")
    if not records:
        return Result((), ())
    return Result(tuple(records[0]), tuple(tuple(map(to_value, record.values())) for record in records))


def check_shape(graph: PropertyGraph) -> None:
    """Raises `EngineError` for a graph that `EmbeddedGraph` would not enter."""
    by_case: dict[str, str] = {}
    for label in (label for node in graph.nodes for label in node.labels):
        if by_case.setdefault(label.lower(), label) != label:
            raise EngineError(
                f"The graph has the labels '{label}' and '{by_case[label.lower()]}', which the embedded engine does "
                "not tell apart; give it labels that differ by more than case."
            )
    seen = set()
    for edge in graph.relationships:
        pair = (edge.type, min(edge.start, edge.end), max(edge.start, edge.end))
        if pair in seen or edge.start == edge.end:
            raise EngineError(
                f"The graph has a second {edge.type} between nodes {edge.start} and {edge.end}, or a loop, which the "
                "embedded engine would miscount; give it at most one relationship of a type between two nodes."
            )
        seen.add(pair)


def _load(
    database: graphdblite.Database, nodes: Iterable[Node], relationships: Iterable[Relationship], ids: dict[int, int]
) -> None:
    with database.begin_write() as write:
        by_label = defaultdict(list)
        for node in nodes:
            if len(node.labels) == 1 and not _has_temporal(node.properties):
                by_label[node.labels[0]].append(node)
            else:  # the batch call takes one label, and no dates
                labels = "".join(f":{write_name(label)}" for label in node.labels)
                text, values = _write_properties("n", node.properties)
                ids[node.id] = write.execute(f"CREATE (n{labels}) {text} RETURN id(n) AS id", values)[0]["id"]
        for label, batch in by_label.items():
            created_ids = write.batch_create_nodes(label, [_write_lists(node.properties) for node in batch])
            ids.update(zip((node.id for node in batch), created_ids, strict=True))
        by_type: dict[str, list[tuple[int, int] | tuple[int, int, dict[str, Any]]]] = defaultdict(list)
        for edge in relationships:
            start, end = ids[edge.start], ids[edge.end]
            if _has_temporal(edge.properties):
                text, values = _write_properties("r", edge.properties)
                pattern = f"MATCH (a), (b) WHERE id(a) = $a AND id(b) = $b CREATE (a)-[r:{write_name(edge.type)}]->(b)"
                write.execute(f"{pattern} {text}", {**values, "a": start, "b": end})
            else:
                by_type[edge.type].append((start, end, _write_lists(edge.properties)))
        for kind, edges in by_type.items():
            write.batch_create_edges(kind, edges)
        write.commit()


def _has_temporal(properties: Mapping[str, Value]) -> bool:
    return any(isinstance(value, Temporal) for value in properties.values())


def _write_lists(properties: Mapping[str, Value]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in properties.items()}


def _write_properties(name: str, properties: Mapping[str, Value]) -> tuple[str, dict[str, Any]]:
    """SET with all properties, dates among them, and its parameters."""
    plain = {key: value for key, value in properties.items() if not isinstance(value, Temporal)}
    parts = [f"{name} = $p"]
    values: dict[str, Any] = {"p": _write_lists(plain)}
    for index, (key, value) in enumerate(properties.items()):
        if isinstance(value, Temporal):
            parts.append(f"{name}.{write_name(key)} = {value.kind}($t{index})")
            values[f"t{index}"] = value.text
    return "SET " + ", ".join(parts), values


def to_value(value: Any) -> Cell:
    """A value of the engine's as a plain one, without internal ids."""
    if isinstance(value, list):
        return [to_value(item) for item in value]
    if isinstance(value, dict):
        if "__labels" in value:
            labels = tuple(sorted(value["__labels"]))
            return NodeValue(labels, {k: v for k, v in value.items() if not k.startswith("__")})
        if "__src" in value:
            return RelationshipValue(value["__label"], {k: v for k, v in value.items() if not k.startswith("__")})
        return {key: to_value(item) for key, item in value.items()}
    return value
