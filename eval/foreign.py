"""Suites of others: CypherBench, Neo4j's text2cypher, ZOGRASCOPE and Mind-the-Query, as they are published.

A format is recognised by the keys of the file's first record. None of these suites brings small graphs, and each keeps
its schemas in files of their own, which are looked for near the suite.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cypher.parse import check_syntax
from heimdall.errors import InputError
from heimdall.files import explaining_disk_errors

_NO = ("", "0", "false", "no", "none")
# Where a suite's schemas may lie, from the suite's own directory: as the projects lay out their repositories.
_PLACES = (".", "schemas", "graphs/schemas", "schema", "..", "../schema", "../..")
_Record = tuple[str, Mapping[str, Any]]  # its place, and what it holds


class ForeignQuestion(NamedTuple):
    """One question; `place` names its record in errors, `fault` says why the suite's own query cannot be trusted."""

    id: str
    place: str
    question: str
    schema_text: str | None
    cypher: str
    fault: str | None


class _Format(NamedTuple):
    """The keys of a suite's records. `marks`: any one of them tells its JSON lines from those of our own form.

    `schemas` is the file that holds them, `{}` in it the name of the graph; `wrong`: keys that the suite sets where its
    own query is wrong, `approved` those that it sets to 0 there.
    """

    name: str
    question: str
    cypher: str
    id: str
    graph: tuple[str, ...]
    marks: tuple[str, ...]
    schemas: str
    wrong: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()


_FORMATS = (
    _Format("CypherBench", "nl_question", "gold_cypher", "qid", ("graph",), (), "{}_schema.json"),
    _Format(
        "Mind-the-Query", "NL Question", "Cypher", "unique_id", ("source_dataset",), (), "db_schema.jsonl",
        approved=("result [0/1]", "logical [0/1]"),
    ),
    _Format("ZOGRASCOPE", "nl", "mr", "id", (), (), "graph_schema.json"),
    _Format(
        "text2cypher", "question", "cypher", "instance_id", ("database", "database_reference_alias"),
        ("instance_id", "data_source", "database", "database_reference_alias"), "text2cypher_schemas.csv",
        wrong=("syntax_error", "false_schema", "no_cypher"),
    ),
)  # fmt: skip
KNOWN = "CypherBench (JSON), text2cypher (CSV), ZOGRASCOPE (CSV), Mind-the-Query (JSON) or JSON lines of our own"


def read_foreign(path: Path) -> list[ForeignQuestion] | None:
    """Reads a suite of another project; None where the file holds JSON lines of our own form.

    Raises `InputError` naming file, record and key for what is broken, and the known formats for what is none of them.
    """
    form, records = _recognise(path)
    if form is None:
        return None
    schemas = _Schemas(path, form)
    ids = Counter(str(record.get(form.id) or "") for _, record in records)
    questions = []
    for number, (place, record) in enumerate(records, start=1):
        own = str(record.get(form.id) or "")
        question, cypher = _read_text(path, place, record, form.question), _read_query(path, place, record, form)
        questions.append(
            ForeignQuestion(
                own if own and ids[own] == 1 else f"record-{number}",
                place,
                question,
                _find_text(record, "schema") or schemas.find(_find_graph(record, form)),
                cypher,
                _find_fault(record, cypher, form),
            )
        )
    return questions


def find_schema_files(path: Path) -> tuple[Path, ...]:
    """The files near a suite from which its questions get their schemas."""
    form, records = _recognise(path)
    if form is None:
        return ()
    names = dict.fromkeys(_find_graph(record, form) for _, record in records)
    found = (_find_file(path, form.schemas.format(name)) for name in names)
    return tuple(dict.fromkeys(file for file in found if file is not None))


class _Schemas:
    """The schemas' texts by the name of their graph, each file read once."""

    def __init__(self, path: Path, form: _Format) -> None:
        self._path, self._form = path, form
        self._texts: dict[str, str | None] = {}
        self._shared: dict[str, str] | None = None

    def find(self, graph: str) -> str | None:
        if graph not in self._texts:
            file = _find_file(self._path, self._form.schemas.format(graph))
            self._texts[graph] = None if file is None else self._read(file, graph)
        return self._texts[graph]

    def _read(self, file: Path, graph: str) -> str | None:
        if file.suffix == ".json":
            value = _load_json(file, _read_file(file))
            return json.dumps(_show_entities(value), indent=2, ensure_ascii=False)
        if self._shared is None:
            self._shared = dict(_read_shared(file))
        return self._shared.get(graph)


def _show_entities(value: Any) -> Any:
    """CypherBench's schemas leave out the name that every entity has, and describe entities: its own prompts add the
    one and leave out the other. Other schemas stay as they are."""
    if not isinstance(value, dict) or not isinstance(value.get("entities"), list):
        return value
    entities = []
    for entity in value["entities"]:
        if isinstance(entity, dict):
            shown = {key: each for key, each in entity.items() if key != "description"}
            entities.append(shown | {"properties": {"name": "str"} | dict(entity.get("properties") or {})})
    return value | {"entities": entities}


