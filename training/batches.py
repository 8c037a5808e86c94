"""Rows to tokens to batches. All rows of a batch share NornicDB's system prompt, which is computed once per batch.

A training row by itself would spend most of its work on a system prompt that is the same for every row. Here a batch is
one prefix (the system turn) and many sequences; a sequence is a group of rows that begin alike (a schema, then one of
several questions about it), laid out as a small tree: the common beginning once, then one branch per row. A branch sees
the prefix, the common beginning and itself, and its positions continue the common beginning's, so every row gets the
loss and the gradient that it would get alone.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heimdall.errors import InputError
from heimdall.rows import Prompt, Row
from nornicdb.contract import Contract
from nornicdb.prompts import build_system_prompt
from training.tokenizer import TURN_END, TURN_START

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # PyTorch's default ignore_index
_LENGTH_STEP = 32  # lengths are rounded up: a new shape costs oneDNN a new primitive
_POOL = 96  # groups that are sorted by length together: few, or each batch would be of one family


@dataclass(frozen=True)
class EncodedRow:
    """A row after its system turn: the user's turn up to the assistant's cue, and the answer with its end of turn."""

    id: str
    prompt: list[int]
    answer: list[int]
    group: str | None


@dataclass(frozen=True)
class Group:
    """Rows that begin alike, laid out one after another; `branches` is 0 on the common beginning."""

    ids: list[int]
    labels: list[int]
    positions: list[int]
    branches: list[int]
    rows: int


@dataclass(frozen=True)
class Batch:
    """Tensors of one step. B sequences of T tokens behind a prefix of P tokens.

    `prefix` [1, P]; `ids`, `positions`, `labels` [B, T], a label being the token itself where it is part of an answer
    and -100 elsewhere; `visible` [B, 1, T, P + T], true where a token attends.
    """

    prefix: "torch.Tensor"
    ids: "torch.Tensor"
    positions: "torch.Tensor"
    labels: "torch.Tensor"
    visible: "torch.Tensor"


class RowEncoder:
    """Turns rows into tokens: the only place where training does so."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", contract: Contract) -> None:
        self._tokenizer, self._contract = tokenizer, contract

    def encode_prefix(self, prompt: Prompt, order: random.Random) -> list[int]:
        """The system turn with its actions in a random order."""
        system = build_system_prompt(self._contract, prompt, order)
        return self._encode(f"{TURN_START}system\n{system}{TURN_END}\n")

    def encode(self, row: Row) -> EncodedRow:
        """A row's turns. The system turn ends with a control token, so cutting there changes no token."""
        *before, answer = row.messages
        turns = "".join(f"{TURN_START}{message.role}\n{message.content}{TURN_END}\n" for message in before)
        return EncodedRow(
            id=row.id,
            prompt=self._encode(f"{turns}{TURN_START}assistant\n"),
            answer=self._encode(answer.content + TURN_END),
            group=row.schema_id,
        )

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))


def check_lengths(rows: Sequence[EncodedRow], prefix: int, limit: int) -> None:
    """Raises `InputError` naming the first row that does not fit into `limit` tokens: an answer is never cut."""
    for row in rows:
        length = prefix + len(row.prompt) + len(row.answer)
        if length > limit:
            raise InputError(
                f"Row {row.id} has {length} tokens with its system prompt, more than train.max_seq_length {limit}; "
                "raise it or drop the row."
            )


def group_rows(rows: Sequence[EncodedRow], tokens: int) -> list[Group]:
    """Neighbouring rows of one schema (or of none) in groups of at most `tokens` tokens; a longer row is alone.

    Groups of all families come out about equally long, so that a batch can mix them without padding.
    """
    groups: list[Group] = []
    start = 0
    for end in range(1, len(rows) + 1):
        if (
            end < len(rows)
            and rows[end].group == rows[start].group
            and len(lay_out(rows[start : end + 1]).ids) <= tokens
        ):
            continue
        groups.append(lay_out(rows[start:end]))
        start = end
    return groups


def lay_out(rows: Sequence[EncodedRow]) -> Group:
    """One group: what the prompts have in common once, then each row's own rest."""
    common = _common_length([row.prompt for row in rows])
    # The last prompt token predicts the answer's first one, so it belongs to the branch.
    common = min(common, *(len(row.prompt) - 1 for row in rows)) if len(rows) > 1 else 0
    ids = list(rows[0].prompt[:common])
    labels, positions, branches = [IGNORED] * common, list(range(common)), [0] * common
    for branch, row in enumerate(rows, start=1):
        rest = row.prompt[common:]
        ids += rest + row.answer
        labels += [IGNORED] * len(rest) + row.answer
        positions += range(common, common + len(rest) + len(row.answer))
        branches += [branch] * (len(rest) + len(row.answer))
    return Group(ids, labels, positions, branches, len(rows))


def _common_length(sequences: Sequence[Sequence[int]]) -> int:
    length = 0
    for tokens in zip(*sequences, strict=False):
        if any(token != tokens[0] for token in tokens):
            break
        length += 1
    return length


def plan_batches(groups: Sequence[Group], rows_per_batch: int, seed: int) -> list[list[int]]:
    """Indices of the groups of each batch, about `rows_per_batch` rows each, alike in length; order set by the seed."""
    rng = random.Random(seed)
    order = list(range(len(groups)))
    rng.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), _POOL):
        pool = sorted(order[start : start + _POOL], key=lambda index: len(groups[index].ids))
        batch: list[int] = []
        for index in pool:
            batch.append(index)
            if sum(groups[member].rows for member in batch) >= rows_per_batch:
                batches.append(batch)
                batch = []
        if batch:
            batches.append(batch)
    rng.shuffle(batches)
    return batches


def build_batch(groups: Sequence[Group], prefix: Sequence[int], pad: int) -> Batch:
    """The tensors of one batch."""
    import torch

    length = -(-max(len(group.ids) for group in groups) // _LENGTH_STEP) * _LENGTH_STEP
    shape = (len(groups), length)
    ids = torch.full(shape, pad, dtype=torch.long)
    labels = torch.full(shape, IGNORED, dtype=torch.long)
    positions = torch.zeros(shape, dtype=torch.long)
    branches = torch.full(shape, -1, dtype=torch.long)  # padding is a branch that only padding sees
    for row, group in enumerate(groups):
        used = len(group.ids)
        ids[row, :used] = torch.tensor(group.ids)
        labels[row, :used] = torch.tensor(group.labels)
        positions[row, :used] = torch.tensor(group.positions)
        branches[row, :used] = torch.tensor(group.branches)
    earlier = torch.ones(length, length, dtype=torch.bool).tril()
    same = branches[:, :, None] == branches[:, None, :]
    common = branches[:, None, :] == 0
    own = (same | common) & earlier
    visible = torch.cat([torch.ones(len(groups), length, len(prefix), dtype=torch.bool), own], dim=2)
    return Batch(
        prefix=torch.tensor([list(prefix)], dtype=torch.long),
        ids=ids,
        positions=positions + len(prefix),
        labels=labels,
        visible=visible[:, None],
    )
