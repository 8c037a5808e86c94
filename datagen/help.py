"""Help with Cypher: what is wrong with a query, how it gets quicker, how to write one. Each answer is prose with one
fenced query that was run."""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from cypher.compare import same_results
from cypher.dialect import check_dialect
from cypher.parse import check_syntax
from cypher.run import CypherError, EmbeddedGraph, Result
from datagen.draft import Draft, fits_split
from datagen.faults import FAULTS, SLOWDOWNS, Change
from datagen.phrasing import Phraser
from datagen.schemas import Schema
from datagen.statements.mixing import Request
from heimdall.answers import QueryAnswer
from heimdall.config import CypherClass
from heimdall.rows import Split

_TROUBLED = (
    "This query should do this: {x}. It does not work:\n{q}\n{m}", "What is wrong with my query?\n{q}\n{m}\nI want: {x}", "I am trying to get: {x}. Why does this fail?\n{q}\n{m}", "{m}\n{q}\nThe question was: {x}. Please fix the query", "Help me debug this. Goal: {x}\n{q}\n{m}",
    "My Cypher is broken:\n{q}\n{m}\nIt is meant to answer: {x}", "Can you repair this query? Wanted: {x}\n{q}\n{m}", "Troubleshoot, please. {m}\n{q}\nIntention: {x}", "For '{x}' I wrote this, but there is a problem:\n{q}\n{m}", "I get stuck with this query.\n{q}\n{m}\nTask: {x}",
)  # fmt: skip
_SLOW = (
    "Optimise this query:\n{q}", "How can this query be faster?\n{q}", "This is slow, what would be better?\n{q}", "Rewrite this for speed without changing the result:\n{q}", "Please tune this Cypher:\n{q}", "Is there a cheaper way to write this?\n{q}",
    "My query takes long:\n{q}\nCan it be improved?", "Make this more efficient, same result:\n{q}", "What would you change here for performance?\n{q}", "Review this query for speed:\n{q}",
)  # fmt: skip
_ASKED = (
    "How do I write this in Cypher: {x}", "Write and explain a Cypher query: {x}", "How would I do this in Cypher? {x}", "Show me the Cypher for this and explain it: {x}", "What does the query look like for: {x}", "Explain how to query this: {x}",
    "I am learning Cypher. How do I ask: {x}", "Which query answers this, and how does it work: {x}", "Teach me the Cypher for: {x}", "Step by step, how is this written in Cypher: {x}",
)  # fmt: skip
# Their results cannot be compared, so there is no help with them.
UNHELPED: frozenset[CypherClass] = frozenset(("write", "schema_command", "procedure"))
_RIGHT = ("This works:", "Here is the repaired query:", "Corrected:", "Write it like this:")
_QUICK = ("This gives the same result:", "Better:", "Write it like this:", "The same, quicker:")

# What the parts of a query do, in the order in which they are explained.
_EXPLANATIONS: tuple[tuple[str, str], ...] = (
    (r"\bUNWIND\b", "UNWIND turns the list into rows."),
    (r"\bMATCH (\([^()]*\))(?![-<])", "MATCH finds the nodes {0}."),
    (r"MATCH (\([^()]*\)<?-\[[^\]]*\]->?\([^()]*\))", "MATCH follows the pattern {0}."),
    (r"\bOPTIONAL MATCH\b", "OPTIONAL MATCH keeps rows for which there is nothing, with null."),
    (r"\*(\d*\.*\d*)\]", "The star lets the relationship repeat ({0})."),
    (r"\bNOT EXISTS \{", "NOT EXISTS keeps only nodes for which the pattern is not found."),
    (r"(?<!NOT )\bEXISTS \{", "EXISTS keeps only nodes for which the pattern is found."),
    (r"\bCOUNT \{", "COUNT with braces is the number of matches inside them."),
    (r"\bCALL \{", "CALL with braces runs the inner query once for each row; WITH n hands the node in."),
    (r"\[\(n\).*? \| ", "The pattern in brackets gives a list with one entry for each match."),
    (r"\bshortestPath\(", "shortestPath() takes one path of least length."),
    (r"\btype\(r\)", "type() gives the type of a relationship."),
    (r"\bXOR\b", "XOR is true where one of both holds."),
    (r"\bAS mean\b", "The first part computes the average, which the second one compares with."),
    (r"\bAS best\b", "The first part finds the best value; the second one all nodes that have it."),
    (r"NOT \(n\)", "NOT before a pattern keeps only nodes without such a relationship."),
    (r"\bWHERE\b", "WHERE keeps what meets the condition."),
    (r"\bIS NULL\b", "IS NULL tests for a missing property."),
    (r"=~", "=~ tests a text by a regular expression."),
    (r"\bdate\(", "date() reads an ISO text as a date, so that it compares as one."),
    (r"\bWITH DISTINCT n\b", "WITH DISTINCT takes each node once, however many paths lead to it."),
    (r"AS total WHERE|AS value WHERE|AS list WHERE", "WITH computes the aggregate, and the WHERE behind it keeps groups, as HAVING does in SQL."),
    (r"\bCASE WHEN\b", "CASE chooses a value by a condition."),
    (r"\bcoalesce\(", "coalesce() takes the first value that is not null."),
    (r"\bUNION ALL\b", "UNION ALL puts the two results together."),
    (r"\bUNION\b(?! ALL)", "UNION puts the two results together and drops repeats."),
    (r"\bcollect\(", "collect() gathers values into a list."),
    (r"RETURN [^(]*\b(count|avg|sum|min|max)\(", "RETURN aggregates with {0}(), by the other columns if there are any."),
    (r"RETURN DISTINCT", "RETURN DISTINCT gives each row once."),
    (r"ORDER BY (\S+)", "ORDER BY sorts by {0}."),
    (r"SKIP (\d+)", "SKIP leaves out the first {0} rows."),
    (r"LIMIT (\d+)$", "LIMIT gives at most {0} rows."),
)  # fmt: skip


