"""The `Trainer` of batches with a shared prefix (`training.batches`), whose loss is ours (`training.loss`)."""

import math
import os
from collections.abc import Sequence, Sized
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from heimdall.config import TrainConfig
from heimdall.hardware import Precision
from training.attention import use_tree_attention
from training.batches import IGNORED, Batch, Shard, build_batch
from training.checkpoints import SealsCheckpoints
from training.child import send
from training.examine import Examiner
from training.faults import LossGuard, explain_explosion, explain_not_finite
from training.loss import sum_loss
from training.memory import ShardRunner
from training.norm import use_lean_norms
from training.optimizer import build_optimizer
from training.running import list_arguments

_LOG_EVERY = 10


class StopsEarly(TrainerCallback):
    """Ends training after so many checkpoints none of which was better than the best."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """By this time the Trainer has compared."""
        if state.best_global_step is None or control.should_training_stop:
            return
        if state.global_step - state.best_global_step >= self._patience * args.save_steps:
            text = f"no checkpoint was better than that of step {state.best_global_step}, so training ends early"
            send({"step": state.global_step, "steps": state.max_steps, "notices": {"early_stop": text}})
            control.should_training_stop = True


class PrefixTrainer(SealsCheckpoints, Trainer):
    """A `Trainer` whose items are whole batches and whose loss is averaged over answer tokens.

    The shards of a batch are computed by themselves and their gradients added, on a CPU side by side, each in one
    thread: threads inside every matrix product would wait for each other thousands of times a step, which costs half of
    the speed as soon as anything else wants a core. Where memory runs out, shards are cut further.
    """

    def __init__(
        self, *args: Any, shard_threads: int, pad: int, examiner: Examiner | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.runner = ShardRunner(shard_threads, self._say_cut)
        self._guard = LossGuard(self.model.config.vocab_size)
        self._pad, self._examiner = pad, examiner

    def autocast_smart_context_manager(self, cache_enabled: bool | None = True) -> AbstractContextManager[None]:
        """The Trainer leaves mixed precision to the model's forward, which a loss over the decoder does not call."""
        context: AbstractContextManager[None] = self.accelerator.autocast()
        return context

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Adds the gradient of one batch to the parameters and returns its loss; raises `TrainingError`, which names
        rows, before anything is learnt from what is not a number or is exploding."""
        model.train()
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        count = num_items_in_batch if num_items_in_batch is not None else (inputs["labels"] != IGNORED).sum()
        scaler = self.accelerator.scaler  # of fp16's gradients, which the optimizer's step divides again

        def differentiate(shard: Shard) -> tuple[torch.Tensor, Sequence[torch.Tensor | None]]:
            loss = self._sum_loss(model, shard)[0] / count
            scaled = loss if scaler is None else scaler.scale(loss)
            # Not `backward`, which leaves half a gradient in the parameters when it runs out of memory.
            return loss.detach(), torch.autograd.grad(scaled, trained, allow_unused=True)

        def is_finite(part: torch.Tensor, gradients: Sequence[torch.Tensor | None]) -> bool:
            found = [part] if scaler else [part, *(gradient for gradient in gradients if gradient is not None)]
            return bool(torch.stack([norm.float() for norm in torch._foreach_norm(found)]).isfinite().all())

        shards, step = self._take_share(inputs["shards"]), self.state.global_step
        total = torch.zeros((), device=self.args.device)
        for part, gradients in self.runner.run(differentiate, shards):
            if not is_finite(part, gradients):
                raise explain_not_finite(step, shards, lambda shard: is_finite(*differentiate(shard)))
            total += part
            for parameter, gradient in zip(trained, gradients, strict=True):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
        if self.args.world_size > 1:
            torch.distributed.all_reduce(total)
            if self.accelerator.sync_gradients:  # of several micro-batches only once
                self._add_up_gradients(trained)
        loss = float(total * count / (inputs["labels"] != IGNORED).sum())
        if self._guard.is_exploding(loss):
            raise explain_explosion(step, loss, shards, lambda shard: float(differentiate(shard)[0]))
        return total

    def _take_share(self, shards: list[Shard]) -> list[Shard]:
        """This process's part of a batch: all of them see the same batches, each computes some of the shards."""
        return shards[self.args.process_index :: self.args.world_size]

    def _add_up_gradients(self, trained: Sequence[torch.Tensor]) -> None:
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        # One call for all of them: each waits for the other processes.
        flat = torch.cat([parameter.grad.flatten() for parameter in trained if parameter.grad is not None])
        torch.distributed.all_reduce(flat)
        for parameter, part in zip(trained, torch.split(flat, [each.numel() for each in trained]), strict=True):
            parameter.grad = part.view_as(parameter)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Of several processes each gets all batches; the Trainer's own would deal them out."""
        if self.args.world_size > 1:
            return self._load_all(self.train_dataset)
        batches: DataLoader[Any] = super().get_train_dataloader()
        return batches

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """As `get_train_dataloader`."""
        if self.args.world_size > 1:
            return self._load_all(self.eval_dataset)
        batches: DataLoader[Any] = super().get_eval_dataloader(eval_dataset)
        return batches

    def _load_all(self, batches: Any) -> DataLoader[Any]:
        return DataLoader(batches, batch_size=1, shuffle=False, collate_fn=collate)

    def prediction_step(self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None) -> Any:
        """The mean loss of a batch, without gradients."""

        def measure(shard: Shard) -> tuple[torch.Tensor, int]:
            with torch.no_grad():  # here, because each thread has its own
                return self._sum_loss(model, shard)

        sums = list(self.runner.run(measure, inputs["shards"]))
        return torch.stack([loss for loss, _ in sums]).sum() / sum(count for _, count in sums), None, None

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """The loss of the validation rows, and how many of its answers to some of them are right."""
        output = super().evaluation_loop(*args, **kwargs)
        if self._examiner is not None:
            with self.compute_loss_context_manager():
                scores, examples = self._examiner.examine(self.accelerator.unwrap_model(self.model))
            output.metrics["eval_accuracy"] = scores["accuracy"]
            named = {f"validation_{name}": score for name, score in scores.items()}
            send({"step": self.state.global_step, "steps": self.state.max_steps, **named, "examples": examples})
        return output

    def _sum_loss(self, model: Any, shard: Shard) -> tuple[torch.Tensor, int]:
        batch = build_batch(shard.groups, shard.prefix, self._pad)
        with self.compute_loss_context_manager():
            return sum_loss(self.accelerator.unwrap_model(model), Batch(**self._prepare_input(vars(batch))))

    def _say_cut(self, parts: int) -> None:
        text = (
            f"memory ran out at step {self.state.global_step}; from here on each micro-batch is computed in {parts} "
            "parts, one after the other, and the batch that the optimizer sees stays the same"
        )
        notices = {"out_of_memory": text}
        send({"step": self.state.global_step, "steps": self.state.max_steps, "parts": parts, "notices": notices})

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)


