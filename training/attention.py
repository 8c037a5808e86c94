"""Attention over a batch that is a tree: one system prompt, common beginnings under it, one branch per row under those.

A token sees the system prompt, its group's common beginning and its own branch up to itself. As one masked matrix that
would be almost all mask. Here it is the tiles of `training.tree` and one dense part for the system prompt, joined by
their softmaxes' normalisers, as FlashAttention joins its tiles (Dao et al. 2022, arXiv:2205.14135). Given the joint
output and normaliser, each part's gradients can be computed by itself.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv

from training.flex import attend_flex
from training.tree import KEPT_SCORES, Tree

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TREE = "heimdall_tree"  # the name under which models know this attention
_HIDDEN = -1e4  # a masked score: finite, so that a row that sees nothing is not NaN and then counts nothing
_FLASH = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_FLASH_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def use_tree_attention(model: "PreTrainedModel") -> None:
    """Makes a model's forward pass take `tree=Tree` and attend by it; for training only."""
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
    tree: Tree,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """The attention of all tokens of a batch, in the form that transformers calls: [1, heads, tokens, size] each, and
    [1, tokens, heads, size] as output."""
    dtype = torch.get_autocast_dtype(query.device.type) if torch.is_autocast_enabled(query.device.type) else query.dtype
    if tree.mask is not None:
        return attend_flex(query.to(dtype), key.to(dtype), value.to(dtype), scaling, tree.mask).transpose(1, 2), None
    repeats = query.shape[1] // key.shape[1]
    parts = (query * scaling, repeat_kv(key, repeats), repeat_kv(value, repeats))
    out: torch.Tensor = _AttendTree.apply(tree, *(part.to(dtype).squeeze(0).transpose(0, 1) for part in parts))
    return out[None], None


Three = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class _Part(NamedTuple):
    """What one set of keys gives: the output [..., size], the logarithm of its softmax's normaliser [..., 1] in float32
    or better, and the weights [batch, queries, keys] unless they are to be computed again."""

    out: torch.Tensor
    scale: torch.Tensor
    weights: torch.Tensor | None


