"""Learning from judged answers: pairs, then rewards, by TRL, with a model that hesitates between two answers."""

import contextlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from hesitant_model import WORDS, save_hesitant_model, save_practice
from safetensors.torch import load_file

from eval.sampling import Pair, Sample
from eval.transformers_model import TransformersModel
from heimdall.config import DpoConfig, EvalConfig, GrpoConfig, LoraConfig, ScratchConfig, TrainConfig
from heimdall.errors import TrainingError
from heimdall.hardware import Precision
from nornicdb.contract import load_reference_contract
from nornicdb.prompts import render_chatml
from training import dpo, grpo, pairs
from training.answers import PAIRS, AnswersSummary, DpoSpec, GrpoSpec, PairsSpec, PairsSummary
from training.job import CHECKPOINTS, MODEL

CONFIG = TrainConfig(scratch=ScratchConfig(), threads=1, save_steps=2)
ADAPTED = CONFIG.model_copy(update={"lora": LoraConfig(rank=4)})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_hesitant_model(tmp_path_factory.mktemp("hesitant") / "model")


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_practice(tmp_path_factory.mktemp("questions") / "practice")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the child would send; its functions run in this process."""
    sent: list[dict[str, Any]] = []
    for place in ("training.pairs.Judge", "training.grpo.Judge"):  # no answer here is a query
        monkeypatch.setattr(place, contextlib.nullcontext)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for place in ("training.running.send", "training.pairs.send"):
        monkeypatch.setattr(place, sent.append)
    monkeypatch.setattr("training.answers.choose_precision", lambda: Precision("fp32", "asked for"))
    return sent


def open_work(directory: Path) -> str:
    (directory / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    return str(directory)


def draw_pairs(model: Path, practice: Path, out: Path, samples: int = 8) -> PairsSummary:
    spec = PairsSpec(
        model=str(model),
        practice=str(practice),
        contract=load_reference_contract(),
        prompt="minimal",
        evaluation=EvalConfig(),
        answers=DpoConfig(samples=samples, max_tokens=8),
        seed=1,
        work_dir=open_work(out),
    )
    summary = pairs.make_pairs(spec)
    assert summary is not None
    return summary


def measure_yes(directory: Path) -> float:
    """The mean probability of the right answer."""
    prompts = [render_chatml(None, [*_ask(word)]) for word in WORDS]
    with TransformersModel(directory, context_size=512, threads=1) as loaded:
        pairs_ = [(loaded.tokenize(prompt), loaded.tokenize("yes")) for prompt in prompts]
        return sum(pow(2.718281828, sum(score)) for score in loaded.score(pairs_, None)) / len(pairs_)


def _ask(word: str) -> Any:
    from hesitant_model import make_question

    return make_question(word).messages[:-1]


def test_answers_are_drawn_judged_and_paired(
    model: Path, practice: Path, tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    summary = draw_pairs(model, practice, tmp_path / "one")
    made = [Pair.model_validate_json(line) for line in (tmp_path / "one" / PAIRS).read_text().splitlines()]
    drawn = [Sample.model_validate_json(line) for line in (tmp_path / "one" / pairs.SAMPLES).read_text().splitlines()]
    assert len(drawn) == 8 * len(WORDS)
    assert 0.2 < summary.right / len(drawn) < 0.8
    assert summary.pairs == len(made) > 0
    for pair in made:
        mine = [sample for sample in drawn if sample.question == pair.question]
        assert pair.chosen == "yes"
        assert pair.rejected in {sample.text for sample in mine if sample.judgement == "wrong"}
        assert pair.wrong == "another text"
        assert (pair.chosen_from == "gold") == (pair.right_samples == 0)
        assert pair.right_samples == sum(sample.judgement == "right" for sample in mine)
    assert events[-1]["step"] == events[-1]["steps"] == len(WORDS)
    assert not (tmp_path / "one" / CHECKPOINTS).exists()


def test_an_interrupted_draw_asks_only_what_is_missing_and_ends_the_same(
    model: Path, practice: Path, tmp_path: Path, events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "_BLOCK", 3)
    draw_pairs(model, practice, tmp_path / "whole")
    asked: list[int] = []
    draw = pairs.sample_answers

    def fail_at_second(prompts: Any, *arguments: Any, **options: Any) -> list[Sample]:
        asked.append(len(prompts))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return draw(prompts, *arguments, **options)

    monkeypatch.setattr(pairs, "sample_answers", fail_at_second)
    with pytest.raises(KeyboardInterrupt):
        draw_pairs(model, practice, tmp_path / "again")
    draw_pairs(model, practice, tmp_path / "again")
    assert asked == [3, 3, 3, 2]
    for name in (PAIRS, pairs.SAMPLES):
        assert (tmp_path / "again" / name).read_text() == (tmp_path / "whole" / name).read_text()


@pytest.fixture(scope="module")
def drawn(model: Path, practice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of pairs."""
    out = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "signal", lambda *_: None)
        patch.setattr("training.pairs.send", lambda event: None)
        patch.setattr("training.pairs.Judge", contextlib.nullcontext)
        draw_pairs(model, practice, out)
    return out / PAIRS


