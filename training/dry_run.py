"""Trains a preset's shape for a moment, to know what training takes on this machine.

The weights are random and so are the tokens, as many as `Lengths` says; everything else is as in `training.sft`: how
the base is loaded, quantised and adapted, trainer, optimizer, number format. The child (`python -m training.dry_run`)
is a process of its own, because its peak of memory is what is measured.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from heimdall.config import PretrainedConfig, TrainConfig
from heimdall.errors import TrainingError
from heimdall.files import explaining_disk_errors
from heimdall.hardware import Precision
from heimdall.refs import Record
from nornicdb.prompts import CONTROL_TOKENS
from presets.bases import Base
from training.devices import Device, detect_device, forget_peak_memory, read_peak_memory
from training.estimate import count_operations, estimate_memory
from training.lengths import Lengths

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LEAST_STEPS = 2  # the first one makes the optimizer's state


class DryRunSpec(Record):
    """What to train; `precision` instead of the machine's own, `seconds` after the first step."""

    config: TrainConfig
    base: Base
    lengths: Lengths
    precision: Literal["bf16", "fp16", "fp32"] | None = None
    seconds: float = 0.0


class DryRun(Record):
    """What was measured: the peak of memory in bytes and the `seconds` that a micro-batch of `rows` rows takes, the
    optimizer's share included. `parts` is more than one where memory ran out."""

    device: str
    precision: str
    trained_parameters: int
    rows: int
    steps: int
    seconds: float
    peak_memory: int
    parts: int
    loss: float


def measure(spec: DryRunSpec) -> DryRun:
    """Trains in a process of its own, two steps or for the asked time. Raises `TrainingError` where that fails."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "spec.json"
        path.write_text(spec.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", "training.dry_run", str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        words = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
        raise TrainingError(f"The dry run of {spec.base.name} failed: {words[-1]}")
    return DryRun.model_validate_json(ended.stdout.splitlines()[-1])


def calibrate(spec: DryRunSpec, device: Device) -> tuple[Device, DryRun]:
    """This machine with the speed and the memory that a dry run measured, and the dry run."""
    measured, config = measure(spec), shorten(spec.config)
    always = config.model_copy(update={"prompt_share": 1.0})
    operations = count_operations(always, spec.base, spec.lengths, measured.rows, device.count_shards(config))
    predicted = estimate_memory(config, spec.base, spec.lengths, device).total
    found = device._replace(
        tflops=operations / measured.seconds / 1e12, factor=device.factor * measured.peak_memory / predicted
    )
    return found, measured


def shorten(config: TrainConfig) -> TrainConfig:
    """The configuration with steps of few batches: more take more time, and no more memory."""
    return config.model_copy(update={"gradient_accumulation": min(config.gradient_accumulation, 2), "epochs": 1.0})


def train(spec: DryRunSpec) -> DryRun:
    """The child's part."""
    import torch
    from transformers import TrainerCallback

    from training.prefix_trainer import build_trainer
    from training.sft import load_model

    class Clock(TrainerCallback):  # type: ignore[misc]
        """When each step ended; stops after the last, and saves nothing."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())
            passed = self.ends[-1] - self.ends[0] >= spec.seconds
            control.should_training_stop = passed and len(self.ends) >= _LEAST_STEPS
            control.should_save = False

    device = detect_device()
    precision = Precision(spec.precision, "asked for") if spec.precision else device.precision
    with tempfile.TemporaryDirectory() as name, explaining_disk_errors(Path(name)):
        config, tokenizer = _prepare(spec, Path(name))
        rows = config.prompt_batch_size or config.batch_size
        model = load_model(config, tokenizer, precision)
        batches = RandomBatches(spec, rows, device.count_shards(config))
        clock = Clock()
        trainer = build_trainer(
            model, config, batches, None, Path(name), precision, clock, device.count_shards(config), tokenizer
        )
        forget_peak_memory()
        outcome = trainer.train()
        peak = read_peak_memory()
    return DryRun(
        device=device.name,
        precision=precision.name,
        trained_parameters=sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
        rows=rows,
        steps=len(clock.ends),
        seconds=(clock.ends[-1] - clock.ends[0]) / (len(clock.ends) - 1) / config.gradient_accumulation,
        peak_memory=peak,
        parts=trainer.runner.parts,
        loss=outcome.training_loss,
    )


class RandomBatches:
    """Batches of `rows` rows under a system prompt, of tokens that mean nothing; as many as anybody wants."""

    def __init__(self, spec: DryRunSpec, rows: int, shards: int) -> None:
        self._spec, self._rows, self._shards = spec, rows, shards

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, index: int) -> Any:
        from training.batches import EncodedRow, Shard, lay_out

        tokens, lengths = random.Random(index), self._spec.lengths
        own, answer = round(lengths.row), max(round(lengths.answer), 1)
        prefix, *rows = (
            tokens.choices(range(self._spec.base.vocab_size), k=count)
            for count in (round(lengths.prompt), *[max(own, answer + 1)] * self._rows)
        )
        encoded = [
            EncodedRow(f"row-{number}", "full", row[:-answer], row[-answer:], None) for number, row in enumerate(rows)
        ]
        return Shard([lay_out([row]) for row in encoded], prefix).cut(self._shards)


def _prepare(spec: DryRunSpec, directory: Path) -> "tuple[TrainConfig, PreTrainedTokenizerBase]":
    """A tokenizer that nothing is asked of, and the configuration with random weights in the place of the base's."""
    from training.tokenizer import copy_pretrained, load_tokenizer

    config, base, tokenizer = shorten(spec.config), directory / "base", directory / "tokenizer"
    _save_tokenizer(base, with_markers=spec.base.chatml)
    if config.pretrained is not None:
        _save_random_weights(spec.base, base)
    local = PretrainedConfig(name_or_path=str(base), license="none")
    copy_pretrained(local, tokenizer)
    return config.model_copy(update={"pretrained": config.pretrained and local}), load_tokenizer(tokenizer)


def _save_tokenizer(directory: Path, *, with_markers: bool) -> None:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if with_markers:
        backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS])
    PreTrainedTokenizerFast(tokenizer_object=backend).save_pretrained(directory)


def _save_random_weights(base: Base, directory: Path) -> None:
    """In bfloat16, as bases come from the Hub."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        base.architecture,
        vocab_size=base.vocab_size,
        hidden_size=base.hidden_size,
        intermediate_size=base.intermediate_size,
        num_hidden_layers=base.layers,
        num_attention_heads=base.heads,
        num_key_value_heads=base.kv_heads,
        head_dim=base.head_size,
        tie_word_embeddings=base.tied,
        max_position_embeddings=base.context,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(directory)


if __name__ == "__main__":
    print(train(DryRunSpec.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))).model_dump_json())
