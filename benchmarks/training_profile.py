"""Where a second of a preset's training goes: the processor's time by kind of operation, in one thread.

    python benchmarks/training_profile.py [--preset heimdall_nano] [--rows 2000] [--batches 16]

Rows, tokenizer, model and batches are the preset's own, the system prompt on its share of them; each batch is a step of
the optimizer. "Rest" is what PyTorch's operations do not cover: Python, and laying batches out.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from datagen.generate import generate_dataset
from heimdall.hardware import choose_cpu_precision
from heimdall.rows import read_rows
from nornicdb.contract import load_reference_contract
from presets.loader import load_preset
from training.attention import use_tree_attention
from training.batches import RowEncoder, build_batch, group_rows, plan_batches
from training.loss import sum_loss
from training.norm import use_lean_norms
from training.optimizer import build_optimizer
from training.scratch import build_model
from training.sft import GROUP_TOKENS, BatchDataset
from training.tokenizer import build_tokenizer, load_tokenizer

KINDS = {
    "matrix products of the layers and the head": ("aten::mm", "aten::addmm"),
    "matrix products of attention and of Muon": ("aten::bmm", "aten::baddbmm"),
    "attention of a long prompt": ("aten::_scaled_dot_product_flash", "aten::_flash"),
    "softmax of attention, its mask and normaliser": ("aten::_softmax", "aten::masked_fill", "aten::amax", "aten::exp"),
    "laying attention's tokens out and collecting them": ("aten::index", "aten::gather", "aten::cat"),
    "change of number format, and copies": ("aten::copy_", "aten::clone", "aten::_to_copy"),
    "cross-entropy": ("aten::_log_softmax", "aten::nll_loss"),
    "AdamW and gradients' norm": ("aten::_foreach", "aten::_fused", "aten::linalg_vector_norm"),
    "activation of the feed-forward part": ("aten::silu",),
    "other sums and products, number by number": ("aten::mul", "aten::add", "aten::sub", "aten::sum", "aten::div"),
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="heimdall_nano", help="a model from scratch")
    parser.add_argument("--rows", type=int, default=2000, help="training rows that are made")
    parser.add_argument("--batches", type=int, default=16)
    wanted = parser.parse_args()
    preset, contract = load_preset(wanted.preset), load_reference_contract()
    config = preset.train
    assert config.scratch is not None
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        made = preset.data.model_copy(update={"train_rows": wanted.rows, "split_rows": 1})
        generate_dataset(made, contract, data)
        build_tokenizer(data, contract, config, data / "tokenizer")
        tokenizer = load_tokenizer(data / "tokenizer")
        encoder = RowEncoder(tokenizer, contract)
        groups = group_rows([encoder.encode(row) for row in read_rows(data / "train.jsonl")], GROUP_TOKENS)
    sizes = config.batch_size, config.prompt_batch_size or config.batch_size
    plan = plan_batches(groups, *sizes, config.prompt_share, config.seed)
    random.Random(0).shuffle(plan)
    plan = plan[: 2 * wanted.batches]
    batches = BatchDataset(plan, encoder, config, shards=2, shard_tokens=2048)
    model = build_model(config.scratch, tokenizer, config.seed)
    use_tree_attention(model)
    use_lean_norms(model)
    optimizer = build_optimizer(model, config.optimizer, config.learning_rate, config.weight_decay)
    sixteen = choose_cpu_precision().name == "bf16"

    def step(number: int) -> None:
        for shard in batches[number]:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=sixteen):
                loss, count = sum_loss(model, build_batch(shard.groups, shard.prefix, encoder.pad))
            (loss / count).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()

    for number in range(wanted.batches, 2 * wanted.batches):  # every shape's primitives are made here
        step(number)
    start = time.process_time()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for number in range(wanted.batches):
            step(number)
    total = 1e6 * (time.process_time() - start)
    spent = dict.fromkeys([*KINDS, "other operations"], 0.0)
    for event in profiler.key_averages():
        if event.key.startswith("aten::"):
            kinds = (kind for kind, names in KINDS.items() if event.key.startswith(names))
            spent[next(kinds, "other operations")] += event.self_cpu_time_total
    spent["rest"] = max(total - sum(spent.values()), 0.0)
    rows = batches.count_rows(wanted.batches)
    print(f"{rows} rows in {wanted.batches} batches, {total / 1e3 / rows:.1f} ms of processor time a row\n")
    print("| | share |\n| --- | --- |")
    for kind, microseconds in sorted(spent.items(), key=lambda pair: -pair[1]):
        print(f"| {kind} | {microseconds / sum(spent.values()):.0%} |")


if __name__ == "__main__":
    main()
