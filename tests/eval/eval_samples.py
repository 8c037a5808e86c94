"""Sample examples and reports, built as an evaluation would build them."""

import functools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval.metrics import Example, score_examples
from heimdall.config import EvalConfig
from heimdall.refs import ArtifactRef, EvalReport
from heimdall.rows import Family
from nornicdb.grammar import Grammar
from nornicdb.runtime import Completion

FAMILIES: tuple[Family, ...] = ("action", "cypher_schema", "cypher_plain")
ACTIONS = ("heimdall.help", "heimdall.watcher.query", "heimdall.watcher.db_stats", "heimdall.watcher.discover")


def make_example(**changes: object) -> Example:
    """A right answer to a Cypher question, with changes."""
    query = "MATCH (n:Person) RETURN count(n)"
    answer = f'{{"action": "heimdall.watcher.query", "params": {{"cypher": "{query}"}}}}'
    fields: dict[str, object] = {
        "id": "row-1",
        "family": "cypher_schema",
        "split": "test_schema",
        "prompt": "minimal",
        "order": 0,
        "question": "How many people are there?",
        "schema_id": "s1",
        "expected": answer,
        "expected_action": "heimdall.watcher.query",
        "reply": answer,
        "action": "heimdall.watcher.query",
        "json_valid": True,
        "stopped": "eog",
        "parses": True,
        "exact": True,
        "similarity": 1.0,
        "valid_call": True,
        "confidence": 0.9,
        "judgement": "right",
        "repaired": "right",
        "reason": "as expected",
        "prompt_tokens": 320,
        "tokens": 30,
        "first_token_ms": 12.0,
        "total_ms": 50.0,
    }
    return Example.model_validate({**fields, **changes})


def make_examples(right: float, rows: int = 40, seed: int = 1) -> list[Example]:
    """`rows` examples of each family and test split, of which about the share `right` is right."""
    rng = random.Random(seed)
    examples = []
    for family in FAMILIES:
        for split in EvalConfig().splits:
            for index in range(rows):
                good = rng.random() < right
                expected = ACTIONS[index % 4] if family == "action" else ACTIONS[1]
                examples.append(
                    make_example(
                        id=f"{family}-{split}-{index}",
                        family=family,
                        split=split,
                        expected_action=expected,
                        action=expected if good else rng.choice((*ACTIONS, None)),
                        parses=None if family == "action" else good or rng.random() < 0.9,
                        exact=good and rng.random() < 0.8,
                        similarity=None if family == "action" else 1.0 if good else rng.random(),
                        confidence=rng.betavariate(8, 1) if good else rng.betavariate(3, 2),
                        judgement="right" if good else "wrong",
                        reason="as expected" if good else "returns other rows",
                        total_ms=rng.gammavariate(9, 6) + 15,
                        nll=rng.random() * 4 if index < 20 else None,
                        nll_tokens=30 if index < 20 else None,
                    )
                )
    return examples


def make_report(examples: list[Example], sha256: str = "a" * 64, **changes: object) -> EvalReport:
    """The report of these examples."""
    fields: dict[str, object] = {
        "model": "heimdall-Q8_0.gguf",
        "model_sha256": sha256,
        "model_bytes": 6_290_000,
        "memory_bytes": 41_000_000,
        "contract_digest": "c" * 64,
        "contract_source": "reference",
        "prompt": "minimal",
        "dataset_digest": "d" * 64,
        "slices": score_examples(examples),
        "examples": ArtifactRef(uri="e", sha256="e" * 64, size=1, media_type="application/jsonl"),
    }
    return EvalReport.model_validate({**fields, **changes})


def make_exact_report(share: float, sha256: str = "a" * 64, **changes: object) -> EvalReport:
    """A report in which exactly this share of 200 questions is right in every slice."""
    return EvalReport.model_validate({**dict(_make_exact(share)), "model_sha256": sha256, **changes})


@functools.cache
def _make_exact(share: float) -> EvalReport:
    right = round(200 * share)
    changes = [{"judgement": "right" if i < right else "wrong", "id": str(i)} for i in range(200)]
    wrong_action = {"action": None}
    return make_report(
        [
            make_example(family=family, split=split, **change, **(wrong_action if i >= right else {}))
            for family, split in (("action", "test_iid"), ("cypher_schema", "test_schema"))
            for i, change in enumerate(changes)
        ]
    )


class Scripted:
    """A model that answers each turn, or each turn's last line, as told; by itself, side by side, under a grammar."""

    def __init__(self, replies: Mapping[str, str]) -> None:
        self.replies = replies
        self.asked: list[str] = []

    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def complete(self, prompt: Any, max_tokens: int, *, fresh: bool = False) -> Completion:
        turn = bytes(prompt).decode().rsplit("<|im_start|>user\n", 1)[1].split("<|im_end|>")[0]
        self.asked.append(turn)
        reply = self.replies.get(turn) or self.replies[turn.splitlines()[-1]]
        return Completion(
            text=reply,
            tokens=tuple(reply.encode()),
            prompt_tokens=len(prompt),
            reused_tokens=0,
            first_token_ms=5.0,
            total_ms=20.0,
            stopped="eog",
        )


class ScriptedBatch:
    """The same answers, one after the other."""

    def __init__(self, model: Scripted) -> None:
        self.model = model

    def complete(
        self, prompts: Sequence[list[int]], max_tokens: int, grammar: Grammar | None = None
    ) -> Iterator[tuple[int, Completion]]:
        return ((index, self.model.complete(prompt, max_tokens)) for index, prompt in enumerate(prompts))

    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[int, list[float]]]:
        return ((index, [-0.5] * len(completion)) for index, (_, completion) in enumerate(pairs))
