"""Asks the model that is being trained some validation rows; its answers are judged as the evaluation judges them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cypher.judge import Judge
from cypher.run import Limits
from eval.evaluate import render_question
from eval.judging import Bench, judge_reply
from eval.questions import Question, plan_questions
from eval.transformers_model import TransformersBatch, TransformersModel
from heimdall.config import EvalConfig, TrainConfig
from heimdall.rows import read_rows
from nornicdb.contract import Contract
from nornicdb.prompts import SYSTEM_PROMPTS, cut_prompt
from training.attention import TREE

_SHOWN = 8  # answers that are sent as examples
_ANSWER_TOKENS = 192
_LONGEST = 600  # characters of a question that are shown, its end


class Examiner:
    """The same rows at every call, `config.judged_rows` of each family."""

    def __init__(self, dataset: Path, contract: Contract, config: TrainConfig, tokenizer: Any) -> None:
        prompts = {row.prompt for row in read_rows(dataset / "validation.jsonl")}
        prompt = next((prompt for prompt in SYSTEM_PROMPTS if prompt in prompts), SYSTEM_PROMPTS[0])
        self._evaluation = EvalConfig(
            seed=config.seed, splits=("validation",), rows_per_slice=config.judged_rows, further_rows=1
        )
        planned = plan_questions(dataset, self._evaluation, prompt)
        self._questions: Sequence[Question] = [question for question in planned if not question.further]
        self._contract, self._config, self._tokenizer = contract, config, tokenizer

    def examine(self, model: Any) -> tuple[dict[str, float], list[dict[str, str]]]:
        """The share of right answers among those that can be judged, of all and of each family; and some answers.

        The model attends in its own way meanwhile, and is left as it was.
        """
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        base.set_attn_implementation("sdpa")
        training, limits = (
            model.training,
            Limits(time_ms=self._evaluation.time_limit_ms, rows=self._evaluation.row_limit),
        )
        model.eval()
        borrowed = TransformersModel.borrow(
            base, self._tokenizer, context_size=self._config.max_seq_length + _ANSWER_TOKENS, threads=1
        )
        try:
            with borrowed, Judge() as judge:
                return self._ask(borrowed, Bench(self._contract, judge, limits))
        finally:
            base.set_attn_implementation(TREE)
            model.train(training)

    def _ask(self, model: TransformersModel, bench: Bench) -> tuple[dict[str, float], list[dict[str, str]]]:
        prompts = []
        for question in self._questions:
            tokens = model.tokenize(render_question(question, self._contract, self._evaluation.seed))
            prompts.append(cut_prompt(tokens) if question.prompt == "tail" else tokens)
        judged: dict[str, list[bool]] = {}
        examples: dict[int, dict[str, str]] = {}
        for number, completion in TransformersBatch(model).complete(prompts, _ANSWER_TOKENS):
            question = self._questions[number]
            outcome = judge_reply(completion.text, question.accepted, question.graphs, bench)
            if outcome.judgement in ("right", "wrong"):
                judged.setdefault(question.row.family, []).append(outcome.judgement == "right")
            examples[number] = {
                "family": question.row.family,
                "question": question.turns[-1].content[-_LONGEST:],
                "expected": question.row.answer,
                "answer": completion.text,
                "judgement": outcome.judgement,
                "reason": outcome.reason,
            }
        right = [each for family in judged.values() for each in family]
        scores = {"accuracy": sum(right) / max(len(right), 1)}
        scores |= {f"accuracy_{family}": sum(found) / len(found) for family, found in sorted(judged.items())}
        # The plan is shuffled: its first questions are of several families.
        return scores, [examples[number] for number in sorted(examples)[:_SHOWN]]
