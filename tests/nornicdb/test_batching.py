"""Questions that are decoded side by side: their answers are those of one call after the other, to the last bit."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from tiny_models import PROMPTS, build_model, build_tokenizer

from export.quantize import quantize
from heimdall.errors import EngineError, UsageError
from nornicdb.batching import SEQUENCES, BatchDecoder
from nornicdb.contract import load_reference_contract
from nornicdb.engine import Context
from nornicdb.gbnf import build_grammar
from nornicdb.grammar import Grammar
from nornicdb.runtime import Completion, LocalModel

SYSTEM = "<|im_start|>system\n" + "You are Heimdall; it's the assistant of the graph database. " * 6 + "<|im_end|>\n"


@pytest.fixture(autouse=True)
def _side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is faster is not what is tested."""
    monkeypatch.setattr(BatchDecoder, "_pays", lambda _: True)


WORDS = (
    "how many",
    "Person nodes",
    "are there",
    "show 12345",
    "naïve café",
    "日本語",
    "😀",
    "KNOWS",
    "ORDER BY total DESC",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    """A random model that is sure of most tokens, as a trained one is, and whose answers end at different lengths."""
    import torch

    network = build_model("qwen2", seed=3)
    with torch.no_grad():
        network.lm_head.weight.mul_(16.0)
        network.lm_head.weight[:3] *= 1.5
    directory = tmp_path_factory.mktemp("sure")
    quantize(convert(network, directory), directory / "Q8_0.gguf", "Q8_0", threads=1)
    with LocalModel(directory / "Q8_0.gguf", context_size=1024, threads=1) as loaded:
        yield loaded


def convert(network: Any, directory: Path) -> Path:
    from export.convert import GgufMetadata, convert_to_gguf

    network.save_pretrained(directory / "model")
    build_tokenizer().save_pretrained(directory / "model")
    fields = dict.fromkeys(
        ("name", "license", "base_model", "dataset_digest", "contract_digest", "contract_source", "prompt"), "x"
    )
    convert_to_gguf(directory / "model", directory / "model.gguf", GgufMetadata(**fields))
    return directory / "model.gguf"


def make_prompts(model: LocalModel, count: int, seed: int = 1, system: str = SYSTEM) -> list[list[int]]:
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 30))) for _ in range(count)]
    return [model.tokenize(f"{system}<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n") for text in texts]


def tell(answer: Completion) -> tuple[object, ...]:
    return tuple(answer.model_dump(exclude={"reused_tokens", "first_token_ms", "total_ms"}).values())


def answer_all(decoder: BatchDecoder, prompts: list[list[int]], limit: int, **options: Any) -> list[Completion]:
    answers = list(decoder.complete(prompts, limit, **options))
    assert sorted(index for index, _ in answers) == list(range(len(prompts)))
    return [answer for _, answer in sorted(answers, key=lambda pair: pair[0])]


@pytest.mark.parametrize("sequences", [1, 5])
def test_answers_are_those_of_one_call_after_the_other(model: LocalModel, sequences: int) -> None:
    prompts = make_prompts(model, 24)
    alone = [model.complete(prompt, 40, fresh=True) for prompt in prompts]
    with BatchDecoder(model, sequences=sequences) as decoder:
        assert decoder.width == sequences
        together = answer_all(decoder, prompts, 40)
    assert list(map(tell, together)) == list(map(tell, alone))
    # The comparison covers answers that end by themselves, at different lengths, and answers that are cut.
    assert {answer.stopped for answer in alone} == {"eog", "limit"}
    assert len({len(answer.tokens) for answer in alone}) > 5


