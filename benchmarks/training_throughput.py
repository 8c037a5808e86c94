"""Training throughput in one run: shared prefix and row trees against the same rows padded, by hand and with TRL.

    python benchmarks/training_throughput.py [--rows 160]

Same model, same rows, same answer tokens, same precision. Every way is run once to warm up and once to be measured.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from datagen.generate import generate_dataset
from heimdall.config import DataConfig, ScratchConfig, TrainConfig
from heimdall.hardware import choose_precision
from heimdall.rows import Row, read_rows
from nornicdb.contract import load_reference_contract
from nornicdb.prompts import build_system_prompt
from training.attention import use_tree_attention
from training.batches import EncodedRow, Group, RowEncoder, build_batch, group_rows, plan_batches
from training.loss import sum_loss
from training.scratch import build_model
from training.sft import GROUP_TOKENS
from training.tokenizer import build_tokenizer, load_tokenizer

BATCH_ROWS = 32
Step = Callable[[], None]


def main() -> None:
    """Prepares a small data set and prints rows and answer tokens per second for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=160, help="training rows that are measured")
    wanted = parser.parse_args().rows
    contract = load_reference_contract()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        generate_dataset(DataConfig(train_rows=wanted, split_rows=1), contract, directory)
        config = TrainConfig(scratch=ScratchConfig(vocab_size=2048))
        build_tokenizer(directory, contract, config, directory / "tokenizer")
        tokenizer = load_tokenizer(directory / "tokenizer")
        encoder = RowEncoder(tokenizer, contract)
        rows = list(read_rows(directory / "train.jsonl"))
        encoded = [encoder.encode(row) for row in rows]
        prefix = encoder.encode_prefix("minimal", random.Random(0))
        model = build_model(config.scratch or ScratchConfig(), tokenizer, seed=1)
        answers = sum(len(row.answer) for row in encoded)
        print(f"{len(rows)} rows, {answers} answer tokens, system prompt of {len(prefix)} tokens; {choose_precision()}")
        ways: dict[str, Step] = {
            "heimdall: one prompt, row trees, sharded": lambda: train_shared(model, encoded, prefix),
            "rows one by one, padded, plain loop": lambda: train_padded(model, encoded, prefix),
            "TRL SFTTrainer, padded, grouped by length": lambda: train_trl(model, tokenizer, rows, directory),
        }
        for title, step in ways.items():
            step()
            start = time.perf_counter()
            step()
            seconds = time.perf_counter() - start
            print(f"{title:<45} {len(rows) / seconds:8.1f} rows/s {answers / seconds:9.0f} answer tokens/s")


def _autocast() -> Any:
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=choose_precision().name == "bf16")


def train_shared(model: Any, rows: list[EncodedRow], prefix: list[int]) -> None:
    """Forward and backward as `training.sft` does it."""
    groups = group_rows(rows, GROUP_TOKENS)
    threads = os.cpu_count() or 1
    parameters = list(model.parameters())

    use_tree_attention(model)

    def differentiate(members: list[Group]) -> None:
        with _autocast():
            loss, _ = sum_loss(model, build_batch(members, prefix, pad=0))
        torch.autograd.grad(loss, parameters, allow_unused=True)

    plan = plan_batches(groups, BATCH_ROWS, BATCH_ROWS, prompt_share=1.0, seed=0)
    shards = [batch.groups[part::threads] for batch in plan for part in range(threads)]
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(differentiate, [shard for shard in shards if shard]))


def train_padded(model: Any, rows: list[EncodedRow], prefix: list[int]) -> None:
    """The same rows, each with its own copy of the system prompt, in padded batches of like lengths."""
    model.set_attn_implementation("sdpa")
    ordered = sorted(rows, key=lambda row: len(row.prompt) + len(row.answer))
    for start in range(0, len(ordered), BATCH_ROWS):
        part = ordered[start : start + BATCH_ROWS]
        length = len(prefix) + max(len(row.prompt) + len(row.answer) for row in part)
        ids = torch.zeros(len(part), length, dtype=torch.long)
        labels = torch.full((len(part), length), -100)
        mask = torch.zeros(len(part), length, dtype=torch.long)
        for index, row in enumerate(part):
            sequence = prefix + row.prompt + row.answer
            ids[index, : len(sequence)] = torch.tensor(sequence)
            mask[index, : len(sequence)] = 1
            labels[index, len(sequence) - len(row.answer) : len(sequence)] = torch.tensor(row.answer)
        with _autocast():
            model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
    model.zero_grad()


def train_trl(model: Any, tokenizer: Any, rows: list[Row], directory: Path) -> None:
    """One epoch of TRL's trainer with its own loss, completions only."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model.set_attn_implementation("sdpa")
    system = build_system_prompt(load_reference_contract(), "minimal", random.Random(0))
    data = Dataset.from_list(
        [
            {
                "prompt": [{"role": "system", "content": system}, {"role": "user", "content": row.question}],
                "completion": [{"role": "assistant", "content": row.answer}],
            }
            for row in rows
        ]
    )
    arguments = SFTConfig(
        output_dir=str(directory / "trl"),
        per_device_train_batch_size=BATCH_ROWS,
        num_train_epochs=1,
        learning_rate=0.0,
        max_length=2048,
        completion_only_loss=True,
        train_sampling_strategy="group_by_length",
        activation_checkpointing=False,
        bf16=choose_precision().name == "bf16",
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    SFTTrainer(model=model, args=arguments, train_dataset=data, processing_class=tokenizer).train()


if __name__ == "__main__":
    main()
