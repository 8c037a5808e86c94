"""The verdict's truth table."""

import pytest
from eval_samples import make_exact_report, make_example

from eval.metrics import compare_examples
from eval.statistics import Difference
from eval.verdict import check_gate, decide, explain_difference, format_score, list_paired_paths
from heimdall.config import EvalConfig, GateConfig
from heimdall.errors import UsageError, VerdictError
from heimdall.refs import Score

HEADLINE = "cypher_schema/test_schema/execution_accuracy"
GUARDED = "action/test_iid/action_accuracy"
BETTER = Difference(n=200, value=0.05, low=0.01, high=0.09, gained=14, lost=4)
SLIGHTLY = Difference(n=200, value=0.05, low=-0.01, high=0.11, gained=20, lost=10)
SAME = Difference(n=200, value=0.0, low=0.0, high=0.0, gained=0, lost=0)
WORSE = Difference(n=200, value=-0.05, low=-0.09, high=-0.01, gained=4, lost=14)
JUST_WITHIN = Difference(n=200, value=-0.02, low=-0.05, high=0.01, gained=4, lost=8)
JUST_BEYOND = Difference(n=200, value=-0.025, low=-0.05, high=0.01, gained=4, lost=9)


@pytest.mark.parametrize(
    ("headline", "guarded", "ships"),
    [
        (BETTER, SAME, True),
        (BETTER, BETTER, True),
        (BETTER, JUST_WITHIN, True),
        (BETTER, JUST_BEYOND, False),
        (BETTER, WORSE, False),
        (BETTER, None, False),
        (SLIGHTLY, SAME, False),
        (SAME, BETTER, False),
        (WORSE, BETTER, False),
        (None, SAME, False),
    ],
)
@pytest.mark.parametrize("floor_is_met", [True, False])
@pytest.mark.parametrize("fits", [True, False])
def test_a_challenger_ships_only_when_everything_holds(
    headline: Difference | None, guarded: Difference | None, ships: bool, floor_is_met: bool, fits: bool
) -> None:
    gate = GateConfig(floors={HEADLINE: 0.5 if floor_is_met else 0.9}, max_bytes=10_000_000 if fits else 1)
    differences = {path: value for path, value in ((HEADLINE, headline), (GUARDED, guarded)) if value is not None}
    verdict = decide(make_exact_report(0.7), make_exact_report(0.65, sha256="b" * 64), gate, differences)
    assert verdict.ship is (ships and floor_is_met and fits)
    assert not verdict.keep
    assert len(verdict.reasons) == 4
    assert all(reason.startswith("✓") for reason in verdict.reasons) is verdict.ship


@pytest.mark.parametrize("floor_is_met", [True, False])
@pytest.mark.parametrize("fits", [True, False])
def test_a_first_model_ships_when_floors_and_size_hold(floor_is_met: bool, fits: bool) -> None:
    gate = GateConfig(floors={HEADLINE: 0.5 if floor_is_met else 0.9}, max_bytes=10_000_000 if fits else 1)
    verdict = decide(make_exact_report(0.7), None, gate)
    assert verdict.ship is (floor_is_met and fits)
    assert any("first model" in reason for reason in verdict.reasons)
    assert HEADLINE in verdict.headline


@pytest.mark.parametrize("floor", [0.5, 0.9])
def test_the_champion_itself_is_kept_and_does_not_ship_again(floor: float) -> None:
    report = make_exact_report(0.7)
    verdict = decide(report, report, GateConfig(floors={HEADLINE: floor}), {HEADLINE: BETTER, GUARDED: BETTER})
    assert (verdict.ship, verdict.keep) == (False, True)


def test_a_floor_is_reached_by_the_value_itself() -> None:
    assert decide(make_exact_report(0.55), None, GateConfig(floors={HEADLINE: 0.55})).ship
    assert not decide(make_exact_report(0.545), None, GateConfig(floors={HEADLINE: 0.55})).ship


