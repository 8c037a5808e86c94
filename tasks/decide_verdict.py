"""Stage `verdict`: whether the candidate may ship, and the report card that says why."""

from collections.abc import Sequence
from pathlib import Path

from eval.card import Card, CurvePoint, build_card
from eval.figures import draw_figures
from eval.metrics import compare_examples, read_examples
from eval.render import render_html, render_markdown
from eval.statistics import Difference
from eval.verdict import decide, list_paired_paths, list_suite_paths
from heimdall.files import write_json, write_text
from heimdall.refs import ArtifactRef, EvalReport, ExportResult, ModelRef, Record, ValidationReport, Verdict
from heimdall.store import Manifest, StageKey
from tasks.stage import Pipeline, Work, stage
from tasks.train_model import read_events

CARD, PAGE = "card.json", "report.html"


class Decision(Record):
    """The verdict and the report card: as data, and as a page that stands alone."""

    verdict: Verdict
    card: ArtifactRef
    page: ArtifactRef


def _find_standing(pipeline: Pipeline, key: StageKey) -> Manifest | None:
    """The verdict that let the deployed model through, while its evaluation and the gate are unchanged.

    Compared with itself a model is neither better nor worse; it was let through against the model it replaced.
    """
    if key.inputs["champion"] != key.inputs["report"]:
        return None
    for manifest in pipeline.store.list_finished("verdict"):
        same = (manifest.key.version, manifest.key.config, manifest.key.inputs["report"])
        if same == (key.version, key.config, key.inputs["report"]) and manifest.result["verdict"]["ship"]:
            return pipeline.store.find(manifest.key)
    return None


@stage("verdict", version=5, result=Decision, config=lambda preset: preset.gate.model_dump(), stands=_find_standing)
def decide_verdict(
    work: Work,
    report: EvalReport,
    champion: EvalReport | None,
    model: ModelRef,
    export: ExportResult,
    validation: ValidationReport,
    old_report: EvalReport | None,
    former: EvalReport | None,
    suite_report: EvalReport | None,
    former_suite: EvalReport | None,
) -> Decision:
    """Weighs the candidate against the gate and the champion, question by question; and, where it was trained on from
    a former model, against that one on the questions of its run and on those of the user's own suite."""
    gate = work.preset.gate
    examples = read_examples(work.path(report.examples))
    paths = list_paired_paths(gate)
    differences = _compare(work, report, champion, paths)
    kept = _compare(work, old_report, former, paths)
    if suite_report is not None:
        kept |= _compare(work, suite_report, former_suite, list_suite_paths(suite_report))
    verdict = decide(report, champion, gate, differences, kept)
    card = build_card(
        f"{work.preset.name}: {work.preset.description}",
        report,
        verdict,
        examples,
        champion=champion,
        differences=differences,
        model=model,
        export=export,
        validation=validation,
        curve=_read_curve(work.path(model.supervised or model.artifact).parent),
        run_id=work.tracked.id,
    )
    write_json(work.directory / CARD, card.model_dump(mode="json"))
    write_text(work.directory / PAGE, render_html(card))
    markdown = render_markdown(card)
    work.tracked.log_text("report.md", markdown)
    work.tracked.log_file(work.directory / PAGE)
    for name, figure in draw_figures(card).items():
        work.tracked.log_figure(f"figures/{name}.png", figure)
    work.tracked.set_tags({"verdict": card.outcome})
    work.summary = markdown
    return Decision(
        verdict=verdict,
        card=work.describe(CARD, "application/json"),
        page=work.describe(PAGE, "text/html"),
    )


def _compare(
    work: Work, report: EvalReport | None, other: EvalReport | None, paths: Sequence[str]
) -> dict[str, Difference]:
    """By how much the first model scores higher on each of these scores that the questions know."""
    if report is None or other is None:
        return {}
    one, two = (read_examples(work.path(each.examples)) for each in (report, other))
    return compare_examples(one, two, paths)


def open_card(pipeline: Pipeline, decision: Decision) -> Card:
    """The report card that a decision names."""
    return Card.model_validate_json(pipeline.path(decision.card).read_text(encoding="utf-8"))


def _read_curve(directory: Path) -> list[CurvePoint]:
    points = []
    for event in read_events(directory):
        for key, name in (("loss", "training"), ("eval_loss", "validation")):
            if key in event:
                points.append(CurvePoint.model_validate({"step": event["step"], "name": name, "loss": event[key]}))
    return points
