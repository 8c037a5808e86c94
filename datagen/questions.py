"""Turns a query into an English question: a noun phrase per step of the path, wrapped in a request for its shape."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from datagen.phrasing import Phraser
from datagen.queries import Condition, Hop, Query
from datagen.schemas import NodeType, SchemaProperty

# How a command begins; {show} in a frame below.
_SHOW = (
    "show", "show me", "list", "give me", "get", "get me", "return", "find", "display", "print", "tell me", "I need", "I want",
    "I want to see", "I would like", "let me see", "please show", "please list", "please give me", "can you show me", "could you list",
    "can you get me", "retrieve", "look up", "output", "we need", "fetch", "pull up",
)  # fmt: skip
_DETERMINERS = ("", "", "", "", "all ", "the ", "all the ", "all of the ", "every one of the ")

# {np} is the noun phrase with its determiner, {bare} without.
_REQUESTS: dict[str, tuple[str, ...]] = {
    "nodes": (
        "{show} {np}", "{show} {np}", "{show} {np}", "I am looking for {np}", "search for {np}", "which {bare} are there", "{np}",
        "what {bare} are in the database", "search the database for {np}", "which {bare} do we have", "what {bare} do we know of",
    ),
    "project": (
        "{show} the {p} of {np}", "{show} the {p} of {np}", "{show} the {p} for {np}", "{show} {p} of {np}", "what is the {p} of {np}",
        "what are the {p} of {np}", "{p} of {np}", "for {np}, {show} the {p}", "what {p} do {bare} have", "{show} {np} with the {p}",
        "{np}: {p}", "{p} for {np}", "which {p} belongs to {np}", "the {p} that {np} have, please", "what do we have as {p} for {np}",
    ),
    "distinct": (
        "{show} the distinct {p} of {np}", "{show} the different {p} values of {np}", "what distinct {p} values do {bare} have",
        "unique {p} of {np}", "{show} the unique {p} values of {np}", "{show} each {p} of {np} once", "which distinct {p} do {bare} have",
        "{show} the {p} of {np} without repeats", "what are the unique {p} of {np}", "{p} of {np}, each only once",
        "which different {p} values occur among {np}", "{show} every {p} that {bare} have, no duplicates",
    ),
    "count": (
        "how many {bare} are there", "count {np}", "count {np}", "what is the number of {bare}", "number of {bare}", "how many {bare} do we have",
        "{show} the count of {bare}", "{show} the number of {bare}", "how many {bare}", "what is the count of {np}", "total number of {bare}",
        "count how many {bare} there are", "how many {bare} does the database hold", "tell me how many {bare} exist",
        "how large is the number of {bare}",
    ),
    "aggregate": (
        "what is the {f} {p} of {np}", "{show} the {f} {p} of {np}", "{f} {p} of {np}", "compute the {f} {p} of {np}", "find the {f} {p} across {np}",
        "{show} the {f} {p} for {np}", "calculate the {f} {p} over {np}", "for {np}, what is the {f} {p}", "{f} {p} for {np}",
        "what {f} {p} do {bare} have", "work out the {f} {p} of {np}", "{show} the {f} {p} across {np}", "for {np}, {show} the {f} {p}",
        "tell me the {f} {p} among {np}", "determine the {f} {p} that {bare} have",
    ),
    "group_count": (
        "how many {bare} are there per {p}", "count {np} by {p}", "number of {bare} per {p}", "for each {p}, count {np}",
        "{show} the number of {bare} for each {p}", "count of {bare} grouped by {p}", "group {np} by {p} and count them", "per {p}, how many {bare} are there",
        "{show} the count of {bare} per {p}", "how many {bare} for each {p}", "{show} each {p} with its number of {bare}", "number of {bare} by {p}",
        "{show} the {p} and the number of {bare} for it", "how are {np} distributed over {p}", "break down the count of {bare} by {p}",
    ),
    "group_aggregate": (
        "what is the {f} {q} of {np} per {p}", "{show} the {f} {q} of {np} for each {p}", "{f} {q} of {np} by {p}", "for each {p}, {show} the {f} {q} of {np}",
        "{f} {q} of {np} grouped by {p}", "{show} the {p} and the {f} {q} of {np} for it", "{f} {q} per {p} of {np}", "group {np} by {p} and {show} the {f} {q}",
        "{show} the {f} {q} by {p} for {np}", "for {np}, {show} the {f} {q} per {p}", "what {f} {q} do {bare} have for each {p}",
        "compute the {f} {q} of {np} broken down by {p}", "per {p}, what is the {f} {q} of {np}",
    ),
    "pairs": (
        "{show} the {p} of {np} together with the {q} of the {m}", "{show} the {p} of {np} and the {q} of the {m}", "{p} of {np} and {q} of the {m}",
        "for {np}, {show} the {p} and the {q} of the {m}", "{show} the {p} of {np} along with the {q} of the {m}", "for {np}, {show} {p} and the {q} of the {m}",
        "{show} the {p} of {np} and also the {q} of the {m}", "{show} the {p} of {np} with the {q} of the {m}", "{show} {p} of {np} plus {q} of the {m}",
        "{show} the {p} of {np} next to the {q} of the {m}", "pair the {p} of {np} with the {q} of the {m}", "what are the {p} of {np} and the {q} of the {m}",
    ),
    "count_per": (
        "for each of the {bare}, {show} the {p} and how many {m}", "{show} the {p} of {np} and the number of {m}", "{p} of {np} and the number of {m}",
        "{show} the {p} of {np} with the count of {m}", "how many {m}, for each {p} of {bare}", "{show} the {p} of {np} and how many {m}",
        "{show} for each {p} of {bare} the number of {m}", "{show} the number of {m} for each {p} of {bare}", "for each {p} of {bare}, {show} the number of {m}",
        "count the {m} for each {p} of {bare}", "per {p} of {bare}, count the {m}", "return the {p} of {np} together with how many {m}",
    ),
    "top": (
        "{show} the {p} of the {k} {bare} with the {most} {q}", "what is the {p} of the {k} {bare} with the {most} {q}", "{p} of the {k} {bare} with the {most} {q}",
        "{show} the {p} of the {k} {bare} having the {most} {q}", "find the {k} {bare} with the {most} {q} and {show} the {p}",
        "{p} of {k} {bare} with the {most} {q}", "for the {k} {bare} with the {most} {q}, {show} the {p}",
        "{show} the {p} of {k} {bare} that have the {most} {q}", "which {k} {bare} have the {most} {q}, show the {p}", "get the {p} of the {k} {bare} whose {q} is {most}",
    ),
    "superlative": (
        "{show} the {p} of the {k} {most} {bare}", "what is the {p} of the {k} {most} {bare}", "{p} of the {k} {most} {bare}",
        "find the {k} {most} {bare} and {show} the {p}", "for the {k} {most} {bare}, {show} the {p}", "{show} the {p} for the {k} {most} {bare}",
        "get the {p} for the {k} {most} {bare}", "tell me the {p} of the {k} {most} {bare}",
    ),
    "sorted": (
        "{show} the {p} of {np} sorted by {q} {order}", "{show} the {p} of {np} ordered by {q} {order}", "{p} of {np} sorted by {q} {order}",
        "{p} of {np} in order of {q} {order}", "sort {np} by {q} {order} and {show} the {p}", "{show} the {p} of {np}, ordered by {q} {order}",
        "order {np} by {q} {order} and {show} the {p}", "for {np}, {show} the {p} sorted by {q} {order}",
        "return the {p} of {np} sorted {order} by {q}", "rank {np} by {q} {order}, showing the {p}",
    ),
}  # fmt: skip
_LINKED = (
    "{show} the {key} of {np}", "{show} the {key} of the {bare}", "what is the {key} of the {bare}", "{key} of the {bare}", "{show} the {key} for the {bare}",
    "for the {bare}, {show} the {key}", "{show} {key} of the {bare}", "which {head} {link}, {show} the {key}",
    "get the {key} for the {bare}", "find the {bare} and show the {key}",
)  # fmt: skip
_QUESTIONS = ("what", "how", "which", "who", "are", "do", "can", "could")

_CONDITIONS: dict[str, tuple[str, ...]] = {
    "eq": (
        "with {p} {v}", "whose {p} is {v}", "that have {p} {v}", "where the {p} is {v}", "with {p} equal to {v}", "with {v} as {p}",
        "where {p} = {v}", "whose {p} equals {v}", "having a {p} of {v}", "with {p} set to {v}",
    ),
    "named": (
        "named {v}", "called {v}", "with the name {v}", "whose name is {v}", "that are called {v}", "with name {v}", "having the name {v}",
        "that go by {v}", "going by the name {v}",
    ),
    "ne": (
        "whose {p} is not {v}", "with {p} other than {v}", "where {p} <> {v}", "with a {p} different from {v}",
        "whose {p} is anything but {v}", "whose {p} is different from {v}", "where the {p} is not {v}", "with {p} not {v}",
        "that do not have {p} {v}", "except those with {p} {v}",
    ),
    "gt": (
        "with {p} above {v}", "with {p} over {v}", "with {p} greater than {v}", "whose {p} is more than {v}", "with {p} higher than {v}",
        "whose {p} is above {v}", "where {p} > {v}", "with more than {v} {p}", "whose {p} exceeds {v}", "with {p} beyond {v}",
    ),
    "ge": (
        "with {p} of at least {v}", "whose {p} is at least {v}", "with {p} of {v} or more", "where {p} >= {v}",
        "with at least {v} {p}", "whose {p} is {v} or more", "with {p} {v} or above", "with {p} no less than {v}", "whose {p} is {v} or higher", "with a minimum {p} of {v}", "with {p} from {v} upwards",
    ),
    "lt": (
        "with {p} below {v}", "with {p} under {v}", "with {p} less than {v}", "whose {p} is lower than {v}", "with {p} smaller than {v}",
        "whose {p} is below {v}", "where {p} < {v}", "with fewer than {v} {p}", "whose {p} stays under {v}", "with {p} short of {v}",
    ),
    "le": (
        "with {p} of at most {v}", "whose {p} is at most {v}", "with {p} of {v} or less", "where {p} <= {v}",
        "with at most {v} {p}", "whose {p} is {v} or less", "with {p} {v} or below", "with {p} no more than {v}", "whose {p} is {v} or lower", "with a maximum {p} of {v}", "with {p} up to {v}",
    ),
    "between": (
        "with {p} between {v} and {w}", "whose {p} is between {v} and {w}", "with {p} from {v} to {w}", "where {p} is in the range {v} to {w}",
        "with a {p} between {v} and {w}", "where {p} is between {v} and {w}", "whose {p} is from {v} to {w}", "with {p} of {v} to {w}",
        "whose {p} lies between {v} and {w}", "with {p} anywhere from {v} to {w}",
    ),
    "in": (
        "whose {p} is {v} or {w}", "with {p} {v} or {w}", "where the {p} is either {v} or {w}", "with {p} in {v}, {w}",
        "with either {v} or {w} as {p}", "with a {p} of {v} or {w}", "where {p} is {v} or {w}", "having {p} {v} or {w}", "whose {p} is one of {v} and {w}",
    ),
    "contains": (
        "whose {p} contains {v}", "with {v} in the {p}", "where the {p} contains {v}", "with {p} containing {v}",
        "whose {p} has {v} in it", "with a {p} that contains {v}", "where {v} is part of the {p}", "whose {p} includes {v}", "that have {v} somewhere in the {p}",
    ),
    "starts": (
        "whose {p} starts with {v}", "with {p} starting with {v}", "where the {p} starts with {v}", "whose {p} begins with {v}", "with {p} beginning with {v}",
        "where {p} starts with {v}", "with a {p} beginning with {v}",
        "with a {p} that starts with {v}", "with {v} at the start of the {p}",
    ),
    "missing": (
        "without a {p}", "with no {p}", "that have no {p}", "whose {p} is missing", "where {p} is missing", "with a missing {p}", "that lack a {p}", "where the {p} is not set",
        "whose {p} is not set", "lacking a {p}",
    ),
    "true": (
        "that are {t}", "with {p} true", "whose {p} is true", "which are {t}", "where {p} is true", "where {p} = true", "with {p} set to true", "for which {p} is true",
        "marked as {t}",
    ),
    "false": (
        "that are not {t}", "with {p} false", "whose {p} is false", "which are not {t}", "where {p} is false", "where {p} = false", "with {p} set to false",
        "for which {p} is false", "not marked as {t}",
    ),
}  # fmt: skip

_FUNCTIONS = {
    "avg": ("average", "mean", "average", "avg", "typical"),
    "sum": ("sum of the", "summed", "total", "added up", "overall", "combined"),
    "min": ("lowest", "minimum", "smallest", "min", "minimal", "least"),
    "max": ("highest", "maximum", "largest", "max", "maximal", "greatest"),
}
_MOST = {
    True: ("highest", "largest", "biggest", "maximum", "greatest"),
    False: ("lowest", "smallest", "minimum", "least"),
}
_ORDER = {
    True: ("descending", "in descending order", "from high to low", "highest first", "largest first"),
    False: ("ascending", "in ascending order", "from low to high", "lowest first", "smallest first"),
}
_FORWARD = (
    "that {verb} {np}",
    "that {verb} {np}",
    "which {verb} {np}",
    "that {verb} any {np}",
    "that {verb} at least one of the {np}",
)
_BACKWARD = ("{passive} {np}", "that {np} {verb}", "{passive} any {np}", "that are {passive} {np}", "which {np} {verb}")
_NOT_FORWARD = (
    "that {verb} no {np}",
    "that {verb} none of the {np}",
    "which {verb} no {np}",
    "that never {verb} any {np}",
    "that {verb} not a single one of the {np}",
)
_NOT_BACKWARD = (
    "that no {np} {verb}",
    "not {passive} any {np}",
    "{passive} no {np}",
    "that are not {passive} any {np}",
    "which none of the {np} {verb}",
)
_NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}


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
            "literal.node", ("{} nodes", "{} nodes", "nodes labelled {}", "{}s", "nodes with label {}")
        ).format(node.label)

    def prop(self, prop: SchemaProperty) -> str:
        return prop.name

    def active(self, hop: Hop) -> str:
        return self.phraser.pick(
            "literal.active",
            ("have {} to", "have a {} relationship to", "are linked by {} to", "{}", "point via {} to"),
        ).format(hop.relation.name)

    def passive(self, hop: Hop) -> str:
        return self.phraser.pick(
            "literal.passive", ("reached by {} from", "linked by {} from", "pointed to by {} from")
        ).format(hop.relation.name)

    def truth(self, prop: SchemaProperty) -> str:
        return prop.name


def ask(query: Query, phraser: Phraser, names: Names) -> tuple[str, bool]:
    """One question for the query, in lower case, and whether it is a question rather than a command."""
    return _Realiser(query, phraser, names).ask()


def protected_words(query: Query) -> list[str]:
    """The names and values of a query, which a typo must leave alone."""
    found = [query.node(position).noun.plural for position in range(len(query.hops) + 1)]
    found += [prop.source.words for prop in query.shape.props]
    for condition in query.conditions:
        found += [condition.prop.source.words, *(str(value) for value in condition.values)]
    for hop in (*query.hops, *([query.absent] if query.absent else [])):
        found += [*hop.relation.source.active, *hop.relation.source.passive, query.schema.nodes[hop.target].noun.plural]
    return found


class _Realiser:
    def __init__(self, query: Query, phraser: Phraser, names: Names) -> None:
        self.query, self.phraser, self.names = query, phraser, names

    def ask(self) -> tuple[str, bool]:
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
                slots["f"] = self.phraser.pick(f"function.{shape.function}", _FUNCTIONS[shape.function])
            case "top":
                number = shape.props[1].source
                superlative = number.most if shape.descending else number.least
                slots["k"] = self._count(shape.limit)
                if self.names.implies and superlative and self.phraser.rng.random() < 0.5:
                    construct, slots["most"] = "superlative", superlative
                else:
                    slots["most"] = self.phraser.pick(f"most.{shape.descending}", _MOST[shape.descending])
            case "sorted":
                slots["order"] = self.phraser.pick(f"order.{shape.descending}", _ORDER[shape.descending])
            case "having" | "most_linked":
                return self._ask_linked()
            case "pairs" | "count_per":
                slots["m"] = self._linked_phrase()
        slots["bare"] = self._noun_phrase(0)
        return self._frame(construct, _REQUESTS[construct], slots)

    def _frame(self, construct: str, frames: tuple[str, ...], slots: dict[str, str]) -> tuple[str, bool]:
        frame = self.phraser.pick(f"ask.{construct}", frames)
        if "{show}" in frame:
            slots["show"] = self.phraser.pick("show", _SHOW)
        if "{np}" in frame:
            slots["np"] = self.phraser.pick("determiner", _DETERMINERS) + slots["bare"]
        text = frame.format(**slots)
        return text, text.startswith(_QUESTIONS)

    def _ask_linked(self) -> tuple[str, bool]:
        """`customers that placed more than 2 orders`, `the 3 customers that placed the most orders`."""
        shape, hop = self.query.shape, self.query.hops[0]
        key = self.names.prop(shape.props[0])
        linked = self._noun_phrase(1)
        head = self.names.plural(self.query.node(0)) + self._conditions(0)
        if shape.kind == "having":
            amount = self.phraser.pick(
                "having", ("more than {k}", "over {k}", "more than {k} of the", "at least {j}", "upwards of {k}")
            )
            amount = amount.format(k=shape.limit, j=shape.limit + 1)
        else:
            amount = self.phraser.pick(
                "most_linked",
                ("the most", "the highest number of", "the most", "the largest number of", "the greatest number of"),
            )
            head = f"{self._count(shape.limit)} {head}".strip()
        link = (
            f"{self.names.active(hop)} {amount} {linked}"
            if hop.forward
            else f"are {self.names.passive(hop)} {amount} {linked}"
        )
        slots = {"key": key, "bare": f"{head} that {link}", "head": head, "link": link}
        return self._frame(shape.kind, _LINKED, slots)

    def _linked_phrase(self) -> str:
        """The second node of a pair, seen from the first: `orders they placed`, `customers that placed them`."""
        hop = self.query.hops[0]
        linked = self._noun_phrase(1)
        return (
            f"{linked} they {self.names.active(hop)}" if hop.forward else f"{linked} that {self.names.active(hop)} them"
        )

    def _noun_phrase(self, position: int) -> str:
        """The nodes at a position with their conditions and, unless the shape words it, the rest of the path."""
        query = self.query
        text = self.names.plural(query.node(position)) + self._conditions(position)
        if position == 0 and query.absent:
            text += " " + self._link(
                query.absent, self.names.plural(query.schema.nodes[query.absent.target]), absent=True
            )
        worded_by_shape = position == 0 and query.shape.kind in ("pairs", "count_per", "having", "most_linked")
        if position < len(query.hops) and not worded_by_shape:
            text += " " + self._link(query.hops[position], self._noun_phrase(position + 1), absent=False)
        return text

    def _link(self, hop: Hop, target: str, *, absent: bool) -> str:
        construct, frames = {
            (True, False): ("forward", _FORWARD),
            (False, False): ("backward", _BACKWARD),
            (True, True): ("not_forward", _NOT_FORWARD),
            (False, True): ("not_backward", _NOT_BACKWARD),
        }[hop.forward, absent]
        frame = self.phraser.pick(construct, frames)
        return frame.format(verb=self.names.active(hop), passive=self.names.passive(hop), np=target)

    def _conditions(self, position: int) -> str:
        mine = [condition for condition in self.query.conditions if condition.position == position]
        if not mine:
            return ""
        return " " + (" or " if self.query.any_of else " and ").join(self._condition(condition) for condition in mine)

    def _condition(self, condition: Condition) -> str:
        construct: str = condition.comparator
        if construct == "eq" and condition.prop.name == "name" and self.names.implies:
            construct = "named"
        values = [self._value(value) for value in condition.values]
        slots = dict(zip(("v", "w"), values, strict=False))
        frame = self.phraser.pick(f"where.{construct}", _CONDITIONS[construct])
        return frame.format(p=self.names.prop(condition.prop), t=self.names.truth(condition.prop), **slots)

    def _value(self, value: bool | int | float | str) -> str:
        if isinstance(value, str):
            quote = self.phraser.rng.choice(("", "'", '"'))
            return f"{quote}{value}{quote}"
        return str(int(value)) if float(value).is_integer() else str(value)

    def _count(self, number: int) -> str:
        if number == 1:
            return ""
        return self.phraser.rng.choice((str(number), _NUMBERS[number]))
