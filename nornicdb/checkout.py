"""Reads the prompt contract out of a NornicDB checkout, from the literals in its Go source; nothing of it is run.

The texts and their order are looked for exactly where NornicDB had them from December 2025 (commit e27b278, actions
named `heimdall.watcher.query`) to May 2026 (`heimdall_watcher_query`, parameters as JSON schemas).
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, get_args

import pydantic
from tree_sitter import Node

from heimdall.errors import InputError
from heimdall.source_code import text_of
from nornicdb.contract import Action, Contract, Example, Param, ParamType, load_reference_contract
from nornicdb.gosource import GoFile, field_text, read_fields, statements, walk, walk_strings
from nornicdb.retrieval import read_knowledge

TYPES_FILE = "pkg/heimdall/types.go"
HANDLER_FILE = "pkg/heimdall/handler.go"
PLUGIN_FILE = "pkg/heimdall/plugin.go"
WATCHER_FILE = "plugins/heimdall/plugin.go"
REVIEW_FILE = "pkg/inference/heimdall_qc.go"

# The formats that `nornicdb.prompts` reproduces; a checkout that has others is refused.
_ACTION_FORMATS = ["## %s\n", "- %s: %s\n", "\n"]
_EXAMPLE_FORMAT = 'User: "%s"\n→ %s\n\n'
_CHATML = [part for role in ("system", "user", "assistant") for part in (role, f"<|im_start|>{role}\n", "<|im_end|>\n")]
_TOKENS_PER_CHAR = "0.25"
_REVIEW_FORMATS = ["SRC:%s%v\n", " %s:%s\n", "EDGES:\n", "%d.%s→%s(%.0f%%)\n", "POOL:", "%s,", "\n"]

# What a builder writes, one word for each statement. `tools` are those that a client sends with its request.
_FULL_SHAPE = "text, text, actions, text, text, text, (tools, )?text, context, examples(, text)+"
_MINIMAL_SHAPE = "text, text, actions(, text)+"
_GO_TYPES: dict[str, ParamType] = {
    "string": "string",
    "bool": "boolean",
    "int": "integer",
    "float64": "number",
    "map[string]interface{}": "object",
    "[]interface{}": "array",
}


class _Written(NamedTuple):
    """One part of a prompt: a text, or what is around something that is only known at run time."""

    kind: str
    text: str = ""
    end: str = ""


def read_contract(checkout: Path) -> Contract:
    """Builds the contract from a checkout's Go source.

    Raises `InputError` naming file, line and construct where a file is missing or a text is no longer in its place.
    """
    types, handler, plugin, watcher = (
        GoFile(checkout, name) for name in (TYPES_FILE, HANDLER_FILE, PLUGIN_FILE, WATCHER_FILE)
    )
    _check_formats(types, plugin)
    identity, heading, _, before, primer, after, *rest = _read_builder(types, "buildFullPrompt", _FULL_SHAPE)
    if before.text != "\n" or after.text != "\n":
        raise types.moved("a line break on each side of the Cypher primer in buildFullPrompt")
    modes, context, examples, *final = (part for part in rest if part.kind != "tools")
    small = _read_builder(types, "buildMinimalPrompt", _MINIMAL_SHAPE)
    builtin = _read_builtin_actions(plugin)
    review, review_augmented = _read_review(GoFile(checkout, REVIEW_FILE))
    try:
        return Contract(
            source=f"checkout@{read_commit(checkout)}",
            identity=identity.text,
            actions_heading=heading.text,
            primer=primer.text,
            modes=modes.text,
            context_heading=context.text,
            instructions=_read_instructions(watcher),
            context_end=context.end,
            **read_knowledge(watcher),
            examples_heading=examples.text,
            final="".join(part.text for part in final),
            minimal_identity=small[0].text,
            minimal_heading=small[1].text,
            minimal_final="".join(part.text for part in small[3:]),
            review=review,
            review_augmented=review_augmented,
            max_system_tokens=_read_budget(types),
            actions=(*builtin, *_read_watcher_actions(watcher, _read_name_format(plugin))),
            builtin_action_names=tuple(action.name for action in builtin),
            examples=(*_read_default_examples(handler), *_read_watcher_examples(watcher)),
        )
    except pydantic.ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise InputError(f"The prompt texts in '{checkout}' do not fit together: {problem}.") from error


def read_commit(checkout: Path) -> str:
    """The checked-out commit, or `unknown` where the directory is not the root of a git work tree."""
    try:
        done = subprocess.run(
            ["git", "-C", checkout, "rev-parse", "--show-toplevel", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:  # git is not installed
        return "unknown"
    lines = done.stdout.splitlines()
    if (
        done.returncode or Path(lines[0]).resolve() != checkout.resolve()
    ):  # for example, unpacked inside another project
        return "unknown"
    return lines[1]


def _check_formats(types: GoFile, plugin: GoFile) -> None:
    """Makes sure that the texts which `nornicdb.prompts` writes itself are still NornicDB's."""
    body = types.find_function("BuildPrompt")
    if [types.read_string(node, "BuildPrompt") for node in walk_strings(body)] != [
        *_CHATML,
        "<|im_start|>assistant\n",
    ]:
        raise types.moved("the ChatML markers known from BuildPrompt", body)
    if types.find_constant("TokensPerChar") != _TOKENS_PER_CHAR:
        raise types.moved(f"the value {_TOKENS_PER_CHAR} for TokensPerChar")
    body = plugin.find_function("ActionPrompt")
    if [plugin.read_string(node, "ActionPrompt") for node in walk_strings(body)] != _ACTION_FORMATS:
        raise plugin.moved("the list format known from ActionPrompt", body)


