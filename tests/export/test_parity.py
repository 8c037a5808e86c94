"""The parity gate: it lets the right file through and catches every wrong one we can think of."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import PROMPTS, build_tokenizer, save_model

from export.convert import GgufMetadata
from export.parity import MAX_REASONS, NEAR_TIE, _compare_answer, check_parity
from heimdall.errors import ExportError
from nornicdb.runtime import Completion

METADATA = GgufMetadata(
    name="x", license="MIT", base_model="x", dataset_digest="x", contract_digest="x", contract_source="x", prompt="full"
)


def test_the_file_of_the_model_passes(tiny_model_dir: Path, tiny_gguf: Path) -> None:
    steps: list[tuple[int, int]] = []
    report = check_parity(
        tiny_model_dir, tiny_gguf, PROMPTS, 3, lambda done, total, note="": steps.append((done, total))
    )
    assert report.passed
    assert (report.prompts, report.tokenization_matches) == (5, 5)
    assert (report.greedy_answers, report.greedy_matches) == (3, 3)
    assert steps == [(number, 8) for number in range(9)]


def test_more_answers_than_prompts_are_not_invented(tiny_model_dir: Path, tiny_gguf: Path) -> None:
    assert check_parity(tiny_model_dir, tiny_gguf, PROMPTS[:1], 50).greedy_answers == 1


def test_another_model_is_caught(tmp_path: Path, tiny_gguf: Path) -> None:
    report = check_parity(save_model(tmp_path / "other", seed=1), tiny_gguf, PROMPTS, 5)
    assert not report.passed
    assert report.tokenization_matches == 5
    assert report.greedy_matches == 0
    assert "prompt 0 is answered differently at token 0" in report.reasons[0]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model.layers.1.self_attn.q_proj.bias", lambda weight: -weight),
        ("model.layers.0.input_layernorm.weight", lambda weight: torch.ones_like(weight)),
        ("model.layers.0.mlp.up_proj.weight", lambda weight: weight.roll(1, 0)),
        ("lm_head.weight", lambda weight: weight.roll(1, 0)),
        ("model.layers.1.self_attn.k_proj.weight", lambda weight: weight.flip(0)),
    ],
)
def test_one_wrong_tensor_is_caught(tmp_path: Path, tiny_gguf: Path, name: str, change: Any) -> None:
    model_dir = save_model(tmp_path / "model")
    tensors = load_file(model_dir / "model.safetensors")
    tensors[name] = change(tensors[name]).contiguous()
    save_file(tensors, model_dir / "model.safetensors", metadata={"format": "pt"})
    report = check_parity(model_dir, tiny_gguf, PROMPTS, 5)
    assert not report.passed


def test_another_tokenizer_is_caught(tmp_path: Path, tiny_gguf: Path) -> None:
    model_dir = save_model(tmp_path / "model")
    build_tokenizer(text="zebras quickly jump over lazy foxes; nobody has seen such nodes").save_pretrained(model_dir)
    report = check_parity(model_dir, tiny_gguf, PROMPTS * 2, 1)
    assert not report.passed
    assert report.tokenization_matches < report.prompts
    assert "tokenised differently from token" in report.reasons[0]
    assert len(report.reasons) <= 2 * (MAX_REASONS + 1)


def test_text_that_the_model_would_normalise_is_caught(tiny_model_dir: Path, tiny_gguf: Path) -> None:
    decomposed = "<|im_start|>user\ncafe\u0301<|im_end|>\n"
    report = check_parity(tiny_model_dir, tiny_gguf, [PROMPTS[0], decomposed], 1)
    assert not report.passed
    assert report.tokenization_matches == 1
    assert "prompt 1 is tokenised differently" in report.reasons[0]


def test_no_prompts_prove_nothing(tiny_model_dir: Path, tiny_gguf: Path) -> None:
    with pytest.raises(ExportError, match="without prompts"):
        check_parity(tiny_model_dir, tiny_gguf, [], 5)


class FixedModel:
    """Gives the same logits at each place, whatever the input."""

    def __init__(self, rows: list[list[float]]) -> None:
        self.rows = rows

    def __call__(self, inputs: torch.Tensor, logits_to_keep: int) -> Any:
        assert logits_to_keep == len(self.rows)
        return type("Output", (), {"logits": torch.tensor([self.rows])})


class Letters:
    """Token 0 is `a`, token 1 is `b`, and so on."""

    def decode(self, tokens: list[int]) -> str:
        return "".join(chr(ord("a") + token) for token in tokens)


def answer(*tokens: int, end: int | None = None) -> Completion:
    return Completion(
        text="", tokens=tokens, prompt_tokens=1, reused_tokens=0, first_token_ms=0, total_ms=0,
        stopped="limit" if end is None else "eog", end_token=end,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "given", "ties", "words"),
    [
        ([[2.0, 1.0], [1.0, 2.0]], answer(0, 1), 0, None),
        ([[2.0, 2.0 - NEAR_TIE / 2], [1.0, 2.0]], answer(1, 1), 1, None),
        (
            [[2.0, 2.0 - NEAR_TIE * 2], [1.0, 2.0]],
            answer(1, 1),
            0,
            "at token 0: the model chooses 'a' and the file 'b'",
        ),
        ([[2.0, 1.99], [2.0, 1.0]], answer(1, 1), 1, "at token 1: the model chooses 'a' and the file 'b'"),
        ([[2.0, 1.0], [2.0, 1.0]], answer(0, end=1), 0, "at token 1: the model chooses 'a' and the file 'b'"),
        ([[2.0, 1.0], [1.0, 2.0]], answer(0, end=1), 0, None),
        ([[float("nan"), float("nan")]], answer(0), 0, "at token 0"),
    ],
    ids=["same", "near tie", "not near", "tie, then wrong", "ended too early", "ended in time", "not a number"],
)
def test_an_answer_matches_only_where_each_token_is_the_models_choice_or_nearly(
    rows: list[list[float]], given: Completion, ties: int, words: str | None
) -> None:
    difference, found = _compare_answer(FixedModel(rows), Letters(), [0], given)
    assert found == ties
    assert (difference is None) is (words is None)
    if words is not None:
        assert difference is not None
        assert words in difference
