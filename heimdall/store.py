"""The store: every stage writes into its own directory, its manifest last, and is then renamed into place.

A directory without a valid manifest does not exist. A stage's key is the digest of its name, version, resolved
configuration and input digests, so asking for the same work again returns what is there, once its digests agree.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heimdall.files import digest_file, digest_json, explaining_disk_errors, sync_directory, write_json
from heimdall.refs import ArtifactRef, Record

MANIFEST = "manifest.json"


class StageKey(Record):
    """Names one piece of work: the same key means the same bytes."""

    stage: str
    version: int
    config: dict[str, Any]
    inputs: dict[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 over everything that determines the stage's output."""
        return digest_json(self.model_dump(mode="json"))

    @property
    def name(self) -> str:
        """The directory of this work below the store's root."""
        return f"{self.stage}/{self.digest[:16]}"


class FileEntry(Record):
    """One file of a stored directory."""

    sha256: str
    size: int


class Manifest(Record):
    """What a finished stage wrote. `result` is the stage's own record, `run_id` its MLflow run."""

    schema_version: int = 1
    key: StageKey
    files: dict[str, FileEntry]
    result: dict[str, Any]
    run_id: str | None = None


class Store:
    """Finished stages below one root directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, artifact: ArtifactRef) -> Path:
        """Where an artifact lies on this machine."""
        return self.root / artifact.uri

    def find(self, key: StageKey) -> Manifest | None:
        """Returns the finished stage with this key, or None if it is missing, incomplete or damaged."""
        directory = self.root / key.name
        manifest = _read_manifest(directory)
        if manifest is None or manifest.key != key or scan(directory) != manifest.files:
            return None
        return manifest

    def list_finished(self, stage: str) -> Iterator[Manifest]:
        """Manifests of a stage's finished work, whatever its key, in the order of their directories' names."""
        for directory in sorted((self.root / stage).glob("*")):
            manifest = _read_manifest(directory)
            if manifest is not None and directory == self.root / manifest.key.name:
                yield manifest

    @contextlib.contextmanager
    def working(self, key: StageKey, *, resumable: bool = False) -> Iterator[Path]:
        """Gives the directory to work in. What a failed or interrupted try leaves is kept only when `resumable`."""
        directory = self._partial(key)
        with explaining_disk_errors(directory):
            if directory.exists() and not resumable:
                shutil.rmtree(directory)
            directory.mkdir(parents=True, exist_ok=True)
            try:
                yield directory
            except BaseException:
                if not resumable:
                    shutil.rmtree(directory, ignore_errors=True)
                raise

    def commit(self, key: StageKey, result: Record, run_id: str | None) -> Manifest:
        """Writes the manifest and renames the working directory into place."""
        directory, final = self._partial(key), self.root / key.name
        with explaining_disk_errors(directory):
            manifest = Manifest(key=key, files=scan(directory), result=result.model_dump(mode="json"), run_id=run_id)
            write_json(directory / MANIFEST, manifest.model_dump(mode="json"))
            if final.exists():  # damaged, or find() would have returned it
                shutil.rmtree(final)
            directory.rename(final)
            sync_directory(final.parent)
        return manifest

    def describe(self, key: StageKey, relative: str = ".", media_type: str = "inode/directory") -> ArtifactRef:
        """A reference to a file (or the whole directory) that the stage in progress has written under its key."""
        path = self._partial(key) / relative
        uri = (Path(key.name) / relative).as_posix()
        if path.is_dir():
            return describe_directory(path).model_copy(update={"uri": uri, "media_type": media_type})
        return ArtifactRef(uri=uri, sha256=digest_file(path), size=path.stat().st_size, media_type=media_type)

    def _partial(self, key: StageKey) -> Path:
        return self.root / f"{key.name}.partial"


def make_key(stage: str, version: int, config: Mapping[str, Any], inputs: Mapping[str, str]) -> StageKey:
    """The key of a stage with this resolved configuration (dumped from its model) and these input digests."""
    plain = json.loads(json.dumps(dict(config)))  # as it will be read from the manifest: tuples become lists
    return StageKey(stage=stage, version=version, config=plain, inputs=dict(inputs))


def describe_directory(directory: Path) -> ArtifactRef:
    """A reference to a directory of any place, whose digest is that of its sorted file digests."""
    files = scan(directory)
    digest = digest_json({name: entry.sha256 for name, entry in files.items()})
    size = sum(entry.size for entry in files.values())
    return ArtifactRef(uri=str(directory.absolute()), sha256=digest, size=size, media_type="inode/directory")


def scan(directory: Path) -> dict[str, FileEntry]:
    """Digest and size of every file below a directory except its own manifest, by relative path."""
    return {
        path.relative_to(directory).as_posix(): FileEntry(sha256=digest_file(path), size=path.stat().st_size)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path != directory / MANIFEST
    }


def _read_manifest(directory: Path) -> Manifest | None:
    try:
        return Manifest.model_validate(json.loads((directory / MANIFEST).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
