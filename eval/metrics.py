"""What is measured on a question, and how the questions of one slice become scores with n and a 95 % interval."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from eval.calibration import measure_auroc, measure_brier, measure_ece
from eval.judging import Judged
from eval.statistics import Array, Difference, bootstrap_interval, compare_paired, sum_ratio, wilson_interval
from eval.task_measures import TASK_SHARES, count_links
from heimdall.errors import UsageError, suggest
from heimdall.records import read_records
from heimdall.refs import Record, Score, Slice
from heimdall.rows import ALONE, FAMILIES, LACKING, SPLITS, UNRELATED, Family, Prompt, Split
from nornicdb.prompts import SYSTEM_PROMPTS

SuiteSplit = Literal["suite"]  # where a split is named: the questions of a user's own suite


class Example(Record):
    """One question put to the model: what was expected, what came back and how it was judged.

    `further`: the question was asked once more, under another prompt than the usual one or `alone`, without what was
    said before it or found for it. `json_valid` and the actions
    are null where none was expected, `exact` where an answer has no form to compare. `judgement` is of the whole
    answer, `repaired` what it would be after `cypher.repair`. `tokens` were generated, the one that ends the turn
    included. `parses` is null where neither Cypher nor other code
    was expected, `repaired` where no Cypher was; `nll` (nats, summed over `nll_tokens`
    tokens of the expected answer) is null where it was not sampled. Times are null where the question was not asked by
    itself as well. `constrained` and its like are of the answer under the grammar, null where that was not asked for;
    its reply is null where it is the free one. `other_actions` are right as well: a suite may accept several answers,
    of which `expected` is the first. `similarity` is the query's to the expected one, `valid_call` says that the reply
    calls an existing action with parameters that it takes; both are null where no such thing was expected.
    `confidence` is the probability that the model gives to the whole free answer. `refused`: the reply is prose that
    runs nothing; null in files of older versions.
    """

    id: str
    family: Family
    category: str | None = None
    split: Split | SuiteSplit
    prompt: Prompt
    further: bool = False
    alone: bool = False
    order: int
    question: str
    schema_id: str | None
    expected: str
    expected_action: str | None
    other_actions: tuple[str, ...] = ()
    reply: str
    action: str | None
    json_valid: bool | None
    stopped: str
    parses: bool | None
    exact: bool | None
    similarity: float | None = None
    valid_call: bool | None = None
    refused: bool | None = None
    judgement: Judged
    reason: str
    prompt_tokens: int
    tokens: int
    confidence: float | None = None
    first_token_ms: float | None = None
    total_ms: float | None = None
    constrained: Judged | None = None
    constrained_json_valid: bool | None = None
    constrained_action: str | None = None
    constrained_reply: str | None = None
    repaired: Judged | None = None
    nll: float | None = None
    nll_tokens: int | None = None

    @property
    def series(self) -> str:
        """The name of its slices: the family, also with the prompt if that is not the usual one (`action@tail`)."""
        return f"{self.family}@{'alone' if self.alone else self.prompt}" if self.further else self.family

    @property
    def is_unanswerable(self) -> bool:
        """Whether a query was asked for and none is right: a refusal was expected."""
        return self.family in ("cypher_schema", "cypher_plain") and self.expected_action is None


# What is asked once more in another way stands in slices behind the usual ones.
SERIES: tuple[str, ...] = (
    *FAMILIES,
    *(f"action@{prompt}" for prompt in SYSTEM_PROMPTS),
    *(f"{family}@alone" for family in ALONE),
)
Measure = Callable[[Example], bool | None]


def _is_right(example: Example) -> bool | None:
    return None if example.judgement == "not_judged" else example.judgement == "right"


def _is_right_query(example: Example) -> bool | None:
    return None if example.is_unanswerable else _is_right(example)


def _is_right_refusal(example: Example) -> bool | None:
    return _is_right(example) if example.is_unanswerable else None


def _is_refused(example: Example) -> bool | None:
    return example.refused if example.is_unanswerable else None


def _is_not_refused(example: Example) -> bool | None:
    return None if example.is_unanswerable or example.refused is None else not example.refused


def _needs_context(example: Example) -> bool | None:
    """Whether only what was said before or was found gives the answer; None where there is nothing such."""
    return example.category not in (UNRELATED, LACKING) if example.family in ALONE else None


def _is_right_by_context(example: Example) -> bool | None:
    return _is_right(example) if _needs_context(example) else None


def _is_right_despite_context(example: Example) -> bool | None:
    return _is_right(example) if _needs_context(example) is False else None


def _is_repaired_right(example: Example) -> bool | None:
    return None if example.repaired in (None, "not_judged") else example.repaired == "right"


def _is_constrained_right(example: Example) -> bool | None:
    return None if example.constrained in (None, "not_judged") else example.constrained == "right"


def _is_constrained_action(example: Example) -> bool | None:
    return None if example.constrained is None else _is_expected(example, example.constrained_action)


def _is_expected(example: Example, action: str | None) -> bool | None:
    return None if example.expected_action is None else action in (example.expected_action, *example.other_actions)


# A measure answers None where the question says nothing about it; such questions are not part of the score's n.
SHARES: dict[str, Measure] = {
    "json_valid": lambda example: example.json_valid,
    "action_accuracy": lambda example: _is_expected(example, example.action),
    "params_accuracy": _is_right,
    "parse_rate": lambda example: example.parses,
    "execution_accuracy": _is_right_query,
    "refusal_recall": _is_refused,
    "refusal_accuracy": _is_right_refusal,
    "no_false_refusal": _is_not_refused,
    "answer_accuracy": _is_right,
    "context_accuracy": _is_right_by_context,
    "distractor_accuracy": _is_right_despite_context,
    "repaired_execution_accuracy": _is_repaired_right,
    "constrained_json_valid": lambda example: example.constrained_json_valid,
    "constrained_action_accuracy": _is_constrained_action,
    "constrained_params_accuracy": _is_constrained_right,
    "constrained_execution_accuracy": _is_constrained_right,
    "constrained_answer_accuracy": _is_constrained_right,
    "judged": lambda example: example.judgement != "not_judged",
    "exact_match": lambda example: example.exact,
    **TASK_SHARES,
}
# How well confidence tells right answers from wrong ones; answers that were not judged do not count.
CALIBRATION: dict[str, Callable[[Array, Array], Array]] = {
    "ece": measure_ece,
    "brier": measure_brier,
    "auroc": measure_auroc,
}
_COSTS = ("perplexity", "bits_per_byte", "latency_p50_ms", "latency_p95_ms", "tokens_per_second", *CALIBRATION)
_CONSTRAINED = ("constrained_json_valid", "constrained_action_accuracy")
_CYPHER = (
    "json_valid", "action_accuracy", "parse_rate", "execution_accuracy", "refusal_recall", "refusal_accuracy",
    "no_false_refusal", "repaired_execution_accuracy", "judged", "exact_match", *_CONSTRAINED,
    "constrained_execution_accuracy", *_COSTS,
)  # fmt: skip
_ACTION = (
    "json_valid", "action_accuracy", "params_accuracy", "judged", "exact_match", *_CONSTRAINED,
    "constrained_params_accuracy", *_COSTS,
)  # fmt: skip
_CONTEXT = ("context_accuracy", "distractor_accuracy")
_JSON = ("constrained_json_valid", "constrained_answer_accuracy")
_PROSE = ("answer_accuracy", "judged", *_COSTS)
METRICS: dict[Family, tuple[str, ...]] = {
    "action": _ACTION,
    "history": (
        "json_valid", "action_accuracy", "parse_rate", "answer_accuracy", *_CONTEXT, "judged", "exact_match",
        *_CONSTRAINED, "constrained_params_accuracy", *_COSTS,
    ),
    "knowledge": ("json_valid", "action_accuracy", "answer_accuracy", *_CONTEXT, "judged", *_COSTS),
    "cypher_schema": _CYPHER,
    "cypher_plain": _CYPHER,
    "cypher_help": (
        "parse_rate",
        "execution_accuracy",
        "repaired_execution_accuracy",
        "judged",
        "exact_match",
        *_COSTS,
    ),
    "operations": _PROSE,
    "tlp_review": ("json_valid", "link_f1", "no_invented_ids", *_JSON, *_PROSE),
    "cognitive": ("json_valid", *TASK_SHARES, *_JSON, *_PROSE),
    "code": ("parse_rate", "answer_accuracy", "judged", "exact_match", *_COSTS),
    "general": _PROSE,
}  # fmt: skip
LOWER_IS_BETTER = ("perplexity", "bits_per_byte", "latency_p50_ms", "latency_p95_ms", "ece", "brier")


def list_metrics(series: str) -> tuple[str, ...]:
    """The metrics of a family, or of a family under a further prompt."""
    return next(METRICS[family] for family in FAMILIES if family == series.partition("@")[0])


def score_slice(examples: Sequence[Example], series: str, split: Split | SuiteSplit, seed: int = 1) -> Slice:
    """The scores that make sense for this family, over the examples of one slice."""
    scores = {name: score_metric(name, examples, seed) for name in list_metrics(series)}
    return Slice(family=series, split=split, scores=scores)


def score_examples(examples: Iterable[Example], seed: int = 1) -> tuple[Slice, ...]:
    """The slices that have examples, by family and split."""
    by_slice: dict[tuple[str, Split | SuiteSplit], list[Example]] = defaultdict(list)
    for example in examples:
        by_slice[example.series, example.split].append(example)
    splits: tuple[Split | SuiteSplit, ...] = (*SPLITS, "suite")
    order = [(series, split) for series in SERIES for split in splits]
    return tuple(score_slice(by_slice[place], *place, seed) for place in order if place in by_slice)


def score_share(right: int, n: int) -> Score:
    """A share with Wilson's interval; empty when n is 0."""
    if n == 0:
        return Score(n=0, value=None, low=None, high=None)
    low, high = wilson_interval(right, n)
    return Score(n=n, value=right / n, low=low, high=high)


