"""Which models go live: what the verdict lets through, and nothing that was taken back by hand."""

import datetime
import hashlib
from pathlib import Path

import pytest

from deployments.publish import publish
from deployments.rollback import rollback
from deployments.target import ModelDetails
from heimdall.refs import ArtifactRef, ExportResult, GgufRef, ParityReport, Verdict
from heimdall.workspace import Workspace
from presets.loader import load_preset
from tasks.decide_verdict import Decision
from tasks.promote_model import may_promote, was_taken_back
from tasks.stage import NotMade, Pipeline


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.chdir(tmp_path)
    return Pipeline(load_preset("heimdall_smoke", environ={}), Workspace(home=tmp_path / "home"))


def make_model(name: str) -> ExportResult:
    """An export whose shipped file holds its own name."""
    Path(name).write_text(name)
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    artifact = ArtifactRef(uri=name, sha256=sha256, size=len(name), media_type="application/gguf")
    gguf = GgufRef(artifact=artifact, quantization="Q8_0", bits_per_weight=8.5, types={})
    parity = ParityReport(
        passed=True, prompts=1, tokenization_matches=1, greedy_answers=1, greedy_matches=1, reasons=()
    )
    return ExportResult(files={"Q8_0": gguf}, ship="Q8_0", converter="c", tokenizer_digest="t", parity=parity)


def deploy(pipeline: Pipeline, model: ExportResult, version: str) -> None:
    artifact = model.files["Q8_0"].artifact
    details = ModelDetails(
        sha256=artifact.sha256,
        quantization="Q8_0",
        registered_model="heimdall",
        version=version,
        run_id="r",
        contract_digest="c",
        contract_source="reference",
        dataset_digest="d",
        prompt="minimal",
        context_size=2048,
        scores={},
        created=datetime.datetime.now(datetime.UTC),
    )
    publish(Path(artifact.uri), pipeline.preset.promote, details, Path.cwd(), lambda path: None)


def test_a_model_that_was_rolled_back_does_not_come_back_by_itself(pipeline: Pipeline) -> None:
    first, second = make_model("first"), make_model("second")
    assert not was_taken_back(pipeline, first)
    deploy(pipeline, first, "1")
    deploy(pipeline, second, "2")
    assert not was_taken_back(pipeline, second)
    rollback(pipeline.preset.promote, Path.cwd(), lambda path: None)
    assert was_taken_back(pipeline, second)
    assert not was_taken_back(pipeline, first)
    assert not was_taken_back(pipeline, make_model("third"))


@pytest.mark.parametrize(("ship", "keep", "goes"), [(True, False, True), (False, True, True), (False, False, False)])
def test_only_a_verdict_for_the_model_lets_it_through(ship: bool, keep: bool, goes: bool) -> None:
    nowhere = ArtifactRef(uri="x", sha256="x", size=0, media_type="text/html")
    verdict = Verdict(ship=ship, keep=keep, reasons=(), headline="")
    assert may_promote(Decision(verdict=verdict, card=nowhere, page=nowhere)) is goes


def test_a_plan_assumes_that_a_verdict_that_is_yet_to_come_lets_the_model_through() -> None:
    from typing import cast

    assert may_promote(cast(Decision, NotMade(stage="verdict")))
