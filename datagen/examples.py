"""Makes the examples of one chunk: a fixed number of schemas (or requests), independent of all other chunks.

Everything a chunk does follows from its specification, so chunks may run in any process and in any order.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, islice
from typing import NamedTuple

from cypher.graph import PropertyGraph, SchemaGraphs
from cypher.run import EmbeddedGraph
from datagen import lexicon
from datagen.actions import QUERY, ask_for_action, match_actions
from datagen.code_review import draw_code_review
from datagen.coding import draw_code
from datagen.cognitive import TASKS, draw_cognitive
from datagen.draft import Draft, draw_fitting
from datagen.mtg import draw_mtg
from datagen.operations import draw_operation, list_questions
from datagen.passages import draw_passage
from datagen.phrasing import Phraser, add_typo, polish
from datagen.proof import prove
from datagen.queries import Query, sample_query, write_cypher
from datagen.questions import LiteralNames, NaturalNames, ask, protected_words
from datagen.review import draw_review
from datagen.schemas import sample_graph, sample_schema
from datagen.sentiment import draw_sentiment
from datagen.tlp import draw_tlp
from heimdall.answers import ActionAnswer, format_action
from heimdall.config import DataConfig
from heimdall.errors import UsageError
from heimdall.rows import Family, Message, Row, Split
from nornicdb.contract import Contract
from nornicdb.facts import Facts

SCHEMAS_PER_CHUNK = 40
REQUESTS_PER_CHUNK = 400
EVALUATION_QUESTIONS_PER_SCHEMA = 2
TYPO_SHARE = 0.04
GENERAL = (draw_mtg, draw_tlp, draw_sentiment, draw_code_review, draw_passage)
_ATTEMPTS = 12  # per wanted question; a schema that yields less is left with less

# Pairs of operators that training never combines; the composition split is made of them.
HELD_OUT_PAIRS = frozenset(
    frozenset(pair)
    for pair in (
        ("filter_starts", "top"),
        ("avg", "or"),
        ("filter_contains", "group_count"),
        ("filter_true", "two_hops"),
        ("hop_in", "sorted"),
        ("filter_ge", "not_exists"),
        ("filter_in", "hop_in"),
        ("filter_between", "count"),
        ("filter_ne", "nodes"),
        ("filter_lt", "most_linked"),
        ("sum", "two_hops"),
        ("distinct", "filter_gt"),
    )
)


class ChunkSpec(NamedTuple):
    """What one chunk is to make."""

    config: DataConfig
    split: Split
    family: Family
    number: int
    contract: Contract
    facts: Facts | None = None  # where the family asks about them


class Chunk(NamedTuple):
    """Rows without final ids, and the graphs of the schemas they use (evaluation splits only)."""

    rows: list[Row]
    graphs: list[SchemaGraphs]


def make_chunk(spec: ChunkSpec) -> Chunk:
    """The examples of one chunk; the same specification gives the same examples on every machine."""
    rng = random.Random(f"{spec.config.seed}/{spec.split}/{spec.family}/{spec.number}")
    if spec.family not in ("cypher_schema", "cypher_plain"):
        return Chunk([_make_row(spec, draft) for draft in _draw(spec, rng) if draft is not None], [])
    rows: list[Row] = []
    graphs: list[SchemaGraphs] = []
    # A held-out split of a few rows needs few schemas; what is made ahead of need is thrown away.
    schemas = SCHEMAS_PER_CHUNK if spec.split == "train" else min(SCHEMAS_PER_CHUNK, spec.config.split_rows)
    for number in range(schemas):
        schema_id = f"{spec.split}-{spec.family}-{spec.number}-{number}"
        made, stored = _make_schema_examples(spec, schema_id, rng)
        rows += made
        if made and spec.split != "train":
            graphs.append(stored)
    return Chunk(rows, graphs)


def _draw(spec: ChunkSpec, rng: random.Random) -> Iterator[Draft | None]:
    """Questions of a family, with None where the dice gave none that fits the split."""
    match spec.family:
        case "action":
            return (_draw_request(spec, rng, number) for number in range(REQUESTS_PER_CHUNK))
        case "operations" if spec.facts is not None:
            questions = list_questions(spec.facts)
            return (draw_operation(questions, spec.split, rng) for _ in range(REQUESTS_PER_CHUNK))
        case "tlp_review" | "cognitive":
            return (_draw_of_pair(spec, number) for number in range(REQUESTS_PER_CHUNK))
        case "code":
            return (draw_code(spec.config, rng, spec.split, number) for number in range(REQUESTS_PER_CHUNK))
        case "general":
            makers = islice(cycle(GENERAL), REQUESTS_PER_CHUNK)
            return (draw_fitting(make, rng, spec.split) for make in makers)
        case _:
            raise UsageError(f"data.shares: no generator makes '{spec.family}' rows.")


def _draw_of_pair(spec: ChunkSpec, number: int) -> Draft | None:
    """One of two questions that are drawn with the same dice and differ in what turns the answer."""
    pair, twin = number // 2, number % 2 == 1
    dice = random.Random(f"{spec.config.seed}/{spec.split}/{spec.family}/{spec.number}/{pair}")
    if spec.family == "tlp_review":
        return draw_review(spec.split, dice, spec.contract, twin=twin)
    return draw_cognitive(list(TASKS)[pair % len(TASKS)], spec.split, dice, twin=twin)


def _draw_request(spec: ChunkSpec, rng: random.Random, number: int) -> Draft | None:
    actions = match_actions(spec.contract)
    name = sorted(actions)[number % len(actions)]
    action = next(each for each in spec.contract.actions if each.name == actions[name])
    phraser = Phraser(rng, held_out=spec.split == "test_phrasing")
    text, params = ask_for_action(name, phraser)
    if spec.split == "test_phrasing" and not phraser.novel:
        return None
    if not params.keys() <= {param.name for param in action.params}:
        return None
    if name != QUERY:  # a query is passed on to the letter
        text = polish(text, rng, question=text.startswith(("what", "how", "which", "is", "are", "can")))
    return Draft(
        category=action.name,
        question=text,
        answer=format_action(action.name, params),
        expected=ActionAnswer(action=action.name, params=params),
        productions=(action.name, *phraser.used),
    )


def _make_schema_examples(spec: ChunkSpec, schema_id: str, rng: random.Random) -> tuple[list[Row], SchemaGraphs]:
    config = spec.config
    words = lexicon.HELD_OUT if spec.split == "test_schema" else lexicon.TRAINING
    schema = sample_schema(words, rng, schema_id, config.max_node_types, config.invented_share)
    graphs: tuple[PropertyGraph, ...] = tuple(sample_graph(schema, rng) for _ in range(config.graphs_per_schema))
    wanted = config.questions_per_schema if spec.split == "train" else EVALUATION_QUESTIONS_PER_SCHEMA
    rows: list[Row] = []
    with ExitStack() as stack:
        engines: list[EmbeddedGraph] = []
        attempts = 0
        while len(rows) < wanted and attempts < wanted * _ATTEMPTS:
            query = sample_query(schema, rng)
            attempts += 1
            if query is None or combines_held_out(query.operators) != (spec.split == "test_composition"):
                continue
            if not engines:  # loading costs more than sampling, and many schemas hold no held-out pair
                engines = [stack.enter_context(EmbeddedGraph(graph)) for graph in graphs]
            phraser = Phraser(rng, held_out=spec.split == "test_phrasing")
            question = _ask(spec, query, phraser)
            if spec.split == "test_phrasing" and not phraser.novel:
                continue
            proof = prove(query, engines)
            if proof is None:
                continue
            text = f"{schema.text}\n\n{question}" if spec.family == "cypher_schema" else question
            cypher = write_cypher(query)
            action, params = spec.contract.query_action, {"cypher": cypher}
            draft = Draft(
                category=query.shape.kind,
                question=text,
                answer=format_action(action, params),
                expected=ActionAnswer(action=action, params=params, cypher=cypher, ordered=query.ordered),
                productions=tuple(phraser.used),
            )
            details = {"schema_id": schema_id, "skeleton": query.skeleton, "operators": query.operators, "proof": proof}
            rows.append(_make_row(spec, draft).model_copy(update=details))
    return rows, SchemaGraphs(schema_id=schema_id, schema_text=schema.text, graphs=graphs)


def combines_held_out(operators: tuple[str, ...]) -> bool:
    """Whether a query's operators hold a pair that training never combines."""
    return any(pair <= set(operators) for pair in HELD_OUT_PAIRS)


def _ask(spec: ChunkSpec, query: Query, phraser: Phraser) -> str:
    literal = spec.family == "cypher_plain"
    text, is_question = ask(query, phraser, LiteralNames(phraser) if literal else NaturalNames(phraser))
    text = " ".join(text.split())
    if not literal and phraser.rng.random() < TYPO_SHARE:
        text = add_typo(text, protected_words(query), phraser.rng)
    return polish(text, phraser.rng, question=is_question)


def _make_row(spec: ChunkSpec, draft: Draft) -> Row:
    turns = (Message(role="user", content=draft.question), Message(role="assistant", content=draft.answer))
    return Row(
        id="",
        family=spec.family,
        split=spec.split,
        prompt=draft.prompt or spec.config.prompt,
        messages=(*draft.history, *turns),
        expected=draft.expected,
        category=draft.category,
        source=draft.source,
        productions=draft.productions,
    )
