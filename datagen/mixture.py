"""Rows of several sources in one file, each source with its share: how one model is trained on several tasks.

Of a source, training rows alone are taken, and none of them twice: a repeated row is learnt by heart. Sources are read
twice as streams, once to be counted.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from datagen.formats import Conversation, Format, get_writer, read_conversations, to_record, write_records
from datagen.replay import prefix_ids
from heimdall.errors import InputError, UsageError


def read_weights(texts: Sequence[str]) -> dict[str, Fraction]:
    """Sources by name with their weights, out of texts like `mine.jsonl=3`; without one a weight is 1.

    Raises `UsageError` for a weight that is no number above 0, and for a source that is named twice.
    """
    weights: dict[str, Fraction] = {}
    for text in texts:
        source, _, weight = text.rpartition("=") if "=" in text else (text, "", "1")
        try:
            found = Fraction(weight)
        except (ValueError, ZeroDivisionError):
            found = Fraction(0)
        if not source or found <= 0:
            raise UsageError(f"'{text}' must name a source and a weight above 0, as in mine.jsonl=3.")
        if source in weights:
            raise UsageError(f"'{source}' is named twice.")
        weights[source] = found
    return weights


def mix_sources(
    weights: Mapping[str, Fraction], output: Path, to: Format, count: int | None, seed: int
) -> dict[str, int]:
    """Writes `count` rows, or as many as the sources allow, drawn at random; returns how many are of each source.

    The same seed gives the same bytes. Raises `InputError` for a broken record, and where a source has too few rows.
    """
    get_writer(output, to)  # before the work
    sizes = {source: sum(1 for _ in _read_training(source)) for source in weights}
    counts = share_rows(weights, sizes, count)
    write_records(output, (to_record(found, to) for found in _draw(counts, sizes, seed)), to)
    return counts


def share_rows(weights: Mapping[str, Fraction], sizes: Mapping[str, int], count: int | None) -> dict[str, int]:
    """How many rows are taken of each source: its share, rounded by largest remainders so that all add up."""
    total = sum(weights.values())
    shares = {source: weight / total for source, weight in weights.items()}
    most = min(int(sizes[source] / share) for source, share in shares.items())
    wanted = most if count is None else count
    counts = {source: int(wanted * share) for source, share in shares.items()}
    by_remainder = sorted(shares, key=lambda source: counts[source] - wanted * shares[source])
    for source in by_remainder[: wanted - sum(counts.values())]:
        counts[source] += 1
    for source, rows in counts.items():
        if rows > sizes[source] or not wanted:
            raise InputError(
                f"'{source}' has {sizes[source]} training rows, {rows or 1} are its share; ask for at most {most} rows "
                "(--count), or give it a smaller weight."
            )
    return counts


def _draw(counts: Mapping[str, int], sizes: Mapping[str, int], seed: int) -> Iterator[Conversation]:
    rng, left = random.Random(seed), dict(counts)
    places = {source: place for place, source in enumerate(counts, start=1)}
    sources = {source: _sample(source, rows, sizes[source], seed) for source, rows in counts.items()}
    while any(left.values()):
        source = rng.choices(tuple(left), tuple(left.values()))[0]
        left[source] -= 1
        found = next(sources[source])
        row = None if found.row is None else prefix_ids(found.row, f"{places[source]}-")
        yield found._replace(row=row)


def _sample(source: str, wanted: int, size: int, seed: int) -> Iterator[Conversation]:
    """`wanted` of a source's rows in their order, every choice of them as likely (Knuth, TAOCP 2, algorithm S)."""
    rng = random.Random(f"{seed}/{source}")
    for seen, found in enumerate(_read_training(source)):
        if rng.random() * (size - seen) < wanted:
            wanted -= 1
            yield found


def _read_training(source: str) -> Iterator[Conversation]:
    return (found for found in read_conversations(source) if found.split == "train")
