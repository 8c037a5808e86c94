"""What RETURN computes of single nodes: texts, numbers, dates, cases, and the order and part of the rows."""

from datagen import wordings
from datagen.conditions import write_condition, write_value
from datagen.queries import is_number
from datagen.statements.drawing import Drawing, Statement, UnfitError, add_where

_ORDERS = {
    "ASC": ("ascending", "in ascending order", "from low to high", "lowest first", "smallest first", "with the smallest first", "upwards", "going up"),
    "DESC": ("descending", "in descending order", "from high to low", "highest first", "largest first", "with the largest first", "downwards", "going down"),
}  # fmt: skip


def _order(d: Drawing) -> tuple[str, str]:
    word = d.rng.choice(("ASC", "DESC"))
    return word, d.phraser.pick(f"order.{word}", _ORDERS[word])


def draw_filtered(d: Drawing) -> Statement:
    """A property, the number, or the nodes themselves, of what several conditions pick."""
    s = d.subject(0, 0, 1, filters=(1, 2, 2, 3))
    shape = d.rng.choice(("project", "project", "count", "nodes"))
    distinct = "DISTINCT " if s.query.hops else ""
    if shape == "project":
        shown = d.prop(s.head)
        return d.state("project", f"{s.match} RETURN {distinct}n.{shown.name}", wordings.REQUESTS[shape], s, p=shown)
    returned = f"count({distinct}n)" if shape == "count" else f"{distinct}n"
    return d.state(shape, f"{s.match} RETURN {returned}", wordings.REQUESTS[shape], s)


def draw_page(d: Drawing) -> Statement:
    """ORDER BY … SKIP … LIMIT …"""
    s = d.subject(0, 0, 1)
    shown, key = d.prop(s.head), d.prop(s.head, number=True)
    word, said = _order(d)
    skip, limit = d.rng.randint(1, 2), d.rng.randint(1, 3)
    frames = (
        "{show} the {p} of {np} sorted by {q} {order}, skip the first {j} and show {k}",
        "order {np} by {q} {order}, leave out the first {j} and {show} the {p} of the next {k}",
        "{p} of {np} by {q} {order}, offset {j}, limit {k}",
        "sort {np} by {q} {order} and {show} the {p} of {k} after skipping {j}",
        "{show} {k} {p} values of {np} ordered by {q} {order}, starting after number {j}",
        "page through the {p} of {np} by {q} {order}: skip {j}, take {k}",
        "for {np} by {q} {order}, {show} the {p}, {k} rows from position {j} on",
        "rank {np} by {q} {order}; past the top {j}, {show} the {p} of {k}",
        "{show} the next {k} {p} of {np} by {q} {order}, the first {j} aside",
        "with {np} by {q} {order}, drop {j} and {show} the {p} of the {k} that follow",
    )
    return d.state(
        "page", f"{s.each} RETURN n.{shown.name} ORDER BY n.{key.name} {word} SKIP {skip} LIMIT {limit}", frames, s,
        also=("limit", "skip"), ordered=True, probe=f"{s.each} RETURN n.{key.name}", p=shown, q=key, order=said,
        j=d.count(skip), k=d.count(limit),
    )  # fmt: skip


def draw_sort_two(d: Drawing) -> Statement:
    """ORDER BY two keys, of which the first repeats."""
    s = d.subject(0, 0, 1)
    first, second, shown = d.prop(s.head, group=True), d.prop(s.head, number=True), d.prop(s.head)
    word, said = _order(d)
    frames = (
        "{show} the {p} of {np} sorted by {q}, then by {r} {order}", "order {np} by {q} and within that by {r} {order}, {show} the {p}",
        "{p} of {np} ordered by {q} first and {r} {order} second", "sort {np} by {q} and then {r} {order} and {show} the {p}",
        "{show} {p} of {np}, by {q}, ties by {r} {order}", "list the {p} of {np} by {q} and, for equal {q}, by {r} {order}",
        "for {np} {show} the {p} in order of {q}, then of {r} {order}", "{p} for {np}, sorted on {q} plus {r} {order}",
        "arrange {np} by {q}, after that by {r} {order}; {show} the {p}", "{show} the {p} of {np} with {q} as first and {r} {order} as second sort key",
    )  # fmt: skip
    return d.state(
        "sort_two", f"{s.each} RETURN n.{shown.name} ORDER BY n.{first.name}, n.{second.name} {word}", frames, s,
        ordered=True, probe=f"{s.each} RETURN n.{second.name}", p=shown, q=first, r=second, order=said,
    )  # fmt: skip


