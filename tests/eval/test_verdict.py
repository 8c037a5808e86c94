"""The verdict's truth table."""

import itertools

import pytest
from eval_samples import make_exact_report, make_example, make_report

from eval.metrics import compare_examples
from eval.statistics import Difference, compare_paired, find_noise_floor
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
LIMITS = list(itertools.product([True, False], repeat=3))


def make_gate(floor_is_met: bool, fits: bool, is_fast: bool, is_enough: bool) -> GateConfig:
    """A gate for a model that gets 70 % right of 200 questions, is of 6 MB and answers in 50 ms."""
    return GateConfig(
        floors={HEADLINE: 0.5 if floor_is_met else 0.9},
        max_bytes=10_000_000 if fits else 1,
        max_latency_p95_ms=50 if is_fast else 49.9,
        min_n=200 if is_enough else 201,
    )


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
@pytest.mark.parametrize(("fits", "is_fast", "is_enough"), LIMITS)
def test_a_challenger_ships_only_when_everything_holds(
    headline: Difference | None,
    guarded: Difference | None,
    ships: bool,
    floor_is_met: bool,
    fits: bool,
    is_fast: bool,
    is_enough: bool,
) -> None:
    gate = make_gate(floor_is_met, fits, is_fast, is_enough)
    differences = {path: value for path, value in ((HEADLINE, headline), (GUARDED, guarded)) if value is not None}
    verdict = decide(make_exact_report(0.7), make_exact_report(0.65, sha256="b" * 64), gate, differences)
    assert verdict.ship is (ships and floor_is_met and fits and is_fast and is_enough)
    assert not verdict.keep
    assert len(verdict.reasons) == (6 if is_enough else 7)  # what is short is named, each by itself
    assert all(reason.startswith("✓") for reason in verdict.reasons) is verdict.ship


@pytest.mark.parametrize("floor_is_met", [True, False])
@pytest.mark.parametrize(("fits", "is_fast", "is_enough"), LIMITS)
def test_a_first_model_ships_when_floors_limits_and_numbers_hold(
    floor_is_met: bool, fits: bool, is_fast: bool, is_enough: bool
) -> None:
    verdict = decide(make_exact_report(0.7), None, make_gate(floor_is_met, fits, is_fast, is_enough))
    assert verdict.ship is (floor_is_met and fits and is_fast and is_enough)
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


def test_each_reason_against_names_what_it_is_about() -> None:
    reasons = decide(make_exact_report(0.7), None, make_gate(False, False, False, False)).reasons
    assert [reason[0] for reason in reasons] == ["✗"] * 5 + ["✓"]
    said = " | ".join(reasons)
    for words in (
        f"{HEADLINE} 70.0 % [63.3, 75.9], n 200, floor 90 %",
        "size 6,290,000 bytes, limit 1",
        "slowest p95 50 ms (action/test_iid), limit 49.9 ms",
        f"{HEADLINE} rests on 200 judged questions, at least 201 are asked for",
        f"{GUARDED} rests on 200 judged questions, at least 201 are asked for",
    ):
        assert words in said


def test_the_slowest_slice_decides_about_the_time_and_no_time_is_not_fast() -> None:
    slow = [make_example(id=str(i), split="test_iid", total_ms=400.0 + i) for i in range(40)]
    report = make_report(slow + [make_example(id=f"f{i}", total_ms=5.0) for i in range(40)])
    (reason,) = [r for r in decide(report, None, GateConfig(max_latency_p95_ms=300)).reasons if "p95" in r]
    assert reason == "✗ slowest p95 437 ms (cypher_schema/test_iid), limit 300 ms"
    untimed = make_report([make_example(id=str(i), total_ms=None, first_token_ms=None) for i in range(40)])
    verdict = decide(untimed, None, GateConfig(max_latency_p95_ms=300, guarded=()))
    assert not verdict.ship
    assert "no answer was timed" in " ".join(verdict.reasons)


