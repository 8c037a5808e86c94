"""Draws conditions of every kind that fits a property."""

import random

from datagen.conditions import Comparator, Condition
from datagen.schemas import SchemaProperty

_NUMBERS: dict[Comparator, int] = {
    "gt": 16, "ge": 14, "lt": 16, "le": 14, "between": 10, "within": 10, "eq": 6, "ne": 4, "multiple": 5, "present": 5,
}  # fmt: skip
_CATEGORIES: dict[Comparator, int] = {"eq": 40, "ne": 15, "in": 15, "not_in": 15, "fold": 10, "present": 5}
_NAMES: dict[Comparator, int] = {
    "eq": 14, "contains": 12, "starts": 12, "ends": 12, "not_contains": 8, "not_starts": 8, "fold": 8, "matches": 8,
    "longer": 9, "shorter": 9, "present": 4, "missing": 4,
}  # fmt: skip
_DATES: dict[Comparator, int] = {"before": 25, "since": 25, "in_year": 20, "in_month": 10, "dated": 15, "present": 5}


def sample_condition(position: int, prop: SchemaProperty, rng: random.Random) -> Condition:
    """A random condition on a property of the node at this position of a path."""
    if prop.type == "BOOLEAN":
        return Condition(position, prop, rng.choice(("true", "false")))
    weights = (
        _NUMBERS
        if prop.type != "STRING"
        else _DATES
        if prop.source.dated
        else _CATEGORIES
        if prop.source.pool
        else _NAMES
    )
    comparator = rng.choices(tuple(weights), tuple(weights.values()))[0]
    return Condition(position, prop, comparator, _sample_values(comparator, prop, rng))


def _sample_values(
    comparator: Comparator, prop: SchemaProperty, rng: random.Random
) -> tuple[bool | int | float | str, ...]:
    value = rng.choice(prop.values)
    text = str(value)
    match comparator:
        case "missing" | "present":
            return ()
        case "between" | "within" | "dated":
            return tuple(sorted(rng.sample(prop.values, 2)))
        case "in" | "not_in":
            return tuple(rng.sample(prop.values, 2))
        case "multiple":
            return (rng.choice((2, 2, 3, 5, 10)),)
        case "fold":
            return (rng.choice((text.lower(), text.upper(), text)),)
        case "contains" | "not_contains":
            start = rng.randint(1, 2)
            return (text[start : start + rng.randint(1, 2)],)
        case "starts" | "not_starts":
            return (text[: rng.randint(1, 3)],)
        case "ends":
            return (text[-rng.randint(1, 3) :],)
        case "matches":
            return (rng.choice((f"{text[:1]}.*", f".*{text[-1]}", f".*{text[1:3]}.*", f"{text[:2]}.+")),)
        case "longer" | "shorter":
            return (rng.randint(4, 7),)
        case "in_year":
            return (int(text[:4]),)
        case "in_month":
            return (int(text[5:7]),)
        case _:
            return (value,)
