"""What a query consists of once it is read: fixed text, variables, and what may stand in any order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Variable:
    """One variable of the query; where a name is bound twice there are two of them."""

    number: int


@dataclass(frozen=True)
class Series:
    """Parts in their order."""

    parts: tuple["Part", ...]


@dataclass(frozen=True)
class Bag:
    """Parts whose order does not matter, with a text between them; with `once`, nor does a repetition."""

    parts: tuple["Part", ...]
    between: str
    once: bool = False


@dataclass(frozen=True)
class Either:
    """Several ways to write the same, such as a pattern from its left and from its right end."""

    forms: tuple["Part", ...]


Part: TypeAlias = str | Variable | Series | Bag | Either


def series(*parts: Part) -> Series:
    """The parts one after the other."""
    return Series(parts)


def write_part(part: Part, names: Mapping[int, str]) -> str:
    """The text of a part with these names for its variables: bags sorted, and of several forms the least one."""
    if isinstance(part, str):
        return part
    if isinstance(part, Variable):
        return names[part.number]
    if isinstance(part, Series):
        return "".join([write_part(piece, names) for piece in part.parts])
    if isinstance(part, Bag):
        texts = [write_part(piece, names) for piece in part.parts]
        return part.between.join(sorted(set(texts) if part.once else texts))
    return min([write_part(form, names) for form in part.forms])


def find_variables(part: Part) -> Iterator[int]:
    """The numbers of the variables of a part, once for each place."""
    if isinstance(part, Variable):
        yield part.number
    elif isinstance(part, Series | Bag):
        for piece in part.parts:
            yield from find_variables(piece)
    elif isinstance(part, Either):
        yield from find_variables(part.forms[0])
