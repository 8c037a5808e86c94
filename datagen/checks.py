"""What is measured on single rows: answers, queries, JSON, secrets, lengths. Each check keeps the places that fail.

Rows come in batches and are not kept: a check counts as they pass (`add`) and says at the end what it found
(`conclude`).
"""

import heapq
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from cypher.graph import SchemaGraphs
from cypher.judge import Judge
from cypher.parse import check_syntax
from datagen.columns import Columns, find_first
from datagen.formats import Conversation, Problem
from datagen.lengths import Counter as TokenCounter
from datagen.lengths import Lengths, RowLengths, Tally
from datagen.sensitive import find_personal, find_secrets
from heimdall.answers import ActionAnswer, find_contradiction, find_fenced
from heimdall.config import ValidationConfig
from heimdall.refs import Check
from heimdall.rows import Proof
from nornicdb.answer_schemas import find_schema_fault
from nornicdb.contract import Contract
from nornicdb.replies import check_params, read_reply

EXAMPLES = 5
_NOTHING = "UNWIND [] AS nothing RETURN nothing"  # a query whose result is empty
# A foreign answer is a query if it says so by a fence or begins as queries do, in capitals.
_BARE_QUERY = re.compile(
    r"\s*(?:EXPLAIN |PROFILE )?(?:MATCH|OPTIONAL MATCH|CREATE|MERGE|UNWIND|CALL|WITH|RETURN|SHOW|LOAD CSV)\b[\s({[*]"
)

Items = Sequence[Conversation]


class Finding(NamedTuple):
    """A row that fails a check, and how."""

    place: str
    reason: str


class Measure(NamedTuple):
    """A check with all rows that fail it; the check itself keeps a few as examples."""

    check: Check
    findings: tuple[Finding, ...] = ()


class Checker(Protocol):
    """Looks at rows as they pass, and says at the end what it found."""

    def add(self, items: Items) -> None: ...
    def conclude(self) -> Iterator[Measure]: ...


def limit_count(name: str, found: Iterable[Finding], most: int = 0) -> Measure:
    """A check that counts failures."""
    findings = tuple(found)
    return _measure(name, len(findings), f"at most {most} rows", len(findings) <= most, findings)


def limit_share(name: str, found: Iterable[Finding], rows: int, most: float) -> Measure:
    """A check on the share of rows that fail."""
    findings = tuple(found)
    share = len(findings) / rows
    return _measure(name, share, f"at most {most:g}", share <= most, findings)


def _measure(name: str, value: float, limit: str, passed: bool, findings: tuple[Finding, ...]) -> Measure:
    examples = tuple(f"{place}: {reason}" for place, reason in findings[:EXAMPLES])
    return Measure(Check(name=name, value=value, limit=limit, passed=passed, examples=examples), findings)


def check_readable(problems: Sequence[Problem]) -> Measure:
    """What is no row at all."""
    return limit_count("unreadable_rows", (Finding(problem.place, problem.reason) for problem in problems))


def check_repeats(columns: Columns) -> Iterator[Measure]:
    """Ids and, within a split, questions that were there before; the same words with another answer anywhere."""
    questions = columns.digests("question") + columns.split_numbers() * 0x9E3779B97F4A7C15  # wraps around
    for name, keys in (("repeated_ids", columns.digests("id")), ("repeated_questions", questions)):
        first = find_first(keys)
        repeats = (first != range(len(first))).nonzero()[0]
        yield limit_count(
            name, (Finding(columns.place(row), f"repeats {columns.place(first[row])}") for row in repeats)
        )
    first, answers = find_first(columns.digests("prompt")), columns.digests("answer")
    others = (answers != answers[first]).nonzero()[0]
    yield limit_count(
        "contradictions",
        (Finding(columns.place(row), f"answers otherwise than {columns.place(first[row])}") for row in others),
    )


def find_disputed(columns: Columns) -> Iterator[str]:
    """The places of all rows whose words another row answers otherwise."""
    first, answers = find_first(columns.digests("prompt")), columns.digests("answer")
    prompts = set(first[answers != answers[first]].tolist())
    return (columns.place(row) for row, begun in enumerate(first.tolist()) if begun in prompts)


