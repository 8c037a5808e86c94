"""What a generator makes: a question with its answer, before it is a row of a data set.

A generator is a function of a split and a source of randomness. It keeps apart by itself what the split holds out:
wordings (`datagen.phrasing`) in `test_phrasing`, facts and cases in `test_fact`.
"""

import random
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

from datagen.phrasing import Phraser
from heimdall.answers import Answer
from heimdall.rows import Found, Message, Prompt, Split

_HELD_OUT_SHARE = 8  # one source in so many
_ATTEMPTS = 60  # until a draft that fits its split is given up


class Draft(NamedTuple):
    """A question and its answer. `prompt` is None where the question comes under NornicDB's system prompt; `source`
    names the fact or case that it is about; `productions` are the wordings used; `history` are the turns before it,
    `knowledge` what NornicDB has found for it."""

    category: str
    question: str
    answer: str
    expected: Answer
    source: str | None = None
    productions: tuple[str, ...] = ()
    prompt: Prompt | None = None
    history: tuple[Message, ...] = ()
    knowledge: tuple[Found, ...] = ()


def fits_split(source: str, split: Split) -> bool:
    """Whether questions about this fact or case may stand in the split: one fact in eight is in `test_fact` alone."""
    held_out = crc32(source.encode()) % _HELD_OUT_SHARE == 0
    return held_out == (split == "test_fact")


def draw_fitting(make: Callable[[Phraser], Draft], rng: random.Random, split: Split) -> Draft | None:
    """The first of some drafts that may stand in the split, with the wordings it used; None if none may."""
    for _ in range(_ATTEMPTS):
        phraser = Phraser(rng, held_out=split == "test_phrasing")
        draft = make(phraser)
        if phraser.fits and fits_split(draft.source or draft.question, split):
            return draft._replace(productions=tuple(phraser.used))
    return None
