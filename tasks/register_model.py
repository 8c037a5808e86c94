"""Stage `register`: the file that may ship becomes a version in MLflow's registry."""

from heimdall.refs import EvalReport, ExportResult, Registration
from heimdall.tracking import Tracker
from tasks.decide_verdict import Decision
from tasks.evaluate_gguf import list_scores
from tasks.stage import Pipeline, Work, stage


def _is_registered(pipeline: Pipeline, registration: Registration) -> bool:
    versions = Tracker(pipeline.workspace).list_versions(registration.name)
    return any(version.version == registration.version for version in versions)


@stage(
    "register",
    version=1,
    result=Registration,
    config=lambda preset: {"name": preset.promote.registered_model},
    holds=_is_registered,
)
def register_model(work: Work, export: ExportResult, report: EvalReport, decision: Decision) -> Registration:
    """Registers the candidate with its scores. One that may not ship is registered too, so that it can be looked at."""
    gguf = export.files[export.ship]
    tracker, name = Tracker(work.pipeline.workspace), work.preset.promote.registered_model
    registration = tracker.register_model(
        name,
        work.path(gguf.artifact),
        gguf.artifact,
        work.tracked.id,
        scores=list_scores(report),
        tags={
            "quantization": gguf.quantization,
            "preset": work.preset.name,
            "prompt": report.prompt,
            "contract": f"{report.contract_source} {report.contract_digest}",
            "dataset": report.dataset_digest,
            "verdict": "ship" if decision.verdict.ship else "keep" if decision.verdict.keep else "reject",
        },
    )
    tracker.set_alias(name, "candidate", registration.version)
    if decision.verdict.ship:
        tracker.set_alias(name, "challenger", registration.version)
    return registration
