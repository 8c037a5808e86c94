"""Runs are continued instead of doubled, versions belong to files, and a tracker that fails says where it is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heimdall.errors import Interrupted, TrackingError
from heimdall.refs import ArtifactRef, DatasetRef
from heimdall.tracking import Run, Tracker
from heimdall.workspace import Workspace

VARIABLES = ("HEIMDALL_HOME", "MLFLOW_TRACKING_URI", "PREFECT_HOME")


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """One embedded database for all tests of this file: creating it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        home = tmp_path_factory.mktemp("tracked") / "it's a home"
        tracker = Tracker(Workspace(home=home))
        assert tracker.needs_setup
        assert tracker.list_versions("heimdall") == ()
        assert tracker.needs_setup, "asking for versions must not create a database"
        yield tracker


def client(tracker: Tracker) -> Any:
    import mlflow

    return mlflow.MlflowClient(tracker.uri)


def read(tracker: Tracker, run: Run | str) -> Any:
    return client(tracker).get_run(run if isinstance(run, str) else run.id)


def artifact(letter: str) -> ArtifactRef:
    return ArtifactRef(uri=f"export/x/{letter}.gguf", sha256=letter * 64, size=3, media_type="application/gguf")


def download(tracker: Tracker, run: Run, path: str, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    return Path(client(tracker).download_artifacts(run.id, path, str(folder))).read_text(encoding="utf-8")


def test_a_pipeline_is_a_parent_run_with_a_child_per_stage(tracker: Tracker) -> None:
    with tracker.open_run("nano", "shape", params={"train": {"seed": 1, "optim": {}}}, tags={"kind": "demo"}) as run:
        with run.open_stage("train", "shape-key") as stage:
            assert read(tracker, stage).info.status == "RUNNING"
        run.note_reused("generate", "earlier-run")
    parent, child = read(tracker, run), read(tracker, stage)
    assert not tracker.needs_setup
    assert parent.info.status == child.info.status == "FINISHED"
    assert parent.info.run_name.startswith("nano 20")
    assert parent.data.params == {"train.seed": "1", "train.optim": "{}"}
    assert parent.data.tags["kind"] == "demo"
    assert parent.data.tags["heimdall.reused.generate"] == "earlier-run"
    assert tracker.list_stage_runs(run.id, ("train", "generate")) == [stage.id, "earlier-run"]
    assert tracker.list_stage_runs(run.id, ("evaluate",)) == tracker.list_stage_runs("0" * 32, ("train",)) == []
    assert child.info.run_name == "train"
    assert child.data.tags["mlflow.parentRunId"] == run.id


def fail(tracker: Tracker, key: str, stage_key: str, reason: BaseException) -> tuple[Run, Run]:
    """A pipeline run that ends in the middle of its stage `train`."""
    runs: list[Run] = []

    def act() -> None:
        with tracker.open_run("nano", key, params={}) as run, run.open_stage("train", stage_key) as stage:
            runs.extend((run, stage))
            stage.log_metrics({"loss": 2.0, "action@tail/test_iid/judged": 1.0}, step=1)
            raise reason

    with pytest.raises(type(reason)):
        act()
    run, stage = runs
    return run, stage


@pytest.mark.parametrize(
    ("reason", "status"),
    [(ValueError("bug"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (Interrupted("stopped"), "KILLED")],
)
def test_a_run_that_did_not_finish_is_continued(tracker: Tracker, reason: BaseException, status: str) -> None:
    key = f"continued {type(reason).__name__}"
    first, first_stage = fail(tracker, key, key, reason)
    assert read(tracker, first).info.status == read(tracker, first_stage).info.status == status
    with tracker.open_run("nano", key, params={}) as second, second.open_stage("train", key) as stage:
        assert read(tracker, second).info.status == "RUNNING"
        stage.log_metrics({"loss": 1.0}, step=2)
    assert (second.id, stage.id) == (first.id, first_stage.id)
    assert [point.value for point in client(tracker).get_metric_history(stage.id, "loss")] == [2.0, 1.0]
    assert read(tracker, stage).info.status == "FINISHED"


def test_a_run_whose_process_was_killed_is_continued(tracker: Tracker) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom heimdall.tracking import Tracker\n"
        "from heimdall.workspace import Workspace\n"
        "with Tracker(Workspace(home=Path(sys.argv[1]))).open_run('nano', 'killed', params={'a': 1}) as run:\n"
        "    with run.open_stage('train', 'killed') as stage:\n"
        "        print(run.id, stage.id, flush=True)\n        os.kill(os.getpid(), 9)\n"
    )
    home = str(tracker._workspace.home)
    environ = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    child = subprocess.run([sys.executable, "-c", code, home], capture_output=True, text=True, env=environ)
    assert child.returncode == -9, child.stderr
    with tracker.open_run("nano", "killed", params={"a": 1}) as run, run.open_stage("train", "killed") as stage:
        assert [run.id, stage.id] == child.stdout.split()


def test_a_stored_stage_whose_process_was_killed_before_its_run_ended_is_finished(tracker: Tracker) -> None:
    _, stage = fail(tracker, "stored", "stored", ValueError("killed"))
    with tracker.open_run("nano", "stored again", params={}) as run:
        run.note_reused("train", stage.id)
        run.note_reused("export", "a run of a database that was deleted")
        run.note_reused("promote", None)
    assert read(tracker, stage).info.status == "FINISHED"
    assert read(tracker, run).data.tags["heimdall.reused.promote"] == "unknown run"


def test_a_finished_run_is_not_continued(tracker: Tracker) -> None:
    ids = set()
    for _ in range(2):
        with tracker.open_run("nano", "finished", params={}) as run:
            ids.add(run.id)
    assert len(ids) == 2


def test_a_stage_that_continues_under_another_pipeline_run_belongs_to_it(tracker: Tracker) -> None:
    first, broken = fail(tracker, "p1", "same", ValueError("bug"))
    with tracker.open_run("nano", "p2", params={}) as second:
        with second.open_stage("train", "same") as continued:
            pass
        with second.open_stage("export", "same") as other:
            pass
    assert second.id != first.id
    assert continued.id == broken.id != other.id
    assert read(tracker, continued).data.tags["mlflow.parentRunId"] == second.id


def test_another_workspace_on_the_same_server_does_not_continue_our_runs(tracker: Tracker, tmp_path: Path) -> None:
    ours, _ = fail(tracker, "shared", "shared", ValueError("bug"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
        other = Tracker(Workspace(home=tmp_path))
        assert not other.needs_setup
        with other.open_run("nano", "shared", params={}) as theirs:
            pass
    assert theirs.id != ours.id


def test_more_settings_than_fit_one_request_are_all_logged(tracker: Tracker) -> None:
    settings = {f"key{index}": index for index in range(250)}
    with tracker.open_run("nano", "many", params={"deep": settings, "long": "x" * 9000}) as run:
        pass
    logged = read(tracker, run).data.params
    assert len(logged) == 251
    assert logged["deep.key249"] == "249"
    assert logged["long"] == "x" * 6000


def test_a_setting_that_changes_within_a_run_is_an_error_in_words(tracker: Tracker) -> None:
    with (
        tracker.open_run("nano", "changed", params={"a": 1}) as run,
        pytest.raises(TrackingError, match="Changing param values is not allowed"),
    ):
        run.log_params({"a": 2})


def test_a_table_that_is_logged_again_replaces_the_first(tracker: Tracker, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"question": "how many", "params": {"x": 1}}, {"question": "wer?", "ms": 1.5}]
    with tracker.open_run("nano", "table", params={}) as run:
        run.log_table("eval/examples.json", rows)
        run.log_table("eval/examples.json", iter(rows[::-1]))
        run.log_table("eval/none.json", [])
    table = json.loads(download(tracker, run, "eval/examples.json", tmp_path))
    assert table == {
        "columns": ["question", "ms", "params"],
        "data": [["wer?", 1.5, None], ["how many", None, '{"x": 1}']],
    }
    listed = json.loads(read(tracker, run).data.tags["mlflow.loggedArtifacts"])
    assert [entry["path"] for entry in listed] == ["eval/examples.json", "eval/none.json"]


def test_texts_figures_files_and_references_are_artifacts(tracker: Tracker, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    (tmp_path / "card.html").write_text("<p>card</p>")
    with tracker.open_run("nano", "artifacts", params={}) as run:
        run.log_text("notes.md", "# é")
        run.log_figure("figures/loss.png", Figure())
        run.log_file(tmp_path / "card.html", "report")
        run.log_reference("model.gguf.json", tmp_path / "model.gguf", artifact("a"))
    assert download(tracker, run, "notes.md", tmp_path / "down") == "# é"
    assert download(tracker, run, "report/card.html", tmp_path / "down") == "<p>card</p>"
    reference = json.loads(download(tracker, run, "model.gguf.json", tmp_path / "down"))
    assert (reference["file"], reference["sha256"]) == ((tmp_path / "model.gguf").as_uri(), "a" * 64)
    assert [item.path for item in client(tracker).list_artifacts(run.id, "figures")] == ["figures/loss.png"]


def test_a_data_set_is_an_input_under_our_own_digest(tracker: Tracker, tmp_path: Path) -> None:
    ref = artifact("d").model_copy(update={"sha256": "0123456789abcdef" * 4})
    dataset = DatasetRef(artifact=ref, rows=10, splits={"train": 10}, contract_digest="c" * 64)
    with tracker.open_run("nano", "dataset", params={}) as run:
        run.log_dataset(dataset, tmp_path, "training")
        run.log_dataset(dataset, tmp_path, "training")
    (logged,) = read(tracker, run).inputs.dataset_inputs
    assert logged.dataset.digest == ref.sha256[:36]
    assert ref.sha256 in logged.dataset.source
    assert logged.tags[0].value == "training"


def test_the_same_file_keeps_its_version_and_another_file_gets_a_new_one(tracker: Tracker, tmp_path: Path) -> None:
    name = "versions"
    with tracker.open_run("nano", "versions", params={}) as run:
        file = tmp_path / "model.gguf"
        first = tracker.register_model(
            name, file, artifact("a"), run.id, scores={"x@alone/y/z": 0.5}, tags={"prompt": "full"}
        )
        again = tracker.register_model(name, file, artifact("a"), run.id, scores={}, tags={"prompt": "minimal"})
        second = tracker.register_model(name, file, artifact("b"), run.id, scores={}, tags={})
    assert first == again
    assert (first.version, second.version) == ("1", "2")
    newest, oldest = tracker.list_versions(name)
    assert (newest.version, oldest.version) == ("2", "1")
    assert (oldest.sha256, oldest.run_id, oldest.file) == ("a" * 64, run.id, file.as_uri())
    assert client(tracker).get_model_version(name, "1").tags["prompt"] == "minimal"
    model = client(tracker).get_logged_model(
        client(tracker).get_model_version(name, "1").source.removeprefix("models:/")
    )
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": name, "version": 1}]
    assert {metric.key: metric.value for metric in model.metrics} == {"x:alone/y/z": 0.5}
    assert not file.exists(), "the file is referred to, so it need not be read"


def test_the_champion_moves_and_the_one_before_is_previous(tracker: Tracker, tmp_path: Path) -> None:
    name = "moving"
    assert tracker.find_version(name, "champion") is None
    with tracker.open_run("nano", "aliases", params={}) as run:
        for letter in "abc":
            tracker.register_model(name, tmp_path / "m.gguf", artifact(letter), run.id, scores={}, tags={})
    seen = []
    for version in ("1", "1", "2", "3", "3", "2"):
        tracker.make_champion(name, version)
        previous = tracker.find_version(name, "previous")
        champion = tracker.find_version(name, "champion")
        assert champion is not None
        seen.append((champion.version, previous.version if previous else None))
    assert seen == [("1", None), ("1", None), ("2", "1"), ("3", "2"), ("3", "2"), ("2", "3")]
    tracker.set_alias(name, "candidate", "2")
    champion = tracker.find_version(name, "champion")
    assert champion is not None
    assert champion.aliases == ("candidate", "champion")


def test_an_alias_for_a_version_that_does_not_exist_is_an_error_in_words(tracker: Tracker) -> None:
    with pytest.raises(TrackingError, match="not found"):
        tracker.set_alias("unheard of", "champion", "1")


def test_no_run_is_left_active_for_others_to_trip_over(tracker: Tracker) -> None:
    import mlflow

    with tracker.open_run("nano", "active", params={}) as run:
        tracker.register_model("active", Path("/m.gguf"), artifact("e"), run.id, scores={"a": 1.0}, tags={})
        assert mlflow.active_run() is None


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tracker: Tracker) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    import mlflow

    mlflow.set_tracking_uri(tracker.uri)


def test_a_server_that_cannot_be_reached_is_named_without_its_password(
    tmp_path: Path, elsewhere: pytest.MonkeyPatch
) -> None:
    elsewhere.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    elsewhere.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError) as caught, Tracker(Workspace(home=tmp_path)).open_run("nano", "k", params={}):
        pytest.fail("it opened")
    assert "127.0.0.1:9" in str(caught.value)
    assert "MLFLOW_TRACKING_URI" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_none_is_named(tmp_path: Path, elsewhere: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        elsewhere.delenv(name, raising=False)
    (tmp_path / "mlflow.db").write_text("junk" * 1000)
    with pytest.raises(TrackingError, match=r"mlflow\.db.*not a database"):
        Tracker(Workspace(home=tmp_path)).list_versions("heimdall")


def test_a_tracker_that_fails_at_the_end_does_not_hide_why_the_work_failed(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(run_id: str, status: str) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(tracker._client, "set_terminated", break_down)
    fail(tracker, "hidden", "hidden", ValueError("the real reason"))
    with pytest.raises(TrackingError, match="gone"), tracker.open_run("nano", "hidden", params={}):
        pass


def test_only_the_adapter_imports_mlflow() -> None:
    root = Path(__file__).parents[2]
    rooms = (
        "cli",
        "cypher",
        "datagen",
        "deployments",
        "eval",
        "export",
        "flows",
        "heimdall",
        "nornicdb",
        "tasks",
        "training",
    )
    importing = [
        path.relative_to(root).as_posix()
        for room in rooms
        for path in (root / room).rglob("*.py")
        if any(line.split()[:1] in (["import"], ["from"]) and "mlflow" in line.split()[1] for line in path.open())
    ]
    assert importing == ["heimdall/tracking.py"]


def test_asking_for_help_does_not_import_mlflow() -> None:
    code = "import sys, heimdall.tracking\nprint('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
