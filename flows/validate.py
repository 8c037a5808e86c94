"""A data set's verdict on its own."""

from prefect import flow

from flows.parameters import Parameters, open_pipeline
from heimdall.refs import ValidationReport
from tasks.build_tokenizer import build_tokenizer
from tasks.generate_data import prepare_data
from tasks.read_contract import read_contract
from tasks.stage import Pipeline
from tasks.validate_data import validate_data


@flow(name="validate")
def validate(parameters: Parameters) -> ValidationReport:
    """Checks rows, duplicates, leakage, balance, lengths and Cypher, of generated or of own rows."""
    with open_pipeline("validate", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: Parameters) -> ValidationReport:
    """The stages in their order."""
    contract = read_contract(p, parameters.nornicdb)
    dataset = prepare_data(p, parameters.dataset, contract, parameters.nornicdb)
    tokenizer = build_tokenizer(p, dataset=dataset, contract=contract)
    return validate_data(p, dataset=dataset, tokenizer=tokenizer, contract=contract)
