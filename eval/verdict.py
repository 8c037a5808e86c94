"""Whether a model may ship: floors that every model must reach, and proof that it beats the one running now.

Everything here is a pure function of reports, so that a verdict can be repeated from what is stored.
"""

from collections.abc import Mapping, Sequence

from eval.metrics import LOWER_IS_BETTER, SHARES, check_path, find_score
from eval.statistics import Difference, find_noise_floor
from heimdall.config import GateConfig
from heimdall.errors import UsageError, VerdictError
from heimdall.refs import EvalReport, Score, Slice, Verdict

# What counts as a right answer, by the kind of question.
_RIGHT = ("action_accuracy", "execution_accuracy", "answer_accuracy")


def check_gate(gate: GateConfig, splits: Sequence[str]) -> None:
    """Raises `UsageError` for a path in the gate that an evaluation of these splits cannot answer.

    Meant to be called before anything is trained: a misspelt floor should not cost half an hour.
    """
    for path in [*gate.floors, gate.headline, *gate.guarded]:
        check_path(path, splits)
    for path in gate.floors:
        if path.rsplit("/", 1)[1] in LOWER_IS_BETTER:
            raise UsageError(f"'{path}' is better when it is lower, so it cannot have a floor.")
    for path in (gate.headline, *gate.guarded):
        if path.rsplit("/", 1)[1] not in SHARES:
            raise UsageError(f"'{path}' is not a share of right answers, so two models cannot be paired on it.")


def list_paired_paths(gate: GateConfig) -> list[str]:
    """The scores on which candidate and champion are compared question by question, without repeats."""
    return list(dict.fromkeys([gate.headline, *gate.guarded]))


def list_suite_paths(report: EvalReport) -> list[str]:
    """The shares of right answers that a user's own questions gave."""
    return [
        f"{part.family}/{part.split}/{name}"
        for part in report.slices
        for name in _RIGHT
        if name in part.scores and part.scores[name].n
    ]


def explain_difference(candidate: EvalReport, other: EvalReport, name: str = "the champion") -> str | None:
    """Why two reports cannot be compared, in words; None if they can. If so, evaluate the other's file anew."""
    for what, key in (("data set", "dataset_digest"), ("prompt", "prompt"), ("contract", "contract_digest")):
        if getattr(candidate, key) != getattr(other, key):
            return f"{name} was evaluated with another {what}"
    return None


def decide(
    candidate: EvalReport,
    champion: EvalReport | None,
    gate: GateConfig,
    differences: Mapping[str, Difference] | None = None,
    kept: Mapping[str, Difference] | None = None,
) -> Verdict:
    """Weighs a candidate against the gate and, if there is one, the champion.

    A candidate ships when every floor and the limits of size and time hold, when every score that the gate names rests
    on at least `gate.min_n` judged questions and, against a champion, when the paired interval of the headline lies
    above zero and no guarded score is more than `gate.margin` lower. A candidate that is the champion's own file is
    kept. `differences` come from `compare_examples` on `list_paired_paths(gate)`, and so do `kept`: they are from the
    former model that the candidate was trained on from, on the questions of that run or of a suite, and none may fall
    by more than the margin either.

    Raises `VerdictError` if the champion was evaluated on something else, `UsageError` for an unknown path.
    """
    if champion is not None and (why := explain_difference(candidate, champion)):
        raise VerdictError(f"The models cannot be compared: {why}; evaluate its file on this data set first.")
    checks = [_check_floor(path, floor, find_score(candidate.slices, path)) for path, floor in gate.floors.items()]
    if gate.max_bytes is not None:
        fits = candidate.model_bytes <= gate.max_bytes
        checks.append((fits, f"size {candidate.model_bytes:,} bytes, limit {gate.max_bytes:,}"))
    if gate.max_latency_p95_ms is not None:
        checks.append(_check_latency(candidate.slices, gate.max_latency_p95_ms))
    if gate.min_n:
        checks += _check_numbers(candidate.slices, gate, differences)
    headline = f"{gate.headline} = {format_score(find_score(candidate.slices, gate.headline))}"
    keep = champion is not None and champion.model_sha256 == candidate.model_sha256
    if champion is None:
        checks.append((True, "first model: there is no champion to beat"))
    elif keep:
        checks.append((True, "this file is the champion: it is kept, nothing moves"))
    else:
        checks.append(_check_headline(gate.headline, (differences or {}).get(gate.headline)))
        checks += [_check_guarded(path, gate.margin, (differences or {}).get(path)) for path in gate.guarded]
    checks += [check for path, difference in (kept or {}).items() for check in _check_kept(path, gate, difference)]
    reasons = tuple(f"{'✓' if passed else '✗'} {text}" for passed, text in checks)
    ship = not keep and all(passed for passed, _ in checks)
    noise = describe_noise(find_score(candidate.slices, gate.headline), (differences or {}).get(gate.headline))
    return Verdict(ship=ship, keep=keep, reasons=reasons, headline=headline, noise=noise)


