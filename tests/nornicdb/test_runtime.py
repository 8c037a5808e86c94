"""The runtime against the model it was made from, llama-cpp-python's own interface, and damaged files."""

import ctypes
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import PROMPTS, build_model, build_tokenizer

from heimdall.errors import EngineError, InputError, UsageError
from nornicdb.runtime import CHUNK, LocalModel


@pytest.fixture(scope="module")
def model(tiny_gguf: Path) -> Iterator[LocalModel]:
    with LocalModel(tiny_gguf, context_size=512, threads=1) as loaded:
        yield loaded


def _log_probabilities(model_dir: Path, tokens: list[int]) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()
    with torch.inference_mode():
        return model(torch.tensor([tokens])).logits[0].log_softmax(-1).numpy()


def test_markers_become_single_tokens_and_nothing_is_added(model: LocalModel) -> None:
    tokens = model.tokenize("<|im_start|>user\nhi<|im_end|>\n")
    assert tokens[0] == 1
    assert tokens.count(2) == 1
    assert 0 not in tokens
    assert model.detokenize(tokens) == "<|im_start|>user\nhi<|im_end|>\n"


def test_text_of_many_bytes_and_no_text_survive_tokenization(model: LocalModel) -> None:
    text = "日本語 😀 \x00 naïve\t\n" * 200
    assert model.detokenize(model.tokenize(text)) == text
    assert model.tokenize("") == []


def test_an_answer_is_the_one_that_llama_cpp_pythons_own_greedy_search_gives(
    model: LocalModel, tiny_gguf: Path
) -> None:
    import llama_cpp

    reference = llama_cpp.Llama(str(tiny_gguf), n_ctx=512, n_threads=1, n_threads_batch=1, verbose=False)
    try:
        for prompt in PROMPTS:
            answer = model.complete(prompt, 40)
            tokens = reference.tokenize(prompt.encode(), special=True)
            expected = []
            for token in reference.generate(tokens, temp=0.0):
                if token <= 2 or len(expected) == 40:
                    break
                expected.append(token)
            assert list(answer.tokens) == expected
            assert answer.prompt_tokens == len(tokens)
            assert answer.text == model.detokenize(expected)
    finally:
        reference.close()


def test_a_shared_prefix_is_not_computed_again_and_does_not_change_the_answer(tiny_gguf: Path) -> None:
    shared = PROMPTS[0] * 4
    with LocalModel(tiny_gguf, context_size=512, threads=1) as fresh:
        alone = fresh.complete(shared + "<|im_start|>two", 30)
    with LocalModel(tiny_gguf, context_size=512, threads=1) as used:
        first = used.complete(shared + "<|im_start|>one", 30)
        second = used.complete(shared + "<|im_start|>two", 30)
        again = used.complete(shared + "<|im_start|>two", 30)
    assert first.reused_tokens == 0
    assert second.reused_tokens == again.reused_tokens > 3 * CHUNK  # up to the end of the last turn that both have
    assert alone.tokens == second.tokens == again.tokens
    # Not merely about the same: every prompt is decoded in the same pieces.
    assert alone.log_probability == second.log_probability == again.log_probability


def test_an_answer_does_not_depend_on_what_was_asked_and_scored_before(tiny_gguf: Path) -> None:
    with LocalModel(tiny_gguf, context_size=512, threads=1) as model:
        prompts = [PROMPTS[0] * count + prompt for count in (0, 1, 3) for prompt in PROMPTS]
        fresh = [model.complete(prompt, 20, fresh=True) for prompt in prompts]
        assert {answer.reused_tokens for answer in fresh} == {0}
        model.score(model.tokenize(prompts[-1]), model.tokenize(PROMPTS[0]))
        for seed in range(3):
            for index in random.Random(seed).sample(range(len(prompts)), len(prompts)):
                again = model.complete(prompts[index], 20)
                assert again.tokens == fresh[index].tokens
                assert again.log_probability == fresh[index].log_probability


def test_the_log_probability_of_an_answer_is_that_of_its_tokens(model: LocalModel) -> None:
    prompt = model.tokenize(PROMPTS[1])
    answer = model.complete(prompt, 20)
    assert answer.log_probability == pytest.approx(sum(model.score(prompt, list(answer.tokens))), abs=0.1)


def test_a_prompt_longer_than_one_batch_is_answered_as_the_model_does(tiny_gguf: Path, tiny_model_dir: Path) -> None:
    with LocalModel(tiny_gguf, context_size=2048, threads=1) as model:
        prompt = model.tokenize(PROMPTS[0] * 20)
        assert 1024 < len(prompt) < 2048
        token = model.complete(prompt, 1).tokens[0]
    last = _log_probabilities(tiny_model_dir, prompt)[-1]
    assert last.max() - last[token] < 0.05


def test_scores_are_the_models_log_probabilities(model: LocalModel, tiny_model_dir: Path) -> None:
    prompt, completion = model.tokenize(PROMPTS[0]), model.tokenize(PROMPTS[1])
    expected = _log_probabilities(tiny_model_dir, [*prompt, *completion])
    rows = expected[len(prompt) - 1 : -1]
    scores = model.score(prompt, completion)
    assert np.abs(np.array(scores) - rows[np.arange(len(completion)), completion]).max() < 0.05


def test_scores_over_several_batches_are_those_of_single_tokens(tiny_gguf: Path) -> None:
    with LocalModel(tiny_gguf, context_size=2048, threads=1) as model:
        tokens = model.tokenize(PROMPTS[0] * 14)
        scores = model.score(tokens[:10], tokens[10:])
        assert len(scores) == len(tokens) - 10 > 512
        for place in (0, 501, 502, 503, len(scores) - 1):
            alone = model.score(tokens[: 10 + place], [tokens[10 + place]])
            assert alone[0] == pytest.approx(scores[place], abs=0.03)


