"""Reads a graph's schema in the notations that are in use: ours, Neo4j's texts, and the JSON files of benchmarks."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from cypher.schema import GraphSchema, RelationshipType, read_properties, read_schema
from heimdall.errors import InputError

_Section = Literal["labels", "types", "joins"]
# `(:A)-[:R]->(:B)`, and `{'start': A, 'type': R, 'end': B}` as some texts have it
_ARROW = re.compile(r"\(:?`?(\w+)`?[^()]*\)-\[:`?(\w+)`?\s*(?:\{([^{}]*)\})?\]->\(:?`?(\w+)`?[^()]*\)")
_START_END = re.compile(
    r"\{\s*'?\"?start'?\"?:\s*['\"]?(\w+)['\"]?,\s*'?\"?type'?\"?:\s*['\"]?(\w+)['\"]?,\s*'?\"?end'?\"?:\s*['\"]?(\w+)"
)
_OWNER = re.compile(r"-?\s*\*\*(\w+)\*\*:?")
_LISTED = re.compile(r"-?\s*`(\w+)(?:`\s*:\s*(\w+)|:\s*(\w+)`)")  # - `name`: TYPE …  and  - `name: TYPE` …
_BRACED = re.compile(r"(\w+)\s*\{([^{}]*)\}")
_PLAIN = re.compile(r"\w+")


def read_any_schema(text: str) -> GraphSchema:
    """Reads a schema in any notation known here. Raises `InputError` where nothing in the text is one."""
    try:
        schema = read_schema(text)
    except InputError:
        schema = _read_json(text) if text.lstrip().startswith("{") else _read_sections(text)
    if not schema.labels:
        raise InputError("The schema is in no notation that is known here: no label is found in it.")
    return schema


def _read_json(text: str) -> GraphSchema:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"The schema begins like JSON and is none: {error}.") from error
    for keys, read in (
        (("entities", "relations"), _read_entities),
        (("node_props", "relationships"), _read_structured),
        (("classes", "relations"), _read_classes),
    ):
        if all(key in value for key in keys):
            try:
                return read(value)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else "a value of another type"
                raise InputError(f"The schema's JSON is not what one with '{keys[0]}' should be: {reason}.") from error
    raise InputError("The schema's JSON has neither 'entities', 'node_props' nor 'classes'.")


def _read_entities(value: Mapping[str, Any]) -> GraphSchema:
    """CypherBench: `entities` and `relations`, whose ends are `subj_label` and `obj_label`."""
    labels = {entity["label"]: dict(entity["properties"]) for entity in value["entities"]}
    relations = value["relations"]
    joins = [(each["subj_label"], each["label"], each["obj_label"]) for each in relations]
    return _assemble(labels, ((each["label"], each.get("properties") or {}) for each in relations), joins)


def _read_structured(value: Mapping[str, Any]) -> GraphSchema:
    """Neo4j's structured schema, also that of Mind-the-Query: lists of `property` with `type` or `datatype`."""

    def read(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
        return {each["property"]: each.get("type") or each.get("datatype") or "" for each in listed}

    labels = {label: read(listed) for label, listed in value["node_props"].items()}
    types = ((name, read(listed)) for name, listed in (value.get("rel_props") or {}).items())
    return _assemble(labels, types, [(each["start"], each["type"], each["end"]) for each in value["relationships"]])


def _read_classes(value: Mapping[str, Any]) -> GraphSchema:
    """ZOGRASCOPE: it names classes and properties without saying which has which, so every class may have all."""
    kinds = {name: str(about.get("type") or "") for name, about in (value.get("properties") or {}).items()}
    joins = [(about["domain"], name, about["range"]) for name, about in value["relations"].items()]
    return _assemble({label: dict(kinds) for label in value["classes"]}, (), joins)


def _read_sections(text: str) -> GraphSchema:
    """Neo4j's texts: node properties, relationship properties and relationships, each behind a heading."""
    labels: dict[str, dict[str, str]] = {}
    types: dict[str, dict[str, str]] = {}
    joins: list[tuple[str, str, str]] = []
    section: _Section | None = None
    owner: dict[str, str] | None = None
    for line in text.splitlines():
        found = [*_ARROW.finditer(line)]
        joins += [(match[1], match[2], match[4]) for match in found]
        for match in found:
            types.setdefault(match[2], {}).update(read_properties(match[3]))
        told = [(match[1], match[2], match[3]) for match in _START_END.finditer(line)]
        joins += told
        heading = _find_heading(line)
        if heading is not None:
            section, owner = heading, None
        if found or told or section not in ("labels", "types"):
            continue
        owners = labels if section == "labels" else types
        rest = line if heading is None else line.rpartition(":")[2]
        if named := _OWNER.search(rest):
            owner = owners.setdefault(named[1], {})
        listed = [*_LISTED.finditer(rest)]
        if owner is not None and listed:
            # Only the first: what follows on the line may be an example of a value.
            owner[listed[0][1]] = listed[0][2] or listed[0][3]
        elif braced := [*_BRACED.finditer(rest)]:
            for match in braced:
                owners.setdefault(match[1], {}).update(read_properties(match[2]))
        elif heading is None and _PLAIN.fullmatch(rest.strip()):
            owners.setdefault(rest.strip(), {})
    return _assemble(labels, types.items(), joins)


def _find_heading(line: str) -> _Section | None:
    words = line.strip().lower()
    if line.startswith((" ", "\t", "-", "(", "{")) or ":" not in words:
        return None
    if "relationship propert" in words:
        return "types"
    if "node propert" in words or "node label" in words:
        return "labels"
    return "joins" if "relationships" in words else None


def _assemble(
    labels: Mapping[str, Mapping[str, str]],
    types: Iterable[tuple[str, Mapping[str, str]]],
    joins: Iterable[tuple[str, str, str]],
) -> GraphSchema:
    """A schema in which every type and label that a relationship names is there, with or without properties."""
    known = {label: dict(properties) for label, properties in labels.items()}
    merged: dict[str, dict[str, str]] = {}
    for name, properties in types:
        merged.setdefault(name, {}).update(properties)
    unique = list(dict.fromkeys(joins))
    for start, name, end in unique:
        merged.setdefault(name, {})
        known.setdefault(start, {})
        known.setdefault(end, {})
    relationships = tuple(RelationshipType(start=start, type=name, end=end) for start, name, end in unique)
    return GraphSchema(labels=known, types=merged, relationships=relationships)
