"""Stage `tokenizer`: made before validation, because validation counts tokens."""

from typing import Any

from heimdall.config import Preset
from heimdall.refs import ArtifactRef, ContractRef, DatasetRef, Record
from tasks.read_contract import open_contract
from tasks.stage import Work, stage


class TokenizerRef(Record):
    """A Hugging Face tokenizer directory."""

    artifact: ArtifactRef
    vocabulary: int
    tokens_per_row: float


def _pick_config(preset: Preset) -> dict[str, Any]:
    return preset.train.model_dump(include={"scratch", "pretrained"})


@stage("tokenizer", version=3, result=TokenizerRef, config=_pick_config)
def build_tokenizer(work: Work, dataset: DatasetRef, contract: ContractRef) -> TokenizerRef:
    """Trains a tokenizer on the training rows, or copies the base model's."""
    from training.tokenizer import build_tokenizer as build

    summary = build(work.path(dataset.artifact), open_contract(work, contract), work.preset.train, work.directory)
    work.tracked.log_metrics({"vocabulary": summary.vocabulary, "tokens_per_row": summary.tokens_per_row})
    return TokenizerRef(artifact=work.describe(), vocabulary=summary.vocabulary, tokens_per_row=summary.tokens_per_row)
