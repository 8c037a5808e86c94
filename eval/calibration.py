"""How well a model knows when it is right: its confidence in each answer against whether that answer was right.

Confidence is the probability that the model gives to its whole answer, the end included (docs/evaluation.md says why).
All functions take arrays `[..., n]` whose last axis are answers, so that a bootstrap computes all resamples at once.
"""

import numpy as np

from eval.statistics import Array

BINS = 10


def measure_ece(confidence: Array, right: Array) -> Array:
    """Expected calibration error: the mean distance between confidence and the share that is right, over bins of equal
    mass, weighted by their answers (Naeini et al. 2015; equal mass: Nguyen and O'Connor 2015).

    With few answers it is above zero also for a model that is perfectly calibrated.
    """
    order = np.argsort(confidence, axis=-1, kind="stable")
    gaps = np.take_along_axis(confidence - right, order, axis=-1)
    bins = np.array_split(gaps, min(BINS, gaps.shape[-1]), axis=-1)
    distance: Array = sum((np.abs(part.sum(axis=-1)) for part in bins), np.zeros(gaps.shape[:-1])) / gaps.shape[-1]
    return distance


def measure_brier(confidence: Array, right: Array) -> Array:
    """Brier score: the mean squared distance between confidence and outcome, 0 to 1 (Brier 1950)."""
    score: Array = ((confidence - right) ** 2).mean(axis=-1)
    return score


def measure_auroc(confidence: Array, right: Array) -> Array:
    """How often a right answer has a higher confidence than a wrong one, ties counting half (Mann and Whitney 1947).

    Not a number where all answers are right or all are wrong.
    """
    from scipy.stats import rankdata

    n = right.sum(axis=-1)
    above = (rankdata(confidence, axis=-1) * right).sum(axis=-1) - n * (n + 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Array = above / (n * (right.shape[-1] - n))
    return share
