"""The cognitive tasks: every answer follows from the data that is shown, in any order, and a twin's is another."""

import json
import random
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cypher.graph import Node, PropertyGraph
from cypher.run import EmbeddedGraph
from datagen.cognitive import TASKS, draw_cognitive, read_data, write_data
from datagen.comparison import is_counterpart
from datagen.draft import Draft
from datagen.examples import ChunkSpec, make_chunk
from datagen.memories import identify
from datagen.policy import Rule, applies, decide_operation, read_rule, write_rule
from datagen.queueing import decide_runtime, simulate_actions
from datagen.telemetry import decide_anomaly
from datagen.tuning import decide_tuning, rewrite
from datagen.validation import validate_dataset
from heimdall.answers import JsonAnswer, find_contradiction, find_fault
from heimdall.config import DataConfig, ValidationConfig
from heimdall.records import write_records
from heimdall.rows import Family, Message, Row, Split
from nornicdb.answer_schemas import SCHEMAS, find_schema_fault
from nornicdb.contract import load_reference_contract

COUNTS = {"optimization": 60}  # queries are run
DECISIVE = {
    "anomaly": "type",
    "diagnosis": "action_id",
    "curation": "should_keep",
    "deduplication": "is_duplicate",
    "policy": "allow",
    "optimization": "suggestion_type",
}
every_task = pytest.mark.parametrize("category", TASKS)


@cache
def draw_pairs(category: str, split: Split = "train") -> tuple[tuple[Draft | None, Draft | None], ...]:
    def draw(seed: int, twin: bool) -> Draft | None:
        return draw_cognitive(category, split, random.Random(f"{category}/{split}/{seed}"), twin=twin)

    return tuple((draw(seed, False), draw(seed, True)) for seed in range(COUNTS.get(category, 150)))


def draw_all(category: str, split: Split = "train") -> list[Draft]:
    return [draft for pair in draw_pairs(category, split) for draft in pair if draft is not None]


def expect(draft: Draft) -> JsonAnswer:
    assert isinstance(draft.expected, JsonAnswer)
    return draft.expected


@every_task
@pytest.mark.parametrize("split", ["train", "test_phrasing"])
def test_the_answer_is_decided_by_the_text_of_the_question_alone(category: str, split: Split) -> None:
    drafts = draw_all(category, split)
    assert len(drafts) > 20  # of a split, only those with a new wording
    for draft in drafts:
        decided = TASKS[category].decide(read_data(draft.question))
        assert decided.model_dump(mode="json") == expect(draft).value
        assert find_contradiction(draft.answer, draft.expected) is None


@every_task
def test_a_twin_has_another_answer_and_the_same_names(category: str) -> None:
    pairs = [(a, b) for a, b in draw_pairs(category) if a is not None and b is not None]
    assert len(pairs) >= 20
    for draft, twin in pairs:
        key = DECISIVE[category]
        assert expect(draft).value[key] != expect(twin).value[key]
        assert draft.source == twin.source
        assert draft.question.rpartition("\n\n")[2] == twin.question.rpartition("\n\n")[2]


@every_task
def test_the_order_of_what_is_shown_changes_nothing(category: str) -> None:
    order = random.Random(1)

    def mix(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: mix(item, name) for name, item in order.sample(list(value.items()), len(value))}
        if isinstance(value, list) and key != "nodes_added_per_hour":  # a series
            return [mix(item) for item in order.sample(value, len(value))]
        return value

    for draft in draw_all(category)[:60]:
        answer = TASKS[category].decide(mix(read_data(draft.question)))
        assert find_fault(answer.model_dump_json(), expect(draft)) is None


@every_task
def test_answers_have_the_json_of_their_task_and_others_are_refused(category: str) -> None:
    for draft in draw_all(category):
        assert find_schema_fault(make_row(category, expect(draft).value)) is None
    value = dict(expect(draw_all(category)[0]).value)
    key = next(iter(value))
    assert find_schema_fault(make_row(category, {**value, "extra": 1}))
    assert find_schema_fault(make_row(category, {**value, key: {"nested": []}})).startswith(key)  # type: ignore[union-attr]
    assert find_schema_fault(make_row(category, {name: value[name] for name in value if name != key}))


def make_row(category: str, value: dict[str, Any]) -> Row:
    turns = (Message(role="user", content="?"), Message(role="assistant", content="{}"))
    return Row(
        id="r",
        family="cognitive",
        split="train",
        prompt="chat",
        messages=turns,
        expected=JsonAnswer(value=value),
        category=category,
    )


