"""The shared prefix and the row trees change what training costs, never what it computes."""

import random
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from heimdall.answers import FactAnswer
from heimdall.config import ScratchConfig
from heimdall.errors import InputError
from heimdall.rows import Found, Message, Row, read_rows
from nornicdb.contract import load_reference_contract
from nornicdb.prompts import build_head, build_rest, build_system_prompt, render_chatml
from training import attention, loss, tree
from training.attention import use_tree_attention
from training.batches import (
    IGNORED,
    Batch,
    EncodedRow,
    RowEncoder,
    build_batch,
    check_lengths,
    group_rows,
    lay_out,
    plan_batches,
)
from training.loss import sum_loss
from training.norm import use_lean_norms
from training.scratch import build_model
from training.tokenizer import load_tokenizer
from training.tree import Tree

tokens = st.lists(st.integers(5, 30), min_size=1, max_size=8)
Pairs = list[tuple[list[int], list[int]]]
rows_strategy = st.lists(st.tuples(tokens, tokens), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def model(training_tokenizer: Path) -> Any:
    config = ScratchConfig(hidden_size=256, layers=2, intermediate_size=256, vocab_size=1024)
    built = build_model(config, load_tokenizer(training_tokenizer), seed=1)
    with torch.no_grad():  # outputs start at zero; give every weight something to do
        for parameter in built.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    use_lean_norms(built)  # theirs compute in float32
    return built.double()


def loss_as_tree(model: Any, batch: Batch) -> tuple[torch.Tensor, int]:
    use_tree_attention(model)
    return sum_loss(model, batch)


def encode(pairs: list[tuple[list[int], list[int]]]) -> list[EncodedRow]:
    return [EncodedRow(f"r{i}", "minimal", prompt, answer, "g") for i, (prompt, answer) in enumerate(pairs)]


def loss_one_by_one(model: Any, prefix: list[int], rows: list[EncodedRow]) -> torch.Tensor:
    """What training on every row by itself, padded by nothing, would compute."""
    model.set_attn_implementation("sdpa")
    total = torch.zeros((), dtype=torch.float64)
    for row in rows:
        ids = torch.tensor([prefix + row.prompt + row.answer])
        logits = model(ids).logits[0, :-1]
        start = len(prefix) + len(row.prompt) - 1
        total = total + torch.nn.functional.cross_entropy(logits[start:], ids[0, start + 1 :], reduction="sum")
    return total


@pytest.mark.parametrize("prefix_length", [0, 1, 17])
def test_loss_and_gradient_equal_those_of_each_row_by_itself(model: Any, prefix_length: int) -> None:
    rng = random.Random(prefix_length)
    prefix = [rng.randrange(5, 900) for _ in range(prefix_length)]
    beginning = [rng.randrange(5, 900) for _ in range(9)]
    pairs = [
        (beginning + [rng.randrange(5, 900) for _ in range(n)], [rng.randrange(5, 900) for _ in range(m)])
        for n, m in ((3, 4), (1, 7), (6, 1))
    ]
    alone = [([rng.randrange(5, 900) for _ in range(5)], [7, 8])]
    rows = encode(pairs)
    groups = [lay_out(rows), lay_out(encode(alone))]
    grouped, count = loss_as_tree(model, build_batch(groups, prefix, pad=0))
    ours = torch.autograd.grad(grouped, list(model.parameters()), allow_unused=True)
    reference = loss_one_by_one(model, prefix, rows + encode(alone))
    theirs = torch.autograd.grad(reference, list(model.parameters()), allow_unused=True)
    assert count == 4 + 7 + 1 + 2
    assert grouped.item() == pytest.approx(reference.item(), rel=1e-9)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine is not None
        assert other is not None
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-9)