def draw_alphabetical(d: Drawing) -> Statement:
    """ORDER BY a text."""
    s = d.subject(0, 0, 1)
    key = d.key(s.head)
    frames = (
        "{show} the {p} of {np} in alphabetical order", "{show} the {p} of {np} alphabetically", "{p} of {np} from a to z", "sort {np} by {p} alphabetically and {show} the {p}",
        "alphabetical list of the {p} of {np}", "{show} {p} of {np}, sorted a to z", "what are the {p} of {np} in alphabetical order", "{p} of {np}, alphabetised",
        "an a to z of the {p} of {np}", "{show} the {p} of {np} as in a dictionary",
    )  # fmt: skip
    return d.state(
        "alphabetical", f"{s.each} RETURN n.{key.name} ORDER BY n.{key.name}", frames, s, ordered=True,
        probe=f"{s.each} RETURN n.{key.name}", p=key,
    )  # fmt: skip


def draw_arithmetic(d: Drawing) -> Statement:
    """A sum, difference or multiple of numbers in RETURN."""
    s = d.subject(0, 0, 1)
    first = d.prop(s.head, number=True)
    numbers = [p for p in s.head.properties if is_number(p) and p is not first]
    key = d.key(s.head)
    if numbers and d.roll(0.5):
        second = d.rng.choice(numbers)
        sign = d.rng.choice("+-*")
        said = d.names.prop(second)
        expression = f"n.{first.name} {sign} n.{second.name}"
    else:
        factor = d.rng.choice((2, 3, 10, 12, 100, 0.5))
        sign = d.rng.choice("*+-") if factor in (2, 3, 10) else "*"
        said, expression = write_value(factor), f"n.{first.name} {sign} {write_value(factor)}"
    word = {"+": ("plus", "increased by"), "-": ("minus", "less"), "*": ("times", "multiplied by")}[sign]
    frames = (
        "{show} the {p} of {np} and their {x}", "{p} and {x} of {np}", "for {np}, {show} the {p} and {x}", "what is {x} for each of the {bare}, with the {p}",
        "compute {x} for {np} and {show} it with the {p}", "{show} {p} together with {x} for {np}", "calculate {x} per {p} of {np}", "{show} the {p} and the value of {x} for {np}",
        "work out {x} for {np}, next to the {p}", "{p} of {np} beside {x}",
    )  # fmt: skip
    x = f"{d.names.prop(first)} {d.rng.choice(word)} {said}"
    return d.state("arithmetic", f"{s.each} RETURN n.{key.name}, {expression} AS result", frames, s, p=key, x=x)


def draw_case(d: Drawing) -> Statement:
    """CASE WHEN … THEN … ELSE … END."""
    s = d.subject(0, 0, 1)
    key, value = d.key(s.head), d.prop(s.head, number=True)
    limit = d.number(value)
    high, low = d.rng.choice(
        (("high", "low"), ("big", "small"), ("above", "below"), ("yes", "no"), ("over", "within"), ("A", "B"))
    )
    frames = (
        "{show} the {p} of {np} and {v} if the {q} is above {k}, else {w}", "label {np} as {v} when {q} exceeds {k} and {w} otherwise, {show} the {p}",
        "{p} of {np} with {v} for {q} over {k} and {w} for the rest", "for {np}, {show} the {p} and {v} or {w} depending on whether {q} > {k}",
        "classify {np} as {v} with {q} above {k}, otherwise {w}; {show} the {p} too", "{show} {p} of {np} and a column that says {v} where {q} is more than {k} and {w} elsewhere",
        "mark {np} with {q} greater than {k} as {v}, all others as {w}, along with the {p}", "{show} the {p} of {np}, tagged {v} if {q} is over {k} or else {w}",
        "sort {np} into {v} (more than {k} {q}) and {w} (the rest), with the {p}", "which {bare} count as {v} (more than {k} {q}) and which as {w}, by {p}",
    )  # fmt: skip
    case = f"CASE WHEN n.{value.name} > {limit} THEN '{high}' ELSE '{low}' END AS class"
    return d.state(
        "case",
        f"{s.each} RETURN n.{key.name}, {case}",
        frames,
        s,
        p=key,
        q=value,
        k=limit,
        v=d.spell(high),
        w=d.spell(low),
    )