def test_a_review_has_its_json_and_a_row_of_another_kind_is_named() -> None:
    review = {"approved": [0], "rejected": [], "reasoning": "why"}
    row = make_row("ids", review).model_copy(update={"family": "tlp_review"})
    assert find_schema_fault(row) is None
    broken = row.model_copy(update={"expected": JsonAnswer(value={**review, "approved": ["0"]})})
    assert find_schema_fault(broken) == "approved.0: Input should be a valid integer"
    assert find_schema_fault(make_row("astrology", {})) == "there is no task 'astrology'"
    assert find_schema_fault(row.model_copy(update={"family": "general"})) is None
    assert set(SCHEMAS) == set(TASKS)


@every_task
def test_rows_are_many_and_balanced_and_no_question_has_two_answers(category: str) -> None:
    answers: dict[str, str] = {}
    for draft in draw_all(category):
        assert answers.setdefault(draft.question, draft.answer) == draft.answer
    assert len(answers) > 0.95 * len(draw_all(category))
    counts = Counter(expect(draft).value[DECISIVE[category]] for draft in draw_all(category))
    assert max(counts.values()) <= 0.6 * counts.total(), counts
    assert min(counts.values()) >= 0.05 * counts.total(), counts


@every_task
def test_held_out_splits_bring_names_and_wordings_that_training_never_sees(category: str) -> None:
    known = {draft.source for draft in draw_all(category)}
    assert not known & {draft.source for draft in draw_all(category, "test_fact")}
    wordings = {production for draft in draw_all(category) for production in draft.productions}
    assert all(set(draft.productions) - wordings for draft in draw_all(category, "test_phrasing"))


def test_named_nodes_are_among_those_that_are_shown() -> None:
    for category, key in (("anomaly", "affected_nodes"), ("curation", "merge_candidates")):
        for draft in draw_all(category):
            data = draft.question.rpartition("\n\n")[0]
            assert all(f'"{node}"' in data for node in expect(draft).value[key])


QUIET: dict[str, Any] = {
    "average_degree": 6.0,
    "hubs": [{"id": "a", "label": "City", "degree": 900}, {"id": "b", "label": "User", "degree": 950}],
    "labels_expected_to_have_hubs": ["City"],
    "nodes_added_per_hour": [100, 90, 110, 100, 499],
    "imports_in_the_last_hour": [],
    "unlinked_components": [{"nodes": ["c", "d", "e", "f"], "hours_unlinked": 90}],
    "nodes_with_equal_keys": [{"key": "city", "unique": False, "nodes": ["g", "h"]}],
}


@pytest.mark.parametrize(
    ("change", "kind", "affected"),
    [
        ({}, "none", []),
        ({"hubs": [{"id": "a", "label": "City", "degree": 90000}]}, "none", []),
        ({"hubs": [{"id": "b", "label": "User", "degree": 1000}]}, "supernode", ["b"]),
        ({"hubs": [{"id": "b", "label": "User", "degree": 1000}], "average_degree": 12.0}, "none", []),
        ({"nodes_added_per_hour": [100, 90, 110, 100, 500]}, "growth_spike", []),
        (
            {
                "nodes_added_per_hour": [100, 90, 110, 100, 5000],
                "imports_in_the_last_hour": [{"job": "x", "nodes": 4800}],
            },
            "none",
            [],
        ),
        ({"unlinked_components": [{"nodes": list("cdefg"), "hours_unlinked": 24}]}, "orphan_cluster", list("cdefg")),
        ({"unlinked_components": [{"nodes": list("cdefg"), "hours_unlinked": 23}]}, "none", []),
        (
            {"nodes_with_equal_keys": [{"key": "isbn", "unique": True, "nodes": ["g", "h"]}]},
            "duplicate_nodes",
            ["g", "h"],
        ),
    ],
)
def test_anomalies_begin_at_their_limits(change: dict[str, Any], kind: str, affected: list[str]) -> None:
    answer = decide_anomaly({**QUIET, **change})
    assert (answer.type, answer.affected_nodes, answer.anomaly_detected) == (kind, affected, kind != "none")