def list_confidences(examples: Iterable[Example]) -> list[tuple[float, bool]]:
    """Confidence of each judged answer and whether it was right."""
    judged = ((example.confidence, _is_right(example)) for example in examples)
    return [(confidence, right) for confidence, right in judged if confidence is not None and right is not None]


def find_score(slices: Iterable[Slice], path: str) -> Score:
    """The score named `family/split/metric` (`action@tail/…` under a further prompt).

    Raises `UsageError` with the nearest known path.
    """
    known = {f"{part.family}/{part.split}/{name}": score for part in slices for name, score in part.scores.items()}
    if path not in known:
        raise UsageError(f"No score is called '{path}'.{suggest(path, list(known))}")
    return known[path]


def check_path(path: str, splits: Sequence[str] = SPLITS) -> None:
    """Raises `UsageError` unless a score of this name can come out of an evaluation of these splits."""
    known = [f"{series}/{split}/{name}" for series in SERIES for split in splits for name in list_metrics(series)]
    if path not in known:
        raise UsageError(f"No score can be called '{path}' (family/split/metric).{suggest(path, known)}")


def compare_examples(
    candidate: Iterable[Example], champion: Iterable[Example], paths: Iterable[str], seed: int = 1
) -> dict[str, Difference]:
    """The paired difference of each share that `paths` names; a path without a shared question is left out."""
    asked, before = list(candidate), list(champion)
    differences = {}
    for path in paths:
        check_path(path, (*SPLITS, "suite"))
        series, split, name = path.split("/")
        if name not in SHARES:
            raise UsageError(f"'{path}' is not a share of right answers, so two models cannot be paired on it.")
        pairs = [_values(examples, series, split, SHARES[name]) for examples in (asked, before)]
        difference = compare_paired(pairs[0], pairs[1], seed)
        if difference is not None:
            differences[path] = difference
    return differences


