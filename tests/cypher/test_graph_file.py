"""The file of schemas and their graphs is read back as it was written, and a broken line is named."""

import pytest
from small_graphs import PEOPLE

from cypher.graph import SchemaGraphs, read_graphs
from heimdall.errors import InputError
from heimdall.records import write_records

SCHEMAS = [
    SchemaGraphs(schema_id=name, schema_text="(:Person {name: STRING})", graphs=(PEOPLE, PEOPLE)) for name in "ab"
]


def test_what_was_written_is_read_back(tmp_path):
    assert write_records(tmp_path / "graphs.jsonl", SCHEMAS) == 2
    assert read_graphs(tmp_path / "graphs.jsonl") == {"a": SCHEMAS[0], "b": SCHEMAS[1]}


def test_values_keep_their_types(tmp_path):
    write_records(tmp_path / "graphs.jsonl", SCHEMAS)
    bob = read_graphs(tmp_path / "graphs.jsonl")["a"].graphs[0].nodes[1].properties
    assert {key: type(value) for key, value in bob.items()} == {"name": str, "age": int, "score": float, "active": bool}


@pytest.mark.parametrize("line", ["{", "{}", '{"schema_id": "c", "schema_text": "", "graphs": 1}'])
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "graphs.jsonl"
    path.write_text(SCHEMAS[0].model_dump_json() + "\n" + line + "\n")
    with pytest.raises(InputError, match=r"graphs\.jsonl:2: "):
        read_graphs(path)


def test_a_schema_that_comes_twice_is_an_error(tmp_path):
    write_records(tmp_path / "graphs.jsonl", [SCHEMAS[0], SCHEMAS[0]])
    with pytest.raises(InputError, match=r"graphs\.jsonl:2: the schema 'a' is there twice"):
        read_graphs(tmp_path / "graphs.jsonl")
