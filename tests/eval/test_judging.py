"""How a single reply is judged: as NornicDB would run it, by what it returns or says."""

import json
from typing import Any

import pytest
from eval_samples import GOLD, GRAPHS, QUERY, make_row, query_reply
from hypothesis import given
from hypothesis import strategies as st

from cypher.judge import Judge
from cypher.run import Limits
from eval.judging import Bench, Outcome, is_refusal, judge_reply, measure_similarity
from heimdall.answers import CodeAnswer, FactAnswer, JsonAnswer, QueryAnswer, TextAnswer, format_action
from heimdall.rows import Row
from nornicdb.contract import Contract


def judge_text(text: str, row: Row, contract: Contract, judge: Judge) -> Outcome:
    graphs = () if row.schema_id is None else GRAPHS
    return judge_reply(text, (row.expected,), graphs, Bench(contract, judge, Limits(time_ms=5000)))


@pytest.mark.parametrize(
    ("reply", "judgement", "parses", "exact"),
    [
        (query_reply(GOLD), "right", True, True),
        (query_reply(f"  {GOLD.replace(' ', '  ')} ;"), "right", True, True),
        (query_reply("MATCH (x:Person) WHERE 30 < x.age RETURN x.name AS who"), "right", True, True),
        (query_reply("MATCH (p:Person) WHERE NOT p.age <= 30 RETURN p.name"), "right", True, False),
        (f"Here you are: {query_reply(GOLD)} Done.", "right", True, True),
        (query_reply("MATCH (p:Person) WHERE p.age >= 30 RETURN p.name"), "wrong", True, False),
        (query_reply("MATCH (p:Person) WHERE p.age > 59 RETURN p.name"), "wrong", True, False),
        (query_reply("MATCH (p:Person) WHERE p.age > RETURN p.name"), "wrong", False, False),
        (query_reply("SELECT name FROM person"), "wrong", False, False),
        (query_reply("MATCH (p:Person) DETACH DELETE p"), "wrong", True, False),
        (query_reply(""), "wrong", False, False),
        (query_reply(5), "wrong", False, False),
        (json.dumps({"action": QUERY, "params": {}}), "wrong", False, False),
        (json.dumps({"action": "heimdall.watcher.db_stats", "params": {"cypher": GOLD}}), "wrong", False, False),
        (json.dumps({"action": "heimdall.watcher.querry", "params": {"cypher": GOLD}}), "wrong", False, False),
        (query_reply(GOLD)[:-2], "wrong", False, False),
        (query_reply(GOLD) * 2, "wrong", False, False),
        (GOLD, "wrong", False, False),
        ("", "wrong", False, False),
    ],
)
def test_a_query_is_judged_by_what_nornicdb_would_run(
    reply: str, judgement: str, parses: bool, exact: bool, contract: Contract, judge: Judge
) -> None:
    outcome = judge_text(reply, make_row(), contract, judge)
    assert (outcome.judgement, outcome.parses, outcome.exact) == (judgement, parses, exact), outcome.reason
    assert outcome.reason


@pytest.mark.parametrize(
    ("params", "judgement"),
    [
        ({"limit": 5}, "right"),
        ({"limit": 5.0}, "right"),
        ({"limit": "5"}, "wrong"),
        ({"limit": 6}, "wrong"),
        ({}, "wrong"),
        ({"limit": 5, "more": None}, "wrong"),
        ({"Limit": 5}, "wrong"),
    ],
)
def test_parameters_are_right_only_as_a_whole(
    params: dict[str, Any], judgement: str, contract: Contract, judge: Judge
) -> None:
    row = make_row(family="action", action="heimdall.watcher.events", params={"limit": 5})
    outcome = judge_text(format_action("heimdall.watcher.events", params), row, contract, judge)
    assert (outcome.judgement, outcome.parses) == (judgement, None)
    assert outcome.exact is (judgement == "right")
    other = judge_text(format_action("heimdall.watcher.metrics", params), row, contract, judge)
    assert other.judgement == "wrong"


def test_a_query_without_graphs_is_right_by_its_canonical_form_or_not_judged(contract: Contract, judge: Judge) -> None:
    row = make_row(schema_id=None)
    assert judge_text(query_reply(GOLD), row, contract, judge).judgement == "right"
    assert judge_text(query_reply("MATCH (x:Person) WHERE 30 < x.age RETURN x.name"), row, contract, judge).exact
    other = judge_text(query_reply("MATCH (p:Person) WHERE NOT p.age <= 30 RETURN p.name"), row, contract, judge)
    assert (other.judgement, other.parses) == ("not_judged", True)
    assert judge_text(query_reply("nonsense"), row, contract, judge).judgement == "wrong"


def test_a_query_that_does_not_end_is_not_judged_and_the_next_one_is(contract: Contract, judge: Judge) -> None:
    endless = "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b UNWIND range(1, 100000) AS c RETURN count(*)"
    bench = Bench(contract, judge, Limits(time_ms=1000))
    outcome = judge_reply(query_reply(endless), (make_row().expected,), GRAPHS, bench)
    assert outcome.judgement == "not_judged", outcome.reason
    assert judge_text(query_reply(GOLD + " "), make_row(), contract, judge).judgement == "right"


@given(
    text=st.text(max_size=80),
    params=st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5) | st.floats()),
)
def test_no_reply_stops_the_evaluation(contract: Contract, judge: Judge, text: str, params: dict[str, Any]) -> None:
    action = make_row(family="action", action="heimdall.help", params={})
    for reply in (text, format_action(QUERY, params), query_reply(text)):
        for row in (make_row(), action):
            outcome = judge_text(reply, row, contract, judge)
            assert outcome.judgement in ("right", "wrong", "not_judged")


