"""What an answer has otherwise than the expected one, word by word, for people to read."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
# Below this the two texts have little in common, and a mixture of both is harder to read than each by itself.
_ALIKE = 0.3


class Piece(NamedTuple):
    """A stretch of text that both have, or that is `missing` from the answer or was `added` in it."""

    kind: Literal["same", "missing", "added"]
    text: str


def diff_words(expected: str, answer: str) -> list[Piece]:
    """The stretches of both texts in reading order; empty where they have too little in common.

    Without those that were added they are the expected text, without those that are missing the answer.
    """
    before, after = _WORDS.findall(expected), _WORDS.findall(answer)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return []
    pieces = []
    for tag, start, end, from_, to in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", _join(before[start:end])))
        else:
            pieces += [Piece("missing", _join(before[start:end])), Piece("added", _join(after[from_:to]))]
    return [piece for piece in pieces if piece.text]


def _join(words: Sequence[str]) -> str:
    return "".join(words)