def test_a_branch_does_not_see_its_sibling(model: Any) -> None:
    """The check above would pass by chance if siblings hardly mattered; here the sibling holds the answer."""
    beginning = list(range(40, 60))
    rows = encode([([*beginning, 70, 71], [100, 101]), ([*beginning, 70, 71], [200, 201])])
    losses = []
    for answer in ([200, 201], [300, 301]):
        other = EncodedRow("x", "minimal", rows[1].prompt, answer, "g")
        batch = build_batch([lay_out([other, rows[0]])], [], pad=0)
        alone = build_batch([lay_out([other])], [], pad=0)
        losses.append((loss_as_tree(model, batch)[0] - loss_as_tree(model, alone)[0]).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


@settings(max_examples=25)
@given(st.lists(rows_strategy, min_size=1, max_size=4), st.integers(0, 5))
def test_any_tree_has_the_loss_of_its_rows(model: Any, trees: list[Pairs], prefix_length: int) -> None:
    prefix = list(range(50, 50 + prefix_length))
    rows = [encode(pairs) for pairs in trees]
    grouped, count = loss_as_tree(model, build_batch([lay_out(group) for group in rows], prefix, pad=0))
    assert count == sum(len(row.answer) for group in rows for row in group)
    alone = loss_one_by_one(model, prefix, [row for group in rows for row in group])
    assert grouped.item() == pytest.approx(alone.item(), rel=1e-6)


@pytest.mark.parametrize("kept_scores", [0, 2**21], ids=["prompt computed twice", "prompt's scores kept"])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("kv_heads", [1, 4])
def test_gradients_are_those_of_each_row_by_itself_in_full_and_with_adapters_and_with_checkpointed_layers(
    kv_heads: int, lora: bool, checkpointing: bool, kept_scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "KEPT_SCORES", kept_scores)
    torch.manual_seed(kv_heads)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=300, num_key_value_heads=kv_heads, **sizes))
    if lora:
        config = peft.LoraConfig(r=4, target_modules="all-linear", use_rslora=True, init_lora_weights=False)
        model = peft.get_peft_model(model, config)
    model = model.double()
    use_lean_norms(model)  # theirs compute in float32
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    pairs = [([5, 6, 7, 8], [9, 10]), ([5, 6, 7, 20], [21]), ([5, 6, 30], [31, 32, 33])]
    alone = [([40 + place for place in range(40)], [41])]
    prompt = [40, 41, 42]
    reference = loss_one_by_one(model, prompt, encode([*pairs, *alone]))
    theirs = torch.autograd.grad(reference, trained)
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    model.train()
    groups = [lay_out(encode(pairs)), lay_out(encode(alone))]
    ours = torch.autograd.grad(loss_as_tree(model, build_batch(groups, prompt, pad=0))[0], trained)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-9)


