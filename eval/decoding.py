"""An answer of a Hugging Face model while it grows, and how its next token is chosen."""

import time
from typing import Any, NamedTuple

# Logits of one position differ in their last bits when computed beside others or with more padding. Two likeliest
# tokens closer than this are a tie; in float32 the noise is about a thousandth of it (benchmarks/evaluation.py).
TIE = 0.01


class Choice(NamedTuple):
    """The next token of each answer, how far it is before the second likeliest, and its natural-log probability."""

    tokens: list[int]
    leads: list[float]
    log_probabilities: list[float]


def choose_likeliest(logits: Any) -> Choice:
    """Greedy decoding; `logits` [answers, vocabulary]."""
    top = logits.topk(2, dim=-1)
    chances = logits.log_softmax(dim=-1).gather(1, top.indices[:, :1])
    leads = top.values[:, 0] - top.values[:, 1]
    return Choice(top.indices[:, 0].tolist(), leads.tolist(), chances[:, 0].tolist())


class Prefix:
    """What several prompts begin with, and its keys and values."""

    def __init__(self, tokens: tuple[int, ...], cache: Any) -> None:
        self.tokens, self.cache = tokens, cache


class Growing:
    """An answer as it grows."""

    def __init__(self, index: int, prompt_tokens: int) -> None:
        self.index, self.prompt_tokens = index, prompt_tokens
        self.tokens: list[int] = []
        self.end: int | None = None
        self.tied = False  # whether rounding could have changed a choice
        self.log_probability = 0.0
        self.started = time.perf_counter()
        self.first = self.total = self.started

    def take(self, token: int, lead: float, log_probability: float) -> None:
        """Adds the likeliest token, which is `lead` before the second."""
        if not self.tokens:
            self.first = time.perf_counter()
        self.tokens.append(token)
        self.tied = self.tied or lead < TIE
        self.log_probability += log_probability
