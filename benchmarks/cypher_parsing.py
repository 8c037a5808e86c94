"""How well and how fast queries are told from texts that are none.

python benchmarks/cypher_parsing.py --tck CHECKOUT_OF_OPENCYPHER [--queries FILE.json] [--workers N] [--list]
"""

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from gherkin.parser import Parser
from gherkin.pickles.compiler import Compiler

from cypher.parse import check_many

# The TCK's own names for what is wrong with the letters alone; every other error of compile time is one of meaning.
GRAMMATICAL = {
    "UnexpectedSyntax",
    "InvalidNumberLiteral",
    "InvalidUnicodeCharacter",
    "InvalidUnicodeLiteral",
    "InvalidRelationshipPattern",
}


def main() -> None:
    """Prints the figures of the files that are named."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tck", type=Path, help="a checkout of github.com/opencypher/openCypher")
    arguments.add_argument("--queries", type=Path, help="a JSON list of texts, or of objects with `q` and `expect_err`")
    arguments.add_argument("--workers", type=int, default=1, help="processes that check side by side")
    arguments.add_argument("--list", action="store_true", help="print each query that is not judged as it should be")
    given = arguments.parse_args()
    groups: dict[str, list[str]] = defaultdict(list)
    if given.tck:
        for group, query in read_tck(given.tck):
            groups[group].append(query)
        if not groups:
            arguments.error(f"{given.tck} holds no .feature files")
    if given.queries:
        for item in json.loads(given.queries.read_text(encoding="utf-8")):
            text, wrong = (item, False) if isinstance(item, str) else (item["q"], item.get("expect_err", False))
            groups[f"{given.queries.name}, {'errors' if wrong else 'valid'}"].append(text)
    if not groups:
        arguments.error("name --tck, --queries or both")
    for group, found in groups.items():
        measure(group, list(dict.fromkeys(found)), given.workers, given.list)


def measure(group: str, queries: list[str], workers: int, listing: bool) -> None:
    """Prints how many of one group are accepted or refused, and how fast."""
    start, used = time.perf_counter(), _measure_cpu()
    problems = check_many(queries, workers)
    seconds, used = time.perf_counter() - start, _measure_cpu() - used
    valid = group.endswith("valid")
    right = sum((problem is None) == valid for problem in problems)
    print(
        f"{group}: {right} of {len(queries)} {'accepted' if valid else 'refused'} "
        f"({100 * right / len(queries):.2f} %), {len(queries) / seconds:.0f} queries per second, "
        f"{1000 * used / len(queries):.2f} ms of processor time each"
    )
    for query, problem in zip(queries, problems, strict=True):
        if listing and (problem is None) != valid:
            print("   ", repr(query), problem or "")


def _measure_cpu() -> float:
    """Seconds of processor time of this process and of its workers that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def read_tck(checkout: Path) -> Iterator[tuple[str, str]]:
    """Each query of the TCK's scenarios with its group. A query that fails only on data is a valid one."""
    for path in sorted(checkout.rglob("*.feature")):
        document = {"uri": str(path), **Parser().parse(path.read_text(encoding="utf-8"))}
        for pickle in Compiler().compile(document):
            yield from _read_scenario(pickle["steps"])


def _read_scenario(steps: list[dict]) -> Iterator[tuple[str, str]]:
    outcome = "TCK, valid"
    for step in steps:
        if "should be raised at compile time" in step["text"]:
            detail = step["text"].rsplit(":", 1)[1].strip()
            outcome = "TCK, grammatical errors" if detail in GRAMMATICAL else "TCK, errors of meaning"
    for step in steps:
        query = step.get("argument", {}).get("docString", {}).get("content")
        if query is not None:
            yield (outcome if "executing query" in step["text"] else "TCK, valid"), query


if __name__ == "__main__":
    print(f"{os.cpu_count()} processors")
    main()
