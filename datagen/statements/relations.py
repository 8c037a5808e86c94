"""Patterns: optional ones, subqueries, paths of any length, unions, and the properties of relationships."""

from dataclasses import replace

from datagen.conditions import write_condition, write_value
from datagen.queries import Hop, is_number, list_hops, write_hop
from datagen.statements.drawing import Drawing, Statement, UnfitError, add_path, add_where, extend, write_join


def draw_long_path(d: Drawing) -> Statement:
    """Three or four hops."""
    s = d.subject(3, 3, 4)
    shown = d.prop(s.head)
    frames = (
        "{show} the {p} of {np}", "{show} the {p} for {np}", "{p} of {np}", "what is the {p} of {np}", "which {p} do {bare} have", "for {np}, {show} the {p}", "{np}: {p}",
        "follow the links: {show} the {p} of {np}", "{p} wanted of {np}",
    )  # fmt: skip
    return d.state("long_path", f"{s.match} RETURN DISTINCT n.{shown.name}", frames, s, p=shown)


def draw_optional(d: Drawing) -> Statement:
    """OPTIONAL MATCH: pairs, or a node alone."""
    s = d.subject(filters=(0, 1))
    hop = d.hop(s)
    far = d.node(hop.target)
    key, other = d.key(s.head), d.prop(far)
    frames = (
        "{show} the {p} of {np} and, if any, the {q} of {m}", "{p} of {np} with the {q} of {m}, also for those without any", "{show} the {p} of {np} with the {q} of {m}, even if there are none",
        "for all {bare} {show} the {p} and optionally the {q} of {m}", "{show} {p} of {np} plus {q} of {m} where there are some", "list the {p} of {np} together with the {q} of {m}, keeping those that have none",
        "{show} the {p} of {np} and the {q} of {m}, or nothing where there are none", "{p} of every one of the {bare} and {q} of {m}, empty if missing",
        "{show} the {p} of {np} alongside {q} of {m} when they exist, without losing anyone", "{p} of {np}, {q} of {m} where available",
    )  # fmt: skip
    cypher = f"{s.match} OPTIONAL MATCH {write_join(d.schema, hop)} RETURN n.{key.name}, m.{other.name}"
    return d.state("optional_match", cypher, frames, s, p=key, q=other, m=d.linked(hop))


def draw_optional_count(d: Drawing) -> Statement:
    """How many are linked to each node, zero included."""
    s = d.subject(filters=(0, 1))
    hop = d.hop(s)
    key = d.key(s.head)
    frames = (
        "{show} the {p} of {np} and the number of {m}, zero included", "how many {m}, for every one of the {bare}, zero included, by {p}", "{p} of {np} with the count of {m}, also where it is 0",
        "count {m} per {p} of {np} and keep those with none", "{show} {p} of {np} and how many {m}, 0 if none", "for all {bare}, {show} the {p} and the number of {m} even when it is zero",
        "number of {m} for each {p} of {np}, including zeros", "{show} the {p} of {np} next to a count of {m}, nobody left out", "{p} of {np} and their total of {m}, zeros and all",
        "tally {m} for {np} by {p}, with 0 for those without",
    )  # fmt: skip
    cypher = f"{s.match} OPTIONAL MATCH {write_join(d.schema, hop)} RETURN n.{key.name}, count(m)"
    return d.state("optional_count", cypher, frames, s, also=("optional_match",), p=key, m=d.linked(hop))


