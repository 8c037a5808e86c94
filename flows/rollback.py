"""Takes the last promotion back."""

from pathlib import Path

from prefect import flow

from flows.parameters import PromotingParameters
from heimdall.lock import hold_lock
from heimdall.refs import Promotion
from heimdall.workspace import Workspace, prepare_environment
from tasks.rollback_model import rollback_model


@flow(name="rollback")
def rollback(parameters: PromotingParameters) -> Promotion:
    """Deploys the previous model again and moves the alias `champion` back to it."""
    preset, workspace = parameters.check(), Workspace()
    prepare_environment(workspace)
    with hold_lock(workspace.lock_file):
        return rollback_model(preset.promote, workspace, parameters.nornicdb, Path.cwd())
