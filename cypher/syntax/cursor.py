"""The place in the tokens of a query while it is read."""

from typing import NoReturn

from cypher.syntax.tokens import GrammarError, Token, tokenize
from cypher.syntax.tree import Name, Word

_MAX_DEPTH = 60
# So deep may the tree be, so that those who go through it do not exhaust Python's stack.
_MAX_HEIGHT = 100
# So many places past the end may be looked at.
_FURTHEST = 4
# Reading may start again at a bracket that proves to be no pattern; this bounds how often.
_STEPS_PER_TOKEN = 60
_OPENING = {")": "(", "]": "[", "}": "{"}


class Cursor:
    """Steps through a query. `take…` steps on if the text goes on so, `expect…` raises `GrammarError` if not."""

    def __init__(self, query: str) -> None:
        self.tokens = tokenize(query)
        self.at = 0
        # The names that have been bound so far: only these are variables if they are keywords too.
        self.bound: set[str] = set()
        self._closing = _match_brackets(self.tokens)
        self._depth = 0
        # How deep the tree of what was read since the last `descend` goes, counted from the root.
        self._reached = 0
        self._steps = 1000 + _STEPS_PER_TOKEN * len(self.tokens)
        self.tokens += [self.tokens[-1]] * _FURTHEST

    @property
    def here(self) -> Token:
        """The next token."""
        return self.tokens[self.at]

    def ahead(self, count: int) -> Token:
        """The token `count` places further on, at most four past the end."""
        return self.tokens[self.at + count]

    def find_end(self, place: int) -> int | None:
        """The number of the token that closes the bracket at `place`."""
        return self._closing.get(place)

    def step(self) -> Token:
        """The next token, which is passed."""
        token = self.tokens[self.at]
        self._steps -= 1
        if self._steps < 0:
            self.fail("the query is too involved to be read")
        if token.kind != "end":
            self.at += 1
        return token

    def is_word(self, *words: str) -> bool:
        """True if the next token is one of the keywords."""
        token = self.tokens[self.at]
        return token.kind == "name" and token.text.upper() in words

    def are_words(self, *words: str) -> bool:
        """True if the next tokens are these keywords."""
        for place, word in enumerate(words, self.at):
            token = self.tokens[place]
            if token.kind != "name" or token.text.upper() != word:
                return False
        return True

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

    def expect_word(self, what: str) -> Word:
        """Passes a name that stands for itself, in backticks or not."""
        if self.here.kind != "name":
            self.fail_expecting(what)
        return Word(self.at, self.at + 1, self.step().value)

    def expect_name(self) -> Name:
        """Passes the name of a variable."""
        if self.here.kind != "name":
            self.fail_expecting("a variable")
        return Name(self.at, self.at + 1, self.step().value)

    def expect_new_name(self) -> Name:
        """Passes the name of a variable that is bound here."""
        name = self.expect_name()
        self.bound.add(name.value)
        return name

    def expect_integer(self) -> None:
        """Passes a whole number or a parameter."""
        if self.here.kind not in ("integer", "parameter"):
            self.fail_expecting("a whole number")
        self.step()

    def fail_expecting(self, what: str) -> NoReturn:
        """Raises `GrammarError` that tells what should be here."""
        found = f"'{self.here.text}'" if self.here.kind != "end" else "the end of the query"
        self.fail(f"expected {what}, found {found}")

    def fail(self, message: str, place: int | None = None) -> NoReturn:
        """Raises `GrammarError` at the token of this number, or else here."""
        raise GrammarError(self.tokens[self.at if place is None else place].start, message)

    def descend(self) -> int:
        """Goes one level deeper into nested pieces. Returns what `ascend` needs."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self.fail(f"nested more than {_MAX_DEPTH} times")
        outer, self._reached = self._reached, self._depth
        return outer

    def wrap(self) -> None:
        """Puts what was read since `descend` one level deeper, into a piece that is known only now."""
        self._reached += 1
        if self._reached > _MAX_HEIGHT:
            self.fail(f"nested more than {_MAX_HEIGHT} times, operators included")

    def ascend(self, outer: int) -> None:
        """Comes back from `descend`."""
        self._depth -= 1
        self._reached = max(outer, self._reached)

    def mark(self) -> tuple[int, int, int]:
        """What `go_back` needs to come back here."""
        return self.at, self._depth, self._reached

    def go_back(self, mark: tuple[int, int, int]) -> None:
        """Reads on from an earlier place."""
        self.at, self._depth, self._reached = mark


def _match_brackets(tokens: list[Token]) -> dict[int, int]:
    """The number of each opening bracket's token with that of the closing one."""
    closing: dict[int, int] = {}
    open_: list[int] = []
    for place, token in enumerate(tokens):
        if token.kind == "symbol":
            if token.text in "([{":
                open_.append(place)
            elif token.text in _OPENING and open_ and tokens[open_[-1]].text == _OPENING[token.text]:
                closing[open_.pop()] = place
    return closing
