"""Training throughput and peak memory in one run: shared prompts and row trees against TRL's ways and the padded one.

    python benchmarks/training_throughput.py [--preset heimdall_nano] [--seconds 20] [--repeats 2] [--mix actions]

Same model, same rows, same answer tokens counted, same optimizer and rows per step, same number format; each way in a
process of its own, in turn, the best of the repeats. Three mixes:

- actions: requests under NornicDB's full prompt,
- cypher: questions that carry their schema, no system prompt,
- chat: conversations, code and plain completions that share nothing.

"TRL packed" is `packing=True` (best-fit decreasing: whole rows, each seeing itself only), "TRL wrapped" its cheaper
strategy (rows are cut, and see their neighbours), "TRL padded" sorts by length. The old way pads every row to the
context and learns everything, padding too. A padded micro-batch has at most 8192 tokens, a packed one 4096.

Processor time tells more than the clock where other programs run beside. Memory is what is resident at most, and how
much of it came while training. MFU is the share of the machine's best matrix product, by processor time on a CPU.
"""

import argparse
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # or waiting threads would count as work

import psutil
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from datagen.generate import generate_dataset
from heimdall.config import DataConfig, TrainConfig
from heimdall.hardware import choose_precision
from heimdall.rows import Family, Prompt, read_rows
from nornicdb.contract import load_reference_contract
from presets.loader import load_preset
from training.batches import IGNORED, RowEncoder, group_rows, plan_batches
from training.scratch import build_model
from training.tokenizer import build_tokenizer, load_tokenizer

STEP_ROWS = 48  # between two updates of the weights, for all ways
MICRO_TOKENS = 8192  # of a padded micro-batch
PACK_TOKENS = 4096
WARM_UP = 3  # micro-batches before the clock starts; the operations of the first are counted
MIXES: dict[str, tuple[tuple[Family, ...], Prompt | None]] = {
    "actions": (("action",), "full"),
    "cypher": (("cypher_schema",), None),
    "chat": (("general", "code", "tlp_review"), None),
}
TITLES = {
    "heimdall": "heimdall: one prompt, row trees",
    "packed": "TRL packed",
    "wrapped": "TRL wrapped",
    "padded": "TRL padded",
    "eager": "TRL padded, eager attention",
    "context": "padded to the context, all learnt",
}
Sequence = dict[str, list[int]]  # input_ids and labels


def main() -> None:
    """Prints a table per mix, and how far the best of the others is behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="heimdall_nano", help="the model from scratch that is trained")
    parser.add_argument("--rows", type=int, default=1536, help="training rows that are made")
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring, for each way and repeat")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--mix", choices=MIXES, action="append", help="all if not given")
    parser.add_argument("--child", nargs=2, metavar=("MIX", "WAY"), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help="where rows and tokenizer are kept for the next run")
    wanted = parser.parse_args()
    if wanted.child:
        print(json.dumps(measure(*wanted.child, wanted.preset, wanted.data, wanted.seconds)))
        return
    with tempfile.TemporaryDirectory() as name:
        data = wanted.data or Path(name)
        if not (data / "tokenizer").exists():
            prepare(data, wanted.rows, load_preset(wanted.preset).train)
        peak = measure_peak()
        print(f"{describe_machine()}; matrix products at most {peak / 1e9:.0f} GFLOP/s on the GPU or one core")
        for mix in wanted.mix or MIXES:
            options = ["--preset", wanted.preset, "--data", str(data), "--seconds", str(wanted.seconds)]
            compare(mix, options, wanted.repeats, peak)


def prepare(data: Path, rows: int, config: TrainConfig) -> None:
    """Rows of all mixes, and one tokenizer for them."""
    shares: dict[Family, float] = {"action": 0.3, "cypher_schema": 0.3, "general": 0.2, "code": 0.1, "tlp_review": 0.1}
    made = DataConfig(prompt="full", train_rows=rows, split_rows=1, shares=shares, questions_per_schema=5)
    generate_dataset(made, load_reference_contract(), data)
    build_tokenizer(data, load_reference_contract(), config, data / "tokenizer")


def compare(mix: str, options: list[str], repeats: int, peak: float) -> None:
    """Runs every way in turn, `repeats` times, and prints the best of each."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for way in TITLES:
            command = [sys.executable, __file__, "--child", mix, way, *options]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            result = json.loads(said.splitlines()[-1])
            if way not in best or result["answers_per_second"] > best[way]["answers_per_second"]:
                best[way] = result
    ours = best["heimdall"]
    pace = "answers_per_second" if torch.cuda.is_available() else "answers_per_cpu_second"
    print(f"\n{mix}: rows of {ours['row_tokens']:.0f} tokens, {ours['answer_tokens']:.0f} of them answer")
    heads = ("answer tokens/s", "per cpu-second", "of ours", "peak MiB", "grown", "MFU")
    print(f"{'':<34} {heads[0]:>15} {heads[1]:>14} {heads[2]:>7} {heads[3]:>8} {heads[4]:>6} {heads[5]:>5}")
    for way, title in TITLES.items():
        one = best[way]
        print(
            f"{title:<34} {one['answers_per_second']:>15.0f} {one['answers_per_cpu_second']:>14.0f} "
            f"{one['answers_per_second'] / ours['answers_per_second']:>7.3f} {one['peak'] / 2**20:>8.0f} "
            f"{one['growth'] / 2**20:>6.0f} "
            f"{one['flops_per_answer'] * one[pace] / peak:>5.0%}"
        )
    theirs = [best[way] for way in ("packed", "wrapped", "padded", "eager")]
    ratios = [
        ours[unit] / max(one[unit] for one in theirs) for unit in ("answers_per_second", "answers_per_cpu_second")
    ]
    print(f"{ratios[0]:.1f} times TRL's best ({ratios[1]:.1f} by processor time)", flush=True)


