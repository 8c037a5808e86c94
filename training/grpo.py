"""Reinforcement with the judge's word as reward, as a process of its own: `python -m training.grpo --spec FILE`.

TRL's `GRPOTrainer` draws a group of answers to each question and raises the probability of those that are better than
their group's mean (Shao et al. 2024, arXiv:2402.03300). What an answer is worth is `eval.practice.reward_answer`.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cypher.judge import Judge
from cypher.run import Limits
from eval.evaluate import render_question
from eval.judging import Bench, judge_reply
from eval.practice import plan_practice, reward_answer
from eval.questions import Question
from heimdall.errors import TrainingError
from nornicdb.prompts import cut_prompt
from training.answers import AnswersSummary, GrpoSpec, list_answer_arguments, open_model, summarize
from training.checkpoints import SealsCheckpoints
from training.child import run_child
from training.job import CHECKPOINTS

_CURVES = {
    "loss": "grpo_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "reward": "reward",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "groups_without_signal",
    "completions/mean_length": "answer_tokens",
    "completions/clipped_ratio": "cut_share",
    "entropy": "entropy",
    "kl": "kl",
}
_OUT_OF_MEMORY = (
    "Memory is too small for a micro-batch of answers: lower grpo.batch_size and raise grpo.gradient_accumulation"
)
Reward = Callable[..., list[float]]


def train(spec: GrpoSpec) -> AnswersSummary | None:
    """Trains, resuming where it can; None if it was asked to stop and has written a checkpoint."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from training.running import Reporter, list_arguments, run_trainer

    class RewardTrainer(SealsCheckpoints, GRPOTrainer):  # type: ignore[misc]
        pass

    grpo, work_dir = spec.grpo, Path(spec.work_dir)
    questions = plan_practice(Path(spec.practice), grpo.questions, spec.evaluation, spec.prompt)
    at_once = grpo.batch_size * grpo.gradient_accumulation // grpo.samples
    if len(questions) < at_once:
        raise TrainingError(
            f"One step takes {at_once} questions and there are {len(questions)}: lower grpo.batch_size or "
            "grpo.gradient_accumulation."
        )
    config, precision, tokenizer, model = open_model(spec.model, spec.config)
    reporter = Reporter({"rows": lambda batches: batches * grpo.batch_size // grpo.samples}, _CURVES)
    limits = Limits(time_ms=spec.evaluation.time_limit_ms, rows=spec.evaluation.row_limit)
    with Judge() as judge:
        bench = Bench(spec.contract, judge, limits)
        trainer = RewardTrainer(
            model=model,
            reward_funcs=make_reward(questions, bench, grpo.max_tokens),
            args=GRPOConfig(
                **list_arguments(config, work_dir / CHECKPOINTS, precision),
                **list_answer_arguments(grpo, grpo.batch_size),
                beta=grpo.beta,
                num_generations=grpo.samples,
                temperature=grpo.temperature,
                max_completion_length=grpo.max_tokens,
                lr_scheduler_type="constant",
            ),
            train_dataset=Dataset.from_list(
                [
                    {"prompt": _write_prompt(question, spec, tokenizer), "number": number}
                    for number, question in enumerate(questions)
                ]
            ),
            processing_class=tokenizer,
            callbacks=[reporter],
        )
        loss = run_trainer(trainer, reporter, config, work_dir)
    return None if loss is None else summarize(trainer, loss, precision)


def make_reward(questions: Sequence[Question], bench: Bench, max_tokens: int) -> Reward:
    """The reward in the form that TRL calls: one number for each completion of the question with that number."""

    def judge_answers(
        completions: list[str], completion_ids: list[list[int]], number: list[int], **_: Any
    ) -> list[float]:
        rewards = []
        for text, tokens, index in zip(completions, completion_ids, number, strict=True):
            question = questions[index]
            outcome = judge_reply(text, question.accepted, question.graphs, bench)
            ended = len(tokens) < max_tokens  # it is cut there otherwise
            rewards.append(reward_answer(text, ended=ended, outcome=outcome, expected=question.row.answer))
        return rewards

    return judge_answers


def _write_prompt(question: Question, spec: GrpoSpec, tokenizer: Any) -> str:
    """The text that the model gets; of a prompt that NornicDB cuts, what is left."""
    text = render_question(question, spec.contract, spec.evaluation.seed)
    if question.prompt != "tail":
        return text
    return str(tokenizer.decode(cut_prompt(tokenizer.encode(text, add_special_tokens=False))))


if __name__ == "__main__":
    sys.exit(run_child(GrpoSpec, train, _OUT_OF_MEMORY))
