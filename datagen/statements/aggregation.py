"""Aggregates and groups: of one node type, of what is linked to it, and conditions on them."""

from datagen.conditions import write_condition
from datagen.statements.drawing import Drawing, Statement, UnfitError, add_where, extend

_FUNCTIONS = {
    "avg": ("average", "mean"),
    "sum": ("total", "sum of"),
    "min": ("lowest", "smallest"),
    "max": ("highest", "largest"),
}


def draw_collect(d: Drawing) -> Statement:
    """collect() per group."""
    s = d.subject(0, 0, 1)
    group, value = d.prop(s.head, group=True), d.key(s.head)
    distinct = d.roll(0.2)
    once = d.rng.choice((" once each", " without repeats")) if distinct else ""
    if group is value:
        raise UnfitError
    frames = (
        "{show} a list of the {q} of {np} for each {p}{w}", "for each {p}, collect the {q} of {np}{w}", "{q} of {np} collected by {p}{w}", "group {np} by {p} and list the {q}{w}", "{show} each {p} with all {q} of {np} in a list{w}",
        "per {p}, {show} the {q} of {np} as a list{w}", "gather the {q} of {np} into one list per {p}{w}", "which {q} do {bare} have for each {p}, as a list{w}", "lists of {q} of {np}, one for every {p}{w}", "{p} and an array of {q} for {np}{w}",
    )  # fmt: skip
    inner = f"DISTINCT n.{value.name}" if distinct else f"n.{value.name}"
    return d.state(
        "collect",
        f"{s.each} RETURN n.{group.name}, collect({inner})",
        frames,
        s,
        also=("collect_distinct",) if distinct else (),
        p=group,
        q=value,
        w=once,
    )


def draw_count_distinct(d: Drawing) -> Statement:
    """How many different values there are."""
    s = d.subject(0, 0, 1)
    value = d.prop(s.head, group=True)
    frames = (
        "how many different {p} values do {bare} have", "count the distinct {p} of {np}", "number of different {p} among {np}", "{show} the number of distinct {p} values of {np}", "how many distinct {p} are there among {np}", "distinct count of {p} for {np}",
        "in how many different {p} do {bare} come", "{show} how many unique {p} values {np} have", "unique {p} of {np}: how many", "over how many {p} are {np} spread",
    )  # fmt: skip
    return d.state("count_distinct", f"{s.match} RETURN count(DISTINCT n.{value.name})", frames, s, p=value)


def draw_extremes(d: Drawing) -> Statement:
    """The smallest and the largest value, or what lies between them."""
    s = d.subject(0, 0, 1)
    value = d.prop(s.head, number=True)
    if d.roll(0.4):
        frames: tuple[str, ...] = (
            "what is the difference between the highest and the lowest {p} of {np}", "{show} the range of {p} of {np} as one number", "spread of {p} among {np}", "how far apart are the largest and smallest {p} of {np}", "highest minus lowest {p} of {np}",
            "{show} max {p} minus min {p} of {np}", "how wide is the {p} of {np} spread", "gap between the top and the bottom {p} of {np}", "by how much does {p} vary from smallest to largest for {np}",
        )  # fmt: skip
        return d.state(
            "spread",
            f"{s.match} RETURN max(n.{value.name}) - min(n.{value.name}) AS spread",
            frames,
            s,
            also=("max", "min"),
            p=value,
        )
    frames = (
        "{show} the lowest and the highest {p} of {np}", "minimum and maximum {p} of {np}", "between which values does the {p} of {np} lie", "what are the smallest and the largest {p} of {np}", "{show} min and max of {p} for {np}",
        "lowest {p} and highest {p} of {np}", "{show} the smallest {p} together with the largest one for {np}", "from what to what does the {p} of {np} go", "the two extremes of {p} among {np}", "for {np}, {show} the bottom and top {p}",
    )  # fmt: skip
    return d.state(
        "extremes",
        f"{s.match} RETURN min(n.{value.name}), max(n.{value.name})",
        frames,
        s,
        also=("max", "min"),
        p=value,
    )


def draw_summary(d: Drawing) -> Statement:
    """Several aggregates at once."""
    s = d.subject(0, 0, 1)
    value = d.prop(s.head, number=True)
    one, two = d.rng.sample(tuple(_FUNCTIONS), 2)
    a, b = (d.rng.choice(_FUNCTIONS[name]) for name in (one, two))
    frames = (
        "{show} the number of {bare} with the {a} and the {b} {p}", "count, {a} {p} and {b} {p} of {np}", "how many {bare} are there and what are the {a} and {b} {p}", "summarise the {p} of {np}: count, {a}, {b}", "{show} count, {a} and {b} of {p} for {np}",
        "statistics on {p} of {np}: how many, {a}, {b}", "{show} how many {bare} there are, plus {a} and {b} {p}", "for {np} give number, {a} {p}, {b} {p}", "{np} in figures: how many, {a} {p}, {b} {p}",
    )  # fmt: skip
    return d.state(
        "summary",
        f"{s.each} RETURN count(n), {one}(n.{value.name}), {two}(n.{value.name})",
        frames,
        s,
        also=("count", one, two),
        p=value,
        a=a,
        b=b,
    )


