"""Schemas are read alike from every notation that suites use, and what is none is refused in one sentence."""

import json

import pytest

from cypher.notations import read_any_schema
from cypher.schema import GraphSchema
from heimdall.errors import InputError

OURS = """
Author {name: STRING, born: INTEGER}
Book {title: STRING}
(:Author)-[:WROTE {year: INTEGER}]->(:Book)
(:Author)-[:KNOWS]->(:Author)
"""
NEO4J = """Node properties:
- **Author**
  - `name`: STRING Example: "(:Book)"
  - `born`: INTEGER Min: 1800, Max: 2000
- **Book**
  - `title`: STRING Available options: ['a: b', 'c']
Relationship properties:
- **WROTE**
  - `year: INTEGER` Min: 1900, Max:  2000
The relationships:
(:Author)-[:WROTE]->(:Book)
(:Author)-[:KNOWS]->(:Author)
"""
OLDER = """Node properties are the following:
Author {name: STRING, born: INTEGER},Book {title: STRING}
Relationship properties are the following:
WROTE {year: INTEGER}
The relationships are the following:
(:Author)-[:WROTE]->(:Book),(:Author)-[:KNOWS]->(:Author)"""
RELEVANT = """Graph schema: Relevant node labels and their properties (with datatypes) are:
Author {name: STRING, born: INTEGER}
Book {title: STRING}

Relevant relationships are:
{'start': Author, 'type': WROTE, 'end': Book }
{'start': Author, 'type': KNOWS, 'end': Author }

Relevant relationship properties (with datatypes) are:
WROTE {year: INTEGER}
"""
STRUCTURED = json.dumps(
    {
        "node_props": {
            "Author": [{"property": "name", "datatype": "STRING"}, {"property": "born", "type": "INTEGER"}],
            "Book": [{"property": "title", "type": "STRING"}],
        },
        "rel_props": {"WROTE": [{"property": "year", "datatype": "INTEGER"}]},
        "relationships": [
            {"start": "Author", "type": "WROTE", "end": "Book"},
            {"start": "Author", "type": "KNOWS", "end": "Author"},
        ],
    }
)
ENTITIES = json.dumps(
    {
        "name": "books",
        "entities": [
            {"label": "Author", "properties": {"name": "STRING", "born": "INTEGER"}},
            {"label": "Book", "properties": {"title": "STRING"}},
        ],
        "relations": [
            {"label": "WROTE", "subj_label": "Author", "obj_label": "Book", "properties": {"year": "INTEGER"}},
            {"label": "KNOWS", "subj_label": "Author", "obj_label": "Author", "properties": {}},
        ],
    }
)


@pytest.mark.parametrize("text", [NEO4J, OLDER, RELEVANT, STRUCTURED, ENTITIES])
def test_one_schema_is_the_same_in_every_notation(text: str) -> None:
    expected, found = read_any_schema(OURS), read_any_schema(text)
    assert (found.labels, found.types) == (expected.labels, expected.types)
    assert set(found.relationships) == set(expected.relationships)


def test_where_classes_and_properties_are_not_joined_every_class_may_have_all() -> None:
    text = {
        "classes": {"Author": {}, "Book": {}},
        "properties": {"name": {"type": "STRING"}},
        "relations": {"WROTE": {"domain": "Author", "range": "Book"}},
    }
    schema = read_any_schema(json.dumps(text))
    assert schema.labels == {"Author": {"name": "STRING"}, "Book": {"name": "STRING"}}
    assert [(join.start, join.type, join.end) for join in schema.relationships] == [("Author", "WROTE", "Book")]


def test_a_label_that_only_a_relationship_names_is_known() -> None:
    schema = read_any_schema("Node properties:\n- **A**\n  - `x`: STRING\nThe relationships:\n(:A)-[:R]->(:B)")
    assert schema.labels == {"A": {"x": "STRING"}, "B": {}}
    assert isinstance(schema, GraphSchema)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CREATE TABLE person (id int)", "no notation"),
        ("", "no notation"),
        ("{", "begins like JSON"),
        ('{"tables": []}', "neither 'entities'"),
        ('{"entities": [{"properties": {}}], "relations": []}', "'label' is missing"),
        ('{"classes": {"A": {}}, "relations": {"R": {"domain": ["A"], "range": "A"}}}', "another type"),
    ],
)
def test_a_text_that_is_no_schema_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as raised:
        read_any_schema(text)
    assert "\n" not in str(raised.value)
