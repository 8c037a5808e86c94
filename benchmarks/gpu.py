"""Everything that is to be known about training on a GPU, in less than ten minutes, as markdown.

    python benchmarks/gpu.py > gpu.md

1. benchmarks/training_throughput.py: this trainer against TRL's, on heimdall_mini's model.
2. heimdall_mini's own training on fresh rows, for a minute.
3. heimdall_mini, heimdall and heimdall_mit (with bitsandbytes) at full size with random weights, nothing downloaded, in
   bf16 and, as on Turing, in fp16: memory and speed beside what `heimdall plan` predicts.
"""

import contextlib
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from datagen.generate import generate_dataset
from heimdall.config import Preset
from heimdall.errors import Interrupted, TrainingError
from nornicdb.contract import load_reference_contract
from presets.bases import Base, describe_model
from presets.loader import load_preset
from training.devices import GIB, Device, choose, detect_device
from training.dry_run import DryRunSpec, calibrate
from training.estimate import estimate
from training.job import train
from training.lengths import guess_lengths
from training.tokenizer import build_tokenizer

PRESETS = ("heimdall_mini", "heimdall", "heimdall_mit")
PRECISIONS: tuple[Literal["bf16", "fp16"], ...] = ("bf16", "fp16")
ROWS = 8000  # for heimdall_mini: more than it comes to in its minute
TRAINING_SECONDS, MEASURING_SECONDS = 60.0, 8.0
THROUGHPUT = ("--preset", "heimdall_mini", "--seconds", "5", "--repeats", "1", "--mix", "actions", "--mix", "cypher")


def main() -> None:
    """Prints three tables."""
    device, start = detect_device(), time.monotonic()
    if device.kind != "cuda":
        raise SystemExit("There is no CUDA device that PyTorch can use.")
    print(
        f"## {describe_machine(device)}\n\n`python benchmarks/gpu.py`\n\n### Against other trainers\n\n```", flush=True
    )
    script = str(Path(__file__).with_name("training_throughput.py"))
    subprocess.run([sys.executable, script, *THROUGHPUT], check=True)
    print("```\n", flush=True)
    mini = load_preset("heimdall_mini", [("data.train_rows", ROWS), ("data.split_rows", 4)], environ={})
    train_for(mini, TRAINING_SECONDS)
    presets = (load_preset(name, environ={}) for name in PRESETS)
    measure_presets(((preset, describe_model(preset.train)) for preset in presets), device, MEASURING_SECONDS)
    print(f"\nAll of it took {(time.monotonic() - start) / 60:.1f} minutes.")


def describe_machine(device: Device) -> str:
    """The hardware's name and what runs on it."""
    import torch

    cuda = f", CUDA {torch.version.cuda}" if device.kind == "cuda" else ""
    hardware = choose(load_preset("heimdall_mini", environ={}).train, device).hardware
    software = f"Python {platform.python_version()}, PyTorch {torch.__version__}{cuda}"
    return f"{hardware}; {os.cpu_count()} CPU threads, {software}"


def train_for(preset: Preset, seconds: float) -> None:
    """Trains a model from scratch on fresh rows until the time is over, and prints its curve."""
    contract, curve = load_reference_contract(), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as name:
        data, tokenizer, work = (Path(name) / part for part in ("data", "tokenizer", "work"))
        start = time.monotonic()
        generate_dataset(preset.data, contract, data)
        generated = time.monotonic() - start
        build_tokenizer(data, contract, preset.train, tokenizer)
        work.mkdir()
        start = time.monotonic()

        def receive(event: dict[str, Any]) -> None:
            if "loss" in event:
                curve.append(event)
            if time.monotonic() - start > seconds:
                os.kill(os.getpid(), signal.SIGTERM)  # training ends after its step, with a checkpoint

        with contextlib.suppress(Interrupted):
            train(data, tokenizer, contract, preset.train, work, receive)
    print(f"### {preset.name} on {preset.data.train_rows} fresh rows, made in {generated:.0f} s\n")
    print("| step | loss | rows/s | peak of memory |\n| --- | --- | --- | --- |")
    for event in curve[:: max(len(curve) // 10, 1)]:
        numbers = f"{event['loss']:.3f} | {event['rows_per_second']:.0f} | {event['peak_memory_gib']:.1f} GiB"
        print(f"| {event['step']} of {event['steps']} | {numbers} |")
    print(flush=True)


def measure_presets(presets: Iterable[tuple[Preset, Base | None]], device: Device, seconds: float) -> None:
    """Prints predicted and measured memory and time of each preset and shape in each number format."""
    print("### Random weights\n")
    print(
        "| preset | format | rows at once | answer tokens/s | Tflop/s | hours (predicted) | GiB (predicted) | error |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for preset, base in presets:
        assert base is not None
        lengths = guess_lengths(preset, base.vocab_size)
        for precision in PRECISIONS:
            spec = DryRunSpec(config=preset.train, base=base, lengths=lengths, precision=precision, seconds=seconds)
            print(f"| {preset.name} | {precision} | {describe(preset, spec, device)} |", flush=True)


def describe(preset: Preset, spec: DryRunSpec, device: Device) -> str:
    """The rest of a preset's line."""
    try:
        here, measured = calibrate(spec, device)
    except TrainingError as error:
        return f"{error} | | | | |"
    before, after = (estimate(preset, spec.base, spec.lengths, one) for one in (device, here))
    rows = f"{measured.rows}" + (f" in {measured.parts} parts" if measured.parts > 1 else "")
    speed = measured.rows * spec.lengths.answer / measured.seconds
    hours = f"{after.hours:.2f} ({'not known' if before.hours is None else f'{before.hours:.2f}'})"
    memory = f"{after.memory.total / GIB:.2f} ({before.memory.total / GIB:.2f})"
    return f"{rows} | {speed:.0f} | {here.tflops:.1f} | {hours} | {memory} | {1 / here.factor - 1:+.0%}"


if __name__ == "__main__":
    main()
