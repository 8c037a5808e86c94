"""What a right answer is: one typed record for each kind, and what a text lacks to be it.

Actions and queries need a contract and an engine to be judged (`eval.judging`); facts, JSON and short texts do not.
"""

import json
import re
from collections import Counter
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from heimdall.refs import Record
from heimdall.source_code import CodeLanguage, find_code, find_syntax_fault

_FENCE = re.compile(r"```[ \t]*(?:cypher)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)


class ActionAnswer(Record):
    """A JSON action that NornicDB runs. `cypher` and `ordered` are set where `action` runs a query."""

    kind: Literal["action"] = "action"
    action: str
    params: dict[str, Any]
    cypher: str | None = None
    ordered: bool = False


class QueryAnswer(Record):
    """Prose with one fenced `cypher` block, which is judged as a query."""

    kind: Literal["query"] = "query"
    cypher: str
    ordered: bool = False


class FactAnswer(Record):
    """Prose that must say something: one wording of each group in `required` as whole words in any case, and nothing
    of `forbidden`."""

    kind: Literal["fact"] = "fact"
    required: tuple[tuple[str, ...], ...] = Field(min_length=1)
    forbidden: tuple[str, ...] = ()


class JsonAnswer(Record):
    """A JSON object. Lists under the keys in `unordered` are compared as bags, keys in `free` (prose) not at all, also
    within lists and objects."""

    kind: Literal["json"] = "json"
    value: dict[str, Any]
    unordered: tuple[str, ...] = ()
    free: tuple[str, ...] = ()


class TextAnswer(Record):
    """A short text such as a label, right if it is the same but for case, spacing and a final full stop."""

    kind: Literal["text"] = "text"
    text: str


class CodeAnswer(Record):
    """Source code in a fenced block. A reply with the same code but for spacing and comments is right and one that does
    not parse is wrong; other code is not judged, as a model's code is never run."""

    kind: Literal["code"] = "code"
    language: CodeLanguage
    code: str


Answer: TypeAlias = Annotated[
    ActionAnswer | QueryAnswer | FactAnswer | JsonAnswer | TextAnswer | CodeAnswer, Field(discriminator="kind")
]


def format_action(action: str, params: dict[str, Any]) -> str:
    """The one spelling of an answer: NornicDB's own few-shot examples put spaces after colon and comma."""
    return json.dumps({"action": action, "params": params}, ensure_ascii=False)


def find_fenced(text: str) -> str | None:
    """The query in the first fenced block of a text."""
    found = _FENCE.search(text)
    return found[1].strip() if found else None


def read_object(text: str) -> dict[str, Any] | None:
    """The JSON object from a text's first `{` to its last `}`, or None."""
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def find_fault(text: str, answer: FactAnswer | JsonAnswer | TextAnswer) -> str | None:
    """What a text lacks to be the answer, in words; None where it is right."""
    match answer:
        case FactAnswer():
            return _find_unsaid(text, answer)
        case JsonAnswer():
            return _find_other_value(text, answer)
        case TextAnswer():
            return None if fold(text) == fold(answer.text) else "another text"


def same_json(left: Any, right: Any) -> bool:
    """Equality of two JSON values as Go reads them: 1 and 1.0 are one number, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    return bool(left == right)


def fold(text: str) -> str:
    """The form in which texts are compared: case, spacing and a final full stop do not matter."""
    return " ".join(text.casefold().split()).rstrip(".")


def find_contradiction(text: str, answer: Answer) -> str | None:
    """Why a row's text is not the typed answer that it carries, in words; None where it is."""
    match answer:
        case ActionAnswer():
            if text != format_action(answer.action, answer.params):
                return "the answer is not the expected action as it is spelled everywhere else"
            if answer.cypher is not None and answer.cypher != answer.params.get("cypher"):
                return "the query that is judged is not the one in the answer"
            return None
        case QueryAnswer():
            return None if find_fenced(text) == answer.cypher else "the fenced query is not the one that is judged"
        case CodeAnswer():
            if find_code(text) != answer.code:
                return "the fenced code is not the one that is expected"
            fault = find_syntax_fault(answer.language, answer.code)
            return f"the code does not parse ({fault})" if fault else None
        case _:
            return find_fault(text, answer)


def _find_unsaid(text: str, answer: FactAnswer) -> str | None:
    said = fold(text)
    for wordings in answer.required:
        if not any(_says(said, wording) for wording in wordings):
            return f"does not say '{wordings[0]}'"
    return next((f"says '{wording}'" for wording in answer.forbidden if _says(said, wording)), None)


def _says(said: str, wording: str) -> bool:
    """Whether the words stand in the text, not as a part of longer ones."""
    return re.search(rf"(?<![\w.-]){re.escape(fold(wording))}(?![\w-]|\.\w)", said) is not None


def _find_other_value(text: str, answer: JsonAnswer) -> str | None:
    value = read_object(text)
    if value is None:
        return "the reply is no JSON object"
    for key in [*answer.value, *value]:
        if key not in value:
            return f"'{key}' is missing"
        if key not in answer.value:
            return f"'{key}' was not asked for"
        if key in answer.free:
            continue
        got, wanted = (_blank(side[key], answer.free) for side in (value, answer.value))
        if key in answer.unordered and isinstance(got, list) and isinstance(wanted, list):
            same = Counter(map(_spell, got)) == Counter(map(_spell, wanted))
        else:
            same = same_json(got, wanted)
        if not same:
            return f"'{key}' is another"
    return None


def _blank(value: Any, free: tuple[str, ...]) -> Any:
    """The value with null under every key that is free."""
    if isinstance(value, list):
        return [_blank(item, free) for item in value]
    if isinstance(value, dict):
        return {key: None if key in free else _blank(item, free) for key, item in value.items()}
    return value


def _spell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
