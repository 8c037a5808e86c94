"""Checkpoints are used only as they were written, and a full disk is said in one sentence."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors import SafetensorError

from heimdall.config import ScratchConfig, TrainConfig
from heimdall.errors import DiskError
from training import running
from training.job import CHECKPOINTS
from training.running import Reporter, drop_torn_checkpoints, run_trainer

DAMAGES: dict[str, Callable[[Path], Any]] = {
    "optimizer.pt": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "rng/state.pth": lambda file: file.unlink(),
    "model.safetensors": lambda file: file.write_bytes(bytes(reversed(file.read_bytes()))),
    "whole.json": lambda file: file.write_bytes(file.read_bytes()[:-9]),
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the child would send."""
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(running, "send", events.append)
    return events


def save_checkpoints(directory: Path) -> None:
    """Two whole checkpoints, as the Trainer leaves them."""
    for step in (1, 2):
        for name in ("model.safetensors", "optimizer.pt", "rng/state.pth"):
            file = directory / f"checkpoint-{step}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{name} at step {step}")
        Reporter(lambda batches: batches).on_save(
            SimpleNamespace(output_dir=directory), SimpleNamespace(global_step=step), SimpleNamespace()
        )


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_is_not_used_and_the_run_says_so(
    name: str, sent: list[dict[str, Any]], tmp_path: Path
) -> None:
    save_checkpoints(tmp_path)
    drop_torn_checkpoints(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-1", "checkpoint-2"]
    assert sent == []
    DAMAGES[name](tmp_path / "checkpoint-2" / name)
    drop_torn_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"]
    (event,) = sent
    assert event["notices"]["checkpoint-2"].startswith(f"{name} is damaged")


def test_a_checkpoint_that_was_never_finished_goes_without_a_word(sent: list[dict[str, Any]], tmp_path: Path) -> None:
    save_checkpoints(tmp_path)
    (tmp_path / "checkpoint-2/whole.json").unlink()
    drop_torn_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"]
    assert sent == []


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
    error: Exception, becomes: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr("signal.signal", lambda *_: None)
    save_checkpoints(tmp_path / CHECKPOINTS)
    with pytest.raises(becomes) as raised:
        run_trainer(
            SimpleNamespace(train=fail),  # type: ignore[arg-type]
            SimpleNamespace(),  # type: ignore[arg-type]
            TrainConfig(scratch=ScratchConfig()),
            tmp_path,
        )
    assert ("full; free some space" in str(raised.value)) is (becomes is DiskError)
    assert len(list((tmp_path / CHECKPOINTS).iterdir())) == 2
