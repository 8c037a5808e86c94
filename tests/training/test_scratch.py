"""A model from scratch starts as a copying machine that every llama.cpp quantisation can hold."""

from pathlib import Path

import pytest
import torch

from heimdall.config import ScratchConfig
from heimdall.errors import UsageError
from training.scratch import build_model
from training.tokenizer import load_tokenizer

SMALL = {"hidden_size": 256, "layers": 2, "intermediate_size": 256, "vocab_size": 1024}


@pytest.mark.parametrize("distinct", [700, 40])
def test_before_any_training_it_continues_a_repeated_sequence(training_tokenizer: Path, distinct: int) -> None:
    """With few distinct tokens each stands in many places, and only the two before it tell which one is meant."""
    tokenizer = load_tokenizer(training_tokenizer)
    model = build_model(ScratchConfig(**SMALL), tokenizer, seed=1).eval()
    generator = torch.Generator().manual_seed(2)
    first = torch.randint(256, 256 + distinct, (4, 60), generator=generator)
    with torch.no_grad():
        logits = model(torch.cat([first, first], dim=1)).logits
    copied = logits[:, 60:-1].argmax(-1) == first[:, 1:]
    assert copied.float().mean() > 0.9


def test_the_same_seed_gives_the_same_weights(training_tokenizer: Path) -> None:
    tokenizer = load_tokenizer(training_tokenizer)
    one, two = (build_model(ScratchConfig(**SMALL), tokenizer, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "sizes", [{"hidden_size": 192}, {"intermediate_size": 300}, {"heads": 2}, {"kv_heads": 2}, {"layers": 1}]
)
def test_sizes_that_would_quantise_badly_or_break_the_circuit_are_refused(
    training_tokenizer: Path, sizes: dict[str, int]
) -> None:
    with pytest.raises(UsageError, match=r"train\.scratch"):
        build_model(ScratchConfig(**{**SMALL, **sizes}), load_tokenizer(training_tokenizer), seed=1)
