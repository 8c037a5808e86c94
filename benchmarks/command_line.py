"""How long `heimdall --help` takes, as a user waits for it: the best and the median of ten runs.

python benchmarks/command_line.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 10


def main() -> None:
    """Prints both figures in milliseconds."""
    command = [str(Path(sys.executable).with_name("heimdall")), "--help"]
    subprocess.run(command, check=True, capture_output=True)  # bytecode is compiled once
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(1000 * (time.perf_counter() - start))
    print(f"heimdall --help: best {min(times):.0f} ms, median {statistics.median(times):.0f} ms of {RUNS}")


if __name__ == "__main__":
    main()
