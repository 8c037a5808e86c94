"""Runs a GGUF file as NornicDB does: special tokens parsed, greedy, ending at an end-of-generation token or stop text.

NornicDB samples with `top_p = 0`, which leaves one token, so greedy is exact. What it does not do is keep the KV cache:
here the whole chunks that a prompt shares with the one before it are not computed again. The chunks of a prompt follow
from its tokens alone, so an answer does not depend on what was asked before, to the last bit.
"""

import ctypes
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

from heimdall.errors import EngineError, InputError, UsageError
from heimdall.refs import Record
from nornicdb.engine import Context, load_llama_cpp, load_model
from nornicdb.gguf_header import read_header
from nornicdb.grammar import Grammar, GrammarState, choose_token
from nornicdb.prompts import STOP_STRINGS

# Tokens decoded at once. On a CPU larger chunks are no faster and take more memory; smaller ones are kept more often.
CHUNK = 64


class Completion(Record):
    """One answer. `tokens` leaves out the token that ended it; `first_token_ms` counts from the call.

    `log_probability` is that of the whole answer (natural, the end included) without a grammar.
    """

    text: str
    tokens: tuple[int, ...]
    prompt_tokens: int
    reused_tokens: int
    first_token_ms: float
    total_ms: float
    stopped: Literal["eog", "limit"]
    end_token: int | None = None
    log_probability: float = 0.0


class LocalModel:
    """A loaded GGUF file. A context manager; not for use from several threads at once.

    Raises `InputError` for a file that is damaged or that llama.cpp cannot load.
    """

    def __init__(self, path: Path, *, context_size: int, threads: int) -> None:
        self._model: Any = None
        self._context: Context | None = None
        self.context_size = context_size
        self._threads = threads
        header = read_header(path)
        if not header.tokens:
            raise InputError(f"'{path}' has no vocabulary, so no prompt can be given to it.")
        self._llama = load_llama_cpp()
        self._model = load_model(path)
        self.vocabulary = self._llama.llama_model_get_vocab(self._model)
        self.vocabulary_size = int(self._llama.llama_vocab_n_tokens(self.vocabulary))
        try:
            self._context = self.open_context(context_size, sequences=1)
        except EngineError:
            self.close()
            raise
        self._cached: list[int] = []  # the tokens of the whole chunks whose keys and values are in the cache
        self._ends: dict[int, bool] = {}
        self._texts: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the model's memory; may be called twice."""
        if self._context:
            self._context.close()
        if self._model:
            self._llama.llama_model_free(self._model)
        self._context = self._model = None

    def open_context(self, cells: int, *, sequences: int) -> Context:
        """Another context of this model, with `cells` for each sequence; the caller closes it before the model."""
        if not self._model:
            raise EngineError("the model has been closed.")
        return Context(
            self._model, self.vocabulary_size, cells=cells, sequences=sequences, batch=CHUNK, threads=self._threads
        )

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a prompt: markers become their control tokens, and the file says whether a BOS is added."""
        self._open()
        raw = text.encode()
        room = len(raw) + 8  # never more tokens than bytes, plus those the file adds
        tokens = (ctypes.c_int32 * room)()
        count = self._llama.llama_tokenize(self.vocabulary, raw, len(raw), tokens, room, True, True)
        if count < 0:
            raise EngineError(f"llama.cpp cannot tokenize a text of {len(raw)} bytes (code {count}).")
        return list(tokens[:count])

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of token ids, markers included; bytes that are not UTF-8 become U+FFFD."""
        return b"".join(map(self._render, tokens)).decode("utf-8", errors="replace")

    def complete(
        self, prompt: str | list[int], max_tokens: int, *, grammar: Grammar | None = None, fresh: bool = False
    ) -> Completion:
        """Answers greedily, where there is a grammar with the likeliest token that it allows.

        `fresh` decodes the whole prompt, as NornicDB does: for timing, as the answer is the same. Raises `UsageError`
        for a prompt that leaves no room in the context.
        """
        context = self._open()
        started = time.perf_counter()
        tokens = self.tokenize(prompt) if isinstance(prompt, str) else list(prompt)
        self.check_room(tokens, 1)
        if fresh:
            self._cached.clear()
        reused, logits = self._extend_to(tokens, wanted=1)
        answer = Answer(self, len(tokens), max_tokens, grammar, reused, started)
        while (token := answer.take(logits[-1])) is not None:
            logits = context.decode([token], [len(tokens) + len(answer.tokens) - 1], [0], [True])
        return answer.finish()

    def score(self, prompt: list[int], completion: list[int]) -> list[float]:
        """Natural-log probability of each completion token, given all tokens before it.

        Only the logits that are needed are computed, so a long prompt costs no memory. Raises `UsageError` where
        prompt and completion do not fit into the context, or one of them is empty.
        """
        self.check_scorable(prompt, completion)
        _, logits = self._extend_to([*prompt, *completion[:-1]], wanted=len(completion))
        return log_probabilities(logits, completion)

    def check_room(self, prompt: Sequence[int], needed: int) -> None:
        """Raises `UsageError` for an empty prompt and for one that leaves no room for `needed` tokens."""
        check_room(prompt, needed, self.context_size)

    def check_scorable(self, prompt: Sequence[int], completion: Sequence[int]) -> None:
        """Raises `UsageError` unless both have tokens and fit into the context."""
        if not completion:
            raise UsageError("there is no completion to score.")
        self.check_room(prompt, len(completion))

    def is_end(self, token: int) -> bool:
        """Whether NornicDB stops at this token: by the vocabulary, or by its text."""
        known = self._ends.get(token)
        if known is None:
            known = bool(self._llama.llama_vocab_is_eog(self.vocabulary, token))
            known = known or self._render(token).decode("utf-8", errors="replace") in STOP_STRINGS
            self._ends[token] = known
        return known

    def _open(self) -> Context:
        if self._context is None:  # llama.cpp would read memory that is no longer ours
            raise EngineError("the model has been closed.")
        return self._context

    def find_chunk(self, tokens: Sequence[int], most: int) -> int:
        """How many of the first `most` tokens of a text make whole chunks, which are all that can be kept."""
        return max(self._split(tokens[:most]), default=0)

    def read(self, context: Context, sequence: int, tokens: Sequence[int], start: int, wanted: int) -> Any:
        """Adds the tokens from `start` on, where a chunk begins, to a sequence, chunk by chunk; returns the logits of
        the last `wanted`, an array `[wanted, vocabulary]`. They depend on the text alone, to the last bit.
        """
        import numpy as np

        rows, first_wanted = [], len(tokens) - wanted
        rest = tokens[start:]
        for begin, end in pairwise([0, *self._split(rest), len(rest)]):
            if begin < end:
                positions = range(start + begin, start + end)
                flags = [at >= first_wanted for at in positions]
                rows.append(context.decode(rest[begin:end], positions, [sequence] * len(flags), flags).copy())
        return np.concatenate(rows)

    def _extend_to(self, tokens: list[int], *, wanted: int) -> tuple[int, Any]:
        """Makes the cache hold exactly `tokens`; returns how many were kept, and the logits of the last `wanted`."""
        context = self._open()
        # Only whole chunks are kept, and the positions whose logits are asked for are computed again.
        keep = self.find_chunk(tokens, min(count_shared(self._cached, tokens), len(tokens) - wanted))
        if not context.cut(0, keep):  # recurrent layers and sliding windows refuse
            context.clear()
            keep = 0
        self._cached = []
        logits = self.read(context, 0, tokens, keep, wanted)
        self._cached = tokens
        return keep, logits

    def _split(self, tokens: Sequence[int]) -> list[int]:
        """Where the whole chunks of a text end: after `CHUNK` tokens, with a turn, or with a blank line.

        So all questions under one system prompt can keep that, and all with one schema the schema.
        """
        ends, begin, before = [], 0, b""
        for end, token in enumerate(tokens, 1):
            text = self._render(token)
            if end - begin == CHUNK or self.is_end(token) or (before + text).endswith(b"\n\n"):
                ends.append(end)
                begin = end
            before = text
        return ends

    def _render(self, token: int) -> bytes:
        size = 64
        while token not in self._texts:
            buffer = ctypes.create_string_buffer(size)
            count = self._llama.llama_token_to_piece(self.vocabulary, token, buffer, size, 0, True)
            if count >= 0:
                self._texts[token] = buffer.raw[:count]
            size = -count
        return self._texts[token]


