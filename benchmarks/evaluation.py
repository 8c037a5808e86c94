"""Questions per second under NornicDB's prompt: one chat call after the other, and side by side over a shared prompt.

    python benchmarks/evaluation.py --model heimdall.gguf [--data DATASET] [--prompt full] [--questions 64]
    python benchmarks/evaluation.py --model DIRECTORY …

One run, one model, one thread, the same questions. A chat call decodes its whole prompt, as NornicDB does for every
request. The answers of all ways are compared token for token. A Hugging Face directory is asked through transformers.
Without `--data` a small data set is generated.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from datagen.generate import generate_dataset
from eval import decoding
from eval.evaluate import Batch
from eval.transformers_model import TransformersBatch, TransformersModel
from heimdall.config import DataConfig
from heimdall.rows import Row, read_rows
from nornicdb.batching import BatchDecoder
from nornicdb.contract import Contract, load_reference_contract
from nornicdb.gbnf import build_grammar
from nornicdb.grammar import Grammar, follows_grammar
from nornicdb.prompts import build_system_prompt, render_chatml
from nornicdb.runtime import Completion, LocalModel

MAX_TOKENS = 64
CONTEXT = 8192
TEST_SPLITS = ("test_iid", "test_schema", "test_composition", "test_phrasing")
Way = Callable[[], Sequence[Completion]]


class Measured(NamedTuple):
    """The answers of one way of asking, and how many of them a second of processor time gave."""

    answers: Sequence[Completion]
    rate: float


def main() -> None:
    """Prints questions per second of each way, how many answers are the same, and the cost of the grammar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file or a Hugging Face directory")
    parser.add_argument("--data", type=Path, help="a data set's directory")
    parser.add_argument("--prompt", choices=("full", "minimal"), default="full")
    parser.add_argument("--questions", type=int, default=64)
    wanted = parser.parse_args()
    contract = load_reference_contract()
    system = build_system_prompt(contract, wanted.prompt, random.Random(0))
    rows = _draw_rows(wanted.data, wanted.questions)
    texts = [render_chatml(system, row.messages[:-1]) for row in rows]
    if wanted.model.is_dir():
        with TransformersModel(wanted.model, context_size=CONTEXT, threads=1) as theirs:
            _measure_directory(theirs, _tokenize(theirs, texts, system))
    else:
        with LocalModel(wanted.model, context_size=CONTEXT, threads=1) as model:
            _measure_file(model, _tokenize(model, texts, system), contract)


def _tokenize(model: LocalModel | TransformersModel, texts: Sequence[str], system: str) -> list[list[int]]:
    prompts = [model.tokenize(text) for text in texts]
    print(
        f"{len(prompts)} questions, {round(statistics.mean(map(len, prompts)))} tokens,"
        f" of which {len(model.tokenize(system))} are the system prompt"
    )
    return prompts


def _measure_file(model: LocalModel, prompts: Sequence[list[int]], contract: Contract) -> None:
    alone = _measure("chat calls, one by one", lambda: [model.complete(p, MAX_TOKENS, fresh=True) for p in prompts])
    _measure("one by one, prompt kept", lambda: [model.complete(p, MAX_TOKENS) for p in prompts], alone)
    with BatchDecoder(model) as decoder:
        print(f"side by side are {decoder.width}, of which each has the logits of a single call to the last bit")
        _measure("side by side, prompt shared", lambda: _answer_all(decoder, prompts), alone)
    with BatchDecoder(model) as decoder, Grammar(build_grammar(contract), model) as grammar:
        free = sum(follows_grammar(grammar, answer.tokens, answer.end_token) for answer in alone.answers)
        print(f"free answers that the grammar allows: {free} of {len(alone.answers)}")
        _measure("side by side, with the grammar", lambda: _answer_all(decoder, prompts, grammar))


def _measure_directory(model: TransformersModel, prompts: Sequence[list[int]]) -> None:
    alone = _measure("transformers, one by one", lambda: [model.complete(p, MAX_TOKENS) for p in prompts])
    batch = TransformersBatch(model)
    _measure("side by side, prompt shared", lambda: _answer_all(batch, prompts), alone)
    print(f"  asked again, because two tokens came within {decoding.TIE}: {batch.asked_again}")


def _measure(title: str, way: Way, first: Measured | None = None) -> Measured:
    """Prints what a way of asking costs, and how it compares with the first one."""
    wall, processor = time.perf_counter(), time.process_time()
    answers = way()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    rate, compared = len(answers) / processor, ""
    if first is not None:
        equal = sum(ours.tokens == theirs.tokens for ours, theirs in zip(answers, first.answers, strict=True))
        compared = f", {rate / first.rate:.1f} times as many, {equal} of {len(answers)} answers the same"
    tokens = statistics.mean(len(answer.tokens) for answer in answers)
    rates = f"{len(answers) / wall:8.2f} questions/s {rate:8.2f} per processor second"
    print(f"{title:<32}{rates}, {tokens:.0f} tokens{compared}", flush=True)
    return Measured(answers, rate)


def _answer_all(decoder: Batch, prompts: Sequence[list[int]], grammar: Grammar | None = None) -> list[Completion]:
    answers = dict(decoder.complete(prompts, MAX_TOKENS, grammar))
    return [answers[index] for index in range(len(prompts))]


def _draw_rows(data: Path | None, count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        directory = data or Path(name)
        if data is None:
            generate_dataset(DataConfig(train_rows=50, split_rows=50), load_reference_contract(), directory)
        rows = [row for split in TEST_SPLITS for row in read_rows(directory / f"{split}.jsonl")]
    return random.Random(1).sample(rows, min(count, len(rows)))


if __name__ == "__main__":
    main()