def prefer(model: Path, drawn: Path, out: Path, config: TrainConfig, rate: float) -> AnswersSummary:
    settings = DpoConfig(learning_rate=rate, epochs=4, batch_size=4)
    spec = DpoSpec(model=str(model), pairs=str(drawn), config=config, dpo=settings, work_dir=open_work(out))
    summary = dpo.train(spec)
    assert summary is not None
    return summary


@pytest.mark.parametrize(("config", "rate"), [(CONFIG, 3e-4), (ADAPTED, 1e-3)], ids=["all weights", "adapters"])
def test_preference_pairs_widen_the_margin_and_make_the_right_answer_likelier(
    config: TrainConfig, rate: float, model: Path, drawn: Path, tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    prefer(model, drawn, tmp_path, config, rate)
    margins = [event["reward_margin"] for event in events]
    assert margins[0] == pytest.approx(0, abs=1e-4)  # it is measured from the model that training starts with
    assert margins[-1] > margins[3] > 0
    assert events[-1]["dpo_loss"] < events[0]["dpo_loss"]
    assert measure_yes(tmp_path / MODEL) > measure_yes(model) + 0.1
    assert not (tmp_path / CHECKPOINTS).exists()
    assert json.loads((tmp_path / MODEL / "config.json").read_text())["architectures"] == ["Qwen2ForCausalLM"]


def test_interrupted_preference_training_ends_as_if_it_had_not_been(
    model: Path, drawn: Path, tmp_path: Path, events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefer(model, drawn, tmp_path / "whole", ADAPTED, 1e-3)

    def stop(event: dict[str, Any]) -> None:
        if event["step"] == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr("training.running.send", stop)
    with pytest.raises(KeyboardInterrupt):
        prefer(model, drawn, tmp_path / "again", ADAPTED, 1e-3)
    assert (tmp_path / "again" / CHECKPOINTS / "checkpoint-4").exists()
    monkeypatch.setattr("training.running.send", events.append)
    prefer(model, drawn, tmp_path / "again", ADAPTED, 1e-3)
    one, other = (load_file(tmp_path / name / MODEL / "model.safetensors") for name in ("whole", "again"))
    assert all(one[name].equal(other[name]) for name in one)


def reinforce(
    model: Path, practice: Path, out: Path, config: TrainConfig, rate: float, batch_size: int = 16
) -> AnswersSummary:
    settings = GrpoConfig(learning_rate=rate, epochs=3, batch_size=batch_size, samples=8, max_tokens=8)
    spec = GrpoSpec(
        model=str(model),
        practice=str(practice),
        contract=load_reference_contract(),
        prompt="minimal",
        evaluation=EvalConfig(),
        config=config,
        grpo=settings,
        work_dir=open_work(out),
    )
    summary = grpo.train(spec)
    assert summary is not None
    return summary


def test_rewards_rise_and_make_the_right_answer_likelier(
    model: Path, practice: Path, tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    summary = reinforce(model, practice, tmp_path, CONFIG, 1e-3)
    rewards = [event["reward"] for event in events]
    assert len(rewards) == summary.steps == 12
    assert sum(rewards[-3:]) / 3 > rewards[0] + 0.15
    assert measure_yes(tmp_path / MODEL) > measure_yes(model) + 0.2
    assert not (tmp_path / CHECKPOINTS).exists()


def test_interrupted_reinforcement_of_adapters_goes_on_from_its_checkpoint(
    model: Path, practice: Path, tmp_path: Path, events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(event: dict[str, Any]) -> None:
        if event["step"] == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr("training.running.send", stop)
    with pytest.raises(KeyboardInterrupt):
        reinforce(model, practice, tmp_path, ADAPTED, 5e-4)
    monkeypatch.setattr("training.running.send", events.append)
    reinforce(model, practice, tmp_path, ADAPTED, 5e-4)
    assert [event["step"] for event in events] == list(range(5, 13))
    assert measure_yes(tmp_path / MODEL) > measure_yes(model) + 0.2


def test_fewer_questions_than_a_step_takes_are_refused_before_a_model_is_loaded(
    practice: Path, tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    with pytest.raises(TrainingError, match=r"One step takes 16 questions and there are 8: lower grpo\.batch_size"):
        reinforce(tmp_path / "none", practice, tmp_path / "out", CONFIG, 1e-3, batch_size=128)