class Answer:
    """An answer that grows by one token for each row of logits, until it ends."""

    def __init__(
        self,
        model: LocalModel,
        prompt_tokens: int,
        max_tokens: int,
        grammar: Grammar | None,
        reused: int = 0,
        started: float | None = None,
    ) -> None:
        self.tokens: list[int] = []
        self._model = model
        self._state = GrammarState(grammar) if grammar is not None else None
        self._prompt_tokens, self._max_tokens, self._reused = prompt_tokens, max_tokens, reused
        self._started = time.perf_counter() if started is None else started
        self._first_ms: float | None = None
        self._end: int | None = None
        self._log_probability = 0.0

    def take(self, logits: Any) -> int | None:
        """Chooses the next token from its logits; None when the answer has ended."""
        token, log_probability = choose_token(logits, self._state)
        self._log_probability += log_probability
        if self._first_ms is None:
            self._first_ms = _since(self._started)
        if self._model.is_end(token):
            self._end = token
            return None
        self.tokens.append(token)
        full = self._prompt_tokens + len(self.tokens) >= self._model.context_size
        return None if full or len(self.tokens) >= self._max_tokens else token

    def finish(self) -> Completion:
        """The whole answer."""
        return Completion(
            text=self._model.detokenize(self.tokens),
            tokens=tuple(self.tokens),
            prompt_tokens=self._prompt_tokens,
            reused_tokens=self._reused,
            first_token_ms=self._first_ms or 0.0,
            total_ms=_since(self._started),
            stopped="limit" if self._end is None else "eog",
            end_token=self._end,
            log_probability=self._log_probability,
        )


def check_room(prompt: Sequence[int], needed: int, context_size: int) -> None:
    """Raises `UsageError` for an empty prompt and for one that leaves no room for `needed` tokens in the context."""
    if not prompt:
        raise UsageError("the prompt is empty.")
    if len(prompt) + needed > context_size:
        raise UsageError(
            f"the prompt has {len(prompt)} tokens and leaves no room for {needed} more in a context of "
            f"{context_size}; raise context_size."
        )


def count_shared(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two sequences of one type have in common at their beginning."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def log_probabilities(logits: Any, tokens: Sequence[int]) -> list[float]:
    """Natural-log probability of each token under its row of logits, `[tokens, vocabulary]`."""
    import numpy as np

    rows = logits.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    chosen = rows[np.arange(len(tokens)), list(tokens)] - np.log(np.exp(rows).sum(axis=1))
    return [float(value) for value in chosen]


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
