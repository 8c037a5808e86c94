"""The evaluation: what is asked, how replies are judged, and that nothing half-done is left behind."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cypher.graph import Node, PropertyGraph, SchemaGraphs
from cypher.judge import Judge
from cypher.run import Limits
from eval.evaluate import ask_questions, evaluate_model
from eval.judging import Bench, Outcome, is_refusal, judge_reply, measure_similarity
from eval.metrics import Example, find_score, list_metrics, read_examples, score_examples
from eval.questions import ORDERS, PERPLEXITY_ROWS, Question, plan_questions
from heimdall.answers import ActionAnswer, CodeAnswer, FactAnswer, JsonAnswer, QueryAnswer, TextAnswer, format_action
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from heimdall.progress import silent
from heimdall.records import write_records
from heimdall.rows import Family, Message, Row, Split
from nornicdb.contract import Contract, load_reference_contract
from nornicdb.grammar import Grammar
from nornicdb.runtime import Completion

QUERY = "heimdall.watcher.query"
GOLD = "MATCH (p:Person) WHERE p.age > 30 RETURN p.name"
GRAPHS = tuple(
    PropertyGraph(
        nodes=tuple(
            Node(id=i, labels=("Person",), properties={"name": name, "age": age, "city": city})
            for i, (name, age, city) in enumerate(people)
        ),
        relationships=(),
    )
    for people in (
        [("Ann", 31, "Oslo"), ("Bob", 30, "Rome"), ("Cid", 45, "Oslo")],
        [("Dan", 60, "Rome"), ("Eve", 20, "Oslo"), ("Fay", 31, "Rome")],
    )
)


def make_row(
    index: int = 0,
    family: Family = "cypher_schema",
    split: Split = "test_schema",
    action: str = QUERY,
    params: dict[str, Any] | None = None,
    **changes: Any,
) -> Row:
    cypher = None if params is not None else GOLD
    params = {"cypher": GOLD} if params is None else params
    question = f"Who is older than 30? ({index})"
    messages = (
        Message(role="user", content=question),
        Message(role="assistant", content=format_action(action, params)),
    )
    fields: dict[str, Any] = {
        "id": f"{split}-{family}-{index}",
        "family": family,
        "split": split,
        "prompt": "minimal",
        "messages": messages,
        "expected": ActionAnswer(action=action, params=params, cypher=cypher),
        "schema_id": None if cypher is None else "people",
    }
    return Row.model_validate({**fields, **changes})


class ScriptedModel:
    """Answers from a table by question, one token per byte, so that every reply can be put to the test."""

    def __init__(self, replies: dict[str, str]) -> None:
        self.replies = replies
        self.prompts: list[str] = []
        self.scored: list[str] = []

    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def complete(self, prompt: str | list[int], max_tokens: int, *, fresh: bool = False) -> Completion:
        assert fresh  # only what is timed is asked by itself
        return self.answer(prompt, max_tokens)

    def answer(self, prompt: str | list[int], max_tokens: int) -> Completion:
        text = prompt if isinstance(prompt, str) else bytes(prompt).decode()
        self.prompts.append(text)
        question = text.rsplit("<|im_start|>user\n", 1)[-1].split("<|im_end|>")[0]
        reply = self.replies[question]
        return Completion(
            text=reply,
            tokens=tuple(reply.encode()[:max_tokens]),
            prompt_tokens=len(prompt),
            reused_tokens=0,
            first_token_ms=5.0,
            total_ms=20.0,
            stopped="eog" if len(reply) <= max_tokens else "limit",
        )


class ScriptedBatch:
    """The same answers, the last question's first, as a batch may give them."""

    def __init__(self, model: ScriptedModel) -> None:
        self.model = model

    def complete(
        self, prompts: Sequence[list[int]], max_tokens: int, grammar: Grammar | None = None
    ) -> Iterator[tuple[int, Completion]]:
        for index in reversed(range(len(prompts))):
            yield index, self.model.answer(prompts[index], max_tokens)

    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[int, list[float]]]:
        for index, (_, completion) in enumerate(pairs):
            self.model.scored.append(bytes(completion).decode())
            yield index, [-0.5] * len(completion)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_reference_contract()


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as worker:
        yield worker


