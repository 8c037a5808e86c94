"""Where everything lies on this machine, and the environment in which Prefect and MLflow run embedded and silent.

The environment variable `HEIMDALL_HOME` moves the workspace; nothing else is configured here.
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Workspace(BaseSettings):
    """One directory with the store, both databases and the lock: `$HEIMDALL_HOME`, else `./.heimdall`."""

    model_config = SettingsConfigDict(env_prefix="HEIMDALL_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(default=Path(".heimdall"), validate_default=True)

    @field_validator("home")
    @classmethod
    def _make_absolute(cls, home: Path) -> Path:
        # Stages run in child processes and Prefect workers change directory: only absolute paths mean the same to all.
        return home.expanduser().absolute()

    @property
    def store_root(self) -> Path:
        """Finished stages (`heimdall.store.Store`)."""
        return self.home / "store"

    @property
    def prefect_home(self) -> Path:
        """Prefect's database and results."""
        return self.home / "prefect"

    @property
    def mlflow_uri(self) -> str:
        """MLflow's embedded database, as a tracking URI."""
        return f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> Path:
        """Files that belong to MLflow runs of the embedded database."""
        return self.home / "mlflow-artifacts"

    @property
    def lock_file(self) -> Path:
        """Held by the one run at a time (`heimdall.lock.hold_lock`)."""
        return self.home / "lock"


def prepare_environment(workspace: Workspace, environ: MutableMapping[str, str] = os.environ) -> None:
    """Sets what Prefect and MLflow read when they are imported; call it first. What the user has set stays as it is.

    Both work embedded in `workspace` and report to nobody. Child processes inherit the settings.
    """
    defaults = {
        "HEIMDALL_HOME": str(workspace.home),
        "DO_NOT_TRACK": "true",  # MLflow accepts no other spelling
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": workspace.mlflow_uri,
        # Of a user's own server: MLflow's seven tries would take minutes to say that it cannot be reached.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
        "PREFECT_HOME": str(workspace.prefect_home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Prefect's 20 s are too few for the first start, which creates the database, on a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    for name, value in defaults.items():
        environ.setdefault(name, value)
