"""Rows whose answer depends on earlier turns or on what NornicDB has found: right, needed, and valid as a data set."""

import io
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from rich.console import Console

from cypher.graph import SchemaGraphs
from cypher.run import EmbeddedGraph
from datagen import lexicon
from datagen.examples import ChunkSpec, make_chunk
from datagen.follow_ups import draw_follow_up
from datagen.formats import read_conversations, to_record
from datagen.generate import generate_file, normalize_question, plan_counts
from datagen.knowledge import draw_knowledge
from datagen.lengths import measure_lengths
from datagen.phrasing import Phraser
from datagen.query_follow_ups import QueryFollowUp, draw_query_follow_up, prove_follow_up
from datagen.schemas import sample_graph, sample_schema, spell_property
from datagen.show import render_conversation
from datagen.validation import validate_dataset
from heimdall.config import DataConfig, ValidationConfig
from heimdall.errors import InputError
from heimdall.records import write_records
from heimdall.rows import LACKING, UNRELATED, Found, Related, Row, Split
from nornicdb.contract import Contract, Param, load_reference_contract
from nornicdb.prompts import build_system_prompt, is_searched, render_knowledge
from nornicdb.replies import check_params, read_reply

CONTRACT = load_reference_contract()
CONFIG = DataConfig(train_rows=1, split_rows=6, seed=5, shares={"history": 0.5, "knowledge": 0.5})
Rows = dict[Split, list[Row]]


@pytest.fixture(scope="module")
def chunks() -> tuple[Rows, Rows, list[SchemaGraphs]]:
    """History and knowledge rows by split, and the graphs of the former."""
    history: Rows = {}
    knowledge: Rows = {}
    graphs: list[SchemaGraphs] = []
    splits: tuple[Split, ...] = ("train", "test_iid", "test_schema", "test_phrasing")
    for split in splits:
        chunk = make_chunk(ChunkSpec(CONFIG, split, "history", 0, CONTRACT, rows=48))
        history[split] = chunk.rows
        graphs += chunk.graphs
        if split != "test_schema":
            knowledge[split] = make_chunk(ChunkSpec(CONFIG, split, "knowledge", 0, CONTRACT, rows=80)).rows
    return history, knowledge, graphs


@pytest.fixture(scope="module")
def history(chunks: tuple[Rows, Rows, list[SchemaGraphs]]) -> Rows:
    return chunks[0]


@pytest.fixture(scope="module")
def knowledge(chunks: tuple[Rows, Rows, list[SchemaGraphs]]) -> Rows:
    return chunks[1]


def test_the_same_chunk_is_made_twice(history: Rows, knowledge: Rows) -> None:
    assert make_chunk(ChunkSpec(CONFIG, "test_iid", "history", 0, CONTRACT, rows=48)).rows == history["test_iid"]
    assert make_chunk(ChunkSpec(CONFIG, "test_iid", "knowledge", 0, CONTRACT, rows=80)).rows == knowledge["test_iid"]


def test_conversations_are_about_actions_and_queries_and_some_end_with_something_else(history: Rows) -> None:
    kinds = Counter(row.category for row in history["train"])
    assert set(kinds) == {"follow_up_query", "follow_up_action", UNRELATED}
    assert {row.category for row in history["test_schema"]} == {"follow_up_query"}
    assert {len(row.messages) for row in history["train"]} == {4, 6}


