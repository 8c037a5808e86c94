"""The forms that rows come in, brought to one: a conversation. Instruction, chat, completion, and Heimdall's own rows.

A record's form is known by its keys. One file has one form; other keys are carried along by a cleaned copy and left
out by a conversion.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import pydantic

from datagen.sources import Entry, read_entries
from heimdall.answers import TextAnswer
from heimdall.errors import InputError, UsageError, suggest
from heimdall.files import digest_json, replacing
from heimdall.records import explain_invalid
from heimdall.refs import Record
from heimdall.rows import SPLITS, Message, Row, Split
from nornicdb.contract import load_reference_contract
from nornicdb.prompts import render_knowledge

Format = Literal["rows", "chat", "instruction", "completion"]
Role = Literal["system", "user", "assistant"]
_ROLES = ("system", "user", "assistant")
_BATCH = 1000
# The columns of a written table; a file has the same ones in every row.
_COLUMNS: dict[Format, tuple[str, ...]] = {
    "chat": ("messages",),
    "instruction": ("instruction", "input", "output", "system"),
    "completion": ("prompt", "completion"),
}


class Turn(Record):
    """What one side says. Only the first turn may be the system's."""

    role: Role
    content: str


class Conversation(NamedTuple):
    """A record in the one form. The last turn is the assistant's, which is learnt; a bare text has only that."""

    place: str
    split: str
    format: Format
    turns: tuple[Turn, ...]
    record: dict[str, Any]
    row: Row | None = None

    @property
    def prompt(self) -> str:
        """What is said before the answer, without the system's turn; of rows, with what was found for them."""
        if self.row is not None:
            return self.row.asked
        return "\n\n".join(turn.content for turn in self.turns[:-1] if turn.role != "system")

    @property
    def asked(self) -> str:
        """The prompt, or a bare text itself: what must not come twice."""
        return self.prompt or self.answer

    @property
    def answer(self) -> str:
        """The text to be learnt."""
        return self.turns[-1].content


class Problem(NamedTuple):
    """A record that is none, and why."""

    place: str
    split: str
    reason: str


def read_conversations(source: str | Path) -> Iterator[Conversation]:
    """The conversations of a source. Raises `InputError` with place and reason for the first record that is none."""
    empty = True
    for item in read_items(source):
        if isinstance(item, Problem):
            raise InputError(f"{item.place}: {item.reason}.")
        empty = False
        yield item
    if empty:
        raise InputError(f"There are no rows in '{source}'.")


def read_items(source: str | Path) -> Iterator[Conversation | Problem]:
    """Like `read_conversations`, but tells of what is broken and goes on, and says nothing of an empty source."""
    first: dict[str, Conversation] = {}
    for entry in read_entries(source):
        item = _read_entry(entry)
        if isinstance(item, Conversation):
            begun = first.setdefault(item.place.rpartition(":")[0], item)
            if item.format != begun.format:
                reason = f"is in the form '{item.format}', but {begun.place} is in the form '{begun.format}'"
                item = Problem(item.place, item.split, reason)
        yield item


def recognize_format(record: dict[str, Any]) -> Format | None:
    """The form that a record's keys tell, or None."""
    keys = record.keys()
    if {"messages", "expected", "family"} <= keys:
        return "rows"
    if "messages" in keys:
        return "chat"
    if "instruction" in keys:
        return "instruction"
    if "text" in keys or {"prompt", "completion"} <= keys:
        return "completion"
    return None


def to_record(conversation: Conversation, to: Format) -> dict[str, Any]:
    """The record of a conversation in another form. Raises `InputError` where that form cannot hold it."""
    if to == "rows":
        return make_row(conversation).model_dump(mode="json")
    turns = _add_knowledge(conversation)
    if to == "chat":
        return {"messages": [turn.model_dump() for turn in turns]}
    system = turns[0].content if turns[0].role == "system" else ""
    spoken = [turn.content for turn in turns if turn.role != "system"]
    if len(spoken) > 2:
        raise InputError(f"{conversation.place}: has {len(spoken)} turns; '{to}' holds one question: use --to chat.")
    question = spoken[0] if len(spoken) == 2 else ""
    if to == "instruction":
        if not question:
            raise InputError(f"{conversation.place}: has no question, which 'instruction' needs: use --to completion.")
        return {"instruction": question, "input": "", "output": spoken[-1], "system": system}
    if system:
        raise InputError(f"{conversation.place}: has a system turn, which 'completion' does not hold: use --to chat.")
    return {"prompt": question, "completion": spoken[-1]}


