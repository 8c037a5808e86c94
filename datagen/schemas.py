"""Samples graph schemas, writes them as text, and fills them with small graphs of nodes and relationships."""

import random
from dataclasses import dataclass
from datetime import date, timedelta

from cypher.graph import Node, PropertyGraph, Relationship
from datagen import invention
from datagen.lexicon import Lexicon, Noun, Property, PropertyType, Relation

_FIRST_DAY, _DAYS = date(2021, 1, 1), 4 * 365
_SPARE_RELATIONS = 5  # when so few of the words are left, a schema goes on with invented ones


@dataclass(frozen=True)
class SchemaProperty:
    """A property as this schema spells it, with the values its graphs draw from."""

    name: str
    source: Property
    values: tuple[bool | int | float | str, ...]

    @property
    def type(self) -> PropertyType:
        """The Cypher type."""
        return self.source.type


@dataclass(frozen=True)
class NodeType:
    """A label, the noun that questions use for it, and its properties; the first one names the node."""

    label: str
    noun: Noun
    properties: tuple[SchemaProperty, ...]


@dataclass(frozen=True)
class RelationType:
    """A relationship type between two node types, given by their positions in the schema."""

    name: str
    source: Relation
    start: int
    end: int
    properties: tuple[SchemaProperty, ...] = ()


@dataclass(frozen=True)
class Schema:
    """Everything a question about one database can mention."""

    id: str
    nodes: tuple[NodeType, ...]
    relations: tuple[RelationType, ...]
    style: int

    @property
    def text(self) -> str:
        """The schema as the user's message carries it, in one of two spellings."""
        lines = []
        for node in self.nodes:
            properties = ", ".join(f"{prop.name}: {prop.type}" for prop in node.properties)
            lines.append(f"{node.label} {{{properties}}}" if self.style == 0 else f"(:{node.label} {{{properties}}})")
        for relation in self.relations:
            start, end = self.nodes[relation.start].label, self.nodes[relation.end].label
            properties = ", ".join(f"{prop.name}: {prop.type}" for prop in relation.properties)
            kind = f"{relation.name} {{{properties}}}" if properties else relation.name
            lines.append(f"(:{start})-[:{kind}]->(:{end})")
        return "\n".join(lines)


def _pascal(words: str) -> str:
    return "".join(word.capitalize() for word in words.split())


def spell_property(words: str, snake: bool) -> str:
    """The words of a property as its name: `unitPrice`, or `unit_price`."""
    first, *rest = words.split()
    return "_".join([first, *rest]) if snake else first + "".join(word.capitalize() for word in rest)


def sample_values(prop: Property, rng: random.Random) -> tuple[bool | int | float | str, ...]:
    """The values that a property has in the graphs of one schema; numbers, names and dates are all different."""
    if prop.type == "BOOLEAN":
        return (True, False)
    if prop.pool:
        return tuple(rng.sample(prop.pool, min(len(prop.pool), rng.randint(3, 4))))
    if prop.dated:
        days = rng.sample(range(_DAYS), 24)
        return tuple((_FIRST_DAY + timedelta(days=day)).isoformat() for day in days)
    if prop.type == "STRING":
        words = [invention.invent_word(rng).capitalize() for _ in range(9)]
        # Some hold another one behind their start, so that CONTAINS is told from STARTS WITH.
        return tuple(dict.fromkeys([*words[:6], *(words[6 + place] + words[place] for place in range(3))]))
    low, high = int(prop.low), int(prop.high)
    if prop.type == "INTEGER":
        return tuple(rng.sample(range(low, high + 1), min(24, high - low + 1)))
    # Half steps: exact in binary, so no engine differs by rounding.
    return tuple(step / 2 for step in rng.sample(range(2 * low, 2 * high + 1), min(24, 2 * (high - low) + 1)))


def _sample_name(words: Lexicon, rng: random.Random, invented_share: float) -> Property:
    """What a node type's nodes are called by: half of the time plainly `name`."""
    if rng.random() < 0.5:
        return Property("name", "STRING")
    return (
        invention.invent_name(rng, held_out=words.held_out)
        if rng.random() < invented_share
        else rng.choice(words.names)
    )


def _head(prop: Property) -> str:
    return prop.words.split()[-1]


