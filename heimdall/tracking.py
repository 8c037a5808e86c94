"""The tracking adapter, the only file that imports MLflow: runs of pipelines and stages, and the registry of models.

Every call names its run; MLflow's global "active run" is never used, so calls from several threads cannot mix.
MLflow is imported on first use (about 1.5 s).
"""

import contextlib
import datetime
import json
import os
import platform
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from heimdall.errors import DiskError, Interrupted, TrackingError
from heimdall.files import explaining_disk_errors
from heimdall.refs import ArtifactRef, DatasetRef, Record, Registration
from heimdall.workspace import Workspace, prepare_environment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERIMENT = "heimdall"
Alias = Literal["candidate", "challenger", "champion", "previous"]

# Limits of MLflow's database schema (mlflow.utils.validation in 3.17).
_MAX_BATCH = 100
_MAX_PARAM = 6000
_MAX_TAG = 8000
_MAX_DIGEST = 36


def spell_metric(name: str) -> str:
    """A metric's name as MLflow takes it: it has no `@`, which parts a family from how it was asked (`action@tail`)."""
    return name.replace("@", ":")


class ModelVersion(Record):
    """One version in the registry: one GGUF file, known by its SHA-256."""

    name: str
    version: str
    sha256: str
    run_id: str
    file: str
    aliases: tuple[str, ...]
    created: datetime.datetime


