"""What distinguishes a data set's rows from another's, such as those that the champion was trained on."""

import hashlib
from collections.abc import Iterable

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


def compare_data(items: Iterable[Conversation], others: Iterable[Conversation]) -> Difference:
    """Compares rows with other rows; neither is held in memory, only digests are."""
    before = {_digest(item.asked): _digest(item.answer) for item in others}
    counts, examples, seen = {"new": 0, "changed": 0, "same": 0}, list[str](), set[bytes]()
    for item in items:
        key = _digest(item.asked)
        if key in seen:
            continue
        seen.add(key)
        kind = "new" if key not in before else "same" if before[key] == _digest(item.answer) else "changed"
        counts[kind] += 1
        if kind != "same" and len(examples) < _SHOWN:
            examples.append(f"{item.place}: {kind}")
    return Difference(**counts, gone=len(before.keys() - seen), examples=tuple(examples))


def _digest(text: str) -> bytes:
    """Of a text's words: spacing does not matter, case does."""
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=12).digest()
