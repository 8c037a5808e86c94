"""Files with one record a line (JSONL), and what is wrong with a record, in words."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pydantic

from heimdall.errors import InputError
from heimdall.files import replacing
from heimdall.lines import read_lines
from heimdall.refs import Record

R = TypeVar("R", bound=Record)


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Writes one record a line, whole or not at all; returns how many."""
    count = 0
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(record.model_dump_json() + "\n")
            count += 1
    return count


def read_records(path: Path, kind: type[R]) -> Iterator[tuple[int, R]]:
    """Yields the records with the numbers of their lines. Raises `InputError` naming file, line and key."""
    for number, line in read_lines(path):
        try:
            yield number, kind.model_validate_json(line)
        except pydantic.ValidationError as error:
            raise InputError(f"{path}:{number}: {explain_invalid(error, 'the line')}.") from error


def explain_invalid(error: pydantic.ValidationError, whole: str) -> str:
    """The first thing that is wrong, after its key, or after `whole` where it is not about one key."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
