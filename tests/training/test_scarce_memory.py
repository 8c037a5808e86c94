"""Training within the memory there is: what does not fit is computed in smaller parts, and comes to the same."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from heimdall.config import ScratchConfig, TrainConfig
from heimdall.errors import TrainingError
from heimdall.hardware import Precision
from training import prefix_trainer, running, sft
from training.attention import use_tree_attention
from training.batches import Batch, EncodedRow, Shard, build_batch, lay_out
from training.job import MODEL, TrainSpec, TrainSummary
from training.loss import sum_loss
from training.memory import ShardRunner, is_out_of_memory
from training.scratch import build_model
from training.tokenizer import load_tokenizer

SCRATCH = ScratchConfig(hidden_size=256, layers=2, heads=4, kv_heads=4, intermediate_size=256, vocab_size=1024)
CONFIG = TrainConfig(
    scratch=SCRATCH,
    batch_size=12,
    gradient_accumulation=2,
    prompt_share=0.0,
    eval_rows=4,
    threads=1,
    max_seq_length=2048,
)


def make_model() -> Any:
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, num_key_value_heads=2, **sizes))


def make_shard(groups: int, rows_each: int = 3) -> Shard:
    rows = [
        [
            EncodedRow(f"r{group}{row}", "minimal", [5, 6, 40 + group, 7 + row], [9, 10 + row], "g")
            for row in range(rows_each)
        ]
        for group in range(groups)
    ]
    return Shard([lay_out(found) for found in rows], [50, 51, 52])


def differentiate(model: Any, shard: Shard) -> list[torch.Tensor]:
    loss, _ = sum_loss(model, build_batch(shard.groups, shard.prefix, pad=0))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return list(torch.autograd.grad(loss, trained))


@pytest.mark.parametrize(("lora", "threads"), [(False, 2), (True, 1)])
def test_gradients_are_the_same_with_checkpointed_layers(lora: bool, threads: int) -> None:
    model = make_model()
    if lora:
        config = peft.LoraConfig(r=4, target_modules="all-linear", use_rslora=True, init_lora_weights=False)
        model = peft.get_peft_model(model, config)
    use_tree_attention(model)
    model.train()
    shards = make_shard(4).cut(2)
    runner = ShardRunner(threads, on_cut=lambda parts: None)
    plain = list(runner.run(lambda shard: differentiate(model, shard), shards))
    seen: list[int] = []
    layer = (model.get_base_model() if lora else model).model.layers[0].mlp.gate_proj
    layer.register_forward_hook(lambda *_: seen.append(1))
    model.activation_checkpointing_enable({"use_reentrant": False})
    checkpointed = list(runner.run(lambda shard: differentiate(model, shard), shards))
    assert len(seen) == 4  # forward, and again in the backward pass, for two shards
    for mine, other in zip(plain, checkpointed, strict=True):
        assert len(mine) > 0
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("threads", "error"),
    [(1, MemoryError()), (2, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"))],
)
def test_shards_that_do_not_fit_are_halved_and_their_gradients_add_up(threads: int, error: Exception) -> None:
    model = make_model().double()
    use_tree_attention(model)
    whole, cuts, sizes = make_shard(8), [], []

    def work(shard: Shard) -> list[torch.Tensor]:
        if len(shard.groups) > 2:
            raise error
        sizes.append(len(shard.groups))
        return differentiate(model, shard)

    runner = ShardRunner(threads, cuts.append)
    total = [sum(parts) for parts in zip(*runner.run(work, [whole]), strict=True)]
    torch.testing.assert_close(total, differentiate(model, whole), rtol=1e-4, atol=1e-5)  # the loss is in float32
    assert (cuts, sizes) == ([2, 4], [2, 2, 2, 2])
    list(runner.run(work, [whole]))
    assert cuts == [2, 4]  # the next batch is cut from the start
    assert runner.parts == 4


def test_a_row_that_does_not_fit_by_itself_is_named_with_the_way_out() -> None:
    def work(shard: Shard) -> None:
        raise MemoryError

    one = Shard([lay_out([EncodedRow("train-7", "full", [5] * 4, [6], None)])], [1] * 10)
    with pytest.raises(TrainingError, match=r"Row train-7 does not fit .* \(15 tokens .*gradient_checkpointing=true"):
        list(ShardRunner(2, on_cut=lambda parts: None).run(work, [one]))
    with pytest.raises(TrainingError, match="Row r00 does not fit"):
        list(ShardRunner(1, on_cut=lambda parts: None).run(work, [make_shard(1)]))


def test_halving_down_to_single_rows_keeps_every_row_and_the_gradient() -> None:
    model = make_model().double()
    use_tree_attention(model)
    whole, seen = make_shard(3), []

    def work(shard: Shard) -> list[torch.Tensor]:
        ids = [row for group in shard.groups for row in group.ids]
        if len(ids) > 1:
            raise MemoryError
        seen.extend(ids)
        return differentiate(model, shard)

    total = [sum(parts) for parts in zip(*ShardRunner(1, lambda parts: None).run(work, [whole]), strict=True)]
    torch.testing.assert_close(total, differentiate(model, whole), rtol=1e-4, atol=1e-5)  # the loss is in float32
    assert sorted(seen) == sorted(row for group in whole.groups for row in group.ids)


def test_shards_that_fit_only_alone_are_computed_alone() -> None:
    running: list[Shard] = []

    def work(shard: Shard) -> int:
        if len(running) < 2:
            running.append(shard)
            raise MemoryError
        return len(shard.groups)

    assert list(ShardRunner(2, on_cut=lambda parts: None).run(work, make_shard(2, 1).cut(2))) == [1, 1]


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: misaligned address"), ValueError("x"), KeyError("y")])
def test_other_errors_are_not_taken_for_a_lack_of_memory(error: Exception) -> None:
    def work(shard: Shard) -> None:
        raise error

    with pytest.raises(type(error)):
        list(ShardRunner(1, on_cut=lambda parts: None).run(work, [make_shard(4)]))


def test_what_pytorch_raises_on_a_cpu_is_known() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**50)
    assert is_out_of_memory(raised.value)


@pytest.fixture(scope="module")
def few_rows(training_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 rows to learn from and four to measure by."""
    directory = tmp_path_factory.mktemp("few-rows")
    for split, count in (("train", 36), ("validation", 4)):
        lines = (training_data / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (directory / f"{split}.jsonl").write_text("".join(lines[:count]), encoding="utf-8")
    return directory


def test_a_run_that_meets_the_end_of_memory_says_so_and_takes_the_same_steps(
    make_spec: Callable[..., TrainSpec],
    few_rows: Path,
    training_tokenizer: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a forward pass at first, in the middle of a backward pass later; its layers are computed twice, too."""
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the child's own; this is not the child
    for module in (sft, running, prefix_trainer):
        monkeypatch.setattr(module, "send", events.append)
    monkeypatch.setattr(sft, "choose_precision", lambda: Precision("fp32", "bf16 rounds otherwise in smaller parts"))

    def run(name: str, config: TrainConfig) -> TrainSummary:
        out = tmp_path / name
        out.mkdir()
        summary = sft.train(make_spec(config, out, few_rows))
        assert summary is not None
        return summary

    undisturbed = run("undisturbed", CONFIG)
    assert undisturbed.parts == 1
    (chosen,) = (event["notices"] for event in events if "notices" in event)
    assert chosen["batch"] == "micro-batches of 12 rows x 2 for each step of the optimizer"
    assert "from scratch" in chosen["data"]

    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def watch(model: Any, batch: Batch) -> tuple[torch.Tensor, int]:
        loss, count = sum_loss(model, batch)
        if len(batch.segments) > 10:
            if not loss.requires_grad or len(events) % 2:
                fail()
            loss.register_hook(fail)
        return loss, count

    monkeypatch.setattr(prefix_trainer, "sum_loss", watch)
    summary = run("cut", CONFIG.model_copy(update={"gradient_checkpointing": True}))
    notices = [event for event in events if "out_of_memory" in event.get("notices", {})]
    assert [event["parts"] for event in notices] == [2 ** (n + 1) for n in range(len(notices))]
    assert summary.parts == notices[-1]["parts"]
    assert "in 2 parts" in notices[0]["notices"]["out_of_memory"]
    assert summary.steps == undisturbed.steps == 2
    assert summary.loss == pytest.approx(undisturbed.loss, rel=1e-4)
    ours, theirs = (load_file(tmp_path / name / MODEL / "model.safetensors") for name in ("cut", "undisturbed"))
    start = build_model(SCRATCH, load_tokenizer(training_tokenizer), CONFIG.seed).state_dict()
    # AdamW makes a step of the rounding error where a gradient is next to nothing, so not number by number.
    apart, moved = (
        sum((theirs[name] - other[name]).square().sum().item() for name in ours) ** 0.5 for other in (ours, start)
    )
    assert apart < 0.02 * moved
