"""Long work shows itself: done, total, rate and time left, in the terminal and wherever else a listener wants it."""

import sys
import time
from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """What a domain function calls as it goes; `done` and `total` count the same unit."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


def silent(done: int, total: int, note: str = "") -> None:
    """A listener that does nothing."""


def format_seconds(seconds: float) -> str:
    """`75` → `1:15`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


class TerminalProgress:
    """Prints `title  done/total unit  rate  time left` on stderr: in place on a terminal, else every ten seconds."""

    def __init__(
        self, title: str, unit: str, *, every: float | None = None, also: Callable[[float, str], None] | None = None
    ) -> None:
        self._title, self._unit, self._also = title, unit, also
        self._tty = sys.stderr.isatty()
        self._every = every if every is not None else (0.2 if self._tty else 10.0)
        self._start: float | None = None
        self._first = 0
        self._last = float("-inf")

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Shows the state if enough time has passed since it was last shown, or if the work is finished."""
        now = time.monotonic()
        if self._start is None:
            self._start, self._first = now, done
        if done < total and now - self._last < self._every:
            return
        self._last = now
        elapsed = now - self._start
        rate = (done - self._first) / elapsed if elapsed > 0 else 0.0
        left = f"{format_seconds((total - done) / rate)} left" if rate > 0 and done < total else ""
        line = f"  {self._title}  {done}/{total} {self._unit}  {rate:.1f}/s  {format_seconds(elapsed)}  {left}  {note}"
        end = "\n" if not self._tty or done >= total else ""
        sys.stderr.write(("\r\x1b[2K" if self._tty else "") + line.rstrip() + end)
        sys.stderr.flush()
        if self._also is not None:
            self._also(100.0 * done / max(total, 1), line.strip())