def read_examples(path: Path) -> list[Example]:
    """Reads what `write_records` wrote. Raises `InputError` naming file and line."""
    return [example for _, example in read_records(path, Example)]


def score_metric(name: str, examples: Sequence[Example], seed: int = 1) -> Score:
    """One metric over any examples; those about which it says nothing are not part of its n."""
    if name in SHARES:
        answers = [answer for answer in map(SHARES[name], examples) if answer is not None]
        return score_share(sum(answers), len(answers))
    if name in CALIBRATION:
        return _score_calibration(name, examples, seed)
    if name == "perplexity":
        sampled = [example for example in examples if example.nll is not None and example.nll_tokens]
        score = _score_ratio([e.nll or 0.0 for e in sampled], [e.nll_tokens or 0 for e in sampled], seed)
        return score.model_copy(update={key: _exp(getattr(score, key)) for key in ("value", "low", "high")})
    if name == "link_f1":
        counts = [count for count in map(count_links, examples) if count.total]
        return _score_ratio([count.twice_right for count in counts], [count.total for count in counts], seed)
    if name == "bits_per_byte":
        sampled = [example for example in examples if example.nll is not None]
        bits = [(example.nll or 0.0) / math.log(2) for example in sampled]
        return _score_ratio(bits, [len(example.expected.encode()) for example in sampled], seed)
    if name == "tokens_per_second":
        # The first token is timed with the prompt, so the rate is that of the others.
        timed = [(e.tokens - 1, e.total_ms, e.first_token_ms) for e in examples]
        spans = [(count, (end - first) / 1000) for count, end, first in timed if end is not None and first is not None]
        spans = [(tokens, seconds) for tokens, seconds in spans if tokens > 0 and seconds > 0]
        score = _score_ratio([tokens for tokens, _ in spans], [seconds for _, seconds in spans], seed)
        return score.model_copy(update={"unit": "tokens/s"})
    times = [example.total_ms for example in examples if example.total_ms is not None]
    return _score_quantile(times, {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95}[name], seed)


