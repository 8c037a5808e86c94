"""Questions to practise come from training rows alone, and only a right, short and complete answer is rewarded."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cypher.judge import Judge
from cypher.run import Limits
from eval.judging import Bench, Outcome, judge_reply
from eval.practice import PracticeSummary, draw_practice, plan_practice, reward_answer
from eval.questions import Question
from heimdall.answers import ActionAnswer, Answer, CodeAnswer, format_action
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from heimdall.progress import silent
from heimdall.records import write_records
from heimdall.rows import Family, Message, Row
from nornicdb.contract import load_reference_contract

QUERY = "heimdall.watcher.query"
SCHEMA = "Person {name: STRING, born: INTEGER}\nCity {name: STRING}\n(:Person)-[:LIVES_IN]->(:City)"
OLDEST = "MATCH (p:Person)-[:LIVES_IN]->(c:City) RETURN p.name, p.born ORDER BY p.born LIMIT 2"
ANN = "MATCH (p:Person {name: 'Ann'}) RETURN DISTINCT p.name"


def make_row(name: str, family: Family, question: str, expected: Answer, answer: str) -> Row:
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Row(id=name, family=family, split="train", prompt="minimal", messages=turns, expected=expected)


def make_query_row(name: str, cypher: str, *, schema: str | None = SCHEMA) -> Row:
    params = {"cypher": cypher}
    expected = ActionAnswer(action=QUERY, params=params, cypher=cypher, ordered="ORDER BY" in cypher)
    question = f"Who is it? ({name})" if schema is None else f"{schema}\n\nWho is it? ({name})"
    return make_row(name, "cypher_schema", question, expected, format_action(QUERY, params))


ROWS = [
    make_query_row("oldest", OLDEST),
    make_query_row("constant", ANN),
    make_query_row("plain", OLDEST, schema=None),
    make_row(
        "status",
        "action",
        "status?",
        ActionAnswer(action="heimdall.status", params={}),
        '{"action": "heimdall.status"}',
    ),
    make_row("code", "code", "add", CodeAnswer(language="python", code="a + b"), "```python\na + b\n```"),
]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PracticeSummary]:
    """A data set whose held-out splits cannot even be read."""
    dataset, out = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("practice")
    write_records(dataset / "train.jsonl", ROWS)
    for name in ("validation.jsonl", "test_iid.jsonl", "test_schema.jsonl", "graphs.jsonl"):
        (dataset / name).write_bytes(b"\xff not to be opened")
    return out, draw_practice(dataset, 10, 1, 1, out, silent)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Judge() as judge:
        yield Bench(load_reference_contract(), judge, Limits())


@pytest.fixture(scope="module")
def oldest(drawn: tuple[Path, PracticeSummary]) -> Question:
    questions = plan_practice(drawn[0], 10, EvalConfig(), "minimal")
    return next(question for question in questions if question.id == "oldest")


def test_rows_whose_answers_can_be_judged_are_drawn_from_training_and_the_others_are_counted(
    drawn: tuple[Path, PracticeSummary],
) -> None:
    directory, summary = drawn
    questions = plan_practice(directory, 10, EvalConfig(), "minimal")
    assert {question.id for question in questions} == {"oldest", "status"}
    assert (summary.questions, summary.with_graphs) == (2, 1)
    assert summary.left_out == {
        "code is not run": 1,
        "no schema that is known in the question": 1,
        "no graphs: its answer is the same on every graph": 1,
    }
    assert {len(question.graphs) >= 3 for question in questions if question.id == "oldest"} == {True}
    assert len(plan_practice(directory, 1, EvalConfig(), "minimal")) == 1


def test_a_data_set_of_which_nothing_can_be_judged_is_refused(tmp_path: Path) -> None:
    write_records(tmp_path / "train.jsonl", [ROWS[-1]])
    with pytest.raises(InputError, match="no answer to one could be judged"):
        draw_practice(tmp_path, 10, 1, os.cpu_count() or 1, tmp_path, silent)


def ask(cypher: str) -> str:
    return format_action(QUERY, {"cypher": cypher})


@pytest.mark.parametrize(
    ("reply", "worth"),
    [
        (ask(OLDEST), 1.0),
        (ask("MATCH (c:City)<-[:LIVES_IN]-(q:Person) RETURN q.name, q.born ORDER BY q.born ASC LIMIT 2"), 1.0),
        ("", 0.0),
        ("{}", 0.0),
        (ask("RETURN 1"), 0.0),
        (ask("RETURN 'Ann', 1970"), 0.0),
        (ask("UNWIND [] AS x RETURN x"), 0.0),
        (ask("MATCH (p:Nobody) RETURN p.name, p.born ORDER BY p.born LIMIT 2"), 0.0),
        (ask("MATCH (n) RETURN n"), 0.0),
        (ask("MATCH (n) RETURN n.name, n.born"), 0.0),
        (ask(OLDEST.replace(" LIMIT 2", "")), 0.0),
        (ask(OLDEST.replace("p.born LIMIT", "p.born DESC LIMIT")), 0.0),
        (ask(OLDEST.replace(" ORDER BY p.born", "")), 0.0),
        (ask(OLDEST.replace("]->", "]-").replace("-[", "<-[")), 0.0),
        (ask(OLDEST.replace("p.name, ", "")), 0.0),
        (ask("MATCH (p:Person RETURN p.name"), 0.0),
        (ask("CREATE (p:Person {name: 'Ann'}) RETURN p.name"), 0.0),
        (ask("SHOW DATABASES"), 0.0),
        (ask("CALL gds.pageRank.stream('g') YIELD nodeId RETURN nodeId"), 0.0),
        (OLDEST, 0.0),
        (format_action("heimdall.status", {"cypher": OLDEST}), 0.0),
        (f"{ask(OLDEST)}\n{'Here is why: ' * 30}", 0.0),
        (f"{{{ask(OLDEST)}}}", 0.0),
    ],
)
def test_only_the_right_result_is_rewarded(reply: str, worth: float, oldest: Question, bench: Bench) -> None:
    outcome = judge_reply(reply, oldest.accepted, oldest.graphs, bench)
    assert reward_answer(reply, ended=True, outcome=outcome, expected=oldest.row.answer) == worth
    assert reward_answer(reply, ended=False, outcome=outcome, expected=oldest.row.answer) == 0


@pytest.mark.parametrize("judgement", ["wrong", "not_judged"])
def test_what_was_not_found_right_gets_nothing_whatever_else_is_good_about_it(judgement: str) -> None:
    outcome = Outcome(judgement, "", exact=False, json_valid=True, parses=True, similarity=1.0, valid_call=True)  # type: ignore[arg-type]
    assert reward_answer("x", ended=True, outcome=outcome, expected="x") == 0