def draw_exists(d: Drawing) -> Statement:
    """EXISTS { … } or NOT EXISTS { … } with a condition inside."""
    s = d.subject(filters=(0, 0, 1))
    hop = d.hop(s)
    far = d.node(hop.target)
    inner = d.condition(far, 1)
    key = d.key(s.head)
    absent = d.roll(0.4)
    target = f"{d.names.plural(far)} {d.say(s, inner)}"
    link = d.link(s, hop, target)
    if absent:
        frames: tuple[str, ...] = (
            "{show} the {p} of {bare} except those {link}", "{p} of all {bare} but the ones {link}", "{show} {p} of {np}, leaving out those {link}", "which {p} have the {bare} that are not among those {link}",
            "{show} the {p} of every one of the {bare} save those {link}", "exclude {bare} {link} and {show} the {p} of the rest", "{show} the {p} of {bare}, without the ones {link}",
            "drop the {bare} {link}, {show} the {p} of the others", "{p} of {bare} once those {link} are taken out",
        )  # fmt: skip
    else:
        frames = (
            "{show} the {p} of {bare} {link}, each once", "{p} of {bare} {link}, no repeats",
            "find {bare} {link} and {show} each {p} a single time", "{show} the {p} of those {bare} {link}, once per match at most", "which {bare} are there {link}, one row each with the {p}",
            "{show} {p} of {bare} {link}, no matter how many", "{p} of the {bare} {link}; one line for each", "once each, {show} the {p} of {bare} {link}",
        )  # fmt: skip
    word = "NOT EXISTS" if absent else "EXISTS"
    where = f"{word} {{ MATCH {write_join(d.schema, hop)} WHERE {write_condition(inner)} }}"
    operator = "not_exists_subquery" if absent else "exists_subquery"
    return d.state(
        operator,
        f"{add_where(s.match, where)} RETURN n.{key.name}",
        frames,
        s,
        also=(f"filter_{inner.comparator}",),
        p=key,
        link=link,
    )


def draw_count_subquery(d: Drawing) -> Statement:
    """COUNT { … } compared with a number."""
    s = d.subject(filters=(0, 0, 1))
    hop = d.hop(s)
    key = d.key(s.head)
    limit, least = d.rng.randint(1, 3), d.roll(0.6)
    said = (
        d.rng.choice((f"at least {limit}", f"{limit} or more"))
        if least
        else d.rng.choice((f"at most {limit}", f"{limit} or fewer", f"no more than {limit}"))
    )
    frames = (
        "{show} the {p} of {np} with {k} {m}", "{p} of {np} that come with {k} {m}", "which of the {bare} have {k} {m}, {show} the {p}", "{show} {p} of {np} for whom there are {k} {m}",
        "find {np} with {k} {m} and {show} the {p}", "{show} the {p} of {np} if they count {k} {m}", "for {np} with {k} {m}, {show} the {p}", "{np} with {k} {m}: {p}",
        "{show} the {p} of {np} where the number of {m} is {k}", "{p} of those {bare} whose {m} number {k}",
    )  # fmt: skip
    sign = ">=" if least else "<="
    where = f"COUNT {{ MATCH {write_join(d.schema, hop)} }} {sign} {limit}"
    reference = f"{s.match} OPTIONAL MATCH {write_join(d.schema, hop)} WITH n, count(m) AS total WHERE total {sign} {limit} RETURN n.{key.name}"
    return d.state(
        "count_subquery",
        f"{add_where(s.match, where)} RETURN n.{key.name}",
        frames,
        s,
        reference=reference,
        p=key,
        m=d.linked(hop),
        k=said,
    )


def draw_reachable(d: Drawing) -> Statement:
    """A path of variable length between two node types, in any direction."""
    s = d.subject(filters=(1,))
    target = d.rng.choice([i for i in range(len(d.schema.nodes)) if i != s.query.head])
    far, steps = d.node(target), d.rng.choice((2, 2, 3))
    key = d.prop(far)
    frames = (
        "{show} the {p} of {m} within {k} steps of {np}", "which {m} can be reached from {bare} in up to {k} hops, {show} the {p}", "{p} of {m} at most {k} hops away from {np}",
        "{show} the {p} of all {m} connected to {np} over up to {k} relationships", "from {np}, go up to {k} steps and {show} the {p} of {m}", "{show} {p} of {m} no more than {k} links from {np}",
        "{m} in the neighbourhood of {np} (up to {k} hops): {p}", "{show} the {p} of {m} linked directly or indirectly, by {k} steps at most, to {np}",
        "walk {k} or fewer steps from {np} and {show} the {p} of the {m} found", "{p} of {m} that lie within a distance of {k} from {np}",
    )  # fmt: skip
    cypher = f"{add_path(s.match, f'-[*1..{steps}]-(m:{far.label})')} RETURN DISTINCT m.{key.name}"
    return d.state("variable_length", cypher, frames, s, also=("distinct",), p=key, m=far, k=d.count(steps))


