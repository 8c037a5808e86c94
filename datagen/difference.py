"""What distinguishes a data set's rows from another's, such as those that the champion was trained on."""

from collections import Counter
from collections.abc import Iterable

from datagen.columns import digest_text
from datagen.formats import Conversation
from heimdall.refs import Record

_SHOWN = 5


class Difference(Record):
    """Rows by their question, whatever file or split they are in: `changed` ones have another answer now.

    `examples` are places of new and changed rows.
    """

    new: int
    changed: int
    same: int
    gone: int
    examples: tuple[str, ...]


class Comparison:
    """Compares rows as they pass with others; of both only digests are held."""

    def __init__(self, others: Iterable[Conversation]) -> None:
        self._before = {digest_words(item.asked): digest_words(item.answer) for item in others}
        self._counts, self._seen = Counter[str](), set[int]()
        self._examples: list[str] = []

    def add(self, items: Iterable[Conversation]) -> None:
        """Compares rows; of rows with one question only the first counts."""
        for item in items:
            key = digest_words(item.asked)
            if key in self._seen:
                continue
            self._seen.add(key)
            before = self._before.get(key)
            kind = "new" if before is None else "same" if before == digest_words(item.answer) else "changed"
            self._counts[kind] += 1
            if kind != "same" and len(self._examples) < _SHOWN:
                self._examples.append(f"{item.place}: {kind}")

    def summarize(self) -> Difference:
        """What was found."""
        counts = {kind: self._counts[kind] for kind in ("new", "changed", "same")}
        return Difference(**counts, gone=len(self._before.keys() - self._seen), examples=tuple(self._examples))


def digest_words(text: str) -> int:
    """Of a text's words: spacing does not matter, case does."""
    return digest_text(" ".join(text.split()))
