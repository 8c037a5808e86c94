"""Chooses values for properties: such as pass a query's tests or just fail one of them, and plain ones elsewhere."""

import random
import re
from collections.abc import Iterable, Sequence

from cypher.graph import Scalar, Temporal, Value
from cypher.outline import Test

_WORDS = (
    "Alba", "Brio", "Cedar", "Delta", "Ember", "Fjord", "Grove", "Haven", "Iris", "Jade", "Karst", "Lumen", "Maple",
    "Nimbus", "Onyx", "Pearl", "Quartz", "Raven", "Sable", "Tundra", "Umber", "Vesper", "Willow", "Yarrow", "Zephyr",
)  # fmt: skip
_REPEATED = 0.2  # how often a value is one that was there before
_MISSING = 0.05


class Values:
    """Draws values; within one place (a label's property) most differ, so that orders have few ties."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._used: dict[str, list[Value]] = {}

    def draw(
        self, place: str, kind: str, tests: Sequence[Test], broken: Test | None, *, unique: bool = False
    ) -> Value | None:
        """A value that passes the tests, without the one that is `broken`; None where there should be none.

        `kind` is the type that the schema names, which is used where no test tells another. `unique` values repeat only
        where the tests leave no other.
        """
        proposed = [value for test in tests for value in self._propose(test, place, kind)]
        if not proposed or all(test.operator.startswith("IS ") for test in tests):
            return self._draw_freely(place, kind, tests, broken, unique)
        held = tuple(test.value for test in tests if test.operator == "HAS" and isinstance(test.value, str))
        if len(held) > 1:
            proposed.append(held)
        self._rng.shuffle(proposed)
        used = self._used.setdefault(place, [])

        def rate(value: Value) -> tuple[int, bool]:
            passed = sum(_passes(value, test) is (test is not broken) for test in tests)
            return (-passed, value in used)

        value = min(proposed, key=rate)
        used.append(value)
        return value

    def _draw_freely(
        self, place: str, kind: str, tests: Sequence[Test], broken: Test | None, unique: bool
    ) -> Value | None:
        absent = any((test.operator == "IS NULL") is (test is not broken) for test in tests)
        if absent or (not tests and not unique and self._rng.random() < _MISSING):
            return None
        used = self._used.setdefault(place, [])
        if used and not unique and self._rng.random() < _REPEATED:
            return self._rng.choice(used)
        value = self._make(kind, place)
        used.append(value)
        return value

    def _make(self, kind: str, place: str) -> Value:
        """A new value of a type, under any of the names that schemas have for it."""
        rng, name = self._rng, kind.upper()
        if name.startswith("BOOL"):
            return rng.random() < 0.5
        if name.startswith(("LIST", "ARRAY")):
            return tuple(self._make_word(place) for _ in range(rng.randint(1, 6)))
        if name.startswith(("INT", "LONG")):
            return rng.randint(1, 999)
        if name.startswith(("FLOAT", "DOUBLE", "NUMBER")):
            return rng.randint(2, 1999) / 2
        if name == "DATE":
            return Temporal(kind="date", text=self._make_date())
        if name in ("DATE_TIME", "DATETIME", "ZONED DATETIME"):
            return Temporal(kind="datetime", text=self._make_date() + "T10:20:30Z")
        if name in ("LOCAL_DATE_TIME", "LOCAL DATETIME", "LOCALDATETIME"):
            return Temporal(kind="localdatetime", text=self._make_date() + "T10:20:30")
        return self._make_word(place)

    def _make_date(self, year: int | None = None, month: int | None = None) -> str:
        rng = self._rng
        return f"{year or rng.randint(1950, 2024):04d}-{month or rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"

    def _make_word(self, place: str) -> str:
        word = self._rng.choice(_WORDS)
        return word if word not in self._used.get(place, ()) else f"{word} {self._rng.randint(2, 99)}"

    def _propose(self, test: Test, place: str, kind: str) -> Iterable[Value]:
        """Values near the border between passing and failing a test, on both sides."""
        value, word = test.value, self._make_word(place)
        if test.part:
            yield from self._propose_part(test, kind)
        elif test.operator == "HAS" and isinstance(value, bool | int | float | str):
            other = word if isinstance(value, str) else self._rng.randint(1, 99)
            yield from ((value, other), (value,), (other,))
        elif isinstance(value, tuple):
            yield from value
            yield from (each for item in value for each in self._propose_scalar("=", item, word))
        elif isinstance(value, Temporal):
            yield value
            yield from _move_year(
                value, (-1, 1, *(self._rng.choice((-1, 1)) * self._rng.randint(2, 30) for _ in range(6)))
            )
        elif value is not None:
            yield from self._propose_scalar(test.operator, value, word)

    def _propose_scalar(self, operator: str, value: Scalar, word: str) -> Iterable[Value]:
        rng = self._rng
        if isinstance(value, bool):
            yield from (True, False)
        elif isinstance(value, int | float):
            yield from (value, value + 1, value - 1)
            yield from (value + rng.randint(2, 60) for _ in range(3))
            yield from (value - rng.randint(2, 60) for _ in range(3))
        elif operator == "=~":
            core = re.sub(r"\(\?\w+\)|\.[*+]|[\^$\\]", "", value)
            yield from (core, f"{word} {core} {word}", f"{core} {word}", f"{word} {core}", word)
        elif operator in ("STARTS WITH", "ENDS WITH", "CONTAINS"):
            yield from (f"{value} {word}", f"{word} {value}", f"{word} {value} {word}", f"{value}{word}", word)
        elif re.fullmatch(r"\d{4}(-\d\d.*)?", value):  # a date or a year kept as a text
            yield value
            yield from (
                f"{int(value[:4]) + by:04d}{value[4:]}" for by in (-1, 1, -rng.randint(2, 9), rng.randint(2, 9))
            )
        else:
            yield from (value, word, f"{value} {word}")

    def _propose_part(self, test: Test, kind: str) -> Iterable[Value]:
        """Dates of which a part, the year or the month, is the constant or next to it."""
        if isinstance(test.value, bool) or not isinstance(test.value, int):
            return
        for number in (test.value, test.value - 1, test.value + 1, test.value + 3, test.value - 3):
            if test.part == "year" and 1 <= number <= 9999:
                text = self._make_date(year=number)
            elif test.part == "month" and 1 <= number <= 12:
                text = self._make_date(month=number)
            else:
                continue
            yield (
                Temporal(kind="datetime", text=text + "T10:20:30Z")
                if "TIME" in kind.upper()
                else Temporal(kind="date", text=text)
            )


def _move_year(value: Temporal, by: Iterable[int]) -> Iterable[Temporal]:
    if re.match(r"\d{4}", value.text):
        for years in by:
            yield Temporal(kind=value.kind, text=f"{int(value.text[:4]) + years:04d}{value.text[4:]}")


def _passes(value: Value, test: Test) -> bool | None:
    """Whether a value passes a test; None where it cannot be compared with the constant."""
    wanted: object = test.value
    operator = test.operator
    if operator in ("IS NULL", "IS NOT NULL"):
        return operator == "IS NOT NULL"
    if isinstance(value, Temporal):
        if test.part:
            parts = {"year": value.text[:4], "month": value.text[5:7]}
            return _compare(operator, int(parts.get(test.part) or 0), wanted)
        return _compare(operator, value.text, wanted.text) if isinstance(wanted, Temporal) else None
    if operator == "HAS":
        return isinstance(value, tuple) and wanted in value
    if operator == "IN":
        return isinstance(wanted, tuple) and value in wanted
    if isinstance(value, str) and isinstance(wanted, str):
        # Functions around the property may fold its case, so case does not count here.
        text, part = value.lower(), wanted.lower()
        if operator == "=~":
            try:
                return re.fullmatch(wanted, value) is not None
            except re.error:
                return None
        found = {"STARTS WITH": text.startswith, "ENDS WITH": text.endswith, "CONTAINS": text.__contains__}
        if operator in found:
            return found[operator](part)
    return _compare(operator, value, wanted)


def _compare(operator: str, value: object, wanted: object) -> bool | None:
    if operator == "=":
        return value == wanted
    if operator == "<>":
        return value != wanted
    numbers = isinstance(value, int | float) and isinstance(wanted, int | float)
    if not numbers and not (isinstance(value, str) and isinstance(wanted, str)):
        return None
    if value == wanted:
        return operator in ("<=", ">=")
    return (value < wanted) is operator.startswith("<")  # type: ignore[operator]
