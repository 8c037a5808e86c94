"""The deployment directory: which files lie in it, what its manifest says, and whether it is in order.

`heimdall.gguf` is a plain file under a fixed name, because NornicDB opens a path and verifies nothing. The manifest
beside it names its digest; `previous/` holds the model that was there before, with its own manifest.
`docs/decisions/0002-deployment-target.md` explains the protocol.
"""

import shutil
from pathlib import Path
from typing import Literal

import pydantic

from heimdall.config import PromoteConfig
from heimdall.errors import DiskError, TargetError, UsageError
from heimdall.files import check_writable, digest_file, explaining_disk_errors
from heimdall.refs import Record
from heimdall.rows import Prompt

_SLACK = 1 << 20  # manifests, fragment and directory entries


class ModelDetails(Record):
    """What is known about a model before it is deployed. `sha256` is the file that was evaluated and registered.

    `context_size` is what NornicDB is told to use, `scores` a summary for people (`family/split/metric` → value).
    """

    sha256: str
    quantization: str
    registered_model: str
    version: str
    run_id: str
    contract_digest: str
    contract_source: str
    dataset_digest: str
    prompt: Prompt
    context_size: int
    scores: dict[str, float]
    created: pydantic.AwareDatetime


class DeployedModel(ModelDetails):
    """The manifest: a model's details, the file it lies in, and the digest of the model kept in `previous/`."""

    schema_version: Literal[1] = 1
    file: str
    size: int
    previous: str | None


class Deployment(Record):
    """What lies in the directory. `pending`: its promotion was cut short; the next one, or `recover`, ends it."""

    current: DeployedModel | None
    previous: DeployedModel | None
    pending: DeployedModel | None


class Target:
    """The paths of one deployment directory."""

    def __init__(self, config: PromoteConfig, root: Path) -> None:
        name = config.file_name
        if not name.endswith(".gguf") or Path(name).name != name or name.startswith("."):
            raise UsageError(f"promote.file_name must be a plain name that ends with .gguf, not '{name}'.")
        stem = name.removesuffix(".gguf")
        self.root = root
        self.directory = root / config.directory
        self.model = self.directory / name
        self.manifest = self.directory / f"{stem}.manifest.json"
        self.fragment = self.directory / f"{stem}.nornicdb.yaml"
        self.previous_model = self.directory / "previous" / name
        self.previous_manifest = self.directory / "previous" / f"{stem}.manifest.json"
        self.next_model = self.directory / f".{stem}.next.gguf"
        # The journal: the manifest of the model that is about to take its place.
        self.journal = self.directory / f".{stem}.next.json"
        self.lock = self.directory / f".{stem}.lock"

    @property
    def left_overs(self) -> list[Path]:
        """Temporary files that a killed process left beside their place."""
        ours = (
            self.model,
            self.manifest,
            self.fragment,
            self.previous_model,
            self.previous_manifest,
            self.next_model,
            self.journal,
        )
        return [path for place in ours for path in place.parent.glob(f".{place.name}.*partial")]


def read_deployment(target: Target) -> Deployment:
    """Says what lies in the directory, after checking every digest; changes nothing.

    Raises `TargetError` where the model is not what its manifest says, or has none.
    """
    pending = _read_manifest(target.journal)
    current = _read_manifest(target.manifest)
    if not target.model.exists():
        current = None
    else:
        digest = _digest(target.model)
        if pending is not None and digest == pending.sha256:
            current = pending  # killed between the two renames: the model is in place, its manifest follows
        elif current is None:
            raise _foreign(target)
        elif digest != current.sha256:
            raise TargetError(
                f"'{target.model}' is no longer the file that was promoted (its SHA-256 begins with {digest[:12]}, its "
                f"manifest says {current.sha256[:12]}); move both away, then run the same command."
            )
    previous = _read_manifest(target.previous_manifest)
    if previous is not None and (
        not target.previous_model.exists() or _digest(target.previous_model) != previous.sha256
    ):
        previous = None
    return Deployment(current=current, previous=previous, pending=pending)


def check_target(target: Target, size: int) -> None:
    """Makes sure that a model of `size` bytes can be deployed; quick enough to ask before any work is spent on one.

    Writes nothing. Raises `TargetError` where the directory cannot be written or holds a model that is not ours, and
    `DiskError` where it has too little room.
    """
    check_writable(target.directory)
    if target.model.exists() and not target.manifest.exists() and not target.journal.exists():
        raise _foreign(target)
    existing = next(path for path in (target.directory, *target.directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < size + _SLACK:
        raise DiskError(
            f"'{target.directory}' has {free / 1e6:.0f} MB free and the model needs {size / 1e6:.0f} MB; "
            "free some space and run the same command."
        )


def _foreign(target: Target) -> TargetError:
    return TargetError(
        f"'{target.model}' was not put there by Heimdall (it has no readable manifest '{target.manifest.name}'); "
        "move it away, or choose another promote.directory or promote.file_name."
    )


def _read_manifest(path: Path) -> DeployedModel | None:
    try:
        return DeployedModel.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, pydantic.ValidationError):
        return None


def _digest(path: Path) -> str:
    with explaining_disk_errors(path):
        return digest_file(path)
