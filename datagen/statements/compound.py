"""Queries of several steps: what one part finds is what the next one starts from."""

from datagen.conditions import write_condition
from datagen.statements.drawing import Drawing, Statement, UnfitError, extend, write_join


def draw_best_per_group(d: Drawing) -> Statement:
    """The first node of each group in an order."""
    s = d.subject(0, 0, 1)
    group, value, shown = d.prop(s.head, group=True), d.prop(s.head, number=True), d.key(s.head)
    order, word = d.rng.choice((("DESC", "highest"), ("ASC", "lowest")))
    if group in (value, shown):
        raise UnfitError
    frames = (
        "for each {p}, {show} the {r} of the {bare} with the {w} {q}, one each", "{show} the {r} with the {w} {q} for every {p} of {np}", "per {p}, which one of the {bare} has the {w} {q}, by {r}", "{r} of the one with the {w} {q} in each {p} of {np}", "{show} each {p} of {np} with the {r} that has the {w} {q}",
        "group {np} by {p} and pick the {r} with the {w} {q}", "{p} of {np}, each with the {r} of {w} {q}", "in every {p} of {np}, who has the {w} {q}, {show} the {r}", "the leader by {w} {q} in each {p} of {np}, by {r}", "winner per {p} of {np}, {w} {q} counts: {r}",
    )  # fmt: skip
    match = s.each if s.query.hops else f"{s.match} WITH n"
    cypher = f"{match} ORDER BY n.{value.name} {order} WITH n.{group.name} AS key, collect(n.{shown.name}) AS names RETURN key, names[0]"
    return d.state("best_per_group", cypher, frames, s, also=("collect",), p=group, q=value, r=shown, w=word)


def draw_top_then(d: Drawing) -> Statement:
    """The first nodes of an order, then what is linked to them."""
    s = d.subject(filters=(0, 1))
    hop = d.hop(s, onward=True)
    value, shown = d.prop(s.head, number=True), d.prop(d.node(hop.target))
    order, word = d.rng.choice((("DESC", "highest"), ("ASC", "lowest")))
    limit = d.rng.randint(1, 3)
    link = d.linked(hop).replace("they", "these").replace(" them", " these")
    frames = (
        "take the {k} {bare} with the {w} {q} and {show} the {p} of {m}", "{show} the {p} of {m}, for the {k} {bare} with the {w} {q}", "for the {k} {bare} with the {w} {q}, {show} the {p} of {m}", "{p} of {m}, starting from the {k} {bare} with the {w} {q}",
        "find the {k} {bare} with the {w} {q}, then {show} the {p} of {m}", "first the {k} {bare} of {w} {q}, then the {p} of {m}", "{k} {bare} with the {w} {q}: {p} of {m}", "starting with the {k} {bare} of {w} {q}, {show} {p} of {m}", "limit {bare} to the {k} with the {w} {q}; {show} the {p} of {m}",
    )  # fmt: skip
    probe = f"{s.match} RETURN n.{value.name}"
    cypher = f"{s.match} WITH n ORDER BY n.{value.name} {order} LIMIT {limit} MATCH {write_join(d.schema, hop)} RETURN m.{shown.name}"
    return d.state(
        "top_then",
        cypher,
        frames,
        s,
        also=("limit", "with"),
        probe=probe,
        p=shown,
        q=value,
        k=d.count(limit),
        w=word,
        m=link,
    )


def draw_count_then(d: Drawing) -> Statement:
    """WITH … WHERE on a count, then another pattern."""
    s = d.subject(filters=(0, 0, 1))
    first, second = d.two_hops(s)
    limit, shown = d.rng.randint(1, 2), d.prop(d.node(second.target))
    again = d.linked(second)
    frames = (
        "for {bare} with more than {k} {a}, {show} the {p} of {m}", "{show} the {p} of {m}, for {bare} with over {k} {a}", "{p} of {m}, but only where {bare} have more than {k} {a}", "keep {bare} that have more than {k} {a} and {show} the {p} of {m}",
        "{bare} with more than {k} {a}: {p} of {m}", "take {bare} having over {k} {a}, then {show} the {p} of {m}", "{show} {p} of {m} given {bare} with more than {k} {a}", "first {bare} with upwards of {k} {a}, then the {p} of {m}", "pick {bare} counting more than {k} {a}; {show} the {p} of {m}",
    )  # fmt: skip
    cypher = f"{extend(s, first)} WITH n, count(m) AS total WHERE total > {limit} MATCH {write_join(d.schema, second, 'o')} RETURN o.{shown.name}"
    return d.state(
        "count_then", cypher, frames, s, also=("having", "with"), p=shown, k=limit, a=d.linked(first), m=again
    )


