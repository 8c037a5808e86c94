"""Turns a query into an English question: a noun phrase per step of the path, wrapped in a request for its shape."""

import random
from dataclasses import dataclass
from typing import ClassVar, Protocol

from datagen import wordings
from datagen.conditions import Condition, Value, write_value
from datagen.phrasing import Phraser
from datagen.queries import Hop, Query
from datagen.schemas import NodeType, SchemaProperty


class Names(Protocol):
    """How a question calls the parts of a schema; `implies` allows wordings that leave a property out ("the oldest")."""

    implies: ClassVar[bool]

    def plural(self, node: NodeType) -> str: ...
    def prop(self, prop: SchemaProperty) -> str: ...
    def active(self, hop: Hop) -> str: ...
    def passive(self, hop: Hop) -> str: ...
    def truth(self, prop: SchemaProperty) -> str: ...


@dataclass
class NaturalNames:
    """Everyday words, as a person who knows the domain uses them; the schema in the prompt tells the identifiers."""

    implies: ClassVar[bool] = True
    phraser: Phraser

    def plural(self, node: NodeType) -> str:
        return node.noun.plural

    def prop(self, prop: SchemaProperty) -> str:
        return prop.source.words

    def active(self, hop: Hop) -> str:
        return self.phraser.rng.choice(hop.relation.source.active)

    def passive(self, hop: Hop) -> str:
        return self.phraser.rng.choice(hop.relation.source.passive)

    def truth(self, prop: SchemaProperty) -> str:
        return prop.source.truth


@dataclass
class LiteralNames:
    """The identifiers themselves: without a schema in the prompt, a question must spell them."""

    implies: ClassVar[bool] = False
    phraser: Phraser

    def plural(self, node: NodeType) -> str:
        return self.phraser.pick(
            "literal.node",
            (
                "{} nodes",
                "{} nodes",
                "nodes labelled {}",
                "{}s",
                "nodes with the label {}",
                "nodes of label {}",
                "nodes with label {}",
            ),
        ).format(node.label)

    def prop(self, prop: SchemaProperty) -> str:
        return prop.name

    def active(self, hop: Hop) -> str:
        return self.phraser.pick(
            "literal.active",
            (
                "have {} to",
                "have a {} relationship to",
                "are linked by {} to",
                "{}",
                "point via {} to",
                "are connected by {} to",
                "have the relationship {} to",
            ),
        ).format(hop.relation.name)

    def passive(self, hop: Hop) -> str:
        return self.phraser.pick(
            "literal.passive", ("reached by {} from", "linked by {} from", "pointed to by {} from")
        ).format(hop.relation.name)

    def truth(self, prop: SchemaProperty) -> str:
        return prop.name


def ask(query: Query, phraser: Phraser, names: Names) -> tuple[str, bool]:
    """One question for the query, in lower case, and whether it is a question rather than a command."""
    return Realiser(query, phraser, names).ask()


def protected_words(query: Query) -> list[str]:
    """The names and values of a query, which a typo must leave alone."""
    found = [query.node(position).noun.plural for position in range(len(query.hops) + 1)]
    found += [prop.source.words for prop in query.shape.props]
    for condition in query.conditions:
        found += [condition.prop.source.words, *(str(value) for value in condition.values)]
    for hop in (*query.hops, *([query.absent] if query.absent else [])):
        found += [*hop.relation.source.active, *hop.relation.source.passive, query.schema.nodes[hop.target].noun.plural]
    return found


def say_date(iso: str, phraser: Phraser) -> str:
    """A date as people write it: 2024-03-05, 5 March 2024, March 5, 2024."""
    year, month, day = map(int, iso.split("-"))
    name = wordings.MONTHS[month - 1]
    return phraser.rng.choice((iso, iso, f"{day} {name} {year}", f"{name} {day}, {year}"))


def fill_frame(phraser: Phraser, operator: str, frames: tuple[str, ...], words: dict[str, str]) -> tuple[str, bool]:
    """One of the frames with its slots filled, and whether it is a question rather than a command."""
    frame = phraser.pick(f"ask.{operator}", frames)
    if "{show}" in frame:
        words["show"] = phraser.pick("show", wordings.SHOW)
    if "{np}" in frame:
        words["np"] = phraser.pick("determiner", wordings.DETERMINERS) + words["bare"]
    text = " ".join(frame.format(**words).split())
    return text, text.startswith(wordings.QUESTIONS)


def spell_value(value: Value, rng: random.Random) -> str:
    """A value as people write it: texts with quotes or without."""
    if isinstance(value, str):
        quote = rng.choice(("", "'", '"'))
        return f"{quote}{value}{quote}"
    return write_value(value)


def spell_count(number: int, rng: random.Random) -> str:
    """A small number in digits or in words."""
    return rng.choice((str(number), wordings.NUMBERS.get(number, str(number))))


def say_linked(target: str, hop: Hop, names: Names) -> str:
    """The nodes at the end of a hop, seen from those at its start: `orders they placed`, `customers that placed them`."""
    verb = names.active(hop)
    return f"{target} they {verb}" if hop.forward else f"{target} that {verb} them"