class _AttendTree(torch.autograd.Function):
    """query (already scaled), key and value [tokens, heads, size]; gives [tokens, heads, size]."""

    @staticmethod
    def forward(ctx: Any, tree: Tree, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        n = tree.prefix
        out, below, weights = _attend_tiles(tree, query[n:], key[n:], value[n:])
        prompt: list[torch.Tensor | None] = []
        if n:
            own = _attend_prompt(query[:n], key[:n], value[:n], causal=True)
            above = _attend_prompt(query[n:], key[:n], value[:n], causal=False)
            joint = torch.logaddexp(below, above.scale)
            out = torch.cat([own.out, (out + (above.scale - joint).exp() * (above.out - out)).to(out.dtype)])
            prompt = [own.scale, own.weights, above.scale, above.weights, below, joint]
        ctx.tree = tree
        ctx.save_for_backward(query, key, value, out, *prompt, *weights)
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        tree, n = ctx.tree, ctx.tree.prefix
        query, key, value, out, *kept = ctx.saved_tensors
        shift = (grad * out).sum(-1, keepdim=True, dtype=_exact(grad))
        if not n:
            return None, *_differentiate_tiles(tree, grad, shift, query, key, value, kept)
        own_scale, own_weights, above_scale, above_weights, below, joint, *weights = kept
        share = (below - joint).exp()
        tiles = _differentiate_tiles(
            tree, (grad[n:] * share).to(grad.dtype), shift[n:] * share, query[n:], key[n:], value[n:], weights
        )
        above = _differentiate_prompt(
            _Part(out[n:], above_scale, above_weights), joint, grad[n:], shift[n:], query[n:], key[:n], value[:n], False
        )
        own = _differentiate_prompt(
            _Part(out[:n], own_scale, own_weights), own_scale, grad[:n], shift[:n], query[:n], key[:n], value[:n], True
        )
        return (
            None,
            torch.cat([own[0], tiles[0] + above[0]]),
            torch.cat([own[1] + above[1], tiles[1]]),
            torch.cat([own[2] + above[2], tiles[2]]),
        )


def _attend_tiles(
    tree: Tree, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Output, normaliser (only where there is a prompt to be joined) and each tile's weights for all other tokens."""
    queries, keys, values = tree.queries.spread(query), tree.keys.spread(key), tree.keys.spread(value)
    outs, scales = torch.empty_like(queries), queries.new_empty(len(queries), 1, dtype=_exact(queries))
    kept = []
    for tile in tree.tiles:
        out, scores, weights = _attend(*tile.pick(queries, keys, values), tile.hidden)
        outs[tile.queries] = out.flatten(0, 1)
        if tree.prefix:
            scales[tile.queries] = _find_scale(scores, weights).flatten(0, 1)
        kept.append(weights)
    return tree.queries.collect(outs), tree.queries.collect(scales) if tree.prefix else scales, kept


def _differentiate_tiles(
    tree: Tree,
    grad: torch.Tensor,
    shift: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    kept: list[torch.Tensor],
) -> Three:
    """The gradients of query, key and value for all tokens but the prompt's."""
    queries, keys, values = tree.queries.spread(query), tree.keys.spread(key), tree.keys.spread(value)
    grads, shifts = tree.queries.spread_once(grad), tree.queries.spread_once(shift)
    out = [tree.queries.make_room(queries), tree.keys.make_room(keys), tree.keys.make_room(values)]
    for tile, weights in zip(tree.tiles, kept, strict=True):
        turned, shifted = (part[tile.queries].view(-1, tile.width, part.shape[-1]) for part in (grads, shifts))
        found = _differentiate(turned, shifted, *tile.pick(queries, keys, values), weights)
        for place, room, part in zip((tile.queries, tile.keys, tile.keys), out, found, strict=True):
            room[place] = part.flatten(0, 1)
    return tree.queries.add_up(out[0]), tree.keys.add_up(out[1]), tree.keys.add_up(out[2])


def _attend_prompt(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, causal: bool) -> _Part:
    """Attention of tokens [T, heads, size] to the system prompt [S, heads, size]."""
    query, key, value = (part.transpose(0, 1) for part in (query, key, value))
    if query.device.type == "cpu" and query.shape[1] * key.shape[1] > KEPT_SCORES:
        out, scale = _FLASH(query[None], key[None], value[None], 0.0, causal, scale=1.0)
        return _Part(out[0].transpose(0, 1), scale[0].T[..., None], None)
    hidden = None
    if causal:
        hidden = torch.ones(1, 1, *query.shape[1:2] * 2, dtype=torch.bool, device=query.device).triu(1)
    out, scores, weights = _attend(query, key, value, hidden)
    return _Part(out.transpose(0, 1), _find_scale(scores, weights).transpose(0, 1), weights)


def _differentiate_prompt(
    part: _Part,
    joint: torch.Tensor,
    grad: torch.Tensor,
    shift: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    causal: bool,
) -> Three:
    """The gradients of query, key and value by this part, whose `out` is the joint one."""
    if part.weights is None:
        turned = (tensor.transpose(0, 1)[None] for tensor in (grad, query, key, value, part.out))
        found = _FLASH_BACKWARD(*turned, joint[..., 0].T[None].contiguous(), 0.0, causal, scale=1.0)
        by_query, by_key, by_value = (tensor[0] for tensor in found)
    else:
        share = (part.scale - joint).exp()
        parts = ((grad * share).to(grad.dtype), shift * share, query, key, value)
        grad, shift, query, key, value = (tensor.transpose(0, 1) for tensor in parts)
        by_query, by_key, by_value = _differentiate(grad, shift, query, key, value, part.weights)
    return by_query.transpose(0, 1), by_key.transpose(0, 1), by_value.transpose(0, 1)


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, hidden: torch.Tensor | None) -> Three:
    """Softmax attention of [B, T, size] to [B, S, size]: output, scores and weights. `hidden` is [R, 1, T, S], B being
    R * heads."""
    scores = torch.bmm(query, key.transpose(1, 2))
    if hidden is not None:
        scores.view(len(hidden), -1, *scores.shape[1:]).masked_fill_(hidden, _HIDDEN)
    weights = scores.softmax(-1)
    return torch.bmm(weights, value), scores, weights


def _find_scale(scores: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The logarithm of the softmax's normaliser. The largest weight is exp(score - scale) of the largest score, and the
    one that rounding changes least."""
    exact = _exact(scores)
    return scores.amax(-1, keepdim=True).to(exact) - weights.amax(-1, keepdim=True).to(exact).log()


def _differentiate(
    grad: torch.Tensor,
    shift: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    weights: torch.Tensor,
) -> Three:
    """Gradients of `_attend`'s output. `grad` is the gradient of the joint output and `shift` [B, T, 1] the sum of its
    product with that output, both times this part's share."""
    scores = torch.bmm(grad, value.transpose(1, 2)).sub_(shift.to(value.dtype)).mul_(weights)
    return torch.bmm(scores, key), torch.bmm(scores.transpose(1, 2), query), torch.bmm(weights.transpose(1, 2), grad)


def _exact(tensor: torch.Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)
