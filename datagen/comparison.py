"""The forms in which questions are compared: apart from their schema, without values, by the names they use."""

import re

from datagen.generate import normalize_question
from heimdall.rows import Row

_TEXT_VALUE = re.compile(r"'((?:[^'\\]|\\.)+)'")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NAME = re.compile(r"[(\[]\w*:(\w+)")  # labels and relationship types, where a pattern says them


def split_context(prompt: str) -> tuple[str, str]:
    """The question, which is the last paragraph, and what stands before it: a schema, earlier turns, or nothing."""
    context, _, question = prompt.rpartition("\n\n")
    return context, question


def delexicalize(query: str | None, prompt: str) -> tuple[str, str]:
    """The normalized context and the question without the values of the query: equal where only values differ."""
    context, question = split_context(prompt)
    values = _TEXT_VALUE.findall(query or "")
    for value in sorted(values, key=len, reverse=True):
        question = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "#", question, flags=re.IGNORECASE)
    return normalize_question(context), normalize_question(_NUMBER.sub("#", question))


def is_counterpart(row: Row, other: Row) -> bool:
    """Whether two rows are about one case with another outcome: made to differ in little, so no repetition."""
    return row.source is not None and row.source == other.source and row.expected != other.expected


def find_names(query: str | None, prompt: str) -> set[str]:
    """The labels and relationship types in the patterns of a query and of a prompt."""
    return set(_NAME.findall(query or "")) | set(_NAME.findall(prompt))
