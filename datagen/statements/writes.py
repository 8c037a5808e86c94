"""Writes: nodes, relationships, properties and labels that are made, changed and removed, each as clearly asked for."""

from datagen.conditions import write_value
from datagen.schemas import NodeType, SchemaProperty
from datagen.statements.drawing import Drawing, Statement, Subject, UnfitError, extend, write_join
from heimdall.text import join_words


def _new(d: Drawing, node: NodeType) -> tuple[str, str]:
    """A map of properties for a new node, and the same in English."""
    props = [node.properties[0], *(p for p in node.properties[1:] if d.roll(0.5))]
    values = [(prop, d.value(prop)) for prop in props]
    mark = d.rng.choice((" ", " = ", " of "))
    said = [f"{d.names.prop(prop)}{mark}{d.spell(value)}" for prop, value in values]
    return ", ".join(f"{prop.name}: {write_value(value)}" for prop, value in values), join_words(said)


def _some(d: Drawing) -> Subject:
    """Nodes that a condition picks: a write never touches all of a type."""
    s = d.subject(filters=(1, 1, 2))
    if not s.query.conditions:
        raise UnfitError
    return s


def draw_create(d: Drawing) -> Statement:
    """CREATE a node."""
    s = d.bare()
    entries, said = _new(d, s.head)
    frames = (
        "create a new {h} with {x}", "add a {h} with {x}", "insert a {h} node with {x}", "I want to add a new {h} with {x}", "please create a {h} with {x}", "make a {h} with {x}", "new {h}: {x}", "store a {h} with {x}", "put a {h} with {x} into the database", "register a {h} with {x}",
    )  # fmt: skip
    return d.state("create", f"CREATE (n:{s.head.label} {{{entries}}})", frames, h=d.singular(s.head), x=said)


def draw_create_linked(d: Drawing) -> Statement:
    """MATCH a node and CREATE one that is linked to it."""
    s = d.bare()
    hop = d.hop(s)
    far, key = d.node(hop.target), d.key(s.head)
    value = d.rng.choice(key.values)
    entries, said = _new(d, far)
    frames = (
        "add a new {m} with {x} and link it to the {h} {v} by {r}", "create a {m} with {x}, connected to the {h} {v} through {r}", "for the {h} {v}, create a {m} with {x} via {r}", "give the {h} {v} a new {m} with {x}, relationship {r}", "insert a {m} with {x} joined to the {h} {v} by {r}",
        "new {m} with {x} for the {h} {v}, linked by {r}", "make a {m} with {x} and attach it to the {h} {v} with {r}", "hang a new {m} with {x} on the {h} {v} using {r}", "store a {m} with {x} together with its {r} to the {h} {v}",
    )  # fmt: skip
    pattern = write_join(d.schema, hop).replace(f"(m:{far.label})", f"(m:{far.label} {{{entries}}})")
    cypher = f"MATCH (n:{s.head.label} {{{key.name}: {write_value(value)}}}) CREATE {pattern}"
    return d.state(
        "create_linked",
        cypher,
        frames,
        also=("create", hop.operator),
        h=d.singular(s.head),
        m=d.singular(far),
        v=d.spell(value),
        x=said,
        r=hop.relation.name,
    )


def _draw_relation(d: Drawing, word: str, frames: tuple[str, ...]) -> Statement:
    s = d.bare()
    hop = d.hop(s, straight=True)
    far = d.node(hop.target)
    first, second = d.key(s.head), d.key(far)
    start, end = d.rng.choice(first.values), d.rng.choice(second.values)
    ends = f"(n:{s.head.label} {{{first.name}: {write_value(start)}}}), (m:{far.label} {{{second.name}: {write_value(end)}}})"
    operator = {"CREATE": "create_relationship", "MERGE": "merge_relationship"}[word]
    return d.state(
        operator,
        f"MATCH {ends} {word} (n)-[:{hop.relation.name}]->(m)",
        frames,
        h=d.singular(s.head),
        m=d.singular(far),
        v=d.spell(start),
        w=d.spell(end),
        r=hop.relation.name,
    )


