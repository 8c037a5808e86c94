"""Reads a text file line by line in bounded memory, and says of a line that cannot be read why."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from heimdall.errors import InputError
from heimdall.files import explaining_disk_errors

MAX_LINE_BYTES = 10_000_000  # a longer line is refused without being held in memory
_SKIP = 1 << 20


class Line(NamedTuple):
    """A line of text without its LF, or the reason why it cannot be read. `ended`: an LF follows."""

    number: int
    text: str
    ended: bool
    problem: str | None = None


def read_raw_lines(path: Path) -> Iterator[Line]:
    """The lines of a text file, which may end in LF or CRLF and begin with UTF-8's byte order mark.

    A line that is too long or not UTF-8 is told of and passed over. Raises `InputError` for UTF-16.
    """
    with explaining_disk_errors(path), path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(_SKIP)
                reason = f"is longer than {MAX_LINE_BYTES // 1_000_000} MB; one record belongs on a line"
                yield Line(number, "", True, reason)
                continue
            if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InputError(f"{path}:1: the file is UTF-16; save it as UTF-8.")
            ended = raw.endswith(b"\n")
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                reason = f"is not valid UTF-8 (byte {error.start + 1}: {error.reason}); save the file as UTF-8"
                yield Line(number, "", ended, reason)
                continue
            yield Line(number, text.removesuffix("\n"), ended)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the numbered, non-empty lines of a UTF-8 text file. Raises `InputError` naming file and line."""
    try:
        for line in read_raw_lines(path):
            if line.problem is not None:
                raise InputError(f"{path}:{line.number}: {line.problem}.")
            if text := line.text.strip():
                yield line.number, text
    except FileNotFoundError as error:
        raise InputError(f"'{path}' does not exist.") from error
    except IsADirectoryError as error:
        raise InputError(f"'{path}' is a directory, not a JSONL file.") from error
