"""Scores over examples: what counts, what does not count, and how a score is found by its path."""

import math
from pathlib import Path

import pytest
from eval_samples import FAMILIES, make_example, make_examples
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics import (
    METRICS,
    check_path,
    compare_examples,
    find_score,
    read_examples,
    score_examples,
)
from heimdall.answers import same_json
from heimdall.errors import InputError, UsageError
from heimdall.records import write_records
from heimdall.refs import Score


def score_of(metric: str, *changes: dict[str, object], family: str = "cypher_schema") -> Score:
    examples = [make_example(id=str(i), family=family, **change) for i, change in enumerate(changes)]
    return find_score(score_examples(examples), f"{family}/test_schema/{metric}")


def test_an_answer_that_could_not_be_judged_is_neither_right_nor_wrong() -> None:
    answers: list[dict[str, object]] = [{}, {}, {"judgement": "wrong"}, {"judgement": "not_judged"}]
    assert (score_of("execution_accuracy", *answers).n, score_of("execution_accuracy", *answers).value) == (3, 2 / 3)
    assert (score_of("judged", *answers).n, score_of("judged", *answers).value) == (4, 0.75)


def test_a_slice_in_which_nothing_was_judged_has_no_accuracy() -> None:
    score = score_of("execution_accuracy", {"judgement": "not_judged"})
    assert (score.n, score.value, score.low, score.high) == (0, None, None, None)


def test_refusals_have_figures_of_their_own_and_are_no_part_of_the_accuracy() -> None:
    due: dict[str, object] = {"expected_action": None, "parses": None, "exact": None}
    answers: list[dict[str, object]] = [
        {"refused": False},
        {"refused": True, "judgement": "wrong"},
        {**due, "refused": True},
        {**due, "refused": True, "judgement": "wrong"},
        {**due, "refused": False, "judgement": "wrong"},
    ]
    scores = {
        name: score_of(name, *answers)
        for name in ("execution_accuracy", "refusal_recall", "refusal_accuracy", "no_false_refusal")
    }
    assert {name: (score.n, score.value) for name, score in scores.items()} == {
        "execution_accuracy": (2, 0.5),
        "refusal_recall": (3, 2 / 3),
        "refusal_accuracy": (3, 1 / 3),
        "no_false_refusal": (2, 0.5),
    }
    assert score_of("refusal_recall", {"refused": None}, due).n == 0  # examples of an older version do not say


def test_a_right_action_with_wrong_parameters_is_right_only_as_an_action() -> None:
    answers: list[dict[str, object]] = [{"judgement": "wrong"}, {"judgement": "wrong", "action": None}]
    assert score_of("action_accuracy", *answers, family="action").value == 0.5
    assert score_of("params_accuracy", *answers, family="action").value == 0.0


def test_perplexity_weighs_tokens_and_not_rows() -> None:
    answers: list[dict[str, object]] = [{"nll": 0.0, "nll_tokens": 90}, {"nll": 10.0, "nll_tokens": 10}, {}]
    score = score_of("perplexity", *answers)
    assert score.value == pytest.approx(math.exp(10 / 100))
    assert (score.n, score.unit) == (2, "ratio")
    assert score.low is not None
    assert 1.0 <= score.low < math.exp(0.1)


def test_the_rate_counts_the_tokens_after_the_first_one() -> None:
    score = score_of("tokens_per_second", {"tokens": 31, "first_token_ms": 20.0, "total_ms": 320.0}, {"tokens": 1})
    assert score.value == pytest.approx(100.0)
    assert (score.n, score.unit) == (1, "tokens/s")


def test_latency_is_given_as_median_and_tail() -> None:
    answers: list[dict[str, object]] = [{"total_ms": float(ms)} for ms in range(1, 102)]
    assert score_of("latency_p50_ms", *answers).value == pytest.approx(51)
    assert score_of("latency_p95_ms", *answers).value == pytest.approx(96)


def test_each_family_gets_the_scores_that_make_sense_for_it() -> None:
    slices = score_examples(make_examples(0.5, rows=4))
    assert {part.family: tuple(part.scores) for part in slices} == {family: METRICS[family] for family in FAMILIES}
    assert "parse_rate" not in METRICS["action"]
    for part in slices:
        for score in part.scores.values():
            assert score.value is None or (score.low is not None and score.high is not None)
            assert score.value is None or score.low - 1e-9 <= score.value <= score.high + 1e-9


def test_a_slice_without_examples_is_left_out() -> None:
    assert [(part.family, part.split) for part in score_examples([make_example()])] == [
        ("cypher_schema", "test_schema")
    ]


def test_a_misspelt_path_is_answered_with_the_nearest_one() -> None:
    slices = score_examples([make_example()])
    with pytest.raises(UsageError, match="Did you mean 'cypher_schema/test_schema/execution_accuracy'"):
        find_score(slices, "cypher_schema/test_schema/execution_acuracy")
    with pytest.raises(UsageError, match="action/test_iid/nothing"):
        find_score(slices, "action/test_iid/nothing")
    with pytest.raises(UsageError, match="Did you mean 'action/test_iid/action_accuracy'"):
        check_path("actions/test_iid/action_accuracy")
    check_path("cypher_plain/test_iid/parse_rate")
    with pytest.raises(UsageError, match="parse_rate"):
        check_path("action/test_iid/parse_rate")


def test_only_shares_can_be_paired() -> None:
    with pytest.raises(UsageError, match="not a share"):
        compare_examples([], [], ["action/test_iid/perplexity"])


def test_pairs_are_taken_from_one_slice_and_skip_what_was_not_judged() -> None:
    path = "cypher_schema/test_schema/execution_accuracy"
    before = [make_example(id=str(i), judgement="wrong") for i in range(10)]
    after = [make_example(id=str(i)) for i in range(8)] + [make_example(id="8", judgement="not_judged")]
    after.append(make_example(id="9", split="test_iid"))
    difference = compare_examples(after, before, [path])[path]
    assert (difference.n, difference.gained, difference.value) == (8, 8, 1.0)
    assert compare_examples(after, before, ["cypher_plain/test_iid/parse_rate"]) == {}


def test_examples_survive_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    examples = [
        make_example(reply="\x1b[31m \u202e \ufffd \U0001f600\n\r\u2028", nll=0.1, nll_tokens=3),
        make_example(),
    ]
    write_records(path, examples)
    assert read_examples(path) == examples


def test_a_broken_examples_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(make_example().model_dump_json() + '\n{"id": 3}\n')
    with pytest.raises(InputError, match=r"examples\.jsonl:2"):
        read_examples(path)


def test_nothing_is_left_of_examples_that_were_interrupted(tmp_path: Path) -> None:
    def interrupted():  # type: ignore[no-untyped-def]
        yield make_example()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_records(tmp_path / "examples.jsonl", interrupted())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"limit": 5}, {"limit": 5.0}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": False}, {"a": 0}, False),
        ({"a": None}, {}, False),
        ({"a": "5"}, {"a": 5}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": [True, {"b": None}]}, {"a": [True, {"b": None}]}, True),
        ({"a": [1]}, {"a": [True]}, False),
        ({}, [], False),
    ],
)
def test_json_values_are_the_same_as_go_reads_them(left: object, right: object, same: bool) -> None:
    assert same_json(left, right) is same
    assert same_json(right, left) is same


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_json_value_is_the_same_as_itself(value: object) -> None:
    assert same_json(value, value)
