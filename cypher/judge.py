"""Judges a predicted query against the right one by running both on small graphs.

A model's query is not trusted: it runs in a worker process of its own, under a limit of time, rows and memory. Nothing
that a query does reaches the next one: every judgement loads its graphs anew, and what a query writes on one is taken
back.
"""

from collections.abc import Sequence
from typing import Literal

from cypher.canonical import canonicalize
from cypher.compare import same_results
from cypher.graph import PropertyGraph
from cypher.isomorphism import UndecidedError, same_graph
from cypher.parse import check_syntax
from cypher.run import CypherError, EmbeddedGraph, GraphState, Limits, Result, RowLimitError
from cypher.statement import read_statement
from cypher.syntax import queries, tree
from cypher.syntax.tokens import GrammarError
from cypher.worker import Begin, Worker, WorkerError
from cypher.write import Written, is_write, run_write
from heimdall.refs import Record


class Judgement(Record):
    """`not_judged` means that the engine could not tell, never that the prediction is wrong."""

    status: Literal["right", "wrong", "not_judged"]
    reason: str


class Judge(Worker):
    """A worker process that judges one pair of queries after another, for as long as the context lasts."""

    def __init__(self) -> None:
        super().__init__(judge_pair)

    def judge(
        self,
        gold: str,
        predicted: str,
        graphs: Sequence[PropertyGraph],
        *,
        ordered: bool,
        limits: Limits | None = None,
    ) -> Judgement:
        """Right if both queries give the same result on every graph, under one order of columns, and if they write
        leave the same graphs; wrong from the first difference on.

        What the prediction causes itself (a text that is no query, an error while it runs, more rows than allowed, a
        write where nothing is to be written or none where something is) is wrong. A fault of the right query, a limit
        of time or memory, and Cypher that the engine does not know are not judged. Commands are not run: they are
        right by their canonical form or not judged. What a writing query returns counts if the right one returns rows.
        """
        limits = limits or Limits()
        try:
            return self.call(judge_pair, gold, predicted, tuple(graphs), ordered, limits, time_ms=limits.time_ms)
        except WorkerError as error:
            return Judgement(status="not_judged", reason=str(error))


def judge_pair(
    begin: Begin, gold: str, predicted: str, graphs: Sequence[PropertyGraph], ordered: bool, limits: Limits
) -> Judgement:
    """What `Judge.judge` does in its process; `begin` is called with the name of each step."""
    try:
        begin("parsing")
        known = _judge_texts(gold, predicted)
        if known is not None:
            return known
        if not graphs:
            return Judgement(status="not_judged", reason="there is no graph to run it on")
        return _judge_runs(gold, predicted, graphs, ordered, limits, begin)
    except MemoryError:
        return Judgement(status="not_judged", reason="the result does not fit into memory")
    except UndecidedError as error:
        return Judgement(status="not_judged", reason=str(error))


def _judge_texts(gold: str, predicted: str) -> Judgement | None:
    """What the texts tell without being run: no query, a command, one that writes where the other reads."""
    problem = check_syntax(predicted)
    if problem is not None:
        return Judgement(status="wrong", reason=f"no query: {problem.message}")
    try:
        wanted, got = read_statement(gold).body, read_statement(predicted).body
    except GrammarError as error:
        return Judgement(status="not_judged", reason=f"the right query is none: {error}")
    if isinstance(wanted, queries.Command):
        if canonicalize(gold) == canonicalize(predicted):
            return Judgement(status="right", reason="the same command")
        return Judgement(status="not_judged", reason="the engine runs no commands")
    if isinstance(got, queries.Command):
        if got.verb == "SHOW":
            return Judgement(status="not_judged", reason="the engine runs no commands")
        return Judgement(status="wrong", reason=f"a command ({got.verb}) instead of a query")
    if is_write(wanted) != is_write(got):
        reads = got if is_write(wanted) else wanted
        if any(isinstance(node, queries.ProcedureCall) for node in tree.walk(reads)):
            return Judgement(status="not_judged", reason="what a procedure writes is not known")
        return Judgement(
            status="wrong", reason="nothing is written" if reads is got else "a write instead of a question"
        )
    return None


def _judge_runs(
    gold: str,
    predicted: str,
    graphs: Sequence[PropertyGraph],
    ordered: bool,
    limits: Limits,
    begin: Begin,
) -> Judgement:
    """Runs both queries on one graph after the other, up to the first difference."""
    body = read_statement(gold).body
    assert isinstance(body, queries.Query)
    golds: list[Result] = []
    gots: list[Result] = []
    idle = is_write(body)
    for number, graph in enumerate(graphs, start=1):
        begin("loading the graph")
        with EmbeddedGraph(graph) as engine:
            begin("running the right query")
            try:
                wanted = _run(engine, gold, is_write(body), limits)
            except CypherError as error:
                return Judgement(status="not_judged", reason=f"the right query fails: {error}")
            begin("running the predicted query")
            try:
                got = _run(engine, predicted, is_write(body), limits)
            except RowLimitError as error:
                return Judgement(status="wrong", reason=str(error))
            except CypherError as error:
                status: Literal["wrong", "not_judged"] = "not_judged" if error.unsupported else "wrong"
                return Judgement(status=status, reason=f"the predicted query fails: {error}")
        begin("comparing the results")
        if not same_graph(wanted.after, got.after):
            return Judgement(status="wrong", reason=f"graph {number} becomes another graph")
        if body.returns:
            golds.append(wanted.result)
            gots.append(got.result)
        if not same_results(golds, gots, ordered=ordered):
            counts = f"{len(got.result.rows)} rows for {len(wanted.result.rows)}"
            return Judgement(status="wrong", reason=f"another result on graph {number} ({counts})")
        idle = idle and wanted.before == wanted.after and not wanted.result.rows
    if idle:
        return Judgement(status="not_judged", reason="the right query changes nothing on these graphs")
    return Judgement(status="right", reason=f"the same result on {len(graphs)} graphs")


def _run(engine: EmbeddedGraph, query: str, writes: bool, limits: Limits) -> Written:
    """What a query returns and leaves; of a graph that is only read nothing has to be compared."""
    if writes:
        return run_write(engine, query, limits)
    untouched = GraphState({}, ())
    return Written(engine.run(query, limits), untouched, untouched)
