"""The rows of a data set while it is made: one file for each split and family, and a note of how far they are valid.

Rows go to disk as they come, so a million of them need no more memory than the digests of their questions, and a
generation that was killed goes on from its last note.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

from cypher.graph import SchemaGraphs
from heimdall.files import replacing, write_json
from heimdall.refs import Record
from heimdall.rows import Family, Row, Split, read_rows

_NOTE, _NOTE_SECONDS = "progress.json", 2.0
Place = tuple[Split, Family]


class Note(Record):
    """Everything before the part at `place` (an index) is finished; of that part so many chunks are used, giving so
    many rows and bytes; the last `idle` of them gave nothing new. `made_for` tells other settings apart."""

    made_for: str
    place: int = 0
    chunks: int = 0
    rows: int = 0
    row_bytes: int = 0
    graph_bytes: int = 0
    idle: int = 0


class Parts:
    """The parts of one data set in `directory`, filled in the order of `places`. A context manager.

    Rows with a question that is there already, in any part, are not taken. `made_for` is the digest of what determines
    the rows: what was made for something else is thrown away.
    """

    def __init__(self, directory: Path, places: Sequence[Place], key: Callable[[str], str], made_for: str) -> None:
        self._directory, self._places, self._key = directory, places, key
        self._taken: set[bytes] = set()
        self._rows: IO[bytes] | None = None
        self._graphs: IO[bytes] | None = None
        self._noted = time.monotonic()
        self.note = Note(made_for=made_for)

    def __enter__(self) -> "Parts":
        path = self._directory / _NOTE
        found = Note.model_validate_json(path.read_bytes()) if path.is_file() else None
        if found is None or found.made_for != self.note.made_for:
            shutil.rmtree(self._directory, ignore_errors=True)
        else:
            self.note = found
            for place in self._places[self.note.place : self.note.place + 1]:
                _open_at(self._file(place, "rows"), self.note.row_bytes).close()
            for place in self._places[: self.note.place + 1]:
                self._recall(place)
        self._directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def open(self) -> Place | None:
        """The part that is to be filled now, None when all are. What was written after the last note is cut off."""
        if self.note.place == len(self._places):
            return None
        place = self._places[self.note.place]
        self._rows, self._graphs = (
            _open_at(self._file(place, kind), size)
            for kind, size in (("rows", self.note.row_bytes), ("graphs", self.note.graph_bytes))
        )
        return place

    def add(self, rows: Iterable[Row], graphs: Iterable[SchemaGraphs], wanted: int) -> int:
        """Writes what is new of a chunk's rows, with the graphs that they use, up to `wanted` rows in the part.

        Returns how many rows that were. Each gets its number in the part as its id.
        """
        assert self._rows is not None
        assert self._graphs is not None
        made, used = self.note.rows, set()
        for row in rows:
            digest = self._digest(row.asked)
            if made == wanted or digest in self._taken:
                continue
            self._taken.add(digest)
            placed = row.model_copy(update={"id": f"{row.split}-{row.family}-{made:06d}"})
            self._rows.write(placed.model_dump_json().encode() + b"\n")
            used.add(row.schema_id)
            made += 1
        for stored in graphs:
            if stored.schema_id in used:
                self._graphs.write(stored.model_dump_json().encode() + b"\n")
        added = made - self.note.rows
        self.note = self.note.model_copy(
            update={
                "chunks": self.note.chunks + 1,
                "rows": made,
                "row_bytes": self._rows.tell(),
                "graph_bytes": self._graphs.tell(),
                "idle": 0 if added else self.note.idle + 1,
            }
        )
        if time.monotonic() - self._noted > _NOTE_SECONDS:
            self._write_note()
        return added

    def finish(self) -> None:
        """Ends the part; the next `open` begins the one after it."""
        self._close()
        self.note = Note(made_for=self.note.made_for, place=self.note.place + 1)
        self._write_note()

    def merge(self, kind: str, split: Split | None, out: Path) -> None:
        """Joins the files of one kind (`rows` of a split, `graphs` of all) in the order of the parts."""
        with replacing(out) as partial, partial.open("wb") as file:
            for place in self._places:
                if split in (None, place[0]):
                    with self._file(place, kind).open("rb") as part:
                        shutil.copyfileobj(part, file)

    def remove(self) -> None:
        """Deletes the parts: they are merged, or there is nothing to go on with."""
        shutil.rmtree(self._directory)

    def _file(self, place: Place, kind: str) -> Path:
        return self._directory / f"{place[0]}-{place[1]}.{kind}.jsonl"

    def _digest(self, question: str) -> bytes:
        # 64 bits: among a million questions, two share a digest once in forty million data sets; one row is then lost.
        return hashlib.blake2b(self._key(question).encode(), digest_size=8).digest()

    def _recall(self, place: Place) -> None:
        """Remembers the questions of a part that an earlier try has written."""
        self._taken.update(self._digest(row.asked) for row in read_rows(self._file(place, "rows")))

    def _write_note(self) -> None:
        for file in (self._rows, self._graphs):
            if file is not None:
                file.flush()
                os.fsync(file.fileno())
        write_json(self._directory / _NOTE, self.note.model_dump())
        self._noted = time.monotonic()

    def _close(self) -> None:
        for file in (self._rows, self._graphs):
            if file is not None:
                file.close()
        self._rows = self._graphs = None


def _open_at(path: Path, size: int) -> IO[bytes]:
    path.touch()
    os.truncate(path, size)
    return path.open("ab")