def make_dataset(path: Path, rows: list[Row], splits: tuple[Split, ...] = EvalConfig().splits) -> Path:
    for split in splits:
        write_records(path / f"{split}.jsonl", [row for row in rows if row.split == split])
    write_records(path / "graphs.jsonl", [SchemaGraphs(schema_id="people", schema_text="Person", graphs=GRAPHS)])
    return path


def judge_text(text: str, row: Row, contract: Contract, judge: Judge) -> Outcome:
    graphs = () if row.schema_id is None else GRAPHS
    return judge_reply(text, (row.expected,), graphs, Bench(contract, judge, Limits(time_ms=5000)))


def ask(questions: list[Question], model: "ScriptedModel", contract: Contract, judge: Judge) -> list[Example]:
    config = EvalConfig()
    bench = Bench(contract, judge, Limits(time_ms=config.time_limit_ms, rows=config.row_limit))
    return list(ask_questions(questions, config, bench, model, ScriptedBatch(model), None))


def query_reply(cypher: Any) -> str:
    return json.dumps({"action": QUERY, "params": {"cypher": cypher}})


@pytest.mark.parametrize(
    ("reply", "judgement", "parses", "exact"),
    [
        (query_reply(GOLD), "right", True, True),
        (query_reply(f"  {GOLD.replace(' ', '  ')} ;"), "right", True, True),
        (query_reply("MATCH (x:Person) WHERE 30 < x.age RETURN x.name AS who"), "right", True, True),
        (query_reply("MATCH (p:Person) WHERE NOT p.age <= 30 RETURN p.name"), "right", True, False),
        (f"Here you are: {query_reply(GOLD)} Done.", "right", True, True),
        (query_reply("MATCH (p:Person) WHERE p.age >= 30 RETURN p.name"), "wrong", True, False),
        (query_reply("MATCH (p:Person) WHERE p.age > 59 RETURN p.name"), "wrong", True, False),
        (query_reply("MATCH (p:Person) WHERE p.age > RETURN p.name"), "wrong", False, False),
        (query_reply("SELECT name FROM person"), "wrong", False, False),
        (query_reply("MATCH (p:Person) DETACH DELETE p"), "wrong", True, False),
        (query_reply(""), "wrong", False, False),
        (query_reply(5), "wrong", False, False),
        (json.dumps({"action": QUERY, "params": {}}), "wrong", False, False),
        (json.dumps({"action": "heimdall.watcher.db_stats", "params": {"cypher": GOLD}}), "wrong", False, False),
        (json.dumps({"action": "heimdall.watcher.querry", "params": {"cypher": GOLD}}), "wrong", False, False),
        (query_reply(GOLD)[:-2], "wrong", False, False),
        (query_reply(GOLD) * 2, "wrong", False, False),
        (GOLD, "wrong", False, False),
        ("", "wrong", False, False),
    ],
)
def test_a_query_is_judged_by_what_nornicdb_would_run(
    reply: str, judgement: str, parses: bool, exact: bool, contract: Contract, judge: Judge
) -> None:
    outcome = judge_text(reply, make_row(), contract, judge)
    assert (outcome.judgement, outcome.parses, outcome.exact) == (judgement, parses, exact), outcome.reason
    assert outcome.reason


@pytest.mark.parametrize(
    ("params", "judgement"),
    [
        ({"limit": 5}, "right"),
        ({"limit": 5.0}, "right"),
        ({"limit": "5"}, "wrong"),
        ({"limit": 6}, "wrong"),
        ({}, "wrong"),
        ({"limit": 5, "more": None}, "wrong"),
        ({"Limit": 5}, "wrong"),
    ],
)
def test_parameters_are_right_only_as_a_whole(
    params: dict[str, Any], judgement: str, contract: Contract, judge: Judge
) -> None:
    row = make_row(family="action", action="heimdall.watcher.events", params={"limit": 5})
    outcome = judge_text(format_action("heimdall.watcher.events", params), row, contract, judge)
    assert (outcome.judgement, outcome.parses) == (judgement, None)
    assert outcome.exact is (judgement == "right")
    other = judge_text(format_action("heimdall.watcher.metrics", params), row, contract, judge)
    assert other.judgement == "wrong"


