"""A prediction is right, wrong or not judged; and whatever it does, the next one is judged as if it had never been."""

import os
import signal

import pytest
from small_graphs import PEOPLE

from cypher.graph import Node, PropertyGraph
from cypher.judge import Judge
from cypher.run import Limits

NAMES = "MATCH (n:Person) RETURN n.name"
ENDLESS = "MATCH (a), (b), (c), (d), (e), (f), (g), (h), (i), (j), (k), (l) RETURN count(*)"
ONE = PropertyGraph(nodes=(Node(id=1, labels=("Person",), properties={"name": "Ann", "age": 30}),), relationships=())


@pytest.fixture(scope="module")
def judge():
    with Judge() as judge:
        yield judge


def verdict(judge, gold, predicted, graphs=(PEOPLE, ONE), ordered=False, limits=None):
    return judge.judge(gold, predicted, graphs, ordered=ordered, limits=limits)


@pytest.mark.parametrize(
    "predicted",
    [NAMES, "MATCH (p:Person) RETURN p.name AS who ORDER BY who DESC", "MATCH (n) WHERE n:Person RETURN n.name"],
)
def test_another_way_to_ask_is_right(judge, predicted):
    assert verdict(judge, NAMES, predicted).status == "right"


@pytest.mark.parametrize(
    ("predicted", "reason"),
    [
        ("MATCH (n:Person RETURN n.name", "no query"),
        ("MATCH (n:Person) RETURN m.name", "no query"),
        ("", "no query"),
        ("MATCH (n:Person) RETURN n.age", "another result on graph 1"),
        ("MATCH (n) RETURN n.name", "another result on graph 1 (6 rows for 4)"),
        ("MATCH (n:Person) RETURN n.name / 2", "fails"),
        ("MATCH (n) DETACH DELETE n", "write"),
    ],
)
def test_a_wrong_prediction_is_told_why(judge, predicted, reason):
    judgement = verdict(judge, NAMES, predicted)
    assert judgement.status == "wrong"
    assert reason in judgement.reason


def test_right_on_one_graph_is_not_right():
    with Judge() as judge:
        lucky = "MATCH (n) RETURN n.name"
        assert verdict(judge, NAMES, lucky, graphs=(ONE,)).status == "right"
        judgement = verdict(judge, NAMES, lucky, graphs=(ONE, PEOPLE))
        assert (judgement.status, "graph 2" in judgement.reason) == ("wrong", True)


def test_the_order_counts_only_where_the_question_asks_for_one(judge):
    gold, reverse = f"{NAMES} ORDER BY n.name", f"{NAMES} ORDER BY n.name DESC"
    assert verdict(judge, gold, reverse, ordered=False).status == "right"
    assert verdict(judge, gold, reverse, ordered=True).status == "wrong"


def test_more_rows_than_allowed_are_wrong(judge):
    judgement = verdict(judge, NAMES, "MATCH (a), (b) RETURN a.name", limits=Limits(rows=20))
    assert (judgement.status, judgement.reason) == ("wrong", "more than 20 rows")


@pytest.mark.parametrize("gold", ["MATCH (n:Person) RETURN n.name / 2", "MATCH (n RETURN n", "CREATE (n) RETURN n"])
def test_a_fault_of_the_right_query_is_not_judged(judge, gold):
    assert verdict(judge, gold, NAMES).status == "not_judged"


def test_cypher_that_the_engine_does_not_know_is_not_judged(judge):
    judgement = verdict(judge, NAMES, "MATCH (n:Person|Robot) RETURN n.name")
    assert (judgement.status, "fails" in judgement.reason) == ("not_judged", True)


def test_an_endless_query_is_stopped_and_the_next_one_is_judged(judge):
    before = judge._process.pid
    judgement = verdict(judge, NAMES, ENDLESS, limits=Limits(time_ms=300))
    assert (judgement.status, judgement.reason) == ("not_judged", "running the predicted query took more than 300 ms")
    assert not _is_alive(before)
    assert verdict(judge, NAMES, NAMES).status == "right"


def test_a_result_that_eats_the_memory_is_stopped_and_the_next_one_is_judged(judge):
    hungry = "UNWIND range(1, 9000000) AS a UNWIND range(1, 9000000) AS b RETURN collect(a + b)"
    assert verdict(judge, NAMES, hungry, limits=Limits(time_ms=1500)).status == "not_judged"
    assert verdict(judge, NAMES, NAMES).status == "right"


def test_a_worker_that_was_killed_is_started_again(judge):
    os.kill(judge._process.pid, signal.SIGKILL)
    judge._process.join()
    assert verdict(judge, NAMES, NAMES).status == "right"


def test_a_worker_whose_parent_is_gone_ends_an_endless_query_itself():
    with Judge() as judge:
        process = judge._process
        judge._connection.send((NAMES, ENDLESS, (PEOPLE,), False, Limits(time_ms=100)))
        process.join(timeout=20)  # nobody reads its replies or kills it
        assert process.exitcode == -signal.SIGALRM


def test_leaving_the_judge_leaves_no_process():
    with Judge() as judge:
        pid = judge._process.pid
    assert not _is_alive(pid)


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
