"""Reads records from what users have: JSONL, CSV and Parquet files, saved data sets, and the Hugging Face Hub.

Everything is a stream in bounded memory. What cannot be read is an `Entry` with its place and a reason, so that a
reader may stop at the first one or tell of all.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from cypher.graph import GRAPHS
from heimdall.errors import InputError
from heimdall.lines import MAX_LINE_BYTES, Line, read_raw_lines

HUB = "hf:"
_SURROGATE = re.compile("[\ud800-\udfff]")
_BATCH = 256
_HUB_NAME = re.compile(r"(?P<name>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[\w.-]+))?(?:@(?P<revision>\S+))?")


class Entry(NamedTuple):
    """One record, or the reason why there is none. `place` is `file:line`, or `file:row` where there are no lines."""

    place: str
    split: str
    record: dict[str, Any] | None
    problem: str | None = None


def read_entries(source: str | Path) -> Iterator[Entry]:
    """The records of a file, a directory, or of `hf:OWNER/NAME[:CONFIG][@REVISION]`, one by one.

    A record's split is what its file is called (`train`, `validation`, `test…`, else `train`) or what the data set
    says. Raises `InputError` for a source that cannot be read at all.
    """
    text = str(source)
    if text.startswith(HUB):
        yield from _read_hub(text)
        return
    path = Path(source)
    if not path.exists():
        raise InputError(f"'{path}' does not exist; a data set on the Hugging Face Hub is written {HUB}OWNER/NAME.")
    if path.is_dir():
        yield from _read_directory(path)
    else:
        yield from _get_reader(path)(path)


def list_files(path: Path) -> list[Path]:
    """The record files that lie directly in a directory, by name; graphs and `.json`, often settings, are none."""
    kinds = _READERS.keys() - {".json"}
    return sorted(file for file in path.iterdir() if file.suffix.lower() in kinds and file.name != GRAPHS)


def count_records(source: str | Path) -> int:
    """About how many records a source has: lines, or a Parquet file's rows; 0 where only reading it would tell."""
    path = Path(source)
    if path.is_dir():
        return sum(map(count_records, list_files(path)))
    if not path.is_file():
        return 0
    if path.suffix.lower() == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        with _explaining(str(path), pa.ArrowException):
            rows: int = pq.read_metadata(path).num_rows
        return rows
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def name_split(path: Path) -> str:
    """`train.jsonl` → `train`, `valid-00000.parquet` → `validation`, `test_schema.jsonl` → `test_schema`."""
    stem = path.stem.lower()
    for word, split in (("train", "train"), ("val", "validation"), ("dev", "validation"), ("eval", "validation")):
        if re.match(rf"{word}(idation|id|uation)?(?![a-z])", stem):
            return split
    found = re.match(r"test(_[a-z]+)*(?![a-z])", stem)
    return found[0] if found else "train"


def _get_reader(path: Path) -> Callable[[Path], Iterator[Entry]]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(sorted(_READERS))
        raise InputError(f"'{path}' is of no kind that is read here; rows come in files that end in {known}.")
    return reader


def _read_directory(path: Path) -> Iterator[Entry]:
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        yield from _read_saved(path)
    elif files := list_files(path):
        for file in files:
            yield from _READERS[file.suffix.lower()](file)
    else:
        yield from _read_loaded(str(path), str(path))  # laid out as on the Hub: a card that names files, or data/


def _read_jsonl(path: Path) -> Iterator[Entry]:
    split = name_split(path)
    for line in read_raw_lines(path):
        place = f"{path}:{line.number}"
        if line.problem is not None:
            yield Entry(place, split, None, line.problem)
        elif text := line.text.strip(" \t\r\n"):
            try:
                yield Entry(place, split, _parse_object(text))
            except _NoRecordError as error:
                yield Entry(place, split, None, str(error))
            except RecursionError:
                yield Entry(place, split, None, "is nested too deeply")
            except ValueError as error:
                yield Entry(place, split, None, _explain_json(text, line, error))


class _NoRecordError(ValueError):
    """Valid JSON that is no record."""


def _parse_object(text: str) -> dict[str, Any]:
    value = json.loads(text, object_pairs_hook=_build_object, parse_constant=_refuse_constant)
    if isinstance(value, list):
        raise _NoRecordError("is a JSON array; write one object per line, for example with: jq -c '.[]'")
    if not isinstance(value, dict):
        raise _NoRecordError("is no JSON object")
    if "\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise _NoRecordError("holds half of a surrogate pair, which is no character")
    return value


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NoRecordError(f"has the key '{twice}' twice")
    return value


