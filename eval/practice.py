"""Training questions that a model is asked while it still learns: with small graphs, so that its answers can be judged.

Preference pairs and rewards come from here and from nothing else. Only training rows are read, never a held-out split.
"""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cypher.compare import same_result
from cypher.graph import GRAPHS, PropertyGraph, SchemaGraphs, read_graphs
from cypher.notations import read_any_schema
from cypher.run import CypherError, EmbeddedGraph, Limits
from cypher.schema import GraphSchema
from cypher.seeding import Seeding, seed_graphs
from cypher.worker import Begin
from eval.judging import Outcome
from eval.questions import Question, make_question
from eval.seeded import SeedJob, seed_jobs
from heimdall.answers import ActionAnswer, CodeAnswer, QueryAnswer
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from heimdall.progress import Progress
from heimdall.records import write_records
from heimdall.refs import Record
from heimdall.rows import Prompt, Row, read_rows

QUESTIONS = "questions.jsonl"
# A right answer may be spelt at more length than the expected one, but not be hidden in a list of guesses.
_MOST_LENGTHS, _MOST_MORE = 2, 40


class PracticeSummary(Record):
    """How many questions were drawn, how many of them have a query with graphs, and why rows were left out."""

    questions: int
    with_graphs: int
    left_out: dict[str, int]


class _Candidate(NamedTuple):
    row: Row
    job: SeedJob | None  # where graphs are needed


def draw_practice(dataset: Path, count: int, seed: int, workers: int, out: Path, progress: Progress) -> PracticeSummary:
    """Draws up to `count` training rows whose answers can be judged, and writes them with graphs for their queries.

    Graphs are made as for a suite that brings none (`cypher.seeding`). A question whose right answer is the same on
    all of its graphs is left out: a query that returns that constant would be right as well. Raises `InputError` where
    no row is left.
    """
    rows = list(read_rows(dataset / "train.jsonl"))
    random.Random(f"{seed}/practice").shuffle(rows)
    left_out: Counter[str] = Counter()
    candidates: list[_Candidate] = []
    for row in rows:
        if len(candidates) == count:
            break
        found = _consider(row)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            candidates.append(found)
    jobs = [candidate.job for candidate in candidates if candidate.job is not None]
    seedings = seed_jobs(jobs, seed, workers, progress, _seed_varied)
    kept: list[Row] = []
    graphs: list[SchemaGraphs] = []
    for row, job in candidates:
        if job is None:
            kept.append(row)
            continue
        seeding = next(seedings)
        if seeding.graphs:
            kept.append(row)
            graphs.append(SchemaGraphs(schema_id=row.id, schema_text="", graphs=seeding.graphs))
        else:
            left_out[f"no graphs: {seeding.reason}"] += 1
    if not kept:
        raise InputError(f"No row of '{dataset / 'train.jsonl'}' can be practised: no answer to one could be judged.")
    write_records(out / GRAPHS, graphs)
    write_records(out / QUESTIONS, kept)
    return PracticeSummary(questions=len(kept), with_graphs=len(graphs), left_out=dict(left_out.most_common()))


def plan_practice(directory: Path, count: int, config: EvalConfig, prompt: Prompt) -> list[Question]:
    """The first `count` questions of what `draw_practice` wrote, asked as the evaluation asks its own."""
    graphs = read_graphs(directory / GRAPHS)
    rows = list(read_rows(directory / QUESTIONS))[:count]
    return [
        make_question(row, index, prompt, config, graphs[row.id].graphs if row.id in graphs else (), None)
        for index, row in enumerate(rows)
    ]


def reward_answer(reply: str, *, ended: bool, outcome: Outcome, expected: str) -> float:
    """1 for a right answer that ends by itself and holds little else than what was expected, 0 for any other.

    There is nothing in between, for JSON that is valid or a query that parses: a part of the reward that is cheap to
    get is what a model learns to get. What could not be judged gets nothing either.
    """
    bare = len(reply) <= _MOST_LENGTHS * len(expected) + _MOST_MORE
    return float(outcome.judgement == "right" and ended and bare)


def _consider(row: Row) -> _Candidate | str:
    """The row with what it needs to be judged, or why it cannot be."""
    expected = row.expected
    if isinstance(expected, CodeAnswer):
        return "code is not run"
    if not isinstance(expected, ActionAnswer | QueryAnswer) or expected.cypher is None:
        return _Candidate(row, None)
    try:
        schema = read_any_schema(row.question.partition("\n\n")[0])
    except InputError:
        return "no schema that is known in the question"
    return _Candidate(row, SeedJob(expected.cypher, schema, expected.ordered))


def _seed_varied(begin: Begin, query: str, schema: GraphSchema, ordered: bool, seed: int) -> Seeding:
    """`seed_graphs`, without the graphs if the right answer is the same on all of them."""
    seeding = seed_graphs(begin, query, schema, ordered, seed)
    if not seeding.graphs:
        return seeding
    begin("running the right query")
    try:
        varied = _is_varied(query, seeding.graphs)
    except CypherError as error:  # it ran before, so a limit was met
        return Seeding((), reason=str(error))
    return seeding if varied else Seeding((), reason="its answer is the same on every graph")


def _is_varied(query: str, graphs: Sequence[PropertyGraph]) -> bool:
    results = []
    for graph in graphs:
        with EmbeddedGraph(graph) as engine:
            results.append(engine.run(query, Limits()))
    return any(not same_result(results[0], other, ordered=True) for other in results[1:])
