"""Reads a model's reply as NornicDB does, so that a score counts only what would really run.

The rules are those of `tryParseAction` in NornicDB's `pkg/heimdall/handler.go` and of Go's `encoding/json`.
"""

from typing import Any

from heimdall.errors import suggest
from heimdall.refs import Record
from nornicdb.contract import Contract, Param
from nornicdb.gojson import GO_SPACE, Members, UnreadableError, is_text, read_members, replace_surrogates, to_object


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
    trimmed = text.strip(GO_SPACE)
    streamed = bool(trimmed) and not trimmed.startswith("{")
    try:
        name, params = _decode(trimmed)
    except UnreadableError as error:
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


def _decode(text: str) -> tuple[str, dict[str, Any]]:
    """Go's json.Unmarshal into {Action string; Params map[string]any}."""
    name, params = "", dict[str, Any]()
    # Go matches keys without regard to case. Of two `action` keys the last wins; two `params` objects are merged, since
    # Unmarshal fills the map that is already there; null empties a map and leaves a string as it is.
    for key, value in read_members(text):
        match key.casefold():
            case "action" if is_text(value):
                name = replace_surrogates(value)
            case "params" if isinstance(value, Members):
                params |= to_object(value)
            case "params" if value is None:
                params = {}
            case "action" if value is not None:
                raise UnreadableError("The value of 'action' must be a string.")
            case "params":
                raise UnreadableError("The value of 'params' must be an object.")
    return name, params


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
