"""Calibration: what the figures are on answers whose truth is known, and that they cannot be had by accident."""

import numpy as np
import pytest
from eval_samples import make_example
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from eval.calibration import BINS, measure_auroc, measure_brier, measure_ece
from eval.metrics import find_score, list_confidences, score_examples
from eval.verdict import check_gate
from heimdall.config import GateConfig
from heimdall.errors import UsageError

answers = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.booleans()), min_size=2, max_size=60)


def to_columns(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([c for c, _ in pairs]), np.array([float(r) for _, r in pairs])


@given(answers)
def test_brier_score_and_auroc_are_those_of_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    confidence, right = to_columns(pairs)
    assert measure_brier(confidence, right) == pytest.approx(brier_score_loss(right, confidence, labels=[0, 1]))
    if 0 < right.sum() < len(right):
        assert measure_auroc(confidence, right) == pytest.approx(roc_auc_score(right, confidence))
    else:
        assert np.isnan(measure_auroc(confidence, right))


@given(answers)
def test_all_resamples_at_once_give_what_each_gives_alone(pairs: list[tuple[float, bool]]) -> None:
    confidence, right = to_columns(pairs)
    picks = np.random.default_rng(1).integers(0, len(pairs), size=(4, len(pairs)))
    for measure in (measure_ece, measure_brier, measure_auroc):
        together = measure(confidence[picks], right[picks])
        alone = [measure(confidence[pick], right[pick]) for pick in picks]
        np.testing.assert_allclose(together, alone)


def test_a_model_that_is_right_as_often_as_it_says_is_calibrated() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.uniform(size=50_000)
    right = (rng.uniform(size=50_000) < confidence).astype(float)
    assert measure_ece(confidence, right) < 0.02
    # Confidence raised to a power keeps its order and is no longer true.
    assert measure_ece(confidence**4, right) > 0.2
    assert measure_auroc(confidence**4, right) == pytest.approx(measure_auroc(confidence, right))


def test_the_calibration_error_is_the_gap_between_confidence_and_share_that_is_right() -> None:
    right = np.array([1.0] * 60 + [0.0] * 40)
    np.random.default_rng(1).shuffle(right)
    assert measure_ece(np.full(100, 0.6), right) >= 0
    assert measure_ece(np.full(100, 1.0), right) == pytest.approx(0.4)
    assert measure_ece(np.full(100, 0.0), right) == pytest.approx(0.6)
    confidence = np.array([0.1] * 50 + [0.9] * 50)
    assert measure_ece(confidence, np.array([0.0] * 50 + [1.0] * 50)) == pytest.approx(0.1)
    assert measure_ece(confidence, np.array([1.0] * 50 + [0.0] * 50)) == pytest.approx(0.9)


@pytest.mark.parametrize("n", [1, 2, BINS - 1, BINS, BINS + 1])
def test_few_answers_fill_fewer_bins(n: int) -> None:
    assert measure_ece(np.linspace(0, 1, n), np.linspace(0, 1, n)) == 0.0


def test_answers_that_were_not_judged_do_not_count() -> None:
    examples = [make_example(id="1", confidence=0.9), make_example(id="2", confidence=0.2, judgement="wrong")]
    examples += [make_example(id=f"n{i}", confidence=0.99, judgement="not_judged") for i in range(5)]
    examples.append(make_example(id="3", confidence=None))
    assert list_confidences(examples) == [(0.9, True), (0.2, False)]
    slices = score_examples(examples)
    brier = find_score(slices, "cypher_schema/test_schema/brier")
    assert (brier.n, brier.value) == (2, pytest.approx((0.01 + 0.04) / 2))
    assert brier.low is not None
    assert brier.high is not None
    assert brier.low <= 0.025 <= brier.high
    assert find_score(slices, "cypher_schema/test_schema/auroc").value == 1.0


@pytest.mark.parametrize("judgement", ["right", "wrong"])
def test_where_all_are_right_or_all_wrong_there_is_no_auroc(judgement: str) -> None:
    slices = score_examples([make_example(id=str(i), confidence=i / 9, judgement=judgement) for i in range(9)])
    score = find_score(slices, "cypher_schema/test_schema/auroc")
    assert (score.n, score.value, score.low, score.high) == (9, None, None, None)
    assert find_score(slices, "cypher_schema/test_schema/ece").value is not None


def test_calibration_can_have_no_floor_where_lower_is_better() -> None:
    for name in ("ece", "brier"):
        with pytest.raises(UsageError, match="cannot have a floor"):
            check_gate(GateConfig(floors={f"action/test_iid/{name}": 0.1}), ("test_iid", "test_schema"))
    check_gate(GateConfig(floors={"action/test_iid/auroc": 0.7}), ("test_iid", "test_schema"))
