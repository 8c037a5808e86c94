"""Attention over a batch that is a tree: one system prompt, common beginnings under it, one branch per row under those.

A token sees the system prompt, its group's common beginning and its own branch up to itself. As one masked matrix that
would be almost all mask; here it is three small dense ones (prompt, common beginning, own), whose softmaxes are joined
by their normalisers, as FlashAttention joins its tiles (Dao et al. 2022, arXiv:2205.14135). The scores are kept for the
backward pass. On a CPU the matrix products of the three run several times faster than one masked SDPA.
"""

from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from training.batches import Batch

TREE = "heimdall_tree"  # the name under which models know this attention
_HIDDEN = -1e4  # a masked score: finite, so that a row that sees nothing is not NaN and then counts nothing

# Values and log-normalisers [..., tokens, heads, size] and [..., tokens, heads, 1].
Part = tuple[torch.Tensor, torch.Tensor]


def use_tree_attention(model: "PreTrainedModel") -> None:
    """Makes a model's forward pass take `tree=Batch` and attend by it; for training only."""
    AttentionInterface.register(TREE, attend)
    AttentionMaskInterface.register(TREE, lambda *_, **__: None)
    model.set_attn_implementation(TREE)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    *,
    tree: "Batch",
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """The attention of all tokens of a batch, in the form that transformers calls: [1, heads, tokens, size] each."""
    dtype = torch.get_autocast_dtype(query.device.type) if torch.is_autocast_enabled(query.device.type) else query.dtype
    repeats = query.shape[1] // key.shape[1]
    queries = (query[0] * scaling).to(dtype).transpose(0, 1)
    keys, values = (
        part[0].repeat_interleave(repeats, dim=0).to(dtype).transpose(0, 1)
        if repeats > 1
        else part[0].to(dtype).transpose(0, 1)
        for part in (key, value)
    )
    sizes = [tree.prefix, tree.common, len(queries) - tree.prefix - tree.common]
    (prompt_q, common_q, branch_q), (prompt_k, common_k, branch_k), (prompt_v, common_v, branch_v) = (
        rows.split(sizes) for rows in (queries, keys, values)
    )
    pad, place = tree.branch_pad, tree.branch_place
    part = _attend_padded((branch_q, pad, place), (branch_k, pad, place), branch_v, _causal(pad))
    if tree.common:
        pad, place = tree.common_pad, tree.common_place
        seen = tree.common_seen[:, None, None, :]
        above = _attend_padded((branch_q, tree.owner_pad, tree.owner_place), (common_k, pad, place), common_v, seen)
        own = _attend_padded((common_q, pad, place), (common_k, pad, place), common_v, _causal(pad))
        out, scale = _join(part, above)
        part = torch.cat([own[0], out]), torch.cat([own[1], scale])
    if tree.prefix:
        part = _join(part, _attend_dense(torch.cat([common_q, branch_q]), prompt_k, prompt_v, None))
        own = _attend_dense(prompt_q, prompt_k, prompt_v, _causal(prompt_q))
        out = torch.cat([own[0], part[0]])
    else:
        out = part[0]
    return out[None], None


def _causal(like: torch.Tensor) -> torch.Tensor:
    """A lower triangle for sequences as long as the first (or the padded second) dimension of `like`."""
    length = like.shape[1] if like.ndim == 2 else like.shape[0]
    return torch.ones(length, length, dtype=torch.bool, device=like.device).tril()


def _attend_dense(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, visible: torch.Tensor | None) -> Part:
    """Attention of [tokens, heads, size] to [tokens, heads, size]."""
    out, scale = _Block.apply(query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1), visible)
    return out.transpose(0, 1), scale.transpose(0, 1)


def _attend_padded(
    query: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    key: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    value: torch.Tensor,
    visible: torch.Tensor,
) -> Part:
    """Attention within each row of a padded layout; `query` and `key` are tokens with their `pad` and `place`."""
    tokens, pad, place = query
    padded = [
        _Pad.apply(rows, *layout).transpose(1, 2)
        for rows, layout in ((tokens, (pad, place)), (key[0], key[1:]), (value, key[1:]))
    ]
    out, scale = _Block.apply(*padded, visible)
    return _Unpad.apply(out.transpose(1, 2), place), _Unpad.apply(scale.transpose(1, 2), place)


def _join(one: Part, other: Part) -> Part:
    """Attention to two sets of keys as attention to both together."""
    share = torch.sigmoid(other[1] - one[1])
    out = one[0] + (share * (other[0] - one[0])).to(one[0].dtype)
    return out, torch.logaddexp(one[1], other[1])


class _Block(torch.autograd.Function):
    """Softmax attention that also returns the logarithm of its normaliser, differentiable in both.

    query [..., T, D] (already scaled), key and value [..., S, D], visible broadcasts to [..., T, S]; gives [..., T, D]
    and [..., T, 1], the latter in float32 or better.
    """

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, visible: Any) -> Part:
        weights = query @ key.transpose(-1, -2)
        if visible is not None:
            weights.masked_fill_(~visible, _HIDDEN)
        top = weights.amax(-1, keepdim=True)
        weights.sub_(top).exp_()
        exact = torch.promote_types(weights.dtype, torch.float32)
        total = weights.sum(-1, keepdim=True, dtype=exact)
        out = ((weights @ value) / total).to(value.dtype)
        ctx.save_for_backward(query, key, value, weights, total, out)
        return out, top.to(exact) + total.log()

    @staticmethod
    def backward(ctx: Any, grad_out: torch.Tensor, grad_scale: torch.Tensor) -> Any:
        query, key, value, weights, total, out = ctx.saved_tensors
        grad_out = (grad_out / total).to(value.dtype)
        shift = (grad_out * out).sum(-1, keepdim=True, dtype=total.dtype) - grad_scale / total
        grad_weights = (grad_out @ value.transpose(-1, -2)).sub_(shift.to(value.dtype)).mul_(weights)
        turned = grad_weights.transpose(-1, -2)
        return grad_weights @ key, turned @ query, weights.transpose(-1, -2) @ grad_out, None


class _Pad(torch.autograd.Function):
    """Tokens [N, H, D] laid out as [B, T, H, D]: at b, t stands token `pad[b, t]`; `place[n]` is where token n went.

    Every token has one place, so the backward pass is a lookup too. What fills the gaps is never used.
    """

    @staticmethod
    def forward(ctx: Any, tokens: torch.Tensor, pad: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(place)
        return tokens.index_select(0, pad.flatten()).view(*pad.shape, *tokens.shape[1:])

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        (place,) = ctx.saved_tensors
        return grad.flatten(0, 1).index_select(0, place), None, None


class _Unpad(torch.autograd.Function):
    """The way back from [B, T, H, D] to [N, H, D]; gaps get no gradient."""

    @staticmethod
    def forward(ctx: Any, padded: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(place)
        ctx.shape = padded.shape
        return padded.flatten(0, 1).index_select(0, place)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        (place,) = ctx.saved_tensors
        padded = grad.new_zeros(ctx.shape)
        padded.view(-1, *ctx.shape[2:]).index_copy_(0, place, grad)
        return padded, None
