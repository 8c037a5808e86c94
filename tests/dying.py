"""Lets work on files die, or meet a full disk, before a chosen step: for tests of what is left behind."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from heimdall.errors import DiskError

_OUTCOMES = {0: "done", 3: "refused", 5: "tolerated"}


def act_until_step(action: Callable[[], object], step: int, how: str, below: Path) -> str:
    """Runs `action` in a child process that fails before its `step`-th operation on files below a directory.

    `how` is `kill` (SIGKILL) or `full` (the operation raises ENOSPC). Returns `killed`, `refused` (with a `DiskError`),
    `tolerated` where the action succeeded nevertheless, or `done` where it has fewer steps.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _act(action, step, how, str(below))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    code = os.waitstatus_to_exitcode(status)
    assert code in _OUTCOMES, f"the child left with {code}"
    return _OUTCOMES[code]


def _act(action: Callable[[], object], step: int, how: str, below: str) -> NoReturn:
    seen = 0

    def fail_at_step(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event.partition(".")[0] not in ("open", "os", "shutil") or not arguments:
            return
        if not isinstance(arguments[0], str | Path) or not str(arguments[0]).startswith(below):
            return
        seen += 1
        if seen == step:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))

    # Every operation on a path raises an audit event before it happens (PEP 578); hooks live as long as the process.
    sys.addaudithook(fail_at_step)
    try:
        action()
    except DiskError:
        os._exit(3)
    except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(4)
    os._exit(0 if seen < step else 5)
