"""Answers "which context size do I need": how many tokens rows or queries have, and the size that holds them all."""

import math
import random
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from datagen.formats import Conversation, Turn, read_conversations
from heimdall.errors import InputError
from heimdall.lines import read_lines
from heimdall.progress import Progress, silent
from heimdall.refs import Record
from heimdall.rows import Prompt, Row
from nornicdb.contract import Contract
from nornicdb.prompts import SYSTEM_PROMPTS, build_rest, build_system_prompt, cut_prompt

CLASSES = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
ANSWER_ROOM = 256  # tokens kept for the answer where there is none to count
_MARGIN, _LEAST_MARGIN = 0.1, 64
_ORDERS = 32  # random orders of the system prompt whose longest counts
_BATCH = 1000

Counter = Callable[[Sequence[str]], list[int]]


class ContextClass(Record):
    """How many rows need more than the class below and at most `size` tokens; None where no class is enough."""

    size: int | None
    rows: int


class Lengths(Record):
    """The lengths of all rows, prompt and answer together. `longest` is the place of the first longest row.

    `recommended` is the next power of two that holds the longest row, a margin of 10 % (at least 64) for rows still to
    come and, for queries without answers, 256 tokens of answer.
    """

    unit: Literal["tokens", "bytes"]
    rows: int
    mean: float
    p95: int
    maximum: int
    longest: str
    recommended: int
    classes: tuple[ContextClass, ...]


class Tally:
    """Collects lengths one by one."""

    def __init__(self) -> None:
        self._values = array("q")
        self._longest, self._maximum = "", -1

    @property
    def rows(self) -> int:
        """How many were counted."""
        return len(self._values)

    def add(self, place: str, length: int) -> None:
        """Counts one row."""
        self._values.append(length)
        if length > self._maximum:
            self._longest, self._maximum = place, length

    def summarize(self, unit: Literal["tokens", "bytes"], answer_room: int = 0) -> Lengths:
        """What was counted; the 95th percentile is the nearest rank. Raises `ValueError` where nothing was."""
        if not self._values:
            raise ValueError("no lengths were counted")
        values = sorted(self._values)
        needed = values[-1] + max(math.ceil(_MARGIN * values[-1]), _LEAST_MARGIN) + answer_room
        return Lengths(
            unit=unit,
            rows=len(values),
            mean=sum(values) / len(values),
            p95=values[math.ceil(0.95 * len(values)) - 1],
            maximum=values[-1],
            longest=self._longest,
            recommended=1 << (needed - 1).bit_length(),
            classes=tuple(_classify(values)),
        )


def measure_lengths(
    source: str | Path, tokenizer: Path | None = None, contract: Contract | None = None, progress: Progress = silent
) -> Lengths:
    """The lengths of a source's rows in ChatML, or of the lines of a `.txt` file, each of them a query.

    Without a tokenizer bytes are counted, of which there are at least as many as tokens of any byte-level tokenizer. A
    contract adds the system prompt that a row of Heimdall's own names. Raises `InputError` for what cannot be read.
    """
    tally, rows = Tally(), RowLengths(contract, load_counter(tokenizer))
    is_text = str(source).lower().endswith(".txt")
    items = _read_queries(Path(source)) if is_text else read_conversations(source)
    while batch := list(islice(items, _BATCH)):
        for item, length in zip(batch, rows.measure(batch), strict=True):
            tally.add(item.place, length)
        progress(tally.rows, tally.rows, "")
    if not tally.rows:
        raise InputError(f"There are no queries in '{source}'.")
    return tally.summarize("tokens" if tokenizer else "bytes", ANSWER_ROOM if is_text else 0)


