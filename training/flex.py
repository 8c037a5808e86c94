"""The attention of `training.attention` as one kernel that skips what is hidden: FlexAttention, on a GPU.

It keeps no scores, so a long system prompt costs no memory there. Its backward pass exists for CUDA only; on a CPU the
tests compare its output with that of the tiles.
"""

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

if TYPE_CHECKING:
    from training.batches import Batch

_PROMPT, _NOTHING = -1, -2


def can_use_flex(device: torch.device) -> bool:
    """Whether the kernel can be compiled: Triton, and a GPU of compute capability 8.0 or newer."""
    from torch.utils._triton import has_triton

    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0) and has_triton()


def build_mask(batch: "Batch") -> BlockMask:
    """Who sees whom among all tokens of a batch, in blocks of 128."""
    device, tokens = batch.ids.device, batch.ids.shape[1]
    start, length, above_start, above = batch.segments.cpu().T
    # A segment is named by its first token, and so is the one that it continues.
    owner = torch.full((tokens,), _PROMPT)
    owner[batch.prefix :] = start.repeat_interleave(length)
    parent = torch.full((tokens,), _NOTHING)
    parent[batch.prefix :] = torch.where(above > 0, above_start, _NOTHING).repeat_interleave(length)
    owner, parent = owner.to(device), parent.to(device)

    def sees(_batch: Any, _head: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        mine = (owner[key] == owner[query]) | (owner[key] == parent[query]) | (owner[key] == _PROMPT)
        return mine & (key <= query)

    return create_block_mask(sees, None, None, tokens, tokens, device=device)


def attend_flex(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, mask: BlockMask
) -> torch.Tensor:
    """Shapes [1, heads, tokens, size], also of what it gives; key and value have fewer heads where the model has."""
    kernel = _compile() if query.is_cuda else flex_attention
    grouped = query.shape[1] != key.shape[1]
    out: torch.Tensor = kernel(query, key, value, block_mask=mask, scale=scaling, enable_gqa=grouped)
    return out


@functools.cache
def _compile() -> Any:
    return torch.compile(flex_attention, dynamic=True)  # batches differ in length