class EachRow:
    """A check that any row fails by itself: `find` says why."""

    def __init__(self, name: str, find: Callable[[Conversation], str | None], most: int = 0) -> None:
        self._name, self._find, self._most = name, find, most
        self._findings: list[Finding] = []

    def add(self, items: Items) -> None:
        self._findings += [Finding(item.place, why) for item in items if (why := self._find(item))]

    def conclude(self) -> Iterator[Measure]:
        yield limit_count(self._name, self._findings, self._most)


def find_empty(item: Conversation) -> str | None:
    """No answer, or a question that says nothing; a bare text has no question."""
    if not item.answer.strip():
        return "the answer is empty"
    if any(turn.role != "system" and not turn.content.strip() for turn in item.turns):
        return "a question is empty"
    return None


def check_answers(contract: Contract) -> Iterator[Checker]:
    """Answers against the typed ones, actions against the contract, JSON by parsing."""

    def find_action_fault(item: Conversation) -> str | None:
        if not _asks_for_action(item):
            return None
        reply = read_reply(item.answer, contract)
        return reply.problem or check_params(reply, contract)

    yield EachRow(
        "answers_not_as_expected",
        lambda item: find_contradiction(item.answer, item.row.expected) if item.row is not None else None,
    )
    yield EachRow(
        "answers_not_of_their_schema", lambda item: find_schema_fault(item.row) if item.row is not None else None
    )
    yield EachRow("answers_nornicdb_would_not_run", find_action_fault)
    yield EachRow(
        "broken_json",
        lambda item: _find_json_fault(item.answer) if _is_object(item) and not _asks_for_action(item) else None,
    )


def _asks_for_action(item: Conversation) -> bool:
    return isinstance(item.row.expected, ActionAnswer) if item.row is not None else '"action"' in item.answer[:20]


def _is_object(item: Conversation) -> bool:
    return item.answer.lstrip().startswith("{")


def _find_json_fault(text: str) -> str | None:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"the answer begins as a JSON object and is none: {error}"
    return None


