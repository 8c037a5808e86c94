"""Stage `import`: the user's own rows, of any form, checked one by one and laid out as a generated data set is."""

import shutil
from collections import defaultdict
from pathlib import Path

from cypher.graph import GRAPHS
from heimdall.errors import InputError
from heimdall.files import digest_file, digest_json
from heimdall.records import write_records
from heimdall.refs import ArtifactRef, ContractRef, DatasetRef
from heimdall.rows import SPLITS, Row, Split
from heimdall.store import scan
from tasks.stage import Pipeline, Work, stage

# Files of a directory that decide what its rows are: a saved data set is `.arrow` files with `.json` settings.
_KINDS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow")


def import_data(pipeline: Pipeline, path: Path, contract: ContractRef) -> DatasetRef:
    """Brings rows of any form, or a directory with a file per split and `graphs.jsonl`, into the store."""
    return _import_files(pipeline, source=_describe(path), contract=contract)


def read_source(path: Path) -> dict[Split, list[Row]]:
    """All rows by split, those of other forms (`datagen.formats`) made rows whose answer is a text.

    Raises `InputError` naming file and line of the first that is broken.
    """
    from datagen.formats import make_row, read_conversations

    if not path.exists():
        raise InputError(f"The data set '{path}' does not exist.")
    rows: dict[Split, list[Row]] = defaultdict(list)
    for conversation in read_conversations(path):
        row = make_row(conversation)
        rows[row.split].append(row)
    return rows


@stage("import", version=2, result=DatasetRef)
def _import_files(work: Work, source: ArtifactRef, contract: ContractRef) -> DatasetRef:
    path = Path(source.uri)
    rows = read_source(path)
    for split in SPLITS:
        write_records(work.directory / f"{split}.jsonl", rows[split])
    graphs = path / GRAPHS
    if graphs.is_file():
        shutil.copyfile(graphs, work.directory / GRAPHS)
    else:
        (work.directory / GRAPHS).touch()
    splits: dict[str, int] = {split: len(rows[split]) for split in SPLITS}
    return DatasetRef(
        artifact=work.describe(), rows=sum(splits.values()), splits=splits, contract_digest=contract.digest
    )


def _describe(path: Path) -> ArtifactRef:
    path = path.absolute()
    if path.is_dir():
        files = {name: entry for name, entry in scan(path).items() if name.endswith(_KINDS)}
        digest = digest_json({name: entry.sha256 for name, entry in files.items()})
        size = sum(entry.size for entry in files.values())
        return ArtifactRef(uri=str(path), sha256=digest, size=size, media_type="inode/directory")
    return ArtifactRef(
        uri=str(path), sha256=digest_file(path), size=path.stat().st_size, media_type="application/jsonl"
    )
