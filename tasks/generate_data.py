"""Stage `generate`: questions with proven answers, one JSONL file per split."""

from pathlib import Path
from typing import Any

from heimdall.config import Preset
from heimdall.refs import ContractRef, DatasetRef
from nornicdb.checkout import read_commit
from nornicdb.facts import Facts, resolve_facts
from tasks.import_data import import_data
from tasks.read_contract import open_contract
from tasks.stage import Pipeline, Work, stage


def prepare_data(pipeline: Pipeline, source: Path | None, contract: ContractRef, checkout: Path | None) -> DatasetRef:
    """The user's own rows where `source` names them, else generated ones, about the facts of a NornicDB checkout."""
    if source is not None:
        return import_data(pipeline, source, contract)
    facts = resolve_facts(checkout) if pipeline.preset.data.shares.get("operations") else None
    return generate_data(pipeline, contract=contract, facts=facts)


def _pick_config(preset: Preset) -> dict[str, Any]:
    # Where rows are made does not change them; another commit of a repository does.
    commits = [read_commit(Path(name)) for name in preset.data.repositories]
    return {**preset.data.model_dump(exclude={"dask"}), "commits": commits}


@stage("generate", version=16, result=DatasetRef, config=_pick_config, resumable=True)
def generate_data(work: Work, contract: ContractRef, facts: Facts | None) -> DatasetRef:
    """Generates the preset's data set for a contract, with questions about facts if it has any."""
    from datagen.generate import generate_dataset

    summary = generate_dataset(
        work.preset.data,
        open_contract(work, contract),
        work.directory,
        work.show_progress("generate", "rows"),
        facts=facts,
    )
    work.tracked.log_params(work.preset.data.model_dump())
    work.tracked.log_file(work.directory / "README.md")
    return DatasetRef(
        artifact=work.describe(),
        rows=sum(summary.splits.values()),
        splits=summary.splits,
        contract_digest=contract.digest,
    )
