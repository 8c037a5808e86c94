"""Attention over a batch that is a tree: one system prompt, common beginnings under it, one branch per row under those.

A token sees the system prompt, its group's common beginning and its own branch up to itself. As one masked matrix that
would be almost all mask; here it is three small dense ones (prompt, common beginning, own), whose softmaxes are joined
by their normalisers, as FlashAttention joins its tiles (Dao et al. 2022, arXiv:2205.14135). The scores are kept for the
backward pass. On a CPU the matrix products of the three run several times faster than one masked SDPA.
"""

from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from training.batches import Batch

TREE = "heimdall_tree"  # the name under which models know this attention
_HIDDEN = -1e4  # a masked score: finite, so that a row that sees nothing is not NaN and then counts nothing

# What a set of keys gives, and the logarithm of its softmax's normaliser.
Part = tuple[torch.Tensor, torch.Tensor]


def use_tree_attention(model: "PreTrainedModel") -> None:
    """Makes a model's forward pass take `tree=Tree` and attend by it; for training only."""
    AttentionInterface.register(TREE, attend)
    AttentionMaskInterface.register(TREE, lambda *_, **__: None)
    model.set_attn_implementation(TREE)


class Tree:
    """A batch's tree for a number of heads: how long its parts are, where their tokens stand. All layers share it."""

    def __init__(self, batch: "Batch", heads: int) -> None:
        branch_tokens = batch.ids.shape[1] - batch.prefix - batch.common
        self.sizes = (batch.prefix, batch.common, branch_tokens)
        self.branches = _Layout(batch.branch_pad, batch.branch_place, heads)
        self.commons = _Layout(batch.common_pad, batch.common_place, heads)
        self.owners = _Layout(batch.owner_pad, batch.owner_place, heads)
        self.seen = batch.common_seen.repeat_interleave(heads, dim=0)[:, None, :]


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    *,
    tree: Tree,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """The attention of all tokens of a batch, in the form that transformers calls: [1, heads, tokens, size] each."""
    dtype = torch.get_autocast_dtype(query.device.type) if torch.is_autocast_enabled(query.device.type) else query.dtype
    repeats = query.shape[1] // key.shape[1]
    (prompt_q, common_q, branch_q), (prompt_k, common_k, branch_k), (prompt_v, common_v, branch_v) = (
        part[0].to(dtype).transpose(0, 1).split(tree.sizes)
        for part in (query * scaling, repeat_kv(key, repeats), repeat_kv(value, repeats))
    )
    out, scale = _attend_rows(branch_q, tree.branches, branch_k, branch_v, tree.branches, None)
    if len(common_k):
        above = _attend_rows(branch_q, tree.owners, common_k, common_v, tree.commons, tree.seen)
        share = torch.sigmoid(above[1] - scale)
        out, scale = out + (share * (above[0] - out)).to(dtype), torch.logaddexp(scale, above[1])
        own = _attend_rows(common_q, tree.commons, common_k, common_v, tree.commons, None)
        out, scale = torch.cat([own[0], out]), torch.cat([own[1], scale])
    if len(prompt_k):
        prompt_k, prompt_v = prompt_k.transpose(0, 1), prompt_v.transpose(0, 1)
        turned = (part.transpose(0, 1) for part in (torch.cat([common_q, branch_q]), out, scale))
        out = _AttendFurther.apply(prompt_k, prompt_v, *turned).transpose(0, 1)
        own = _Attend.apply(prompt_q.transpose(0, 1), prompt_k, prompt_v, None)[0].transpose(0, 1)
        out = torch.cat([own, out])
    return out[None], None


