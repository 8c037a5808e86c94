"""The query algebra: what is sampled runs, mutants are other queries, and wordings say everything a query asks."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled_queries import sample

from cypher.compare import is_empty
from cypher.run import EmbeddedGraph, Result
from datagen import lexicon
from datagen.conditions import write_value
from datagen.invention import invent_word
from datagen.phrasing import Phraser, add_typo, count_held_out
from datagen.proof import prove
from datagen.queries import mutate, write_cypher
from datagen.questions import LiteralNames, NaturalNames, ask
from datagen.schemas import sample_graph, sample_schema

seeds = st.integers(min_value=0, max_value=2**32)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_every_sampled_query_and_mutant_runs_on_its_graphs(seed: int) -> None:
    query, rng = sample(seed)
    with EmbeddedGraph(sample_graph(query.schema, rng)) as graph:
        graph.run(write_cypher(query))
        for mutant in mutate(query):
            assert mutant != write_cypher(query)
            graph.run(mutant)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_a_question_without_a_schema_spells_every_identifier_and_value(seed: int) -> None:
    query, rng = sample(seed)
    phraser = Phraser(rng, held_out=False)
    text, _ = ask(query, phraser, LiteralNames(phraser))
    wanted = [query.node(position).label for position in range(len(query.hops) + 1)]
    wanted += [hop.relation.name for hop in query.hops]
    wanted += [condition.prop.name for condition in query.conditions]
    wanted += [str(v) for c in query.conditions for v in c.values if isinstance(v, str)]
    assert all(word in text for word in wanted)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_a_question_leaves_no_slot_open(seed: int) -> None:
    query, rng = sample(seed)
    phraser = Phraser(rng, held_out=True)
    text, _ = ask(query, phraser, NaturalNames(phraser))
    assert "{" not in text
    assert "}" not in text


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_a_schema_is_connected_and_its_labels_and_heads_of_properties_are_distinct(seed: int) -> None:
    schema = sample_schema(lexicon.HELD_OUT, random.Random(seed), "s", max_node_types=6, invented_share=0.5)
    assert len({node.label for node in schema.nodes}) == len(schema.nodes)
    for node in schema.nodes:
        heads = [prop.source.words.split()[-1] for prop in node.properties]
        assert len(heads) == len(set(heads))
    reached = {0}
    for _ in schema.nodes:
        reached |= {r.end for r in schema.relations if r.start in reached}
        reached |= {r.start for r in schema.relations if r.end in reached}
    assert reached == set(range(len(schema.nodes)))


@pytest.mark.parametrize(
    ("rows", "empty"),
    [
        ((), True),
        (((0,),), True),
        (((None,), (0,)), True),
        (((False,),), False),
        ((("",),), False),
        (((0, "a"),), False),
    ],
)
def test_zeros_and_nulls_count_as_empty_but_false_does_not(rows: tuple[tuple[object, ...], ...], empty: bool) -> None:
    assert is_empty(Result(("x",), rows)) is empty


def test_an_order_with_ties_is_not_proven() -> None:
    """`most_linked` orders by a count, which repeats on nearly every small graph."""
    unproven = 0
    for seed in range(400):
        query, rng = sample(seed)
        if query.shape.kind != "most_linked":
            continue
        with EmbeddedGraph(sample_graph(query.schema, rng)) as graph:
            body = write_cypher(query).partition(" RETURN ")[0]
            totals = [row[0] for row in graph.run(f"{body} RETURN total").rows]
            if len(set(totals)) < len(totals):
                unproven += 1
                assert prove(query, [graph]) is None
    assert unproven > 0


def test_literals_are_escaped() -> None:
    assert write_value("it's \\ here") == "'it\\'s \\\\ here'"
    assert write_value(True) == "true"
    assert write_value(5.0) == "5"
    assert write_value(5.5) == "5.5"


@given(st.integers(0, 40))
def test_short_lists_of_wordings_hold_nothing_out(length: int) -> None:
    held = count_held_out(["x"] * length)
    assert held == (0 if length < 5 else 1 if length < 8 else 2)


@given(st.text(alphabet="abcdefgh ", min_size=1, max_size=60), seeds)
def test_a_typo_never_touches_a_protected_word(text: str, seed: int) -> None:
    words = text.split()
    if not words:
        return
    protected = words[0]
    changed = add_typo(f"{text} trailing", [protected], random.Random(seed))
    assert changed.split().count(protected) >= text.split().count(protected)


def test_no_word_is_made_up_for_both_sides_of_the_split() -> None:
    rng = random.Random(0)
    made = {side: {invent_word(rng, held_out=side) for _ in range(3000)} for side in (True, False)}
    assert not made[True] & made[False]
    real = {
        word for side in (lexicon.TRAINING, lexicon.HELD_OUT) for noun in side.nouns for word in noun.singular.split()
    }
    assert not (made[True] | made[False]) & real
