"""Cuts Cypher into tokens, with the value of each literal and the place of each token in the text."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["name", "string", "integer", "float", "parameter", "symbol", "end"]

_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<float>(?:\d+\.\d+|\.\d+)(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)
  | (?P<integer>0[xX][0-9a-fA-F]+|0[oO][0-7]+|\d+)
  | (?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
  | (?P<parameter>\$(?:\w+|`(?:``|[^`])+`))
  | (?P<name>[^\W\d]\w*|`(?:``|[^`])+`)
  | (?P<symbol><=|>=|<>|=~|\+=|\.\.|[-+*/%^=<>()\[\]{},.:;|&!$])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPES = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", "'": "'", '"': '"', "\\": "\\"}
# The reserved words of openCypher: no variable is called so, unless in backticks.
RESERVED = frozenset((
    "ADD", "ALL", "AND", "AS", "ASC", "ASCENDING", "BY", "CASE", "CONSTRAINT", "CONTAINS", "CREATE", "DELETE", "DESC",
    "DESCENDING", "DETACH", "DISTINCT", "DO", "DROP", "ELSE", "END", "ENDS", "EXISTS", "FALSE", "FOR", "IN", "IS",
    "LIMIT", "MANDATORY", "MATCH", "MERGE", "NOT", "NULL", "OF", "ON", "OPTIONAL", "OR", "ORDER", "REMOVE", "REQUIRE",
    "RETURN", "SCALAR", "SET", "SKIP", "STARTS", "THEN", "TRUE", "UNION", "UNIQUE", "UNWIND", "WHEN", "WHERE", "WITH",
    "XOR",
))  # fmt: skip
_PLAIN = re.compile(r"[^\W\d]\w*")


class Token(NamedTuple):
    """One token: `text` as it is written, at `start` in the query; `value` is what it stands for, however spelled."""

    kind: Kind
    text: str
    start: int
    value: str

    @property
    def end(self) -> int:
        """The place behind the token."""
        return self.start + len(self.text)


class GrammarError(ValueError):
    """What is wrong with a text, from the character `place` on."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place


def tokenize(query: str) -> list[Token]:
    """The tokens of a query without spaces and comments; the last one is of kind `end`. Raises `GrammarError`.

    The value of a string, number or parameter is its normal spelling; that of a name is the name without backticks.
    A backslash before a letter that has no meaning behind one stays, as Neo4j has it.
    """
    return [*_scan(query), Token("end", "", len(query), "")]


def _scan(query: str) -> Iterator[Token]:
    place = 0
    while place < len(query):
        match = _TOKEN.match(query, place)
        if match is None:
            message = f"No token of Cypher begins with '{query[place : place + 10]}' at character {place + 1}."
            raise GrammarError(place, message)
        kind, text = match.lastgroup, match[0]
        if kind == "string":
            yield Token("string", text, place, write_string(_unescape(text[1:-1], place)))
        elif kind == "integer":
            yield Token("integer", text, place, _write_integer(text))
        elif kind == "float":
            yield Token("float", text, place, _write_float(text))
        elif kind == "parameter":
            yield Token("parameter", text, place, "$" + write_name(_strip_backticks(text[1:])))
        elif kind == "name":
            yield Token("name", text, place, _strip_backticks(text))
        elif kind == "symbol":
            yield Token("symbol", text, place, text)
        place = match.end()


def write_string(value: str) -> str:
    """A text as a literal in single quotes."""
    named = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
    return "'" + "".join(named.get(character, character) for character in value) + "'"


def write_name(name: str) -> str:
    """A name as it must be written: in backticks only where it is no plain word."""
    return name if _PLAIN.fullmatch(name) else "`" + name.replace("`", "``") + "`"


def _strip_backticks(text: str) -> str:
    return text[1:-1].replace("``", "`") if text.startswith("`") else text


def _unescape(text: str, place: int) -> str:
    def replace(match: re.Match[str]) -> str:
        code = int(match[1] or match[2] or "0", 16)
        character = _ESCAPES.get(match[3]) if match[3] else chr(code) if code < 0x110000 else None
        if character is None and match[3]:
            return match[0]
        if character is None or "\ud800" <= character <= "\udfff":
            raise GrammarError(place + 1 + match.start(), f"{match[0]} is no escape that a Cypher text may hold.")
        return character

    return _ESCAPE.sub(replace, text)


def _write_integer(text: str) -> str:
    if text[:2].lower() in ("0x", "0o"):
        return str(int(text, 0))
    return text  # 010 was eight in some versions of Cypher and is ten in others: it stays as it is


def _write_float(text: str) -> str:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        return text.lower()
    return repr(value).replace("e+", "e")
