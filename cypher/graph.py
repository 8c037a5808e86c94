"""A small property graph as plain data: what queries are proven and judged on; and the file that keeps such graphs."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field

from heimdall.errors import InputError
from heimdall.records import read_records
from heimdall.refs import Record

Scalar: TypeAlias = bool | int | float | str


class Temporal(Record):
    """A date or a time, as Cypher's function of the name `kind` reads it from `text`."""

    kind: Literal["date", "datetime", "localdatetime", "time", "localtime"]
    text: str


Value: TypeAlias = Scalar | tuple[Scalar, ...] | Temporal


class Node(Record):
    """A node; `id` is unique within its graph and never shown to a query."""

    id: int
    labels: tuple[str, ...]
    properties: dict[str, Value]


class Relationship(Record):
    """A directed relationship from node `start` to node `end`."""

    type: str
    start: int
    end: int
    properties: dict[str, Value] = Field(default_factory=dict)


class PropertyGraph(Record):
    """Nodes and the relationships between them."""

    nodes: tuple[Node, ...]
    relationships: tuple[Relationship, ...]


GRAPHS = "graphs.jsonl"  # what a file of schemas with their graphs is called


class SchemaGraphs(Record):
    """A schema as it is shown to the model, and the graphs on which queries for it are judged."""

    schema_id: str
    schema_text: str
    graphs: tuple[PropertyGraph, ...]


def read_graphs(path: Path) -> dict[str, SchemaGraphs]:
    """Reads the schemas by id. Raises `InputError` naming file and line for what is no schema or comes twice."""
    schemas: dict[str, SchemaGraphs] = {}
    for number, schema in read_records(path, SchemaGraphs):
        if schema.schema_id in schemas:
            raise InputError(f"{path}:{number}: the schema '{schema.schema_id}' is there twice.")
        schemas[schema.schema_id] = schema
    return schemas
