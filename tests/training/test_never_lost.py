"""What was learnt is kept: damaged checkpoints are passed over, and what is not a number is never learnt from."""

import contextlib
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from heimdall.config import LoraConfig, PretrainedConfig, ScratchConfig, TrainConfig
from heimdall.errors import DiskError, InputError, TrainingError
from heimdall.rows import FAMILIES, read_rows
from nornicdb.contract import load_reference_contract
from training import attention, prefix_trainer, running, sft
from training.attention import use_tree_attention
from training.batches import Batch, EncodedRow, RowEncoder, Shard, check_lengths, lay_out
from training.checkpoints import SealsCheckpoints, find_fault, find_newest, seal
from training.examine import Examiner
from training.faults import LossGuard, explain_explosion, explain_not_finite
from training.job import CHECKPOINTS, MODEL, TrainSpec
from training.loss import sum_loss
from training.norm import use_lean_norms
from training.running import run_trainer
from training.scratch import build_model
from training.tokenizer import load_tokenizer

FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json", "rng_state.pth")


def write_checkpoint(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for name in FILES:
        if name.endswith(".safetensors"):
            save_file({"weight": torch.ones(200)}, directory / name)
        elif name.endswith(".json"):
            (directory / name).write_text('{"global_step": 3}', encoding="utf-8")
        else:
            torch.save({"state": torch.ones(200)}, directory / name)
    return directory


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A directory with whole checkpoints of steps 3 and 20."""
    checkpoints = tmp_path / CHECKPOINTS
    checkpoints.mkdir()
    for step in (3, 20):
        seal(write_checkpoint(tmp_path / "written"), checkpoints / f"checkpoint-{step}")
    return checkpoints


def never(text: str) -> None:
    raise AssertionError(text)


def test_training_goes_on_from_the_newest_checkpoint_by_number(two: Path) -> None:
    assert find_newest(two, never) == two / "checkpoint-20"
    assert find_newest(two / "nothing", never) is None


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def turn_one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("name", "harm"),
    [(name, harm) for name in FILES for harm in (cut, turn_one_bit, Path.unlink)]
    + [("manifest.json", cut), ("manifest.json", Path.unlink)],
)
def test_a_harmed_checkpoint_is_passed_over_for_the_one_before(
    two: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(two / "checkpoint-20" / name)
    said: list[str] = []
    assert find_newest(two, said.append) == two / "checkpoint-3"
    assert "the checkpoint of step 20 is damaged" in said[0]
    assert "going on from step 3" in said[0]
    assert not (two / "checkpoint-20").exists()


def test_where_no_checkpoint_is_whole_training_starts_anew_and_says_so(two: Path) -> None:
    for step in (3, 20):
        cut(two / f"checkpoint-{step}" / "optimizer.pt")
    said: list[str] = []
    assert find_newest(two, said.append) is None
    assert "step 20" in said[0]
    assert "starting from the beginning" in said[0]


@pytest.mark.parametrize("name", FILES)
def test_what_cannot_be_read_back_never_becomes_a_checkpoint(tmp_path: Path, name: str) -> None:
    written = write_checkpoint(tmp_path / "staging" / "x")
    cut(written / name)
    with pytest.raises(DiskError, match=name):
        seal(written, tmp_path / "checkpoint-3")
    assert not (tmp_path / "checkpoint-3").exists()


class _Writer:
    """A stand-in for `transformers.Trainer`: writes files, or fails as its libraries do."""

    fails = False

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        write_checkpoint(Path(self._get_output_dir(trial)) / f"checkpoint-{self.state.global_step}")
        if self.fails:
            raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")

    def _get_output_dir(self, trial: Any) -> str:
        raise NotImplementedError

    state: Any


class _Sealed(SealsCheckpoints, _Writer):
    def __init__(self, out: Path) -> None:
        self.args = NamedTuple("Args", [("output_dir", str), ("should_save", bool)])(str(out), True)
        self.accelerator = type("Accelerator", (), {"wait_for_everyone": lambda self: None})()
        self.state = SimpleNamespace(global_step=0, best_global_step=8)

    def save(self, step: int) -> None:
        self.state.global_step = step
        self._save_checkpoint(None, None)


def test_two_checkpoints_and_the_best_are_kept_and_one_that_fails_costs_none_of_them(tmp_path: Path) -> None:
    trainer = _Sealed(tmp_path)
    for step in (7, 8, 9, 10):
        trainer.save(step)
    trainer.fails = True
    with pytest.raises(RuntimeError, match="enforce fail"):
        trainer.save(11)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-8", "checkpoint-9"]
    assert all(find_fault(path) is None for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (OSError(28, "No space left on device"), DiskError),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), DiskError),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"), DiskError),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), RuntimeError),
        (SafetensorError("Error while deserializing header: header too large"), SafetensorError),
    ],
)
def test_a_full_disk_is_one_sentence_whoever_meets_it_and_checkpoints_stay(
    error: Exception, becomes: type[Exception], monkeypatch: pytest.MonkeyPatch, two: Path
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(becomes) as raised:
        run_trainer(
            SimpleNamespace(  # type: ignore[arg-type]
                train=fail, accelerator=SimpleNamespace(main_process_first=contextlib.nullcontext)
            ),
            SimpleNamespace(),  # type: ignore[arg-type]
            TrainConfig(scratch=ScratchConfig()),
            two.parent,
        )
    assert ("full; free some space" in str(raised.value)) is (becomes is DiskError)
    assert len(list(two.iterdir())) == 2


SCRATCH = ScratchConfig(hidden_size=256, layers=2, heads=4, kv_heads=4, intermediate_size=256, vocab_size=1024)
CONFIG = TrainConfig(scratch=SCRATCH, batch_size=4, prompt_share=0.0, eval_rows=4, threads=1, max_seq_length=2048)


@pytest.fixture
def train(make_spec: Callable[..., TrainSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Trains in this process, with some settings changed."""
    monkeypatch.setattr(running, "send", lambda event: None)
    monkeypatch.setattr(sft, "send", lambda event: None)
    monkeypatch.setattr(running.signal, "signal", lambda *_: None)
    monkeypatch.setattr(prefix_trainer, "send", lambda event: None)

    def run(**settings: Any) -> Any:
        return sft.train(make_spec(CONFIG.model_copy(update=settings), tmp_path))

    return run


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_row_without_a_number_for_its_loss_or_gradient_is_named_before_it_is_learnt_from(
    broken: str,
    train: Callable[..., Any],
    training_data: Path,
    training_tokenizer: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = list(read_rows(training_data / "train.jsonl"))[30]
    encoded = RowEncoder(load_tokenizer(training_tokenizer), load_reference_contract()).encode(row)
    wanted = " ".join(map(str, encoded.prompt[-12:] + encoded.answer))

    def watch(model: Any, batch: Batch) -> tuple[torch.Tensor, int]:
        loss, count = sum_loss(model, batch)
        if wanted in " ".join(map(str, batch.ids[0].tolist())):
            if broken == "loss":
                loss = loss * math.nan
            else:
                loss.register_hook(lambda gradient: gradient * math.nan)
        return loss, count

    monkeypatch.setattr(prefix_trainer, "sum_loss", watch)
    with pytest.raises(TrainingError, match=rf"not a number: of row {row.id}; nothing was learnt"):
        train()


def test_an_exploding_loss_ends_the_run_and_names_rows(
    train: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def enlarge(model: Any, batch: Batch) -> tuple[torch.Tensor, int]:
        loss, count = sum_loss(model, batch)
        return 10 * loss, count

    monkeypatch.setattr(prefix_trainer, "sum_loss", enlarge)
    with pytest.raises(TrainingError, match=r"explodes: at step 9 .* most of it in rows \S+, "):
        train()


def test_a_single_hard_batch_is_no_explosion() -> None:
    guard = LossGuard(1000)
    assert not any(guard.is_exploding(loss) for loss in [100.0] * 9 + [1.0] + [100.0] * 9)
    assert guard.is_exploding(100.0)


def test_where_every_row_fails_alone_or_none_does_no_single_row_is_blamed() -> None:
    row = EncodedRow("r", "minimal", [1, 2], [3], None)
    shards = [Shard([lay_out([replace(row, id=f"r{n}")])], []) for n in range(8)]
    assert "so the weights are at fault" in str(explain_not_finite(3, shards, lambda shard: False))
    assert "rows r0, r1, r2, r3, r4 and 3 more" in str(explain_not_finite(3, shards, lambda shard: True))
    worst = explain_explosion(3, 99.0, shards, lambda shard: float(shard.groups[0].ids[0][1:]))
    assert "rows r7, r6, r5, r4, r3 and 3 more" in str(worst)


def test_a_row_with_no_token_to_learn_is_named() -> None:
    with pytest.raises(InputError, match="Row r7 has no token to learn from"):
        check_lengths([EncodedRow("r7", "minimal", [1, 2], [], None)], {"minimal": 0}, 100)


class _Scripted:
    """An examiner whose scores are given; it remembers the weights it was shown."""

    def __init__(self, scores: list[float]) -> None:
        self._scores, self.seen = iter(scores), []  # type: ignore[var-annotated]

    def examine(self, model: Any) -> tuple[dict[str, float], list[dict[str, str]]]:
        self.seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return {"accuracy": next(self._scores)}, []


def test_the_best_checkpoint_by_judged_answers_is_the_model_and_ends_training_that_gets_no_better(
    train: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examiner = _Scripted([0.2, 0.5, 0.4, 0.5, 0.1])
    monkeypatch.setattr(sft, "Examiner", lambda *_: examiner)
    summary = train(save_steps=2, judged_rows=3, patience=3)
    assert len(examiner.seen) == 5
    assert summary.steps == 10
    for name, tensor in load_file(tmp_path / MODEL / "model.safetensors").items():
        torch.testing.assert_close(tensor, examiner.seen[1][name], rtol=0, atol=0)


def test_an_examination_judges_answers_of_the_model_in_training_and_leaves_it_as_it_was(
    training_data: Path, training_tokenizer: Path
) -> None:
    tokenizer = load_tokenizer(training_tokenizer)
    model = build_model(SCRATCH, tokenizer, seed=1)
    use_tree_attention(model)
    use_lean_norms(model)
    examiner = Examiner(
        training_data, load_reference_contract(), CONFIG.model_copy(update={"judged_rows": 2}), tokenizer
    )
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    scores, examples = examiner.examine(model)
    assert model.training
    assert model.config._attn_implementation == attention.TREE
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert set(scores) <= {"accuracy", *(f"accuracy_{family}" for family in FAMILIES)}
    assert scores["accuracy"] == 0  # it has learnt nothing
    assert {"question", "expected", "answer", "judgement"} <= set(examples[0])
    assert examiner.examine(model)[1] == examples


def test_adapters_on_a_base_in_16_bits_are_examined_as_training_goes(
    train: Callable[..., Any], training_tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_tokenizer(training_tokenizer)
    base = tmp_path / "base"
    build_model(SCRATCH, tokenizer, seed=1).save_pretrained(base)
    tokenizer.save_pretrained(base)
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(prefix_trainer, "send", events.append)
    pretrained = PretrainedConfig(name_or_path=str(base), license="MIT")
    train(scratch=None, pretrained=pretrained, lora=LoraConfig(rank=4), batch_size=48, judged_rows=1)
    (examined,) = (event for event in events if "examples" in event)
    assert examined["step"] == examined["steps"]
    assert 0 <= examined["validation_accuracy"] <= 1
    assert examined["examples"]


def test_two_processes_train_the_model_of_one(
    train: Callable[..., Any],
    make_spec: Callable[..., TrainSpec],
    training_tokenizer: Path,
    tmp_path: Path,
) -> None:
    settings = {"batch_size": 12, "gradient_accumulation": 2, "prompt_share": 0.3, "save_steps": 2}
    alone = train(**settings)
    together = tmp_path / "together"
    (together / CHECKPOINTS).mkdir(parents=True)
    spec = make_spec(CONFIG.model_copy(update=settings), together)
    (together / "spec.json").write_text(spec.model_dump_json(), encoding="utf-8")
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    child = ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "training.sft", "--spec"]
    ended = subprocess.run(
        [sys.executable, *launch, *child, str(together / "spec.json")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    (summary,) = (json.loads(line)["summary"] for line in ended.stdout.splitlines() if line.startswith('{"summary"'))
    assert summary["steps"] == alone.steps
    assert summary["loss"] == pytest.approx(alone.loss, rel=0.01)
    ours, theirs = (load_file(out / MODEL / "model.safetensors") for out in (together, tmp_path))
    start = build_model(SCRATCH, load_tokenizer(training_tokenizer), CONFIG.seed).state_dict()
    apart, moved = (
        sum((theirs[name] - other[name]).square().sum().item() for name in theirs) ** 0.5 for other in (ours, start)
    )
    assert apart < 0.1 * moved  # AdamW makes a step of rounding where a gradient is next to nothing
