"""Brings the previous model back into the deployment directory, and the alias with it."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from deployments.probe import ask_one_question
from deployments.rollback import rollback
from deployments.target import DeployedModel, Target, read_deployment
from heimdall.config import PromoteConfig
from heimdall.errors import TargetError
from heimdall.refs import Promotion
from heimdall.tracking import Tracker
from heimdall.workspace import Workspace
from tasks.read_contract import find_contract


@task(name="rollback", cache_policy=NO_CACHE, persist_result=False)
def rollback_model(config: PromoteConfig, workspace: Workspace, nornicdb: Path | None, root: Path) -> Promotion:
    """Exchanges the deployed model with the previous one, which is asked one question first.

    Raises `TargetError` where there is no previous model.
    """
    earlier = find_previous(config, root)
    contract = find_contract(workspace, earlier.contract_digest, nornicdb)

    def probe(path: Path) -> None:
        ask_one_question(path, contract, earlier.prompt, context_size=earlier.context_size, threads=1)

    promotion = rollback(config, root, probe)
    Tracker(workspace).make_champion(config.registered_model, promotion.version)
    create_markdown_artifact(
        key="rollback", markdown=f"Version {promotion.version} is live again in `{promotion.target}`."
    )
    return promotion


def find_previous(config: PromoteConfig, root: Path) -> DeployedModel:
    """The model that a rollback would bring back. Raises `TargetError` where there is none."""
    target = Target(config, root)
    previous = read_deployment(target).previous
    if previous is None:
        raise TargetError(f"There is no previous model in '{target.directory}', so nothing can be rolled back.")
    return previous
