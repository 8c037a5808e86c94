"""Go source as a tree: finds functions, constants and literals in a NornicDB checkout; nothing of it is run.

What is not in its place is an `InputError` that names file, line and construct: a guess would be worse than none.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tree_sitter import Node, Parser, Query, QueryCursor

from heimdall import source_code
from heimdall.errors import InputError
from heimdall.source_code import load_language, text_of

FUNCTIONS = ("function_declaration", "method_declaration")
STRINGS = ("interpreted_string_literal", "raw_string_literal")


class GoFile:
    """One parsed source file of a checkout; `name` is its path inside it."""

    def __init__(self, checkout: Path, name: str) -> None:
        self.path, self.name = checkout / name, name
        try:
            source = self.path.read_bytes()
        except OSError as error:
            raise InputError(
                f"'{self.path}' cannot be read ({error.strerror}); '{checkout}' has to be a NornicDB checkout."
            ) from error
        self.root = Parser(load_language("go")).parse(source).root_node
        if self.root.has_error:
            raise InputError(f"'{self.path}' is not whole Go source; check the checkout out again.")

    def moved(self, construct: str, node: Node | None = None) -> InputError:
        """The error for a construct that is not where it is expected: at the node, or anywhere in the file."""
        place = f"{self.path}:{line_of(node)}" if node is not None else str(self.path)
        return InputError(
            f"'{place}' does not have {construct}, so nothing can be read from it; use a NornicDB checkout that "
            "docs/contract.md names, or leave the checkout out to use what is bundled."
        )

    def find_function(self, name: str) -> Node:
        """The body of the function or method with this name."""
        body = self.try_function(name)
        if body is None:
            raise self.moved(f"the function {name}")
        return body

    def try_function(self, name: str) -> Node | None:
        """The body of the function or method with this name, or None."""
        for node in self.root.named_children:
            if node.type in FUNCTIONS and field_text(node, "name") == name:
                return node.child_by_field_name("body")
        return None

    def find_constant(self, name: str) -> str:
        """The source text of a package-level constant's value."""
        return text_of(self._declared("const_declaration", name, f"the constant {name}"))

    def read_constant(self, name: str) -> str:
        """The value of a package-level string constant."""
        return self.read_string(self._declared("const_declaration", name, f"the constant {name}"), name)

    def find_variable(self, name: str) -> Node:
        """The value of a package-level variable."""
        return self._declared("var_declaration", name, f"a value for the variable {name}")

    def read_string(self, node: Node | None, construct: str, at: Node | None = None) -> str:
        """The value of a string expression: literals, their sums, and string constants of the same file.

        `at` is where the expression is missed if there is no node.
        """
        if node is None:
            raise self.moved(f"a string literal for {construct}", at)
        match node.type:
            case "interpreted_string_literal":
                if not has_bytes(node):  # all other escapes of Go mean the same in Python
                    return str(ast.literal_eval(text_of(node)))
            case "raw_string_literal":
                return text_of(node)[1:-1].replace("\r", "")  # the language says so: raw strings lose carriage returns
            case "literal_element" | "parenthesized_expression":
                return self.read_string(node.named_children[0], construct)
            case "binary_expression" if field_text(node, "operator") == "+":
                left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
                return self.read_string(left, construct) + self.read_string(right, construct)
            case "identifier":
                value = self._declared("const_declaration", text_of(node), f"the constant {text_of(node)}", node)
                return self.read_string(value, construct)
        raise self.moved(f"a string literal for {construct}", node)

    def search(self, pattern: str) -> list[dict[str, Node]]:
        """The matches of a tree-sitter query in the order of the source, each with one node per capture."""
        matches = (captures for _, captures in QueryCursor(_compile(pattern)).matches(self.root))
        found = [{name: nodes[0] for name, nodes in captures.items()} for captures in matches]
        return sorted(found, key=lambda captures: min(node.start_byte for node in captures.values()))

    def find_returned(self, function: str) -> Node:
        """The expression that a function's last statement returns."""
        body = self.find_function(function)
        last = list(statements(body))[-1:]
        if not last or last[0].type != "return_statement" or not last[0].named_children:
            raise self.moved(f"a return as the last statement of {function}", body)
        return last[0].named_children[0].named_children[0]

    def find_returned_elements(self, function: str) -> list[Node]:
        """The elements of the literal that a function's last statement returns."""
        returned = self.find_returned(function)
        body = returned.child_by_field_name("body")
        if body is None:
            raise self.moved(f"a literal that {function} returns", returned)
        return [node for node in body.named_children if node.type != "comment"]

    def _declared(self, kind: str, name: str, construct: str, at: Node | None = None) -> Node:
        for declaration in self.root.named_children:
            for spec in _specs(declaration) if declaration.type == kind else ():
                value = spec.child_by_field_name("value")
                if value is not None and field_text(spec, "name") == name:
                    return value.named_children[0]
        raise self.moved(construct, at)