class _Layout:
    """Where tokens [N, heads, size] stand in a padded layout [rows * heads, width, size], and the way back."""

    def __init__(self, pad: torch.Tensor, place: torch.Tensor, heads: int) -> None:
        width = pad.shape[1]
        head = torch.arange(heads, device=pad.device)
        self.heads, self.width = heads, width
        self.pad = (pad[:, None, :] * heads + head[:, None]).flatten()
        self.place = ((place // width * heads)[:, None] * width + head * width + (place % width)[:, None]).flatten()


def _attend_rows(
    query: torch.Tensor,
    rows: _Layout,
    key: torch.Tensor,
    value: torch.Tensor,
    columns: _Layout,
    visible: torch.Tensor | None,
) -> Part:
    """Attention within each row of a padded layout: causal, or to keys [rows * heads, 1, width] that are visible."""
    padded = [_Pad.apply(part, layout) for part, layout in ((query, rows), (key, columns), (value, columns))]
    out, scale = _Attend.apply(*padded, visible)
    return _Unpad.apply(out, rows), _Unpad.apply(scale, rows)


class _Attend(torch.autograd.Function):
    """Softmax attention that also returns the logarithm of its normaliser, differentiable in both.

    query [B, T, D] (already scaled), key and value [B, S, D], visible broadcasts to [B, T, S], None being causal; gives
    [B, T, D] and [B, T, 1], the latter in float32 or better.
    """

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, visible: Any) -> Part:
        scores = torch.bmm(query, key.transpose(1, 2))
        if visible is None:
            visible = torch.ones(scores.shape[1:], dtype=torch.bool, device=scores.device).tril()
        scores.masked_fill_(~visible, _HIDDEN)
        weights = scores.softmax(-1)
        exact = torch.promote_types(weights.dtype, torch.float32)
        # The largest weight is exp(score - scale) of the largest score, and the one that rounding changes least.
        scale = scores.amax(-1, keepdim=True).to(exact) - weights.amax(-1, keepdim=True).to(exact).log()
        out = torch.bmm(weights, value)
        ctx.save_for_backward(query, key, value, weights, out)
        return out, scale

    @staticmethod
    def backward(ctx: Any, grad_out: torch.Tensor, grad_scale: torch.Tensor) -> Any:
        query, key, value, weights, out = ctx.saved_tensors
        shift = (grad_out * out).sum(-1, keepdim=True, dtype=grad_scale.dtype) - grad_scale
        grad = torch.bmm(grad_out, value.transpose(1, 2)).sub_(shift.to(value.dtype)).mul_(weights)
        turned = grad.transpose(1, 2)
        return torch.bmm(grad, key), torch.bmm(turned, query), torch.bmm(weights.transpose(1, 2), grad_out), None


class _AttendFurther(torch.autograd.Function):
    """Attention to more keys after some were attended to already: what came of those counts as one key more.

    key and value [H, S, D] are seen by all of query [H, T, D]; `before` [H, T, D] with the normaliser `scale` [H, T, 1]
    is the value and the score of the further key. Gives [H, T, D].
    """

    @staticmethod
    def forward(
        ctx: Any,
        key: torch.Tensor,
        value: torch.Tensor,
        query: torch.Tensor,
        before: torch.Tensor,
        scale: torch.Tensor,
    ) -> torch.Tensor:
        scores = torch.cat([torch.bmm(query, key.transpose(1, 2)), scale.to(query.dtype)], dim=2)
        weights = scores.softmax(-1)
        ctx.save_for_backward(key, value, query, before, weights)
        ctx.scale_dtype = scale.dtype
        return torch.bmm(weights[..., :-1], value) + weights[..., -1:] * before

    @staticmethod
    def backward(ctx: Any, grad_out: torch.Tensor) -> Any:
        key, value, query, before, weights = ctx.saved_tensors
        of_before = (grad_out * before).sum(-1, keepdim=True)
        grad = torch.cat([torch.bmm(grad_out, value.transpose(1, 2)), of_before], dim=2)
        grad = torch._softmax_backward_data(grad, weights, -1, weights.dtype)
        grad_keys, turned = grad[..., :-1], weights[..., :-1].transpose(1, 2)
        return (
            torch.bmm(grad_keys.transpose(1, 2), query),
            torch.bmm(turned, grad_out),
            torch.bmm(grad_keys, key),
            weights[..., -1:] * grad_out,
            grad[..., -1:].to(ctx.scale_dtype),
        )


class _Pad(torch.autograd.Function):
    """Tokens [N, H, D] laid out as [B * H, T, D]. Every token has one place, so the backward pass is a lookup too.

    What fills the gaps is never used.
    """

    @staticmethod
    def forward(ctx: Any, tokens: torch.Tensor, layout: _Layout) -> torch.Tensor:
        ctx.layout = layout
        size = tokens.shape[-1]
        return tokens.reshape(-1, size).index_select(0, layout.pad).view(-1, layout.width, size)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        size = grad.shape[-1]
        return grad.reshape(-1, size).index_select(0, ctx.layout.place).view(-1, ctx.layout.heads, size), None


class _Unpad(torch.autograd.Function):
    """The way back from [B * H, T, D] to [N, H, D]; gaps get no gradient."""

    @staticmethod
    def forward(ctx: Any, padded: torch.Tensor, layout: _Layout) -> torch.Tensor:
        ctx.layout, ctx.shape = layout, padded.shape
        size = padded.shape[-1]
        return padded.reshape(-1, size).index_select(0, layout.place).view(-1, layout.heads, size)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        padded = grad.new_zeros(ctx.shape)
        padded.view(-1, grad.shape[-1]).index_copy_(0, ctx.layout.place, grad.reshape(-1, grad.shape[-1]))
        return padded, None
