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
from eval.suite import SuiteRow, read_suite
from heimdall.config import EvalConfig
from heimdall.errors import InputError
from heimdall.progress import Progress
from heimdall.refs import Record, Slice
from heimdall.rows import Expected, Family, Prompt, Row, read_rows
from nornicdb.batching import BatchDecoder
from nornicdb.contract import Contract
from nornicdb.grammar import Grammar, build_grammar, follows_grammar
from nornicdb.prompts import build_system_prompt, render_chatml
from nornicdb.replies import Reply, read_reply
from nornicdb.runtime import Completion, LocalModel

EXAMPLES = "examples.jsonl"
# NornicDB shuffles the action list for every request. A few shuffles, asked one after the other, keep that
# variation while each system prompt is decoded only once.
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
    """A row of a data set or suite, which shuffle of the action list it is asked under, what else is done with it (its
    answer scored, timed, constrained), its graphs and their schema, by which a query can be repaired."""

    row: Row | SuiteRow
    order: int
    scored: bool
    timed: bool
    constrained: bool
    graphs: Sequence[PropertyGraph]
    schema: GraphSchema | None = None


class Model(Protocol):
    """What is needed of the model by itself."""

    def tokenize(self, text: str) -> list[int]: ...
    def complete(self, prompt: str | list[int], max_tokens: int, *, fresh: bool = False) -> Completion: ...


class Batch(Protocol):
    """What is needed of the decoding side by side."""

    def complete(
        self, prompts: Sequence[list[int]], max_tokens: int, grammar: Grammar | None = None
    ) -> Iterator[tuple[int, Completion]]: ...
    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[int, list[float]]]: ...


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
    questions: Sequence[Question],
    contract: Contract,
    prompt: Prompt,
    config: EvalConfig,
    out_dir: Path,
    progress: Progress,
) -> EvalSummary:
    """Scores a GGUF file on planned questions and writes `examples.jsonl` into `out_dir`.

    Nothing is written before the last question is judged. Raises `InputError` for a file that cannot be read,
    `EngineError` when llama.cpp or the judge fails.
    """
    systems = [
        build_system_prompt(contract, prompt, random.Random(f"{config.seed}/order/{order}")) for order in range(ORDERS)
    ]
    examples = []
    with (
        LocalModel(model, context_size=config.context_size, threads=config.threads) as runtime,
        BatchDecoder(runtime) as batch,
        Grammar(build_grammar(contract), runtime) as grammar,
        Judge() as judge,
    ):
        right = 0
        for example in ask_questions(questions, systems, contract, config, runtime, batch, grammar, judge):
            examples.append(example)
            right += example.judgement == "right"
            progress(len(examples), len(questions), f"{right / len(examples):.0%} right")
    place = {question.row.id: index for index, question in enumerate(questions)}
    examples.sort(key=lambda example: place[example.id])
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
            questions += [_make_question(row, i, config, *_find_graphs(row, graphs)) for i, row in enumerate(drawn)]
    if not questions:
        raise InputError(f"'{dataset_dir}' has no row in {', '.join(config.splits)}; generate the data set again.")
    return _group_by_order(questions, config)


def plan_suite(path: Path, contract: Contract, config: EvalConfig) -> list[Question]:
    """Takes every question of a suite, grouped like `plan_questions`. Raises `InputError` naming the broken line."""
    by_family: dict[Family, list[SuiteRow]] = defaultdict(list)
    for row in read_suite(path, contract):
        by_family[row.family].append(row)
    questions = [
        _make_question(row, i, config, row.graphs, row.graph_schema)
        for rows in by_family.values()
        for i, row in enumerate(rows)
    ]
    return _group_by_order(questions, config)


def _make_question(
    row: Row | SuiteRow, index: int, config: EvalConfig, graphs: Sequence[PropertyGraph], schema: GraphSchema | None
) -> Question:
    """The question of a slice with this index."""
    return Question(
        row,
        index % ORDERS,
        index < PERPLEXITY_ROWS,
        index < config.timed_rows,
        index < config.constrained_rows,
        graphs,
        schema,
    )


def _group_by_order(questions: list[Question], config: EvalConfig) -> list[Question]:
    random.Random(config.seed).shuffle(questions)
    return sorted(questions, key=lambda question: question.order)