def draw_share_of_total(d: Drawing) -> Statement:
    """The share of each group in the whole."""
    s = d.bare()
    group = d.prop(s.head, group=True)
    frames = (
        "what percentage of {h} has each {p}", "{show} each {p} with its percentage of all {h}", "percent of {h} per {p}", "{show} the share of {h} in percent for each {p}", "for each {p}, how many percent of the {h} have it", "percentage of {h} by {p}", "break {h} down by {p} in percent", "{p} of {h} as percentages of the whole",
        "how are {h} split over {p}, in percent", "{show} every {p} and what portion of {h}, in percent, it covers",
    )  # fmt: skip
    cypher = f"{s.match} WITH count(n) AS total {s.match} WITH n.{group.name} AS key, total, count(n) AS part RETURN key, 100.0 * part / total AS share"
    return d.state("share_of_total", cypher, frames, also=("percent", "group_count"), p=group, h=s.head)


def draw_difference(d: Drawing) -> Statement:
    """How far each node is from the average."""
    s = d.bare()
    value, shown = d.prop(s.head, number=True), d.key(s.head)
    frames = (
        "{show} the {q} of {h} and how far their {p} is from the average", "{q} of {h} with {p} minus the average {p}", "by how much does the {p} of each of the {h} differ from the mean, with the {q}", "{show} {q} of {h} and the difference of {p} to the mean", "for {h}, {show} {q} and {p} less the average {p}",
        "deviation of {p} from its average for {h}, by {q}", "{h} by {q}, with their {p} relative to the mean {p}", "{show} {q} and {p} above or below average for {h}", "how much over or under the mean {p} are the {h}, by {q}",
    )  # fmt: skip
    cypher = f"{s.match} WITH avg(n.{value.name}) AS mean {s.match} RETURN n.{shown.name}, n.{value.name} - mean AS difference"
    return d.state("difference", cypher, frames, also=("avg", "arithmetic"), p=value, q=shown, h=s.head)


def draw_list_predicate(d: Drawing) -> Statement:
    """all(), any() or none() of what is linked."""
    s = d.subject(filters=(0, 0, 1))
    hop = d.hop(s, onward=True)
    shown, value = d.key(s.head), d.prop(d.node(hop.target), number=True)
    limit, sign = d.number(value), d.rng.choice("<>")
    word = d.rng.choice(("all", "any", "none"))
    said = {"all": "all of the", "any": "at least one of the", "none": "none of the"}[word]
    over = d.rng.choice(("above", "over", "more than") if sign == ">" else ("below", "under", "less than"))
    frames = (
        "{show} the {p} of {np} where {w} {m} has {q} {v} {k}", "{p} of {np} if {w} {m} have {q} {v} {k}", "which of the {bare} have {q} {v} {k} for {w} {m}, {show} the {p}", "{show} {p} of {np} when the {q} of {w} {m} is {v} {k}", "find {np} for which {w} {m} come with {q} {v} {k}, {show} the {p}",
        "for {np} with {q} {v} {k} in {w} {m}, {show} the {p}", "{np}, provided {w} {m} have {q} {v} {k}: {p}", "{show} the {p} of {np} such that {w} {m} show a {q} {v} {k}", "{p} of {np}, {w} {m} having a {q} {v} {k}",
    )  # fmt: skip
    cypher = f"{extend(s, hop)} WITH n, collect(m.{value.name}) AS list WHERE {word}(x IN list WHERE x {sign} {limit}) RETURN n.{shown.name}"
    return d.state(
        f"{word}_of_list",
        cypher,
        frames,
        s,
        also=("collect", "with"),
        p=shown,
        q=value,
        m=d.linked(hop),
        k=limit,
        v=over,
        w=said,
    )


def draw_list_comprehension(d: Drawing) -> Statement:
    """A list filtered or changed entry by entry."""
    s = d.subject(filters=(0, 0, 1))
    group, value = d.prop(s.head, group=True), d.prop(s.head, number=True)
    limit = d.number(value)
    frames = (
        "for each {p}, {show} the list of those {q} of {np} above {k}, even if empty", "{q} over {k} of {np}, as a list per {p}, empty ones too", "list per {p} the {q} of {np} greater than {k}, keeping empty lists", "collect {q} of {np} by {p}, only values beyond {k} in each list", "{show} each {p} of {np} with a list of {q} larger than {k}",
        "per {p} of {np}, an array of the {q} above {k}", "gather for each {p} of {np} every {q} higher than {k} into a list", "{p} of {np} and the list of {q} past {k}", "lists by {p} of {np}, holding {q} that exceed {k}",
    )  # fmt: skip
    cypher = f"{s.match} RETURN n.{group.name}, [x IN collect(n.{value.name}) WHERE x > {limit}] AS list"
    return d.state("list_comprehension", cypher, frames, s, also=("collect",), p=group, q=value, k=limit)