@pytest.mark.parametrize("kind", ["F16", "Q4_K_M", "Q6_K"])
def test_files_of_other_types_have_as_many_side_by_side_as_leave_the_logits_as_they_are(
    model: LocalModel, tmp_path: Path, kind: str
) -> None:
    """Equal rows in the output matrix: which of two tokens is chosen is up to the last bit."""
    import torch

    network = build_model("qwen2", seed=5)
    with torch.no_grad():
        network.lm_head.weight[200:300] = network.lm_head.weight[100:200] * 1.000001
    path = convert(network, tmp_path)
    if kind != "F16":
        quantize(path, tmp_path / "quantised.gguf", kind, threads=1)
        path = tmp_path / "quantised.gguf"
    with LocalModel(path, context_size=512, threads=1) as other:
        prompts = make_prompts(other, 18)
        alone = [other.complete(prompt, 12, fresh=True) for prompt in prompts]
        with BatchDecoder(other) as decoder:
            assert 1 <= decoder.width <= SEQUENCES
            assert list(map(tell, answer_all(decoder, prompts, 12))) == list(map(tell, alone))


def test_a_kernel_that_adds_up_otherwise_for_many_tokens_narrows_the_batch(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = Context.decode

    def round_otherwise(self: Context, tokens: Any, *rest: Any) -> Any:
        logits = decode(self, tokens, *rest)
        return logits + np.float32(1e-4) if len(tokens) > 3 else logits

    monkeypatch.setattr(Context, "decode", round_otherwise)
    with BatchDecoder(model) as decoder:
        assert decoder.width == 3


def test_where_side_by_side_is_slower_questions_are_asked_one_at_a_time(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    prompts = make_prompts(model, 5)
    alone = [model.complete(prompt, 9, fresh=True) for prompt in prompts]
    decode = Context.decode

    def be_slow(self: Context, tokens: Any, positions: Any, sequences: Any, wanted: Any) -> Any:
        time.sleep(0.01 * (len(set(sequences)) - 1))
        return decode(self, tokens, positions, sequences, wanted)

    with BatchDecoder(model, sequences=3) as decoder:
        monkeypatch.setattr(Context, "decode", be_slow)
        assert list(map(tell, answer_all(decoder, prompts, 9))) == list(map(tell, alone))
        assert decoder.width == 1


def test_little_memory_narrows_the_batch(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = 1024 * 2 * 2 * 2 * 64 * 2  # tokens, layers, keys and values, heads, their size, bytes
    for room, width in ((4 * 5.5 * cells, 4), (0, 1)):
        monkeypatch.setattr(psutil, "virtual_memory", lambda room=room: SimpleNamespace(available=room))
        with BatchDecoder(model) as decoder:
            assert decoder.width == width


def test_prompts_that_share_nothing_all_or_a_part_are_answered_alike(model: LocalModel) -> None:
    mixed = [model.tokenize(prompt) for prompt in PROMPTS] + [[token] * 3 for token in range(5, 12)]
    equal = [model.tokenize(PROMPTS[0])] * 5
    nested = [mixed[0][:length] for length in (5, 1, 20, 3)]
    with BatchDecoder(model) as decoder:
        for prompts in (
            mixed,
            equal,
            nested,
            mixed[:1],
            [],
            make_prompts(model, 3),
            make_prompts(model, 3, system="x"),
        ):
            alone = [model.complete(prompt, 9, fresh=True) for prompt in prompts]
            assert list(map(tell, answer_all(decoder, prompts, 9))) == list(map(tell, alone))


def watch_positions(decoder: BatchDecoder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The positions that are decoded from now on."""
    decoded: list[int] = []
    decode = decoder._context.decode

    def note(tokens: Any, positions: Any, *rest: Any) -> Any:
        decoded.extend(positions)
        return decode(tokens, positions, *rest)

    monkeypatch.setattr(decoder._context, "decode", note)
    return decoded


def test_the_shared_beginning_is_decoded_once(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = make_prompts(model, 12)
    shared = len(model.tokenize(SYSTEM.rstrip()))
    with BatchDecoder(model) as decoder:
        decoded = watch_positions(decoder, monkeypatch)
        answer_all(decoder, prompts, 10)
        answer_all(decoder, prompts[:4], 10)
        list(decoder.score([(prompt, [5, 6]) for prompt in prompts]))
        assert all(decoded.count(position) == 1 for position in range(shared))


def test_questions_about_one_schema_decode_it_once(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    schemas = ["Person {name: STRING}\n(:Person)-[:KNOWS]->(:Person)", "City {size: INTEGER}"]
    texts = [f"{schemas[number % 2]}\n\nquestion {number}" for number in range(12)]
    prompts = [model.tokenize(f"{SYSTEM}<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n") for text in texts]
    alone = [model.complete(prompt, 5, fresh=True) for prompt in prompts]
    with BatchDecoder(model, sequences=3) as decoder:
        decoded = watch_positions(decoder, monkeypatch)
        assert list(map(tell, answer_all(decoder, prompts, 5))) == list(map(tell, alone))
        assert decoded.count(len(model.tokenize(f"{SYSTEM}<|im_start|>user\n"))) == len(schemas)


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_limits_and_the_edge_of_the_context_are_those_of_a_single_call(tiny_gguf: Path, limit: int) -> None:
    with LocalModel(tiny_gguf, context_size=256, threads=1) as small:
        prompts = [[5] * length for length in (255, 250, 3, 128, 200)]
        alone = [small.complete(prompt, limit, fresh=True) for prompt in prompts]
        with BatchDecoder(small) as decoder:
            assert list(map(tell, answer_all(decoder, prompts, limit))) == list(map(tell, alone))


def test_scores_are_those_of_single_calls(model: LocalModel) -> None:
    completions = [model.tokenize(" ".join(WORDS[: 1 + index * 2]) * (1 + index // 2)) for index in range(8)]
    assert max(map(len, completions)) > 150  # more than one call of llama.cpp takes
    pairs = list(zip(make_prompts(model, 8), completions, strict=True))
    with BatchDecoder(model) as decoder:
        scores = dict(decoder.score(pairs))
    for index, (prompt, completion) in enumerate(pairs):
        assert scores[index] == model.score(prompt, completion)


def test_constrained_answers_are_those_of_single_calls(model: LocalModel) -> None:
    prompts = make_prompts(model, 10)
    grammar = Grammar(build_grammar(load_reference_contract()), model)
    try:
        alone = [model.complete(prompt, 40, grammar=grammar) for prompt in prompts]
        with BatchDecoder(model) as decoder:
            together = answer_all(decoder, prompts, 40, grammar=grammar)
    finally:
        grammar.close()
    assert list(map(tell, together)) == list(map(tell, alone))
    assert all(answer.text.startswith('{"action": "heimdall.') for answer in together)


def test_a_batch_that_was_left_half_way_does_not_disturb_the_next(model: LocalModel) -> None:
    prompts = make_prompts(model, 10)
    alone = [model.complete(prompt, 20, fresh=True) for prompt in prompts]
    with BatchDecoder(model) as decoder:
        next(iter(decoder.complete(prompts, 20)))
        next(iter(decoder.score([(prompt, [5] * 200) for prompt in prompts])))
        assert list(map(tell, answer_all(decoder, prompts, 20))) == list(map(tell, alone))


def test_a_question_that_does_not_fit_is_refused_before_anything_is_decoded(model: LocalModel) -> None:
    with BatchDecoder(model) as decoder:
        with pytest.raises(UsageError, match="leaves no room"):
            next(decoder.complete([[5], [5] * 1024], 10))
        with pytest.raises(UsageError, match="empty"):
            next(decoder.complete([[5], []], 10))
        with pytest.raises(UsageError, match="no completion"):
            next(decoder.score([([5], [])]))


def test_a_closed_model_opens_no_batch(tiny_gguf: Path) -> None:
    model = LocalModel(tiny_gguf, context_size=256, threads=1)
    model.close()
    with pytest.raises(EngineError, match="closed"):
        BatchDecoder(model)
