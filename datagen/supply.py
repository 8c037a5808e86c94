"""Where chunks are made: in this process, in worker processes or on a Dask cluster; and how many ahead of their use."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, NamedTuple

from datagen.examples import Chunk, ChunkSpec, make_chunk
from datagen.parts import Place
from heimdall.errors import InputError


class Workplace(NamedTuple):
    """An executor, and how many chunks to have in the making there."""

    executor: Executor
    ahead: int


class _Here(Executor):
    """Does work at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def open_workplace(dask: str | None, workers: int) -> Iterator[Workplace]:
    """Dask's workers if an address is given, else so many processes. Raises `InputError` where no scheduler answers."""
    if dask is None:
        if workers == 1:
            yield Workplace(_Here(), 1)
            return
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield Workplace(pool, 2 * workers)
        return
    if find_spec("distributed") is None:
        raise InputError("data.dask needs Dask; install it with `pip install -e '.[dask]'`.")
    from distributed import Client

    try:
        client = Client(dask, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(f"data.dask: no Dask scheduler answers at '{dask}' ({error}).") from error
    with client:
        # A retry gives the same chunk, so a worker that is lost costs time only.
        yield Workplace(client.get_executor(retries=3), 2 * max(1, sum(client.nthreads().values())))


class Supply:
    """The chunks of several parts, part by part and each in its order. A context manager, which drops what is unused.

    Only as many are begun as are probably needed; when those of a part are, the next part's are begun.
    """

    def __init__(self, workplace: Workplace, specs: Mapping[Place, ChunkSpec]) -> None:
        self._executor, self._ahead = workplace
        self._next = dict(specs)
        self._begun: dict[Place, deque[Future[Chunk]]] = {place: deque() for place in specs}

    def __enter__(self) -> "Supply":
        return self

    def __exit__(self, *_: object) -> None:
        for future in (future for begun in self._begun.values() for future in begun):
            future.cancel()

    def take(self, place: Place, missing: Mapping[Place, int], rows_per_chunk: float) -> Chunk:
        """The next chunk of a part. `missing` are the rows that it and the later parts still need, in their order;
        `rows_per_chunk` is what its chunks have given."""
        if not self._begun[place]:
            self._begin(place)
        for each, rows in missing.items():
            typical = max(1.0, rows_per_chunk if each == place else self._next[each].rows)
            while len(self._begun[each]) * typical < rows:
                if sum(map(len, self._begun.values())) >= self._ahead:
                    return self._begun[place].popleft().result()
                self._begin(each)
        return self._begun[place].popleft().result()

    def _begin(self, place: Place) -> None:
        spec = self._next[place]
        self._begun[place].append(self._executor.submit(make_chunk, spec))
        self._next[place] = spec._replace(number=spec.number + 1)
