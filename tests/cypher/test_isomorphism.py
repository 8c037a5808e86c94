"""Two graphs are the same if some mapping of their nodes makes them so, however even they are."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cypher import isomorphism
from cypher.isomorphism import UndecidedError, same_graph
from cypher.run import GraphState, NodeValue, RelationshipValue


def make(size, edges, values=None):
    """A graph of nodes of one label, with the edges (start, end) or (start, end, type)."""
    nodes = {node: NodeValue(("A",), {} if values is None else {"x": values[node]}) for node in range(size)}
    return GraphState(nodes, tuple((edge[0], RelationshipValue([*edge, "R"][2], {}), edge[1]) for edge in edges))


@st.composite
def graphs(draw):
    size = draw(st.integers(0, 5))
    ends = st.integers(0, max(size - 1, 0))
    edges = draw(st.lists(st.tuples(ends, ends, st.sampled_from("RS")), max_size=7)) if size else []
    return make(size, edges, draw(st.lists(st.sampled_from([1, 2]), min_size=size, max_size=size)))


def permute(graph, order):
    """The same graph with other ids and its parts in another order."""
    new = dict(zip(graph.nodes, order, strict=True))
    edges = tuple((new[start], edge, new[end]) for start, edge, end in reversed(graph.relationships))
    return GraphState({new[node]: value for node, value in reversed(graph.nodes.items())}, edges)


def is_same_by_definition(gold, got):
    def write(graph, order):
        numbers = dict(zip(graph.nodes, order, strict=True))
        edges = sorted((numbers[start], edge.type, numbers[end]) for start, edge, end in graph.relationships)
        return sorted((numbers[node], value.properties["x"]) for node, value in graph.nodes.items()), edges

    if len(gold.nodes) != len(got.nodes):
        return False
    wanted = write(gold, range(len(gold.nodes)))
    return any(write(got, order) == wanted for order in itertools.permutations(range(len(got.nodes))))


@given(graphs(), st.randoms(use_true_random=False))
def test_ids_do_not_count(graph, rng):
    assert same_graph(graph, permute(graph, rng.sample(range(100, 200), len(graph.nodes))))


@given(graphs(), graphs())
def test_it_agrees_with_trying_every_mapping(gold, got):
    assert same_graph(gold, got) == is_same_by_definition(gold, got)


@given(graphs(), st.randoms(use_true_random=False))
def test_it_agrees_with_trying_every_mapping_when_one_relationship_is_moved(graph, rng):
    if not graph.relationships:
        return
    (_, edge, end), *others = rng.sample(graph.relationships, len(graph.relationships))
    moved = GraphState(graph.nodes, ((rng.choice(list(graph.nodes)), edge, end), *others))
    moved = permute(moved, rng.sample(range(10), len(graph.nodes)))
    assert same_graph(graph, moved) == is_same_by_definition(graph, moved)


def circle(*nodes):
    return list(zip(nodes, (*nodes[1:], nodes[0]), strict=True))


def test_what_colours_alone_do_not_tell_apart_is_told_apart():
    one, two = circle(0, 1, 2, 3, 4, 5), [*circle(0, 1, 2), *circle(3, 4, 5)]
    assert not same_graph(make(6, one), make(6, two))
    assert same_graph(make(6, two), make(6, [*circle(0, 2, 4), *circle(5, 3, 1)]))


def test_values_are_equal_as_in_results():
    assert same_graph(make(2, [], [1, 0.3]), make(2, [], [0.1 + 0.2, 1.0]))
    assert same_graph(make(1, [], [float("nan")]), make(1, [], [float("nan")]))
    for left, right in ((1, True), (1, "1"), (0, None), ([1, 2], [2, 1])):
        assert not same_graph(make(1, [], [left]), make(1, [], [right]))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([(0, 1)], [(1, 0), (0, 1)]),
        ([(0, 1, "R")], [(0, 1, "S")]),
        ([(0, 1), (0, 1)], [(0, 1), (1, 0)]),
        ([(0, 0)], [(0, 1)]),
        ([(0, 1), (1, 2)], [(0, 1), (2, 1)]),
    ],
)
def test_relationships_count_with_their_number_type_and_direction(left, right):
    assert not same_graph(make(3, left), make(3, right))


def test_many_nodes_that_look_alike_are_compared_without_trying_all_mappings():
    star = [(0, leaf) for leaf in range(1, 400)]
    assert same_graph(make(800, star), permute(make(800, star), random.Random(1).sample(range(800), 800)))
    assert not same_graph(make(800, star), make(800, [*star[:-1], (1, 399)]))
    pairs = [(node, node + 1) for node in range(0, 100, 2)]
    assert same_graph(make(100, pairs), permute(make(100, pairs), random.Random(1).sample(range(100), 100)))


def test_graphs_too_even_to_be_compared_are_left_undecided(monkeypatch):
    monkeypatch.setattr(isomorphism, "_MAX_REFINEMENTS", 3)
    with pytest.raises(UndecidedError):
        same_graph(make(6, circle(0, 1, 2, 3, 4, 5)), make(6, [*circle(0, 1, 2), *circle(3, 4, 5)]))
