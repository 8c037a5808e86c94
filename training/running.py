"""What all training by Hugging Face's `Trainer` has in common: what it is told, what it reports and what it leaves."""

import contextlib
import math
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from heimdall.config import TrainConfig
from heimdall.errors import DiskError, TrainingError
from heimdall.files import explaining_disk_errors
from heimdall.hardware import Precision
from training.checkpoints import find_newest
from training.child import send
from training.devices import GIB, read_peak_memory
from training.job import CHECKPOINTS, MODEL
from training.pretrained import merge_adapters

_CURVES = {name: name for name in ("loss", "eval_loss", "learning_rate", "grad_norm")}


class Reporter(TrainerCallback):
    """Sends numbers to the parent, stops on request or on a loss that is no number.

    `curves` are the Trainer's names of the numbers with ours; `counts` say how much of a thing so many batches hold,
    for its rate, such as `rows_per_second`.
    """

    def __init__(self, counts: Mapping[str, Callable[[int], int]], curves: Mapping[str, str] = _CURVES) -> None:
        self.stop_requested = False
        self._counts, self._curves = counts, curves
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
            before, after = (step * args.gradient_accumulation_steps for step in (self._last[0], state.global_step))
            for name, count in self._counts.items():
                event[f"{name}_per_second"] = (count(after) - count(before)) / (now - self._last[1])
            self._last = (state.global_step, now)
        event["peak_memory_gib"] = read_peak_memory() / GIB
        send({"step": state.global_step, "steps": state.max_steps, **event})

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Between steps is the place to stop, for all processes at the same."""
        if args.world_size > 1:
            asked = torch.tensor(float(self.stop_requested), device=args.device)
            torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
            self.stop_requested = bool(asked)
        if self.stop_requested:
            control.should_save = True
            control.should_training_stop = True


def list_arguments(config: TrainConfig, out: Path, precision: Precision) -> dict[str, Any]:
    """What all trainers are told alike."""
    return {
        "output_dir": str(out),
        "max_grad_norm": config.max_grad_norm,
        "activation_checkpointing": config.gradient_checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
        "bf16": precision.name == "bf16",
        "fp16": precision.name == "fp16",
        "use_cpu": not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        "seed": config.seed,
        "data_seed": config.seed,
        "logging_nan_inf_filter": False,
        "save_steps": config.save_steps,
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "report_to": "none",
    }


def run_trainer(trainer: Trainer, reporter: Reporter, config: TrainConfig, work_dir: Path) -> float | None:
    """Trains, going on from the newest whole checkpoint, and writes the model; returns the mean loss, or None if
    stopped."""
    checkpoints = work_dir / CHECKPOINTS
    signal.signal(signal.SIGTERM, lambda *_: setattr(reporter, "stop_requested", True))
    with trainer.accelerator.main_process_first():  # which removes the damaged ones
        newest = find_newest(checkpoints, lambda text: send({"step": 0, "steps": 1, "notices": {"checkpoint": text}}))
    with _explaining_full_disks(work_dir):
        outcome = trainer.train(resume_from_checkpoint=None if newest is None else str(newest))
        if reporter.stop_requested and trainer.state.global_step < trainer.state.max_steps:
            return None
        if trainer.is_world_process_zero():
            _save_model(trainer.model, trainer.processing_class, config, work_dir / MODEL)
            shutil.rmtree(checkpoints)
    return float(outcome.training_loss)


@contextlib.contextmanager
def _explaining_full_disks(directory: Path) -> Iterator[None]:
    """PyTorch and safetensors each have their own words for what is not an `OSError` of theirs."""
    try:
        with explaining_disk_errors(directory):
            yield
    except (RuntimeError, SafetensorError) as error:
        if not any(words in str(error) for words in ("No space left", "PytorchStreamWriter", "unexpected pos")):
            raise
        raise DiskError(
            f"The disk that holds '{directory}' is full; free some space and run the same command."
        ) from error


def _save_model(model: Any, tokenizer: Any, config: TrainConfig, out: Path) -> None:
    merged = model
    if config.pretrained is not None and config.lora is not None:
        merged = merge_adapters(model, config.pretrained, config.lora, tokenizer)
    for name, tensor in merged.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise TrainingError(f"The trained weight {name} is not finite; lower the learning rate and start again.")
    merged.save_pretrained(out)
    tokenizer.save_pretrained(out)
