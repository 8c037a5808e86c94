"""A trained model on its own."""

from prefect import flow

from flows.making import make_model, prepare
from flows.parameters import Parameters, open_pipeline
from heimdall.refs import ModelRef
from tasks.stage import Pipeline


@flow(name="finetune")
def finetune(parameters: Parameters) -> ModelRef:
    """Trains on data that passed its validation."""
    with open_pipeline("finetune", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: Parameters) -> ModelRef:
    """The stages in their order."""
    return make_model(p, prepare(p, parameters))
