"""Questions the file that ships: every answer comes out of llama.cpp, greedily, under NornicDB's own prompt.

Each reply is read as NornicDB reads it and judged: parameters by equality, Cypher by execution on the graphs of its
schema. What cannot be judged is counted on its own, neither right nor wrong.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from cypher.canonical import canonicalize
from cypher.graph import PropertyGraph, SchemaGraphs, read_graphs
from cypher.judge import Judge, Judgement
from cypher.parse import check_syntax
from cypher.repair import repair
from cypher.run import Limits
from cypher.schema import GraphSchema, read_schema
from eval.metrics import FAMILIES, Example, Judged, same_json, score_examples, write_examples
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from heimdall.progress import Progress
from heimdall.refs import Record, Slice
from heimdall.rows import Prompt, Row, read_rows
from nornicdb.contract import Contract
from nornicdb.prompts import build_system_prompt, render_chatml
from nornicdb.replies import Reply, read_reply
from nornicdb.runtime import Completion, LocalModel

EXAMPLES = "examples.jsonl"
# NornicDB shuffles the action list for every request. A few shuffles, asked one after the other, keep that
# variation while the runtime decodes each system prompt only once.
ORDERS = 8
# Rows of a slice whose expected answer is scored: enough for a narrow interval, and scoring costs as much as asking.
PERPLEXITY_ROWS = 50
_TURN_END = "<|im_end|>"


class EvalSummary(Record):
    """The scores of every slice that has rows; `examples` names the file beside them with each question and answer."""

    slices: tuple[Slice, ...]
    questions: int
    examples: str = EXAMPLES


class Question(NamedTuple):
    """A sampled row, which shuffle of the action list it is asked under, whether its answer is scored, its graphs and
    their schema, by which a query can be repaired."""

    row: Row
    order: int
    scored: bool
    graphs: Sequence[PropertyGraph]
    schema: GraphSchema | None = None


class Answerer(Protocol):
    """What is needed of the runtime."""

    def tokenize(self, text: str) -> list[int]: ...
    def complete(self, prompt: str | list[int], max_tokens: int) -> Completion: ...
    def score(self, prompt: list[int], completion: list[int]) -> list[float]: ...


class Judging(Protocol):
    """What is needed of the judge."""

    def judge(
        self, gold: str, predicted: str, graphs: Sequence[PropertyGraph], *, ordered: bool, limits: Limits
    ) -> Judgement: ...


class Outcome(NamedTuple):
    """How one reply was judged; `parses` is None where no Cypher was expected."""

    judgement: Judged
    reason: str
    parses: bool | None
    exact: bool


def evaluate_gguf(
    model: Path,
    dataset_dir: Path,
    contract: Contract,
    prompt: Prompt,
    config: EvalConfig,
    out_dir: Path,
    progress: Progress,
) -> EvalSummary:
    """Scores a GGUF file on the splits of a data set and writes `examples.jsonl` into `out_dir`.

    Nothing is written before the last question is judged. Raises `InputError` for a file or row that cannot be read,
    `EngineError` when llama.cpp or the judge fails.
    """
    questions = plan_questions(dataset_dir, config)
    systems = [
        build_system_prompt(contract, prompt, random.Random(f"{config.seed}/order/{order}")) for order in range(ORDERS)
    ]
    examples = []
    with LocalModel(model, context_size=config.context_size, threads=config.threads) as runtime, Judge() as judge:
        right = 0
        for example in ask_questions(questions, systems, contract, config, runtime, judge):
            examples.append(example)
            right += example.judgement == "right"
            progress(len(examples), len(questions), f"{right / len(examples):.0%} right")
    write_examples(out_dir / EXAMPLES, examples)
    return EvalSummary(slices=score_examples(examples, config.seed), questions=len(examples))


def plan_questions(dataset_dir: Path, config: EvalConfig) -> list[Question]:
    """Draws up to `config.rows_per_slice` rows of each family and split, grouped by the order they are asked under.

    The draw depends only on the seed and the rows, so two models are asked the same questions. Slices are mixed
    within an order, so that the running accuracy means something. Raises `InputError` for a broken data set.
    """
    questions = []
    graphs = read_graphs(dataset_dir / "graphs.jsonl")
    for split in config.splits:
        by_family: dict[str, list[Row]] = defaultdict(list)
        for row in read_rows(dataset_dir / f"{split}.jsonl"):
            by_family[row.family].append(row)
        for family in FAMILIES:
            rows = by_family[family]
            drawn = random.Random(f"{config.seed}/{family}/{split}").sample(rows, min(config.rows_per_slice, len(rows)))
            questions += [
                Question(row, i % ORDERS, i < PERPLEXITY_ROWS, *_find_graphs(row, graphs))
                for i, row in enumerate(drawn)
            ]
    if not questions:
        raise InputError(f"'{dataset_dir}' has no row in {', '.join(config.splits)}; generate the data set again.")
    random.Random(config.seed).shuffle(questions)
    return sorted(questions, key=lambda question: question.order)


def ask_questions(
    questions: Sequence[Question],
    systems: Sequence[str],
    contract: Contract,
    config: EvalConfig,
    runtime: Answerer,
    judge: Judging,
) -> Iterator[Example]:
    """Asks one question after the other; `systems` holds the system prompt of each order."""
    limits = Limits(time_ms=config.time_limit_ms, rows=config.row_limit)
    for row, order, scored, graphs, schema in questions:
        prompt = render_chatml(systems[order], row.messages[:-1])
        tokens = runtime.tokenize(prompt)
        completion = runtime.complete(tokens, config.max_tokens)
        reply = read_reply(completion.text, contract)
        outcome = judge_reply(row, reply, graphs, judge, limits)
        repaired = judge_repaired(row, reply, outcome, graphs, schema, judge, limits)
        losses = _score_answer(runtime, tokens, prompt, row.answer) if scored else None
        yield Example(
            id=row.id,
            family=row.family,
            split=row.split,
            order=order,
            question=row.question,
            schema_id=row.schema_id,
            expected=row.answer,
            expected_action=row.expected.action,
            reply=completion.text,
            action=reply.action,
            json_valid=reply.json_valid,
            stopped=completion.stopped,
            parses=outcome.parses,
            exact=outcome.exact,
            judgement=outcome.judgement,
            repaired=repaired,
            reason=outcome.reason,
            prompt_tokens=completion.prompt_tokens,
            tokens=len(completion.tokens) + (completion.stopped == "eog"),
            first_token_ms=completion.first_token_ms,
            total_ms=completion.total_ms,
            nll=None if losses is None else -sum(losses),
            nll_tokens=None if losses is None else len(losses),
        )


def judge_reply(row: Row, reply: Reply, graphs: Sequence[PropertyGraph], judge: Judging, limits: Limits) -> Outcome:
    """Judges one reply: the action by name, parameters by equality, a query by what it returns on every graph.

    A query counts as parsing only in a reply that would run it.
    """
    expected = row.expected
    if reply.action != expected.action:
        said = reply.problem or f"action '{reply.action}' instead of '{expected.action}'"
        return Outcome("wrong", said, parses=None if expected.cypher is None else False, exact=False)
    if expected.cypher is None:
        same = same_json(reply.params, expected.params)
        return Outcome("right" if same else "wrong", "as expected" if same else "other parameters", None, same)
    query = reply.params.get("cypher")
    if not isinstance(query, str):
        return Outcome("wrong", "params.cypher is not a text", parses=False, exact=False)
    problem = check_syntax(query)
    if canonicalize(query) == canonicalize(expected.cypher):
        return Outcome("right", "as expected", parses=problem is None, exact=True)
    if problem is not None:
        return Outcome("wrong", f"does not parse: {problem.message}", parses=False, exact=False)
    if not graphs:
        return Outcome("not_judged", "there is no graph to run it on", parses=True, exact=False)
    judgement = judge.judge(expected.cypher, query, graphs, ordered=expected.ordered, limits=limits)
    return Outcome(judgement.status, judgement.reason, parses=True, exact=False)


def judge_repaired(
    row: Row,
    reply: Reply,
    outcome: Outcome,
    graphs: Sequence[PropertyGraph],
    schema: GraphSchema | None,
    judge: Judging,
    limits: Limits,
) -> Judged | None:
    """How the reply is judged if its query is repaired first, right or not; None where no query was expected."""
    if row.expected.cypher is None:
        return None
    query = reply.params.get("cypher")
    if reply.action != row.expected.action or not isinstance(query, str) or schema is None:
        return outcome.judgement
    repaired = repair(query, schema)
    if not repaired.changes:
        return outcome.judgement
    changed = reply.model_copy(update={"params": {**reply.params, "cypher": repaired.query}})
    return judge_reply(row, changed, graphs, judge, limits).judgement


def _find_graphs(row: Row, graphs: Mapping[str, SchemaGraphs]) -> tuple[Sequence[PropertyGraph], GraphSchema | None]:
    if row.expected.cypher is None or row.schema_id is None:
        return (), None
    if row.schema_id not in graphs:
        raise InputError(f"Row '{row.id}' needs schema '{row.schema_id}', which graphs.jsonl does not hold.")
    return graphs[row.schema_id].graphs, read_schema(graphs[row.schema_id].schema_text)


def _score_answer(runtime: Answerer, tokens: list[int], prompt: str, answer: str) -> list[float]:
    """Log-probabilities of the expected answer and of the token that ends the turn.

    The text is tokenised whole and cut where the prompt ends, as tokenising the answer alone could add a first token.
    """
    return runtime.score(tokens, runtime.tokenize(prompt + answer + _TURN_END)[len(tokens) :])
