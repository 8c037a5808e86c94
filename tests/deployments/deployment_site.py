"""A small deployment directory and models that are a few bytes long."""

import datetime
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployments.publish import publish
from deployments.target import DeployedModel, ModelDetails, Target
from heimdall.config import PromoteConfig
from heimdall.refs import Promotion

CONFIG = PromoteConfig()


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
