"""Every preset's way through training: a tiny base of its kind learns, is stopped, goes on, is merged and exported."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import LONGROPE, PROMPTS, build_model, build_sentencepiece_tokenizer, build_tokenizer

from export.convert import GgufMetadata, convert_to_gguf
from export.parity import check_parity
from heimdall.answers import TextAnswer
from heimdall.config import PretrainedConfig, ScratchConfig, TrainConfig
from heimdall.records import write_records
from heimdall.rows import Message, Row
from nornicdb.contract import load_reference_contract
from presets.bases import Base, find_base
from presets.loader import list_presets, load_preset
from training import prefix_trainer, running, sft
from training import tokenizer as tokenizers
from training.batches import Batch
from training.job import CHECKPOINTS, MODEL, TrainSpec
from training.loss import sum_loss
from training.tokenizer import load_tokenizer

SCRATCH = ScratchConfig(hidden_size=256, layers=2, heads=4, kv_heads=4, intermediate_size=256, vocab_size=512)
STEPS: dict[str, Any] = {
    "batch_size": 2, "prompt_batch_size": None, "gradient_accumulation": 1, "epochs": 1.0, "save_steps": 1,
    "threads": 1, "judged_rows": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four rows to learn from, in conversations without a system prompt, and one to measure by."""
    directory = tmp_path_factory.mktemp("rows")
    for split, count in (("train", 4), ("validation", 1)):
        made = (
            Row(
                id=f"{split}-{number}",
                family="general",
                split=split,
                prompt="chat",
                messages=(
                    Message(role="user", content=f"how many Person nodes, {number}?"),
                    Message(role="assistant", content=f"count(n) is {number}"),
                ),
                expected=TextAnswer(text=f"count(n) is {number}"),
                schema_id=f"s{number // 2}",  # two groups, so two steps
            )
            for number in range(count)
        )
        write_records(directory / f"{split}.jsonl", made)
    return directory


@pytest.fixture(scope="module")
def make_base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Base, str], Path]:
    """Tiny random bases, one of each kind: architecture, embeddings, positions and tokenizer as the named one has."""
    made: dict[Any, Path] = {}

    def make(base: Base, name: str) -> Path:
        positions = LONGROPE if "3.5" in name else {}
        kind = (base.architecture, base.tied, base.chatml, bool(positions))
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("base")
            tokenizer = build_tokenizer() if base.chatml else build_sentencepiece_tokenizer(control_tokens=())
            tokenizer.save_pretrained(made[kind])
            settings = {"vocab_size": len(tokenizer), "tie_word_embeddings": base.tied, **positions}
            build_model(base.architecture, **settings).save_pretrained(made[kind])
        return made[kind]

    return make


def shrink(config: TrainConfig, base: Callable[[Base, str], Path]) -> TrainConfig:
    """The preset's configuration for a tiny model, with steps of two rows and a checkpoint after each."""
    if config.pretrained is None:
        return config.model_copy(update={**STEPS, "scratch": SCRATCH})
    name = config.pretrained.name_or_path
    shape = find_base(name) or find_base("Qwen/Qwen3-0.6B")
    assert shape is not None
    local = PretrainedConfig(name_or_path=str(base(shape, name)), license=config.pretrained.license)
    return config.model_copy(update={**STEPS, "pretrained": local})


@pytest.fixture
def train(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[TrainConfig], dict[str, torch.Tensor]]:
    """Trains in this process, is stopped in the first step, goes on, and gives the weights that it wrote."""
    handlers: dict[int, Callable[..., None]] = {}
    losses: list[Any] = []

    def stop_in_the_first_step(model: Any, batch: Batch) -> Any:
        if not losses:
            handlers[signal.SIGTERM](signal.SIGTERM, None)
        losses.append(sum_loss(model, batch))
        return losses[-1]

    monkeypatch.setattr(signal, "signal", handlers.__setitem__)  # the child's own; this is not the child
    for module in (sft, running):
        monkeypatch.setattr(module, "send", lambda event: None)
    monkeypatch.setattr(prefix_trainer, "sum_loss", stop_in_the_first_step)

    def run(config: TrainConfig) -> dict[str, torch.Tensor]:
        contract, directory = load_reference_contract(), tmp_path / "tokenizer"
        tokenizers.build_tokenizer(rows, contract, config, directory)
        spec = TrainSpec(
            dataset=str(rows), tokenizer=str(directory), contract=contract, config=config, work_dir=str(tmp_path)
        )
        assert sft.train(spec) is None
        assert [path.name for path in (tmp_path / CHECKPOINTS).iterdir()] == ["checkpoint-1"]
        summary = sft.train(spec)
        assert summary is not None
        assert (summary.steps, summary.rows) == (2, 4)
        assert not (tmp_path / CHECKPOINTS).exists()
        return load_file(tmp_path / MODEL / "model.safetensors")

    return run


def check_export(directory: Path) -> None:
    """The model becomes a GGUF file that answers as it does."""
    metadata = GgufMetadata(
        name="tiny", license="MIT", base_model="b", dataset_digest="d", contract_digest="c", contract_source="s",
        prompt="minimal",
    )  # fmt: skip
    convert_to_gguf(directory / MODEL, directory / "tiny.gguf", metadata)
    report = check_parity(directory / MODEL, directory / "tiny.gguf", PROMPTS, answers=1)
    assert report.passed, report.reasons


def check_markers(weights: dict[str, torch.Tensor], directory: Path) -> None:
    """ChatML's markers are tokens behind those of the base, and were learnt."""
    start, end, text_end = load_tokenizer(directory / MODEL).convert_tokens_to_ids(
        ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    )
    embeddings, head = weights["model.embed_tokens.weight"], weights["lm_head.weight"]
    assert len(embeddings) == len(head) == max(start, end, text_end) + 1
    assert min(start, end, text_end) >= len(build_sentencepiece_tokenizer(control_tokens=()))
    assert not torch.equal(head[start], head[end])  # both began as the mean of the others


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_trains_is_stopped_goes_on_and_is_merged_and_exported(
    name: str, make_base: Callable[[Base, str], Path], train: Callable[..., dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    preset = load_preset(name, environ={}).train
    config = shrink(preset, make_base)
    weights = train(config)
    assert not any("lora" in key for key in weights)
    if config.pretrained is not None and preset.pretrained is not None:
        before = load_file(Path(config.pretrained.name_or_path) / "model.safetensors")
        changed = {key for key in before if not torch.equal(weights[key][: len(before[key])], before[key])}
        linear = {key for key in before if key.endswith("proj.weight")}
        assert changed == linear if config.lora else changed >= linear  # adapters leave known tokens alone
        shape = find_base(preset.pretrained.name_or_path)
        if shape is not None and not shape.chatml:
            check_markers(weights, tmp_path)
    check_export(tmp_path)


def test_a_base_without_chatml_is_trained_in_full(
    make_base: Callable[[Base, str], Path], train: Callable[..., dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    qwen = find_base("Qwen/Qwen3-0.6B")
    assert qwen is not None
    base = make_base(qwen.model_copy(update={"chatml": False, "tied": False}), "without markers")
    own = PretrainedConfig(name_or_path=str(base), license="MIT")
    config = TrainConfig(pretrained=own, learning_rate=0.001, **STEPS)
    check_markers(train(config), tmp_path)
    check_export(tmp_path)
