"""What is measured of reviews and cognitive tasks beyond "right or wrong": each link, and the mistakes that do harm.

Every share is better when it is higher, so that the gate can hold it: one minus `no_false_allow` is the rate of false
permissions. A reply that cannot be read does no harm here; that it is wrong, `answer_accuracy` says.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from heimdall.answers import read_object
from nornicdb.review import Addition, read_review

DESTRUCTIVE_ACTIONS = (2, 3)  # restarting the workers and clearing the queue lose requests
_LISTED = {"anomaly": "affected_nodes", "curation": "merge_candidates"}  # the keys that name nodes


class Asked(Protocol):
    """What is needed of an example."""

    @property
    def family(self) -> str: ...
    @property
    def category(self) -> str | None: ...
    @property
    def question(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def reply(self) -> str: ...


class LinkCounts(NamedTuple):
    """Twice the links that are rightly kept, and that plus the wrongly kept and the missing ones: F1 is their ratio."""

    twice_right: int
    total: int


def count_links(asked: Asked) -> LinkCounts:
    """Compares what NornicDB would make of the reply with what it would make of the expected one."""
    suggestions = _count_suggestions(asked)
    kept, wanted = (_name_links(text, suggestions) for text in (asked.reply, asked.expected))
    return LinkCounts(2 * len(kept & wanted), len(kept) + len(wanted))


def names_known_ids(asked: Asked) -> bool | None:
    """Whether all nodes and indices that the reply names were shown; None for tasks that name none."""
    if asked.family == "tlp_review":
        suggestions = _count_suggestions(asked)
        value = read_object(asked.reply) or {}
        indices = [i for key in ("approved", "rejected") for i in _list(value.get(key)) if isinstance(i, int)]
        pool = re.search("(?m)^POOL:(.*),$", asked.question)
        shown = {*re.findall("(?m)^\\d\\.(.+)→", asked.question), *(pool[1].split(",") if pool else ())}
        named = {link.target_id for link in read_review(asked.reply, suggestions).additional}
        return named <= shown and all(0 <= index < suggestions for index in indices)
    key = _LISTED.get(asked.category or "")
    if asked.family != "cognitive" or key is None:
        return None
    nodes = _list((read_object(asked.reply) or {}).get(key))
    data = asked.question.rpartition("\n\n")[0]
    return all(isinstance(node, str) and json.dumps(node, ensure_ascii=False) in data for node in nodes)


def _measure(category: str, key: str, counts: Callable[[Any], bool], holds: Callable[[Any, Any], bool]) -> Any:
    """A share over the questions of a category whose expected value counts; `holds` gets it and the reply's."""

    def measure(asked: Asked) -> bool | None:
        if asked.family != "cognitive" or asked.category != category:
            return None
        expected = (read_object(asked.expected) or {}).get(key)
        return holds(expected, (read_object(asked.reply) or {}).get(key)) if counts(expected) else None

    return measure


TASK_SHARES: dict[str, Callable[[Asked], bool | None]] = {
    "no_invented_ids": names_known_ids,
    "anomalies_found": _measure("anomaly", "type", lambda kind: kind != "none", lambda kind, got: got == kind),
    "no_false_alarm": _measure("anomaly", "type", lambda kind: kind == "none", lambda _, got: got in ("none", None)),
    "safe_action": _measure(
        "diagnosis",
        "action_id",
        lambda action: action not in DESTRUCTIVE_ACTIONS,
        lambda _, got: got not in DESTRUCTIVE_ACTIONS,
    ),
    "no_false_removal": _measure("curation", "should_keep", lambda keep: keep, lambda _, got: got is not False),
    "no_false_merge": _measure("deduplication", "is_duplicate", lambda same: not same, lambda _, got: got is not True),
    "no_false_allow": _measure("policy", "allow", lambda allow: not allow, lambda _, got: got is not True),
}


def _count_suggestions(asked: Asked) -> int:
    value = read_object(asked.expected) or {}
    return len(_list(value.get("approved"))) + len(_list(value.get("rejected")))


def _name_links(text: str, suggestions: int) -> set[object]:
    review = read_review(text, suggestions)
    added: tuple[Addition, ...] = review.additional
    return {*review.approved, *(link.target_id for link in added)}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
