"""Rows a second of processor time, different and proven, with one process and with two, beside the scripts of old.

python benchmarks/generation_speed.py [--rows 2000] [--old CHECKOUT_OF_NORNICDB]

Right rows of the old scripts are those whose question has no other answer in the same file; nothing else is checked.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from datagen.generate import generate_file
from datagen.kinds import KINDS, make_config
from heimdall.config import DataConfig
from nornicdb.contract import load_reference_contract
from nornicdb.facts import resolve_facts
from presets.loader import load_preset


def count_seconds() -> float:
    """Processor seconds of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(config: DataConfig, workers: int) -> float:
    """Rows a second, if each process had a core of its own; start-up included."""
    facts = resolve_facts(None) if config.shares.get("operations") else None
    with tempfile.TemporaryDirectory() as name:
        started = count_seconds()
        generate_file(config, load_reference_contract(), Path(name) / "rows.jsonl", workers=workers, facts=facts)
        return config.train_rows / (count_seconds() - started) * workers


def measure_old(checkout: Path, asked: int) -> Iterator[str]:
    """Cells for the script that makes the old mix."""
    script = checkout / "neural" / "scripts" / "generate_heimdall_dataset.py"
    with tempfile.TemporaryDirectory() as name:
        file, started = Path(name) / "rows.jsonl", count_seconds()
        command = [sys.executable, script, "--repo", checkout, "--output", file, "--num-examples", str(asked)]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        seconds = count_seconds() - started
        answers: dict[str, list[str]] = defaultdict(list)
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            answers[f"{row['instruction']}\n{row['input']}"].append(row["output"])
    rows, right = sum(map(len, answers.values())), sum(len(found) for found in answers.values() if len(set(found)) == 1)
    yield f"the old script, asked for {asked}: {rows} rows, {len(answers)} questions, {right} right"
    yield from (f"{right / seconds:.0f}", "–")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--old", type=Path)
    options = parser.parse_args()
    kinds = [kind for kind in KINDS if kind != "repository"]  # its rows depend on a checkout
    configs = {f"`data generate {kind}`": make_config(kind, options.rows, 1, {}) for kind in kinds}
    nano = load_preset("heimdall_nano").data
    configs["`heimdall_nano`"] = nano.model_copy(update={"train_rows": options.rows})
    print(f"{time.strftime('%Y-%m-%d')}, {options.rows} rows of each, {os.cpu_count()} cores")
    print("| what | rows a second, one core | two cores |\n| --- | --- | --- |")
    for name, config in configs.items():
        print(f"| {name} | {measure(config, 1):.0f} | {measure(config, 2):.0f} |", flush=True)
    if options.old is not None:
        print(f"| {' | '.join(measure_old(options.old, 5000))} |")
