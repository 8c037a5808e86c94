"""The evaluation of a model on its own: the preset's or any other, on a data set or on a suite."""

from pathlib import Path

from prefect import flow
from pydantic import Field

from flows.making import make_model, prepare
from flows.parameters import Parameters, open_pipeline
from heimdall.config import Preset
from heimdall.errors import UsageError
from heimdall.refs import EvalReport
from tasks.evaluate_gguf import evaluate_file, evaluate_gguf, evaluate_suite
from tasks.export_gguf import export_gguf
from tasks.generate_data import prepare_data
from tasks.read_contract import read_contract
from tasks.seed_graphs import seed_graphs
from tasks.stage import Pipeline


class AssessParameters(Parameters):
    """Which file is questioned, and on what."""

    model: Path | None = Field(
        None, description="a GGUF file or Hugging Face directory; the preset's own model if empty"
    )
    suite: Path | None = Field(None, description="a suite's file instead of the data set's test splits")

    def check(self) -> Preset:
        """Also makes sure that the model can be read, and that every question can be asked."""
        from eval.suite import read_suite
        from eval.transformers_model import check_directory
        from export.inspect import inspect_gguf
        from nornicdb.contract import resolve_contract

        if None not in (self.model, self.suite, self.dataset):
            raise UsageError("Where both a model and a suite are given, nothing is asked of --dataset; leave it out.")
        if self.model is not None and self.model.is_dir():
            check_directory(self.model)
        elif self.model is not None:
            inspect_gguf(self.model)
        if self.suite is not None:
            read_suite(self.suite, resolve_contract(self.nornicdb))
        return super().check()


@flow(name="assess")
def assess(parameters: AssessParameters) -> EvalReport:
    """Questions a model as NornicDB would, and scores its answers."""
    with open_pipeline("assess", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: AssessParameters) -> EvalReport:
    """The stages in their order."""
    if parameters.model is not None:
        return _assess_file(p, parameters, parameters.model)
    prepared = prepare(p, parameters)
    contract, dataset = prepared.contract, prepared.dataset
    model = make_model(p, prepared)
    export = export_gguf(p, model=model, dataset=dataset, contract=contract)
    if parameters.suite is not None:
        seeded = seed_graphs(p, parameters.suite, contract)
        return evaluate_suite(p, export, parameters.suite, seeded, contract=contract)
    return evaluate_gguf(p, export=export, dataset=dataset, contract=contract)


def _assess_file(p: Pipeline, parameters: AssessParameters, model: Path) -> EvalReport:
    contract = read_contract(p, parameters.nornicdb)
    if parameters.suite is not None:
        seeded = seed_graphs(p, parameters.suite, contract)
        return evaluate_suite(p, model, parameters.suite, seeded, contract=contract)
    dataset = prepare_data(p, parameters.dataset, contract, parameters.nornicdb)
    return evaluate_file(p, model, dataset=dataset, contract=contract)