def draw_create_relationship(d: Drawing) -> Statement:
    """CREATE a relationship between two nodes."""
    return _draw_relation(d, "CREATE", (
        "create a {r} relationship from the {h} {v} to the {m} {w}", "connect the {h} {v} to the {m} {w} with {r}", "link {h} {v} to {m} {w} by {r}", "add a {r} from the {h} {v} to the {m} {w}", "join the {h} {v} to the {m} {w} through a new {r}", "make a {r} link from {h} {v} to {m} {w}",
        "add the relationship {r} between the {h} {v} and the {m} {w}", "draw a {r} edge from the {h} {v} to the {m} {w}", "tie the {h} {v} to the {m} {w} by way of {r}",
    ))  # fmt: skip


def draw_merge_relationship(d: Drawing) -> Statement:
    """MERGE a relationship between two nodes."""
    return _draw_relation(d, "MERGE", (
        "make sure there is a {r} from the {h} {v} to the {m} {w}", "link the {h} {v} to the {m} {w} by {r} unless they are linked already", "ensure that {h} {v} has {r} to {m} {w}", "connect {h} {v} to {m} {w} with {r} if that is not there yet", "add a {r} from the {h} {v} to the {m} {w} only if it does not exist",
        "merge a {r} relationship from {h} {v} to {m} {w}", "create {r} between the {h} {v} and the {m} {w} if missing", "see to it that the {h} {v} is joined to the {m} {w} by {r}, but not twice", "without doubling it, link {h} {v} to {m} {w} through {r}",
    ))  # fmt: skip


def draw_merge(d: Drawing) -> Statement:
    """MERGE a node, with what is set when it is made or found."""
    s = d.bare()
    key, prop = d.key(s.head), d.prop(s.head, d.key(s.head))
    value, new = d.rng.choice(key.values) if d.roll(0.5) else d.invent(), d.value(prop)
    when, said = d.rng.choice(
        ((" ON CREATE SET", "if it is new"), (" ON MATCH SET", "if it was there already"), (" SET", "in any case"))
    )
    frames = (
        "make sure there is a {h} {v} and set its {p} to {w} {x}", "find or create the {h} {v}; set {p} to {w} {x}", "upsert the {h} {v}, {p} becomes {w} {x}", "create the {h} {v} unless it exists and set {p} to {w} {x}", "merge a {h} named {v}, setting {p} to {w} {x}", "ensure a {h} {v} exists, with {p} set to {w} {x}",
        "add the {h} {v} if there is none, and {x} give it {p} {w}", "have one {h} {v} and put its {p} to {w} {x}", "get or make the {h} {v}, {p} := {w} {x}",
    )  # fmt: skip
    cypher = f"MERGE (n:{s.head.label} {{{key.name}: {write_value(value)}}}){when} n.{prop.name} = {write_value(new)}"
    return d.state(
        "merge",
        cypher,
        frames,
        also=(when.strip().lower().replace(" ", "_"),),
        h=d.singular(s.head),
        v=d.spell(value),
        p=prop,
        w=d.spell(new),
        x=said,
    )


def draw_set(d: Drawing) -> Statement:
    """SET a property."""
    s = _some(d)
    prop = _free(d, s)
    value = d.value(prop)
    frames = (
        "set the {p} of {np} to {v}", "change the {p} of {np} to {v}", "update {np}: {p} becomes {v}", "for {np}, set {p} to {v}", "make {v} the {p} of {np}", "give {np} the {p} {v}", "put the {p} of {np} to {v}", "let the {p} of {np} be {v}", "overwrite the {p} of {np} with {v}", "{p} of {np} should be {v} from now on",
    )  # fmt: skip
    return d.state("set", f"{s.match} SET n.{prop.name} = {write_value(value)}", frames, s, p=prop, v=d.spell(value))


