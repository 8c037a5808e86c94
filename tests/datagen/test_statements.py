"""Statements beyond the algebra: each operator is drawn, proven, worded without open slots, and taken by NornicDB."""

import json
import random
from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cypher.compare import same_result
from cypher.dialect import check_dialect
from cypher.parse import check_syntax
from cypher.run import CypherError, EmbeddedGraph, Limits, Result
from cypher.schema import read_schema
from cypher.syntax.tokens import GrammarError
from cypher.write import run_write
from datagen import lexicon
from datagen.examples import Chunk, ChunkSpec, make_chunk
from datagen.notations import write_schema
from datagen.phrasing import Phraser
from datagen.proving_graph import ProvingGraph
from datagen.questions import LiteralNames, NaturalNames
from datagen.schemas import Schema, sample_graph, sample_schema
from datagen.statements.drawing import Drawing, Statement, UnfitError
from datagen.statements.mixing import CLASSES, PAIRS, Maker, draw_request
from datagen.statements.mutants import mutate_text
from datagen.statements.proving import prove_statement
from datagen.variety import vary_schema
from heimdall.config import CypherClass, DataConfig
from heimdall.rows import Family, Split
from nornicdb.contract import load_reference_contract

seeds = st.integers(min_value=0, max_value=2**32)
MAKERS = [(kind, maker) for kind, makers in CLASSES.items() for maker in dict.fromkeys(makers)]
ALGEBRA = {
    "count",
    "project",
    "nodes",
    "and",
    "or",
    "not_exists",
    "hop_in",
    "hop_out",
    "two_hops",
    "group_count",
    "having",
    "distinct",
}


def sample_varied(rng: random.Random, most: int = 5) -> Schema:
    return vary_schema(sample_schema(lexicon.TRAINING, rng, "s", most, 0.35), lexicon.TRAINING, rng)


def draw(maker: Maker, seed: int, *, literal: bool = False) -> tuple[Statement, Schema, random.Random]:
    """The first statement that a maker draws on one schema after another."""
    rng = random.Random(seed)
    while True:
        schema = sample_varied(rng)
        phraser = Phraser(rng, held_out=False)
        names = LiteralNames(phraser) if literal else NaturalNames(phraser)
        try:
            return maker(Drawing(schema, phraser, names)), schema, rng
        except UnfitError:
            continue


def make(family: Family, split: Split = "train", number: int = 0, rows: int = 40, **settings: object) -> Chunk:
    given = {"train_rows": rows, "split_rows": rows, "shares": {family: 1.0}, "varied_schemas": True, **settings}
    config = DataConfig.model_validate(given)
    return make_chunk(ChunkSpec(config, split, family, number, load_reference_contract(), rows=rows))


@pytest.mark.parametrize(("kind", "maker"), MAKERS, ids=lambda value: getattr(value, "__name__", value))
def test_every_maker_writes_cypher_that_nornicdb_takes_and_a_question_without_open_slots(
    kind: CypherClass, maker: Maker
) -> None:
    for seed in range(6):
        statement, _, _ = draw(maker, seed, literal=seed % 2 == 0)
        assert check_syntax(statement.cypher) is None, statement.cypher
        assert check_dialect(statement.cypher) == (), statement.cypher
        assert "{" not in statement.question
        assert "  " not in statement.question


