"""Answers drawn from a model at random, several to each question, and judged as the evaluation judges its own; and the
pairs of a right and a wrong answer that they give."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from eval.decoding import Choice
from eval.evaluate import render_question, tokenize_answer
from eval.judging import Bench, Judged, judge_reply
from eval.questions import Question
from eval.transformers_model import TransformersBatch, TransformersModel
from heimdall.refs import Record
from heimdall.rows import Family
from nornicdb.prompts import cut_prompt


class AskedPrompt(NamedTuple):
    """A question with the tokens that the model gets, and those of the expected answer with the end of its turn."""

    question: Question
    tokens: list[int]
    expected: list[int]


class Sample(Record):
    """An answer and how it was judged. `tokens` end with the one that ended it, unless it was cut at the limit."""

    question: str
    text: str
    tokens: tuple[int, ...]
    stopped: Literal["eog", "limit"]
    judgement: Judged
    reason: str


class Pair(Record):
    """A right and a wrong answer to a training question, and where they come from.

    `chosen_from` says whether the model gave the right answer itself (`sample`) or the data set did (`gold`), `wrong`
    why the other one is wrong. Of `samples` answers `right_samples` and `wrong_samples` were judged so.
    """

    question: str
    family: Family
    category: str | None
    chosen: str
    rejected: str
    chosen_from: Literal["sample", "gold"]
    wrong: str
    samples: int
    right_samples: int
    wrong_samples: int
    prompt_tokens: tuple[int, ...]
    chosen_tokens: tuple[int, ...]
    rejected_tokens: tuple[int, ...]


class _Sampler:
    """Draws tokens by their probability at a temperature; the same seed draws the same."""

    def __init__(self, temperature: float, seed: int) -> None:
        self._temperature, self._seed = temperature, seed
        self._generator: Any = None

    def __call__(self, logits: Any) -> Choice:
        import torch

        if self._generator is None:
            self._generator = torch.Generator(logits.device).manual_seed(self._seed)
        chances = torch.log_softmax(logits / self._temperature, dim=-1)
        tokens = torch.multinomial(chances.exp(), 1, generator=self._generator)
        return Choice(tokens[:, 0].tolist(), [0.0] * len(tokens), chances.gather(1, tokens)[:, 0].tolist())


def encode_questions(
    questions: Sequence[Question], model: TransformersModel, bench: Bench, seed: int
) -> list[AskedPrompt]:
    """The prompts as NornicDB builds them, cut where it cuts."""
    prompts = []
    for question in questions:
        text = render_question(question, bench.contract, seed)
        tokens = model.tokenize(text)
        expected = tokenize_answer(model, tokens, text, question.row.answer)
        prompts.append(AskedPrompt(question, cut_prompt(tokens) if question.prompt == "tail" else tokens, expected))
    return prompts


def sample_answers(
    prompts: Sequence[AskedPrompt],
    samples: int,
    *,
    batch: TransformersBatch,
    bench: Bench,
    temperature: float,
    max_tokens: int,
    seed: int,
) -> list[Sample]:
    """`samples` answers to each prompt, drawn side by side. What all prompts begin with is decoded once."""
    asked = [prompt for prompt in prompts for _ in range(samples)]
    judged: dict[tuple[str, str], tuple[Judged, str]] = {}
    drawn: list[tuple[int, Sample]] = []
    for number, completion in batch.sample(
        [prompt.tokens for prompt in asked], max_tokens, _Sampler(temperature, seed)
    ):
        question = asked[number].question
        key = question.id, completion.text
        if key not in judged:
            outcome = judge_reply(completion.text, question.accepted, question.graphs, bench)
            judged[key] = outcome.judgement, outcome.reason
        end = () if completion.end_token is None else (completion.end_token,)
        sample = Sample(
            question=question.id,
            text=completion.text,
            tokens=(*completion.tokens, *end),
            stopped=completion.stopped,
            judgement=judged[key][0],
            reason=judged[key][1],
        )
        drawn.append((number, sample))
    return [sample for _, sample in sorted(drawn, key=lambda item: item[0])]


def pair_answers(prompts: Sequence[AskedPrompt], samples: Sequence[Sample]) -> Iterator[Pair]:
    """At most one pair for each question: the right answer that the model gives most often, or the expected one where
    it gives none, against the wrong answer that it gives most often. What was not judged is in no pair."""
    by_question: dict[str, list[Sample]] = {prompt.question.id: [] for prompt in prompts}
    for sample in samples:
        by_question[sample.question].append(sample)
    for question, tokens, expected in prompts:
        drawn = by_question[question.id]
        right = [each for each in drawn if each.judgement == "right" and each.stopped == "eog"]
        wrong = [each for each in drawn if each.judgement == "wrong"]
        if not wrong:
            continue
        rejected, chosen = _most_frequent(wrong), _most_frequent(right) if right else None
        yield Pair(
            question=question.id,
            family=question.row.family,
            category=question.row.category,
            chosen=chosen.text if chosen else question.row.answer,
            rejected=rejected.text,
            chosen_from="sample" if chosen else "gold",
            wrong=rejected.reason,
            samples=len(drawn),
            right_samples=len(right),
            wrong_samples=len(wrong),
            prompt_tokens=tuple(tokens),
            chosen_tokens=chosen.tokens if chosen else tuple(expected),
            rejected_tokens=rejected.tokens,
        )


def _most_frequent(samples: Sequence[Sample]) -> Sample:
    """Of equally frequent ones the first."""
    counts = Counter(sample.text for sample in samples)
    return max(samples, key=lambda sample: counts[sample.text])
