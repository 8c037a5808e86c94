"""Suites of other projects: each is recognised by what is in it, and what is broken is named."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from eval_samples import Scripted, ScriptedBatch

from cypher.graph import GRAPHS, read_graphs
from cypher.judge import Judge
from cypher.run import Limits
from eval.evaluate import ask_questions
from eval.foreign import find_schema_files
from eval.judging import Bench
from eval.metrics import Example
from eval.questions import plan_suite
from eval.seeded import seed_suite
from eval.suite import read_suite
from heimdall.answers import format_action
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from heimdall.progress import silent
from nornicdb.contract import load_reference_contract

CONTRACT = load_reference_contract()
GOLD = "MATCH (a:Author)-[:WROTE]->(b:Book) WHERE b.year > 1990 RETURN a.name ORDER BY a.name"
NEO4J = """Node properties:
- **Author**
  - `name`: STRING Example: "Ada"
- **Book**
  - `title`: STRING
  - `year`: INTEGER Min: 1, Max: 9
Relationship properties:
The relationships:
(:Author)-[:WROTE]->(:Book)"""
STRUCTURED = {
    "node_props": {
        "Author": [{"property": "name", "datatype": "STRING"}],
        "Book": [{"property": "year", "datatype": "INTEGER"}],
    },
    "rel_props": {},
    "relationships": [{"start": "Author", "type": "WROTE", "end": "Book"}],
}


def write_table(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def write_cypherbench(directory: Path) -> Path:
    schema = {
        "name": "books",
        "entities": [
            {"label": "Author", "description": "who writes", "properties": {}},
            {"label": "Book", "description": "what is written", "properties": {"year": "int"}},
        ],
        "relations": [{"label": "WROTE", "subj_label": "Author", "obj_label": "Book", "properties": {}}],
    }
    (directory / "graphs/schemas").mkdir(parents=True)
    (directory / "graphs/schemas/books_schema.json").write_text(json.dumps(schema))
    record = {
        "qid": "q-1",
        "graph": "books",
        "gold_cypher": GOLD,
        "nl_question": "Who wrote after 1990?",
        "answer_json": "[]",
        "from_template": {"match_category": "m", "match_cypher": "", "return_pattern_id": "r", "return_cypher": ""},
    }
    (directory / "test.json").write_text(json.dumps([record, record | {"qid": "q-2"}], indent=1))
    return directory / "test.json"


def write_text2cypher(directory: Path) -> Path:
    write_table(
        directory / "text2cypher_schemas.csv",
        [{"database": "books", "schema": NEO4J, "structured_schema": "{}"}],
    )
    record = {
        "question": "Who wrote\nafter 1990?",
        "cypher": GOLD,
        "type": "t",
        "database": "books",
        "syntax_error": "False",
        "timeout": "False",
        "returns_results": "True",
        "false_schema": "",
    }
    return write_table(directory / "gpt.csv", [record, record | {"syntax_error": "True"}])


def write_2024(directory: Path) -> Path:
    record = {
        "question": "Who?",
        "schema": NEO4J,
        "cypher": GOLD,
        "data_source": "d",
        "instance_id": "instance_id_7",
        "database_reference_alias": "",
    }
    return write_table(directory / "2024.csv", [record, record | {"instance_id": "instance_id_8", "cypher": "MATCH ("}])


def write_2024_lines(directory: Path) -> Path:
    record = {"question": "Who?", "schema": NEO4J, "cypher": GOLD, "instance_id": "i1", "data_source": "a\u2028b"}
    path = directory / "2024.jsonl"
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n\n" + json.dumps(record | {"instance_id": "i2"}) + "\n")
    return path


def write_zograscope(directory: Path) -> Path:
    (directory / "schema").mkdir()
    (directory / "data").mkdir()
    schema = {
        "classes": {"Author": {}, "Book": {}},
        "properties": {"name": {"type": "STRING"}, "year": {"type": "INTEGER"}},
        "relations": {"WROTE": {"domain": "Author", "range": "Book"}},
    }
    (directory / "schema/graph_schema.json").write_text(json.dumps(schema))
    record = {"id": "31", "nl": "Who?", "mr": GOLD, "nl_gold_linked": "x", "num_nodes": "2"}
    return write_table(directory / "data/zograscope_test.csv", [record, record | {"id": "32"}])


def write_mind_the_query(directory: Path) -> Path:
    place = directory / "Automated_Validated_Datasets/books"
    place.mkdir(parents=True)
    lines = [json.dumps({"other": STRUCTURED}), json.dumps({"books": STRUCTURED})]
    (directory / "db_schema.jsonl").write_text("\n".join(lines))
    record = {"NL Question": "Who?", "Cypher": GOLD, "source_dataset": "books", "unique_id": "u1"}
    (place / "all.json").write_text(json.dumps([record, record | {"unique_id": "u2", "logical [0/1]": "0"}]))
    return place / "all.json"


@pytest.mark.parametrize(
    ("write", "ids", "faults"),
    [
        (write_cypherbench, ["q-1", "q-2"], [None, None]),
        (write_text2cypher, ["record-1", "record-2"], [None, "marks its own"]),
        (write_2024, ["instance_id_7", "instance_id_8"], [None, "does not parse"]),
        (write_2024_lines, ["i1", "i2"], [None, None]),
        (write_zograscope, ["31", "32"], [None, None]),
        (write_mind_the_query, ["u1", "u2"], [None, "marks its own"]),
    ],
)
def test_each_format_is_recognised_with_its_schemas(
    write: Any, ids: list[str], faults: list[Any], tmp_path: Path
) -> None:
    path = write(tmp_path)
    rows = read_suite(path, CONTRACT)
    assert [row.id for row in rows] == ids
    for row, fault in zip(rows, faults, strict=True):
        assert (row.fault is None) if fault is None else (fault in (row.fault or ""))
        assert row.family == "cypher_schema"
        assert row.graph_schema is not None
        assert set(row.graph_schema.labels) == {"Author", "Book"}
        assert row.question.endswith("?")
        assert "Author" in row.question
    assert (rows[0].accepted[0].cypher, rows[0].accepted[0].ordered) == (GOLD, True)
    assert bool(find_schema_files(path)) is (write not in (write_2024, write_2024_lines))


def test_cypherbench_entities_get_the_name_that_its_schemas_leave_out(tmp_path: Path) -> None:
    (row, _) = read_suite(write_cypherbench(tmp_path), CONTRACT)
    assert row.graph_schema is not None
    assert row.graph_schema.labels == {"Author": {"name": "str"}, "Book": {"name": "str", "year": "int"}}
    assert "who writes" not in row.question


def test_a_suite_without_its_schemas_is_asked_without_them(tmp_path: Path) -> None:
    path = write_cypherbench(tmp_path)
    (tmp_path / "graphs/schemas/books_schema.json").unlink()
    rows = read_suite(path, CONTRACT)
    assert {(row.family, row.question) for row in rows} == {("cypher_plain", "Who wrote after 1990?")}
    summary = seed_suite(rows, 1, 1, tmp_path, silent)
    assert (summary.questions, summary.seeded) == (0, 0)
    assert any("without a schema" in note for note in summary.notes)


def test_ids_that_come_twice_give_way_to_the_records_numbers(tmp_path: Path) -> None:
    records = [{"NL Question": "Who?", "Cypher": GOLD, "unique_id": name} for name in ("a", "b", "a")]
    (tmp_path / "s.json").write_text(json.dumps(records))
    assert [row.id for row in read_suite(tmp_path / "s.json", CONTRACT)] == ["record-1", "b", "record-3"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("s.json", "[{]", "s.json:1: not JSON"),
        ("s.json", "[]", "holds no question"),
        ("s.json", "[3]", "record 1 is no object"),
        ("s.json", '[{"nl_question": "a", "gold_cypher": "RETURN 1"}, {"gold_cypher": "RETURN 1"}]', "record 2: 'nl_"),
        ("s.json", '[{"nl_question": 5, "gold_cypher": "RETURN 1"}]', "record 1: 'nl_question' must be a text"),
        ("s.json", '[{"nl": "a", "sql": "SELECT"}]', "CypherBench (JSON), text2cypher (CSV)"),
        ("s.csv", "question,sql\na,b\n", "its records have 'question', 'sql'"),
        ("s.csv", "question,cypher\na\n", "line 2 has not as many fields"),
        ("s.csv", 'question,cypher\na,"RETURN 1\n', "unexpected end of data"),
        ("s.csv", "question,cypher\n,RETURN 1\n", "line 2: 'question' is empty"),
        ("s.csv", "question,cypher\n", "holds no question"),
        ("s.jsonl", '{"question": "a", "cypher": "RETURN 1", "instance_id": "i"}\n{"x": 1\n', "s.jsonl:2: not JSON"),
        ("s.txt", "\x00\x01", "is known here|holds no question"),
    ],
)
def test_a_broken_file_is_named_in_one_sentence(name: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as raised:
        read_suite(tmp_path / name, CONTRACT)
    message = str(raised.value)
    assert any(part in message for part in says.split("|"))
    assert name in message
    assert "\n" not in message


def test_a_broken_schema_file_is_named(tmp_path: Path) -> None:
    path = write_mind_the_query(tmp_path)
    (tmp_path / "db_schema.jsonl").write_text('{"books": {}}\n{"books"')
    with pytest.raises(InputError, match=r"db_schema\.jsonl:2: not JSON"):
        read_suite(path, CONTRACT)


def ask(path: Path, replies: Sequence[str], judge: Judge, out_dir: Path, **changes: Any) -> tuple[list[Example], Any]:
    """The examples in the order of the suite, on graphs made for it."""
    rows = read_suite(path, CONTRACT)
    summary = seed_suite(rows, 1, 1, out_dir, silent)
    config = EvalConfig(timed_rows=0, **changes)
    questions = plan_suite(path, CONTRACT, config, "minimal", read_graphs(out_dir / GRAPHS))
    said = {
        row.question: format_action(CONTRACT.query_action, {"cypher": reply})
        for row, reply in zip(rows, replies, strict=True)
    }
    model = Scripted(said)
    bench = Bench(CONTRACT, judge, Limits(time_ms=20_000))
    examples = {e.id: e for e in ask_questions(questions, config, bench, model, ScriptedBatch(model), None)}
    return [examples[row.id] for row in rows], summary


def test_a_suite_without_graphs_is_judged_by_running_and_its_own_faults_are_not_the_models(
    judge: Judge, tmp_path: Path
) -> None:
    told = [
        (GOLD, "MATCH (b:Book)<-[:WROTE]-(x:Author) WHERE NOT b.year <= 1990 RETURN x.name ORDER BY x.name", "right"),
        (GOLD, GOLD.replace(">", ">="), "wrong"),
        (GOLD, GOLD.replace("ORDER BY a.name", "ORDER BY a.name DESC"), "wrong"),
        ("MATCH (a:Author RETURN a", GOLD, "not_judged"),
        ("MATCH (a:Author RETURN a", "MATCH (a:Author RETURN a", "not_judged"),
        ("", "RETURN 1", "not_judged"),
        ("CALL db.labels() YIELD label RETURN label", "MATCH (a) RETURN a", "not_judged"),
    ]
    records = [
        {"question": f"Question {number}?", "schema": NEO4J, "cypher": gold, "instance_id": str(number)}
        for number, (gold, _, _) in enumerate(told)
    ]
    examples, summary = ask(write_table(tmp_path / "s.csv", records), [r for _, r, _ in told], judge, tmp_path)
    assert [example.judgement for example in examples] == [judgement for *_, judgement in told]
    assert (summary.questions, summary.seeded) == (4, 3)
    assert summary.killed > 0.75 * summary.mutants
    assert any("3 of 7 expected queries are wrong themselves" in note for note in summary.notes)
    assert any("1 judged by form alone" in note and "6" in note for note in summary.notes)


def test_a_question_that_does_not_fit_into_the_context_is_left_out_and_the_rest_is_asked(
    judge: Judge, tmp_path: Path
) -> None:
    records = [
        {"question": "Short?", "schema": NEO4J, "cypher": GOLD, "instance_id": "1"},
        {"question": "Long?" + " x" * 20_000, "schema": NEO4J, "cypher": GOLD, "instance_id": "2"},
    ]
    path = write_table(tmp_path / "s.csv", records)
    examples, _ = ask(path, [GOLD, GOLD], judge, tmp_path, context_size=20_000)
    assert [example.judgement for example in examples] == ["right", "not_judged"]
    assert "leaves no room" in examples[1].reason
