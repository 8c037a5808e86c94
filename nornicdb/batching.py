"""Many answers from one model at once: what all prompts begin with is decoded once, and every question goes on from it.

Questions are decoded side by side, and one that has ended makes room for the next. Answers are those of
`LocalModel.complete`, to the last bit: each question has cells of its own, its prompt is decoded in the same chunks,
and only so many tokens are decoded at once as leave the results of llama.cpp's kernels as they are.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, Self, TypeVar

import psutil

from heimdall.errors import EngineError
from nornicdb.grammar import Grammar
from nornicdb.runtime import CHUNK, Answer, Completion, LocalModel, count_shared, log_probabilities

# A token costs a third beside fifteen others of what it costs alone, and hardly less beside more (docs/evaluation.md).
SEQUENCES = 16
_MEMORY_SHARE = 0.25  # of the memory that is free, for keys and values
_TRIALS = 4
_Task = TypeVar("_Task", "_Asked", "_Scored")


class _Asked:
    """A question that is answered."""

    def __init__(self, model: LocalModel, prompt: list[int], max_tokens: int, grammar: Grammar | None) -> None:
        self.tokens, self.wanted = prompt, 1
        self.answer = Answer(model, len(prompt), max_tokens, grammar)

    def take(self, rows: Any) -> int | None:
        return self.answer.take(rows[-1])


class _Scored:
    """A completion whose tokens are given."""

    def __init__(self, prompt: list[int], completion: list[int]) -> None:
        self.tokens, self.wanted = [*prompt, *completion[:-1]], len(completion)
        self.scores: list[float] = []
        self._completion = completion

    def take(self, rows: Any) -> int | None:
        self.scores = log_probabilities(rows, self._completion)
        return None


@dataclass
class _Running(Generic[_Task]):
    """A task that has a sequence of the context; `token` is its next one, at `position`."""

    index: int
    task: _Task
    token: int
    position: int


class BatchDecoder:
    """Decodes many prompts of one model side by side. A context manager; close it before the model.

    Of at most `sequences` questions as many stand side by side as memory and the model's kernels allow, or one at a
    time where that is faster: `width`, which is final after the first questions.
    """

    def __init__(self, model: LocalModel, *, sequences: int = SEQUENCES) -> None:
        self._model = model
        exact, cell_bytes = _probe(model, sequences)
        affordable = int(psutil.virtual_memory().available * _MEMORY_SHARE) // (cell_bytes * model.context_size) - 1
        self.width = max(1, min(exact, affordable))
        self._measured = False
        self._context = model.open_context(model.context_size, sequences=self.width + 1)
        # Of each sequence the prompt that it holds, of sequence 0 the whole chunks with which all prompts begin.
        self._held: dict[int, list[int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the memory; may be called twice."""
        self._context.close()

    def complete(
        self, prompts: Sequence[list[int]], max_tokens: int, grammar: Grammar | None = None
    ) -> Iterator[tuple[int, Completion]]:
        """Yields each prompt's number and answer as soon as it is there: that of `LocalModel.complete`.

        Its times are those of a busy batch. Raises `UsageError` for a prompt that leaves no room in the context.
        """
        for prompt in prompts:
            self._model.check_room(prompt, 1)
        for index, task in self._run([_Asked(self._model, prompt, max_tokens, grammar) for prompt in prompts]):
            yield index, task.answer.finish()

    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[int, list[float]]]:
        """Yields the number and the log-probabilities of each pair of prompt and completion, as `LocalModel.score`."""
        for prompt, completion in pairs:
            self._model.check_scorable(prompt, completion)
        for index, task in self._run([_Scored(prompt, completion) for prompt, completion in pairs]):
            yield index, task.scores

    def _run(self, tasks: Sequence[_Task]) -> Iterator[tuple[int, _Task]]:
        """Decodes until every task has all its logits; yields each with its number as it ends."""
        if not tasks:
            return
        try:
            self._share([task.tokens[: len(task.tokens) - task.wanted] for task in tasks])
            if not self._measured and len(tasks) > 1:
                self.width, self._measured = self.width if self._pays() else 1, True
            waiting = deque(self._group(tasks))
            running: dict[int, _Running[_Task]] = {}  # by sequence
            while waiting or running:
                # llama.cpp decodes neighbours at once, so the lowest free sequence is taken first.
                for sequence in range(1, self.width + 1):
                    while waiting and sequence not in running:
                        index, task = waiting.popleft()
                        token = task.take(self._begin(sequence, task))
                        if token is None:
                            yield index, task
                        else:
                            running[sequence] = _Running(index, task, token, len(task.tokens))
                for sequence in self._step(running):
                    ended = running.pop(sequence)
                    yield ended.index, ended.task
        except EngineError:
            self._held.clear()  # llama.cpp holds nothing any more
            raise

    def _group(self, tasks: Sequence[_Task]) -> Iterator[tuple[int, _Task]]:
        """The tasks and their numbers, those that have more than the shared tokens in common after each other."""
        groups: dict[tuple[int, ...], list[tuple[int, _Task]]] = {}
        start = len(self._held[0])
        for index, task in enumerate(tasks):
            rest = task.tokens[start:]
            groups.setdefault(tuple(rest[: self._model.find_chunk(rest, CHUNK)]), []).append((index, task))
        return chain.from_iterable(groups.values())

    def _share(self, prefixes: Sequence[list[int]]) -> None:
        """Makes sequence 0 hold the whole chunks with which all prefixes begin."""
        shared = min(prefixes)[: count_shared(min(prefixes), max(prefixes))]  # all others lie between these two
        shared = shared[: self._model.find_chunk(shared, len(shared))]
        keep = self._model.find_chunk(shared, count_shared(self._held.pop(0, []), shared))
        if not self._context.cut(0, keep):  # recurrent layers and sliding windows refuse
            self._context.clear()
            self._held.clear()
            keep = 0
        if keep < len(shared):
            self._model.read(self._context, 0, shared, keep, wanted=0)
        self._held[0] = shared

    def _begin(self, sequence: int, task: _Asked | _Scored) -> Any:
        """Decodes what no sequence holds of a task's tokens yet; returns the logits that it wants."""
        common = {each: count_shared(held, task.tokens) for each, held in self._held.items()}
        # Of equals the sequence itself, which need not be copied.
        source = max(common, key=lambda each: (common[each], each == sequence))
        most = min(common[source], len(task.tokens) - task.wanted)
        start = self._prepare(sequence, source, self._model.find_chunk(task.tokens, most))
        self._held[sequence] = task.tokens
        return self._model.read(self._context, sequence, task.tokens, start, task.wanted)

    def _prepare(self, sequence: int, source: int, length: int) -> int:
        """Makes a sequence hold the first tokens of another one, or of its own; returns how many they are."""
        if source != sequence:
            self._context.copy(source, sequence)
        if not self._context.cut(sequence, length):  # recurrent layers and sliding windows refuse
            self._context.copy(0, sequence)
            return len(self._held[0])
        return length

    def _pays(self) -> bool:
        """Whether a token costs less side by side than alone.

        It does where reading the weights is what takes time. Where the keys and values of a prompt take more than a
        small model's weights, those of several questions only drive each other out of the processor's cache.
        """
        start, costs = len(self._held[0]), []
        for count in (1, self.width):
            places, times = range(1, count + 1), []
            # As many tokens one by one as side by side: the least of few times is too often that of a busy moment.
            for _ in range(_TRIALS * self.width // count):
                for sequence in places:
                    self._prepare(sequence, sequence if sequence in self._held else 0, start)
                    self._held[sequence] = self._held[0]
                started = time.perf_counter()
                self._context.decode([0] * count, [start] * count, places, [True] * count)
                times.append((time.perf_counter() - started) / count)
            costs.append(min(times))
        return costs[1] < costs[0]

    def _step(self, running: Mapping[int, _Running[_Task]]) -> list[int]:
        """Decodes one token of each running task; returns the sequences of those that have ended."""
        if not running:
            return []
        sequences = sorted(running)
        tasks = [running[sequence] for sequence in sequences]
        rows = self._context.decode(
            [each.token for each in tasks], [each.position for each in tasks], sequences, [True] * len(tasks)
        )
        ended = []
        for place, (sequence, each) in enumerate(zip(sequences, tasks, strict=True)):
            token = each.task.take(rows[place : place + 1])
            if token is None:
                ended.append(sequence)
            else:
                each.token, each.position = token, each.position + 1
        return ended


def _probe(model: LocalModel, most: int) -> tuple[int, int]:
    """How many tokens, up to `most`, can be decoded at once so that each has the logits that it has alone, to the last
    bit; and the bytes that the keys and values of one token take.

    Kernels for one token and for several may add up in another order, which depends on the file's types and the
    processor (docs/evaluation.md), but neither on the text nor on the weights' values.
    """
    import numpy as np

    tokens = [model.vocabulary_size * number // (most + 1) for number in range(1, most + 1)]  # any that differ
    context = model.open_context(1, sequences=most)
    try:
        alone = [context.decode([token], [0], [place], [True])[0].copy() for place, token in enumerate(tokens)]
        held = context.measure(0)
        context.decode(tokens[:1], [1], [0], [False])
        cell_bytes = max(1, context.measure(0) - held)
        for count in range(2, most + 1):
            context.clear()
            rows = context.decode(tokens[:count], [0] * count, range(count), [True] * count)
            if not np.array_equal(rows, alone[:count]):
                return count - 1, cell_bytes
        return most, cell_bytes
    finally:
        context.close()
