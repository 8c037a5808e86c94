"""The report card: one typed record of everything there is to say about an evaluation.

`eval.render` and `eval.figures` show it in the terminal, as a page and as Markdown; nothing is read back from those.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from eval.calibration import BINS
from eval.metrics import Example, list_confidences, list_metrics, score_share
from eval.named import NamedFigure, list_named_figures
from eval.statistics import Difference
from heimdall.refs import EvalReport, ExportResult, ModelRef, Record, Score, ValidationReport, Verdict
from heimdall.rows import FAMILIES

WRONG_SHOWN = 24
LENGTH_BINS = 6
NO_ACTION = "(none)"
FAMILY_TITLES = {
    "action": "Runtime actions",
    "history": "Follow-ups in a conversation",
    "knowledge": "With retrieved knowledge",
    "cypher_schema": "Cypher with a schema",
    "cypher_plain": "Cypher without a schema",
    "cypher_help": "Help with Cypher",
    "operations": "Operating NornicDB",
    "tlp_review": "Review of inferred links",
    "cognitive": "Diagnosis and curation",
    "code": "Programming",
    "general": "General tasks",
}
SPLIT_TITLES = {
    "train": "training rows",
    "validation": "validation",
    "test_iid": "same distribution",
    "test_schema": "unseen schemas",
    "test_composition": "unseen compositions",
    "test_phrasing": "unseen phrasings",
    "test_fact": "unseen facts",
    "suite": "own questions",
}
METRIC_TITLES = {
    "json_valid": "valid JSON",
    "action_accuracy": "right action",
    "params_accuracy": "right parameters",
    "parse_rate": "Cypher parses",
    "execution_accuracy": "right result",
    "answer_accuracy": "right answer",
    "refusal_recall": "refused, of those to refuse",
    "refusal_accuracy": "refused with the right reason",
    "no_false_refusal": "no false refusal",
    "context_accuracy": "right by what came before",
    "distractor_accuracy": "not misled by it",
    "link_f1": "links (F1)",
    "no_invented_ids": "no invented id",
    "anomalies_found": "anomalies found",
    "no_false_alarm": "no false alarm",
    "safe_action": "safe action",
    "no_false_removal": "no false removal",
    "no_false_merge": "no false merge",
    "no_false_allow": "no false permission",
    "repaired_execution_accuracy": "repaired: right result",
    "constrained_json_valid": "grammar: valid JSON",
    "constrained_action_accuracy": "grammar: right action",
    "constrained_params_accuracy": "grammar: right parameters",
    "constrained_execution_accuracy": "grammar: right result",
    "constrained_answer_accuracy": "grammar: right answer",
    "judged": "judged",
    "exact_match": "same form",
    "perplexity": "perplexity",
    "bits_per_byte": "bits per byte",
    "latency_p50_ms": "p50, ms",
    "latency_p95_ms": "p95, ms",
    "tokens_per_second": "tokens/s",
    "ece": "calibration error",
    "brier": "Brier score",
    "auroc": "AUROC",
}
# What an answer would be with help that NornicDB does not give: shown apart from the rest.
HELPED_METRICS = tuple(name for name in METRIC_TITLES if name.startswith(("repaired_", "constrained_")))
ANSWER_METRICS = ("params_accuracy", "execution_accuracy", "answer_accuracy")


def find_answer_metric(series: str) -> str:
    """The name of the score that says whether the whole answer was right."""
    return next(name for name in ANSWER_METRICS if name in list_metrics(series))


def title_series(series: str) -> str:
    """What a family's slices are about, and how they were asked if not as usual."""
    family, _, how = series.partition("@")
    if how == "alone":
        return f"{FAMILY_TITLES[family]}, asked without it"
    return FAMILY_TITLES[family] + (f", {how} prompt" if how else "")


_FAMILY_LIMITS = {
    "history": "NornicDB's own page sends no earlier turns; other clients of its chat endpoint may. What users were "
    "told in them has this project's words.",
    "knowledge": "Questions with retrieved knowledge are asked under the full prompt, the only one that holds it. What "
    "was found is made up; how well NornicDB's search finds is not part of these figures.",
    "tlp_review": "NornicDB's releases contain the reviewer of inferred links, but no server of theirs uses it yet. As "
    "they would call it, a model sees the ids of the nodes only: those are the categories ids and opaque_ids.",
    "cognitive": "Diagnosis and curation are tasks that NornicDB's authors proposed; no release asks them. Their data "
    "comes from simulators, and what counts as an anomaly or as worth keeping is this project's definition.",
}


class CurvePoint(Record):
    """A loss (nats per answer token) at an optimiser step."""

    step: int
    name: Literal["training", "validation"]
    loss: float


class Confusion(Record):
    """How often `expected` was answered with `got`, a registered action or `NO_ACTION`."""

    expected: str
    got: str
    n: int


class ShareBin(Record):
    """Answers that are near each other in something (`mean` is theirs), and the share of them that is right."""

    mean: float
    right: Score


class Card(Record):
    """Everything the report card shows. `wrong` holds some of the `wrong_total` wrong answers; `reliability` are the
    right answers by confidence, `lengths` those of each family by the length of the expected answer in characters."""

    title: str
    report: EvalReport
    verdict: Verdict
    champion: EvalReport | None
    differences: dict[str, Difference]
    model: ModelRef | None
    export: ExportResult | None
    validation: ValidationReport | None
    curve: tuple[CurvePoint, ...]
    confusion: tuple[Confusion, ...]
    latency_ms: tuple[float, ...]
    named: tuple[NamedFigure, ...]
    reliability: tuple[ShareBin, ...]
    lengths: dict[str, tuple[ShareBin, ...]]
    wrong: tuple[Example, ...]
    wrong_total: int
    run_id: str | None

    @property
    def outcome(self) -> Literal["ship", "keep", "reject"]:
        """The verdict in one word."""
        return "ship" if self.verdict.ship else "keep" if self.verdict.keep else "reject"


