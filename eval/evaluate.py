"""Questions a model greedily under NornicDB's own prompt: the file that ships, through llama.cpp, or a Hugging Face
directory, through transformers.

Each reply is read as NornicDB reads it and judged: parameters by equality, Cypher by execution on the graphs of its
schema. What cannot be judged is counted on its own, neither right nor wrong.
"""

import contextlib
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol

from cypher.judge import Judge
from cypher.run import Limits
from eval.constrained import Grammars, add_constrained
from eval.judging import Bench, Outcome, is_refusal, judge_repaired, judge_reply
from eval.metrics import Example, score_examples
from eval.questions import Question
from eval.suite import SuiteRow
from eval.transformers_model import TransformersBatch, TransformersModel
from heimdall.answers import ActionAnswer
from heimdall.config import EvalConfig
from heimdall.progress import Progress
from heimdall.records import write_records
from heimdall.refs import Record, Slice
from nornicdb.batching import BatchDecoder
from nornicdb.contract import Contract
from nornicdb.grammar import Grammar, follows_grammar
from nornicdb.memory import measure_memory
from nornicdb.prompts import CONTROL_TOKENS, cut_prompt, render_prompt
from nornicdb.runtime import Completion, LocalModel

EXAMPLES = "examples.jsonl"
_TURN_END = CONTROL_TOKENS[2]


class EvalSummary(Record):
    """The scores of every slice that has rows; `examples` names the file beside them with each question and answer,
    `memory_bytes` is what `nornicdb.memory` measured, null for a directory. `notes` say what a reader of the scores
    must know of the model.
    """

    slices: tuple[Slice, ...]
    questions: int
    memory_bytes: int | None
    examples: str = EXAMPLES
    notes: tuple[str, ...] = ()


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


def evaluate_model(
    model: Path,
    questions: Sequence[Question],
    contract: Contract,
    config: EvalConfig,
    out_dir: Path,
    progress: Progress,
) -> EvalSummary:
    """Scores a GGUF file or a Hugging Face directory on planned questions and writes `examples.jsonl` into `out_dir`.

    Nothing is written before the last question is judged, and a directory's answers are never under a grammar. Raises
    `InputError` for a model that cannot be read, `EngineError` when llama.cpp or the judge fails.
    """
    limits = Limits(time_ms=config.time_limit_ms, rows=config.row_limit)
    memory = None
    if model.is_file():  # before the file is loaded here, where a crash would take everything with it
        prompt = render_question(questions[0], contract, config.seed)
        memory = measure_memory(model, prompt, context_size=config.context_size, threads=config.threads)
    with Judge() as judge, _open_model(model, contract, config) as (runtime, batch, grammars):
        bench = Bench(contract, judge, limits)
        examples = collect(ask_questions(questions, config, bench, runtime, batch, grammars), len(questions), progress)
        notes = runtime.notes if isinstance(runtime, TransformersModel) else ()
    place = {question.id: index for index, question in enumerate(questions)}
    examples.sort(key=lambda example: place[example.id])
    write_records(out_dir / EXAMPLES, examples)
    slices = score_examples(examples, config.seed)
    return EvalSummary(slices=slices, questions=len(examples), memory_bytes=memory, notes=notes)


@contextlib.contextmanager
def _open_model(model: Path, contract: Contract, config: EvalConfig) -> Iterator[tuple[Model, Batch, Grammars | None]]:
    """The model by itself and side by side, with the grammars of its answers where it can be asked under one."""
    if model.is_dir():
        with TransformersModel(model, context_size=config.context_size, threads=config.threads) as theirs:
            yield theirs, TransformersBatch(theirs), None
        return
    with (
        LocalModel(model, context_size=config.context_size, threads=config.threads) as runtime,
        BatchDecoder(runtime) as batch,
        Grammars(contract, runtime) as grammars,
    ):
        yield runtime, batch, grammars


def collect(asked: Iterator[Example], total: int, progress: Progress) -> list[Example]:
    """All examples, with the running accuracy shown."""
    examples: list[Example] = []
    right = 0
    for example in asked:
        examples.append(example)
        right += example.judgement == "right"
        progress(len(examples), total, f"{right / len(examples):.0%} right")
    return examples


def render_question(question: Question, contract: Contract, seed: int) -> str:
    """The whole text that the model gets, the prompt's actions in the question's order."""
    order = random.Random(f"{seed}/order/{question.order}")
    return render_prompt(contract, question.prompt, order, question.turns, question.knowledge)


