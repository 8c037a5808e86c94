"""A Hugging Face directory answers side by side as it does alone, and what is no such directory is refused."""

import json
import random
import shutil
from pathlib import Path

import pytest
from tiny_models import build_tokenizer, save_model

from eval.transformers_model import TransformersBatch, TransformersModel, check_directory
from heimdall.errors import InputError, UsageError

SYSTEM = "<|im_start|>system\nYou are Heimdall; it's the assistant of the graph database.<|im_end|>\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "qwen2")


def make_prompts(model: TransformersModel, count: int = 13, seed: int = 0) -> list[list[int]]:
    """Prompts of different lengths that begin alike."""
    rng = random.Random(seed)
    words = [
        "how",
        "many",
        "Person",
        "nodes",
        "are",
        "there",
        "WHERE",
        "age",
        "42",
        "naïve",
        "café",
        "日本語",
        "ORDER",
        "BY",
    ]
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 30))) for _ in range(count)]
    turns = [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n" for text in texts]
    return [model.tokenize(SYSTEM + turn) for turn in turns]


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3", "llama", "phi3", "gpt2"])
def test_answers_side_by_side_are_those_of_single_calls(architecture: str, tmp_path: Path) -> None:
    save_model(tmp_path, architecture)
    with TransformersModel(tmp_path, context_size=512, threads=1) as model:
        prompts = make_prompts(model)
        batch = TransformersBatch(model, side_by_side=4)
        together = dict(batch.complete(prompts, 12))
        assert sorted(together) == list(range(len(prompts)))
        for number, prompt in enumerate(prompts):
            alone = model.complete(prompt, 12)
            assert (together[number].tokens, together[number].text) == (alone.tokens, alone.text)
            assert (together[number].stopped, together[number].end_token) == (alone.stopped, alone.end_token)
            assert together[number].log_probability == pytest.approx(alone.log_probability, abs=1e-2)
            assert alone.prompt_tokens == len(prompt)
        assert batch.asked_again < len(prompts)


def test_answers_are_those_of_transformers_own_generate(directory: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    theirs = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    with TransformersModel(directory, context_size=512, threads=1) as model:
        for prompt in make_prompts(model, 4):
            ids = torch.tensor([prompt])
            output = theirs.generate(ids, max_new_tokens=10, do_sample=False, attention_mask=torch.ones_like(ids))
            expected = output[0, len(prompt) :].tolist()
            answer = model.complete(prompt, 10)
            got = [*answer.tokens, *([answer.end_token] if answer.end_token is not None else [])]
            assert got == expected


def test_a_near_tie_is_asked_again_alone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TransformersModel(directory, context_size=512, threads=1) as model:
        prompts = make_prompts(model, 5)
        expected = [model.complete(prompt, 6).tokens for prompt in prompts]
        monkeypatch.setattr("eval.decoding.TIE", 1e9)
        batch = TransformersBatch(model)
        together = dict(batch.complete(prompts, 6))
        assert batch.asked_again == len(prompts)
        assert [together[number].tokens for number in range(5)] == expected


def test_scores_are_those_of_a_single_pass(directory: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    theirs = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    with TransformersModel(directory, context_size=512, threads=1) as model:
        prompts = make_prompts(model, 6)
        pairs = [(prompt, prompt[3 : 3 + number + 1]) for number, prompt in enumerate(prompts)]
        scores = dict(TransformersBatch(model, side_by_side=4).score(pairs))
        for number, (prompt, completion) in enumerate(pairs):
            with torch.no_grad():
                logits = theirs(torch.tensor([[*prompt, *completion]])).logits[0].double()
            chances = torch.log_softmax(logits[len(prompt) - 1 : -1], dim=-1)
            expected = [float(chances[at, token]) for at, token in enumerate(completion)]
            assert scores[number] == pytest.approx(expected, abs=1e-3)


def test_an_answer_ends_at_a_stop_text_even_if_the_model_does_not_name_it(directory: Path, tmp_path: Path) -> None:
    shutil.copytree(directory, tmp_path / "m")
    for name in ("config.json", "generation_config.json"):
        settings = json.loads((tmp_path / "m" / name).read_text())
        settings.pop("eos_token_id", None)
        (tmp_path / "m" / name).write_text(json.dumps(settings))
    with TransformersModel(tmp_path / "m", context_size=512, threads=1) as model:
        assert all(model.is_end(model.tokenize(marker)[0]) for marker in ("<|im_end|>", "<|endoftext|>"))
        assert not model.is_end(model.tokenize("a")[0])


def test_a_prompt_that_leaves_no_room_is_refused(directory: Path) -> None:
    with TransformersModel(directory, context_size=32, threads=1) as model:
        batch = TransformersBatch(model)
        for call in (lambda: model.complete([3] * 32, 4), lambda: list(batch.complete([[3] * 32], 4))):
            with pytest.raises(UsageError, match="raise context_size"):
                call()
        with pytest.raises(UsageError, match="is empty"):
            model.complete([], 4)
        with pytest.raises(UsageError, match="no completion"):
            list(batch.score([([3], [])]))
        assert list(batch.complete([], 4)) == []


def test_a_tokenizer_without_chatml_markers_is_said(tmp_path: Path) -> None:
    save_model(tmp_path)
    build_tokenizer(control_tokens=("<|endoftext|>",)).save_pretrained(tmp_path)
    with TransformersModel(tmp_path, context_size=64, threads=1) as model:
        assert "<|im_start|> and <|im_end|>" in model.notes[0]


@pytest.mark.parametrize(
    ("gone", "says"),
    [("config.json", "no config.json"), ("*.safetensors", "no *.safetensors"), ("tokenizer.json", "no tokenizer")],
)
def test_a_directory_that_lacks_something_is_refused(gone: str, says: str, directory: Path, tmp_path: Path) -> None:
    shutil.copytree(directory, tmp_path / "m")
    for path in (tmp_path / "m").glob(gone):
        path.unlink()
    with pytest.raises(InputError) as raised:
        check_directory(tmp_path / "m")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_first_token_is_added_only_where_the_tokenizer_adds_one(directory: Path, tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    shutil.copytree(directory, tmp_path / "m")
    tokenizer = build_tokenizer()
    inner = tokenizer.backend_tokenizer
    inner.post_processor = TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<|endoftext|>").save_pretrained(tmp_path / "m")
    with (
        TransformersModel(directory, context_size=64, threads=1) as plain,
        TransformersModel(tmp_path / "m", context_size=64, threads=1) as begun,
    ):
        assert begun.tokenize("how many") == [0, *plain.tokenize("how many")]
        assert begun.notes == ()


def test_an_adapter_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="merge it"):
        check_directory(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "config", "layer", "code"])
def test_a_damaged_directory_is_refused_in_one_sentence(damage: str, directory: Path, tmp_path: Path) -> None:
    model = tmp_path / "m"
    shutil.copytree(directory, model)
    settings = json.loads((model / "config.json").read_text())
    if damage == "truncated":
        weights = next(model.glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:5000])
    elif damage == "config":
        (model / "config.json").write_text("{")
    elif damage == "layer":
        changed = settings | {"num_hidden_layers": 3, "layer_types": ["full_attention"] * 3}
        (model / "config.json").write_text(json.dumps(changed))
    else:
        settings |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}}
        (model / "config.json").write_text(json.dumps(settings))
        (model / "own.py").write_text("raise SystemExit('this must not be run')")
    with pytest.raises(InputError) as raised:
        TransformersModel(model, context_size=64, threads=1)
    assert "\n" not in str(raised.value)
