"""Queries in NornicDB's own Go tests, with what they expect: whether a query fails, and how many rows it gives."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Node

from heimdall.errors import InputError
from heimdall.source_code import text_of
from nornicdb.facts import TestQuery
from nornicdb.gosource import FUNCTIONS, STRINGS, GoFile, field_text, find_outer, has_bytes, line_of, list_go, walk

FOLDER = "pkg"
_CALLS = """
(call_expression function: (selector_expression field: (field_identifier) @method) arguments: (argument_list) @arguments
  (#any-of? @method "Execute" "ExecuteCypher")) @call
"""
_CALL_TEXT = re.compile(r"\.Execute(Cypher)?\(")


class _Results(NamedTuple):
    """The names of the variables that hold a call's result and error."""

    result: str
    error: str


def read_test_queries(checkout: Path) -> tuple[TestQuery, ...]:
    """Every query that stands as a literal in a call, or in a variable that has one value, by file and line."""
    found: list[TestQuery] = []
    for name in list_go(checkout, FOLDER, tests=True):
        if _CALL_TEXT.search((checkout / name).read_text(encoding="utf-8", errors="replace")):
            found += _read_file(GoFile(checkout, name))
    if not found:
        raise InputError(f"No test below '{checkout / FOLDER}' has a query in a call of Execute, so none can be read.")
    return tuple(found)


def _read_file(file: GoFile) -> Iterator[TestQuery]:
    for match in file.search(_CALLS):
        function = find_outer(match["call"], *FUNCTIONS)
        literal = _find_query(match["arguments"], function)
        if literal is None or (literal.type == "interpreted_string_literal" and has_bytes(literal)):
            continue  # worked out at run time, or bytes that are no text
        query = file.read_string(literal, "a query").strip()
        if query:
            fails, rows = _read_expectation(match["call"])
            name = _name_test(match["call"])
            yield TestQuery(name=name, file=file.name, line=line_of(match["call"]), query=query, fails=fails, rows=rows)


def _find_query(arguments: Node, function: Node | None) -> Node | None:
    """The literal that is the call's query: its first or second argument, or the one value of a variable there."""
    for argument in arguments.named_children[:2]:
        if argument.type in STRINGS:
            return argument
        if argument.type == "identifier" and text_of(argument) != "ctx" and function is not None:
            values = list(_find_values(function, text_of(argument)))
            return values[0] if len(values) == 1 and values[0].type in STRINGS else None
    return None


def _find_values(function: Node, name: str) -> Iterator[Node]:
    for node in walk(function):
        if node.type in ("short_var_declaration", "assignment_statement") and field_text(node, "left") == name:
            right = node.child_by_field_name("right")
            if right is not None:
                yield right.named_children[0]
        elif node.type in ("var_spec", "const_spec") and field_text(node, "name") == name:
            value = node.child_by_field_name("value")
            if value is not None:
                yield value.named_children[0]
        elif node.type == "range_clause" and name in field_text(node, "left"):
            yield node  # another value in each round


def _read_expectation(call: Node) -> tuple[bool | None, int | None]:
    """Whether the query fails and how many rows it gives, as far as the statements after the call say so."""
    statement = call
    while statement.parent is not None and statement.parent.type not in ("statement_list", "if_statement"):
        statement = statement.parent
    results = _read_results(statement)
    if results is None or statement.parent is None:
        return None, None
    if statement.parent.type == "if_statement":
        return _read_failure(statement.parent, results.error), None
    fails, rows = None, None
    after = statement.next_named_sibling
    while after is not None and not _CALL_TEXT.search(text_of(after)):
        if fails is None:
            fails = _read_failure(after, results.error)
        if rows is None:
            rows = _read_rows(text_of(after), results.result)
        after = after.next_named_sibling
    return fails, rows


def _read_results(statement: Node) -> _Results | None:
    names = [name.strip() for name in field_text(statement, "left").split(",")]
    return _Results(*names) if len(names) == 2 else None


def _read_failure(statement: Node, error: str) -> bool | None:
    source = text_of(statement)
    if re.match(rf"(?:require|assert)\.(?:Error|ErrorIs|ErrorContains|ErrorAs|NotNil)f?\(t, {error}\b", source):
        return True
    if re.match(rf"(?:require|assert)\.(?:NoError|Nil)f?\(t, {error}\b", source):
        return False
    if statement.type == "if_statement" and re.search(r"\bt\.(?:Fatal|Error)", source):
        condition = field_text(statement, "condition")
        return {f"{error} == nil": True, f"{error} != nil": False}.get(condition)
    return None


def _read_rows(source: str, result: str) -> int | None:
    rows = rf"{re.escape(result)}\.Rows"
    patterns = (
        rf"(?:require|assert)\.Lenf?\(t, {rows}, (\d+)",
        rf"(?:require|assert)\.Equalf?\(t, (\d+), len\({rows}\)",
        rf"if len\({rows}\) != (\d+) \{{",
    )
    found = next((match for pattern in patterns if (match := re.match(pattern, source))), None)
    if found is None:
        return 0 if re.match(rf"(?:require|assert)\.Emptyf?\(t, {rows}\b", source) else None
    return int(found[1])


def _name_test(call: Node) -> str:
    function = find_outer(call, *FUNCTIONS)
    return field_text(function, "name") if function is not None else ""