def describe_noise(score: Score, difference: Difference | None = None) -> str:
    """From which difference on the questions of a score can tell two models apart, in words; empty without questions.

    Where there is no other model yet, it is taken to be as good and to err independently, which moves the share
    2 p (1 - p) of the questions.
    """
    if difference is not None:
        n, moved = difference.n, (difference.gained + difference.lost) / difference.n
        means = "as many as moved between these two models"
    elif score.n and score.value is not None:
        n, moved = score.n, 2 * score.value * (1 - score.value)
        means = "as between two equally good models that err independently"
    else:
        return ""
    floor = 100 * find_noise_floor(n, moved)
    return f"{n} questions show a difference from {floor:.1f} points on if {moved:.0%} of them move, {means}.".replace(
        "%", " %"
    )


def format_score(score: Score) -> str:
    """`62.5 % [55.6, 68.9], n 200`; a score without an example is `not measured`."""
    if score.value is None or score.low is None or score.high is None:
        return "not measured"
    if score.unit == "share":
        return f"{score.value:.1%} [{100 * score.low:.1f}, {100 * score.high:.1f}], n {score.n}".replace("%", " %")
    unit = "" if score.unit == "ratio" else f" {score.unit}"
    places = 3 if score.unit == "ratio" else 0
    return f"{score.value:.{places}f}{unit} [{score.low:.{places}f}, {score.high:.{places}f}], n {score.n}"


def _check_floor(path: str, floor: float, score: Score) -> tuple[bool, str]:
    asked = f"{100 * floor:g} %" if score.unit == "share" else f"{floor:g}"
    return score.value is not None and score.value >= floor, f"{path} {format_score(score)}, floor {asked}"


def _check_latency(slices: Sequence[Slice], limit: float) -> tuple[bool, str]:
    timed = [(score.value, part) for part in slices if (score := part.scores["latency_p95_ms"]).value is not None]
    if not timed:
        return False, f"no answer was timed, limit of p95 {limit:g} ms; raise evaluation.timed_rows"
    value, part = max(timed, key=lambda item: item[0])
    return value <= limit, f"slowest p95 {value:.0f} ms ({part.family}/{part.split}), limit {limit:g} ms"


def _check_numbers(
    slices: Sequence[Slice], gate: GateConfig, differences: Mapping[str, Difference] | None
) -> list[tuple[bool, str]]:
    """One reason for each score that rests on too few questions, or one that none does."""
    judged = {f"{part.family}/{part.split}/{name}": score.n for part in slices for name, score in part.scores.items()}
    counts = {path: judged.get(path, 0) for path in [*gate.floors, gate.headline, *gate.guarded]}
    # Compared with a champion, only the questions count that were judged for both.
    counts |= {path: min(counts[path], found.n) for path, found in (differences or {}).items() if path in counts}
    short = [
        (False, f"{path} rests on {n} judged questions, at least {gate.min_n} are asked for")
        for path, n in counts.items()
        if n < gate.min_n
    ]
    least = min(counts.values())
    return short or [(True, f"at least {least} judged questions behind each of these scores, {gate.min_n} asked for")]


def _check_headline(path: str, difference: Difference | None) -> tuple[bool, str]:
    if difference is None:
        return False, f"{path} shares no question with the champion's evaluation"
    better = difference.low > 0
    says = "better than the champion" if better else "not proven better than the champion"
    return better, f"{path} {says}: {format_difference(difference)}"


def _check_guarded(path: str, margin: float, difference: Difference | None) -> tuple[bool, str]:
    if difference is None:
        return False, f"{path} shares no question with the champion's evaluation"
    holds = difference.value >= -margin
    says = "holds" if holds else "falls"
    return holds, f"{path} {says} (margin {100 * margin:g} points): {format_difference(difference)}"


def _check_kept(path: str, gate: GateConfig, difference: Difference) -> list[tuple[bool, str]]:
    """The former run's questions guard a score as the champion's do, and must be as many; a suite may be small."""
    if path.split("/")[1] == "suite":
        return [_check_guarded(f"on the suite, against the former model, {path}", gate.margin, difference)]
    title = f"on the former run's questions {path}"
    if difference.n < gate.min_n:
        return [(False, f"{title} rests on {difference.n} judged questions, at least {gate.min_n} are asked for")]
    return [_check_guarded(title, gate.margin, difference)]


def format_difference(difference: Difference) -> str:
    """`+3.0 points [+1.0, +5.5], 9 gained, 3 lost of 200`."""
    bounds = f"[{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
    moved = f"{difference.gained} gained, {difference.lost} lost of {difference.n}"
    return f"{100 * difference.value:+.1f} points {bounds}, {moved}"
