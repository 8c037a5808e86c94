"""Muon on the hidden matrices and AdamW on everything else, behind one optimizer that a trainer can save and resume."""

from collections.abc import Callable
from typing import Any

import torch

_MUON_MOMENTUM = 0.95  # Jordan et al. 2024, https://kellerjordan.github.io/posts/muon
_ADAM_BETAS = (0.9, 0.95)
_ADAMW_RATE = 3.0  # of AdamW's learning rate to Muon's: measured in docs/experiments/nano.md


class MuonWithAdamW(torch.optim.Optimizer):
    """Both optimizers follow one schedule. `lr` is Muon's, whose updates are scaled to the size of AdamW's
    (`match_rms_adamw`); AdamW's own is three times as high.

    Muon (momentum, then orthogonalised by Newton-Schulz) takes the hidden matrices, AdamW the embeddings and the rest.
    """

    def __init__(
        self,
        matrices: list[torch.nn.Parameter],
        others: list[torch.nn.Parameter],
        *,
        lr: float,
        weight_decay: float,
    ) -> None:
        self._parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(
                matrices, lr=lr, weight_decay=weight_decay, momentum=_MUON_MOMENTUM, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(others, lr=_ADAMW_RATE * lr, weight_decay=0.0, betas=_ADAM_BETAS),
        )
        super().__init__([*matrices, *others], {})
        # The same group objects as the parts', so that a scheduler's changes reach them.
        self.param_groups = [group for part in self._parts for group in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = closure() if closure else None
        for part in self._parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The state of both parts."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores both parts."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self._parts for group in part.param_groups]


def build_optimizer(model: torch.nn.Module, kind: str, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """`muon` or `adamw`; only matrices inside the decoder's layers are decayed."""
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    outer = {id(parameter) for name, parameter in named if "embed" in name or "lm_head" in name}
    matrices = [parameter for _, parameter in named if parameter.ndim == 2 and id(parameter) not in outer]
    inner = {id(parameter) for parameter in matrices}
    others = [parameter for _, parameter in named if id(parameter) not in inner]
    if kind == "muon":
        return MuonWithAdamW(matrices, others, lr=lr, weight_decay=weight_decay)
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, betas=_ADAM_BETAS)