def build_trainer(
    model: Any,
    config: TrainConfig,
    train_set: Any,
    eval_set: Any | None,
    out: Path,
    precision: Precision,
    callback: TrainerCallback,
    shards: int,
    tokenizer: Any,
    examiner: Examiner | None = None,
) -> PrefixTrainer:
    """A trainer of data sets whose items are batches in `shards` shards. With an `examiner`, the weights of the best
    checkpoint are those it ends with."""
    # The shards are what runs side by side: what is left is many small operations, which two threads only slow down.
    torch.set_num_threads(1 if shards > 1 else config.threads or os.cpu_count() or 1)
    use_tree_attention(model)
    use_lean_norms(model)
    steps = count_steps(train_set, config)
    return PrefixTrainer(
        model=model,
        args=_arguments(
            config, out, precision, evaluate=eval_set is not None, examined=examiner is not None, steps=steps
        ),
        train_dataset=train_set,
        eval_dataset=eval_set,
        data_collator=collate,
        processing_class=tokenizer,
        optimizers=(build_optimizer(model, config.optimizer, config.learning_rate, config.weight_decay), None),
        callbacks=[callback, StopsEarly(config.patience)],
        shard_threads=1 if _draws_twice(config) else shards,
        pad=tokenizer.pad_token_id,
        examiner=examiner,
    )


def count_steps(train_set: Sized, config: TrainConfig) -> int:
    """The optimizer's steps, over all epochs."""
    return math.ceil(math.ceil(len(train_set) / config.gradient_accumulation) * config.epochs)


def _arguments(
    config: TrainConfig, out: Path, precision: Precision, *, evaluate: bool, examined: bool, steps: int
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
        load_best_model_at_end=examined,
        metric_for_best_model="accuracy" if examined else None,
        greater_is_better=True if examined else None,
        prediction_loss_only=True,
        remove_unused_columns=False,
        average_tokens_across_devices=False,  # all processes count the whole batch
        label_names=["labels"],
    )


def collate(items: list[list[Shard]]) -> dict[str, Any]:
    """One item is one batch. `labels` is what the Trainer counts answer tokens by."""
    (shards,) = items
    labels = [label for shard in shards for group in shard.groups for row in group.labels for label in row]
    return {"shards": shards, "labels": torch.tensor([labels])}


def _draws_twice(config: TrainConfig) -> bool:
    """A checkpointed layer draws its dropout again in the backward pass, from the generator that all threads share."""
    return config.gradient_checkpointing and config.lora is not None and config.lora.dropout > 0