def measure(mix: str, way: str, preset: str, data: Path, seconds: float) -> dict[str, float]:
    """One way on one mix, in this process."""
    config, tokenizer = load_preset(preset).train, load_tokenizer(data / "tokenizer")
    assert config.scratch is not None
    encoder = RowEncoder(tokenizer, load_reference_contract())
    families, system = MIXES[mix]
    rows = [encoder.encode(row) for row in read_rows(data / "train.jsonl") if row.family in families]
    prefix = encoder.encode_prefix(system, random.Random(0)) if system else []
    sequences = [
        {
            "input_ids": prefix + row.prompt + row.answer,
            "labels": [IGNORED] * (len(prefix) + len(row.prompt)) + row.answer,
        }
        for row in rows
    ]
    lengths = [len(sequence["input_ids"]) for sequence in sequences]
    model = build_model(config.scratch, tokenizer, seed=1)
    with tempfile.TemporaryDirectory() as out:
        if way == "heimdall":
            trainer = make_tree_trainer(model, config, encoder, rows, system, seconds, Path(out))
        else:
            trainer = make_padded_trainer(model, tokenizer, sequences, way, seconds, Path(out))
        before = psutil.Process().memory_info().rss
        trainer.train()
    on_gpu = torch.cuda.is_available()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        **trainer.meter.summarise(),
        "peak": torch.cuda.max_memory_allocated() if on_gpu else resident,
        "growth": resident - before,
        "row_tokens": sum(lengths) / len(rows),
        "answer_tokens": sum(len(row.answer) for row in rows) / len(rows),
    }


class Meter:
    """Counts answer tokens in the micro-batches after the warm-up, and operations in the first one of all."""

    def __init__(self, seconds: float) -> None:
        self._limit, self._answers, self._counted, self._flops, self.batches = seconds, 0, 0, 0, 0
        self._start = self._stop = (math.inf, math.inf)

    def run(self, work: Callable[[], torch.Tensor], answers: int) -> torch.Tensor:
        """Forward and backward pass of one micro-batch."""
        if self.batches > 0:
            self._answers += answers
            return work()
        self._counted = answers
        aten = torch.ops.aten
        formulas = {
            aten._scaled_dot_product_flash_attention_for_cpu: _count_attention,
            aten._scaled_dot_product_flash_attention_for_cpu_backward: _count_attention_backward,
        }
        with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
            loss = work()
        self._flops = counter.get_total_flops()
        return loss

    def end_batch(self) -> bool:
        """To be called after each micro-batch and what follows from it; true when it is time to stop."""
        self.batches += 1
        now = (time.perf_counter(), time.process_time())
        if self.batches == WARM_UP:
            self._answers, self._start = 0, now
        self._stop = now
        return self.batches > WARM_UP and now[0] - self._start[0] > self._limit

    def summarise(self) -> dict[str, float]:
        """Rates, and operations per answer token."""
        wall, processor = (stop - start for start, stop in zip(self._start, self._stop, strict=True))
        return {
            "answers_per_second": self._answers / wall,
            "answers_per_cpu_second": self._answers / processor,
            "flops_per_answer": self._flops / self._counted,
        }


def _count_attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def _count_attention_backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_backward_flop_count(grad, query, key, value))


def _stop_by(meter: Meter) -> Any:
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = meter.end_batch()

        on_substep_end = on_step_end

    return Clock()


def _arguments(out: Path, micro_batches: int) -> dict[str, Any]:
    return {
        "output_dir": str(out),
        "gradient_accumulation_steps": micro_batches,
        "num_train_epochs": 1000,
        "learning_rate": 1e-4,
        "bf16": choose_precision().name == "bf16",
        "fp16": choose_precision().name == "fp16",
        "use_cpu": not torch.cuda.is_available(),
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "logging_strategy": "no",
    }


