"""A process of its own for queries that nobody vouches for: it has limits of time and memory, and is killed and started
again when it hangs or dies. Nothing that a query does there reaches the next one."""

import contextlib
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Self, TypeVar

from heimdall.errors import EngineError

_START_SECONDS = 180.0
_MEMORY_BYTES = 2 << 30
T = TypeVar("T")
Begin = Callable[[str], None]  # names the step that begins, and gives it the whole time limit


class WorkerError(Exception):
    """The step that was not finished: the process died or was killed for its time. The message says which."""


class _Reply(NamedTuple):
    value: Any


class Worker:
    """The process, for as long as the context lasts. It does one thing after the other.

    `functions` are those it will be asked for: their modules are loaded at the start, on which no time limit is.
    """

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self._functions = functions
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def call(self, function: Callable[..., T], *arguments: Any, time_ms: int) -> T:
        """What `function(begin, *arguments)` returns in the process; each step that it begins may take `time_ms`.

        The function belongs to a module and raises nothing. Raises `WorkerError` for a step that is not finished.
        """
        if self._process is None or not self._process.is_alive():
            self._start()
        assert self._connection is not None
        step = "receiving the queries"
        try:
            self._connection.send((function, arguments, time_ms))
            while True:
                # Every step of the worker has the time limit; the reply that ends one begins the next.
                if not self._connection.poll(time_ms / 1000):
                    self._stop()
                    raise WorkerError(f"{step} took more than {time_ms} ms")
                reply = self._connection.recv()
                if isinstance(reply, _Reply):
                    return reply.value  # type: ignore[no-any-return]
                step = reply
        except (EOFError, ConnectionError) as error:
            self._stop()
            raise WorkerError(f"the engine died while {step}") from error

    def _start(self) -> None:
        self._stop()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self._functions)
        self._process = context.Process(target=_serve, args=arguments, name="cypher-worker", daemon=True)
        self._process.start()
        theirs.close()
        self._connection = ours
        try:
            ready = ours.poll(_START_SECONDS) and ours.recv() == "ready"
        except EOFError:
            ready = False
        if not ready:
            self._stop()
            raise EngineError("The process that runs Cypher queries does not start; `heimdall doctor` may say why.")

    def _stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()  # a hanging engine does not listen to anything softer
            self._process.join()
            self._process.close()
            self._process = None


def _serve(connection: Connection, _functions: tuple[Callable[..., Any], ...]) -> None:
    """The worker's loop; ends when the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then stops this process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # not every system lets a process bound its memory
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a dying engine prints; the parent says what happened
    connection.send("ready")
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments, time_ms = connection.recv()

            def begin(step: str, seconds: float = 2 * time_ms / 1000) -> None:
                # If the parent is gone, nobody kills this process: the default action of SIGALRM does.
                signal.setitimer(signal.ITIMER_REAL, seconds)
                connection.send(step)

            try:
                value = function(begin, *arguments)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send(_Reply(value))
