"""Which questions a model is asked: a draw from a data set's held-out splits, or all of a user's own."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cypher.graph import GRAPHS, PropertyGraph, SchemaGraphs, read_graphs
from cypher.schema import GraphSchema, read_schema
from eval.suite import SuiteRow, read_suite
from heimdall.answers import Answer
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from heimdall.rows import ALONE, FAMILIES, Family, Found, Message, Prompt, Row, read_rows
from nornicdb.contract import Contract
from nornicdb.prompts import SYSTEM_PROMPTS

# NornicDB shuffles the action list for every request. A few shuffles, asked one after the other, keep that
# variation while each system prompt is decoded only once.
ORDERS = 8
# Rows of a slice whose expected answer is scored: enough for a narrow interval, and scoring costs as much as asking.
PERPLEXITY_ROWS = 50


class Question(NamedTuple):
    """A row of a data set or suite, the prompt and the shuffle of the action list that it is asked under, what else is
    done with it (its answer scored, timed, constrained), its graphs and their schema, by which a query can be
    repaired. `further`: it is asked once more, under another prompt than the usual one or `alone`, without what was
    said before it or found for it."""

    id: str
    row: Row | SuiteRow
    prompt: Prompt
    order: int
    scored: bool
    timed: bool
    constrained: bool
    graphs: Sequence[PropertyGraph]
    schema: GraphSchema | None = None
    further: bool = False
    alone: bool = False

    @property
    def turns(self) -> Sequence[Message]:
        """What is said before the answer."""
        turns = self.row.messages[:-1]
        return turns[-1:] if self.alone else turns

    @property
    def knowledge(self) -> Sequence[Found]:
        """What NornicDB has found for it."""
        return self.row.knowledge if isinstance(self.row, Row) and not self.alone else ()

    @property
    def accepted(self) -> tuple[Answer, ...]:
        """The answers that are right."""
        return self.row.accepted if isinstance(self.row, SuiteRow) else (self.row.expected,)

    @property
    def fault(self) -> str | None:
        """Why no reply to it can be judged, in words; None where that can be done."""
        return self.row.fault if isinstance(self.row, SuiteRow) else None


def plan_questions(dataset_dir: Path, config: EvalConfig, prompt: Prompt) -> list[Question]:
    """Draws up to `config.rows_per_slice` rows of each family and split, in the order in which they are asked.

    Requests for actions are asked under each of `config.further_prompts` as well, `config.further_rows` a split, and as
    many of the questions that need what was said before or was found are asked without it. The draw depends only on the
    seed and the rows, so two models are asked the same questions. Slices are mixed, so that the running accuracy means
    something. Raises `InputError` for a broken data set.
    """
    questions = []
    graphs = read_graphs(dataset_dir / GRAPHS)
    for split in config.splits:
        by_family: dict[str, list[Row]] = defaultdict(list)
        path = dataset_dir / f"{split}.jsonl"
        for row in read_rows(path) if path.is_file() else ():
            by_family[row.family].append(row)
        for family in FAMILIES:
            rows = by_family[family]
            drawn = random.Random(f"{config.seed}/{family}/{split}").sample(rows, min(config.rows_per_slice, len(rows)))
            questions += [
                make_question(row, i, prompt, config, *_find_graphs(row, graphs)) for i, row in enumerate(drawn)
            ]
            if family == "action":
                questions += _ask_further(drawn[: config.further_rows], prompt, config)
            if family in ALONE:
                questions += _ask_alone(drawn[: config.further_rows], prompt, config, graphs)
    if not questions:
        raise InputError(f"'{dataset_dir}' has no row in {', '.join(config.splits)}; generate the data set again.")
    return _order(questions, config)


def plan_suite(
    path: Path,
    contract: Contract,
    config: EvalConfig,
    prompt: Prompt,
    seeded: Mapping[str, SchemaGraphs] | None = None,
) -> list[Question]:
    """Takes every question of a suite, ordered like `plan_questions`. Raises `InputError` naming the broken line.

    `seeded` are graphs for rows that bring none, by the row's id.
    """
    by_family: dict[Family, list[SuiteRow]] = defaultdict(list)
    for row in read_suite(path, contract):
        by_family[row.family].append(row)
    found = {name: each.graphs for name, each in (seeded or {}).items()}
    questions = [
        make_question(row, i, prompt, config, row.graphs or found.get(row.id, ()), row.graph_schema)
        for rows in by_family.values()
        for i, row in enumerate(rows)
    ]
    return _order(questions, config)


def make_question(
    row: Row | SuiteRow,
    index: int,
    prompt: Prompt,
    config: EvalConfig,
    graphs: Sequence[PropertyGraph],
    schema: GraphSchema | None,
) -> Question:
    """The question of a slice with this index. Rows that bring no system prompt keep it so."""
    asked: Prompt = row.prompt if isinstance(row, Row) and row.prompt not in SYSTEM_PROMPTS else prompt
    return Question(
        row.id,
        row,
        asked,
        index % ORDERS if asked not in ("chat", "raw") else 0,
        index < PERPLEXITY_ROWS,
        index < config.timed_rows,
        index < config.constrained_rows,
        graphs,
        schema,
    )


def _ask_further(rows: Sequence[Row], prompt: Prompt, config: EvalConfig) -> list[Question]:
    return [
        # All under one order: what these slices show is the prompt, and each order of a long one costs its decoding.
        Question(f"{row.id}@{further}", row, further, 0, False, i < config.timed_rows, False, (), further=True)
        for further in config.further_prompts
        if further != prompt
        for i, row in enumerate(rows)
    ]


def _ask_alone(
    rows: Sequence[Row], prompt: Prompt, config: EvalConfig, graphs: Mapping[str, SchemaGraphs]
) -> list[Question]:
    """Knowledge is in the full prompt only, so what it adds shows beside that."""
    asked: list[tuple[Row, Prompt]] = [(row, "full" if row.prompt == "knowledge" else prompt) for row in rows]
    return [
        Question(f"{row.id}@alone", row, under, 0, False, False, False, *_find_graphs(row, graphs), True, True)
        for row, under in asked
    ]


def _order(questions: list[Question], config: EvalConfig) -> list[Question]:
    random.Random(config.seed).shuffle(questions)
    return sorted(questions, key=lambda question: (question.prompt, question.order))


def _find_graphs(row: Row, graphs: Mapping[str, SchemaGraphs]) -> tuple[Sequence[PropertyGraph], GraphSchema | None]:
    if row.query is None or row.schema_id is None:
        return (), None
    if row.schema_id not in graphs:
        raise InputError(f"Row '{row.id}' needs schema '{row.schema_id}', which graphs.jsonl does not hold.")
    return graphs[row.schema_id].graphs, read_schema(graphs[row.schema_id].schema_text)
