"""Predicted against measured memory of training steps on this machine's CPU, each in a process of its own.

    python benchmarks/training_memory.py

Measured is the highest resident memory (ru_maxrss) of two whole steps with AdamW, in one thread, on random tokens with
the lengths that the prediction is told.
"""

import json
import resource
import subprocess
import sys
from typing import Any

from heimdall.config import LoraConfig, PretrainedConfig, ScratchConfig, TrainConfig
from heimdall.hardware import choose_precision
from presets.bases import Base
from training.estimate import Lengths, describe_model, estimate_memory

SCRATCH = ScratchConfig(layers=4)  # heimdall_nano's
WIDE = ScratchConfig(hidden_size=768, heads=12, kv_heads=12, layers=6, intermediate_size=2304, vocab_size=32768)
DEEP = ScratchConfig(hidden_size=512, heads=8, kv_heads=8, layers=12, intermediate_size=1536, vocab_size=4096)
LORA = {"pretrained": PretrainedConfig(name_or_path="random weights", license="MIT"), "lora": LoraConfig(rank=16)}
PROMPT, ROW, ANSWER = 448, 100, 45
# Title, shape, further settings, rows, tokens of the system prompt.
CASES: tuple[tuple[str, ScratchConfig, dict[str, Any], int, int], ...] = (
    ("nano, 48 rows", SCRATCH, {}, 48, PROMPT),
    ("nano, 96 rows", SCRATCH, {}, 96, PROMPT),
    ("nano, 96 rows, checkpointed", SCRATCH, {"gradient_checkpointing": True}, 96, PROMPT),
    ("nano, long prompt", SCRATCH, {}, 24, 2432),
    ("wide", WIDE, {}, 16, PROMPT),
    ("wide, LoRA", WIDE, LORA, 16, PROMPT),
    ("deep", DEEP, {}, 24, PROMPT),
    ("deep, long prompt", DEEP, {}, 8, 2432),
    ("deep, long prompt, checkpointed", DEEP, {"gradient_checkpointing": True}, 8, 2432),
    ("deep, LoRA, checkpointed", DEEP, {**LORA, "gradient_checkpointing": True}, 24, PROMPT),
)
GIB = 2**30


def main() -> None:
    """Prints a line per case and the errors."""
    if len(sys.argv) > 1:
        print(measure(*CASES[int(sys.argv[1])][1:]))
        return
    errors = []
    print(
        f"{'case':<34} {'predicted':>10} {'measured':>10} {'error':>7}   matrix products in {choose_precision().name}"
    )
    for number, (title, shape, settings, rows, prompt) in enumerate(CASES):
        config = make_config(shape, settings, rows)
        lengths = Lengths(prompt, ROW, ANSWER, "as made here")
        sixteen = choose_precision().name != "fp32"
        predicted = estimate_memory(config, make_base(shape), lengths, 1, sixteen=sixteen, cpu=True).total
        command = [sys.executable, __file__, str(number)]
        measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        errors.append(predicted / measured - 1)
        print(f"{title:<34} {predicted / GIB:>6.2f} GiB {measured / GIB:>6.2f} GiB {errors[-1]:>+7.0%}", flush=True)
    mean = sum(abs(error) for error in errors) / len(errors)
    print(f"mean absolute error {mean:.0%}, from {min(errors):+.0%} to {max(errors):+.0%}")


def make_config(shape: ScratchConfig, settings: dict[str, Any], rows: int) -> TrainConfig:
    """A configuration for the estimate."""
    source = {} if "pretrained" in settings else {"scratch": shape}
    return TrainConfig(batch_size=rows, threads=1, **source, **settings)


def make_base(shape: ScratchConfig) -> Base:
    """The shape that the estimate is told."""
    base = describe_model(TrainConfig(scratch=shape))
    assert base is not None
    return base


def measure(shape: ScratchConfig, settings: dict[str, Any], rows: int, prompt: int) -> int:
    """Trains two steps and returns this process's highest resident memory in bytes."""
    import peft
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from training.attention import use_tree_attention
    from training.batches import EncodedRow, build_batch, lay_out
    from training.loss import sum_loss
    from training.optimizer import build_optimizer

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model: Any = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            tie_word_embeddings=True,
        )
    )
    config = make_config(shape, settings, rows)
    if config.lora is not None:
        model = peft.get_peft_model(
            model, peft.LoraConfig(r=config.lora.rank, target_modules="all-linear", use_rslora=True)
        )
    if config.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    use_tree_attention(model)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = build_optimizer(model, config.optimizer, 1e-4, 0.01)
    for step in range(2):
        generator = torch.Generator().manual_seed(step)
        ids = torch.randint(3, shape.vocab_size, (rows, ROW), generator=generator).tolist()
        groups = [
            lay_out([EncodedRow(str(number), "full", row[:-ANSWER], row[-ANSWER:], None)])
            for number, row in enumerate(ids)
        ]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=choose_precision().name == "bf16"):
            loss, count = sum_loss(model, build_batch(groups, [7] * prompt, pad=0))
        for parameter, gradient in zip(trained, torch.autograd.grad(loss / count, trained), strict=True):
            parameter.grad = gradient
        optimizer.step()
        optimizer.zero_grad()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