def test_many_answers_are_measured_in_chunks_with_the_same_loss_and_gradient(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [lay_out(encode([([5, 6, start], list(range(start, start + 100)))])) for start in (10, 200, 400)]
    batch, trained = build_batch(groups, [7, 8], pad=0), list(model.parameters())
    whole, count = loss_as_tree(model, batch)
    expected = torch.autograd.grad(whole, trained)
    monkeypatch.setattr(loss, "LOGITS", 0)  # 64 answer tokens at a time
    seen: list[int] = []
    watch = model.get_output_embeddings().register_forward_hook(lambda _, __, out: seen.append(len(out)))
    chunked, same = loss_as_tree(model, batch)
    watch.remove()
    assert (seen, count, same) == ([64] * 5, 300, 300)
    assert chunked.item() == pytest.approx(whole.item(), rel=1e-9)
    for mine, other in zip(torch.autograd.grad(chunked, trained), expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sixteen", [False, True])
def test_a_lean_norm_is_the_models_own(sixteen: bool) -> None:
    torch.manual_seed(1)
    norm = LlamaRMSNorm(48, eps=1e-5)
    torch.nn.init.normal_(norm.weight)
    hidden, upstream = torch.randn(3, 7, 48, requires_grad=True), torch.randn(3, 7, 48)
    found = []
    for lean in (False, True):
        if lean:
            use_lean_norms(torch.nn.Sequential(norm))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=sixteen):
            out = norm(hidden)
        assert out.dtype == (torch.bfloat16 if sixteen and lean else torch.float32)
        found.append((out.float(), *torch.autograd.grad(out.float(), [hidden, norm.weight], upstream)))
    for mine, other in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(mine, other, rtol=2e-2 if sixteen else 1e-4, atol=5e-2 if sixteen else 1e-5)


@pytest.mark.parametrize("kv_heads", [1, 4])
def test_one_kernel_for_the_whole_attention_gives_what_the_tiles_give(
    kv_heads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its forward pass only: FlexAttention has no other on a CPU."""
    torch.manual_seed(kv_heads)
    pairs = [([5, 6, 7, 8], [9, 10]), ([5, 6, 7, 20], [21]), ([5, 6, 30], [31, 32, 33])]
    groups = [lay_out(encode(pairs)), lay_out(encode([([40 + n for n in range(150)], [41])]))]
    batch = build_batch(groups, list(range(60, 90)), pad=0)
    query, key, value = (torch.randn(1, heads, batch.ids.shape[1], 32) for heads in (4, kv_heads, kv_heads))
    tiles = attention.attend(torch.nn.Module(), query, key, value, None, 0.2, tree=Tree(batch, 4))[0]
    monkeypatch.setattr(tree, "KEPT_SCORES", 0)
    monkeypatch.setattr(tree, "can_use_flex", lambda device: True)
    whole = Tree(batch, 4)
    assert whole.mask is not None
    kernel = attention.attend(torch.nn.Module(), query, key, value, None, 0.2, tree=whole)[0]
    torch.testing.assert_close(kernel, tiles, rtol=1e-5, atol=1e-6)


@given(rows_strategy)
def test_a_group_holds_every_row_once_and_only_answers_are_learnt(pairs: Pairs) -> None:
    group = lay_out(encode(pairs))
    for (prompt, answer), branch, labels in zip(pairs, group.branches, group.labels, strict=True):
        assert group.common + branch == prompt + answer
        assert [label for label in labels if label != IGNORED] == answer
        assert len(labels) == len(branch)
        assert labels[0] == IGNORED


@given(rows_strategy, st.integers(0, 4))
def test_positions_of_a_branch_go_on_from_what_is_above_it(pairs: Pairs, prefix_length: int) -> None:
    group = lay_out(encode(pairs))
    batch = build_batch([group], [1] * prefix_length, pad=0)
    positions = batch.positions[0].tolist()
    assert positions[: prefix_length + len(group.common)] == list(range(prefix_length + len(group.common)))
    at = prefix_length + len(group.common)
    for branch in group.branches:
        start = prefix_length + len(group.common)
        assert positions[at : at + len(branch)] == list(range(start, start + len(branch)))
        assert batch.ids[0, at : at + len(branch)].tolist() == branch
        at += len(branch)


@given(st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=30), st.integers(1, 20))
def test_groups_keep_all_rows_in_order_and_never_mix_schemas(owners: list[str | None], tokens: int) -> None:
    rows = [EncodedRow(str(i), "minimal", [1, 2, i + 5], [3], owner) for i, owner in enumerate(owners)]
    groups = group_rows(rows, tokens)
    assert sum(len(group.branches) for group in groups) == len(rows)
    assert all(len(group.branches) == 1 or group.tokens <= tokens for group in groups)
    assert [group.common + branch for group in groups for branch in group.branches] == [
        row.prompt + row.answer for row in rows
    ]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 16), st.floats(0, 1), st.integers(0, 5))
def test_a_plan_holds_every_group_once_and_repeats_with_its_seed(
    lengths: list[int], size: int, share: float, seed: int
) -> None:
    groups = [lay_out(encode([([1] * n, [2])])) for n in lengths]
    plan = plan_batches(groups, size, 2 * size, share, seed)
    assert sorted(id(group) for batch in plan for group in batch.groups) == sorted(id(group) for group in groups)
    assert plan == plan_batches(groups, size, 2 * size, share, seed)
    assert all(len(batch.groups) <= (2 * size if batch.system else size) for batch in plan)


@given(st.integers(1, 200), st.floats(0, 1), st.integers(0, 5))
def test_the_asked_share_of_rows_has_the_system_prompt_and_half_of_them_come_last(
    count: int, share: float, seed: int
) -> None:
    plan = plan_batches([lay_out(encode([([1, 2], [3])])) for _ in range(count)], 1, 1, share, seed)
    prompted = [batch.system is not None for batch in plan]
    assert sum(prompted) == pytest.approx(count * share, abs=1)
    assert all(prompted[round(count * (1 - share / 2)) :])


def test_cutting_after_the_system_turn_changes_no_token(training_data: Path, training_tokenizer: Path) -> None:
    contract, tokenizer = load_reference_contract(), load_tokenizer(training_tokenizer)
    encoder = RowEncoder(tokenizer, contract)
    for row in read_rows(training_data / "train.jsonl"):
        encoded = encoder.encode(row)
        whole = render_chatml(build_system_prompt(contract, row.prompt, random.Random(3)), row.messages)
        parts = encoder.encode_prefix(row.prompt, random.Random(3)) + encoded.prompt + encoded.answer
        assert parts == tokenizer.encode(whole.removesuffix("\n"), add_special_tokens=False)


def make_knowledge_row(number: int) -> Row:
    found = Found(type="Person", title="Ada", content="Ada lives in Oslo.", properties={"age": number, "note": "old"})
    return Row(
        id=f"k{number}",
        family="knowledge",
        split="train",
        prompt="knowledge",
        messages=(Message(role="user", content="How old is Ada?"), Message(role="assistant", content=f"{number}.")),
        knowledge=(found,),
        expected=FactAnswer(required=((str(number),),)),
    )


def test_cutting_before_what_was_found_changes_no_token_and_a_whole_conversation_is_one_prompt(
    training_tokenizer: Path,
) -> None:
    contract, tokenizer = load_reference_contract(), load_tokenizer(training_tokenizer)
    encoder, row = RowEncoder(tokenizer, contract), make_knowledge_row(36)
    encoded = encoder.encode(row)
    head, rest = build_head(contract, random.Random(3)), build_rest(contract, random.Random(row.id), row.knowledge)
    whole = render_chatml(head + rest, row.messages)
    parts = encoder.encode_prefix("knowledge", random.Random(3)) + encoded.prompt + encoded.answer
    assert parts == tokenizer.encode(whole.removesuffix("\n"), add_special_tokens=False)
    turns = (*row.messages, Message(role="user", content="And Bo?"), Message(role="assistant", content="Bo is 40."))
    later = encoder.encode(row.model_copy(update={"prompt": "full", "knowledge": (), "messages": turns}))
    said = render_chatml(None, turns).removesuffix("\n")
    assert later.prompt + later.answer == tokenizer.encode(said, add_special_tokens=False)
    assert tokenizer.decode(later.answer) == "Bo is 40.<|im_end|>"


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.floats(0, 1), st.integers(0, 5))
def test_rows_with_knowledge_always_have_the_prompt_that_they_are_cut_out_of(
    known: list[bool], share: float, seed: int
) -> None:
    rows = [EncodedRow(str(i), "knowledge" if own else "minimal", [1, i + 5], [2], None) for i, own in enumerate(known)]
    plan = plan_batches(group_rows(rows, 4), 2, 4, share, seed)
    for batch in plan:
        systems = {group.system for group in batch.groups}
        assert batch.system in (None, *systems)
        assert len(systems) == 1 or batch.system is None
        assert "knowledge" not in systems or batch.system == "knowledge"
    assert sum(len(group.branches) for batch in plan for group in batch.groups) == len(rows)


def test_a_row_that_does_not_fit_is_named() -> None:
    with pytest.raises(InputError, match="Row r0 has 12 tokens"):
        check_lengths(encode([([1] * 4, [2] * 3)]), prefixes={"minimal": 5}, limit=11)
