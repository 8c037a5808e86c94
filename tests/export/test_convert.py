"""Conversion: every architecture answers as it did, and what would not is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import LONGROPE, PROMPTS, build_model, build_sentencepiece_tokenizer, build_tokenizer, save_model

from export.convert import CONVERTER, GgufMetadata, convert_to_gguf
from export.inspect import find_problems, inspect_gguf
from export.parity import check_parity
from heimdall.errors import ExportError
from nornicdb.gguf_header import read_header
from nornicdb.runtime import LocalModel

METADATA = GgufMetadata(
    name="Heimdall nano",
    license="MIT",
    base_model="scratch",
    dataset_digest="d" * 64,
    contract_digest="c" * 64,
    contract_source="checkout@e27b278",
    prompt="minimal",
    run_id="run-1",
)
KINDS = [
    ("qwen2", {}),
    ("qwen2", {"tie_word_embeddings": True}),
    ("qwen3", {}),
    ("qwen3", {"tie_word_embeddings": True, "head_dim": 64}),
    ("llama", {}),
    ("llama", {"tie_word_embeddings": True, "attention_bias": True, "head_dim": 32}),
    ("phi3", {}),
    ("phi3", LONGROPE),
]


@pytest.mark.parametrize(("architecture", "changes"), KINDS)
def test_log_probabilities_are_those_of_the_trained_model(
    tmp_path: Path, architecture: str, changes: dict[str, Any]
) -> None:
    model_dir = save_model(tmp_path / "model", architecture, **changes)
    convert_to_gguf(model_dir, tmp_path / "model.gguf", METADATA)
    with LocalModel(tmp_path / "model.gguf", context_size=512, threads=1) as ours:
        tokens = ours.tokenize("".join(PROMPTS))
        scores = ours.score(tokens[:1], tokens[1:])
    theirs = build_model(architecture, **changes)
    with torch.inference_mode():
        expected = theirs(torch.tensor([tokens])).logits[0].log_softmax(-1).numpy()
    differences = np.array(scores) - expected[np.arange(len(tokens) - 1), tokens[1:]]
    assert np.abs(differences).max() < 0.04
    assert check_parity(model_dir, tmp_path / "model.gguf", PROMPTS, answers=len(PROMPTS)).passed


def test_tied_embeddings_are_written_once(tmp_path: Path) -> None:
    for tied in (True, False):
        model_dir = save_model(tmp_path / f"model-{tied}", "qwen2", tie_word_embeddings=tied)
        convert_to_gguf(model_dir, tmp_path / f"{tied}.gguf", METADATA)
        names = {tensor.name for tensor in read_header(tmp_path / f"{tied}.gguf").tensors}
        assert ("output.weight" in names) is not tied
        assert "token_embd.weight" in names


def test_the_file_says_where_it_comes_from_and_how_it_tokenises(tiny_gguf: Path) -> None:
    info = inspect_gguf(tiny_gguf)
    assert find_problems(info) == ()
    assert (info.architecture, info.name, info.file_type, info.context_length) == ("qwen2", "tiny", "F16", 2048)
    assert info.types == {"F16": 16, "F32": 11}
    assert info.control_tokens == ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    assert (info.eos_token, info.add_bos, info.add_eos) == ("<|im_end|>", False, False)
    assert info.metadata["general.license"] == "MIT"
    assert info.metadata["general.base_model.0.name"] == "scratch"
    assert info.metadata["heimdall.dataset_digest"] == "d" * 64
    assert info.metadata["heimdall.contract_source"] == "reference"
    assert info.metadata["heimdall.run_id"] == "run-1"
    assert info.metadata["heimdall.converter"] == CONVERTER
    header = read_header(tiny_gguf)
    assert header.tokens[-1] == "[PAD415]"
    assert header.metadata["tokenizer.ggml.token_type"][-1] == 5


def test_the_same_model_gives_the_same_bytes(tiny_model_dir: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        convert_to_gguf(tiny_model_dir, tmp_path / name, METADATA)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_model_in_several_bfloat16_shards_gives_the_same_tensors(tmp_path: Path) -> None:
    model = build_model("qwen2").to(torch.bfloat16)
    for name, size in (("whole", "1GB"), ("shards", "500KB")):
        model.save_pretrained(tmp_path / name, max_shard_size=size)
        build_tokenizer().save_pretrained(tmp_path / name)
        convert_to_gguf(tmp_path / name, tmp_path / f"{name}.gguf", METADATA)
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 2
    assert (tmp_path / "whole.gguf").read_bytes() == (tmp_path / "shards.gguf").read_bytes()


def test_generation_tags_are_taken_out_of_the_template(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model")
    template = "{% for m in messages %}{%- generation -%} {{ m }} {% endgeneration %}{% endfor %}"
    (model_dir / "chat_template.jinja").write_text(template)
    convert_to_gguf(model_dir, tmp_path / "model.gguf", METADATA)
    written = read_header(tmp_path / "model.gguf").text("tokenizer.chat_template")
    assert written == "{% for m in messages %}{#- -#} {{ m }} {% endfor %}"


def test_progress_counts_all_tensors(tiny_model_dir: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    convert_to_gguf(tiny_model_dir, tmp_path / "out", METADATA, lambda done, total, note="": seen.append((done, total)))
    assert seen == [(number, 27) for number in range(28)]


def _change_weight(model_dir: Path, name: str, value: float) -> None:
    path = model_dir / "model.safetensors"
    tensors = load_file(path)
    tensors[name].view(-1)[7] = value
    save_file(tensors, path, metadata={"format": "pt"})


def _change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _refuse(model_dir: Path, words: str, metadata: GgufMetadata = METADATA) -> None:
    out = model_dir.parent / "refused.gguf"
    with pytest.raises(ExportError, match=words):
        convert_to_gguf(model_dir, out, metadata)
    assert [path for path in model_dir.parent.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["model.layers.1.mlp.up_proj.weight", "model.norm.weight"])
def test_weights_that_are_not_numbers_are_refused_and_nothing_is_left(tmp_path: Path, name: str, value: float) -> None:
    model_dir = save_model(tmp_path / "model")
    _change_weight(model_dir, name, value)
    _refuse(model_dir, f"'{name}' holds values that are not finite")


def test_a_matrix_beyond_f16_is_refused_but_a_norm_is_kept(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model")
    _change_weight(model_dir, "model.norm.weight", 70000.0)
    convert_to_gguf(model_dir, tmp_path / "model.gguf", METADATA)
    (tmp_path / "model.gguf").unlink()
    _change_weight(model_dir, "lm_head.weight", 70000.0)
    _refuse(model_dir, r"'lm_head\.weight' holds values above 65504")


def test_an_unknown_architecture_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    config = {"n_embd": 32, "n_layer": 1, "n_head": 2}
    _refuse(save_model(tmp_path / "model", "gpt2", **config), "'gpt2'; qwen2, qwen3, llama, phi3 can")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_act": "gelu"}, "'gelu'"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}, "'linear' scaling"),
        ({"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 0}, "sliding-window"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "already quantised"),
    ],
)
def test_a_setting_that_would_run_differently_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    model_dir = save_model(tmp_path / "model")
    if "use_sliding_window" in changes:
        changes = {**changes, "layer_types": ["full_attention", "sliding_attention"]}
    _change_json(model_dir / "config.json", **changes)
    _refuse(model_dir, words)


def test_attention_biases_that_llama_cpp_would_not_load_are_refused(tmp_path: Path) -> None:
    _refuse(save_model(tmp_path / "model", "qwen3", attention_bias=True), "has biases in its attention")


def test_a_tokenizer_without_chatml_markers_is_refused(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model")
    build_tokenizer(("<s>", "<|im_start|>", "</s>")).save_pretrained(model_dir)
    _refuse(model_dir, r"<\|endoftext\|>, <\|im_end\|>")


def test_a_marker_that_is_not_special_is_refused(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model")
    data = json.loads((model_dir / "tokenizer.json").read_text())
    data["added_tokens"][2]["special"] = False
    (model_dir / "tokenizer.json").write_text(json.dumps(data))
    _refuse(model_dir, r"special tokens <\|im_end\|>")


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model")
    path = model_dir / "tokenizer.json"
    good = json.loads(path.read_text())
    byte_level = good["pre_tokenizer"]["pretokenizers"][1]
    for changes, words in (
        ({"model": good["model"] | {"byte_fallback": True}}, "lacks some of the tokens <0x00>"),
        ({"model": {"type": "Unigram", "vocab": []}}, "not a BPE tokenizer"),
        ({"pre_tokenizer": byte_level | {"use_regex": True}}, "splits text in a way that is unknown"),
        ({"pre_tokenizer": None}, "splits text in a way that is unknown"),
    ):
        path.write_text(json.dumps(good | changes))
        _refuse(model_dir, words)
    path.write_text("{")
    _refuse(model_dir, "not a BPE tokenizer")
    path.unlink()
    _refuse(model_dir, r"has no tokenizer\.json")


@pytest.mark.parametrize("architecture", ["llama", "phi3"])
@pytest.mark.parametrize("space_prefix", [True, False])
def test_a_tokenizer_with_byte_fallback_tokenises_and_answers_as_it_did(
    tmp_path: Path, architecture: str, space_prefix: bool
) -> None:
    build_model(architecture).save_pretrained(tmp_path / "model")
    build_sentencepiece_tokenizer(space_prefix=space_prefix).save_pretrained(tmp_path / "model")
    convert_to_gguf(tmp_path / "model", tmp_path / "model.gguf", METADATA)
    report = check_parity(tmp_path / "model", tmp_path / "model.gguf", PROMPTS, answers=len(PROMPTS))
    assert report.passed, report.reasons
    assert find_problems(inspect_gguf(tmp_path / "model.gguf")) == ()


def test_digits_one_by_one_and_gpt2s_words_are_smollms_way_to_split(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model", "llama")
    data = json.loads((model_dir / "tokenizer.json").read_text())
    digits = {"type": "Digits", "individual_digits": True}
    words = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, words]}
    data["normalizer"] = None
    (model_dir / "tokenizer.json").write_text(json.dumps(data))
    kind = json.loads((model_dir / "tokenizer_config.json").read_text()) | {
        "tokenizer_class": "PreTrainedTokenizerFast"
    }
    (model_dir / "tokenizer_config.json").write_text(json.dumps(kind))
    convert_to_gguf(model_dir, tmp_path / "model.gguf", METADATA)
    assert inspect_gguf(tmp_path / "model.gguf").metadata["tokenizer.ggml.pre"] == "smollm"
    report = check_parity(model_dir, tmp_path / "model.gguf", PROMPTS, answers=1)
    assert report.tokenization_matches == len(PROMPTS), report.reasons


def test_a_tokenizer_with_byte_fallback_that_treats_spaces_otherwise_is_refused(tmp_path: Path) -> None:
    build_model("llama").save_pretrained(tmp_path / "model")
    build_sentencepiece_tokenizer().save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "tokenizer.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"normalizer": {"type": "Lowercase"}}))
    _refuse(tmp_path / "model", "treats spaces in a way")


def test_a_tokenizer_larger_than_the_embeddings_is_refused(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model", vocab_size=300)
    _refuse(model_dir, "only 300 rows")


def test_missing_and_broken_weights_are_refused(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model")
    weights = model_dir / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    _refuse(model_dir, r"not a readable safetensors file")
    weights.unlink()
    _refuse(model_dir, r"no \*\.safetensors")
    (model_dir / "config.json").unlink()
    _refuse(model_dir, r"no readable config\.json")


def test_a_tensor_that_the_architecture_does_not_have_is_refused(tmp_path: Path) -> None:
    model_dir = save_model(tmp_path / "model")
    tensors = load_file(model_dir / "model.safetensors")
    save_file(tensors | {"model.layers.0.extra.weight": torch.ones(2)}, model_dir / "model.safetensors")
    _refuse(model_dir, r"'model\.layers\.0\.extra\.weight', unknown to 'qwen2'")


@pytest.mark.parametrize("name", ["Phi-3 mini", "my_phi3"])
def test_a_name_that_changes_tokenization_is_refused(tmp_path: Path, name: str) -> None:
    model_dir = save_model(tmp_path / "model")
    _refuse(model_dir, "treat special tokens as Phi-3's", METADATA.model_copy(update={"name": name}))
