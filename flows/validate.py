"""A data set's verdict on its own."""

from prefect import flow

from flows.making import prepare
from flows.parameters import Parameters, open_pipeline
from heimdall.refs import ValidationReport
from tasks.stage import Pipeline


@flow(name="validate")
def validate(parameters: Parameters) -> ValidationReport:
    """Checks rows, duplicates, leakage, balance, lengths and Cypher, of generated or of own rows."""
    with open_pipeline("validate", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: Parameters) -> ValidationReport:
    """The stages in their order."""
    return prepare(p, parameters).validation
