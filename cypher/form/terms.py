"""Values and conditions as parts, with the rules for operands that commute."""

from typing import NamedTuple

from cypher.form.parts import Bag, Part, series


class UnwrittenError(ValueError):
    """Cypher of which no canonical form is written."""


class Term(NamedTuple):
    """A part that is a value. `closed`: it needs no brackets; `numeric`: it is surely a number or null."""

    part: Part
    closed: bool = True
    numeric: bool = False

    @property
    def bracketed(self) -> Part:
        """The part, in brackets unless it is closed."""
        return self.part if self.closed else series("(", self.part, ")")


def join_terms(terms: list[Term], between: str) -> Term:
    """AND, OR or XOR over terms, taking in those that are such a term themselves."""
    if len(terms) == 1:
        return terms[0]
    pieces: list[Part] = []
    for term in terms:
        part = term.part
        pieces += part.parts if isinstance(part, Bag) and part.between == between else [term.bracketed]
    return Term(Bag(tuple(pieces), between, once=between != " XOR "), closed=False)


def join_conditions(terms: list[Term]) -> Part:
    """` WHERE …`, or nothing."""
    return series(" WHERE ", join_terms(terms, " AND ").part) if terms else ""


def calculate(left: Term, operator: str, right: Term) -> Term:
    """A sum, product or power of two terms."""
    numeric = left.numeric and right.numeric
    operands = (left.bracketed, right.bracketed)
    if operator == "*" or (operator == "+" and numeric):
        return Term(Bag(operands, f" {operator} "), closed=False, numeric=numeric)
    return Term(series(operands[0], f" {operator} ", operands[1]), closed=False, numeric=numeric)


def compare(left: Term, operator: str, right: Term) -> Term:
    """A comparison; `a > b` is written as `b < a`."""
    if operator in ("=", "<>"):
        return Term(Bag((left.bracketed, right.bracketed), f" {operator} "), closed=False)
    low, high = (left, right) if operator[0] == "<" else (right, left)
    return Term(series(low.bracketed, f" {operator.replace('>', '<')} ", high.bracketed), closed=False)
