"""Takes the last promotion back."""

from pathlib import Path

from prefect import flow

from flows.parameters import PromotingParameters
from heimdall.config import Preset
from heimdall.lock import hold_lock
from heimdall.refs import Promotion
from heimdall.workspace import Workspace, prepare_environment
from tasks.rollback_model import find_previous, rollback_model


class RollbackParameters(PromotingParameters):
    """Which deployment directory."""

    def check(self) -> Preset:
        """Also makes sure that there is a model to bring back."""
        preset = super().check()
        find_previous(preset.promote, Path.cwd())
        return preset


@flow(name="rollback")
def rollback(parameters: RollbackParameters) -> Promotion:
    """Deploys the previous model again and moves the alias `champion` back to it."""
    preset, workspace = parameters.check(), Workspace()
    prepare_environment(workspace)
    with hold_lock(workspace.lock_file):
        return rollback_model(preset.promote, workspace, parameters.nornicdb, Path.cwd())