def _score_ratio(numerators: Sequence[float], denominators: Sequence[float], seed: int) -> Score:
    if not numerators:
        return Score(n=0, value=None, low=None, high=None, unit="ratio")
    columns = (np.array(numerators, dtype=np.float64), np.array(denominators, dtype=np.float64))
    low, high = bootstrap_interval(columns, sum_ratio, seed)
    return Score(n=len(numerators), value=float(sum_ratio(*columns)), low=low, high=high, unit="ratio")


def _score_calibration(name: str, examples: Sequence[Example], seed: int) -> Score:
    pairs = list_confidences(examples)
    columns = (np.array([confidence for confidence, _ in pairs]), np.array([float(right) for _, right in pairs]))
    value = float(CALIBRATION[name](*columns)) if pairs else math.nan
    if math.isnan(value):  # the AUROC where all answers are right or all are wrong
        return Score(n=len(pairs), value=None, low=None, high=None, unit="ratio")
    low, high = bootstrap_interval(columns, CALIBRATION[name], seed)
    return Score(n=len(pairs), value=value, low=low, high=high, unit="ratio")


def _score_quantile(values: Sequence[float], quantile: float, seed: int) -> Score:
    if not values:
        return Score(n=0, value=None, low=None, high=None, unit="ms")
    column = np.array(values, dtype=np.float64)
    low, high = bootstrap_interval((column,), lambda sample: np.quantile(sample, quantile, axis=-1), seed)
    return Score(n=len(values), value=float(np.quantile(column, quantile)), low=low, high=high, unit="ms")


def _exp(value: float | None) -> float | None:
    return None if value is None else float(np.exp(value))


def _values(examples: Iterable[Example], series: str, split: str, measure: Measure) -> Mapping[str, float]:
    measured = ((e.id, measure(e)) for e in examples if e.series == series and e.split == split)
    return {key: float(value) for key, value in measured if value is not None}
