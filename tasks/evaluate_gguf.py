"""Stages `evaluate` and `suite`: a model questioned on a data set or on a suite."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cypher.graph import read_graphs
from deployments.target import Target, read_deployment
from eval.evaluate import EXAMPLES, evaluate_model
from eval.metrics import read_examples
from eval.questions import Question, plan_questions, plan_suite
from heimdall.config import Preset
from heimdall.files import digest_file
from heimdall.refs import ArtifactRef, ContractRef, DatasetRef, EvalReport, ExportResult, SeededSuite
from heimdall.store import describe_directory
from tasks.find_former import Former
from tasks.read_contract import open_contract
from tasks.seed_graphs import describe_suite, seed_graphs
from tasks.stage import NotMade, Pipeline, Work, stage


def evaluate_gguf(pipeline: Pipeline, export: ExportResult, dataset: DatasetRef, contract: ContractRef) -> EvalReport:
    """Evaluates the quantisation that ships."""
    return _evaluate(pipeline, model=_pick_shipped(export), dataset=dataset, contract=contract)


def evaluate_file(pipeline: Pipeline, file: Path, dataset: DatasetRef, contract: ContractRef) -> EvalReport:
    """Evaluates any GGUF file or Hugging Face directory."""
    return _evaluate(pipeline, model=_describe_model(file), dataset=dataset, contract=contract)


def evaluate_suite(
    pipeline: Pipeline, model: ExportResult | Path, suite: Path, seeded: SeededSuite, contract: ContractRef
) -> EvalReport:
    """Evaluates the quantisation that ships, or any model, on the questions of a suite."""
    asked = _describe_model(model) if isinstance(model, Path) else _pick_shipped(model)
    return _evaluate_suite(pipeline, model=asked, suite=describe_suite(suite), seeded=seeded, contract=contract)


def _pick_shipped(export: ExportResult) -> ArtifactRef:
    return export if isinstance(export, NotMade) else export.files[export.ship].artifact


def _describe_model(model: Path) -> ArtifactRef:
    """A GGUF file, or a directory with the digest that the store would give it."""
    if model.is_dir():
        return describe_directory(model)
    return ArtifactRef(
        uri=str(model.absolute()), sha256=digest_file(model), size=model.stat().st_size, media_type="application/gguf"
    )


def evaluate_champion(pipeline: Pipeline, dataset: DatasetRef, contract: ContractRef) -> EvalReport | None:
    """Evaluates the model that is deployed now on the same questions; None if there is none."""
    target = Target(pipeline.preset.promote, Path.cwd())
    if read_deployment(target).current is None:
        return None
    return evaluate_file(pipeline, target.model, dataset, contract)


@dataclasses.dataclass(frozen=True)
class Kept:
    """What the candidate and the former model that it was trained on from score on the same old questions."""

    candidate: EvalReport
    former: EvalReport


def evaluate_former(
    pipeline: Pipeline, export: ExportResult, former: Former | None, contract: ContractRef
) -> Kept | None:
    """Asks both models the held-out questions of the former run; None where there is no such run, or none of them."""
    if former is None or former.dataset is None:
        return None
    if not any(former.dataset.splits.get(split) for split in pipeline.preset.evaluation.splits):
        return None
    return Kept(
        evaluate_gguf(pipeline, export=export, dataset=former.dataset, contract=contract),
        _evaluate(pipeline, model=former.shipped, dataset=former.dataset, contract=contract),
    )


def evaluate_former_suite(
    pipeline: Pipeline, export: ExportResult, former: Former | None, suite: Path | None, contract: ContractRef
) -> Kept | None:
    """Asks both models the user's own questions; None where there are none, or no former run."""
    if former is None or suite is None:
        return None
    described, seeded = describe_suite(suite), seed_graphs(pipeline, suite, contract)
    candidate, before = (
        _evaluate_suite(pipeline, model=model, suite=described, seeded=seeded, contract=contract)
        for model in (_pick_shipped(export), former.shipped)
    )
    return Kept(candidate, before)


def list_scores(report: EvalReport) -> dict[str, float]:
    """`family/split/metric` → value, without what was not measured."""
    return {
        f"{part.family}/{part.split}/{name}": score.value
        for part in report.slices
        for name, score in part.scores.items()
        if score.value is not None
    }


def _pick_config(preset: Preset) -> Mapping[str, Any]:
    # More threads answer faster, not otherwise.
    return {"evaluation": preset.evaluation.model_dump(exclude={"threads"}), "prompt": preset.data.prompt}


@stage("evaluate", version=9, result=EvalReport, config=_pick_config)
def _evaluate(work: Work, model: ArtifactRef, dataset: DatasetRef, contract: ContractRef) -> EvalReport:
    data = work.path(dataset.artifact)
    work.tracked.log_dataset(dataset, data, "evaluation")
    questions = plan_questions(data, work.preset.evaluation, work.preset.data.prompt)
    return _ask(work, model, questions, contract, dataset.artifact.sha256)


@stage("suite", version=8, result=EvalReport, config=_pick_config)
def _evaluate_suite(
    work: Work, model: ArtifactRef, suite: ArtifactRef, seeded: SeededSuite, contract: ContractRef
) -> EvalReport:
    asked_of, graphs = open_contract(work, contract), read_graphs(work.path(seeded.artifact))
    questions = plan_suite(work.path(suite), asked_of, work.preset.evaluation, work.preset.data.prompt, graphs)
    return _ask(work, model, questions, contract, suite.sha256, seeded.notes)


def _ask(
    work: Work,
    model: ArtifactRef,
    questions: Sequence[Question],
    contract: ContractRef,
    dataset_digest: str,
    notes: tuple[str, ...] = (),
) -> EvalReport:
    summary = evaluate_model(
        work.path(model),
        questions,
        open_contract(work, contract),
        work.preset.evaluation,
        work.directory,
        work.show_progress("evaluate", "questions"),
    )
    report = EvalReport(
        model=model.uri,
        model_sha256=model.sha256,
        model_bytes=model.size,
        memory_bytes=summary.memory_bytes,
        contract_digest=contract.digest,
        contract_source=contract.source,
        prompt=work.preset.data.prompt,
        dataset_digest=dataset_digest,
        slices=summary.slices,
        examples=work.describe(EXAMPLES, "application/jsonl"),
        notes=(*notes, *summary.notes),
    )
    work.tracked.log_metrics(list_scores(report))
    examples = read_examples(work.directory / EXAMPLES)
    work.tracked.log_table("examples.json", (example.model_dump(mode="json") for example in examples))
    return report