def _read_review(file: GoFile) -> list[str]:
    """The two system texts of Auto-TLP's review, around a list whose format is still the one known."""
    body = file.find_function("buildBatchPrompt")
    if [file.read_string(node, "buildBatchPrompt") for node in walk_strings(body)] != _REVIEW_FORMATS:
        raise file.moved("the list format known from buildBatchPrompt", body)
    return [file.read_constant(name) for name in ("HeimdallSystemPrompt", "HeimdallAugmentSystemPrompt")]


def _read_budget(file: GoFile) -> int:
    name = "DefaultMaxSystemPromptTokens"
    value = file.find_constant(name)
    if not re.fullmatch("[0-9]+", value):
        raise file.moved(f"a whole number for {name}")
    return int(value)


def _read_builder(file: GoFile, name: str, shape: str) -> list[_Written]:
    """What a prompt builder writes, part by part."""
    body = file.find_function(name)
    parts = [
        _read_part(file, statement, name)
        for statement in statements(body)
        if statement.type not in ("var_declaration", "return_statement")
    ]
    kinds = ", ".join(part.kind for part in parts)
    if not re.fullmatch(shape, kinds):
        raise file.moved(f"the order {shape} in {name} (it has {kinds})", body)
    return parts


def _read_part(file: GoFile, statement: Node, builder: str) -> _Written:
    condition = field_text(statement, "condition") if statement.type == "if_statement" else ""
    if "p.AdditionalInstructions" in condition:
        return _read_context(file, statement)
    if "p.Examples" in condition:
        return _Written("examples", _read_examples_heading(file, statement))
    if "p.ExternalTools" in condition:
        return _Written("tools")
    argument = _find_written(statement)
    if argument is not None and text_of(argument) == "p.ActionPrompt":
        return _Written("actions")
    return _Written("text", file.read_string(argument, f"each WriteString in {builder}", statement))


def _read_context(file: GoFile, statement: Node) -> _Written:
    """What stands before and after the instructions that plugins add."""
    around, instructions = ["", ""], 0
    block = statement.child_by_field_name("consequence")
    for inner in statements(block) if block else ():
        argument = _find_written(inner)
        if argument is not None and text_of(argument) == "p.AdditionalInstructions":
            instructions += 1
        else:
            around[min(instructions, 1)] += file.read_string(argument, "what surrounds p.AdditionalInstructions", inner)
    if instructions != 1:
        raise file.moved("one WriteString of p.AdditionalInstructions in buildFullPrompt", statement)
    return _Written("context", *around)


