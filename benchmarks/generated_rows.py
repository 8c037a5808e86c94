"""Whether a file of generated rows holds what docs/data.md says: different questions, the mix, proofs, variety.

heimdall data generate heimdall --count 5000 --to rows --output rows.jsonl
python benchmarks/generated_rows.py rows.jsonl
"""

import gzip
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cypher.parse import check_syntax
from datagen.comparison import split_context
from datagen.diversity import SAMPLE, remove_names
from datagen.formats import read_conversations
from datagen.generate import normalize_question
from datagen.near_duplicates import NearDuplicates
from heimdall.rows import Family, Proof

_GROUPS: dict[Family, str] = {
    "cypher_schema": "Cypher",
    "cypher_plain": "Cypher",
    "operations": "operations",
    "action": "actions",
    "cypher_help": "troubleshooting",
}
_BATCH = 1000


def is_shown(proof: Proof, category: str | None) -> bool:
    """Whether a query returned something on every graph; a write, whether it changed one at least."""
    return (max if category == "write" else min)(proof.result_rows) > 0


def describe(file: Path) -> Iterator[tuple[str, str]]:
    """Names and figures."""
    answers: dict[str, set[str]] = {}
    groups: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    phrasings: set[str] = set()
    sample: list[str] = []
    with NearDuplicates(0.8) as index:
        for item in read_conversations(file):
            row = item.row
            assert row is not None
            index.add([split_context(item.asked)])
            answers.setdefault(normalize_question(item.prompt), set()).add(item.answer)
            groups[_GROUPS.get(row.family, row.family)] += 1
            phrasings.add(remove_names(item))
            sample += [split_context(item.prompt)[1]] if len(sample) < SAMPLE else []
            if row.query is not None:
                counts["queries"] += 1
                counts["parsed"] += check_syntax(row.query) is None
            if row.proof is not None:
                counts["proven"] += 1
                counts["shown"] += is_shown(row.proof, row.category)
                counts["mutants"] += row.proof.mutants
                counts["killed"] += row.proof.killed
        total = groups.total()
        numbers = np.arange(total)
        near = sum(1 for _ in index.find(numbers, numbers))
    yield "rows", f"{total}, of which {len(answers)} ask something else (case, spacing, final punctuation aside)"
    yield "mix", ", ".join(f"{name} {count / total:.1%}" for name, count in groups.most_common())
    yield "questions with several answers", str(sum(len(found) > 1 for found in answers.values()))
    yield "queries that parse", f"{counts['parsed']} of {counts['queries']}"
    yield "queries that were run, and returned something", f"{counts['shown']} of {counts['proven']}"
    yield "mutants told apart", f"{counts['killed'] / max(1, counts['mutants']):.1%} of {counts['mutants']}"
    yield "different without values and names", str(len(phrasings))
    yield "near duplicates", f"{near / total:.2%}"
    text = "\n".join(sample).encode()
    yield f"gzip ratio of {len(sample)} questions", f"{len(text) / len(gzip.compress(text)):.2f}"


if __name__ == "__main__":
    for name, figure in describe(Path(sys.argv[1])):
        print(f"| {name} | {figure} |")
