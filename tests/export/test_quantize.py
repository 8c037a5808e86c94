"""Quantisation: real types are reported, fallbacks are told, and nothing half-written is left."""

import shutil
from pathlib import Path

import pytest
from tiny_models import PROMPTS, save_model

from export.convert import GgufMetadata, convert_to_gguf
from export.inspect import find_problems, inspect_gguf
from export.quantize import quantize
from heimdall.config import Quantization
from heimdall.errors import DiskError, ExportError, InputError
from nornicdb.runtime import LocalModel

EXPECTED: dict[Quantization, tuple[set[str], float, float]] = {
    "F16": ({"F16"}, 16.0, 16.1),
    "Q8_0": ({"Q8_0"}, 8.5, 8.6),
    "Q6_K": ({"Q6_K"}, 6.5, 6.7),
    "Q5_K_M": ({"Q5_K", "Q6_K"}, 5.5, 6.0),
    "Q4_K_M": ({"Q4_K", "Q6_K"}, 4.5, 5.2),
    "Q3_K_M": ({"Q3_K", "Q4_K", "Q5_K", "Q6_K"}, 3.4, 4.5),
    "Q2_K": ({"Q2_K", "Q3_K", "Q4_K", "Q6_K"}, 2.6, 3.9),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_kind_has_its_types_and_still_answers(tiny_gguf: Path, tmp_path: Path, kind: Quantization) -> None:
    out = tmp_path / f"{kind}.gguf"
    made = quantize(tiny_gguf, out, kind, threads=1)
    types, least, most = EXPECTED[kind]
    assert made.info == inspect_gguf(out)
    assert set(made.info.types) - {"F32"} <= types
    assert least <= made.info.bits_per_weight <= most
    assert made.info.file_type == kind
    assert made.fell_back == ()
    assert made.warning is None
    source = inspect_gguf(tiny_gguf)
    assert made.info.tokenizer_digest == source.tokenizer_digest
    assert made.info.metadata["heimdall.run_id"] == source.metadata["heimdall.run_id"]
    assert find_problems(made.info) == ()
    with LocalModel(out, context_size=256, threads=1) as model:
        assert model.complete(PROMPTS[0], 5).prompt_tokens > 5


@pytest.mark.parametrize(("size", "kind"), [(192, "Q4_K_M"), (240, "Q8_0")])
def test_a_silent_fallback_is_told(tmp_path: Path, size: int, kind: Quantization) -> None:
    model_dir = save_model(tmp_path / "model", "qwen2", hidden_size=size, num_attention_heads=2, num_key_value_heads=2)
    fields = dict.fromkeys(
        ("name", "license", "base_model", "dataset_digest", "contract_digest", "contract_source"), "x"
    )
    convert_to_gguf(model_dir, tmp_path / "f16.gguf", GgufMetadata(**fields, prompt="full"))
    made = quantize(tmp_path / "f16.gguf", tmp_path / "out.gguf", kind, threads=1)
    assert "blk.0.attn_q.weight" in made.fell_back
    assert "output_norm.weight" not in made.fell_back
    assert made.warning is not None
    assert f"could not be {kind}" in made.warning
    assert f"{made.info.bits_per_weight:.2f} bits per weight" in made.warning
    nominal = EXPECTED[kind][2]
    assert made.info.bits_per_weight > nominal


def test_a_damaged_source_is_refused_before_llama_cpp_sees_it(tiny_gguf: Path, tmp_path: Path) -> None:
    source = tmp_path / "cut.gguf"
    source.write_bytes(tiny_gguf.read_bytes()[:-1000])
    with pytest.raises(InputError, match="ends at byte"):
        quantize(source, tmp_path / "out.gguf", "Q8_0")
    assert not (tmp_path / "out.gguf").exists()


def test_a_refusal_of_llama_cpp_is_an_export_error_with_its_reason_and_leaves_nothing(
    tiny_gguf: Path, tmp_path: Path
) -> None:
    source = tmp_path / "strange.gguf"
    source.write_bytes(tiny_gguf.read_bytes().replace(b"qwen2.block_count", b"qwen2.block_xount"))
    with pytest.raises(ExportError, match="block_count"):
        quantize(source, tmp_path / "out.gguf", "Q8_0", threads=1)
    assert [path.name for path in tmp_path.iterdir()] == ["strange.gguf"]


def test_a_full_disk_is_a_disk_error(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llama_cpp

    monkeypatch.setattr(llama_cpp, "llama_model_quantize", lambda source, target, parameters: 1)
    full = shutil.disk_usage(tmp_path)._replace(free=4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(DiskError, match=r"out\.gguf.* is full"):
        quantize(tiny_gguf, tmp_path / "out.gguf", "Q8_0", threads=1)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_survives_a_failure(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llama_cpp

    out = tmp_path / "out.gguf"
    out.write_bytes(b"old")
    monkeypatch.setattr(llama_cpp, "llama_model_quantize", lambda source, target, parameters: 1)
    with pytest.raises(ExportError):
        quantize(tiny_gguf, out, "Q8_0", threads=1)
    assert out.read_bytes() == b"old"