def test_a_query_without_graphs_is_right_by_its_canonical_form_or_not_judged(contract: Contract, judge: Judge) -> None:
    row = make_row(schema_id=None)
    assert judge_text(query_reply(GOLD), row, contract, judge).judgement == "right"
    assert judge_text(query_reply("MATCH (x:Person) WHERE 30 < x.age RETURN x.name"), row, contract, judge).exact
    other = judge_text(query_reply("MATCH (p:Person) WHERE NOT p.age <= 30 RETURN p.name"), row, contract, judge)
    assert (other.judgement, other.parses) == ("not_judged", True)
    assert judge_text(query_reply("nonsense"), row, contract, judge).judgement == "wrong"


def test_a_query_that_does_not_end_is_not_judged_and_the_next_one_is(contract: Contract, judge: Judge) -> None:
    endless = "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b UNWIND range(1, 100000) AS c RETURN count(*)"
    bench = Bench(contract, judge, Limits(time_ms=1000))
    outcome = judge_reply(query_reply(endless), (make_row().expected,), GRAPHS, bench)
    assert outcome.judgement == "not_judged", outcome.reason
    assert judge_text(query_reply(GOLD + " "), make_row(), contract, judge).judgement == "right"


@given(
    text=st.text(max_size=80),
    params=st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5) | st.floats()),
)
def test_no_reply_stops_the_evaluation(contract: Contract, judge: Judge, text: str, params: dict[str, Any]) -> None:
    action = make_row(family="action", action="heimdall.help", params={})
    for reply in (text, format_action(QUERY, params), query_reply(text)):
        for row in (make_row(), action):
            outcome = judge_text(reply, row, contract, judge)
            assert outcome.judgement in ("right", "wrong", "not_judged")


def test_questions_follow_from_the_seed_and_are_grouped_by_order(tmp_path: Path) -> None:
    rows = [make_row(i, split=split) for split in ("test_iid", "test_schema") for i in range(120)]
    rows += [make_row(i, "action", "test_iid", "heimdall.help", {}) for i in range(10)]
    dataset = make_dataset(tmp_path, rows)
    config = EvalConfig(rows_per_slice=100)
    questions = plan_questions(dataset, config, "minimal")
    assert questions == plan_questions(dataset, config, "minimal")
    assert [question.row.id for question in questions] != [
        question.row.id for question in plan_questions(dataset, EvalConfig(rows_per_slice=100, seed=2), "minimal")
    ]
    counts = Counter((question.row.family, question.row.split) for question in questions)
    assert counts == {
        ("cypher_schema", "test_iid"): 100,
        ("cypher_schema", "test_schema"): 100,
        ("action", "test_iid"): 10,
    }
    orders = [question.order for question in questions]
    assert orders == sorted(orders)
    assert set(orders) == set(range(ORDERS))
    assert sum(question.scored for question in questions) == 2 * PERPLEXITY_ROWS + 10
    assert len({question.id for question in questions}) == len(questions)


def test_a_model_that_knows_the_answers_gets_full_marks(contract: Contract, judge: Judge, tmp_path: Path) -> None:
    rows = [make_row(i) for i in range(12)]
    questions = plan_questions(make_dataset(tmp_path, rows), EvalConfig(), "minimal")
    model = ScriptedModel({row.question: row.answer for row in rows})
    examples = ask(questions, model, contract, judge)
    slices = score_examples(examples)
    for name in ("json_valid", "action_accuracy", "parse_rate", "execution_accuracy", "judged", "exact_match"):
        assert find_score(slices, f"cypher_schema/test_schema/{name}").value == 1.0
    assert find_score(slices, "cypher_schema/test_schema/perplexity").value == pytest.approx(1.6487, abs=1e-4)
    # What is scored is the answer and the end of its turn, and no token of the prompt.
    assert Counter(model.scored) == Counter(f"{row.answer}<|im_end|>" for row in rows)
    assert all(prompt.endswith("<|im_end|>\n<|im_start|>assistant\n") for prompt in model.prompts)
    assert len(model.prompts) == 12 + 10  # ten are asked once more, to be timed
    assert not any(row.answer in prompt for row in rows for prompt in model.prompts)
    assert find_score(slices, "cypher_schema/test_schema/latency_p50_ms").n == 10
    assert find_score(slices, "cypher_schema/test_schema/constrained_json_valid").n == 0
    assert {example.tokens for example in examples} == {len(rows[0].answer) + 1}