def draw_percent(d: Drawing) -> Statement:
    """The share of nodes that meet a condition."""
    s = d.subject(0, 0, 1, filters=(0, 0, 1))
    condition = d.condition(s.head, 0)
    percent = d.roll(0.7)
    x = d.say(s, condition)
    frames = (
        "what {w} of {bare} are ones {x}", "{show} the {w} of {np} that are ones {x}", "{w} of {np} {x}, out of all of them", "how large is the {w} of {bare} {x} among all these {bare}", "compute the {w} of {bare} {x}",
        "out of {np}, which {w} are those {x}", "{show} what {w} of {np} come {x}", "among {np}, the {w} {x}", "{w} made up by those {x} among {np}",
    )  # fmt: skip
    factor, word = (
        ("100.0", d.rng.choice(("percentage", "percent"))) if percent else ("1.0", d.rng.choice(("fraction", "ratio")))
    )
    case = f"sum(CASE WHEN {write_condition(condition)} THEN 1 ELSE 0 END)"
    return d.state(
        "percent" if percent else "ratio",
        f"{s.each} RETURN {factor} * {case} / count(n) AS share",
        frames,
        s,
        also=("case", f"filter_{condition.comparator}"),
        x=x,
        w=word,
    )


def draw_count_if(d: Drawing) -> Statement:
    """How many nodes meet a condition, in each group."""
    s = d.subject(0, 0, 1, filters=(0, 0, 1))
    group = d.prop(s.head, group=True)
    condition = d.condition(s.head, 0)
    if condition.prop == group:
        raise UnfitError
    x = d.say(s, condition)
    frames = (
        "for each {p}, how many of the {bare} are ones {x}, zero included", "{show} each {p} of {np} with the number of those {x}, 0 if none", "count those {x} per {p} of {np}, zeros too", "{p} of {np} and how many are {x}, also where none are",
        "per {p} of {np}, the count of those {x}, even when 0", "group {np} by {p} and count the ones {x}, keeping empty groups", "number of {bare} {x} in every {p} there is among {np}", "{show} all {p} of {np} with a count of those {x}, nothing left out",
        "by {p}, count {np} that are {x}; show zeros", "tally of those {x} for every {p} of {np}, zeros included",
    )  # fmt: skip
    cypher = f"{s.each} RETURN n.{group.name}, sum(CASE WHEN {write_condition(condition)} THEN 1 ELSE 0 END) AS total"
    return d.state("count_if", cypher, frames, s, also=("case", f"filter_{condition.comparator}"), p=group, x=x)


def draw_group_having(d: Drawing) -> Statement:
    """Groups whose aggregate or number meets a condition: WITH … WHERE."""
    s = d.subject(0, 0, 1)
    group = d.prop(s.head, group=True)
    if d.roll(0.4):
        limit = d.rng.randint(1, 2)
        frames = (
            "which {p} occur for more than {k} {bare}", "{show} each {p} that more than {k} {bare} have", "{p} values shared by more than {k} {bare}", "group {np} by {p} and keep those with over {k}", "{show} the {p} with more than {k} {bare}",
            "{p} of {np} that occur more than {k} times", "find every {p} that counts over {k} {bare}", "{p} with upwards of {k} {bare}", "only the {p} that appear for more than {k} {bare}",
        )  # fmt: skip
        cypher = f"{s.each} WITH n.{group.name} AS key, count(n) AS total WHERE total > {limit} RETURN key"
        return d.state("group_having", cypher, frames, s, also=("count",), p=group, k=limit)
    value, function = d.prop(s.head, number=True), d.rng.choice(tuple(_FUNCTIONS))
    limit, sign = d.number(value), d.rng.choice("<>")
    said = d.rng.choice(("above", "over", "greater than") if sign == ">" else ("below", "under", "less than"))
    frames = (
        "which {p} have {a} {q} {w} {k} over {np}, {show} them with that value", "{show} each {p} of {np} with {a} {q} {w} {k}, and the figure", "group {np} by {p}, keep those with {a} {q} {w} {k} and {show} both", "{p} of {np} whose {a} {q} is {w} {k}, with it",
        "per {p} of {np}, {a} {q}, only where it is {w} {k}", "for {np}, {show} {p} and {a} {q} if that is {w} {k}", "{p} and {a} {q} of {np} for those {p} where it comes out {w} {k}", "find every {p} among {np} with a {a} {q} {w} {k}, {show} both",
        "{a} {q} by {p} of {np}, limited to values {w} {k}",
    )  # fmt: skip
    cypher = f"{s.each} WITH n.{group.name} AS key, {function}(n.{value.name}) AS value WHERE value {sign} {limit} RETURN key, value"
    return d.state(
        "having_aggregate",
        cypher,
        frames,
        s,
        also=(function,),
        p=group,
        q=value,
        a=d.rng.choice(_FUNCTIONS[function]),
        k=limit,
        w=said,
    )


