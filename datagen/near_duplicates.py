"""Finds questions that nearly repeat another one: MinHash proposes pairs, the Jaccard index of shingles decides."""

import zlib
from collections.abc import Iterable, Sequence

from datasketch import MinHash, MinHashLSH

SHINGLE = 5  # characters
PERMUTATIONS = 64


class NearDuplicates:
    """An index of questions. Only questions over the same context (a schema's text, or nothing) are compared."""

    def __init__(self, jaccard: float) -> None:
        self._jaccard = jaccard
        self._index = MinHashLSH(threshold=jaccard, num_perm=PERMUTATIONS)
        self._shingles: list[frozenset[int]] = []

    def add(self, questions: Sequence[tuple[str, str]], *, keep: bool = True) -> list[int | None]:
        """For each (context, question): the place of a near duplicate among those kept before, or None.

        MinHash with 64 permutations misses some pairs close to the threshold and proposes some below it; the latter are
        removed here, so what is returned is right and may be too little.
        """
        found: list[int | None] = []
        shingles = [_shingle(context, question) for context, question in questions]
        for shingle, sketch in zip(shingles, _sketch(shingles), strict=True):
            near = (place for place in self._index.query(sketch) if self._is_near(shingle, place))
            found.append(min(near, default=None))
            if keep:
                self._index.insert(len(self._shingles), sketch)
                self._shingles.append(shingle)
        return found

    def _is_near(self, shingle: frozenset[int], place: int) -> bool:
        other = self._shingles[place]
        return len(shingle & other) >= self._jaccard * len(shingle | other)


def _shingle(context: str, question: str) -> frozenset[int]:
    """The hashed character 5-grams of a question; those of another context share no hash but by accident."""
    text = " ".join(question.lower().split())
    seed = zlib.crc32(context.encode())
    starts = range(max(1, len(text) - SHINGLE + 1))
    return frozenset(zlib.crc32(text[start : start + SHINGLE].encode(), seed) for start in starts)


def _sketch(shingles: Iterable[frozenset[int]]) -> list[MinHash]:
    # The shingles are hashes already.
    sketches: list[MinHash] = MinHash.bulk(shingles, num_perm=PERMUTATIONS, hashfunc=int)
    return sketches