def test_only_judged_questions_count_and_of_two_models_those_judged_for_both() -> None:
    judged = [make_example(id=str(i)) for i in range(29)]
    hollow = judged + [make_example(id=f"n{i}", judgement="not_judged") for i in range(500)]
    verdict = decide(make_report(hollow), None, GateConfig(guarded=()))
    assert not verdict.ship
    assert f"✗ {HEADLINE} rests on 29 judged questions, at least 30 are asked for" in verdict.reasons
    enough = make_report([*judged, make_example(id="29")])
    assert decide(enough, None, GateConfig(guarded=())).ship
    shared = BETTER.model_copy(update={"n": 29})
    verdict = decide(enough, make_exact_report(0.5, sha256="b" * 64), GateConfig(guarded=()), {HEADLINE: shared})
    assert not verdict.ship


def test_a_guarded_slice_that_was_not_asked_counts_as_no_question() -> None:
    report = make_report([make_example(id=str(i)) for i in range(40)])
    verdict = decide(report, None, GateConfig())
    assert f"✗ {GUARDED} rests on 0 judged questions, at least 30 are asked for" in verdict.reasons
    assert decide(report, None, GateConfig(min_n=0)).ship


@pytest.mark.parametrize(("n", "gained", "lost"), [(200, 20, 4), (200, 40, 40), (1000, 55, 20), (60, 6, 0)])
def test_a_difference_above_the_noise_floor_is_proven_and_half_of_it_is_not(n: int, gained: int, lost: int) -> None:
    floor = find_noise_floor(n, (gained + lost) / n)
    moves = [1.0] * gained + [-1.0] * lost + [0.0] * (n - gained - lost)
    found = compare_paired({str(i): move for i, move in enumerate(moves)}, {str(i): 0.0 for i in range(n)})
    assert found is not None
    if found.value >= 1.1 * floor:
        assert found.low > 0
    elif found.value <= 0.5 * floor:
        assert found.low <= 0
    assert find_noise_floor(4 * n, (gained + lost) / n) < floor


def test_the_noise_floor_is_said_for_the_headline() -> None:
    first = decide(make_exact_report(0.7), None, GateConfig())
    # 1.96 * sqrt(2 * 0.7 * 0.3 / (200 + 3.84))
    assert first.noise.startswith("200 questions show a difference from 8.9 points on if 42 % of them move")
    report, champion = make_exact_report(0.7), make_exact_report(0.65, sha256="b" * 64)
    later = decide(report, champion, GateConfig(), {HEADLINE: BETTER, GUARDED: SAME})
    assert "from 4.1 points on if 9 % of them move" in later.noise
    assert find_noise_floor(1, 1.0) == 1.0
    with pytest.raises(ValueError, match="at least one question"):
        find_noise_floor(0, 0.5)


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


@pytest.mark.parametrize(
    ("kept", "holds", "says"),
    [
        (SAME, True, "holds"),
        (BETTER, True, "holds"),
        (JUST_WITHIN, True, "holds"),
        (JUST_BEYOND, False, "falls"),
        (WORSE, False, "falls"),
        (SAME.model_copy(update={"n": 20}), False, "rests on 20 judged questions"),
    ],
)
def test_a_model_that_was_trained_on_may_not_forget_what_the_former_run_asked(
    kept: Difference, holds: bool, says: str
) -> None:
    verdict = decide(make_exact_report(0.7), None, GateConfig(min_n=30), {}, {GUARDED: kept})
    (reason,) = (text for text in verdict.reasons if "the former run's questions" in text)
    assert says in reason
    assert verdict.ship is holds


@pytest.mark.parametrize(("kept", "holds"), [(SAME, True), (WORSE, False), (SAME.model_copy(update={"n": 3}), True)])
def test_a_users_own_suite_guards_however_few_its_questions_are(kept: Difference, holds: bool) -> None:
    verdict = decide(make_exact_report(0.7), None, GateConfig(min_n=30), {}, {"action/suite/action_accuracy": kept})
    (reason,) = (text for text in verdict.reasons if "on the suite, against the former model" in text)
    assert verdict.ship is holds
    assert ("holds" if holds else "falls") in reason
