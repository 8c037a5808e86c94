"""APOC: the registrations in `apoc/apoc.go`, and which of them a query can really reach.

An expression reaches a function that the evaluator knows by name. Any other is looked up among the plugins' functions:
the name in lower case, in a map whose keys are spelt as registered, and then only some Go signatures are called.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from tree_sitter import Node

from heimdall.source_code import text_of
from nornicdb.facts import ApocFunction, Function, Procedure
from nornicdb.gosource import GoFile, field_text, is_within, line_of, list_go, open_first, walk_strings

APOC_FILE = "apoc/apoc.go"
DISPATCH_FILES = ("pkg/cypher/functions_helpers.go", "pkg/cypher/functions.go")  # the second one before v1.0.11
LOOKUP_FILE = "pkg/nornicdb/plugins.go"
_REGISTERED = """
(call_expression function: (identifier) @function arguments: (argument_list) @arguments (#eq? @function "register"))
"""
_SIGNATURES = "(type_case type: (function_type) @type)"
_IMPORTS = "(import_spec) @import"


def read_apoc(
    checkout: Path, functions: Iterable[Function], procedures: Iterable[Procedure]
) -> tuple[ApocFunction, ...]:
    """All registered functions in the order of the source."""
    file = GoFile(checkout, APOC_FILE)
    evaluated = {function.name.lower() for function in functions if function.evaluated}
    dispatched = {procedure.name.lower() for procedure in procedures if procedure.dispatched}
    reachable = _read_dispatched_signatures(open_first(checkout, DISPATCH_FILES))
    any_case = _folds_case(checkout)
    signatures = _read_signatures(checkout, file)
    found = []
    for call in file.search(_REGISTERED):
        arguments = [node for node in call["arguments"].named_children if node.type != "comment"]
        if len(arguments) != 5:
            raise file.moved("register(name, category, handler, description, examples)", call["arguments"])
        name = file.read_string(arguments[0], "a function's name in register")
        handler = text_of(arguments[2])
        signature = signatures.get(handler)
        if signature is None:
            raise file.moved(f"a handler of '{name}' that is a function in apoc/ ('{handler}' is none)", arguments[2])
        by_plugin = (any_case or name == name.lower()) and signature in reachable
        ways: list[Literal["function", "procedure"]] = []
        if by_plugin or name.lower() in evaluated:
            ways.append("function")
        if name.lower() in dispatched:
            ways.append("procedure")
        found.append(
            ApocFunction(
                name=name,
                file=file.name,
                line=line_of(arguments[0]),
                category=file.read_string(arguments[1], f"the category of '{name}'"),
                signature=signature,
                callable_as=tuple(ways),
                description=file.read_string(arguments[3], f"the description of '{name}'"),
                examples=tuple(
                    file.read_string(node, f"an example of '{name}'") for node in walk_strings(arguments[4])
                ),
            )
        )
    names = {each.name for each in found}
    for literal in walk_strings(file.root):
        if re.fullmatch(r'"apoc\.[\w.]+"', text_of(literal)) and text_of(literal)[1:-1] not in names:
            raise file.moved(f"a call of register for {text_of(literal)}", literal)
    if not found:
        raise file.moved("a call of register")
    return tuple(found)


def _folds_case(checkout: Path) -> bool:
    """Whether the plugins' functions are found in whatever case they are registered."""
    helpers, plugins = open_first(checkout, DISPATCH_FILES), GoFile(checkout, LOOKUP_FILE)
    caller = text_of(helpers.find_function("tryCallPluginFunction"))
    lookup = text_of(plugins.find_function("GetPluginFunction"))
    if "PluginFunctionLookup(" not in caller:
        raise helpers.moved("a call of PluginFunctionLookup in tryCallPluginFunction")
    if "pluginFunctions[" not in lookup:
        raise plugins.moved("a look-up in pluginFunctions in GetPluginFunction")
    return "strings.ToLower(" not in caller or "ToLower(" in lookup or "EqualFold(" in lookup


def _read_dispatched_signatures(file: GoFile) -> set[str]:
    """The types in the switch of callPluginHandler."""
    body = file.find_function("callPluginHandler")
    types = [found["type"] for found in file.search(_SIGNATURES)]
    signatures = {_spell_type(node) for node in types if is_within(node, body)}
    if not signatures:
        raise file.moved("function types in the switch of callPluginHandler", body)
    return signatures


def _read_signatures(checkout: Path, registry: GoFile) -> dict[str, str]:
    """The signature of every exported function of the imported packages, by `package.Function`."""
    signatures = {}
    for found in registry.search(_IMPORTS):
        path = text_of(found["import"].child_by_field_name("path") or found["import"]).strip('"')
        folder = path.partition("/apoc/")[2]
        if not folder:
            continue
        package = field_text(found["import"], "name") or path.rpartition("/")[2]
        for name in list_go(checkout, f"apoc/{folder}"):
            for node in GoFile(checkout, name).root.named_children:
                if node.type == "function_declaration":
                    signatures[f"{package}.{field_text(node, 'name')}"] = _spell_type(node)
    return signatures


def _spell_type(node: Node) -> str:
    """A function's type without the names of its parameters: `(string, []interface{}) bool`."""
    parameters = node.child_by_field_name("parameters")
    types = []
    for each in parameters.named_children if parameters else ():
        if each.type == "comment":
            continue
        kind = ("..." if each.type == "variadic_parameter_declaration" else "") + field_text(each, "type")
        types += [kind] * max(1, len(each.children_by_field_name("name")))
    result = field_text(node, "result")
    spelt = f"({', '.join(types)}) {result}".strip()
    return re.sub(r"\s+", " ", re.sub(r"\bany\b", "interface{}", spelt))
