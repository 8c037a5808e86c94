"""Judges one reply: an action by its parameters, a query by what it returns, a fact by what must be said, JSON by its
values, code by its syntax tree. What cannot be judged is neither right nor wrong."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from cypher.canonical import canonicalize
from cypher.graph import PropertyGraph
from cypher.judge import Judgement
from cypher.parse import check_syntax
from cypher.repair import repair
from cypher.run import Limits
from cypher.schema import GraphSchema
from cypher.syntax.tokens import GrammarError, tokenize
from heimdall.answers import (
    ActionAnswer,
    Answer,
    CodeAnswer,
    FactAnswer,
    JsonAnswer,
    QueryAnswer,
    TextAnswer,
    find_fault,
    find_fenced,
    read_object,
    same_json,
)
from heimdall.source_code import find_code, find_syntax_fault, is_same_code
from nornicdb.contract import Contract
from nornicdb.replies import Reply, check_params, read_reply

Judged = Literal["right", "wrong", "not_judged"]


class Judging(Protocol):
    """What is needed of the judge."""

    def judge(
        self, gold: str, predicted: str, graphs: Sequence[PropertyGraph], *, ordered: bool, limits: Limits
    ) -> Judgement: ...


class Bench(NamedTuple):
    """What replies are judged with."""

    contract: Contract
    judge: Judging
    limits: Limits


class Outcome(NamedTuple):
    """How one reply was judged. `action` is what NornicDB would run; `json_valid` is None where no JSON was expected,
    `parses` where neither Cypher nor other code was, `similarity` where no Cypher was, `exact` where no answer has a
    form to compare, `valid_call` where no action was expected."""

    judgement: Judged
    reason: str
    exact: bool | None
    action: str | None = None
    json_valid: bool | None = None
    parses: bool | None = None
    similarity: float | None = None
    valid_call: bool | None = None


def is_refusal(text: str, contract: Contract) -> bool:
    """Whether a reply is prose that runs nothing: no action, nothing that was meant as one, and no query."""
    reply = read_reply(text, contract)
    return reply.action is None and reply.streamed and find_fenced(text) is None and check_syntax(text) is not None


def judge_reply(text: str, accepted: Sequence[Answer], graphs: Sequence[PropertyGraph], bench: Bench) -> Outcome:
    """Judges a reply by the accepted answers, which are all of one kind; of several, by that which is nearest to it."""
    first = accepted[0]
    if isinstance(first, ActionAnswer):
        reply = read_reply(text, bench.contract)
        actions = [answer for answer in accepted if isinstance(answer, ActionAnswer)]
        return _judge_action(reply, _choose_nearest(reply, actions), graphs, bench)
    if isinstance(first, QueryAnswer):
        return _judge_prose_query(text, first, graphs, bench)
    if isinstance(first, CodeAnswer):
        return _judge_code(text, first)
    return _judge_text(text, first)


def judge_repaired(
    text: str,
    outcome: Outcome,
    accepted: Sequence[Answer],
    graphs: Sequence[PropertyGraph],
    schema: GraphSchema | None,
    bench: Bench,
) -> Judged | None:
    """How the reply is judged if its query is repaired first, right or not; None where no query was expected."""
    first = accepted[0]
    if isinstance(first, QueryAnswer):
        query = find_fenced(text)
    elif isinstance(first, ActionAnswer) and first.cypher is not None:
        query = _find_param(read_reply(text, bench.contract), first)
    else:
        return None
    if query is None or schema is None:
        return outcome.judgement
    repaired = repair(query, schema)
    if not repaired.changes:
        return outcome.judgement
    return _judge_query(repaired.query, first, graphs, bench).judgement


def _judge_action(reply: Reply, expected: ActionAnswer, graphs: Sequence[PropertyGraph], bench: Bench) -> Outcome:
    """The action by name, parameters by equality, a query by what it returns. Cypher counts as parsing only in a reply
    that would run it."""
    query = _find_param(reply, expected)
    if reply.action != expected.action:
        said = reply.problem or f"action '{reply.action}' instead of '{expected.action}'"
        outcome = _judge_missing(said) if expected.cypher is not None else Outcome("wrong", said, exact=False)
    elif expected.cypher is None:
        same = same_json(reply.params, expected.params)
        outcome = Outcome("right" if same else "wrong", "as expected" if same else "other parameters", same)
    elif query is None:
        outcome = _judge_missing("params.cypher is not a text")
    else:
        outcome = _judge_query(query, expected, graphs, bench)
    valid_call = check_params(reply, bench.contract) is None
    return outcome._replace(action=reply.action, json_valid=reply.json_valid, valid_call=valid_call)


def _find_param(reply: Reply, expected: ActionAnswer) -> str | None:
    query = reply.params.get("cypher")
    return query if reply.action == expected.action and isinstance(query, str) else None


def _choose_nearest(reply: Reply, accepted: Sequence[ActionAnswer]) -> ActionAnswer:
    named = [answer for answer in accepted if answer.action == reply.action]
    same = [answer for answer in named if same_json(answer.params, reply.params)]
    return [*same, *named, *accepted][0]


def _judge_prose_query(text: str, expected: QueryAnswer, graphs: Sequence[PropertyGraph], bench: Bench) -> Outcome:
    query = find_fenced(text)
    if query is None:
        return _judge_missing("there is no fenced query")
    return _judge_query(query, expected, graphs, bench)


def _judge_missing(reason: str) -> Outcome:
    """A reply without the query that was expected."""
    return Outcome("wrong", reason, exact=False, parses=False, similarity=0.0)


def _judge_query(
    query: str, expected: ActionAnswer | QueryAnswer, graphs: Sequence[PropertyGraph], bench: Bench
) -> Outcome:
    gold = expected.cypher
    assert gold is not None
    problem = check_syntax(query)
    forms = canonicalize(gold), canonicalize(query)
    if forms[0] == forms[1]:
        return Outcome("right", "as expected", exact=True, parses=problem is None, similarity=1.0)
    similarity = measure_similarity(forms[0].text, forms[1].text)
    if problem is not None:
        return Outcome("wrong", f"does not parse: {problem.message}", False, parses=False, similarity=similarity)
    if not graphs:
        return Outcome("not_judged", "there is no graph to run it on", False, parses=True, similarity=similarity)
    judgement = bench.judge.judge(gold, query, graphs, ordered=expected.ordered, limits=bench.limits)
    return Outcome(judgement.status, judgement.reason, exact=False, parses=True, similarity=similarity)


def measure_similarity(expected: str, got: str) -> float:
    """F1 of the tokens that two queries share, each token as often as it stands in both (0 to 1)."""
    left, right = _count_tokens(expected), _count_tokens(got)
    total = left.total() + right.total()
    return 2 * (left & right).total() / total if total else 0.0


def _count_tokens(query: str) -> Counter[str]:
    try:
        return Counter(token.text for token in tokenize(query) if token.text)
    except GrammarError:
        return Counter(query.split())


def _judge_text(text: str, expected: FactAnswer | JsonAnswer | TextAnswer) -> Outcome:
    fault = find_fault(text, expected)
    read = read_object(text) if isinstance(expected, JsonAnswer) else None
    return Outcome(
        "wrong" if fault else "right",
        fault or "as expected",
        exact=same_json(read, expected.value) if isinstance(expected, JsonAnswer) else None,
        json_valid=read is not None if isinstance(expected, JsonAnswer) else None,
    )


def _judge_code(text: str, expected: CodeAnswer) -> Outcome:
    code = find_code(text)
    fault = find_syntax_fault(expected.language, code) if code else "it is empty"
    if fault is not None:
        return Outcome("wrong", f"does not parse: {fault}", exact=False, parses=False)
    if is_same_code(expected.language, code, expected.code):
        return Outcome("right", "as expected", exact=True, parses=True)
    return Outcome("not_judged", "other code, which is not run", exact=False, parses=True)
