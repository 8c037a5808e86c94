"""The typed query algebra: what a question means, its Cypher, which operators it uses, and its mutants.

A query walks from its head node type over zero to two hops, filters, and returns one of the shapes below. Variables are
`n`, `m`, `o` along the path. Where a hop could repeat the head, the query removes duplicates, as the English does.
"""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from datagen import wordings
from datagen.conditions import VARIABLES, Comparator, Condition, write_condition
from datagen.schemas import NodeType, RelationType, Schema, SchemaProperty

Function = Literal["avg", "sum", "min", "max"]
ShapeKind = Literal[
    "nodes", "project", "pairs", "count", "aggregate", "group_count", "group_aggregate", "count_per", "having",
    "most_linked", "top", "sorted", "distinct",
]  # fmt: skip


@dataclass(frozen=True)
class Hop:
    """One step along a relationship; `forward` means that it leaves the node reached so far."""

    relation: RelationType
    forward: bool

    @property
    def target(self) -> int:
        """The position in the schema of the node type that the hop reaches."""
        return self.relation.end if self.forward else self.relation.start

    @property
    def operator(self) -> str:
        """The operator that a query with this hop uses."""
        return "hop_out" if self.forward else "hop_in"


@dataclass(frozen=True)
class Shape:
    """What is returned. `props` belong to the head, except the second one of `pairs`."""

    kind: ShapeKind
    props: tuple[SchemaProperty, ...] = ()
    function: Function = "avg"
    descending: bool = True
    limit: int = 0


@dataclass(frozen=True)
class Query:
    """A derivation in the algebra; `absent` asks that the head has no such relationship."""

    schema: Schema = field(repr=False)
    head: int
    shape: Shape
    hops: tuple[Hop, ...] = ()
    conditions: tuple[Condition, ...] = ()
    any_of: bool = False
    absent: Hop | None = None

    @property
    def ordered(self) -> bool:
        """Whether the order of the result is part of the answer."""
        return self.shape.kind in ("top", "sorted", "most_linked")

    def node(self, position: int) -> NodeType:
        """The node type at a position along the path."""
        return self.schema.nodes[self.head if position == 0 else self.hops[position - 1].target]

    @property
    def operators(self) -> tuple[str, ...]:
        """The parts that composition is measured over, sorted."""
        found: set[str] = {self.shape.kind}
        found |= {hop.operator for hop in self.hops}
        found |= {f"filter_{condition.comparator}" for condition in self.conditions}
        if self.shape.kind in ("aggregate", "group_aggregate"):
            found.add(self.shape.function)
        if len(self.hops) > 1:
            found.add(f"{wordings.NUMBERS[len(self.hops)]}_hops")
        if len(self.conditions) > 1:
            found.add("or" if self.any_of else "and")
        if self.absent:
            found.add("not_exists")
        return tuple(sorted(found))

    @property
    def skeleton(self) -> str:
        """The query without its names and values: equal skeletons differ only in vocabulary."""
        hops = "".join(">" if hop.forward else "<" for hop in self.hops)
        conditions = ",".join(f"{VARIABLES[c.position]}.{c.comparator}" for c in self.conditions)
        join = "|" if self.any_of else "&"
        absent = "" if self.absent is None else f"!{'>' if self.absent.forward else '<'}"
        shape = f"{self.shape.kind}/{len(self.shape.props)}"
        if self.shape.kind in ("aggregate", "group_aggregate"):
            shape += f"/{self.shape.function}"
        return f"{shape} {hops} {join}[{conditions}] {absent}".strip()


def write_hop(hop: Hop, target: str) -> str:
    """The relationship and the node that it leads to."""
    return f"-[:{hop.relation.name}]->{target}" if hop.forward else f"<-[:{hop.relation.name}]-{target}"


