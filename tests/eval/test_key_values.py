"""Keys and values with room behind them hold what transformers' own hold, whatever is added, taken out or repeated."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.cache_utils import Cache, DynamicCache

from eval.key_values import repeat, start_cache


def add(caches: list[Cache], answers: int, tokens: int, generator: torch.Generator) -> None:
    states = torch.randn(2, answers, 3, tokens, 4, generator=generator)
    held = [cache.update(states[0], states[1], 0) for cache in caches]
    for ours, theirs in zip(*held, strict=True):
        assert torch.equal(ours, theirs)


@settings(max_examples=40, deadline=None)
@given(
    beginning=st.integers(1, 70),
    answers=st.integers(1, 4),
    steps=st.lists(st.one_of(st.just("drop"), st.integers(1, 70)), max_size=8),
    seed=st.integers(0, 9),
)
def test_a_cache_with_room_holds_what_a_copying_one_holds(
    beginning: int, answers: int, steps: list[str | int], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    ours, theirs = start_cache(), DynamicCache()
    add([ours, theirs], 1, beginning, generator)
    first = ours.layers[0].keys.clone()
    forks = [repeat(ours, answers), repeat(theirs, answers)]
    add([repeat(ours, answers), repeat(theirs, answers)], answers, 3, generator)  # goes on beside the others
    for step in steps:
        if isinstance(step, int):
            add(forks, answers, step, generator)
        elif answers > 1:
            answers -= 1
            for fork in forks:
                fork.batch_select_indices(torch.arange(1, answers + 1))
    assert torch.equal(ours.layers[0].keys, first)
