"""Supervised fine-tuning of one model on one data set, as a process of its own: `python -m training.sft --spec FILE`.

Hugging Face's `Trainer` drives the steps, checkpoints and schedule; the batches with their shared prefix and their loss
are ours (`training.batches`, `training.loss`).
"""

import math
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import (
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from heimdall.config import TrainConfig
from heimdall.errors import TrainingError
from heimdall.files import write_text
from heimdall.hardware import Precision, choose_precision
from heimdall.rows import read_rows
from training.attention import use_tree_attention
from training.batches import (
    IGNORED,
    Batch,
    PlannedBatch,
    RowEncoder,
    Shard,
    build_batch,
    check_lengths,
    group_rows,
    plan_batches,
)
from training.child import run_child, send
from training.job import CHECKPOINTS, MODEL, TrainSpec, TrainSummary
from training.loss import sum_loss
from training.memory import ShardRunner
from training.optimizer import build_optimizer
from training.pretrained import load_pretrained, merge_adapters
from training.scratch import build_model
from training.tokenizer import load_tokenizer

GROUP_TOKENS = 512  # in one sequence: more rows share more, but attention widens
_WHOLE = "whole"  # this file in a checkpoint says that all others were written
_KEPT_CHECKPOINTS = 2
_LOG_EVERY = 10
_CURVES = {name: name for name in ("loss", "eval_loss", "learning_rate", "grad_norm")}
_OUTSIDE_A_BATCH = (
    "Memory is too small for the weights, their gradients and the optimizer, whatever the batch: "
    "take a smaller model, train.lora, or train.lora.quantized"
)


class BatchDataset(Dataset[list[Shard]]):
    """The planned batches, each cut into shards; number i is the same whenever and wherever it is asked for.

    Each batch that has the system prompt has its actions in another order.
    """

    def __init__(self, plan: list[PlannedBatch], encoder: RowEncoder, config: TrainConfig, shards: int) -> None:
        self._plan, self._encoder = plan, encoder
        self._seed, self._shards = config.seed, shards
        sizes = (sum(len(group.branches) for group in batch.groups) for batch in plan)
        self._rows = list(accumulate(sizes, initial=0))

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int) -> list[Shard]:
        (groups, system), prefix = self._plan[index], []
        if system is not None:
            prefix = self._encoder.encode_prefix(system, random.Random(f"{self._seed}/{index}"))
        return Shard(groups, prefix).cut(self._shards)

    def count_rows(self, batches: int) -> int:
        """How many rows the first `batches` batches hold, over as many epochs as that takes."""
        epochs, rest = divmod(batches, len(self._plan))
        return epochs * self._rows[-1] + self._rows[rest]


