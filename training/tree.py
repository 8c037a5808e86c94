"""How the tokens of a batch that is a tree are laid out for attention: in tiles of segments of like lengths.

A segment is a common beginning or a branch. In a tile each is a row of queries, and the keys that these may see, those
of the beginning that it continues and its own, are a row of keys. The system prompt is no part of this.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from training.flex import build_mask, can_use_flex

if TYPE_CHECKING:
    from training.batches import Batch

_TILE_SCORES = 2**18  # rows * queries * keys: 2 MB with four heads in 16 bits, which a core's cache holds
_GPU_TILE_SCORES = 2**24  # a GPU prefers few large operations
# Of a head, between a system prompt and all tokens: with more, scores are not kept for the backward pass, which a long
# prompt would need more memory for than all else. Below, keeping them is faster (measured on a CPU).
KEPT_SCORES = 2**21
_STEP = 32  # lengths in tiles are rounded up: a new shape costs oneDNN a new primitive


class Layout:
    """Where tokens [N, heads, size] stand in padded rows, all heads of a row after one another, and the way back.

    Laid out they are [places, size]. A token may stand in several rows; only the first `shared` ones do.
    """

    def __init__(
        self, rows: Sequence[torch.Tensor], tokens: int, shared: int, heads: int, device: torch.device
    ) -> None:
        """`rows`: of each tile, the numbers of the tokens in its rows [rows, width], -1 in a gap."""
        head = torch.arange(heads)
        self.slices: list[slice] = []
        pads, firsts, widths, end = [], [], [], 0
        for part in rows:
            count, width = part.shape
            pads.append((part.clamp(min=0)[:, None] * heads + head[:, None]).flatten())
            firsts.append((end + torch.arange(count)[:, None] * heads * width + torch.arange(width)).flatten())
            widths.append(torch.full_like(firsts[-1], width))
            self.slices.append(slice(end, end := end + count * heads * width))
        self._pad, self._heads, self._places = torch.cat(pads).to(device), heads, end
        found, first, width_of = torch.cat([part.flatten() for part in rows]), torch.cat(firsts), torch.cat(widths)
        used = (found >= 0).nonzero()[:, 0]
        used = used[found[used].argsort(stable=True)]
        uses = found[used].bincount(minlength=tokens)
        begin, number = uses.cumsum(0) - uses, torch.arange(int(uses.max()))
        entry = used[(begin[:, None] + number).clamp(max=len(used) - 1)]
        places = first[entry, None] + width_of[entry, None] * head
        places = torch.where(number[:, None] < uses[:, None, None], places, end).transpose(1, 2).flatten(0, 1)
        self._place, self._further = places[:, 0].to(device), places[: shared * heads, 1:].to(device)

    def spread(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens laid out; what fills the gaps is never used."""
        return tokens.reshape(-1, tokens.shape[-1]).index_select(0, self._pad)

    def spread_once(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens laid out where they stand first, and zeros elsewhere."""
        laid_out = tokens.new_zeros(self._places, tokens.shape[-1])
        return laid_out.index_copy_(0, self._place, tokens.reshape(-1, tokens.shape[-1]))

    def collect(self, laid_out: torch.Tensor) -> torch.Tensor:
        """Tokens from where they stand first."""
        return laid_out[: self._places].index_select(0, self._place).view(-1, self._heads, laid_out.shape[-1])

    def add_up(self, laid_out: torch.Tensor) -> torch.Tensor:
        """Tokens as sums of all places where they stand; `laid_out` is as `make_room` gives it."""
        tokens = self.collect(laid_out)
        if self._further.numel():
            size = laid_out.shape[-1]
            further = laid_out.index_select(0, self._further.flatten()).view(*self._further.shape, size).sum(1)
            tokens.view(-1, size)[: len(further)] += further
        return tokens

    def make_room(self, like: torch.Tensor) -> torch.Tensor:
        """A tensor to write laid-out tokens into; behind the last place is a zero, for uses that there are not."""
        room = like.new_empty(self._places + 1, like.shape[-1])
        room[-1] = 0
        return room


class Tile(NamedTuple):
    """`width` queries and `seen` keys in each of its rows; where both stand in their layouts; and which keys are hidden
    from which query [rows, 1, width, seen]."""

    width: int
    seen: int
    queries: slice
    keys: slice
    hidden: torch.Tensor

    def pick(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """This tile's part of laid-out tensors, [rows * heads, width or seen, size] each."""
        size = queries.shape[-1]
        return (
            queries[self.queries].view(-1, self.width, size),
            keys[self.keys].view(-1, self.seen, size),
            values[self.keys].view(-1, self.seen, size),
        )


class Tree:
    """The tiles of a batch for a number of heads, and the layouts of their queries and keys. All layers share it.

    `mask` replaces all that where one kernel does the whole attention.
    """

    def __init__(self, batch: "Batch", heads: int) -> None:
        device, tokens = batch.ids.device, batch.ids.shape[1] - batch.prefix
        long = batch.prefix * batch.ids.shape[1] > KEPT_SCORES
        self.mask = build_mask(batch) if long and can_use_flex(device) else None
        if self.mask is not None:
            return
        start, length, above_start, above = batch.segments.cpu().T
        limit = _TILE_SCORES if device.type == "cpu" else _GPU_TILE_SCORES
        queries, keys, hidden = [], [], []
        for rows in _split_into_tiles(length.tolist(), (above + length).tolist(), limit):
            own, begin, ahead, first = (part[rows, None] for part in (length, start, above, above_start))
            query = torch.arange(_round_up(int(own.max())))
            key = torch.arange(_round_up(int((ahead + own).max())))
            queries.append(torch.where(query < own, begin + query, -1))
            mine = torch.where(key < ahead + own, begin + key - ahead, -1)
            keys.append(torch.where(key < ahead, first + key, mine))
            hidden.append((key > (ahead + query)[:, :, None])[:, None].to(device))
        self.prefix = batch.prefix
        self.queries = Layout(queries, tokens, 0, heads, device)
        self.keys = Layout(keys, tokens, batch.common, heads, device)
        self.tiles = [
            Tile(mask.shape[2], mask.shape[3], place, key_place, mask)
            for place, key_place, mask in zip(self.queries.slices, self.keys.slices, hidden, strict=True)
        ]


def _split_into_tiles(lengths: list[int], seen: list[int], limit: int) -> list[list[int]]:
    """The segments by number, those of like lengths together, in tiles of at most `limit` scores or of one segment.

    A tile has one, two, four ... rows, because each number of them is one more shape.
    """
    order = sorted(range(len(lengths)), key=lambda n: (_round_up(lengths[n]), seen[n]), reverse=True)
    tiles: list[list[int]] = []
    while order:
        width, rows = _round_up(lengths[order[0]]), 1
        while 2 * rows <= len(order) and _round_up(lengths[order[2 * rows - 1]]) > width / 2:
            if 2 * rows * width * _round_up(max(seen[number] for number in order[: 2 * rows])) > limit:
                break
            rows *= 2
        tiles.append(order[:rows])
        del order[:rows]
    return tiles


def _round_up(length: int) -> int:
    return -(-length // _STEP) * _STEP
