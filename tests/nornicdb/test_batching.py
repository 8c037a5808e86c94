"""Questions that are decoded side by side: their answers are those of one call after the other, token for token."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_models import PROMPTS, build_model, build_tokenizer

from heimdall.errors import EngineError, UsageError
from nornicdb import batching
from nornicdb.batching import BatchDecoder
from nornicdb.contract import load_reference_contract
from nornicdb.grammar import Grammar, build_grammar
from nornicdb.runtime import Completion, LocalModel

SYSTEM = "<|im_start|>system\n" + "You are Heimdall; it's the assistant of the graph database. " * 6 + "<|im_end|>\n"
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
    with LocalModel(convert(network, tmp_path_factory.mktemp("sure")), context_size=1024, threads=1) as loaded:
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
    return answer.tokens, answer.text, answer.stopped, answer.end_token, answer.prompt_tokens


def answer_all(decoder: BatchDecoder, prompts: list[list[int]], limit: int, **options: Any) -> list[Completion]:
    answers = list(decoder.complete(prompts, limit, **options))
    assert sorted(index for index, _ in answers) == list(range(len(prompts)))
    return [answer for _, answer in sorted(answers, key=lambda pair: pair[0])]


@pytest.mark.parametrize("sequences", [1, 5])
def test_answers_are_those_of_one_call_after_the_other(model: LocalModel, sequences: int) -> None:
    prompts = make_prompts(model, 24)
    alone = [model.complete(prompt, 40, fresh=True) for prompt in prompts]
    with BatchDecoder(model, sequences=sequences) as decoder:
        together = answer_all(decoder, prompts, 40)
        assert decoder.asked_again < len(prompts) / 2  # most answers come from the batch itself
    assert list(map(tell, together)) == list(map(tell, alone))
    for one, other in zip(together, alone, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=0.2)
    # The comparison covers answers that end by themselves, at different lengths, and answers that are cut.
    assert {answer.stopped for answer in alone} == {"eog", "limit"}
    assert len({len(answer.tokens) for answer in alone}) > 5


def test_a_tie_is_asked_again_by_itself(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from nornicdb import grammar

    prompts = make_prompts(model, 6)
    alone = [model.complete(prompt, 20, fresh=True) for prompt in prompts]
    monkeypatch.setattr(grammar, "TIE", 1000.0)  # everything is a tie
    with BatchDecoder(model) as decoder:
        together = answer_all(decoder, prompts, 20)
        assert decoder.asked_again == len(prompts)
    assert [answer.log_probability for answer in together] == [answer.log_probability for answer in alone]


def test_tied_logits_give_the_answer_of_a_single_call(tmp_path: Path) -> None:
    """Two rows of the output matrix are equal: which of the two tokens is chosen is up to the last bit."""
    import torch

    network = build_model("qwen2", seed=5)
    with torch.no_grad():
        network.lm_head.weight.mul_(4.0)
        network.lm_head.weight[200:300] = network.lm_head.weight[100:200]
    with LocalModel(convert(network, tmp_path), context_size=1024, threads=1) as model:
        prompts = make_prompts(model, 12)
        alone = [model.complete(prompt, 12, fresh=True) for prompt in prompts]
        with BatchDecoder(model) as decoder:
            assert list(map(tell, answer_all(decoder, prompts, 12))) == list(map(tell, alone))
            assert decoder.asked_again > 0


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


def test_the_shared_beginning_is_decoded_once(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = make_prompts(model, 12)
    shared = len(model.tokenize(SYSTEM))
    with BatchDecoder(model) as decoder:
        decoded: list[int] = []
        decode = decoder._context.decode

        def count(tokens: Any, positions: Any, *rest: Any) -> Any:
            decoded.extend(positions)
            return decode(tokens, positions, *rest)

        monkeypatch.setattr(decoder._context, "decode", count)
        answers = answer_all(decoder, prompts, 10)
        assert all(decoded.count(position) == 1 for position in range(shared))
        answer_all(decoder, prompts[:4], 10)
        list(decoder.score([(prompt, [5, 6]) for prompt in prompts]))
        assert all(decoded.count(position) == 1 for position in range(shared))
        assert {answer.reused_tokens for answer in answers} <= {0, shared - shared % 64} | set(range(shared, 1024))


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_limits_and_the_edge_of_the_context_are_those_of_a_single_call(tiny_gguf: Path, limit: int) -> None:
    with LocalModel(tiny_gguf, context_size=256, threads=1) as small:
        prompts = [[5] * length for length in (255, 250, 3, 128, 200)]
        alone = [small.complete(prompt, limit, fresh=True) for prompt in prompts]
        with BatchDecoder(small) as decoder:
            assert list(map(tell, answer_all(decoder, prompts, limit))) == list(map(tell, alone))


def test_questions_wait_until_there_are_cells_for_them(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "_ROOM", 8)
    prompts = [prompt * 4 for prompt in make_prompts(model, 8, system="")]
    alone = [model.complete(prompt, 80, fresh=True) for prompt in prompts]
    with BatchDecoder(model, sequences=8) as decoder:
        assert list(map(tell, answer_all(decoder, prompts, 80))) == list(map(tell, alone))


def test_scores_are_those_of_single_calls(model: LocalModel) -> None:
    completions = [model.tokenize(" ".join(WORDS[: 1 + index * 2]) * (1 + index // 2)) for index in range(8)]
    assert max(map(len, completions)) > 150  # more than one call of llama.cpp takes
    pairs = list(zip(make_prompts(model, 8), completions, strict=True))
    with BatchDecoder(model) as decoder:
        scores = dict(decoder.score(pairs))
    for index, (prompt, completion) in enumerate(pairs):
        assert scores[index] == pytest.approx(model.score(prompt, completion), abs=0.05)


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
