"""Reads the prompt contract out of a NornicDB checkout, from the literals in its Go source; nothing of it is run.

The texts and their order are looked for exactly where NornicDB had them in December 2025 (commit e27b278). What has
moved since is an `InputError` that names file and construct, because a guessed prompt would be worse than none.
"""

import ast
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pydantic
import tree_sitter_go
from tree_sitter import Language, Node, Parser

from heimdall.errors import InputError
from nornicdb.contract import Action, Contract, Example, Param, ParamType, load_reference_contract

TYPES_FILE = "pkg/heimdall/types.go"
HANDLER_FILE = "pkg/heimdall/handler.go"
PLUGIN_FILE = "pkg/heimdall/plugin.go"
WATCHER_FILE = "plugins/heimdall/plugin.go"

# The formats that `nornicdb.prompts` reproduces; a checkout that has others is refused.
_ACTION_FORMATS = ["## %s\n", "- %s: %s\n", "\n"]
_EXAMPLE_FORMAT = 'User: "%s"\n→ %s\n\n'
_CHATML = [text for role in ("system", "user", "assistant") for text in (role, f"<|im_start|>{role}\n", "<|im_end|>\n")]
_TOKENS_PER_CHAR = "0.25"

_FULL_SHAPE = ("text", "text", "actions", "text", "text", "text", "text", "context", "examples", "text")
_MINIMAL_SHAPE = ("text", "text", "actions", "text", "text")
_GO_TYPES: dict[str, ParamType] = {
    "string": "string",
    "int": "integer",
    "float64": "number",
    "map[string]interface{}": "object",
    "[]interface{}": "array",
}


def read_contract(checkout: Path) -> Contract:
    """Builds the contract from a checkout's Go source.

    Raises `InputError` naming the file and the construct where a file is missing or a text is no longer in its place.
    """
    types, handler, plugin, watcher = (
        _GoFile(checkout, name) for name in (TYPES_FILE, HANDLER_FILE, PLUGIN_FILE, WATCHER_FILE)
    )
    _check_formats(types, plugin)
    full = _read_builder(types, "buildFullPrompt", _FULL_SHAPE)
    minimal = _read_builder(types, "buildMinimalPrompt", _MINIMAL_SHAPE)
    if full[3] != "\n" or full[5] != "\n":
        raise types.moved("a line break on each side of the Cypher primer in buildFullPrompt")
    builtin = _read_builtin_actions(plugin)
    try:
        return Contract(
            source=f"checkout@{_read_commit(checkout)}",
            identity=full[0],
            actions_heading=full[1],
            primer=full[4],
            modes=full[6],
            examples_heading=full[8],
            final=full[9],
            minimal_identity=minimal[0],
            minimal_heading=minimal[1],
            minimal_final=minimal[3] + minimal[4],
            max_system_tokens=_read_budget(types),
            actions=(*builtin, *_read_watcher_actions(watcher, _read_name_format(plugin))),
            builtin_action_names=tuple(action.name for action in builtin),
            examples=(
                *_read_default_examples(handler),
                *_read_watcher_examples(watcher),
            ),
        )
    except pydantic.ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise InputError(f"The prompt texts in '{checkout}' do not fit together: {problem}.") from error


class _GoFile:
    """One parsed source file of the checkout."""

    def __init__(self, checkout: Path, name: str) -> None:
        self.path = checkout / name
        try:
            source = self.path.read_bytes()
        except OSError as error:
            raise InputError(
                f"'{self.path}' cannot be read ({error.strerror}); '{checkout}' has to be a NornicDB checkout."
            ) from error
        self.root = Parser(Language(tree_sitter_go.language())).parse(source).root_node
        if self.root.has_error:
            raise InputError(f"'{self.path}' is not whole Go source; check the checkout out again.")

    def moved(self, construct: str) -> InputError:
        """The error for a text that is not where it is expected."""
        return InputError(
            f"'{self.path}' does not have {construct}, so the prompt cannot be read from it; use a NornicDB checkout "
            "from around commit e27b278 (December 2025), or leave the checkout out to use the bundled contract."
        )

    def find_function(self, name: str) -> Node:
        """The body of the function or method with this name."""
        for node in self.root.named_children:
            if node.type in ("function_declaration", "method_declaration") and _field_text(node, "name") == name:
                body = node.child_by_field_name("body")
                if body is not None:
                    return body
        raise self.moved(f"the function {name}")

    def find_constant(self, name: str) -> str:
        """The source text of a package-level constant's value."""
        return _text(self._constant_value(name))

    def read_string(self, node: Node | None, construct: str) -> str:
        """The value of a string expression: literals, their sums, and string constants of the same file."""
        if node is None:
            raise self.moved(f"a string literal for {construct}")
        match node.type:
            case "interpreted_string_literal":
                # Go's escapes mean the same in Python, except that \x and octals are bytes in Go.
                if not re.search(r"\\[x0-7]", _text(node)):
                    return str(ast.literal_eval(_text(node)))
            case "raw_string_literal":
                return _text(node)[1:-1].replace("\r", "")  # the language says so: raw strings lose carriage returns
            case "literal_element" | "parenthesized_expression":
                return self.read_string(node.named_children[0], construct)
            case "binary_expression" if _field_text(node, "operator") == "+":
                left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
                return self.read_string(left, construct) + self.read_string(right, construct)
            case "identifier":
                return self.read_string(self._constant_value(_text(node)), construct)
        raise self.moved(f"a string literal for {construct}")

    def _constant_value(self, name: str) -> Node:
        for declaration in self.root.named_children:
            for spec in declaration.named_children if declaration.type == "const_declaration" else ():
                value = spec.child_by_field_name("value")
                if value is not None and _field_text(spec, "name") == name:
                    return value.named_children[0]
        raise self.moved(f"the constant {name}")


