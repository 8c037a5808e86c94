"""What CREATE and DROP of indexes and constraints may look like: the regular expressions they are read with."""

import re
from pathlib import Path

from heimdall.source_code import text_of
from nornicdb.facts import SchemaSyntax
from nornicdb.gosource import GoFile, line_of

FILE = "pkg/cypher/regex_patterns.go"
_PATTERNS = """
(var_spec name: (identifier) @name value: (expression_list (call_expression
  function: (selector_expression) @function arguments: (argument_list . (_) @pattern .)))
  (#eq? @function "regexp.MustCompile"))
"""
_KINDS = ("constraint", "index", "fulltextIndex", "vector", "dropConstraint", "dropIndex")


def read_schema_syntax(checkout: Path) -> tuple[SchemaSyntax, ...]:
    """The patterns whose names begin with the kind of schema they are for."""
    file = GoFile(checkout, FILE)
    found = []
    for each in file.search(_PATTERNS):
        name = text_of(each["name"])
        if name.startswith(_KINDS) and "Hint" not in name:
            pattern = file.read_string(each["pattern"], f"the pattern {name}")
            place = line_of(each["name"])
            found.append(SchemaSyntax(name=name, file=file.name, line=place, form=spell_form(pattern), pattern=pattern))
    for kind in ("constraint", "index", "fulltextIndex", "vector"):
        if not any(each.name.startswith(kind) for each in found):
            raise file.moved(f"a pattern whose name begins with {kind}")
    return tuple(found)


def spell_form(pattern: str) -> str:
    """What a regular expression matches, for a reader: `CREATE INDEX name [IF NOT EXISTS] FOR (name:name) ON (…)`."""
    form, _ = _spell(re.sub(r"^\(\?\w+\)", "", pattern), 0)
    return " ".join(form.split()).replace(" ]", "]").replace("[ ", "[").replace("][", "] [")


def _spell(pattern: str, at: int) -> tuple[str, int]:
    """The form of a pattern from a place to the end of its group, and where that is."""
    form = ""
    while at < len(pattern) and pattern[at] != ")":
        part, at = _spell_atom(pattern, at)
        quantifier = re.match(r"(?:[*+?]|\{[\d,]+\})\??", pattern[at:])
        optional = quantifier is not None and quantifier[0][0] in "*?"
        at += quantifier.end() if quantifier else 0
        if part.strip() and optional and part != "…":
            part = f" [{part.strip()}]"
        form += part if part.strip() or not optional else ""
    return form, at


def _spell_atom(pattern: str, at: int) -> tuple[str, int]:
    """The form of one character, class or group, and where it ends."""
    match pattern[at]:
        case "\\":
            letter = pattern[at + 1 : at + 2]
            return {"s": " ", "w": "name", "d": "number", "b": ""}.get(letter, letter), at + 2
        case "[":
            end = pattern.find("]", at + 2) % len(pattern)
            return " " if "\\s" in pattern[at:end] else "", end + 1
        case "(":
            opening = re.match(r"\((?:\?P?<\w+>|\?[a-zA-Z-]*:)?", pattern[at:])
            begin = at + (opening.end() if opening else 1)
            inner, end = _spell(pattern, begin)
            inner = inner.removesuffix("|")
            if not (opening and opening[0].endswith(":")):  # it captures what it matches
                inner = "name" if "name" in inner else inner if re.fullmatch(r"[\w |]+", inner) else "…"
            return inner, end + 1
        case ".":
            return "…", at + 1
        case "^" | "$":
            return "", at + 1
    return pattern[at], at + 1
