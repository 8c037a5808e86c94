"""Finds the model of a former run, by what a user has at hand, with the data that it was trained on."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from deployments.target import Target, read_deployment
from heimdall.config import Preset
from heimdall.errors import InputError, TargetError
from heimdall.refs import ArtifactRef, DatasetRef, ExportResult, ModelRef, Record
from heimdall.store import Manifest, Store, describe_directory
from heimdall.tracking import Tracker
from heimdall.workspace import Workspace

CHAMPION = "champion"
_MAKERS = ("grpo", "dpo", "train")  # stages that make a model, the last of a run first
_SOURCES = ("generate", "import", "replay")


class Former(Record):
    """A model of a former run. `dataset` is null where its data is gone from the store; `shipped` is its GGUF file, or
    its directory where it was never exported."""

    model: ModelRef
    dataset: DatasetRef | None
    shipped: ArtifactRef


def find_former(reference: str, preset: Preset, workspace: Workspace) -> Former:
    """What a reference names: `champion`, an MLflow run, a place in the store, or a directory with the model's files.

    Raises `InputError` for one that names no model made here, or one whose data is gone although it is to be replayed.
    """
    store = Store(workspace.store_root)
    manifest = _find_manifest(reference, preset, workspace, store)
    if manifest is None:
        raise InputError(_explain(reference, workspace))
    if store.find(manifest.key) is None:
        raise InputError(f"The model in '{store.root / manifest.key.name}' is damaged; train it anew.")
    model = ModelRef.model_validate(manifest.result)
    dataset = _find_dataset(model, store)
    if dataset is None and preset.replay.share > 0:
        raise InputError(
            f"The data that '{reference}' was trained on is no longer in the store ({store.root}), so none of it can "
            "be learnt again; set replay.share=0 to train on new rows alone."
        )
    exports = (ExportResult.model_validate(found.result) for found in _list_exports(model.artifact, store))
    shipped = next((export.files[export.ship].artifact for export in exports), model.artifact)
    return Former(model=model, dataset=dataset, shipped=shipped)


def _find_manifest(reference: str, preset: Preset, workspace: Workspace, store: Store) -> Manifest | None:
    """The stage that made the model."""
    made = [manifest for stage in _MAKERS for manifest in store.list_finished(stage)]
    if reference == CHAMPION:
        digest = _find_champion(preset, store)
    elif Path(reference).is_dir():
        digest = describe_directory(Path(reference)).sha256
    else:
        digest = None
    by_place = (found for found in made if reference in (found.run_id, found.key.name))
    by_digest = (found for found in made if found.result["artifact"]["sha256"] == digest)
    found = next(itertools.chain(by_digest, by_place), None)
    if found is None and digest is None:
        runs = Tracker(workspace).list_stage_runs(reference, _MAKERS)
        found = next((each for each in made if each.run_id in runs), None)
    return found


def _find_champion(preset: Preset, store: Store) -> str:
    """The digest of the model whose file is deployed."""
    target = Target(preset.promote, Path.cwd())
    current = read_deployment(target).current
    if current is None:
        raise TargetError(f"No model is promoted in '{target.directory}' yet; run `heimdall retrain` first.")
    for manifest in store.list_finished("export"):
        export = ExportResult.model_validate(manifest.result)
        if current.sha256 in (file.artifact.sha256 for file in export.files.values()):
            return manifest.key.inputs["model"]
    raise InputError(f"The model in '{target.directory}' was not made here; name the directory of the one it is of.")


def _find_dataset(model: ModelRef, store: Store) -> DatasetRef | None:
    for stage in _SOURCES:
        for manifest in store.list_finished(stage):
            dataset = DatasetRef.model_validate(manifest.result)
            if dataset.artifact.sha256 == model.dataset_digest and store.find(manifest.key) is not None:
                return dataset
    return None


def _list_exports(model: ArtifactRef, store: Store) -> Iterator[Manifest]:
    for manifest in store.list_finished("export"):
        if manifest.key.inputs["model"] == model.sha256 and store.find(manifest.key) is not None:
            yield manifest


def _explain(reference: str, workspace: Workspace) -> str:
    if Path(reference).is_dir():
        return (
            f"'{reference}' holds no model that was trained here, so neither its data nor its licence is known; take "
            f"it as a base: --set train.pretrained.name_or_path={reference} --set train.pretrained.license=…"
        )
    return (
        f"'{reference}' names no model: it is neither a directory, nor '{CHAMPION}', an MLflow run or a place in the "
        f"store ({workspace.store_root}) of a finished training."
    )
