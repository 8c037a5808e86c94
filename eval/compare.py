"""Two evaluations side by side: both values of every score, the paired difference, and the questions that flipped."""

from collections.abc import Sequence
from typing import NamedTuple

from eval.card import take_turns
from eval.metrics import SHARES, Example, compare_examples, list_metrics
from eval.statistics import Difference
from eval.verdict import explain_difference
from heimdall.errors import UsageError
from heimdall.refs import EvalReport, Record, Score

FLIPS_SHOWN = 24


class Evaluation(NamedTuple):
    """A report, its examples, and what to call it."""

    name: str
    report: EvalReport
    examples: Sequence[Example]


class ComparedScore(Record):
    """One score of both. `difference` is the second less the first on the questions that say something about both;
    null where a score is not a share of right answers."""

    series: str
    split: str
    metric: str
    first: Score
    second: Score
    difference: Difference | None


class Flip(Record):
    """A question that one of the two answered right and the other wrong; `gained`: the second one is right."""

    first: Example
    second: Example
    gained: bool


class Comparison(Record):
    """Everything that a comparison shows. `flips` are some of `flips_total`."""

    names: tuple[str, str]
    reports: tuple[EvalReport, EvalReport]
    scores: tuple[ComparedScore, ...]
    flips: tuple[Flip, ...]
    flips_total: int


def compare_evaluations(first: Evaluation, second: Evaluation) -> Comparison:
    """Compares what both measured, question by question.

    Raises `UsageError` where the two were not asked the same: other data set, prompt or contract, or no common slice.
    """
    if why := explain_difference(first.report, second.report, second.name):
        raise UsageError(f"'{first.name}' and '{second.name}' cannot be compared: {why}; evaluate both alike first.")
    scores = list(_pair_scores(first, second))
    if not scores:
        raise UsageError(f"'{first.name}' and '{second.name}' cannot be compared: they have no slice in common.")
    paths = [f"{each.series}/{each.split}/{each.metric}" for each in scores if each.metric in SHARES]
    differences = compare_examples(second.examples, first.examples, paths)
    flips = _find_flips(first.examples, second.examples)
    shown = take_turns([flip.second for flip in flips], FLIPS_SHOWN)
    chosen = {example.id for example in shown}
    return Comparison(
        names=(first.name, second.name),
        reports=(first.report, second.report),
        scores=tuple(
            each.model_copy(update={"difference": differences.get(f"{each.series}/{each.split}/{each.metric}")})
            for each in scores
        ),
        flips=tuple(flip for flip in flips if flip.second.id in chosen),
        flips_total=len(flips),
    )


def _pair_scores(first: Evaluation, second: Evaluation) -> list[ComparedScore]:
    others = {(part.family, part.split): part for part in second.report.slices}
    return [
        ComparedScore(
            series=part.family,
            split=part.split,
            metric=name,
            first=part.scores[name],
            second=other.scores[name],
            difference=None,
        )
        for part in first.report.slices
        if (other := others.get((part.family, part.split)))
        for name in list_metrics(part.family)
        if {name} <= part.scores.keys() & other.scores.keys()  # an older report may lack one
        if part.scores[name].n or other.scores[name].n
    ]


def _find_flips(first: Sequence[Example], second: Sequence[Example]) -> list[Flip]:
    """In the order of the first one's examples; an answer that was not judged is no flip."""
    after = {example.id: example for example in second}
    pairs = [(example, after[example.id]) for example in first if example.id in after]
    return [
        Flip(first=one, second=other, gained=other.judgement == "right")
        for one, other in pairs
        if {one.judgement, other.judgement} == {"right", "wrong"}
    ]
