"""What is measured on single rows: answers, queries, JSON, secrets, lengths. Each check keeps the places that fail."""

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cypher.graph import SchemaGraphs
from cypher.judge import Judge
from cypher.parse import check_syntax
from datagen.answer_schemas import find_schema_fault
from datagen.formats import Conversation, Problem
from datagen.lengths import Counter as TokenCounter
from datagen.lengths import Lengths, Tally, count_lengths
from datagen.sensitive import find_personal, find_secrets
from heimdall.answers import ActionAnswer, find_contradiction, find_fenced, fold
from heimdall.config import ValidationConfig
from heimdall.refs import Check
from nornicdb.contract import Contract
from nornicdb.replies import check_params, read_reply

EXAMPLES = 5
_NOTHING = "UNWIND [] AS nothing RETURN nothing"  # a query whose result is empty
# A foreign answer is a query if it says so by a fence or begins as queries do, in capitals.
_BARE_QUERY = re.compile(
    r"\s*(?:EXPLAIN |PROFILE )?(?:MATCH|OPTIONAL MATCH|CREATE|MERGE|UNWIND|CALL|WITH|RETURN|SHOW|LOAD CSV)\b[\s({[*]"
)

Items = Sequence[Conversation]
Advance = Callable[[int], None]


class Finding(NamedTuple):
    """A row that fails a check, and how."""

    place: str
    reason: str


class Measure(NamedTuple):
    """A check with all rows that fail it; the check itself keeps a few as examples."""

    check: Check
    findings: tuple[Finding, ...] = ()


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


def find_repeats(items: Items, key: Callable[[Conversation], Hashable | None]) -> Iterator[Finding]:
    """Rows whose key was there before; a key of None is nobody's."""
    first: dict[Hashable, str] = {}
    for item in items:
        found = key(item)
        before = item.place if found is None else first.setdefault(found, item.place)
        if before != item.place:
            yield Finding(item.place, f"repeats {before}")


def find_contradictions(items: Items) -> Iterator[Finding]:
    """The same words, in the same case, with another answer; anywhere in the data set."""
    first: dict[str, Conversation] = {}
    for item in items:
        if item.prompt.strip():
            before = first.setdefault(" ".join(item.prompt.split()), item)
            if _answer_of(before) != _answer_of(item):
                yield Finding(item.place, f"answers otherwise than {before.place}")


def _answer_of(item: Conversation) -> object:
    return item.row.expected if item.row is not None else fold(item.answer)


def find_empty(items: Items) -> Iterator[Finding]:
    """Rows without an answer, or with a question that says nothing; a bare text has no question."""
    for item in items:
        if not item.answer.strip():
            yield Finding(item.place, "the answer is empty")
        elif any(turn.role != "system" and not turn.content.strip() for turn in item.turns):
            yield Finding(item.place, "a question is empty")


def check_answers(items: Items, contract: Contract, config: ValidationConfig, advance: Advance) -> Iterator[Measure]:
    """Answers against the typed ones, actions against the contract, queries against the grammar, JSON by parsing."""
    spelling, actions, objects = list[Finding](), list[Finding](), list[Finding]()
    schemas, faults, queries = list[Finding](), list[Finding](), 0
    for done, item in enumerate(items, start=1):
        place, expected = item.place, item.row.expected if item.row is not None else None
        if expected is not None and (problem := find_contradiction(item.answer, expected)):
            spelling.append(Finding(place, problem))
        if item.row is not None and (problem := find_schema_fault(item.row)):
            schemas.append(Finding(place, problem))
        if isinstance(expected, ActionAnswer) or (expected is None and '"action"' in item.answer[:20]):
            reply = read_reply(item.answer, contract)
            if problem := reply.problem or check_params(reply, contract):
                actions.append(Finding(place, problem))
        elif item.answer.lstrip().startswith("{") and (problem := _find_json_fault(item.answer)):
            objects.append(Finding(place, problem))
        query = find_query(item)
        if query is not None:
            queries += 1
            fault = check_syntax(query)
            if fault is not None:
                faults.append(Finding(place, f"{fault.message} (column {fault.column} of the query)"))
        advance(done)
    yield limit_count("answers_not_as_expected", spelling)
    yield limit_count("answers_not_of_their_schema", schemas)
    yield limit_count("answers_nornicdb_would_not_run", actions)
    yield limit_count("broken_json", objects)
    if queries:
        rate, least = 1 - len(faults) / queries, config.min_parse_rate
        yield _measure("cypher_parse_rate", rate, f"at least {least:g}", rate >= least, tuple(faults))


def find_query(item: Conversation) -> str | None:
    """The query in an answer: the typed one, that of an action, a fenced one, or an answer that begins as a query."""
    if item.row is not None:
        expected = item.row.expected
        query = expected.params.get("cypher") if isinstance(expected, ActionAnswer) else item.row.query
        return query if isinstance(query, str) else None
    if "```cypher" in item.answer.lower():
        return find_fenced(item.answer)
    return item.answer.strip() if _BARE_QUERY.match(item.answer) else None