def _free(d: Drawing, s: Subject, *, number: bool = False) -> SchemaProperty:
    """A property of the subject that none of its conditions is about."""
    return d.prop(s.head, *(c.prop for c in s.query.conditions), number=number)


def draw_increment(d: Drawing) -> Statement:
    """SET a number to what it is plus, minus or times another."""
    s = _some(d)
    prop = _free(d, s, number=True)
    amount = d.rng.choice((1, 2, 5, 10, 20, 50))
    sign, words = d.rng.choice((("+", ("increase", "raise")), ("-", ("decrease", "lower")), ("*", ("multiply",))))
    frames = (
        "{w} the {p} of {np} by {k}", "{w} {p} by {k} for {np}", "for {np}, {w} the {p} by {k}", "please {w} the {p} of {np} by {k}", "update {np}: {w} {p} by {k}", "{w} by {k} the {p} of {np}", "I want to {w} the {p} of {np} by {k}", "go and {w} every {p} of {np} by {k}", "{np}: {w} their {p} by {k}",
    )  # fmt: skip
    return d.state(
        "increment",
        f"{s.match} SET n.{prop.name} = n.{prop.name} {sign} {amount}",
        frames,
        s,
        also=("set", "arithmetic"),
        p=prop,
        k=amount,
        w=d.rng.choice(words),
    )


def draw_set_many(d: Drawing) -> Statement:
    """SET several properties from a map."""
    s = _some(d)
    first = _free(d, s)
    second = d.prop(s.head, first, *(c.prop for c in s.query.conditions))
    one, two = d.value(first), d.value(second)
    frames = (
        "set the {p} of {np} to {v} and the {q} to {w}", "update {np}: {p} {v}, {q} {w}", "change both {p} and {q} of {np}, to {v} and {w}", "for {np}, set {p} to {v} and {q} to {w}", "give {np} {p} {v} as well as {q} {w}", "make the {p} of {np} {v} and the {q} {w}",
        "let {np} have {p} {v} and {q} {w}, other properties as they are", "{p} {v} and {q} {w} for {np}, please", "overwrite {p} and {q} of {np} with {v} and {w}",
    )  # fmt: skip
    cypher = f"{s.match} SET n += {{{first.name}: {write_value(one)}, {second.name}: {write_value(two)}}}"
    return d.state("set_map", cypher, frames, s, also=("set",), p=first, q=second, v=d.spell(one), w=d.spell(two))


def draw_label(d: Drawing) -> Statement:
    """SET or REMOVE a label."""
    s = _some(d)
    label = d.rng.choice(("Archived", "Reviewed", "Checked", "Flagged", "Vip", "Legacy", d.invent()))
    frames = (
        "add the label {v} to {np}", "label {np} as {v}", "put the label {v} on {np}", "mark {np} with the label {v}", "give {np} the additional label {v}", "{np} should carry the label {v} too", "also label {np} {v}", "attach label {v} to {np}", "make {np} {v} by label",
    )  # fmt: skip
    return d.state("set_label", f"{s.match} SET n:{label}", frames, s, also=("set",), v=label)


def draw_remove(d: Drawing) -> Statement:
    """REMOVE a property."""
    s = _some(d)
    prop = _free(d, s)
    frames = (
        "remove the {p} of {np}", "delete the property {p} from {np}", "clear the {p} of {np}", "take the {p} away from {np}", "drop the {p} property of {np}", "unset {p} for {np}", "for {np}, remove {p}", "erase the {p} of {np}", "{np} should have no {p} any more", "strip {np} of their {p}",
    )  # fmt: skip
    return d.state("remove", f"{s.match} REMOVE n.{prop.name}", frames, s, p=prop)