def _read_shared(file: Path) -> Iterator[tuple[str, str]]:
    """The schemas in one file: a table with `database` and `schema`, or JSON lines of a name and a schema."""
    if file.suffix == ".csv":
        for place, record in _read_table(file, _read_file(file)):
            yield _read_text(file, place, record, "database"), _read_text(file, place, record, "schema")
        return
    for _, value in _read_objects(file, _read_file(file), "a schema must be an object of a name and a schema"):
        yield from ((name, json.dumps(schema, ensure_ascii=False)) for name, schema in value.items())


def _find_file(path: Path, name: str) -> Path | None:
    places = (path.absolute().parent / place / name for place in _PLACES)
    return next((place.resolve() for place in places if place.is_file()), None)


def _recognise(path: Path) -> tuple[_Format | None, list[_Record]]:
    """The file's format with all records; no format for JSON lines of our own form, whose records are not read."""
    text = _read_file(path)
    begin = text.lstrip()[:1]
    match begin:
        case "":
            return None, []
        case "[":
            records = list(_read_array(path, text))
        case "{":
            try:
                first = json.loads(text.lstrip().partition("\n")[0])
            except ValueError:
                return None, []  # the reader of our own form says what is wrong
            if _find_format(first, lines=True) is None:
                return None, []
            records = list(_read_objects(path, text, "the line is no object"))
        case _:
            records = list(_read_table(path, text))
    if not records:
        raise InputError(f"The suite '{path}' holds no question.")
    form = _find_format(records[0][1], lines=begin == "{")
    if form is None:
        keys = ", ".join(f"'{key}'" for key in list(records[0][1])[:8])
        raise InputError(f"'{path}' is no suite that is known here (its records have {keys}): give {KNOWN}.")
    return form, records


def _find_format(record: Mapping[str, Any], *, lines: bool) -> _Format | None:
    for form in _FORMATS:
        if form.question in record and form.cypher in record:
            return form if not (lines and form.marks) or any(mark in record for mark in form.marks) else None
    return None


def _read_file(path: Path) -> str:
    try:
        with explaining_disk_errors(path):
            return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"'{path}' does not exist.") from error
    except IsADirectoryError as error:
        raise InputError(f"'{path}' is a directory, not a suite's file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid UTF-8 at byte {error.start} ({error.reason}).") from error


def _load_json(path: Path, text: str, line: int = 0) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        where = f"{path}:{line or getattr(error, 'lineno', 1)}"
        raise InputError(f"{where}: not JSON: {getattr(error, 'msg', error)}.") from error
    except RecursionError as error:
        raise InputError(f"{path}: JSON that is nested too deeply.") from error


def _read_array(path: Path, text: str) -> Iterator[_Record]:
    for number, record in enumerate(_load_json(path, text), start=1):
        if not isinstance(record, dict):
            raise InputError(f"{path}: record {number} is no object.")
        yield f"record {number}", record


def _read_objects(path: Path, text: str, fault: str) -> Iterator[_Record]:
    """The objects of JSON lines; `fault` says what is wrong with a line of something else."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            record = _load_json(path, line, number)
            if not isinstance(record, dict):
                raise InputError(f"{path}:{number}: {fault}.")
            yield f"line {number}", record


def _read_table(path: Path, text: str) -> Iterator[_Record]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for record in reader:
            place = f"line {reader.line_num}"
            if None in record or None in record.values():
                raise InputError(f"{path}: the record that ends on {place} has not as many fields as the first line.")
            yield place, record
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}.") from error


def _read_text(path: Path, place: str, record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        said = "is missing" if value is None else "is empty" if value == "" else "must be a text"
        raise InputError(f"{path}: {place}: '{key}' {said}.")
    return value.strip()


def _read_query(path: Path, place: str, record: Mapping[str, Any], form: _Format) -> str:
    if form.cypher in record and record[form.cypher] in (None, ""):
        return ""  # a question to which the suite itself knows no answer
    return _read_text(path, place, record, form.cypher)


def _find_text(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return value.strip() or None if isinstance(value, str) else None


def _find_graph(record: Mapping[str, Any], form: _Format) -> str:
    return next((str(record[key]) for key in form.graph if record.get(key)), "")


def _find_fault(record: Mapping[str, Any], cypher: str, form: _Format) -> str | None:
    """Why the suite's query cannot say what is right, in words; None if nothing speaks against it."""
    if not cypher:
        return "the suite gives no query"
    for key in form.wrong:
        if str(record.get(key) or "").strip().lower() not in _NO:
            return f"the suite marks its own query ('{key}')"
    for key in form.approved:
        if str(record.get(key, "1")).strip() == "0":
            return f"the suite marks its own query ('{key}')"
    problem = check_syntax(cypher)
    return None if problem is None else f"the suite's query does not parse: {problem.message.rstrip('.')}"
