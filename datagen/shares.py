"""Which of several kinds comes next, by their shares: at random, or so that any run of rows holds each in its share."""

import random
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")
_GOLDEN = 0.6180339887498949  # its multiples spread evenly over the unit interval


def choose_share(shares: Mapping[T, float], rng: random.Random) -> T:
    """One of the keys by its share; without a roll of the dice where there is one."""
    return next(iter(shares)) if len(shares) == 1 else rng.choices(tuple(shares), tuple(shares.values()))[0]


def share_of_turn(shares: Mapping[T, float], number: int) -> T:
    """The key that follows from a row's number: any run of numbers holds each in its share, to within a few."""
    place = number * _GOLDEN % 1
    for key, share in shares.items():
        place -= share
        if place < 0:
            return key
    return next(key for key, share in shares.items() if share)  # shares that add up to a hair less than one
