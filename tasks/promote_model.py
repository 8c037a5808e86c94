"""Stage `promote`: the model goes live in the deployment directory, and only then does the alias move."""

import datetime
import functools
from pathlib import Path
from typing import Any

from deployments.probe import ask_one_question
from deployments.publish import publish
from deployments.target import ModelDetails, Target, read_deployment
from heimdall.config import Preset
from heimdall.refs import ContractRef, EvalReport, ExportResult, Promotion, Registration
from heimdall.tracking import Tracker
from tasks.decide_verdict import Decision
from tasks.evaluate_gguf import list_scores
from tasks.read_contract import open_contract
from tasks.stage import NotMade, Pipeline, Work, stage


def may_promote(decision: Decision) -> bool:
    """Whether the verdict lets the model go live, or it is live already. While planning, that is assumed."""
    return isinstance(decision, NotMade) or decision.verdict.ship or decision.verdict.keep


def was_taken_back(pipeline: Pipeline, export: ExportResult) -> bool:
    """Whether this very model is the one before the deployed one. Only `heimdall promote` undoes a rollback."""
    if isinstance(export, NotMade):
        return False
    previous = read_deployment(Target(pipeline.preset.promote, Path.cwd())).previous
    return previous is not None and previous.sha256 == export.files[export.ship].artifact.sha256


def _pick_config(preset: Preset) -> dict[str, Any]:
    return {**preset.promote.model_dump(), "context_size": preset.evaluation.context_size, "prompt": preset.data.prompt}


def _is_deployed(pipeline: Pipeline, promotion: Promotion) -> bool:
    config = pipeline.preset.promote
    target = Target(config, Path.cwd())
    current = read_deployment(target).current
    if current is None or (current.sha256, str(target.model)) != (promotion.sha256, promotion.target):
        return False
    champion = Tracker(pipeline.workspace).find_version(config.registered_model, "champion")
    return champion is not None and champion.version == promotion.version


@stage("promote", version=1, result=Promotion, config=_pick_config, holds=_is_deployed)
def promote_model(
    work: Work, export: ExportResult, registration: Registration, report: EvalReport, contract: ContractRef
) -> Promotion:
    """Copies, verifies, asks one question, exchanges; then moves the alias `champion`."""
    preset, gguf = work.preset, export.files[export.ship]
    details = ModelDetails(
        sha256=gguf.artifact.sha256,
        quantization=gguf.quantization,
        registered_model=registration.name,
        version=registration.version,
        run_id=registration.run_id,
        contract_digest=contract.digest,
        contract_source=contract.source,
        dataset_digest=report.dataset_digest,
        prompt=preset.data.prompt,
        context_size=preset.evaluation.context_size,
        scores=list_scores(report),
        created=datetime.datetime.now(datetime.UTC),
    )
    probe = functools.partial(
        ask_one_question,
        contract=open_contract(work, contract),
        prompt=preset.data.prompt,
        context_size=preset.evaluation.context_size,
        threads=preset.evaluation.threads,
    )
    promotion = publish(work.path(gguf.artifact), preset.promote, details, Path.cwd(), probe)
    Tracker(work.pipeline.workspace).make_champion(registration.name, registration.version)
    work.tracked.log_file(Target(preset.promote, Path.cwd()).manifest)
    return promotion