def test_asking_and_scoring_in_turn_do_not_disturb_each_other(model: LocalModel) -> None:
    prompt = model.tokenize(PROMPTS[2])
    answer = model.complete(prompt, 20)
    scores = model.score(prompt, list(answer.tokens))
    assert model.complete(prompt, 20).tokens == answer.tokens
    assert model.score(prompt, list(answer.tokens)) == pytest.approx(scores, abs=0.03)
    assert model.complete(prompt[:-1], 1).prompt_tokens == len(prompt) - 1
    assert model.complete(prompt, 20).tokens == answer.tokens


def test_an_answer_ends_at_the_limit_and_at_the_edge_of_the_context(model: LocalModel, tiny_gguf: Path) -> None:
    short = model.complete(PROMPTS[0], 3)
    assert (len(short.tokens), short.stopped, short.end_token) == (3, "limit", None)
    assert 0 < short.first_token_ms <= short.total_ms
    with LocalModel(tiny_gguf, context_size=256, threads=1) as small:
        prompt = [5] * 250
        assert len(small.complete(prompt, 100).tokens) <= 6


def test_a_prompt_that_fills_the_context_or_is_empty_is_refused(model: LocalModel) -> None:
    with pytest.raises(UsageError, match="512 tokens and leaves no room"):
        model.complete([5] * 512, 1)
    with pytest.raises(UsageError, match="leaves no room for 20 more"):
        model.score([5] * 500, [5] * 20)
    with pytest.raises(UsageError, match="empty"):
        model.complete("", 1)
    with pytest.raises(UsageError, match="no completion"):
        model.score([5], [])
    assert model.complete([5] * 511, 1).prompt_tokens == 511


@pytest.mark.parametrize("row", [0, 2])
def test_an_answer_ends_at_an_end_token_and_leaves_it_out(tmp_path: Path, row: int) -> None:
    import torch

    from export.convert import GgufMetadata, convert_to_gguf

    network = build_model("qwen2")
    with torch.no_grad():
        network.model.norm.weight.fill_(1.0)
        network.lm_head.weight.zero_()
        network.model.embed_tokens.weight[:, 0].fill_(50.0)  # the residual's first number is positive for every token
        network.lm_head.weight[row, 0] = 1.0
    network.save_pretrained(tmp_path / "model")
    build_tokenizer().save_pretrained(tmp_path / "model")
    fields = dict.fromkeys(
        ("name", "license", "base_model", "dataset_digest", "contract_digest", "contract_source", "prompt"), "x"
    )
    convert_to_gguf(tmp_path / "model", tmp_path / "ends.gguf", GgufMetadata(**fields))
    with LocalModel(tmp_path / "ends.gguf", context_size=256, threads=1) as model:
        answer = model.complete(PROMPTS[0], 10)
    assert (answer.tokens, answer.text, answer.stopped, answer.end_token) == ((), "", "eog", row)


@pytest.mark.parametrize("kept", [0, 3, 4, 20, 500, 0.5, 0.999])
def test_a_cut_file_is_an_input_error(tiny_gguf: Path, tmp_path: Path, kept: float) -> None:
    data = tiny_gguf.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(InputError, match=r"cut\.gguf"):
        LocalModel(path, context_size=256, threads=1)


def test_a_missing_file_a_directory_and_another_format_are_input_errors(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK\x03\x04" + bytes(100))
    for path, words in ((tmp_path / "none.gguf", "does not exist"), (tmp_path, "cannot be read"), (other, "GGUF")):
        with pytest.raises(InputError, match=words):
            LocalModel(path, context_size=256, threads=1)


def test_a_whole_file_that_lacks_a_tensor_is_an_input_error_with_llama_cpps_reason(
    tiny_gguf: Path, tmp_path: Path
) -> None:
    path = tmp_path / "renamed.gguf"
    path.write_bytes(tiny_gguf.read_bytes().replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight"))
    with pytest.raises(InputError, match=r"blk\.1\.ffn_up\.weight"):
        LocalModel(path, context_size=256, threads=1)


def test_a_model_can_be_closed_twice_and_says_so_when_used_afterwards(tiny_gguf: Path) -> None:
    model = LocalModel(tiny_gguf, context_size=256, threads=1)
    model.close()
    model.close()
    for use in (lambda: model.tokenize("a"), lambda: model.complete([5], 1), lambda: model.score([5], [6])):
        with pytest.raises(EngineError, match="closed"):
            use()


def test_a_signal_while_llama_cpp_loads_is_not_lost(tiny_gguf: Path) -> None:
    """llama.cpp logs as it loads, and an exception inside its log callback goes nowhere."""
    from nornicdb import engine

    receive = engine._receive_log
    sent: list[int] = []

    def interrupt_once(level: int, text: bytes, data: object) -> None:
        if not sent:
            sent.append(level)
            signal.raise_signal(signal.SIGINT)
        receive(level, text, data)

    llama = engine.load_llama_cpp()
    callback = llama.llama_log_callback(interrupt_once)
    llama.llama_log_set(callback, ctypes.c_void_p(0))
    try:
        with pytest.raises(KeyboardInterrupt):
            LocalModel(tiny_gguf, context_size=256, threads=1)
    finally:
        llama.llama_log_set(engine._callback, ctypes.c_void_p(0))
    assert sent