def _add_knowledge(conversation: Conversation) -> tuple[Turn, ...]:
    """The turns, with what was found for the question as the system's: other forms have no other place for it."""
    row = conversation.row
    if row is None or not row.knowledge:
        return conversation.turns
    found = render_knowledge(load_reference_contract(), random.Random(0), row.knowledge)
    return (Turn(role="system", content=found.strip()), *conversation.turns)


def make_row(conversation: Conversation) -> Row:
    """The conversation's own row, or one of the family `general` whose answer is compared as a text.

    Raises `InputError` for a bare text and for a system turn, which a row cannot hold.
    """
    if conversation.row is not None:
        return conversation.row
    turns = conversation.turns
    if len(turns) == 1 or turns[0].role == "system":
        what = "no question" if len(turns) == 1 else "a system turn of its own"
        raise InputError(f"{conversation.place}: has {what}, which Heimdall's own rows do not hold: use --to chat.")
    named = "test_iid" if conversation.split == "test" else conversation.split
    split: Split = next((known for known in SPLITS if known == named), "train")
    messages = tuple(Message.model_validate(turn.model_dump()) for turn in turns)
    name = digest_json([turn.model_dump() for turn in turns])[:16]
    answer = TextAnswer(text=conversation.answer)
    return Row(id=name, family="general", split=split, prompt="chat", messages=messages, expected=answer)


def convert(source: str | Path, output: Path, to: Format) -> int:
    """Writes a source in another form, whole or not at all; returns the number of rows.

    Raises `InputError` with the place of the first record that is broken or that the form cannot hold.
    """
    return write_records(output, (to_record(found, to) for found in read_conversations(source)), to)


def check_format(name: str) -> Format:
    """The form of that name. Raises `UsageError`."""
    known: tuple[Format, ...] = get_args(Format)
    for form in known:
        if form == name:
            return form
    raise UsageError(f"There is no form '{name}'.{suggest(name, list(known))} The forms are {', '.join(known)}.")


def write_records(path: Path, records: Iterable[dict[str, Any]], format: Format) -> int:
    """Writes records as JSONL, CSV or Parquet, as the path ends, whole or not at all; returns how many."""
    writer = get_writer(path, format)
    with replacing(path) as partial:
        return writer(partial, records, format)


def get_writer(path: Path, format: Format) -> "_Writer":
    """What writes a file that ends so. Raises `UsageError` for an end, or a form in it, that is not written."""
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise UsageError(f"'{path}' must end in one of {', '.join(_WRITERS)}.")
    if format == "rows" and writer is not _write_jsonl:
        raise UsageError(f"Heimdall's own rows are written as JSONL; '{path}' must end in .jsonl.")
    return writer


def _read_entry(entry: Entry) -> Conversation | Problem:
    place, split, record, problem = entry
    if record is None:
        return Problem(place, split, problem or "is no record")
    form = recognize_format(record)
    if form is None:
        found = ", ".join(f"'{key}'" for key in list(record)[:6]) or "none"
        reason = f"has none of the keys 'messages', 'instruction', 'text', 'prompt' with 'completion'; it has {found}"
        return Problem(place, split, reason)
    try:
        row = _validate_row(record, place) if form == "rows" else None
        turns = _read_messages(record["messages"]) if form in ("rows", "chat") else _read_keys(record, form)
    except _WrongRecordError as error:
        return Problem(place, split, str(error))
    return Conversation(place, row.split if row else split, form, turns, record, row)


class _WrongRecordError(ValueError):
    """A record of a known form that is not as that form should be."""


def _validate_row(record: dict[str, Any], place: str) -> Row:
    try:
        row = Row.model_validate(record)
    except pydantic.ValidationError as error:
        raise _WrongRecordError(explain_invalid(error, "the row")) from None
    if len(row.messages) == 1:
        raise _WrongRecordError("messages: a row needs a question and its answer")
    file = Path(place.rpartition(":")[0]).stem
    if file in SPLITS and row.split != file:
        raise _WrongRecordError(f"split: is '{row.split}' in the file of '{file}'")
    return row


