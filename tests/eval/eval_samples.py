"""Sample rows, examples and reports, built as an evaluation would build them."""

import functools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cypher.graph import Node, PropertyGraph
from eval.metrics import Example, score_examples
from heimdall.answers import ActionAnswer, format_action
from heimdall.config import EvalConfig
from heimdall.refs import ArtifactRef, EvalReport
from heimdall.rows import Family, Message, Row, Split
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
    """A model that answers each turn, or each turn's last line, as told, with a token for each byte."""

    def __init__(self, replies: Mapping[str, str]) -> None:
        self.replies = replies
        self.prompts: list[str] = []
        self.scored: list[str] = []

    @property
    def asked(self) -> list[str]:
        """The turns that were to be answered."""
        return [_find_turn(prompt) for prompt in self.prompts]

    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def complete(self, prompt: str | list[int], max_tokens: int, *, fresh: bool = False) -> Completion:
        assert fresh  # only what is timed is asked by itself
        return self.answer(prompt, max_tokens)

    def answer(self, prompt: str | list[int], max_tokens: int) -> Completion:
        self.prompts.append(prompt if isinstance(prompt, str) else bytes(prompt).decode())
        turn = self.asked[-1]
        reply = self.replies.get(turn) or self.replies[turn.splitlines()[-1]]
        return Completion(
            text=reply,
            tokens=tuple(reply.encode()[:max_tokens]),
            prompt_tokens=len(prompt),
            reused_tokens=0,
            first_token_ms=5.0,
            total_ms=20.0,
            stopped="eog" if len(reply) <= max_tokens else "limit",
        )


def _find_turn(prompt: str) -> str:
    return prompt.rsplit("<|im_start|>user\n", 1)[-1].split("<|im_end|>")[0]


class ScriptedBatch:
    """The same answers, the last question's first, as a batch may give them."""

    def __init__(self, model: Scripted) -> None:
        self.model = model

    def complete(
        self, prompts: Sequence[list[int]], max_tokens: int, grammar: Grammar | None = None
    ) -> Iterator[tuple[int, Completion]]:
        for index in reversed(range(len(prompts))):
            yield index, self.model.answer(prompts[index], max_tokens)

    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[int, list[float]]]:
        for index, (_, completion) in enumerate(pairs):
            self.model.scored.append(bytes(completion).decode())
            yield index, [-0.5] * len(completion)


QUERY = "heimdall.watcher.query"
GOLD = "MATCH (p:Person) WHERE p.age > 30 RETURN p.name"
GRAPHS = tuple(
    PropertyGraph(
        nodes=tuple(
            Node(id=i, labels=("Person",), properties={"name": name, "age": age, "city": city})
            for i, (name, age, city) in enumerate(people)
        ),
        relationships=(),
    )
    for people in (
        [("Ann", 31, "Oslo"), ("Bob", 30, "Rome"), ("Cid", 45, "Oslo")],
        [("Dan", 60, "Rome"), ("Eve", 20, "Oslo"), ("Fay", 31, "Rome")],
    )
)


def make_row(
    index: int = 0,
    family: Family = "cypher_schema",
    split: Split = "test_schema",
    action: str = QUERY,
    params: dict[str, Any] | None = None,
    **changes: Any,
) -> Row:
    cypher = None if params is not None else GOLD
    params = {"cypher": GOLD} if params is None else params
    question = f"Who is older than 30? ({index})"
    messages = (
        Message(role="user", content=question),
        Message(role="assistant", content=format_action(action, params)),
    )
    fields: dict[str, Any] = {
        "id": f"{split}-{family}-{index}",
        "family": family,
        "split": split,
        "prompt": "minimal",
        "messages": messages,
        "expected": ActionAnswer(action=action, params=params, cypher=cypher),
        "schema_id": None if cypher is None else "people",
    }
    return Row.model_validate({**fields, **changes})


def query_reply(cypher: Any) -> str:
    return json.dumps({"action": QUERY, "params": {"cypher": cypher}})
