"""A former run's model is found by what a user has at hand, with its data, and what is not one is refused in words."""

import shutil
from pathlib import Path

import pytest

from heimdall.config import Preset, ReplayConfig
from heimdall.errors import InputError, TargetError
from heimdall.files import digest_file
from heimdall.refs import ArtifactRef, DatasetRef, ExportResult, GgufRef, ModelRef, ParityReport, Record
from heimdall.store import Store, make_key
from heimdall.workspace import Workspace
from presets.loader import load_preset
from tasks.find_former import find_former


def commit(
    store: Store, stage: str, name: str, text: str, inputs: dict[str, str], run_id: str
) -> tuple[str, ArtifactRef]:
    """Finished work of a stage that has written one file; its place, and a reference to what it wrote."""
    key = make_key(stage, 1, {"name": name}, inputs)
    with store.working(key) as directory:
        (directory / "out").mkdir()
        (directory / "out" / "weights").write_text(text)
        made = store.describe(key, "out")
        store.commit(key, make_result(stage, made), run_id)
    return key.name, made


def make_result(stage: str, made: ArtifactRef) -> Record:
    if stage == "generate":
        return DatasetRef(artifact=made, rows=1, splits={"train": 1}, contract_digest="c")
    if stage == "export":
        parity = ParityReport(
            passed=True, prompts=1, tokenization_matches=1, greedy_answers=1, greedy_matches=1, reasons=()
        )
        gguf = GgufRef(artifact=made, quantization="Q8_0", bits_per_weight=8.5, types={})
        return ExportResult(files={"Q8_0": gguf}, ship="Q8_0", converter="c", tokenizer_digest="t", parity=parity)
    return ModelRef(
        artifact=made,
        base="scratch",
        license="MIT",
        parameters=1,
        template_digest="t",
        dataset_digest=DATA["digest"],
        contract_digest="c",
        prompt="minimal",
    )


DATA: dict[str, str] = {}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A store with data, a model trained on it, and its GGUF file."""
    monkeypatch.chdir(tmp_path)
    found = Workspace(home=tmp_path / "home")
    store = Store(found.store_root)
    DATA["place"], data = commit(store, "generate", "d", "rows", {}, "run-d")
    DATA["digest"] = data.sha256
    DATA["model"], model = commit(store, "train", "m", "weights", {"dataset": data.sha256}, "run-m")
    DATA["export"], _ = commit(store, "export", "e", "gguf", {"model": model.sha256}, "run-e")
    return found


@pytest.fixture
def preset() -> Preset:
    return load_preset("heimdall_smoke", environ={})


def test_a_model_is_found_by_its_run_its_place_and_its_directory_even_a_copy(
    workspace: Workspace, preset: Preset, tmp_path: Path
) -> None:
    place = workspace.store_root / DATA["model"] / "out"
    shutil.copytree(place, tmp_path / "copy")
    found = [
        find_former(name, preset, workspace) for name in ("run-m", DATA["model"], str(place), str(tmp_path / "copy"))
    ]
    assert all(each == found[0] for each in found)
    assert found[0].dataset is not None
    assert found[0].dataset.artifact.sha256 == DATA["digest"]
    assert found[0].shipped.uri == f"{DATA['export']}/out"


def test_without_an_exported_file_the_directory_itself_is_asked(workspace: Workspace, preset: Preset) -> None:
    shutil.rmtree(workspace.store_root / DATA["export"])
    former = find_former("run-m", preset, workspace)
    assert former.shipped == former.model.artifact


def test_data_that_is_gone_is_said_unless_none_of_it_is_wanted(workspace: Workspace, preset: Preset) -> None:
    shutil.rmtree(workspace.store_root / DATA["place"])
    with pytest.raises(InputError, match=r"no longer in the store .* set replay\.share=0"):
        find_former("run-m", preset, workspace)
    without = preset.model_copy(update={"replay": ReplayConfig(share=0)})
    assert find_former("run-m", without, workspace).dataset is None


def test_what_is_no_model_of_a_run_is_refused_with_the_way_out(
    workspace: Workspace, preset: Preset, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    with pytest.raises(InputError, match=r"trained here.*--set train\.pretrained\.name_or_path="):
        find_former(str(tmp_path / "theirs"), preset, workspace)
    with pytest.raises(InputError, match="'nothing' names no model"):
        find_former("nothing", preset, workspace)
    with pytest.raises(TargetError, match="No model is promoted"):
        find_former("champion", preset, workspace)


def test_a_damaged_model_is_not_trained_on(workspace: Workspace, preset: Preset) -> None:
    weights = workspace.store_root / DATA["model"] / "out" / "weights"
    before = digest_file(weights)
    weights.write_text("torn")
    assert digest_file(weights) != before
    with pytest.raises(InputError, match="is damaged"):
        find_former("run-m", preset, workspace)
