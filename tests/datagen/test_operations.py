"""Questions about NornicDB: the answer follows from the fact, says what it must, and no fact leaks between splits."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.draft import Draft, fits_split
from datagen.generate import generate_dataset
from datagen.operations import _WORDINGS, draw_operation, list_questions
from heimdall.answers import FactAnswer, find_contradiction, find_fault
from heimdall.config import DataConfig
from heimdall.errors import UsageError
from heimdall.rows import SPLITS, Split, read_rows
from nornicdb.contract import load_reference_contract
from nornicdb.facts import load_catalogue

FACTS = load_catalogue()
QUESTIONS = list_questions(FACTS)
TOLD: tuple[Split, ...] = ("train", "validation", "test_iid", "test_phrasing", "test_fact")
ALL = [question for questions in QUESTIONS.values() for question in questions]


def draw(split: Split, count: int, seed: int = 0) -> list[Draft]:
    rng = random.Random(seed)
    drafts: list[Draft] = []
    while len(drafts) < count:
        draft = draw_operation(QUESTIONS, split, rng)
        drafts += [draft] if draft is not None else []
    return drafts


def find_answers(name: str) -> list[str]:
    return [question.answer for question in ALL if question.slots.get("name") == name]


def test_every_answer_says_what_is_required_of_it() -> None:
    for split in SPLITS:
        for draft in draw(split, 300):
            assert find_contradiction(draft.answer, draft.expected) is None, draft


def test_every_answer_of_every_fact_is_right_by_its_own_measure() -> None:
    for question in ALL:
        expected = FactAnswer(required=question.required, forbidden=question.forbidden)
        assert find_fault(question.answer, expected) is None, question


def test_every_kind_of_question_has_at_least_eight_wordings_that_differ() -> None:
    for kind, wordings in _WORDINGS.items():
        assert len(set(wordings)) == len(wordings) >= 8, kind
    assert {question.wordings for question in ALL} == set(_WORDINGS)


def test_no_question_has_two_answers() -> None:
    answers: dict[str, set[str]] = {}
    for question in ALL:
        for wording in _WORDINGS[question.wordings]:
            text = wording.format(**question.slots).lower()
            answers.setdefault(text, set()).add(question.answer)
    assert [text for text, given in answers.items() if len(given) > 1] == []


def test_a_signature_that_nornicdb_does_not_keep_is_not_taught() -> None:
    assert find_answers("id()") == []
    assert find_answers("labels()") == ["labels(node :: NODE) :: LIST<STRING>"]


def test_documented_but_not_callable_is_said() -> None:
    (answer,) = find_answers("apoc.text.camelCase")
    assert answer.startswith("No. apoc.text.camelCase is documented and registered, but it cannot be called")
    assert find_answers("apoc.coll.sum") == [
        "Yes, apoc.coll.sum is a function that expressions can use, as in RETURN apoc.coll.sum(…)."
    ]
    assert "Yes, as a procedure: CALL apoc.algo.pageRank(…). It is no function of expressions." in find_answers(
        "apoc.algo.pageRank"
    )


def test_what_is_listed_but_not_dispatched_is_said() -> None:
    assert find_answers("db.schema.nodeTypeProperties") == [
        "No. SHOW PROCEDURES lists db.schema.nodeTypeProperties, but CALL does not know it."
    ]


def test_the_port_of_http_is_asked_by_name_by_words_and_by_key() -> None:
    assert "NORNICDB_HTTP_PORT is 7474 by default. In nornicdb.yaml the key is server.http_port." in find_answers(
        "NORNICDB_HTTP_PORT"
    )
    assert [q.answer for q in ALL if q.slots.get("words") == "HTTP port"] == [
        "Set NORNICDB_HTTP_PORT; its default is 7474."
    ]


def test_only_constraints_that_nornicdb_makes_are_affirmed() -> None:
    affirmed = {
        f"{question.slots['name']} {question.slots['what']}": question.answer.startswith("Yes")
        for question in QUESTIONS["syntax"]
    }
    assert {name for name, yes in affirmed.items() if yes} == {
        "uniqueness constraint",
        "node property index",
        "full-text index",
        "vector index",
    }


def test_two_words_never_ask_for_two_variables() -> None:
    words = Counter(question.slots["words"] for question in QUESTIONS["setting_name"])
    assert max(words.values()) == 1


@pytest.mark.parametrize("split", [split for split in SPLITS if split not in ("test_schema", "test_composition")])
def test_a_fact_is_either_in_training_or_held_out(split: Split) -> None:
    for draft in draw(split, 200):
        assert draft.source is not None
        assert fits_split(draft.source, "test_fact") == (split == "test_fact")


def test_a_variable_and_its_key_are_held_out_together() -> None:
    sources = {question.slots.get("name"): question.source for question in ALL}
    for setting in FACTS.settings:
        for key in setting.yaml:
            assert sources[setting.name] == sources[key]


def test_held_out_wordings_are_only_in_their_split() -> None:
    trained = {production for draft in draw("train", 3000) for production in draft.productions}
    novel = {production for draft in draw("test_phrasing", 300) for production in draft.productions}
    assert not trained & novel


def test_every_category_is_asked_about_as_often() -> None:
    counts = Counter(draft.category for draft in draw("train", 3000))
    common = [category for category in counts if len(QUESTIONS[category]) > 8]
    assert max(counts[each] for each in common) < 2 * min(counts[each] for each in common)


@given(st.integers(0, 2**32))
def test_the_same_seed_asks_the_same(seed: int) -> None:
    assert draw("train", 3, seed) == draw("train", 3, seed)


def test_thousands_of_different_questions_can_be_asked() -> None:
    texts = {draft.question.lower().rstrip(".?") for draft in draw("train", 6000)}
    assert len(texts) > 3000


def test_a_data_set_of_operations_has_its_facts_held_out_and_says_where_they_are_from(tmp_path: Path) -> None:
    config = DataConfig(train_rows=60, split_rows=8, shares={"operations": 0.5, "action": 0.5})
    generate_dataset(config, load_reference_contract(), tmp_path, workers=1, facts=FACTS)
    rows = {
        split: [row for row in read_rows(tmp_path / f"{split}.jsonl") if row.family == "operations"] for split in TOLD
    }
    assert {split: len(found) for split, found in rows.items()} == {**dict.fromkeys(TOLD, 8), "train": 30}
    sources = {split: {row.source for row in found} for split, found in rows.items()}
    assert not sources["test_fact"] & set().union(*(sources[split] for split in TOLD if split != "test_fact"))
    assert all(find_contradiction(row.answer, row.expected) is None for found in rows.values() for row in found)
    assert f"facts about NornicDB: `{FACTS.source}`" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_without_facts_no_generator_makes_operations(tmp_path: Path) -> None:
    config = DataConfig(train_rows=10, split_rows=1, shares={"operations": 1})
    with pytest.raises(UsageError, match="no generator makes 'operations' rows"):
        generate_dataset(config, load_reference_contract(), tmp_path, workers=1)
