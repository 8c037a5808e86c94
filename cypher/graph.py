"""A small property graph as plain data: what queries are proven and judged on."""

from typing import TypeAlias

from heimdall.refs import Record

Value: TypeAlias = bool | int | float | str | None | list["Value"]


class Node(Record):
    """A node; `id` is unique within its graph and never shown to a query."""

    id: int
    labels: tuple[str, ...]
    properties: dict[str, bool | int | float | str]


class Relationship(Record):
    """A directed relationship from node `start` to node `end`."""

    type: str
    start: int
    end: int
    properties: dict[str, bool | int | float | str] = {}


class PropertyGraph(Record):
    """Nodes and the relationships between them."""

    nodes: tuple[Node, ...]
    relationships: tuple[Relationship, ...]
