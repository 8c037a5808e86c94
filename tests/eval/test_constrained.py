"""Reviews and cognitive tasks under the grammar of their answer's model: what it allows, and what is reported of it."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cypher.judge import Judge
from cypher.run import Limits
from datagen.cognitive import TASKS, draw_cognitive
from datagen.draft import Draft
from datagen.review import draw_review
from eval.constrained import Grammars
from eval.evaluate import ask_questions
from eval.judging import Bench
from eval.metrics import find_score, score_examples
from eval.questions import Question
from heimdall.answers import FactAnswer
from heimdall.config import EvalConfig
from heimdall.refs import Record
from heimdall.rows import Family, Message, Row, Split
from nornicdb.answer_schemas import SCHEMAS, ReviewAnswer, find_schema
from nornicdb.batching import BatchDecoder
from nornicdb.contract import load_reference_contract
from nornicdb.gbnf import build_model_grammar
from nornicdb.grammar import Grammar, follows_grammar
from nornicdb.runtime import LocalModel

CONTRACT = load_reference_contract()
MODELS: dict[str, type[Record]] = {**SCHEMAS, "review": ReviewAnswer}
END = 2  # <|im_end|>
every_task = pytest.mark.parametrize("task", MODELS)


@pytest.fixture(scope="module")
def model(tiny_gguf: Path) -> Iterator[LocalModel]:
    with LocalModel(tiny_gguf, context_size=2048, threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def grammars(model: LocalModel) -> Iterator[dict[str, Grammar]]:
    compiled = {task: Grammar(build_model_grammar(schema), model) for task, schema in MODELS.items()}
    yield compiled
    for grammar in compiled.values():
        grammar.close()


def draw_drafts(task: str, split: Split, count: int) -> list[Draft]:
    def draw(seed: int) -> Draft | None:
        rng = random.Random(f"{task}/{split}/{seed}")
        if task == "review":
            return draw_review(split, rng, CONTRACT, twin=False)
        return draw_cognitive(task, split, rng, twin=False)

    return [draft for draft in map(draw, range(count)) if draft is not None]


def make_question(draft: Draft, family: Family, number: int) -> Question:
    messages = [Message(role="user", content=draft.question), Message(role="assistant", content=draft.answer)]
    row = Row.model_validate(
        {
            "id": f"{family}-{number}",
            "family": family,
            "category": draft.category,
            "split": "test_iid",
            "prompt": draft.prompt,
            "messages": messages,
            "expected": draft.expected,
        }
    )
    return Question(row.id, row, draft.prompt, 0, scored=False, timed=False, constrained=True, graphs=())


def allows(grammar: Grammar, model: LocalModel, text: str) -> bool:
    return follows_grammar(grammar, model.tokenize(text), END)


@every_task
def test_every_answer_that_is_generated_is_allowed(grammars: dict[str, Grammar], model: LocalModel, task: str) -> None:
    drafts = [draft for split in ("train", "test_phrasing") for draft in draw_drafts(task, split, 40)]
    assert len(drafts) > 30
    assert [draft.answer for draft in drafts if not allows(grammars[task], model, draft.answer)] == []


@every_task
@settings(max_examples=25)
@given(data=st.data())
def test_an_allowed_text_is_an_answer_of_the_model_and_every_answer_is_allowed(
    grammars: dict[str, Grammar], model: LocalModel, task: str, data: st.DataObject
) -> None:
    schema = MODELS[task]
    whole = st.lists(st.integers(-(10**15) + 1, 10**15 - 1))  # the digits that a whole number may have
    fixed = {name: whole for name, field in schema.model_fields.items() if field.annotation == list[int]}
    value = data.draw(st.builds(schema, **fixed)).model_dump(mode="json")
    separators = data.draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    text = json.dumps(value, ensure_ascii=False, separators=separators)
    assert allows(grammars[task], model, text)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(['"', "{", "}", "]", ",", " ", "", "x", "\\", "\n", "0", "9", "-"]))
    changed = text[:at] + other + text[at + 1 :]
    if allows(grammars[task], model, changed):
        schema.model_validate(json.loads(changed), strict=True)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("deduplication", '{"is_duplicate": true, "confidence": 0.5'),
        ("deduplication", '{"is_duplicate": true, "confidence": 0.5} '),
        ("deduplication", '{"is_duplicate": true, "confidence": 1.5}'),
        ("deduplication", '{"is_duplicate": true, "confidence": -0.5}'),
        ("deduplication", '{"is_duplicate": true, "confidence": NaN}'),
        ("deduplication", '{"is_duplicate": "true", "confidence": 0.5}'),
        ("deduplication", '{"confidence": 0.5, "is_duplicate": true}'),
        ("deduplication", '{"is_duplicate": true, "confidence": 0.5, "why": ""}'),
        ("deduplication", '{"is_duplicate": true, "is_duplicate": true, "confidence": 0.5}'),
        ("deduplication", 'Sure: {"is_duplicate": true, "confidence": 0.5}'),
        ("diagnosis", '{"diagnosis": "a", "severity": "warning", "action_id": 6, "details": ""}'),
        ("diagnosis", '{"diagnosis": "a", "severity": "bad", "action_id": 1, "details": ""}'),
        ("policy", '{"allow": true, "reason": "a\nb"}'),
        ("policy", '{"allow": true}'),
        ("review", '{"approved": [0], "rejected": [1], "reasoning": "", "additional": [{"target_id": "a"}]}'),
        ("review", '{"approved": [0.5], "rejected": [], "reasoning": ""}'),
        ("review", '{"approved": 0, "rejected": [], "reasoning": ""}'),
    ],
)
def test_a_broken_answer_is_refused(grammars: dict[str, Grammar], model: LocalModel, task: str, text: str) -> None:
    assert not allows(grammars[task], model, text)


def test_free_and_constrained_answers_of_a_model_that_knows_nothing_stand_side_by_side(model: LocalModel) -> None:
    drafts = [(draft, "cognitive") for task in TASKS for draft in draw_drafts(task, "train", 2)]
    drafts += [(draft, "tlp_review") for draft in draw_drafts("review", "train", 2)]
    prose = Draft("facts", "Which port?", "7474", FactAnswer(required=(("7474",),)), "port", (), prompt="chat")
    questions = [
        make_question(draft, family, number) for number, (draft, family) in enumerate([*drafts, (prose, "operations")])
    ]
    questions.sort(key=lambda question: question.prompt)
    config = EvalConfig(max_tokens=64, context_size=2048)
    with Judge() as judge, BatchDecoder(model) as batch, Grammars(CONTRACT, model) as grammars:
        bench = Bench(CONTRACT, judge, Limits(time_ms=1000))
        examples = {e.id: e for e in ask_questions(questions, config, bench, model, batch, grammars)}
    assert len(examples) == len(questions)
    for question in questions:
        example = examples[question.id]
        schema = find_schema(question.row.family, question.row.category)
        assert example.json_valid is not True  # random weights
        assert (example.constrained is None) is (schema is None)
        if schema is not None and example.constrained_json_valid:
            schema.model_validate(json.loads(example.constrained_reply or ""), strict=True)
    slices = score_examples(examples.values())
    both = [
        find_score(slices, f"cognitive/test_iid/{name}")
        for name in ("json_valid", "constrained_json_valid", "constrained_answer_accuracy")
    ]
    assert [score.n for score in both] == [sum(family == "cognitive" for _, family in drafts)] * 3
    assert both[0].value == 0.0 < (both[1].value or 0.0)  # those without free text always end
    assert find_score(slices, "tlp_review/test_iid/constrained_answer_accuracy").n > 0