@pytest.mark.parametrize(
    ("kind", "maker"),
    [pair for pair in MAKERS if pair[0] not in ("schema_command", "procedure")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_maker_of_queries_is_proven_by_execution_sooner_or_later(kind: CypherClass, maker: Maker) -> None:
    for seed in range(60):
        statement, schema, rng = draw(maker, seed)
        with ExitStack() as stack:
            graphs = [stack.enter_context(EmbeddedGraph(sample_graph(schema, rng))) for _ in range(2)]
            proof = prove_statement(statement, schema, graphs, writes=kind == "write")
        if proof is not None:
            assert max(proof.result_rows) > 0
            return
    pytest.fail("not one of 60 statements could be proven")


def test_a_second_relationship_like_the_first_is_a_change() -> None:
    rng = random.Random(4)
    schema = sample_varied(rng)
    relation = next(relation for relation in schema.relations if not relation.properties)
    start, end = (schema.nodes[position].label for position in (relation.start, relation.end))
    cypher = f"MATCH (n:{start})-[:{relation.name}]->(m:{end}) CREATE (n)-[:{relation.name}]->(m)"
    statement = Statement("create", ("create",), "create", cypher, "", False, ())
    with EmbeddedGraph(sample_graph(schema, rng)) as graph:
        proof = prove_statement(statement, schema, [graph], writes=True)
    assert proof is not None
    assert proof.result_rows[0] > 0


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_a_graph_that_is_loaded_piece_by_piece_answers_as_the_whole_one(seed: int) -> None:
    rng = random.Random(seed)
    schema = sample_varied(rng, most=8)
    graph = sample_graph(schema, rng)
    with EmbeddedGraph(graph) as whole, ProvingGraph(graph) as part:
        for _ in range(6):
            phraser = Phraser(rng, held_out=False)
            kind = rng.choice(("algebra", "basic", "filter", "relationship", "aggregation", "complex", "write"))
            request = draw_request(schema, phraser, NaturalNames(phraser), kind, 0)
            for cypher in [] if request is None else [request.cypher, *mutate_text(request.cypher, schema)]:
                answers = [ask(each, cypher, writes=kind == "write") for each in (whole, part)]
                assert type(answers[0]) is type(answers[1])
                if isinstance(answers[0], Result):
                    assert same_result(*answers, ordered=False)
                else:
                    assert answers[0] == answers[1]


def ask(graph: EmbeddedGraph, cypher: str, *, writes: bool) -> Result | str | tuple[int, list[str]]:
    """What a query returns, or how much a write changes, or why neither."""
    try:
        if not writes:
            return graph.run(cypher)
        written = run_write(graph, cypher, Limits())
        return len(written.after.nodes) - len(written.before.nodes), sorted(
            repr(sorted(node.properties.items()))
            for key, node in written.after.nodes.items()
            if written.before.nodes.get(key) != node
        )
    except (CypherError, GrammarError) as error:
        return str(error)


def test_there_are_far_more_operators_than_those_of_the_algebra() -> None:
    found = {operator for _, maker in MAKERS for seed in range(8) for operator in draw(maker, seed)[0].operators}
    assert len(found - ALGEBRA) >= 80


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_no_mutant_is_the_query_itself(seed: int) -> None:
    _, maker = random.Random(seed).choice(MAKERS)
    statement, schema, _ = draw(maker, seed)
    assert statement.cypher not in list(mutate_text(statement.cypher, schema))


def test_the_default_mix_holds_only_the_algebras_queries() -> None:
    categories = {row.category for row in make("cypher_schema", varied_schemas=False).rows}
    assert not categories & set(CLASSES)
    assert not any(str(category).startswith("refusal") for category in categories)


def test_a_mix_and_a_share_of_refusals_are_kept() -> None:
    mix = {"aggregation": 0.5, "procedure": 0.5}
    counts = Counter(row.category for row in make("cypher_schema", rows=120, cypher_mix=mix, refusal_share=0.2).rows)
    total = counts.total()
    refused = sum(count for name, count in counts.items() if str(name).startswith("refusal"))
    assert 0.08 < refused / total < 0.32
    assert set(counts) - {"refusal_unanswerable", "refusal_ambiguous", "refusal_destructive"} == set(mix)
    assert 0.25 < counts["aggregation"] / (total - refused) < 0.75


def test_the_systematic_class_takes_each_pair_in_its_turn() -> None:
    rng = random.Random(1)
    for turn in rng.sample(range(len(PAIRS)), 12):
        _, _, must = PAIRS[turn]
        for _ in range(20):
            phraser = Phraser(rng, held_out=False)
            request = draw_request(sample_varied(rng), phraser, NaturalNames(phraser), "systematic", turn)
            if request is not None:
                assert must in request.operators
                assert request.category == "systematic"


MODIFIERS = {modifier for _, _, modifier in PAIRS}
COMPARED = ("eq", "gt", "lt", "true")
# The pairs that cannot be, and why: all others must come up.
NEVER = (
    # All nodes of a type: nothing picks them.
    ("unwind shortest shared above_average share_of_total difference", MODIFIERS),
    # Two conditions of their own on all nodes of a type.
    ("negation", MODIFIERS - {f"filter_{name}" for name in (*COMPARED, "in", "starts", "before", "contains", "since")}),
    ("xor", MODIFIERS - {f"filter_{name}" for name in (*COMPARED, "false", "contains", "starts")}),
    # At most one condition picks the nodes.
    ("compare_properties percent count_if", {"and", "or"}),
    # A path of their own leads on from the nodes, which at most one condition picks.
    (
        "optional optional_count exists count_subquery reachable recursive any_direction union comprehension arg_max "
        "list_comprehension",
        {"hop_out", "hop_in", "and", "or"},
    ),
    # Likewise, and nodes that lack a relationship have nothing to lead on to.
    (
        "either_type types both relationship_property linked_aggregate linked_collect top_then count_then "
        "list_predicate unwind_collected two_counts call_subquery spread_of_groups",
        {"hop_out", "hop_in", "and", "or", "not_exists"},
    ),
    # The conditions stand along a path.
    ("long_path", {"or", "not_exists"}),
)


def test_the_systematic_class_reaches_every_pair_but_those_that_cannot_be() -> None:
    never = {
        (f"draw_{maker}", modifier) for makers, modifiers in NEVER for maker in makers.split() for modifier in modifiers
    }
    rng = random.Random(1)
    schemas = [sample_varied(rng, most=8) for _ in range(150)]
    waiting = dict(enumerate(PAIRS))
    for _ in range(100):
        for turn, (_, maker, modifier) in list(waiting.items()):
            phraser = Phraser(rng, held_out=False)
            if draw_request(rng.choice(schemas), phraser, NaturalNames(phraser), "systematic", turn) is not None:
                assert (maker.__name__, modifier) not in never
                del waiting[turn]
        if len(waiting) == len(never):
            break
    assert {(maker.__name__, modifier) for _, maker, modifier in waiting.values()} == never


def test_a_held_out_pair_with_a_new_operator_is_in_the_composition_split_alone() -> None:
    from datagen.examples import combines_held_out

    mix = {"relationship": 0.5, "aggregation": 0.5}
    for split in ("train", "test_composition"):
        rows = make("cypher_schema", split, cypher_mix=mix).rows
        assert rows
        assert {combines_held_out(row.operators) for row in rows} == {split == "test_composition"}


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_varied_schema_keeps_names_apart_and_can_be_read_and_loaded(seed: int) -> None:
    rng = random.Random(seed)
    schema = sample_varied(rng, most=10)
    read = read_schema(schema.text)
    assert len({label.lower() for label in read.labels}) == len(schema.nodes)
    assert len({relation.name for relation in schema.relations}) == len(schema.relations)
    for node in schema.nodes:
        assert len({prop.name for prop in node.properties}) == len(node.properties)
        assert (
            check_syntax(f"MATCH (n:{node.label}) RETURN {', '.join(f'n.{p.name}' for p in node.properties)}") is None
        )
    with EmbeddedGraph(sample_graph(schema, rng)) as graph:
        for node in schema.nodes:
            assert graph.run(f"MATCH (n:{node.label}) RETURN count(n)").rows[0][0] >= 5


def test_thirty_node_types_are_possible_with_held_out_words() -> None:
    rng = random.Random(3)
    sizes = [len(sample_schema(lexicon.HELD_OUT, rng, "s", 30, 0.0).nodes) for _ in range(8)]
    assert max(sizes) > 15


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_every_notation_names_all_that_the_schema_has(seed: int) -> None:
    schema = sample_varied(random.Random(seed))
    names = [node.label for node in schema.nodes] + [relation.name for relation in schema.relations]
    names += [prop.name for node in schema.nodes for prop in node.properties]
    for notation in ("lines", "arrows", "neo4j", "json", "compact"):
        text = write_schema(schema, notation)
        assert "\n\n" not in text
        assert all(name in text for name in names)
    assert json.loads(write_schema(schema, "json"))["nodes"].keys() == {node.label for node in schema.nodes}
    assert read_schema(write_schema(schema, "lines")).labels.keys() == {node.label for node in schema.nodes}


def test_notations_are_mixed_by_their_shares_and_graphs_keep_the_readable_one() -> None:
    chunk = make("cypher_schema", "test_iid", rows=12, schema_notations={"json": 0.5, "lines": 0.5})
    shown = [row.question.startswith('{"nodes"') for row in chunk.rows]
    assert any(shown)
    assert not all(shown)
    for stored in chunk.graphs:
        read_schema(stored.schema_text)
