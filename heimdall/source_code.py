"""Source code in the four languages that rows are about: whether it parses, and whether two texts are the same code.

Code is only ever parsed here (tree-sitter), never run.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, get_args

from tree_sitter import Language, Node, Parser

CodeLanguage = Literal["go", "java", "javascript", "python"]
CODE_LANGUAGES: tuple[CodeLanguage, ...] = get_args(CodeLanguage)
SPOKEN: dict[CodeLanguage, str] = {"go": "Go", "java": "Java", "javascript": "JavaScript", "python": "Python"}
_COMMENTS = ("comment", "line_comment", "block_comment", "\n")  # a line's end is a node in Go
_FENCE = re.compile(r"```[ \t]*\w*[ \t]*\n(.*?)```", re.DOTALL)


@cache
def load_language(language: CodeLanguage) -> Language:
    """The grammar of a language."""
    import tree_sitter_go
    import tree_sitter_java
    import tree_sitter_javascript
    import tree_sitter_python

    modules = {
        "go": tree_sitter_go,
        "java": tree_sitter_java,
        "javascript": tree_sitter_javascript,
        "python": tree_sitter_python,
    }
    return Language(modules[language].language())


def parse_code(language: CodeLanguage, code: str) -> Node:
    """The root of the code's syntax tree, which holds `ERROR` and missing nodes where the code is wrong."""
    return Parser(load_language(language)).parse(code.encode()).root_node


def find_syntax_fault(language: CodeLanguage, code: str) -> str | None:
    """Where code does not parse, in words; None where it does."""
    root = parse_code(language, code)
    if not root.has_error:
        return None
    node = next(node for node in walk(root) if node.is_error or node.is_missing)
    return f"line {node.start_point.row + 1}, column {node.start_point.column + 1}"


def is_same_code(language: CodeLanguage, left: str, right: str) -> bool:
    """Whether two texts have the same syntax tree with the same words: they differ in spacing and comments at most."""
    return list(_spell(parse_code(language, left))) == list(_spell(parse_code(language, right)))


def find_code(text: str) -> str:
    """The code in the first fenced block of a text, or the whole text where it has none."""
    found = _FENCE.search(text)
    return (found[1] if found else text).strip("\n")


def format_code(language: CodeLanguage, code: str) -> str:
    """The one spelling of an answer that is code: a fenced block."""
    return f"```{language}\n{code}\n```"


def walk(node: Node, *, named: bool = False) -> Iterator[Node]:
    """A node and all below it, or only those that the grammar names, in the order of the text; without recursion, since
    code may nest without end."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(found.named_children if named else found.children))


def text_of(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def _spell(root: Node) -> Iterator[tuple[str, int, str]]:
    """The kinds of the nodes, how many each holds, and the words of those without inner code: spacing counts within a
    string."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        inner = [child for child in node.children if child.type not in _COMMENTS]
        leaf = not node.children or "string" in node.type or node.type.endswith("_literal")
        yield node.type, len(inner), text_of(node) if leaf else ""
        if not leaf:
            waiting.extend(reversed(inner))
