"""What training on judged answers needs as files, and what its two methods have in common."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from heimdall.config import AnswersConfig, DpoConfig, EvalConfig, GrpoConfig, PretrainedConfig, TrainConfig
from heimdall.hardware import Precision, choose_precision
from heimdall.refs import Record
from heimdall.rows import Prompt
from nornicdb.contract import Contract

PAIRS = "pairs.jsonl"


class PairsSpec(Record):
    """Everything that asks a model and judges its answers. `practice` is a directory of `eval.practice`."""

    model: str
    practice: str
    contract: Contract
    prompt: Prompt
    evaluation: EvalConfig
    answers: AnswersConfig
    seed: int
    work_dir: str


class PairsSummary(Record):
    """How many questions were asked, how their answers were judged, and the pairs that came of it."""

    questions: int
    right: int
    wrong: int
    not_judged: int
    pairs: int
    from_gold: int


class DpoSpec(Record):
    """Everything that trains on pairs; `pairs` is a file of `eval.sampling.Pair`."""

    model: str
    pairs: str
    config: TrainConfig
    dpo: DpoConfig
    work_dir: str


class GrpoSpec(Record):
    """Everything that trains on rewards. `practice` is a directory of `eval.practice`."""

    model: str
    practice: str
    contract: Contract
    prompt: Prompt
    evaluation: EvalConfig
    config: TrainConfig
    grpo: GrpoConfig
    work_dir: str


class AnswersSummary(Record):
    """What training on judged answers came to."""

    trained_parameters: int
    steps: int
    loss: float
    precision: str


def continue_from(config: TrainConfig, model: str, license: str = "") -> TrainConfig:
    """The configuration of training that goes on from a model's directory, whatever it was made from."""
    base = PretrainedConfig(name_or_path=model, license=license)
    return config.model_copy(update={"scratch": None, "pretrained": base})


class Opened(NamedTuple):
    """A model to train on, with all that its trainer needs; `model` has fresh adapters if `config` asks for them."""

    config: TrainConfig
    precision: Precision
    tokenizer: Any
    model: Any


def open_model(directory: str, config: TrainConfig) -> Opened:
    """Loads the model that training goes on from."""
    import torch

    from training.pretrained import load_pretrained
    from training.tokenizer import load_tokenizer

    torch.set_num_threads(config.threads or os.cpu_count() or 1)
    continued = continue_from(config, directory)
    assert continued.pretrained is not None
    tokenizer = load_tokenizer(Path(directory))
    precision = choose_precision()
    model = load_pretrained(continued.pretrained, continued.lora, tokenizer, precision)
    return Opened(continued, precision, tokenizer, model)


def list_answer_arguments(answers: AnswersConfig, batch_size: int) -> dict[str, Any]:
    """What TRL's trainers are told alike."""
    return {
        "per_device_train_batch_size": batch_size,
        "gradient_accumulation_steps": answers.gradient_accumulation,
        "num_train_epochs": answers.epochs,
        "learning_rate": answers.learning_rate,
        "logging_steps": 1,
    }


def summarize(trainer: Any, loss: float, precision: Precision) -> AnswersSummary:
    """What a trainer that has finished came to."""
    return AnswersSummary(
        trained_parameters=sum(each.numel() for each in trainer.model.parameters() if each.requires_grad),
        steps=trainer.state.global_step,
        loss=loss,
        precision=f"{precision.name}: {precision.reason}",
    )