def make_tree_trainer(
    model: Any, config: TrainConfig, encoder: RowEncoder, rows: Any, system: Prompt | None, seconds: float, out: Path
) -> Any:
    """What `training.sft` trains with."""
    from transformers import TrainingArguments

    from training.attention import use_tree_attention
    from training.memory import ShardRunner
    from training.norm import use_lean_norms
    from training.optimizer import build_optimizer
    from training.prefix_trainer import PrefixTrainer, collate
    from training.sft import GROUP_TOKENS, SHARD_TOKENS, BatchDataset

    threads = 1 if torch.cuda.is_available() else os.cpu_count() or 1
    torch.set_num_threads(1 if threads > 1 else torch.get_num_threads())

    class Measured(PrefixTrainer):
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
            if not meter.batches:  # operations are only counted in the thread that counts
                self.runner = ShardRunner(1, lambda parts: None)
            elif meter.batches == 1:
                self.runner = ShardRunner(threads, lambda parts: None)
            step = super().training_step
            return meter.run(lambda: step(model, inputs, num_items_in_batch), int((inputs["labels"] != IGNORED).sum()))

    meter = Meter(seconds)
    use_tree_attention(model)
    use_lean_norms(model)
    plan = plan_batches(group_rows(rows, GROUP_TOKENS), STEP_ROWS, STEP_ROWS, 1.0 if system else 0.0, seed=0)
    trainer = Measured(
        model=model,
        args=TrainingArguments(
            **_arguments(out, 1), per_device_train_batch_size=1, remove_unused_columns=False, label_names=["labels"]
        ),
        train_dataset=BatchDataset(
            plan, encoder, config, threads, math.inf if torch.cuda.is_available() else SHARD_TOKENS
        ),
        data_collator=collate,
        optimizers=(build_optimizer(model, "adamw", 1e-4, 0.0), None),
        callbacks=[_stop_by(meter)],
        shard_threads=threads,
        pad=encoder.pad,
    )
    trainer.meter = meter
    return trainer


def make_padded_trainer(
    model: Any, tokenizer: Any, sequences: list[Sequence], way: str, seconds: float, out: Path
) -> Any:
    """TRL's trainer with its packing or padding; or the old scripts' way with transformers' own."""
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments
    from trl import SFTConfig, SFTTrainer

    model.set_attn_implementation("eager" if way == "eager" else "sdpa")
    lengths = [len(sequence["input_ids"]) for sequence in sequences]
    total = sum(lengths) / len(lengths) * STEP_ROWS
    context = 2 ** math.ceil(math.log2(max(*lengths, 2048)))
    width = context if way == "context" else max(lengths)
    rows = max(1, min(STEP_ROWS, MICRO_TOKENS // width))
    micro_batches = round(total / PACK_TOKENS) if way in ("packed", "wrapped") else round(STEP_ROWS / rows)
    shared = {**_arguments(out, max(micro_batches, 1)), "per_device_train_batch_size": rows}
    base: Any = Trainer if way == "context" else SFTTrainer

    class Measured(base):  # type: ignore[misc]
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
            answers = int((inputs.pop("answers") if "answers" in inputs else inputs["labels"] != IGNORED).sum())
            step = super().training_step
            return meter.run(lambda: step(model, inputs, num_items_in_batch), answers)

    meter = Meter(seconds)
    if way == "context":
        trainer = Measured(
            model=model,
            args=TrainingArguments(**shared, remove_unused_columns=False),
            train_dataset=[_pad_to_context(sequence, context, tokenizer.pad_token_id) for sequence in sequences],
            callbacks=[_stop_by(meter)],
        )
    else:
        packing = way in ("packed", "wrapped")
        arguments = SFTConfig(
            **shared | ({"per_device_train_batch_size": 1} if packing else {}),
            packing=packing,
            packing_strategy="wrapped" if way == "wrapped" else "bfd",
            max_length=PACK_TOKENS if packing else max(lengths),
            activation_checkpointing=False,
            train_sampling_strategy="random" if packing else "group_by_length",
        )
        data = Dataset.from_list(sequences)
        trainer = Measured(
            model=model, args=arguments, train_dataset=data, processing_class=tokenizer, callbacks=[_stop_by(meter)]
        )
    trainer.meter = meter
    return trainer


def _pad_to_context(sequence: Sequence, context: int, pad: int) -> Sequence:
    gap = context - len(sequence["input_ids"])
    ids = sequence["input_ids"] + [pad] * gap
    return {
        "input_ids": ids,
        "labels": ids,
        "attention_mask": [1] * (context - gap) + [0] * gap,
        "answers": [int(label != IGNORED) for label in sequence["labels"]] + [0] * gap,
    }


def measure_peak() -> float:
    """Operations per second of a large matrix product in the number format that training uses, the best of several."""
    torch.set_num_threads(1)
    name = choose_precision().name
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[name]
    size = 8192 if device == "cuda" else 2048
    left = torch.randn(size, size, device=device).to(dtype)
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        product = left @ left
        product[0, 0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def describe_machine() -> str:
    """Processor or GPU, and what is computed in."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    return f"{name}, {choose_precision().name} ({choose_precision().reason}), torch {torch.__version__}"


if __name__ == "__main__":
    main()
