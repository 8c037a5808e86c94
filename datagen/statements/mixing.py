"""Which statements there are, by class, and how one is chosen: by the shares of the classes, or each pair in turn."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

from cypher.run import EmbeddedGraph
from datagen.phrasing import Phraser
from datagen.proof import prove
from datagen.queries import Query, sample_query, write_cypher
from datagen.questions import Names, ask, protected_words
from datagen.schemas import Schema
from datagen.statements import aggregation, basic, commands, compound, relations, writes
from datagen.statements.drawing import Drawing, Statement, UnfitError
from datagen.statements.proving import fits_dialect, prove_statement
from heimdall.config import CypherClass
from heimdall.rows import Proof

Maker = Callable[[Drawing], Statement]

CLASSES: dict[CypherClass, tuple[Maker, ...]] = {
    "basic": (
        basic.draw_page, basic.draw_sort_two, basic.draw_alphabetical, basic.draw_arithmetic, basic.draw_case, basic.draw_coalesce,
        basic.draw_text_function, basic.draw_concatenation, basic.draw_date_part, basic.draw_date_shift, basic.draw_rename,
    ),
    "filter": (
        basic.draw_filtered, basic.draw_filtered, basic.draw_filtered, basic.draw_filtered, basic.draw_negation, basic.draw_xor,
        basic.draw_compare_properties, basic.draw_unwind,
    ),
    "relationship": (
        relations.draw_long_path, relations.draw_optional, relations.draw_optional_count, relations.draw_exists, relations.draw_count_subquery,
        relations.draw_reachable, relations.draw_recursive, relations.draw_shortest, relations.draw_any_direction, relations.draw_either_type,
        relations.draw_types, relations.draw_union, relations.draw_shared, relations.draw_both, relations.draw_comprehension,
        relations.draw_relationship_property,
    ),
    "aggregation": (
        aggregation.draw_collect, aggregation.draw_count_distinct, aggregation.draw_extremes, aggregation.draw_summary, aggregation.draw_percent,
        aggregation.draw_count_if, aggregation.draw_group_having, aggregation.draw_group_two, aggregation.draw_arg_max,
        aggregation.draw_above_average, aggregation.draw_top_group, aggregation.draw_median, aggregation.draw_linked_aggregate,
        aggregation.draw_linked_collect, aggregation.draw_by_year,
    ),
    "complex": (
        compound.draw_best_per_group, compound.draw_top_then, compound.draw_count_then, compound.draw_share_of_total, compound.draw_difference,
        compound.draw_list_predicate, compound.draw_list_comprehension, compound.draw_unwind_collected, compound.draw_two_counts,
        compound.draw_call_subquery, compound.draw_spread_of_groups,
    ),
    "write": (
        writes.draw_create, writes.draw_create_linked, writes.draw_create_relationship, writes.draw_merge_relationship, writes.draw_merge,
        writes.draw_set, writes.draw_increment, writes.draw_set_many, writes.draw_label, writes.draw_remove, writes.draw_delete_relationship,
        writes.draw_delete, writes.draw_delete_isolated, writes.draw_create_many, writes.draw_copy,
    ),
    "schema_command": (
        commands.draw_index, commands.draw_index, commands.draw_unique, commands.draw_unique, commands.draw_fulltext_index, commands.draw_vector_index,
        commands.draw_show,
    ),
    "procedure": (
        commands.draw_call, commands.draw_vector_search, commands.draw_vector_search, commands.draw_vector_search, commands.draw_fulltext_search,
        commands.draw_algorithm,
    ),
}  # fmt: skip
_READING: tuple[CypherClass, ...] = ("basic", "filter", "relationship", "aggregation", "complex")
_FILTERS = (
    "eq", "ne", "gt", "ge", "lt", "le", "between", "within", "in", "not_in", "contains", "not_contains", "starts", "not_starts", "ends",
    "fold", "matches", "longer", "shorter", "missing", "present", "multiple", "true", "false", "before", "since", "in_year", "in_month", "dated",
)  # fmt: skip
_MODIFIERS = (*(f"filter_{name}" for name in _FILTERS), "hop_out", "hop_in", "and", "or", "not_exists")
# Each maker of reading statements with each operator that the nodes it starts from can have.
PAIRS: tuple[tuple[CypherClass, Maker, str], ...] = tuple(
    (kind, maker, modifier)
    for (kind, maker), modifier in product(
        dict.fromkeys((kind, maker) for kind in _READING for maker in CLASSES[kind]), _MODIFIERS
    )
)


class Request(NamedTuple):
    """A query that is to be asked for: what it is made of, how it is worded and how it is proven."""

    category: str
    operators: tuple[str, ...]
    skeleton: str
    cypher: str
    ordered: bool
    protected: Callable[[], Sequence[str]]
    ask: Callable[[], tuple[str, bool]]
    prove: Callable[[Sequence[EmbeddedGraph]], Proof | None]
    provable: bool = True


def draw_request(schema: Schema, phraser: Phraser, names: Names, kind: CypherClass, turn: int) -> Request | None:
    """One request of a class, or None where the dice do not fit the schema.

    `turn` counts the draws: the class `systematic` takes the pair of operators whose turn it is.
    """
    if kind == "algebra":
        query = sample_query(schema, phraser.rng)
        return None if query is None else _ask_query(query, phraser, names)
    must = None
    if kind == "systematic":
        kind, maker, must = PAIRS[turn % len(PAIRS)]
    else:
        maker = phraser.rng.choice(CLASSES[kind])
    try:
        statement = maker(Drawing(schema, phraser, names, must))
    except UnfitError:
        return None
    if must is not None and must not in statement.operators:
        return None
    return _ask_statement("systematic" if must else kind, statement, schema)


def _ask_query(query: Query, phraser: Phraser, names: Names) -> Request:
    return Request(
        query.shape.kind,
        query.operators,
        query.skeleton,
        write_cypher(query),
        query.ordered,
        lambda: protected_words(query),
        lambda: ask(query, phraser, names),
        lambda graphs: prove(query, graphs),
    )


def _ask_statement(kind: CypherClass, statement: Statement, schema: Schema) -> Request:
    def prove_it(graphs: Sequence[EmbeddedGraph]) -> Proof | None:
        return prove_statement(statement, schema, graphs, writes=kind == "write")

    provable = kind not in ("schema_command", "procedure")
    if not provable and not fits_dialect(statement.cypher):
        raise ValueError(f"NornicDB does not take '{statement.cypher}'")  # a fault of the maker
    return Request(
        kind,
        statement.operators,
        statement.skeleton,
        statement.cypher,
        statement.ordered,
        lambda: statement.protected,
        lambda: (statement.question, statement.asks),
        prove_it,
        provable,
    )