def _read_examples_heading(file: GoFile, statement: Node) -> str:
    block = statement.child_by_field_name("consequence")
    strings = [file.read_string(node, "the examples' heading") for node in walk_strings(block)] if block else []
    if len(strings) != 2 or strings[1] != _EXAMPLE_FORMAT:
        raise file.moved("the example format known from buildFullPrompt", statement)
    return strings[0]


def _read_builtin_actions(file: GoFile) -> list[Action]:
    """The actions that need no plugin; none where NornicDB registers none (from February 2026)."""
    if file.try_function("BuiltinActions") is None:
        calls = [node for node in walk(file.root) if field_text(node, "function") == "RegisterBuiltinAction"]
        if calls or file.try_function("RegisterBuiltinAction") is None:
            raise file.moved("the function BuiltinActions", *calls[:1])
        return []
    actions = []
    for element in file.find_returned_elements("BuiltinActions"):
        fields = read_fields(element)
        name, description, category = (
            file.read_string(fields.get(key), f"{key} of an action in BuiltinActions", element)
            for key in ("Name", "Description", "Category")
        )
        actions.append(Action(name=name, description=description, category=category, params=_known_params(name) or ()))
    return actions


def _read_watcher_actions(file: GoFile, name_format: str) -> list[Action]:
    plugin_name = file.read_string(file.find_returned("Name"), "the plugin's Name")
    actions = []
    for element in file.find_returned_elements("Actions"):
        if element.type != "keyed_element":
            raise file.moved("a map of action names to actions in Actions", element)
        name = name_format % (plugin_name, file.read_string(element.named_children[0], "an action's name in Actions"))
        fields = read_fields(element.named_children[1])
        description, category = (
            file.read_string(fields.get(key), f"{key} of '{name}' in Actions", element)
            for key in ("Description", "Category")
        )
        params = _read_action_params(file, name, fields)
        actions.append(Action(name=name, description=description, category=category, params=params))
    return actions


def _read_name_format(file: GoFile) -> str:
    body = file.find_function("RegisterPlugin")
    for node in walk(body):
        if node.type == "short_var_declaration" and field_text(node, "left") == "fullName":
            literal = next(walk_strings(node), None)
            name_format = file.read_string(literal, "the format of fullName in RegisterPlugin", node)
            if name_format.count("%s") == name_format.count("%") == 2:
                return name_format
    raise file.moved("a name with two parts for fullName in RegisterPlugin", body)


def _read_action_params(file: GoFile, name: str, fields: Mapping[str, Node]) -> tuple[Param, ...]:
    """The parameters in an action's JSON schema; without one, those that are known or that its handler reads."""
    if "InputSchema" in fields:
        return _read_schema(file, name, fields["InputSchema"])
    params = _known_params(name)
    if params is None:
        handler = text_of(fields["Handler"]).rpartition(".")[2] if "Handler" in fields else ""
        params = _read_params(file.find_function(handler))
    return params


