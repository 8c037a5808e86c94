"""Runs training in a child process: its memory is freed when it ends, its crash is an exit code, and it can be stopped.

The child (`python -m training.sft --spec spec.json`, and likewise other modules) writes one JSON event per line on its
standard output. SIGTERM asks it for a checkpoint; it also ends when this process dies, so that no orphan writes into
the store.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from heimdall.config import TrainConfig
from heimdall.errors import HeimdallError, Interrupted, TrainingError
from heimdall.files import write_json
from heimdall.refs import Record
from nornicdb.contract import Contract

CHECKPOINTS, MODEL = "checkpoints", "model"
STOPPED = 75  # the child's exit code after a checkpoint on request (EX_TEMPFAIL)
S = TypeVar("S", bound=Record)
Listener = Callable[[dict[str, Any]], None]


class TrainSpec(Record):
    """Everything the child needs, as a file."""

    dataset: str
    tokenizer: str
    contract: Contract
    config: TrainConfig
    work_dir: str


class TrainSummary(Record):
    """What training came to."""

    parameters: int
    trained_parameters: int
    steps: int
    rows: int
    answer_tokens: int
    loss: float
    precision: str
    parts: int  # that each micro-batch was computed in, because memory ran out; one if it did not


def train(
    dataset: Path,
    tokenizer: Path,
    contract: Contract,
    config: TrainConfig,
    work_dir: Path,
    on_event: Listener,
) -> TrainSummary:
    """Trains into `work_dir/model`, going on from the newest whole checkpoint in `work_dir/checkpoints`.

    Events are those of `follow_child`, and `notices` in words by name: at first what was chosen and why, later that
    memory ran out.
    """
    spec = TrainSpec(
        dataset=str(dataset), tokenizer=str(tokenizer), contract=contract, config=config, work_dir=str(work_dir)
    )
    return follow_child("training.sft", spec, TrainSummary, work_dir, on_event)


def follow_child(module: str, spec: Record, kind: type[S], work_dir: Path, on_event: Listener) -> S:
    """Runs a module as a process of its own (see `training.child`) and returns its summary.

    Events are numbers with `step` and `steps`. Raises `Interrupted` after SIGINT or SIGTERM, once the child has written
    a checkpoint, and what the child says went wrong, as an error of the same kind.
    """
    checkpoints = work_dir / CHECKPOINTS
    checkpoints.mkdir(exist_ok=True)
    write_json(checkpoints / "spec.json", spec.model_dump(mode="json"))
    log = checkpoints / "training.log"
    summary: S | None = None
    with log.open("ab") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", module, "--spec", str(checkpoints / "spec.json")],
            stdin=subprocess.PIPE,  # its end tells the child that this process is gone
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1"},  # TRL's trainers report to Hugging Face
            start_new_session=True,  # Ctrl-C reaches the child through us, once
        )
        assert child.stdout is not None
        with _passing_on_signals(child):
            for line in child.stdout:
                event = json.loads(line)
                if "summary" in event:
                    summary = kind.model_validate(event["summary"])
                else:
                    on_event(event)
            code = child.wait()
    if code == STOPPED:
        raise Interrupted("Training was interrupted and has written a checkpoint; the same command continues it.")
    for error in HeimdallError.__subclasses__():
        if code == error.exit_code:
            raise error(_last_words(log))
    if code != 0 or summary is None:
        why = " (killed, as the system does when memory runs out)" if code == -signal.SIGKILL else ""
        raise TrainingError(f"Training ended with exit code {code}{why}: {_last_words(log)} (all of it in '{log}').")
    return summary


@contextlib.contextmanager
def _passing_on_signals(child: subprocess.Popen[str]) -> Iterator[None]:
    """While training, Ctrl-C and SIGTERM ask the child to stop; it answers with its exit code.

    Handlers can only be set in the main thread; elsewhere the caller's way of stopping ends this process, and with it
    the child.
    """

    def pass_on(number: int, frame: object) -> None:
        child.terminate()

    before: dict[signal.Signals, Any] = {}
    with contextlib.suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, pass_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if child.poll() is None:
            child.terminate()
            child.wait()


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
