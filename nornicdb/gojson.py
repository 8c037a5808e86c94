"""Reads JSON out of a model's reply as Go's `encoding/json` does, where Python's own decoder would decide otherwise."""

import json
import math
import re
from typing import Any, NoReturn

# What Go's strings.TrimSpace removes (Unicode White_Space); Python's strip() also takes U+001C to U+001F.
GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_SURROGATE = re.compile("[\ud800-\udfff]")


class UnreadableError(ValueError):
    """Go's decoder would return an error."""


class Number(str):
    """A number's literal: Go converts only the numbers that it keeps, and refuses those beyond its types."""


class Members(list[tuple[str, Any]]):
    """An object's members in order, with duplicates: Go treats them differently at the top and below."""


def read_members(text: str) -> Members:
    """The members of the object from the first `{` to the last `}`. Raises `UnreadableError` saying why there is none.

    Objects nested deeper than Python's recursion limit (about 1000) count as unreadable, although Go reads 10 000
    levels.
    """
    start, end = text.find("{"), text.rfind("}")
    if start == -1 or end <= start:
        raise UnreadableError("The reply holds no JSON object.")
    try:
        members: Members = json.loads(
            text[start : end + 1],
            object_pairs_hook=Members,
            parse_float=Number,
            parse_int=Number,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise UnreadableError(
            f"The reply's JSON is broken: {error.msg} at character {start + error.pos + 1}."
        ) from None
    except RecursionError:
        raise UnreadableError("The reply's JSON is nested too deeply.") from None
    return members


def is_text(value: Any) -> bool:
    """Whether a decoded value is a JSON string."""
    return isinstance(value, str) and not isinstance(value, Number)


def to_object(members: Members) -> dict[str, Any]:
    """A `map[string]any`: of equal keys the last wins."""
    return {replace_surrogates(key): _to_value(value) for key, value in members}


def to_float(literal: Number) -> float:
    """A `float64`. Raises `UnreadableError` for a number beyond it."""
    number = float(literal)
    if math.isinf(number):
        raise UnreadableError(f"The number {literal[:40]} is too large.")
    return number


def to_int(literal: str) -> int:
    """An `int` of 64 bits, from a number's literal or a map's key. Raises `UnreadableError` for `1.0`, `1e3`, 2^63."""
    if not re.fullmatch(r"[+-]?[0-9]{1,4000}", literal) or not -(2**63) <= int(literal) < 2**63:
        raise UnreadableError(f"'{literal[:40]}' is not a whole number of 64 bits.")
    return int(literal)


def replace_surrogates(text: str) -> str:
    """Go writes U+FFFD for each half of a surrogate pair that stands alone."""
    return _SURROGATE.sub("\ufffd", text)


def _refuse_constant(literal: str) -> NoReturn:
    raise UnreadableError(f"The reply's JSON is broken: {literal} is not a JSON value.")


def _to_value(value: Any) -> Any:
    match value:
        case Members():
            return to_object(value)
        case list():
            return [_to_value(item) for item in value]
        case Number():
            number = to_float(value)
            return int(number) if value.lstrip("-").isdigit() else number
        case str():
            return replace_surrogates(value)
    return value
