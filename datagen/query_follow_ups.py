"""Questions about a database whose last sentence changes the one before it: another value, fewer nodes, only the count.

Both queries are derivations in the algebra (`datagen.queries`), so the right answer to the last sentence is known. It is
proven like any other query, and must also return something else than the query before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from cypher.compare import same_results
from cypher.run import EmbeddedGraph, NodeValue
from datagen import wordings
from datagen.draft import Draft
from datagen.phrasing import Phraser, polish
from datagen.proof import prove
from datagen.queries import Function, Query, Shape, ShapeKind, is_category, sample_condition, sample_query, write_cypher
from datagen.questions import NaturalNames, Realiser, ask
from datagen.schemas import Schema
from heimdall.answers import ActionAnswer, format_action
from heimdall.rows import Message, Proof
from nornicdb.contract import Contract

CATEGORY = "follow_up_query"
_FILTERED: tuple[ShapeKind, ...] = ("nodes", "project", "count", "aggregate", "distinct", "group_count", "sorted")
_TOLD = 3  # results that an answer lists
_TRIES = 8


class QueryFollowUp(NamedTuple):
    """A question with its query, and the sentence that turns it into another query."""

    first: Query
    asked: tuple[str, bool]
    query: Query
    text: str


Changed = tuple[Query, str]
Changer = Callable[[Query, Phraser, NaturalNames], Changed | None]


def draw_query_follow_up(schema: Schema, phraser: Phraser) -> QueryFollowUp | None:
    """A question and its follow-up, or None where the dice do not fit the schema."""
    first, names = sample_query(schema, phraser.rng), NaturalNames(phraser)
    if first is None:
        return None
    changed = phraser.rng.choice(_CHANGERS)(first, phraser, names)
    if changed is None:
        return None
    query, text = changed
    return QueryFollowUp(first, ask(first, phraser, names), query, " ".join(text.split()))


def prove_follow_up(follow_up: QueryFollowUp, graphs: Sequence[EmbeddedGraph]) -> Proof | None:
    """The proof of the last query, or None where it proves too little or returns what the one before it does."""
    proof = prove(follow_up.query, graphs)
    if proof is None:
        return None
    before, after = (
        [graph.run(write_cypher(query)) for graph in graphs] for query in (follow_up.first, follow_up.query)
    )
    ordered = follow_up.query.ordered
    return None if not any(result.rows for result in before) or same_results(before, after, ordered=ordered) else proof


def write_follow_up(
    follow_up: QueryFollowUp,
    contract: Contract,
    phraser: Phraser,
    graph: EmbeddedGraph,
    show_schema: Callable[[str], str],
) -> Draft:
    """The conversation: the first question behind its schema, what the user was told, and the last sentence."""
    cypher, action = write_cypher(follow_up.query), contract.query_action
    asked, is_question = follow_up.asked
    asked = polish(" ".join(asked.split()), phraser.rng, question=is_question)
    question = polish(follow_up.text, phraser.rng, question=follow_up.text.startswith(("how", "and how", "what")))
    return Draft(
        category=CATEGORY,
        question=question,
        answer=format_action(action, {"cypher": cypher}),
        expected=ActionAnswer(action=action, params={"cypher": cypher}, cypher=cypher, ordered=follow_up.query.ordered),
        productions=tuple(phraser.used),
        history=(
            Message(role="user", content=show_schema(asked)),
            Message(role="assistant", content=tell_result(follow_up.first, graph)),
        ),
    )


def tell_result(query: Query, graph: EmbeddedGraph) -> str:
    """What a user is told of a query's result."""
    rows = graph.run(write_cypher(query)).rows
    if not rows:
        return "There is no result."
    if len(rows) > _TOLD or any(isinstance(cell, NodeValue) for row in rows for cell in row):
        return f"There are {len(rows)} results." if len(rows) > 1 else "There is one result."
    if len(rows) == len(rows[0]) == 1:
        return f"It is {_spell(rows[0][0])}."
    return f"{', '.join(': '.join(map(_spell, row)) for row in rows)}."


