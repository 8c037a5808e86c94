"""What can be asked of a flow, and what is checked before anything is written."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from deployments.target import Target
from heimdall.config import Preset
from heimdall.errors import UsageError
from heimdall.files import check_writable, digest_json
from heimdall.lock import hold_lock
from heimdall.tracking import Tracker
from heimdall.workspace import Workspace, prepare_environment
from presets.loader import load_preset
from tasks.find_former import find_former
from tasks.import_data import read_source
from tasks.stage import Pipeline


class Parameters(BaseModel):
    """The parameters of every flow; Prefect makes its form of them."""

    model_config = ConfigDict(extra="forbid")

    preset: str = Field("heimdall_nano", description="name of a preset, or path to a YAML file")
    overrides: dict[str, Any] = Field({}, description="settings by dotted key, for example train.epochs: 2")
    nornicdb: Path | None = Field(None, description="NornicDB checkout whose prompts are used; the reference if empty")
    dataset: Path | None = Field(None, description="own rows (JSONL file or directory) instead of generated ones")

    model_dir: str | None = Field(
        None, description="a former run, or its model's directory, from which training goes on instead of the base"
    )

    def check(self) -> Preset:
        """Reads everything that the user named, so that a mistake costs nothing; writes nothing.

        Raises the `HeimdallError` of the first mistake.
        """
        from eval.verdict import check_gate
        from nornicdb.contract import resolve_contract

        preset = load_preset(self.preset, self.overrides.items())
        check_gate(preset.gate, preset.evaluation.splits)
        resolve_contract(self.nornicdb)
        if self.dataset is not None:
            read_source(self.dataset)
        if self.model_dir is not None:
            find_former(self.model_dir, preset, Workspace())
        return preset


class PromotingParameters(Parameters):
    """The parameters of flows that end in the deployment directory."""

    suite: Path | None = Field(
        None, description="with model_dir: questions at which the new model may not be worse than the former one"
    )

    def check(self) -> Preset:
        """Also makes sure that the suite can be asked, and that the directory can be written."""
        from eval.suite import read_suite
        from nornicdb.contract import resolve_contract

        preset = super().check()
        if self.suite is not None:
            if self.model_dir is None:
                raise UsageError(
                    "--suite compares with a former model: give --model_dir, or `heimdall evaluate` the suite."
                )
            read_suite(self.suite, resolve_contract(self.nornicdb))
        check_writable(Target(preset.promote, Path.cwd()).directory)
        return preset


def plan_pipeline(parameters: Parameters) -> Pipeline:
    """A pipeline whose stages only say whether they would run."""
    return Pipeline(parameters.check(), Workspace())


@contextlib.contextmanager
def open_pipeline(verb: str, parameters: Parameters) -> Iterator[Pipeline]:
    """Checks the parameters, locks the workspace and opens the pipeline's MLflow run."""
    preset, workspace = parameters.check(), Workspace()
    prepare_environment(workspace)
    resolved = preset.model_dump(mode="json")
    # An interrupted run is known again by everything that was asked of it.
    named = {"nornicdb", "dataset", "model", "suite", "model_dir"}
    key = digest_json({**parameters.model_dump(mode="json", include=named), verb: resolved})
    with (
        hold_lock(workspace.lock_file),
        Tracker(workspace).open_run(f"{verb} {preset.name}", key, params=resolved) as tracked,
    ):
        yield Pipeline(preset, workspace, tracked)