def draw_coalesce(d: Drawing) -> Statement:
    """A value in place of a missing one."""
    s = d.subject(0, 0, 1)
    key = d.key(s.head)
    value = d.prop(s.head, key)
    other = d.rng.choice(("unknown", "none", "n/a", "missing", "-")) if value.type == "STRING" else 0
    if value.type == "BOOLEAN":
        other = False
    frames = (
        "{show} the {p} and {q} of {np}, with {v} where the {q} is missing", "{p} and {q} of {np}, {v} if there is no {q}", "for {np} {show} {p} and {q}, using {v} as default",
        "{show} {p} and {q} of {np} and put {v} for a missing {q}", "{show} the {q} of {np} with their {p}, {v} when not set", "{p} with {q} of {np}, defaulting to {v}",
        "{show} the {p} and {q} for {np}, falling back to {v}", "{p} and {q} of {np}; where {q} is null say {v}",
        "for {np}, {show} the {p} and the {q}, or {v} in place of nothing", "{show} {p} and {q} of {np}, gaps in {q} filled with {v}",
    )  # fmt: skip
    cypher = f"{s.each} RETURN n.{key.name}, coalesce(n.{value.name}, {write_value(other)}) AS value"
    return d.state("coalesce", cypher, frames, s, p=key, q=value, v=d.spell(other))


_TEXT_FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "upper": ("toUpper({})", ("{p} in upper case", "{p} in capitals", "upper-cased {p}", "{p} written in capital letters")),
    "lower": ("toLower({})", ("{p} in lower case", "lower-cased {p}", "{p} without capitals", "{p} in small letters")),
    "length": ("size({})", ("length of the {p}", "number of characters in the {p}", "{p} length", "count of letters in the {p}")),
    "first": ("left({}, 3)", ("first three letters of the {p}", "first 3 characters of the {p}", "{p} cut to 3 letters")),
    "last": ("right({}, 2)", ("last two letters of the {p}", "last 2 characters of the {p}", "ending (2 letters) of the {p}")),
    "reverse": ("reverse({})", ("{p} spelt backwards", "{p} in reverse", "reversed {p}")),
}  # fmt: skip


def draw_text_function(d: Drawing) -> Statement:
    """A function of a text in RETURN."""
    s = d.subject(0, 0, 1)
    text = d.text(s.head)
    kind = d.rng.choice(tuple(_TEXT_FUNCTIONS))
    function, phrases = _TEXT_FUNCTIONS[kind]
    x = d.rng.choice(phrases).format(p=d.names.prop(text))
    frames = (
        "{show} the {x} of {np}", "{show} the {x} for {np}", "{x} of {np}", "what is the {x} of {np}", "for {np}, {show} the {x}", "give the {x} for each of the {bare}",
        "{show} {np} by {x}", "{x}, for {np}", "the {x} that {np} have, please", "I am after the {x} of {np}",
    )  # fmt: skip
    cypher = f"{s.each} RETURN {function.format(f'n.{text.name}')} AS value"
    return d.state("text_function", cypher, frames, s, also=(f"text_{kind}",), x=x)


def draw_concatenation(d: Drawing) -> Statement:
    """Texts joined by +."""
    s = d.subject(0, 0, 1)
    first = d.text(s.head)
    second = d.text(s.head, first)
    mark = d.rng.choice((" ", "-", ", ", "/", ": ", "_"))
    name = {
        " ": "a space",
        "-": "a hyphen",
        ", ": "a comma and a space",
        "/": "a slash",
        ": ": "a colon and a space",
        "_": "an underscore",
    }[mark]
    frames = (
        "{show} the {p} and {q} of {np} joined by {v}", "{show} {p} and {q} of {np} as one text with {v} between", "concatenate {p} and {q} of {np} with {v}",
        "{p} and {q} of {np} in one string, separated by {v}", "glue the {p} and the {q} of {np} together with {v}", "for {np}, {show} {p} and {q} combined with {v} in between",
        "join {p} to {q} of {np} using {v}", "{show} one text per entry for {np}: {p}, {v}, {q}", "one column with {p}, then {v}, then {q} for {np}",
        "string together {p} and {q} of {np}, {v} as separator",
    )  # fmt: skip
    return d.state(
        "concatenation",
        f"{s.each} RETURN n.{first.name} + '{mark}' + n.{second.name} AS value",
        frames,
        s,
        p=first,
        q=second,
        v=name,
    )


