"""What rows cost by the thousand: seconds and peak memory (all processes together) of making and of validating them.

python benchmarks/scale.py [--kind sentiment] [--rows 62500 250000 1000000] [--directory DIR]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

_EVERY = 0.5  # seconds between looks at the memory


def run(*arguments: str | Path) -> tuple[float, float, int]:
    """Runs a `heimdall` command; gives its seconds, the most megabytes that it and its children held, its exit code."""
    started, most = time.perf_counter(), 0
    with subprocess.Popen(
        [Path(sys.executable).with_name("heimdall"), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, _measure(watched))
            time.sleep(_EVERY)
    return time.perf_counter() - started, most / 1e6, process.returncode


def _measure(process: psutil.Process) -> int:
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for each in family:
        try:
            total += each.memory_full_info().uss  # what is its own: shared libraries count for none
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="sentiment")
    parser.add_argument("--rows", type=int, nargs="+", default=[62_500, 250_000, 1_000_000])
    parser.add_argument("--directory", type=Path)
    options = parser.parse_args()
    print("| rows | file | made in | memory | validated in | memory | exit code |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        file = Path(name) / "rows.jsonl"
        for rows in options.rows:
            made = run("data", "generate", options.kind, "--count", rows, "--output", file, "--to", "rows")
            size = file.stat().st_size / 1e6
            read = run("validate", file)
            cells = (f"{made[0]:.0f} s", f"{made[1]:.0f} MB", f"{read[0]:.0f} s", f"{read[1]:.0f} MB", read[2])
            print(f"| {rows} | {size:.0f} MB | {' | '.join(map(str, cells))} |", flush=True)