def _read_schema(file: GoFile, name: str, node: Node) -> tuple[Param, ...]:
    value = node.named_children[0] if node.type == "literal_element" else node
    if value.type == "identifier":
        value = file.find_variable(text_of(value))
    literals = [value, *walk_strings(value)][1:]
    if len(literals) != 1:
        raise file.moved(f"one string with the JSON schema of '{name}'", value)
    literal = file.read_string(literals[0], f"the JSON schema of '{name}'")
    try:
        schema = json.loads(literal)
        types = {key: each["type"] for key, each in schema["properties"].items()}
        required = set(schema.get("required", ()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise file.moved(f"a JSON schema with the properties of '{name}'", value) from error
    if not set(types.values()) <= set(get_args(ParamType)) or not required <= types.keys():
        raise file.moved(f"known types for all parameters of '{name}'", value)
    return tuple(Param(name=key, type=kind, required=key in required) for key, kind in types.items())


def _known_params(name: str) -> tuple[Param, ...] | None:
    """The parameters of an action this project knows: the source shows their types, but not which are required."""
    action = load_reference_contract().find_action(name)
    return action.params if action else None


def _read_params(body: Node) -> tuple[Param, ...]:
    """The parameters an unknown action's handler reads: every `ctx.Params["name"].(type)`, all taken as optional."""
    params: dict[str, ParamType] = {}
    for node in walk(body):
        read = re.fullmatch(r'ctx\.Params\["(\w+)"\]\.\((.+)\)', text_of(node), re.DOTALL)
        if node.type == "type_assertion_expression" and read and read[2] in _GO_TYPES:
            params.setdefault(read[1], _GO_TYPES[read[2]])
    return tuple(Param(name=name, type=kind) for name, kind in params.items())


def _read_default_examples(file: GoFile) -> list[Example]:
    """The handler's own examples; none where it leaves them to the plugins (from February 2026)."""
    if file.try_function("defaultExamples") is None:
        given = [pair.named_children[1] for pair in walk(file.root) if _is_examples(pair)]
        if [text_of(node) for node in given] != ["nil"]:
            raise file.moved("the function defaultExamples", *given[:1])
        return []
    return [_read_example(file, element) for element in file.find_returned_elements("defaultExamples")]


def _is_examples(pair: Node) -> bool:
    return pair.type == "keyed_element" and text_of(pair.named_children[0]) == "Examples"


def _read_watcher_examples(file: GoFile) -> list[Example]:
    """The examples that the watcher's PrePrompt always appends to those of the handler."""
    body = file.find_function("PrePrompt")
    examples = []
    for node in _find_assignments(body, "ctx.Examples"):
        call = node.named_children[1].named_children[0]
        arguments = call.child_by_field_name("arguments")
        if _is_conditional(node, body) or field_text(call, "function") != "append" or arguments is None:
            raise file.moved("only examples that PrePrompt always appends", node)
        values = [value for value in arguments.named_children if value.type != "comment"]
        examples += [_read_example(file, value.child_by_field_name("body")) for value in values[1:]]
    if not examples:
        raise file.moved("examples that PrePrompt appends to ctx.Examples", body)
    return examples


def _read_instructions(file: GoFile) -> str:
    """The instructions that the watcher's PrePrompt always adds; those on a condition differ per request."""
    body = file.find_function("PrePrompt")
    instructions = ""
    for node in _find_assignments(body, "ctx.AdditionalInstructions"):
        if _is_conditional(node, body):
            continue
        if field_text(node, "operator") != "+=":
            raise file.moved("only instructions that PrePrompt appends", node)
        instructions += file.read_string(node.named_children[1].named_children[0], "the instructions of PrePrompt")
    return instructions


def _read_example(file: GoFile, literal: Node | None) -> Example:
    fields = read_fields(literal) if literal is not None else {}
    user = file.read_string(fields.get("UserSays"), "UserSays of an example", literal)
    return Example(user=user, reply=file.read_string(fields.get("ActionJSON"), "ActionJSON of an example", literal))


def _find_assignments(body: Node, left: str) -> Iterator[Node]:
    found = (node for node in walk(body) if node.type == "assignment_statement")
    return (node for node in found if field_text(node, "left") == left)


def _is_conditional(node: Node, body: Node) -> bool:
    parent = node.parent
    while parent is not None and parent != body:
        if parent.type not in ("statement_list", "block"):
            return True
        parent = parent.parent
    return False


def _find_written(statement: Node) -> Node | None:
    """The argument of a `sb.WriteString(...)` statement."""
    call = statement.named_children[0] if statement.type == "expression_statement" else None
    if call is None or call.type != "call_expression" or field_text(call, "function") != "sb.WriteString":
        return None
    arguments = call.child_by_field_name("arguments")
    return arguments.named_children[0] if arguments is not None and arguments.named_child_count == 1 else None
