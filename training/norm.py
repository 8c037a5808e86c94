"""RMSNorm in as few passes over memory as it takes, and in the number format that the next matrix product reads.

Transformers' own is a dozen operations on float32 and keeps four tensors for the backward pass, one more for each layer
that reads the result. This one keeps its input, which the residual stream holds anyway, and one number a token.
"""

from typing import Any

import torch


def use_lean_norms(model: torch.nn.Module) -> None:
    """Replaces the forward pass of a model's RMSNorm modules; for training only."""
    for module in model.modules():
        # Those of Gemma's kind, which multiply by one more than the weight, name their epsilon otherwise.
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            module.forward = _Forward(module)


class _Forward:
    def __init__(self, module: Any) -> None:
        self._module = module

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        out: torch.Tensor = _RmsNorm.apply(  # type: ignore[no-untyped-call]
            hidden, self._module.weight, self._module.variance_epsilon, dtype
        )
        return out


class _RmsNorm(torch.autograd.Function):
    """`hidden` [..., size] divided by the root of its mean square, times `weight` [size] (Zhang and Sennrich 2019,
    arXiv:1910.07467)."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, epsilon: float, dtype: torch.dtype
    ) -> torch.Tensor:
        exact = hidden.to(torch.promote_types(hidden.dtype, torch.float32))
        scale = torch.linalg.vector_norm(exact, dim=-1, keepdim=True).square_()
        scale = scale.div_(hidden.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(hidden, weight, scale)
        out: torch.Tensor = (exact * scale).mul_(weight).to(dtype)
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        hidden, weight, scale = ctx.saved_tensors
        normed = hidden * scale
        product = grad * normed  # promotes a gradient in 16 bits
        by_weight = product.flatten(0, -2).sum(0).to(weight.dtype) if ctx.needs_input_grad[1] else None
        mean = (product @ weight.to(product.dtype))[..., None].div_(hidden.shape[-1])
        by_hidden = torch.mul(grad, weight, out=product).addcmul_(normed, mean, value=-1).mul_(scale)
        return by_hidden.to(hidden.dtype), by_weight, None, None