def check_json(schema: Mapping[str, Any]) -> Checker:
    """Answers that are JSON objects, against a JSON Schema of the user's."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema)

    def find(item: Conversation) -> str | None:
        if not _is_object(item) or _find_json_fault(item.answer) is not None:
            return None
        error = next(iter(sorted(validator.iter_errors(json.loads(item.answer)), key=str)), None)
        return f"{error.json_path}: {error.message}" if error is not None else None

    return EachRow("json_outside_its_schema", find)


def check_sensitive(config: ValidationConfig) -> Iterator[Checker]:
    """Secrets and personal data anywhere in a row."""
    kinds = (
        ("secrets", "a secret", find_secrets, config.max_secret_rows),
        ("personal_data", "personal data", find_personal, config.max_personal_rows),
    )
    for name, what, find, most in kinds:
        yield EachRow(name, lambda item, what=what, find=find: _name_kinds(item, what, find), most)  # type: ignore[misc]


def _name_kinds(item: Conversation, what: str, find: Callable[[str], list[str]]) -> str | None:
    found = item.row.knowledge if item.row is not None else ()
    texts = (*(turn.content for turn in item.turns), *(node.model_dump_json() for node in found))
    kinds = sorted({kind for text in texts for kind in find(text)})
    return f"holds {what}: {', '.join(kinds)}" if kinds else None


class Queries:
    """The share of the queries in answers that the grammar takes."""

    def __init__(self, config: ValidationConfig) -> None:
        self._least, self._queries, self._faults = config.min_parse_rate, 0, list[Finding]()

    def add(self, items: Items) -> None:
        for item in items:
            query = find_query(item)
            if query is None:
                continue
            self._queries += 1
            if fault := check_syntax(query):
                self._faults.append(Finding(item.place, f"{fault.message} (column {fault.column} of the query)"))

    def conclude(self) -> Iterator[Measure]:
        if self._queries:
            rate = 1 - len(self._faults) / self._queries
            limit = f"at least {self._least:g}"
            yield _measure("cypher_parse_rate", rate, limit, rate >= self._least, tuple(self._faults))


def find_query(item: Conversation) -> str | None:
    """The query in an answer: the typed one, that of an action, a fenced one, or an answer that begins as a query."""
    if item.row is not None:
        expected = item.row.expected
        query = expected.params.get("cypher") if isinstance(expected, ActionAnswer) else item.row.query
        return query if isinstance(query, str) else None
    if "```cypher" in item.answer.lower():
        return find_fenced(item.answer)
    return item.answer.strip() if _BARE_QUERY.match(item.answer) else None


class Results:
    """Runs the queries of schemas whose graphs are at hand: each must run, and return rows on one of them at least."""

    def __init__(self, graphs: Mapping[str, SchemaGraphs], judge: Judge) -> None:
        self._graphs, self._judge, self._ran = graphs, judge, False
        self._failing, self._empty = list[Finding](), list[Finding]()

    def add(self, items: Items) -> None:
        for item in items:
            stored = self._graphs.get(item.row.schema_id or "") if item.row is not None else None
            if stored is None or item.row is None or not item.row.query:
                continue
            shown, self._ran = stored.graphs, True
            judged = self._judge.judge(item.row.query, _NOTHING, shown, ordered=False)
            if judged.status == "right":
                self._empty.append(Finding(item.place, f"the query returns nothing on {len(shown)} graphs"))
            elif judged.status == "not_judged":
                self._failing.append(Finding(item.place, judged.reason))

    def conclude(self) -> Iterator[Measure]:
        if self._ran:
            yield limit_count("queries_that_do_not_run", self._failing)
            yield limit_count("queries_that_return_nothing", self._empty)


class Balance:
    """The share of the most frequent action among rows that ask for one."""

    def __init__(self, config: ValidationConfig) -> None:
        self._limit, self._counts = config.max_action_share, Counter[str]()

    def add(self, items: Items) -> None:
        rows = [item.row for item in items if item.row is not None and item.row.family == "action"]
        self._counts.update(row.expected.action for row in rows if isinstance(row.expected, ActionAnswer))

    def conclude(self) -> Iterator[Measure]:
        if not self._counts:
            return
        action, most = self._counts.most_common(1)[0]
        share, limit = most / self._counts.total(), self._limit
        example = f"{action}: {most} of {self._counts.total()} rows that ask for an action"
        yield Measure(
            Check(
                name="largest_action_share",
                value=share,
                limit=f"at most {limit:g}",
                passed=share <= limit,
                examples=(example,),
            )
        )


class Proofs:
    """The share of wrong queries that the stored proofs tell apart; nothing is executed again."""

    def __init__(self, config: ValidationConfig) -> None:
        self._least, self._killed, self._mutants = config.min_mutant_kill_rate, 0, 0
        self._worst: list[tuple[float, int, str, Proof]] = []

    def add(self, items: Items) -> None:
        proven = [(item.place, item.row.proof) for item in items if item.row is not None and item.row.proof is not None]
        for place, proof in proven:
            if not proof.mutants:
                continue
            self._mutants, self._killed = self._mutants + proof.mutants, self._killed + proof.killed
            self._worst.append((proof.killed / proof.mutants, self._mutants, place, proof))
        self._worst = heapq.nsmallest(EXAMPLES, self._worst)

    def conclude(self) -> Iterator[Measure]:
        if self._mutants:
            rate, least = self._killed / self._mutants, self._least
            findings = tuple(
                Finding(place, f"tells {proof.killed} of {proof.mutants} wrong queries apart")
                for _, _, place, proof in self._worst
            )
            yield _measure("mutant_kill_rate", rate, f"at least {least:g}", rate >= least, findings)


class TokenLengths:
    """All lengths in tokens, system prompts included; with `most`, the rows whose answer's end would be cut off."""

    def __init__(self, contract: Contract, count: TokenCounter, most: int | None) -> None:
        self._rows, self._most = RowLengths(contract, count), most
        self._tally, self._findings = Tally(), list[Finding]()

    def add(self, items: Items) -> None:
        for item, length in zip(items, self._rows.measure(items), strict=True):
            self._tally.add(item.place, length)
            if self._most is not None and length > self._most:
                under = f" with the {item.row.prompt} prompt" if item.row is not None else ""
                self._findings.append(Finding(item.place, f"{length} tokens{under}"))

    def summarize(self) -> Lengths:
        """All lengths."""
        return self._tally.summarize("tokens")

    def conclude(self) -> Iterator[Measure]:
        if self._most is not None:
            longest, limit = self.summarize().maximum, f"at most {self._most}"
            yield _measure("longest_row_tokens", longest, limit, not self._findings, tuple(self._findings))
