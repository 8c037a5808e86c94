"""Makes a schema harder to read: dates, properties of relationships, relations within a type and back between the same
types, and identifiers as the databases of this world have them (`T_ORD_HDR`, `crtn_dt`, `HAS_KRU_12`)."""

import random
from dataclasses import replace

from cypher.syntax.tokens import RESERVED
from datagen import invention
from datagen.lexicon import Lexicon, Relation
from datagen.schemas import NodeType, RelationType, Schema, SchemaProperty, sample_values, spell_property

_VOWELS = "aeiou"
_STYLES = ("plain", "plain", "plain", "camel", "pascal", "snake", "upper", "abbreviated")


def vary_schema(schema: Schema, words: Lexicon, rng: random.Random) -> Schema:
    """The schema with more in it and, half of the time, with its identifiers in another style."""
    snake = rng.random() < 0.4
    nodes = [_add_date(node, words, rng, snake) if rng.random() < 0.45 else node for node in schema.nodes]
    relations = list(schema.relations)
    if rng.random() < 0.4:
        place = rng.randrange(len(nodes))
        relations.append(_add_relation(relations, words, rng, place, place))
    if rng.random() < 0.4:
        back = rng.choice(schema.relations)
        relations.append(_add_relation(relations, words, rng, back.end, back.start))
    relations = [
        _add_property(relation, words, rng, snake) if rng.random() < 0.3 else relation for relation in relations
    ]
    return _respell(replace(schema, nodes=tuple(nodes), relations=tuple(relations)), words, rng)


def _add_date(node: NodeType, words: Lexicon, rng: random.Random, snake: bool) -> NodeType:
    date = rng.choice(words.dates)
    prop = SchemaProperty(spell_property(date.words, snake), date, sample_values(date, rng))
    return replace(node, properties=(*node.properties, prop))


def _add_relation(
    relations: list[RelationType], words: Lexicon, rng: random.Random, start: int, end: int
) -> RelationType:
    taken = {relation.name for relation in relations}
    while True:
        found = (
            rng.choice(words.relations)
            if rng.random() < 0.5
            else invention.invent_relation(rng, held_out=words.held_out)
        )
        if found.name not in taken:
            return RelationType(found.name, found, start, end)


def _add_property(relation: RelationType, words: Lexicon, rng: random.Random, snake: bool) -> RelationType:
    prop = rng.choice(words.dates) if rng.random() < 0.25 else rng.choice(words.properties)
    return replace(
        relation, properties=(SchemaProperty(spell_property(prop.words, snake), prop, sample_values(prop, rng)),)
    )


def _respell(schema: Schema, words: Lexicon, rng: random.Random) -> Schema:
    """Labels, properties and types in a style of each, where that keeps them different and free of reserved words."""
    label_style, property_style, type_style = (rng.choice(_STYLES) for _ in range(3))
    labels: set[str] = set()
    nodes = []
    for node in schema.nodes:
        label = _spell(node.label, node.noun.singular, label_style, "T_", labels)
        names: set[str] = set()
        properties = tuple(
            replace(prop, name=_spell(prop.name, prop.source.words, property_style, "", names))
            for prop in node.properties
        )
        nodes.append(replace(node, label=label, properties=properties))
    types: set[str] = set()
    relations = []
    for relation in schema.relations:
        if type_style == "abbreviated":
            coded = _code_relation(words, rng)
            relation = replace(relation, name=coded.name, source=coded)
        elif type_style in ("camel", "snake"):
            phrase = relation.name.lower().replace("_", " ")
            relation = replace(relation, name=_spell(relation.name, phrase, type_style, "", types))
        types.add(relation.name.lower())
        relations.append(relation)
    return replace(schema, nodes=tuple(nodes), relations=tuple(relations))


def _spell(name: str, words: str, style: str, prefix: str, taken: set[str]) -> str:
    parts = words.lower().split()
    spelt = {
        "plain": name,
        "camel": parts[0] + "".join(part.capitalize() for part in parts[1:]),
        "pascal": "".join(part.capitalize() for part in parts),
        "snake": "_".join(parts),
        "upper": "_".join(parts).upper(),
        "abbreviated": (prefix + "_".join(map(_abbreviate, parts))).upper()
        if prefix
        else "_".join(map(_abbreviate, parts)),
    }[style]
    if spelt.lower() in taken or (style != "plain" and spelt.upper() in RESERVED):
        spelt = name
    taken.add(spelt.lower())
    return spelt


def _abbreviate(word: str) -> str:
    """The first letter and the next consonants: `order` is `ordr`, `customer` is `cstm`."""
    return (word[0] + "".join(letter for letter in word[1:] if letter not in _VOWELS))[:4]


def _code_relation(words: Lexicon, rng: random.Random) -> Relation:
    name = f"HAS_{invention.invent_word(rng, 3, 4, held_out=words.held_out)}_{rng.randint(1, 99)}".upper()
    return invention.make_coded_relation(name)