def write_cypher(query: Query) -> str:
    """The query in Cypher, always spelled the same way: what the model learns to write."""
    pattern = f"(n:{query.node(0).label})"
    for position, hop in enumerate(query.hops, start=1):
        pattern += write_hop(hop, f"({VARIABLES[position]}:{query.node(position).label})")
    wheres = [write_condition(condition) for condition in query.conditions]
    where = (" OR " if query.any_of else " AND ").join(wheres)
    if query.absent:
        absent = "NOT (n)" + write_hop(query.absent, f"(:{query.schema.nodes[query.absent.target].label})")
        where = f"{where} AND {absent}" if where else absent
    return f"MATCH {pattern}" + (f" WHERE {where}" if where else "") + " " + _write_return(query)


def _write_return(query: Query) -> str:
    shape, joined = query.shape, bool(query.hops)
    columns = ", ".join(f"n.{prop.name}" for prop in shape.props)
    distinct = "DISTINCT " if joined else ""
    first_distinct = "WITH DISTINCT n " if joined else ""
    order = "DESC" if shape.descending else "ASC"
    match shape.kind:
        case "nodes":
            return f"RETURN {distinct}n"
        case "project":
            return f"RETURN {distinct}{columns}"
        case "distinct":
            return f"RETURN DISTINCT {columns}"
        case "pairs":
            return f"RETURN n.{shape.props[0].name}, m.{shape.props[1].name}"
        case "count":
            return f"RETURN count({distinct}n)"
        case "aggregate":
            return f"{first_distinct}RETURN {shape.function}({columns})"
        case "group_count":
            return f"RETURN {columns}, count({distinct}n)"
        case "group_aggregate":
            key, value = shape.props
            return f"{first_distinct}RETURN n.{key.name}, {shape.function}(n.{value.name})"
        case "count_per":
            return f"RETURN {columns}, count(m)"
        case "having":
            return f"WITH n, count(m) AS total WHERE total > {shape.limit} RETURN {columns}"
        case "most_linked":
            return f"WITH n, count(m) AS total RETURN {columns} ORDER BY total DESC LIMIT {shape.limit}"
        case "top" | "sorted":
            shown, key = shape.props
            limit = f" LIMIT {shape.limit}" if shape.kind == "top" else ""
            return f"{first_distinct}RETURN n.{shown.name} ORDER BY n.{key.name} {order}{limit}"


def write_tie_probe(query: Query) -> str:
    """For an ordered query, returns a query for its sort keys: a repeated key would leave the order open."""
    full = write_cypher(query)
    head, _, tail = full.rpartition(" RETURN ")
    key = tail.split(" ORDER BY ")[1].split()[0]
    return f"{head} RETURN {key}"


_FLIPS: dict[Comparator, tuple[Comparator, ...]] = {
    "eq": ("ne",), "ne": ("eq",), "gt": ("le",), "ge": ("lt",), "lt": ("ge",), "le": ("gt",),
    "contains": ("starts",), "starts": ("contains",), "true": ("false",), "false": ("true",),
}  # fmt: skip


def mutate(query: Query) -> Iterator[str]:
    """Yields single-step wrong versions of the query in Cypher: what a model that nearly understood would write."""
    for index, hop in enumerate(query.hops):
        flipped = replace(hop, forward=not hop.forward)
        # Only the arrow is turned; the labels stay, as a confused model would leave them.
        yield write_cypher(query).replace(write_hop(hop, ""), write_hop(flipped, ""), 1)
        if index == len(query.hops) - 1 and query.shape.kind not in ("pairs", "count_per", "having", "most_linked"):
            kept = tuple(c for c in query.conditions if c.position <= index)
            yield write_cypher(replace(query, hops=query.hops[:-1], conditions=kept))
    for index, condition in enumerate(query.conditions):
        rest = (*query.conditions[:index], *query.conditions[index + 1 :])
        yield write_cypher(replace(query, conditions=rest))
        for comparator in _FLIPS.get(condition.comparator, ()):
            changed = replace(condition, comparator=comparator)
            yield write_cypher(
                replace(query, conditions=(*query.conditions[:index], changed, *query.conditions[index + 1 :]))
            )
    if query.absent:
        yield write_cypher(query).replace("NOT (n)", "(n)", 1)
    if query.any_of:
        yield write_cypher(replace(query, any_of=False))
    yield from _mutate_shape(query)


