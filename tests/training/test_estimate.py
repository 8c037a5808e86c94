"""The prediction moves as memory does, and what it advises fits."""

import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdall.config import LoraConfig, PretrainedConfig, TrainConfig
from heimdall.errors import TrainingError, UsageError
from presets.bases import describe_model, find_base, list_bases
from presets.loader import DIRECTORY, list_presets, load_preset
from training.devices import DEVICES, GIB, Device, choose, find_device, find_tflops
from training.dry_run import DryRunSpec, calibrate, measure
from training.estimate import Memory, count_operations, count_trained, estimate, estimate_memory, fit_batch
from training.lengths import Lengths, guess_lengths

LENGTHS = Lengths(prompt=2436, row=80, answer=37, source="test")
LORA = TrainConfig(pretrained=PretrainedConfig(name_or_path="x", license="MIT"), lora=LoraConfig(rank=16), batch_size=8)
GPU = Device("test", 24, "cuda", 8.0, 100.0)
QWEN = find_base("Qwen/Qwen2.5-1.5B-Instruct")
assert QWEN is not None


OLD_GPU = GPU._replace(capability=7.5)


def need(config: TrainConfig, lengths: Lengths = LENGTHS, device: Device = GPU) -> Memory:
    assert QWEN is not None
    return estimate_memory(config, QWEN, lengths, device)


@given(st.integers(1, 64), st.floats(1, 4000), st.floats(1, 200))
def test_more_rows_and_longer_ones_need_more_and_checkpointing_and_four_bits_less(
    rows: int, prompt: float, row: float
) -> None:
    lengths = Lengths(prompt=prompt, row=row, answer=row / 2, source="test")
    config = LORA.model_copy(update={"batch_size": rows})
    here = need(config, lengths)
    more = need(config.model_copy(update={"batch_size": rows + 1}), lengths)
    assert more.total > here.total
    longer = lengths.model_copy(update={"prompt": prompt + 100})
    assert need(config, longer, OLD_GPU).total > need(config, lengths, OLD_GPU).total
    checkpointed = need(config.model_copy(update={"gradient_checkpointing": True}), lengths)
    assert checkpointed.total < here.total
    assert config.lora is not None
    quantized = config.model_copy(update={"lora": config.lora.model_copy(update={"quantized": True})})
    assert need(quantized, lengths).weights < here.weights
    whole = need(config.model_copy(update={"lora": None}), lengths)
    assert whole.gradients + whole.optimizer > 10 * (here.gradients + here.optimizer)


def test_scores_of_a_long_prompt_need_memory_on_old_gpus_only() -> None:
    assert need(LORA).attention < need(LORA, device=OLD_GPU).attention / 10
    short = LENGTHS.model_copy(update={"prompt": 434})
    assert need(LORA, short).attention == need(LORA, short, OLD_GPU).attention


def test_muon_keeps_less_than_adamw() -> None:
    full = LORA.model_copy(update={"lora": None})
    assert need(full.model_copy(update={"optimizer": "muon"})).optimizer < need(full).optimizer


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3", "phi3"])
def test_adapters_are_counted_as_peft_makes_them(architecture: str) -> None:
    import peft
    from tiny_models import build_model

    model = build_model(architecture, vocab_size=300)
    config = model.config
    base = list_bases()[0].model_copy(
        update={
            "architecture": architecture,
            "hidden_size": config.hidden_size,
            "layers": config.num_hidden_layers,
            "heads": config.num_attention_heads,
            "kv_heads": config.num_key_value_heads,
            "head_size": getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
            "intermediate_size": config.intermediate_size,
        }
    )
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    trained = sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)
    assert count_trained(LORA, base) == trained


@pytest.mark.parametrize("name", sorted(set(list_presets()) - {"custom"}))
@pytest.mark.parametrize("memory", [1.0, 4.0, 11.0, 24.0, 80.0])
def test_what_is_advised_fits(name: str, memory: float) -> None:
    preset = load_preset(name, environ={})
    device = GPU._replace(memory=memory)
    base = describe_model(preset.train)
    assert base is not None
    lengths = guess_lengths(preset, base.vocab_size)
    found = estimate(preset, base, lengths, device)
    assert found.fits == (found.memory.total <= memory * GIB)
    assert found.fits == (not found.advice)
    for line in found.advice:
        settings = [part.split("=") for part in line.split() if "=" in part]
        if not settings:
            assert (
                fit_batch(preset.train.model_copy(update={"gradient_checkpointing": True}), base, lengths, device)
                is None
            )
            continue
        changed = load_preset(name, [(key, json.loads(value)) for key, value in settings], environ={})
        assert estimate(changed, base, lengths, device).fits
        assert changed.train.gradient_accumulation * changed.train.batch_size >= (
            preset.train.gradient_accumulation * preset.train.batch_size
        )


def test_operations_are_six_for_each_weight_and_token_where_attention_hardly_counts() -> None:
    assert QWEN is not None
    full = LORA.model_copy(update={"lora": None})
    lengths = Lengths(prompt=0, row=10, answer=0.0001, source="test")
    inside = QWEN.parameters - QWEN.vocab_size * QWEN.hidden_size
    assert count_operations(full, QWEN, lengths, 1000, 0) == pytest.approx(6 * inside * 10_000, rel=0.01)
    assert count_operations(LORA, QWEN, lengths, 1000, 0) == pytest.approx(4 * inside * 10_000, rel=0.01)