class Tracker:
    """MLflow as this project uses it: a parent run per pipeline run, a child per stage, and the registry of models."""

    def __init__(self, workspace: Workspace) -> None:
        prepare_environment(workspace)
        self._workspace = workspace

    @cached_property
    def uri(self) -> str:
        """The tracking URI in use: the user's `MLFLOW_TRACKING_URI`, else the workspace's own database."""
        return os.environ["MLFLOW_TRACKING_URI"]

    @property
    def needs_setup(self) -> bool:
        """Whether the first call will create the embedded database, which takes some seconds, once."""
        return self._is_embedded and not self._database.exists()

    @contextlib.contextmanager
    def open_run(
        self, name: str, key: str, *, params: Mapping[str, Any], tags: Mapping[str, str] | None = None
    ) -> Iterator["Run"]:
        """Opens the parent run of one pipeline run and closes it with the block.

        `key` digests everything that was asked for: an unfinished run of this workspace with the same key is continued.
        `params` is the resolved preset; nested keys are joined with dots.
        """
        now = datetime.datetime.now().astimezone()
        with self._continue_or_create("pipeline", key, f"{name} {now:%Y-%m-%d %H:%M}", parent=None) as run:
            run.log_params(params)
            run.set_tags(tags or {})
            yield run

    def register_model(
        self,
        name: str,
        file: Path,
        artifact: ArtifactRef,
        run_id: str,
        *,
        scores: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> Registration:
        """Registers a GGUF file as a version of `name`; the same file (by SHA-256) keeps the version it has.

        The file is referred to, not copied: `artifact` is what the store says about it. `scores` are attached to the
        model in MLflow's list of models, `tags` to the version.
        """
        import mlflow

        described = {"sha256": artifact.sha256, "size": str(artifact.size), "file": file.as_uri(), **tags}
        with self._explaining():
            for known in self.list_versions(name):
                if known.sha256 == artifact.sha256:
                    for key, value in described.items():
                        self._client.set_model_version_tag(name, known.version, key, value[:_MAX_TAG])
                    return Registration(name=name, version=known.version, run_id=known.run_id)
            if not self._client.search_registered_models(filter_string=f"name = {_quote(name)}"):
                self._client.create_registered_model(name)
            model = mlflow.create_external_model(
                name=name,
                source_run_id=run_id,
                params={key: value[:_MAX_PARAM] for key, value in described.items()},
                model_type="gguf",
                experiment_id=self._experiment_id,
            )
            for metric, score in scores.items():
                self._client.log_metric(run_id, spell_metric(metric), score, model_id=model.model_id)
            version = self._client.create_model_version(
                name,
                source=f"models:/{model.model_id}",
                run_id=run_id,
                model_id=model.model_id,
                tags={key: value[:_MAX_TAG] for key, value in described.items()},
            )
            # As mlflow.register_model does, so that the model's page leads to the version.
            link = json.dumps([{"name": name, "version": version.version}])
            self._client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": link})
        return Registration(name=name, version=str(version.version), run_id=run_id)

    def list_versions(self, name: str) -> tuple[ModelVersion, ...]:
        """All versions of a model, newest first; empty if nothing was ever registered."""
        if self.needs_setup:
            return ()
        with self._explaining():
            # The list does not carry aliases on every backend; the registered model does.
            models = self._client.search_registered_models(filter_string=f"name = {_quote(name)}")
            if not models:
                return ()
            aliases: dict[str, list[str]] = {}
            for alias, version in models[0].aliases.items():
                aliases.setdefault(str(version), []).append(alias)
            found = self._client.search_model_versions(f"name = {_quote(name)}")
        versions = [
            ModelVersion(
                name=name,
                version=str(item.version),
                sha256=item.tags.get("sha256", ""),
                run_id=item.run_id or "",
                file=item.tags.get("file", ""),
                aliases=tuple(sorted(aliases.get(str(item.version), ()))),
                created=datetime.datetime.fromtimestamp(item.creation_timestamp / 1000, datetime.UTC),
            )
            for item in found
        ]
        return tuple(sorted(versions, key=lambda item: int(item.version), reverse=True))

    def find_version(self, name: str, alias: Alias) -> ModelVersion | None:
        """The version that an alias points at, or None."""
        return next((item for item in self.list_versions(name) if alias in item.aliases), None)

    def set_alias(self, name: str, alias: Alias, version: str) -> None:
        """Points an alias at a version; an alias points at one version at a time."""
        with self._explaining():
            self._client.set_registered_model_alias(name, alias, version)

    def list_stage_runs(self, run_id: str, stages: Sequence[str]) -> list[str]:
        """The runs of these stages that a pipeline run made or reused; empty for a run that is not known here."""
        if self.needs_setup:
            return []
        with self._explaining():
            kinds = [f"stage.{stage}" for stage in stages]
            parents = self._client.search_runs([self._experiment_id], f"attributes.run_id = {_quote(run_id)}")
            children = self._client.search_runs(
                [self._experiment_id], f"tags.`mlflow.parentRunId` = {_quote(run_id)}", max_results=1000
            )
        reused = [run.data.tags.get(f"heimdall.reused.{stage}") for run in parents for stage in stages]
        made = [run.info.run_id for run in children if run.data.tags.get("heimdall.kind") in kinds]
        return [*made, *filter(None, reused)]

    def make_champion(self, name: str, version: str) -> None:
        """Moves `champion` to a version, and `previous` to the version that was champion until now.

        Call it after the file is in its place and was probed. Doing it twice changes nothing.
        """
        champion = self.find_version(name, "champion")
        if champion is not None and champion.version != version:
            self.set_alias(name, "previous", champion.version)
        self.set_alias(name, "champion", version)

    @property
    def _database(self) -> Path:
        return Path(self._workspace.mlflow_uri.removeprefix("sqlite:///"))

    @property
    def _is_embedded(self) -> bool:
        return self.uri == self._workspace.mlflow_uri

    @cached_property
    def _client(self) -> Any:
        import logging

        # Creating the database prints each of its fifty migrations.
        for logger in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(logger).setLevel(logging.WARNING)
        import mlflow

        if self._is_embedded:
            self._database.parent.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(self.uri)
        return mlflow.MlflowClient(self.uri)

    @cached_property
    def _experiment_id(self) -> str:
        with self._explaining():
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                place = self._workspace.mlflow_artifacts.as_uri() if self._is_embedded else None
                return str(self._client.create_experiment(EXPERIMENT, artifact_location=place))
            if experiment.lifecycle_stage == "deleted":
                raise TrackingError(
                    f"MLflow's experiment '{EXPERIMENT}' at {_hide_password(self.uri)} was deleted; bring it back with "
                    f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`."
                )
            return str(experiment.experiment_id)

    @contextlib.contextmanager
    def _continue_or_create(self, kind: str, key: str, name: str, parent: str | None) -> Iterator["Run"]:
        home = f"{platform.node()}:{self._workspace.home}"
        marks = {"heimdall.kind": kind, "heimdall.key": key, "heimdall.workspace": home}
        tags = marks if parent is None else {**marks, "mlflow.parentRunId": parent}
        wanted = [f"tags.`{tag}` = {_quote(value)}" for tag, value in marks.items()]
        with self._explaining():
            # One run at a time holds the workspace, so an unfinished run here is one that died or was stopped.
            found = self._client.search_runs(
                [self._experiment_id],
                filter_string=" and ".join([*wanted, "attributes.status != 'FINISHED'"]),
                max_results=1,
            )
            if found:
                run_id = found[0].info.run_id
                self._client.update_run(run_id, status="RUNNING", name=name)
                if parent is not None:
                    self._client.set_tag(run_id, "mlflow.parentRunId", parent)
            else:
                run_id = self._client.create_run(self._experiment_id, run_name=name, tags=tags).info.run_id
        try:
            yield Run(self, run_id)
        except BaseException as error:
            # What is no Exception is a signal: Ctrl-C's, or the one that Prefect makes of SIGTERM.
            stopped = isinstance(error, Interrupted) or not isinstance(error, Exception)
            status = "KILLED" if stopped else "FAILED"
            # The reason why the block failed matters more than a tracker that fails too: an open run is found again.
            with contextlib.suppress(TrackingError, DiskError), self._explaining():
                self._client.set_terminated(run_id, status)
            raise
        with self._explaining():
            self._client.set_terminated(run_id, "FINISHED")

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turns what MLflow, its database and its HTTP client raise into one sentence that names the URI."""
        import requests
        import sqlalchemy.exc
        from mlflow.exceptions import MlflowException

        try:
            with explaining_disk_errors(self._workspace.home):
                yield
        except (MlflowException, sqlalchemy.exc.SQLAlchemyError, requests.RequestException, OSError) as error:
            place = _hide_password(self.uri)
            reason = str(error).strip().splitlines()[0].replace(self.uri, place)[:300]
            raise TrackingError(
                f"MLflow at {place} did not do what was asked ({reason}); check that MLFLOW_TRACKING_URI names a "
                "server that answers or a database that can be written."
            ) from error


class Run:
    """One MLflow run, of a pipeline or of one of its stages."""

    def __init__(self, tracker: Tracker, run_id: str) -> None:
        self._tracker = tracker
        self.id = run_id

    @contextlib.contextmanager
    def open_stage(self, stage: str, key: str) -> Iterator["Run"]:
        """Opens a child run for a stage. `key` is the stage's key digest: an unfinished run with it is continued."""
        with self._tracker._continue_or_create(f"stage.{stage}", key, stage, parent=self.id) as run:
            yield run

    def note_reused(self, stage: str, run_id: str | None) -> None:
        """Records that a stage was taken from the store, and which run once made it."""
        self.set_tags({f"heimdall.reused.{stage}": run_id or "unknown run"})
        with self._calls() as client:
            # A process that was killed just after its stage was stored left the stage's run open.
            unfinished = f"attributes.run_id = {_quote(run_id or '')} and attributes.status != 'FINISHED'"
            for run in client.search_runs([self._tracker._experiment_id], unfinished, max_results=1):
                client.set_terminated(run.info.run_id, "FINISHED")

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Sets free text labels; a later value replaces an earlier one."""
        with self._calls() as client:
            for key, value in tags.items():
                client.set_tag(self.id, key, value[:_MAX_TAG])

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs settings. Nested keys are joined with dots; a setting that is set cannot change within a run."""
        from mlflow.entities import Param

        flat = [Param(key, str(value)[:_MAX_PARAM]) for key, value in _flatten(params)]
        with self._calls() as client:
            for start in range(0, len(flat), _MAX_BATCH):
                client.log_batch(self.id, params=flat[start : start + _MAX_BATCH])

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Logs numbers at a step; called with rising steps they make curves."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        with self._calls() as client:
            client.log_batch(self.id, metrics=[Metric(spell_metric(k), v, now, step) for k, v in metrics.items()])

    def log_text(self, path: str, text: str) -> None:
        """Stores text as an artifact (`path` within the run decides how MLflow shows it: .md, .html, .txt)."""
        with self._calls() as client:
            client.log_text(self.id, text, path)

    def log_json(self, path: str, value: Any) -> None:
        """Stores a JSON value as an artifact."""
        self.log_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def log_figure(self, path: str, figure: "Figure") -> None:
        """Stores a matplotlib figure as an image artifact."""
        with self._calls() as client:
            client.log_figure(self.id, figure, path)

    def log_file(self, file: Path, directory: str | None = None) -> None:
        """Copies a small file into the run's artifacts."""
        with self._calls() as client:
            client.log_artifact(self.id, str(file), directory)

    def log_table(self, path: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Stores rows as a table (`path` ends with .json) that MLflow's evaluation view shows; replaces an earlier one.

        The columns are the keys of all rows in the order of their first appearance; a value that is not a scalar is
        shown as JSON.
        """
        listed = list(rows)
        columns = list(dict.fromkeys(key for row in listed for key in row))
        data = [[_show_cell(row.get(column)) for column in columns] for row in listed]
        # Not MlflowClient.log_table: that appends, so a stage that is done again would show every row twice.
        self.log_text(path, json.dumps({"columns": columns, "data": data}, ensure_ascii=False))
        with self._calls() as client:
            tables = json.loads(client.get_run(self.id).data.tags.get("mlflow.loggedArtifacts", "[]"))
            if {"path": path, "type": "table"} not in tables:
                client.set_tag(
                    self.id, "mlflow.loggedArtifacts", json.dumps([*tables, {"path": path, "type": "table"}])
                )

    def log_dataset(
        self, dataset: DatasetRef, path: Path, context: Literal["training", "validation", "evaluation"]
    ) -> None:
        """Notes a data set as this run's input under our own digest (as much of it as fits MLflow's column)."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(
            name="heimdall",
            digest=dataset.artifact.sha256[:_MAX_DIGEST],
            source_type="local",
            source=json.dumps({"uri": path.as_uri(), "sha256": dataset.artifact.sha256}),
            profile=json.dumps({"rows": dataset.rows, "splits": dataset.splits, "contract": dataset.contract_digest}),
        )
        with self._calls() as client:
            client.log_inputs(self.id, [DatasetInput(entity, [InputTag("mlflow.data.context", context)])])

    def log_reference(self, path: str, file: Path, artifact: ArtifactRef) -> None:
        """Stores where a large file lies and its digest, instead of copying it."""
        self.log_json(path, {"file": file.as_uri(), **artifact.model_dump(mode="json")})

    @contextlib.contextmanager
    def _calls(self) -> Iterator[Any]:
        with self._tracker._explaining():
            yield self._tracker._client


def _hide_password(uri: str) -> str:
    return re.sub(r"(?<=//)([^/@:]*):[^/@]*@", r"\1:***@", uri)


def _quote(text: str) -> str:
    """A string in MLflow's filter language, which has two kinds of quotes and no escapes."""
    return f'"{text}"' if "'" in text else f"'{text}'"


def _flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _flatten(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _show_cell(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, ensure_ascii=False)
