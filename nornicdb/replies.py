"""Reads a model's reply as NornicDB does, so that a score counts only what would really run.

The rules are those of `tryParseAction` in NornicDB's `pkg/heimdall/handler.go` and of Go's `encoding/json`.
"""

import json
import math
import re
from typing import Any, NoReturn

from heimdall.errors import suggest
from heimdall.refs import Record
from nornicdb.contract import Contract, Param

# What Go's strings.TrimSpace removes (Unicode White_Space); Python's strip() also takes U+001C to U+001F.
_GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_SURROGATE = re.compile("[\ud800-\udfff]")


class Reply(Record):
    """What NornicDB makes of a reply.

    `action` is the registered action it would run, or None; `problem` then says why in words. `json_valid`: Go decodes
    the text from the first `{` to the last `}` into an action and its parameters, whatever the action's name.
    `streamed`: the text reaches the user's screen while it is written, because it does not start with `{`.
    """

    action: str | None
    params: dict[str, Any]
    json_valid: bool
    problem: str | None
    streamed: bool


def read_reply(text: str, contract: Contract) -> Reply:
    """Reads a reply with exactly NornicDB's rules; never raises.

    Numbers come back with the value that Go's float64 gives them. Objects nested deeper than Python's recursion limit
    (about 1000) count as unreadable, although Go reads 10 000 levels.
    """
    trimmed = text.strip(_GO_SPACE)
    streamed = bool(trimmed) and not trimmed.startswith("{")
    try:
        name, params = _decode(trimmed)
    except _UnreadableError as error:
        return Reply(action=None, params={}, json_valid=False, problem=str(error), streamed=streamed)
    problem = None
    if not name:
        problem = "The JSON object names no action."
    elif name not in contract.action_names:
        problem = f"'{name}' is not a registered action.{suggest(name, list(contract.action_names))}"
    return Reply(action=None if problem else name, params=params, json_valid=True, problem=problem, streamed=streamed)


def check_params(reply: Reply, contract: Contract) -> str | None:
    """Says in words what is wrong with a reply's parameters: unknown, missing or of the wrong type; None if nothing.

    NornicDB's handlers ignore most of these mistakes silently, so they have to be found here.
    """
    action = contract.find_action(reply.action) if reply.action is not None else None
    if action is None:
        return reply.problem
    known = {param.name: param for param in action.params}
    for name, value in reply.params.items():
        if name not in known:
            return f"'{action.name}' has no parameter '{name}'.{suggest(name, list(known))}"
        if not _has_type(value, known[name]):
            return f"Parameter '{name}' of '{action.name}' must be of type {known[name].type}, not {_name_type(value)}."
    for param in action.params:
        if param.required and reply.params.get(param.name) in (None, ""):
            return f"'{action.name}' needs the parameter '{param.name}'."
    return None


class _UnreadableError(ValueError):
    """Go's decoder would return an error."""


class _Number(str):
    """A number's literal: Go converts only the numbers that it keeps, and refuses those beyond float64."""


class _Pairs(list[tuple[str, Any]]):
    """An object's members in order, with duplicates: Go treats them differently at the top and below."""


def _decode(text: str) -> tuple[str, dict[str, Any]]:
    """Go's json.Unmarshal into {Action string; Params map[string]any}."""
    start, end = text.find("{"), text.rfind("}")
    if start == -1 or end <= start:
        raise _UnreadableError("The reply holds no JSON object.")
    try:
        members = json.loads(
            text[start : end + 1],
            object_pairs_hook=_Pairs,
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise _UnreadableError(
            f"The reply's JSON is broken: {error.msg} at character {start + error.pos + 1}."
        ) from None
    except RecursionError:
        raise _UnreadableError("The reply's JSON is nested too deeply.") from None
    name, params = "", dict[str, Any]()
    # Go matches keys without regard to case. Of two `action` keys the last wins; two `params` objects are merged, since
    # Unmarshal fills the map that is already there; null empties a map and leaves a string as it is.
    for key, value in members:
        match key.casefold():
            case "action" if isinstance(value, str) and not isinstance(value, _Number):
                name = _replace_surrogates(value)
            case "params" if isinstance(value, _Pairs):
                params |= _to_object(value)
            case "params" if value is None:
                params = {}
            case "action" if value is not None:
                raise _UnreadableError("The value of 'action' must be a string.")
            case "params":
                raise _UnreadableError("The value of 'params' must be an object.")
    return name, params


def _refuse_constant(literal: str) -> NoReturn:
    raise _UnreadableError(f"The reply's JSON is broken: {literal} is not a JSON value.")


def _to_object(members: _Pairs) -> dict[str, Any]:
    return {_replace_surrogates(key): _to_value(value) for key, value in members}


def _to_value(value: Any) -> Any:
    match value:
        case _Pairs():
            return _to_object(value)
        case list():
            return [_to_value(item) for item in value]
        case _Number():
            return _to_number(value)
        case str():
            return _replace_surrogates(value)
    return value


def _to_number(literal: _Number) -> int | float:
    number = float(literal)
    if math.isinf(number):
        raise _UnreadableError(f"The number {literal[:40]} is too large.")
    return int(number) if literal.lstrip("-").isdigit() else number


def _replace_surrogates(text: str) -> str:
    """Go writes U+FFFD for each half of a surrogate pair that stands alone."""
    return _SURROGATE.sub("\ufffd", text)


def _has_type(value: Any, param: Param) -> bool:
    match param.type:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)


def _name_type(value: Any) -> str:
    names = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}
    return names.get(type(value), "null")
