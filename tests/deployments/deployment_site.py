"""A small deployment directory, models that are a few bytes long, and a way to die at a chosen step."""

import datetime
import errno
import hashlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from deployments.publish import publish
from deployments.target import DeployedModel, ModelDetails, Target
from heimdall.config import PromoteConfig
from heimdall.errors import DiskError
from heimdall.refs import Promotion

CONFIG = PromoteConfig()
_OUTCOMES = {0: "done", 3: "refused", 5: "tolerated"}


class Site:
    """A root directory into which models named by a letter are published."""

    def __init__(self, root: Path) -> None:
        self.root = root / "root"
        self.store = root / "store"
        self.store.mkdir(parents=True)
        self.target = Target(CONFIG, self.root)

    def content(self, name: str) -> bytes:
        return name.encode() * 5000

    def sha256(self, name: str) -> str:
        return hashlib.sha256(self.content(name)).hexdigest()

    def details(self, name: str, **changes: Any) -> ModelDetails:
        values: dict[str, Any] = {
            "sha256": self.sha256(name),
            "quantization": "Q8_0",
            "registered_model": "heimdall",
            "version": str(ord(name) - ord("a") + 1),
            "run_id": f"run-{name}",
            "contract_digest": "c" * 64,
            "contract_source": "reference",
            "dataset_digest": "d" * 64,
            "prompt": "minimal",
            "context_size": 4096,
            "scores": {"action/test_iid/action_accuracy": 0.9},
            "created": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        }
        return ModelDetails(**{**values, **changes})

    def file(self, name: str) -> Path:
        path = self.store / f"{name}.gguf"
        path.write_bytes(self.content(name))
        return path

    def publish(self, name: str, probe: Callable[[Path], object] = bool, **changes: Any) -> Promotion:
        return publish(self.file(name), CONFIG, self.details(name, **changes), self.root, probe)

    def manifest(self) -> DeployedModel:
        return DeployedModel.model_validate_json(self.target.manifest.read_bytes())

    def snapshot(self) -> dict[str, bytes]:
        """Every file below the root with its content, the lock aside."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path != self.target.lock
        }


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
