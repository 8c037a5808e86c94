"""Promotion on its own: of a model that was made already, also one that was rolled back."""

from prefect import flow

from flows import retrain
from flows.parameters import PromotingParameters, open_pipeline
from flows.retrain import Outcome
from heimdall.errors import UsageError
from tasks.stage import Pipeline


@flow(name="promote")
def promote(parameters: PromotingParameters) -> Outcome:
    """Evaluates, decides, registers and promotes; never trains."""
    with open_pipeline("promote", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: PromotingParameters) -> Outcome:
    """The stages of a whole run. Raises `UsageError` where one that makes the model has yet to run."""
    planned = Pipeline(p.preset, p.workspace)
    retrain.run_stages(planned, parameters, bring_back=True)
    if any(step.stage == "export" and step.outcome == "run" for step in planned.steps):
        raise UsageError(
            f"There is no exported model for these settings of '{p.preset.name}' to promote; run `heimdall retrain`."
        )
    return retrain.run_stages(p, parameters, bring_back=True)