def _find_json_fault(text: str) -> str | None:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"the answer begins as a JSON object and is none: {error}"
    return None


def check_json(items: Items, schema: Mapping[str, Any]) -> Measure:
    """Answers that are JSON objects, against a JSON Schema of the user's."""
    from jsonschema import Draft202012Validator

    validator, findings = Draft202012Validator(schema), list[Finding]()
    for item in items:
        if item.answer.lstrip().startswith("{") and _find_json_fault(item.answer) is None:
            error = next(iter(sorted(validator.iter_errors(json.loads(item.answer)), key=str)), None)
            if error is not None:
                findings.append(Finding(item.place, f"{error.json_path}: {error.message}"))
    return limit_count("json_outside_its_schema", findings)


def check_results(items: Items, graphs: Mapping[str, SchemaGraphs]) -> Iterator[Measure]:
    """Runs the queries of schemas whose graphs are at hand: each must run, and return rows on one of them at least."""
    runnable = [item for item in items if item.row is not None and item.row.query and item.row.schema_id in graphs]
    if not runnable:
        return
    failing, empty = list[Finding](), list[Finding]()
    with Judge() as judge:
        for item in runnable:
            assert item.row is not None
            assert item.row.query is not None
            assert item.row.schema_id is not None
            shown = graphs[item.row.schema_id].graphs
            judged = judge.judge(item.row.query, _NOTHING, shown, ordered=False)
            if judged.status == "right":
                empty.append(Finding(item.place, f"the query returns nothing on {len(shown)} graphs"))
            elif judged.status == "not_judged":
                failing.append(Finding(item.place, judged.reason))
    yield limit_count("queries_that_do_not_run", failing)
    yield limit_count("queries_that_return_nothing", empty)


def check_sensitive(items: Items, config: ValidationConfig) -> Iterator[Measure]:
    """Secrets and personal data anywhere in a row."""
    secrets, personal = list[Finding](), list[Finding]()
    for item in items:
        texts = [turn.content for turn in item.turns]
        if kinds := sorted({kind for text in texts for kind in find_secrets(text)}):
            secrets.append(Finding(item.place, f"holds a secret: {', '.join(kinds)}"))
        if kinds := sorted({kind for text in texts for kind in find_personal(text)}):
            personal.append(Finding(item.place, f"holds personal data: {', '.join(kinds)}"))
    yield limit_count("secrets", secrets, config.max_secret_rows)
    yield limit_count("personal_data", personal, config.max_personal_rows)


def check_balance(items: Items, config: ValidationConfig) -> Iterator[Measure]:
    """The share of the most frequent action among rows that ask for one."""
    rows = [item.row for item in items if item.row is not None and item.row.family == "action"]
    counts = Counter(row.expected.action for row in rows if isinstance(row.expected, ActionAnswer))
    if counts:
        action, most = counts.most_common(1)[0]
        share, limit = most / counts.total(), config.max_action_share
        example = f"{action}: {most} of {counts.total()} rows that ask for an action"
        yield Measure(
            Check(
                name="largest_action_share",
                value=share,
                limit=f"at most {limit:g}",
                passed=share <= limit,
                examples=(example,),
            )
        )


def check_proofs(items: Items, config: ValidationConfig) -> Iterator[Measure]:
    """The share of wrong queries that the stored proofs tell apart; nothing is executed again."""
    proven = [
        (item.place, proof)
        for item in items
        if item.row is not None and (proof := item.row.proof) is not None and proof.mutants
    ]
    if proven:
        rate = sum(proof.killed for _, proof in proven) / sum(proof.mutants for _, proof in proven)
        worst = sorted(proven, key=lambda pair: pair[1].killed / pair[1].mutants)[:EXAMPLES]
        least = config.min_mutant_kill_rate
        findings = tuple(
            Finding(place, f"tells {proof.killed} of {proof.mutants} wrong queries apart") for place, proof in worst
        )
        yield _measure("mutant_kill_rate", rate, f"at least {least:g}", rate >= least, findings)


def check_lengths(
    items: Items, contract: Contract, count: TokenCounter, most: int | None, advance: Advance
) -> tuple[Lengths, Measure | None]:
    """All lengths in tokens, system prompts included; with `most`, the rows whose answer's end would be cut off."""
    tally, findings = Tally(), list[Finding]()
    for batch in count_lengths(items, contract, count):
        for item, length in batch:
            tally.add(item.place, length)
            if most is not None and length > most:
                under = f" with the {item.row.prompt} prompt" if item.row is not None else ""
                findings.append(Finding(item.place, f"{length} tokens{under}"))
        advance(tally.rows)
    lengths = tally.summarize("tokens")
    if most is None:
        return lengths, None
    return lengths, _measure("longest_row_tokens", lengths.maximum, f"at most {most}", not findings, tuple(findings))
