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
    """The labels and the types with the names of their properties, and how types join labels."""

    labels: dict[str, tuple[str, ...]]
    types: dict[str, tuple[str, ...]]
    relationships: tuple[RelationshipType, ...]


def read_schema(text: str) -> GraphSchema:
    """Reads a schema as questions carry it: `Label {name: TYPE}` or `(:Label {…})`, and `(:A)-[:TYPE {…}]->(:B)`.

    Raises `InputError` naming the line that is neither.
    """
    labels: dict[str, tuple[str, ...]] = {}
    types: dict[str, tuple[str, ...]] = {}
    relationships = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        if match := _RELATIONSHIP.fullmatch(line.strip()):
            types[match["type"]] = types.get(match["type"], ()) + _read_properties(match["properties"])
            relationships.append(RelationshipType(start=match["start"], type=match["type"], end=match["end"]))
        elif match := _NODE.fullmatch(line.strip()):
            labels[match["label"]] = _read_properties(match["properties"])
        else:
            raise InputError(f"Line {number} of the schema is neither a label nor a relationship: '{line.strip()}'.")
    return GraphSchema(labels=labels, types=types, relationships=tuple(relationships))


def _read_properties(text: str | None) -> tuple[str, ...]:
    return tuple(part.partition(":")[0].strip() for part in (text or "").split(",") if part.strip())