class PrefixTrainer(Trainer):
    """A `Trainer` whose items are whole batches and whose loss is averaged over answer tokens.

    The shards of a batch are computed by themselves and their gradients added, on a CPU side by side, each in one
    thread: threads inside every matrix product would wait for each other thousands of times a step, which costs half of
    the speed as soon as anything else wants a core. Where memory runs out, shards are cut further.
    """

    def __init__(self, *args: Any, shard_threads: int, pad: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.runner = ShardRunner(shard_threads, self._say_cut)
        self._pad = pad

    def autocast_smart_context_manager(self, cache_enabled: bool | None = True) -> AbstractContextManager[None]:
        """The Trainer leaves mixed precision to the model's forward, which a loss over the decoder does not call."""
        context: AbstractContextManager[None] = self.accelerator.autocast()
        return context

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Adds the gradient of one batch to the parameters and returns its loss."""
        model.train()
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        count = num_items_in_batch if num_items_in_batch is not None else (inputs["labels"] != IGNORED).sum()
        scaler = self.accelerator.scaler  # of fp16's gradients, which the optimizer's step divides again

        def differentiate(shard: Shard) -> tuple[torch.Tensor, Sequence[torch.Tensor | None]]:
            loss = self._sum_loss(model, shard)[0] / count
            scaled = loss if scaler is None else scaler.scale(loss)
            # Not `backward`, which leaves half a gradient in the parameters when it runs out of memory.
            return loss.detach(), torch.autograd.grad(scaled, trained, allow_unused=True)

        total = torch.zeros((), device=self.args.device)
        for part, gradients in self.runner.run(differentiate, inputs["shards"]):
            total += part
            for parameter, gradient in zip(trained, gradients, strict=True):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
        return total

    def prediction_step(self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None) -> Any:
        """The mean loss of a batch, without gradients."""

        def measure(shard: Shard) -> tuple[torch.Tensor, int]:
            with torch.no_grad():  # here, because each thread has its own
                return self._sum_loss(model, shard)

        sums = list(self.runner.run(measure, inputs["shards"]))
        return torch.stack([loss for loss, _ in sums]).sum() / sum(count for _, count in sums), None, None

    def _sum_loss(self, model: Any, shard: Shard) -> tuple[torch.Tensor, int]:
        batch = build_batch(shard.groups, shard.prefix, self._pad)
        with self.compute_loss_context_manager():
            return sum_loss(self.accelerator.unwrap_model(model), Batch(**self._prepare_input(vars(batch))))

    def _say_cut(self, parts: int) -> None:
        notice = (
            f"memory ran out at step {self.state.global_step}; from here on each micro-batch is computed in {parts} "
            "parts, one after the other, and the batch that the optimizer sees stays the same"
        )
        send({"step": self.state.global_step, "steps": self.state.max_steps, "parts": parts, "notice": notice})

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)


def _collate(items: list[list[Shard]]) -> dict[str, Any]:
    """One item is one batch. `labels` is what the Trainer counts answer tokens by."""
    (shards,) = items
    labels = [label for shard in shards for group in shard.groups for row in group.labels for label in row]
    return {"shards": shards, "labels": torch.tensor([labels])}


class Reporter(TrainerCallback):
    """Sends numbers to the parent, stops on request or on a loss that is no number, and marks whole checkpoints.

    `curves` are the Trainer's names of the numbers with ours; `count_rows` says how many rows so many batches hold.
    """

    def __init__(self, count_rows: Callable[[int], int], curves: Mapping[str, str] = _CURVES) -> None:
        self.stop_requested = False
        self._count_rows, self._curves = count_rows, curves
        self._last = (0, time.monotonic())

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """From here on rates are counted."""
        self._last = (state.global_step, time.monotonic())

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """A log entry of the Trainer becomes an event with rates."""
        event = {name: float(logs[source]) for source, name in self._curves.items() if logs.get(source) is not None}
        if not event:
            return
        if not math.isfinite(logs.get("loss", 0.0)):
            raise TrainingError(
                f"The loss at step {state.global_step} is {logs['loss']}; lower the learning rate and start again."
            )
        now = time.monotonic()
        if "loss" in logs:
            first, last = (
                self._count_rows(step * args.gradient_accumulation_steps) for step in (self._last[0], state.global_step)
            )
            event["rows_per_second"] = (last - first) / (now - self._last[1])
            self._last = (state.global_step, now)
        send({"step": state.global_step, "steps": state.max_steps, **event})

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Between steps is the place to stop."""
        if self.stop_requested:
            control.should_save = True
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """The Trainer has written everything: say so in the checkpoint."""
        write_text(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / _WHOLE, "")


def train(spec: TrainSpec) -> TrainSummary | None:
    """Trains, resuming where it can; None if it was asked to stop and has written a checkpoint."""
    config, work_dir = spec.config, Path(spec.work_dir)
    checkpoints = work_dir / CHECKPOINTS
    drop_torn_checkpoints(checkpoints)
    threads = config.threads or os.cpu_count() or 1
    shards = 1 if has_accelerator() else threads
    # The shards are what runs side by side: what is left is many small operations, which two threads only slow down.
    torch.set_num_threads(1 if shards > 1 else threads)
    precision = choose_precision()
    tokenizer = load_tokenizer(Path(spec.tokenizer))
    encoder = RowEncoder(tokenizer, spec.contract)
    train_set, rows, answer_tokens = _load_batches(spec, "train", encoder, shards)
    eval_set, _, _ = _load_batches(spec, "validation", encoder, 1, config.eval_rows)
    model = _load_model(config, tokenizer)
    use_tree_attention(model)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    steps = math.ceil(len(train_set) / config.gradient_accumulation) * config.epochs
    reporter = Reporter(train_set.count_rows)
    trainer = PrefixTrainer(
        model=model,
        args=_arguments(config, checkpoints, precision, evaluate=len(eval_set) > 0, steps=math.ceil(steps)),
        train_dataset=train_set,
        eval_dataset=eval_set,
        data_collator=_collate,
        processing_class=tokenizer,
        optimizers=(build_optimizer(model, config.optimizer, config.learning_rate, config.weight_decay), None),
        callbacks=[reporter],
        shard_threads=1 if _draws_twice(config) else shards,
        pad=encoder.pad,
    )
    loss = run_trainer(trainer, reporter, config, work_dir)
    if loss is None:
        return None
    return TrainSummary(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        trained_parameters=sum(parameter.numel() for parameter in trained),
        steps=trainer.state.global_step,
        rows=rows,
        answer_tokens=answer_tokens,
        loss=loss,
        precision=f"{precision.name}: {precision.reason}",
        parts=trainer.runner.parts,
    )


def run_trainer(trainer: Trainer, reporter: Reporter, config: TrainConfig, work_dir: Path) -> float | None:
    """Trains, going on from the newest checkpoint, and writes the model; returns the mean loss, or None if stopped."""
    checkpoints = work_dir / CHECKPOINTS
    signal.signal(signal.SIGTERM, lambda *_: setattr(reporter, "stop_requested", True))
    outcome = trainer.train(resume_from_checkpoint=get_last_checkpoint(str(checkpoints)))
    if reporter.stop_requested and trainer.state.global_step < trainer.state.max_steps:
        return None
    _save_model(trainer.model, trainer.processing_class, config, work_dir / MODEL)
    shutil.rmtree(checkpoints)
    return float(outcome.training_loss)


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
    return BatchDataset(plan, encoder, config, shards), len(found), answers


def _load_model(config: TrainConfig, tokenizer: Any) -> PreTrainedModel:
    if config.scratch is not None:
        return build_model(config.scratch, tokenizer, config.seed)
    assert config.pretrained is not None
    return load_pretrained(config.pretrained, config.lora, tokenizer)


def _save_model(model: Any, tokenizer: Any, config: TrainConfig, out: Path) -> None:
    merged = model
    if config.pretrained is not None and config.lora is not None:
        merged = merge_adapters(model, config.pretrained, config.lora, tokenizer)
    for name, tensor in merged.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise TrainingError(f"The trained weight {name} is not finite; lower the learning rate and start again.")
    merged.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _arguments(
    config: TrainConfig, out: Path, precision: Precision, *, evaluate: bool, steps: int
) -> TrainingArguments:
    return TrainingArguments(
        **list_arguments(config, out, precision),
        per_device_train_batch_size=1,  # one item is one batch
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=config.gradient_accumulation,
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={"num_decay_steps": round(steps * config.decay_ratio), "decay_type": "linear"},
        warmup_steps=round(steps * config.warmup_ratio),
        logging_steps=_LOG_EVERY,
        eval_strategy="steps" if evaluate else "no",
        eval_steps=config.save_steps,
        prediction_loss_only=True,
        remove_unused_columns=False,
        label_names=["labels"],
    )


def list_arguments(config: TrainConfig, out: Path, precision: Precision) -> dict[str, Any]:
    """What all trainers are told alike."""
    return {
        "output_dir": str(out),
        "max_grad_norm": config.max_grad_norm,
        "activation_checkpointing": config.gradient_checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
        "bf16": precision.name == "bf16",
        "fp16": precision.name == "fp16",
        "use_cpu": not has_accelerator(),
        "seed": config.seed,
        "data_seed": config.seed,
        "logging_nan_inf_filter": False,
        "save_steps": config.save_steps,
        "save_total_limit": _KEPT_CHECKPOINTS,
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "report_to": "none",
    }


def _draws_twice(config: TrainConfig) -> bool:
    """A checkpointed layer draws its dropout again in the backward pass, from the generator that all threads share."""
    return config.gradient_checkpointing and config.lora is not None and config.lora.dropout > 0


def has_accelerator() -> bool:
    """Whether there is a GPU."""
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def drop_torn_checkpoints(checkpoints: Path) -> None:
    """A checkpoint that was being written when the process died has no mark, and is not used."""
    for checkpoint in checkpoints.glob("checkpoint-*"):
        if not (checkpoint / _WHOLE).exists():
            shutil.rmtree(checkpoint)


if __name__ == "__main__":
    sys.exit(run_child(TrainSpec, train, _OUTSIDE_A_BATCH))
