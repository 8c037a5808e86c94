"""The script that measures a GPU runs on a processor, with tiny models in place of the real ones."""

import importlib.util
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heimdall.config import TrainConfig
from heimdall.errors import Interrupted
from nornicdb.contract import Contract
from presets.bases import describe_model
from presets.loader import load_preset
from training import dry_run, prefix_trainer, running, sft
from training.devices import find_device
from training.job import CHECKPOINTS, Listener, TrainSpec

SCRATCH = {"hidden_size": 256, "layers": 2, "heads": 4, "kv_heads": 4, "intermediate_size": 256, "vocab_size": 512}
SHAPE = {**SCRATCH, "hidden_size": 64, "head_size": 16, "intermediate_size": 64}
SMALL = [("train.batch_size", 4), ("train.prompt_batch_size", None), ("train.threads", 1)]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script, whose children run in this process; SIGTERM does nothing before they listen, as in their parent."""
    path = Path(__file__).parents[2] / "benchmarks/gpu.py"
    spec = importlib.util.spec_from_file_location("gpu_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    script: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def train_here(
        data: Path, tokenizer: Path, contract: Contract, config: TrainConfig, work: Path, on_event: Listener
    ) -> None:
        for module in (sft, running, prefix_trainer):
            monkeypatch.setattr(module, "send", on_event)
        (work / CHECKPOINTS).mkdir()
        paths = {"dataset": str(data), "tokenizer": str(tokenizer), "work_dir": str(work)}
        assert sft.train(TrainSpec(contract=contract, config=config, **paths)) is None
        raise Interrupted("stopped")

    monkeypatch.setattr(script, "train", train_here)
    monkeypatch.setattr(dry_run, "measure", dry_run.train)
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield script
    signal.signal(signal.SIGTERM, before)


def test_training_ends_when_its_time_is_over_and_shows_its_curve(gpu: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shape = [(f"train.scratch.{key}", value) for key, value in SCRATCH.items()]
    few = [("data.train_rows", 96), ("data.split_rows", 2), ("train.prompt_share", 0.0)]
    gpu.train_for(load_preset("heimdall_mini", [*shape, *few, *SMALL], environ={}), seconds=0)
    lines = capsys.readouterr().out.splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| ")]
    rows = [cell.split(" of ") for cell in cells if " of " in cell]
    assert rows
    assert all(int(step) < int(steps) for step, steps in rows)


def test_presets_are_measured_beside_what_is_predicted(
    gpu: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "PRECISIONS", ("bf16",))  # a processor has no fp16
    preset = load_preset("heimdall", SMALL, environ={})
    base = describe_model(preset.train)
    assert base is not None
    gpu.measure_presets([(preset, base.model_copy(update=SHAPE))], find_device(None), seconds=0)
    cells = [cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].strip("|").split("|")]
    assert cells[:3] == ["heimdall", "bf16", "4"]
    speed, tflops, hours, memory = (float(cell.split()[0]) for cell in cells[3:7])
    assert min(speed, memory) > 0
    assert min(tflops, hours) >= 0  # rounded, of a tiny model
    assert cells[7].endswith("%")


def test_a_machine_without_a_gpu_is_told_so(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "detect_device", lambda: find_device("cpu"))
    with pytest.raises(SystemExit, match="no CUDA device"):
        gpu.main()