def sample_schema(
    words: Lexicon, rng: random.Random, schema_id: str, max_node_types: int, invented_share: float
) -> Schema:
    """A connected schema of 2 to `max_node_types` node types, `invented_share` of whose words are made up.

    That is the mean: the share differs from schema to schema, so that some are nearly all real and some all invented.
    """
    share = min(1.0, 2 * invented_share * rng.random())
    snake = rng.random() < 0.4
    count = rng.randint(2, max_node_types)
    nouns: list[Noun] = []
    while len(nouns) < count:
        noun = invention.invent_noun(rng, held_out=words.held_out) if rng.random() < share else rng.choice(words.nouns)
        if noun not in nouns:
            nouns.append(noun)
    nodes = []
    for noun in nouns:
        chosen: dict[str, Property] = {}  # by the last word: "the cheapest" must not mean two kinds of price
        if rng.random() < 0.9:
            name = _sample_name(words, rng, share)
            chosen[_head(name)] = name
        wanted = rng.randint(2, 4)
        while len(chosen) < wanted:
            prop = (
                invention.invent_property(rng, held_out=words.held_out)
                if rng.random() < share
                else rng.choice(words.properties)
            )
            chosen.setdefault(_head(prop), prop)
        properties = tuple(
            SchemaProperty(spell_property(prop.words, snake), prop, sample_values(prop, rng))
            for prop in chosen.values()
        )
        nodes.append(NodeType(_pascal(noun.singular), noun, properties))
    relations: list[RelationType] = []
    names: set[str] = set()
    wanted = count - 1 + rng.randint(0, 2)
    while len(relations) < wanted:
        relation = (
            invention.invent_relation(rng, held_out=words.held_out)
            if rng.random() < share or len(names) > len(words.relations) - _SPARE_RELATIONS
            else rng.choice(words.relations)
        )
        if relation.name in names:
            continue
        names.add(relation.name)
        # The first relations join every type to an earlier one, so that the schema is connected.
        index = len(relations) + 1
        ends = [index, rng.randrange(index)] if index < count else rng.sample(range(count), 2)
        rng.shuffle(ends)
        relations.append(RelationType(relation.name, relation, ends[0], ends[1]))
    rng.shuffle(relations)
    return Schema(schema_id, tuple(nodes), tuple(relations), style=rng.randrange(2))


def sample_graph(schema: Schema, rng: random.Random) -> PropertyGraph:
    """A graph of 6 to 8 nodes per type, in which some properties are missing and some nodes have no relationship.

    Numbers never repeat within one type, so that an ordering has no ties; categories and flags do.
    """
    nodes: list[Node] = []
    by_type: list[list[int]] = []
    for node_type in schema.nodes:
        count = rng.randint(6, 8)
        columns: list[list[bool | int | float | str]] = []
        for prop in node_type.properties:
            unique = prop.type in ("INTEGER", "FLOAT") or not (prop.source.pool or prop.type == "BOOLEAN")
            columns.append(
                rng.sample(prop.values, count)
                if unique and len(prop.values) >= count
                else rng.choices(prop.values, k=count)
            )
        ids = []
        for row in range(count):
            values = {
                prop.name: column[row]
                for position, (prop, column) in enumerate(zip(node_type.properties, columns, strict=True))
                if position == 0 or rng.random() >= 0.07
            }
            ids.append(len(nodes))
            nodes.append(Node(id=len(nodes), labels=(node_type.label,), properties=values))
        by_type.append(ids)
    relationships: list[Relationship] = []
    for relation in schema.relations:
        starts, ends = by_type[relation.start], by_type[relation.end]
        starts, ends = rng.sample(starts, len(starts) - 2), rng.sample(ends, len(ends) - 2)
        pairs = [(start, end) for start in starts for end in ends]
        if relation.start == relation.end:  # the engine miscounts loops and pairs that are joined both ways
            pairs = [(start, end) for start, end in pairs if start < end]
        kept = rng.sample(pairs, min(len(pairs), rng.randint(7, 11)))
        for start, end in kept:
            values = {prop.name: rng.choice(prop.values) for prop in relation.properties}
            relationships.append(Relationship(type=relation.name, start=start, end=end, properties=values))
    return PropertyGraph(nodes=tuple(nodes), relationships=tuple(relationships))
