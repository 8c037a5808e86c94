"""Writes a copy of files of rows without those that nobody should train on, and says what was left out and why."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from cypher.graph import GRAPHS
from datagen.formats import Conversation, read_items
from datagen.sources import HUB, list_files
from datagen.validation import Inspection
from heimdall.errors import UsageError
from heimdall.files import creating_directory, replacing
from heimdall.refs import Record

# Checks whose rows are left out, in this order: a row is counted under the first. Others are of the whole data set, or
# need a decision.
LEFT_OUT = (
    "unreadable_rows",
    "empty_rows",
    "contradictions",
    "repeated_questions",
    "broken_json",
    "json_outside_its_schema",
    "cypher_parse_rate",
    "secrets",
    "personal_data",
    "longest_row_tokens",
)
_SHOWN = 5


class Dropped(Record):
    """Rows that were left out for one reason, and the places of some."""

    check: str
    rows: int
    examples: tuple[str, ...]


class Drop(NamedTuple):
    """Why a row is left out: the check that it fails first, and how."""

    check: str
    reason: str


class CleanCopy(Record):
    """What was written where, and what was not."""

    files: tuple[str, ...]
    rows: int
    dropped: tuple[Dropped, ...]


class _Target(NamedTuple):
    """A file of the copy and the source it is made of."""

    source: str | Path
    name: str


def check_output(sources: Sequence[str | Path], output: Path) -> None:
    """Raises `UsageError` where the copy would replace or lie among what it is made of, or cannot be named so."""
    for source in sources:
        path = Path(source)
        if str(source).startswith(HUB):
            continue
        if output.absolute().resolve() in (path.resolve(), *path.resolve().parents):
            raise UsageError(f"'{output}' holds what is to be cleaned; give the copy another place.")
        if path.is_dir() and path.resolve() in output.absolute().resolve().parents:
            raise UsageError(f"'{output}' lies in '{path}', which is to be cleaned; give the copy another place.")
    if _is_one_file(sources) and output.suffix != ".jsonl":
        raise UsageError(f"A cleaned copy is JSONL; '{output}' must end in .jsonl.")


def plan_drops(inspection: Inspection) -> dict[str, Drop]:
    """The rows to be left out, by their place.

    Of rows that repeat each other the first stays; of rows that contradict each other none does, since nothing tells
    which of them is right.
    """
    drops: dict[str, Drop] = {}
    for check in LEFT_OUT:
        for place, reason in inspection.findings.get(check, ()):
            drops.setdefault(place, Drop(check, reason))
        if check == "contradictions":
            for place in sorted(inspection.disputed):
                drops.setdefault(place, Drop(check, "is answered otherwise elsewhere"))
    return drops


def write_clean_copy(inspection: Inspection, sources: Sequence[str | Path], output: Path) -> CleanCopy:
    """Writes the rows that are left as JSONL, whole or not at all; the sources are read once more and not touched.

    One file becomes one file. Several, and directories, become a directory with a file for each; graphs come along.
    """
    check_output(sources, output)
    drops = plan_drops(inspection)
    if _is_one_file(sources):
        with replacing(output) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
            rows = sum(_write(item, file) for item in _keep(sources[0], drops))
        return _conclude([output], rows, drops)
    with creating_directory(output) as partial, contextlib.ExitStack() as opened:
        files: dict[str, tuple[str | Path, IO[str]]] = {}
        rows = 0
        for target in _list_targets(sources):
            for item in _keep(target.source, drops):
                name = target.name or f"{item.split}.jsonl"
                if name not in files:
                    made = opened.enter_context((partial / name).open("w", encoding="utf-8", newline="\n"))
                    files[name] = (target.source, made)
                if files[name][0] != target.source:
                    raise UsageError(f"Two sources would become '{output / name}'; clean them one by one.")
                rows += _write(item, files[name][1])
        for source in sources:
            graphs = Path(source) / GRAPHS
            if graphs.is_file():
                shutil.copyfile(graphs, partial / GRAPHS)
    return _conclude([output / name for name in sorted(files)], rows, drops)


def _is_one_file(sources: Sequence[str | Path]) -> bool:
    return len(sources) == 1 and not str(sources[0]).startswith(HUB) and not Path(sources[0]).is_dir()


def _list_targets(sources: Sequence[str | Path]) -> Iterator[_Target]:
    for source in sources:
        path = Path(source)
        if str(source).startswith(HUB):
            yield _Target(source, "")
        elif not path.is_dir():
            yield _Target(source, f"{path.stem}.jsonl")
        elif files := list_files(path):
            yield from (_Target(file, f"{file.stem}.jsonl") for file in files)
        else:
            yield _Target(source, "")


def _keep(source: str | Path, drops: dict[str, Drop]) -> Iterator[Conversation]:
    return (item for item in read_items(source) if isinstance(item, Conversation) and item.place not in drops)


def _write(item: Conversation, file: IO[str]) -> int:
    file.write(json.dumps(item.record, ensure_ascii=False, default=str) + "\n")
    return 1


def _conclude(files: Sequence[Path], rows: int, drops: dict[str, Drop]) -> CleanCopy:
    dropped = []
    for check in LEFT_OUT:
        places = [f"{place}: {reason}" for place, (name, reason) in drops.items() if name == check]
        if places:
            dropped.append(Dropped(check=check, rows=len(places), examples=tuple(places[:_SHOWN])))
    return CleanCopy(files=tuple(map(str, files)), rows=rows, dropped=tuple(dropped))