def open_first(checkout: Path, names: Sequence[str]) -> GoFile:
    """The first of these files that the checkout has: what stands in one was in another one in earlier releases."""
    return GoFile(checkout, next((name for name in names if (checkout / name).is_file()), names[0]))


def list_go(checkout: Path, folder: str, *, tests: bool = False) -> list[str]:
    """The Go files below a folder of the checkout, either the tests or all others, by name.

    Raises `InputError` where there are none.
    """
    paths = sorted((checkout / folder).rglob("*.go"))
    names = [path.relative_to(checkout).as_posix() for path in paths if path.name.endswith("_test.go") == tests]
    if not names:
        kind = "tests" if tests else "source"
        raise InputError(f"'{checkout / folder}' holds no Go {kind}; '{checkout}' has to be a NornicDB checkout.")
    return names


@lru_cache(maxsize=64)
def _compile(pattern: str) -> Query:
    return Query(load_language("go"), pattern)


def has_bytes(literal: Node) -> bool:
    """Whether a string literal has `\\x` or octal escapes, which are bytes in Go and not characters."""
    return re.search(r"(?<!\\)(?:\\\\)*\\[x0-7]", text_of(literal)) is not None


def read_fields(node: Node) -> dict[str, Node]:
    """The fields of a struct literal by name."""
    if node.type == "literal_element":
        node = node.named_children[0]
    pairs = (pair.named_children for pair in node.named_children if pair.type == "keyed_element")
    return {text_of(pair[0]): pair[1] for pair in pairs}


def statements(body: Node) -> Iterator[Node]:
    """The statements of a block, without comments."""
    for node in body.named_children:
        if node.type == "statement_list":
            yield from statements(node)
        elif node.type != "comment":
            yield node


def walk_strings(node: Node) -> Iterator[Node]:
    """All string literals below, in the order of the source."""
    return (found for found in walk(node) if found.type in STRINGS)


def walk(node: Node) -> Iterator[Node]:
    """A node and all named ones below, in the order of the source."""
    return source_code.walk(node, named=True)


def is_within(node: Node, outer: Node) -> bool:
    """Whether a node begins inside another one."""
    return outer.start_byte <= node.start_byte < outer.end_byte


def find_outer(node: Node, *kinds: str) -> Node | None:
    """The innermost node of one of these kinds that a node stands in."""
    outer = node.parent
    while outer is not None and outer.type not in kinds:
        outer = outer.parent
    return outer


def field_text(node: Node, field: str) -> str:
    """The source text of a node's field, or an empty string."""
    found = node.child_by_field_name(field)
    return text_of(found) if found is not None else ""


def line_of(node: Node) -> int:
    """The line where a node begins, counted from one."""
    return node.start_point[0] + 1


def _specs(declaration: Node) -> Iterator[Node]:
    for node in declaration.named_children:
        if node.type == "var_spec_list":
            yield from node.named_children
        else:
            yield node
