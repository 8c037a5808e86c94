"""Writes a schema for a question in one of several notations. What is stored with the graphs, and read for repairs
(`cypher.schema`), is always that of lines."""

import json

from datagen.schemas import Schema, SchemaProperty
from heimdall.config import Notation


def write_schema(schema: Schema, notation: Notation) -> str:
    """The schema as text without empty lines."""
    return _WRITERS[notation](schema)


def _list(properties: tuple[SchemaProperty, ...]) -> str:
    return ", ".join(f"{prop.name}: {prop.type}" for prop in properties)


def _write_lines(schema: Schema) -> str:
    return schema.text


def _write_arrows(schema: Schema) -> str:
    lines = [f"{node.label}({', '.join(prop.name for prop in node.properties)})" for node in schema.nodes]
    for relation in schema.relations:
        held = f"({', '.join(prop.name for prop in relation.properties)})" if relation.properties else ""
        lines.append(
            f"{schema.nodes[relation.start].label} --{relation.name}{held}--> {schema.nodes[relation.end].label}"
        )
    return "\n".join(lines)


def _write_neo4j(schema: Schema) -> str:
    """As the Neo4j integrations of agent frameworks show a schema."""
    lines = ["Node properties:", *(f"{node.label} {{{_list(node.properties)}}}" for node in schema.nodes)]
    lines += ["Relationship properties:"]
    lines += [
        f"{relation.name} {{{_list(relation.properties)}}}" for relation in schema.relations if relation.properties
    ]
    lines += ["The relationships:"]
    for relation in schema.relations:
        start, end = schema.nodes[relation.start].label, schema.nodes[relation.end].label
        lines.append(f"(:{start})-[:{relation.name}]->(:{end})")
    return "\n".join(lines)


def _write_json(schema: Schema) -> str:
    nodes = {node.label: {prop.name: prop.type for prop in node.properties} for node in schema.nodes}
    relationships = [
        {
            "type": relation.name,
            "from": schema.nodes[relation.start].label,
            "to": schema.nodes[relation.end].label,
            **({"properties": {prop.name: prop.type for prop in relation.properties}} if relation.properties else {}),
        }
        for relation in schema.relations
    ]
    return json.dumps({"nodes": nodes, "relationships": relationships}, ensure_ascii=False)


def _write_compact(schema: Schema) -> str:
    """Types by their first letters, all on two lines."""
    kinds = {"STRING": "s", "INTEGER": "i", "FLOAT": "f", "BOOLEAN": "b"}

    def write(name: str, properties: tuple[SchemaProperty, ...]) -> str:
        held = ",".join(f"{prop.name}:{kinds[prop.type]}" for prop in properties)
        return f"{name}[{held}]" if held else name

    nodes = ";".join(write(node.label, node.properties) for node in schema.nodes)
    relations = ";".join(
        f"{schema.nodes[each.start].label}>{write(each.name, each.properties)}>{schema.nodes[each.end].label}"
        for each in schema.relations
    )
    return f"{nodes}\n{relations}"


_WRITERS = {
    "lines": _write_lines,
    "arrows": _write_arrows,
    "neo4j": _write_neo4j,
    "json": _write_json,
    "compact": _write_compact,
}
