"""One at a time: an exclusive lock on a file, which the operating system releases however its holder dies."""

import contextlib
import errno
import fcntl
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from heimdall.errors import BusyError, DiskError
from heimdall.files import explaining_disk_errors


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Holds the lock file for the length of the block. It stays behind, empty: removing it would let two in.

    Raises `BusyError` naming the process and command that hold it, and `DiskError` where the file system has no locks.
    """
    with explaining_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"{_describe_holder(descriptor)} is already working in '{path.parent}'; "
                "wait until it has finished or stop it, then run the same command."
            ) from error
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise DiskError(
                    f"The file system of '{path.parent}' cannot lock files ({error.strerror}); "
                    "use a directory on a local disk."
                ) from error
            raise
        holder = json.dumps({"pid": os.getpid(), "command": shlex.join(sys.argv)})
        with explaining_disk_errors(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _describe_holder(descriptor: int) -> str:
    """`Process 4711 (heimdall retrain)`; the holder writes this after taking the lock, so it may not be there yet."""
    try:
        holder = json.loads(os.pread(descriptor, 1 << 16, 0))
        return f"Process {holder['pid']} ({holder['command']})"
    except (ValueError, KeyError, TypeError):
        return "Another process"
