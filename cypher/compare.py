"""Whether two query results say the same, by the rules of CypherBench (arXiv 2412.18702): columns may have other names
and then another order, rows are a bag unless the question asks for an order, and floats may differ by rounding.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias

from cypher.run import Cell, NodeValue, RelationshipValue, Result

RELATIVE_TOLERANCE = 1e-9

Column: TypeAlias = tuple[Hashable, ...]


def same_result(gold: Result, got: Result, *, ordered: bool) -> bool:
    """`same_results` of two queries on one graph."""
    return same_results([gold], [got], ordered=ordered)


def same_results(golds: Sequence[Result], gots: Sequence[Result], *, ordered: bool) -> bool:
    """True if one order of `gots`' columns makes the rows of each equal to those of its `golds`: as a list if
    `ordered`, else as a bag. The results of one query on several graphs are thus compared under one assignment of its
    columns.

    Where both have the same column names in the same order, each column is compared with its namesake: otherwise a
    pattern turned round that shows both its ends would pass. 1 equals 1.0 and NaN equals NaN; true is not 1, null is
    only null, lists keep their order; nodes and relationships are equal by labels or type and properties. Without rows
    the number of columns is not known and does not count.
    """
    if [len(gold.rows) for gold in golds] != [len(got.rows) for got in gots]:
        return False
    pairs = [(gold, got) for gold, got in zip(golds, gots, strict=True) if gold.rows]
    if len({len(result.columns) for pair in pairs for result in pair}) > 1:
        return False
    if all(repr(gold.rows) == repr(got.rows) for gold, got in pairs):
        return True  # the usual case of equal results, and unlike == it tells true from 1
    graphs = tuple(number for number, (gold, _) in enumerate(pairs) for _ in gold.rows)
    gold_columns, got_columns = _join_columns(pairs)
    if all(gold.columns == got.columns for gold, got in pairs):
        if ordered:
            return gold_columns == got_columns
        return Counter(zip(graphs, *gold_columns, strict=True)) == Counter(zip(graphs, *got_columns, strict=True))
    if ordered:  # columns are then equal place by place or not at all
        return Counter(gold_columns) == Counter(got_columns)
    return _same_bag(graphs, gold_columns, got_columns)


def is_empty(result: Result) -> bool:
    """No rows, or nothing but zeros and nulls: an answer that a wrong query gives just as well."""
    return all(cell in (0, None) and cell is not False for row in result.rows for cell in row)


def _join_columns(pairs: Sequence[tuple[Result, Result]]) -> tuple[list[Column], list[Column]]:
    """The columns of both sides, each through the rows of all graphs, in a form in which equal values are equal."""
    rows: tuple[list[Column], list[Column]] = ([], [])
    for pair in pairs:
        numbers = cluster_numbers(cell for result in pair for row in result.rows for cell in row)
        for side, result in zip(rows, pair, strict=True):
            side += [tuple(canonicalize_value(cell, numbers) for cell in row) for row in result.rows]
    return list(zip(*rows[0], strict=True)), list(zip(*rows[1], strict=True))


def canonicalize_value(value: Cell, numbers: dict[float, float]) -> Hashable:
    """A hashable form in which equal values are equal; `numbers` are those of `cluster_numbers`."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | float):
        return ("number", "nan" if value != value else numbers.get(value, value))
    if isinstance(value, NodeValue):
        return ("node", value.labels, canonicalize_value(value.properties, numbers))
    if isinstance(value, RelationshipValue):
        return ("relationship", value.type, canonicalize_value(value.properties, numbers))
    if isinstance(value, dict):
        return ("map", frozenset((key, canonicalize_value(item, numbers)) for key, item in value.items()))
    if isinstance(value, list):
        return ("list", tuple(canonicalize_value(item, numbers) for item in value))
    raise TypeError(f"{type(value).__name__} is not a Cypher value")


def cluster_numbers(cells: Iterable[Cell]) -> dict[float, float]:
    """Maps each number to the least of those it is joined to by rounding. Integers are never joined to each other.

    Rounding every float to some digits instead would part two near values that lie on both sides of a boundary.
    """
    seen = {number for cell in cells for number in _numbers_in(cell)}
    if not any(isinstance(number, float) for number in seen):
        return {}
    clusters: dict[float, float] = {}
    last: float | None = None
    for number in sorted(seen):
        exact = isinstance(number, int) and isinstance(last, int)
        if last is not None and not exact and math.isclose(number, last, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12):
            clusters[number] = clusters[last]
        else:
            clusters[number] = number
        last = number
    return clusters


def _numbers_in(value: Cell) -> Iterator[float]:
    if isinstance(value, int | float):
        if not isinstance(value, bool) and value == value:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _numbers_in(item)
    elif isinstance(value, list | NodeValue | RelationshipValue):
        for item in value:
            yield from _numbers_in(item)


def _same_bag(graphs: Column, gold: Sequence[Column], got: Sequence[Column]) -> bool:
    """Assigns columns one by one, as long as the rows of those assigned so far are the same bag on every graph.

    A column may only stand for one with the same bag of values, and of equal columns one is tried, so that only
    columns that differ and yet hold the same values in the same numbers can make it search. `graphs` tells for each
    row which graph it is of.
    """
    by_content: dict[Hashable, list[int]] = defaultdict(list)
    for index, column in enumerate(got):
        by_content[_bag(graphs, column)].append(index)
    choices = [by_content.get(_bag(graphs, column), []) for column in gold]
    todo = sorted(range(len(gold)), key=lambda index: len(choices[index]))

    def extend(place: int, used: frozenset[int], gold_rows: Column, got_rows: Column) -> bool:
        if place == len(todo):
            return True
        index, tried = todo[place], set()
        for choice in choices[index]:
            if choice in used or got[choice] in tried:
                continue
            tried.add(got[choice])
            names: dict[
                Hashable, int
            ] = {}  # a row so far is named by a small number, or its hash would cost its length
            left = tuple(names.setdefault(pair, len(names)) for pair in zip(gold_rows, gold[index], strict=True))
            right = tuple(names.setdefault(pair, len(names)) for pair in zip(got_rows, got[choice], strict=True))
            if Counter(left) == Counter(right) and extend(place + 1, used | {choice}, left, right):
                return True
        return False

    return extend(0, frozenset(), graphs, graphs)


def _bag(graphs: Column, column: Column) -> Hashable:
    return frozenset(Counter(zip(graphs, column, strict=True)).items())
