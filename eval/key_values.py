"""Keys and values of answers that grow side by side behind a prompt that they share, for transformers' models."""

import copy
from typing import Any, Self

import torch
from transformers.cache_utils import Cache, DynamicLayer

_ROOM = 64  # tokens that are made room for at once


class RoomyLayer(DynamicLayer):  # type: ignore[misc]  # transformers declares no types
    """One layer's keys and values `[answers, heads, tokens, size]`, with room behind them.

    A new token is written into its place. transformers' own layer copies everything for each: with a prompt of 4 000
    tokens, that costs more than the rest of the model.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self._rooms: dict[str, torch.Tensor] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds the states of new tokens; returns all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = self._append("keys", self.keys, key_states)
        self.values = self._append("values", self.values, value_states)
        return self.keys, self.values

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Gives several answers the same beginning, which is copied when the first of them goes on."""
        self.keys, self.values = (states.expand(repeats, -1, -1, -1) for states in (self.keys, self.values))

    def fork(self) -> Self:
        """What is held here, to be gone on from without changing it."""
        forked = copy.copy(self)
        forked._rooms = {}
        return forked

    def _append(self, name: str, held: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        count = held.shape[-2] if held.numel() else 0
        total = count + new.shape[-2]
        room = self._rooms.get(name)
        # Answers that were taken out or repeated are held elsewhere than in the room.
        if room is None or room.data_ptr() != held.data_ptr() or room.shape[-2] < total:
            room = new.new_empty(*new.shape[:2], total + _ROOM, new.shape[-1])
            if count:
                room[:, :, :count] = held
            self._rooms[name] = room
        room[:, :, count:total] = new
        return room[:, :, :total]


def start_cache() -> Cache:
    """An empty cache with room, for models all of whose layers look at everything."""
    return Cache(layer_class_to_replicate=RoomyLayer)


def repeat(cache: Cache, count: int) -> Cache:
    """The same beginning for `count` answers. `cache` holds one and stays as it is."""
    repeated = copy.copy(cache)
    repeated.layers = [
        layer.fork() if isinstance(layer, RoomyLayer) else copy.deepcopy(layer) for layer in cache.layers
    ]
    repeated.batch_repeat_interleave(count)
    return repeated
