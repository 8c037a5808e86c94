"""The export from a trained directory to files that may ship, with and without an adapter."""

import json
from pathlib import Path

import pytest
import torch
from tiny_models import PROMPTS, build_model, build_tokenizer, save_model

from export.convert import GgufMetadata, convert_to_gguf
from export.export import export_model
from export.inspect import inspect_gguf
from export.merge import merge_adapter
from export.parity import check_parity
from heimdall.config import ExportConfig
from heimdall.errors import ExportError
from heimdall.files import digest_file

METADATA = GgufMetadata(
    name="tiny",
    license="MIT",
    base_model="x",
    dataset_digest="x",
    contract_digest="x",
    contract_source="x",
    prompt="full",
)
CONFIG = ExportConfig(quantizations=("Q8_0", "Q4_K_M"), ship="Q8_0", parity_prompts=4, parity_answers=2)


@pytest.fixture
def adapter_dir(tmp_path: Path) -> Path:
    """A LoRA adapter, with a random (not zero) second factor, on a base model in another directory."""
    from peft import LoraConfig, get_peft_model

    base = save_model(tmp_path / "base", "qwen2")
    torch.manual_seed(3)
    lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    model = get_peft_model(build_model("qwen2"), lora)
    model.peft_config["default"].base_model_name_or_path = str(base)
    model.save_pretrained(tmp_path / "adapter")
    build_tokenizer().save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_export_makes_the_files_that_were_asked_for_and_says_what_they_are(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    made = export_model(
        tiny_model_dir,
        tmp_path / "out",
        CONFIG,
        PROMPTS,
        METADATA,
        lambda done, total, note="": seen.append((done, total)),
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["heimdall-Q4_K_M.gguf", "heimdall-Q8_0.gguf"]
    assert set(made.files) == {"Q8_0", "Q4_K_M"}
    for file in made.files.values():
        info = inspect_gguf(tmp_path / "out" / file.path)
        assert (file.types, file.bits_per_weight, file.file_bytes) == (
            info.types,
            info.bits_per_weight,
            info.file_bytes,
        )
        assert info.tokenizer_digest == made.tokenizer_digest
    assert made.parity.passed
    assert (made.parity.prompts, made.parity.greedy_answers) == (4, 2)
    assert made.shipped_parity.tokenization_matches == 4
    assert seen == sorted(seen)
    assert seen[-1] == (500, 500)
    assert {total for _, total in seen} == {500}


def test_exporting_twice_gives_the_same_bytes(tiny_model_dir: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_model(tiny_model_dir, tmp_path / name, CONFIG, PROMPTS, METADATA)
    for path in (tmp_path / "one").iterdir():
        assert digest_file(path) == digest_file(tmp_path / "two" / path.name)


def test_a_shipped_f16_file_is_the_one_that_was_compared(tiny_model_dir: Path, tmp_path: Path) -> None:
    config = ExportConfig(quantizations=("F16",), ship="F16", parity_prompts=2, parity_answers=1)
    made = export_model(tiny_model_dir, tmp_path, config, PROMPTS, METADATA)
    assert made.shipped_parity == made.parity
    assert check_parity(tiny_model_dir, tmp_path / made.files["F16"].path, PROMPTS, 1).passed


def test_a_file_that_does_not_follow_the_model_stops_the_export_and_leaves_nothing(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    prompts = [PROMPTS[0], "<|im_start|>user\ncafe\u0301<|im_end|>\n"]
    with pytest.raises(ExportError, match=r"does not follow the trained model: prompt 1 is tokenised differently"):
        export_model(tiny_model_dir, tmp_path / "out", CONFIG, prompts, METADATA)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_exported_file_that_llama_cpp_cannot_load_is_an_export_error(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import export.export as module

    def lose_a_key(model_dir: Path, out: Path, *rest: object) -> None:
        convert_to_gguf(model_dir, out, METADATA)
        out.write_bytes(out.read_bytes().replace(b"qwen2.block_count", b"qwen2.block_xount"))

    monkeypatch.setattr(module, "convert_to_gguf", lose_a_key)
    with pytest.raises(ExportError, match=r"cannot be loaded.*block_count"):
        export_model(tiny_model_dir, tmp_path / "out", CONFIG, PROMPTS, METADATA)


def test_a_crash_between_quantisations_leaves_no_file_that_looks_whole(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import export.export as module

    def fail(source: Path, out: Path, kind: str, threads: int) -> None:
        out.write_bytes(b"GGUF half")
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "quantize", fail)
    with pytest.raises(KeyboardInterrupt):
        export_model(tiny_model_dir, tmp_path / "out", CONFIG, PROMPTS, METADATA)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_whole_model_passes_through_untouched(tiny_model_dir: Path, tmp_path: Path) -> None:
    assert merge_adapter(tiny_model_dir, tmp_path / "merged") == tiny_model_dir
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_is_merged_exactly(adapter_dir: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    merged_dir = merge_adapter(adapter_dir, tmp_path / "merged")
    tokens = torch.tensor([list(range(3, 60))])
    merged = AutoModelForCausalLM.from_pretrained(merged_dir)
    with torch.inference_mode():
        ours = merged(tokens).logits
        base = build_model("qwen2")(tokens).logits
        adapted = PeftModel.from_pretrained(build_model("qwen2"), adapter_dir)(tokens).logits
    assert (ours - adapted).abs().max() < 1e-3
    assert (ours - base).abs().max() > 1.0


def test_an_adapter_is_exported_as_one_whole_model(adapter_dir: Path, tmp_path: Path) -> None:
    made = export_model(adapter_dir, tmp_path / "out", CONFIG, PROMPTS, METADATA)
    assert made.parity.passed
    with_base = check_parity(tmp_path / "base", tmp_path / "out" / made.files["Q8_0"].path, PROMPTS, 2)
    assert with_base.greedy_matches == 0


def test_an_adapter_whose_base_is_gone_is_refused(adapter_dir: Path, tmp_path: Path) -> None:
    path = adapter_dir / "adapter_config.json"
    config = json.loads(path.read_text())
    for name, words in ((str(tmp_path / "gone"), "gone.*cannot be loaded"), (None, "does not name its base")):
        path.write_text(json.dumps(config | {"base_model_name_or_path": name}))
        with pytest.raises(ExportError, match=words):
            merge_adapter(adapter_dir, tmp_path / "merged")


@pytest.mark.parametrize("shape", [{"hidden_size": 128}, {"num_hidden_layers": 1}], ids=["narrower", "shallower"])
def test_an_adapter_of_another_base_is_refused(shape: dict[str, int], adapter_dir: Path, tmp_path: Path) -> None:
    build_model("qwen2", **shape).save_pretrained(tmp_path / "other")
    with pytest.raises(ExportError, match=r"is one of another base than '.*other': .*lora_") as raised:
        merge_adapter(adapter_dir, tmp_path / "merged", str(tmp_path / "other"))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "merged").exists()


def test_an_adapter_with_values_that_are_not_numbers_is_refused(adapter_dir: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = adapter_dir / "adapter_model.safetensors"
    tensors = load_file(path)
    tensors[next(iter(tensors))].view(-1)[0] = float("nan")
    save_file(tensors, path)
    with pytest.raises(ExportError, match="cannot be merged"):
        merge_adapter(adapter_dir, tmp_path / "merged")
