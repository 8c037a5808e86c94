"""Runs a GGUF file as NornicDB does: special tokens parsed, greedy, ending at an end-of-generation token or stop text.

NornicDB samples with `top_p = 0`, which leaves one token, so greedy is exact. What it does not do is keep the KV cache:
here the tokens that a prompt shares with the one before it are not computed again, which is what makes asking
thousands of questions under one system prompt cheap. The logits are the same up to the rounding of batch shapes.
"""

import collections
import contextlib
import ctypes
import logging
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from heimdall.errors import EngineError, InputError, UsageError
from heimdall.refs import Record
from nornicdb.gguf_header import read_header
from nornicdb.prompts import STOP_STRINGS

_BATCH = 512  # tokens per call of llama_decode; larger ones are no faster on a CPU and take more memory
_ERROR = 4  # GGML_LOG_LEVEL_ERROR
_log = logging.getLogger("llama.cpp")
_recent_errors: collections.deque[str] = collections.deque(maxlen=8)
_callback: Any = None  # llama.cpp keeps only a pointer to it: were it collected, the next message would crash


class Completion(Record):
    """One answer. `tokens` leaves out the token that ended it; `first_token_ms` counts from the call."""

    text: str
    tokens: tuple[int, ...]
    prompt_tokens: int
    reused_tokens: int
    first_token_ms: float
    total_ms: float
    stopped: Literal["eog", "limit"]
    end_token: int | None = None


