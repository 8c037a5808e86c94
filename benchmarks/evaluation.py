"""Questions per second under NornicDB's prompt: one chat call after the other, and side by side over a shared prompt.

    python benchmarks/evaluation.py --model heimdall.gguf [--data DATASET] [--prompt full] [--questions 64]

One run, one file, one thread, the same questions. A chat call decodes its whole prompt, as NornicDB does for every
request. The answers of all ways are compared token for token. Without `--data` a small data set is generated.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from datagen.generate import generate_dataset
from heimdall.config import DataConfig
from heimdall.rows import Row, read_rows
from nornicdb.batching import BatchDecoder
from nornicdb.contract import load_reference_contract
from nornicdb.grammar import TIE, Grammar, build_grammar, follows_grammar
from nornicdb.prompts import build_system_prompt, render_chatml
from nornicdb.runtime import Completion, LocalModel

MAX_TOKENS = 64
CONTEXT = 8192
TEST_SPLITS = ("test_iid", "test_schema", "test_composition", "test_phrasing")
Way = Callable[[], Sequence[Completion]]


def main() -> None:
    """Prints questions per second of each way, how many answers are the same, and the cost of the grammar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--data", type=Path, help="a data set's directory")
    parser.add_argument("--prompt", choices=("full", "minimal"), default="full")
    parser.add_argument("--questions", type=int, default=64)
    wanted = parser.parse_args()
    contract = load_reference_contract()
    system = build_system_prompt(contract, wanted.prompt, random.Random(0))
    with LocalModel(wanted.model, context_size=CONTEXT, threads=1) as model:
        rows = _draw_rows(wanted.data, wanted.questions)
        prompts = [model.tokenize(render_chatml(system, row.messages[:-1])) for row in rows]
        print(
            f"{len(prompts)} questions, {wanted.prompt} prompt, {round(statistics.mean(map(len, prompts)))} tokens,"
            f" of which {len(model.tokenize(system))} are the system prompt"
        )
        alone = _measure("chat calls, one by one", lambda: [model.complete(p, MAX_TOKENS, fresh=True) for p in prompts])
        _measure("one by one, prompt kept", lambda: [model.complete(p, MAX_TOKENS) for p in prompts], alone)
        with BatchDecoder(model) as decoder:
            _measure("side by side, prompt shared", lambda: _answer_all(decoder, prompts, None), alone)
            print(f"  asked again, because two tokens came within {TIE}: {decoder.asked_again}")
        with BatchDecoder(model) as decoder:
            grammar = Grammar(build_grammar(contract), model)
            free = sum(follows_grammar(grammar, answer.tokens, answer.end_token) for answer in alone)
            print(f"free answers that the grammar allows: {free} of {len(alone)}")
            _measure("side by side, with the grammar", lambda: _answer_all(decoder, prompts, grammar))
            grammar.close()


def _measure(title: str, way: Way, expected: Sequence[Completion] | None = None) -> Sequence[Completion]:
    wall, processor = time.perf_counter(), time.process_time()
    answers = way()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    same = ""
    if expected is not None:
        equal = sum(ours.tokens == theirs.tokens for ours, theirs in zip(answers, expected, strict=True))
        same = f"  {equal} of {len(answers)} answers the same"
    count = len(answers)
    tokens = statistics.mean(len(answer.tokens) for answer in answers)
    rates = f"{count / wall:8.2f} questions/s {count / processor:8.2f} per processor second"
    print(f"{title:<32}{rates}, {tokens:.0f} tokens{same}", flush=True)
    return answers


def _answer_all(decoder: BatchDecoder, prompts: Sequence[list[int]], grammar: Grammar | None) -> list[Completion]:
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
