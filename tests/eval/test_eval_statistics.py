"""Intervals against known values and properties; the paired difference against what it is for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.statistics import bootstrap_interval, compare_paired, sum_ratio, wilson_interval


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, table I: method 3 (score without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_gives_the_published_values(right: int, n: int, low: float, high: float) -> None:
    interval = wilson_interval(right, n)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_holds_the_share_and_stays_within_zero_and_one(case: tuple[int, int]) -> None:
    right, n = case
    low, high = wilson_interval(right, n)
    assert 0 <= low <= right / n <= high <= 1
    mirrored = wilson_interval(n - right, n)
    assert mirrored.low == pytest.approx(1 - high, abs=1e-9)
    assert high > low  # never certain


@pytest.mark.parametrize(("right", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_a_share_of_nothing_has_no_interval(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="not a share"):
        wilson_interval(right, n)


def test_the_bootstrap_of_a_mean_agrees_with_its_standard_error() -> None:
    values = np.random.default_rng(3).normal(10, 2, 400)
    low, high = bootstrap_interval((values,), lambda sample: sample.mean(axis=-1))
    error = values.std() / math.sqrt(400)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)


def test_the_bootstrap_is_the_same_each_time_and_keeps_rows_together() -> None:
    numerators = np.arange(1.0, 51.0)
    columns = (numerators, 2 * numerators)
    assert bootstrap_interval(columns, sum_ratio) == (0.5, 0.5)  # only if a row's two parts are drawn together
    noisy = (numerators, np.ones(50))
    assert bootstrap_interval(noisy, sum_ratio) == bootstrap_interval(noisy, sum_ratio)


def test_an_interval_needs_a_row() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        bootstrap_interval((np.array([]),), lambda sample: sample.mean(axis=-1))


def test_models_are_compared_only_on_questions_that_both_were_asked() -> None:
    candidate = {"a": 1.0, "b": 1.0, "c": 0.0, "only here": 0.0}
    champion = {"a": 0.0, "b": 1.0, "c": 1.0, "only there": 0.0}
    difference = compare_paired(candidate, champion)
    assert difference is not None
    assert (difference.n, difference.value, difference.gained, difference.lost) == (3, 0.0, 1, 1)
    assert compare_paired({"a": 1.0}, {"b": 1.0}) is None


def test_the_same_answers_differ_by_exactly_nothing() -> None:
    answers = {str(index): float(index % 3 == 0) for index in range(100)}
    difference = compare_paired(answers, answers)
    assert difference is not None
    assert (difference.low, difference.value, difference.high) == (0.0, 0.0, 0.0)


def test_pairing_proves_a_difference_that_separate_intervals_hide() -> None:
    champion = {str(index): float(index < 120) for index in range(200)}
    candidate = {key: 1.0 if 120 <= int(key) < 132 else value for key, value in champion.items()}
    assert wilson_interval(132, 200).low < 0.6  # the champion's share lies inside the candidate's own interval
    difference = compare_paired(candidate, champion)
    assert difference is not None
    assert difference.low > 0
    assert (difference.gained, difference.lost) == (12, 0)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_swapping_the_models_turns_the_difference_round(pairs: list[tuple[bool, bool]]) -> None:
    left = {str(i): float(pair[0]) for i, pair in enumerate(pairs)}
    right = {str(i): float(pair[1]) for i, pair in enumerate(pairs)}
    there, back = compare_paired(left, right), compare_paired(right, left)
    assert there is not None
    assert back is not None
    assert there.value == pytest.approx(-back.value)
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert there.low - 1e-12 <= there.value <= there.high + 1e-12
