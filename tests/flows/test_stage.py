"""Stages: reuse by key, runs that continue, and nothing half-made that counts as made."""

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import flow
from prefect.testing.utilities import prefect_test_harness

from heimdall.config import Preset
from heimdall.refs import ArtifactRef, Record
from heimdall.tracking import Tracker
from heimdall.workspace import Workspace
from presets.loader import load_preset
from tasks.stage import Pipeline, Step, Work, stage

CALLS: list[str] = []
BROKEN: set[str] = set()


class Made(Record):
    """What a stage of these tests makes."""

    artifact: ArtifactRef


class Weighed(Record):
    """A result without files."""

    weight: int


@stage("make", version=1, result=Made, config=lambda preset: {"seed": preset.data.seed})
def make(work: Work, flavour: Weighed) -> Made:
    """Writes a file."""
    CALLS.append("make")
    (work.directory / "out.txt").write_text(f"{work.preset.data.seed} {flavour.weight}")
    if "make" in BROKEN:
        raise RuntimeError("broken")
    return Made(artifact=work.describe())


@stage("weigh", version=1, result=Weighed, config=lambda preset: {"seed": preset.evaluation.seed})
def weigh(work: Work, made: Made) -> Weighed:
    """Reads what `make` wrote."""
    CALLS.append("weigh")
    return Weighed(weight=len((work.path(made.artifact) / "out.txt").read_text()))


@stage("slow", version=1, result=Weighed, resumable=True)
def slow(work: Work) -> Weighed:
    """Fails once half-way, and counts on from there."""
    CALLS.append("slow")
    state = work.directory / "state.txt"
    if not state.exists():
        state.write_text("half")
        raise RuntimeError("broken")
    return Weighed(weight=len(state.read_text()))


OUTSIDE: set[int] = set()


@stage("announce", version=1, result=Weighed, holds=lambda pipeline, weighed: weighed.weight in OUTSIDE)
def announce(work: Work, weighed: Weighed) -> Weighed:
    """Has an effect outside the store."""
    CALLS.append("announce")
    OUTSIDE.add(weighed.weight)
    return weighed


@pytest.fixture(scope="module", autouse=True)
def _prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    CALLS.clear()
    BROKEN.clear()
    OUTSIDE.clear()
    return Workspace(home=tmp_path / "home")


@pytest.fixture
def preset() -> Preset:
    return load_preset("heimdall_smoke", environ={})


def chain(pipeline: Pipeline) -> Weighed:
    made = make(pipeline, flavour=Weighed(weight=7))
    return announce(pipeline, weighed=weigh(pipeline, made=made))


def run(workspace: Workspace, preset: Preset, steps: Callable[[Pipeline], object] = chain) -> list[tuple[str, str]]:
    """Runs stages in a flow; says which ran and which were reused."""

    @flow(name="test")
    def pipeline_flow() -> list[Step]:
        with Tracker(workspace).open_run("test", "k", params={}) as tracked:
            pipeline = Pipeline(preset, workspace, tracked)
            steps(pipeline)
            return pipeline.steps

    return [(step.stage, step.outcome) for step in pipeline_flow()]


def plan(workspace: Workspace, preset: Preset) -> list[tuple[str, str]]:
    pipeline = Pipeline(preset, workspace)
    chain(pipeline)
    return [(step.stage, step.outcome) for step in pipeline.steps]


def change(preset: Preset, **seeds: int) -> Preset:
    parts = {name: getattr(preset, name).model_copy(update={"seed": seed}) for name, seed in seeds.items()}
    return preset.model_copy(update=parts)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One MLflow database for all tests, since making one takes seconds; runs name their workspace."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def tracking(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database / 'mlflow.db'}")
    monkeypatch.chdir(database)


def find_runs(workspace: Workspace, kind: str) -> list[Any]:
    tracker = Tracker(workspace)
    found = tracker._client.search_runs([tracker._experiment_id], filter_string=f"tags.`heimdall.kind` = '{kind}'")
    return [run for run in found if run.data.tags["heimdall.workspace"].endswith(str(workspace.home))]


