"""Stages `pairs`, `dpo` and `grpo`: the trained model learns from how its own answers were judged."""

from collections.abc import Mapping
from typing import Any

from eval.sampling import Pair
from heimdall.config import AnswersConfig, Preset
from heimdall.records import read_records
from heimdall.refs import ArtifactRef, ContractRef, DatasetRef, ModelRef, Record
from tasks.draw_practice import PracticeRef, draw_practice
from tasks.read_contract import open_contract
from tasks.stage import Pipeline, Work, stage
from tasks.train_model import MODEL, follow_events
from training.answers import PAIRS

_TOKENS = {"prompt_tokens", "chosen_tokens", "rejected_tokens"}


class PairsRef(Record):
    """Pairs of a right and a wrong answer, with all answers that were drawn beside them."""

    artifact: ArtifactRef
    questions: int
    pairs: int
    from_gold: int
    right: int
    wrong: int
    not_judged: int


def align_model(pipeline: Pipeline, model: ModelRef, dataset: DatasetRef, contract: ContractRef) -> ModelRef:
    """Trains on preference pairs, then on rewards, as far as the preset asks for either."""
    preset = pipeline.preset
    if preset.dpo is None and preset.grpo is None:
        return model
    practice = draw_practice(pipeline, dataset=dataset)
    if preset.dpo is not None:
        pairs = draw_pairs(pipeline, model=model, practice=practice, contract=contract)
        model = train_dpo(pipeline, model=model, pairs=pairs)
    if preset.grpo is not None:
        model = train_grpo(pipeline, model=model, practice=practice, contract=contract)
    return model


def _pick_asking(preset: Preset) -> dict[str, Any]:
    """How questions are asked and answers judged."""
    evaluation = preset.evaluation.model_dump(include={"seed", "context_size", "time_limit_ms", "row_limit"})
    return {"evaluation": evaluation, "seed": preset.train.seed, "prompt": preset.data.prompt}


def _pick_pairs(preset: Preset) -> Mapping[str, Any]:
    drawing = {"questions", "samples", "temperature", "max_tokens"}
    return {**_pick_asking(preset), "dpo": preset.dpo.model_dump(include=drawing) if preset.dpo else None}


@stage("pairs", version=1, result=PairsRef, config=_pick_pairs, resumable=True)
def draw_pairs(work: Work, model: ModelRef, practice: PracticeRef, contract: ContractRef) -> PairsRef:
    """Asks each question several times over and pairs right and wrong answers."""
    from training.answers import PairsSpec, PairsSummary
    from training.job import follow_child

    preset = work.preset
    assert preset.dpo is not None
    spec = PairsSpec(
        model=str(work.path(model.artifact)),
        practice=str(work.path(practice.artifact)),
        contract=open_contract(work, contract),
        prompt=preset.data.prompt,
        evaluation=preset.evaluation,
        answers=preset.dpo,
        seed=preset.train.seed,
        work_dir=str(work.directory),
    )
    made = follow_child("training.pairs", spec, PairsSummary, work.directory, follow_events(work, "pairs"))
    work.tracked.log_metrics(made.model_dump())
    pairs = (pair for _, pair in read_records(work.directory / PAIRS, Pair))
    work.tracked.log_table("pairs.json", (pair.model_dump(mode="json", exclude=_TOKENS) for pair in pairs))
    return PairsRef(artifact=work.describe(), **made.model_dump())


def _pick_dpo(preset: Preset) -> Mapping[str, Any]:
    return {"train": _pick_training(preset), "dpo": preset.dpo.model_dump() if preset.dpo else None}


def _pick_training(preset: Preset) -> dict[str, Any]:
    """What of the supervised training's settings holds here too."""
    return preset.train.model_dump(include={"seed", "lora", "max_grad_norm", "threads"})


@stage("dpo", version=1, result=ModelRef, config=_pick_dpo, resumable=True)
def train_dpo(work: Work, model: ModelRef, pairs: PairsRef) -> ModelRef:
    """Trains on pairs, or goes on from the newest checkpoint of an interrupted try."""
    from training.answers import DpoSpec

    preset = work.preset
    assert preset.dpo is not None
    spec = DpoSpec(
        model=str(work.path(model.artifact)),
        pairs=str(work.path(pairs.artifact) / PAIRS),
        config=preset.train,
        dpo=preset.dpo,
        work_dir=str(work.directory),
    )
    return _train(work, model, "dpo", spec, preset.dpo)


def _pick_grpo(preset: Preset) -> Mapping[str, Any]:
    grpo = preset.grpo.model_dump() if preset.grpo else None
    return {**_pick_asking(preset), "train": _pick_training(preset), "grpo": grpo}


@stage("grpo", version=1, result=ModelRef, config=_pick_grpo, resumable=True)
def train_grpo(work: Work, model: ModelRef, practice: PracticeRef, contract: ContractRef) -> ModelRef:
    """Trains on rewards, or goes on from the newest checkpoint of an interrupted try."""
    from training.answers import GrpoSpec

    preset = work.preset
    assert preset.grpo is not None
    spec = GrpoSpec(
        model=str(work.path(model.artifact)),
        practice=str(work.path(practice.artifact)),
        contract=open_contract(work, contract),
        prompt=preset.data.prompt,
        evaluation=preset.evaluation,
        config=preset.train,
        grpo=preset.grpo,
        work_dir=str(work.directory),
    )
    return _train(work, model, "grpo", spec, preset.grpo)


def _train(work: Work, model: ModelRef, method: str, spec: Record, config: AnswersConfig) -> ModelRef:
    """The model that the child of this method makes of `model`."""
    from training.answers import AnswersSummary
    from training.job import follow_child

    work.tracked.log_params(config.model_dump())
    follow_child(f"training.{method}", spec, AnswersSummary, work.directory, follow_events(work, method))
    made = {"artifact": work.describe(MODEL), "methods": (*model.methods, method)}
    return model.model_copy(update={**made, "supervised": model.supervised or model.artifact})
