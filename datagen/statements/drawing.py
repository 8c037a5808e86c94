"""What every statement is drawn from: a subject (some nodes with what holds of them), names, values and wordings."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from datagen import invention
from datagen.conditions import Comparator, Condition, Value
from datagen.phrasing import Phraser
from datagen.queries import Hop, Query, Shape, is_category, is_number, list_hops, sample_hops, write_cypher, write_hop
from datagen.questions import Names, Realiser, fill_frame, protected_words, say_linked, spell_count, spell_value
from datagen.schemas import NodeType, Schema, SchemaProperty
from datagen.statements.filters import sample_condition

T = TypeVar("T")
_TRIES = 60


class UnfitError(Exception):
    """The dice asked for something that this schema does not have; draw again."""


class Subject(NamedTuple):
    """Some nodes: in Cypher the `n` of a query, in English a noun phrase."""

    query: Query
    phrase: str

    @property
    def head(self) -> NodeType:
        """Their node type."""
        return self.query.node(0)

    @property
    def match(self) -> str:
        """The clauses that bind `n`, once for each path that leads to it."""
        return write_cypher(self.query).removesuffix(" RETURN DISTINCT n").removesuffix(" RETURN n")

    @property
    def each(self) -> str:
        """The clauses that bind `n` once."""
        return f"{self.match} WITH DISTINCT n" if self.query.hops else self.match


class Statement(NamedTuple):
    """A request in English and Cypher. `probe` gives the sort keys of an ordered result. Where the engine does not run
    the Cypher, `reference` says the same in Cypher that it does run."""

    operator: str
    operators: tuple[str, ...]
    skeleton: str
    cypher: str
    question: str
    asks: bool
    protected: tuple[str, ...]
    ordered: bool = False
    probe: str | None = None
    reference: str | None = None


class Drawing:
    """One statement in the making. With `must`, its subject is drawn until it uses that operator."""

    def __init__(self, schema: Schema, phraser: Phraser, names: Names, must: str | None = None) -> None:
        self.schema, self.phraser, self.names, self.must = schema, phraser, names, must
        self.rng: random.Random = phraser.rng

    def subject(self, *hops: int, filters: tuple[int, ...] = (0, 1, 1, 1, 2), head: int | None = None) -> Subject:
        """Nodes that are reached by one of these numbers of hops (usually 0) and meet one of these numbers of conditions."""
        for _ in range(_TRIES):
            query = self._try_subject(self.rng.choice(hops or (0,)), self.rng.choice(filters), head)
            if query is not None and (self.must is None or self.must in query.operators):
                return Subject(query, Realiser(query, self.phraser, self.names).noun_phrase(0))
        raise UnfitError

    def _try_subject(self, hops: int, filters: int, head: int | None) -> Query | None:
        head = self.rng.randrange(len(self.schema.nodes)) if head is None else head
        walk = sample_hops(self.schema, head, hops, self.rng)
        if len(walk) < hops:
            return None
        path = [head, *(hop.target for hop in walk)]
        conditions: list[Condition] = []
        for _ in range(filters):
            position = self.rng.randrange(len(path))
            prop = self.rng.choice(self.schema.nodes[path[position]].properties)
            if all((c.position, c.prop.name) != (position, prop.name) for c in conditions):
                conditions.append(sample_condition(position, prop, self.rng))
        conditions.sort(key=lambda condition: condition.position)
        absent = next(iter(sample_hops(self.schema, head, 1, self.rng)), None) if not walk and self.roll(0.08) else None
        any_of = len(conditions) == 2 and not walk and absent is None and self.roll(0.3)
        if any_of and any(c.comparator in ("between", "dated") for c in conditions):
            return None
        return Query(self.schema, head, Shape("nodes"), walk, tuple(conditions), any_of, absent)

    def bare(self, head: int | None = None) -> Subject:
        """All nodes of a type."""
        head = self.rng.randrange(len(self.schema.nodes)) if head is None else head
        return Subject(Query(self.schema, head, Shape("nodes")), self.names.plural(self.schema.nodes[head]))

    def roll(self, share: float) -> bool:
        """True with this probability."""
        return self.rng.random() < share

    def choose(self, fitting: Sequence[T]) -> T:
        """One of what fits. Raises `UnfitError` where nothing does."""
        if not fitting:
            raise UnfitError
        return self.rng.choice(fitting)

    def hop(self, subject: Subject, *, straight: bool = False, onward: bool = False) -> Hop:
        """A relationship from the subject; `straight` ones leave it, `onward` ones are not for nodes that lack one."""
        if subject.query.hops:
            raise UnfitError
        hop = self.choose([hop for hop in list_hops(self.schema, subject.query.head) if hop.forward or not straight])
        if onward and subject.query.absent:
            raise UnfitError
        return hop

    def two_hops(self, subject: Subject, *, straight: bool = False) -> tuple[Hop, Hop]:
        """Two relationships from nodes that are not picked for lacking one; `straight` ones leave the subject."""
        ways = [hop for hop in list_hops(self.schema, subject.query.head) if hop.forward or not straight]
        if subject.query.absent or len(ways) < 2:
            raise UnfitError
        first, second = self.rng.sample(ways, 2)
        return first, second

    def recursion(self) -> int:
        """The position of a relation that joins nodes of one type."""
        return self.choose([i for i, relation in enumerate(self.schema.relations) if relation.start == relation.end])

    def prop(
        self, node: NodeType, *other: SchemaProperty, number: bool = False, group: bool = False, dated: bool = False
    ) -> SchemaProperty:
        """A property that is none of the others: any, a number, one with few values, or a date."""
        return self.choose(
            [
                prop
                for prop in node.properties
                if prop not in other
                and (not number or is_number(prop))
                and (not group or is_category(prop))
                and (prop.source.dated if dated else not prop.source.dated or not (number or group))
            ]
        )

    def text(self, node: NodeType, *other: SchemaProperty) -> SchemaProperty:
        """A property that holds a text, and no date."""
        return self.choose([p for p in node.properties if p.type == "STRING" and not p.source.dated and p not in other])

    def key(self, node: NodeType) -> SchemaProperty:
        """What the nodes are called by."""
        if node.properties[0].type != "STRING" or node.properties[0].source.pool:
            raise UnfitError
        return node.properties[0]

    def node(self, position: int) -> NodeType:
        """The node type at a position of the schema."""
        return self.schema.nodes[position]

    def number(self, prop: SchemaProperty) -> int:
        """A whole number among the values of a property, not at their ends: it parts them."""
        values = sorted(int(value) for value in prop.values)
        return self.rng.choice(values[len(values) // 4 : 3 * len(values) // 4 + 1])

    def condition(self, node: NodeType, position: int, *comparators: Comparator) -> Condition:
        """A condition on a node type that stands at this position of a path."""
        for _ in range(_TRIES):
            condition = sample_condition(position, self.rng.choice(node.properties), self.rng)
            if condition.comparator in comparators or not comparators:
                return condition
        raise UnfitError

    def invent(self) -> str:
        """A name for something new, as users give names: capitalised."""
        return invention.invent_word(self.rng).capitalize()

    def value(self, prop: SchemaProperty) -> Value:
        """A value that the property may have; another one than the graphs hold where it is a name."""
        if prop.type == "STRING" and not prop.source.pool and not prop.source.dated:
            return self.invent()
        return self.rng.choice(prop.values)

    def say(self, subject: Subject, condition: Condition) -> str:
        """A condition in English."""
        return Realiser(subject.query, self.phraser, self.names).condition(condition)

    def spell(self, value: Value) -> str:
        """A value in English."""
        return spell_value(value, self.rng)

    def link(self, subject: Subject, hop: Hop, target: str | None = None) -> str:
        """`that placed orders`, after the subject."""
        target = self.names.plural(self.node(hop.target)) if target is None else target
        return Realiser(subject.query, self.phraser, self.names).link(hop, target)

    def linked(self, hop: Hop) -> str:
        """The nodes at the end of a hop, seen from those at its start: `orders they placed`."""
        return say_linked(self.names.plural(self.node(hop.target)), hop, self.names)

    def singular(self, node: NodeType) -> str:
        """One node of the type: `order`, or the label itself where identifiers are spelt."""
        return node.noun.singular if self.names.implies else node.label

    def count(self, number: int) -> str:
        """A small number in digits or in words."""
        return spell_count(number, self.rng)

    def state(
        self,
        operator: str,
        cypher: str,
        frames: tuple[str, ...],
        subject: Subject | None = None,
        *,
        also: tuple[str, ...] = (),
        ordered: bool = False,
        probe: str | None = None,
        reference: str | None = None,
        **slots: str | int | SchemaProperty | NodeType,
    ) -> Statement:
        """The statement with one of the frames as its question. `also` names further operators that it uses."""
        words: dict[str, str] = {"bare": subject.phrase if subject else ""}
        for slot, said in slots.items():
            words[slot] = (
                self.names.prop(said)
                if isinstance(said, SchemaProperty)
                else self.names.plural(said)
                if isinstance(said, NodeType)
                else str(said)
            )
        protected = tuple(words.values())
        question, asks = fill_frame(self.phraser, operator, frames, words)
        operators, skeleton = {operator, *also}, operator
        if subject is not None:
            operators |= set(subject.query.operators) - {"nodes"}
            skeleton = f"{operator} {subject.query.skeleton.removeprefix('nodes/0 ')}"
            protected = (*protected, *protected_words(subject.query))
        skeleton = "/".join([skeleton, *also])
        return Statement(
            operator,
            tuple(sorted(operators)),
            skeleton,
            cypher,
            question,
            asks,
            protected,
            ordered,
            probe,
            reference,
        )


def write_join(schema: Schema, hop: Hop, variable: str = "m") -> str:
    """The pattern of one hop from `n`: `(n)-[:PLACED]->(m:Order)`."""
    return f"(n){write_hop(hop, f'({variable}:{schema.nodes[hop.target].label})')}"


def add_where(match: str, condition: str) -> str:
    """A matching clause with one more condition."""
    head, where, rest = match.partition(" WHERE ")
    if not where:
        return f"{head} WHERE {condition}"
    return f"{head} WHERE ({rest}) AND {condition}" if " OR " in rest else f"{head} WHERE {rest} AND {condition}"


def extend(subject: Subject, hop: Hop, name: str = "") -> str:
    """The subject's matching clause with a hop behind it, which binds `m`, and the relationship to a name if it has one."""
    return Subject(replace(subject.query, hops=(hop,)), "").match.replace("[:", f"[{name}:", 1)


def add_path(match: str, path: str) -> str:
    """A matching clause whose pattern goes on."""
    head, where, rest = match.partition(" WHERE ")
    return f"{head}{path}{where}{rest}"