def _mutate_shape(query: Query) -> Iterator[str]:
    shape = query.shape
    if shape.kind in ("aggregate", "group_aggregate"):
        other: Function = "max" if shape.function != "max" else "min"
        yield write_cypher(replace(query, shape=replace(shape, function=other)))
    if shape.kind in ("top", "sorted"):
        yield write_cypher(replace(query, shape=replace(shape, descending=not shape.descending)))
    if shape.kind in ("top", "having", "most_linked"):
        yield write_cypher(replace(query, shape=replace(shape, limit=shape.limit + 1)))
    # Dropping DISTINCT says the same to the smallest and the largest of the values.
    if shape.kind in ("count", "distinct") or (shape.kind == "aggregate" and shape.function in ("avg", "sum")):
        without = write_cypher(query).replace("WITH DISTINCT n ", "").replace("DISTINCT ", "")
        if without != write_cypher(query):
            yield without
    for index, prop in enumerate(shape.props):
        owner = query.node(1 if shape.kind == "pairs" and index == 1 else 0)
        sibling = next(
            (other for other in owner.properties if other not in shape.props and other.type == prop.type), None
        )
        if sibling:
            yield write_cypher(
                replace(query, shape=replace(shape, props=(*shape.props[:index], sibling, *shape.props[index + 1 :])))
            )


_SHAPE_WEIGHTS: dict[ShapeKind, int] = {
    "project": 20, "nodes": 9, "count": 14, "aggregate": 10, "top": 9, "group_count": 6, "group_aggregate": 4,
    "count_per": 5, "having": 4, "most_linked": 4, "pairs": 6, "sorted": 4, "distinct": 4,
}  # fmt: skip
_NEEDS_HOP = ("pairs", "count_per", "having", "most_linked")


def sample_query(schema: Schema, rng: random.Random) -> Query | None:
    """One random derivation over a schema, or None where the choice does not fit the schema (try again)."""
    kind = rng.choices(tuple(_SHAPE_WEIGHTS), weights=tuple(_SHAPE_WEIGHTS.values()))[0]
    head = rng.randrange(len(schema.nodes))
    hops = sample_hops(schema, head, 1 if kind in _NEEDS_HOP else rng.choices((0, 1, 2), (54, 38, 8))[0], rng)
    if kind in _NEEDS_HOP and not hops:
        return None
    path = [head, *(hop.target for hop in hops)]
    shape = _sample_shape(schema, kind, path, rng)
    if shape is None:
        return None
    conditions = _sample_conditions(schema, path, shape, rng)
    absent = None
    if not hops and rng.random() < 0.12:
        absent = next(iter(sample_hops(schema, head, 1, rng)), None)
    any_of = len(conditions) == 2 and not hops and absent is None and rng.random() < 0.4
    if kind == "nodes" and not conditions and not hops and absent is None and rng.random() < 0.7:
        return None  # "show all X" is soon exhausted
    return Query(schema, head, shape, hops, conditions, any_of, absent)


def sample_hops(schema: Schema, head: int, count: int, rng: random.Random) -> tuple[Hop, ...]:
    """A walk from the head over up to `count` relationships that comes to no node type twice."""
    hops: list[Hop] = []
    seen, here = {head}, head
    for _ in range(count):
        steps = list_hops(schema, here, seen)
        if not steps:
            break
        hops.append(rng.choice(steps))
        here = hops[-1].target
        seen.add(here)
    return tuple(hops)


def list_hops(schema: Schema, head: int, seen: Collection[int] = ()) -> list[Hop]:
    """The relationships of a node type to other types that were not seen, as one goes over them from it."""
    known = {head, *seen}
    return [
        *(Hop(each, True) for each in schema.relations if each.start == head and each.end not in known),
        *(Hop(each, False) for each in schema.relations if each.end == head and each.start not in known),
    ]


def is_number(prop: SchemaProperty) -> bool:
    """Whether it can be added up."""
    return prop.type in ("INTEGER", "FLOAT")


