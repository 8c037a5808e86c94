"""The GGUF files of a model on their own."""

from prefect import flow

from flows.making import make_model, prepare
from flows.parameters import Parameters, open_pipeline
from heimdall.refs import ExportResult
from tasks.export_gguf import export_gguf
from tasks.stage import Pipeline


@flow(name="quantize")
def quantize(parameters: Parameters) -> ExportResult:
    """Converts the trained model to GGUF, proves parity and quantises."""
    with open_pipeline("quantize", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: Parameters) -> ExportResult:
    """The stages in their order."""
    prepared = prepare(p, parameters)
    model = make_model(p, prepared)
    return export_gguf(p, model=model, dataset=prepared.dataset, contract=prepared.contract)