def draw_date_part(d: Drawing) -> Statement:
    """The year, month or day of a date."""
    s = d.subject(0, 0, 1)
    key, when = d.key(s.head), d.prop(s.head, dated=True)
    part = d.rng.choice(("year", "month", "day"))
    frames = (
        "{show} the {p} of {np} and the {v} of their {q}", "{p} and {v} of the {q} of {np}", "in which {v} is the {q} of {np}, with the {p}", "for {np}, {show} {p} and the {v} of {q}",
        "{show} the {v} of the {q} for {np} next to the {p}", "extract the {v} from the {q} of {np} and {show} it with the {p}", "{show} {p} and {q} {v} of {np}",
        "{p} of {np} with only the {v} of the {q}", "take the {v} out of the {q} of {np}, by {p}", "{show} the {v} part of {q} and the {p} for {np}",
    )  # fmt: skip
    return d.state(
        "date_part",
        f"{s.each} RETURN n.{key.name}, date(n.{when.name}).{part} AS {part}",
        frames,
        s,
        also=(f"date_{part}",),
        p=key,
        q=when,
        v=part,
    )


def draw_date_shift(d: Drawing) -> Statement:
    """A date some days on."""
    s = d.subject(0, 0, 1)
    key, when = d.key(s.head), d.prop(s.head, dated=True)
    days = d.rng.choice((7, 10, 14, 30, 60, 90))
    frames = (
        "{show} the {p} of {np} and the date {k} days after the {q}", "{p} of {np} and {q} plus {k} days", "add {k} days to the {q} of {np} and {show} it with the {p}",
        "what date is {k} days after the {q} of {np}, with the {p}", "for {np}, {show} {p} and {q} moved by {k} days", "{show} {p} and the {q} shifted {k} days ahead for {np}",
        "{q} + {k} days for {np}, along with the {p}", "{show} the {p} of {np} with the day that is {k} days past the {q}", "push the {q} of {np} {k} days out, {show} it by {p}",
        "{p} of {np}, and when {k} days have passed since the {q}",
    )  # fmt: skip
    return d.state(
        "date_shift",
        f"{s.each} RETURN n.{key.name}, date(n.{when.name}) + duration({{days: {days}}}) AS day",
        frames,
        s,
        p=key,
        q=when,
        k=days,
    )


def draw_negation(d: Drawing) -> Statement:
    """NOT over two conditions."""
    s = d.bare()
    key = d.key(s.head)
    first = d.condition(s.head, 0, "eq", "gt", "lt", "true", "in", "starts", "before")
    second = d.condition(s.head, 0, "eq", "gt", "lt", "true", "contains", "since")
    frames = (
        "{show} the {p} of {np} except those {a} or {b}", "{show} the {p} of all {bare} but those {a} or {b}", "{p} of {np} that are neither among those {a} nor those {b}",
        "leave out {bare} {a} or {b} and {show} the {p} of the others", "{show} the {p} of every one of the {bare} save those {a} or {b}",
        "excluding {bare} {a} or {b}, {show} the {p}", "{p} of {bare} outside of those {a} or {b}", "{show} {p} of {np}, not counting the ones {a} or {b}",
        "drop {bare} {a} or {b}; {show} the {p} of what remains", "which {p} have the {bare} that are not {a} or {b}",
    )  # fmt: skip
    where = f"NOT ({write_condition(first)} OR {write_condition(second)})"
    return d.state(
        "negation", f"{s.match} WHERE {where} RETURN n.{key.name}", frames, s, also=(f"filter_{first.comparator}", f"filter_{second.comparator}", "not"),
        p=key, a=d.say(s, first), b=d.say(s, second),
    )  # fmt: skip


def draw_xor(d: Drawing) -> Statement:
    """One condition of two, not both."""
    s = d.bare()
    first = d.condition(s.head, 0, "eq", "gt", "lt", "true", "false")
    second = d.condition(s.head, 0, "eq", "gt", "lt", "true", "contains", "starts")
    key = d.key(s.head)
    frames = (
        "{show} the {p} of {h} either {a} or {b}, but not both", "{p} of {h} {a} or {b} but not both", "{show} {p} of {h} that meet just one of these: {a}; {b}",
        "{show} the {p} of {h} {a} xor {b}", "which {h} are {a} or {b} but not both at once, {show} the {p}", "{show} the {p} of {h} for which one and only one holds: {a}, {b}",
        "{p} of {h} {a} or else {b}, exactly one of the two", "find {h} {a} or {b}, never both, and {show} the {p}", "{p} of {h} with a single one of these true: {a}, {b}",
        "{h} {a} or {b}, not the two together: {p}",
    )  # fmt: skip
    cypher = f"{s.match} WHERE ({write_condition(first)}) XOR ({write_condition(second)}) RETURN n.{key.name}"
    return d.state(
        "xor", cypher, frames, also=(f"filter_{first.comparator}", f"filter_{second.comparator}"),
        p=key, h=s.head, a=d.say(s, first), b=d.say(s, second),
    )  # fmt: skip