def test_a_repaired_query_counts_beside_the_free_figure_and_not_in_it(
    contract: Contract, judge: Judge, tmp_path: Path
) -> None:
    rows = [make_row(i) for i in range(4)]
    dataset = make_dataset(tmp_path, rows)
    schema = SchemaGraphs(schema_id="people", schema_text="Person {name: STRING, age: INTEGER}", graphs=GRAPHS)
    write_records(dataset / "graphs.jsonl", [schema])
    slips = [GOLD, GOLD.replace("Person", "person"), GOLD.replace("p.age", "p.height"), "MATCH"]
    model = ScriptedModel({row.question: query_reply(slip) for row, slip in zip(rows, slips, strict=True)})
    questions = plan_questions(dataset, EvalConfig(), "minimal")
    examples = ask(questions, model, contract, judge)
    by_id = {example.id: (example.judgement, example.repaired) for example in examples}
    assert [by_id[row.id] for row in rows] == [
        ("right", "right"), ("wrong", "right"), ("wrong", "wrong"), ("wrong", "wrong")
    ]  # fmt: skip
    slices = score_examples(examples)
    assert find_score(slices, "cypher_schema/test_schema/execution_accuracy").value == 0.25
    assert find_score(slices, "cypher_schema/test_schema/repaired_execution_accuracy").value == 0.5


def test_an_answer_that_was_cut_off_is_marked(contract: Contract, judge: Judge, tmp_path: Path) -> None:
    questions = plan_questions(make_dataset(tmp_path, [make_row()]), EvalConfig(), "minimal")
    model = ScriptedModel({make_row().question: make_row().answer[:-2] + " " * 300})
    (example,) = ask(questions, model, contract, judge)
    assert (example.stopped, example.tokens, example.json_valid, example.judgement) == ("limit", 256, False, "wrong")


def test_a_real_file_is_questioned_and_scored(tiny_gguf: Path, contract: Contract, tmp_path: Path) -> None:
    rows = [make_row(i) for i in range(5)]
    rows += [make_row(i, "action", "test_iid", "heimdall.help", {}) for i in range(4)]
    dataset, out = make_dataset(tmp_path / "data", rows), tmp_path / "out"
    config = EvalConfig(rows_per_slice=3, max_tokens=8, timed_rows=2)
    seen: list[tuple[int, int, str]] = []

    def note(done: int, total: int, note: str = "") -> None:
        seen.append((done, total, note))

    summary = evaluate_model(tiny_gguf, plan_questions(dataset, config, "minimal"), contract, config, out, note)
    assert summary.questions == 6
    assert seen[-1] == (6, 6, "0% right")
    assert [(part.family, part.split) for part in summary.slices] == [
        ("action", "test_iid"),
        ("cypher_schema", "test_schema"),
    ]
    for part in summary.slices:
        assert tuple(part.scores) == list_metrics(part.family)
        assert part.scores["json_valid"].value == 0.0  # random weights
        assert part.scores["perplexity"].value is not None
        assert part.scores["perplexity"].value > 20  # of 416 tokens, on average nearly all are as likely
        assert part.scores["latency_p50_ms"].n == 2  # the timed sample
        assert part.scores["constrained_json_valid"].n == 3
    examples = read_examples(out / summary.examples)
    assert len(examples) == 6
    assert summary.memory_bytes > tiny_gguf.stat().st_size // 2
    assert all(example.confidence is not None and 0 < example.confidence < 1 for example in examples)
    again = evaluate_model(
        tiny_gguf, plan_questions(dataset, config, "minimal"), contract, config, tmp_path / "again", silent
    )
    timeless = [example.model_copy(update={"first_token_ms": 0.0, "total_ms": 0.0}) for example in examples]
    assert timeless == [
        example.model_copy(update={"first_token_ms": 0.0, "total_ms": 0.0})
        for example in read_examples(tmp_path / "again" / again.examples)
    ]