def draw_unwind_collected(d: Drawing) -> Statement:
    """What is collected is taken apart again with its number."""
    s = d.subject(filters=(0, 0, 1))
    hop = d.hop(s, onward=True)
    shown, limit = d.prop(d.node(hop.target)), d.rng.randint(1, 2)
    frames = (
        "for {bare} whose {m} number more than {k}, {show} each {p} of those once per pair", "{show} the {p} of {m}, one row each, where one of the {bare} has more than {k}", "{p} of {m} in rows of their own, if there are over {k} for the same one of the {bare}", "collect the {p} of {m} per one of the {bare}, keep lists longer than {k}, and {show} the entries",
        "unfold the {p} of {m} for {bare} that have more than {k} of them", "list {p} of {m} row by row for {bare} with more than {k}", "{p} of {m}, unrolled, out of lists of more than {k} per one of the {bare}", "flatten the lists of {p} of {m} that hold over {k}, by {bare}", "spread out {p} of {m} for {bare} where they are more than {k}",
    )  # fmt: skip
    cypher = f"{extend(s, hop)} WITH n, collect(m.{shown.name}) AS list WHERE size(list) > {limit} UNWIND list AS entry RETURN entry"
    return d.state(
        "unwind_collected", cypher, frames, s, also=("collect", "unwind", "with"), p=shown, m=d.linked(hop), k=limit
    )


def draw_two_counts(d: Drawing) -> Statement:
    """Two counts side by side, zeros included."""
    s = d.subject(filters=(0, 1))
    first, second = d.two_hops(s)
    key = d.key(s.head)
    frames = (
        "{show} the {p} of {np} with the number of {a} and the number of {m}", "how many {a} and how many {m}, for each of the {bare} by {p}", "{p} of {np}, count of {a}, count of {m}", "for {np}, {show} {p}, number of {a} and number of {m}", "count both {a} and {m} per {p} of {np}", "{show} {p} of {np} and two counts: {a}; {m}",
        "per {p} of {np}: how many {a}, how many {m}", "{np} by {p} with totals of {a} and of {m}", "tally {a} as well as {m} for {np} by {p}", "{p} of {np} next to counts of {a} and {m}",
    )  # fmt: skip
    cypher = (
        f"{s.match} OPTIONAL MATCH {write_join(d.schema, first)} OPTIONAL MATCH {write_join(d.schema, second, 'o')} "
        f"RETURN n.{key.name}, count(DISTINCT m) AS first, count(DISTINCT o) AS second"
    )
    return d.state(
        "two_counts",
        cypher,
        frames,
        s,
        also=("optional_match", "count_distinct"),
        p=key,
        a=d.linked(first),
        m=d.linked(second),
    )


def draw_call_subquery(d: Drawing) -> Statement:
    """CALL { WITH n … }: an aggregate or the extreme of what is linked, per node."""
    s = d.subject(filters=(0, 1))
    hop = d.hop(s, onward=True)
    key, far = d.key(s.head), d.node(hop.target)
    condition = d.condition(far, 1)
    m = f"{d.linked(hop)}, only those {d.say(s, condition)}"
    frames = (
        "{show} the {p} of {np} and the number of {m}, zero included", "use a subquery to count {m}, for each {p} of {np}", "{p} of {np} with a subquery's count of {m}", "for all {bare}, {show} {p} and how many {m} there are, 0 too", "per {p} of {np}, count {m} in a subquery",
        "{show} {p} of {np} and count {m} in a CALL block", "{np} by {p}, each with a sub-count of {m}", "run a subquery per one of {np}: {p} and number of {m}", "by way of CALL, {p} of {np} plus how many {m}", "{p} of {np}; in a subquery, the count of {m}",
    )  # fmt: skip
    where = write_condition(condition)
    cypher = f"{s.match} CALL {{ WITH n MATCH {write_join(d.schema, hop)} WHERE {where} RETURN count(m) AS total }} RETURN n.{key.name}, total"
    reference = (
        f"{s.match} OPTIONAL MATCH {write_join(d.schema, hop)} WHERE {where} RETURN n.{key.name}, count(m) AS total"
    )
    return d.state(
        "call_subquery", cypher, frames, s, also=(f"filter_{condition.comparator}",), reference=reference, p=key, m=m
    )


def draw_spread_of_groups(d: Drawing) -> Statement:
    """An aggregate over the numbers of groups."""
    s = d.subject(filters=(0, 0, 1))
    hop = d.hop(s, onward=True)
    function, word = d.rng.choice((("avg", "average"), ("max", "largest"), ("min", "smallest")))
    frames = (
        "what is the {w} number of {m} per one of the {bare} that have any", "{show} the {w} count of {m} over {np} with at least one", "{w} number of {m} among {np} that have some", "how many {m} are there per one of {np} with any, {w}", "compute the {w} number of {m} of {np}, leaving out those with none",
        "{show} the {w} of the counts of {m} across {np} that have one", "count {m} for {np} and take the {w} count", "over {np} with any, the {w} number of {m}", "first count {m} for each of {np}, then give the {w} of these counts", "{w} total of {m} in {np}",
    )  # fmt: skip
    cypher = f"{extend(s, hop)} WITH n, count(m) AS total RETURN {function}(total) AS value"
    return d.state("nested_aggregate", cypher, frames, s, also=(function, "with"), m=d.linked(hop), w=word)
