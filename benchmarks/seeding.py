"""For how many queries of a suite small graphs are found, and how many near misses those tell apart.

    python benchmarks/seeding.py SUITE [SUITE …] [--queries 200]

The suites are files that `heimdall evaluate --suite` takes; a random sample of each is drawn.
"""

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from eval.seeded import seed_suite
from eval.suite import read_suite
from heimdall.progress import TerminalProgress
from nornicdb.contract import load_reference_contract


def main() -> None:
    """Prints a line for each suite and the reasons for queries without graphs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path, nargs="+")
    parser.add_argument("--queries", type=int, default=200, help="how many of each suite")
    wanted = parser.parse_args()
    for suite in wanted.suites:
        rows = read_suite(suite, load_reference_contract())
        sample = random.Random(1).sample(rows, min(wanted.queries, len(rows)))
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as name:
            made = seed_suite(sample, 1, os.cpu_count() or 1, Path(name), TerminalProgress("seed", "queries"))
        seconds = time.perf_counter() - started
        share = f"{made.seeded / made.questions:.1%}" if made.questions else "-"
        killed = f"{made.killed / made.mutants:.1%}" if made.mutants else "-"
        print(f"{suite.name}: {len(rows)} questions, {len(sample)} drawn, {made.questions} with a query that is right")
        print(
            f"  graphs for {made.seeded} ({share}), {killed} of {made.mutants} near misses told apart, {seconds:.0f} s"
        )
        for note in made.notes:
            print(f"  {note}")


if __name__ == "__main__":
    main()
