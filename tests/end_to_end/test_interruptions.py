"""Killed at any moment, then the same command: it continues, and nothing half-made is taken for whole."""

import signal
from pathlib import Path

import pytest
from command_line import PRESET, copy_site, heimdall, interrupt, list_processes, wait_until
from conftest import Smoke

from heimdall.files import digest_file

AFTER_TRAINING = ("train", "export", "evaluate", "verdict", "register", "promote")


def test_training_that_is_stopped_and_then_killed_ends_with_the_model_of_an_undisturbed_run(
    smoke: Smoke, tmp_path: Path
) -> None:
    site = copy_site(smoke.site, tmp_path / "site", without=AFTER_TRAINING)
    store = site / ".heimdall/store/train"

    def has_checkpoint(beyond: int = 0) -> bool:
        steps = [
            int(path.parent.name.split("-")[1])
            for path in store.glob("*.partial/checkpoints/checkpoint-*/manifest.json")
        ]
        return any(step > beyond for step in steps)

    stopped = interrupt(site, "retrain", *PRESET, when=has_checkpoint, number=signal.SIGTERM)
    assert stopped.code == 130
    assert "the same command continues" in stopped.err
    assert has_checkpoint()
    reached = max(int(path.name.split("-")[1]) for path in store.glob("*.partial/checkpoints/checkpoint-*"))

    killed = interrupt(site, "retrain", *PRESET, when=lambda: has_checkpoint(reached), number=signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    wait_until(lambda: not list_processes(site), 60)  # neither the training process nor Prefect's server lives on

    ended = heimdall(site, "retrain", *PRESET)
    assert ("train", "running") in ended.stages
    assert not list(store.glob("*.partial"))
    models = [place / "plugins/heimdall/models/heimdall.gguf" for place in (site, smoke.site)]
    assert digest_file(models[0]) == digest_file(models[1])


@pytest.mark.parametrize(
    ("stage", "command"),
    [("generate", "generate"), ("export", "export"), ("evaluate", "evaluate"), ("promote", "retrain")],
)
def test_a_stage_that_is_killed_is_done_again_by_the_same_command(
    smoke: Smoke, tmp_path: Path, stage: str, command: str
) -> None:
    site = copy_site(smoke.site, tmp_path / "site", without=(stage,))
    store = site / ".heimdall/store" / stage
    begun = lambda: any(store.glob("*.partial"))  # noqa: E731
    assert interrupt(site, command, *PRESET, when=begun, number=signal.SIGKILL).code == -signal.SIGKILL
    assert not list(store.glob("*/manifest.json")) or not list(store.glob("*.partial"))
    wait_until(lambda: not list_processes(site), 60)
    ended = heimdall(site, command, *PRESET)
    assert not ended.stages or ended.stages[-1] == (stage, "running")
    assert len(list(store.glob("*/manifest.json"))) == 1
    assert not list(store.glob("*.partial"))


def test_ctrl_c_says_that_the_same_command_continues(smoke: Smoke, tmp_path: Path) -> None:
    site = copy_site(smoke.site, tmp_path / "site", without=("evaluate",))
    store = site / ".heimdall/store/evaluate"
    ended = interrupt(site, "evaluate", *PRESET, when=lambda: any(store.glob("*.partial")), number=signal.SIGINT)
    assert ended.code == 130
    assert "the same command continues" in ended.err
    assert "Traceback" not in ended.err
    assert not list(store.glob("*"))
