"""The grammars of answers, in llama.cpp's GBNF: of the actions that NornicDB runs, and of the JSON of other tasks.

They are written from the contract and from the answers' models, and spell an answer as `json.dumps` does, which is what
the models are trained on. llama-cpp-python's own converter of JSON schemas lets control characters into texts and knows
no bounds of numbers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic

from nornicdb.contract import Action, Contract

# As Python's json.dumps writes values: a space after colon and comma, and only what JSON requires is escaped. Whole
# numbers have at most 15 digits, which a float64 holds exactly, and no number is too large for one.
_VALUES = r"""
text ::= "\"" char* "\""
filled ::= "\"" char+ "\""
char ::= [^"\\\x00-\x1F] | "\\" (["\\bfnrt] | "u00" [01] [0-9a-f])
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer | "-"? ("0" | [1-9] [0-9]{0,15}) "." [0-9]{1,21} | "-"? [1-9] ("." [0-9]{1,16})? exponent
exponent ::= "e-" [0-9]{2,3} | "e+" ([0-9]{2} | [1-2] [0-9]{2} | "30" [0-7])
boolean ::= "true" | "false"
object ::= "{" (member (", " member)*)? "}"
member ::= text ": " value
share ::= "0" ("." [0-9]{1,21})? | "1" (".0")? | [1-9] ("." [0-9]{1,16})? "e-" [0-9]{2,3}
array ::= "[" (value (", " value)*)? "]"
value ::= text | number | object | array | boolean | "null"
""".lstrip()


def build_grammar(contract: Contract) -> str:
    """The GBNF of every answer: a known action with its own parameters, each at most once, in the contract's order."""
    rules = {f"action{index}": _spell(_describe(action), {}, '" "') for index, action in enumerate(contract.actions)}
    lines = [f"root ::= {' | '.join(rules)}", *(f"{name} ::= {rule}" for name, rule in rules.items())]
    return "\n".join(lines) + "\n" + _VALUES


def build_model_grammar(model: type[pydantic.BaseModel]) -> str:
    """The GBNF of every JSON text of a model: its keys in their order, those without a default always.

    A space after colon and comma may be left out, as answers to NornicDB's own prompts leave it out.
    Values may be texts, numbers, truth values, constants, lists and other models; of bounds, those of small whole
    numbers, 0 and 1 of a share and the least length 1 of a text are kept. Other whole numbers have at most 15 digits.
    """
    schema = model.model_json_schema()
    return f'root ::= {_spell(schema, schema.get("$defs", {}), "space")}\nspace ::= " "?\n{_VALUES}'


def _describe(action: Action) -> dict[str, Any]:
    """The JSON schema of an action's answers. A text that is required is not empty."""
    params = {param.name: {"type": param.type, "minLength": int(param.required)} for param in action.params}
    required = [param.name for param in action.params if param.required]
    return {
        "type": "object",
        "properties": {
            "action": {"type": "string", "enum": [action.name]},
            "params": {"type": "object", "properties": params, "required": required},
        },
        "required": ["action", "params"],
    }


def _spell(schema: Mapping[str, Any], definitions: Mapping[str, Any], space: str) -> str:
    """The GBNF of a value, from its JSON schema as pydantic writes it; `space` is what follows colon and comma."""
    if "$ref" in schema:
        return _spell(definitions[schema["$ref"].rpartition("/")[2]], definitions, space)
    if "enum" in schema:
        return _spell_choice(schema["enum"])
    match schema:
        case {"type": "object", "properties": dict() as properties}:
            required = schema.get("required", ())
            members = [
                (f"{_quote(_dump(name) + ':')} {space} {_spell(value, definitions, space)}", name in required)
                for name, value in properties.items()
            ]
            return f'"{{" {_spell_members(members, space, first=True)} "}}"'
        case {"type": "array", "items": dict() as items}:
            item = _spell(items, definitions, space)
            return f'"[" ({item} ("," {space} {item})*)? "]"'
        case {"type": "integer", "minimum": int() as least, "maximum": int() as most}:
            return _spell_choice(range(least, most + 1))
        case {"type": "number", "minimum": 0, "maximum": 1}:
            return "share"
        case {"type": "string"}:
            return "filled" if schema.get("minLength") else "text"
    return str(schema["type"])


def _spell_choice(values: Sequence[object]) -> str:
    return f"({' | '.join(_quote(_dump(value)) for value in values)})"


def _spell_members(members: Sequence[tuple[str, bool]], space: str, *, first: bool) -> str:
    """The members of an object, and whether each must be there.

    Each list of what may follow has a comma before it once something was written.
    """
    if not members:
        return '""'
    (member, required), rest = members[0], members[1:]
    if not first:
        member = f'"," {space} {member}'
    written = f"{member} {_spell_members(rest, space, first=False)}"
    if required:
        return f"({written})"
    if first:
        return f"({written} | {_spell_members(rest, space, first=True)})"
    return f"({member})? {_spell_members(rest, space, first=False)}"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _quote(text: str) -> str:
    """A GBNF literal."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return f'"{escaped}"'
