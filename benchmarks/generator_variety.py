"""How varied the rows of the single-question generators are: python -m benchmarks.generator_variety [ROWS].

For each generator: distinct questions (case, spacing and final punctuation aside) among ROWS drawn for training, how
many times gzip shrinks those questions, questions with two answers, and rows per second of this process's own time.
"""

import gzip
import random
import sys
import time
from collections.abc import Callable

from datagen.coding import draw_code
from datagen.draft import Draft, draw_fitting
from datagen.examples import GENERAL
from datagen.generate import normalize_question
from heimdall.config import DataConfig

_CONFIG = DataConfig(train_rows=1, split_rows=1)


def measure(draw: Callable[[int], Draft | None], rows: int) -> str:
    """The cells of one row of the table."""
    started = time.process_time()
    drafts = [draft for number in range(rows) if (draft := draw(number)) is not None]
    seconds = time.process_time() - started
    answers: dict[str, set[str]] = {}
    for draft in drafts:
        answers.setdefault(normalize_question(draft.question), set()).add(draft.answer)
    text = "\n".join(answers).encode()
    ratio = len(text) / len(gzip.compress(text))
    contradictions = sum(len(found) > 1 for found in answers.values())
    return f"{len(answers)} | {ratio:.1f} | {contradictions} | {len(drafts) / seconds:.0f}"


def main(rows: int) -> None:
    """Prints the table."""
    print("| generator | distinct | gzip ratio | contradictions | rows/s |")
    print("| --- | --- | --- | --- | --- |")
    for make in GENERAL:
        rng = random.Random(1)
        cells = measure(lambda _, make=make, rng=rng: draw_fitting(make, rng, "train"), rows)  # type: ignore[misc]
        print(f"| {make.__name__.removeprefix('draw_')} | {cells} |", flush=True)
    rng = random.Random(1)
    print(f"| code | {measure(lambda number: draw_code(_CONFIG, rng, 'train', number), rows)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
