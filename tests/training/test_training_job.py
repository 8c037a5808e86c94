"""The training child: it learns, can be stopped and killed at any step, and goes on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from heimdall.config import LoraConfig, PretrainedConfig, ScratchConfig, TrainConfig
from heimdall.errors import InputError, Interrupted, TrainingError
from heimdall.files import digest_file
from heimdall.hardware import Precision
from nornicdb.contract import load_reference_contract
from training.batches import Batch
from training.job import CHECKPOINTS, MODEL, TrainSpec, TrainSummary, train
from training.loss import sum_loss

SCRATCH = ScratchConfig(hidden_size=256, layers=2, heads=4, kv_heads=4, intermediate_size=256, vocab_size=1024)
CONFIG = TrainConfig(
    scratch=SCRATCH,
    batch_size=8,
    optimizer="muon",
    learning_rate=2e-3,
    save_steps=3,
    eval_rows=4,
    threads=1,
    max_seq_length=2048,
)


def run(
    data: Path, tokenizer: Path, out: Path, on_event: Any = lambda event: None, config: TrainConfig = CONFIG
) -> TrainSummary:
    out.mkdir(exist_ok=True)
    return train(data, tokenizer, load_reference_contract(), config, out, on_event)


@pytest.fixture(scope="module")
def uninterrupted(
    training_data: Path, training_tokenizer: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, TrainSummary]:
    """The digest of the weights of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("uninterrupted")
    events: list[dict[str, Any]] = []
    summary = run(training_data, training_tokenizer, out, events.append)
    losses = [event["eval_loss"] for event in events if "eval_loss" in event]
    assert losses[-1] < losses[0]
    names = {
        "step",
        "steps",
        "loss",
        "learning_rate",
        "rows_per_second",
        "tokens_per_second",
        "peak_memory_gib",
        "notices",
    }
    assert names <= {name for event in events for name in event}
    assert not (out / CHECKPOINTS).exists()
    return digest_file(out / MODEL / "model.safetensors"), summary


def test_a_run_stopped_by_sigterm_ends_with_the_same_weights_as_one_that_was_not(
    training_data: Path, training_tokenizer: Path, tmp_path: Path, uninterrupted: tuple[str, TrainSummary]
) -> None:
    def stop(event: dict[str, Any]) -> None:
        if "eval_loss" in event and event["step"] == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="same command continues"):
        run(training_data, training_tokenizer, tmp_path, stop)
    assert list((tmp_path / CHECKPOINTS).glob("checkpoint-*"))
    assert run(training_data, training_tokenizer, tmp_path).steps == uninterrupted[1].steps
    assert digest_file(tmp_path / MODEL / "model.safetensors") == uninterrupted[0]


def test_a_killed_child_is_an_error_and_a_torn_checkpoint_is_not_resumed(
    training_data: Path, training_tokenizer: Path, tmp_path: Path, uninterrupted: tuple[str, TrainSummary]
) -> None:
    def kill(event: dict[str, Any]) -> None:
        if "eval_loss" in event and event["step"] == 6:
            for child in _children():
                os.kill(child, signal.SIGKILL)

    with pytest.raises(TrainingError, match="exit code -9"):
        run(training_data, training_tokenizer, tmp_path, kill)
    torn = tmp_path / CHECKPOINTS / "checkpoint-9"
    torn.mkdir(exist_ok=True)
    (torn / "model.safetensors").write_bytes(b"half")
    run(training_data, training_tokenizer, tmp_path)
    assert digest_file(tmp_path / MODEL / "model.safetensors") == uninterrupted[0]


def test_the_child_ends_when_its_parent_is_killed(
    training_data: Path, training_tokenizer: Path, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path; from heimdall.config import TrainConfig; from training.job import train;"
        "from nornicdb.contract import load_reference_contract;"
        "config = TrainConfig.model_validate_json(sys.argv[4]);"
        "train(Path(sys.argv[1]), Path(sys.argv[2]), load_reference_contract(), config, Path(sys.argv[3]), print)"
    )
    config = CONFIG.model_copy(update={"epochs": 50.0})
    arguments = [str(training_data), str(training_tokenizer), str(tmp_path), config.model_dump_json()]
    parent = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline()
    (child,) = _children(parent.pid)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while _is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_lora_run_on_a_local_base_gives_a_merged_model(
    training_data: Path, training_tokenizer: Path, tmp_path: Path, uninterrupted: tuple[str, TrainSummary]
) -> None:
    from transformers import AutoModelForCausalLM

    from training.scratch import build_model
    from training.tokenizer import load_tokenizer

    base = tmp_path / "base"
    build_model(SCRATCH, load_tokenizer(training_tokenizer), seed=5).save_pretrained(base)
    config = TrainConfig(
        pretrained=PretrainedConfig(name_or_path=str(base), license="MIT"),
        lora=LoraConfig(rank=4),
        batch_size=32,
        max_seq_length=2048,
        threads=1,
    )
    summary = run(training_data, training_tokenizer, tmp_path / "out", config=config)
    assert 0 < summary.trained_parameters < uninterrupted[1].trained_parameters / 5
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / MODEL)
    assert not any("lora" in name for name in merged.state_dict())
    assert digest_file(tmp_path / "out" / MODEL / "model.safetensors") != digest_file(base / "model.safetensors")


def test_a_row_that_does_not_fit_stops_training_by_its_id(
    training_data: Path, training_tokenizer: Path, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"max_seq_length": 64})
    with pytest.raises(InputError, match=r"Row train-.* raise it or drop the row"):
        run(training_data, training_tokenizer, tmp_path, config=config)
    assert not (tmp_path / MODEL).exists()


def test_training_can_run_outside_the_main_thread(
    training_data: Path, training_tokenizer: Path, tmp_path: Path
) -> None:
    """Prefect may run a task in a worker thread, where no signal handler can be set."""
    failed: list[BaseException] = []

    def target() -> None:
        try:
            run(training_data, training_tokenizer, tmp_path, config=CONFIG.model_copy(update={"max_seq_length": 64}))
        except InputError as error:
            failed.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    assert len(failed) == 1


def _children(pid: int | None = None) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children() if "training.sft" in " ".join(child.cmdline())]


def _is_running(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("threads", [1, 2])
def test_mixed_precision_reaches_the_matrix_products(
    threads: int, make_spec: Callable[..., TrainSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import prefix_trainer, sft

    precisions: list[torch.dtype] = []

    def watch(model: Any, batch: Batch) -> tuple[torch.Tensor, int]:
        output = (
            model.get_decoder()
            .layers[0]
            .mlp.down_proj.register_forward_hook(lambda module, inputs, output: precisions.append(output.dtype))
        )
        try:
            return sum_loss(model, batch)
        finally:
            output.remove()

    monkeypatch.setattr(prefix_trainer, "sum_loss", watch)
    monkeypatch.setattr(sft, "choose_precision", lambda: Precision("bf16", "asked for"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the child's own; this is not the child
    config = CONFIG.model_copy(update={"threads": threads, "batch_size": 48})
    summary = sft.train(make_spec(config, tmp_path))
    assert summary is not None
    assert summary.precision.startswith("bf16")
    assert set(precisions) == {torch.bfloat16}
