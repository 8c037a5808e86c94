"""What a generator makes: a question with its answer, before it is a row of a data set.

A generator is a function of a split and a source of randomness. It keeps apart by itself what the split holds out:
wordings (`datagen.phrasing`) in `test_phrasing`, facts and cases in `test_fact`.
"""

from typing import NamedTuple
from zlib import crc32

from heimdall.answers import Answer
from heimdall.rows import Message, Prompt, Split

_HELD_OUT_SHARE = 8  # one source in so many


class Draft(NamedTuple):
    """A question and its answer. `prompt` is None where the question comes under NornicDB's system prompt; `source`
    names the fact or case that it is about; `productions` are the wordings used; `history` are the turns before it."""

    category: str
    question: str
    answer: str
    expected: Answer
    source: str | None = None
    productions: tuple[str, ...] = ()
    prompt: Prompt | None = None
    history: tuple[Message, ...] = ()


def fits_split(source: str, split: Split) -> bool:
    """Whether questions about this fact or case may stand in the split: one fact in eight is in `test_fact` alone."""
    held_out = crc32(source.encode()) % _HELD_OUT_SHARE == 0
    return held_out == (split == "test_fact")
