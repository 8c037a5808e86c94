"""Everything that is to be known about training on a GPU, in less than ten minutes: markdown for docs/performance.md.

    python benchmarks/gpu.py            # on a machine with a GPU
    python benchmarks/gpu.py --tiny     # the same path with tiny models, anywhere

1. benchmarks/training_throughput.py: this trainer against TRL's, on heimdall_mini's model.
2. heimdall_mini's own training on fresh rows, for as long as `--seconds` says.
3. heimdall_mini, heimdall and heimdall_mit at full size with random weights (no download), in bf16 and, as on Turing,
   in fp16: memory and speed beside what `heimdall plan` predicts.
"""

import argparse
import contextlib
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from datagen.generate import generate_dataset
from heimdall.config import Preset, ScratchConfig
from heimdall.errors import Interrupted, TrainingError
from nornicdb.contract import load_reference_contract
from presets.bases import describe_model
from presets.loader import load_preset
from training.devices import GIB, Device, choose, detect_device
from training.dry_run import DryRunSpec, calibrate
from training.estimate import estimate
from training.job import train
from training.lengths import Lengths, guess_lengths
from training.tokenizer import build_tokenizer

PRECISIONS: tuple[Literal["bf16", "fp16"], ...] = ("bf16", "fp16")
PRESETS = ("heimdall_mini", "heimdall", "heimdall_mit")
ROWS = 20_000
TINY_SCRATCH = ScratchConfig(hidden_size=256, layers=2, heads=4, kv_heads=4, intermediate_size=256, vocab_size=1024)
TINY_SHAPE = {"hidden_size": 64, "layers": 2, "heads": 4, "kv_heads": 4, "head_size": 16, "intermediate_size": 64}
TINY_LENGTHS = Lengths(prompt=64, row=20, answer=5, source="tiny")


def main() -> None:
    """Prints the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="tiny models and few rows, to see that all of it runs")
    parser.add_argument("--seconds", type=float, default=60.0, help="of heimdall_mini's training")
    wanted = parser.parse_args()
    device = detect_device()
    if device.kind == "cpu" and not wanted.tiny:
        raise SystemExit("There is no GPU that PyTorch can use; --tiny runs the same path on this processor.")
    print(f"## {describe_machine(device)}\n")
    print("`python benchmarks/gpu.py" + (" --tiny`" if wanted.tiny else "`") + "\n")
    compare_trainers(wanted.tiny)
    train_mini(device, wanted.seconds, wanted.tiny)
    measure_presets(device, wanted.tiny)


def describe_machine(device: Device) -> str:
    """The hardware's name and what runs on it."""
    import torch

    cuda = f", CUDA {torch.version.cuda}" if device.kind == "cuda" else ""
    hardware = choose(load_preset("heimdall_mini").train, device).hardware
    software = f"Python {platform.python_version()}, PyTorch {torch.__version__}{cuda}"
    return f"{hardware}; {os.cpu_count()} CPU threads, {software}"


def compare_trainers(tiny: bool) -> None:
    """Prints what the training benchmark prints."""
    script = str(Path(__file__).with_name("training_throughput.py"))
    options = ["--preset", "heimdall_mini", "--seconds", "8", "--repeats", "1", "--mix", "actions", "--mix", "cypher"]
    if tiny:
        options = ["--preset", "heimdall_smoke", "--seconds", "0", "--repeats", "1", "--rows", "64", "--mix", "cypher"]
    print("### Against other trainers\n\n```", flush=True)
    subprocess.run([sys.executable, script, *options], check=True)
    print("```\n", flush=True)


def train_mini(device: Device, seconds: float, tiny: bool) -> None:
    """Trains heimdall_mini on fresh rows until the time is over, and prints its curve."""
    rows = ("data.train_rows", 64 if tiny else ROWS)
    preset = load_preset("heimdall_mini", [rows, ("data.split_rows", 4)], environ={})
    config, contract = preset.train, load_reference_contract()
    if tiny:
        config = config.model_copy(update={"scratch": TINY_SCRATCH, "batch_size": 4, "prompt_share": 0.0})
    curve: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        data, tokenizer, work = (Path(name) / part for part in ("data", "tokenizer", "work"))
        start = time.monotonic()
        generate_dataset(preset.data, contract, data)
        generated = time.monotonic() - start
        build_tokenizer(data, contract, config, tokenizer)
        work.mkdir()
        start = time.monotonic()

        def receive(event: dict[str, Any]) -> None:
            if "loss" in event:
                curve.append(event)
            if time.monotonic() - start > seconds:
                os.kill(os.getpid(), signal.SIGTERM)  # training ends after its step, with a checkpoint

        with contextlib.suppress(Interrupted):
            train(data, tokenizer, contract, config, work, receive)
    print(f"### heimdall_mini on {rows[1]} fresh rows, made in {generated:.0f} s\n")
    print("| step | loss | rows/s | peak of memory |\n| --- | --- | --- | --- |")
    for event in curve[:: max(len(curve) // 10, 1)]:
        numbers = f"{event['loss']:.3f} | {event['rows_per_second']:.0f} | {event['peak_memory_gib']:.1f} GiB"
        print(f"| {event['step']} of {event['steps']} | {numbers} |")
    print(flush=True)


def measure_presets(device: Device, tiny: bool) -> None:
    """Prints predicted and measured memory and time of each preset in each number format."""
    print(f"### Random weights, {'tiny' if tiny else 'full size'}\n")
    print(
        "| preset | format | rows at once | answer tokens/s | Tflop/s | hours (predicted) | GiB (predicted) | error |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in PRESETS:
        preset = load_preset(name, environ={})
        if tiny:
            scratch = preset.train.scratch and TINY_SCRATCH
            config = preset.train.model_copy(update={"batch_size": 4, "prompt_batch_size": None, "scratch": scratch})
            preset = preset.model_copy(update={"train": config})
        base = describe_model(preset.train)
        assert base is not None
        if tiny and preset.train.pretrained:
            base = base.model_copy(update=TINY_SHAPE)
        lengths = TINY_LENGTHS if tiny else guess_lengths(preset, base.vocab_size)
        for precision in PRECISIONS if device.kind == "cuda" else (device.precision.name,):
            seconds = 0.0 if tiny else 15.0
            spec = DryRunSpec(config=preset.train, base=base, lengths=lengths, precision=precision, seconds=seconds)
            print(f"| {name} | {precision} | {describe(preset, spec, device)} |", flush=True)


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
