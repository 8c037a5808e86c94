"""The evaluation of a GGUF file on its own: the preset's model, or any file."""

from pathlib import Path

from prefect import flow
from pydantic import Field

from flows.parameters import Parameters, open_pipeline
from heimdall.config import Preset
from heimdall.refs import EvalReport
from tasks.build_tokenizer import build_tokenizer
from tasks.evaluate_gguf import evaluate_file, evaluate_gguf
from tasks.export_gguf import export_gguf
from tasks.generate_data import prepare_data
from tasks.read_contract import read_contract
from tasks.stage import Pipeline
from tasks.train_model import train_model
from tasks.validate_data import require_valid, validate_data


class AssessParameters(Parameters):
    """Which file is questioned."""

    model: Path | None = Field(None, description="a GGUF file; the preset's own model if empty")

    def check(self) -> Preset:
        """Also makes sure that the file is a GGUF file that NornicDB could run."""
        from export.inspect import inspect_gguf

        if self.model is not None:
            inspect_gguf(self.model)
        return super().check()


@flow(name="assess")
def assess(parameters: AssessParameters) -> EvalReport:
    """Questions a GGUF file as NornicDB would, and scores its answers."""
    with open_pipeline("assess", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: AssessParameters) -> EvalReport:
    """The stages in their order."""
    contract = read_contract(p, parameters.nornicdb)
    dataset = prepare_data(p, parameters.dataset, contract)
    if parameters.model is not None:
        return evaluate_file(p, parameters.model, dataset=dataset, contract=contract)
    tokenizer = build_tokenizer(p, dataset=dataset, contract=contract)
    require_valid(validate_data(p, dataset=dataset, tokenizer=tokenizer, contract=contract))
    model = train_model(p, dataset=dataset, tokenizer=tokenizer, contract=contract)
    export = export_gguf(p, model=model, dataset=dataset, contract=contract)
    return evaluate_gguf(p, export=export, dataset=dataset, contract=contract)
