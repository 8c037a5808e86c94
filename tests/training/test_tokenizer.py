"""The tokenizer made for a model from scratch: one cut for all spellings, single control tokens, same bytes again."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from heimdall.config import PretrainedConfig, ScratchConfig, TrainConfig
from heimdall.errors import InputError
from heimdall.store import scan
from nornicdb.contract import load_reference_contract
from nornicdb.prompts import CONTROL_TOKENS
from training.tokenizer import build_tokenizer, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(training_tokenizer: Path) -> Any:
    return load_tokenizer(training_tokenizer)


@pytest.mark.parametrize("word", ["customer", "employee", "zorbelka", "status", "warehouse"])
def test_all_spellings_of_a_word_are_cut_at_the_same_places(tokenizer: Any, word: str) -> None:
    spellings = [word, word.capitalize(), word.upper()]
    cuts = [[piece.lower() for piece in tokenizer.tokenize(":" + text)] for text in spellings]
    assert cuts[0] == cuts[1] == cuts[2]


def test_control_tokens_are_single_and_never_made_from_ordinary_text(tokenizer: Any) -> None:
    for token in CONTROL_TOKENS:
        assert len(tokenizer.encode(token)) == 1
    assert tokenizer.eos_token == "<|im_end|>"
    assert not set(tokenizer.encode("im_start im_end < | >")) & set(
        tokenizer.convert_tokens_to_ids(list(CONTROL_TOKENS))
    )


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=80))
def test_any_text_survives_a_round_trip(tokenizer: Any, text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    assert tokenizer.decode(tokenizer.encode(text), clean_up_tokenization_spaces=False) == text


def test_the_vocabulary_keeps_to_its_size_and_the_bytes_repeat(training_data: Path, tmp_path: Path) -> None:
    config = TrainConfig(scratch=ScratchConfig(vocab_size=768))
    for name in ("one", "two"):
        summary = build_tokenizer(training_data, load_reference_contract(), config, tmp_path / name)
        assert summary.vocabulary <= 768
    assert scan(tmp_path / "one") == scan(tmp_path / "two")


def test_a_base_without_chatml_markers_gets_them_and_keeps_its_other_tokens(
    tmp_path: Path, training_data: Path
) -> None:
    from tiny_models import build_tokenizer as build_tiny

    base = tmp_path / "base"
    build_tiny(control_tokens=("<|endoftext|>",)).save_pretrained(base)
    config = TrainConfig(pretrained=PretrainedConfig(name_or_path=str(base), license="MIT"))
    build_tokenizer(training_data, load_reference_contract(), config, tmp_path / "out")
    before, after = AutoTokenizer.from_pretrained(base), load_tokenizer(tmp_path / "out")
    assert {token: after.get_vocab()[token] for token in before.get_vocab()} == before.get_vocab()
    assert set(after.get_vocab()) - set(before.get_vocab()) == {"<|im_start|>", "<|im_end|>"}
    assert after.encode("<|im_start|>user") == [after.get_vocab()["<|im_start|>"], *before.encode("user")]
    assert (after.eos_token, after.pad_token) == ("<|im_end|>", "<|endoftext|>")


def test_a_base_that_does_not_exist_is_named(tmp_path: Path, training_data: Path) -> None:
    config = TrainConfig(pretrained=PretrainedConfig(name_or_path=str(tmp_path / "nothing"), license="MIT"))
    with pytest.raises(InputError, match="nothing"):
        build_tokenizer(training_data, load_reference_contract(), config, tmp_path / "out")