def _spell(cell: object) -> str:
    if isinstance(cell, bool) or cell is None:
        return "unknown" if cell is None else "yes" if cell else "no"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _replace_value(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    if len(query.conditions) != 1 or query.conditions[0].position or not query.conditions[0].values:
        return None
    old = query.conditions[0]
    drawn = (sample_condition(0, old.prop, phraser.rng) for _ in range(_TRIES))
    new = next((each for each in drawn if each.comparator == old.comparator and each.values != old.values), None)
    if new is None:
        return None
    changed = replace(query, conditions=(new,))
    texts = (
        "and those {} instead", "the same, but those {} instead", "now those {} instead", "instead, those {}", "rather those {}", "no, those {}", "the same for those {} instead", "I meant those {}", "no, I meant those {}", "rather the ones {} instead", "and the ones {} instead", "now rather those {}",
    )  # fmt: skip
    return changed, phraser.pick("follow.replace", texts).format(Realiser(changed, phraser, names).condition(new))


def _add_condition(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    used = {prop.name for prop in query.shape.props} | {condition.prop.name for condition in query.conditions}
    open_ones = [prop for prop in query.node(0).properties if prop.name not in used]
    if query.shape.kind not in _FILTERED or query.any_of or len(query.conditions) > 1 or not open_ones:
        return None
    new = sample_condition(0, phraser.rng.choice(open_ones), phraser.rng)
    conditions = sorted((*query.conditions, new), key=lambda condition: condition.position)
    changed = replace(query, conditions=tuple(conditions))
    texts = (
        "only those {}", "but only those {}", "the same, but only those {}", "now only those {}", "and only those {}", "only the ones {}", "of those only the ones {}", "but of those only the ones {}", "the same, only those {}", "and of those only the ones {}", "now only the ones {}", "the same, but only the ones {}",
    )  # fmt: skip
    return changed, phraser.pick("follow.add", texts).format(Realiser(changed, phraser, names).condition(new))


def _drop_condition(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    if len(query.conditions) != 1 or query.conditions[0].position or query.absent or query.hops:
        return None
    texts = (
        "now all of them", "all of them instead", "without that condition", "the same for all of them", "and all of them", "the same without the condition", "drop that condition", "now without that condition", "and without the condition", "rather all of them", "the same without that condition",
    )  # fmt: skip
    return replace(query, conditions=()), phraser.pick("follow.drop", texts)


def _count(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    plain = query.shape.kind == "project" and not query.hops
    if query.shape.kind != "nodes" and not plain:
        return None
    texts = (
        "how many are there", "how many are that", "just count them", "only the number of them", "count them", "and how many are there", "how many of them are there", "only count them", "how many of those are there", "now just the number of them", "and how many are that", "now count them",
    )  # fmt: skip
    return replace(query, shape=Shape("count")), phraser.pick("follow.count_nodes", texts)


def _show_other(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    shape = query.shape
    open_ones = [prop for prop in query.node(0).properties if prop not in shape.props]
    if not open_ones or (shape.kind not in ("top", "sorted") and (shape.kind != "project" or len(shape.props) > 1)):
        return None
    prop = phraser.rng.choice(open_ones)
    texts = (
        "and the {}", "now the {}", "the {} instead", "show the {} instead", "the same, but the {}", "rather the {}", "I meant the {}", "and what is the {}", "now show the {}", "no, the {}", "and show the {} instead", "no, I meant the {}", "rather show the {}",
    )  # fmt: skip
    changed = replace(query, shape=replace(shape, props=(prop, *shape.props[1:])))
    return changed, phraser.pick("follow.show", texts).format(names.prop(prop))


def _other_function(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    if query.shape.kind not in ("aggregate", "group_aggregate"):
        return None
    others: list[Function] = [name for name in ("avg", "min", "max") if name != query.shape.function]
    function = phraser.rng.choice(others)
    texts = (
        "and the {}", "now the {}", "the {} instead", "and what is the {}", "what is the {}", "rather the {}", "the same, but the {}", "I meant the {}", "and now the {}", "no, the {}", "and the {} instead", "now what is the {}", "no, I meant the {}",
    )  # fmt: skip
    word = phraser.pick(f"function.{function}", wordings.FUNCTIONS[function])
    changed = replace(query, shape=replace(query.shape, function=function))
    return changed, phraser.pick("follow.function", texts).format(word.removesuffix(" of the"))


def _turn(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    if query.shape.kind not in ("top", "sorted"):
        return None
    texts = (
        "the other way round", "now the other way round", "in the opposite order", "reverse the order", "in reverse", "the opposite order, please", "the same in reverse", "turn the order round", "now in reverse", "the same the other way round", "now in the opposite order",
    )  # fmt: skip
    changed = replace(query, shape=replace(query.shape, descending=not query.shape.descending))
    return changed, phraser.pick("follow.turn", texts)


def _other_number(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    limit = phraser.rng.randint(1, 4)
    if query.shape.kind not in ("top", "most_linked") or limit == query.shape.limit:
        return None
    texts = (
        "make it {}", "now {} of them", "the same with {}", "{} instead", "{} of them instead", "show {} of them", "make that {}", "I meant {}", "and now {} of them", "make it {} instead", "now show {}", "show {} instead", "no, I meant {}",
    )  # fmt: skip
    number = str(limit) if limit == 1 else phraser.rng.choice((str(limit), wordings.NUMBERS[limit]))
    return replace(query, shape=replace(query.shape, limit=limit)), phraser.pick("follow.number", texts).format(number)


def _other_key(query: Query, phraser: Phraser, names: NaturalNames) -> Changed | None:
    shape = query.shape
    keys = [prop for prop in query.node(0).properties if is_category(prop) and prop not in shape.props]
    if shape.kind != "group_count" or not keys:
        return None
    prop = phraser.rng.choice(keys)
    texts = (
        "now for the {}", "by {} instead", "the same for the {}", "and for the {}", "the {} instead", "the same by {}", "now by {}", "rather the {}", "and the {}", "and now for the {}", "rather by {}", "now the {} instead",
    )  # fmt: skip
    changed = replace(query, shape=replace(shape, props=(prop,)))
    return changed, phraser.pick("follow.key", texts).format(names.prop(prop))


_CHANGERS: tuple[Changer, ...] = (
    _replace_value, _replace_value, _add_condition, _drop_condition, _count, _show_other, _other_function, _turn, _other_number,
    _other_key,
)  # fmt: skip