@pytest.mark.usefixtures("tracking")
def test_what_was_made_is_reused_and_only_what_a_change_reaches_is_made_again(
    workspace: Workspace, preset: Preset
) -> None:
    everything = [("make", "run"), ("weigh", "run"), ("announce", "run")]
    assert plan(workspace, preset) == everything
    assert not workspace.home.exists(), "a plan writes nothing"
    assert run(workspace, preset) == everything
    reused = [(name, "reuse") for name, _ in everything]
    assert plan(workspace, preset) == reused
    assert run(workspace, preset) == reused
    assert CALLS == ["make", "weigh", "announce"]

    # The weight is the same after all, so what follows `weigh` is reused.
    assert run(workspace, change(preset, evaluation=5)) == [("make", "reuse"), ("weigh", "run"), ("announce", "reuse")]
    assert run(workspace, change(preset, data=55)) == everything


@pytest.mark.usefixtures("tracking")
def test_a_damaged_or_deleted_result_is_made_again(workspace: Workspace, preset: Preset) -> None:
    run(workspace, preset)
    (made,) = (workspace.store_root / "make").iterdir()
    (made / "out.txt").write_text("other")
    assert ("make", "run") in plan(workspace, preset)
    assert run(workspace, preset)[0] == ("make", "run")
    shutil.rmtree(made)
    assert run(workspace, preset)[0] == ("make", "run")


@pytest.mark.usefixtures("tracking")
def test_an_outcome_outside_the_store_that_is_gone_is_brought_back(workspace: Workspace, preset: Preset) -> None:
    run(workspace, preset)
    OUTSIDE.clear()
    assert plan(workspace, preset)[-1] == ("announce", "run")
    assert run(workspace, preset)[-1] == ("announce", "run")
    assert plan(workspace, preset)[-1] == ("announce", "reuse")


@pytest.mark.usefixtures("tracking")
def test_a_stage_that_fails_leaves_nothing_that_counts_and_the_next_try_continues_its_run(
    workspace: Workspace, preset: Preset
) -> None:
    BROKEN.add("make")
    with pytest.raises(RuntimeError, match="broken"):
        run(workspace, preset)
    assert plan(workspace, preset)[0] == ("make", "run")
    BROKEN.clear()
    assert run(workspace, preset)[0] == ("make", "run")
    assert [item.info.status for item in find_runs(workspace, "stage.make")] == ["FINISHED"]


@pytest.mark.usefixtures("tracking")
def test_a_resumable_stage_finds_what_it_left(workspace: Workspace, preset: Preset) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        run(workspace, preset, slow)
    assert run(workspace, preset, slow) == [("slow", "run")]
    assert CALLS == ["slow", "slow"]


@pytest.mark.usefixtures("tracking")
def test_another_version_of_a_stage_is_other_work(workspace: Workspace, preset: Preset) -> None:
    run(workspace, preset)
    newer = stage("make", version=2, result=Made, config=lambda preset: {"seed": preset.data.seed})(make._work)
    pipeline = Pipeline(preset, workspace)
    newer(pipeline, flavour=Weighed(weight=7))
    assert [(step.stage, step.outcome) for step in pipeline.steps] == [("make", "run")]


@pytest.mark.usefixtures("tracking")
def test_the_run_of_a_reused_stage_is_named_in_the_run_that_reused_it(workspace: Workspace, preset: Preset) -> None:
    run(workspace, preset)
    run(workspace, preset)
    (stage_run,) = find_runs(workspace, "stage.make")
    named = {item.data.tags.get("heimdall.reused.make") for item in find_runs(workspace, "pipeline")}
    assert named == {None, stage_run.info.run_id}


def test_a_step_is_a_plain_record_for_scripts() -> None:
    assert dataclasses.asdict(Step("make", "run", "make/0123")) == {
        "stage": "make",
        "outcome": "run",
        "key": "make/0123",
        "seconds": None,
    }


@pytest.mark.usefixtures("tracking")
def test_a_prefect_server_too_busy_for_artifacts_costs_no_work(
    workspace: Workspace, preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise httpx.ReadTimeout("busy")

    monkeypatch.setattr("tasks.stage.create_markdown_artifact", refuse)
    monkeypatch.setattr("tasks.stage.create_progress_artifact", refuse)

    @stage("shown", version=1, result=Weighed)
    def shown(work: Work) -> Weighed:
        progress = work.show_progress("show", "things")
        for done in range(1, 4):
            progress(done, 3)
        return Weighed(weight=1)

    assert run(workspace, preset, shown) == [("shown", "run")]