def _check_formats(types: _GoFile, plugin: _GoFile) -> None:
    """Makes sure that the texts which `nornicdb.prompts` writes itself are still NornicDB's."""
    body = types.find_function("BuildPrompt")
    if [types.read_string(node, "BuildPrompt") for node in _walk_strings(body)] != [
        *_CHATML,
        "<|im_start|>assistant\n",
    ]:
        raise types.moved("the ChatML markers known from BuildPrompt")
    if types.find_constant("TokensPerChar") != _TOKENS_PER_CHAR:
        raise types.moved(f"the value {_TOKENS_PER_CHAR} for TokensPerChar")
    body = plugin.find_function("ActionPrompt")
    if [plugin.read_string(node, "ActionPrompt") for node in _walk_strings(body)] != _ACTION_FORMATS:
        raise plugin.moved("the list format known from ActionPrompt")


def _read_budget(file: _GoFile) -> int:
    name = "DefaultMaxSystemPromptTokens"
    value = file.find_constant(name)
    if not re.fullmatch("[0-9]+", value):
        raise file.moved(f"a whole number for {name}")
    return int(value)


def _read_builder(file: _GoFile, name: str, shape: Sequence[str]) -> list[str]:
    """The texts that a prompt builder writes one after another; empty for those that are only known at run time."""
    kinds, texts = [], []
    for statement in _statements(file.find_function(name)):
        match statement.type:
            case "var_declaration" | "return_statement":
                continue
            case "if_statement" if "p.AdditionalInstructions" in _field_text(statement, "condition"):
                kind, text = "context", ""
            case "if_statement" if "p.Examples" in _field_text(statement, "condition"):
                kind, text = "examples", _read_examples_heading(file, statement)
            case _:
                argument = _written(statement)
                if argument is not None and _text(argument) == "p.ActionPrompt":
                    kind, text = "actions", ""
                else:
                    kind, text = "text", file.read_string(argument, f"each WriteString in {name}")
        kinds.append(kind)
        texts.append(text)
    if tuple(kinds) != tuple(shape):
        raise file.moved(f"the order {', '.join(shape)} in {name} (it has {', '.join(kinds)})")
    return texts


def _read_examples_heading(file: _GoFile, statement: Node) -> str:
    block = statement.child_by_field_name("consequence")
    strings = [file.read_string(node, "the examples' heading") for node in _walk_strings(block)] if block else []
    if len(strings) != 2 or strings[1] != _EXAMPLE_FORMAT:
        raise file.moved("the example format known from buildFullPrompt")
    return strings[0]


def _read_builtin_actions(file: _GoFile) -> list[Action]:
    actions = []
    for element in _returned_elements(file, "BuiltinActions"):
        fields = _read_fields(element)
        name, description, category = (
            file.read_string(fields.get(key), f"{key} of an action in BuiltinActions")
            for key in ("Name", "Description", "Category")
        )
        actions.append(Action(name=name, description=description, category=category, params=_known_params(name) or ()))
    return actions


def _read_watcher_actions(file: _GoFile, name_format: str) -> list[Action]:
    plugin_name = file.read_string(_returned(file, "Name"), "the plugin's Name")
    actions = []
    for element in _returned_elements(file, "Actions"):
        if element.type != "keyed_element":
            raise file.moved("a map of action names to actions in Actions")
        name = name_format % (plugin_name, file.read_string(element.named_children[0], "an action's name in Actions"))
        fields = _read_fields(element.named_children[1])
        description, category = (
            file.read_string(fields.get(key), f"{key} of '{name}' in Actions") for key in ("Description", "Category")
        )
        params = _known_params(name)
        if params is None:
            handler = _text(fields["Handler"]).rpartition(".")[2] if "Handler" in fields else ""
            params = _read_params(file.find_function(handler))
        actions.append(Action(name=name, description=description, category=category, params=params))
    return actions


