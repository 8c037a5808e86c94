"""How sure a figure is: intervals for shares, ratios and quantiles, and the paired difference between two models."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from heimdall.refs import Record

Z_95 = 1.959963984540054  # 97.5 % quantile of the normal distribution
RESAMPLES = 2000
Array = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """The bounds of a two-sided 95 % interval."""

    low: float
    high: float


class Difference(Record):
    """Candidate minus champion on the same `n` questions: mean, 95 % interval, and how many questions moved."""

    n: int
    value: float
    low: float
    high: float
    gained: int
    lost: int


def wilson_interval(right: int, n: int) -> Interval:
    """Wilson's score interval of a share, honest near 0 and 1 and for small n (Wilson 1927).

    Raises ValueError for n < 1.
    """
    if n < 1 or not 0 <= right <= n:
        raise ValueError(f"{right} of {n} is not a share")
    share, z2 = right / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def bootstrap_interval(columns: tuple[Array, ...], statistic: Callable[..., Array], seed: int = 1) -> Interval:
    """Percentile bootstrap over rows (Efron 1979).

    `columns` are arrays of shape (n,) whose rows belong together; `statistic` gets them resampled, each of shape
    (resamples, n), and returns one figure per resample; resamples whose figure is not a number are left out. Raises
    ValueError when there is no row.
    """
    n = len(columns[0])
    if n == 0:
        raise ValueError("an interval needs at least one row")
    picks = np.random.default_rng(seed).integers(0, n, size=(RESAMPLES, n))
    figures = statistic(*(column[picks] for column in columns))
    low, high = np.nanquantile(figures, (0.025, 0.975))
    return Interval(float(low), float(high))


def sum_ratio(numerators: Array, denominators: Array) -> Array:
    """Sum over sum along the last axis: the ratio in which long rows weigh more than short ones."""
    result: Array = numerators.sum(axis=-1) / denominators.sum(axis=-1)
    return result


def find_noise_floor(n: int, moved: float) -> float:
    """The smallest difference between two shares over the same `n` questions that is not noise: whose 95 % interval
    lies beside zero.

    `moved` is the share of questions on which the two models differ. The paired difference d has the variance
    (moved - d²) / n, so d = z √(moved / (n + z²)) is where its normal interval begins to leave out zero; and never less
    than six questions: five that all move to one side do so by chance in more than one case of twenty (sign test).
    """
    if n < 1:
        raise ValueError("a difference needs at least one question")
    return min(1.0, max(6 / n, Z_95 * math.sqrt(moved / (n + Z_95**2))))


def compare_paired(candidate: Mapping[str, float], champion: Mapping[str, float], seed: int = 1) -> Difference | None:
    """Paired bootstrap over the questions that both models were asked, by row id; None when they share none.

    Far narrower than comparing two intervals, because what makes a question hard is the same for both.
    """
    shared = sorted(candidate.keys() & champion.keys())
    if not shared:
        return None
    moved = np.array([candidate[key] - champion[key] for key in shared], dtype=np.float64)
    low, high = bootstrap_interval((moved,), lambda sample: sample.mean(axis=-1), seed)
    return Difference(
        n=len(shared),
        value=float(moved.mean()),
        low=low,
        high=high,
        gained=int((moved > 0).sum()),
        lost=int((moved < 0).sum()),
    )
