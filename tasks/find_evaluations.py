"""Finds evaluations that were made before: by MLflow run, by place in the store, as files, or as the champion's."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from deployments.target import Target, read_deployment
from eval.compare import Evaluation
from eval.evaluate import EXAMPLES
from eval.metrics import read_examples
from eval.verdict import explain_difference
from heimdall.config import PromoteConfig
from heimdall.errors import InputError, TargetError
from heimdall.files import digest_file, digest_json
from heimdall.refs import EvalReport
from heimdall.store import Manifest, Store
from heimdall.tracking import Tracker
from heimdall.workspace import Workspace

REPORT = "report.json"
CHAMPION = "champion"
_RUN_ID = re.compile(r"[0-9a-f]{32}")


class _Found(NamedTuple):
    """A report and the places where its examples may lie."""

    report: EvalReport
    places: tuple[Path, ...]


def find_pair(first: str, second: str, config: PromoteConfig, workspace: Workspace) -> tuple[Evaluation, Evaluation]:
    """What two references name. A model may have been evaluated more than once: the latest two that can be compared
    are taken, or the latest of each if none can.

    Raises `InputError` for a reference that names nothing, or examples that are not the report's.
    """
    found = [_find(reference, config, workspace) for reference in (first, second)]
    pairs = [(one, other) for one in found[0] for other in found[1]]
    alike = [pair for pair in pairs if explain_difference(pair[0].report, pair[1].report) is None]
    one, other = (alike or pairs)[0]
    return _open(first, one), _open(second, other)


def _find(reference: str, config: PromoteConfig, workspace: Workspace) -> list[_Found]:
    """All evaluations that a reference names, the latest first; at least one."""
    if reference == CHAMPION:
        target = Target(config, Path.cwd())
        current = read_deployment(target).current
        if current is None:
            raise TargetError(f"No model is promoted in '{target.directory}' yet; run `heimdall retrain` first.")
        found = [each for each in _list_stored(workspace) if each.report.model_sha256 == current.sha256]
        if not found:
            raise InputError(f"The champion was not evaluated here; run `heimdall evaluate --model {target.model}`.")
        return found
    path = Path(reference).expanduser()
    if path.exists():
        return [_read(path / REPORT if path.is_dir() else path, Store(workspace.store_root))]
    stored = _list_manifests(workspace)
    found = [each for manifest, each in stored if reference in (manifest.run_id, manifest.key.name)]
    if not found:
        related = set(_find_related(reference, workspace))
        found = [each for manifest, each in stored if related & {manifest.run_id, manifest.key.name}]
    if not found:
        raise InputError(
            f"'{reference}' names no evaluation: it is neither a file or directory, nor '{CHAMPION}', an MLflow run "
            f"or a place in the store ({workspace.store_root}) of a finished evaluation."
        )
    return found


def _list_stored(workspace: Workspace) -> list[_Found]:
    return [found for _, found in _list_manifests(workspace)]


def _list_manifests(workspace: Workspace) -> list[tuple[Manifest, _Found]]:
    """Every finished evaluation in the store that this version can read, the latest first."""
    store = Store(workspace.store_root)
    listed = []
    for manifest in (*store.list_finished("evaluate"), *store.list_finished("suite")):
        report = _parse(manifest.result)
        if report is not None:
            listed.append((manifest, _Found(report, (store.path(report.examples),))))
    return sorted(listed, key=lambda pair: -(store.root / pair[0].key.name).stat().st_mtime)


def _find_related(reference: str, workspace: Workspace) -> Iterator[str]:
    """The places in the store of the evaluation behind a verdict's run, and the runs of a pipeline run's stages."""
    if not _RUN_ID.fullmatch(reference):
        return
    decided = {
        manifest.key.inputs["report"]
        for manifest in Store(workspace.store_root).list_finished("verdict")
        if manifest.run_id == reference
    }
    for manifest, found in _list_manifests(workspace):
        if digest_json(found.report.model_dump(mode="json")) in decided:
            yield manifest.key.name
    if not decided:
        yield from Tracker(workspace).list_stage_runs(reference, ("evaluate", "suite"))


def _read(path: Path, store: Store) -> _Found:
    """A report as `heimdall evaluate` writes it: `report.json`, or what `--json` prints."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({error.strerror}); name the report's directory or file.") from error
    except ValueError as error:
        raise InputError(f"'{path}' is no JSON text ({error}); name the report's directory or file.") from error
    printed = value if isinstance(value, dict) and "result" in value else {"result": value, "files": []}
    report = _parse(printed["result"])
    if report is None:
        raise InputError(f"'{path}' is no report of `heimdall evaluate`, or of another version.")
    named = [Path(str(place)) for place in printed.get("files", [])]
    return _Found(report, (path.parent / EXAMPLES, *named, store.path(report.examples)))


def _parse(value: Any) -> EvalReport | None:
    try:
        return EvalReport.model_validate(value)
    except pydantic.ValidationError:
        return None


def _open(name: str, found: _Found) -> Evaluation:
    there = [place for place in found.places if place.is_file()]
    for place in there:
        if digest_file(place) == found.report.examples.sha256:
            return Evaluation(name, found.report, read_examples(place))
    if there:
        raise InputError(
            f"'{there[0]}' does not hold the examples of the report '{name}'; copy both from one evaluation."
        )
    raise InputError(f"The examples of the report '{name}' are missing: '{found.places[0]}' does not exist.")