def draw_compare_properties(d: Drawing) -> Statement:
    """Two properties of one node against each other."""
    s = d.subject(0, 1, filters=(0, 0, 1))
    first = d.prop(s.head, number=True)
    second, shown = d.prop(s.head, first, number=True), d.key(s.head)
    sign, words = d.rng.choice(
        (
            (">", ("greater than", "above", "higher than", "more than")),
            ("<", ("less than", "below", "lower than", "under")),
        )
    )
    frames = (
        "{show} the {r} of {np} whose {p} is {v} their {q}", "{r} of {np} with {p} {v} {q}", "which of the {bare} have a {p} {v} the {q}, {show} the {r}",
        "{show} {r} of {np} where the {p} is {v} the {q}", "find {np} that have {p} {v} {q} and {show} the {r}", "compare {p} with {q} of {np} and {show} the {r} where {p} is {v} {q}",
        "for {np} with a {p} {v} the {q}, {show} the {r}", "{r} of {np} if {p} is {v} {q}", "{show} the {r} of {np} having {p} {v} their own {q}", "{np} whose {p} comes out {v} the {q}: {r}",
    )  # fmt: skip
    where = f"n.{first.name} {sign} n.{second.name}"
    match = add_where(s.match, where)
    cypher = f"{match} RETURN {'DISTINCT ' if s.query.hops else ''}n.{shown.name}"
    return d.state("compare_properties", cypher, frames, s, p=first, q=second, r=shown, v=d.rng.choice(words))


def draw_unwind(d: Drawing) -> Statement:
    """UNWIND a list of values."""
    s = d.bare()
    group = d.prop(s.head, group=True)
    if group.type == "BOOLEAN":
        raise UnfitError
    values = d.rng.sample(group.values, 2)
    listed = ", ".join(write_value(value) for value in values)
    frames = (
        "for each of the {q} {v} and {w}, {show} how many {bare} there are", "count the {bare} for {q} {v} and {w} separately", "number of {bare} for the {q} values {v} and {w}",
        "go through the {q} values {v}, {w} and count the {bare}", "{show} {v} and {w} each with its number of {bare} by {q}", "how many {bare} have {q} {v} and how many {w}",
        "for {q} in {v}, {w}: number of {bare}", "take the {q} {v} and {w} in turn and count {bare}", "per {q} out of {v} and {w}, count the {bare}", "{bare} counted for {q} {v} and then {w}",
    )  # fmt: skip
    cypher = f"UNWIND [{listed}] AS value WITH value {s.match} WHERE n.{group.name} = value RETURN value, count(n)"
    return d.state("unwind", cypher, frames, s, q=group, v=d.spell(values[0]), w=d.spell(values[1]))


def draw_rename(d: Drawing) -> Statement:
    """Columns under names that the question gives."""
    s = d.subject(0, 0, 1)
    first = d.prop(s.head)
    second = d.prop(s.head, first)
    one, two = d.rng.sample(
        ("title", "label", "amount", "info", "item", "value", "detail", "what", "figure", "entry"), 2
    )
    frames = (
        "{show} the {p} of {np} as {v} and the {q} as {w}", "{p} and {q} of {np}, with columns {v} and {w}", "{show} {p} and {q} of {np} and call them {v} and {w}",
        "for {np} {show} {p} as {v}, {q} as {w}", "{show} the {p} and {q} of {np} under the names {v} and {w}", "{p} as {v} plus {q} as {w} for {np}",
        "{show} two columns for {np}, {v} with the {p} and {w} with the {q}", "name the columns {v} and {w}: {p} and {q} of {np}", "{show} {np}: {p} headed {v}, {q} headed {w}",
        "{p} (column {v}) and {q} (column {w}) of {np}",
    )  # fmt: skip
    distinct = "DISTINCT " if s.query.hops else ""
    return d.state(
        "rename",
        f"{s.match} RETURN {distinct}n.{first.name} AS {one}, n.{second.name} AS {two}",
        frames,
        s,
        p=first,
        q=second,
        v=one,
        w=two,
    )
