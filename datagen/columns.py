"""What is kept of every row while a data set is read: a few numbers, so that a million rows fit into memory.

Texts are kept as 64-bit digests, whose equality stands for theirs: among a million different texts two share one in
fewer than one of ten million data sets. Zero stands for nothing to compare.
"""

import hashlib
from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from datagen.formats import Conversation
from datagen.generate import normalize_question
from heimdall.answers import fold
from heimdall.files import digest_json

Numbers = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint64]


def digest_text(text: str) -> int:
    """64 bits of a text, never zero."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") or 1


class Columns:
    """Rows in the order in which they were added, by number from 0."""

    def __init__(self) -> None:
        self.splits: list[str] = []
        self._files: list[str] = []
        self._file, self._line, self._split = array("I"), array("Q"), array("I")
        self._known: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._digests = {name: array("Q") for name in ("id", "question", "prompt", "answer", "source")}

    def __len__(self) -> int:
        return len(self._line)

    def add(self, items: Sequence[Conversation]) -> None:
        """Adds rows."""
        for item in items:
            file, _, line = item.place.rpartition(":")
            self._file.append(_number(file, self._files, self._known[0]))
            self._line.append(int(line))
            self._split.append(_number(item.split, self.splits, self._known[1]))
            prompt = " ".join(item.prompt.split())
            kept = {
                "id": item.row.id if item.row is not None else "",
                "question": normalize_question(item.asked),
                "prompt": prompt,
                "answer": _say_answer(item),
                "source": (item.row.source or "") if item.row is not None else "",
            }
            for name, text in kept.items():
                self._digests[name].append(digest_text(text) if text else 0)

    def place(self, number: int) -> str:
        """Where a row stands: `file:line`."""
        return f"{self._files[self._file[number]]}:{self._line[number]}"

    def rows_of(self, split: str) -> Numbers:
        """The numbers of a split's rows, rising."""
        if split not in self.splits:
            return np.empty(0, np.int64)
        return np.flatnonzero(np.frombuffer(self._split, np.uint32) == self.splits.index(split))

    def split_numbers(self) -> Digests:
        """For each row the number of its split."""
        return np.frombuffer(self._split, np.uint32).astype(np.uint64)

    def digests(self, name: str) -> Digests:
        """The digests of all rows' `id`, `question` (normalized), `prompt` (with its case), `answer` or `source`."""
        return np.frombuffer(self._digests[name], np.uint64)


def find_first(keys: Digests) -> Numbers:
    """For each row the number of the first row with the same key; a key of zero is nobody's but the row's own."""
    if not len(keys):
        return np.empty(0, np.int64)
    order = np.argsort(keys, kind="stable")
    begins = np.r_[True, keys[order][1:] != keys[order][:-1]]
    first = np.empty(len(keys), np.int64)
    first[order] = order[np.maximum.accumulate(np.where(begins, np.arange(len(keys)), 0))]
    return np.where(keys == 0, np.arange(len(keys)), first)


def find_among(keys: Digests, others: Digests) -> Numbers:
    """For each key the place of the first equal one among others, or -1; also for a key of zero."""
    if not len(others):
        return np.full(len(keys), -1, np.int64)
    order = np.argsort(others, kind="stable")
    at = np.minimum(np.searchsorted(others[order], keys), len(others) - 1)
    return np.where((others[order][at] == keys) & (keys != 0), order[at], -1)


def _number(name: str, names: list[str], known: dict[str, int]) -> int:
    if name not in known:
        known[name] = len(names)
        names.append(name)
    return known[name]


def _say_answer(item: Conversation) -> str:
    """Equal for answers that say the same."""
    return digest_json(item.row.expected.model_dump(mode="json")) if item.row is not None else fold(item.answer)