def _refuse_constant(literal: str) -> NoReturn:
    raise _NoRecordError(f"holds {literal}, which is no JSON value")


def _explain_json(text: str, line: Line, error: ValueError) -> str:
    if line.number == 1 and text in ("[", "[{", "{"):
        return "begins one JSON value over several lines; write one object per line, for example with: jq -c '.[]'"
    if text.startswith("\ufeff"):
        return "begins with a byte order mark in the middle of the file; two files were put together"
    if "\r" in text:
        return "holds a bare carriage return; lines end in LF or CRLF"
    if not line.ended:
        return "is cut off: the file ends within it"
    if isinstance(error, json.JSONDecodeError):
        return f"is no JSON: {error.msg} at character {error.pos + 1}"
    return f"is no JSON: {error}"


def _read_csv(path: Path) -> Iterator[Entry]:
    split, lines = name_split(path), _CsvLines(path)
    csv.field_size_limit(MAX_LINE_BYTES)  # a quote that is never closed ends here
    try:
        header = next(iter(lines), None)
        if header is None:
            return
        delimiter = max(",;\t", key=header.count)
        names = next(csv.reader([header.rstrip("\r\n")], delimiter=delimiter, strict=True))
        if len(set(names)) < len(names):
            raise InputError(f"{path}:1: two columns have the same name.")
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        begin = lines.number + 1
        for row in rows:
            place, begin = f"{path}:{begin}", lines.number + 1
            if not row:
                continue
            if len(row) == len(names):
                yield Entry(place, split, dict(zip(names, row, strict=True)))
            else:
                cut = "; the file ends within it" if not lines.ended else ""
                yield Entry(place, split, None, f"has {len(row)} columns, the first line has {len(names)}{cut}")
    except csv.Error as error:
        # What follows cannot be told apart from what is broken.
        yield Entry(f"{path}:{max(lines.number, 1)}", split, None, f"is no CSV ({error}); nothing is read after it")
    except _NoRecordError as error:
        yield Entry(f"{path}:{lines.number}", split, None, f"{error}; nothing is read after it")


class _CsvLines:
    """The lines for a CSV reader, which itself puts those of a quoted field together."""

    def __init__(self, path: Path) -> None:
        self.number, self.ended = 0, True
        self._lines = read_raw_lines(path)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number, self.ended = line.number, line.ended
        if line.problem is not None:
            raise _NoRecordError(line.problem)
        return line.text + "\n"


def _read_parquet(path: Path) -> Iterator[Entry]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    split, number = name_split(path), 0
    with _explaining(str(path), pa.ArrowException), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH):
            for record in batch.to_pylist():
                number += 1
                yield Entry(f"{path}:{number}", split, record)


def _read_saved(path: Path) -> Iterator[Entry]:
    """What `datasets` saved: one data set, or one per split."""
    from datasets import DatasetDict, load_from_disk
    from datasets.exceptions import DatasetsError

    with _explaining(str(path), DatasetsError):
        loaded = load_from_disk(str(path))
        yield from _read_splits(str(path), loaded if isinstance(loaded, DatasetDict) else {"train": loaded})


def _read_hub(source: str) -> Iterator[Entry]:
    found = _HUB_NAME.fullmatch(source.removeprefix(HUB))
    if found is None:
        raise InputError(f"'{source}' names no data set: write {HUB}OWNER/NAME, {HUB}OWNER/NAME:CONFIG@REVISION.")
    yield from _read_loaded(source, found["name"], found["config"], found["revision"])


def _read_loaded(place: str, name: str, config: str | None = None, revision: str | None = None) -> Iterator[Entry]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    with _explaining(place, DatasetsError):
        yield from _read_splits(place, load_dataset(name, config, revision=revision, streaming=True))


def _read_splits(place: str, splits: Mapping[str, Any]) -> Iterator[Entry]:
    for split, records in splits.items():
        for number, record in enumerate(records, start=1):
            yield Entry(f"{place}[{split}]:{number}", split, record)


@contextmanager
def _explaining(place: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turns what a library raises about a source into one sentence that names it."""
    expected: tuple[type[Exception], ...] = (OSError, ValueError, *kinds)
    try:
        yield
    except expected as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(f"'{place}' cannot be read: {reason.rstrip('.')}.") from error


_READERS: dict[str, Callable[[Path], Iterator[Entry]]] = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
