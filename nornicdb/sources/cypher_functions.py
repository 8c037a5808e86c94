"""Cypher functions: those whose names the evaluator compares with, and those that SHOW FUNCTIONS lists."""

from pathlib import Path

from heimdall.errors import InputError
from heimdall.source_code import text_of
from nornicdb.facts import Function
from nornicdb.gosource import GoFile, line_of, list_go, open_first
from nornicdb.sources.tables import TABLE_FILES, read_table

FOLDER = "pkg/cypher"
_COMPARISONS = {"matchFuncStartAndSuffix", "isFunctionCall", "isFunctionCallWS", "lowerExpr"}
_REGISTRY = "fn"  # the folder of functions that are registered, from v1.0.11 on
# The calls with which the evaluator finds out which function it has before it.
_COMPARED = """
(call_expression function: (identifier) @function
  arguments: (argument_list (interpreted_string_literal) @name .)
  (#any-of? @function "matchFuncStart" "matchFuncStartAndSuffix" "isFunctionCall" "isFunctionCallWS"))
(call_expression function: (identifier) @function
  arguments: (argument_list . (interpreted_string_literal) @name)
  (#eq? @function "Register"))
(binary_expression left: (identifier) @function operator: "==" right: (interpreted_string_literal) @name
  (#eq? @function "lowerExpr") (#match? @name "^.[a-z.]+[(][)].$"))
"""


def read_functions(checkout: Path) -> tuple[Function, ...]:
    """All functions by name; one that is evaluated has the place of its first comparison."""
    tables = open_first(checkout, TABLE_FILES)
    listed = {row.name.lower(): row for row in read_table(tables, "executeShowFunctions")}
    places: dict[str, tuple[str, int]] = {}
    used = set()
    for name in list_go(checkout, FOLDER):
        file = GoFile(checkout, name)
        for found in file.search(_COMPARED):
            used.add(text_of(found["function"]))
            function = file.read_string(found["name"], "a function's name").removesuffix("()")
            places.setdefault(function.lower(), (name, line_of(found["name"])))
    expected = _COMPARISONS | ({"Register"} if (checkout / FOLDER / _REGISTRY).is_dir() else set())
    if missing := sorted(expected - used):
        raise InputError(
            f"Nothing in '{checkout / FOLDER}' uses {missing[0]} to compare with a function's name, so the functions "
            "cannot be read from it; use a NornicDB checkout that docs/contract.md names."
        )
    functions = []
    for key in sorted(places.keys() | listed.keys()):
        row = listed.get(key)
        file_name, line = places.get(key) or (tables.name, row.line if row else 0)
        functions.append(
            Function(
                name=row.name if row else key,
                file=file_name,
                line=line,
                evaluated=key in places,
                listed=row is not None,
                signature=row.signature if row else None,
            )
        )
    return tuple(functions)
