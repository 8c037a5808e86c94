"""Many answers from one model at once: what all prompts begin with is decoded once, and its KV cells are shared.

Questions are decoded side by side, and one that has ended makes room for the next. Answers are those of
`LocalModel.complete`: where rounding could have decided between two tokens, the question is asked again by itself.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from heimdall.errors import EngineError
from nornicdb.grammar import Grammar
from nornicdb.runtime import Answer, Completion, LocalModel, count_shared, log_probabilities

# A token costs a third beside fifteen others of what it costs alone, and hardly less beside more (docs/evaluation.md).
SEQUENCES = 16
# Once this share of enough answers had to be asked again, the model is so unsure that single calls are cheaper.
_UNSURE, _ENOUGH = 2 / 3, SEQUENCES
_BATCH = 128  # tokens per call of llama_decode
_Task = TypeVar("_Task", "_Asked", "_Scored")
_ROOM = 256  # KV cells that are set aside for each question's own tokens; all of them share what one does not need


class _Asked:
    """A question that is answered. The answer stops early where its next token is a tie."""

    def __init__(self, model: LocalModel, prompt: list[int], max_tokens: int, grammar: Grammar | None) -> None:
        self.tokens, self.wanted, self.room = prompt, 1, len(prompt) + max_tokens
        self.answer = Answer(model, len(prompt), max_tokens, grammar)

    def take(self, rows: Any) -> int | None:
        token = self.answer.take(rows[-1])
        return None if self.answer.tied else token


class _Scored:
    """A completion whose tokens are given."""

    def __init__(self, prompt: list[int], completion: list[int]) -> None:
        self.tokens, self.wanted = [*prompt, *completion[:-1]], len(completion)
        self.room = len(self.tokens)
        self.scores: list[float] = []
        self._completion = completion

    def take(self, rows: Any) -> int | None:
        at = len(self.scores)
        self.scores += log_probabilities(rows, self._completion[at : at + len(rows)])
        return None


@dataclass
class _Running:
    """A task that has a sequence of the context; `pending` are its next tokens, the first of them at `position`."""

    index: int
    task: _Asked | _Scored
    sequence: int
    pending: list[int]
    position: int
    cells: int


class BatchDecoder:
    """Decodes many prompts of one model side by side. A context manager; close it before the model.

    `asked_again` counts the questions that were asked once more by themselves.
    """

    def __init__(self, model: LocalModel, *, sequences: int = SEQUENCES) -> None:
        self.asked_again = 0
        self._model = model
        self._sequences = sequences
        self._cells = model.context_size + sequences * _ROOM
        self._context = model.open_context(self._cells, sequences=sequences + 1, batch=_BATCH)
        self._shared: list[int] = []  # sequence 0: what all prompts begin with

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
        """Yields each prompt's number and answer as soon as it is there, with the tokens of `LocalModel.complete`.

        Their times are those of a busy batch. Raises `UsageError` for a prompt that leaves no room in the context.
        """
        for prompt in prompts:
            self._model.check_room(prompt, 1)
        tasks = [_Asked(self._model, prompt, max_tokens, grammar) for prompt in prompts]
        done: set[int] = set()
        tied = 0
        for index, task in self._run(tasks):
            done.add(index)
            if task.answer.tied:
                tied += 1
                self.asked_again += 1
                yield index, self._model.complete(prompts[index], max_tokens, grammar=grammar)
            else:
                yield index, task.answer.finish()
            if len(done) >= _ENOUGH and tied > _UNSURE * len(done):
                break
        for index in range(len(prompts)):
            if index not in done:
                yield index, self._model.complete(prompts[index], max_tokens, grammar=grammar)

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
        self._share([task.tokens[: len(task.tokens) - task.wanted] for task in tasks])
        shared = len(self._shared)
        waiting = deque(enumerate(tasks))
        running: list[_Running] = []
        free = list(range(self._sequences, 0, -1))
        cells = self._cells - shared
        while waiting or running:
            while waiting and free:
                index, task = waiting[0]
                needed = min(task.room, self._model.context_size) - shared
                if needed > cells:
                    break
                waiting.popleft()
                cells -= needed
                sequence = free.pop()
                self._context.share(0, sequence, shared)
                running.append(_Running(index, task, sequence, task.tokens[shared:], shared, needed))
            ended = self._step(running)
            for each in ended:
                running.remove(each)
                self._context.cut(each.sequence, 0)
                free.append(each.sequence)
                cells += each.cells
                yield each.index, tasks[each.index]

    def _step(self, running: Sequence[_Running]) -> list[_Running]:
        """One call of llama.cpp: as many pending tokens as fit, those of the oldest tasks first. Returns what ended."""
        tokens: list[int] = []
        positions: list[int] = []
        sequences: list[int] = []
        wanted: list[bool] = []
        parts: list[tuple[_Running, int]] = []  # each task that is in this call, and how many rows it gets
        for each in running:
            count = min(len(each.pending), _BATCH - len(tokens))
            if not count:
                break
            tokens += each.pending[:count]
            positions += range(each.position, each.position + count)
            sequences += [each.sequence] * count
            first_wanted = len(each.task.tokens) - each.task.wanted
            flags = [each.position + offset >= first_wanted for offset in range(count)]
            wanted += flags
            parts.append((each, sum(flags)))
            each.pending = each.pending[count:]
            each.position += count
        rows = self._decode(tokens, positions, sequences, wanted)
        ended, at = [], 0
        for each, count in parts:
            following = each.task.take(rows[at : at + count]) if count else None
            at += count
            if following is not None:
                each.pending = [following]
            if not each.pending:
                ended.append(each)
        return ended

    def _share(self, prefixes: Sequence[list[int]]) -> None:
        """Makes sequence 0 hold what all prefixes begin with, and empties the others."""
        shared = min(prefixes)[: count_shared(min(prefixes), max(prefixes))]  # all others lie between these two
        keep = count_shared(self._shared, shared)
        if not all(self._context.cut(sequence, 0) for sequence in range(1, self._sequences + 1)) or not (
            self._context.cut(0, keep)
        ):
            self._context.clear()
            keep = 0
        self._shared = shared[:keep]
        for start in range(keep, len(shared), _BATCH):
            part = shared[start : start + _BATCH]
            self._decode(part, range(start, start + len(part)), [0] * len(part), [False] * len(part))
            self._shared += part

    def _decode(self, tokens: Sequence[int], positions: Sequence[int], sequences: Sequence[int], wanted: Any) -> Any:
        try:
            return self._context.decode(tokens, positions, sequences, wanted)
        except EngineError:
            self._shared = []
            raise
