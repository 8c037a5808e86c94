"""The evaluation: what is asked, what becomes of the answers, and that nothing half-done is left behind."""

from collections import Counter
from pathlib import Path

import pytest
from eval_samples import GOLD, GRAPHS, Scripted, ScriptedBatch, make_row, query_reply

from cypher.graph import SchemaGraphs
from cypher.judge import Judge
from cypher.run import Limits
from eval.evaluate import ask_questions, evaluate_model
from eval.judging import Bench
from eval.metrics import Example, find_score, list_metrics, read_examples, score_examples
from eval.questions import ORDERS, PERPLEXITY_ROWS, Question, plan_questions
from heimdall.answers import FactAnswer, TextAnswer
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from heimdall.progress import silent
from heimdall.records import write_records
from heimdall.rows import UNRELATED, Found, Message, Row, Split
from nornicdb.contract import Contract, load_reference_contract


def make_dataset(path: Path, rows: list[Row], splits: tuple[Split, ...] = EvalConfig().splits) -> Path:
    for split in splits:
        write_records(path / f"{split}.jsonl", [row for row in rows if row.split == split])
    write_records(path / "graphs.jsonl", [SchemaGraphs(schema_id="people", schema_text="Person", graphs=GRAPHS)])
    return path


def ask(questions: list[Question], model: Scripted, contract: Contract, judge: Judge) -> list[Example]:
    config = EvalConfig()
    bench = Bench(contract, judge, Limits(time_ms=config.time_limit_ms, rows=config.row_limit))
    return list(ask_questions(questions, config, bench, model, ScriptedBatch(model), None))


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
    model = Scripted({row.question: row.answer for row in rows})
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
    model = Scripted({row.question: query_reply(slip) for row, slip in zip(rows, slips, strict=True)})
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
    model = Scripted({make_row().question: make_row().answer[:-2] + " " * 300})
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
    model = Scripted({row.question: row.answer for row in rows[:6]} | {rows[6].question: "red"})
    slices = score_examples(ask(questions, model, contract, judge))
    assert [part.family for part in slices] == ["action", "general", "action@full", "action@tail"]
    assert find_score(slices, "action@tail/test_iid/action_accuracy").n == 2
    # Of the full prompt NornicDB's default batch leaves the end: n modulo 2048 tokens, which are bytes here.
    full, tail = ({len(p.encode()) for p in model.prompts if want(p)} for want in (is_full, is_tail))
    assert full
    assert tail == {length % 2048 for length in full}
    assert model.prompts.count(rows[6].question) == 2  # raw: nothing around it; asked once more, to be timed


def test_questions_with_a_context_are_asked_with_it_and_once_more_alone(
    contract: Contract, judge: Judge, tmp_path: Path
) -> None:
    said = (
        Message(role="user", content="Set the temperature to 0.5"),
        Message(role="assistant", content="Done, it is 0.5 now."),
    )
    config = make_row(0, "history", "test_iid", "heimdall.watcher.set_config", {"temperature": 0.7})
    follow_up = (Message(role="user", content="no, 0.7"), Message(role="assistant", content=config.answer))
    found = Found(type="Person", title="Ada", properties={"age": 36})
    asked = (Message(role="user", content="How old is Ada"), Message(role="assistant", content="Ada is 36."))
    other = make_row(2, "knowledge", "test_iid", "heimdall.help", {}, category=UNRELATED)
    rows = [
        config.model_copy(update={"id": "h", "messages": (*said, *follow_up), "category": "follow_up_action"}),
        make_row(1, "knowledge", "test_iid", category="grounded", expected=FactAnswer(required=(("36",),))),
        other,
    ]
    rows[1:] = [row.model_copy(update={"prompt": "knowledge", "knowledge": (found,)}) for row in rows[1:]]
    rows[1] = rows[1].model_copy(update={"messages": asked})
    questions = plan_questions(make_dataset(tmp_path, rows), EvalConfig(further_rows=1), "minimal")
    assert {(question.id, question.prompt) for question in questions} >= {("h", "minimal"), ("h@alone", "minimal")}
    assert len(questions) == 5  # one row with knowledge is asked once only
    model = Scripted({"no, 0.7": config.answer, "How old is Ada": "36", other.question: other.answer})
    examples = ask(questions, model, contract, judge)
    slices = score_examples(examples)
    assert [part.family for part in slices] == ["history", "knowledge", "history@alone", "knowledge@alone"]
    for path, n in {
        "history/test_iid/context_accuracy": 1,
        "history/test_iid/distractor_accuracy": 0,
        "history@alone/test_iid/action_accuracy": 1,
        "knowledge/test_iid/context_accuracy": 1,
        "knowledge/test_iid/distractor_accuracy": 1,
        "knowledge/test_iid/answer_accuracy": 2,
        "knowledge@alone/test_iid/judged": 1,
    }.items():
        assert find_score(slices, path).n == n, path
    conversation = (
        "<|im_start|>user\nSet the temperature to 0.5<|im_end|>\n"
        "<|im_start|>assistant\nDone, it is 0.5 now.<|im_end|>\n"
        "<|im_start|>user\nno, 0.7<|im_end|>\n<|im_start|>assistant\n"
    )
    prompts = set(model.prompts)
    assert sum(prompt.endswith(f"<|im_end|>\n{conversation}") for prompt in prompts) == 1
    assert sum(contract.minimal_identity in prompt and "0.5" not in prompt for prompt in prompts) == 1
    shown = [prompt for prompt in prompts if contract.knowledge_heading in prompt]
    assert len(shown) == 2
    assert all("  - age: 36\n" in prompt for prompt in shown)
    assert sum(is_full(prompt) for prompt in prompts) == 3
    by_id = {example.id: example.question for example in examples}
    assert by_id["h"] == "user: Set the temperature to 0.5\n\nassistant: Done, it is 0.5 now.\n\nuser: no, 0.7"
    assert by_id["h@alone"] == "no, 0.7"


def is_full(prompt: str) -> bool:
    contract = load_reference_contract()
    return contract.identity in prompt


def is_tail(prompt: str) -> bool:
    contract = load_reference_contract()
    return not is_full(prompt) and contract.final.strip() in prompt
