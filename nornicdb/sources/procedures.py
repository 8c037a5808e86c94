"""Procedures: what `CALL` dispatches (by searching for a name in the query, or by a registry), and what is listed."""

import re
from pathlib import Path

from heimdall.source_code import text_of
from nornicdb.facts import Procedure
from nornicdb.gosource import GoFile, is_within, line_of, list_go, open_first, walk_strings
from nornicdb.sources.tables import TABLE_FILES, read_table

CALL_FILE = "pkg/cypher/call.go"
_CASES = """
(expression_case value: (expression_list (call_expression
  function: (selector_expression) @function arguments: (argument_list (identifier) (interpreted_string_literal) @name)))
  (#eq? @function "strings.Contains"))
"""
_REGISTERED = """
(call_expression function: (identifier) @function arguments: (argument_list
  . (interpreted_string_literal) @name . (interpreted_string_literal) @signature . (_) . (_) @mode)
  (#eq? @function "registerBuiltInProcedure"))
"""


def read_procedures(checkout: Path) -> tuple[Procedure, ...]:
    """All procedures by name. Later commits have a registry, which comes before the search for names."""
    call, show = GoFile(checkout, CALL_FILE), open_first(checkout, TABLE_FILES)
    found: dict[str, Procedure] = {}
    for procedure in _read_cases(call):
        found.setdefault(procedure.name, procedure)
    for procedure in [*_read_listed(show), *_read_registered(checkout)]:
        searched = found.get(procedure.name.lower())
        if searched is not None and not procedure.dispatched:
            place = {"file": searched.file, "line": searched.line, "dispatched": True}
            procedure = procedure.model_copy(update=place)
        found[procedure.name.lower()] = procedure
    return tuple(sorted(found.values(), key=lambda procedure: procedure.name.lower()))


def _read_cases(file: GoFile) -> list[Procedure]:
    body = file.find_function("executeCall")
    cases = [case["name"] for case in file.search(_CASES) if is_within(case["name"], body)]
    known = {node.start_byte for node in cases}
    others = [node for node in walk_strings(body) if re.fullmatch(r'"[A-Z_]+(\.[A-Z_]+)+"', text_of(node))]
    unknown = [node for node in others if node.start_byte not in known]
    if unknown or not cases:
        raise file.moved(
            'only cases of the form strings.Contains(upper, "NAME") in executeCall', *unknown[:1] or [body]
        )
    names = [(file.read_string(node, "a procedure's name").lower(), line_of(node)) for node in cases]
    return [Procedure(name=name, file=file.name, line=line, dispatched=True, listed=False) for name, line in names]


def _read_listed(file: GoFile) -> list[Procedure]:
    if b"ListRegisteredProcedures" in (file.find_function("executeShowProcedures").text or b""):
        return []  # what is registered is what is listed
    rows = read_table(file, "executeShowProcedures")
    return [
        Procedure(
            name=row.name,
            file=file.name,
            line=row.line,
            dispatched=False,
            listed=True,
            signature=row.signature,
            mode=row.texts[1] if len(row.texts) > 1 else None,
        )
        for row in rows
    ]


def _read_registered(checkout: Path) -> list[Procedure]:
    procedures = []
    for name in list_go(checkout, "pkg/cypher"):
        if b"registerBuiltInProcedure(" not in (checkout / name).read_bytes():
            continue
        file = GoFile(checkout, name)
        procedures += [
            Procedure(
                name=file.read_string(found["name"], "a procedure's name"),
                file=name,
                line=line_of(found["name"]),
                dispatched=True,
                listed=True,
                signature=file.read_string(found["signature"], "a procedure's signature"),
                mode=text_of(found["mode"]).removeprefix("ProcedureMode").upper(),
            )
            for found in file.search(_REGISTERED)
        ]
    return procedures
