"""How many tokens rows and system prompts take: counted on a data set, or expected before there is one."""

import itertools
import random
from pathlib import Path

from heimdall.config import Preset
from heimdall.refs import Record
from heimdall.rows import read_rows
from nornicdb.contract import Contract

# Tokens of generated rows and of the reference contract's prompts: counted with heimdall_nano's tokenizer on 600 of
# its rows; for a base's tokenizer NornicDB's full prompt is 2 436 of Qwen's tokens, which is 3.72 bytes a token, and
# rows are taken to be 3.2. `tail` is what is left of the full prompt after batches of 2 048.
_SMALL, _LARGE = (103.0, 46.0), (80.0, 37.0)  # of a row's own part and of its answer
_SMALL_PROMPTS = {"minimal": 434.0, "full": 2938.0, "tail": 890.0}
_LARGE_PROMPTS = {"minimal": 460.0, "full": 2436.0, "tail": 388.0}
_SMALL_VOCABULARY = 16384
_SAMPLE = 400  # rows that are counted where there is a data set


class Lengths(Record):
    """Tokens: of the system prompt, of a row's own part (what it shares with its group divided among them), and of
    its answer. `source` says where they are from."""

    prompt: float
    row: float
    answer: float
    source: str


def guess_lengths(preset: Preset, vocab_size: int) -> Lengths:
    """The tokens of generated rows, by the kind of tokenizer, before there is a data set."""
    small = vocab_size < _SMALL_VOCABULARY
    row, answer = _SMALL if small else _LARGE
    prompt = (_SMALL_PROMPTS if small else _LARGE_PROMPTS)[preset.data.prompt]
    return Lengths(prompt=prompt, row=row, answer=answer, source="rows as heimdall_nano's, counted before")


def measure_lengths(dataset: Path, tokenizer: Path, contract: Contract, preset: Preset) -> Lengths:
    """The tokens of the first rows of a data set with the tokenizer that they are trained with."""
    from training.batches import RowEncoder, group_rows
    from training.sft import GROUP_TOKENS
    from training.tokenizer import load_tokenizer

    encoder = RowEncoder(load_tokenizer(tokenizer), contract)
    rows = [encoder.encode(row) for row in itertools.islice(read_rows(dataset / "train.jsonl"), _SAMPLE)]
    return Lengths(
        prompt=len(encoder.encode_prefix(preset.data.prompt, random.Random(0))),
        row=sum(group.tokens for group in group_rows(rows, GROUP_TOKENS)) / len(rows),
        answer=sum(len(row.answer) for row in rows) / len(rows),
        source=f"the first {len(rows)} rows of the data set, counted",
    )