_STEPS = {
    "*1..2": "one or two steps",
    "*1..3": "up to three steps",
    "*": "any number of steps",
    "*2": "exactly two steps",
}


def draw_recursive(d: Drawing) -> Statement:
    """A relationship between nodes of one type, repeated."""
    relation = d.schema.relations[d.recursion()]
    s = d.subject(head=relation.start, filters=(0, 1))
    key, steps, hop = d.key(s.head), d.rng.choice(tuple(_STEPS)), Hop(relation, d.roll(0.5))
    path = write_hop(hop, f"(m:{s.head.label})").replace("]", f"{steps}]", 1)
    way = d.rng.choice(
        ("following", "going along", "over") if hop.forward else ("following backwards", "going back along", "against")
    )
    frames = (
        "{show} the {p} of {h} reached in {k} {w} {r} from {np}", "which {h} come {k} from {bare}, {w} {r}, {show} the {p}", "{p} of {h} found from {np} by {w} {r} for {k}", "start at {np} and {show} the {p} of {h} after {k} {w} {r}", "{show} {p} of {h} that lie {k} from {np} {w} {r}",
        "from {np}, {w} {r}, {show} the {p} of {h} at {k}", "{show} the {p} of all {h} that {k} {w} {r} lead to from {np}", "trace {r} from {np}: {p} of {h} at {k}, {w} it", "{p} of {h}, {k} from {np}, {w} {r}", "{show} whom {bare} get to among {h} in {k} {w} {r}, by {p}",
    )  # fmt: skip
    cypher = f"{add_path(s.match, path)} RETURN DISTINCT m.{key.name}"
    also = ("distinct", "variable_length", hop.operator)
    return d.state("recursive", cypher, frames, s, also=also, p=key, h=s.head, k=_STEPS[steps], w=way, r=relation.name)


def draw_shortest(d: Drawing) -> Statement:
    """shortestPath from a named node to those of a type."""
    s = d.bare()
    far = d.node(d.hop(s).target)
    first, second = d.key(s.head), d.key(far)
    start = d.rng.choice(first.values)
    frames = (
        "how many steps is the shortest path from {h} {v} to each of the {m}, by {q}", "{show} the length of the shortest path from {h} {v} to every one of the {m}, with the {q}", "shortest distances from {h} {v} to {m}, by {q}", "how far is {h} {v} from the {m} by the shortest route, {show} the {q} too",
        "what is the least number of hops from {h} {v} to each of the {m}, with {q}", "{q} of {m} and length of the shortest connection with {h} {v}", "find the shortest ways from {h} {v} to {m} and {show} {q} and length", "{q} of {m} and by how many relationships at least {h} {v} is away",
        "number of steps on the quickest ways from {h} {v} to {m}, per {q}", "{show} the degrees of separation between {h} {v} and the {m}, by {q}",
    )  # fmt: skip
    ends = (f"(n:{s.head.label} {{{first.name}: {write_value(start)}}})", f"(m:{far.label})")
    return d.state(
        "shortest_path", f"MATCH p = shortestPath({ends[0]}-[*..3]-{ends[1]}) RETURN m.{second.name}, length(p)", frames, also=("variable_length",),
        reference=f"MATCH p = {ends[0]}-[*1..3]-{ends[1]} RETURN m.{second.name}, min(length(p))",
        h=d.singular(s.head), m=far, v=d.spell(start), q=second,
    )  # fmt: skip


