"""Stage `train`: rows become a model, in a child process that can be interrupted and continued."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from heimdall.config import Preset, TrainConfig
from heimdall.files import digest_file
from heimdall.refs import ContractRef, DatasetRef, ModelRef
from tasks.build_tokenizer import TokenizerRef, configure_training
from tasks.read_contract import open_contract
from tasks.stage import Work, stage

MODEL, EVENTS = "model", "events.jsonl"
_WORDS = {"step", "steps", "notices", "examples"}  # of an event; all else is numbers


def read_events(directory: Path) -> list[dict[str, Any]]:
    """Training events in the order of their steps; where a continued run repeated a step, the later one."""
    lines = (directory / EVENTS).read_text(encoding="utf-8").splitlines()
    events: dict[int, dict[str, Any]] = {}
    for event in map(json.loads, lines):
        events[event["step"]] = {**events.get(event["step"], {}), **event}
    return [events[step] for step in sorted(events)]


def follow_events(work: Work, title: str) -> Callable[[Mapping[str, Any]], None]:
    """A listener that keeps a training's events, as MLflow's curves and as a file, and shows how far it is."""
    progress = work.show_progress(title, "steps")

    def receive(event: Mapping[str, Any]) -> None:
        with (work.directory / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        numbers = {name: value for name, value in event.items() if name not in _WORDS}
        if "notices" in event:
            for name, text in event["notices"].items():
                print(f"{title}: {name}: {text}", file=sys.stderr, flush=True)
            work.tracked.set_tags(event["notices"])
        if "examples" in event:
            so_far = read_events(work.directory)
            rows = ({"step": each["step"], **row} for each in so_far for row in each.get("examples", ()))
            work.tracked.log_table("examples.json", rows)
        work.tracked.log_metrics(numbers, step=event["step"])
        note = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        if event["steps"]:
            progress(event["step"], event["steps"], note)

    return receive


def _pick_config(preset: Preset) -> dict[str, Any]:
    # Neither how often a checkpoint is written nor what is computed twice to save memory changes the model.
    return {**preset.train.model_dump(exclude={"save_steps", "gradient_checkpointing"}), "prompt": preset.data.prompt}


@stage("train", version=4, result=ModelRef, config=_pick_config, resumable=True)
def train_model(
    work: Work, dataset: DatasetRef, tokenizer: TokenizerRef, contract: ContractRef, former: ModelRef | None
) -> ModelRef:
    """Trains, or goes on from the newest checkpoint of an interrupted try."""
    from training.job import train

    data, config = work.path(dataset.artifact), configure_training(work, former)
    work.tracked.log_dataset(dataset, data, "training")
    work.tracked.log_params(config.model_dump())
    made = train(
        data,
        work.path(tokenizer.artifact),
        open_contract(work, contract),
        config,
        work.directory,
        follow_events(work, "train"),
    )
    return ModelRef(
        artifact=work.describe(MODEL),
        base=former.base if former is not None else _name_base(config),
        license=_name_license(config),
        parameters=made.parameters,
        template_digest=digest_file(work.directory / MODEL / "chat_template.jinja"),
        dataset_digest=dataset.artifact.sha256,
        contract_digest=contract.digest,
        prompt=work.preset.data.prompt,
        former=former.artifact.sha256 if former is not None else None,
    )


def _name_base(config: TrainConfig) -> str:
    base = config.pretrained
    return f"{base.name_or_path}@{base.revision}" if base else "scratch"


def _name_license(config: TrainConfig) -> str:
    base = config.pretrained or config.scratch
    return base.license if base else ""
