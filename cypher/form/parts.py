"""What a query consists of once it is read: fixed text, variables, and what may stand in any order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cypher.syntax.tree import Variable


@dataclass(slots=True, eq=False)
class Series:
    """Parts in their order."""

    parts: tuple["Part", ...]


@dataclass(slots=True, eq=False)
class Bag:
    """Parts whose order does not matter, with a text between them; with `once`, nor does a repetition.

    Of parts that are all the same two are left, since one part alone would be no such term.
    """

    parts: tuple["Part", ...]
    between: str
    once: bool = False


@dataclass(slots=True, eq=False)
class Either:
    """Several ways to write the same, such as a pattern from its left and from its right end."""

    forms: tuple["Part", ...]


Part: TypeAlias = str | Variable | Series | Bag | Either


def series(*parts: Part) -> Series:
    """The parts one after the other."""
    return Series(parts)


def separate(items: list[Part]) -> list[Part]:
    """The items with a comma between each two."""
    return [part for item in items for part in (", ", item)][1:]


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
        if part.once:
            texts = list(set(texts)) if len(set(texts)) > 1 else texts[:2]
        return part.between.join(sorted(texts))
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
