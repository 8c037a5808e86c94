"""The place in the tokens of a query while it is read, and which name stands for which variable there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cypher.parts import Part, Variable
from cypher.terms import Element, PropertyUse
from cypher.tokens import Token, tokenize


class UnreadError(ValueError):
    """Cypher that this reader does not know, or no Cypher."""


class Reading:
    """Goes over the tokens of one query, and keeps the elements of patterns and the uses of names that it meets."""

    def __init__(self, query: str) -> None:
        self.tokens = tokenize(query)
        self.place = 0
        self.scope: dict[str, Part] = {}
        self.elements: list[Element] = []
        self.properties: list[PropertyUse] = []
        self.uses: list[tuple[int, Token]] = []
        self._numbers = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.place]

    def peek(self, ahead: int) -> Token:
        """A later token."""
        return self.tokens[min(self.place + ahead, len(self.tokens) - 1)]

    def sees(self, *words: str) -> bool:
        """Whether these keywords or symbols come next."""
        return all(_is_word(self.peek(ahead), word) for ahead, word in enumerate(words))

    def take(self, *words: str) -> bool:
        """Steps over these keywords or symbols if they come next."""
        if not self.sees(*words):
            return False
        self.place += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Steps over these keywords or symbols. Raises `UnreadError` if others come."""
        if not self.take(*words):
            raise UnreadError(f"'{' '.join(words)}' is expected before '{self.token.text}'.")

    def read_name(self) -> Token:
        """Reads a name."""
        token = self.token
        if token.kind != "name":
            raise UnreadError(f"A name is expected before '{token.text}'.")
        self.place += 1
        return token

    def declare(self, name: str | None = None) -> Variable:
        """A new variable, which the name stands for from here on."""
        self._numbers += 1
        variable = Variable(self._numbers)
        if name is not None:
            self.scope[name] = variable
        return variable

    def find(self, name: Token) -> Part:
        """What a name stands for."""
        if name.value not in self.scope:
            raise UnreadError(f"'{name.value}' is not defined.")
        part = self.scope[name.value]
        if isinstance(part, Variable):
            self.uses.append((part.number, name))
        return part

    @contextmanager
    def inner_scope(self) -> Iterator[None]:
        """Names bound inside are gone outside."""
        outer = dict(self.scope)
        yield
        self.scope = outer

    def read_list(self, read: Callable[[], Part], end: str) -> list[Part]:
        """Reads items with commas between them, and the symbol at the end."""
        items: list[Part] = []
        while not self.take(end):
            if items:
                self.expect(",")
            items.append(read())
        return items


def _is_word(token: Token, word: str) -> bool:
    return token.kind in ("name", "symbol") and token.text.upper() == word