def test_a_user_is_told_results_and_never_the_models_json(history: Rows) -> None:
    for row in history["train"]:
        assert [turn.role for turn in row.messages] == ["user", "assistant"] * (len(row.messages) // 2)
        assert all("{" not in turn.content for turn in row.messages[1:-1:2])


def test_every_answer_is_one_that_nornicdb_would_act_on(history: Rows, knowledge: Rows) -> None:
    for row in (row for part in (*history.values(), *knowledge.values()) for row in part):
        if row.expected.kind == "action":
            reply = read_reply(row.answer, CONTRACT)
            assert (reply.action, reply.params) == (row.expected.action, row.expected.params)
            assert check_params(reply, CONTRACT) is None
        else:
            assert read_reply(row.answer, CONTRACT).streamed


def test_the_same_last_sentence_has_another_answer_after_other_turns() -> None:
    rng, answers = random.Random(1), defaultdict(set)
    for _ in range(1500):
        draft = draw_follow_up(CONTRACT, Phraser(rng, held_out=False))
        if draft is not None and draft.category != UNRELATED:
            answers[normalize_question(draft.question)].add(draft.answer)
    often = [found for text, found in answers.items() if not any(letter.isdigit() for letter in text)]
    assert sum(len(found) > 1 for found in often) > 30


def test_a_follow_up_that_changes_no_result_proves_nothing() -> None:
    rng, proven = random.Random(2), 0
    schema = sample_schema(lexicon.TRAINING, rng, "s", 3, 0.2)
    graphs = [sample_graph(schema, rng) for _ in range(3)]
    with EmbeddedGraph(graphs[0]) as one, EmbeddedGraph(graphs[1]) as two, EmbeddedGraph(graphs[2]) as three:
        for _ in range(300):
            drawn = draw_query_follow_up(schema, Phraser(rng, held_out=False))
            if drawn is not None and prove_follow_up(drawn, [one, two, three]):
                proven += 1
                same = QueryFollowUp(drawn.query, drawn.asked, drawn.query, drawn.text)
                assert prove_follow_up(same, [one, two, three]) is None
    assert proven > 10


def test_another_database_is_asked_for_where_actions_take_one() -> None:
    actions = [
        action.model_copy(update={"params": (*action.params, Param(name="database", type="string"))})
        for action in CONTRACT.actions
    ]
    contract = CONTRACT.model_copy(update={"actions": tuple(actions)})
    rng, asked = random.Random(3), []
    for _ in range(600):
        draft = draw_follow_up(contract, Phraser(rng, held_out=False))
        if draft is not None and draft.category != UNRELATED and "database" in draft.expected.params:
            asked.append(draft)
    assert all(draft.expected.params["database"] in draft.question.lower() for draft in asked)
    assert len({draft.expected.action for draft in asked}) > 5


def test_knowledge_answers_half_of_the_questions_and_distracts_from_the_others(knowledge: Rows) -> None:
    kinds = Counter(row.category for part in knowledge.values() for row in part)
    assert set(kinds) == {"grounded", LACKING, UNRELATED}
    for row in (row for part in knowledge.values() for row in part):
        seen = render_knowledge(CONTRACT, random.Random(0), row.knowledge)
        assert is_searched(CONTRACT, row.question)
        if row.category == "grounded":
            assert row.expected.required[0][0] in seen
        elif row.category == LACKING:
            assert row.expected.action == "heimdall.watcher.discover"
            assert row.expected.params["query"].lower() in row.question.lower()


def test_what_lacks_is_neither_a_shown_property_nor_a_shown_sentence() -> None:
    rng, lacking = random.Random(4), 0
    for _ in range(600):
        draft = draw_knowledge(CONTRACT, Phraser(rng, held_out=False))
        if draft is None or draft.category != LACKING:
            continue
        lacking += 1
        about = [node for node in draft.knowledge if node.title == draft.expected.params["query"]]
        for name in (name for node in about for name in node.properties):
            words = [prop.words for prop in lexicon.TRAINING.properties if name in spell_both(prop.words)]
            assert not any(f"{word} of" in draft.question.lower() for word in words)
    assert lacking > 50


def spell_both(words: str) -> set[str]:
    return {spell_property(words, snake) for snake in (False, True)}


def test_the_rows_pass_the_validation_of_a_data_set(
    chunks: tuple[Rows, Rows, list[SchemaGraphs]], tmp_path: Path
) -> None:
    taken: set[str] = set()
    for split in chunks[0]:
        rows = []
        for row in (*chunks[0][split], *chunks[1].get(split, ())):  # as in a data set, a question occurs once
            if (key := normalize_question(row.asked)) not in taken:
                taken.add(key)
                rows.append(row.model_copy(update={"id": f"{split}-{len(taken)}"}))
        write_records(tmp_path / f"{split}.jsonl", rows)
    write_records(tmp_path / "graphs.jsonl", chunks[2])
    report = validate_dataset(tmp_path, CONTRACT, ValidationConfig())
    names = {check.name for check in report.checks}
    assert {"queries_that_return_nothing", "leaked_schemas/test_schema"} <= names
    small = ("near_duplicates", "nearly_leaked")  # a handful of rows say nothing of a share
    assert [check for check in report.checks if not check.passed and not check.name.startswith(small)] == []


def test_a_contract_that_shows_no_knowledge_gets_other_rows_in_its_place(tmp_path: Path) -> None:
    without = Contract.model_validate(CONTRACT.model_dump() | {"knowledge_heading": "", "knowledge_end": ""})
    config = DataConfig(train_rows=100, split_rows=2, shares={"action": 0.9, "knowledge": 0.1}, prompt="full")
    assert plan_counts(config, CONTRACT)["train", "knowledge"] == 10
    for counts in (plan_counts(config, without), plan_counts(config.model_copy(update={"prompt": "tail"}), CONTRACT)):
        assert counts["train", "action"] == 100
        assert not any(family == "knowledge" for _, family in counts)
    alone = config.model_copy(update={"shares": {"knowledge": 1.0}})
    with pytest.raises(InputError, match="no 'knowledge' rows under the full prompt"):
        generate_file(alone, without, tmp_path / "rows.jsonl", workers=1)


def test_knowledge_becomes_a_system_turn_in_other_forms_and_is_counted(tmp_path: Path) -> None:
    found = Found(
        type="Person",
        title="Ada",
        content="Ada was last checked by Bo.",
        properties={"age": 36, "retired": False},
        related=(Related(type="City", title="Oslo", relationship="LIVES_IN", forward=True),),
    )
    draft = {"role": "user", "content": "How old is Ada?"}, {"role": "assistant", "content": "Ada is 36."}
    fields = {"family": "knowledge", "split": "train", "prompt": "knowledge", "messages": draft}
    expected = {"kind": "fact", "required": [["36"]]}
    rows = [
        Row.model_validate({**fields, "id": "1", "expected": expected, "knowledge": [found]}),
        Row.model_validate({**fields, "id": "2", "expected": expected, "prompt": "full"}),
    ]
    write_records(tmp_path / "rows.jsonl", rows)
    conversation, plain = read_conversations(tmp_path / "rows.jsonl")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(render_conversation(conversation))
    shown = [line.strip() for line in console.export_text().splitlines()]
    assert shown[1:7] == [
        "found",
        "Person Ada",
        "Ada was last checked by Bo.",
        "age: 36",
        "retired: False",
        "→ LIVES_IN City Oslo",
    ]
    assert shown[7:11] == ["user", "How old is Ada?", "assistant", "Ada is 36."]
    system, *turns = to_record(conversation, "chat")["messages"]
    assert system["role"] == "system"
    assert "  - age: 36\n" in system["content"]
    assert "→ [City] Oslo (via LIVES_IN)" in system["content"]
    assert turns == to_record(plain, "chat")["messages"]
    assert to_record(conversation, "rows") == rows[0].model_dump(mode="json")
    with pytest.raises(InputError, match="system turn"):
        to_record(conversation, "completion")
    for row in rows:
        write_records(tmp_path / "one.jsonl", [row])
        sizes = [
            len(build_system_prompt(CONTRACT, row.prompt, random.Random(n), row.knowledge).encode()) for n in range(3)
        ]
        turns_size = len("<|im_start|>system\n<|im_end|>\n") + sum(
            len(f"<|im_start|>{turn.role}\n{turn.content}<|im_end|>\n") for turn in row.messages
        )
        assert measure_lengths(tmp_path / "one.jsonl", None, CONTRACT).maximum == max(sizes) + turns_size
