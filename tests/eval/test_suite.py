"""A user's own questions: what a line may be, what is said of a broken one, and that they are judged as all others."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from eval_samples import Scripted, ScriptedBatch

from cypher.judge import Judge
from cypher.run import Limits
from eval.evaluate import ask_questions
from eval.judging import Bench
from eval.metrics import Example, find_score, score_examples
from eval.questions import plan_suite
from eval.render import render_suite
from eval.suite import read_suite
from heimdall.answers import format_action
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from nornicdb.contract import load_reference_contract

QUERY = "heimdall.watcher.query"
GOLD = "MATCH (p:Person) WHERE p.age > 30 RETURN p.name"
OTHER_FORM = "MATCH (p:Person) WHERE NOT p.age <= 30 RETURN p.name"
GRAPH = {
    "nodes": [
        {"id": 0, "labels": ["Person"], "properties": {"name": "Ann", "age": 31}},
        {"id": 1, "labels": ["Person"], "properties": {"name": "Bob", "age": 30}},
    ],
    "relationships": [{"type": "KNOWS", "start": 0, "end": 1}],
}
ACTIONS = [
    {"action": "heimdall.watcher.events", "params": {"limit": 5}},
    {"action": "heimdall.watcher.events", "params": {"limit": 10}},
    {"action": "heimdall.watcher.metrics"},
]
CONTRACT = load_reference_contract()


def write_suite(path: Path, *lines: dict[str, Any]) -> Path:
    numbered = [{"question": f"Question {number}?", **line} for number, line in enumerate(lines, start=1)]
    path.write_text("".join(json.dumps(line) + "\n" for line in numbered), encoding="utf-8")
    return path


def ask(path: Path, replies: Sequence[str], judge: Judge) -> tuple[list[Example], Scripted]:
    """The examples in the order of the lines."""
    said = {f"Question {number}?": reply for number, reply in enumerate(replies, start=1)}
    model, config = Scripted(said), EvalConfig(timed_rows=0)
    questions = plan_suite(path, CONTRACT, config, "minimal")
    bench = Bench(CONTRACT, judge, Limits(time_ms=config.time_limit_ms, rows=config.row_limit))
    examples = ask_questions(questions, config, bench, model, ScriptedBatch(model), None)
    return sorted(examples, key=lambda example: int(example.id.removeprefix("line-"))), model


def query_reply(cypher: str) -> str:
    return format_action(QUERY, {"cypher": cypher})


def test_a_query_is_run_where_there_are_graphs_and_otherwise_never_wrong_for_its_form(
    judge: Judge, tmp_path: Path
) -> None:
    graphs = {"cypher": GOLD, "graphs": [GRAPH]}
    plain = {"cypher": GOLD}
    told = [
        (graphs, GOLD, "right"),
        (graphs, OTHER_FORM, "right"),
        (graphs, "MATCH (p:Person) RETURN p.name", "wrong"),
        (plain, GOLD.replace("Person", "person"), "not_judged"),
        (plain, "MATCH (x:Person) WHERE 30 < x.age RETURN x.name", "right"),
        (plain, OTHER_FORM, "not_judged"),
        (plain, "MATCH (p:Person) RETURN p.name", "not_judged"),
        (plain, "SELECT name", "wrong"),
    ]
    suite = write_suite(tmp_path / "s.jsonl", *(line for line, _, _ in told))
    examples, _ = ask(suite, [query_reply(cypher) for _, cypher, _ in told], judge)
    assert [example.judgement for example in examples] == [judgement for _, _, judgement in told]
    slices = score_examples(examples)
    assert find_score(slices, "cypher_plain/suite/execution_accuracy").n == 5
    assert find_score(slices, "cypher_plain/suite/judged").value == 5 / 8
    assert any(line.startswith("  3 of 8 not judged") for line in render_suite(slices))


def test_the_order_of_rows_counts_only_where_the_line_says_so(judge: Judge, tmp_path: Path) -> None:
    gold = "MATCH (p:Person) RETURN p.name ORDER BY p.age"
    lines = [{"cypher": gold, "graphs": [GRAPH], "ordered": ordered} for ordered in (False, True)]
    examples, _ = ask(write_suite(tmp_path / "s.jsonl", *lines), [query_reply(gold + " DESC")] * 2, judge)
    assert [example.judgement for example in examples] == ["right", "wrong"]


def test_any_accepted_action_is_right_and_no_mixture_of_them(judge: Judge, tmp_path: Path) -> None:
    told = [
        ("heimdall.watcher.events", {"limit": 5}, "right", True),
        ("heimdall.watcher.events", {"limit": 10}, "right", True),
        ("heimdall.watcher.metrics", {}, "right", True),
        ("heimdall.watcher.metrics", {"limit": 5}, "wrong", True),
        ("heimdall.watcher.events", {"limit": 6}, "wrong", True),
        ("heimdall.help", {}, "wrong", False),
    ]
    suite = write_suite(tmp_path / "s.jsonl", *[{"actions": ACTIONS}] * len(told))
    examples, _ = ask(suite, [format_action(action, params) for action, params, _, _ in told], judge)
    assert [example.judgement for example in examples] == [judgement for _, _, judgement, _ in told]
    assert find_score(score_examples(examples), "action/suite/action_accuracy").value == 5 / 6
    for example, (*_, named) in zip(examples, told, strict=True):
        assert (example.action in (example.expected_action, *example.other_actions)) is named
    table = render_suite(score_examples(examples))
    assert not any("not judged" in line or "parses" in line for line in table)


def test_the_schema_stands_before_the_question_in_whatever_notation(judge: Judge, tmp_path: Path) -> None:
    schemas = ["Person {name: STRING, age: INTEGER}", "CREATE TABLE person"]
    suite = write_suite(
        tmp_path / "s.jsonl", *({"schema": text, "cypher": GOLD, "graphs": [GRAPH]} for text in schemas)
    )
    slip = query_reply(GOLD.replace("Person", "person"))
    examples, model = ask(suite, [slip, slip], judge)
    assert sorted(model.asked) == sorted(f"{text}\n\nQuestion {n}?" for n, text in enumerate(schemas, start=1))
    assert {example.family for example in examples} == {"cypher_schema"}
    assert [example.repaired for example in examples] == ["right", "wrong"]  # repair needs a schema it can read


def test_every_question_is_asked_however_many_rows_a_slice_may_have(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s.jsonl", *[{"cypher": GOLD}] * 30)
    questions = plan_suite(suite, CONTRACT, EvalConfig(rows_per_slice=2), "minimal")
    assert len({question.row.id for question in questions}) == 30
    assert [question.order for question in questions] == sorted(question.order for question in questions)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({}, "either 'cypher' or 'actions'"),
        ({"cypher": GOLD, "actions": ACTIONS}, "not both"),
        ({"question": "", "cypher": GOLD}, "question: "),
        ({"cypher": "MATCH (n RETURN n"}, "cypher: "),
        ({"cypher": GOLD, "answer": 1}, "answer: "),
        ({"cypher": GOLD, "schema": 5}, "schema: "),
        ({"actions": ACTIONS, "ordered": True}, "belong to 'cypher'"),
        ({"actions": [{"action": "heimdall.hepl"}]}, "Did you mean 'heimdall.help'?"),
        ({"actions": [{"action": QUERY, "params": {"cypher": GOLD}}]}, "as 'cypher'"),
        ({"actions": [{"action": "heimdall.help", "params": []}]}, "actions.0.params: "),
        ({"cypher": GOLD, "graphs": [{"nodes": []}]}, "graphs.0.relationships: "),
        ({"cypher": GOLD, "graphs": [GRAPH, {**GRAPH, "nodes": GRAPH["nodes"] * 2}]}, "graphs.1: two nodes"),
        ({"cypher": GOLD, "graphs": [{**GRAPH, "nodes": GRAPH["nodes"][:1]}]}, "is no node"),
        ({"cypher": GOLD, "graphs": [{**GRAPH, "relationships": GRAPH["relationships"] * 2}]}, "a second KNOWS"),
    ],
)
def test_a_broken_line_is_named_in_one_sentence(line: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = write_suite(tmp_path / "mine.jsonl", {"cypher": GOLD}, line)
    with pytest.raises(InputError) as raised:
        read_suite(path, CONTRACT)
    message = str(raised.value)
    assert message.startswith(f"{path}:2: ")
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "holds no question"), ("{", ":1: the line"), ("\n[]\n", "holds no question"), ("\n{\n[]\n", ":2: the line")],
)
def test_a_file_that_is_no_suite_is_refused(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_suite(path, CONTRACT)


def test_the_documented_lines_are_a_suite(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/evaluation.md").read_text(encoding="utf-8")
    path = tmp_path / "mine.jsonl"
    path.write_text(page.split("```json\n")[1].split("```")[0], encoding="utf-8")
    query, action = read_suite(path, CONTRACT)
    assert (query.family, len(query.graphs), query.graph_schema is None) == ("cypher_schema", 1, False)
    assert (action.family, len(action.accepted)) == ("action", 2)
