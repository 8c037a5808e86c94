"""Help and refusals: a faulty query is faulty, its repair runs, a rewrite changes nothing, a refusal says why."""

import random

import pytest
from test_statements import make, sample_varied

from cypher.compare import same_results
from cypher.dialect import check_dialect
from cypher.graph import SchemaGraphs
from cypher.parse import check_syntax
from cypher.run import CypherError, EmbeddedGraph, Result
from datagen.draft import fits_split
from datagen.faults import FAULTS, SLOWDOWNS
from datagen.phrasing import Phraser
from datagen.questions import NaturalNames
from datagen.refusals import draw_refusal
from heimdall.answers import FactAnswer, QueryAnswer, find_contradiction, find_fenced
from heimdall.rows import Row

MIX = {"algebra": 0.3, "filter": 0.3, "aggregation": 0.2, "relationship": 0.2}


@pytest.fixture(scope="module")
def helped() -> tuple[list[Row], dict[str, SchemaGraphs]]:
    chunks = [make("cypher_help", "test_iid", number, rows=80, cypher_mix=MIX) for number in range(2)]
    rows = [row for chunk in chunks for row in chunk.rows]
    return rows, {stored.schema_id: stored for chunk in chunks for stored in chunk.graphs}


def run(cypher: str, stored: SchemaGraphs) -> list[Result] | None:
    results = []
    for graph in stored.graphs:
        with EmbeddedGraph(graph) as engine:
            try:
                results.append(engine.run(cypher))
            except CypherError:
                return None
    return results


def test_all_three_kinds_of_help_are_made(helped: tuple[list[Row], dict[str, SchemaGraphs]]) -> None:
    assert {row.category for row in helped[0]} == {"troubleshooting", "optimisation", "explanation"}


def test_every_answer_is_prose_with_the_query_that_is_judged(
    helped: tuple[list[Row], dict[str, SchemaGraphs]],
) -> None:
    for row in helped[0]:
        assert isinstance(row.expected, QueryAnswer)
        assert find_contradiction(row.answer, row.expected) is None
        assert check_syntax(row.expected.cypher) is None
        assert row.answer.replace(row.expected.cypher, "").strip("`\n cypher")


def test_a_faulty_query_is_refused_by_the_parser_or_returns_something_else(
    helped: tuple[list[Row], dict[str, SchemaGraphs]],
) -> None:
    rows, graphs = helped
    for row in (row for row in rows if row.category == "troubleshooting"):
        faulty = find_fenced(row.question)
        assert faulty is not None
        assert row.query is not None
        assert row.schema_id is not None
        if check_syntax(faulty) is None and not check_dialect(faulty):
            wanted, got = run(row.query, graphs[row.schema_id]), run(faulty, graphs[row.schema_id])
            assert wanted is not None
            assert got is None or not same_results(wanted, got, ordered=False)


def test_an_optimised_query_returns_the_same(helped: tuple[list[Row], dict[str, SchemaGraphs]]) -> None:
    rows, graphs = helped
    for row in (row for row in rows if row.category == "optimisation"):
        slow = find_fenced(row.question)
        assert slow is not None
        assert row.query is not None
        assert row.schema_id is not None
        assert slow != row.query
        wanted, got = run(row.query, graphs[row.schema_id]), run(slow, graphs[row.schema_id])
        assert wanted is not None
        assert got is not None
        assert same_results(wanted, got, ordered=False)


def test_faults_of_the_fact_split_are_never_shown_in_training(
    helped: tuple[list[Row], dict[str, SchemaGraphs]],
) -> None:
    names = [change.name for change in (*FAULTS, *SLOWDOWNS)]
    assert len(set(names)) == len(names)
    assert len(FAULTS) >= 40
    held = {name for name in names if fits_split(name, "test_fact")}
    assert held
    assert not held & {row.source for row in helped[0]}
    rows = make("cypher_help", "test_fact", cypher_mix=MIX).rows
    assert rows
    assert {row.source for row in rows} <= held


@pytest.mark.parametrize("shown", [True, False])
def test_a_refusal_is_prose_without_json_that_names_what_is_wrong(shown: bool) -> None:
    rng = random.Random(5)
    kinds = set()
    for _ in range(300):
        schema = sample_varied(rng)
        phraser = Phraser(rng, held_out=False)
        refusal = draw_refusal(schema, phraser, NaturalNames(phraser), shown=shown)
        if refusal is None:
            continue
        kinds.add(refusal.category)
        assert isinstance(refusal.expected, FactAnswer)
        assert find_contradiction(refusal.answer, refusal.expected) is None
        assert not refusal.answer.lstrip().startswith("{")
        assert "{" not in refusal.question
    assert kinds == {"refusal_ambiguous", "refusal_destructive", *(["refusal_unanswerable"] if shown else [])}


def test_what_is_called_missing_is_not_in_the_schema() -> None:
    rng = random.Random(6)
    for _ in range(300):
        schema = sample_varied(rng)
        phraser = Phraser(rng, held_out=False)
        refusal = draw_refusal(schema, phraser, NaturalNames(phraser), shown=True)
        if refusal is not None and refusal.category == "refusal_unanswerable":
            assert isinstance(refusal.expected, FactAnswer)
            missing = refusal.expected.required[1][0]
            assert missing not in {prop.source.words for node in schema.nodes for prop in node.properties}
            assert missing not in {node.noun.plural for node in schema.nodes}
