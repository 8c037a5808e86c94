"""Stages that a preset turns on: where they stand, and that they are not there otherwise."""

from pathlib import Path
from typing import Any

import pytest

from flows.parameters import PromotingParameters, plan_pipeline
from flows.retrain import run_stages

BEFORE = ["contract", "generate", "tokenizer", "validate", "train"]
AFTER = ["export", "evaluate", "verdict", "register", "promote"]


@pytest.mark.parametrize(
    ("overrides", "between"),
    [
        ({}, []),
        ({"dpo": {}}, ["practice", "pairs", "dpo"]),
        ({"grpo.samples": 4}, ["practice", "grpo"]),
        ({"dpo": {"questions": 5}, "grpo": {"beta": 0.1}}, ["practice", "pairs", "dpo", "grpo"]),
        ({"dpo": {}, "grpo": None}, ["practice", "pairs", "dpo"]),
    ],
)
def test_what_follows_supervised_training_is_what_the_preset_asks_for(
    overrides: dict[str, Any], between: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEIMDALL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    parameters = PromotingParameters(preset="heimdall_smoke", overrides=overrides)
    pipeline = plan_pipeline(parameters)
    run_stages(pipeline, parameters)
    assert [step.stage for step in pipeline.steps] == BEFORE + between + AFTER
    assert not list(tmp_path.iterdir())