def draw_any_direction(d: Drawing) -> Statement:
    """A relationship of any type and direction."""
    s = d.subject(filters=(1,))
    far = d.node(d.hop(s).target)
    key = d.prop(s.head)
    frames = (
        "{show} the {p} of {np} connected to any {m}", "{p} of {np} linked in any way to {m}", "which of the {bare} have some connection to {m}, {show} the {p}", "{show} {p} of {np} directly related to {m} in whatever way",
        "{show} the {p} of {np} that touch any {m}", "find {np} with any relationship to or from {m}, {show} the {p}", "{p} of {np} adjacent to {m}, any relationship type", "{np} joined to {m} somehow: {p}",
        "{show} the {p} of {np} next to {m}, whichever the relationship", "{p} of {np} that border on {m} in the graph",
    )  # fmt: skip
    return d.state(
        "any_direction",
        f"{add_path(s.match, f'--(m:{far.label})')} RETURN DISTINCT n.{key.name}",
        frames,
        s,
        also=("distinct",),
        p=key,
        m=far,
    )


def draw_either_type(d: Drawing) -> Statement:
    """One of two relationship types."""
    s = d.subject(filters=(0, 1))
    first, second = d.two_hops(s, straight=True)
    key = d.key(s.head)
    frames = (
        "{show} the {p} of {np} and the type of the relationship, {v} or {w}, for each one", "{p} of {np} with each {v} or {w} relationship type", "for {np}, {show} the {p} and whether it is {v} or {w}, per relationship",
        "{show} {p} of {np} plus the relationship type for {v} and {w}", "which of {v} and {w} do {bare} have, {show} the {p} and type of each", "go over {v} and {w} of {np}: {p} and relationship type",
        "list {v} and {w} relationships of {np} with {p} and type", "{p} and relationship type for {np} along {v} or {w}", "follow either {v} or {w} from {np}, {show} the {p} and the type taken",
        "{show} the {p} of {np} once for every {v} or {w} they have, along with which it is",
    )  # fmt: skip
    cypher = (
        f"{add_path(s.match, f'-[r:{first.relation.name}|{second.relation.name}]->()')} RETURN n.{key.name}, type(r)"
    )
    return d.state(
        "either_type", cypher, frames, s, also=("type",), p=key, v=first.relation.name, w=second.relation.name
    )


def draw_types(d: Drawing) -> Statement:
    """How many relationships of each type leave or reach some nodes."""
    s = d.subject(filters=(0, 1))
    if s.query.absent:
        raise UnfitError
    arrow, way = d.rng.choice((("-[r]->()", "outgoing"), ("<-[r]-()", "incoming"), ("-[r]-()", "")))
    frames = (
        "which types of {w} relationships do {bare} have and how many", "{show} the {w} relationship types of {np} and their numbers", "count the {w} relationships of {np} by type", "number of {w} relationships of {np} per type",
        "{show} each type of {w} relationship that {bare} have with its count", "how many {w} relationships of each type do {bare} have", "break down the {w} relationships of {np} by type", "{w} relationship types of {np} with counts",
        "group the {w} relationships of {np} by their type and count", "by type, how many {w} relationships are there on {np}",
    )  # fmt: skip
    return d.state(
        "relationship_types",
        f"{add_path(s.match, arrow)} RETURN type(r), count(r)",
        frames,
        s,
        also=("type", "group_count"),
        w=way,
    )