def _read_name_format(file: _GoFile) -> str:
    for node in _walk(file.find_function("RegisterPlugin")):
        if node.type == "short_var_declaration" and _field_text(node, "left") == "fullName":
            literal = next(_walk_strings(node), None)
            name_format = file.read_string(literal, "the format of fullName in RegisterPlugin")
            if name_format.count("%s") == name_format.count("%") == 2:
                return name_format
    raise file.moved("a name with two parts for fullName in RegisterPlugin")


def _known_params(name: str) -> tuple[Param, ...] | None:
    """The parameters of an action this project knows: the source shows their types, but not which are required."""
    action = load_reference_contract().find_action(name)
    return action.params if action else None


def _read_params(body: Node) -> tuple[Param, ...]:
    """The parameters an unknown action's handler reads: every `ctx.Params["name"].(type)`, all taken as optional."""
    params: dict[str, ParamType] = {}
    for node in _walk(body):
        read = re.fullmatch(r'ctx\.Params\["(\w+)"\]\.\((.+)\)', _text(node), re.DOTALL)
        if node.type == "type_assertion_expression" and read and read[2] in _GO_TYPES:
            params.setdefault(read[1], _GO_TYPES[read[2]])
    return tuple(Param(name=name, type=kind) for name, kind in params.items())


def _read_default_examples(file: _GoFile) -> list[Example]:
    return [_read_example(file, element) for element in _returned_elements(file, "defaultExamples")]


def _read_watcher_examples(file: _GoFile) -> list[Example]:
    """The examples that the watcher's PrePrompt always appends to those of the handler."""
    body = file.find_function("PrePrompt")
    examples = []
    for node in _walk(body):
        if node.type != "assignment_statement" or _field_text(node, "left") != "ctx.Examples":
            continue
        call = node.named_children[1].named_children[0]
        arguments = call.child_by_field_name("arguments")
        if _is_conditional(node, body) or _field_text(call, "function") != "append" or arguments is None:
            raise file.moved("only examples that PrePrompt always appends")
        values = [value for value in arguments.named_children if value.type != "comment"]
        examples += [_read_example(file, value.child_by_field_name("body")) for value in values[1:]]
    if not examples:
        raise file.moved("examples that PrePrompt appends to ctx.Examples")
    return examples


def _read_example(file: _GoFile, literal: Node | None) -> Example:
    fields = _read_fields(literal) if literal is not None else {}
    user = file.read_string(fields.get("UserSays"), "UserSays of an example")
    return Example(user=user, reply=file.read_string(fields.get("ActionJSON"), "ActionJSON of an example"))


def _is_conditional(node: Node, body: Node) -> bool:
    parent = node.parent
    while parent is not None and parent != body:
        if parent.type not in ("statement_list", "block"):
            return True
        parent = parent.parent
    return False


def _returned(file: _GoFile, function: str) -> Node:
    """The expression that a function's last statement returns."""
    last = list(_statements(file.find_function(function)))[-1:]
    if not last or last[0].type != "return_statement" or not last[0].named_children:
        raise file.moved(f"a return as the last statement of {function}")
    return last[0].named_children[0].named_children[0]


def _returned_elements(file: _GoFile, function: str) -> list[Node]:
    body = _returned(file, function).child_by_field_name("body")
    if body is None:
        raise file.moved(f"a literal that {function} returns")
    return [node for node in body.named_children if node.type != "comment"]


def _read_fields(node: Node) -> dict[str, Node]:
    """The fields of a struct literal by name."""
    if node.type == "literal_element":
        node = node.named_children[0]
    pairs = (pair.named_children for pair in node.named_children if pair.type == "keyed_element")
    return {_text(pair[0]): pair[1] for pair in pairs}


def _written(statement: Node) -> Node | None:
    """The argument of a `sb.WriteString(...)` statement."""
    call = statement.named_children[0] if statement.type == "expression_statement" else None
    if call is None or call.type != "call_expression" or _field_text(call, "function") != "sb.WriteString":
        return None
    arguments = call.child_by_field_name("arguments")
    return arguments.named_children[0] if arguments is not None and arguments.named_child_count == 1 else None


def _statements(body: Node) -> Iterator[Node]:
    for node in body.named_children:
        if node.type == "statement_list":
            yield from _statements(node)
        elif node.type != "comment":
            yield node


def _walk_strings(node: Node) -> Iterator[Node]:
    return (found for found in _walk(node) if found.type in ("interpreted_string_literal", "raw_string_literal"))


def _walk(node: Node) -> Iterator[Node]:
    """All named nodes below, in the order of the source; without recursion, since a checkout may nest without end."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(found.named_children))


def _field_text(node: Node, field: str) -> str:
    found = node.child_by_field_name(field)
    return _text(found) if found is not None else ""


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _read_commit(checkout: Path) -> str:
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
