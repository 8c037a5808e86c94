"""What a graph may hold: labels with their properties, and which relationship types join which labels."""

import re

from heimdall.errors import InputError
from heimdall.refs import Record

_NODE = re.compile(r"\(?:?(?P<label>\w+)\s*(?:\{(?P<properties>[^{}]*)\})?\)?")
_RELATIONSHIP = re.compile(
    r"\(:(?P<start>\w+)\)-\[:(?P<type>\w+)\s*(?:\{(?P<properties>[^{}]*)\})?\]->\(:(?P<end>\w+)\)"
)


class RelationshipType(Record):
    """One way in which a relationship type joins two labels."""

    start: str
    type: str
    end: str


class GraphSchema(Record):
    """The labels and the types with their properties, each with its value's type as the schema names it (may be
    empty), and how types join labels."""

    labels: dict[str, dict[str, str]]
    types: dict[str, dict[str, str]]
    relationships: tuple[RelationshipType, ...]


def read_schema(text: str) -> GraphSchema:
    """Reads a schema as questions carry it: `Label {name: TYPE}` or `(:Label {…})`, and `(:A)-[:TYPE {…}]->(:B)`.

    Raises `InputError` naming the line that is neither.
    """
    labels: dict[str, dict[str, str]] = {}
    types: dict[str, dict[str, str]] = {}
    relationships = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        if match := _RELATIONSHIP.fullmatch(line.strip()):
            types[match["type"]] = types.get(match["type"], {}) | read_properties(match["properties"])
            relationships.append(RelationshipType(start=match["start"], type=match["type"], end=match["end"]))
        elif match := _NODE.fullmatch(line.strip()):
            labels[match["label"]] = read_properties(match["properties"])
        else:
            raise InputError(f"Line {number} of the schema is neither a label nor a relationship: '{line.strip()}'.")
    return GraphSchema(labels=labels, types=types, relationships=tuple(relationships))


def read_properties(text: str | None) -> dict[str, str]:
    """`name: TYPE, …` as names and types."""
    parts = [part.partition(":") for part in (text or "").split(",")]
    return {name.strip(): kind.strip() for name, _, kind in parts if name.strip()}
