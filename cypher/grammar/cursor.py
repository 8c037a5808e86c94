"""Steps through the tokens of a query, with the variables in scope at each place."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, NoReturn

from cypher.tokens import Token, tokenize

# What a variable or an expression holds; "any" where the text does not tell; "pattern": a pattern as a condition.
Type = Literal["node", "relationship", "path", "list", "map", "boolean", "number", "text", "any", "pattern"]
Scope = dict[str, Type]

_MAX_DEPTH = 60
# So many places past the end may be looked at.
_FURTHEST = 4
# Reading may start again at a bracket that proves to be no pattern; this bounds how often.
_STEPS_PER_TOKEN = 60


class GrammarError(Exception):
    """What is wrong with a query, at a character of its text."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


class Note(NamedTuple):
    """A use of what not every Cypher has, at a character of the text. `name`: of the function or procedure."""

    kind: str
    place: int
    name: str


class Cursor:
    """The place in a query. `take…` steps on if the text goes on so, `expect…` raises `GrammarError` if it does not."""

    def __init__(self, query: str) -> None:
        tokens = tokenize(query, keep_escapes=True)
        self.tokens = [*tokens, *[tokens[-1]] * _FURTHEST]
        self.at = 0
        self.scope: Scope = {}
        # What `cypher.dialect` looks at. A part that is read twice is noted once.
        self.notes: dict[Note, None] = {}
        # False where a variable may come from something that does not name it, as `YIELD *` does.
        self.closed = True
        # Aggregating functions: refused, allowed, or allowed and met.
        self.aggregation: Literal["refused", "allowed", "met"] = "refused"
        self._depth = 0
        self._steps = 1000 + _STEPS_PER_TOKEN * len(self.tokens)

    @property
    def here(self) -> Token:
        """The next token."""
        return self.tokens[self.at]

    def ahead(self, count: int) -> Token:
        """The token `count` places further on, at most four past the end."""
        return self.tokens[self.at + count]

    def step(self) -> Token:
        """The next token, which is passed."""
        token = self.here
        self._steps -= 1
        if self._steps < 0:
            self.fail("the query is too involved to be read")
        if token.kind != "end":
            self.at += 1
        return token

    def is_word(self, *words: str) -> bool:
        """True if the next token is one of the keywords."""
        return _is_word(self.here, words)

    def are_words(self, *words: str) -> bool:
        """True if the next tokens are these keywords."""
        return all(_is_word(self.ahead(count), (word,)) for count, word in enumerate(words))

    def take_words(self, *words: str) -> bool:
        """Passes these keywords, one after the other, if all of them come next."""
        if not self.are_words(*words):
            return False
        for _ in words:
            self.step()
        return True

    def take_word(self, *words: str) -> str | None:
        """Passes one of the keywords and returns it in capitals."""
        return self.step().text.upper() if self.is_word(*words) else None

    def is_symbol(self, *symbols: str) -> bool:
        """True if the next tokens are these symbols."""
        for place, text in enumerate(symbols, self.at):
            token = self.tokens[place]
            if token.text != text or token.kind != "symbol":
                return False
        return True

    def take_symbol(self, *symbols: str) -> bool:
        """Passes these symbols if all of them come next."""
        if not self.is_symbol(*symbols):
            return False
        for _ in symbols:
            self.step()
        return True

    def expect_symbol(self, symbol: str) -> None:
        """Passes the symbol."""
        if not self.take_symbol(symbol):
            self.fail_expecting(f"'{symbol}'")

    def expect_words(self, *words: str) -> None:
        """Passes these keywords."""
        for word in words:
            if not self.take_word(word):
                self.fail_expecting(word)

    def expect_name(self, what: str) -> Token:
        """Passes a name, in backticks or not."""
        if self.here.kind != "name":
            self.fail_expecting(what)
        return self.step()

    def expect_integer(self) -> None:
        """Passes a whole number or a parameter."""
        if self.here.kind not in ("integer", "parameter"):
            self.fail_expecting("a whole number")
        self.step()

    def fail_expecting(self, what: str) -> NoReturn:
        """Raises `GrammarError` that tells what should be here."""
        found = f"'{self.here.text}'" if self.here.kind != "end" else "the end of the query"
        self.fail(f"expected {what}, found {found}")

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        """Raises `GrammarError` at the token, or else here."""
        raise GrammarError((token or self.here).start, message)

    def note(self, kind: str, token: Token, name: str = "") -> None:
        """Keeps that something is used here."""
        self.notes[Note(kind, token.start, name)] = None

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level of nesting."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self.fail(f"nested more than {_MAX_DEPTH} times")
        try:
            yield
        finally:
            self._depth -= 1

    @contextmanager
    def inside(self, scope: Scope) -> Iterator[None]:
        """Reads with another scope and without aggregation, then goes back to this one."""
        before, closed, aggregation = self.scope, self.closed, self.aggregation
        self.scope, self.aggregation = scope, "refused"
        try:
            yield
        finally:
            self.scope, self.closed, self.aggregation = before, closed, aggregation

    def look_up(self, token: Token) -> Type:
        """What the variable holds; raises `GrammarError` if there is none of this name."""
        if token.value not in self.scope and self.closed:
            self.fail(f"variable `{token.value}` is not defined", token)
        return self.scope.get(token.value, "any")

    def define(self, token: Token, kind: Type) -> None:
        """Adds a variable; raises `GrammarError` if there is one of this name."""
        if token.value in self.scope:
            self.fail(f"variable `{token.value}` is already defined", token)
        self.scope[token.value] = kind


def _is_word(token: Token, words: tuple[str, ...]) -> bool:
    return token.kind == "name" and token.text.upper() in words