class Realiser:
    """Words a query's parts and, for the shapes of `datagen.queries`, the whole."""

    def __init__(self, query: Query, phraser: Phraser, names: Names) -> None:
        self.query, self.phraser, self.names = query, phraser, names

    def ask(self) -> tuple[str, bool]:
        """The whole question, and whether it is one rather than a command."""
        shape = self.query.shape
        slots: dict[str, str] = {}
        construct: str = shape.kind
        labels = [self.names.prop(prop) for prop in shape.props]
        if shape.kind == "project":
            slots["p"] = " and ".join(labels)
        else:
            slots |= dict(zip(("p", "q"), labels, strict=False))
        match shape.kind:
            case "aggregate" | "group_aggregate":
                slots["f"] = self.phraser.pick(f"function.{shape.function}", wordings.FUNCTIONS[shape.function])
            case "top":
                number = shape.props[1].source
                superlative = number.most if shape.descending else number.least
                slots["k"] = self._count(shape.limit)
                if self.names.implies and superlative and self.phraser.rng.random() < 0.5:
                    construct, slots["most"] = "superlative", superlative
                else:
                    slots["most"] = self.phraser.pick(f"most.{shape.descending}", wordings.MOST[shape.descending])
            case "sorted":
                slots["order"] = self.phraser.pick(f"order.{shape.descending}", wordings.ORDER[shape.descending])
            case "having" | "most_linked":
                return self._ask_linked()
            case "pairs" | "count_per":
                slots["m"] = say_linked(self.noun_phrase(1), self.query.hops[0], self.names)
        slots["bare"] = self.noun_phrase(0)
        return fill_frame(self.phraser, construct, wordings.REQUESTS[construct], slots)

    def _ask_linked(self) -> tuple[str, bool]:
        """`customers that placed more than 2 orders`, `the 3 customers that placed the most orders`."""
        shape, hop = self.query.shape, self.query.hops[0]
        key = self.names.prop(shape.props[0])
        linked = self.noun_phrase(1)
        head = self.names.plural(self.query.node(0)) + self._conditions(0)
        if shape.kind == "having":
            amount = self.phraser.pick(
                "having",
                (
                    "more than {k}",
                    "over {k}",
                    "more than {k} of the",
                    "at least {j}",
                    "upwards of {k}",
                    "{j} or more",
                    "at least {j} of the",
                ),
            )
            amount = amount.format(k=shape.limit, j=shape.limit + 1)
        else:
            amount = self.phraser.pick(
                "most_linked",
                (
                    "the most",
                    "the highest number of",
                    "the most",
                    "the largest number of",
                    "the biggest number of",
                    "the greatest number of",
                ),
            )
            head = f"{self._count(shape.limit)} {head}".strip()
        link = (
            f"{self.names.active(hop)} {amount} {linked}"
            if hop.forward
            else f"are {self.names.passive(hop)} {amount} {linked}"
        )
        slots = {"key": key, "bare": f"{head} that {link}", "head": head, "link": link}
        return fill_frame(self.phraser, shape.kind, wordings.LINKED, slots)

    def noun_phrase(self, position: int) -> str:
        """The nodes at a position with their conditions and, unless the shape words it, the rest of the path."""
        query = self.query
        text = self.names.plural(query.node(position)) + self._conditions(position)
        if position == 0 and query.absent:
            text += " " + self.link(
                query.absent, self.names.plural(query.schema.nodes[query.absent.target]), absent=True
            )
        worded_by_shape = position == 0 and query.shape.kind in ("pairs", "count_per", "having", "most_linked")
        if position < len(query.hops) and not worded_by_shape:
            text += " " + self.link(query.hops[position], self.noun_phrase(position + 1))
        return text

    def link(self, hop: Hop, target: str, *, absent: bool = False) -> str:
        """What follows the nodes at the start of a hop: `that placed orders`, or `that placed no orders`."""
        construct, frames = {
            (True, False): ("forward", wordings.FORWARD),
            (False, False): ("backward", wordings.BACKWARD),
            (True, True): ("not_forward", wordings.NOT_FORWARD),
            (False, True): ("not_backward", wordings.NOT_BACKWARD),
        }[hop.forward, absent]
        frame = self.phraser.pick(construct, frames)
        return frame.format(verb=self.names.active(hop), passive=self.names.passive(hop), np=target)

    def _conditions(self, position: int) -> str:
        mine = [condition for condition in self.query.conditions if condition.position == position]
        if not mine:
            return ""
        return " " + (" or " if self.query.any_of else " and ").join(self.condition(condition) for condition in mine)

    def condition(self, condition: Condition) -> str:
        construct: str = condition.comparator
        if construct == "eq" and condition.prop.name == "name" and self.names.implies:
            construct = "named"
        values = [self._say(condition, value) for value in condition.values]
        slots = dict(zip(("v", "w"), values, strict=False))
        frame = self.phraser.pick(f"where.{construct}", wordings.CONDITIONS[construct])
        return frame.format(p=self.names.prop(condition.prop), t=self.names.truth(condition.prop), **slots)

    def _say(self, condition: Condition, value: Value) -> str:
        if condition.comparator == "in_month":
            return wordings.MONTHS[int(value) - 1]
        if condition.comparator in ("before", "since", "dated"):
            return say_date(str(value), self.phraser)
        return spell_value(value, self.phraser.rng)

    def _count(self, number: int) -> str:
        return "" if number == 1 else spell_count(number, self.phraser.rng)