def draw_delete_relationship(d: Drawing) -> Statement:
    """DELETE relationships."""
    s = _some(d)
    hop = d.hop(s, onward=True)
    frames = (
        "delete the {r} relationships between {np} and {m}", "remove every {r} that joins {np} and {m}", "unlink {np} from {m} by deleting {r}", "cut the {r} links between {np} and {m}", "drop {r} between {np} and {m}, keep the nodes", "take away the {r} relationships of {np} with {m}", "disconnect {np} from {m} ({r})",
        "erase the {r} edges between {np} and {m}", "{np} and {m} should no longer be joined by {r}",
    )  # fmt: skip
    return d.state(
        "delete_relationship",
        f"{extend(s, hop, 'r')} DELETE r",
        frames,
        s,
        also=("delete", hop.operator),
        m=d.node(hop.target),
        r=hop.relation.name,
    )


def draw_delete(d: Drawing) -> Statement:
    """DETACH DELETE the nodes that conditions pick."""
    s = _some(d)
    frames = (
        "delete {np} and their relationships", "remove {np} together with all their relationships", "delete {np} with everything attached to them", "detach and delete {np}", "drop {np} including their links", "erase {np} and whatever relationships they have", "take {np} out of the graph, links included", "get rid of {np} and of their relationships",
        "{np} must go, along with their relationships",
    )  # fmt: skip
    return d.state("detach_delete", f"{s.match} DETACH DELETE n", frames, s, also=("delete",))


def draw_delete_isolated(d: Drawing) -> Statement:
    """DELETE nodes that have no relationships."""
    s = d.bare()
    frames = (
        "delete {h} that have no relationships at all", "remove {h} without any relationship", "delete isolated {h}", "drop all {h} that are not connected to anything", "clean up {h} with no links", "remove orphaned {h} (no relationships)", "get rid of {h} that stand alone", "delete the {h} that nothing is linked to or from", "unconnected {h} can be deleted",
    )  # fmt: skip
    return d.state(
        "delete_isolated",
        f"{s.match} WHERE NOT (n)--() DELETE n",
        frames,
        also=("delete", "not_exists"),
        h=s.head,
    )


def draw_create_many(d: Drawing) -> Statement:
    """UNWIND a list and CREATE a node for each entry."""
    s = d.bare()
    key = d.key(s.head)
    values = [d.invent() for _ in range(d.rng.randint(2, 4))]
    said = ", ".join(d.spell(value) for value in values[:-1])
    frames = (
        "create {h} with the {p} {x} and {v}", "add {k} {h}: {p} {x} and {v}", "insert {h} for each {p} of {x}, {v}", "make one new {h} entry per {p}: {x}, {v}", "for {x} and {v}, create {h} with that {p}", "bulk-create {h} by {p}: {x} and {v}", "add the {h} {x} and {v} (as {p})", "store {k} new {h} whose {p} are {x} and {v}", "put {x} and {v} in as {h}, by {p}",
    )  # fmt: skip
    cypher = f"UNWIND [{', '.join(map(write_value, values))}] AS value CREATE (n:{s.head.label} {{{key.name}: value}})"
    return d.state(
        "create_many",
        cypher,
        frames,
        also=("create", "unwind"),
        h=s.head,
        p=key,
        x=said,
        v=d.spell(values[-1]),
        k=d.count(len(values)),
    )


def draw_copy(d: Drawing) -> Statement:
    """SET one property to another one."""
    s = _some(d)
    first = _free(d, s)
    taken = [first, *(c.prop for c in s.query.conditions)]
    second = d.choose([p for p in s.head.properties if p.type == first.type and p not in taken])
    frames = (
        "set the {p} of {np} to their {q}", "copy the {q} of {np} into the {p}", "for {np}, make {p} the same as {q}", "let {p} be equal to {q} for {np}", "overwrite {p} with {q} for {np}", "take the {q} of {np} as their {p}", "update {np}: {p} gets the value of {q}", "fill the {p} of {np} from their {q}", "{p} := {q} for {np}",
    )  # fmt: skip
    return d.state(
        "copy", f"{s.match} SET n.{first.name} = n.{second.name}", frames, s, also=("set",), p=first, q=second
    )