def _read_messages(messages: Any) -> tuple[Turn, ...]:
    if isinstance(messages, str):  # the cell of a CSV file
        try:
            messages = json.loads(messages)
        except ValueError as error:
            raise _WrongRecordError(f"messages: is no JSON: {error}") from None
    if not isinstance(messages, list) or not messages:
        raise _WrongRecordError("messages: must be a list of turns")
    turns = []
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        if not isinstance(message, dict):
            raise _WrongRecordError(f"{where}: must be an object with 'role' and 'content'")
        role = message.get("role")
        if role not in _ROLES:
            raise _WrongRecordError(f"{where}.role: must be one of {', '.join(_ROLES)}, not {_show(role)}")
        turns.append(Turn(role=role, content=_take_text(message, "content", f"{where}.")))
    roles = [turn.role for turn in turns]
    spoken = roles[1:] if roles[0] == "system" else roles
    if not spoken or spoken not in (["user", "assistant"] * (len(spoken) // 2), ["assistant"]):
        reason = "turns of user and assistant must alternate, the answer last; a system's turn may only come first"
        raise _WrongRecordError(f"messages: {reason}")
    return tuple(turns)


def _read_keys(record: dict[str, Any], form: Format) -> tuple[Turn, ...]:
    if form == "instruction":
        system = _take_text(record, "system") if record.get("system") else ""
        parts = [_take_text(record, "instruction"), _take_text(record, "input") if record.get("input") else ""]
        question, answer = "\n\n".join(part for part in parts if part), _take_text(record, "output")
        # An instruction that is there and empty is an empty question, which is not a bare text.
        turns = [("system", system), ("user", question), ("assistant", answer)]
        return tuple(Turn(role=role, content=text) for role, text in turns if role != "system" or text)
    if record.get("text") is not None and "completion" not in record:
        return (Turn(role="assistant", content=_take_text(record, "text")),)
    question, answer = _take_text(record, "prompt"), _take_text(record, "completion")
    asked = (Turn(role="user", content=question),) if question else ()
    return (*asked, Turn(role="assistant", content=answer))


def _take_text(record: dict[str, Any], key: str, where: str = "") -> str:
    if key not in record:
        raise _WrongRecordError(f"{where}{key}: is missing")
    value = record[key]
    if not isinstance(value, str):
        raise _WrongRecordError(f"{where}{key}: must be text, not {_show(value)}")
    return value


def _show(value: Any) -> str:
    if value is None:
        return "null"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:40] + "…"


_Writer = Callable[[Path, Iterable[dict[str, Any]], Format], int]


def _write_jsonl(path: Path, records: Iterable[dict[str, Any]], _: Format) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_csv(path: Path, records: Iterable[dict[str, Any]], form: Format) -> int:
    import csv

    count, writer = 0, None
    with path.open("w", encoding="utf-8", newline="") as file:
        for record in records:
            if writer is None:
                writer = csv.DictWriter(file, [*_COLUMNS[form], *(k for k in record if k not in _COLUMNS[form])])
                writer.writeheader()
            cells = {key: value if isinstance(value, str) else _to_cell(value) for key, value in record.items()}
            writer.writerow(cells)
            count += 1
    return count


def _to_cell(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _write_parquet(path: Path, records: Iterable[dict[str, Any]], form: Format) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, count = pa.string(), 0
    types = {"messages": pa.list_(pa.struct([("role", text), ("content", text)]))}
    schema = pa.schema([(name, types.get(name, text)) for name in _COLUMNS[form]])
    with path.open("wb") as file, pq.ParquetWriter(file, schema) as writer:
        batch: list[dict[str, Any]] = []
        for record in records:
            batch.append(record)
            if len(batch) == _BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                count, batch = count + len(batch), []
        writer.write_table(pa.Table.from_pylist(batch, schema))
    return count + len(batch)


_WRITERS: dict[str, _Writer] = {".jsonl": _write_jsonl, ".csv": _write_csv, ".parquet": _write_parquet}