FENCED = f"Compare ages:\n\n```cypher\n{GOLD}\n```\n\nThis lists names."
DOUBLE = CodeAnswer(language="python", code="def double(a):\n    return a * 2")
PORT = FactAnswer(required=(("NORNICDB_HTTP_PORT",), ("7474",)), forbidden=("7687",))
REVIEW = JsonAnswer(value={"approved": [0, 2], "reason": "same topic"}, unordered=("approved",), free=("reason",))


@pytest.mark.parametrize(
    ("expected", "reply", "judgement"),
    [
        (QueryAnswer(cypher=GOLD), FENCED, "right"),
        (QueryAnswer(cypher=GOLD), FENCED.replace("```cypher", "```"), "right"),
        (QueryAnswer(cypher=GOLD), "```cypher\nMATCH (p:Person) WHERE NOT p.age <= 30 RETURN p.name\n```", "right"),
        (QueryAnswer(cypher=GOLD), FENCED.replace("> 30", ">= 30"), "wrong"),
        (QueryAnswer(cypher=GOLD), FENCED.replace("RETURN", "RETRUN"), "wrong"),
        (QueryAnswer(cypher=GOLD), GOLD, "wrong"),
        (PORT, "Set nornicdb_http_port;  it is 7474 by default.", "right"),
        (PORT, "Set NORNICDB_HTTP_PORT_2; it is 7474.", "wrong"),
        (PORT, "Set NORNICDB_HTTP_PORT; it is 74745.", "wrong"),
        (PORT, "Set NORNICDB_HTTP_PORT.", "wrong"),
        (PORT, "Set NORNICDB_HTTP_PORT: 7474 or 7687.", "wrong"),
        (REVIEW, '{"approved": [2, 0], "reason": "anything"}', "right"),
        (REVIEW, 'Sure: {"approved": [0, 2.0], "reason": ""}', "right"),
        (REVIEW, '{"approved": [0], "reason": "same topic"}', "wrong"),
        (REVIEW, '{"approved": [0, 2, 2], "reason": "same topic"}', "wrong"),
        (REVIEW, '{"approved": [0, 2]}', "wrong"),
        (REVIEW, '{"approved": [0, 2], "reason": "", "more": 1}', "wrong"),
        (REVIEW, '{"approved": [0, 2], "reason": ', "wrong"),
        (TextAnswer(text="RED"), " red.", "right"),
        (TextAnswer(text="RED"), "red or green", "wrong"),
        (DOUBLE, "Here:\n```python\ndef double(a):\n  return a*2  # twice\n```\nDone.", "right"),
        (DOUBLE, "def double(a):\n    return a * 2", "right"),
        (DOUBLE, "```python\ndef double(a):\n    return a + a\n```", "not_judged"),
        (DOUBLE, "```python\ndef double(a:\n    return a * 2\n```", "wrong"),
        (DOUBLE, "", "wrong"),
    ],
)
def test_prose_facts_json_and_labels_are_judged_by_what_they_say(
    expected: Any, reply: str, judgement: str, contract: Contract, judge: Judge
) -> None:
    outcome = judge_reply(reply, (expected,), GRAPHS, Bench(contract, judge, Limits(time_ms=5000)))
    assert outcome.judgement == judgement, outcome.reason
    assert (outcome.json_valid is None) == (expected.kind != "json")
    assert (outcome.parses is None) == (expected.kind not in ("query", "code"))


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        ("I cannot answer that: Person has no property for 'height'.", True),
        ("There is no `height` on Person {name, age}.", True),
        (query_reply(GOLD), False),
        (query_reply(GOLD)[:-2], False),
        ('Sure: {"action": "heimdall.help", "params": {}}', False),
        (GOLD, False),
        (f"```cypher\n{GOLD}\n```", False),
        ("", False),
    ],
)
def test_only_prose_that_runs_nothing_refuses(reply: str, refused: bool, contract: Contract) -> None:
    assert is_refusal(reply, contract) == refused


@pytest.mark.parametrize(
    ("reply", "valid_call", "similarity"),
    [
        (query_reply(GOLD), True, 1.0),
        (query_reply(GOLD.replace("p", "q")), True, 1.0),  # names of variables do not count
        (query_reply(GOLD.replace("30", "31")), True, pytest.approx(0.94, abs=0.06)),
        (query_reply("RETURN 1"), True, pytest.approx(0.15, abs=0.15)),
        (query_reply(5), False, 0.0),
        (json.dumps({"action": QUERY, "params": {}}), False, 0.0),
        (json.dumps({"action": QUERY, "params": {"cypher": GOLD, "more": 1}}), False, 1.0),
        (json.dumps({"action": "heimdall.help", "params": {}}), True, 0.0),
        (json.dumps({"action": "heimdall.nothing", "params": {}}), False, 0.0),
        ("no JSON", False, 0.0),
    ],
)
def test_a_call_is_valid_by_the_contract_and_a_query_similar_by_its_tokens(
    reply: str, valid_call: bool, similarity: Any, contract: Contract, judge: Judge
) -> None:
    outcome = judge_text(reply, make_row(), contract, judge)
    assert (outcome.valid_call, outcome.similarity) == (valid_call, similarity)


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_symmetric_and_one_only_for_the_same_tokens(left: str, right: str) -> None:
    assert measure_similarity(left, right) == measure_similarity(right, left)
    assert 0 <= measure_similarity(left, right) <= 1
    assert measure_similarity(left, left) in (0.0, 1.0)