def build_card(
    title: str,
    report: EvalReport,
    verdict: Verdict,
    examples: Sequence[Example],
    *,
    champion: EvalReport | None = None,
    differences: Mapping[str, Difference] | None = None,
    model: ModelRef | None = None,
    export: ExportResult | None = None,
    validation: ValidationReport | None = None,
    curve: Iterable[CurvePoint] = (),
    run_id: str | None = None,
) -> Card:
    """Gathers what the card shows. `examples` are those of the report; what is left out is not shown."""
    wrong = [example for example in examples if example.judgement == "wrong"]
    usual = [example for example in examples if not example.further]
    asked = [example for example in examples if example.series == "action"]
    confusion = Counter((example.expected_action or NO_ACTION, example.action or NO_ACTION) for example in asked)
    return Card(
        title=title,
        report=report,
        verdict=verdict,
        champion=champion,
        differences=dict(differences or {}),
        model=model,
        export=export,
        validation=validation,
        curve=tuple(curve),
        confusion=tuple(Confusion(expected=e, got=g, n=n) for (e, g), n in sorted(confusion.items())),
        latency_ms=tuple(example.total_ms for example in examples if example.total_ms is not None),
        named=list_named_figures(examples, report),
        reliability=bin_shares(list_confidences(usual), BINS),
        lengths=_bin_lengths(usual),
        wrong=tuple(take_turns(wrong, WRONG_SHOWN)),
        wrong_total=len(wrong),
        run_id=run_id,
    )


def list_facts(card: Card) -> list[tuple[str, str]]:
    """What was evaluated and what it was made for, as names and values."""
    report, facts = card.report, []
    facts.append(("model file", report.model))
    facts.append(("model SHA-256", report.model_sha256))
    if card.model is not None:
        facts.append(("base", card.model.base))
        facts.append(("training", ", ".join(card.model.methods)))
        if card.model.former is not None:
            facts.append(("trained on from", card.model.former))
        facts.append(("parameters", f"{card.model.parameters:,}"))
        facts.append(("licence", card.model.license))
    facts.append(("prompt", report.prompt))
    facts.append(("contract", f"{report.contract_source}, {report.contract_digest}"))
    facts.append(("data set", report.dataset_digest))
    if card.export is not None:
        facts.append(("converter", card.export.converter))
    if card.champion is not None:
        facts.append(("compared with", card.champion.model_sha256))
    if card.run_id is not None:
        facts.append(("MLflow run", card.run_id))
    return facts


def list_limits(card: Card) -> list[str]:
    """What the figures do not show, in sentences."""
    report = card.report
    if report.prompt == "minimal":
        prompt = (
            "Asked under the contract's minimal prompt. NornicDB sends its full prompt as long as that is within its "
            "budget; nothing here says how the model answers under the full one."
        )
    else:
        prompt = (
            "Asked under the contract's full prompt, uncut. NornicDB's default batch size cuts it; the configuration "
            "that promotion writes avoids that."
        )
    if report.contract_source == "reference":
        source = "The contract is the bundled reference: NornicDB's structure and actions in other words than its own."
    else:
        source = f"The contract was read from {report.contract_source}; another NornicDB may ask differently."
    families = {part.family for part in report.slices}
    return [
        prompt,
        source,
        *(sentence for family, sentence in _FAMILY_LIMITS.items() if family in families),
        "Questions and schemas are generated. How people phrase questions is not represented by them.",
        "A query is right when it returns the expected rows on every small graph of its schema, run in an embedded "
        "engine and not in NornicDB. What could not be judged counts neither as right nor as wrong.",
        "Times are of the machine that ran this and of a sample of the questions, each asked by itself with its whole "
        "prompt decoded, as NornicDB does for every request.",
        "Constrained figures are of answers decoded under a grammar, which NornicDB does not use.",
        "Perplexity is over the tokens of the expected answers only.",
    ]


def bin_shares(pairs: Iterable[tuple[float, bool]], bins: int) -> tuple[ShareBin, ...]:
    """Bins of equal number (as far as it divides) over pairs of a value and whether the answer was right."""
    ordered = sorted(pairs, key=lambda pair: pair[0])
    edges = [len(ordered) * index // bins for index in range(bins + 1)]
    parts = [ordered[start:end] for start, end in pairwise(edges) if end > start]
    return tuple(
        ShareBin(mean=sum(x for x, _ in part) / len(part), right=score_share(sum(ok for _, ok in part), len(part)))
        for part in parts
    )


def _bin_lengths(examples: Sequence[Example]) -> dict[str, tuple[ShareBin, ...]]:
    """For the families whose answers are written in one form, so that their length means something."""
    binned: dict[str, tuple[ShareBin, ...]] = {}
    for family in FAMILIES:
        judged = [e for e in examples if e.family == family and e.exact is not None and e.judgement != "not_judged"]
        if judged:
            binned[family] = bin_shares(((float(len(e.expected)), e.judgement == "right") for e in judged), LENGTH_BINS)
    return binned


def take_turns(examples: Iterable[Example], count: int) -> list[Example]:
    """Up to `count` examples, one from each slice in turn, so that no slice hides the others."""
    by_slice: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples:
        by_slice[example.series, example.split].append(example)
    ranked = [(rank, key, e) for key in sorted(by_slice) for rank, e in enumerate(by_slice[key])]
    taken = sorted(ranked, key=lambda item: item[0])[:count]
    return [example for _, _, example in sorted(taken, key=lambda item: item[1])]
