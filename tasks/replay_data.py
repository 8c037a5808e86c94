"""Stage `replay`: rows of a former run's data among the new ones, where its model is trained on."""

from cypher.graph import GRAPHS
from heimdall.files import copy_file
from heimdall.records import write_records
from heimdall.refs import DatasetRef
from heimdall.rows import SPLITS, read_rows
from tasks.find_former import Former
from tasks.stage import Pipeline, Work, stage


def add_replay(pipeline: Pipeline, dataset: DatasetRef, former: Former | None) -> DatasetRef:
    """The data set with the preset's share of old training rows; as it is where there is no former run."""
    if former is None or former.dataset is None or pipeline.preset.replay.share == 0:
        return dataset
    return _mix(pipeline, dataset=dataset, old=former.dataset)


@stage("replay", version=1, result=DatasetRef, config=lambda preset: preset.replay.model_dump())
def _mix(work: Work, dataset: DatasetRef, old: DatasetRef) -> DatasetRef:
    from datagen.replay import mix_replay

    new, former, config = work.path(dataset.artifact), work.path(old.artifact), work.preset.replay
    held_out = [split for split in SPLITS if split != "train" and (new / f"{split}.jsonl").is_file()]
    rows = list(read_rows(new / "train.jsonl"))
    mixed = mix_replay(
        rows,
        read_rows(former / "train.jsonl"),
        (row for split in held_out for row in read_rows(new / f"{split}.jsonl")),
        config.share,
        config.seed,
    )
    write_records(work.directory / "train.jsonl", mixed)
    for name in (*(f"{split}.jsonl" for split in held_out), GRAPHS):
        copy_file(new / name, work.directory / name)
    work.tracked.log_metrics({"new_rows": len(rows), "replayed_rows": len(mixed) - len(rows)})
    return DatasetRef(
        artifact=work.describe(),
        rows=dataset.rows + len(mixed) - len(rows),
        splits={**dataset.splits, "train": len(mixed)},
        contract_digest=dataset.contract_digest,
    )