def test_an_interrupted_evaluation_leaves_nothing(tiny_gguf: Path, contract: Contract, tmp_path: Path) -> None:
    questions = plan_questions(
        make_dataset(tmp_path / "data", [make_row(i) for i in range(5)]), EvalConfig(), "minimal"
    )
    out = tmp_path / "out"
    out.mkdir()

    def interrupt(done: int, total: int, note: str = "") -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_model(tiny_gguf, questions, contract, EvalConfig(max_tokens=4), out, interrupt)
    assert list(out.iterdir()) == []


def test_data_that_cannot_be_judged_stops_the_evaluation_with_a_name(tmp_path: Path) -> None:
    def plan(dataset: Path) -> None:
        plan_questions(dataset, EvalConfig(), "minimal")

    with pytest.raises(InputError, match=r"graphs\.jsonl' does not exist"):
        plan(tmp_path)
    with pytest.raises(InputError, match="has no row in test_iid"):
        plan(make_dataset(tmp_path / "empty", []))
    with pytest.raises(InputError, match="needs schema 'gone'"):
        plan(make_dataset(tmp_path / "gone", [make_row(schema_id="gone")]))
    broken = make_dataset(tmp_path / "broken", [make_row()])
    (broken / "test_iid.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"test_iid\.jsonl:1"):
        plan(broken)


FENCED = f"Compare ages:\n\n```cypher\n{GOLD}\n```\n\nThis lists names."
DOUBLE = CodeAnswer(language="python", code="def double(a):\n    return a * 2")
PORT = FactAnswer(required=(("NORNICDB_HTTP_PORT",), ("7474",)), forbidden=("7687",))
REVIEW = JsonAnswer(value={"approved": [0, 2], "reason": "same topic"}, unordered=("approved",), free=("reason",))


@pytest.mark.parametrize(
    ("expected", "reply", "judgement"),
    [
        (QueryAnswer(cypher=GOLD), FENCED, "right"),
        (QueryAnswer(cypher=GOLD), FENCED.replace("```cypher", "```"), "right"),
        (QueryAnswer(cypher=GOLD), "```cypher\nMATCH (p:Person) WHERE NOT p.age <= 30 RETURN p.name\n```", "right"),
        (QueryAnswer(cypher=GOLD), FENCED.replace("> 30", ">= 30"), "wrong"),
        (QueryAnswer(cypher=GOLD), FENCED.replace("RETURN", "RETRUN"), "wrong"),
        (QueryAnswer(cypher=GOLD), GOLD, "wrong"),
        (PORT, "Set nornicdb_http_port;  it is 7474 by default.", "right"),
        (PORT, "Set NORNICDB_HTTP_PORT_2; it is 7474.", "wrong"),
        (PORT, "Set NORNICDB_HTTP_PORT; it is 74745.", "wrong"),
        (PORT, "Set NORNICDB_HTTP_PORT.", "wrong"),
        (PORT, "Set NORNICDB_HTTP_PORT: 7474 or 7687.", "wrong"),
        (REVIEW, '{"approved": [2, 0], "reason": "anything"}', "right"),
        (REVIEW, 'Sure: {"approved": [0, 2.0], "reason": ""}', "right"),
        (REVIEW, '{"approved": [0], "reason": "same topic"}', "wrong"),
        (REVIEW, '{"approved": [0, 2, 2], "reason": "same topic"}', "wrong"),
        (REVIEW, '{"approved": [0, 2]}', "wrong"),
        (REVIEW, '{"approved": [0, 2], "reason": "", "more": 1}', "wrong"),
        (REVIEW, '{"approved": [0, 2], "reason": ', "wrong"),
        (TextAnswer(text="RED"), " red.", "right"),
        (TextAnswer(text="RED"), "red or green", "wrong"),
        (DOUBLE, "Here:\n```python\ndef double(a):\n  return a*2  # twice\n```\nDone.", "right"),
        (DOUBLE, "def double(a):\n    return a * 2", "right"),
        (DOUBLE, "```python\ndef double(a):\n    return a + a\n```", "not_judged"),
        (DOUBLE, "```python\ndef double(a:\n    return a * 2\n```", "wrong"),
        (DOUBLE, "", "wrong"),
    ],
)
def test_prose_facts_json_and_labels_are_judged_by_what_they_say(
    expected: Any, reply: str, judgement: str, contract: Contract, judge: Judge
) -> None:
    outcome = judge_reply(reply, (expected,), GRAPHS, Bench(contract, judge, Limits(time_ms=5000)))
    assert outcome.judgement == judgement, outcome.reason
    assert (outcome.json_valid is None) == (expected.kind != "json")
    assert (outcome.parses is None) == (expected.kind not in ("query", "code"))


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        ("I cannot answer that: Person has no property for 'height'.", True),
        ("There is no `height` on Person {name, age}.", True),
        (query_reply(GOLD), False),
        (query_reply(GOLD)[:-2], False),
        ('Sure: {"action": "heimdall.help", "params": {}}', False),
        (GOLD, False),
        (f"```cypher\n{GOLD}\n```", False),
        ("", False),
    ],
)
def test_only_prose_that_runs_nothing_refuses(reply: str, refused: bool, contract: Contract) -> None:
    assert is_refusal(reply, contract) == refused


