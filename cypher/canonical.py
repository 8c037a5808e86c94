"""One spelling for all ways to write the same query, so that equal spellings show equal queries without running them.

The spelling is Cypher again, means the same, and is its own canonical form.
"""

from typing import NamedTuple

from cypher.form.clauses import write_statement
from cypher.form.parts import Part, find_variables, write_part
from cypher.form.terms import UnwrittenError
from cypher.statement import read_statement
from cypher.syntax.tokens import RESERVED, GrammarError, Token, tokenize, write_name

_MAX_VARIABLES = 30
# Beyond this, variables that do the same are taken as they come in the query, which makes fewer queries equal.
_MAX_REFINEMENTS = 100
_SELF = "@"


class Canonical(NamedTuple):
    """A query's canonical form. `read` is false where only its tokens are brought to one spelling."""

    text: str
    read: bool


def canonicalize(query: str) -> Canonical:
    """The canonical form: two queries have the same one only if they mean the same.

    What does not show in it: case of keywords and functions, names of variables and columns, the side from which a path
    is written, the order of a MATCH's paths and of operands that commute, whether a condition stands in the pattern or
    in WHERE, spelling of literals, brackets, comments. Where the query cannot be read, or has more variables than can
    be told apart in reasonable time, only spaces, comments, case of keywords and spelling of literals do not show.
    """
    try:
        tokens = tokenize(query)
    except GrammarError:
        return Canonical(query.strip(), read=False)
    try:
        part = write_statement(read_statement(query))
    except (GrammarError, UnwrittenError):
        return Canonical(_join_tokens(tokens), read=False)
    numbers = list(dict.fromkeys(find_variables(part)))
    if len(numbers) > _MAX_VARIABLES:
        return Canonical(_join_tokens(tokens), read=False)
    return Canonical(_name_variables(part, numbers), read=True)


def _name_variables(part: Part, numbers: list[int]) -> str:
    """Writes the part with names that depend only on what a variable does, not on what it is called or where it stands.

    Variables are told apart by the text in which each is marked, over and over, as long as that tells more apart
    (colour refinement). Of those that stay alike one is set apart, each in turn, and the least text is taken.
    """
    refinements = 0

    def write(colours: dict[int, int]) -> str:
        nonlocal refinements
        refinements += 1
        colours = _refine(part, colours)
        alike = _find_alike(colours)
        if not alike:
            return write_part(part, {number: f"v{colour}" for number, colour in colours.items()})
        texts = []
        for chosen in alike:
            # Twice each number leaves one free below it.
            texts.append(write({number: 2 * colour - (number == chosen) for number, colour in colours.items()}))
            if refinements >= _MAX_REFINEMENTS:
                break
        return min(texts)

    return write(dict.fromkeys(numbers, 0))


def _refine(part: Part, colours: dict[int, int]) -> dict[int, int]:
    count = len(set(colours.values()))
    while True:
        names = {number: f"v{colour}" for number, colour in colours.items()}
        marks = {number: (colour, write_part(part, names | {number: _SELF})) for number, colour in colours.items()}
        ranks = {mark: rank for rank, mark in enumerate(sorted(set(marks.values())))}
        colours = {number: ranks[mark] for number, mark in marks.items()}
        if len(ranks) in (count, len(colours)):
            return colours
        count = len(ranks)


def _find_alike(colours: dict[int, int]) -> list[int]:
    """The variables of the first colour that several have."""
    classes: dict[int, list[int]] = {}
    for number, colour in colours.items():
        classes.setdefault(colour, []).append(number)
    return next((classes[colour] for colour in sorted(classes) if len(classes[colour]) > 1), [])


def _join_tokens(tokens: list[Token]) -> str:
    texts = []
    for before, token, after in zip([tokens[-1], *tokens], tokens, tokens[1:], strict=False):
        text = token.value
        if token.kind == "name":
            word = token.text.upper()
            is_key = before.text in (".", ":", "|", "&", "!") or after.text == ":"
            text = word if word in RESERVED and not is_key else write_name(token.value)
        texts.append(text)
    while texts and texts[-1] == ";":
        texts.pop()
    return " ".join(texts)
