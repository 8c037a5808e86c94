"""llama.cpp's C functions under Python's rules: a loaded file, a context that decodes, and errors with reasons."""

import collections
import contextlib
import ctypes
import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from heimdall.errors import EngineError, InputError

_ERROR = 4  # GGML_LOG_LEVEL_ERROR
_log = logging.getLogger("llama.cpp")
_recent_errors: collections.deque[str] = collections.deque(maxlen=8)
_callback: Any = None  # llama.cpp keeps only a pointer to it: were it collected, the next message would crash


class Context:
    """The keys and values of one or several sequences of tokens, and the decoding that adds to them.

    Each sequence has `cells` of its own, rounded up to a multiple of 256, so that nothing of its attention depends on
    the others. At most `batch` tokens are decoded at once. Raises `EngineError` where there is not enough memory.
    """

    def __init__(
        self, model: Any, vocabulary_size: int, *, cells: int, sequences: int, batch: int, threads: int
    ) -> None:
        self._llama = llama = load_llama_cpp()
        self._handle: Any = None
        options = llama.llama_context_default_params()
        options.n_ctx = -(-cells // 256) * 256 * sequences
        options.n_batch = options.n_ubatch = batch
        options.n_seq_max = sequences
        options.kv_unified = False
        options.n_threads = options.n_threads_batch = threads
        # on a CPU flash attention sums in F16, and takes 1.7 times as long per token at 500 tokens of context
        options.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        with deferring_signals():
            self._handle = llama.llama_init_from_model(model, options)
        if not self._handle:
            raise EngineError(
                f"llama.cpp cannot make a context of {sequences} times {cells} tokens: {explain_last_error()}"
            )
        self._memory = llama.llama_get_memory(self._handle)
        self._batch = llama.llama_batch_init(batch, 0, 1)
        self._vocabulary_size = vocabulary_size

    def close(self) -> None:
        """Frees the memory; may be called twice."""
        if self._handle:
            self._llama.llama_batch_free(self._batch)
            self._llama.llama_free(self._handle)
        self._handle = None

    def decode(
        self, tokens: Sequence[int], positions: Sequence[int], sequences: Sequence[int], wanted: Sequence[bool]
    ) -> Any:
        """Adds each token to its sequence; returns the logits of the `wanted` ones, an array `[wanted, vocabulary]`.

        The array is llama.cpp's own memory, which the next call overwrites. After an `EngineError` no sequence is left.
        """
        import numpy as np

        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, (token, position, sequence, flag) in enumerate(
            zip(tokens, positions, sequences, wanted, strict=True)
        ):
            batch.token[index] = token
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = flag
        code = self._llama.llama_decode(self._handle, batch)
        if code != 0:
            self.clear()
            raise EngineError(f"llama.cpp failed to decode (code {code}): {explain_last_error()}")
        count = sum(wanted)
        if not count:
            return np.empty((0, self._vocabulary_size), dtype=np.float32)
        pointer = self._llama.llama_get_logits(self._handle)
        return np.ctypeslib.as_array(pointer, shape=(count, self._vocabulary_size))

    def cut(self, sequence: int, length: int) -> bool:
        """Keeps the first `length` tokens; False where llama.cpp refuses (recurrent layers), and nothing is removed."""
        return bool(self._llama.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def copy(self, source: int, target: int) -> None:
        """Makes one sequence hold what another one holds, and nothing else."""
        self._llama.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def measure(self, sequence: int) -> int:
        """Bytes that the keys and values of a sequence take."""
        return int(self._llama.llama_state_seq_get_size(self._handle, sequence))

    def clear(self) -> None:
        """Removes every sequence."""
        self._llama.llama_memory_clear(self._memory, True)


def load_model(path: Path) -> Any:
    """llama.cpp's handle of a GGUF file. Raises `InputError` with llama.cpp's reason where it cannot be loaded."""
    llama = load_llama_cpp()
    _recent_errors.clear()
    parameters = llama.llama_model_default_params()
    parameters.n_gpu_layers = 0
    # llama.cpp's kernels for Intel's AMX, as GCC 12 compiles them, crash on every quantised matrix (at `ldtilecfg`;
    # compare ggml-org/llama.cpp#20824). They live in the "extra buffer types", which can be left out.
    parameters.use_extra_bufts = b"AMX_INT8 = 1" not in llama.llama_print_system_info()
    with deferring_signals():
        model = llama.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        raise InputError(f"llama.cpp cannot load '{path}': {explain_last_error()}")
    return model


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
def deferring_signals() -> Iterator[None]:
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