def draw_union(d: Drawing) -> Statement:
    """UNION or UNION ALL of two node types."""
    s = d.subject(filters=(0, 0, 1))
    other = d.subject(filters=(0, 0, 1)) if d.must is None else d.bare()
    if other.query.head == s.query.head:
        raise UnfitError
    first, second = d.text(s.head), d.text(other.head)
    word, said = ("UNION ALL", ", repeats included") if d.roll(0.3) else ("UNION", ", without repeats")
    said = "" if word == "UNION" and d.roll(0.3) else said
    frames = (
        "{show} the {p} of {np} and the {q} of {m} in one list{w}", "{p} of {np} as well as {q} of {m} in a single column{w}", "combine the {p} of {np} with the {q} of {m}{w}", "one list of the {p} of {bare} and the {q} of {m}{w}",
        "{show} {p} of {np} together with {q} of {m} as one result{w}", "merge into one column: {p} of {bare}, {q} of {m}{w}", "union of the {p} of {np} and the {q} of {m}{w}", "put the {p} of {np} and the {q} of {m} into one list{w}",
        "{show} everything that is a {p} of {bare} or a {q} of {m}{w}", "{p} of {bare} stacked on {q} of {m}{w}",
    )  # fmt: skip
    cypher = f"{s.match} RETURN n.{first.name} AS value {word} {other.match} RETURN n.{second.name} AS value"
    also = ("union_all",) if word == "UNION ALL" else ()
    return d.state(
        "union",
        cypher,
        frames,
        s,
        also=(*also, *(o for o in other.query.operators if o != "nodes")),
        p=first,
        q=second,
        m=other.phrase,
        w=said,
    )


def draw_shared(d: Drawing) -> Statement:
    """Two nodes of one type that share a neighbour."""
    s = d.bare()
    hop = d.hop(s)
    key, other = d.key(s.head), d.key(d.node(hop.target))
    verb = d.names.active(hop)
    condition = (
        f"{verb} the same {d.names.plural(d.node(hop.target))}"
        if hop.forward
        else f"share {d.names.plural(d.node(hop.target))} that {verb} them"
    )
    frames = (
        "{show} pairs of {h} that {x}, with the {p} of both and the shared {q}", "which pairs of {h} {x}, {show} both {p} and the {q} in common", "{p} of two {h} that {x}, and the {q}",
        "find {h} that {x} and {show} the {p} of each two with the {q}", "{show} {p} of every two {h} that {x} along with that {q}", "pairs of {h} that {x}: both {p} and the {q}",
        "{show} who among {h} {x}: {p}, {p}, {q}", "couples of {h} that {x}, {p} of each and common {q}", "{show} any two {h} by {p} that {x}, and the {q} they meet in",
    )  # fmt: skip
    back = write_hop(replace(hop, forward=not hop.forward), f"(o:{s.head.label})")
    cypher = (
        f"{extend(s, hop)}{back} WHERE n.{key.name} < o.{key.name} RETURN n.{key.name}, o.{key.name}, m.{other.name}"
    )
    return d.state("shared_neighbour", cypher, frames, also=("two_hops",), p=key, q=other, h=s.head, x=condition)


def draw_both(d: Drawing) -> Statement:
    """Two patterns that must both hold, or one that must and one that must not."""
    s = d.subject(filters=(0, 0, 1))
    first, second = d.two_hops(s)
    key = d.key(s.head)
    without = d.roll(0.4)
    a, b = d.link(s, first), d.link(s, second)
    joint = "but not those" if without else "and also"
    frames = (
        "{show} the {p} of {np} {a} {w} {b}", "{p} of {np} {a} {w} {b}", "which of the {bare} are there {a} {w} {b}, {show} the {p}", "{show} {p} of {bare} {a} {w} {b}", "find {bare} {a} {w} {b} and {show} the {p}",
        "for {bare} {a} {w} {b}, {show} the {p}", "{bare} {a} {w} {b}: {p}", "{show} the {p} of every one of the {bare} {a} {w} {b}", "{p} belonging to {bare} {a} {w} {b}",
    )  # fmt: skip
    patterns = [write_join(d.schema, hop).replace("(m:", "(:") for hop in (first, second)]
    where = f"{patterns[0]} AND {'NOT ' if without else ''}{patterns[1]}"
    cypher = f"{add_where(s.match, where)} RETURN n.{key.name}"
    return d.state("two_patterns", cypher, frames, s, also=("not_exists",) if without else (), p=key, a=a, b=b, w=joint)


