"""Figures of reviews and cognitive tasks: every link counts, and only harmful mistakes count as harm."""

import json
import random

import pytest
from eval_samples import make_example

from datagen.review import draw_review
from eval.metrics import METRICS, Example, find_score, score_examples
from heimdall.refs import Score
from nornicdb.contract import load_reference_contract

QUESTION = "system\n\nSRC:s[]\nEDGES:\n0.a→RELATES_TO(80%)\n1.b→RELATES_TO(70%)\n2.c→RELATES_TO(60%)\nPOOL:d,e,\n"
EXPECTED = {"approved": [0, 2], "rejected": [1], "reasoning": "", "additional": [{"target_id": "d", "type": "T"}]}


def review(reply: str) -> Example:
    return make_example(family="tlp_review", question=QUESTION, expected=json.dumps(EXPECTED), reply=reply)


def task(category: str, expected: object, reply: object, question: str = '{"nodes": ["a", "b"]}\n\n?') -> Example:
    text = reply if isinstance(reply, str) else json.dumps(reply)
    return make_example(
        family="cognitive", category=category, question=question, expected=json.dumps(expected), reply=text
    )


def score(metric: str, *examples: Example) -> Score:
    numbered = [example.model_copy(update={"id": str(i)}) for i, example in enumerate(examples)]
    return find_score(score_examples(numbered), f"{examples[0].family}/test_schema/{metric}")


@pytest.mark.parametrize(
    ("reply", "f1"),
    [
        (json.dumps(EXPECTED), 1.0),
        ('{"approved": [0, 2]}', 4 / 5),
        ('{"approved": [0, 1, 2], "additional": [{"target_id": "d"}]}', 6 / 7),
        ('{"approved": [1]}', 0.0),
        ("{}", 0.0),
        ("I cannot say.", 4 / 6),  # NornicDB then approves all three
        ("none", 0.0),
    ],
)
def test_links_are_counted_as_nornicdb_would_keep_them(reply: str, f1: float) -> None:
    assert score("link_f1", review(reply)).value == pytest.approx(f1)


def test_f1_is_over_all_links_and_not_a_mean_over_replies() -> None:
    scored = score("link_f1", review(json.dumps(EXPECTED)), review("{}"))
    assert scored.value == pytest.approx(6 / 9)
    assert (scored.n, scored.unit) == (2, "ratio")
    assert scored.low is not None
    assert scored.low <= 6 / 9


@pytest.mark.parametrize(
    ("reply", "known"),
    [
        (json.dumps(EXPECTED), 1.0),
        ('{"approved": [], "additional": [{"target_id": "b"}]}', 1.0),
        ('{"approved": [], "additional": [{"target_id": "ghost"}]}', 0.0),
        ('{"approved": [], "additional": [{}]}', 0.0),
        ('{"approved": [3]}', 0.0),
        ('{"approved": [], "rejected": [-1]}', 0.0),
        ("no JSON", 1.0),
    ],
)
def test_ids_and_indices_that_were_not_shown_are_invented(reply: str, known: float) -> None:
    assert score("no_invented_ids", review(reply)).value == known


@pytest.mark.parametrize(
    ("metric", "category", "key", "expected", "harmful", "harmless", "not_counted"),
    [
        ("anomalies_found", "anomaly", "type", "supernode", "growth_spike", "supernode", "none"),
        ("no_false_alarm", "anomaly", "type", "none", "supernode", "none", "supernode"),
        ("safe_action", "diagnosis", "action_id", 0, 3, 4, 2),
        ("no_false_removal", "curation", "should_keep", True, False, True, False),
        ("no_false_merge", "deduplication", "is_duplicate", False, True, False, True),
        ("no_false_allow", "policy", "allow", False, True, False, True),
    ],
)
def test_harm_is_counted_where_it_can_be_done(
    metric: str, category: str, key: str, expected: object, harmful: object, harmless: object, not_counted: object
) -> None:
    right, wrong = task(category, {key: expected}, {key: harmless}), task(category, {key: expected}, {key: harmful})
    elsewhere = task(category, {key: not_counted}, {key: harmful})
    other = task("optimization", {key: expected}, {key: harmful})
    scored = score(metric, right, wrong, wrong, elsewhere, other)
    assert (scored.n, scored.value) == (3, pytest.approx(1 / 3))


def test_a_reply_that_cannot_be_read_does_no_harm_but_finds_nothing() -> None:
    for metric, category, expected in (
        ("no_false_alarm", "anomaly", {"type": "none"}),
        ("safe_action", "diagnosis", {"action_id": 0}),
        ("no_false_removal", "curation", {"should_keep": True}),
        ("no_false_merge", "deduplication", {"is_duplicate": False}),
        ("no_false_allow", "policy", {"allow": False}),
    ):
        assert score(metric, task(category, expected, "I do not know")).value == 1.0
    assert score("anomalies_found", task("anomaly", {"type": "supernode"}, "?")).value == 0.0


@pytest.mark.parametrize(
    ("nodes", "known"), [([], 1.0), (["a"], 1.0), (["a", "ghost"], 0.0), (["node"], 0.0), ([1], 0.0), ("a", 1.0)]
)
def test_nodes_of_an_answer_are_those_of_the_data(nodes: object, known: float) -> None:
    answer = {"affected_nodes": []}
    assert score("no_invented_ids", task("anomaly", answer, {"affected_nodes": nodes})).value == known


def test_right_answers_of_the_generator_have_perfect_figures() -> None:
    drafts = [draw_review("train", random.Random(i), load_reference_contract(), twin=False) for i in range(40)]
    examples = [
        make_example(family="tlp_review", question=d.question, expected=d.answer, reply=d.answer) for d in drafts if d
    ]
    assert score("link_f1", *examples).value == 1.0
    assert score("no_invented_ids", *examples).value == 1.0
    assert {"link_f1", "no_invented_ids"} <= set(METRICS["tlp_review"])
