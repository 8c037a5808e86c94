"""A trained model on its own."""

from prefect import flow

from flows.parameters import Parameters, open_pipeline
from heimdall.refs import ModelRef
from tasks.build_tokenizer import build_tokenizer
from tasks.generate_data import prepare_data
from tasks.read_contract import read_contract
from tasks.stage import Pipeline
from tasks.train_model import train_model
from tasks.validate_data import require_valid, validate_data


@flow(name="finetune")
def finetune(parameters: Parameters) -> ModelRef:
    """Trains on data that passed its validation."""
    with open_pipeline("finetune", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: Parameters) -> ModelRef:
    """The stages in their order."""
    contract = read_contract(p, parameters.nornicdb)
    dataset = prepare_data(p, parameters.dataset, contract, parameters.nornicdb)
    tokenizer = build_tokenizer(p, dataset=dataset, contract=contract)
    require_valid(validate_data(p, dataset=dataset, tokenizer=tokenizer, contract=contract))
    return train_model(p, dataset=dataset, tokenizer=tokenizer, contract=contract)