def test_a_score_that_was_not_measured_reaches_no_floor() -> None:
    report = make_exact_report(0.7)
    part = report.slices[0]
    empty = Score(n=0, value=None, low=None, high=None)
    hollow = part.model_copy(update={"scores": {**part.scores, "action_accuracy": empty}})
    path = f"{part.family}/{part.split}/action_accuracy"
    verdict = decide(
        report.model_copy(update={"slices": (hollow, *report.slices[1:])}), None, GateConfig(floors={path: 0.0})
    )
    assert not verdict.ship
    assert "not measured" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dataset_digest": "x" * 64}, "data set"),
        ({"prompt": "full"}, "prompt"),
        ({"contract_digest": "x" * 64}, "contract"),
    ],
)
def test_reports_on_different_things_are_not_compared(change: dict[str, object], named: str) -> None:
    champion = make_exact_report(0.6, sha256="b" * 64, **change)
    assert named in str(explain_difference(make_exact_report(0.7), champion))
    with pytest.raises(VerdictError, match=f"another {named}"):
        decide(make_exact_report(0.7), champion, GateConfig(), {HEADLINE: BETTER, GUARDED: SAME})
    assert explain_difference(make_exact_report(0.7), make_exact_report(0.6)) is None


def test_a_gate_is_checked_before_anything_is_trained() -> None:
    splits = EvalConfig().splits
    check_gate(GateConfig(floors={HEADLINE: 0.5, "action/test_iid/tokens_per_second": 10.0}), splits)
    with pytest.raises(UsageError, match="Did you mean"):
        check_gate(GateConfig(floors={"cypher_schema/test_schema/execution": 0.5}), splits)
    with pytest.raises(UsageError, match="test_schema"):
        check_gate(GateConfig(), ("test_iid",))
    with pytest.raises(UsageError, match="cannot have a floor"):
        check_gate(GateConfig(floors={"action/test_iid/perplexity": 1.0}), splits)
    with pytest.raises(UsageError, match="cannot be paired"):
        check_gate(GateConfig(headline="action/test_iid/tokens_per_second"), splits)
    with pytest.raises(UsageError, match="cannot be paired"):
        check_gate(GateConfig(guarded=("action/test_iid/latency_p50_ms",)), splits)


def test_an_unknown_path_stops_the_decision_and_suggests_the_right_one() -> None:
    with pytest.raises(UsageError, match="Did you mean"):
        decide(make_exact_report(0.7), None, GateConfig(floors={"cypher_schema/test_schema/execution": 0.5}))


def test_examples_of_two_models_lead_to_a_verdict() -> None:
    gate = GateConfig(guarded=("cypher_schema/test_schema/parse_rate",))
    before = [make_example(id=str(i), judgement="right" if i < 100 else "wrong") for i in range(200)]
    after = [make_example(id=str(i), judgement="right" if i < 130 else "wrong") for i in range(200)]
    differences = compare_examples(after, before, list_paired_paths(gate))
    verdict = decide(make_exact_report(0.65), make_exact_report(0.5, sha256="b" * 64), gate, differences)
    assert verdict.ship
    assert "30 gained, 0 lost of 200" in " ".join(verdict.reasons)
    swapped = compare_examples(before, after, list_paired_paths(gate))
    assert not decide(make_exact_report(0.5), make_exact_report(0.65, sha256="b" * 64), gate, swapped).ship


def test_a_path_that_is_headline_and_guarded_is_compared_once() -> None:
    assert list_paired_paths(GateConfig(guarded=(HEADLINE, GUARDED, GUARDED))) == [HEADLINE, GUARDED]


def test_scores_are_written_with_interval_and_n() -> None:
    assert format_score(Score(n=200, value=0.625, low=0.556, high=0.689)) == "62.5 % [55.6, 68.9], n 200"
    assert format_score(Score(n=0, value=None, low=None, high=None)) == "not measured"
    assert format_score(Score(n=3, value=1.25, low=1.1, high=1.5, unit="ratio")) == "1.250 [1.100, 1.500], n 3"
    assert format_score(Score(n=3, value=51, low=40, high=60, unit="ms")) == "51 ms [40, 60], n 3"