def ask_questions(
    questions: Sequence[Question],
    systems: Sequence[str],
    contract: Contract,
    config: EvalConfig,
    model: Model,
    batch: Batch,
    grammar: Grammar | None,
    judge: Judging,
) -> Iterator[Example]:
    """Asks the questions of each system prompt side by side (`systems` holds that of each order), and yields them as
    their answers come. Without a grammar nothing is constrained."""
    limits = Limits(time_ms=config.time_limit_ms, rows=config.row_limit)
    for order, system in enumerate(systems):
        asked = [question for question in questions if question.order == order]
        texts = [render_chatml(system, question.row.messages[:-1]) for question in asked]
        prompts = [model.tokenize(text) for text in texts]
        scored = [index for index, question in enumerate(asked) if question.scored]
        pairs = [(prompts[i], _tokenize_answer(model, prompts[i], texts[i], asked[i].row.answer)) for i in scored]
        losses = {scored[number]: values for number, values in batch.score(pairs)}
        pending: dict[int, Example] = {}  # free answers that the grammar does not allow
        for index, completion in batch.complete(prompts, config.max_tokens):
            question = asked[index]
            # Answered once more as NornicDB does it, by itself and with nothing kept: the same answer, and its time.
            alone = model.complete(prompts[index], config.max_tokens, fresh=True) if question.timed else None
            example = _judge_answer(question, completion, alone, losses.get(index), contract, judge, limits)
            if grammar is None or not question.constrained:
                yield example
            elif follows_grammar(grammar, completion.tokens, completion.end_token):
                # Then constrained decoding would choose the very same tokens.
                yield example.model_copy(update=_name_constrained(example, None))
            else:
                pending[index] = example
        waiting = list(pending)
        for number, completion in batch.complete([prompts[i] for i in waiting], config.max_tokens, grammar):
            index = waiting[number]
            example = _judge_answer(asked[index], completion, None, None, contract, judge, limits)
            yield pending[index].model_copy(update=_name_constrained(example, completion.text))


def _name_constrained(example: Example, reply: str | None) -> dict[str, object]:
    """What an answer under the grammar adds to the free one; the reply is null where it is the free one."""
    return {
        "constrained": example.judgement,
        "constrained_json_valid": example.json_valid,
        "constrained_action": example.action,
        "constrained_reply": reply,
    }


def _judge_answer(
    question: Question,
    completion: Completion,
    alone: Completion | None,
    losses: list[float] | None,
    contract: Contract,
    judge: Judging,
    limits: Limits,
) -> Example:
    row, graphs = question.row, question.graphs
    reply = read_reply(completion.text, contract)
    outcome = judge_reply(row, reply, graphs, judge, limits)
    repaired = judge_repaired(row, reply, outcome, graphs, question.schema, judge, limits)
    return Example(
        id=row.id,
        family=row.family,
        split=row.split,
        order=question.order,
        question=row.question,
        schema_id=row.schema_id,
        expected=row.answer,
        expected_action=row.expected.action,
        other_actions=tuple(other.action for other in row.accepted[1:]) if isinstance(row, SuiteRow) else (),
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
        first_token_ms=None if alone is None else alone.first_token_ms,
        total_ms=None if alone is None else alone.total_ms,
        nll=None if losses is None else -sum(losses),
        nll_tokens=None if losses is None else len(losses),
    )


def judge_reply(
    row: Row | SuiteRow, reply: Reply, graphs: Sequence[PropertyGraph], judge: Judging, limits: Limits
) -> Outcome:
    """Judges one reply: the action by name, parameters by equality, a query by what it returns on every graph.

    A query counts as parsing only in a reply that would run it.
    """
    expected = _choose_expected(row, reply)
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


def _choose_expected(row: Row | SuiteRow, reply: Reply) -> Expected:
    """The expected answer; of several accepted ones that which is nearest to the reply."""
    if isinstance(row, Row):
        return row.expected
    named = [expected for expected in row.accepted if expected.action == reply.action]
    same = [expected for expected in named if same_json(expected.params, reply.params)]
    return [*same, *named, row.expected][0]


def judge_repaired(
    row: Row | SuiteRow,
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


def _tokenize_answer(model: Model, tokens: list[int], prompt: str, answer: str) -> list[int]:
    """The tokens of the expected answer and of the end of its turn.

    The text is tokenised whole and cut where the prompt ends, as tokenising the answer alone could add a first token.
    """
    return model.tokenize(prompt + answer + _TURN_END)[len(tokens) :]