def ask_questions(
    questions: Sequence[Question],
    config: EvalConfig,
    bench: Bench,
    model: Model,
    batch: Batch,
    grammars: Grammars | None,
) -> Iterator[Example]:
    """Asks the questions of each system prompt side by side, and yields them as their answers come.

    Questions of one prompt and order must stand together. Without grammars nothing is constrained.
    """
    for (prompt, _), group in groupby(questions, key=lambda question: (question.prompt, question.order)):
        asked = list(group)
        texts = [render_question(question, bench.contract, config.seed) for question in asked]
        whole = [model.tokenize(text) for text in texts]
        prompts = [cut_prompt(tokens) for tokens in whole] if prompt == "tail" else whole
        left = [i for i, question in enumerate(asked) if _is_too_long(question, len(prompts[i]), config)]
        yield from (_leave_out(asked[i], len(prompts[i]), bench, config) for i in left)
        for i in reversed(left):
            del asked[i], texts[i], prompts[i]
            if whole is not prompts:
                del whole[i]
        scored = [index for index, question in enumerate(asked) if question.scored]
        pairs = [(prompts[i], tokenize_answer(model, whole[i], texts[i], asked[i].row.answer)) for i in scored]
        losses = {scored[number]: values for number, values in batch.score(pairs)}
        pending: dict[Grammar, dict[int, Example]] = defaultdict(dict)  # free answers that their grammar does not allow
        for index, completion in batch.complete(prompts, config.max_tokens):
            question = asked[index]
            # Answered once more as NornicDB does it, by itself and with nothing kept: the same answer, and its time.
            alone = model.complete(prompts[index], config.max_tokens, fresh=True) if question.timed else None
            example = _make_example(question, completion, alone, losses.get(index), bench)
            grammar = grammars.find(question) if grammars is not None and question.constrained else None
            if grammar is None:
                yield example
            elif follows_grammar(grammar, completion.tokens, completion.end_token):
                # Then constrained decoding would choose the very same tokens.
                yield add_constrained(example, None)
            else:
                pending[grammar][index] = example
        for grammar, free in pending.items():
            waiting = list(free)
            for number, completion in batch.complete([prompts[i] for i in waiting], config.max_tokens, grammar):
                index = waiting[number]
                yield add_constrained(free[index], _make_example(asked[index], completion, None, None, bench))


def _is_too_long(question: Question, tokens: int, config: EvalConfig) -> bool:
    """A suite's schemas may be longer than the context; the rest of the suite must not suffer from that."""
    return isinstance(question.row, SuiteRow) and tokens + config.max_tokens > config.context_size


def _leave_out(question: Question, tokens: int, bench: Bench, config: EvalConfig) -> Example:
    nothing = Completion(
        text="", tokens=(), prompt_tokens=tokens, reused_tokens=0, first_token_ms=0.0, total_ms=0.0, stopped="limit"
    )
    reason = f"its prompt of {tokens} tokens leaves no room for an answer in a context of {config.context_size}"
    example = _make_example(question, nothing, None, None, bench)
    return example.model_copy(
        update={"judgement": "not_judged", "repaired": "not_judged", "reason": reason, "exact": None, "parses": None}
    )


def _make_example(
    question: Question, completion: Completion, alone: Completion | None, losses: list[float] | None, bench: Bench
) -> Example:
    row, accepted, graphs = question.row, question.accepted, question.graphs
    outcome: Outcome = judge_reply(completion.text, accepted, graphs, bench)
    repaired = judge_repaired(completion.text, outcome, accepted, graphs, question.schema, bench)
    if question.fault is not None:
        outcome, repaired = outcome._replace(judgement="not_judged", reason=question.fault, exact=None), "not_judged"
    actions = [answer.action for answer in accepted if isinstance(answer, ActionAnswer)]
    return Example(
        id=question.id,
        family=row.family,
        category=row.category,
        split=row.split,
        prompt=question.prompt,
        further=question.further,
        alone=question.alone,
        order=question.order,
        question=_show(question),
        schema_id=row.schema_id,
        expected=row.answer,
        expected_action=actions[0] if actions else None,
        other_actions=tuple(actions[1:]),
        reply=completion.text,
        action=outcome.action,
        json_valid=outcome.json_valid,
        stopped=completion.stopped,
        parses=outcome.parses,
        exact=outcome.exact,
        similarity=outcome.similarity,
        valid_call=outcome.valid_call,
        refused=is_refusal(completion.text, bench.contract),
        judgement=outcome.judgement,
        repaired=repaired,
        reason=outcome.reason,
        prompt_tokens=completion.prompt_tokens,
        tokens=len(completion.tokens) + (completion.stopped == "eog"),
        confidence=math.exp(completion.log_probability),
        first_token_ms=None if alone is None else alone.first_token_ms,
        total_ms=None if alone is None else alone.total_ms,
        nll=None if losses is None else -sum(losses),
        nll_tokens=None if losses is None else len(losses),
    )


def _show(question: Question) -> str:
    """The question as a reader needs it: with what was found for it, and with the turns before it."""
    *before, last = question.turns
    found = "\n".join(node.model_dump_json(exclude_defaults=True) for node in question.knowledge)
    said = "\n\n".join(f"{turn.role}: {turn.content}" for turn in (*before, last)) if before else last.content
    return f"{found}\n\n{said}" if found else said


def tokenize_answer(model: Model, tokens: list[int], prompt: str, answer: str) -> list[int]:
    """The tokens of the expected answer and of the end of its turn.

    The text is tokenised whole and cut where the prompt ends, as tokenising the answer alone could add a first token.
    """
    return model.tokenize(prompt + answer + _TURN_END)[len(tokens) :]
