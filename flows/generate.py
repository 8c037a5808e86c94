"""A data set on its own."""

from prefect import flow

from flows.parameters import Parameters, open_pipeline
from heimdall.refs import DatasetRef
from tasks.generate_data import prepare_data
from tasks.read_contract import read_contract
from tasks.stage import Pipeline


@flow(name="generate")
def generate(parameters: Parameters) -> DatasetRef:
    """Generates the data set of a preset."""
    with open_pipeline("generate", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: Parameters) -> DatasetRef:
    """The stages in their order."""
    contract = read_contract(p, parameters.nornicdb)
    return prepare_data(p, parameters.dataset, contract, parameters.nornicdb)
