"""Files that are whole or absent: written beside their place, flushed to disk, then renamed; and their digests."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heimdall.errors import DiskError, TargetError

_CHUNK = 1 << 20


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_json(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form (sorted keys, no spaces), in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sync_directory(path: Path) -> None:
    """Flushes a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; on a clean exit it is flushed and renamed over it, otherwise removed.

    Raises `DiskError` when the disk is full and `TargetError` when the directory cannot be written.
    """
    with explaining_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        os.close(descriptor)
        partial = Path(name)
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.chmod(0o644)
            partial.replace(path)
            sync_directory(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def creating_directory(path: Path) -> Iterator[Path]:
    """Gives a temporary directory beside `path`; on a clean exit it is flushed and takes that name, otherwise removed.

    Raises `TargetError` where something is there already, and as `replacing` does.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise TargetError(f"'{path}' exists already; name a directory that does not.")
    with explaining_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
        try:
            yield partial
            for file in partial.iterdir():
                with file.open("rb+") as opened:
                    os.fsync(opened.fileno())
            sync_directory(partial)
            partial.chmod(0o755)
            partial.replace(path)
            sync_directory(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text so that a reader sees either the old file or the new one."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON so that a reader sees either the old file or the new one."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def copy_file(source: Path, target: Path) -> None:
    """Copies a file so that a reader of `target` sees either the old file or the new one."""
    with replacing(target) as partial:
        shutil.copyfile(source, partial)


def check_writable(directory: Path) -> None:
    """Raises `TargetError` unless files can be written into a directory, which may not exist yet; writes nothing."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise TargetError(f"'{existing}' is a file where a directory is needed for '{directory}'; choose another.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise TargetError(f"'{directory}' cannot be written: check the permissions of '{existing}'.")


@contextlib.contextmanager
def explaining_disk_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's errors about space and permissions into one sentence that names the path."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskError(
                f"The disk that holds '{path}' is full; free some space and run the same command."
            ) from error
        if error.errno == errno.EEXIST:
            raise TargetError(f"'{error.filename}' is in the way of a directory; move it away.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise TargetError(f"'{path}' cannot be written ({error.strerror}); check its permissions.") from error
        raise
