"""Measures the generator on one core: verified unique rows a second, mutants told apart, and how varied questions are.

python benchmarks/generation.py [--preset heimdall] [--rows 2000]
"""

import argparse
import gzip
import time
from collections import Counter
from itertools import count

import numpy as np

from datagen.comparison import delexicalize, find_names, split_context
from datagen.examples import SCHEMA_FAMILIES, ChunkSpec, make_chunk
from datagen.generate import normalize_question
from datagen.near_duplicates import NearDuplicates
from heimdall.rows import Row
from nornicdb.contract import load_reference_contract
from presets.loader import load_preset


def generate(preset: str, family: str, rows: int) -> tuple[list[Row], float]:
    """Training rows with different questions, and the processor seconds that they took."""
    config = load_preset(preset).data
    contract = load_reference_contract()
    found: dict[str, Row] = {}
    start = time.process_time()
    for number in count():
        chunk = make_chunk(ChunkSpec(config, "train", family, number, contract))  # type: ignore[arg-type]
        for row in chunk.rows:
            found.setdefault(normalize_question(row.question), row)
        if len(found) >= rows:
            return list(found.values())[:rows], time.process_time() - start
    raise AssertionError


def strip_names(row: Row) -> str:
    """A question without values, numbers and what its query calls things: equal where only the vocabulary differs."""
    _, question = delexicalize(row.query, row.question)
    names = {part.lower() for name in find_names(row.query, row.question) for part in name.split("_")}
    return " ".join("#" if word.strip(".,?:;'\"") in names else word for word in question.split())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="heimdall")
    parser.add_argument("--rows", type=int, default=2000)
    options = parser.parse_args()
    for family in SCHEMA_FAMILIES:
        rows, seconds = generate(options.preset, family, options.rows)
        if not load_preset(options.preset).data.shares.get(family):
            continue
        proofs = [row.proof for row in rows if row.proof is not None and row.proof.mutants]
        questions = [split_context(row.question)[1] for row in rows]
        text = "\n".join(questions).encode()
        with NearDuplicates(0.8) as index:
            index.add([split_context(row.question) for row in rows])
            numbers = np.arange(len(rows))
            near = sum(1 for _ in index.find(numbers, numbers))
        print(f"{family}: {len(rows) / seconds:.0f} verified unique rows a second of one core's time")
        print(f"  classes: {dict(Counter(row.category for row in rows).most_common())}")
        print(f"  operators: {len({operator for row in rows for operator in row.operators})}")
        print(f"  skeletons: {len({row.skeleton for row in rows})}")
        print(f"  mutants told apart: {sum(p.killed for p in proofs) / max(1, sum(p.mutants for p in proofs)):.1%}")
        print(
            f"  different questions without values and names: {len({strip_names(row) for row in rows})} of {len(rows)}"
        )
        print(f"  derivations: {len({(row.skeleton, row.productions) for row in rows})}")
        print(f"  near duplicates: {near / len(rows):.2%}")
        print(f"  gzip ratio of the questions: {len(text) / len(gzip.compress(text)):.2f}")
