"""Checkpoints that are whole or are none: written beside their place, read back, sealed with the digests of their
files, and then renamed. Before training goes on from one, all of it is read again; a damaged one is passed over.
"""

import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heimdall.errors import DiskError
from heimdall.files import sync_directory, write_json
from heimdall.refs import Record
from heimdall.store import FileEntry, scan

_STAGING, _SEAL, _STATE = "staging", "manifest.json", "trainer_state.json"
_WEIGHTS = ("model*.safetensors", "adapter_model.safetensors")
_NEEDED = ("optimizer.pt", "scheduler.pt", _STATE, "rng_state*.pth")
_KEPT = 2  # the newest, and one to fall back on


class Seal(Record):
    """What a whole checkpoint holds."""

    schema_version: int = 1
    files: dict[str, FileEntry]


class SealsCheckpoints:
    """For a `transformers.Trainer` class: what it saves becomes a checkpoint only once all of it was read back."""

    args: Any
    state: Any
    accelerator: Any
    _staging: Path | None = None

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._staging or self.args.output_dir)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        checkpoints = Path(self.args.output_dir)
        self._staging = checkpoints / _STAGING
        name = f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                seal(self._staging / name, checkpoints / name)
                drop_old(checkpoints, self.state.best_global_step)
        finally:
            if self.args.should_save:
                shutil.rmtree(self._staging, ignore_errors=True)
            self._staging = None
        self.accelerator.wait_for_everyone()

    def _load_best_model(self) -> None:
        # The Trainer looks for the best one where it wrote it.
        self.state.best_model_checkpoint = f"{self.args.output_dir}/checkpoint-{self.state.best_global_step}"
        super()._load_best_model()  # type: ignore[misc]


def seal(written: Path, place: Path) -> None:
    """Makes the files that a trainer wrote a checkpoint. Raises `DiskError` if one of them cannot be read back."""
    fault = _find_missing(written) or _find_unreadable(written)
    if fault is not None:
        raise DiskError(f"A checkpoint could not be written to '{place}': {fault}; check the disk and run again.")
    for path in written.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    write_json(written / _SEAL, Seal(files=scan(written)).model_dump(mode="json"))
    written.replace(place)
    sync_directory(place.parent)


def find_newest(checkpoints: Path, complain: Callable[[str], None]) -> Path | None:
    """The newest checkpoint that is whole. What is damaged, or was never finished, is removed; `complain` is told."""
    shutil.rmtree(checkpoints / _STAGING, ignore_errors=True)
    damaged: list[str] = []
    for step in sorted(_list_steps(checkpoints), reverse=True):
        place = checkpoints / f"checkpoint-{step}"
        fault = find_fault(place)
        if fault is None:
            if damaged:
                complain(f"{' and '.join(damaged)}; going on from step {step}")
            return place
        damaged.append(f"the checkpoint of step {step} is damaged ({fault})")
        shutil.rmtree(place)
    if damaged:
        complain(f"{' and '.join(damaged)}; starting from the beginning")
    return None


def find_fault(checkpoint: Path) -> str | None:
    """Why training cannot go on from a checkpoint, in words; None if it can."""
    try:
        sealed = Seal.model_validate(json.loads((checkpoint / _SEAL).read_text(encoding="utf-8"))).files
    except (OSError, ValueError):
        return "it was never finished"
    found = scan(checkpoint)
    for name, entry in sealed.items():
        if name not in found:
            return f"{name} is missing"
        if found[name].size != entry.size:
            return f"{name} has {found[name].size} of {entry.size} bytes"
        if found[name] != entry:
            return f"{name} is not what was written"
    return _find_missing(checkpoint)


def drop_old(checkpoints: Path, best: int | None) -> None:
    """Removes all checkpoints but the newest ones and the best."""
    for step in sorted(_list_steps(checkpoints))[:-_KEPT]:
        if step != best:
            shutil.rmtree(checkpoints / f"checkpoint-{step}")


def _list_steps(checkpoints: Path) -> list[int]:
    names = (re.fullmatch(r"checkpoint-(\d+)", path.name) for path in checkpoints.glob("checkpoint-*"))
    return [int(name[1]) for name in names if name is not None]


def _find_missing(directory: Path) -> str | None:
    """Weights, optimizer, schedule, place in the data and random numbers: none may lack."""
    if not any(any(directory.glob(pattern)) for pattern in _WEIGHTS):
        return "it has no weights"
    lacking = [pattern for pattern in _NEEDED if not any(directory.glob(pattern))]
    return f"{lacking[0]} is missing" if lacking else None


def _find_unreadable(directory: Path) -> str | None:
    from safetensors import SafetensorError, safe_open

    for path in sorted(directory.rglob("*")):
        try:
            if path.suffix == ".safetensors":
                with safe_open(path, framework="pt") as file:
                    file.keys()
            elif path.suffix in (".pt", ".pth"):  # a zip file with a checksum for each of its parts
                with zipfile.ZipFile(path) as archive:
                    if archive.testzip() is not None:
                        return f"{path.name} is not what was written"
            elif path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, SafetensorError, zipfile.BadZipFile) as error:
            return f"{path.name} cannot be read back ({error})"
    return None
