"""One command from nothing to a promoted model, and the same command again."""

import json
import re
from pathlib import Path

import pytest
import yaml
from command_line import PRESET, copy_site, heimdall, list_files
from conftest import Smoke
from mlflow import MlflowClient

from export.inspect import inspect_gguf
from heimdall.files import digest_file

STAGES = [
    "contract",
    "generate",
    "tokenizer",
    "validate",
    "train",
    "export",
    "evaluate",
    "verdict",
    "register",
    "promote",
]


def test_every_stage_ran_in_its_order(smoke: Smoke) -> None:
    assert smoke.ended.stages == [(name, "running") for name in STAGES]


def test_the_promoted_file_is_whole_and_its_manifest_and_settings_are_about_it(smoke: Smoke) -> None:
    directory = smoke.site / "plugins/heimdall/models"
    model = directory / "heimdall.gguf"
    manifest = json.loads((directory / "heimdall.manifest.json").read_text())
    assert manifest["sha256"] == digest_file(model)
    assert manifest["quantization"] == "Q8_0"
    assert inspect_gguf(model).file_bytes == manifest["size"]
    settings = yaml.safe_load((directory / "heimdall.nornicdb.yaml").read_text())
    assert settings["heimdall"]["enabled"] is True


def test_the_terminal_ends_with_the_card_and_where_to_look(smoke: Smoke) -> None:
    out = smoke.ended.out
    report = re.search(r"^  report +(\S+)$", out, re.MULTILINE)
    assert report is not None
    page = Path(report[1]).read_text()
    assert "<script" not in page
    assert "heimdall_smoke" in page
    for word in ("SHIP", "mlflow server", "prefect server start", "plugins/heimdall/models/heimdall.gguf"):
        assert word in out
    assert out.rstrip().endswith("heimdall chat")


def test_mlflow_holds_one_finished_run_with_a_child_for_each_stage(smoke: Smoke) -> None:
    client = MlflowClient(f"sqlite:///{smoke.site}/.heimdall/mlflow.db")
    experiment = client.get_experiment_by_name("heimdall")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    children = {run.info.run_name: run for run in runs if run is not parent}
    assert sorted(children) == sorted(STAGES)
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {parent.info.run_id}
    assert len(client.get_metric_history(children["train"].info.run_id, "loss")) > 1
    assert children["train"].inputs.dataset_inputs
    assert "examples.json" in [item.path for item in client.list_artifacts(children["evaluate"].info.run_id)]
    champion = client.get_model_version_by_alias("heimdall", "champion")
    assert champion.tags["sha256"] == digest_file(smoke.site / "plugins/heimdall/models/heimdall.gguf")


def test_the_same_command_again_reuses_everything_and_changes_nothing(smoke: Smoke) -> None:
    before = {name for name in list_files(smoke.site) if "prefect" not in name}
    ended = heimdall(smoke.site, "retrain", *PRESET)
    assert f"all {len(STAGES)} stages are as they were" in ended.err
    assert ended.out == smoke.ended.out
    assert {name for name in list_files(smoke.site) if "prefect" not in name} == before


def test_a_plan_says_what_an_evaluation_setting_changes_and_the_run_does_that(smoke: Smoke, tmp_path: Path) -> None:
    site = copy_site(smoke.site, tmp_path / "site")
    changed = (*PRESET, "--set", "evaluation.rows_per_slice=3")
    files = list_files(site)
    planned = json.loads(heimdall(site, "plan", *changed, "--json").out)
    assert [(step["stage"], step["outcome"]) for step in planned["steps"]] == [
        (name, "reuse" if name in STAGES[:6] else "run") for name in STAGES
    ]
    assert list_files(site) - files <= {".heimdall/prefect"}
    assert planned["preset"]["evaluation"]["rows_per_slice"] == 3
    ended = heimdall(site, "retrain", *changed)
    assert ended.stages == [(name, "reused" if name in STAGES[:6] else "running") for name in STAGES]


def test_a_verdict_against_the_model_promotes_nothing_and_has_its_own_exit_code(smoke: Smoke, tmp_path: Path) -> None:
    site = copy_site(smoke.site, tmp_path / "site")
    floor = "gate.floors.cypher_schema/test_schema/execution_accuracy=1.0"
    ended = heimdall(site, "retrain", *PRESET, "--set", floor, code=7)
    assert "REJECT" in ended.out
    assert re.search(r"^heimdall: The model may not ship \(.*floor 1.*\)", ended.err, re.MULTILINE)
    assert not (site / "plugins/heimdall/models/heimdall.gguf").exists()


def test_data_that_fails_its_validation_is_not_trained_on(smoke: Smoke, tmp_path: Path) -> None:
    site = copy_site(smoke.site, tmp_path / "site", without=("train",))
    ended = heimdall(site, "retrain", *PRESET, "--set", "validation.max_action_share=0.01", code=4)
    assert ended.stages[-1] == ("validate", "running")
    assert "the limit is at most 0.01" in ended.err
    # The verdict is remembered: the same command does not validate again.
    again = heimdall(site, "retrain", *PRESET, "--set", "validation.max_action_share=0.01", code=4)
    assert again.stages == []


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]])
def test_status_names_what_is_deployed_and_registered(smoke: Smoke, arguments: list[str]) -> None:
    out = heimdall(smoke.site, *arguments, *PRESET).out
    assert "heimdall.gguf" in out
    assert "champion" in out
