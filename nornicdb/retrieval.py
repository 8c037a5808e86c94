"""Reads out of a checkout how NornicDB's watcher puts what it finds in the graph into the prompt (Graph-RAG).

Releases before v1.0.6 search nothing. Some commits of 2026 search and tell the user so, but leave the finding out of
the prompt. Where it is in the prompt, `nornicdb.prompts` writes it.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from heimdall.source_code import text_of
from nornicdb.gosource import GoFile, field_text, walk, walk_strings

_SEARCH = "performGraphRAG"
# How `nornicdb.prompts` writes a found node; a checkout that does so otherwise is refused.
_NODE_FORMATS = [
    "### %d. [%s] %s\n", "Content: %s\n", "Properties:\n", "  - %s: %v\n", "Related:\n",
    "  ... and %d more related items\n", "  %s [%s] %s (via %s)\n", "\n",
]  # fmt: skip
_LEAST, _SHOWN = "len(ctx.UserMessage) < 5", "shown >= 3"
_CUT = re.compile(r'\[:(\d+)\] \+ "\.\.\."')


def read_knowledge(watcher: GoFile) -> dict[str, object]:
    """The fields of a contract that begin with `knowledge_`; none where nothing that is found reaches the prompt.

    Raises `InputError` where the watcher writes it in another way than known.
    """
    if not _adds_findings(watcher):
        return {}
    body = watcher.find_function(_SEARCH)
    written = [watcher.read_string(node, f"each text of {_SEARCH}", body) for node in _list_written(body)]
    start = written.index(_NODE_FORMATS[0]) if _NODE_FORMATS[0] in written else 0
    heading, end = written[:start], written[start + len(_NODE_FORMATS) :]
    source = text_of(body)
    cuts = {int(found) for found in _CUT.findall(source)}
    if written[start : start + len(_NODE_FORMATS)] != _NODE_FORMATS or not heading or not end:
        raise watcher.moved(f"the format of found nodes known from {_SEARCH}", body)
    if len(cuts) != 1 or _LEAST not in source or _SHOWN not in source:
        raise watcher.moved(f"the limits known from {_SEARCH}", body)
    return {
        "knowledge_heading": "".join(heading),
        "knowledge_end": "".join(end),
        "knowledge_limit": cuts.pop(),
        "knowledge_skipped": tuple(_read_skipped(watcher, body)),
    }


def _adds_findings(watcher: GoFile) -> bool:
    """Whether `PrePrompt` appends what the search returns to the instructions, and before anything else."""
    body = watcher.find_function("PrePrompt")
    names = {
        field_text(node, "left")
        for node in walk(body)
        if node.type == "short_var_declaration" and f".{_SEARCH}(" in field_text(node, "right")
    }
    appended = [
        node
        for node in walk(body)
        if node.type == "assignment_statement" and field_text(node, "left") == "ctx.AdditionalInstructions"
    ]
    added = [number for number, node in enumerate(appended) if field_text(node, "right") in names]
    if added and (added != [0] or field_text(appended[0], "operator") != "+="):
        raise watcher.moved("what was found as the first of the instructions of PrePrompt", appended[added[0]])
    return bool(added)


def _list_written(body: Node) -> Iterator[Node | None]:
    """What every `sb.WriteString` writes, or the format of it."""
    for node in walk(body):
        if node.type == "call_expression" and field_text(node, "function") == "sb.WriteString":
            written = _first_argument(node)
            formatted = written is not None and field_text(written, "function") == "fmt.Sprintf"
            yield _first_argument(written) if written is not None and formatted else written


def _first_argument(call: Node) -> Node | None:
    arguments = call.child_by_field_name("arguments")
    return arguments.named_children[0] if arguments is not None and arguments.named_children else None


def _read_skipped(watcher: GoFile, body: Node) -> Iterator[str]:
    """The beginnings of questions for which nothing is searched."""
    for node in walk(body):
        if node.type == "short_var_declaration" and field_text(node, "left") == "skipPhrases":
            if "strings.HasPrefix(lowered, phrase)" not in text_of(body):
                raise watcher.moved(f"beginnings that {_SEARCH} skips", node)
            yield from (watcher.read_string(literal, "a beginning that is skipped") for literal in walk_strings(node))
