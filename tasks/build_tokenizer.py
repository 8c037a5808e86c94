"""Stage `tokenizer`: made before validation, because validation counts tokens."""

from typing import Any

from heimdall.config import Preset, TrainConfig
from heimdall.refs import ArtifactRef, ContractRef, DatasetRef, ModelRef, Record
from tasks.read_contract import open_contract
from tasks.stage import Work, stage


class TokenizerRef(Record):
    """A Hugging Face tokenizer directory."""

    artifact: ArtifactRef
    vocabulary: int
    tokens_per_row: float


def configure_training(work: Work, former: ModelRef | None) -> TrainConfig:
    """The preset's settings, with the model of a former run in place of the base where there is one."""
    from training.answers import continue_from

    config = work.preset.train
    return config if former is None else continue_from(config, str(work.path(former.artifact)), former.license)


def _pick_config(preset: Preset) -> dict[str, Any]:
    return preset.train.model_dump(include={"scratch", "pretrained"})


@stage("tokenizer", version=4, result=TokenizerRef, config=_pick_config)
def build_tokenizer(work: Work, dataset: DatasetRef, contract: ContractRef, former: ModelRef | None) -> TokenizerRef:
    """Trains a tokenizer on the training rows, or copies that of the base or of a former run's model."""
    from export.base import check_base
    from training.tokenizer import build_tokenizer as build

    config = configure_training(work, former)
    if config.pretrained is not None:
        check_base(config.pretrained)
    summary = build(work.path(dataset.artifact), open_contract(work, contract), config, work.directory)
    work.tracked.log_metrics({"vocabulary": summary.vocabulary, "tokens_per_row": summary.tokens_per_row})
    return TokenizerRef(artifact=work.describe(), vocabulary=summary.vocabulary, tokens_per_row=summary.tokens_per_row)