@pytest.mark.parametrize(
    ("text", "name", "memory"),
    [
        ("2080 Ti 11GB", "2080 Ti", 11),
        ("NVIDIA GeForce RTX 2080 Ti", "2080 Ti", 11),
        ("rtx3090", "3090", 24),
        ("A100 80GB", "A100 80GB", 80),
        ("a100", "A100 40GB", 40),
        ("24GB", "GPU with 24 GB", 24),
        ("cpu 64 GB", "cpu", 64),
    ],
)
def test_hardware_is_found_however_it_is_written(text: str, name: str, memory: float) -> None:
    found = find_device(text)
    assert (found.name, found.memory) == (name, memory)


@pytest.mark.parametrize(("text", "near"), [("2080 Tie", "2080 Ti"), ("H1000", "H100"), ("", "Known: T4")])
def test_unknown_hardware_is_answered_with_what_is_near(text: str, near: str) -> None:
    with pytest.raises(UsageError, match=near):
        find_device(text)


def test_bf16_is_chosen_by_capability_with_the_reason() -> None:
    for device in DEVICES:
        assert device.precision.name == ("bf16" if device.capability and device.capability >= 8 else "fp16")
        assert str(device.capability) in device.precision.reason


def test_a_local_directory_states_its_shape(tiny_model_dir: Path) -> None:
    base = describe_model(
        TrainConfig(pretrained=PretrainedConfig(name_or_path=str(tiny_model_dir), license="MIT"), lora=LoraConfig())
    )
    assert base is not None
    assert base.hidden_size == json.loads((tiny_model_dir / "config.json").read_text())["hidden_size"]
    unknown = TrainConfig(pretrained=PretrainedConfig(name_or_path="no/such", license="MIT"))
    assert describe_model(unknown) is None


def test_gpus_are_known_by_what_their_drivers_call_them() -> None:
    names = {"NVIDIA A100-SXM4-80GB": "A100 80GB", "NVIDIA L40S": "L40S", "Tesla T4": "T4", "NVIDIA H200": "H200"}
    speeds = {device.name: device.tflops for device in DEVICES}
    assert {name: find_tflops(name) for name in names} == {name: speeds[model] for name, model in names.items()}
    assert find_tflops("NVIDIA A10G Laptop") is None


@pytest.mark.parametrize("name", list_presets())
def test_a_preset_fits_on_the_gpu_that_it_says_it_assumes(name: str) -> None:
    stated = re.search(r"GPU with (\d+) GB", (DIRECTORY / f"{name}.yaml").read_text(encoding="utf-8"))
    preset = load_preset(name, environ={})
    base = describe_model(preset.train)
    if stated is None or base is None:
        assert preset.train.pretrained is None or name == "custom"
        return
    device = GPU._replace(memory=float(stated.group(1)))
    assert estimate(preset, base, guess_lengths(preset, base.vocab_size), device).fits


def test_what_was_chosen_is_said_with_the_reason() -> None:
    turing = choose(load_preset("heimdall", environ={}).train, find_device("2080 Ti"))
    assert turing.hardware == "2080 Ti, 11 GiB, compute capability 7.5"
    assert turing.precision.startswith("fp16: CUDA compute capability 7.5 has no bf16")
    assert turing.batch.startswith(
        "micro-batches of 32 rows x 1 for each step of the optimizer; layers are computed twice"
    )
    nano = choose(load_preset("heimdall_nano", environ={}).train.model_copy(update={"threads": 4}), find_device("cpu"))
    assert "24 rows, 48 under the system prompt, x 1" in nano.batch
    assert "4 shards" in nano.batch


def test_a_dry_run_trains_the_shape_and_corrects_the_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, a base in 16 bits with added tokens and adapters, its layers computed twice."""
    base = QWEN and QWEN.model_copy(
        update={"hidden_size": 64, "layers": 2, "heads": 4, "kv_heads": 2, "head_size": 16, "intermediate_size": 64}
    )
    assert base is not None
    small = base.model_copy(update={"vocab_size": 512, "chatml": False, "tied": False})
    config = LORA.model_copy(update={"threads": 2, "gradient_checkpointing": True, "gradient_accumulation": 4})
    lengths = Lengths(prompt=64, row=20, answer=5, source="test")
    here = find_device(None)
    spec = DryRunSpec(config=config, base=small, lengths=lengths)
    device, measured = calibrate(spec, here)
    assert (measured.rows, measured.steps, measured.parts) == (8, 2, 1)
    assert measured.trained_parameters > count_trained(config, small)  # the added tokens, too
    assert device.factor == pytest.approx(measured.peak_memory / estimate_memory(config, small, lengths, here).total)
    assert estimate_memory(config, small, lengths, device).total == pytest.approx(measured.peak_memory)
    assert (device.tflops or 0) > 0
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(TrainingError, match=r"dry run of Qwen/.* failed: exit code 1"):
        measure(spec)
