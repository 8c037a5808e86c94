"""The tables that SHOW PROCEDURES and SHOW FUNCTIONS print: rows of a slice of slices in the source."""

from typing import NamedTuple

from nornicdb.gosource import STRINGS, GoFile, line_of, walk

TABLE_FILES = ("pkg/cypher/executor_show.go", "pkg/cypher/executor.go")  # the second one before v1.0.11


class TableRow(NamedTuple):
    """One row: the name, the signature, and the texts after it (a description, a mode)."""

    name: str
    signature: str
    texts: tuple[str, ...]
    line: int


def read_table(file: GoFile, function: str) -> list[TableRow]:
    """The rows of the `[][]interface{}` literal in a function."""
    body = file.find_function(function)
    for node in walk(body):
        if node.type == "composite_literal" and (node.text or b"").startswith(b"[][]interface{}"):
            literal = node.child_by_field_name("body")
            elements = literal.named_children if literal else []
            break
    else:
        raise file.moved(f"a table in {function}", body)
    rows = []
    for element in elements:
        if element.type == "comment":
            continue
        cells = [cell.named_children[0] for cell in element.named_children[0].named_children if cell.named_children]
        if len(cells) < 2:
            raise file.moved(f"a name and a signature in each row of {function}", element)
        name, signature = (file.read_string(cell, f"name and signature in {function}") for cell in cells[:2])
        texts = tuple(file.read_string(cell, "") for cell in cells[2:] if cell.type in STRINGS)
        rows.append(TableRow(name, signature, texts, line_of(element)))
    if not rows:
        raise file.moved(f"rows in the table of {function}", body)
    return rows
