"""How much memory a loaded model and its context take, measured where nothing else is: in a process of its own."""

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from heimdall.errors import EngineError


def measure_memory(path: Path, prompt: str, *, context_size: int, threads: int) -> int:
    """Bytes by which a process grows (resident set size) when it loads the file, opens a context of this size and
    answers one token to the prompt. Before the caller loads the file itself, this is also a trial of it.

    Counted are the weights as far as they are read, the context's keys and values and llama.cpp's buffers. Raises
    `EngineError` where the process dies.
    """
    # Ctrl-C is for the caller, who waits for this one prompt.
    pool = ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    with pool:
        try:
            return pool.submit(_measure, path, prompt, context_size, threads).result()
        except BrokenProcessPool as error:
            raise EngineError(
                f"The process that tried '{path}' died: llama.cpp crashes on the file, or memory is too small; "
                "`heimdall doctor` shows how much there is."
            ) from error


def _measure(path: Path, prompt: str, context_size: int, threads: int) -> int:
    import numpy as np
    import psutil

    from nornicdb.engine import load_llama_cpp
    from nornicdb.runtime import LocalModel

    load_llama_cpp()
    np.zeros(1)  # what any program that uses the library has is loaded before
    process = psutil.Process()
    before = process.memory_info().rss
    with LocalModel(path, context_size=context_size, threads=threads) as model:
        model.complete(prompt, 1)
        return max(0, int(process.memory_info().rss) - int(before))