class RowLengths:
    """Measures rows; a contract adds the system prompt that a row names."""

    def __init__(self, contract: Contract | None, count: Counter) -> None:
        self._contract, self._count, self._systems = contract, count, dict[Prompt, int]()

    def measure(self, items: Sequence[Conversation]) -> list[int]:
        """The length of each row."""
        turns = self._count([render_turns(item.turns) for item in items])
        return [length + self._measure_system(item) for item, length in zip(items, turns, strict=True)]

    def _measure_system(self, item: Conversation) -> int:
        if self._contract is None or item.row is None:
            return 0
        return measure_system_prompt(self._contract, item.row, self._count, self._systems)


def render_turns(turns: Sequence[Turn]) -> str:
    """A conversation in ChatML; a bare text has only the token that ends it."""
    if len(turns) == 1 and turns[0].role == "assistant":
        return turns[0].content + "<|im_end|>"
    return "".join(f"<|im_start|>{turn.role}\n{turn.content}<|im_end|>\n" for turn in turns)


def measure_system_prompt(contract: Contract, row: Row, count: Counter, known: dict[Prompt, int]) -> int:
    """Tokens of a row's system turn in the longest of 32 orders of its actions, since NornicDB shuffles them.

    The turn ends with a control token, so its tokens simply add to those of the other turns. `tail` counts what is left
    of it; a prompt without a system turn has none. `known` keeps what is the same for all rows with a prompt.
    """
    if row.prompt == "knowledge":
        whole, order = measure_prompt(contract, "full", count, known), random.Random(0)
        parts = count([build_rest(contract, order), build_rest(contract, order, row.knowledge)])
        return whole + parts[1] - parts[0]
    return measure_prompt(contract, row.prompt, count, known)


def measure_prompt(contract: Contract, prompt: Prompt, count: Counter, known: dict[Prompt, int]) -> int:
    """Likewise, of a prompt that is the same for all questions."""
    if prompt not in known:
        order, longest = random.Random(0), 0
        if prompt in SYSTEM_PROMPTS:
            texts = [build_system_prompt(contract, prompt, order) for _ in range(_ORDERS)]
            longest = max(count([render_turns([Turn(role="system", content=text)]) for text in texts]))
        known[prompt] = len(cut_prompt([0] * longest)) if prompt == "tail" else longest
    return known[prompt]


def load_counter(tokenizer: Path | None) -> Counter:
    """Counts tokens by a Hugging Face directory, its `tokenizer.json` or a GGUF file; without one, UTF-8 bytes.

    Raises `InputError` for a path that holds no tokenizer.
    """
    if tokenizer is None:
        return lambda texts: [len(text.encode()) for text in texts]
    path = tokenizer / "tokenizer.json" if tokenizer.is_dir() else tokenizer
    if not path.is_file():
        raise InputError(
            f"'{tokenizer}' holds no tokenizer.json; name the directory of a fast Hugging Face tokenizer, its "
            "tokenizer.json, or a GGUF file."
        )
    return _load_gguf(path) if path.suffix == ".gguf" else _load_fast(path)


def _load_fast(path: Path) -> Counter:
    from tokenizers import Tokenizer

    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"'{path}' is no tokenizer: {error}.") from error
    backend.no_truncation()
    backend.no_padding()
    return lambda texts: [
        len(encoding.ids) for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False)
    ]


def _load_gguf(path: Path) -> Counter:
    from nornicdb.runtime import LocalModel

    model = LocalModel(path, context_size=64, threads=1)
    return lambda texts: [len(model.tokenize(text)) for text in texts]


def _read_queries(path: Path) -> Iterator[Conversation]:
    for number, text in read_lines(path):
        yield Conversation(f"{path}:{number}", "train", "chat", (Turn(role="user", content=text),), {})


def _classify(values: Sequence[int]) -> Iterator[ContextClass]:
    """Counts sorted lengths by the smallest class that holds them; classes of no rows are left out."""
    bounds = [*CLASSES, None]
    done = 0
    for size in bounds:
        below = len(values) if size is None else bisect_right(values, size)
        if below > done:
            yield ContextClass(size=size, rows=below - done)
        done = below