def test_requests_are_asked_under_further_prompts_in_slices_of_their_own(
    contract: Contract, judge: Judge, tmp_path: Path
) -> None:
    rows = [make_row(i, "action", "test_iid", "heimdall.help", {}) for i in range(6)]
    rows.append(make_row(9, "general", "test_iid", expected=TextAnswer(text="RED"), prompt="raw", schema_id=None))
    dataset = make_dataset(tmp_path, rows)
    config = EvalConfig(further_prompts=("full", "tail", "minimal"), further_rows=2)
    questions = plan_questions(dataset, config, "minimal")
    asked = Counter((question.prompt, question.further) for question in questions)
    assert asked == {("minimal", False): 6, ("full", True): 2, ("tail", True): 2, ("raw", False): 1}
    model = ScriptedModel({row.question: row.answer for row in rows[:6]} | {rows[6].question: "red"})
    slices = score_examples(ask(questions, model, contract, judge))
    assert [part.family for part in slices] == ["action", "general", "action@full", "action@tail"]
    assert find_score(slices, "action@tail/test_iid/action_accuracy").n == 2
    # Of the full prompt NornicDB's default batch leaves the end: n modulo 2048 tokens, which are bytes here.
    full, tail = ({len(p.encode()) for p in model.prompts if want(p)} for want in (is_full, is_tail))
    assert full
    assert tail == {length % 2048 for length in full}
    assert model.prompts.count(rows[6].question) == 2  # raw: nothing around it; asked once more, to be timed


def is_full(prompt: str) -> bool:
    contract = load_reference_contract()
    return contract.identity in prompt


def is_tail(prompt: str) -> bool:
    contract = load_reference_contract()
    return not is_full(prompt) and contract.final.strip() in prompt


@pytest.mark.parametrize(
    ("reply", "valid_call", "similarity"),
    [
        (query_reply(GOLD), True, 1.0),
        (query_reply(GOLD.replace("p", "q")), True, 1.0),  # names of variables do not count
        (query_reply(GOLD.replace("30", "31")), True, pytest.approx(0.94, abs=0.06)),
        (query_reply("RETURN 1"), True, pytest.approx(0.15, abs=0.15)),
        (query_reply(5), False, 0.0),
        (json.dumps({"action": QUERY, "params": {}}), False, 0.0),
        (json.dumps({"action": QUERY, "params": {"cypher": GOLD, "more": 1}}), False, 1.0),
        (json.dumps({"action": "heimdall.help", "params": {}}), True, 0.0),
        (json.dumps({"action": "heimdall.nothing", "params": {}}), False, 0.0),
        ("no JSON", False, 0.0),
    ],
)
def test_a_call_is_valid_by_the_contract_and_a_query_similar_by_its_tokens(
    reply: str, valid_call: bool, similarity: Any, contract: Contract, judge: Judge
) -> None:
    outcome = judge_text(reply, make_row(), contract, judge)
    assert (outcome.valid_call, outcome.similarity) == (valid_call, similarity)


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_symmetric_and_one_only_for_the_same_tokens(left: str, right: str) -> None:
    assert measure_similarity(left, right) == measure_similarity(right, left)
    assert 0 <= measure_similarity(left, right) <= 1
    assert measure_similarity(left, left) in (0.0, 1.0)