class LocalModel:
    """A loaded GGUF file. A context manager; not for use from several threads at once.

    Raises `InputError` for a file that is damaged or that llama.cpp cannot load.
    """

    def __init__(self, path: Path, *, context_size: int, threads: int) -> None:
        self._model: Any = None
        self._context: Any = None
        self._batch: Any = None
        self.context_size = context_size
        header = read_header(path)
        if not header.tokens:
            raise InputError(f"'{path}' has no vocabulary, so no prompt can be given to it.")
        self._llama = llama = load_llama_cpp()
        _recent_errors.clear()
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        # llama.cpp's kernels for Intel's AMX, as GCC 12 compiles them, crash on every quantised matrix (at `ldtilecfg`;
        # compare ggml-org/llama.cpp#20824). They live in the "extra buffer types", which can be left out.
        parameters.use_extra_bufts = b"AMX_INT8 = 1" not in llama.llama_print_system_info()
        with _deferring_signals():
            self._model = llama.llama_model_load_from_file(str(path).encode(), parameters)
        if not self._model:
            raise InputError(f"llama.cpp cannot load '{path}': {explain_last_error()}")
        self._vocabulary = llama.llama_model_get_vocab(self._model)
        self._size = llama.llama_vocab_n_tokens(self._vocabulary)
        options = llama.llama_context_default_params()
        options.n_ctx = context_size
        options.n_batch = options.n_ubatch = min(_BATCH, context_size)
        options.n_threads = options.n_threads_batch = threads
        # on a CPU flash attention sums in F16, and takes 1.7 times as long per token at 500 tokens of context
        options.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        with _deferring_signals():
            self._context = llama.llama_init_from_model(self._model, options)
        if not self._context:
            reason = explain_last_error()
            self.close()
            raise EngineError(f"llama.cpp cannot make a context of {context_size} tokens for '{path}': {reason}")
        self._batch = llama.llama_batch_init(options.n_batch, 0, 1)
        self._batch_size = int(options.n_batch)
        for index in range(self._batch_size):  # one sequence, number 0
            self._batch.n_seq_id[index] = 1
            self._batch.seq_id[index][0] = 0
        self._cached: list[int] = []  # the tokens whose keys and values are in the cache
        self._ends: dict[int, bool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the model's memory; may be called twice."""
        if self._batch is not None:
            self._llama.llama_batch_free(self._batch)
        if self._context:
            self._llama.llama_free(self._context)
        if self._model:
            self._llama.llama_model_free(self._model)
        self._batch = self._context = self._model = None

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a prompt: markers become their control tokens, and the file says whether a BOS is added."""
        self._check_open()
        raw = text.encode()
        room = len(raw) + 8  # never more tokens than bytes, plus those the file adds
        tokens = (ctypes.c_int32 * room)()
        count = self._llama.llama_tokenize(self._vocabulary, raw, len(raw), tokens, room, True, True)
        if count < 0:
            raise EngineError(f"llama.cpp cannot tokenize a text of {len(raw)} bytes (code {count}).")
        return list(tokens[:count])

    def detokenize(self, tokens: list[int]) -> str:
        """The text of token ids, markers included; bytes that are not UTF-8 become U+FFFD."""
        return b"".join(map(self._render, tokens)).decode("utf-8", errors="replace")

    def complete(self, prompt: str | list[int], max_tokens: int) -> Completion:
        """Answers greedily. Raises `UsageError` for a prompt that leaves no room in the context."""
        started = time.perf_counter()
        tokens = self.tokenize(prompt) if isinstance(prompt, str) else list(prompt)
        self._check_room(tokens, 1)
        reused, logits = self._extend_to(tokens, wanted=1)
        answer: list[int] = []
        first_ms: float | None = None
        end: int | None = None
        while True:
            token = int(logits[-1].argmax())
            first_ms = first_ms if first_ms is not None else _since(started)
            if self._is_end(token):
                end = token
                break
            answer.append(token)
            if len(answer) >= max_tokens or len(tokens) + len(answer) >= self.context_size:
                break
            logits = self._decode([token], wanted=1)
        return Completion(
            text=self.detokenize(answer),
            tokens=tuple(answer),
            prompt_tokens=len(tokens),
            reused_tokens=reused,
            first_token_ms=first_ms,
            total_ms=_since(started),
            stopped="limit" if end is None else "eog",
            end_token=end,
        )

    def score(self, prompt: list[int], completion: list[int]) -> list[float]:
        """Natural-log probability of each completion token, given all tokens before it.

        Only the logits that are needed are computed, so a long prompt costs no memory. Raises `UsageError` where
        prompt and completion do not fit into the context, or one of them is empty.
        """
        import numpy as np

        if not completion:
            raise UsageError("there is no completion to score.")
        self._check_room(prompt, len(completion))
        _, logits = self._extend_to([*prompt, *completion[:-1]], wanted=len(completion))
        rows = logits.astype(np.float64)
        rows -= rows.max(axis=1, keepdims=True)
        chosen = rows[np.arange(len(completion)), completion] - np.log(np.exp(rows).sum(axis=1))
        return [float(value) for value in chosen]

    def _check_open(self) -> None:
        if self._context is None:  # llama.cpp would read memory that is no longer ours
            raise EngineError("the model has been closed.")

    def _check_room(self, prompt: list[int], needed: int) -> None:
        if not prompt:
            raise UsageError("the prompt is empty.")
        if len(prompt) + needed > self.context_size:
            raise UsageError(
                f"the prompt has {len(prompt)} tokens and leaves no room for {needed} more in a context of "
                f"{self.context_size}; raise context_size."
            )

    def _extend_to(self, tokens: list[int], *, wanted: int) -> tuple[int, Any]:
        """Makes the cache hold exactly `tokens`; returns how many were kept, and the logits of the last `wanted`."""
        self._check_open()
        limit = len(tokens) - wanted  # the positions whose logits are asked for are computed again
        keep = 0
        for ours, theirs in zip(self._cached[:limit], tokens, strict=False):
            if ours != theirs:
                break
            keep += 1
        memory = self._llama.llama_get_memory(self._context)
        if not self._llama.llama_memory_seq_rm(memory, 0, keep, -1):  # sliding windows and recurrent layers refuse
            self._llama.llama_memory_clear(memory, True)
            keep = 0
        del self._cached[keep:]
        return keep, self._decode(tokens[keep:], wanted=wanted)

    def _decode(self, tokens: list[int], *, wanted: int) -> Any:
        """Appends tokens to the cache; returns the logits of the last `wanted` as an array `[wanted, vocabulary]`."""
        import numpy as np

        batch, rows = self._batch, []
        first_wanted = len(tokens) - wanted
        for start in range(0, len(tokens), self._batch_size):
            part = tokens[start : start + self._batch_size]
            at = len(self._cached)
            batch.n_tokens = len(part)
            for index, token in enumerate(part):
                batch.token[index] = token
                batch.pos[index] = at + index
                batch.logits[index] = start + index >= first_wanted
            code = self._llama.llama_decode(self._context, batch)
            if code != 0:
                self._cached.clear()
                self._llama.llama_memory_clear(self._llama.llama_get_memory(self._context), True)
                raise EngineError(f"llama.cpp failed to decode (code {code}): {explain_last_error()}")
            self._cached += part
            for index in range(max(0, first_wanted - start), len(part)):
                pointer = self._llama.llama_get_logits_ith(self._context, index)
                # the memory is llama.cpp's and is reused by the next call
                rows.append(np.ctypeslib.as_array(pointer, shape=(self._size,)).copy())
        return np.stack(rows)

    def _is_end(self, token: int) -> bool:
        known = self._ends.get(token)
        if known is None:
            known = bool(self._llama.llama_vocab_is_eog(self._vocabulary, token))
            known = known or self._render(token).decode("utf-8", errors="replace") in STOP_STRINGS
            self._ends[token] = known
        return known

    def _render(self, token: int) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = self._llama.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, True)
            if count >= 0:
                return buffer.raw[:count]
            size = -count


def load_llama_cpp() -> Any:
    """The `llama_cpp` module's C functions, quiet except for errors, which go to the log and into our exceptions."""
    global _callback
    import llama_cpp

    if _callback is None:
        _callback = llama_cpp.llama_log_callback(_receive_log)
        llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
    return llama_cpp


def explain_last_error() -> str:
    """What llama.cpp last complained about, for an exception's text; forgets it."""
    text = " / ".join(_recent_errors) or "it gave no reason."
    _recent_errors.clear()
    return text


@contextlib.contextmanager
def _deferring_signals() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM wait until llama.cpp is done: raised inside its log callback, they would be lost."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def _receive_log(level: int, text: bytes, _user_data: Any) -> None:
    if level == _ERROR:
        message = text.decode("utf-8", errors="replace").strip()
        _recent_errors.append(message)
        _log.info(message)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
