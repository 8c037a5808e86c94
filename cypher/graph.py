"""A small property graph as plain data: what queries are proven and judged on; and the file that keeps such graphs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

import pydantic
from pydantic import Field

from heimdall.errors import InputError
from heimdall.files import replacing
from heimdall.refs import Record
from heimdall.rows import read_lines

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


class SchemaGraphs(Record):
    """A schema as it is shown to the model, and the graphs on which queries for it are judged."""

    schema_id: str
    schema_text: str
    graphs: tuple[PropertyGraph, ...]


def write_graphs(path: Path, schemas: Iterable[SchemaGraphs]) -> int:
    """Writes schemas with their graphs as JSONL, whole or not at all; returns how many."""
    count = 0
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for schema in schemas:
            file.write(schema.model_dump_json() + "\n")
            count += 1
    return count


def read_graphs(path: Path) -> dict[str, SchemaGraphs]:
    """Reads the schemas by id. Raises `InputError` naming file and line for what is no schema or comes twice."""
    schemas: dict[str, SchemaGraphs] = {}
    for number, line in read_lines(path):
        try:
            schema = SchemaGraphs.model_validate_json(line)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the line"
            raise InputError(f"{path}:{number}: {where}: {first['msg']}.") from error
        if schema.schema_id in schemas:
            raise InputError(f"{path}:{number}: the schema '{schema.schema_id}' is there twice.")
        schemas[schema.schema_id] = schema
    return schemas