SERVER: dict[str, Any] = {
    "workers": 10,
    "arrivals_per_s": 50,
    "service_ms": 100,
    "queue_depths": {"main": {"depth": 5, "expired": 0}},
    "lock_wait_percent": {"mu": 2},
    "blocked_routines": [],
    "heap_alloc_mb": 1000,
    "heap_live_mb": 800,
    "heap_limit_mb": 4000,
    "heap_growth_mb_per_min": 1,
}


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({}, 0),
        ({"heap_growth_mb_per_min": 150, "heap_alloc_mb": 2600}, 1),
        ({"blocked_routines": [{"state": "stuck", "waiting_on": "x", "count": 8}]}, 2),
        ({"queue_depths": {"main": {"depth": 5000, "expired": 4990}}}, 3),
        ({"heap_alloc_mb": 3800}, 4),
        ({"heap_alloc_mb": 3800, "heap_live_mb": 3790, "arrivals_per_s": 20}, 0),  # there is nothing to collect
        ({"lock_wait_percent": {"mu": 90}, "arrivals_per_s": 12}, 5),
    ],
)
def test_each_trouble_has_its_action(change: dict[str, Any], action: int) -> None:
    shown = {**SERVER, **change}
    assert decide_runtime(shown).action_id == action
    assert min(simulate_actions(shown)) == simulate_actions(shown)[action]


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"email": "a.b@c.example"}, {"email": "A.B@c.example"}, True),
        ({"email": "a.b@c.example"}, {"email": "a.b2@c.example"}, False),
        ({"name": "Ann Lee", "born": "1980-05-03"}, {"name": "LEE, Ann", "born": "3 May 1980"}, True),
        ({"name": "Ann Lee", "born": "1980-05-03"}, {"name": "Ann Lee", "born": "5 March 1980"}, False),
        ({"name": "Zorbel", "version": "2.1.0"}, {"name": "zorbel", "version": "v2.1"}, True),
        ({"name": "Zorbel", "version": "2.1.0"}, {"name": "Zorbel", "version": "2.10"}, False),
        ({"text": "A supports b for up to 1,500 users"}, {"text": "b is supported by a, up to 1500 users."}, True),
        ({"text": "a supports b for up to 50 users"}, {"text": "a does not support b for up to 50 users"}, False),
        ({"text": "a supports b for up to 50 users"}, {"text": "b supports a for up to 50 users"}, False),
    ],
)
def test_things_are_told_apart_by_what_identifies_them(left: dict[str, str], right: dict[str, str], same: bool) -> None:
    assert (identify(left) == identify(right)) is same


words = st.lists(st.text("abcXYZ", min_size=1, max_size=4), min_size=1, max_size=3).map(tuple)
rules = st.builds(
    Rule,
    st.booleans(),
    words,
    words,
    words,
    st.none() | st.tuples(st.integers(0, 23), st.integers(0, 23)),
    st.none() | st.integers(0, 9999),
    st.none() | st.booleans(),
)


@given(rules)
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    assert read_rule(write_rule(rule)) == rule


@pytest.mark.parametrize("text", ["", "deny", "permit read on A for b", "deny read on A for b when raining"])
def test_another_language_is_no_rule(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        read_rule(text)


@pytest.mark.parametrize(
    ("given_rules", "allowed"),
    [
        ([], False),
        (["allow read on Note for editor"], True),
        (["allow read on * for *", "deny read on Note for editor when owner"], True),
        (["deny read on Note for editor when not owner", "allow read on * for *"], False),
        (["allow update on Note for editor"], False),
        (["allow read on Note for editor when hour in 22..6"], True),
        (["allow read on Note for editor when hour in 6..22"], False),
        (["allow read on Note for editor when hour in 20..23"], False),
        (["allow read on Note for editor when rows > 100"], False),
        (["allow read on Note for editor when rows > 99 and not owner"], True),
    ],
)
def test_one_rule_that_denies_wins_and_what_none_allows_is_forbidden(given_rules: list[str], allowed: bool) -> None:
    operation = {"role": "editor", "action": "read", "label": "Note", "rows": 100, "hour": 23, "owner": False}
    assert decide_operation({"rules": given_rules, "operation": operation}).allow is allowed


@given(rules, st.integers(0, 23))
def test_a_rule_without_conditions_applies_at_any_hour(rule: Rule, hour: int) -> None:
    free = rule._replace(hours=None, more_rows_than=None, owner=None)
    operation = {"role": rule.roles[0], "action": rule.actions[0], "label": rule.labels[0], "rows": 1, "owner": True}
    assert applies(free, {**operation, "hour": hour})


PEOPLE = PropertyGraph(
    nodes=tuple(Node(id=i, labels=("P",), properties={"a": i % 3, "b": i}) for i in range(6)),
    relationships=(),
)


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (n:P) WITH n WHERE n.a = 1 RETURN n.b",
        "MATCH (n:P) WHERE n.a = 1 WITH collect(n) AS found RETURN size(found) AS total",
        "MATCH (n:P) WHERE n.a = 1 RETURN DISTINCT count(n) AS total",
        "MATCH (n:P) WHERE n.a = 1 OR n.a = 2 RETURN n.b",
    ],
)
def test_a_rewritten_query_returns_the_same_and_is_not_rewritten_again(query: str) -> None:
    better = rewrite(query)
    assert better is not None
    assert rewrite(better) is None
    with EmbeddedGraph(PEOPLE) as engine:
        assert sorted(engine.run(query).rows) == sorted(engine.run(better).rows) != []


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (n:P) WITH m WHERE m.a = 1 RETURN m.b",
        "MATCH (n:P) WHERE n.a = 1 OR n.b = 2 RETURN n.b",
        "MATCH (n:P) RETURN DISTINCT n.b",
        "MATCH (n:P) WITH collect(n) AS found RETURN size(other) AS total",
    ],
)
def test_what_would_change_the_result_is_left_alone(query: str) -> None:
    assert rewrite(query) is None


