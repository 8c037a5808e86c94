"""Predicted against measured memory of training steps on this machine, each in a process of its own.

    python benchmarks/training_memory.py

Measured is the highest resident memory (on a GPU: its memory) of a dry run (`training.dry_run`): two whole steps on
random tokens, with the lengths that the prediction is told, one thread.
"""

from typing import Any

from heimdall.config import LoraConfig, PretrainedConfig, ScratchConfig, TrainConfig
from presets.bases import Base, describe_model
from training.devices import GIB, choose, detect_device
from training.dry_run import DryRunSpec, measure
from training.estimate import estimate_memory
from training.lengths import Lengths

NANO = ScratchConfig(layers=4)  # heimdall_nano's
WIDE = ScratchConfig(hidden_size=768, heads=12, kv_heads=12, layers=6, intermediate_size=2304, vocab_size=32768)
DEEP = ScratchConfig(hidden_size=512, heads=8, kv_heads=8, layers=12, intermediate_size=1536, vocab_size=4096)
LORA = {
    "scratch": None,
    "lora": LoraConfig(rank=16),
    "pretrained": PretrainedConfig(name_or_path="random weights", license="MIT"),
}
QLORA = {**LORA, "lora": LoraConfig(rank=16, quantized=True)}
CHECKPOINTED = {"gradient_checkpointing": True}
PROMPT, LONG = 448, 2432
# Title, shape, further settings, rows, tokens of the system prompt.
CASES: tuple[tuple[str, ScratchConfig, dict[str, Any], int, int], ...] = (
    ("nano, 48 rows", NANO, {}, 48, PROMPT),
    ("nano, 96 rows", NANO, {}, 96, PROMPT),
    ("nano, 96 rows, Muon", NANO, {"optimizer": "muon"}, 96, PROMPT),
    ("nano, 96 rows, two threads", NANO, {"threads": 2}, 96, PROMPT),
    ("nano, 96 rows, checkpointed", NANO, CHECKPOINTED, 96, PROMPT),
    ("nano, long prompt", NANO, {}, 24, LONG),
    ("wide", WIDE, {}, 16, PROMPT),
    ("wide, LoRA", WIDE, LORA, 16, PROMPT),
    ("wide, QLoRA", WIDE, QLORA, 16, PROMPT),
    ("deep", DEEP, {}, 24, PROMPT),
    ("deep, long prompt", DEEP, {}, 8, LONG),
    ("deep, long prompt, checkpointed", DEEP, CHECKPOINTED, 8, LONG),
    ("deep, LoRA, checkpointed", DEEP, {**LORA, **CHECKPOINTED}, 24, PROMPT),
)


def main() -> None:
    """Prints a line per case and the errors."""
    device, errors = detect_device(), []
    print(f"{choose(TrainConfig(scratch=NANO), device).hardware}; {device.precision.name}")
    print("| case | predicted | measured | error |\n| --- | --- | --- | --- |")
    for title, shape, settings, rows, prompt in CASES:
        config = TrainConfig.model_validate({"scratch": shape, "batch_size": rows, "threads": 1, **settings})
        lengths = Lengths(prompt=prompt, row=100, answer=45, source="as made here")
        predicted = estimate_memory(config, make_base(shape), lengths, device).total
        measured = measure(DryRunSpec(config=config, base=make_base(shape), lengths=lengths)).peak_memory
        errors.append(predicted / measured - 1)
        line = f"| {title} | {predicted / GIB:.2f} GiB | {measured / GIB:.2f} GiB | {errors[-1]:+.0%} |"
        print(line, flush=True)
    mean = sum(abs(error) for error in errors) / len(errors)
    print(f"mean absolute error {mean:.0%}, from {min(errors):+.0%} to {max(errors):+.0%}")


def make_base(shape: ScratchConfig) -> Base:
    """The shape that the estimate is told."""
    base = describe_model(TrainConfig(scratch=shape))
    assert base is not None
    return base


if __name__ == "__main__":
    main()
