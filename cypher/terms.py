"""Terms of Cypher as parts: values, conditions and label expressions, with the rules for operands that commute."""

from dataclasses import dataclass, field
from typing import NamedTuple

from cypher.parts import Bag, Part, series
from cypher.tokens import Token


class Expression(NamedTuple):
    """A part that is a value. `closed`: it needs no brackets; `numeric`: it is surely a number or null."""

    part: Part
    closed: bool = True
    numeric: bool = False

    @property
    def bracketed(self) -> Part:
        """The part, in brackets unless it is closed."""
        return self.part if self.closed else series("(", self.part, ")")


@dataclass(frozen=True)
class PropertyUse:
    """A property read from a variable: `n.name`."""

    variable: int
    key: Token


@dataclass
class Element:
    """A node or relationship of a pattern, or a test of a variable's label: what it is called and says of itself.

    `certain`: it has one of the `labels`, none of which stands behind a `!`.
    """

    variable: int
    labels: list[Token] = field(default_factory=list)
    certain: bool = True
    keys: list[Token] = field(default_factory=list)


class LabelTerm(NamedTuple):
    """A label expression: a single `name`, or `&`, `|` or `!` over others; the name `%` is any label."""

    operator: str
    terms: tuple["LabelTerm", ...] = ()
    name: str = ""

    def test(self, variable: Part) -> Expression:
        """The condition that a variable has such labels, made of tests of single labels."""
        if self.operator in ("&", "|"):
            between = {"&": " AND ", "|": " OR "}[self.operator]
            return join_operands([term.test(variable) for term in self.terms], between)
        if self.operator == "!":
            return Expression(series("NOT ", self.terms[0].test(variable).bracketed), closed=False)
        return Expression(series(variable, ":", self.name), closed=False)

    def write(self) -> Part:
        """The expression as it stands behind a colon."""
        if self.operator in ("&", "|"):
            return Bag(tuple(term._inner() for term in self.terms), self.operator, once=True)
        return series("!", self.terms[0]._inner()) if self.operator == "!" else self.name

    def _inner(self) -> Part:
        return series("(", self.write(), ")") if self.operator in ("&", "|") else self.write()


def join_operands(operands: list[Expression], between: str) -> Expression:
    """AND, OR or XOR over operands, taking in those that are such a term themselves."""
    if len(operands) == 1:
        return operands[0]
    pieces: list[Part] = []
    for operand in operands:
        part = operand.part
        pieces += part.parts if isinstance(part, Bag) and part.between == between else [operand.bracketed]
    return Expression(Bag(tuple(pieces), between, once=between != " XOR "), closed=False)


def combine_operands(left: Expression, operator: str, right: Expression) -> Expression:
    """The term of two operands of a binary operator."""
    if operator in ("AND", "OR", "XOR"):
        return join_operands([left, right], f" {operator} ")
    numeric = left.numeric and right.numeric
    operands = (left.bracketed, right.bracketed)
    if operator == "*" or (operator == "+" and numeric):
        return Expression(Bag(operands, f" {operator} "), closed=False, numeric=numeric)
    return Expression(series(operands[0], f" {operator} ", operands[1]), closed=False, numeric=numeric)


def separate(items: list[Part]) -> list[Part]:
    """The items with a comma between each two."""
    return [part for item in items for part in (", ", item)][1:]
