"""What becomes of a batch that memory is too small for: its shards are cut in two, and so are those of later batches.

A micro-batch of half the rows, twice as many of them: the gradients add up to those of the whole batch, whose loss is
averaged over all of its answer tokens, so the optimizer takes the same steps.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from heimdall.errors import TrainingError
from training.batches import Shard

R = TypeVar("R")


def is_out_of_memory(error: BaseException) -> bool:
    """True for all that Python, CUDA, MPS and PyTorch's allocator on CPUs raise when no memory is left."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


class ShardRunner:
    """Computes the shards of batches: in `threads` threads side by side, each in `parts` parts one after another.

    `parts` is one until memory runs out, then doubles, and `on_cut` is told.
    """

    def __init__(self, threads: int, on_cut: Callable[[int], None]) -> None:
        self.parts = 1
        self._on_cut = on_cut
        self._side_by_side: Callable[..., Iterable[Any]] = map
        if threads > 1:
            # Threads inside every matrix product would wait for each other thousands of times a step.
            self._side_by_side = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)).map

    def run(self, work: Callable[[Shard], R], shards: Iterable[Shard]) -> Iterator[R]:
        """What `work` returns for all parts of the shards. What does not fit into memory is cut in two and computed
        alone; `work` must leave nothing behind when it fails.

        Raises `TrainingError` for a row that does not fit by itself; any other error of `work` is passed on.
        """
        waiting, each = [part for shard in shards for part in shard.cut(self.parts)], self._side_by_side
        while waiting:
            failed: list[Shard] = []
            for shard, results in zip(waiting, each(lambda shard: _attempt(work, shard), waiting), strict=True):
                if results:
                    yield results[0]
                else:
                    failed.append(shard)
            if not failed:
                return
            alone = [shard for shard in failed if [len(group.ids) for group in shard.groups] == [1]]
            if each is map and alone:
                raise TrainingError(_explain(alone[0]))
            _free_memory()
            self.parts *= 2
            self._on_cut(self.parts)
            waiting, each = [half for shard in failed for half in shard.halve()], map


def _attempt(work: Callable[[Shard], R], shard: Shard) -> list[R]:
    """The result, or nothing where memory ran out. The error is let go of here, since it holds on to all tensors."""
    try:
        return [work(shard)]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    return []


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _explain(shard: Shard) -> str:
    (group,) = shard.groups
    tokens = len(shard.prefix) + group.tokens
    return (
        f"Row {group.ids[0]} does not fit into memory, even alone ({tokens} tokens with its system prompt); "
        "set train.gradient_checkpointing=true, or take a smaller model or system prompt."
    )
