"""Comparisons of one property: what they mean and how Cypher spells them."""

from dataclasses import dataclass
from typing import Literal

from datagen.schemas import SchemaProperty

Comparator = Literal[
    "eq", "ne", "gt", "ge", "lt", "le", "between", "in", "contains", "starts", "missing", "true", "false",
    "not_in", "ends", "not_contains", "not_starts", "fold", "matches", "longer", "shorter", "present", "multiple",
    "within", "before", "since", "in_year", "in_month", "dated",
]  # fmt: skip
Value = bool | int | float | str
VARIABLES = ("n", "m", "o", "p", "q")
_SYMBOLS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "before": "<", "since": ">="}


@dataclass(frozen=True)
class Condition:
    """A comparison of one property of the node at `position` along the path."""

    position: int
    prop: SchemaProperty
    comparator: Comparator
    values: tuple[Value, ...] = ()


def write_value(value: Value) -> str:
    """A literal in Cypher."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    # A whole number is written as people say it: Cypher compares 5 and 5.0 as equal.
    return str(int(value)) if float(value).is_integer() else str(value)


def write_condition(condition: Condition, variable: str = "") -> str:
    """The comparison in Cypher, of `variable` or of the one that the position along the path has.

    Dates are ISO texts in a graph; `date()` reads them, and a date as well.
    """
    left = f"{variable or VARIABLES[condition.position]}.{condition.prop.name}"
    values = [write_value(value) for value in condition.values]
    match condition.comparator:
        case "between":
            return f"{left} >= {values[0]} AND {left} <= {values[1]}"
        case "within":
            return f"{values[0]} < {left} < {values[1]}"
        case "in":
            return f"{left} IN [{', '.join(values)}]"
        case "not_in":
            return f"NOT {left} IN [{', '.join(values)}]"
        case "contains":
            return f"{left} CONTAINS {values[0]}"
        case "not_contains":
            return f"NOT {left} CONTAINS {values[0]}"
        case "starts":
            return f"{left} STARTS WITH {values[0]}"
        case "not_starts":
            return f"NOT {left} STARTS WITH {values[0]}"
        case "ends":
            return f"{left} ENDS WITH {values[0]}"
        case "fold":
            return f"toLower({left}) = toLower({values[0]})"
        case "matches":
            return f"{left} =~ {values[0]}"
        case "longer" | "shorter":
            return f"size({left}) {'>' if condition.comparator == 'longer' else '<'} {values[0]}"
        case "missing":
            return f"{left} IS NULL"
        case "present":
            return f"{left} IS NOT NULL"
        case "true" | "false":
            return f"{left} = {condition.comparator}"
        case "multiple":
            return f"{left} % {values[0]} = 0"
        case "in_year":
            return f"date({left}).year = {values[0]}"
        case "in_month":
            return f"date({left}).month = {values[0]}"
        case "dated":
            return f"date('{condition.values[0]}') <= date({left}) <= date('{condition.values[1]}')"
        case "before" | "since":
            return f"date({left}) {_SYMBOLS[condition.comparator]} date({values[0]})"
        case _:
            return f"{left} {_SYMBOLS[condition.comparator]} {values[0]}"
