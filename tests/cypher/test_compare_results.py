"""Results are the same or not, whatever the order of rows and columns: by property, and by the tricks of wrong ones."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_graphs import PEOPLE

from cypher.compare import same_result, same_results
from cypher.run import EmbeddedGraph, NodeValue, RelationshipValue, Result

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, 0.1, math.nan, math.inf]),
    st.sampled_from("ab"),
)
properties = st.dictionaries(st.sampled_from("xy"), scalars, max_size=2)
cells = st.one_of(
    scalars,
    st.lists(scalars, max_size=2),
    properties,
    st.builds(NodeValue, st.sampled_from([("A",), ("A", "B")]), properties),
    st.builds(RelationshipValue, st.sampled_from(["R", "S"]), properties),
)


@st.composite
def tables(draw):
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.tuples(*[cells] * width), max_size=6))
    return result(rows)


def result(rows, name="c"):
    rows = tuple(tuple(row) for row in rows)
    return Result(tuple(f"{name}{i}" for i in range(len(rows[0]))) if rows else (), rows)


def permute(table, row_order, column_order):
    return result([[table.rows[r][c] for c in column_order] for r in row_order], "other")


def rename(table):
    """The same rows under other column names, so that any order of columns is allowed."""
    return result(table.rows, "other")


def is_same_by_definition(gold, got, ordered):
    """Tries every order of columns, with the tokens of values that have no rounding in them."""
    if len(gold.rows) != len(got.rows):
        return False
    if not gold.rows:
        return True
    width = len(gold.rows[0])
    if width != len(got.rows[0]):
        return False
    want = [tuple(map(token, row)) for row in gold.rows]
    for order in itertools.permutations(range(width)):
        have = [tuple(token(row[c]) for c in order) for row in got.rows]
        if (want == have) if ordered else (sorted(want) == sorted(have)):
            return True
    return False


def token(value):
    if isinstance(value, NodeValue | RelationshipValue):
        return type(value).__name__ + repr(value[0]) + token(value.properties)
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={token(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(token, value)) + "]"
    return repr(float(value)) if isinstance(value, int) and not isinstance(value, bool) else repr(value)


@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_count(table, rng):
    rows = rng.sample(range(len(table.rows)), len(table.rows))
    columns = rng.sample(range(len(table.columns)), len(table.columns))
    assert same_result(table, permute(table, rows, columns), ordered=False)
    assert same_result(table, permute(table, range(len(table.rows)), columns), ordered=True)


@given(tables(), tables(), st.booleans())
def test_it_agrees_with_trying_every_order_of_columns(gold, got, ordered):
    assert same_result(gold, rename(got), ordered=ordered) == is_same_by_definition(gold, got, ordered)


@given(tables(), st.booleans(), st.randoms(use_true_random=False))
def test_it_agrees_with_trying_every_order_of_columns_when_only_one_cell_differs(table, ordered, rng):
    if not table.rows:
        return
    rows = [list(row) for row in rng.sample(table.rows, len(table.rows))]
    rng.choice(rows)[rng.randrange(len(rows[0]))] = rng.choice(rows)[rng.randrange(len(rows[0]))]
    changed = result(rows, "other")
    assert same_result(table, changed, ordered=ordered) == is_same_by_definition(table, changed, ordered)


@given(tables(), tables(), st.booleans())
def test_it_is_symmetric(left, right, ordered):
    assert same_result(left, right, ordered=ordered) == same_result(right, left, ordered=ordered)


@given(tables())
def test_a_missing_or_repeated_row_counts(table):
    if table.rows:
        assert not same_result(table, result(table.rows[1:]), ordered=False)
        assert not same_result(table, result([*table.rows, table.rows[0]]), ordered=False)


@pytest.mark.parametrize(
    ("gold", "got", "same"),
    [
        (1, 1.0, True),
        (0.1 + 0.2, 0.3, True),
        (1e9 + 0.1, 1e9 + 0.10000001, True),
        (1234567.125, 1234567.1249999998, True),
        (1.0, 1.0001, False),
        (2**53, 2**53 + 1, False),
        (math.nan, math.nan, True),
        (math.nan, None, False),
        (True, 1, False),
        (False, 0, False),
        (True, "true", False),
        (None, 0, False),
        (None, "", False),
        (1, "1", False),
        ([1, 2], [2, 1], False),
        ([1, 2.0], [1.0, 2], True),
        ([True], [1], False),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        (NodeValue(("A",), {"x": 1}), NodeValue(("A",), {"x": 1.0}), True),
        (NodeValue(("A",), {"x": 1}), NodeValue(("B",), {"x": 1}), False),
        (NodeValue(("A",), {}), RelationshipValue("A", {}), False),
    ],
)
def test_what_equal_values_are(gold, got, same):
    for ordered in (True, False):
        assert same_result(result([[gold]]), result([[got]]), ordered=ordered) is same


def test_columns_are_matched_as_rows_and_not_one_by_one():
    gold = result([["a", 1, 2], ["b", 2, 1]])
    assert same_result(gold, result([[2, "a", 1], [1, "b", 2]], "d"), ordered=False)
    assert not same_result(gold, result([["a", 1, 1], ["b", 2, 2]], "d"), ordered=False)
    crossed = result([["a", "x"], ["b", "y"]])
    assert not same_result(crossed, result([["a", "y"], ["b", "x"]], "d"), ordered=False)


def test_columns_of_the_same_names_in_the_same_order_are_compared_by_name():
    gold, turned = Result(("a", "b"), ((1, 2), (3, 4))), ((2, 1), (4, 3))
    for ordered in (True, False):
        assert not same_result(gold, Result(("a", "b"), turned), ordered=ordered)
        assert same_result(gold, Result(("b", "a"), turned), ordered=ordered)
        assert same_result(gold, Result(("a", "x"), turned), ordered=ordered)
    assert same_result(gold, Result(("a", "b"), gold.rows[::-1]), ordered=False)


def test_one_order_of_columns_holds_for_all_graphs():
    one, two = result([[1, 2]]), result([[3, 4], [5, 5]])
    turned_one, turned_two = result([[2, 1]], "d"), result([[4, 3], [5, 5]], "d")
    for ordered in (True, False):
        assert same_results([one, two], [turned_one, turned_two], ordered=ordered)
        assert same_results([one, two], [rename(one), rename(two)], ordered=ordered)
        assert not same_results([one, two], [rename(one), turned_two], ordered=ordered)
        assert not same_results([one, two], [turned_one, rename(two)], ordered=ordered)
        # A graph without rows does not tell columns apart, nor one whose rows fit either way.
        empty, even = result([]), result([[6, 6]])
        assert same_results([empty, two, even], [empty, turned_two, rename(even)], ordered=ordered)
        assert not same_results([two, empty], [turned_two, one], ordered=ordered)
        # Rows of one graph do not stand in for those of another.
        assert not same_results([one, two], [rename(two), rename(one)], ordered=ordered)


@given(st.lists(tables(), min_size=1, max_size=3), st.booleans(), st.randoms(use_true_random=False))
def test_many_graphs_agree_with_trying_every_order_of_columns_on_all_of_them(golds, ordered, rng):
    width = min((len(gold.rows[0]) for gold in golds if gold.rows), default=1)
    golds = [result([row[:width] for row in gold.rows]) for gold in golds]
    orders = list(itertools.permutations(range(width)))
    # Each graph has its columns in an order of its own, of two, so that one order often fits all and often does not.
    chosen = [orders[0], rng.choice(orders)]
    gots = [permute(gold, range(len(gold.rows)), rng.choice(chosen)) for gold in golds]

    def fits(order):
        pairs = zip(golds, gots, strict=True)
        return all(is_same_by_place(gold, permute(got, range(len(got.rows)), order), ordered) for gold, got in pairs)

    assert same_results(golds, gots, ordered=ordered) == any(map(fits, orders))


def is_same_by_place(gold, got, ordered):
    want, have = ([tuple(map(token, row)) for row in table.rows] for table in (gold, got))
    return want == have if ordered else sorted(want) == sorted(have)


def test_an_ordered_result_counts_its_order():
    gold, reverse = result([["a"], ["b"]]), result([["b"], ["a"]])
    assert same_result(gold, reverse, ordered=False)
    assert not same_result(gold, reverse, ordered=True)


def test_many_columns_with_the_same_values_are_compared_without_trying_all_orders():
    rng = random.Random(1)
    rows = [rng.sample(range(30), 30) for _ in range(30)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    for column in columns:
        column.sort()
        rng.shuffle(column)  # every column holds the same values: 30! orders
    gold = result(zip(*columns, strict=True))
    order = rng.sample(range(30), 30)
    assert same_result(gold, permute(gold, range(29, -1, -1), order), ordered=False)
    other = [list(row) for row in gold.rows]
    other[0][0], other[1][0] = other[1][0], other[0][0]
    assert not same_result(gold, result(other, "d"), ordered=False)


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        ("MATCH (n:Person) RETURN n.age", "MATCH (n:Person) RETURN DISTINCT n.age"),
        ("MATCH (n:Person) RETURN n.name", "RETURN 1"),
        ("MATCH (n:Person) RETURN count(n)", "RETURN 1"),
        ("MATCH (n:Person) RETURN n.name", "MATCH (n:Person) RETURN n"),
        ("MATCH (n:Person) RETURN n.name", "MATCH (n:Person) RETURN n.name, n.age"),
        ("MATCH (n:Person) RETURN n.name", "MATCH (n:Person) WHERE false RETURN n.name"),
        ("MATCH (n:Person) RETURN n.name", "MATCH (n:Person) RETURN collect(n.name)"),
        (
            "MATCH (n:Person)-[:KNOWS]->(m) RETURN n.name, m.name",
            "MATCH (n:Person)<-[:KNOWS]-(m) RETURN n.name, m.name LIMIT 2",
        ),
    ],
)
def test_a_nearly_right_query_has_another_result(gold, predicted):
    with EmbeddedGraph(PEOPLE) as graph:
        assert not same_result(graph.run(gold), graph.run(predicted), ordered=False)


def test_two_empty_results_are_the_same_whatever_their_columns():
    with EmbeddedGraph(PEOPLE) as graph:
        empty = graph.run("MATCH (n:Nobody) RETURN n.name")
        assert same_result(empty, graph.run("MATCH (n:Nobody) RETURN n.a, n.b"), ordered=True)
        assert not same_result(empty, graph.run("MATCH (n:Nobody) RETURN count(n)"), ordered=False)