def draw_group_two(d: Drawing) -> Statement:
    """Groups by two properties."""
    s = d.subject(0, 0, 1)
    first = d.prop(s.head, group=True)
    second = d.prop(s.head, first, group=True)
    frames = (
        "how many {bare} are there for each {p} and {q}", "count {np} by {p} and {q}", "number of {bare} per {p} and {q}", "{show} the number of {bare} for every combination of {p} and {q}", "group {np} by {p} and {q} and count them",
        "{p}, {q} and number of {bare}", "break {np} down by {p} and then {q} with counts", "for each pair of {p} and {q}, count {np}", "cross-count {np} over {p} and {q}", "how do {np} split over {p} and {q}",
    )  # fmt: skip
    return d.state(
        "group_two",
        f"{s.each} RETURN n.{first.name}, n.{second.name}, count(n)",
        frames,
        s,
        also=("group_count",),
        p=first,
        q=second,
    )


def draw_arg_max(d: Drawing) -> Statement:
    """All nodes that have the extreme value: ties are kept."""
    s = d.subject(filters=(0, 0, 1))
    value, shown = d.prop(s.head, number=True), d.key(s.head)
    function = d.rng.choice(("max", "min"))
    word = d.rng.choice(
        ("highest", "largest", "greatest", "maximum")
        if function == "max"
        else ("lowest", "smallest", "least", "minimum")
    )
    frames = (
        "{show} the {q} of all {bare} that have the {w} {p}, ties included", "which {bare} have the {w} {p}, including ties, {show} the {q}", "{q} of every one of the {bare} with the {w} {p}, however many", "find all {bare} tied for the {w} {p} and {show} the {q}",
        "{q} of the {bare} at the {w} {p}, all of them", "{show} {q} of whichever {bare} share the {w} {p}", "all {bare} with {w} {p}, ties too: {q}", "{show} the {q} of {bare} whose {p} equals the {w} one", "{q} of {bare} that reach the {w} {p}, be it one or several",
    )  # fmt: skip
    cypher = f"{s.match} WITH {function}(n.{value.name}) AS best {add_where(s.match, f'n.{value.name} = best')} RETURN n.{shown.name}"
    return d.state("arg_max", cypher, frames, s, also=(function,), p=value, q=shown, w=word)


def draw_above_average(d: Drawing) -> Statement:
    """Nodes above or below the average of their type."""
    s = d.bare()
    value, shown = d.prop(s.head, number=True), d.key(s.head)
    sign, word = d.rng.choice(((">", "above"), ("<", "below")))
    frames = (
        "{show} the {q} of {h} with a {p} {w} average", "which {h} have a {p} {w} the average, {show} the {q}", "{q} of {h} whose {p} is {w} the mean", "{show} {q} of {h} with {w}-average {p}", "find {h} {w} the average {p} and {show} the {q}",
        "{q} of {h} where {p} is {w} the overall average", "for {h} with {p} {w} the mean, {show} the {q}", "{show} the {q} of {h} that lie {w} the average {p} of all {h}", "{h} {w} the mean {p}: {q}", "{show} those {h} by {q} whose {p} comes out {w} what is average",
    )  # fmt: skip
    cypher = (
        f"{s.match} WITH avg(n.{value.name}) AS mean {s.match} WHERE n.{value.name} {sign} mean RETURN n.{shown.name}"
    )
    return d.state("above_average", cypher, frames, also=("avg",), p=value, q=shown, h=s.head, w=word)


def draw_top_group(d: Drawing) -> Statement:
    """The group with the most nodes."""
    s = d.subject(0, 0, 1)
    group = d.prop(s.head, group=True)
    word, said = d.rng.choice((("DESC", "most"), ("ASC", "fewest")))
    frames = (
        "which {p} has the {w} {bare}", "{show} the {p} with the {w} {bare} and their number", "what {p} do the {w} {bare} have", "{p} that the {w} {bare} share, with the count", "the {p} with the {w} {bare} and how many",
        "find the {p} held by the {w} {bare}", "{show} which {p} counts the {w} {bare}", "{p} with {w} {bare}", "for which {p} are there the {w} {bare}", "at which {p} do {bare} number the {w}",
    )  # fmt: skip
    cypher = f"{s.each} WITH n.{group.name} AS key, count(n) AS total RETURN key, total ORDER BY total {word} LIMIT 1"
    probe = f"{s.each} WITH n.{group.name} AS key, count(n) AS total RETURN total"
    return d.state("top_group", cypher, frames, s, also=("limit",), ordered=True, probe=probe, p=group, w=said)


