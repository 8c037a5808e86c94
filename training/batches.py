"""Rows to tokens to batches. All rows of a batch share NornicDB's system prompt, which is computed once per batch.

A training row by itself would spend most of its work on a system prompt that is the same for every row. Here a batch is
one flat sequence without padding that is read as a tree: the system prompt, under it the common beginnings of groups of
rows (a schema with several questions about it), under those one branch per row. A token sees what is above it and its
own branch, and its positions continue those above, so every row gets the loss and the gradient that it would get alone.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from heimdall.errors import InputError
from heimdall.rows import Prompt, Row
from nornicdb.contract import Contract
from nornicdb.prompts import SYSTEM_PROMPTS, build_head, build_rest, build_system_prompt, cut_prompt, render_chatml
from training.tokenizer import TURN_END, TURN_START

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # PyTorch's default ignore_index
_PROMPTED: tuple[Prompt, ...] = (*SYSTEM_PROMPTS, "knowledge")  # rows for these can share the beginning of a prompt
_TOKEN_STEP, _FILLER = 128, 32  # tokens are rounded up by short rows: a new shape costs oneDNN a new primitive


@dataclass(frozen=True)
class EncodedRow:
    """A row after its system turn: the turns up to the assistant's cue, and the answer with its end of turn.

    A row with knowledge begins within its system turn, where what was found for its question does.
    """

    id: str
    system: Prompt
    prompt: list[int]
    answer: list[int]
    group: str | None


@dataclass(frozen=True)
class Group:
    """Rows for one of the contract's prompts that begin alike: the tokens of their common beginning, then what is each
    row's own, with its labels and its id."""

    system: Prompt
    common: list[int]
    branches: list[list[int]]
    labels: list[list[int]]
    ids: list[str]

    @property
    def tokens(self) -> int:
        """How many tokens the group takes in a batch."""
        return len(self.common) + sum(len(branch) for branch in self.branches)


@dataclass(frozen=True)
class Shard:
    """A part of a batch that is computed by itself: groups, each shard with its own copy of the system prompt."""

    groups: list[Group]
    prefix: list[int]

    def cut(self, parts: int) -> list["Shard"]:
        """The same groups in at most `parts` shards of about equally many tokens."""
        shards: list[list[Group]] = [[] for _ in range(min(parts, len(self.groups)))]
        for group in sorted(self.groups, key=lambda group: group.tokens, reverse=True):
            min(shards, key=lambda shard: sum(member.tokens for member in shard)).append(group)
        return [Shard(shard, self.prefix) for shard in shards]

    def halve(self) -> list["Shard"]:
        """The same rows in two shards, those of a single group each with the common beginning; one row stays whole."""
        (first, *more), half = self.groups, len(self.groups[0].branches) // 2
        if more or not half:
            return self.cut(2)
        return [
            Shard(
                [Group(first.system, first.common, first.branches[part], first.labels[part], first.ids[part])],
                self.prefix,
            )
            for part in (slice(half), slice(half, None))
        ]


class PlannedBatch(NamedTuple):
    """The groups of one batch, and the system prompt that they come with, if any."""

    groups: list[Group]
    system: Prompt | None


@dataclass(frozen=True)
class Batch:
    """Tensors of one step: `prefix` tokens of system prompt, `common` tokens of common beginnings, then all branches.

    `ids`, `positions`, `labels` [1, tokens], a label being the token itself where it is part of an answer and -100
    elsewhere. `segments` [segments, 4] tells `training.tree` who sees whom: of each common beginning and each branch,
    its first token after the prompt, its length, and the first token and length of the beginning that it continues.
    """

    ids: "torch.Tensor"
    positions: "torch.Tensor"
    labels: "torch.Tensor"
    prefix: int
    common: int
    segments: "torch.Tensor"


class RowEncoder:
    """Turns rows into tokens: the only place where training does so."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", contract: Contract) -> None:
        self._tokenizer, self._contract = tokenizer, contract
        self.pad: int = tokenizer.pad_token_id
        # SentencePiece's kind of tokenizer puts a space before a text, which an answer in its place does not have.
        self._cuts = self._encode("\n{") == self._encode("\n") + self._encode("{")

    def encode_prefix(self, prompt: Prompt, order: random.Random) -> list[int]:
        """The system turn with its actions in a random order; of the variant `tail`, what the model sees of it, and of
        `knowledge` what all questions have in common."""
        if prompt == "knowledge":
            return self._encode(f"{TURN_START}system\n{build_head(self._contract, order)}")
        if prompt not in SYSTEM_PROMPTS:
            return []
        system = build_system_prompt(self._contract, prompt, order)
        tokens = self._encode(f"{TURN_START}system\n{system}{TURN_END}\n")
        return cut_prompt(tokens) if prompt == "tail" else tokens

    def encode(self, row: Row) -> EncodedRow:
        """A row's turns. The system turn ends with a control token, so cutting there changes no token."""
        *before, answer = row.messages
        text = before[-1].content if row.prompt == "raw" else render_chatml(None, before)
        if row.prompt == "knowledge":
            system = build_rest(self._contract, random.Random(row.id), row.knowledge)
            # The head ends with a line break, where no tokenizer of a known base joins tokens.
            prompt = self._encode_behind("\n", f"{system}{TURN_END}\n{text}")
        else:
            prompt = self._encode(text)
        answered = self._encode_behind(text, answer.content + TURN_END)
        return EncodedRow(id=row.id, system=row.prompt, prompt=prompt, answer=answered, group=row.schema_id)

    def _encode_behind(self, before: str, text: str) -> list[int]:
        """A text's tokens in its place behind another one."""
        return self._encode(text) if self._cuts else self._encode(before + text)[len(self._encode(before)) :]

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))


