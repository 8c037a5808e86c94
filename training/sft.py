"""Supervised fine-tuning of one model on one data set, as a process of its own: `python -m training.sft --spec FILE`.

Hugging Face's `Trainer` drives the steps, checkpoints and schedule (`training.running`); the batches with their shared
prefix and their loss are ours (`training.batches`, `training.prefix_trainer`).
"""

import math
import os
import random
import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset
from transformers import PreTrainedModel

from heimdall.config import TrainConfig
from heimdall.errors import TrainingError
from heimdall.hardware import Precision, choose_precision
from heimdall.rows import read_rows
from training.batches import PlannedBatch, RowEncoder, Shard, check_lengths, group_rows, plan_batches
from training.child import run_child, send
from training.devices import choose, detect_device
from training.examine import Examiner
from training.job import CHECKPOINTS, TrainSpec, TrainSummary
from training.prefix_trainer import build_trainer, count_steps
from training.pretrained import load_pretrained
from training.running import Reporter, run_trainer
from training.scratch import build_model, warn_of_little_data
from training.tokenizer import load_tokenizer

GROUP_TOKENS = 1024  # rows that share a beginning stay together in one shard, so not too many
SHARD_TOKENS = 2048  # on a CPU: more at once are no faster and need more memory
_OUTSIDE_A_BATCH = (
    "Memory is too small for the weights, their gradients and the optimizer, whatever the batch: "
    "take a smaller model, train.lora, or train.lora.quantized"
)


class BatchDataset(Dataset[list[Shard]]):
    """The planned batches, each cut into shards; number i is the same whenever and wherever it is asked for.

    Each batch that has the system prompt has its actions in another order. A shard without it has at most
    `shard_tokens` tokens or one group.
    """

    def __init__(
        self, plan: list[PlannedBatch], encoder: RowEncoder, config: TrainConfig, shards: int, shard_tokens: float
    ) -> None:
        self._plan, self._encoder = plan, encoder
        self._seed, self._shards, self._shard_tokens = config.seed, shards, shard_tokens
        sizes = (sum(len(group.branches) for group in batch.groups) for batch in plan)
        self._rows = list(accumulate(sizes, initial=0))
        tokens = (sum(group.tokens for group in batch.groups) for batch in plan)  # without system prompts
        self._tokens = list(accumulate(tokens, initial=0))

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int) -> list[Shard]:
        (groups, system), prefix = self._plan[index], []
        if system is not None:
            prefix = self._encoder.encode_prefix(system, random.Random(f"{self._seed}/{index}"))
            return Shard(groups, prefix).cut(self._shards)  # each computes the prompt for itself
        tokens = sum(group.tokens for group in groups)
        return Shard(groups, prefix).cut(self._shards * max(1, math.ceil(tokens / self._shards / self._shard_tokens)))

    def count_rows(self, batches: int) -> int:
        """How many rows the first `batches` batches hold, over as many epochs as that takes."""
        return self._count(self._rows, batches)

    def count_tokens(self, batches: int) -> int:
        """Likewise their tokens, of what rows share once, and none of system prompts."""
        return self._count(self._tokens, batches)

    def _count(self, sums: list[int], batches: int) -> int:
        epochs, rest = divmod(batches, len(self._plan))
        return epochs * sums[-1] + sums[rest]


def train(spec: TrainSpec) -> TrainSummary | None:
    """Trains, resuming where it can; None if it was asked to stop and has written a checkpoint."""
    config, work_dir = spec.config, Path(spec.work_dir)
    checkpoints = work_dir / CHECKPOINTS
    device, precision = detect_device(), choose_precision()
    shards = device.count_shards(config)
    tokenizer = load_tokenizer(Path(spec.tokenizer))
    encoder = RowEncoder(tokenizer, spec.contract)
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # of `accelerate launch`, each with its share of the shards
    train_set, rows, answer_tokens = _load_batches(spec, "train", encoder, shards * processes)
    eval_set, _, _ = _load_batches(spec, "validation", encoder, 1, config.eval_rows)
    model = load_model(config, tokenizer, precision)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    notices = choose(config, device).model_dump()
    if config.scratch is not None and (
        warning := warn_of_little_data(parameters, train_set.count_tokens(len(train_set)))
    ):
        notices["data"] = warning
    send({"step": 0, "steps": count_steps(train_set, config), "notices": notices})
    examiner = None
    if config.judged_rows and len(eval_set):
        examiner = Examiner(Path(spec.dataset), spec.contract, config, tokenizer)
    reporter = Reporter({"rows": train_set.count_rows, "tokens": train_set.count_tokens})
    trainer = build_trainer(
        model,
        config,
        train_set,
        eval_set if len(eval_set) else None,
        checkpoints,
        precision,
        reporter,
        shards,
        tokenizer,
        examiner,
    )
    loss = run_trainer(trainer, reporter, config, work_dir)
    if loss is None:
        return None
    return TrainSummary(
        parameters=parameters,
        trained_parameters=trained,
        steps=trainer.state.global_step,
        rows=rows,
        answer_tokens=answer_tokens,
        loss=loss,
        precision=f"{precision.name}: {precision.reason}",
        parts=trainer.runner.parts,
    )


def _load_batches(
    spec: TrainSpec, split: str, encoder: RowEncoder, shards: int, limit: int | None = None
) -> tuple[BatchDataset, int, int]:
    """The batches of a split, its rows and its answer tokens."""
    config = spec.config
    path = Path(spec.dataset) / f"{split}.jsonl"
    found = list(read_rows(path))
    if limit is not None:
        found = sorted(found, key=lambda row: row.id.rpartition("-")[2])[:limit]
    encoded = [encoder.encode(row) for row in found]
    prefixes = {
        prompt: len(encoder.encode_prefix(prompt, random.Random(0))) for prompt in {row.prompt for row in found}
    }
    check_lengths(encoded, prefixes, config.max_seq_length)
    answers = sum(len(row.answer) for row in encoded)
    if split == "train" and not answers:
        raise TrainingError(f"{path} has no row to learn from.")
    plan = plan_batches(
        group_rows(encoded, GROUP_TOKENS),
        config.batch_size,
        config.prompt_batch_size or config.batch_size,
        config.prompt_share if split == "train" else 1.0,
        config.seed,
    )
    shard_tokens = SHARD_TOKENS if detect_device().kind == "cpu" else math.inf
    return BatchDataset(plan, encoder, config, shards, shard_tokens), len(found), answers


def load_model(config: TrainConfig, tokenizer: Any, precision: Precision) -> PreTrainedModel:
    """What is trained, at its beginning."""
    if config.scratch is not None:
        return build_model(config.scratch, tokenizer, config.seed)
    assert config.pretrained is not None
    return load_pretrained(config.pretrained, config.lora, tokenizer, precision)


if __name__ == "__main__":
    sys.exit(run_child(TrainSpec, train, _OUTSIDE_A_BATCH))