class Help(NamedTuple):
    """What help is given: a kind, with the change that makes of the query what is asked about."""

    kind: str
    change: Change | None = None
    changed: str = ""


def choose_help(request: Request, rng: random.Random, split: Split) -> Help | None:
    """A kind of help with the request's query, or None where the dice name one that does not fit it or the split."""
    kind = rng.choices(("troubleshooting", "optimisation", "explanation"), (55, 20, 25))[0]
    if kind == "explanation":
        return None if split == "test_fact" else Help(kind)
    changes = FAULTS if kind == "troubleshooting" else SLOWDOWNS
    fitting = [
        Help(kind, change, changed)
        for change in changes
        if fits_split(change.name, split) and (changed := _change(request.cypher, change)) is not None
    ]
    return rng.choice(fitting) if fitting else None


def draw_help(
    help_: Help, request: Request, question: str, schema: Schema, phraser: Phraser, graphs: Sequence[EmbeddedGraph]
) -> Draft | None:
    """Help with the request's query, or None where the fault does no harm or the rewriting another result."""
    goal = question.rstrip(".?! ")
    kind, change, changed = help_
    if change is None:
        return _explain(request, goal, schema, phraser)
    wanted = _run(request.cypher, graphs)
    if wanted is None:  # judged by its text alone: nothing to compare with
        return None
    if kind == "troubleshooting":
        symptom = _find_symptom(changed, wanted, request, graphs, phraser.rng)
        if symptom is None:
            return None
        asked = phraser.pick("help.trouble", _TROUBLED).format(x=goal, q=_fence(changed), m=symptom)
        lead = phraser.pick("help.right", _RIGHT)
    else:
        got = _run(changed, graphs)
        if got is None or not same_results(wanted, got, ordered=request.ordered):
            return None
        asked, lead = phraser.pick("help.slow", _SLOW).format(q=_fence(changed)), phraser.pick("help.quick", _QUICK)
    answer = f"{change.diagnosis} {lead}\n{_fence(request.cypher)}"
    return _draft(kind, asked, answer, request, schema, phraser, change.name)


def _explain(request: Request, goal: str, schema: Schema, phraser: Phraser) -> Draft:
    sentences = []
    for pattern, sentence in _EXPLANATIONS:
        if found := re.search(pattern, request.cypher):
            sentences.append(sentence.format(*found.groups(), *("",)))
    answer = f"{_fence(request.cypher)}\n{' '.join(sentences)}"
    asked = phraser.pick("help.asked", _ASKED).format(x=goal)
    return _draft("explanation", asked, answer, request, schema, phraser, None)


def _draft(
    kind: str, asked: str, answer: str, request: Request, schema: Schema, phraser: Phraser, source: str | None
) -> Draft:
    return Draft(
        category=kind,
        question=f"{schema.text}\n\n{asked}",
        answer=answer,
        expected=QueryAnswer(cypher=request.cypher, ordered=request.ordered),
        source=source,
        productions=tuple(phraser.used),
    )


def _fence(cypher: str) -> str:
    return f"```cypher\n{cypher}\n```"


def _change(cypher: str, change: Change) -> str | None:
    """The query with the first match of the pattern changed, or None where nothing matches."""
    if change.replacement == "LOWER":
        changed = re.sub(change.pattern, lambda found: found[0].replace(found[1], found[1].lower()), cypher, count=1)
    else:
        changed = re.sub(change.pattern, change.replacement, cypher, count=1)
    return changed if changed != cypher else None


def _run(cypher: str, graphs: Sequence[EmbeddedGraph]) -> list[Result] | None:
    """What the query returns on each graph, or None where the engine cannot run it."""
    try:
        return [graph.run(cypher) for graph in graphs]
    except CypherError:
        return None


def _find_symptom(
    changed: str, wanted: Sequence[Result], request: Request, graphs: Sequence[EmbeddedGraph], rng: random.Random
) -> str | None:
    """What a user sees of the fault: an error with its place, or another result; None where it does no harm."""
    if problem := check_syntax(changed):
        place = rng.choice((f"line {problem.line}, column {problem.column}", f"at {problem.line}:{problem.column}"))
        return f"Error: {problem.message} ({place})"
    if findings := check_dialect(changed):
        return f"NornicDB: {findings[0].message}"
    got = _run(changed, graphs)
    if got is None or same_results(wanted, got, ordered=request.ordered):
        return None
    if not any(result.rows for result in got):
        return rng.choice(("It runs but returns nothing.", "No error, but no rows either.", "The result is empty."))
    return rng.choice(("It runs, but the result is wrong.", "No error, but the rows are not the right ones."))
