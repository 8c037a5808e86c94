"""Asks a trained model training questions several times over and pairs its right and wrong answers, as a process of its
own: `python -m training.pairs --spec FILE`.

Questions are asked in blocks. A block's answers are a file of their own, so an interrupted run asks only the others.
"""

import random
import shutil
import signal
import sys
import threading
from collections import Counter
from itertools import groupby
from pathlib import Path

from cypher.judge import Judge
from cypher.run import Limits
from eval.judging import Bench
from eval.practice import plan_practice
from eval.questions import Question
from eval.sampling import Sample, encode_questions, pair_answers, sample_answers
from eval.transformers_model import TransformersBatch, TransformersModel
from heimdall.errors import TrainingError
from heimdall.hardware import choose_precision
from heimdall.records import read_records, write_records
from training.answers import PAIRS, PairsSpec, PairsSummary
from training.child import run_child, send
from training.job import CHECKPOINTS

SAMPLES = "samples.jsonl"
_BLOCK = 16  # questions
_SIDE_BY_SIDE, _SIDE_BY_SIDE_ON_GPU = 8, 32  # answers
_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
_OUT_OF_MEMORY = "Memory is too small to draw answers side by side with this model"


def make_pairs(spec: PairsSpec) -> PairsSummary | None:
    """Writes all answers and the pairs; None if it was asked to stop, with the finished blocks kept."""
    import torch

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    work_dir, answers = Path(spec.work_dir), spec.answers
    questions = plan_practice(Path(spec.practice), answers.questions, spec.evaluation, spec.prompt)
    blocks = list(_cut_blocks(questions))
    gpu = torch.cuda.is_available()
    bench_limits = Limits(time_ms=spec.evaluation.time_limit_ms, rows=spec.evaluation.row_limit)
    tally: Counter[str] = Counter()
    samples: list[Sample] = []
    with (
        Judge() as judge,
        TransformersModel(
            Path(spec.model),
            context_size=spec.evaluation.context_size,
            threads=spec.evaluation.threads,
            dtype=_DTYPES[choose_precision().name] if gpu else "float32",
        ) as model,
    ):
        bench = Bench(spec.contract, judge, bench_limits)
        batch = TransformersBatch(model, side_by_side=_SIDE_BY_SIDE_ON_GPU if gpu else _SIDE_BY_SIDE)
        prompts = encode_questions([each for block in blocks for each in block], model, bench, spec.evaluation.seed)
        start = 0
        for number, block in enumerate(blocks):
            asked, start = prompts[start : start + len(block)], start + len(block)
            kept = work_dir / CHECKPOINTS / f"answers-{number}.jsonl"
            if kept.exists():
                drawn = [sample for _, sample in read_records(kept, Sample)]
            elif stopped.is_set():
                return None
            else:
                drawn = sample_answers(
                    asked,
                    answers.samples,
                    batch=batch,
                    bench=bench,
                    temperature=answers.temperature,
                    max_tokens=answers.max_tokens,
                    seed=random.Random(f"{spec.seed}/answers/{number}").getrandbits(63),
                )
                write_records(kept, drawn)
            samples += drawn
            tally.update(sample.judgement for sample in drawn)
            send({"step": start, "steps": len(prompts), "right_share": tally["right"] / tally.total()})
    pairs = list(pair_answers(prompts, samples))
    if not pairs:
        raise TrainingError(
            f"No answer of {len(samples)} was judged wrong, so there is nothing to prefer: leave dpo out, or raise "
            "dpo.questions or dpo.temperature."
        )
    write_records(work_dir / SAMPLES, samples)
    write_records(work_dir / PAIRS, pairs)
    shutil.rmtree(work_dir / CHECKPOINTS)
    return PairsSummary(
        questions=len(prompts),
        right=tally["right"],
        wrong=tally["wrong"],
        not_judged=tally["not_judged"],
        pairs=len(pairs),
        from_gold=sum(pair.chosen_from == "gold" for pair in pairs),
    )


def _cut_blocks(questions: list[Question]) -> list[list[Question]]:
    """Blocks of questions under one prompt, whose beginning is decoded once."""
    ordered = sorted(questions, key=lambda question: (question.prompt, question.order))
    groups = [list(group) for _, group in groupby(ordered, key=lambda question: (question.prompt, question.order))]
    return [group[start : start + _BLOCK] for group in groups for start in range(0, len(group), _BLOCK)]


if __name__ == "__main__":
    sys.exit(run_child(PairsSpec, make_pairs, _OUT_OF_MEMORY))
