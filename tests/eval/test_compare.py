"""`heimdall compare`: what it says about two evaluations, where it finds them, and what it refuses to compare."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from eval_samples import make_example, make_examples, make_report
from rich.console import Console

from eval.compare import FLIPS_SHOWN, Comparison, Evaluation, compare_evaluations
from eval.metrics import Example
from eval.render_compare import render_comparison, render_comparison_html
from heimdall.errors import UsageError
from heimdall.files import digest_file, digest_json, write_json
from heimdall.records import write_records
from heimdall.refs import ArtifactRef, EvalReport, Verdict
from heimdall.store import Store, make_key

PLACE = ("cypher_schema", "test_schema")
HOSTILE = "<script>alert(1)</script> \x1b]0;owned\x07 \u202e{{ 7*7 }}"


def evaluate(right: int, n: int = 40, **changes: object) -> list[Example]:
    wrong = {"judgement": "wrong", "reply": '{"action": "heimdall.help"}'}
    return [make_example(id=str(i), **(wrong if i >= right else {}), **changes) for i in range(n)]


def compare(first: list[Example], second: list[Example], **changes: object) -> Comparison:
    reports = make_report(first), make_report(second, "b" * 64, **changes)
    return compare_evaluations(Evaluation("one", reports[0], first), Evaluation("two", reports[1], second))


def print_comparison(comparison: Comparison) -> str:
    console = Console(file=io.StringIO(), width=160, force_terminal=True)
    console.print(render_comparison(comparison))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_each_score_stands_beside_the_other_with_their_paired_difference() -> None:
    comparison = compare(evaluate(20), evaluate(30))
    scores = {each.metric: each for each in comparison.scores}
    found = scores["execution_accuracy"]
    assert (found.first.value, found.second.value) == (0.5, 0.75)
    assert found.difference is not None
    assert (found.difference.value, found.difference.gained, found.difference.lost) == (0.25, 10, 0)
    assert found.difference.low > 0
    assert scores["latency_p95_ms"].difference is None
    assert "constrained_json_valid" not in scores  # neither was asked
    assert (comparison.flips_total, len(comparison.flips)) == (10, 10)
    assert all(flip.gained and flip.first.id == flip.second.id for flip in comparison.flips)
    turned = compare(evaluate(30), evaluate(20))
    assert next(e.difference for e in turned.scores if e.metric == "execution_accuracy").value == -0.25  # type: ignore[union-attr]
    assert not any(flip.gained for flip in turned.flips)


def test_questions_of_only_one_and_those_that_were_not_judged_are_no_flips() -> None:
    first = [make_example(id="1"), make_example(id="2", judgement="not_judged"), make_example(id="3")]
    second = [make_example(id="1", judgement="not_judged"), make_example(id="2", judgement="wrong")]
    comparison = compare(first, second)
    assert comparison.flips_total == 0
    assert next(each for each in comparison.scores if each.metric == "execution_accuracy").difference is None


def test_flips_are_shown_from_every_slice() -> None:
    first = [*evaluate(0, 200), make_example(id="x", split="test_iid")]
    second = [*evaluate(200, 200), make_example(id="x", split="test_iid", judgement="wrong")]
    comparison = compare(first, second)
    assert (comparison.flips_total, len(comparison.flips)) == (201, FLIPS_SHOWN)
    assert any(flip.first.id == "x" and not flip.gained for flip in comparison.flips)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dataset_digest": "x" * 64}, "data set"),
        ({"prompt": "full"}, "prompt"),
        ({"contract_digest": "x" * 64}, "contract"),
    ],
)
def test_what_was_asked_otherwise_is_not_compared(change: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=f"two was evaluated with another {named}"):
        compare(evaluate(3), evaluate(4), **change)


def test_evaluations_without_a_common_slice_are_not_compared() -> None:
    with pytest.raises(UsageError, match="no slice in common"):
        compare(evaluate(3), evaluate(4, split="test_iid"))


def test_the_page_and_the_terminal_show_both_sides_and_stay_text() -> None:
    first = [make_example(id="1", judgement="wrong", reply=f"MATCH (n) RETURN n {HOSTILE}", reason=HOSTILE)]
    second = [make_example(id="1", reply="MATCH (n) RETURN m", question=HOSTILE)]
    comparison = compare(first, second, model=HOSTILE)
    page, printed = render_comparison_html(comparison), print_comparison(comparison)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "{{ 7*7 }}" in page
    assert not re.search(r"https?:|@import|url\(", page)
    assert "<del>n</del><ins>m</ins>" in page or "<ins>m</ins>" in page
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    for text in (page, plain):
        assert {c for c in text if not c.isprintable()} <= {"\n"}
        assert "gained" in text
    assert "+100.0" in plain
    assert re.search(r"1 questions? flipped", plain)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEIMDALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'home/mlflow.db'}")  # as `prepare` sets it
    return tmp_path


def save(directory: Path, examples: list[Example]) -> EvalReport:
    """As `heimdall evaluate --output-dir` does."""
    write_records(directory / "examples.jsonl", examples)
    digest = digest_file(directory / "examples.jsonl")
    where = ArtifactRef(uri="evaluate/x/examples.jsonl", sha256=digest, size=1, media_type="application/jsonl")
    report = make_report(examples).model_copy(update={"examples": where})
    write_json(directory / "report.json", report.model_dump(mode="json"))
    return report


def test_directories_and_printed_reports_are_read_from_wherever_they_lie(
    site: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    save(site / "a", evaluate(10))
    report = save(site / "b", evaluate(20))
    write_json(site / "b.json", {"result": report.model_dump(mode="json"), "files": ["b/examples.jsonl"]})
    assert run_command("compare", "a", "b.json", "--output", "page.html") == 0
    out = capsys.readouterr().out
    assert "10 questions flipped" in out
    assert out.rstrip().endswith("page.html")
    assert "Questions that flipped" in (site / "page.html").read_text(encoding="utf-8")
    assert run_command("compare", "a/report.json", "b", "--json") == 0
    assert Comparison.model_validate_json(capsys.readouterr().out).flips_total == 10


def test_evaluations_in_the_store_are_found_by_run_by_verdict_and_by_place(
    site: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    store, runs = Store(site / "home/store"), ("a" * 32, "b" * 32)
    names = []
    for run_id, right in zip(runs, (10, 20), strict=True):
        key = make_key("evaluate", 4, {"right": right}, {})
        with store.working(key) as directory:
            write_records(directory / "examples.jsonl", evaluate(right))
            described = store.describe(key, "examples.jsonl", "application/jsonl")
            report = make_report(evaluate(right)).model_copy(update={"examples": described})
            store.commit(key, report, run_id)
        names.append(key.name)
    assert run_command("compare", runs[0], names[1], "--json") == 0
    assert Comparison.model_validate_json(capsys.readouterr().out).flips_total == 10
    decided = make_key("verdict", 3, {}, {"report": digest_json(report.model_dump(mode="json")), "champion": "none"})
    with store.working(decided):
        store.commit(decided, Verdict(ship=True, reasons=(), headline=""), "c" * 32)
    assert run_command("compare", runs[0], "c" * 32, "--json") == 0
    assert Comparison.model_validate_json(capsys.readouterr().out).names == (runs[0], "c" * 32)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("nothing", "a"), 3, "'nothing' names no evaluation"),
        (("d" * 32, "a"), 3, "names no evaluation"),
        (("a", "champion"), 8, "heimdall retrain"),
        (("a", "empty"), 3, "report.json"),
        (("a", "broken.json"), 3, "no JSON text"),
        (("a", "other.json"), 3, "no report of `heimdall evaluate`"),
        (("a", "lost"), 3, "examples of the report 'lost' are missing"),
        (("a", "mixed"), 3, "does not hold the examples"),
        (("a", "a", "--output", "page.txt"), 2, "should end with .html"),
    ],
)
def test_what_cannot_be_found_is_named_in_one_sentence(
    arguments: tuple[str, ...],
    code: int,
    says: str,
    site: Path,
    run_command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("a", "lost", "mixed"):
        save(site / name, evaluate(3))
    (site / "empty").mkdir()
    (site / "lost/examples.jsonl").unlink()
    write_records(site / "mixed/examples.jsonl", evaluate(4))
    (site / "broken.json").write_text("{")
    (site / "other.json").write_text(json.dumps({"result": {"model": 3}}))
    assert run_command("compare", *arguments) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_all_slices_of_a_whole_report_fit_into_the_table() -> None:
    printed = print_comparison(compare(make_examples(0.5), make_examples(0.7, seed=2)))
    assert printed.count("right result") >= 10
