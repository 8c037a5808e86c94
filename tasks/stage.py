"""What every stage has in common: its key, reuse from the store, its MLflow run, its Prefect artifacts.

A stage is a function `(work, *input records) -> record`. Called with a `Pipeline` it runs as a Prefect task, unless the
store already holds what it would make; called while planning it only says which of the two it would be.
"""

import contextlib
import dataclasses
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, cast

import httpx
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from heimdall.config import Preset
from heimdall.files import digest_json
from heimdall.progress import Progress, TerminalProgress, format_seconds
from heimdall.refs import ArtifactRef, Record
from heimdall.store import Manifest, StageKey, Store, make_key
from heimdall.tracking import Run as TrackedRun
from heimdall.workspace import Workspace

P = ParamSpec("P")
R = TypeVar("R", bound=Record)

ARTIFACT_SECONDS = 3.0


@dataclasses.dataclass(frozen=True)
class Step:
    """One line of a plan, or of what a run did. `key` is the stage's place in the store, once its inputs are known."""

    stage: str
    outcome: Literal["reuse", "run"]
    key: str | None = None
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """What the stages of one pipeline run share. Without `tracked` it is a plan: nothing runs, nothing is written."""

    preset: Preset
    workspace: Workspace
    tracked: TrackedRun | None = None
    steps: list[Step] = dataclasses.field(default_factory=list)

    @property
    def store(self) -> Store:
        """The workspace's finished stages."""
        return Store(self.workspace.store_root)

    def path(self, artifact: ArtifactRef) -> Path:
        """Where an artifact lies."""
        return self.store.path(artifact)


class NotMade(Record):
    """While planning: stands for the record of a stage that has yet to run."""

    stage: str


class Work:
    """What one stage gets while it runs: where to write, what to log to, and how to say how far it is."""

    def __init__(self, pipeline: Pipeline, key: StageKey, directory: Path, tracked: TrackedRun) -> None:
        self.pipeline, self.key, self.directory, self.tracked = pipeline, key, directory, tracked
        self.preset = pipeline.preset
        self.summary: str | None = None

    def path(self, artifact: ArtifactRef) -> Path:
        """Where an input lies."""
        return self.pipeline.path(artifact)

    def describe(self, relative: str = ".", media_type: str = "inode/directory") -> ArtifactRef:
        """A reference to something this stage has written."""
        return self.pipeline.store.describe(self.key, relative, media_type)

    def show_progress(self, title: str, unit: str) -> Progress:
        """A listener that shows itself in the terminal and as a progress artifact of the Prefect task."""
        return TerminalProgress(title, unit, also=_PrefectProgress(f"{self.key.stage}: {title}"))