def draw_median(d: Drawing) -> Statement:
    """The median or the standard deviation."""
    s = d.subject(0, 0, 1)
    value = d.prop(s.head, number=True)
    if d.roll(0.5):
        function, operator, words = (
            f"percentileCont(n.{value.name}, 0.5)",
            "median",
            ("median", "median of the", "middle (median)"),
        )
    else:
        function, operator, words = (
            f"stDev(n.{value.name})",
            "deviation",
            ("standard deviation of the", "standard deviation in", "sample standard deviation of the"),
        )
    frames = (
        "what is the {f} {p} of {np}", "{show} the {f} {p} of {np}", "{f} {p} of {np}", "compute the {f} {p} of {np}", "for {np}, {show} the {f} {p}", "calculate the {f} {p} across {np}", "{show} the {f} {p} for {np}", "tell me the {f} {p} over {np}",
        "{np}: {f} {p}", "work out the {f} {p} among {np}",
    )  # fmt: skip
    return d.state(operator, f"{s.each} RETURN {function} AS value", frames, s, p=value, f=d.rng.choice(words))


def draw_linked_aggregate(d: Drawing) -> Statement:
    """An aggregate over what is linked to each node."""
    s = d.subject(filters=(0, 1))
    hop = d.hop(s, onward=True)
    key, value, function = d.key(s.head), d.prop(d.node(hop.target), number=True), d.rng.choice(tuple(_FUNCTIONS))
    frames = (
        "{show} the {p} of {np} and the {a} {q} of {m}", "{a} {q} of {m}, for each {p} of {np}", "for each of the {bare}, {show} the {p} and the {a} {q} of {m}", "{p} of {np} with the {a} {q} of {m}", "per {p} of {np}, the {a} {q} of {m}",
        "what is the {a} {q} of {m} for each {p} of {np}", "{show} {p} and {a} {q} of {m} for {np}", "group by {p} of {np} and {show} the {a} {q} of {m}", "{a} {q} of {m}, split by {p} of {np}", "{np} by {p}, each with the {a} {q} of {m}",
    )  # fmt: skip
    cypher = f"{extend(s, hop)} RETURN n.{key.name}, {function}(m.{value.name})"
    return d.state(
        "linked_aggregate",
        cypher,
        frames,
        s,
        also=(function, hop.operator),
        p=key,
        q=value,
        a=d.rng.choice(_FUNCTIONS[function]),
        m=d.linked(hop),
    )


def draw_linked_collect(d: Drawing) -> Statement:
    """The values of what is linked to each node, as a list."""
    s = d.subject(filters=(0, 1))
    hop = d.hop(s, onward=True)
    key, value = d.key(s.head), d.prop(d.node(hop.target))
    frames = (
        "{show} the {p} of {np} with a list of the {q} of {m}", "for each of the {bare} with some, {show} {p} and the collected {q} of {m}", "collect the {q} of {m} per {p} of {np}", "{p} of {np} and all the {q} of {m} in one list", "{p} of {np}, {q} of {m} gathered per row",
        "one row per {p} of {np} with the {q} of {m} listed", "{show} {p} and the list of {q} of {m} for {np}", "gather {q} of {m} by {p} of {np}", "{np} by {p}, with {q} of {m} rolled into a list",
    )  # fmt: skip
    return d.state(
        "linked_collect",
        f"{extend(s, hop)} RETURN n.{key.name}, collect(m.{value.name})",
        frames,
        s,
        also=("collect", hop.operator),
        p=key,
        q=value,
        m=d.linked(hop),
    )


def draw_by_year(d: Drawing) -> Statement:
    """Groups by the year or month of a date."""
    s = d.subject(0, 0, 1)
    when, part = d.prop(s.head, dated=True), d.rng.choice(("year", "month"))
    frames = (
        "how many {bare} are there per {v} of {p}", "count {np} by {v} of {p}", "number of {bare} for each {p} {v}", "{show} the number of {bare} by {v} of their {p}", "group {np} by the {v} of {p} and count", "{bare} counted by {p} {v}", "per {v} of {p}, how many {bare}",
        "{show} each {v} of {p} with its number of {bare}", "{v} by {v}, how many {bare} have their {p} then", "distribution of {np} over the {v} of {p}",
    )  # fmt: skip
    return d.state(
        "by_date",
        f"{s.each} RETURN date(n.{when.name}).{part} AS {part}, count(n)",
        frames,
        s,
        also=(f"date_{part}", "group_count"),
        p=when,
        v=part,
    )
