"""The figures by which NornicDB's own tools spoke of a model, under their names and with their targets.

Beside the scores they are coarse: each is over all rows that it can be taken of, whatever their split.
"""

from collections.abc import Sequence

import numpy as np

from eval.metrics import Example, score_metric, score_share
from eval.statistics import bootstrap_interval
from heimdall.refs import EvalReport, Record, Score


class NamedFigure(Record):
    """One figure, the bound that it is to keep (`above` or `below`) and what exactly was counted."""

    name: str
    score: Score
    definition: str
    above: float | None = None
    below: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the value keeps its bound; None without a bound or a value."""
        value = self.score.value
        if value is None:
            return None
        if self.above is not None:
            return value > self.above
        return value < self.below if self.below is not None else None


def list_named_figures(examples: Sequence[Example], report: EvalReport, seed: int = 1) -> tuple[NamedFigure, ...]:
    """All figures, over the examples that were asked under the usual prompts."""
    asked = [example for example in examples if not example.further]
    cypher = [example for example in asked if example.parses is not None]
    return (
        NamedFigure(
            name="Cypher syntax accuracy",
            score=score_metric("parse_rate", cypher, seed),
            above=0.9,
            definition="replies that would run a query, and it parses; questions whose answer is a query",
        ),
        NamedFigure(
            name="semantic correctness",
            score=score_metric("execution_accuracy", cypher, seed),
            above=0.85,
            definition="queries that return the expected rows on every small graph; of the same, those judged",
        ),
        NamedFigure(
            name="exact match",
            score=score_metric("exact_match", asked, seed),
            definition="the expected parameters or JSON, or a query of the same canonical form; questions whose answer "
            "has a form to compare",
        ),
        NamedFigure(
            name="semantic similarity",
            score=_score_mean([e.similarity for e in cypher if e.similarity is not None], seed),
            definition="mean F1 of the tokens that expected and given query share in canonical form, 0 without a "
            "query; questions whose answer is a query. Similar queries can mean different things",
        ),
        NamedFigure(
            name="perplexity",
            score=score_metric("perplexity", asked, seed),
            below=10,
            definition="of the expected answers' tokens; a sample of every slice",
        ),
        NamedFigure(
            name="NornicDB API accuracy",
            score=_score_calls(asked),
            definition="replies that call an existing action with parameters it takes, the right one or not; questions "
            "whose answer is an action",
        ),
        NamedFigure(
            name="response time",
            score=score_metric("latency_p95_ms", asked, seed),
            below=500,
            definition="95 % of the full replies came within it on this machine, each asked by itself; a sample of "
            "every slice",
        ),
        NamedFigure(
            name="model size", score=_measure(report.model_bytes), below=1.5e9, definition="bytes of the GGUF file"
        ),
        NamedFigure(
            name="memory",
            score=_measure(report.memory_bytes),
            definition="growth of a process that loads the file, opens the context of the evaluation and answers once",
        ),
    )


def _score_calls(examples: Sequence[Example]) -> Score:
    calls = [example.valid_call for example in examples if example.valid_call is not None]
    return score_share(sum(calls), len(calls))


def _score_mean(values: Sequence[float], seed: int) -> Score:
    if not values:
        return Score(n=0, value=None, low=None, high=None)
    low, high = bootstrap_interval((np.array(values),), lambda sample: sample.mean(axis=-1), seed)
    return Score(n=len(values), value=float(np.mean(values)), low=low, high=high)


def _measure(size: int | None) -> Score:
    """One measurement, without an interval."""
    return Score(n=0 if size is None else 1, value=size, low=None, high=None, unit="bytes")
