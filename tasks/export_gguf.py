"""Stage `export`: the trained model as GGUF files that tokenise and answer as it does."""

import itertools
import random
from pathlib import Path

from export.convert import GgufMetadata
from export.export import export_model
from heimdall.refs import ContractRef, DatasetRef, ExportResult, GgufRef, ModelRef
from heimdall.rows import SPLITS, Row, read_rows
from nornicdb.prompts import build_system_prompt, render_chatml
from tasks.read_contract import open_contract
from tasks.stage import Work, stage


@stage("export", version=2, result=ExportResult, config=lambda preset: preset.export.model_dump())
def export_gguf(work: Work, model: ModelRef, dataset: DatasetRef, contract: ContractRef) -> ExportResult:
    """Converts, proves parity and quantises."""
    loaded, config = open_contract(work, contract), work.preset.export
    order = random.Random(0)
    variant = work.preset.data.prompt
    prompts = [
        render_chatml(build_system_prompt(loaded, variant, order), row.messages[:-1])
        for row in _sample_rows(work.path(dataset.artifact), config.parity_prompts)
    ]
    made = export_model(
        work.path(model.artifact),
        work.directory,
        config,
        prompts,
        # Without a run's id: the same model gives the same bytes, and the registry knows which run made them.
        GgufMetadata(
            name=f"Heimdall {work.preset.name.removeprefix('heimdall').strip('_')}".strip(),
            license=model.license,
            base_model=model.base,
            dataset_digest=model.dataset_digest,
            contract_digest=contract.digest,
            contract_source=contract.source,
            prompt=model.prompt,
        ),
        work.show_progress("export", "steps"),
    )
    files = {
        kind: GgufRef(
            artifact=work.describe(file.path, "application/gguf"),
            quantization=kind,
            bits_per_weight=file.bits_per_weight,
            types=file.types,
        )
        for kind, file in made.files.items()
    }
    for kind, file in files.items():
        work.tracked.log_metrics({f"{kind}.bytes": file.artifact.size, f"{kind}.bits_per_weight": file.bits_per_weight})
    work.tracked.log_json("parity.json", made.model_dump(mode="json", include={"parity", "shipped_parity"}))
    shipped = files[made.ship].artifact
    work.tracked.log_reference("gguf.json", work.pipeline.path(shipped), shipped)
    return ExportResult(
        files=files,
        ship=made.ship,
        converter=made.converter,
        tokenizer_digest=made.tokenizer_digest,
        parity=made.parity,
    )


def _sample_rows(dataset: Path, count: int) -> list[Row]:
    """Rows of every split but the training one, or of that one where there is no other."""
    held_out = [path for split in SPLITS if split != "train" and (path := dataset / f"{split}.jsonl").is_file()]
    rows = list(itertools.chain.from_iterable(map(read_rows, held_out)))
    rows = rows or list(itertools.islice(read_rows(dataset / "train.jsonl"), 10 * count))
    return random.Random(0).sample(rows, min(count, len(rows)))