class _PrefectProgress:
    """Moves a Prefect progress artifact, at most every few seconds: each update is a request to the server."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._id: Any = None
        self._last = float("-inf")

    def __call__(self, percent: float, line: str) -> None:
        now = time.monotonic()
        if now - self._last < ARTIFACT_SECONDS and percent < 100:
            return
        self._last = now
        with _sparing_work():
            if self._id is None:
                self._id = create_progress_artifact(progress=percent, description=self._description)
            else:
                update_progress_artifact(self._id, progress=percent, description=f"{self._description}\n\n`{line}`")


@contextlib.contextmanager
def _sparing_work() -> Iterator[None]:
    """Artifacts are for people to look at: a server too busy to take one must not cost the work it is about."""
    try:
        yield
    except httpx.HTTPError as error:
        logging.getLogger(__name__).warning("Prefect's server did not take an artifact: %r", error)


class Stage(Generic[P, R]):
    """A stage's function with what is needed to name, reuse and run its work."""

    def __init__(
        self,
        work: Callable[Concatenate[Work, P], R],
        name: str,
        version: int,
        result: type[R],
        config: Callable[[Preset], Mapping[str, Any]],
        *,
        resumable: bool = False,
        holds: Callable[[Pipeline, R], bool] | None = None,
        stands: Callable[[Pipeline, StageKey], Manifest | None] | None = None,
    ) -> None:
        self.name = name
        self._version, self._result, self._config = version, result, config
        self._resumable, self._holds, self._stands = resumable, holds, stands
        self._work: Callable[..., R] = work
        # The store is the cache: it knows whether the files are still there, which Prefect's own cache does not.
        self._task: Callable[..., R] = task(name=name, cache_policy=NO_CACHE, persist_result=False)(self._run)
        self.__doc__ = work.__doc__

    def __call__(self, pipeline: Pipeline, *_: P.args, **inputs: P.kwargs) -> R:
        """Runs the stage as a Prefect task or reuses what it made; while planning, only finds out which.

        Inputs are given by name, because their names are part of the key.
        """
        return self._plan(pipeline, inputs) if pipeline.tracked is None else self._task(pipeline, inputs)

    def _plan(self, pipeline: Pipeline, inputs: Mapping[str, Any]) -> R:
        key = None if any(isinstance(value, NotMade) for value in inputs.values()) else self._make_key(pipeline, inputs)
        found = key and self._reuse(pipeline, key)
        step = Step(self.name, "reuse" if found else "run", key.name if key else None)
        if step not in pipeline.steps:  # candidate and champion may be the same file: it is evaluated once
            pipeline.steps.append(step)
        return self._result.model_validate(found.result) if found else cast(R, NotMade(stage=self.name))

    def _run(self, pipeline: Pipeline, inputs: Mapping[str, Any]) -> R:
        assert pipeline.tracked is not None
        key = self._make_key(pipeline, inputs)
        found = self._reuse(pipeline, key)
        if found is not None:
            pipeline.tracked.note_reused(self.name, found.run_id)
            _announce(pipeline, Step(self.name, "reuse", key.name), found.result, None)
            return self._result.model_validate(found.result)
        started = time.monotonic()
        print(f"{self.name}: running", file=sys.stderr, flush=True)
        with (
            pipeline.tracked.open_stage(self.name, key.digest) as tracked,
            pipeline.store.working(key, resumable=self._resumable) as directory,
        ):
            work = Work(pipeline, key, directory, tracked)
            manifest = pipeline.store.commit(key, self._work(work, **inputs), tracked.id)
            tracked.log_json("result.json", manifest.result)
        step = Step(self.name, "run", key.name, time.monotonic() - started)
        _announce(pipeline, step, manifest.result, work.summary)
        return self._result.model_validate(manifest.result)

    def _make_key(self, pipeline: Pipeline, inputs: Mapping[str, Any]) -> StageKey:
        digests = {name: digest_input(value) for name, value in inputs.items()}
        return make_key(self.name, self._version, self._config(pipeline.preset), digests)

    def _reuse(self, pipeline: Pipeline, key: StageKey) -> Manifest | None:
        found = pipeline.store.find(key) or (self._stands(pipeline, key) if self._stands else None)
        if found is None or (self._holds and not self._holds(pipeline, self._result.model_validate(found.result))):
            return None
        return found


def stage(
    name: str,
    *,
    version: int,
    result: type[R],
    config: Callable[[Preset], Mapping[str, Any]] = lambda preset: {},
    resumable: bool = False,
    holds: Callable[[Pipeline, R], bool] | None = None,
    stands: Callable[[Pipeline, StageKey], Manifest | None] | None = None,
) -> Callable[[Callable[Concatenate[Work, P], R]], Stage[P, R]]:
    """Makes a function a stage.

    Raise `version` when the same inputs would now give another result. `config` picks exactly what the function reads
    from the preset. `resumable`: the function continues from what it finds in its directory. `holds` says whether an
    outcome outside the store (a registered version, a deployed file) is still there. `stands` may name finished work
    under another key that answers this one too.
    """

    def decorate(work: Callable[Concatenate[Work, P], R]) -> Stage[P, R]:
        return Stage(work, name, version, result, config, resumable=resumable, holds=holds, stands=stands)

    return decorate


def digest_input(value: Record | None) -> str:
    """What an input contributes to a key: its artifact's digest where it is a file or directory, else all of it."""
    if value is None:
        return "none"
    artifact = value if isinstance(value, ArtifactRef) else getattr(value, "artifact", None)
    return artifact.sha256 if isinstance(artifact, ArtifactRef) else digest_json(value.model_dump(mode="json"))


def _announce(pipeline: Pipeline, step: Step, result: Mapping[str, Any], summary: str | None) -> None:
    """Says in the terminal and in a Prefect artifact what a stage came to."""
    pipeline.steps.append(step)
    outcome = "reused" if step.outcome == "reuse" else f"done in {format_seconds(step.seconds or 0)}"
    print(f"{step.stage}: {outcome}", file=sys.stderr, flush=True)
    facts = [f"| {name} | {value} |" for name, value in result.items() if isinstance(value, str | int | float)]
    shown = summary or "\n".join(["| | |", "| --- | --- |", *facts])
    with _sparing_work():
        create_markdown_artifact(
            key=f"stage-{step.stage}",
            markdown=f"**{step.stage}**: {outcome}\n\n{shown}\n\nIn the store: `{step.key}`",
        )