def draw_comprehension(d: Drawing) -> Statement:
    """A pattern comprehension: a list of what is linked, for each node."""
    s = d.subject(filters=(0, 1))
    hop = d.hop(s)
    key, other = d.key(s.head), d.prop(d.node(hop.target))
    frames = (
        "{show} the {p} of {np} and a list of the {q} of {m}, empty if none", "for each of the {bare}, {show} the {p} and all {q} of {m} as a list, maybe empty", "{p} of {np} with the {q} of {m} in a list, possibly an empty one",
        "{show} {p} of {np} and an array of {q} of {m}, nobody left out", "per {p} of {np}, the list of {q} of {m}, even when empty", "{show} one row for each of the {bare}: {p} and list of {q} of {m}, empty where there are none",
        "{np} by {p}, each with a list of {q} of {m}, empty lists kept", "{show} {p} and, as a list that may be empty, {q} of {m} for {np}", "list per {p} of {np}: {q} of {m}; no entries give an empty list",
    )  # fmt: skip
    cypher = f"{s.match} RETURN n.{key.name}, [{write_join(d.schema, hop)} | m.{other.name}] AS list"
    return d.state("pattern_comprehension", cypher, frames, s, p=key, q=other, m=d.linked(hop))


def draw_relationship_property(d: Drawing) -> Statement:
    """A property of a relationship, returned or compared."""
    s = d.subject(filters=(0, 0, 1))
    ways = [hop for hop in list_hops(d.schema, s.query.head) if hop.relation.properties]
    if s.query.absent or not ways:
        raise UnfitError
    hop = d.rng.choice(ways)
    far = d.node(hop.target)
    key, other, held = d.key(s.head), d.key(far), d.rng.choice(hop.relation.properties)
    match = extend(s, hop, "r")
    relation, m = hop.relation.name, d.linked(hop)
    if is_number(held) and d.roll(0.5):
        limit = d.number(held)
        frames = (
            "{show} the {p} of {np} and the {q} of {m} with {x} above {k} on {r}", "{p} of {np} and {q} of {m} where the {x} of the {r} relationship is over {k}", "for {np}, {show} {p} and {q} of {m} if {r} has {x} greater than {k}",
            "{show} {p} of {np} with {q} of {m}, only {r} with more than {k} {x}", "{p} of {np}, {q} of {m}, {x} of {r} > {k}", "{np} and {m} by {p} and {q}, given a {x} over {k} on {r}",
            "{show} {p} and {q} for {np} and {m} whose {r} link has {x} above {k}", "keep {r} links with {x} beyond {k}: {p} of {np}, {q} of {m}", "{p} of {np} and {q} of {m} by way of a {r} whose {x} exceeds {k}",
        )  # fmt: skip
        cypher = f"{add_where(match, f'r.{held.name} > {limit}')} RETURN n.{key.name}, m.{other.name}"
        return d.state(
            "relationship_filter",
            cypher,
            frames,
            s,
            also=(hop.operator,),
            p=key,
            q=other,
            m=m,
            x=held,
            k=limit,
            r=relation,
        )
    frames = (
        "{show} the {p} of {np}, the {q} of {m} and the {x} of that {r}", "{p} of {np}, {q} of {m} and the {x} on the {r} relationship", "with which {x} of {r} do {bare} go with {m}, {show} {p}, {q} and {x}",
        "for {np} and {m}, {show} {p}, {q} and the {x} stored on {r}", "{show} {p}, {q} and {r} {x} of {np} and {m}", "{p} of {np} plus {q} of {m}, with the {x} that {r} carries", "{show} {x} of each {r} between {np} and {m}, after {p} and {q}",
        "the {x} kept on {r} for {np} and {m}, beside {p} and {q}", "{p}, {q}, {x}: {np}, {m} and the {r} in between",
    )  # fmt: skip
    return d.state(
        "relationship_property",
        f"{match} RETURN n.{key.name}, m.{other.name}, r.{held.name}",
        frames,
        s,
        also=(hop.operator,),
        p=key,
        q=other,
        m=m,
        x=held,
        r=relation,
    )