def is_category(prop: SchemaProperty) -> bool:
    """Whether few values repeat, so that groups can be made."""
    return prop.type == "BOOLEAN" or bool(prop.source.pool)


def _pick(node: NodeType, rng: random.Random, *, number: bool = False, category: bool = False) -> SchemaProperty | None:
    fitting = [p for p in node.properties if (not number or is_number(p)) and (not category or is_category(p))]
    return rng.choice(fitting) if fitting else None


def _sample_shape(schema: Schema, kind: ShapeKind, path: list[int], rng: random.Random) -> Shape | None:
    node = schema.nodes[path[0]]
    name = node.properties[0]
    props: tuple[SchemaProperty | None, ...]
    limit = 0
    match kind:
        case "nodes" | "count":
            props = ()
        case "project":
            props = tuple(rng.sample(node.properties, 2 if rng.random() < 0.25 else 1))
        case "distinct" | "group_count":
            props = (_pick(node, rng, category=True),)
        case "pairs":
            props = (_pick(node, rng), _pick(schema.nodes[path[1]], rng))
        case "aggregate":
            props = (_pick(node, rng, number=True),)
        case "group_aggregate":
            props = (_pick(node, rng, category=True), _pick(node, rng, number=True))
        case "count_per" | "having" | "most_linked":
            props, limit = (name,), rng.randint(1, 2) if kind == "having" else rng.randint(1, 3)
        case "top" | "sorted":
            props, limit = (_pick(node, rng), _pick(node, rng, number=True)), rng.randint(1, 3)
    if any(prop is None for prop in props):
        return None
    function: Function = rng.choice(("avg", "sum", "min", "max"))
    descending = rng.random() < 0.6
    return Shape(kind, tuple(prop for prop in props if prop), function, descending, limit)


def _sample_conditions(schema: Schema, path: list[int], shape: Shape, rng: random.Random) -> tuple[Condition, ...]:
    wanted = rng.choices((0, 1, 2), (34, 52, 14))[0]
    used = {prop.name for prop in shape.props}
    conditions: list[Condition] = []
    for _ in range(wanted):
        position = rng.randrange(len(path))
        prop = rng.choice(schema.nodes[path[position]].properties)
        if position == 0 and prop.name in used:
            continue
        if any(c.position == position and c.prop is prop for c in conditions):
            continue
        conditions.append(sample_condition(position, prop, rng))
    return tuple(sorted(conditions, key=lambda condition: condition.position))


def sample_condition(position: int, prop: SchemaProperty, rng: random.Random) -> Condition:
    """A random condition on a property of the node at this position of the path."""
    if prop.type == "BOOLEAN":
        return Condition(position, prop, rng.choice(("true", "true", "false")))
    if is_number(prop):
        comparator: Comparator = rng.choices(("gt", "ge", "lt", "le", "between", "eq"), (26, 18, 24, 16, 10, 6))[0]
        # Not from the ends, where a bound holds for all nodes or for none.
        inner = sorted(prop.values)[len(prop.values) // 4 : -(len(prop.values) // 4) or None]
        values = sorted(rng.sample(inner, 2 if comparator == "between" else 1))
        return Condition(position, prop, comparator, tuple(values))
    if position == 0 and rng.random() < 0.06:
        return Condition(position, prop, "missing")
    value = str(rng.choice(prop.values))
    if prop.source.pool:
        comparator = rng.choices(("eq", "ne", "in"), (70, 15, 15))[0]
        if comparator == "in":
            return Condition(position, prop, "in", tuple(rng.sample(prop.values, 2)))
        return Condition(position, prop, comparator, (value,))
    comparator = rng.choices(("eq", "contains", "starts"), (50, 25, 25))[0]
    if comparator == "contains":
        start = rng.randint(1, 2)
        value = value[start : start + rng.randint(1, 2)]
    elif comparator == "starts":
        value = value[: rng.randint(1, 3)]
    return Condition(position, prop, comparator, (value,))