def check_lengths(rows: Sequence[EncodedRow], prefixes: Mapping[Prompt, int], limit: int) -> None:
    """Raises `InputError` naming the first row that does not fit into `limit` tokens, as an answer is never cut, or has
    no token to learn."""
    for row in rows:
        if not row.answer:
            raise InputError(f"Row {row.id} has no token to learn from; drop it.")
        length = prefixes[row.system] + len(row.prompt) + len(row.answer)
        if length > limit:
            raise InputError(
                f"Row {row.id} has {length} tokens with its system prompt, more than train.max_seq_length {limit}; "
                "raise it or drop the row."
            )


def group_rows(rows: Sequence[EncodedRow], tokens: int) -> list[Group]:
    """Neighbouring rows of one schema and prompt in groups of at most `tokens` tokens; all others alone."""
    groups: list[Group] = []
    start = 0
    for end in range(1, len(rows) + 1):
        first = rows[start]
        alike = end < len(rows) and (rows[end].group, rows[end].system) == (first.group, first.system)
        if alike and first.group is not None and lay_out(rows[start : end + 1]).tokens <= tokens:
            continue
        groups.append(lay_out(rows[start:end]))
        start = end
    return groups


def lay_out(rows: Sequence[EncodedRow]) -> Group:
    """One group: what the prompts have in common once, then each row's own rest."""
    common = _common_length([row.prompt for row in rows])
    # The last prompt token predicts the answer's first one, so it belongs to the branch.
    common = min(common, *(len(row.prompt) - 1 for row in rows)) if len(rows) > 1 else 0
    return Group(
        system=rows[0].system,
        common=rows[0].prompt[:common],
        branches=[row.prompt[common:] + row.answer for row in rows],
        labels=[[IGNORED] * (len(row.prompt) - common) + row.answer for row in rows],
        ids=[row.id for row in rows],
    )


def _common_length(sequences: Sequence[Sequence[int]]) -> int:
    length = 0
    for tokens in zip(*sequences, strict=False):
        if any(token != tokens[0] for token in tokens):
            break
        length += 1
    return length


def plan_batches(
    groups: Sequence[Group], rows: int, prompted_rows: int, prompt_share: float, seed: int
) -> list[PlannedBatch]:
    """All groups in batches of about `rows` rows, in an order set by the seed; `prompt_share` of the groups come with
    the system prompt that they are for, in batches of about `prompted_rows`.

    Half of those are strewn among the others, so that the model never knows only one of the two; the rest come last.
    Groups that are for no system prompt never have one, those with knowledge always.
    """
    rng = random.Random(seed)
    order = rng.sample(groups, len(groups))
    strewn, last = round(len(order) * (1 - prompt_share)), round(len(order) * (1 - prompt_share / 2))
    early = [group for group in order[:strewn] if group.system == "knowledge"]
    bare = [group for group in order[:strewn] if group.system != "knowledge"]
    bare += [group for group in order[strewn:] if group.system not in _PROMPTED]
    plan = [PlannedBatch(batch, None) for batch in _fill_batches(bare, rows)]
    plan += _fill_prompted([*early, *order[strewn:last]], prompted_rows)
    rng.shuffle(plan)
    end = _fill_prompted(order[last:], prompted_rows)
    if len({batch.system for batch in end}) > 1:
        rng.shuffle(end)
    return plan + end


def _fill_prompted(order: Sequence[Group], rows: int) -> list[PlannedBatch]:
    """Batches of one system prompt each."""
    by_system = {system: [group for group in order if group.system == system] for system in _PROMPTED}
    return [PlannedBatch(b, system) for system, found in by_system.items() for b in _fill_batches(found, rows)]


def _fill_batches(order: Sequence[Group], rows: int) -> list[list[Group]]:
    """The groups in their order, in batches of at least `rows` rows but the last."""
    batches: list[list[Group]] = []
    filled = rows
    for group in order:
        if filled >= rows:
            batches.append([])
            filled = 0
        batches[-1].append(group)
        filled += len(group.branches)
    return batches


def build_batch(groups: Sequence[Group], prefix: Sequence[int], pad: int) -> Batch:
    """The tensors of one batch."""
    import torch

    used = len(prefix) + sum(group.tokens for group in groups)
    if filler := -used % _TOKEN_STEP:  # a row that is nobody's: its token is `pad` and nothing is learnt from it
        parts = [min(_FILLER, filler - start) for start in range(0, filler, _FILLER)]
        rows = [[pad] * part for part in parts]
        groups = [*groups, Group("chat", [], rows, [[IGNORED] * part for part in parts], ["filler"] * len(parts))]
    starts = [len(prefix) + len(group.common) for group in groups]
    branches = [branch for group in groups for branch in group.branches]
    common = [token for group in groups for token in group.common]
    ids = [*prefix, *common, *(token for branch in branches for token in branch)]
    positions = [*range(len(prefix))]
    for start in starts:
        positions += range(len(prefix), start)
    for start, group in zip(starts, groups, strict=True):
        for branch in group.branches:
            positions += range(start, start + len(branch))
    labels = [IGNORED] * (len(prefix) + len(common))
    labels += [label for group in groups for row in group.labels for label in row]
    segments, start, above = [], 0, 0
    for group in groups:
        if group.common:
            segments.append((start, len(group.common), 0, 0))
            start += len(group.common)
    for group in groups:
        for branch in group.branches:
            segments.append((start, len(branch), above, len(group.common)))
            start += len(branch)
        above += len(group.common)
    return Batch(
        ids=torch.tensor([ids]),
        positions=torch.tensor([positions]),
        labels=torch.tensor([labels]),
        prefix=len(prefix),
        common=len(common),
        segments=torch.tensor(segments),
    )
