"""A prediction is right, wrong or not judged; and whatever it does, the next one is judged as if it had never been."""

import os
import signal

import pytest
from small_graphs import PEOPLE

from cypher.graph import Node, PropertyGraph
from cypher.judge import Judge, judge_pair
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
        ("MATCH (n) DETACH DELETE n", "a write instead of a question"),
        ("CREATE INDEX FOR (n:Person) ON (n.name)", "a command (CREATE) instead of a query"),
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


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        ("MATCH (n:Person) RETURN n.name / 2", NAMES),
        ("MATCH (n RETURN n", NAMES),
        ("MATCH (n:Person {name: 'Ann'}) SET n.x = n.name / 2", "MATCH (n:Person {name: 'Ann'}) SET n.x = 1"),
    ],
)
def test_a_fault_of_the_right_query_is_not_judged(judge, gold, predicted):
    assert verdict(judge, gold, predicted).status == "not_judged"


@pytest.mark.parametrize(
    "predicted",
    [
        "MATCH (n:Person|Robot) RETURN n.name",
        "UNWIND range(1, 100000000) AS x RETURN count(x)",  # longer than it makes lists
        "MATCH (n:Person)-[:KNOWS*1..1000]->(m) RETURN n.name",  # deeper than it goes
        "MATCH (n:Person) RETURN n.name, rand()",
    ],
)
def test_cypher_that_the_engine_cannot_do_is_not_judged(judge, predicted):
    judgement = verdict(judge, NAMES, predicted)
    assert (judgement.status, "fails" in judgement.reason) == ("not_judged", True)


def test_commands_are_right_by_their_form_or_not_judged(judge):
    gold = "CREATE INDEX names FOR (n:Person) ON (n.name)"
    assert verdict(judge, gold, "create index names for (p:Person) on (p.name)", graphs=()).status == "right"
    for other in ("CREATE INDEX names FOR (n:Person) ON (n.age)", "SHOW INDEXES", NAMES, "CREATE (:Person)"):
        assert verdict(judge, gold, other).status == "not_judged"
    assert verdict(judge, NAMES, "SHOW INDEXES").status == "not_judged"


ANN = "MATCH (n:Person {name: 'Ann'})"
NEW_AGE = f"{ANN} SET n.age = 31"


def test_a_write_is_judged_by_the_graph_it_leaves(judge):
    for same in (f"{ANN} SET n += {{age: 30 + 1}}", "MATCH (p) WHERE p.name = 'Ann' SET p.age = p.age + 1 RETURN p"):
        assert verdict(judge, NEW_AGE, same).status == "right"
    judgement = verdict(judge, NEW_AGE, f"{ANN} SET n.age = 32")
    assert (judgement.status, judgement.reason) == ("wrong", "graph 1 becomes another graph")
    assert verdict(judge, NEW_AGE, f"{ANN} RETURN n").reason == "nothing is written"
    assert verdict(judge, NEW_AGE, "MATCH (n) CALL db.labels() YIELD label RETURN n").status == "not_judged"
    assert verdict(judge, f"{NEW_AGE} RETURN n.name", NEW_AGE).status == "wrong"
    assert verdict(judge, f"{NEW_AGE} RETURN n.name", f"{NEW_AGE} RETURN n.name AS x").status == "right"
    assert verdict(judge, f"{NEW_AGE} RETURN n.name", f"{NEW_AGE} RETURN n.age").status == "wrong"


def test_a_write_that_changes_no_graph_proves_nothing(judge):
    nobody = "MATCH (n:Nobody) SET n.x = 1"
    judgement = verdict(judge, nobody, nobody)
    assert (judgement.status, judgement.reason) == ("not_judged", "the right query changes nothing on these graphs")
    assert verdict(judge, nobody, NEW_AGE).status == "wrong"
    known = "MERGE (n:Person {name: 'Ann'})"  # changes nothing either, but returns something
    assert verdict(judge, f"{known} RETURN n.age", f"{known} RETURN n.age").status == "right"


def test_columns_stand_in_one_order_on_all_graphs(judge):
    gold = "MATCH (n:Person) RETURN n.name, n.age"
    turned = "MATCH (n:Person) RETURN n.age AS a, n.name AS b"
    now_and_then = "MATCH (n:Person) WITH n, count { (n)--() } AS k RETURN n.age AS a, n.name AS b"
    assert verdict(judge, gold, turned).status == "right"
    assert verdict(judge, gold, now_and_then).status == "not_judged"
    lucky = (
        "MATCH (m) WITH count(m) AS size MATCH (n:Person) "
        "RETURN CASE size WHEN 1 THEN n.name ELSE n.age END AS a, CASE size WHEN 1 THEN n.age ELSE n.name END AS b"
    )
    assert verdict(judge, gold, lucky, graphs=(ONE,)).status == "right"
    assert verdict(judge, gold, lucky, graphs=(PEOPLE,)).status == "right"
    assert verdict(judge, gold, lucky).status == "wrong"


def test_an_endless_query_is_stopped_and_the_next_one_is_judged(judge):
    before = judge._process.pid
    judgement = verdict(judge, NAMES, ENDLESS, limits=Limits(time_ms=300))
    assert (judgement.status, judgement.reason) == ("not_judged", "running the predicted query took more than 300 ms")
    assert not _is_alive(before)
    assert verdict(judge, NAMES, NAMES).status == "right"


@pytest.mark.parametrize(
    ("gold", "predicted", "step"),
    [
        (NEW_AGE, f"{ANN} SET n.age = 31 WITH n {ENDLESS}", "predicted"),
        (NEW_AGE, ENDLESS.replace("RETURN count(*)", "SET a.age = 31"), "predicted"),
        (NEW_AGE, "FOREACH (x IN range(1, 3000) | FOREACH (y IN range(1, 3000) | CREATE (:A)))", "predicted"),
        (f"{ANN} SET n.age = 31 WITH n {ENDLESS}", NEW_AGE, "right"),
    ],
)
def test_an_endless_write_is_stopped_and_the_next_one_finds_its_graph_untouched(judge, gold, predicted, step):
    judgement = verdict(judge, gold, predicted, limits=Limits(time_ms=300))
    assert judgement.status == "not_judged"
    assert judgement.reason == f"running the {step} query took more than 300 ms"
    assert verdict(judge, NEW_AGE, NEW_AGE).status == "right"
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
        judge._connection.send((judge_pair, (NAMES, ENDLESS, (PEOPLE,), False, Limits()), 100))
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