def test_an_index_is_suggested_only_where_it_pays_and_is_missing() -> None:
    shown = {
        "query": "MATCH (n:P) WHERE n.a = 1 RETURN n.b",
        "nodes": {"P": 10_000},
        "distinct_values": {"P.a": 100},
        "indexes": ["P.b"],
    }
    assert decide_tuning(shown).details == "CREATE INDEX FOR (n:P) ON (n.a)"
    for change in ({"nodes": {"P": 9_999}}, {"distinct_values": {"P.a": 99}}, {"indexes": ["P.a"]}):
        assert decide_tuning({**shown, **change}).suggestion_type == "none"


@given(
    st.dictionaries(
        st.text("ab_", min_size=1, max_size=5).map(str.lower), st.integers() | st.text(max_size=5), min_size=1
    )
)
def test_data_is_one_object_or_a_line_for_each_key(data: dict[str, Any]) -> None:
    assert json.loads(write_data(data, as_json=True)) == data
    assert len(re.findall(r"(?m)^- ", write_data(data, as_json=False))) == len(data)


@pytest.mark.parametrize("family", ["tlp_review", "cognitive"])
def test_a_chunk_is_the_same_every_time_and_passes_validation(family: Family, tmp_path: Path) -> None:
    config = DataConfig(train_rows=48, split_rows=12, seed=5, shares={family: 1.0})
    contract = load_reference_contract()
    made, again = (make_chunk(ChunkSpec(config, "train", family, 0, contract, rows=48)) for _ in range(2))
    assert made == again
    rows = {row.question: row.model_copy(update={"id": row.question}) for row in made.rows}
    write_records(tmp_path / "train.jsonl", rows.values())
    report = validate_dataset(tmp_path, contract, ValidationConfig())
    assert report.passed, [check for check in report.checks if not check.passed]
    broken = [
        row.model_copy(update={"expected": JsonAnswer(value={"x": 1}), "messages": REPLIED}) for row in made.rows[:1]
    ]
    write_records(tmp_path / "train.jsonl", broken)
    failed = {
        check.name for check in validate_dataset(tmp_path, contract, ValidationConfig()).checks if not check.passed
    }
    assert failed == {"answers_not_of_their_schema"}


REPLIED = (Message(role="user", content="?"), Message(role="assistant", content='{"x": 1}'))


def test_two_rows_of_one_case_are_counterparts_only_if_their_answers_differ() -> None:
    row = make_row("ids", {"approved": [0]}).model_copy(update={"source": "project zorbel"})
    other = row.model_copy(update={"expected": JsonAnswer(value={"approved": []})})
    assert is_counterpart(row, other)
    assert not is_counterpart(row, row.model_copy(update={"id": "copy"}))
    assert not is_counterpart(row, other.model_copy(update={"source": "project mirath"}))
    assert not is_counterpart(row.model_copy(update={"source": None}), other.model_copy(update={"source": None}))
